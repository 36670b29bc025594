//! What was acknowledged is there, whatever happens to the process and the machine.

use std::{collections::HashMap, fs};

use tempfile::tempdir;
use tracemem_sdk::store::Store;
use tracemem_store::SqliteStore;

use crate::{
    child::{Other, Role},
    material::{Tested, version},
};

#[tokio::test]
async fn i10_a_commit_acknowledged_is_there_after_a_kill() -> Tested {
    for round in 0..5 {
        let folder = tempdir()?;
        let path = folder.path().join("store.db");
        let mut other = Other::start(Role::NeverEnds, &path)?;
        let mut acknowledged = HashMap::new();
        let mut heard = 0;
        // After the kill, what it had said before is still in the pipe.
        while let Some(said) = other.hear()? {
            let (number, version) = said.split_once(' ').ok_or("it said something else")?;
            acknowledged.insert(number.parse::<u64>()?, version.parse::<u64>()?);
            heard += 1;
            if heard == 100 + 50 * round {
                other.kill()?;
            }
        }
        assert!(!acknowledged.is_empty());
        let store = SqliteStore::open(&path).await?;
        for (number, acknowledged) in acknowledged {
            let found = version(&store, number).await?;
            // One more may have been written and not yet said. It too is whole.
            assert!(
                found == acknowledged || found == acknowledged + 2,
                "{found} {acknowledged}"
            );
        }
        store.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn i10_a_commit_acknowledged_is_in_a_copy_of_the_files_of_that_moment() -> Tested {
    let folder = tempdir()?;
    let path = folder.path().join("store.db");
    let mut other = Other::start(Role::WritesOnDemand, &path)?;
    other.expect("ready")?;
    for round in 1..=25 {
        other.tell("write")?;
        let said = other.hear()?.ok_or("it said nothing more")?;
        let acknowledged = said.parse::<u64>()?;
        assert_eq!(acknowledged, round * 2);
        // The index of the log is rebuilt from the log: after a power cut there is none that can be trusted.
        let copy = folder.path().join(format!("{round}.db"));
        fs::copy(&path, &copy)?;
        fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal"))?;
        let store = SqliteStore::open(&copy).await?;
        for number in 0..4 {
            assert_eq!(version(&store, number).await?, acknowledged);
        }
        store.close().await?;
    }
    Ok(())
}
