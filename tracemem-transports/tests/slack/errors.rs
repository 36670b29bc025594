//! What Slack answers, and what the worker is told to do about it.

use std::{error::Error, time::Duration};

use serde_json::json;
use tracemem_sdk::integration::{DeliveryError, DeliveryErrorKind, Integration};

use super::{
    Tested,
    proxy::Fault,
    workspace::{KEY, POST, SIGNING, TOKEN, TRANSIENT, Workspace, failed, failed_at, kind, open},
};

/// The codes of Slack's reference of `chat.postMessage`, by what is to be done.
const CODES: [(DeliveryErrorKind, &[&str]); 5] = [
    (
        TRANSIENT,
        &[
            "team_added_to_org",
            "org_login_required",
            "external_channel_migrating",
            "streaming_state_conflict",
            "hash_conflict",
        ],
    ),
    (
        DeliveryErrorKind::Ambiguous,
        &[
            "fatal_error",
            "internal_error",
            "service_unavailable",
            "request_timeout",
            "update_failed",
        ],
    ),
    (
        DeliveryErrorKind::Credentials,
        &[
            "invalid_auth",
            "not_authed",
            "account_inactive",
            "token_revoked",
            "token_expired",
            "missing_scope",
            "not_allowed_token_type",
            "no_permission",
            "access_denied",
            "app_access_restricted",
            "two_factor_setup_required",
            "ekm_access_denied",
            "accesslimited",
            "enterprise_is_restricted",
            "is_bot",
        ],
    ),
    (
        DeliveryErrorKind::Destination,
        &[
            "channel_not_found",
            "not_in_channel",
            "is_archived",
            "is_inactive",
            "restricted_action",
            "restricted_action_read_only_channel",
            "restricted_action_thread_only_channel",
            "messages_tab_disabled",
            "team_not_found",
        ],
    ),
    (
        DeliveryErrorKind::Message,
        &[
            "invalid_blocks",
            "invalid_blocks_format",
            "msg_blocks_too_long",
            "msg_too_long",
            "no_text",
            "invalid_arg_name",
            "invalid_array_arg",
            "invalid_charset",
            "invalid_form_data",
            "invalid_post_type",
            "missing_post_type",
            "markdown_text_conflict",
            "metadata_too_large",
            "invalid_metadata_format",
            "invalid_metadata_schema",
            "too_many_attachments",
            "block_mismatch",
            "view_too_large",
            "duplicate_external_id",
            "unknown_method",
            "method_deprecated",
        ],
    ),
];

