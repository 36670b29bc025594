//! Texts that want to be more than text, and addresses and names that want to be more than that.

use serde_json::json;
use tracemem_sdk::{
    approval::ResolvedAs,
    integration::{Conclusion, DeliveryErrorKind, Integration},
    testing::resolution,
};
use tracemem_transports::email::{Letterhead, MailAddress};

use super::{
    Tested,
    post::{
        ALICE, CONCLUSION_HEADERS, REQUEST_HEADERS, asking, deliver, letterhead, mailing, refused,
    },
    relay::{Relay, Taken},
};

const CORPUS: [&str; 24] = [
    "a\r\nBcc: eve@example.com",
    "a\nBcc: eve@example.com\n\nbody",
    "a\rBcc: eve@example.com",
    "\0",
    "=?utf-8?q?a=0D=0ABcc:_eve@example.com?=",
    "a\r\n.\r\nMAIL FROM:<eve@example.com>",
    "a\n.\nMAIL FROM:<eve@example.com>\n",
    "a\r.\rMAIL FROM:<eve@example.com>",
    ".",
    "--=_tm_",
    "\r\n--=_tm_\r\nContent-Type: text/html\r\n\r\n<b>evil</b>",
    "\u{2028}\u{2029}\u{85}\u{b}\u{c}",
    "\u{202e}moc.elpmaxe@eve\u{202c} \u{2066}x\u{2069}",
    "\u{200b}\u{feff}\u{200d}\u{200d}",
    "<script>alert(1)</script>",
    "</title></head></html><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' style='display:none",
    "<a href=\"https://evil.example\">Approve here</a>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "{{ facts.link.expose() }} {% include \"/etc/passwd\" %}",
    "&lt;b&gt; &#60;i&#62; <!--",
    "\u{1f469}\u{200d}\u{1f4bb} \u{fdfd} e\u{301}\u{301}",
    "=0D=0A=\r\n=",
];

/// The tags of an HTML document.
fn tags(html: &str) -> Vec<&str> {
    let parts = html.split('<').skip(1);
    parts
        .filter_map(|part| part.split_once('>'))
        .map(|(tag, _)| tag.split("href=\"").next().unwrap_or_default())
        .collect()
}

/// What a reader sees of an HTML document, with entities decoded.
fn shown(html: &str) -> String {
    html.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}

fn assert_harmless(mail: &Taken, quiet: &Taken, text: &str) -> Tested {
    assert_eq!(tags(mail.html()?), tags(quiet.html()?), "{text:?}");
    assert_eq!(mail.to()?, ALICE, "{text:?}");
    assert_eq!(mail.header("To")?, ALICE, "{text:?}");
    for part in [mail.text()?, mail.html()?, &mail.header("Subject")?] {
        let bad = |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c);
        assert!(!part.contains(bad), "{text:?} in {part:?}");
    }
    Ok(())
}

/// Threats 31, 32 and 33.
#[tokio::test]
async fn no_text_of_a_request_is_more_than_text_in_its_mail() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let holding = |text: &str| {
        let mut holding = asking(&[ALICE])?;
        holding.title = ["t", text].concat();
        holding.message = Some(["m", text].concat());
        holding.reason = Some(["r", text].concat());
        holding.actor = text.to_owned();
        holding.intent = text.to_owned();
        holding.facts = vec![(["n", text].concat(), ["v", text].concat())];
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(holding)
    };
    deliver(&mailing, &holding("quiet")?).await?;
    let quiet = relay.only()?;
    for (number, text) in CORPUS.iter().enumerate() {
        deliver(&mailing, &holding(text)?).await?;
        let taken = relay.taken()?;
        assert_eq!(taken.len(), number + 2, "{text:?}");
        let mail = taken.last().ok_or("none")?;
        mail.is_sound(&REQUEST_HEADERS)?;
        assert_harmless(mail, &quiet, text)?;
        // What is not invisible arrives as it was.
        if !text.contains(|c: char| c.is_control() || c == '\u{202e}' || c == '\u{200b}') {
            let message = ["m", text].concat();
            assert!(mail.text()?.contains(&message), "{text:?}");
            assert!(shown(mail.html()?).contains(&message), "{text:?}");
        }
    }
    Ok(())
}

/// Threats 31 and 32.
#[tokio::test]
async fn no_text_of_an_answer_is_more_than_text_in_its_mail() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let message = asking(&[ALICE])?;
    let delivery = deliver(&mailing, &message).await?;
    let mut ends = Vec::new();
    for text in ["quiet"].iter().chain(&CORPUS) {
        let mut end = resolution(&message, ResolvedAs::Rejected)?;
        end.rationale = Some((*text).to_owned());
        end.approver = end.approver.map(|approver| approver.named(*text));
        mailing
            .conclude(&Conclusion::of(&message, vec![delivery.clone()], end))
            .await?;
        let taken = relay.taken()?;
        let mail = taken.last().ok_or("none")?.clone();
        mail.is_sound(&CONCLUSION_HEADERS)?;
        ends.push(mail);
        assert_harmless(
            ends.last().ok_or("none")?,
            ends.first().ok_or("none")?,
            text,
        )?;
        assert_eq!(taken.len(), ends.len() + 1, "{text:?}");
    }
    Ok(())
}

