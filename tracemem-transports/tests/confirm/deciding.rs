//! POST: it decides once, and says what happened.

use std::time::Duration;

use http::StatusCode;
use tracemem_sdk::{
    approval::{Requirements, ResolvedAs},
    decision::{event::EventKind, status::Status},
    testing::CommitFault,
};
use tracemem_transports::page::ClickGuard;

use super::{
    Tested,
    stage::{ALICE, Asked, BOB, Stage},
};

async fn status(stage: &Stage, asked: &Asked) -> Tested<Status> {
    Ok(stage.trace(asked).await?.state().status())
}

#[tokio::test]
async fn an_answer_decides_and_the_trace_says_who_by_what_and_why() -> Tested {
    for (word, said, outcome) in [
        ("approve", "You approved this request", ResolvedAs::Approved),
        ("reject", "You rejected this request", ResolvedAs::Rejected),
    ] {
        let stage = Stage::new()?;
        let asked = stage.ask().await?;
        let page = stage.post(asked.form(ALICE, word)?).await?;
        assert_eq!(page.status, StatusCode::OK);
        page.says(said);
        let resolution = stage.trace(&asked).await?.resolution().ok_or("open")?;
        assert_eq!(resolution.outcome, outcome);
        assert_eq!(resolution.via, "link");
        assert_eq!(resolution.rationale.as_deref(), Some("because"));
        let approver = resolution.approver.ok_or("nobody")?;
        assert_eq!(approver.id.as_str(), ALICE);
    }
    Ok(())
}

#[tokio::test]
async fn a_second_click_tells_the_outcome_and_writes_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.post(asked.form(ALICE, "approve")?).await?;
    let events = stage.events(&asked).await?;
    for page in [
        stage.post(asked.form(ALICE, "approve")?).await?,
        stage.post(asked.form(ALICE, "reject")?).await?,
        stage.get(&asked.token(ALICE)?).await?,
    ] {
        assert_eq!(page.status, StatusCode::OK);
        page.says("This request was already approved");
        page.says("by you, alice@example.com at 2026-11-18 11:06:40 UTC");
        assert!(!page.body.contains("<form"));
    }
    assert_eq!(stage.events(&asked).await?, events);
    Ok(())
}

#[tokio::test]
async fn who_is_slower_is_told_who_was_faster_and_why() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.post(asked.form(BOB, "reject")?).await?;
    let page = stage.post(asked.form(ALICE, "approve")?).await?;
    assert_eq!(page.status, StatusCode::OK);
    page.says("This request was already rejected");
    page.says("by bob@example.com at 2026-11-18 11:06:40 UTC");
    page.says("because");
    assert_eq!(status(&stage, &asked).await?, Status::Rejected);
    Ok(())
}

#[tokio::test]
async fn an_answer_counts_until_the_expiry_and_not_at_it() -> Tested {
    let just_in_time = Stage::new()?;
    let asked = just_in_time.ask().await?;
    let before = asked.message.expires_at.as_micros() - 1;
    just_in_time
        .clock
        .set(tracemem_sdk::time::Timestamp::from_micros(before));
    let page = just_in_time.post(asked.form(ALICE, "approve")?).await?;
    page.says("You approved this request");

    let too_late = Stage::new()?;
    let asked = too_late.ask().await?;
    too_late.clock.set(asked.message.expires_at);
    let page = too_late.post(asked.form(ALICE, "approve")?).await?;
    assert_eq!(page.status, StatusCode::GONE);
    page.says("This request has expired");
    assert_eq!(status(&too_late, &asked).await?, Status::NeedsApproval);
    // The same once the timer has told the trace.
    too_late.tracemem.worker().run_once().await?;
    assert_eq!(status(&too_late, &asked).await?, Status::Aborted);
    let page = too_late.post(asked.form(ALICE, "approve")?).await?;
    assert_eq!(page.status, StatusCode::GONE);
    page.says("This request has expired");
    Ok(())
}

#[tokio::test]
async fn a_link_may_expire_before_its_request_does() -> Tested {
    let mut stage = Stage::new()?;
    stage.links = stage.links.clone().lifetime(Duration::from_secs(600));
    let asked = stage.ask().await?;
    let link = stage.links.mint(&asked.message, ALICE.parse()?)?;
    let (_, token) = link.url.expose().split_once("?t=").ok_or("no token")?;
    let form = format!("t={token}&decision=approve&guard={}", asked.guard());
    stage.advance(Duration::from_secs(600) - Duration::from_micros(1));
    assert!(stage.get(token).await?.body.contains("<form"));
    stage.advance(Duration::from_micros(1));
    assert_eq!(stage.clock_now(), link.expires_at);
    let page = stage.get(token).await?;
    assert_eq!(page.status, StatusCode::OK);
    page.says("This link has expired");
    assert!(!page.body.contains("Discount"));
    let page = stage.post(form.clone()).await?;
    assert_eq!(page.status, StatusCode::GONE);
    assert_eq!(status(&stage, &asked).await?, Status::NeedsApproval);
    // Once it is decided, an expired link tells how it ended, and not what it was about.
    stage.post(asked.form(BOB, "approve")?).await?;
    let page = stage.post(form).await?;
    assert_eq!(page.status, StatusCode::OK);
    page.says("already approved");
    assert!(!page.body.contains("Discount") && !page.body.contains("because"));
    Ok(())
}

