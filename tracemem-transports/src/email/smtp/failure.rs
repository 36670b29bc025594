//! What a failure of the relay means for the delivery.
//!
//! lettre says of a refused connection, a certificate that nobody signed and a missing `STARTTLS` alike that they are neither transient
//! nor permanent, so what was under way decides, and where TLS failed its own error.

use std::{error::Error, io, time::Duration};

use lettre::transport::smtp;
use tracemem_sdk::integration::{DeliveryError, DeliveryErrorKind};

/// How long a relay that refuses for now is left alone: greylists want one minute to thirty.
const GREYLISTED: Duration = Duration::from_secs(5 * 60);

/// One text for whatever fails before a relay has let us speak: whoever named it must not tell an open port from a closed one, nor
/// read what somebody else says there.
const UNREACHED: &str =
    "the relay could not be reached or does not speak SMTP with TLS as configured";

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
pub(super) fn failed(step: Step, error: &smtp::Error) -> DeliveryError {
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
        (Step::Connecting, _) => (DeliveryErrorKind::Credentials, UNREACHED),
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
    match step {
        Step::Connecting => DeliveryError::new(kind, UNREACHED),
        Step::Authenticating | Step::Sender | Step::Recipient | Step::Data | Step::Content => {
            DeliveryError::new(kind, format!("{what} ({code})"))
        }
    }
}

/// The relay did not answer.
fn broken(step: Step, error: &smtp::Error) -> DeliveryError {
    match (step, tls_error(error)) {
        (Step::Connecting, Some(tls)) => without_tls().with_source(tls),
        // Whatever broke it: what was sent before may have arrived.
        (_, _) => lost(step),
    }
}

/// The first words of TLS failed.
pub(super) fn no_handshake(error: io::Error) -> DeliveryError {
    match tls_inside(&error) {
        Some(tls) => without_tls().with_source(tls),
        None => lost(Step::Connecting).with_source(error),
    }
}

/// Somebody is there, and speaks no TLS, or not as who they should be; nothing is sent in clear.
pub(super) fn without_tls() -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Credentials, UNREACHED)
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
                UNREACHED,
            )
        }
    }
}

/// The relay does not offer what we do not do without.
pub(super) fn lacking(what: &'static str) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Credentials, what)
}

/// What rustls said, where it was rustls.
fn tls_error(error: &smtp::Error) -> Option<rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        let found = error.downcast_ref::<io::Error>().and_then(tls_inside);
        if found.is_some() {
            return found;
        }
        cause = error.source();
    }
    None
}

/// `io::Error::source` passes over the error that it wraps.
fn tls_inside(error: &io::Error) -> Option<rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>().cloned()
}
