//! An integration that shows nobody anything, and remembers everything.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::{
    approval::{ApprovalMessage, Resolution},
    id::IntegrationId,
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
};

/// Remembers what it was given, and fails as it is told.
#[derive(Debug, Clone)]
pub struct RecordingIntegration {
    id: IntegrationId,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    delivered: Vec<ApprovalMessage>,
    concluded: Vec<Resolution>,
    failures: VecDeque<DeliveryErrorKind>,
}

impl RecordingIntegration {
    /// An integration under this id.
    #[must_use]
    pub fn new(id: IntegrationId) -> Self {
        Self {
            id,
            kept: Arc::default(),
        }
    }

    /// The next call fails like this; calls before it in line fail first. An ambiguous failure delivers all the same.
    pub fn fail_next(&self, kind: DeliveryErrorKind) {
        self.with(|kept| kept.failures.push_back(kind));
    }

    /// What was delivered, in order; the same delivery twice is there twice.
    #[must_use]
    pub fn delivered(&self) -> Vec<ApprovalMessage> {
        self.with(|kept| kept.delivered.clone())
    }

    /// What people were told, in order.
    #[must_use]
    pub fn concluded(&self) -> Vec<Resolution> {
        self.with(|kept| kept.concluded.clone())
    }

    pub(super) fn id_of(&self) -> IntegrationId {
        self.id.clone()
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        // A test that panicked while it held the lock left nothing half done.
        look(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn failure(&self) -> Option<DeliveryErrorKind> {
        self.with(|kept| kept.failures.pop_front())
    }
}

#[async_trait]
impl Integration for RecordingIntegration {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let failure = self.failure();
        if matches!(failure, None | Some(DeliveryErrorKind::Ambiguous)) {
            self.with(|kept| kept.delivered.push(message.clone()));
        }
        match failure {
            Some(kind) => Err(DeliveryError::new(kind, "the test wanted it so")),
            None => Ok(Delivery::of(message, to, message.delivery.as_str())),
        }
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        if let Some(kind) = self.failure() {
            return Err(DeliveryError::new(kind, "the test wanted it so"));
        }
        self.with(|kept| kept.concluded.push(conclusion.resolution.clone()));
        Ok(())
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        self.failure().map_or(Ok(()), |kind| {
            Err(DeliveryError::new(kind, "the test wanted it so"))
        })
    }
}
