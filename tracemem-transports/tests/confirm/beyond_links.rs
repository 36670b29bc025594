//! What a host may ask for beside the link, and what is recorded of how somebody answered.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderValue, StatusCode, header, request::Parts};
use tracemem_sdk::{
    approval::{ApproverIdentity, Requirements},
    async_trait,
    decision::event::{EventKind, disclosed},
};
use tracemem_transports::{
    link::VerifiedLink,
    page::{ApproverAuthenticator, StepUp, StepUpFailed},
};

use super::{
    Tested,
    stage::{ALICE, Asked, BOB, Reply, Stage, post},
};

/// Knows people by a header that stands for the host's session.
#[derive(Debug)]
struct Sessions;

#[async_trait]
impl ApproverAuthenticator for Sessions {
    async fn authenticate(
        &self,
        request: &Parts,
        _: &VerifiedLink,
    ) -> Result<StepUp, StepUpFailed> {
        let session = request.headers.get("x-session");
        let Some(session) = session.and_then(|session| session.to_str().ok()) else {
            return Ok(StepUp::Redirect(HeaderValue::from_static("/login")));
        };
        match session {
            "refused" => Ok(StepUp::Refused),
            "link" => Ok(StepUp::LinkSuffices),
            "broken" => Err(StepUpFailed::new("no directory")),
            person => Ok(StepUp::Person {
                identity: ApproverIdentity::new(person.parse().map_err(StepUpFailed::new)?),
                method: "oidc".to_owned(),
            }),
        }
    }
}

async fn get(stage: &Stage, asked: &Asked, session: &str) -> Tested<Reply> {
    let uri = format!("/tm/approve?t={}", asked.token(ALICE)?);
    let request = http::Request::get(uri).header("x-session", session);
    stage.send(request.body(bytes::Bytes::new())?).await
}

async fn answer(stage: &Stage, asked: &Asked, session: &str) -> Tested<Reply> {
    let mut request = post(asked.form(ALICE, "approve")?)?;
    request.headers_mut().insert("x-session", session.parse()?);
    stage.send(request).await
}

async fn evidence(stage: &Stage, asked: &Asked) -> Tested<BTreeMap<String, String>> {
    let trace = stage.trace(asked).await?;
    let answered = trace
        .events()
        .iter()
        .find(|event| event.kind == EventKind::ApprovalAnswered);
    let answered = answered.ok_or("nobody answered")?;
    Ok(answered.read(disclosed::EVIDENCE).ok_or("no evidence")?)
}

#[tokio::test]
async fn the_trace_says_that_a_link_was_used_whose_mailbox_and_how_old_it_was() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.advance(Duration::from_secs(90));
    let mut request = post(asked.form(ALICE, "approve")?)?;
    let agent = "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0 unique-7f3a";
    request
        .headers_mut()
        .insert(header::USER_AGENT, agent.parse()?);
    stage.send(request).await?.says("You approved this request");
    let evidence = evidence(&stage, &asked).await?;
    let expected = [
        ("auth_method", "email_link"),
        ("link_age_seconds", "90"),
        ("mailbox", ALICE),
        ("user_agent", "firefox"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(evidence, BTreeMap::from(expected));
    Ok(())
}

#[tokio::test]
async fn an_answer_faster_than_a_person_reads_is_not_taken_and_the_next_one_is() -> Tested {
    let mut stage = Stage::new()?;
    stage.page = stage.page.min_age(Duration::from_secs(5));
    let asked = stage.ask().await?;
    stage.advance(Duration::from_millis(4_999));
    let page = stage.post(asked.form(ALICE, "approve")?).await?;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.headers.get(header::RETRY_AFTER), Some(&1.into()));
    page.says("It came too soon after the link was sent.");
    assert!(stage.trace(&asked).await?.resolution().is_none());
    // It shows all the same.
    let shown = stage.get(&asked.token(ALICE)?).await?;
    assert_eq!(shown.status, StatusCode::OK);
    stage.advance(Duration::from_millis(1));
    let page = stage.post(asked.form(ALICE, "approve")?).await?;
    page.says("You approved this request");
    Ok(())
}

