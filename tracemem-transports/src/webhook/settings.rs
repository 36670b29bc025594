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
        let wrong = |rule: &str| InvalidConfiguration::new("url", rule);
        let url = configuration
            .get("url")
            .ok_or_else(|| wrong("it is needed"))?;
        let text = url.as_str().ok_or_else(|| wrong("it is a string"))?;
        let mut settings = Self {
            target: judge.target(text).map_err(|refused| wrong(refused.rule))?,
            timeout: TIMEOUT,
            max_attempts: None,
            events: Events {
                requested: Wanted::Yes,
                resolved: Wanted::Yes,
            },
            approver: ApproverField::Id,
        };
        for (field, value) in configuration.iter().filter(|(field, _)| *field != "url") {
            // The name may be anything: what is repeated of it is bounded.
            let name = || field.chars().take(64).collect::<String>();
            settings
                .set(field, value)
                .map_err(|rule| InvalidConfiguration::new(name(), rule))?;
        }
        Ok(settings)
    }

    fn set(&mut self, field: &str, value: &Value) -> Result<(), &'static str> {
        match field {
            "timeout_seconds" => {
                let seconds = whole(value, 30).ok_or("it is 1 to 30")?;
                self.timeout = Duration::from_secs(u64::from(seconds.get()));
            }
            "max_attempts" => self.max_attempts = Some(whole(value, 20).ok_or("it is 1 to 20")?),
            "events" => {
                let rule = "it lists `approval.requested`, `approval.resolved` or both";
                self.events = Events::read(value).ok_or(rule)?;
            }
            "approver" => {
                self.approver = match value.as_str() {
                    Some("id") => ApproverField::Id,
                    Some("email") => ApproverField::Email,
                    _ => return Err("it is `id` or `email`"),
                };
            }
            _ => {
                return Err(
                    "there is no such field; there are `url`, `timeout_seconds`, `max_attempts`, `events` and `approver`",
                );
            }
        }
        Ok(())
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
