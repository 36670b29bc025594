//! What a finished mail leaves by.

use std::fmt;

use tracemem_sdk::{async_trait, integration::DeliveryError};

use super::MailAddress;

/// A finished mail to one person. `Debug` prints its id only: the rest holds a link, which is a secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mail {
    /// The sender of the envelope, to whom bounces go.
    pub from: MailAddress,
    /// The one recipient.
    pub to: MailAddress,
    /// Its `Message-ID` with the angle brackets: the same over all attempts.
    pub message_id: String,
    /// Head and body as RFC 5322 has them: every line ends in CR LF and has at most 998 bytes.
    pub raw: Vec<u8>,
}

impl Mail {
    /// A mail of these parts; for the tests of whoever writes a sender.
    #[must_use]
    pub fn new(
        from: MailAddress,
        to: MailAddress,
        message_id: impl Into<String>,
        raw: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            from,
            to,
            message_id: message_id.into(),
            raw: raw.into(),
        }
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("message_id", &self.message_id)
            .finish_non_exhaustive()
    }
}

/// A mail was taken. It is not at its recipient yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Accepted {
    /// What the relay calls it; a service that writes its own `Message-ID` makes it of this. 1 to 100 characters of `A-Z a-z 0-9 . _ -`;
    /// anything else is left out.
    pub id: Option<String>,
}

impl Accepted {
    /// Taken under this id.
    #[must_use]
    pub fn as_id(id: &str) -> Self {
        Self {
            id: is_relay_id(id).then(|| id.to_owned()),
        }
    }
}

/// Whether this has the form of a relay's id, which is safe in a header and in a note.
pub(super) fn is_relay_id(id: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=100).contains(&id.len()) && id.bytes().all(legal)
}

/// Sends finished mails: by SMTP, or by the API of a mail service.
///
/// # Contract
/// - `send` hands the bytes over as they are, to that one recipient, and returns when the relay has taken or refused them.
/// - The kind of its error says what to do next: [`Destination`](tracemem_sdk::integration::DeliveryErrorKind::Destination) where the
///   relay refuses the recipient for good, `Credentials` where an administrator must look, `Transient` where nothing was taken,
///   `Ambiguous` where the relay may have taken it, `Message` where it refuses what the mail says.
/// - The same mail again, under the same `Message-ID`, does no harm.
/// - `check` proves that the relay can be reached and lets us in, and sends nothing.
/// - No retries inside, and an end within a time that the sender sets itself.
/// - A dropped future leaves nothing that a second call cannot mend. Calls overlap.
/// - No part of a mail, no address and no credential stands in a log, an error or a `Debug`.
#[async_trait]
pub trait EmailSender: fmt::Debug + Send + Sync + 'static {
    /// Hands one mail over.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what to do next.
    async fn send(&self, mail: &Mail) -> Result<Accepted, DeliveryError>;

    /// Tests the connection.
    ///
    /// # Errors
    /// [`DeliveryError`], whose kind says what is wrong.
    async fn check(&self) -> Result<(), DeliveryError>;
}