/// Threat 20.
#[tokio::test]
async fn where_a_link_is_not_enough_its_holder_sees_nothing_and_decides_nothing() -> Tested {
    let mut stage = Stage::new()?;
    stage.page = stage.page.step_up(Sessions);
    let asked = stage.ask().await?;
    let get_page = stage.get(&asked.token(ALICE)?).await?;
    let post_page = stage.post(asked.form(ALICE, "approve")?).await?;
    for page in [get_page, post_page] {
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let to = page.headers.get(header::LOCATION);
        assert_eq!(to, Some(&HeaderValue::from_static("/login")));
        assert_eq!(page.body, "");
    }
    for (session, status) in [
        ("refused", StatusCode::FORBIDDEN),
        ("broken", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        for page in [
            get(&stage, &asked, session).await?,
            answer(&stage, &asked, session).await?,
        ] {
            assert_eq!(page.status, status, "{session}");
            assert!(!page.body.contains("Discount") && !page.body.contains("<form"));
        }
    }
    assert!(stage.trace(&asked).await?.resolution().is_none());
    Ok(())
}

/// Threat 20.
#[tokio::test]
async fn whoever_proves_who_they_are_answers_as_themselves_whoever_the_link_was_sent_to() -> Tested
{
    let mut stage = Stage::new()?;
    stage.page = stage.page.step_up(Sessions);
    let asked = stage.ask().await?;
    // A stranger to whom the mail was forwarded.
    let page = answer(&stage, &asked, "mallory@example.com").await?;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    page.says("You are not among the people who may answer it.");
    let page = get(&stage, &asked, BOB).await?;
    page.says("You answer as bob@example.com .");
    let page = answer(&stage, &asked, BOB).await?;
    page.says("You approved this request");
    let resolution = stage.trace(&asked).await?.resolution().ok_or("open")?;
    assert_eq!(resolution.approver.ok_or("nobody")?.id.as_str(), BOB);
    let evidence = evidence(&stage, &asked).await?;
    let said = |name: &str| evidence.get(name).map(String::as_str);
    assert_eq!(said("auth_method"), Some("email_link+oidc"));
    assert_eq!(said("mailbox"), Some(ALICE));
    Ok(())
}

#[tokio::test]
async fn a_host_may_let_the_link_be_enough() -> Tested {
    let mut stage = Stage::new()?;
    stage.page = stage.page.step_up(Sessions);
    let asked = stage.ask().await?;
    let page = answer(&stage, &asked, "link").await?;
    page.says("You approved this request");
    let resolution = stage.trace(&asked).await?.resolution().ok_or("open")?;
    assert_eq!(resolution.approver.ok_or("nobody")?.id.as_str(), ALICE);
    Ok(())
}

/// Threat 10.
#[tokio::test]
async fn the_requester_is_told_by_their_mailbox_however_it_is_written() -> Tested {
    for (actor, approver) in [
        ("jane@b\u{fc}cher.example", "Jane@xn--bcher-kva.example"),
        ("JANE@EXAMPLE.COM", "jane@example.com"),
        ("user:jane@example.com", "jane@Example.com"),
    ] {
        let stage = Stage::with(Requirements::default().approvers([approver.parse()?]), "")?;
        let facts = serde_json::Map::from_iter([("percent".to_owned(), 25.into())]);
        let intent = "discount.apply".parse()?;
        let request =
            tracemem_sdk::decision::DecisionRequest::new("job-1".parse()?, &intent, facts)
                .actor(actor);
        let asked = stage.ask_for(&request).await?;
        let page = stage.post(asked.form(approver, "approve")?).await?;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{actor}");
        page.says("You asked for this action yourself");
        assert!(stage.trace(&asked).await?.resolution().is_none());
    }
    Ok(())
}
