//! Requests: what is posted, where, and how often.

use serde_json::json;
use tracemem_sdk::{
    decision::event::RationaleTerm,
    integration::{Arrival, Delivery, DeliveryErrorKind, Integration},
    route::Destination,
    testing::message,
};

use super::{
    Tested,
    proxy::Fault,
    workspace::{
        GENERAL, HISTORY, POST, TOKEN, Workspace, after_a_lost_answer, at, failed, general,
        has_buttons, says,
    },
};

#[tokio::test]
async fn a_request_is_posted_with_what_is_asked_by_whom_until_when_and_two_buttons() -> Tested {
    let workspace = Workspace::start().await?;
    let message = message()?;
    workspace.slack()?.deliver(&message, &general()).await?;
    let posted = workspace.only_message(GENERAL).await?;
    for text in [
        "Apply 25% discount to sub_1042?",
        "The customer asks for it to stay on the annual plan.",
        "Why a human is asked: DISCOUNT_ABOVE_CAP",
        "discount_percent: 25",
        "Asked by the agent agent",
        "for revops_bot",
        "Answer before 2026-11-19 11:06:40 UTC.",
        "An answer must say why.",
        message.approval.as_str(),
    ] {
        says(&posted, text);
    }
    let blocks = at(&posted, "/blocks").as_array().ok_or("no blocks")?;
    let buttons = at(blocks.last().ok_or("no block")?, "/elements").clone();
    assert_eq!(at(&buttons, "/0/action_id"), "tm.approve");
    assert_eq!(at(&buttons, "/1/action_id"), "tm.reject");
    assert_eq!(at(&buttons, "/0/value"), at(&buttons, "/1/value"));
    assert!(
        at(&buttons, "/0/value")
            .as_str()
            .is_some_and(|value| value.starts_with("v1.k1."))
    );
    assert_eq!(
        at(&posted, "/text"),
        "Approval needed: Apply 25% discount to sub_1042?"
    );
    Ok(())
}

#[tokio::test]
async fn everybody_can_read_the_metadata_so_it_holds_ids_only() -> Tested {
    let workspace = Workspace::start().await?;
    let message = message()?;
    workspace.slack()?.deliver(&message, &general()).await?;
    let posted = workspace.only_message(GENERAL).await?;
    let ids =
        json!({"approval_id": message.approval.as_str(), "delivery_id": message.delivery.as_str()});
    assert_eq!(
        *at(&posted, "/metadata"),
        json!({"event_type": "tm_approval", "event_payload": ids})
    );
    Ok(())
}

#[tokio::test]
async fn slack_is_told_to_make_nothing_of_what_it_is_sent() -> Tested {
    let workspace = Workspace::start().await?;
    workspace.slack()?.deliver(&message()?, &general()).await?;
    let calls = workspace.record().of(POST);
    let call = calls.first().ok_or("nothing was posted")?;
    assert_eq!(call.authorization, format!("Bearer {TOKEN}"));
    assert_eq!(at(&call.body, "/parse"), "none");
    for no in ["mrkdwn", "unfurl_links", "unfurl_media"] {
        assert_eq!(at(&call.body, &format!("/{no}")), false, "{no}");
    }
    assert_eq!(call.body.get("link_names"), None);
    Ok(())
}

#[tokio::test]
async fn the_handle_names_the_message_by_the_id_of_its_channel() -> Tested {
    let workspace = Workspace::start().await?;
    let delivery = workspace
        .slack()?
        .deliver(&message()?, &Destination::new("#general"))
        .await?;
    let handle: serde_json::Value = serde_json::from_str(&delivery.handle)?;
    let posted = workspace.only_message(GENERAL).await?;
    assert_eq!(
        handle,
        json!({"channel": GENERAL, "ts": at(&posted, "/ts"), "name": "general"})
    );
    assert_eq!(delivery.arrival, Arrival::Certain);
    Ok(())
}

#[tokio::test]
async fn a_route_without_a_channel_goes_to_the_default_channel() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack_with(&json!({"default_channel": "#general"}))?;
    slack.deliver(&message()?, &Destination::new("")).await?;
    workspace.only_message(GENERAL).await?;
    let refused = workspace
        .slack()?
        .deliver(&message()?, &Destination::new(""))
        .await;
    assert_eq!(
        refused.err().map(|error| error.kind()),
        Some(DeliveryErrorKind::Destination)
    );
    assert_eq!(workspace.record().all().len(), 1);
    Ok(())
}

