//! What a failure of the relay means for the delivery.
//!
//! lettre says of a refused connection, a certificate that nobody signed and a missing `STARTTLS` alike that they are neither transient
//! nor permanent, so what was under way decides, and where TLS failed its own error.

use std::{error::Error as _, io, time::Duration};

use lettre::transport::smtp::Error;
use tracemem_sdk::integration::{DeliveryError, DeliveryErrorKind};

/// How long a relay that refuses for now is left alone: greylists want one minute to thirty.
const GREYLISTED: Duration = Duration::from_secs(5 * 60);

/// What was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Connecting, greeting, TLS.
    Connecting,
    /// Logging in.
    Authenticating,
    /// Naming the sender.
    Sender,
    /// Naming the recipient.
    Recipient,
    /// Asking to send the content.
    Data,
    /// Sending the content, up to the answer to its last line.
    Content,
}

/// What came of a command.
///
/// The relay's own words are left out: they repeat the address.
pub(super) fn failed(step: Step, error: &Error) -> DeliveryError {
    match error.status() {
        Some(code) => refused(step, u16::from(code)),
        None => broken(step, error),
    }
}

/// The relay answered, and not by a yes.
fn refused(step: Step, code: u16) -> DeliveryError {
    let later = DeliveryErrorKind::Transient {
        retry_after: Some(GREYLISTED),
    };
    let (kind, what) = match (step, code) {
        (_, 530 | 534 | 535 | 538) => (
            DeliveryErrorKind::Credentials,
            "the relay refuses the credentials or wants some",
        ),
        (_, 400..=499) => (later, "the relay refuses for now"),
        (Step::Connecting | Step::Authenticating | Step::Sender, 552) => {
            (later, "the relay has no room now")
        }
        (Step::Connecting, _) => (
            DeliveryErrorKind::Credentials,
            "the relay does not serve us; look at its host, port and TLS",
        ),
        (Step::Authenticating, _) => (
            DeliveryErrorKind::Credentials,
            "the relay does not let us in",
        ),
        (Step::Sender, _) => (
            DeliveryErrorKind::Credentials,
            "the relay refuses the sender; it must know `from_email`",
        ),
        (Step::Recipient, _) => (
            DeliveryErrorKind::Destination,
            "the relay refuses the recipient",
        ),
        (Step::Data | Step::Content, _) => {
            (DeliveryErrorKind::Message, "the relay refuses the mail")
        }
    };
    DeliveryError::new(kind, format!("{what} ({code})"))
}

/// The relay did not answer.
fn broken(step: Step, error: &Error) -> DeliveryError {
    if let Some(tls) = tls_error(error) {
        let what = "TLS with the relay failed; its certificate must be valid for its host, and nothing is sent in clear";
        return DeliveryError::new(DeliveryErrorKind::Credentials, what).with_source(tls);
    }
    lost(step)
}

/// The connection or its time was over before the relay answered.
pub(super) fn lost(step: Step) -> DeliveryError {
    match step {
        Step::Content => DeliveryError::new(
            DeliveryErrorKind::Ambiguous,
            "the relay did not say whether it took the mail",
        ),
        Step::Connecting | Step::Authenticating | Step::Sender | Step::Recipient | Step::Data => {
            DeliveryError::new(
                DeliveryErrorKind::Transient { retry_after: None },
                "the relay could not be reached",
            )
        }
    }
}

/// The relay does not offer what we do not do without.
pub(super) fn lacking(what: &'static str) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Credentials, what)
}

/// What rustls said, where it was rustls.
fn tls_error(error: &Error) -> Option<rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        // `io::Error::source` passes over the error that it wraps.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let found = wrapped.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(found) = found {
            return Some(found.clone());
        }
        cause = error.source();
    }
    None
}
