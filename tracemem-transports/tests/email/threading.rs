//! How it ended, as a reply to the request.

use tracemem_sdk::{
    approval::{ApprovalMessage, ResolvedAs},
    integration::{Conclusion, Integration},
    testing::resolution,
};
use tracemem_transports::email::EmailIntegration;

use super::{
    Tested,
    post::{ALICE, BOB, CONCLUSION_HEADERS, asking, deliver, letterhead, mailing, mailing_under},
    relay::{Relay, Taken, login},
};

const SES_ID: &str = "0107019a2b3c4d5e-0a1b2c3d-1122-3344-5566-77889900aabb-000000";

async fn ended(
    mailing: &EmailIntegration,
    message: &ApprovalMessage,
    end: ResolvedAs,
) -> Tested<Conclusion> {
    let delivery = deliver(mailing, message).await?;
    let conclusion = Conclusion::of(message, vec![delivery], resolution(message, end)?);
    mailing.conclude(&conclusion).await?;
    Ok(conclusion)
}

/// The request and how it ended.
fn both(relay: &Relay) -> Tested<(Taken, Taken)> {
    match <[Taken; 2]>::try_from(relay.taken()?) {
        Ok([request, end]) => Ok((request, end)),
        Err(taken) => Err(format!("{} mails", taken.len()).into()),
    }
}

#[tokio::test]
async fn how_it_ended_is_said_by_whom_when_and_why_in_the_thread_of_the_request() -> Tested {
    for (end, heading, by) in [
        (ResolvedAs::Approved, "Approved", Some("The Approver")),
        (ResolvedAs::Rejected, "Rejected", Some("The Approver")),
        (
            ResolvedAs::Expired,
            "Expired: nobody answered in time",
            None,
        ),
        (
            ResolvedAs::Withdrawn,
            "Withdrawn: it was closed before anybody answered",
            None,
        ),
    ] {
        let relay = Relay::usual().await?;
        let mailing = mailing(relay.usual_sender()?)?;
        ended(&mailing, &asking(&[ALICE])?, end).await?;
        let (request, mail) = both(&relay)?;
        mail.is_sound(&CONCLUSION_HEADERS)?;
        let subject = request.header("Subject")?;
        assert_eq!(mail.header("Subject")?, format!("Re: {subject}"));
        let id = request.header("Message-ID")?;
        assert_eq!(mail.header("In-Reply-To")?, id);
        assert_eq!(mail.header("References")?, id);
        assert_ne!(mail.header("Message-ID")?, id);
        assert_eq!(mail.header("Auto-Submitted")?, "auto-generated");
        for part in [mail.text()?, mail.html()?] {
            assert!(part.contains(heading), "{part}");
            assert!(part.contains("Apply 25% discount to sub_1042?"));
            assert!(part.contains("2026-11-18 11:07:40 UTC"));
            for said in ["The Approver", "within what we agreed"] {
                assert_eq!(part.contains(said), by.is_some(), "{said} in {part}");
            }
            assert!(!part.contains("http"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn behind_ses_the_thread_hangs_on_the_id_that_ses_wrote() -> Tested {
    for (region, domain) in [
        ("us-east-1", "email.amazonses.com"),
        ("eu-central-1", "eu-central-1.amazonses.com"),
    ] {
        let mut more = login();
        let settings = more.as_object_mut().ok_or("no settings")?;
        settings.insert("taken".to_owned(), format!("250 Ok {SES_ID}").into());
        let relay = Relay::start("implicit", more).await?;
        let letterhead = letterhead()?.behind_ses(region)?;
        let mailing = mailing_under(letterhead, relay.usual_sender()?)?;
        ended(&mailing, &asking(&[ALICE])?, ResolvedAs::Approved).await?;
        let (_, mail) = both(&relay)?;
        let id = format!("<{SES_ID}@{domain}>");
        assert_eq!(mail.header("In-Reply-To")?, id);
        assert_eq!(mail.header("References")?, id);
    }
    Ok(())
}

#[tokio::test]
async fn concluded_again_it_is_the_same_mail() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let message = asking(&[ALICE, BOB])?;
    let conclusion = ended(&mailing, &message, ResolvedAs::Approved).await?;
    mailing.conclude(&conclusion).await?;
    let taken = relay.taken()?;
    let ids: Result<Vec<_>, _> = taken.iter().map(|mail| mail.header("Message-ID")).collect();
    let ids = ids?;
    assert_eq!(ids.len(), 6);
    assert_eq!(ids.get(2..4), ids.get(4..6));
    Ok(())
}

#[tokio::test]
async fn a_delivery_made_again_is_the_same_mail_with_another_link() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let message = asking(&[ALICE])?;
    deliver(&mailing, &message).await?;
    deliver(&mailing, &message).await?;
    let (first, second) = both(&relay)?;
    for name in ["Message-ID", "Subject", "Date"] {
        assert_eq!(first.header(name)?, second.header(name)?);
    }
    assert_ne!(first.text()?, second.text()?);
    Ok(())
}

#[tokio::test]
async fn once_what_was_asked_is_erased_nobody_is_told_anything() -> Tested {
    let relay = Relay::usual().await?;
    let mailing = mailing(relay.usual_sender()?)?;
    let message = asking(&[ALICE])?;
    let delivery = deliver(&mailing, &message).await?;
    let end = resolution(&message, ResolvedAs::Approved)?;
    let mut conclusion = Conclusion::of(&message, vec![delivery], end);
    conclusion.message = None;
    mailing.conclude(&conclusion).await?;
    assert_eq!(relay.taken()?.len(), 1);
    Ok(())
}
