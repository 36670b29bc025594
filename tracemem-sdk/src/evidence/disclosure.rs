//! Values beside an event that can be erased without breaking a proof.
//!
//! An event's bytes hold only the digest of a value; the value itself stands
//! in a [`Disclosure`], salted as RFC 9901 (SD-JWT) section 4.2 says, so that
//! foreign SD-JWT code can check it. Promises that the value's bytes come back
//! exactly as they were given, and that nothing here prints them. Where
//! disclosures are kept, and their erasure, is left to the store.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde_json::value::RawValue;

use super::digest::Digest;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Bytes of a salt: 128 bits, the least that RFC 9901 section 9.3 recommends.
const SALT_BYTES: usize = 16;

/// A salted value that an event commits to by its digest.
///
/// The name stays readable after an erasure, so that an auditor sees what is
/// withheld; it must hold no personal data. `Debug` prints name and digest only.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosure {
    name: String,
    text: String,
    digest: Digest,
}

impl Disclosure {
    /// Salts `value_json`, the exact bytes of one JSON value.
    ///
    /// The bytes are kept as they are, white space and spelling of numbers
    /// included. The salt is consumed, because one that is used twice lets a
    /// reader link two erased values.
    ///
    /// # Errors
    /// [`InvalidDisclosure`] if the name is empty, longer than 128 bytes, holds
    /// control characters or is one that RFC 9901 reserves (`_sd`, `...`), or
    /// if `value_json` is not one well-formed JSON value in UTF-8.
    pub fn new(name: &str, value_json: &[u8], salt: Salt) -> Result<Self, InvalidDisclosure> {
        check_name(name)?;
        check_value(value_json)?;
        let text = BASE64URL_NOPAD.encode(&array(name, value_json, &salt));
        Ok(Self {
            name: name.to_owned(),
            digest: Self::digest_of(&text),
            text,
        })
    }

    /// The digest of a disclosure's text: SHA-256 over its ASCII bytes.
    #[must_use]
    pub fn digest_of(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    /// Reads the text of a disclosure that [`Disclosure::new`] made.
    ///
    /// There is one spelling: text that would not come out of
    /// [`Disclosure::new`] byte by byte is refused.
    ///
    /// # Errors
    /// [`InvalidDisclosure`] if it is anything else.
    pub fn parse(text: &str) -> Result<Revealed, InvalidDisclosure> {
        let array_read = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| InvalidDisclosure::Text)?;
        let (salt, rest) = split_salt(&array_read).ok_or(InvalidDisclosure::Text)?;
        let (name, value) = split_name(rest).ok_or(InvalidDisclosure::Text)?;
        check_name(&name)?;
        check_value(value)?;
        // base64url without padding has one text for each array of bytes, so the bytes say whether the text is the one.
        if array(&name, value, &salt) != array_read {
            return Err(InvalidDisclosure::Text);
        }
        Ok(Revealed {
            disclosure: Self {
                name,
                digest: Self::digest_of(text),
                text: text.to_owned(),
            },
            value: value.to_vec(),
        })
    }

    /// What the value is, such as `rationale`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The disclosure as RFC 9901 writes it: base64url of `["<salt>","<name>",<value>]`. This is the secret part.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the event commits to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            text: _,
            digest,
        } = self;
        formatter
            .debug_struct("Disclosure")
            .field("name", name)
            .field("digest", digest)
            .finish_non_exhaustive()
    }
}

/// A disclosure and the value in it; `Debug` prints no value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revealed {
    /// The disclosure that was read.
    pub disclosure: Disclosure,
    /// The bytes of the JSON value, exactly as they were given to [`Disclosure::new`].
    pub value: Vec<u8>,
}

impl fmt::Debug for Revealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            disclosure,
            value: _,
        } = self;
        formatter
            .debug_struct("Revealed")
            .field("disclosure", disclosure)
            .finish_non_exhaustive()
    }
}

/// 128 bits that keep the digest of a guessable value unguessable. Use each once; never derive one.
pub struct Salt([u8; SALT_BYTES]);

impl Salt {
    /// A fresh salt from the operating system.
    ///
    /// # Errors
    /// [`NoEntropy`] if the operating system has no random bytes to give.
    pub fn random() -> Result<Self, NoEntropy> {
        let mut bytes = [0; SALT_BYTES];
        getrandom::fill(&mut bytes).map_err(NoEntropy)?;
        Ok(Self(bytes))
    }

    /// A salt that was drawn elsewhere. Only tests need the same digest twice.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SALT_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Salt(..)")
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes for a salt")]
pub struct NoEntropy(#[source] getrandom::Error);

/// Why something is no disclosure; it repeats nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDisclosure {
    /// The name is empty, too long, reserved, or holds control characters.
    #[error(
        "a disclosure's name has 1 to 128 bytes, no control characters, and is neither `_sd` nor `...`"
    )]
    Name,
    /// The value is not one JSON value.
    #[error("a disclosure's value is one well-formed JSON value in UTF-8")]
    Value,
    /// The text is not what [`Disclosure::new`] writes.
    #[error(
        "the text is not base64url of `[\"<salt>\",\"<name>\",<value>]` as this library writes it"
    )]
    Text,
}

fn check_name(name: &str) -> Result<(), InvalidDisclosure> {
    let reserved = name == "_sd" || name == "...";
    let sized = (1..=MAX_NAME_BYTES).contains(&name.len());
    if reserved || !sized || name.chars().any(char::is_control) {
        return Err(InvalidDisclosure::Name);
    }
    Ok(())
}

fn check_value(value_json: &[u8]) -> Result<(), InvalidDisclosure> {
    // A raw value is skipped over without recursion, so depth is no danger here.
    serde_json::from_slice::<&RawValue>(value_json)
        .map(drop)
        .map_err(|_| InvalidDisclosure::Value)
}

/// `["<salt>","<name>",<value>]`
fn array(name: &str, value_json: &[u8], salt: &Salt) -> Vec<u8> {
    let mut array = Vec::with_capacity(name.len() + value_json.len() + 40);
    array.extend_from_slice(b"[\"");
    array.extend_from_slice(BASE64URL_NOPAD.encode(&salt.0).as_bytes());
    array.extend_from_slice(b"\",");
    array.extend_from_slice(serde_json::Value::from(name).to_string().as_bytes());
    array.push(b',');
    array.extend_from_slice(value_json);
    array.push(b']');
    array
}

fn split_salt(array: &[u8]) -> Option<(Salt, &[u8])> {
    let (salt, rest) = array
        .strip_prefix(b"[\"")?
        .split_at_checked(BASE64URL_NOPAD.encode_len(SALT_BYTES))?;
    let salt = BASE64URL_NOPAD.decode(salt).ok()?.try_into().ok()?;
    Some((Salt(salt), rest.strip_prefix(b"\",")?))
}

/// Splits `"<name>",<value>]`.
fn split_name(rest: &[u8]) -> Option<(String, &[u8])> {
    let mut names = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
    let name = names.next()?.ok()?;
    let value = rest
        .get(names.byte_offset()..)?
        .strip_prefix(b",")?
        .strip_suffix(b"]")?;
    Some((name, value))
}
