//! What must not be printed.

use tracemem_sdk::time::Timestamp;
use tracemem_transports::link::LinkKeys;

use super::{
    Tested,
    stage::{ALICE, SECRET, START, Stage},
};

#[tokio::test]
async fn debug_prints_neither_secrets_nor_links_nor_people() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let token = asked.token(ALICE)?;
    let keys = LinkKeys::new("k2", b"CANARY-of-the-new-secret-0123456789")?;
    let keys = keys.with_previous("k1", SECRET)?;
    let verified = stage.links.verify(&token, Timestamp::from_micros(START))?;
    let sent = stage.outbox.messages();
    let printed = format!(
        "{keys:?} {keys:#?} {:?} {:#?} {:?} {sent:?} {verified:?} {:?} {:?}",
        stage.links,
        stage.page,
        stage.outbox,
        asked.message,
        stage.links.verify("CANARY", Timestamp::from_micros(START)),
    );
    // The secret as text, as numbers and as hex.
    let numbers: Vec<String> = SECRET.iter().take(6).map(u8::to_string).collect();
    for canary in [
        "CANARY",
        &token,
        ALICE,
        "v1.",
        &numbers.join(", "),
        "43414e",
    ] {
        assert!(!printed.contains(canary), "{canary} in {printed}");
    }
    Ok(())
}

#[tokio::test]
async fn no_event_and_no_disclosure_of_a_trace_holds_a_link() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    stage.post(asked.form(ALICE, "approve")?).await?;
    let trace = format!("{:?}", stage.trace(&asked).await?);
    let token = asked.token(ALICE)?;
    let proof = token.rsplit('.').next().ok_or("no proof")?;
    assert!(!trace.contains(proof) && !trace.contains("?t="));
    Ok(())
}
