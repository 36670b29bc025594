//! Testing the connection: what is wrong is said by whoever must mend it, and nothing is shown to anybody.

use serde_json::{Value, json};
use tracemem_sdk::integration::{DeliveryErrorKind, Integration};

use super::{
    Tested,
    proxy::Fault,
    workspace::{APP, GENERAL, POST, TRANSIENT, Workspace},
};

#[tokio::test]
async fn a_connection_that_works_is_found_to_work() -> Tested {
    let workspace = Workspace::start().await?;
    for fields in [
        json!({}),
        json!({"app_id": APP}),
        json!({"default_channel": GENERAL}),
        json!({"default_channel": "#general"}),
        json!({"default_channel": "U000000001"}),
    ] {
        workspace.slack_with(&fields)?.check().await?;
    }
    workspace.record().scopes("channels:read, chat:write");
    workspace.slack()?.check().await?;
    assert!(workspace.record().of(POST).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_token_of_another_workspace_organisation_or_app_is_refused() -> Tested {
    let workspace = Workspace::start().await?;
    for fields in [
        json!({"workspace_id": "T999999999"}),
        json!({"enterprise_id": "E999999999"}),
        json!({"app_id": "A999999999"}),
    ] {
        let refused = workspace.slack_with(&fields)?.check().await;
        let error = refused.err().ok_or("it was fine")?;
        assert_eq!(error.kind(), DeliveryErrorKind::Credentials, "{fields}");
    }
    Ok(())
}

#[tokio::test]
async fn the_app_is_asked_for_where_slack_does_not_tell_it_by_itself() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack_with(&json!({"app_id": APP}))?;
    let me = json!({"ok": true, "team_id": "T000000001", "bot_id": "B1"});
    let bot = |app: &str| {
        Fault::Answer(
            200,
            "",
            json!({"ok": true, "bot": {"app_id": app}}).to_string(),
        )
    };
    for (bot, kind) in [
        (bot(APP), None),
        (bot("A999999999"), Some(DeliveryErrorKind::Credentials)),
        (Fault::Code("missing_scope"), None),
    ] {
        workspace.fail("auth.test", Fault::Answer(200, "", me.to_string()));
        workspace.fail("bots.info", bot);
        let checked = slack.check().await;
        assert_eq!(checked.err().map(|error| error.kind()), kind);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_may_not_post_is_refused() -> Tested {
    let workspace = Workspace::start().await?;
    workspace
        .record()
        .scopes("channels:read,chat:write.public,users:read");
    let refused = workspace.slack()?.check().await;
    let error = refused.err().ok_or("it was fine")?;
    assert_eq!(error.kind(), DeliveryErrorKind::Credentials);
    assert_eq!(
        error.to_string(),
        "the bot token lacks the scope `chat:write`"
    );
    Ok(())
}

#[tokio::test]
async fn a_default_channel_that_nothing_can_be_posted_to_is_found_out() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack_with(&json!({"default_channel": GENERAL}))?;
    let allowing = json!({"default_channel": GENERAL, "allowed_teams": ["T555555555"], "approver_ids": "team_and_user"});
    let allowing = workspace.slack_with(&allowing)?;
    let shared = json!({"is_member": true, "is_ext_shared": true});
    let private = json!({"is_member": false, "is_private": true});
    let public = json!({"is_member": false, "is_private": false});
    for (scopes, channel, slack, found) in [
        (
            "chat:write",
            json!({"is_archived": true}),
            &slack,
            Some(DeliveryErrorKind::Destination),
        ),
        (
            "chat:write",
            private.clone(),
            &slack,
            Some(DeliveryErrorKind::Destination),
        ),
        (
            "chat:write,chat:write.public",
            private,
            &slack,
            Some(DeliveryErrorKind::Destination),
        ),
        (
            "chat:write",
            public.clone(),
            &slack,
            Some(DeliveryErrorKind::Destination),
        ),
        ("chat:write,chat:write.public", public, &slack, None),
        (
            "chat:write",
            shared.clone(),
            &slack,
            Some(DeliveryErrorKind::Destination),
        ),
        ("chat:write", shared, &allowing, None),
    ] {
        workspace.record().scopes(scopes);
        let info = json!({"ok": true, "channel": channel});
        workspace.fail(
            "conversations.info",
            Fault::Answer(200, "", info.to_string()),
        );
        let checked = slack.check().await;
        assert_eq!(
            checked.err().map(|error| error.kind()),
            found,
            "{scopes} {info}"
        );
    }
    for (fault, found) in [
        (
            Fault::Code("channel_not_found"),
            Some(DeliveryErrorKind::Destination),
        ),
        (Fault::Code("missing_scope"), None),
        (
            Fault::Answer(500, "", String::new()),
            Some(DeliveryErrorKind::Ambiguous),
        ),
    ] {
        workspace.fail("conversations.info", fault);
        let checked = slack.check().await;
        assert_eq!(checked.err().map(|error| error.kind()), found);
    }
    let nowhere = workspace.slack_with(&json!({"default_channel": "no-such-channel"}))?;
    let checked = nowhere.check().await;
    assert_eq!(
        checked.err().map(|error| error.kind()),
        Some(DeliveryErrorKind::Destination)
    );
    Ok(())
}

#[tokio::test]
async fn what_slack_refuses_a_check_with_is_passed_on() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for (fault, kind) in [
        (Fault::Code("invalid_auth"), DeliveryErrorKind::Credentials),
        (
            Fault::Code("account_inactive"),
            DeliveryErrorKind::Credentials,
        ),
        (Fault::Code("org_login_required"), TRANSIENT),
        (
            Fault::Answer(200, "", json!({"ok": true}).to_string()),
            DeliveryErrorKind::Credentials,
        ),
    ] {
        workspace.fail("auth.test", fault);
        let checked = slack.check().await;
        assert_eq!(checked.err().map(|error| error.kind()), Some(kind));
    }
    assert!(
        workspace
            .record()
            .all()
            .iter()
            .all(|call| call.body != Value::Null)
    );
    Ok(())
}