#[tokio::test]
async fn where_people_write_why_in_the_message_it_has_a_field_for_it() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack_with(&json!({"rationale_input": "in_message"}))?;
    let mut optional = message()?;
    optional.requirements.rationale = RationaleTerm::Optional;
    slack.deliver(&message()?, &general()).await?;
    slack
        .deliver(&optional, &Destination::new("C000000002"))
        .await?;
    for (channel, is_optional) in [(GENERAL, false), ("C000000002", true)] {
        let posted = workspace.only_message(channel).await?;
        let blocks = at(&posted, "/blocks").as_array().ok_or("no blocks")?;
        let input = blocks
            .iter()
            .find(|block| at(block, "/type") == "input")
            .ok_or("no field")?;
        assert_eq!(at(input, "/block_id"), "tm.rationale");
        assert_eq!(at(input, "/element/action_id"), "tm.rationale");
        assert_eq!(at(input, "/optional"), is_optional);
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_only_notifies_has_nothing_to_click_on() -> Tested {
    let workspace = Workspace::start().await?;
    let slack =
        workspace.slack_with(&json!({"mode": "notify_only", "rationale_input": "in_message"}))?;
    slack.deliver(&message()?, &general()).await?;
    let posted = workspace.only_message(GENERAL).await?;
    says(&posted, "Apply 25% discount");
    assert!(!has_buttons(&posted));
    Ok(())
}

#[tokio::test]
async fn what_is_known_to_be_there_is_not_posted_again() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let mut message = message()?;
    let first = slack.deliver(&message, &general()).await?;
    message.attempt = 2;
    message.earlier = vec![Delivery::possibly_of(&message, &general()), first.clone()];
    assert_eq!(slack.deliver(&message, &general()).await?, first);
    assert_eq!(workspace.record().all().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_was_posted_elsewhere_is_posted_where_the_route_leads_now() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let mut message = message()?;
    let first = slack
        .deliver(&message, &Destination::new("C000000002"))
        .await?;
    message.earlier = vec![first];
    slack.deliver(&message, &general()).await?;
    workspace.only_message(GENERAL).await?;
    Ok(())
}

#[tokio::test]
async fn after_a_lost_answer_what_was_posted_is_found_and_not_posted_again() -> Tested {
    for fault in [Fault::CutAfter, Fault::CodeAfter("fatal_error")] {
        let workspace = Workspace::start().await?;
        let slack = workspace.slack()?;
        // Neither an earlier request of ours nor somebody else's message is it.
        slack.deliver(&message()?, &general()).await?;
        workspace.clock.advance(std::time::Duration::from_secs(5));
        let message = message()?;
        workspace.fail(POST, fault);
        let lost = slack.deliver(&message, &general()).await;
        assert_eq!(
            lost.err().map(|error| error.kind()),
            Some(DeliveryErrorKind::Ambiguous)
        );
        workspace
            .ask(POST, &json!({"channel": GENERAL, "text": "hello"}))
            .await?;
        workspace.clock.advance(std::time::Duration::from_secs(5));
        let again = after_a_lost_answer(&message, &general());
        let delivery = slack.deliver(&again, &general()).await?;
        assert_eq!(workspace.record().of(POST).len(), 2);
        let messages = workspace.messages(GENERAL).await?;
        let ts = at(messages.get(1).ok_or("nothing was posted")?, "/ts").clone();
        assert_eq!(
            delivery.handle,
            json!({"channel": GENERAL, "ts": ts}).to_string()
        );
    }
    Ok(())
}

#[tokio::test]
async fn after_a_lost_answer_that_nobody_can_look_for_the_human_is_asked_again() -> Tested {
    for code in ["missing_scope", "ratelimited", "internal_error"] {
        let workspace = Workspace::start().await?;
        let slack = workspace.slack()?;
        let message = message()?;
        workspace.fail(POST, Fault::CodeAfter("fatal_error"));
        workspace.fail(HISTORY, Fault::Code(code));
        assert_eq!(
            failed_again(&slack, &message).await?,
            DeliveryErrorKind::Ambiguous
        );
        workspace.clock.advance(std::time::Duration::from_secs(5));
        slack
            .deliver(&after_a_lost_answer(&message, &general()), &general())
            .await?;
        assert_eq!(workspace.messages(GENERAL).await?.len(), 2, "{code}");
    }
    Ok(())
}

async fn failed_again(
    slack: &impl Integration,
    message: &tracemem_sdk::approval::ApprovalMessage,
) -> Tested<DeliveryErrorKind> {
    let lost = slack.deliver(message, &general()).await;
    Ok(lost.err().ok_or("it was delivered")?.kind())
}

/// Threat 45.
#[tokio::test]
async fn a_request_that_slack_finds_fault_with_is_posted_once_more_in_plain_words() -> Tested {
    for code in ["invalid_blocks", "msg_too_long", "invalid_metadata_schema"] {
        let workspace = Workspace::start().await?;
        let slack = workspace.slack()?;
        let mut message = message()?;
        message.title = "Pay\u{202e} für <@U1>?".to_owned();
        workspace.fail(POST, Fault::Code(code));
        let delivery = slack.deliver(&message, &general()).await?;
        let posted = workspace.only_message(GENERAL).await?;
        says(&posted, "Approval needed: Pay? f?r <@U1>?");
        says(&posted, "Slack could not show this request in full");
        assert!(has_buttons(&posted));
        assert!(delivery.handle.contains("\"rendering\":\"text_only\""));
        assert_eq!(workspace.record().of(POST).len(), 2);
    }
    Ok(())
}

/// Threat 45.
#[tokio::test]
async fn a_request_that_slack_finds_fault_with_twice_is_a_fault_of_ours() -> Tested {
    let workspace = Workspace::start().await?;
    workspace.fail(POST, Fault::Code("invalid_blocks"));
    workspace.fail(POST, Fault::Code("invalid_blocks"));
    let error = failed(&workspace.slack()?).await?;
    assert_eq!(error.kind(), DeliveryErrorKind::Message);
    assert_eq!(workspace.record().of(POST).len(), 2);
    Ok(())
}
