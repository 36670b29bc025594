//! What people read: both parts, the headers, and the words.

use std::time::Duration;

use tracemem_sdk::{
    decision::event::RationaleTerm,
    integration::{DeliveryErrorKind, Integration},
    route::Destination,
};
use tracemem_transports::email::{
    ConclusionFacts, EmailIntegration, Identity, Letterhead, MailTemplates, MailText, RequestFacts,
    TemplateFailed,
};

use super::{
    Tested,
    post::{
        ALICE, BASE, BOB, REQUEST_HEADERS, asking, clock, deliver, letterhead, links, mailing,
        mailing_under, nowhere, refused,
    },
    relay::Relay,
};

#[tokio::test]
async fn a_request_says_the_same_in_text_and_html_and_has_the_link_in_both() -> Tested {
    let relay = Relay::usual().await?;
    let asking = asking(&[ALICE])?;
    deliver(&mailing(relay.usual_sender()?)?, &asking).await?;
    let mail = relay.only()?;
    mail.is_sound(&REQUEST_HEADERS)?;
    for part in [mail.text()?, mail.html()?] {
        for fact in [
            "Apply 25% discount to sub_1042?",
            "The customer asks for it to stay on the annual plan.",
            "DISCOUNT_ABOVE_CAP",
            "revops_bot",
            "agent",
            "billing.discount.apply",
            "discount_percent",
            "2026-11-18 11:06:40 UTC",
            "2026-11-19 11:06:40 UTC",
            asking.approval.as_str(),
            ALICE,
            "and say why",
        ] {
            assert!(part.contains(fact), "{fact} is not in {part}");
        }
        let links: Vec<&str> = part
            .split(['"', ' ', '\n'])
            .filter(|word| word.starts_with("http"))
            .collect();
        let [link] = links.as_slice() else {
            return Err(format!("{} links", links.len()).into());
        };
        let token = link
            .strip_prefix(&format!("{BASE}/approve?t="))
            .ok_or("another link")?;
        let now = asking.requested_at.saturating_add(Duration::from_secs(1));
        let verified = super::post::links()?.verify(token, now)?;
        assert_eq!(verified.approver.as_str(), ALICE);
        assert_eq!(verified.approval, asking.approval);
    }
    // Nothing is fetched when it is opened.
    for remote in [
        "<img",
        "<link",
        "<script",
        "src=",
        "url(",
        "@import",
        "http-equiv",
    ] {
        assert!(!mail.html()?.contains(remote), "{remote}");
    }
    Ok(())
}

#[tokio::test]
async fn the_head_says_whose_mail_it_is_and_that_no_program_is_to_answer() -> Tested {
    let relay = Relay::usual().await?;
    let letterhead = Letterhead::new("approvals@b\u{fc}cher.example".parse()?)
        .named("B\u{fc}cher \"Freigaben\", GmbH")?
        .reply_to("desk@example.org".parse()?)
        .bounces_to("bounces@example.org".parse()?)?;
    let asking = asking(&[ALICE])?;
    deliver(&mailing_under(letterhead, relay.usual_sender()?)?, &asking).await?;
    let mail = relay.only()?;
    let mut names = REQUEST_HEADERS.to_vec();
    names.push("Reply-To");
    mail.is_sound(&names)?;
    let from = mail.header("From")?;
    assert!(from.contains("B\u{fc}cher"), "{from}");
    assert!(
        from.ends_with("<approvals@xn--bcher-kva.example>"),
        "{from}"
    );
    assert_eq!(mail.header("To")?, ALICE);
    assert_eq!(mail.header("Reply-To")?, "desk@example.org");
    assert_eq!(mail.header("Auto-Submitted")?, "auto-generated");
    assert_eq!(mail.header("X-Auto-Response-Suppress")?, "All");
    assert_eq!(mail.header("Date")?, "Wed, 18 Nov 2026 11:06:40 +0000");
    assert_eq!(
        mail.header("Subject")?,
        "Approval needed: Apply 25% discount to sub_1042?"
    );
    let bounces = format!("bounces+{}@example.org", asking.delivery);
    assert_eq!(mail.envelope_from()?, bounces);
    let id = mail.header("Message-ID")?;
    let expected = format!("<{}.", asking.delivery);
    assert!(id.starts_with(&expected), "{id}");
    assert!(id.ends_with("@xn--bcher-kva.example>"), "{id}");
    Ok(())
}

