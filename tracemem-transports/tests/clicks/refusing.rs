//! Clicks that change nothing, and what whoever clicked is told.

use std::time::Duration;

use serde_json::{Value, json};
use tracemem_sdk::{approval::Requirements, decision::status::Status, testing::CommitFault};
use tracemem_transports::slack::ApproverIds;

use super::paths::{part, set};
use super::{
    Tested,
    stage::{ALICE, APP, Asked, BOB, ELSEWHERE, FOREIGN, OTHER, Stage},
};

/// It is understood, changes nothing, and the person hears this.
async fn assert_refused(stage: &Stage, asked: &Asked, payload: &Value, what: &str) -> Tested {
    let events = stage.trace(asked).await?.events().len();
    stage.does(payload).await?;
    assert_eq!(
        stage.trace(asked).await?.events().len(),
        events,
        "{payload}"
    );
    assert_eq!(stage.status(asked).await?, Status::NeedsApproval);
    stage.whispered(what);
    Ok(())
}

/// Threat 6.
#[tokio::test]
async fn a_button_of_another_tenant_or_integration_does_nothing() -> Tested {
    let stage = Stage::new().await?;
    let ours = stage.ask().await?;
    stage.clock.advance(Duration::from_secs(2));
    let theirs = stage.ask_for("umbrella", "user:jane").await?;
    for (asked, path) in [
        (&theirs, super::stage::OWN),
        (&ours, FOREIGN),
        (&ours, OTHER),
    ] {
        let mut payload = stage.click(asked, ALICE, "tm.approve")?;
        if path == OTHER {
            set(&mut payload, "/team/id", json!(ELSEWHERE))?;
            set(&mut payload, "/user/team_id", json!(ELSEWHERE))?;
        }
        let mut sent = stage.sent(&payload);
        sent.path = path;
        let reply = stage.post(&sent).await?;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        assert_eq!(stage.status(asked).await?, Status::NeedsApproval, "{path}");
        stage.whispered("This button belongs to no request that can be answered here.");
    }
    let mut unknown = stage.click(&ours, ALICE, "tm.approve")?;
    set(&mut unknown, "/actions/0/value", json!("nothing"))?;
    stage.does(&unknown).await?;
    let whispers = stage.side.whispers();
    // Whoever tries learns nothing.
    assert!(
        whispers.windows(2).all(|two| two.first() == two.last()),
        "{whispers:?}"
    );
    Ok(())
}

