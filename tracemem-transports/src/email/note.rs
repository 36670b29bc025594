//! The note of a delivery: which recipients were mailed, under which id of the relay. It becomes the delivery's handle.
//!
//! `m1 +0a1b2c3d4e5f=relay-id -66778899aabb ?ccddeeff0011`: a mark and a key per recipient, and the relay's id where it is wanted. The key is
//! the beginning of a hash over tenant, delivery and address, so that a note names nobody by itself.

use std::{collections::BTreeMap, fmt};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tracemem_sdk::{
    id::{DeliveryId, TenantId},
    integration::Delivery,
};

use super::{MailAddress, sender::is_relay_id};

/// The most characters of a handle.
const LIMIT: usize = 4_000;
const VERSION: &str = "m1";

/// The most recipients that a note has room for.
pub(super) const MOST_RECIPIENTS: usize = 250;

/// What a recipient is called in a note and in the ids of their mails: twelve hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecipientKey(String);

impl RecipientKey {
    pub(super) fn of(tenant: &TenantId, delivery: &DeliveryId, address: &MailAddress) -> Self {
        let named = format!("tm/mail/v1\n{tenant}\n{delivery}\n{}", address.folded());
        let hash = Sha256::digest(named.as_bytes());
        let mut key = HEXLOWER.encode(&hash);
        key.truncate(12);
        Self(key)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What came of a mail to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The relay took it, under this id where that is wanted.
    Taken(Option<String>),
    /// The relay may have taken it.
    Possible,
    /// The relay refused the recipient for good.
    Refused,
}

/// What is known of each recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Note(BTreeMap<RecipientKey, Fate>);

impl Note {
    /// What these deliveries have noted, taken together: who was mailed once was mailed, and the latest id counts.
    pub(super) fn of(deliveries: &[Delivery]) -> Self {
        let mut all = Self::default();
        for delivery in deliveries {
            for (key, fate) in Self::parse(&delivery.handle).0 {
                match (all.0.get(&key), &fate) {
                    (Some(Fate::Taken(_)), Fate::Possible | Fate::Refused) => {}
                    (_, _) => all.put(key, fate),
                }
            }
        }
        all
    }

    pub(super) fn put(&mut self, key: RecipientKey, fate: Fate) {
        self.0.insert(key, fate);
    }

    pub(super) fn fate(&self, key: &RecipientKey) -> Option<&Fate> {
        self.0.get(key)
    }

    /// Whether somebody was mailed, or may have been.
    pub(super) fn has_reached_somebody(&self) -> bool {
        let reached = |fate: &Fate| match fate {
            Fate::Taken(_) | Fate::Possible => true,
            Fate::Refused => false,
        };
        self.0.values().any(reached)
    }

    /// Reads a note. What is none, such as that of another integration or an empty one, says nothing about anybody.
    fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        if words.next() != Some(VERSION) {
            return Self::default();
        }
        Self(words.filter_map(entry).collect())
    }
}

fn entry(word: &str) -> Option<(RecipientKey, Fate)> {
    let (mark, rest) = word.split_at_checked(1)?;
    let (key, id) = match rest.split_once('=') {
        Some((key, id)) => (key, Some(id)),
        None => (rest, None),
    };
    let is_key = key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fate = match mark {
        "+" => Fate::Taken(id.filter(|id| is_relay_id(id)).map(str::to_owned)),
        "?" => Fate::Possible,
        "-" => Fate::Refused,
        _ => return None,
    };
    is_key.then(|| (RecipientKey(key.to_owned()), fate))
}

impl fmt::Display for Note {
    /// The note, of which the ids are left out that there is no room for: without one a thread falls apart, without a key somebody
    /// would be mailed twice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VERSION)?;
        let mut room = LIMIT.saturating_sub(VERSION.len() + 14 * self.0.len());
        for (key, fate) in &self.0 {
            let (mark, id) = match fate {
                Fate::Taken(id) => ('+', id.as_deref()),
                Fate::Possible => ('?', None),
                Fate::Refused => ('-', None),
            };
            write!(f, " {mark}{}", key.0)?;
            if let Some(id) = id.filter(|id| id.len() < room) {
                room -= id.len() + 1;
                write!(f, "={id}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracemem_sdk::{route::Destination, testing::message};

    use super::*;

    fn key(n: usize) -> RecipientKey {
        RecipientKey(format!("{n:012x}"))
    }

    #[test]
    fn a_delivery_of_which_nothing_was_written_says_nobody_was_mailed()
    -> Result<(), Box<dyn std::error::Error>> {
        let unwritten = Delivery::possibly_of(&message()?, &Destination::new("a@example.com"));
        assert_eq!(Note::of(&[unwritten]), Note::default());
        Ok(())
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let mut note = Note::default();
        note.put(key(1), Fate::Taken(Some("0102-ab.c".to_owned())));
        note.put(key(2), Fate::Taken(None));
        note.put(key(3), Fate::Possible);
        note.put(key(4), Fate::Refused);
        let text = "m1 +000000000001=0102-ab.c +000000000002 ?000000000003 -000000000004";
        assert_eq!(note.to_string(), text);
        assert_eq!(Note::parse(text), note);
    }

    #[test]
    fn however_many_recipients_there_are_each_has_a_key_and_the_note_fits() {
        let mut note = Note::default();
        for n in 0..MOST_RECIPIENTS {
            note.put(key(n), Fate::Taken(Some("x".repeat(100))));
        }
        let text = note.to_string();
        assert!(text.len() <= LIMIT, "{}", text.len());
        assert_eq!(Note::parse(&text).0.len(), MOST_RECIPIENTS);
        assert!(text.contains('='));
    }

    #[test]
    fn what_is_no_note_says_nothing() {
        for text in [
            "",
            " ",
            "C1 1795.000",
            "m2 +000000000001",
            "m1 +x ?0 -",
            "m1 *000000000001",
            "m1 +00000000000\u{fc}",
        ] {
            assert_eq!(Note::parse(text), Note::default(), "{text}");
        }
        let forged = Note::parse("m1 +000000000001=a\r\nBcc:x");
        assert_eq!(forged.fate(&key(1)), Some(&Fate::Taken(None)));
    }
}
