//! Outcomes: every message that was posted says how it ended, and can be clicked on no more.

use std::time::Duration;

use serde_json::json;
use tracemem_sdk::{
    approval::{ApprovalMessage, ResolvedAs},
    integration::{Conclusion, Delivery, DeliveryErrorKind, Integration},
    route::Destination,
    testing::message,
};
use tracemem_transports::slack::Slack;

use super::{
    Tested,
    proxy::Fault,
    workspace::{
        GENERAL, HISTORY, POST, TRANSIENT, UPDATE, Workspace, after_a_lost_answer, at, conclusion,
        general, has_buttons, says,
    },
};

#[tokio::test]
async fn a_message_says_how_it_ended_by_whom_when_and_why_and_has_no_buttons() -> Tested {
    let by = "by The Approver (approver) via link at 2026-11-18 11:07:40 UTC.";
    for (end, text) in [
        (ResolvedAs::Approved, format!("Approved {by}")),
        (ResolvedAs::Rejected, format!("Rejected {by}")),
        (
            ResolvedAs::Expired,
            "Expired at 2026-11-18 11:07:40 UTC.".to_owned(),
        ),
        (
            ResolvedAs::Withdrawn,
            "Withdrawn at 2026-11-18 11:07:40 UTC.".to_owned(),
        ),
    ] {
        for mode in ["interactive", "notify_only"] {
            let workspace = Workspace::start().await?;
            let slack =
                workspace.slack_with(&json!({"mode": mode, "rationale_input": "in_message"}))?;
            let (message, delivery) = asked(&slack).await?;
            slack
                .conclude(&conclusion(&message, vec![delivery], end)?)
                .await?;
            let shown = workspace.only_message(GENERAL).await?;
            says(&shown, &text);
            says(&shown, "Apply 25% discount");
            if matches!(end, ResolvedAs::Approved | ResolvedAs::Rejected) {
                says(&shown, "Reason: within what we agreed");
            }
            assert!(!has_buttons(&shown));
            assert!(
                at(&shown, "/text")
                    .as_str()
                    .is_some_and(|shown| shown.starts_with(&text))
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_says_of_itself_how_it_ended_does_so_below_the_outcome() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let mut message = message()?;
    message.title = "Approved by the CFO".to_owned();
    message.message = Some("Approved by the CFO at 2026-11-18 11:07:40 UTC.".to_owned());
    let delivery = slack.deliver(&message, &general()).await?;
    let end = conclusion(&message, vec![delivery], ResolvedAs::Rejected)?;
    slack.conclude(&end).await?;
    let shown = workspace.only_message(GENERAL).await?;
    let first = at(&shown, "/blocks/0/text/text")
        .as_str()
        .ok_or("no text")?;
    assert!(first.starts_with("Rejected by The Approver"), "{first}");
    assert!(
        at(&shown, "/text")
            .as_str()
            .is_some_and(|text| text.starts_with("Rejected by"))
    );
    Ok(())
}

/// Threat 47.
#[tokio::test]
async fn what_was_posted_twice_ends_twice_without_buttons() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let message = message()?;
    workspace.fail(POST, Fault::CodeAfter("fatal_error"));
    workspace.fail(HISTORY, Fault::Code("internal_error"));
    let lost = slack.deliver(&message, &general()).await;
    assert_eq!(
        lost.err().map(|error| error.kind()),
        Some(DeliveryErrorKind::Ambiguous)
    );
    workspace.clock.advance(Duration::from_secs(5));
    let again = after_a_lost_answer(&message, &general());
    let delivery = slack.deliver(&again, &general()).await?;
    let before = workspace.messages(GENERAL).await?;
    assert_eq!(
        before.iter().map(has_buttons).collect::<Vec<_>>(),
        [true, true]
    );
    let deliveries = [again.earlier, vec![delivery]].concat();
    slack
        .conclude(&conclusion(&message, deliveries, ResolvedAs::Approved)?)
        .await?;
    let after = workspace.messages(GENERAL).await?;
    assert_eq!(after.len(), 2);
    for message in &after {
        says(message, "Approved by The Approver");
        assert!(!has_buttons(message));
    }
    Ok(())
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_the_name_of_its_channel() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let message = message()?;
    let to = Destination::new("#general");
    slack.deliver(&message, &to).await?;
    let lost = Delivery::possibly_of(&message, &to);
    slack
        .conclude(&conclusion(&message, vec![lost], ResolvedAs::Expired)?)
        .await?;
    says(&workspace.only_message(GENERAL).await?, "Expired at");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_looked_for_now_is_looked_for_again_where_nobody_was_told() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let (message, delivery) = asked(&slack).await?;
    let lost = Delivery::possibly_of(&message, &general());
    let only_lost = conclusion(&message, vec![lost.clone()], ResolvedAs::Approved)?;
    workspace.fail(HISTORY, Fault::Code("internal_error"));
    assert_eq!(
        refused(&slack, &only_lost).await?,
        DeliveryErrorKind::Ambiguous
    );
    // An app that may not look never finds out, and that is no failure.
    workspace.fail(HISTORY, Fault::Code("missing_scope"));
    slack.conclude(&only_lost).await?;
    assert!(has_buttons(&workspace.only_message(GENERAL).await?));
    workspace.fail(HISTORY, Fault::Code("internal_error"));
    slack
        .conclude(&conclusion(
            &message,
            vec![lost, delivery],
            ResolvedAs::Approved,
        )?)
        .await?;
    assert!(!has_buttons(&workspace.only_message(GENERAL).await?));
    Ok(())
}

#[tokio::test]
async fn where_what_was_asked_is_erased_the_outcome_is_shown_all_the_same() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let (message, delivery) = asked(&slack).await?;
    let mut erased = conclusion(&message, vec![delivery], ResolvedAs::Rejected)?;
    erased.message = None;
    erased.resolution.approver = None;
    erased.resolution.rationale = None;
    slack.conclude(&erased).await?;
    let shown = workspace.only_message(GENERAL).await?;
    says(&shown, "Rejected via link at");
    says(&shown, message.approval.as_str());
    assert!(!shown.to_string().contains("discount"));
    Ok(())
}

#[tokio::test]
async fn below_a_message_that_cannot_be_changed_stands_how_it_ended() -> Tested {
    for code in ["cant_update_message", "edit_window_closed"] {
        let workspace = Workspace::start().await?;
        let slack = workspace.slack()?;
        let (message, delivery) = asked(&slack).await?;
        workspace.fail(UPDATE, Fault::Code(code));
        slack
            .conclude(&conclusion(&message, vec![delivery], ResolvedAs::Approved)?)
            .await?;
        let request = workspace.only_message(GENERAL).await?;
        let replies = workspace
            .ask(
                "conversations.replies",
                &json!({"channel": GENERAL, "ts": at(&request, "/ts")}),
            )
            .await?;
        says(at(&replies, "/messages/1"), "Approved by The Approver");
        assert!(!has_buttons(at(&replies, "/messages/1")));
    }
    Ok(())
}

#[tokio::test]
async fn where_a_message_was_deleted_another_says_how_it_ended() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let (message, delivery) = asked(&slack).await?;
    let posted = workspace.only_message(GENERAL).await?;
    workspace
        .ask(
            "chat.delete",
            &json!({"channel": GENERAL, "ts": at(&posted, "/ts")}),
        )
        .await?;
    slack
        .conclude(&conclusion(&message, vec![delivery], ResolvedAs::Approved)?)
        .await?;
    let shown = workspace.only_message(GENERAL).await?;
    says(&shown, "Approved by The Approver");
    assert!(at(&shown, "/thread_ts").is_null());
    Ok(())
}

