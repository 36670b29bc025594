//! What a rule is tried on: an integration, where it delivers to, and what the test knows about it.

use std::{fmt, sync::Arc};

use super::{KitError, KitResult};
use crate::{
    approval::ApprovalMessage,
    integration::{Delivery, Integration},
    route::Destination,
    testing::store_kit::check::{BrokenPromise, equal, soon},
};

/// An integration with a destination that works.
pub struct Fixture<I> {
    integration: Arc<I>,
    destination: Destination,
    secrets: Vec<String>,
    shown: Option<Box<dyn Fn() -> usize + Send + Sync>>,
}

impl<I> fmt::Debug for Fixture<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").finish_non_exhaustive()
    }
}

impl<I: Integration> Fixture<I> {
    /// This integration, whose deliveries to `destination` arrive.
    #[must_use]
    pub fn new(integration: I, destination: Destination) -> Self {
        Self {
            integration: Arc::new(integration),
            destination,
            secrets: Vec::new(),
            shown: None,
        }
    }

    /// A text that the integration knows and must never show: a token, a signing key, a URL that lets its bearer in.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Tells how many requests the target shows to people now, where the test can look. Rules that need to see more than the trait
    /// tells hold more to it.
    #[must_use]
    pub fn observing(self, shown: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self {
            shown: Some(Box::new(shown)),
            ..self
        }
    }

    /// The integration.
    #[must_use]
    pub fn integration(&self) -> &Arc<I> {
        &self.integration
    }

    /// Where it delivers to.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// What must never be shown.
    pub(super) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Delivers, which must succeed soon and give back a delivery of this message to this destination.
    pub(super) async fn deliver(&self, message: &ApprovalMessage) -> Result<Delivery, KitError> {
        let delivering = self.integration.deliver(message, &self.destination);
        let delivery = soon("a delivery never waits for its answer", delivering).await??;
        let promise = "a delivery names the message and where it went";
        let found = (&delivery.tenant, &delivery.id, &delivery.destination);
        equal(
            promise,
            &found,
            &(&message.tenant, &message.delivery, &self.destination),
        )?;
        if delivery.handle.chars().count() > 4_000 {
            let promise = "a handle has at most 4,000 characters";
            return Err(BrokenPromise::new(promise, delivery.handle.len()).into());
        }
        Ok(delivery)
    }

    /// So many requests are shown, as far as the test can look.
    #[track_caller]
    pub(super) fn shows(&self, promise: &str, requests: usize) -> KitResult {
        match &self.shown {
            Some(shown) => Ok(equal(promise, &shown(), &requests)?),
            None => Ok(()),
        }
    }
}
