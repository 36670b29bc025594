//! Slack's own example, and where its libraries are less strict than this.

use serde::Deserialize;
use serde_json::json;
use tracemem_sdk::{secrets::Secret, time::Timestamp};
use tracemem_test_peers::Peer;
use tracemem_transports::{
    link::LinkKeys,
    slack::{SigningSecrets, SlackApp, SlackKind, Whose},
};

use super::paths::part;
use super::{Tested, stage::headers};

#[derive(Deserialize)]
struct Table {
    secret: String,
    now: u64,
    body: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    timestamp: String,
    signature: String,
    body: Option<String>,
    ours: String,
    slack_sdk: String,
    bolt: String,
}

/// Threat 3.
#[tokio::test]
async fn what_slacks_own_libraries_accept_too_much_is_refused() -> Tested {
    let table: Table = serde_json::from_str(include_str!("../../../tests/vectors/slack.json"))?;
    let (mut peer, _) = Peer::start("slack_sign.py", &[]).await?;
    assert_eq!(table.cases.len(), 21);
    let mut stricter = 0;
    for case in &table.cases {
        let body = case.body.as_ref().unwrap_or(&table.body);
        let question = json!({
            "secret": table.secret, "now": table.now, "timestamp": case.timestamp, "signature": case.signature, "body": body,
        });
        let theirs = peer.ask(&json!({ "verify": question })).await?;
        assert_eq!(
            part(&theirs, "/verdict").as_str(),
            Some(case.slack_sdk.as_str()),
            "{}",
            case.name
        );
        let ours = ours(&table, case, body)?;
        assert_eq!(ours, case.ours, "{}", case.name);
        // Nothing is accepted here that they refuse.
        assert!(ours == "refuse" || (case.slack_sdk == "accept" && case.bolt == "accept"));
        stricter +=
            usize::from(ours == "refuse" && (case.slack_sdk == "accept" || case.bolt == "accept"));
    }
    assert_eq!(stricter, 11);
    Ok(())
}

fn ours(table: &Table, case: &Case, body: &str) -> Tested<&'static str> {
    let app = app(SigningSecrets::new(Secret::new(table.secret.clone())?))?;
    let now = Timestamp::from_micros(table.now * 1_000_000);
    Ok(
        match status(&app, now, &case.timestamp, &case.signature, body)? {
            // The example is no click: it is believed, and then not understood.
            400 => "accept",
            401 => "refuse",
            other => return Err(format!("{other}").into()),
        },
    )
}

fn app(secrets: SigningSecrets) -> Tested<SlackApp> {
    let keys = LinkKeys::new("k1", b"CANARY-0123456789-0123456789-abc")?;
    let kind = SlackKind::new(keys).app("ours", secrets)?;
    Ok(kind.apps().next().cloned().ok_or("there is no app")?)
}

fn status(
    app: &SlackApp,
    now: Timestamp,
    timestamp: &str,
    signature: &str,
    body: &str,
) -> Tested<u16> {
    let mut request = http::Request::post("/app");
    for (name, value) in headers(timestamp, signature) {
        request = request.header(name, value);
    }
    let (parts, body) = request
        .body(bytes::Bytes::from(body.to_owned()))?
        .into_parts();
    match app.whose(&parts, &body, now) {
        Whose::Nobody(reply) => Ok(reply.status().as_u16()),
        Whose::Integration(_) => Err("somebody's".into()),
    }
}

#[tokio::test]
async fn the_secret_before_is_good_until_its_end_and_an_empty_one_is_none() -> Tested {
    let (mut peer, _) = Peer::start("slack_sign.py", &[]).await?;
    let until = Timestamp::from_micros(1_795_000_000_000_000);
    let rotating = || -> Tested<SlackApp> {
        let secrets = SigningSecrets::new(Secret::new("new")?);
        app(secrets.with_previous(Secret::new("old")?, until))
    };
    for (secret, at, expected) in [
        ("new", 1_795_000_000, 400),
        ("old", 1_794_999_999, 400),
        ("old", 1_795_000_000, 401),
        ("older", 1_794_999_999, 401),
        // What MACs are made with where there is no secret.
        ("no signing secret is configured", 1_795_000_000, 401),
    ] {
        let asked = json!({"sign": {"secret": secret, "timestamp": at.to_string(), "body": "x=y"}});
        let said = peer.ask(&asked).await?;
        let signature = part(&said, "/signature").as_str().ok_or("no signature")?;
        let now = Timestamp::from_micros(at * 1_000_000);
        let status = status(&rotating()?, now, &at.to_string(), signature, "x=y")?;
        assert_eq!(status, expected, "{secret} at {at}");
    }
    assert!(Secret::new("").is_err());
    Ok(())
}
