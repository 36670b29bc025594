//! Integrations: configured connections that deliver approvals to people and take their answers.
//!
//! An integration hands a message over and says in its error what to do next; retries, leases and dead letters are the
//! [worker](crate::worker)'s. Answers come back through [`TraceMem::answer`](crate::TraceMem::answer), verified by whoever received them.

mod delivery_error;

use std::fmt;

use async_trait::async_trait;

pub use self::delivery_error::{DeliveryError, DeliveryErrorKind};
use crate::{
    approval::{ApprovalMessage, Resolution},
    id::{DeliveryId, IntegrationId, TenantId},
    route::Destination,
};

/// A message that was handed over: what the integration needs to find it again.
///
/// `Debug` does not print the handle: it may be personal.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Whose delivery.
    pub tenant: TenantId,
    /// Which delivery.
    pub id: DeliveryId,
    /// Where it went.
    pub destination: Destination,
    /// The integration's own note, of which 4,000 characters are kept, such as a channel and a message id. It must hold no secret: it is stored
    /// as a disclosure of the trace.
    pub handle: String,
}

impl Delivery {
    /// The delivery of `message` to `to`, with the integration's own note.
    #[must_use]
    pub fn of(message: &ApprovalMessage, to: &Destination, handle: impl Into<String>) -> Self {
        Self {
            tenant: message.tenant.clone(),
            id: message.delivery.clone(),
            destination: to.clone(),
            handle: handle.into().chars().take(4_000).collect(),
        }
    }

    pub(crate) fn restored(
        tenant: TenantId,
        id: DeliveryId,
        destination: Destination,
        handle: String,
    ) -> Self {
        Self {
            tenant,
            id,
            destination,
            handle,
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Delivers approvals.
///
/// # Contract
/// - `id` never changes.
/// - `deliver` returns when the message is handed over; it never waits for the answer.
/// - The same `ApprovalMessage::delivery` twice shows a person one request, where the target can tell.
/// - `conclude` changes a delivered message to the final outcome; where there is nothing to change it does nothing and succeeds. It may be
///   called again for the same delivery.
/// - `check` proves that the connection works and shows nothing to anybody.
/// - No retries inside: the kind of the error says what to do, and the worker does it, durably.
/// - A dropped future leaves nothing that a second call cannot mend. Calls overlap.
/// - Neither errors nor `Debug` hold a secret.
#[cfg_attr(feature = "unstable-mocks", mockall::automock)]
#[async_trait]
pub trait Integration: fmt::Debug + Send + Sync + 'static {
    /// Its stable name.
    fn id(&self) -> IntegrationId;

    /// Hands the message over.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what to do next.
    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError>;

    /// Changes what was delivered to the final outcome.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what to do next.
    async fn conclude(
        &self,
        delivery: &Delivery,
        resolution: &Resolution,
    ) -> Result<(), DeliveryError>;

    /// Tests the connection.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what is wrong.
    async fn check(&self) -> Result<(), DeliveryError>;
}
