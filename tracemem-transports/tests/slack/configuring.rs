//! Configurations and credentials: what is refused names the field and the rule, and repeats nothing.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    integration::{Credentials, Integration, IntegrationKind, Need, OpenError},
    secrets::Secret,
};
use tracemem_transports::slack::{
    ApiUrl, ApproverIds, RationaleInput, SigningSecrets, Slack, SlackConfig, SlackMode,
};

use super::{
    Tested,
    workspace::{SIGNING, TOKEN, credentials, kind, opening},
};

const NOWHERE: &str = "http://127.0.0.1:9/api/";

fn fields(fields: &Value) -> Map<String, Value> {
    fields.as_object().cloned().unwrap_or_default()
}

#[test]
fn the_products_two_fields_are_enough() -> Tested {
    for given in [
        json!({"workspace_id": "T024BE7LD", "default_channel": "#finance-approvals"}),
        json!({"team_id": "T024BE7LD", "default_channel": "#finance-approvals", "app_id": null}),
    ] {
        let config = SlackConfig::parse(&fields(&given))?;
        assert_eq!(config.team_id, "T024BE7LD");
        assert_eq!(
            config.default_channel.as_deref(),
            Some("#finance-approvals")
        );
        assert_eq!(config.mode, SlackMode::Interactive);
        assert_eq!(config.rationale_input, RationaleInput::Modal);
        assert_eq!(config.approver_ids, ApproverIds::User);
        assert_eq!(config.allowed_teams, BTreeSet::new());
    }
    let bare = SlackConfig::parse(&fields(
        &json!({"workspace_id": "T1", "default_channel": ""}),
    ))?;
    assert_eq!(bare, SlackConfig::new("T1")?);
    Ok(())
}

#[test]
fn every_wrong_field_is_named_with_its_rule() -> Tested {
    let kind = kind(NOWHERE)?;
    for (given, field) in [
        (json!({}), "workspace_id"),
        (json!({"workspace_id": 7}), "workspace_id"),
        (json!({"workspace_id": "CANARY"}), "workspace_id"),
        (json!({"workspace_id": "T"}), "workspace_id"),
        (json!({"workspace_id": "Tabc"}), "workspace_id"),
        (json!({"workspace_id": "T1", "team_id": "T2"}), "team_id"),
        (json!({"workspace_id": "T1", "app_id": "CANARY"}), "app_id"),
        (
            json!({"workspace_id": "T1", "enterprise_id": "T1"}),
            "enterprise_id",
        ),
        (
            json!({"workspace_id": "T1", "default_channel": "CANARY two"}),
            "default_channel",
        ),
        (
            json!({"workspace_id": "T1", "default_channel": "#"}),
            "default_channel",
        ),
        (
            json!({"workspace_id": "T1", "default_channel": "x".repeat(81)}),
            "default_channel",
        ),
        (json!({"workspace_id": "T1", "mode": "CANARY"}), "mode"),
        (
            json!({"workspace_id": "T1", "rationale_input": true}),
            "rationale_input",
        ),
        (
            json!({"workspace_id": "T1", "approver_ids": "CANARY"}),
            "approver_ids",
        ),
        (
            json!({"workspace_id": "T1", "allowed_teams": "T2"}),
            "allowed_teams",
        ),
        (
            json!({"workspace_id": "T1", "allowed_teams": ["CANARY"]}),
            "allowed_teams",
        ),
        (
            json!({"workspace_id": "T1", "allowed_teams": [7]}),
            "allowed_teams",
        ),
        (
            json!({"workspace_id": "T1", "allowed_teams": vec!["T2"; 101]}),
            "allowed_teams",
        ),
        (
            json!({"workspace_id": "T1", "allowed_teams": ["T2"]}),
            "approver_ids",
        ),
        (json!({"workspace_id": "T1", "app": "CANARY"}), "app"),
        (json!({"workspace_id": "T1", "app": "unknown"}), "app"),
        (
            json!({"workspace_id": "T1", "CANARY": "xoxb-1"}),
            "configuration",
        ),
        (
            json!({"workspace_id": "T1", "api_url": "https://example.org/"}),
            "configuration",
        ),
    ] {
        let refused = kind
            .check(&fields(&given))
            .err()
            .ok_or_else(|| format!("{given} was taken"))?;
        assert_eq!(refused.field, field, "{given}");
        assert!(!refused.rule.is_empty());
        assert!(
            !format!("{refused} {refused:?}").contains("CANARY"),
            "{refused}"
        );
        // What is refused cannot be opened either.
        if field != "configuration" && given.get("workspace_id").is_some() && field != "team_id" {
            let opened = kind.open(opening(&given, credentials()?)?);
            assert!(
                matches!(opened, Err(OpenError::Configuration(_))),
                "{given}"
            );
        }
    }
    Ok(())
}

