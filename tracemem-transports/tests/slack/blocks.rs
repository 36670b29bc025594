//! What people see, as Slack's own library judges it: whatever callers and approvers write, it is text and nothing else.

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::{ApprovalMessage, ApproverIdentity, ResolvedAs},
    integration::Integration,
    testing::{message, resolution},
};
use tracemem_test_peers::Peer;

use super::{
    Tested,
    proxy::Fault,
    workspace::{POST, UPDATE, Workspace, at, conclusion, general, texts},
};

/// What callers may put into a text, and what Slack would make something of.
const HOSTILE: [&str; 14] = [
    "",
    " \n\t ",
    "<!channel> <!here> <!everyone> @channel @here",
    "<@U000000001> <#C000000001> <!subteam^S1>",
    "<https://evil.example/approve|https://slack.com/approve>",
    "https://evil.example/approve www.evil.example mail@evil.example",
    "*bold* _italic_ ~struck~ `code` ```block``` > quote",
    ":white_check_mark: Approved by the CFO :+1:",
    "&lt;!channel&gt; &amp;lt;",
    "\u{202e}evorppa\u{202c} \u{2066}x\u{2069} \u{200f}\u{feff}\u{200b}",
    "\u{0}\u{1}\u{7f}\u{9b}[31m\u{1b}[0m\r\n\u{2028}\u{2029}",
    "<!date^1392734382^{date}|now> \"}],\"blocks\":[]",
    "a\u{200d}\u{200d}\u{200d}b",
    "👩‍👩‍👧‍👦 e\u{301}\u{301} ﷽ \u{10ffff}",
];

const MARK: &str = "MARK";

fn holding(text: &str) -> Tested<ApprovalMessage> {
    let mut holding = message()?;
    let text = format!("{text}{MARK}");
    holding.title = text.clone();
    holding.message = Some(text.clone());
    holding.reason = Some(text.clone());
    holding.actor = text.clone();
    holding.facts = vec![(text.clone(), text)];
    Ok(holding)
}

fn longest(letter: &str) -> Tested<ApprovalMessage> {
    let mut long = message()?;
    long.title = letter.repeat(300);
    long.message = Some(letter.repeat(4_000));
    long.reason = Some(letter.repeat(4_000));
    long.actor = letter.repeat(300);
    long.facts = vec![(letter.repeat(200), letter.repeat(2_000)); 100];
    Ok(long)
}

fn all() -> Tested<Vec<ApprovalMessage>> {
    let mut bare = message()?;
    bare.message = None;
    bare.reason = None;
    bare.facts = Vec::new();
    let mut all = vec![message()?, bare];
    for text in HOSTILE {
        all.push(holding(text)?);
    }
    for letter in ["x", "<", "\u{202e}", "\u{1f469}", "﷽"] {
        all.push(longest(letter)?);
    }
    Ok(all)
}

/// Threat 30.
#[tokio::test]
async fn slacks_own_library_finds_nothing_wrong_with_any_message_and_no_text_is_markup() -> Tested {
    let workspace = Workspace::start().await?;
    let (mut judge, _) = Peer::start("slack_blocks.py", &[]).await?;
    let modes = [
        json!({}),
        json!({"rationale_input": "in_message"}),
        json!({"mode": "notify_only"}),
    ];
    for mode in &modes {
        let slack = workspace.slack_with(mode)?;
        for message in all()? {
            workspace.clock.advance(std::time::Duration::from_secs(1));
            let delivery = slack.deliver(&message, &general()).await?;
            let mut end = conclusion(&message, vec![delivery], ResolvedAs::Rejected)?;
            end.resolution = resolution(&message, ResolvedAs::Rejected)?;
            end.resolution.rationale = message.message.clone();
            let name = message.title.clone();
            end.resolution.approver = end
                .resolution
                .approver
                .map(|person| ApproverIdentity::named(person, name));
            slack.conclude(&end).await?;
        }
    }
    let calls = [workspace.record().of(POST), workspace.record().of(UPDATE)].concat();
    assert_eq!(calls.len(), 2 * modes.len() * all()?.len());
    for call in calls {
        let judged = judge
            .ask(&json!({"blocks": at(&call.body, "/blocks")}))
            .await?;
        assert_eq!(judged, json!({"problems": []}), "{}", call.body);
        is_text_only(&call.body);
    }
    Ok(())
}

/// Threat 30.
#[tokio::test]
async fn a_message_in_plain_words_is_one_that_slack_takes() -> Tested {
    let workspace = Workspace::start().await?;
    let (mut judge, _) = Peer::start("slack_blocks.py", &[]).await?;
    let slack = workspace.slack()?;
    for message in all()? {
        workspace.clock.advance(std::time::Duration::from_secs(1));
        workspace.fail(POST, Fault::Code("invalid_blocks"));
        let delivery = slack.deliver(&message, &general()).await?;
        workspace.fail(UPDATE, Fault::Code("invalid_blocks"));
        slack
            .conclude(&conclusion(&message, vec![delivery], ResolvedAs::Expired)?)
            .await?;
    }
    for call in workspace.record().all().iter().filter(|call| call.done) {
        let judged = judge
            .ask(&json!({"blocks": at(&call.body, "/blocks")}))
            .await?;
        assert_eq!(judged, json!({"problems": []}), "{}", call.body);
        is_text_only(&call.body);
        let texts = texts(at(&call.body, "/blocks"));
        assert!(
            texts
                .iter()
                .all(|(_, text)| text.is_ascii() || text.contains('…')),
            "{texts:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_request_of_which_not_everything_is_shown_says_so() -> Tested {
    let workspace = Workspace::start().await?;
    let slack = workspace.slack()?;
    let cases = [
        ("general", message()?, false),
        ("random", longest("x")?, true),
    ];
    for (channel, message, is_cut) in cases {
        slack
            .deliver(&message, &tracemem_sdk::route::Destination::new(channel))
            .await?;
        let calls = workspace.record().of(POST);
        let blocks = at(&calls.last().ok_or("nothing was posted")?.body, "/blocks").to_string();
        assert_eq!(blocks.contains("not all of it is shown"), is_cut);
        assert_eq!(blocks.contains('…'), is_cut);
    }
    Ok(())
}

/// All blocks are `plain_text` without emoji, what hides or reorders is visible, and `text` holds nothing that Slack reads as more than text.
#[track_caller]
fn is_text_only(body: &Value) {
    let blocks = at(body, "/blocks").to_string();
    assert!(!blocks.contains("mrkdwn"), "{blocks}");
    assert_eq!(
        blocks.matches("\"plain_text\"").count(),
        blocks.matches("\"emoji\":false").count()
    );
    let mut shown = texts(at(body, "/blocks"));
    let text = at(body, "/text").as_str().unwrap_or_default();
    assert!((1..=4_000).contains(&text.encode_utf16().count()), "{text}");
    assert!(!text.contains(['<', '>']), "{text}");
    shown.push(("text".to_owned(), text.to_owned()));
    for (_, text) in shown {
        let hides = |c: char| {
            (c.is_control() && c != '\n' && c != '\t')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}')
        };
        assert!(!text.contains(hides), "{text:?}");
        assert!(!text.contains("\u{200d}\u{200d}"), "{text:?}");
    }
}
