//! Identifiers: every id is a type of its own, so that a tenant cannot stand where a decision is asked for.
//!
//! Two families. *Generated* ids are a prefix and a UUID v7 (RFC 9562) in 32 lower-case hex digits, `dec_0198…`:
//! they sort by the time they were made. *Named* ids are chosen by the host and stand in event bytes for ever,
//! so they must be pseudonymous: `[A-Za-z0-9_.:-]`, 1 to 128 characters.
//! What an id refers to, and whether it exists, is left to the module that uses it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The operating system gave no random bytes; nothing was made.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy(#[source] getrandom::Error);

/// Fills an array from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

/// Fills bytes where they stand, so that no copy of a secret is left behind.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(NoEntropy)
}

/// A text is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind}: {rule}")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

impl InvalidId {
    fn new(kind: &'static str, text: &str, rule: &'static str) -> Self {
        let text = text.chars().take(64).collect();
        Self { kind, text, rule }
    }

    /// The rule that was broken, as a sentence fragment.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

macro_rules! text_conversions {
    ($name:ident) => {
        impl $name {
            /// The id as text, as it stands in events and tables.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }
    };
}

macro_rules! generated {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new id at the time `now`.
            ///
            /// # Errors
            /// [`NoEntropy`] where the operating system gives no random bytes.
            pub fn generate(now: Timestamp) -> Result<Self, NoEntropy> {
                let unique = uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random()?);
                let text = format!(concat!($prefix, "{}"), unique.into_uuid().simple());
                Ok(Self(text.into()))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let rule = concat!("it is `", $prefix, "` and 32 lower-case hex digits");
                let unique = text.strip_prefix($prefix).filter(|rest| is_unique_part(rest));
                unique.ok_or_else(|| InvalidId::new(stringify!($name), text, rule))?;
                Ok(Self(text.into()))
            }
        }

        text_conversions!($name);
    };
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let rule = "it has 1 to 128 characters of `A-Z a-z 0-9 _ . : -` and does not begin with `_`";
                let legal = (1..=128).contains(&text.len())
                    && !text.starts_with('_')
                    && text.bytes().all(is_id_byte);
                if !legal {
                    return Err(InvalidId::new(stringify!($name), text, rule));
                }
                Ok(Self(text.into()))
            }
        }

        text_conversions!($name);
    };
}

fn is_unique_part(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)
}

named! {
    /// The isolation boundary: it is part of every key of every table.
    TenantId
}
named! {
    /// An agent, service or worker that opens decisions. Pseudonymous: it stands in event bytes.
    AgentId
}
named! {
    /// A policy, stable over its versions.
    PolicyId
}
named! {
    /// An approval route.
    RouteId
}
named! {
    /// An integration: a configured connection that delivers approvals and takes answers.
    IntegrationId
}
named! {
    /// What a credential is for within its integration, such as `bot_token` or `signing_secret`.
    CredentialKind
}
named! {
    /// A fact provider.
    FactProviderId
}
generated! {
    /// One decision: the envelope around one proposed action.
    DecisionId, "dec_"
}
generated! {
    /// One request for a decision, as the caller made it.
    RequestId, "req_"
}
generated! {
    /// The approval of one decision. Its unique part is the decision's, so that neither needs a look-up.
    ApprovalId, "appr_"
}
generated! {
    /// One event of a trace.
    EventId, "evt_"
}
generated! {
    /// One delivery of an approval through one integration; the same over all attempts.
    DeliveryId, "dlv_"
}
generated! {
    /// One job of the background worker.
    JobId, "job_"
}
generated! {
    /// One start of a side effect.
    ExecutionId, "exe_"
}
generated! {
    /// One reported business outcome.
    OutcomeId, "out_"
}

impl DecisionId {
    /// The approval that this decision has, if it has one: a decision never has two.
    #[must_use]
    pub fn approval(&self) -> ApprovalId {
        ApprovalId(swap_prefix(&self.0, Self::PREFIX, ApprovalId::PREFIX))
    }
}

impl DecisionId {
    /// The least id that a decision opened in this millisecond could have; no decision has it, because a UUID v7 names its version.
    pub(crate) fn first_of(time: Timestamp) -> Self {
        Self(format!("{}{:012x}{:020}", Self::PREFIX, time.as_millis(), 0).into())
    }

    /// The execution that is reported for this decision without a guard: a decision has one effect.
    pub(crate) fn reported_execution(&self) -> ExecutionId {
        ExecutionId(swap_prefix(&self.0, Self::PREFIX, ExecutionId::PREFIX))
    }
}

impl ApprovalId {
    /// The decision this approval belongs to.
    #[must_use]
    pub fn decision(&self) -> DecisionId {
        DecisionId(swap_prefix(&self.0, Self::PREFIX, DecisionId::PREFIX))
    }
}

impl DeliveryId {
    /// The job that makes this delivery.
    #[must_use]
    pub fn job(&self) -> JobId {
        JobId(swap_prefix(&self.0, Self::PREFIX, JobId::PREFIX))
    }
}

fn swap_prefix(text: &str, from: &str, to: &str) -> Box<str> {
    let unique = text.strip_prefix(from).unwrap_or(text);
    [to, unique].concat().into()
}

/// A person who answers approvals, as their integration or the host identifies them: a directory id, a user id,
/// an address. 1 to 254 characters without white space or control characters; compared exactly.
///
/// It is personal: it stands in disclosures, never in event bytes, and `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApproverId(Box<str>);

impl FromStr for ApproverId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let legal = (1..=254).contains(&text.chars().count())
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if !legal {
            let rule = "it has 1 to 254 characters without white space or control characters";
            return Err(InvalidId::new("ApproverId", text, rule));
        }
        Ok(Self(text.into()))
    }
}

text_conversions!(ApproverId);

impl fmt::Debug for ApproverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApproverId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_generated_id_parses_back_and_another_kind_does_not() -> Tested {
        let decision = DecisionId::generate(Timestamp::from_micros(1_700_000_000_000_000))?;
        assert_eq!(decision.as_str().parse::<DecisionId>()?, decision);
        assert!(decision.as_str().parse::<ApprovalId>().is_err());
        assert_eq!(decision.approval().decision(), decision);
        Ok(())
    }

    #[test]
    fn generated_ids_sort_by_the_time_they_were_made() -> Tested {
        let early = EventId::generate(Timestamp::from_micros(1_700_000_000_000_000))?;
        let late = EventId::generate(Timestamp::from_micros(1_700_000_000_001_000))?;
        assert!(early < late);
        Ok(())
    }

    #[test]
    fn an_id_outside_its_alphabet_is_refused() {
        for text in ["", "_admin", "a b", "a/b", "ü", &"x".repeat(129)] {
            assert!(text.parse::<TenantId>().is_err(), "{text}");
        }
        for text in ["", "a b", "a\n", &"x".repeat(255)] {
            assert!(text.parse::<ApproverId>().is_err(), "{text}");
        }
        for text in [
            "dec_",
            "dec_0198F000000070008000000000000000",
            "dec_01",
            "0198f000000070008000000000000000",
        ] {
            assert!(text.parse::<DecisionId>().is_err(), "{text}");
        }
    }
}
