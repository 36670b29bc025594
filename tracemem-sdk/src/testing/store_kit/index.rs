//! Rules of the index.

use std::num::NonZeroU32;

use super::{
    KitError, KitResult, Stage,
    check::{equal, failed, present, written},
    material::{ALL, at, completion, decision, job, step, stream},
};
use crate::{
    id::{DecisionId, TenantId},
    store::{
        Cursor, Index, JobFate, JobLease, Listing, Page, Projection, StoreErrorKind, StreamId,
        Version,
    },
};

/// A tenant without decisions has an empty list, and no next page.
pub async fn nothing_is_listed_where_nothing_was_decided<S: Index>(stage: &Stage<S>) -> KitResult {
    let page = list(stage, &Listing::default(), ALL).await?;
    equal(
        "nothing is listed",
        &page,
        &Page {
            listed: vec![],
            next: None,
        },
    )?;
    Ok(())
}

/// Decisions are listed by id in byte order, in whichever order they were opened, each once, with the version and the
/// projection of their last commit.
pub async fn decisions_are_listed_once_in_order_as_they_are_now<S: Index>(
    stage: &Stage<S>,
) -> KitResult {
    for number in [7, 0xa, 3, 0x10, 1] {
        set(stage, number, 0, "open", "agent-1").await?;
    }
    set(stage, 3, 1, "approved", "agent-1").await?;
    set(stage, 3, 2, "committed", "agent-1").await?;
    let page = list(stage, &Listing::default(), ALL).await?;
    let promise = "a list holds each decision once, by id, as it is now";
    let numbers = [1, 3, 7, 0xa, 0x10]
        .map(decision)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    equal(promise, &ids(&page), &numbers)?;
    let third = present(promise, page.listed.get(1))?;
    let expected = (Version(3), projection("committed", "agent-1"));
    equal(
        promise,
        &(third.version, third.projection.clone()),
        &expected,
    )?;
    equal("there is no more", &page.next, &None)?;
    Ok(())
}

/// A listing holds what fits all that it asks for, by what the projections say now: status, execution and agent, alone and
/// together, each compared exactly.
pub async fn a_listing_holds_what_fits_all_that_it_asks_for<S: Index>(
    stage: &Stage<S>,
) -> KitResult {
    for (number, status, agent) in [
        (1, "open", "agent-1"),
        (2, "open", "agent-2"),
        (3, "approved", "agent-1"),
        (4, "opened", "Agent-1"),
        (5, "Open", "agent-1"),
        (6, "open", "agent-1"),
    ] {
        set(stage, number, 0, status, agent).await?;
    }
    // It was open, and is no longer.
    set(stage, 6, 1, "approved", "agent-1").await?;
    let some = |text: &str| Some(text.to_owned());
    let listing = |status, execution, agent| Listing {
        status,
        execution,
        agent,
        ..Listing::default()
    };
    for (listing, numbers) in [
        (listing(some("open"), None, None), vec![1, 2]),
        (listing(some("approved"), None, None), vec![3, 6]),
        (listing(None, None, some("agent-1")), vec![1, 3, 5, 6]),
        (listing(some("open"), None, some("agent-1")), vec![1]),
        (listing(None, some("open_run"), None), vec![1, 2]),
        (
            listing(some("open"), some("open_run"), some("agent-2")),
            vec![2],
        ),
        (listing(some("open"), some("approved_run"), None), vec![]),
        (listing(some("aborted"), None, None), vec![]),
        (listing(some(""), None, None), vec![]),
        (listing(some("op%"), None, None), vec![]),
    ] {
        let page = list(stage, &listing, ALL).await?;
        let numbers = numbers
            .into_iter()
            .map(decision)
            .collect::<Result<Vec<_>, _>>()?;
        equal(
            &format!("`{listing:?}` holds what fits"),
            &ids(&page),
            &numbers,
        )?;
    }
    Ok(())
}

