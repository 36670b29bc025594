//! Lists that two filters sieve.

use std::num::NonZeroU32;

use tempfile::tempdir;
use tokio::task::JoinSet;
use tracemem_sdk::store::{Index, Listing, StreamId};
use tracemem_store::SqliteStore;

use crate::material::{Failure, Tested, step, stream, tenant, write};

/// Every one of these is `open`; those whose number 700 divides are of `agent-7`.
const DECISIONS: u64 = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sieved_page_looks_at_a_thousand_decisions_and_says_where_to_go_on() -> Tested {
    let folder = tempdir()?;
    let store = SqliteStore::open(folder.path().join("store.db")).await?;
    let mut writes = JoinSet::new();
    for number in 0..DECISIONS {
        let (store, mut commit) = (store.clone(), step(number, 0, 1)?);
        commit.projection.status = "open".to_owned();
        commit.projection.agent = if number % 700 == 0 {
            "agent-7"
        } else {
            "agent-1"
        }
        .to_owned();
        writes.spawn(async move { write(&store, commit).await });
    }
    while let Some(written) = writes.join_next().await {
        written??;
    }

    let mut listing = Listing::default();
    listing.status = Some("open".to_owned());
    listing.agent = Some("agent-7".to_owned());
    let ten = NonZeroU32::new(10).ok_or("zero")?;
    let (tenant, mut found) = (tenant()?, Vec::new());
    for expected in [vec![0, 700], vec![1_400]] {
        let page = store.list(&tenant, &listing, ten).await?;
        let expected = expected
            .into_iter()
            .map(stream)
            .collect::<Result<Vec<_>, Failure>>()?;
        let listed: Vec<_> = page
            .listed
            .into_iter()
            .map(|listed| StreamId::Decision(listed.decision))
            .collect();
        assert_eq!(listed, expected);
        found.extend(listed);
        listing.after = page.next;
    }
    assert_eq!(listing.after, None);
    assert_eq!(found.len(), 3);
    Ok(())
}