#[tokio::test]
async fn without_the_retyped_end_of_the_id_nothing_is_decided() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let token = asked.token(ALICE)?;
    for guard in ["", "&guard=", "&guard=zzzz", "&guard=0", "&guard=appr_"] {
        let form = format!("t={token}&decision=approve&rationale=typed+before{guard}");
        let page = stage.post(form).await?;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{guard}");
        page.says("These are not the last four characters");
        page.says("typed before");
        assert!(page.body.contains("value=\"approve\" required checked"));
    }
    assert_eq!(status(&stage, &asked).await?, Status::NeedsApproval);
    let shouted = asked.guard().to_uppercase();
    let form = format!("t={token}&decision=approve&guard=+{shouted}+");
    stage.post(form).await?.says("You approved this request");
    Ok(())
}

#[tokio::test]
async fn a_host_may_do_without_the_click_guard() -> Tested {
    let mut stage = Stage::new()?;
    stage.page = stage.page.click_guard(ClickGuard::Off);
    let asked = stage.ask().await?;
    let form = format!("t={}&decision=reject", asked.token(ALICE)?);
    stage.post(form).await?.says("You rejected this request");
    Ok(())
}

#[tokio::test]
async fn without_a_choice_nothing_is_decided() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let form = format!("t={}&guard={}", asked.token(ALICE)?, asked.guard());
    let page = stage.post(form).await?;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.says("Choose whether you approve or reject.");
    assert!(!page.body.contains("required checked"));
    assert_eq!(status(&stage, &asked).await?, Status::NeedsApproval);
    Ok(())
}

#[tokio::test]
async fn a_required_reason_must_be_given_and_may_not_be_blank() -> Tested {
    let terms = Requirements::default()
        .approvers([ALICE.parse()?])
        .require_rationale();
    let stage = Stage::with(terms, "")?;
    let asked = stage.ask().await?;
    let (token, guard) = (asked.token(ALICE)?, asked.guard());
    for blank in ["", "&rationale=", "&rationale=+%0D%0A+%09"] {
        let form = format!("t={token}&decision=approve&guard={guard}{blank}");
        let page = stage.post(form).await?;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.says("Say why you decide so.");
    }
    assert_eq!(status(&stage, &asked).await?, Status::NeedsApproval);
    stage
        .post(asked.form(ALICE, "approve")?)
        .await?
        .says("You approved");
    Ok(())
}

#[tokio::test]
async fn a_reason_that_is_too_long_comes_back_to_be_shortened() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let reason = "x".repeat(4_001);
    let form = format!(
        "t={}&decision=approve&guard={}&rationale={reason}",
        asked.token(ALICE)?,
        asked.guard()
    );
    let page = stage.post(form).await?;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.says("more than 4,000 characters");
    page.says(&reason);
    Ok(())
}

#[tokio::test]
async fn the_requester_may_not_answer_their_own_request() -> Tested {
    let terms = Requirements::default().approvers(["user:jane".parse()?, BOB.parse()?]);
    let stage = Stage::with(terms, "")?;
    let asked = stage.ask().await?;
    let page = stage.post(asked.form("user:jane", "approve")?).await?;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    page.says("You asked for this action yourself");
    assert_eq!(status(&stage, &asked).await?, Status::NeedsApproval);
    Ok(())
}

#[tokio::test]
async fn a_link_of_somebody_who_is_not_listed_decides_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let link = stage
        .links
        .mint(&asked.message, "eve@example.com".parse()?)?;
    let (_, token) = link.url.expose().split_once("?t=").ok_or("no token")?;
    let form = format!("t={token}&decision=approve&guard={}", asked.guard());
    let page = stage.post(form).await?;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    page.says("You are not among the people who may answer it.");
    assert_eq!(status(&stage, &asked).await?, Status::NeedsApproval);
    Ok(())
}

#[tokio::test]
async fn an_outage_while_the_answer_is_written_is_never_told_as_a_decision() -> Tested {
    for fault in [CommitFault::BeforeWriting, CommitFault::AfterWriting] {
        let stage = Stage::new()?;
        let asked = stage.ask().await?;
        stage.store.fail_commit(0, fault);
        let page = stage.post(asked.form(ALICE, "approve")?).await?;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        page.says("It is not certain that your answer was recorded");
        // Doing as the page says ends well, whichever it was.
        let page = stage.post(asked.form(ALICE, "approve")?).await?;
        assert_eq!(page.status, StatusCode::OK);
        page.says("approved");
        let trace = stage.trace(&asked).await?;
        let resolved = trace.events().iter();
        let resolved = resolved.filter(|event| event.kind == EventKind::ApprovalResolved);
        assert_eq!(resolved.count(), 1);
    }
    Ok(())
}