/// Pages of any size, asked for one after the other, give the list without gap or repetition, all and filtered; `next` is
/// there exactly where there is more.
pub async fn pages_follow_each_other_without_gap_or_repetition<S: Index>(
    stage: &Stage<S>,
) -> KitResult {
    for number in 0..12 {
        let status = if number % 3 == 1 { "open" } else { "approved" };
        set(stage, number, 0, status, "agent-1").await?;
    }
    let promise = "pages follow each other without gap or repetition";
    for (status, count) in [(None, 12), (Some("open"), 4), (Some("approved"), 8)] {
        let filter = Listing {
            status: status.map(str::to_owned),
            ..Listing::default()
        };
        let all = ids(&list(stage, &filter, ALL).await?);
        equal(promise, &all.len(), &count)?;
        for limit in [1, 2, 3, 4, 5, 11, 12, 13]
            .into_iter()
            .filter_map(NonZeroU32::new)
        {
            let mut found = Vec::new();
            let mut listing = filter.clone();
            loop {
                let page = list(stage, &listing, limit).await?;
                let left = count - found.len();
                equal(promise, &page.listed.len(), &left.min(limit.get() as usize))?;
                found.extend(ids(&page));
                equal(
                    "`next` is there where there is more",
                    &page.next.is_some(),
                    &(found.len() < count),
                )?;
                let Some(next) = page.next else {
                    break;
                };
                listing.after = Some(next);
            }
            equal(promise, &found, &all)?;
        }
    }
    Ok(())
}

/// A page begins after its cursor, also where no decision of that id exists or fits, and after the last there is nothing.
pub async fn a_page_begins_after_its_cursor<S: Index>(stage: &Stage<S>) -> KitResult {
    for number in [2, 4, 6] {
        set(stage, number, 0, "open", "agent-1").await?;
    }
    for (after, numbers) in [
        (0, vec![2, 4, 6]),
        (2, vec![4, 6]),
        (3, vec![4, 6]),
        (6, vec![]),
        (9, vec![]),
    ] {
        let listing = Listing {
            after: Some(Cursor(decision(after)?)),
            ..Listing::default()
        };
        let page = list(stage, &listing, ALL).await?;
        let numbers = numbers
            .into_iter()
            .map(decision)
            .collect::<Result<Vec<_>, _>>()?;
        equal("a page begins after its cursor", &ids(&page), &numbers)?;
    }
    Ok(())
}

/// The administrative stream is never listed, on no page.
pub async fn the_administrative_stream_is_never_listed<S: Index>(stage: &Stage<S>) -> KitResult {
    let mut admin = stage.step(&StreamId::Admin, 0, 1, "admin")?;
    admin.projection = projection("open", "agent-1");
    stage.wrote(admin).await?;
    let promise = "the administrative stream is never listed";
    equal(
        promise,
        &list(stage, &Listing::default(), ALL).await?.listed,
        &vec![],
    )?;
    set(stage, 1, 0, "open", "agent-1").await?;
    for limit in [NonZeroU32::MIN, ALL] {
        let page = list(stage, &Listing::default(), limit).await?;
        equal(promise, &ids(&page), &vec![decision(1)?])?;
        equal(promise, &page.next, &None)?;
    }
    Ok(())
}

/// Nothing of another tenant is listed, and its decision of the same id changes nothing in the list.
pub async fn a_tenant_lists_nothing_of_another<S: Index>(stage: &Stage<S>) -> KitResult {
    let foreign: TenantId = "Tenant-a".parse()?;
    set(stage, 1, 0, "open", "agent-1").await?;
    for number in [1, 2] {
        let mut theirs = step(&foreign, &stream(number)?, 0, 2, "theirs")?;
        theirs.projection = projection("open", "agent-9");
        written(&stage.store().commit(theirs).await?, 2)?;
    }
    let promise = "nothing of another tenant is listed";
    let page = list(stage, &Listing::default(), ALL).await?;
    equal(promise, &ids(&page), &vec![decision(1)?])?;
    let first = present(promise, page.listed.first())?;
    let expected = (Version(1), projection("open", "agent-1"));
    equal(
        promise,
        &(first.version, first.projection.clone()),
        &expected,
    )?;
    Ok(())
}

