//! Nothing that is stored shows in an error or in a debug print.

use std::error::Error;

use tempfile::tempdir;
use tracemem_sdk::store::{Projection, Store, StoreError};
use tracemem_store::SqliteStore;

use crate::material::{Tested, claim, step, stream, tenant, write};
use crate::outside::{outside, run, stray_entry};

const CANARY: &str = "canary";

#[tokio::test]
async fn i9_no_error_repeats_a_value() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    write(&store, step(0, 0, 1)?).await?;

    let mut commit = step(1, 0, 1)?;
    stray_entry(&outside(&path).await?, &commit.stream).await?;
    for entry in &mut commit.entries {
        entry.bytes = CANARY.into();
        entry.disclosures = Some(CANARY.to_owned());
    }
    commit.projection = Projection {
        status: CANARY.to_owned(),
        body: CANARY.into(),
        ..Projection::default()
    };
    commit.claim = Some(claim(0, 1)?);
    let event = commit.entries.first().ok_or("no entry")?.event.to_string();
    check_silent(store.commit(commit).await.err(), &[CANARY, &event, "acme"])?;

    run(
        &outside(&path).await?,
        "UPDATE tracemem_keys SET agent = 'canary canary'",
    )
    .await?;
    run(
        &outside(&path).await?,
        "UPDATE tracemem_streams SET status = 'canary', version = 7",
    )
    .await?;
    check_silent(
        store.load(&tenant()?, &stream(0)?).await.err(),
        &[CANARY, "acme"],
    )?;
    assert!(!format!("{store:?}").contains(CANARY));
    Ok(())
}

fn check_silent(error: Option<StoreError>, secrets: &[&str]) -> Tested {
    let error = error.ok_or("it did not fail")?;
    let mut shown = format!("{error:?}");
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        shown.push_str(&format!("{error} {error:?}"));
        cause = error.source();
    }
    for secret in secrets {
        assert!(!shown.contains(secret), "{shown}");
    }
    Ok(())
}
