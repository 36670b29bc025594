//! Texts that want to be more than text.

use http::StatusCode;
use serde_json::{Map, Value};
use tracemem_sdk::{approval::Requirements, decision::DecisionRequest};

use super::{
    Tested,
    stage::{Reply, Stage},
};

const CORPUS: [&str; 18] = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "<img src=x onerror=alert(1)>",
    "\" autofocus onfocus=\"alert(1)",
    "' autofocus onfocus='alert(1)",
    "<a href=\"https://evil.example\">Approve</a>",
    "<form action=//evil.example><button>Approve</button>",
    "<input type=hidden name=decision value=approve>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<!--",
    "]]><svg/onload=alert(1)>",
    "{{ 7 * 7 }} {% include \"/etc/passwd\" %} {# x #}",
    "&lt;b&gt; &amp;amp; &#60;i&#62;",
    "pay \u{202E}000,1\u{202C} to \u{2066}bob\u{2069}",
    "zero\u{200B}width\u{FEFF} \u{200D}\u{200D}\u{200D}",
    "`*_~ <!channel> [x](javascript:alert(1))",
];

/// The tags of a page, without what stands between them.
fn tags(reply: &Reply) -> Vec<&str> {
    let parts = reply.body.split('<').skip(1);
    parts
        .filter_map(|part| part.split_once('>'))
        .map(|(tag, _)| tag)
        .collect()
}

/// The names of the tags only: what stands in attributes may differ, in number and order they may not.
fn names(reply: &Reply) -> Vec<String> {
    let name = |tag: &str| tag.split([' ', '\n']).next().map(str::to_owned);
    tags(reply).into_iter().filter_map(name).collect()
}

fn request(key: &str, text: &str) -> Tested<DecisionRequest> {
    let facts = Map::from_iter([("name".to_owned(), Value::from(text))]);
    Ok(DecisionRequest::new(key.parse()?, &"a.b".parse()?, facts)
        .title(text)
        .message(text)
        .actor(text))
}

#[tokio::test]
async fn hostile_text_adds_no_tag_and_no_attribute_to_any_page() -> Tested {
    for text in CORPUS {
        // An approver's id may hold everything but white space.
        let approver: String = text.split_whitespace().collect();
        let approver: String = approver.chars().filter(|c| !c.is_control()).collect();
        let pages = pages(text, &format!("by:{approver}")).await?;
        let plain = self::pages("plain", "by:plain").await?;
        for (hostile, plain) in pages.iter().zip(&plain) {
            assert_eq!(hostile.status, plain.status);
            assert_eq!(names(hostile), names(plain), "{text}");
            let strip = |reply: &Reply| -> Vec<String> {
                let count = |tag: &&str| tag.matches('=').count();
                let fixed = tags(reply)
                    .into_iter()
                    .filter(|tag| !tag.contains("value="));
                fixed.map(|tag| format!("{tag} {}", count(&tag))).collect()
            };
            assert_eq!(strip(hostile), strip(plain), "{text}");
            for bidi in ['\u{202E}', '\u{2066}', '\u{200B}', '\u{FEFF}'] {
                let typed = hostile.body.split("<textarea").nth(1);
                let typed = typed.and_then(|rest| rest.split_once("</textarea>"));
                let shown = typed.map_or(hostile.body.clone(), |(typed, _)| {
                    hostile.body.replace(typed, "")
                });
                assert!(!shown.contains(bidi), "{text}");
            }
        }
    }
    Ok(())
}

/// The form, the form with what was typed, the outcome as its author and as a stranger sees it.
async fn pages(text: &str, approver: &str) -> Tested<[Reply; 4]> {
    let approvers = [approver.parse()?, "bob".parse()?];
    let stage = Stage::with(Requirements::default().approvers(approvers), "")?;
    let asked = stage.ask_for(&request("k", text)?).await?;
    let token = asked.token(approver)?;
    let typed: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = stage.get(&token).await?;
    let again = format!("t={token}&decision=approve&rationale={typed}&guard={typed}");
    let again = stage.post(again).await?;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let guard = asked.guard();
    let done = format!("t={token}&decision=approve&rationale={typed}&guard={guard}");
    let done = stage.post(done).await?;
    assert_eq!(done.status, StatusCode::OK);
    let late = stage.get(&asked.token("bob")?).await?;
    Ok([form, again, done, late])
}

#[tokio::test]
async fn hostile_text_is_shown_as_it_was_written() -> Tested {
    for text in CORPUS.iter().filter(|text| text.is_ascii()) {
        let stage = Stage::new()?;
        let asked = stage.ask_for(&request("k", text)?).await?;
        let page = stage.get(&asked.token(super::stage::ALICE)?).await?;
        // Title, message, actor and fact.
        let shown = page.text().matches(text).count();
        assert_eq!(shown, 4, "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn what_reorders_text_is_shown_as_what_it_is() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask_for(&request("k", "pay \u{202E}001")?).await?;
    let page = stage.get(&asked.token(super::stage::ALICE)?).await?;
    page.says("pay ⟨U+202E⟩001");
    Ok(())
}

#[tokio::test]
async fn a_long_text_is_shown_to_its_end() -> Tested {
    let stage = Stage::new()?;
    let text = format!("{}the end", "lines\n".repeat(600));
    let request = DecisionRequest::new("k".parse()?, &"a.b".parse()?, Map::new()).message(&text);
    let asked = stage.ask_for(&request).await?;
    let page = stage.get(&asked.token(super::stage::ALICE)?).await?;
    assert!(page.body.contains(&text));
    Ok(())
}