/// Threat 32.
#[tokio::test]
async fn no_configured_name_forges_a_header() -> Tested {
    let relay = Relay::usual().await?;
    const NAMES: [&str; 14] = [
        ".",
        ".a",
        "a.b",
        "a.",
        "Dr. A. B",
        "a, b",
        "a;b:c",
        "(x) a",
        "a\\b\"c\"",
        "\u{dc}. M\u{fc}ller, \"x\"",
        "<a@b.example>",
        "a@b.example",
        "a ",
        "a  b",
    ];
    for name in CORPUS.into_iter().chain(NAMES) {
        let named = letterhead()?.named(name);
        if name
            .chars()
            .any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c))
        {
            assert!(named.is_err(), "{name:?}");
        }
        let Ok(letterhead) = named else { continue };
        let mailing = super::post::mailing_under(letterhead, relay.usual_sender()?)?;
        let delivered = deliver(&mailing, &asking(&[ALICE])?).await;
        delivered.map_err(|error| format!("{name:?}: {error}"))?;
        let taken = relay.taken()?;
        let mail = taken.last().ok_or("none")?;
        mail.is_sound(&REQUEST_HEADERS)?;
        let from = mail.header("From")?;
        assert!(from.ends_with("<approvals@example.org>"), "{from}");
        // Python 3.11 puts a space between two encoded words of a name.
        let dense = |text: &str| text.replace(char::is_whitespace, "");
        assert_eq!(dense(mail.sender_name()?), dense(name));
    }
    Ok(())
}

/// Threat 32.
#[test]
fn no_configured_address_and_no_region_forges_a_header() -> Tested {
    for text in CORPUS {
        for address in [
            text.to_owned(),
            format!("{text}@example.org"),
            format!("a@{text}.example.org"),
            format!("a@example.org{text}"),
        ] {
            let refused = match address.parse::<MailAddress>() {
                Err(_) => true,
                // What is left of some is an address, in ASCII.
                Ok(address) => address
                    .to_string()
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic()),
            };
            assert!(refused, "{address:?}");
        }
        let from = Letterhead::new("approvals@example.org".parse()?);
        assert!(from.behind_ses(text).is_err(), "{text:?}");
    }
    Ok(())
}

/// Threat 32.
#[tokio::test]
async fn what_a_relay_calls_a_mail_forges_no_header() -> Tested {
    for id in ["a\tBcc:x", "x@y", "<x>", &"x".repeat(101), "OK", ""] {
        let mut more = super::relay::login();
        let settings = more.as_object_mut().ok_or("no settings")?;
        settings.insert("taken".to_owned(), format!("250 Ok {id}").into());
        let relay = Relay::start("implicit", more).await?;
        let letterhead = letterhead()?.behind_ses("eu-central-1")?;
        let mailing = super::post::mailing_under(letterhead, relay.usual_sender()?)?;
        let message = asking(&[ALICE])?;
        let delivery = match deliver(&mailing, &message).await {
            Ok(delivery) => delivery,
            // What is no answer at all.
            Err(error) => {
                assert_eq!(error.kind(), DeliveryErrorKind::Ambiguous, "{id:?}");
                continue;
            }
        };
        let end = resolution(&message, ResolvedAs::Approved)?;
        mailing
            .conclude(&Conclusion::of(&message, vec![delivery], end))
            .await?;
        let taken = relay.taken()?;
        let request = taken.first().ok_or("none")?.header("Message-ID")?;
        let end = taken.last().ok_or("none")?;
        end.is_sound(&CONCLUSION_HEADERS)?;
        assert_eq!(end.header("In-Reply-To")?, request, "{id:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_approver_whose_id_is_no_address_reaches_no_relay() -> Tested {
    let mut relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    for id in [
        "U123",
        "jane@localhost",
        "jane@[127.0.0.1]",
        "j\u{e4}ne@example.com",
        "<a@example.com>",
    ] {
        let error = refused(&mailing, &asking(&[id])?).await?;
        assert_eq!(error.kind(), DeliveryErrorKind::Destination, "{id}");
        assert!(!error.to_string().contains(id), "{error}");
    }
    let seen = relay.seen().await?;
    assert_eq!(seen.pointer("/connections"), Some(&json!(0)));
    Ok(())
}
