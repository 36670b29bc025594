//! Where links go: the host's own way of sending messages to people.

use std::fmt;

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::ApproverId,
    integration::{Conclusion, DeliveryError},
    time::Timestamp,
};

use super::SecretUrl;

/// One approver's link. `Debug` prints neither the person nor the link.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApprovalLink {
    /// Whom to send it to, and nobody else.
    pub approver: ApproverId,
    /// The link.
    pub url: SecretUrl,
    /// Until when it works.
    pub expires_at: Timestamp,
}

impl fmt::Debug for ApprovalLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApprovalLink")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Sends links to people.
///
/// # Contract
/// - `send` hands each link to its own approver only, and returns when all are handed over; it never waits for an answer.
/// - `links` may be empty: the approval's list of approvers is, and nobody can answer. `send` then succeeds, and may tell somebody.
/// - `send` may be called again for one `ApprovalMessage::delivery`, with new links to the same approvers: the earlier ones keep working,
///   and where the target can tell, a person is shown one request.
/// - `concluded` tells people how it ended, where there is a way to; where there is none it does nothing and succeeds. It may be called
///   again for one delivery.
/// - `check` proves that the connection works and shows nothing to anybody.
/// - No retries inside: the kind of the error says what to do next.
/// - A dropped future leaves nothing that a second call cannot mend. Calls overlap.
/// - No link stands in a log, an error or a `Debug`. Every text of the message is untrusted: it is plain text, whatever it looks like.
#[async_trait]
pub trait LinkSink: fmt::Debug + Send + Sync + 'static {
    /// Sends each link to its approver, and gives back its own note of what it sent, which becomes the
    /// [handle](tracemem_sdk::integration::Delivery::handle) of the delivery; empty where it needs none.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what to do next. Where some people were reached and others were not, it is ambiguous and
    /// [has left](DeliveryError::having_left) a note of who was.
    async fn send(
        &self,
        message: &ApprovalMessage,
        links: &[ApprovalLink],
    ) -> Result<String, DeliveryError>;

    /// Tells people how it ended.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what to do next.
    async fn concluded(&self, conclusion: &Conclusion) -> Result<(), DeliveryError>;

    /// Tests the connection.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what is wrong.
    async fn check(&self) -> Result<(), DeliveryError>;
}
