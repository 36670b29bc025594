//! Whose mails they are: what stands in the head of every one of them.

use std::fmt;

use tracemem_sdk::id::DeliveryId;

use super::{MailAddress, note::RecipientKey, words};

/// The most bytes before the `@` of an address that bounces go to, so that the delivery's id fits behind it.
const BOUNCES_LOCAL_LIMIT: usize = 27;

/// A part of a letterhead is refused. The input is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{part}`: {rule}")]
pub struct InvalidLetterhead {
    /// Which part, as the configuration calls it.
    pub part: &'static str,
    /// The rule.
    pub rule: &'static str,
}

/// Who sends, where replies and bounces go, and whether a service writes ids of its own.
#[derive(Clone)]
pub struct Letterhead {
    from: MailAddress,
    name: Option<String>,
    reply_to: Option<MailAddress>,
    bounces: Option<MailAddress>,
    ses_region: Option<String>,
}

impl Letterhead {
    /// Mails from this address. The relay must sign for its domain (DKIM), or they are taken for spam.
    #[must_use]
    pub fn new(from: MailAddress) -> Self {
        Self {
            from,
            name: None,
            reply_to: None,
            bounces: None,
            ses_region: None,
        }
    }

    /// The name beside the address.
    ///
    /// # Errors
    /// [`InvalidLetterhead`], for a name that is longer than 100 characters or holds control characters.
    pub fn named(self, name: &str) -> Result<Self, InvalidLetterhead> {
        words::check_name(name).map_err(|rule| InvalidLetterhead {
            part: "from_name",
            rule,
        })?;
        Ok(Self {
            name: Some(name.to_owned()),
            ..self
        })
    }

    /// Where replies go. Whoever reads them: they decide nothing.
    #[must_use]
    pub fn reply_to(self, address: MailAddress) -> Self {
        Self {
            reply_to: Some(address),
            ..self
        }
    }

    /// Where bounces go: `name+{delivery id}@domain` (variable envelope return paths). By default they go to the sender.
    ///
    /// # Errors
    /// [`InvalidLetterhead`], where more than 27 characters stand before the `@`.
    pub fn bounces_to(self, address: MailAddress) -> Result<Self, InvalidLetterhead> {
        if address.local().len() > BOUNCES_LOCAL_LIMIT {
            return Err(InvalidLetterhead {
                part: "bounces_email",
                rule: "before its `@` stand at most 27 characters, because the delivery's id follows them",
            });
        }
        Ok(Self {
            bounces: Some(address),
            ..self
        })
    }

    /// The mails go out by Amazon SES in this region, which replaces their `Message-ID`: what follows refers to the one that SES made.
    ///
    /// # Errors
    /// [`InvalidLetterhead`], for what is no region.
    pub fn behind_ses(self, region: &str) -> Result<Self, InvalidLetterhead> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&region.len()) || !region.bytes().all(legal) {
            return Err(InvalidLetterhead {
                part: "ses_region",
                rule: "it is the name of a region, such as `eu-central-1`",
            });
        }
        Ok(Self {
            ses_region: Some(region.to_owned()),
            ..self
        })
    }

    pub(super) fn from(&self) -> &MailAddress {
        &self.from
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn replies(&self) -> Option<&MailAddress> {
        self.reply_to.as_ref()
    }

    /// Whether the relay's ids are wanted, because it writes them into the mails.
    pub(super) fn wants_relay_ids(&self) -> bool {
        self.ses_region.is_some()
    }

    /// The sender of the envelope.
    pub(super) fn envelope_from(&self, delivery: &DeliveryId) -> MailAddress {
        let bounces = self.bounces.as_ref();
        let tagged = bounces.and_then(|bounces| bounces.tagged(delivery.as_str()));
        tagged.unwrap_or_else(|| self.from.clone())
    }

    /// The `Message-ID` of the request to this recipient, the same over all attempts.
    pub(super) fn request_id(&self, delivery: &DeliveryId, key: &RecipientKey) -> String {
        format!("<{delivery}.{}@{}>", key.as_str(), self.from.domain())
    }

    /// The `Message-ID` of how it ended.
    pub(super) fn conclusion_id(&self, delivery: &DeliveryId, key: &RecipientKey) -> String {
        format!("<{delivery}.{}.end@{}>", key.as_str(), self.from.domain())
    }

    /// The `Message-ID` that the request has at its recipient, where the relay took it under `relay_id`.
    pub(super) fn arrived_id(
        &self,
        delivery: &DeliveryId,
        key: &RecipientKey,
        relay_id: Option<&str>,
    ) -> String {
        match (self.ses_region.as_deref(), relay_id) {
            (Some("us-east-1"), Some(id)) => format!("<{id}@email.amazonses.com>"),
            (Some(region), Some(id)) => format!("<{id}@{region}.amazonses.com>"),
            (Some(_) | None, _) => self.request_id(delivery, key),
        }
    }
}

impl fmt::Debug for Letterhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letterhead")
            .field("domain", &self.from.domain())
            .field("ses_region", &self.ses_region)
            .finish_non_exhaustive()
    }
}