/// Threat 7.
#[tokio::test]
async fn a_click_in_another_workspace_organisation_or_app_does_nothing() -> Tested {
    let terms = Requirements::default().approvers([ALICE.parse()?]);
    let stage = Stage::with(terms, |config| {
        config.app_id = Some("A02".to_owned());
        config.enterprise_id = Some("E024BE7LD".to_owned());
    })
    .await?;
    let asked = stage.ask().await?;
    let mut good = stage.click(&asked, ALICE, "tm.approve")?;
    set(
        &mut good,
        "/enterprise",
        json!({"id": "E024BE7LD", "name": "Example"}),
    )?;
    for (place, id) in [
        ("/team/id", json!(ELSEWHERE)),
        ("/api_app_id", json!("A03")),
        ("/enterprise/id", json!("E0ELSEWHERE")),
        ("/enterprise", Value::Null),
    ] {
        let mut payload = good.clone();
        *payload.pointer_mut(place).ok_or("no such place")? = id;
        let what = "This button belongs to no request that can be answered here.";
        for path in [super::stage::OWN, APP] {
            let mut sent = stage.sent(&payload);
            sent.path = path;
            assert_eq!(stage.post(&sent).await?.status, 200);
            stage.whispered(what);
        }
        assert_refused(&stage, &asked, &payload, what).await?;
    }
    // An app that is installed for the whole organisation is told of no workspace.
    set(&mut good, "/team", Value::Null)?;
    stage.does(&good).await?;
    assert_eq!(stage.answers(&asked).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_click_without_a_workspace_does_nothing_where_no_organisation_is_configured() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let mut payload = stage.click(&asked, ALICE, "tm.approve")?;
    set(&mut payload, "/team", Value::Null)?;
    let what = "This button belongs to no request";
    assert_refused(&stage, &asked, &payload, what).await
}

/// Threat 8.
#[tokio::test]
async fn people_of_another_organisation_may_not_answer_unless_theirs_is_named() -> Tested {
    let terms = || -> Tested<Requirements> {
        let listed = [ALICE.parse()?, format!("{ELSEWHERE}:{ALICE}").parse()?];
        Ok(Requirements::default().approvers(listed))
    };
    let stage = Stage::with(terms()?, |_| {}).await?;
    let asked = stage.ask().await?;
    let mut payload = stage.click(&asked, ALICE, "tm.approve")?;
    let what = "you belong to another organisation";
    for team in [json!(ELSEWHERE), Value::Null] {
        set(&mut payload, "/user/team_id", team)?;
        assert_refused(&stage, &asked, &payload, what).await?;
    }
    let stage = Stage::with(terms()?, |config| {
        config.allowed_teams.insert(ELSEWHERE.to_owned());
        config.approver_ids = ApproverIds::TeamAndUser;
    })
    .await?;
    let asked = stage.ask().await?;
    // Nobody's id is taken for another's.
    let own = stage.click(&asked, ALICE, "tm.approve")?;
    assert_refused(&stage, &asked, &own, "you are not on its list of approvers").await?;
    let mut payload = own;
    set(&mut payload, "/user/team_id", json!(ELSEWHERE))?;
    stage.does(&payload).await?;
    let approver = stage
        .trace(&asked)
        .await?
        .resolution()
        .and_then(|end| end.approver);
    let approver = approver.ok_or("nobody")?;
    assert_eq!(approver.id.as_str(), format!("{ELSEWHERE}:{ALICE}"));
    Ok(())
}

/// Threat 9.
#[tokio::test]
async fn whoever_is_not_on_the_list_is_told_so_and_the_request_still_waits() -> Tested {
    for listed in [vec![ALICE.parse()?], Vec::new()] {
        let stage = Stage::with(Requirements::default().approvers(listed), |_| {}).await?;
        let asked = stage.ask().await?;
        let payload = stage.click(&asked, BOB, "tm.approve")?;
        let what = "You may not answer this request: you are not on its list of approvers. It still waits.";
        assert_refused(&stage, &asked, &payload, what).await?;
    }
    Ok(())
}

/// Threat 10.
#[tokio::test]
async fn whoever_asked_for_it_may_not_approve_it() -> Tested {
    let stage = Stage::new().await?;
    for actor in [ALICE, "u0alice"] {
        stage.clock.advance(Duration::from_secs(2));
        let asked = stage.ask_for("acme", actor).await?;
        let payload = stage.click(&asked, ALICE, "tm.approve")?;
        assert_refused(&stage, &asked, &payload, "you asked for it yourself").await?;
        stage.clicks(&asked, BOB, "tm.approve").await?;
        assert_eq!(stage.answers(&asked).await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_button_that_was_copied_into_another_message_does_nothing() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    stage.clock.advance(Duration::from_secs(2));
    let second = stage.ask().await?;
    let good = stage.click(&asked, ALICE, "tm.approve")?;
    for (place, id) in [
        ("/container/channel_id", json!("C0ELSEWHERE")),
        ("/container/message_ts", json!("1795000000.999999")),
        ("/container/message_ts", json!(second.ts)),
        ("/actions/0/value", json!(second.value()?)),
    ] {
        let mut payload = good.clone();
        *payload.pointer_mut(place).ok_or("no such place")? = id;
        let what = "This message is none that was sent for this request";
        assert_refused(&stage, &asked, &payload, what).await?;
    }
    Ok(())
}

#[tokio::test]
async fn where_the_name_of_a_message_was_lost_its_channel_will_do() -> Tested {
    let stage = Stage::new().await?;
    stage.side.lose_posts();
    let asked = stage.ask().await?;
    let mut elsewhere = stage.click(&asked, ALICE, "tm.approve")?;
    set(
        &mut elsewhere,
        "/container/channel_id",
        json!("C0ELSEWHERE"),
    )?;
    set(
        &mut elsewhere,
        "/channel",
        json!({"id": "C0ELSEWHERE", "name": "elsewhere"}),
    )?;
    let what = "This message is none that was sent for this request";
    assert_refused(&stage, &asked, &elsewhere, what).await?;
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    assert_eq!(stage.answers(&asked).await?, 1);
    Ok(())
}

#[tokio::test]
async fn whoever_comes_late_is_told_who_was_faster() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    stage.clicks(&asked, BOB, "tm.reject").await?;
    stage.whispered("This request was already approved by U0ALICE");
    assert_eq!(stage.answers(&asked).await?, 1);
    // Her own second click is another one, and is told the same.
    stage.clock.advance(Duration::from_secs(5));
    stage.clicks(&asked, ALICE, "tm.approve").await?;
    stage.whispered("This request was already approved by U0ALICE");
    let said = stage.side.calls("/hooks/click");
    let whispered = said.last().ok_or("silence")?;
    assert_eq!(part(whispered, "/replace_original"), false);
    // Names are other people's words: no markup may come of them.
    assert!(
        !part(whispered, "/text").to_string().contains("<@here>"),
        "{whispered}"
    );
    assert!(!whispered.to_string().contains("mrkdwn"), "{whispered}");
    Ok(())
}

#[tokio::test]
async fn a_click_while_the_store_fails_is_told_that_nothing_is_certain() -> Tested {
    for (fault, counted) in [
        (CommitFault::BeforeWriting, 0),
        (CommitFault::AfterWriting, 1),
    ] {
        let stage = Stage::new().await?;
        let asked = stage.ask().await?;
        stage.store.fail_commit(0, fault);
        let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
        assert_eq!(stage.post(&sent).await?.status, 200);
        stage.whispered("It is not certain whether your answer was recorded.");
        assert_eq!(stage.answers(&asked).await?, counted);
        // The same again tells.
        assert_eq!(stage.post(&sent).await?.status, 200);
        assert_eq!(stage.answers(&asked).await?, 1);
        assert_eq!(stage.side.whispers().len(), 1);
    }
    Ok(())
}