/// Threat 20.
#[tokio::test]
async fn each_approver_is_mailed_alone_and_answers_by_a_link_of_their_own() -> Tested {
    let relay = Relay::usual().await?;
    let asking = asking(&[ALICE, BOB])?;
    deliver(&mailing(relay.usual_sender()?)?, &asking).await?;
    let taken = relay.taken()?;
    assert_eq!(taken.len(), 2);
    for (mail, (person, other)) in taken.iter().zip([(ALICE, BOB), (BOB, ALICE)]) {
        assert_eq!(mail.to()?, person);
        assert_eq!(mail.header("To")?, person);
        let raw = String::from_utf8(mail.raw()?)?;
        assert!(!raw.contains(other) && !mail.text()?.contains(other));
    }
    let [first, second] = [taken.first(), taken.last()].map(|mail| mail.ok_or("none"));
    assert_ne!(first?.header("Message-ID")?, second?.header("Message-ID")?);
    Ok(())
}

#[tokio::test]
async fn two_ids_of_one_mailbox_get_one_mail() -> Tested {
    let relay = Relay::usual().await?;
    let asking = asking(&["jane@b\u{fc}cher.example", "Jane@xn--bcher-kva.example"])?;
    deliver(&mailing(relay.usual_sender()?)?, &asking).await?;
    assert_eq!(relay.only()?.to()?, "jane@xn--bcher-kva.example");
    Ok(())
}

/// Threat 20.
#[tokio::test]
async fn a_mailbox_answers_only_where_the_configuration_says_so() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let mut reached = asking(&[])?;
    reached.approvers = None;
    let to = Destination::new("sales-team@example.com");
    for shared in [
        "sales-team@example.com",
        "Finance@example.com",
        "no-reply@example.com",
    ] {
        let refused = mailing.deliver(&reached, &Destination::new(shared)).await;
        let refused = refused.err().ok_or("sent")?;
        assert_eq!(refused.kind(), DeliveryErrorKind::Destination);
        assert!(refused.to_string().contains("`mailbox`"), "{refused}");
    }
    let shared = mailing.identity(Identity::Mailbox);
    for nobody in ["", "U123", "desk@localhost", "desk@[127.0.0.1]"] {
        let refused = shared.deliver(&reached, &Destination::new(nobody)).await;
        let refused = refused.err().ok_or("sent")?;
        assert_eq!(refused.kind(), DeliveryErrorKind::Destination, "{nobody}");
    }
    assert!(relay.taken()?.is_empty());
    shared.deliver(&reached, &to).await?;
    assert_eq!(relay.only()?.to()?, "sales-team@example.com");
    Ok(())
}

#[tokio::test]
async fn where_the_route_points_at_a_person_they_are_the_approver() -> Tested {
    let relay = Relay::usual().await?;
    let mut reached = asking(&[])?;
    reached.approvers = None;
    let mailing = mailing(relay.usual_sender()?)?;
    mailing.deliver(&reached, &Destination::new(ALICE)).await?;
    let mail = relay.only()?;
    assert_eq!(mail.to()?, ALICE);
    assert!(
        mail.text()?
            .contains("The link is for alice@example.com only")
    );
    Ok(())
}

