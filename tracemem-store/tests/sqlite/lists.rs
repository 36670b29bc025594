//! Lists where several things are said at once: what they cost, and where they stop.

use std::num::NonZeroU32;

use tempfile::{TempDir, tempdir};
use tokio::task::JoinSet;
use tracemem_sdk::store::{AnyOf, Commit, Index, Listing, Order, StreamId, Term};
use tracemem_store::SqliteStore;

use crate::material::{Failure, Tested, step, stream, tenant, write};

/// More than two pages of a search look at.
const DECISIONS: u64 = 2_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_rare_is_found_at_once_among_any_number() -> Tested {
    let (_folder, store) = filled(|number, commit| {
        commit.projection.status = "open".to_owned();
        commit.projection.intent = "refund".to_owned();
        if number % 900 == 7 {
            commit.terms = vec![vip()];
        }
    })
    .await?;
    let mut listing = Listing::default();
    listing.status = Some("open".to_owned());
    listing.has = vec![any_of([vip()], []), any_of([], ["refund", "grant"])];
    assert_eq!(
        pages(&store, &mut listing).await?,
        [(vec![7, 907, 1_807], None)]
    );
    listing.order = Order::NewestFirst;
    assert_eq!(
        pages(&store, &mut listing).await?,
        [(vec![1_807, 907, 7], None)]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_that_finds_nothing_stops_after_a_thousand_and_says_where_to_go_on() -> Tested {
    let (_folder, store) = filled(|number, commit| {
        // No two of them are ever the same decision's, and neither lies apart from the other.
        let (status, agent) = if number % 2 == 0 {
            ("open", "agent-1")
        } else {
            ("approved", "agent-7")
        };
        commit.projection.status = status.to_owned();
        commit.projection.agent = agent.to_owned();
    })
    .await?;
    let mut listing = Listing::default();
    listing.status = Some("open".to_owned());
    listing.agent = Some("agent-7".to_owned());
    // Eight pieces of 128, of every second decision.
    assert_eq!(
        pages(&store, &mut listing).await?,
        [(vec![], Some(2_047)), (vec![], None)]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_lies_apart_is_not_walked_through() -> Tested {
    let (_folder, store) = filled(|number, commit| {
        let (status, agent) = if number < DECISIONS / 2 {
            ("open", "agent-1")
        } else {
            ("approved", "agent-7")
        };
        commit.projection.status = status.to_owned();
        commit.projection.agent = agent.to_owned();
    })
    .await?;
    let mut listing = Listing::default();
    listing.status = Some("open".to_owned());
    listing.agent = Some("agent-7".to_owned());
    for order in [Order::OldestFirst, Order::NewestFirst] {
        listing.order = order;
        assert_eq!(pages(&store, &mut listing).await?, [(vec![], None)]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_any_of_several_will_do_none_of_them_is_passed_over() -> Tested {
    let (_folder, store) = filled(|number, commit| {
        // What the second intent has lies beyond many pieces of the first.
        commit.projection.intent = if number < 2_000 { "refund" } else { "grant" }.to_owned();
        if number % 13 == 0 {
            commit.terms = vec![vip()];
        }
    })
    .await?;
    let mut listing = Listing::default();
    listing.has = vec![any_of([vip()], []), any_of([], ["refund", "grant"])];
    let pages = pages(&store, &mut listing).await?;
    let found: Vec<u64> = pages.into_iter().flat_map(|(found, _)| found).collect();
    assert_eq!(found, (0..DECISIONS).step_by(13).collect::<Vec<_>>());
    Ok(())
}

/// A store with decisions that look like this.
async fn filled(look: impl Fn(u64, &mut Commit)) -> Result<(TempDir, SqliteStore), Failure> {
    let folder = tempdir()?;
    let store = SqliteStore::open(folder.path().join("store.db")).await?;
    let mut writes = JoinSet::new();
    for number in 0..DECISIONS {
        let (store, mut commit) = (store.clone(), step(number, 0, 1)?);
        look(number, &mut commit);
        writes.spawn(async move { write(&store, commit).await });
    }
    while let Some(written) = writes.join_next().await {
        written??;
    }
    Ok((folder, store))
}

/// The numbers of the decisions on each page, and the number that it goes on after.
async fn pages(
    store: &SqliteStore,
    listing: &mut Listing,
) -> Result<Vec<(Vec<u64>, Option<u64>)>, Failure> {
    let ten = NonZeroU32::new(10).ok_or("zero")?;
    let number = |decision: &tracemem_sdk::id::DecisionId| {
        let numbers = (0..DECISIONS).find(|number| {
            stream(*number).is_ok_and(|stream| stream == StreamId::Decision(decision.clone()))
        });
        numbers.ok_or("it was never written")
    };
    let (tenant, mut pages) = (tenant()?, Vec::new());
    loop {
        let page = store.list(&tenant, listing, ten).await?;
        let listed = page.listed.iter().map(|listed| number(&listed.decision));
        let next = page.next.as_ref().map(|next| number(&next.0)).transpose()?;
        pages.push((listed.collect::<Result<_, _>>()?, next));
        listing.after = page.next;
        if listing.after.is_none() {
            return Ok(pages);
        }
    }
}

fn vip() -> Term {
    Term {
        kind: "tag".to_owned(),
        value: "vip".to_owned(),
    }
}

fn any_of<const T: usize, const I: usize>(terms: [Term; T], intents: [&str; I]) -> AnyOf {
    AnyOf {
        terms: terms.into(),
        intents: intents.map(str::to_owned).into(),
    }
}
