//! Several processes on one file.

use std::time::Duration;

use tempfile::tempdir;
use tracemem_sdk::store::{Store, Version};
use tracemem_store::SqliteStore;

use crate::{
    child::{Other, Role},
    material::{Tested, stream, tenant, version},
};

#[tokio::test]
async fn eight_processes_may_open_a_fresh_file_at_once() -> Tested {
    for _ in 0..3 {
        let folder = tempdir()?;
        let path = folder.path().join("store.db");
        let mut others = Vec::new();
        for _ in 0..8 {
            let mut other = Other::start(Role::Opens, &path)?;
            other.expect("ready")?;
            others.push(other);
        }
        for (number, other) in others.iter_mut().enumerate() {
            other.tell(&number.to_string())?;
        }
        for mut other in others {
            other.expect("written")?;
            other.finish()?;
        }
        let store = SqliteStore::open(&path).await?;
        for number in 0..8 {
            assert_eq!(version(&store, number).await?, 1);
        }
    }
    Ok(())
}

#[tokio::test]
async fn of_several_processes_exactly_one_wins_each_race() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let mut others = Vec::new();
    for _ in 0..4 {
        let mut other = Other::start(Role::Races, &path)?;
        other.expect("ready")?;
        others.push(other);
    }
    for round in 0..50 {
        for other in &mut others {
            other.tell(&round.to_string())?;
        }
        let mut said = Vec::new();
        for other in &mut others {
            said.extend(other.hear()?);
        }
        said.sort();
        assert_eq!(said, ["lost", "lost", "lost", "won"], "round {round}");
    }
    let store = SqliteStore::open(&path).await?;
    for round in 0..50 {
        assert_eq!(version(&store, round).await?, 2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_another_process_wakes_who_waits() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await?;
    let mut other = Other::start(Role::WritesOnDemand, &path)?;
    other.expect("ready")?;
    let (tenant, stream) = (tenant()?, stream(3)?);
    for round in 0..20 {
        let wait = store.wait(&tenant, &stream, Version(round * 2));
        other.tell("write")?;
        tokio::time::timeout(Duration::from_secs(10), wait).await??;
        other.expect(&((round + 1) * 2).to_string())?;
        assert_eq!(version(&store, 3).await?, (round + 1) * 2);
    }
    Ok(())
}