#[tokio::test]
async fn every_code_of_slacks_leads_to_what_mends_it() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for (kind, codes) in CODES {
        for code in codes {
            workspace.clock.advance(Duration::from_secs(1));
            workspace.fail(POST, Fault::Code(code));
            if kind == DeliveryErrorKind::Message {
                // It is sent once more, with less.
                workspace.fail(POST, Fault::Code(code));
            }
            let error = failed(&slack).await?;
            assert_eq!(error.kind(), kind, "{code}");
            let said = error.to_string();
            assert!(
                said.starts_with(&format!("slack refused `chat.postMessage` with `{code}`")),
                "{said}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_code_that_nobody_knows_is_tried_three_times() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for (attempt, kind) in [
        (1, TRANSIENT),
        (2, TRANSIENT),
        (3, DeliveryErrorKind::Message),
        (7, DeliveryErrorKind::Message),
    ] {
        workspace.clock.advance(Duration::from_secs(1));
        workspace.fail(POST, Fault::Code("a_new_code"));
        assert_eq!(failed_at(&slack, attempt).await?.kind(), kind, "{attempt}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_code_is_not_repeated() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let long = "x".repeat(200);
    for code in [
        json!("<!channel> CANARY"),
        json!({"CANARY": 1}),
        json!(long),
        json!(null),
        json!("line\nCANARY"),
    ] {
        workspace.clock.advance(Duration::from_secs(1));
        let body = json!({"ok": false, "error": code, "needed": "CANARY scope"});
        workspace.fail(POST, Fault::Answer(200, "", body.to_string()));
        let error = failed(&slack).await?;
        assert_eq!(
            error.to_string(),
            "slack refused `chat.postMessage` with `unreadable`"
        );
        assert_eq!(error.kind(), TRANSIENT);
    }
    Ok(())
}

#[tokio::test]
async fn http_200_is_no_success() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for body in [
        "",
        "null",
        "[]",
        "\"ok\"",
        "{}",
        "{\"ok\": 1}",
        "{\"ok\": \"true\"}",
        "<html>",
        "{\"ok\": true}",
        "{\"ok\": true, \"ts\": \"1.2\"}",
    ] {
        workspace.clock.advance(Duration::from_secs(1));
        workspace.fail(POST, Fault::Answer(200, "", body.to_owned()));
        assert_eq!(
            failed(&slack).await?.kind(),
            DeliveryErrorKind::Ambiguous,
            "{body}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_status_says_whether_slack_can_have_posted_it() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for (status, kind) in [
        (500, DeliveryErrorKind::Ambiguous),
        (502, DeliveryErrorKind::Ambiguous),
        (503, DeliveryErrorKind::Ambiguous),
        (504, DeliveryErrorKind::Ambiguous),
        (301, TRANSIENT),
        (403, TRANSIENT),
        (404, TRANSIENT),
    ] {
        workspace.clock.advance(Duration::from_secs(1));
        workspace.fail(
            POST,
            Fault::Answer(
                status,
                "location: http://127.0.0.1:9/\r\n",
                "{\"ok\": true}".to_owned(),
            ),
        );
        assert_eq!(failed(&slack).await?.kind(), kind, "{status}");
    }
    // Nothing was followed and nothing was tried again.
    assert_eq!(workspace.record().all().len(), 7);
    Ok(())
}

#[tokio::test]
async fn slack_that_is_not_there_was_surely_not_asked() -> Tested {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/api/", closed.local_addr()?);
    drop(closed);
    let slack = open(&kind(&url)?, &json!({}))?;
    let error = failed(&slack).await?;
    assert_eq!(error.kind(), TRANSIENT);
    assert!(!printed(&error).contains(&url), "{error:?}");
    Ok(())
}

/// Threat 28.
#[tokio::test]
async fn an_answer_is_read_to_a_limit_and_within_a_time() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    workspace.fail(POST, Fault::Endless);
    // Long before its time is over.
    let endless = tokio::time::timeout(Duration::from_secs(5), failed(&slack)).await??;
    workspace.clock.advance(Duration::from_secs(1));
    workspace.fail(POST, Fault::Trickle);
    let trickle = failed(&slack);
    let silent = async {
        let other = workspace.slack_with(&json!({"app_id": "A000000001"}))?;
        workspace.fail(POST, Fault::Silence);
        failed(&other).await
    };
    let limit = Duration::from_secs(15);
    let (trickle, silent) =
        tokio::time::timeout(limit, async { tokio::join!(trickle, silent) }).await?;
    for error in [endless, trickle?, silent?] {
        assert_eq!(error.kind(), DeliveryErrorKind::Ambiguous);
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_may_have_asked() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    workspace.fail(POST, Fault::CutAfter);
    assert_eq!(failed(&slack).await?.kind(), DeliveryErrorKind::Ambiguous);
    assert_eq!(workspace.record().all().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_missing_scope_is_named() -> Tested {
    let workspace = Workspace::start().await?;
    workspace.fail(POST, Fault::Code("missing_scope"));
    let error = failed(&workspace.slack()?).await?;
    let said =
        "slack refused `chat.postMessage` with `missing_scope`; the token needs `chat:write`";
    assert_eq!(error.to_string(), said);
    Ok(())
}

/// Threat 29.
#[tokio::test]
async fn no_failure_prints_a_secret() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let faults = [
        Fault::Code("invalid_auth"),
        Fault::Code("CANARY"),
        Fault::Answer(500, "", "CANARY".to_owned()),
        Fault::Answer(302, "location: http://127.0.0.1/CANARY\r\n", String::new()),
        Fault::Answer(429, "retry-after: CANARY\r\n", "CANARY".to_owned()),
        Fault::Answer(200, "", TOKEN.to_owned()),
        Fault::CutAfter,
        Fault::Endless,
    ];
    for fault in faults {
        workspace.clock.advance(Duration::from_secs(3_600));
        workspace.fail(POST, fault);
        let error = failed(&slack).await?;
        secret_free(&printed(&error));
    }
    workspace.fail("auth.test", Fault::Code("invalid_auth"));
    secret_free(&printed(&slack.check().await.err().ok_or("it was fine")?));
    secret_free(&format!("{slack:?} {slack:#?} {:?}", workspace.kind()?));
    Ok(())
}

#[track_caller]
fn secret_free(text: &str) {
    for secret in ["CANARY", TOKEN, SIGNING, &String::from_utf8_lossy(KEY)] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// Everything that a logger may print of an error.
fn printed(error: &DeliveryError) -> String {
    let mut all = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        all.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    all
}