#[tokio::test]
async fn whether_a_reason_is_wanted_is_said() -> Tested {
    let relay = Relay::usual().await?;
    let mut asking = asking(&[ALICE])?;
    asking.requirements.rationale = RationaleTerm::Optional;
    asking.message = None;
    asking.reason = None;
    asking.facts = Vec::new();
    deliver(&mailing(relay.usual_sender()?)?, &asking).await?;
    let mail = relay.only()?;
    mail.is_sound(&REQUEST_HEADERS)?;
    assert!(!mail.text()?.contains("and say why"));
    assert!(!mail.text()?.contains("Why you are asked"));
    Ok(())
}

#[tokio::test]
async fn what_is_too_long_for_a_mail_is_cut_off_and_said_to_stand_behind_the_link() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    for letter in ["x", "<", "\u{1f469}", "\u{202e}"] {
        let mut long = asking(&[ALICE])?;
        long.title = letter.repeat(200);
        long.message = Some(letter.repeat(4_000));
        long.reason = Some(letter.repeat(2_000));
        long.actor = letter.repeat(300);
        long.facts = vec![(letter.repeat(200), letter.repeat(200)); 32];
        deliver(&mailing, &long).await?;
        let taken = relay.taken()?;
        let mail = taken.last().ok_or("none")?;
        mail.is_sound(&REQUEST_HEADERS)?;
        if letter != "x" {
            assert!(
                mail.text()?.contains("all of it stands behind the link"),
                "{letter}"
            );
            assert!(
                mail.html()?.contains("all of it stands behind the link"),
                "{letter}"
            );
        }
    }
    Ok(())
}

/// Words of a host, which may have lost something.
#[derive(Debug)]
struct Words(&'static str);

impl MailTemplates for Words {
    fn request(&self, facts: &RequestFacts) -> Result<MailText, TemplateFailed> {
        let link = facts.link.expose();
        match self.0 {
            "fails" => Err(TemplateFailed::new("no words")),
            "no link in the text" => Ok(MailText::new("Please decide.", link)),
            "no link in the html" => Ok(MailText::new(link, "<p>Please decide.</p>")),
            "too long" => Ok(MailText::new([link, &"x".repeat(100_000)].concat(), link)),
            _ => Ok(MailText::new(
                ["Bitte entscheiden:\r\n", link, "\r.\r\n.\n"].concat(),
                format!("<p lang=\"de\"><a href=\"{link}\">Bitte entscheiden</a></p>"),
            )),
        }
    }

    fn conclusion(&self, _: &ConclusionFacts) -> Result<MailText, TemplateFailed> {
        Ok(MailText::new("Entschieden.", "<p>Entschieden.</p>"))
    }
}

fn worded(relay: &Relay, words: &'static str) -> Tested<EmailIntegration> {
    let sender = relay.usual_sender()?;
    let integration = EmailIntegration::new(links()?, letterhead()?, sender);
    Ok(integration.clock(clock()).templates(Words(words)))
}

#[tokio::test]
async fn a_host_may_bring_its_own_words() -> Tested {
    let relay = Relay::usual().await?;
    deliver(&worded(&relay, "german")?, &asking(&[ALICE])?).await?;
    let mail = relay.only()?;
    mail.is_sound(&REQUEST_HEADERS)?;
    assert!(mail.text()?.starts_with("Bitte entscheiden:\n"));
    assert!(mail.html()?.starts_with("<p lang=\"de\">"));
    Ok(())
}

#[tokio::test]
async fn words_that_leave_out_the_link_are_not_sent() -> Tested {
    let relay = Relay::usual().await?;
    for words in [
        "no link in the text",
        "no link in the html",
        "fails",
        "too long",
    ] {
        let error = refused(&worded(&relay, words)?, &asking(&[ALICE])?).await?;
        assert_eq!(error.kind(), DeliveryErrorKind::Message, "{words}");
    }
    assert!(relay.taken()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn where_nobody_may_answer_nobody_is_mailed() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let delivered = mailing.deliver(&asking(&[])?, &nowhere()).await?;
    assert!(relay.taken()?.is_empty());
    assert!(delivered.handle.len() < 10);
    Ok(())
}
