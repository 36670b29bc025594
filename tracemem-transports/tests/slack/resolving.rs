//! Channels by name: the id that stays the same while names are changed and given to others.

use serde_json::{Value, json};
use tracemem_sdk::{
    integration::{DeliveryErrorKind, Integration},
    route::Destination,
};

use super::{
    Tested,
    proxy::Fault,
    workspace::{GENERAL, Workspace, at},
};

const LIST: &str = "conversations.list";

#[tokio::test]
async fn a_name_becomes_an_id_with_and_without_its_sign() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for name in ["general", "#general", "#General"] {
        let id = slack.resolve(&Destination::new(name)).await?;
        assert_eq!(id, Some(Destination::new(GENERAL)), "{name}");
    }
    let id = slack.resolve(&Destination::new("#büro")).await?;
    assert!(id.is_some_and(|id| id.as_str().starts_with('C')));
    Ok(())
}

#[tokio::test]
async fn what_stays_the_same_already_is_not_looked_up() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for id in [
        "",
        GENERAL,
        "G012345678",
        "D012345678",
        "U012345678",
        "W012345678",
    ] {
        assert_eq!(slack.resolve(&Destination::new(id)).await?, None, "{id}");
    }
    assert!(workspace.record().all().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_name_that_no_channel_has_is_refused_before_anybody_waits_for_a_message() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    for name in ["#no-such-channel", "gener", "two words", "#", "a\u{0}b"] {
        let refused = slack.resolve(&Destination::new(name)).await;
        let kind = refused.err().map(|error| error.kind());
        assert_eq!(kind, Some(DeliveryErrorKind::Destination), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_channel_on_a_later_page_is_found_and_there_is_a_last_page() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let page = |channels: Value| {
        let page =
            json!({"ok": true, "channels": channels, "response_metadata": {"next_cursor": "next"}});
        Fault::Answer(200, "", page.to_string())
    };
    workspace.fail(
        LIST,
        page(json!([{"id": "C1", "name": "other"}, {"id": 7}, null, {"name": "wanted"}])),
    );
    workspace.fail(LIST, page(json!([{"id": "C2", "name": "wanted"}])));
    let id = slack.resolve(&Destination::new("wanted")).await?;
    assert_eq!(id, Some(Destination::new("C2")));
    let cursors: Vec<Value> = workspace
        .record()
        .of(LIST)
        .iter()
        .map(|call| at(&call.body, "/cursor").clone())
        .collect();
    assert_eq!(cursors, ["", "next"]);
    for _ in 0..20 {
        workspace.fail(LIST, page(json!([])));
    }
    let endless = slack.resolve(&Destination::new("wanted")).await;
    assert_eq!(
        endless.err().map(|error| error.kind()),
        Some(DeliveryErrorKind::Destination)
    );
    assert_eq!(workspace.record().of(LIST).len(), 12);
    Ok(())
}

#[tokio::test]
async fn an_app_that_may_not_look_at_private_channels_finds_public_ones() -> Tested {
    let workspace = Workspace::start().await?;
    workspace.fail(LIST, Fault::Code("missing_scope"));
    let id = workspace
        .slack()?
        .resolve(&Destination::new("general"))
        .await?;
    assert_eq!(id, Some(Destination::new(GENERAL)));
    workspace.fail(LIST, Fault::Code("missing_scope"));
    workspace.fail(LIST, Fault::Code("missing_scope"));
    let refused = workspace
        .slack()?
        .resolve(&Destination::new("general"))
        .await;
    assert_eq!(
        refused.err().map(|error| error.kind()),
        Some(DeliveryErrorKind::Credentials)
    );
    Ok(())
}
