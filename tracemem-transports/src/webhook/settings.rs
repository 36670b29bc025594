//! The configuration of a webhook, as a tenant writes it.

use std::{num::NonZeroU32, time::Duration};

use serde_json::{Map, Value};
use tracemem_sdk::integration::InvalidConfiguration;

use crate::egress::{Judge, Target};

/// The limit of time of a call, where nobody says.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Everything but the secrets.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// What is called.
    pub(super) target: Target,
    /// How long a call may take.
    pub(super) timeout: Duration,
    /// How often a request is delivered; as often as the worker's schedule says where nobody does.
    pub(super) max_attempts: Option<NonZeroU32>,
    /// What is posted.
    pub(super) events: Events,
    /// Which field of an answer says who answers.
    pub(super) approver: ApproverField,
}

/// Which events an endpoint wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) requested: Wanted,
    pub(super) resolved: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    No,
}

/// Which field of an answer is compared with lists of approvers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApproverField {
    Id,
    Email,
}

impl Settings {
    /// Reads a configuration.
    pub(super) fn read(
        configuration: &Map<String, Value>,
        judge: &Judge,
    ) -> Result<Self, InvalidConfiguration> {
        let mut target = None;
        let mut settings = (
            TIMEOUT,
            None,
            Events {
                requested: Wanted::Yes,
                resolved: Wanted::Yes,
            },
            ApproverField::Id,
        );
        for (field, value) in configuration {
            let wrong = |rule: &str| InvalidConfiguration::new(field.as_str(), rule);
            match field.as_str() {
                "url" => {
                    let text = value.as_str().ok_or_else(|| wrong("it is a string"))?;
                    let judged = judge.target(text);
                    target = Some(judged.map_err(|refused| wrong(refused.rule))?);
                }
                "timeout_seconds" => {
                    let seconds = whole(value, 30).ok_or_else(|| wrong("it is 1 to 30"))?;
                    settings.0 = Duration::from_secs(u64::from(seconds.get()));
                }
                "max_attempts" => {
                    let attempts = whole(value, 20).ok_or_else(|| wrong("it is 1 to 20"))?;
                    settings.1 = Some(attempts);
                }
                "events" => {
                    let rule = "it lists `approval.requested`, `approval.resolved` or both";
                    settings.2 = Events::read(value).ok_or_else(|| wrong(rule))?;
                }
                "approver" => {
                    settings.3 = match value.as_str() {
                        Some("id") => ApproverField::Id,
                        Some("email") => ApproverField::Email,
                        _ => return Err(wrong("it is `id` or `email`")),
                    };
                }
                _ => {
                    let rule = "there is no such field; there are `url`, `timeout_seconds`, `max_attempts`, `events` and `approver`";
                    // The name is the caller's: what is repeated of it is bounded.
                    let name: String = field.chars().take(64).collect();
                    return Err(InvalidConfiguration::new(name, rule));
                }
            }
        }
        let (timeout, max_attempts, events, approver) = settings;
        let missing = || InvalidConfiguration::new("url", "it is needed");
        Ok(Self {
            target: target.ok_or_else(missing)?,
            timeout,
            max_attempts,
            events,
            approver,
        })
    }
}

impl Events {
    fn read(value: &Value) -> Option<Self> {
        let mut events = Self {
            requested: Wanted::No,
            resolved: Wanted::No,
        };
        let listed = value.as_array().filter(|listed| !listed.is_empty())?;
        for event in listed {
            match event.as_str()? {
                "approval.requested" => events.requested = Wanted::Yes,
                "approval.resolved" => events.resolved = Wanted::Yes,
                _ => return None,
            }
        }
        Some(events)
    }
}

/// A whole number from 1 to `most`.
fn whole(value: &Value, most: u32) -> Option<NonZeroU32> {
    let number = u32::try_from(value.as_u64()?).ok()?;
    NonZeroU32::new(number).filter(|number| number.get() <= most)
}
