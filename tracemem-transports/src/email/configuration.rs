//! Stored configurations of kind `email`, read strictly: every field is known, and each that is wrong is named with its rule.

use std::time::Duration;

use serde_json::{Map, Value};
use tracemem_sdk::integration::InvalidConfiguration;

use super::{
    Identity, InvalidLetterhead, InvalidMailAddress, InvalidSmtp, Letterhead, MailAddress,
    SmtpSecurity,
    smtp::{self, Gate},
};
use crate::link::DEFAULT_LIFETIME;

const DAY: u64 = 24 * 3600;

/// What a configuration says.
#[derive(Debug)]
pub(super) struct Configuration {
    pub(super) provider: Provider,
    pub(super) letterhead: Letterhead,
    pub(super) identity: Identity,
    pub(super) timeout: Duration,
    pub(super) link_lifetime: Duration,
}

/// Whether relays of tenants may be spoken to without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cleartext {
    Never,
    OnLoopback,
}

/// What the host says about the relays of tenants.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) gate: Gate,
    pub(super) cleartext: Cleartext,
}

/// What mails leave by.
#[derive(Debug)]
pub(super) enum Provider {
    /// An SMTP relay; that of Amazon SES is one.
    Smtp(SmtpConfiguration),
    /// What the host gave the kind.
    Host,
}

#[derive(Debug)]
pub(super) struct SmtpConfiguration {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: SmtpSecurity,
    pub(super) username: Option<String>,
}

type Read<T> = Result<T, InvalidConfiguration>;

impl Configuration {
    pub(super) fn read(map: &Map<String, Value>, rules: &Rules) -> Read<Self> {
        let mut fields = Fields {
            map,
            known: Vec::new(),
        };
        let provider = match fields.word("provider", &["smtp", "ses", "host"])? {
            Some("ses") => Provider::Smtp(ses(&mut fields)?),
            Some("host") => Provider::Host,
            _ => Provider::Smtp(relay(&mut fields, rules)?),
        };
        let configuration = Self {
            provider,
            letterhead: letterhead(&mut fields)?,
            identity: match fields.word("identity", &["person", "mailbox"])? {
                Some("mailbox") => Identity::Mailbox,
                _ => Identity::Person,
            },
            timeout: fields
                .seconds("timeout_seconds", 1, 60)?
                .unwrap_or(Duration::from_secs(10)),
            link_lifetime: fields
                .seconds("link_lifetime_seconds", 60, 30 * DAY)?
                .unwrap_or(DEFAULT_LIFETIME),
        };
        fields.end()?;
        Ok(configuration)
    }
}

fn relay(fields: &mut Fields<'_>, rules: &Rules) -> Read<SmtpConfiguration> {
    let host = fields.required("host")?;
    smtp::check_host(host).map_err(smtp_field)?;
    let (security, port) = match fields.word("tls", &["implicit", "starttls", "none"])? {
        Some("starttls") => (SmtpSecurity::StartTls, 587),
        Some("none") => {
            if rules.cleartext == Cleartext::Never || !smtp::is_loopback(host) {
                let rule =
                    "it is `none` only for a loopback address, and where this host allows it";
                return Err(InvalidConfiguration::new("tls", rule));
            }
            (SmtpSecurity::NoneOnLoopback, 25)
        }
        _ => (SmtpSecurity::ImplicitTls, 465),
    };
    let username = username(fields)?;
    if username.is_some() && security == SmtpSecurity::NoneOnLoopback {
        return Err(smtp_field(InvalidSmtp::ClearTextLogin));
    }
    let port = fields.port("port")?.unwrap_or(port);
    rules.gate.check(host, port)?;
    Ok(SmtpConfiguration {
        host: host.to_owned(),
        port,
        security,
        username,
    })
}