/// A commit that is refused, and one without entries, change nothing in the list.
pub async fn a_commit_that_appends_nothing_changes_no_list<S: Index>(
    stage: &Stage<S>,
) -> KitResult {
    let mut first = stage.step(&stream(1)?, 0, 1, "first")?;
    first.projection = projection("open", "agent-1");
    first.jobs = vec![job(1, at(0))?];
    stage.wrote(first).await?;
    let before = list(stage, &Listing::default(), ALL).await?;

    let mut refused = stage.step(&stream(1)?, 0, 1, "refused")?;
    refused.projection = projection("approved", "agent-1");
    let mut new = stage.step(&stream(2)?, 1, 1, "refused")?;
    new.projection = projection("approved", "agent-1");
    let leased = stage
        .store()
        .lease_jobs(&JobLease::new(at(0), at(10), ALL))
        .await?;
    let leased = present("a job that is due is leased", leased.first())?;
    let mut empty = stage.step(&stream(1)?, 1, 0, "")?;
    empty.completes = Some(completion(leased, JobFate::Done));
    for commit in [refused, new, empty] {
        let _: crate::store::Committed = stage.store().commit(commit).await?;
        let after = list(stage, &Listing::default(), ALL).await?;
        equal("a list holds what was appended", &after, &before)?;
    }
    Ok(())
}

/// Decisions are listed through another handle at once, and after a close and a reopen.
pub async fn decisions_are_listed_through_any_handle<S: Index>(stage: &Stage<S>) -> KitResult {
    let other = stage.open().await?;
    set(stage, 1, 0, "open", "agent-1").await?;
    let (tenant, all) = (stage.tenant(), Listing::default());
    let promise = "a list holds what commits that returned before have written";
    equal(
        promise,
        &ids(&other.list(tenant, &all, ALL).await?),
        &vec![decision(1)?],
    )?;
    other.close().await?;
    stage.store().close().await?;
    let reopened = stage.open().await?;
    equal(
        promise,
        &ids(&reopened.list(tenant, &all, ALL).await?),
        &vec![decision(1)?],
    )?;
    Ok(())
}

/// After `close` the index fails with [`StoreErrorKind::Closed`] too.
pub async fn a_closed_index_says_so<S: Index>(stage: &Stage<S>) -> KitResult {
    stage.store().close().await?;
    let listed = stage
        .store()
        .list(stage.tenant(), &Listing::default(), ALL)
        .await;
    failed(
        "after `close` every call fails with `Closed`",
        &listed,
        StoreErrorKind::Closed,
    )?;
    let intents = stage.store().intents(stage.tenant(), None, ALL).await;
    failed(
        "after `close` every call fails with `Closed`",
        &intents,
        StoreErrorKind::Closed,
    )?;
    Ok(())
}

/// A projection whose execution state is told by its status.
fn projection(status: &str, agent: &str) -> Projection {
    Projection {
        status: status.to_owned(),
        execution: format!("{status}_run"),
        agent: agent.to_owned(),
        intent: "refund".to_owned(),
        wake_at: Some(at(7)),
        body: vec![0xff, 0],
    }
}

/// Appends one entry that makes a decision look like this.
async fn set<S: Index>(
    stage: &Stage<S>,
    number: u64,
    expected: u64,
    status: &str,
    agent: &str,
) -> KitResult {
    let mut commit = stage.step(&stream(number)?, expected, 1, "sets")?;
    commit.projection = projection(status, agent);
    stage.wrote(commit).await
}

async fn list<S: Index>(
    stage: &Stage<S>,
    listing: &Listing,
    limit: NonZeroU32,
) -> Result<Page, KitError> {
    Ok(stage.store().list(stage.tenant(), listing, limit).await?)
}

fn ids(page: &Page) -> Vec<DecisionId> {
    page.listed
        .iter()
        .map(|listed| listed.decision.clone())
        .collect()
}
