//! Stored configurations of the kind `email`.

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    integration::{
        Credentials, DeliveryError, Integration, IntegrationKind, Need, OpenError, Opening,
    },
    secrets::Secret,
};
use tracemem_transports::{
    egress::Judge,
    email::{Accepted, EmailKind, EmailSender, Mail},
    link::{BaseUrl, LinkKeys},
};

use super::{
    Tested,
    post::{ALICE, BASE, SECRET, asking, clock, deliver},
    relay::{PASSWORD, Relay, USER, login},
};

pub(crate) fn kind() -> Tested<EmailKind> {
    let keys = LinkKeys::new("k1", SECRET)?;
    Ok(EmailKind::new(BaseUrl::parse(BASE)?, keys).clock(clock()))
}

fn map(value: Value) -> Tested<Map<String, Value>> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err("no object".into()),
    }
}

pub(crate) fn opening(configuration: Value, credentials: Credentials) -> Tested<Opening> {
    let (tenant, id) = ("acme".parse()?, "mail".parse()?);
    Ok(Opening::new(tenant, id, map(configuration)?, credentials))
}

pub(crate) fn password() -> Tested<Credentials> {
    Ok(Credentials::new().and("smtp_password".parse()?, Secret::new(PASSWORD)?))
}

/// A configuration that is right, but for what is said.
pub(crate) fn with(changes: Value) -> Tested<Map<String, Value>> {
    let mut configuration = map(json!({
        "provider": "smtp",
        "host": "smtp.example.com",
        "from_email": "approvals@example.org",
    }))?;
    for (name, value) in map(changes)? {
        if value.is_null() {
            configuration.remove(&name);
        } else {
            configuration.insert(name, value);
        }
    }
    Ok(configuration)
}