/// The SMTP endpoint of Amazon SES in a region.
fn ses(fields: &mut Fields<'_>) -> Read<SmtpConfiguration> {
    let region = fields.required("ses_region")?;
    let username = username(fields)?;
    if username.is_none() {
        return Err(InvalidConfiguration::new("username", "SES wants one"));
    }
    let host = ["email-smtp.", region, ".amazonaws.com"].concat();
    smtp::check_host(&host).map_err(|_| InvalidConfiguration::new("ses_region", REGION))?;
    Ok(SmtpConfiguration {
        host,
        port: 587,
        security: SmtpSecurity::StartTls,
        username,
    })
}

const REGION: &str = "it is the name of a region, such as `eu-central-1`";

fn username(fields: &mut Fields<'_>) -> Read<Option<String>> {
    let username = fields.text("username")?;
    if let Some(username) = username {
        smtp::check_username(username).map_err(smtp_field)?;
    }
    Ok(username.map(str::to_owned))
}

fn letterhead(fields: &mut Fields<'_>) -> Read<Letterhead> {
    let refused = |error: InvalidLetterhead| InvalidConfiguration::new(error.part, error.rule);
    let from = fields.required("from_email")?;
    let mut letterhead = Letterhead::new(address("from_email", from)?);
    if let Some(name) = fields.text("from_name")? {
        letterhead = letterhead.named(name).map_err(refused)?;
    }
    if let Some(reply_to) = fields.text("reply_to")? {
        letterhead = letterhead.reply_to(address("reply_to", reply_to)?);
    }
    if let Some(bounces) = fields.text("bounces_email")? {
        let bounces = address("bounces_email", bounces)?;
        letterhead = letterhead.bounces_to(bounces).map_err(refused)?;
    }
    if let Some(region) = fields.text("ses_region")? {
        letterhead = letterhead.behind_ses(region).map_err(refused)?;
    }
    Ok(letterhead)
}

fn address(field: &'static str, text: &str) -> Read<MailAddress> {
    text.parse()
        .map_err(|error: InvalidMailAddress| InvalidConfiguration::new(field, error.rule()))
}

fn smtp_field(error: InvalidSmtp) -> InvalidConfiguration {
    let (field, rule) = error.field_and_rule();
    InvalidConfiguration::new(field, rule)
}

/// The fields of a configuration, and which of them were asked for.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name)
    }

    fn text(&mut self, name: &'static str) -> Read<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(InvalidConfiguration::new(name, "it is a string")),
        }
    }

    fn required(&mut self, name: &'static str) -> Read<&'a str> {
        self.text(name)?
            .ok_or_else(|| InvalidConfiguration::new(name, "it must be there"))
    }

    fn word(&mut self, name: &'static str, words: &[&str]) -> Read<Option<&'a str>> {
        match self.text(name)? {
            Some(word) if !words.contains(&word) => {
                let rule = format!("it is one of `{}`", words.join("`, `"));
                Err(InvalidConfiguration::new(name, rule))
            }
            word => Ok(word),
        }
    }

    fn number(&mut self, name: &'static str, least: u64, most: u64) -> Read<Option<u64>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|n| (least..=most).contains(n));
        number.map(Some).ok_or_else(|| {
            InvalidConfiguration::new(name, format!("it is an integer from {least} to {most}"))
        })
    }

    fn port(&mut self, name: &'static str) -> Read<Option<u16>> {
        let number = self.number(name, 1, u64::from(u16::MAX))?;
        Ok(number.and_then(|number| u16::try_from(number).ok()))
    }

    fn seconds(&mut self, name: &'static str, least: u64, most: u64) -> Read<Option<Duration>> {
        Ok(self.number(name, least, most)?.map(Duration::from_secs))
    }

    /// What nobody asked for is wrong, or wrong here.
    fn end(self) -> Read<()> {
        let unknown = self
            .map
            .keys()
            .find(|name| !self.known.contains(&name.as_str()));
        match unknown {
            None => Ok(()),
            Some(name) => {
                let field: String = name.chars().take(64).collect();
                Err(InvalidConfiguration::new(
                    field,
                    "there is no such field, or not with this `provider`",
                ))
            }
        }
    }
}