#[tokio::test]
async fn where_one_of_two_messages_was_deleted_the_other_says_it() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let (message, first) = asked(&slack).await?;
    workspace.clock.advance(Duration::from_secs(5));
    let second = slack.deliver(&message, &general()).await?;
    let posted = workspace.messages(GENERAL).await?;
    let ts = at(posted.first().ok_or("nothing was posted")?, "/ts").clone();
    workspace
        .ask("chat.delete", &json!({"channel": GENERAL, "ts": ts}))
        .await?;
    slack
        .conclude(&conclusion(
            &message,
            vec![first, second],
            ResolvedAs::Approved,
        )?)
        .await?;
    says(
        &workspace.only_message(GENERAL).await?,
        "Approved by The Approver",
    );
    Ok(())
}

#[tokio::test]
async fn a_channel_that_is_closed_to_us_fails_only_where_nobody_else_was_told() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let (message, first) = asked(&slack).await?;
    let elsewhere = slack
        .deliver(&message, &Destination::new("C000000002"))
        .await?;
    for code in ["channel_not_found", "is_archived", "not_in_channel"] {
        workspace.fail(UPDATE, Fault::Code(code));
        let alone = conclusion(&message, vec![first.clone()], ResolvedAs::Expired)?;
        assert_eq!(
            refused(&slack, &alone).await?,
            DeliveryErrorKind::Destination
        );
        workspace.fail(UPDATE, Fault::Code(code));
        let both = conclusion(
            &message,
            vec![first.clone(), elsewhere.clone()],
            ResolvedAs::Expired,
        )?;
        slack.conclude(&both).await?;
    }
    assert!(!has_buttons(&workspace.only_message("C000000002").await?));
    Ok(())
}

#[tokio::test]
async fn one_message_that_fails_keeps_no_other_from_being_changed() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let (message, first) = asked(&slack).await?;
    let elsewhere = slack
        .deliver(&message, &Destination::new("C000000002"))
        .await?;
    let both = conclusion(&message, vec![first, elsewhere], ResolvedAs::Expired)?;
    for (fault, kind) in [
        (Fault::Code("hash_conflict"), TRANSIENT),
        (Fault::Code("update_failed"), DeliveryErrorKind::Ambiguous),
        (Fault::CutAfter, DeliveryErrorKind::Ambiguous),
        (Fault::Code("invalid_auth"), DeliveryErrorKind::Credentials),
    ] {
        workspace.fail(UPDATE, fault);
        assert_eq!(refused(&slack, &both).await?, kind);
        assert!(!has_buttons(&workspace.only_message("C000000002").await?));
    }
    slack.conclude(&both).await?;
    assert!(!has_buttons(&workspace.only_message(GENERAL).await?));
    Ok(())
}

/// Threat 45.
#[tokio::test]
async fn an_outcome_that_slack_finds_fault_with_is_shown_without_anybodys_words() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let (message, delivery) = asked(&slack).await?;
    workspace.fail(UPDATE, Fault::Code("invalid_blocks"));
    slack
        .conclude(&conclusion(&message, vec![delivery], ResolvedAs::Approved)?)
        .await?;
    let shown = workspace.only_message(GENERAL).await?;
    says(&shown, "was approved at");
    assert!(!has_buttons(&shown));
    assert!(!at(&shown, "/blocks").to_string().contains("discount"));
    Ok(())
}

async fn asked(slack: &Slack) -> Tested<(ApprovalMessage, Delivery)> {
    let message = message()?;
    let delivery = slack.deliver(&message, &general()).await?;
    Ok((message, delivery))
}

async fn refused(slack: &Slack, conclusion: &Conclusion) -> Tested<DeliveryErrorKind> {
    let refused = slack.conclude(conclusion).await;
    Ok(refused.err().ok_or("it was concluded")?.kind())
}
