//! Configurations and credentials: what is taken, and what is refused by name.

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    integration::{IntegrationKind, Need, OpenError},
    time::SystemClock,
};
use tracemem_transports::egress::Judge;

use super::{
    Tested,
    stage::{INBOUND, OUTBOUND, configuration, kind, opening},
};

const URL: &str = "https://hooks.example.com/approvals";

fn refused(fields: Value) -> Tested<String> {
    let fields = fields.as_object().cloned().unwrap_or_default();
    let kind = kind(Judge::new(), SystemClock)?;
    let error = kind.check(&fields).err().ok_or("it is taken")?;
    let opened = kind.webhook(opening(fields, &[("secret", OUTBOUND)])?);
    assert!(matches!(opened, Err(OpenError::Configuration(same)) if same == error));
    assert!(!error.to_string().contains("CANARY"), "{error}");
    Ok(error.field)
}

#[test]
fn each_wrong_field_is_named_with_its_rule() -> Tested {
    for (fields, field) in [
        (json!({}), "url"),
        (json!({"url": 1}), "url"),
        (json!({"url": "http://hooks.example.com/CANARY"}), "url"),
        (json!({"url": "https://10.0.0.1/CANARY"}), "url"),
        (json!({"url": URL, "timeout_seconds": 0}), "timeout_seconds"),
        (
            json!({"url": URL, "timeout_seconds": 31}),
            "timeout_seconds",
        ),
        (
            json!({"url": URL, "timeout_seconds": 1.5}),
            "timeout_seconds",
        ),
        (
            json!({"url": URL, "timeout_seconds": "15"}),
            "timeout_seconds",
        ),
        (
            json!({"url": URL, "timeout_seconds": 4_294_967_297_u64}),
            "timeout_seconds",
        ),
        (json!({"url": URL, "max_attempts": 0}), "max_attempts"),
        (json!({"url": URL, "max_attempts": 21}), "max_attempts"),
        (json!({"url": URL, "max_attempts": -1}), "max_attempts"),
        (json!({"url": URL, "events": []}), "events"),
        (
            json!({"url": URL, "events": "approval.requested"}),
            "events",
        ),
        (
            json!({"url": URL, "events": ["approval.decision"]}),
            "events",
        ),
        (
            json!({"url": URL, "events": ["approval.requested", "CANARY"]}),
            "events",
        ),
        (json!({"url": URL, "approver": "name"}), "approver"),
        (json!({"url": URL, "allow_http": true}), "allow_http"),
        (json!({"url": URL, "secret": "CANARY"}), "secret"),
        (json!({"url": URL, "URL": URL}), "URL"),
    ] {
        let shown = fields.to_string();
        assert_eq!(refused(fields)?, field, "{shown}");
    }
    Ok(())
}

#[test]
fn every_field_can_be_configured() -> Tested {
    let fields = json!({
        "url": URL,
        "timeout_seconds": 30,
        "max_attempts": 20,
        "events": ["approval.resolved", "approval.resolved"],
        "approver": "email",
    });
    let fields: Map<String, Value> = fields.as_object().cloned().ok_or("no object")?;
    let kind = kind(Judge::new(), SystemClock)?;
    kind.check(&fields)?;
    let opened = kind.open(opening(fields, &[("secret", OUTBOUND)])?)?;
    assert_eq!((kind.name(), opened.id().as_str()), ("webhook", "hook"));
    let needs: Vec<_> = kind
        .credentials()
        .into_iter()
        .map(|need| (need.kind.to_string(), need.need))
        .collect();
    assert_eq!(
        needs,
        [
            ("secret".to_owned(), Need::Required),
            ("inbound_secret".to_owned(), Need::Optional)
        ]
    );
    Ok(())
}

fn opened(secrets: &[(&str, &str)]) -> Tested<Result<(), OpenError>> {
    let kind = kind(Judge::new(), SystemClock)?;
    Ok(kind
        .webhook(opening(configuration(URL), secrets)?)
        .map(drop))
}

#[test]
fn a_secret_that_is_missing_or_none_is_refused() -> Tested {
    let missing = opened(&[("inbound_secret", INBOUND)])?;
    assert!(
        matches!(missing, Err(OpenError::MissingCredential(kind)) if kind.as_str() == "secret")
    );
    for (name, secrets) in [
        (
            "secret",
            [("secret", "whsec_"), ("inbound_secret", INBOUND)],
        ),
        (
            "secret",
            [("secret", "CANARY"), ("inbound_secret", INBOUND)],
        ),
        (
            "inbound_secret",
            [("secret", OUTBOUND), ("inbound_secret", "CANARY")],
        ),
        (
            "inbound_secret",
            [("secret", OUTBOUND), ("inbound_secret", "whsec_AAAA")],
        ),
    ] {
        let error = opened(&secrets)?.err().ok_or("it is opened")?;
        assert!(!format!("{error} {error:?}").contains("CANARY"));
        assert!(matches!(error, OpenError::Credential { kind, .. } if kind == name));
    }
    Ok(())
}

/// Threat 22: with one secret for both directions our own messages could be handed back to us.
#[test]
fn one_secret_for_both_directions_is_refused() -> Tested {
    let padded = "whsec_Q0FOQVJZLW91dGJvdW5kLTAxMjM0NTY3ODkAAAA=";
    for secrets in [
        &[("secret", OUTBOUND), ("inbound_secret", OUTBOUND)][..],
        &[
            ("secret", OUTBOUND),
            ("secret", INBOUND),
            ("inbound_secret", INBOUND),
        ],
        &[
            ("secret", OUTBOUND),
            ("inbound_secret", INBOUND),
            ("inbound_secret", OUTBOUND),
        ],
        // HMAC fills keys up with zeros: these two sign alike.
        &[("secret", OUTBOUND), ("inbound_secret", padded)],
    ] {
        let opened = opened(secrets)?;
        assert!(
            matches!(opened, Err(OpenError::Credential { .. })),
            "{secrets:?}"
        );
    }
    opened(&[("secret", OUTBOUND), ("inbound_secret", INBOUND)])??;
    Ok(())
}