#[test]
fn what_is_right_is_taken() -> Tested {
    let kind = kind()?.sender(Nobody);
    assert_eq!(kind.name(), "email");
    let needs = kind.credentials();
    let [need] = needs.as_slice() else {
        return Err(format!("{needs:?}").into());
    };
    assert_eq!(
        (need.kind.as_str(), need.need),
        ("smtp_password", Need::Optional)
    );
    for changes in [
        json!({}),
        json!({ "provider": null }),
        json!({ "tls": "starttls", "port": 2587, "username": "u" }),
        json!({ "tls": "implicit", "port": 465, "timeout_seconds": 60, "link_lifetime_seconds": 3_600 }),
        json!({ "from_name": "Approvals", "reply_to": "desk@example.org", "bounces_email": "b@example.org" }),
        json!({ "identity": "mailbox" }),
        json!({ "identity": "person", "ses_region": "eu-central-1" }),
        json!({ "provider": "ses", "host": null, "ses_region": "us-east-1", "username": "u" }),
        json!({ "provider": "host", "host": null }),
    ] {
        let configuration = with(changes)?;
        kind.check(&configuration)
            .map_err(|error| format!("{error}: {configuration:?}"))?;
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_named_with_its_rule_and_not_repeated() -> Tested {
    let kind = kind()?;
    for (field, changes) in [
        ("from_email", json!({ "from_email": null })),
        ("from_email", json!({ "from_email": "CANARY" })),
        ("from_email", json!({ "from_email": 7 })),
        (
            "from_email",
            json!({ "from_email": "a@example.org\r\nBcc: b@example.org" }),
        ),
        ("host", json!({ "host": null })),
        ("host", json!({ "host": "CANARY canary" })),
        ("host", json!({ "host": "smtp.example.com\r\n" })),
        ("port", json!({ "port": 0 })),
        ("port", json!({ "port": 65_536 })),
        ("port", json!({ "port": "25" })),
        ("tls", json!({ "tls": "opportunistic" })),
        ("tls", json!({ "tls": "none" })),
        ("tls", json!({ "tls": "none", "host": "localhost" })),
        (
            "allow_cleartext_on_loopback",
            json!({ "allow_cleartext_on_loopback": true }),
        ),
        ("username", json!({ "username": "" })),
        ("username", json!({ "username": "a\r\nb" })),
        (
            "username",
            json!({ "provider": "ses", "host": null, "ses_region": "us-east-1" }),
        ),
        ("from_name", json!({ "from_name": "a\r\nBcc: CANARY" })),
        ("reply_to", json!({ "reply_to": "CANARY" })),
        (
            "bounces_email",
            json!({ "bounces_email": "CANARY-that-is-far-too-long-for-it@example.org" }),
        ),
        ("ses_region", json!({ "ses_region": "CANARY" })),
        (
            "ses_region",
            json!({ "provider": "ses", "host": null, "username": "u" }),
        ),
        (
            "ses_region",
            json!({ "provider": "ses", "host": null, "username": "u", "ses_region": "CANARY.evil" }),
        ),
        (
            "host",
            json!({ "provider": "ses", "ses_region": "us-east-1", "username": "u" }),
        ),
        (
            "tls",
            json!({ "provider": "ses", "host": null, "ses_region": "us-east-1", "username": "u", "tls": "none" }),
        ),
        ("timeout_seconds", json!({ "timeout_seconds": 0 })),
        ("timeout_seconds", json!({ "timeout_seconds": 61 })),
        ("timeout_seconds", json!({ "timeout_seconds": 1.5 })),
        (
            "link_lifetime_seconds",
            json!({ "link_lifetime_seconds": 59 }),
        ),
        ("identity", json!({ "identity": "list" })),
        ("provider", json!({ "provider": "CANARY" })),
        ("provider", json!({ "provider": "host", "host": null })),
        ("password", json!({ "password": "CANARY" })),
        ("smtp_password", json!({ "smtp_password": "CANARY" })),
    ] {
        let configuration = with(changes)?;
        let Err(error) = kind.check(&configuration) else {
            return Err(format!("{configuration:?} was taken").into());
        };
        assert_eq!(error.field, field, "{error}");
        assert!(
            !error.rule.is_empty() && !error.to_string().contains("CANARY"),
            "{error}"
        );
        let opened = kind.open(opening(Value::Object(configuration), password()?)?);
        assert!(
            matches!(opened, Err(OpenError::Configuration(_))),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn who_logs_in_needs_a_password_that_is_one() -> Tested {
    let configuration = Value::Object(with(json!({ "username": USER }))?);
    let missing = kind()?.open(opening(configuration.clone(), Credentials::new())?);
    assert!(matches!(missing, Err(OpenError::MissingCredential(_))));
    let forged = Credentials::new().and(
        "smtp_password".parse()?,
        Secret::new("CANARY\r\nRCPT TO:<eve@example.com>")?,
    );
    let Err(error) = kind()?.open(opening(configuration, forged)?) else {
        return Err("it was opened".into());
    };
    assert!(matches!(error, OpenError::Credential { .. }));
    assert!(!format!("{error} {error:?}").contains("CANARY"));
    Ok(())
}

#[tokio::test]
async fn a_stored_integration_mails_and_its_links_are_at_hand() -> Tested {
    let relay = Relay::named("127.0.0.1", "implicit", login()).await?;
    let judge = Judge::new()
        .allow_port(relay.port)
        .open("127.0.0.0/8".parse()?);
    let kind = kind()?.judge(judge).trusting(relay.authority.as_bytes())?;
    let configuration = with(json!({
        "host": "127.0.0.1",
        "port": relay.port,
        "username": USER,
        "from_name": "Approvals",
        "link_lifetime_seconds": 3_600,
    }))?;
    let opening = opening(Value::Object(configuration), password()?)?;
    let mailing = kind.open_email(&opening)?;
    assert_eq!(mailing.id().as_str(), "mail");
    mailing.check().await?;
    let asking = asking(&[ALICE])?;
    deliver(&mailing, &asking).await?;
    let mail = relay.only()?;
    assert_eq!(mail.header("From")?, "Approvals <approvals@example.org>");
    let (_, token) = mail.text()?.split_once("?t=").ok_or("no link")?;
    let token = token.split_whitespace().next().ok_or("no token")?;
    let link = mailing.links().verify(token, asking.requested_at)?;
    assert_eq!(
        link.expires_at.as_micros(),
        asking.requested_at.as_micros() + 3_600_000_000
    );
    // As the sdk opens it.
    kind.open(opening)?.check().await?;
    Ok(())
}

/// An API that nobody calls.
#[derive(Debug)]
struct Nobody;

#[tracemem_sdk::async_trait]
impl EmailSender for Nobody {
    async fn send(&self, _: &Mail) -> Result<Accepted, DeliveryError> {
        Ok(Accepted::as_id("api-1"))
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_host_may_send_by_an_api_of_its_own() -> Tested {
    let configuration =
        with(json!({ "provider": "host", "host": null, "ses_region": "eu-west-1" }))?;
    let opening = opening(Value::Object(configuration), Credentials::new())?;
    let mailing = kind()?.sender(Nobody).open_email(&opening)?;
    let delivery = deliver(&mailing, &asking(&[ALICE])?).await?;
    assert!(delivery.handle.ends_with("=api-1"), "{}", delivery.handle);
    Ok(())
}
