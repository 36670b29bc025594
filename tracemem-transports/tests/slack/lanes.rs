//! Slack that wants fewer calls: nobody calls it while it is to be left alone, and nobody is asked out of turn.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::ResolvedAs,
    integration::{DeliveryErrorKind, Integration},
    route::Destination,
    testing::message,
    time::{Clock, Timestamp},
};

use super::{
    Tested,
    proxy::Fault,
    workspace::{GENERAL, POST, UPDATE, Workspace, at, conclusion, failed, general, open},
};

const SECOND: Duration = Duration::from_secs(1);

fn limited() -> Fault {
    Fault::Answer(
        429,
        "retry-after: 30\r\n",
        "{\"ok\": false, \"error\": \"ratelimited\"}".to_owned(),
    )
}

/// Threat 46.
#[tokio::test]
async fn slack_that_says_too_many_five_times_is_left_alone_and_everybody_is_asked_in_order()
-> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let titles = ["first", "second", "third", "fourth", "fifth"];
    for _ in 0..5 {
        workspace.fail(POST, limited());
    }
    // Each is delivered when it is due, and again when it was told to come, as the worker does it.
    let mut due = BTreeMap::new();
    for (place, title) in titles.into_iter().enumerate() {
        let mut message = message()?;
        message.title = title.to_owned();
        due.insert((workspace.clock.now(), place), message);
    }
    let mut called: Vec<(Timestamp, bool)> = Vec::new();
    while let Some(((at, place), message)) = due.pop_first() {
        workspace.clock.set(at);
        let before = workspace.record().all().len();
        let again = match slack
            .deliver(&message, &general())
            .await
            .err()
            .map(|error| error.kind())
        {
            None => None,
            Some(DeliveryErrorKind::Throttled { retry_after }) => Some(retry_after),
            Some(DeliveryErrorKind::Postponed { wait }) => {
                assert_eq!(workspace.record().all().len(), before);
                Some(wait)
            }
            Some(other) => return Err(format!("{other:?}").into()),
        };
        let calls = workspace.record().all();
        called.extend(calls.iter().skip(before).map(|call| (at, call.done)));
        if let Some(wait) = again {
            due.insert((at.saturating_add(wait), place), message);
        }
        assert!(called.len() < 100, "{called:?}");
    }
    let done: Vec<bool> = called.iter().map(|(_, done)| *done).collect();
    assert_eq!(done, [[false; 5], [true; 5]].concat());
    // Nobody called while Slack was to be left alone, nor twice within a second of a message.
    for ((at, done), (next, _)) in called.iter().zip(called.iter().skip(1)) {
        let wait = if *done {
            SECOND
        } else {
            Duration::from_secs(30)
        };
        assert_eq!(next.saturating_since(*at), wait, "{called:?}");
    }
    let shown = workspace.messages(GENERAL).await?;
    let shown: Vec<_> = shown
        .iter()
        .map(|message| at(message, "/text").clone())
        .collect();
    assert_eq!(
        shown,
        titles.map(|title| Value::from(format!("Approval needed: {title}")))
    );
    Ok(())
}

/// Threat 46.
#[tokio::test]
async fn what_slack_asks_for_outlives_an_opening_and_is_asked_of_every_channel() -> Tested {
    let workspace = Workspace::start().await?;
    let kind = workspace.kind()?;
    workspace.fail(POST, limited());
    let first = failed(&open(&kind, &json!({}))?).await?;
    assert_eq!(
        first.kind(),
        DeliveryErrorKind::Throttled {
            retry_after: Duration::from_secs(30)
        }
    );
    // Its credentials were rotated, say.
    let opened_again = open(&kind, &json!({}))?;
    workspace.clock.advance(Duration::from_secs(10));
    let wait = Duration::from_secs(20);
    let (waits, elsewhere) = (message()?, Destination::new("C000000002"));
    let refused = opened_again.deliver(&waits, &elsewhere).await;
    assert_eq!(
        refused.err().map(|error| error.kind()),
        Some(DeliveryErrorKind::Postponed { wait })
    );
    assert_eq!(workspace.record().all().len(), 1);
    // Another app of the workspace, and another method, have limits of their own.
    let other_app = open(&kind, &json!({"app_id": "A999999999"}))?;
    other_app.deliver(&message()?, &general()).await?;
    opened_again.check().await?;
    workspace.clock.advance(wait);
    opened_again.deliver(&waits, &elsewhere).await?;
    Ok(())
}

#[tokio::test]
async fn a_limit_without_a_time_or_with_a_strange_one_is_a_wait_that_ends() -> Tested {
    for (headers, seconds) in [
        ("", 30),
        ("retry-after: soon\r\n", 30),
        ("retry-after: -1\r\n", 30),
        ("retry-after: 0\r\n", 1),
        ("retry-after: 7\r\n", 7),
        ("retry-after: 99999999999\r\n", 3_600),
        ("retry-after: 99999999999999999999999999\r\n", 30),
    ] {
        let workspace = Workspace::start().await?;
        workspace.fail(POST, Fault::Answer(429, headers, "<html>".to_owned()));
        let error = failed(&workspace.slack()?).await?;
        let retry_after = Duration::from_secs(seconds);
        assert_eq!(
            error.kind(),
            DeliveryErrorKind::Throttled { retry_after },
            "{headers}"
        );
    }
    for code in ["ratelimited", "rate_limited", "message_limit_exceeded"] {
        let workspace = Workspace::start().await?;
        workspace.fail(POST, Fault::Code(code));
        let error = failed(&workspace.slack()?).await?;
        let retry_after = Duration::from_secs(30);
        assert_eq!(
            error.kind(),
            DeliveryErrorKind::Throttled { retry_after },
            "{code}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_conclusion_waits_for_its_own_lane_and_is_told_in_full_later() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let message = message()?;
    let one = slack.deliver(&message, &general()).await?;
    let other = slack
        .deliver(&message, &Destination::new("C000000002"))
        .await?;
    let end = conclusion(&message, vec![one, other], ResolvedAs::Approved)?;
    workspace.fail(UPDATE, limited());
    let wait = Duration::from_secs(30);
    for kind in [
        DeliveryErrorKind::Throttled { retry_after: wait },
        DeliveryErrorKind::Postponed { wait },
    ] {
        let refused = slack.conclude(&end).await;
        assert_eq!(refused.err().map(|error| error.kind()), Some(kind));
        assert_eq!(workspace.record().of(UPDATE).len(), 1);
    }
    workspace.clock.advance(wait);
    slack.conclude(&end).await?;
    assert_eq!(workspace.record().of(UPDATE).len(), 3);
    Ok(())
}
