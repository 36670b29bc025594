//! Mails as bytes: a fixed set of headers, and the two parts.
//!
//! Both parts are quoted-printable or base64, whatever they hold: neither writes a boundary that begins with `=_`, a line that is too long, a
//! bare CR or LF, or a byte outside ASCII, so that no text of anybody's ends a part or a mail.

use std::time::{Duration, UNIX_EPOCH};

use data_encoding::BASE64;
use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, HeaderName, HeaderValue},
    },
};
use tracemem_sdk::{
    integration::{DeliveryError, DeliveryErrorKind},
    time::Timestamp,
};

use super::{Letterhead, Mail, MailAddress, MailText, words};

/// What distinguishes one mail from another under the same letterhead.
pub(super) struct Letter<'a> {
    pub(super) letterhead: &'a Letterhead,
    pub(super) envelope_from: MailAddress,
    pub(super) to: &'a MailAddress,
    pub(super) subject: &'a str,
    pub(super) message_id: String,
    /// The `Message-ID` of the mail that this one follows.
    pub(super) follows: Option<String>,
    pub(super) date: Timestamp,
}

/// The mail.
pub(super) fn compose(letter: Letter<'_>, text: MailText) -> Result<Mail, DeliveryError> {
    let Letter {
        letterhead,
        envelope_from,
        to,
        subject,
        message_id,
        follows,
        date,
    } = letter;
    // All of them were checked where they came from; what would be folded into the next header is looked for once more.
    let headers = [Some(subject), letterhead.name()];
    let forged = |text: &&str| text.chars().any(char::is_control);
    let ids = [Some(&message_id), follows.as_ref()];
    if headers.iter().flatten().any(forged)
        || !ids.iter().flatten().all(|id| words::is_message_id(id))
    {
        return Err(unwritable("a header of the mail would not be one line"));
    }
    const FROM: HeaderName = HeaderName::new_from_ascii_str("From");
    let from = letterhead.from().to_string();
    let named = named(letterhead.name(), &from);
    let mut message = Message::builder()
        .raw_header(HeaderValue::dangerous_new_pre_encoded(FROM, from, named))
        .to(Mailbox::new(None, address(to)?))
        .subject(subject)
        .date(UNIX_EPOCH + Duration::from_micros(date.as_micros()))
        .message_id(Some(message_id.clone()));
    if let Some(replies) = letterhead.replies() {
        message = message.reply_to(Mailbox::new(None, address(replies)?));
    }
    if let Some(follows) = follows {
        message = message.in_reply_to(follows.clone()).references(follows);
    }
    const MARKS: [(HeaderName, &str); 2] = [
        // RFC 3834, 5.2: no program is to answer it.
        (
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated",
        ),
        // What Exchange looks for instead.
        (
            HeaderName::new_from_ascii_str("X-Auto-Response-Suppress"),
            "All",
        ),
    ];
    for (name, value) in MARKS {
        message = message.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let MailText { text, html } = text;
    let boundary = ["=_tm_", message_id.trim_matches(['<', '>'])].concat();
    let boundary: String = boundary.chars().filter(|c| *c != '@').take(70).collect();
    let parts = MultiPart::alternative()
        .boundary(boundary)
        .singlepart(SinglePart::plain(encoded(text)?))
        .singlepart(SinglePart::html(encoded(html)?));
    let message = message
        .multipart(parts)
        .map_err(|_| unwritable("the mail cannot be put together"))?;
    Ok(Mail::new(
        envelope_from,
        to.clone(),
        message_id,
        message.formatted(),
    ))
}

fn address(address: &MailAddress) -> Result<Address, DeliveryError> {
    Address::new(address.local(), address.domain())
        .map_err(|_| unwritable("an address cannot stand in a header"))
}

/// An address with the name beside it as RFC 5322 writes both: in quotes, or as encoded words (RFC 2047) where it is not ASCII.
///
/// lettre 0.11 panics at some names, and leaves dots in others unquoted.
fn named(name: Option<&str>, address: &str) -> String {
    let Some(name) = name else {
        return address.to_owned();
    };
    if name.is_ascii() {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        return format!("\"{name}\" <{address}>");
    }
    let mut words = String::new();
    let mut word = String::new();
    for c in name.chars() {
        // An encoded word has at most 75 characters, and 45 bytes are 60 of base64.
        if word.len() + c.len_utf8() > 45 {
            words.push_str(&encoded_word(&std::mem::take(&mut word)));
        }
        word.push(c);
    }
    words.push_str(&encoded_word(&word));
    format!("{words}<{address}>")
}

/// The text as an encoded word, and the line end after it: white space between two of them is no part of the text.
fn encoded_word(text: &str) -> String {
    format!("=?utf-8?b?{}?=\r\n ", BASE64.encode(text.as_bytes()))
}

/// The text as a body: quoted-printable, or base64 where that is shorter.
fn encoded(text: String) -> Result<Body, DeliveryError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let escaped = text.bytes().filter(|byte| !byte.is_ascii()).count();
    let encoding = if escaped > text.len() / 6 {
        ContentTransferEncoding::Base64
    } else {
        ContentTransferEncoding::QuotedPrintable
    };
    Body::new_with_encoding(text, encoding).map_err(|_| unwritable("the mail cannot be encoded"))
}

pub(super) fn unwritable(what: &'static str) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Message, what)
}
