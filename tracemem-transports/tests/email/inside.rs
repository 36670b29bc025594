//! Relays that tenants name, and that are where no tenant's call may go.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracemem_sdk::{
    async_trait,
    integration::{DeliveryErrorKind, Integration, IntegrationKind},
};
use tracemem_transports::{
    egress::{Judge, Resolver},
    email::EmailKind,
};

use super::{
    Tested,
    configuring::{kind, opening, password, with},
    post::{ALICE, asking, refused},
    relay::{Relay, USER, login},
};

#[test]
fn no_relay_is_named_that_is_inside_or_on_a_port_that_is_not_of_mail() -> Tested {
    let kind = kind()?;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "::1",
        "::ffff:10.0.0.7",
        "10.0.0.7",
        "169.254.169.254",
        "0.0.0.0",
        "localhost",
        "db.localhost",
        "relay",
        "relay.internal",
        "relay.local",
    ] {
        let error = kind.check(&with(json!({ "host": host }))?).err();
        let error = error.ok_or_else(|| format!("{host} was taken"))?;
        assert_eq!(error.field, "host", "{host}");
        assert!(!error.to_string().contains("URL"), "{error}");
    }
    for port in [1, 22, 80, 443, 6_379, 8_443] {
        let error = kind.check(&with(json!({ "port": port }))?).err();
        let error = error.ok_or_else(|| format!("{port} was taken"))?;
        assert_eq!(error.field, "port", "{port}");
    }
    for port in [25, 465, 587, 2_465, 2_525, 2_587] {
        kind.check(&with(json!({ "host": "192.0.9.1", "port": port }))?)?;
    }
    Ok(())
}

#[test]
fn what_the_host_opens_is_open_and_no_more() -> Tested {
    let judge = Judge::new().allow_port(2_626).open("10.0.0.0/8".parse()?);
    let kind = kind()?.judge(judge);
    kind.check(&with(json!({ "host": "10.0.0.7", "port": 2_626 }))?)?;
    for changes in [
        json!({ "host": "192.168.0.7" }),
        json!({ "host": "10.0.0.7", "port": 22 }),
    ] {
        assert!(kind.check(&with(changes)?).is_err());
    }
    Ok(())
}

#[test]
fn no_tenant_says_that_mail_may_go_in_clear() -> Tested {
    let clear = json!({ "host": "127.0.0.1", "tls": "none" });
    let judge = Judge::new().open("127.0.0.0/8".parse()?);
    let closed = kind()?.judge(judge);
    let error = closed.check(&with(clear.clone())?).err().ok_or("taken")?;
    assert_eq!(error.field, "tls");
    let open = closed.clone().allow_cleartext_on_loopback();
    open.check(&with(clear.clone())?)?;
    for changes in [
        json!({ "tls": "none" }),
        json!({ "host": "127.0.0.1", "tls": "none", "username": "u" }),
    ] {
        assert!(open.check(&with(changes)?).is_err());
    }
    // To be asked for in clear is not to be let in.
    let inside = kind()?.allow_cleartext_on_loopback();
    let error = inside.check(&with(clear)?).err().ok_or("taken")?;
    assert_eq!(error.field, "host");
    Ok(())
}

/// A name that leads elsewhere each time that it is asked for.
#[derive(Debug, Clone)]
struct Rebinding {
    answers: &'static [&'static [&'static str]],
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Resolver for Rebinding {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(name, "relay.example.com");
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(asked).copied().unwrap_or_default();
        let parsed: Result<_, _> = answer.iter().map(|address| address.parse()).collect();
        parsed.map_err(io::Error::other)
    }
}

fn to(relay: u16, tls: &str) -> Tested<Value> {
    let configuration = with(json!({
        "host": "relay.example.com", "port": relay, "tls": tls, "username": USER, "timeout_seconds": 2,
    }))?;
    Ok(Value::Object(configuration))
}

fn judging(relay: &Relay) -> Tested<EmailKind> {
    let judge = Judge::new()
        .allow_port(relay.port)
        .open("127.0.0.1/32".parse()?);
    Ok(kind()?.judge(judge).trusting(relay.authority.as_bytes())?)
}

#[tokio::test]
async fn a_name_is_resolved_once_for_a_connection_and_all_that_it_leads_to_is_judged() -> Tested {
    for tls in ["implicit", "starttls"] {
        let mut relay = Relay::named("relay.example.com", tls, login()).await?;
        let asked = Arc::new(AtomicUsize::new(0));
        let kind = judging(&relay)?.resolver(Rebinding {
            answers: &[
                &["127.0.0.1"],
                &["127.0.0.2"],
                &["127.0.0.1", "127.0.0.2"],
                &["127.0.0.1", "::1"],
                &[],
            ],
            asked: Arc::clone(&asked),
        });
        let mailing = kind.open_email(&opening(to(relay.port, tls)?, password()?)?)?;
        // The certificate is for the name, and the connection goes to the address.
        mailing.check().await?;
        for _ in 1..5 {
            let error = mailing.check().await.err().ok_or("it was called")?;
            assert!(
                error.to_string().contains("could not be reached"),
                "{error}"
            );
        }
        assert_eq!(asked.load(Ordering::SeqCst), 5);
        assert_eq!(relay.seen().await?.pointer("/connections"), Some(&json!(1)));
    }
    Ok(())
}

#[tokio::test]
async fn whoever_names_a_relay_does_not_learn_what_is_there() -> Tested {
    let names = || Rebinding {
        answers: &[&["127.0.0.1"], &["127.0.0.1"]],
        asked: Arc::default(),
    };
    let plain = Relay::start("none", login()).await?;
    let mut refusing = Relay::named("relay.example.com", "starttls", login()).await?;
    refusing
        .fails(json!({ "at": "ehlo", "do": "554 5.7.1 CANARY go away" }))
        .await?;
    let somebody_else = Relay::named("other.example.com", "implicit", login()).await?;
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let mut said = Vec::new();
    for (relay, port, tls) in [
        (&plain, closed, "implicit"),
        (&plain, closed, "starttls"),
        (&plain, plain.port, "implicit"),
        (&plain, plain.port, "starttls"),
        (&refusing, refusing.port, "starttls"),
        (&somebody_else, somebody_else.port, "implicit"),
    ] {
        let judge = Judge::new().allow_port(port).open("127.0.0.1/32".parse()?);
        let kind = judging(relay)?.judge(judge).resolver(names());
        let mailing = kind.open_email(&opening(to(port, tls)?, password()?)?)?;
        let checked = mailing.check().await.err().ok_or("it is fine")?;
        let nothing_yet = DeliveryErrorKind::Transient { retry_after: None };
        assert_eq!(checked.kind(), nothing_yet, "{tls}");
        said.push(checked.to_string());
        said.push(refused(&mailing, &asking(&[ALICE])?).await?.to_string());
    }
    said.dedup();
    assert_eq!(
        said,
        ["the relay could not be reached or does not speak SMTP with TLS as configured"]
    );
    Ok(())
}