#[test]
fn an_integration_needs_a_bot_token_and_to_take_clicks_a_signing_secret() -> Tested {
    let kind = kind(NOWHERE)?;
    let needs: Vec<_> = kind
        .credentials()
        .into_iter()
        .map(|need| (need.kind.as_str().to_owned(), need.need))
        .collect();
    assert_eq!(
        needs,
        [
            ("bot_token".to_owned(), Need::Required),
            ("signing_secret".to_owned(), Need::Optional)
        ]
    );
    let token = || -> Tested<Credentials> {
        Ok(Credentials::new().and("bot_token".parse()?, Secret::new(TOKEN)?))
    };
    let missing = |opened: Result<Slack, OpenError>| match opened {
        Err(OpenError::MissingCredential(kind)) => Some(kind.as_str().to_owned()),
        Err(_) | Ok(_) => None,
    };
    let nothing = kind.open_slack(opening(&json!({}), Credentials::new())?);
    assert_eq!(missing(nothing).as_deref(), Some("bot_token"));
    let unsigned = kind.open_slack(opening(&json!({}), token()?)?);
    assert_eq!(missing(unsigned).as_deref(), Some("signing_secret"));
    kind.open_slack(opening(&json!({"mode": "notify_only"}), token()?)?)?;
    let of_an_app = kind.app("ours", SigningSecrets::new(Secret::new(SIGNING)?))?;
    of_an_app.open_slack(opening(&json!({"app": "ours"}), token()?)?)?;
    Ok(())
}

#[test]
fn what_is_no_bot_token_never_travels() -> Tested {
    for token in [
        "CANARY",
        "Bearer xoxb-1",
        "xoxb-1\r\nCookie: a",
        "xoxb-ü",
        " xoxb-1",
    ] {
        let credentials = Credentials::new()
            .and("bot_token".parse()?, Secret::new(token)?)
            .and("signing_secret".parse()?, Secret::new(SIGNING)?);
        let refused = kind(NOWHERE)?
            .open(opening(&json!({}), credentials)?)
            .err()
            .ok_or("it was opened")?;
        assert!(matches!(refused, OpenError::Credential { .. }), "{token}");
        assert!(!format!("{refused} {refused:?}").contains(token));
    }
    Ok(())
}

#[test]
fn a_host_names_its_apps_and_gives_each_a_secret() -> Tested {
    assert!(
        kind(NOWHERE)?
            .app("Ours!", SigningSecrets::new(Secret::new(SIGNING)?))
            .is_err()
    );
    let kind = kind(NOWHERE)?.app("ours", SigningSecrets::new(Secret::new(SIGNING)?))?;
    kind.check(&fields(&json!({"workspace_id": "T1", "app": "ours"})))?;
    assert!(!format!("{kind:?}").contains("CANARY"));
    Ok(())
}

#[test]
fn a_host_builds_one_without_a_row() -> Tested {
    let slack = Slack::new(
        "ours".parse()?,
        SlackConfig::new("T1")?,
        &credentials()?,
        &kind(NOWHERE)?,
    )?;
    assert_eq!(slack.id().as_str(), "ours");
    let mut wrong = SlackConfig::new("T1")?;
    wrong.app_id = Some("CANARY".to_owned());
    let refused = Slack::new("ours".parse()?, wrong, &credentials()?, &kind(NOWHERE)?);
    assert!(matches!(refused, Err(OpenError::Configuration(_))));
    Ok(())
}

#[test]
fn tokens_travel_in_the_clear_to_this_machine_only() {
    for url in [
        "https://slack.com/api/",
        "https://slack-gov.com/api/",
        "http://127.0.0.1:1/api/",
        "http://localhost/",
        "http://[::1]:1/",
    ] {
        assert!(ApiUrl::parse(url).is_ok(), "{url}");
    }
    for url in [
        "http://slack.com/api/",
        "https://slack.com/api",
        "https://u@slack.com/api/",
        "https://u:p@slack.com/api/",
        "https://slack.com/api/?a=/",
        "https://slack.com/api/#/",
        "http://127.0.0.1.example.org/",
        "http://localhost.example.org/",
        "ftp://127.0.0.1/",
        "data:text/plain,/",
        "slack.com/api/",
        "",
    ] {
        assert!(ApiUrl::parse(url).is_err(), "{url}");
    }
    assert_eq!(
        ApiUrl::parse("https://slack.com/api/"),
        Ok(ApiUrl::default())
    );
}
