//! Integrations: configured connections that deliver approvals to people and take their answers.
//!
//! An integration hands a message over and says in its error what to do next; retries, leases and dead letters are the
//! [worker](crate::worker)'s. Answers come back through [`TraceMem::answer`](crate::TraceMem::answer), verified by whoever received them.

mod conclusion;
mod delivery_error;
mod end_to_end;
mod health;
mod kind;
mod stored;

use std::{any::Any, fmt};

use async_trait::async_trait;

pub use self::{
    conclusion::Conclusion,
    delivery_error::{DeliveryError, DeliveryErrorKind},
    end_to_end::TestNotMade,
    health::{FailureReason, IntegrationChange, IntegrationStatus},
    kind::{
        CredentialNeed, Credentials, IntegrationKind, InvalidConfiguration, KindName, Need,
        OpenError, Opening,
    },
    stored::{InvalidIntegration, StoredIntegration, Switch},
};
pub(crate) use self::{
    end_to_end::{Test, is_reserved, route_of},
    health::{Health, judged},
};
use crate::{
    approval::ApprovalMessage,
    id::{DeliveryId, IntegrationId, TenantId},
    route::Destination,
};

/// Whether a message is at its target. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// The target took it.
    Certain,
    /// The answer of the target was lost, or only a part is there.
    Possible,
}

/// An attempt that handed a message over, or may have: what the integration needs to find it again.
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
    /// Whether it is there.
    pub arrival: Arrival,
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
            arrival: Arrival::Certain,
            handle: handle.into().chars().take(4_000).collect(),
        }
    }

    /// The delivery of `message` to `to`, of which nobody knows whether it is there: its answer was lost, or was not written.
    #[must_use]
    pub fn possibly_of(message: &ApprovalMessage, to: &Destination) -> Self {
        Self {
            arrival: Arrival::Possible,
            ..Self::of(message, to, "")
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("arrival", &self.arrival)
            .finish_non_exhaustive()
    }
}

/// Delivers approvals.
///
/// # Contract
/// - `id` never changes.
/// - `deliver` returns when the message is handed over; it never waits for the answer.
/// - The same `ApprovalMessage::delivery` twice shows a person one request, where the target can tell. `ApprovalMessage::earlier` says what
///   attempts before this one have left there.
/// - `conclude` changes whatever any attempt has left to the final outcome; where there is nothing to change it does nothing and succeeds.
///   It may be called again with the same conclusion, and with more deliveries in it.
/// - `resolve` gives the form of a destination that stays the same while names are changed and given to others, where the target has one;
///   it shows nothing to anybody.
/// - `check` proves that the connection works and shows nothing to anybody.
/// - No retries inside: the kind of the error says what to do, and the worker does it, durably.
/// - A dropped future leaves nothing that a second call cannot mend. Calls overlap.
/// - Neither errors nor `Debug` hold a secret.
#[cfg_attr(feature = "unstable-mocks", mockall::automock)]
#[async_trait]
pub trait Integration: Any + fmt::Debug + Send + Sync + 'static {
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
    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError>;

    /// The lasting form of a destination, such as a channel's id for its name; `None` where there is none, or where it is that already.
    ///
    /// # Errors
    /// [`DeliveryError`]; of the kind [`Destination`](DeliveryErrorKind::Destination) where there is no such destination.
    async fn resolve(&self, to: &Destination) -> Result<Option<Destination>, DeliveryError>;

    /// Tests the connection.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what is wrong.
    async fn check(&self) -> Result<(), DeliveryError>;
}
