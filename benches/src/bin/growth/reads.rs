//! How long one read takes: what must not depend on how much is stored.

use std::{num::NonZeroU32, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use tracemem_sdk::{
    decision::status::Status,
    evidence::digest::Digest,
    id::DecisionId,
    search::Search,
    store::{JobLease, KeyDigest, StreamId},
    tenant::Auditor,
    time::{Clock, SystemClock},
};

use super::{Failed, host, place::Place};

/// How often each is repeated.
const TIMES: u64 = 200;

const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// Reads everything of a store in each way, and gives a line for each way.
pub(crate) async fn measure(place: &Place, on: &str) -> Result<Vec<Value>, Failed> {
    let mut lines = Vec::new();
    let auditor = host::auditor(&place.host)?;
    for (what, search) in searches()? {
        let mut times = Vec::new();
        let mut found = 0;
        for number in 0..TIMES {
            let search = search(number)?;
            let begun = Instant::now();
            found += auditor.search(&search).await?.listed.len();
            times.push(begun.elapsed());
        }
        lines.push(line(on, what, times, Some(found as u64)));
    }
    let ids = some_ids(&auditor).await?;
    lines.push(load(place, on, &ids).await?);
    lines.push(find_key(place, on).await?);
    lines.push(lease_jobs(place, on).await?);
    lines.push(lease_timers(place, on).await?);
    Ok(lines)
}

type Build = fn(u64) -> Result<Search, Failed>;

/// Each way to search, for something else each time.
fn searches() -> Result<Vec<(&'static str, Build)>, Failed> {
    Ok(vec![
        ("all", |_| Ok(Search::new())),
        ("status, open ones", |_| {
            Ok(Search::new().status(Status::NeedsApproval))
        }),
        ("agent", |number| {
            Ok(Search::new().agent(format!("agent-{}", number % 10).parse()?))
        }),
        ("intent", |number| {
            let intent = format!("refund.issue.kind_{}", number % 16);
            Ok(Search::new().intent(intent.parse()?))
        }),
        ("actor", |number| {
            Ok(Search::new().actor(&format!("jane.{number}@example.org"))?)
        }),
        ("source record", |number| {
            Ok(Search::new().source_record(&format!("rec_closed_{number}"))?)
        }),
        ("tag", |number| {
            Ok(Search::new().tag(&format!("region-{}", number % 100))?)
        }),
        ("word of the title", |number| {
            Ok(Search::new().text(&format!("late {number}"))?)
        }),
        ("tag of the open ones", |number| {
            let open = Search::new().status(Status::NeedsApproval);
            Ok(open.tag(&format!("region-{}", number % 100))?)
        }),
    ])
}

/// Decisions that are apart from each other.
async fn some_ids(auditor: &Auditor) -> Result<Vec<DecisionId>, Failed> {
    let mut ids = Vec::new();
    for number in 0..TIMES {
        let search = Search::new().source_record(&format!("rec_closed_{number}"))?;
        let page = auditor.search(&search).await?;
        ids.extend(page.listed.into_iter().map(|listed| listed.decision));
    }
    Ok(ids)
}

async fn load(place: &Place, on: &str, ids: &[DecisionId]) -> Result<Value, Failed> {
    let mut times = Vec::new();
    for id in ids {
        let stream = StreamId::Decision(id.clone());
        let begun = Instant::now();
        let loaded = place.store.load(&host::TENANT.parse()?, &stream).await?;
        times.push(begun.elapsed());
        loaded.ok_or("a decision is not there")?;
    }
    Ok(line(on, "load", times, None))
}

/// Keys are digests, so that any other is as far away as one that is held.
async fn find_key(place: &Place, on: &str) -> Result<Value, Failed> {
    let mut times = Vec::new();
    for number in 0..TIMES {
        let key = KeyDigest(Digest::of(&number.to_be_bytes()));
        let begun = Instant::now();
        place.store.find_key(&host::TENANT.parse()?, &key).await?;
        times.push(begun.elapsed());
    }
    Ok(line(on, "find_key", times, None))
}

/// The lease ends when it begins, so that the next look finds as many.
async fn lease_jobs(place: &Place, on: &str) -> Result<Value, Failed> {
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..TIMES {
        let now = SystemClock.now();
        let begun = Instant::now();
        found += place
            .store
            .lease_jobs(&JobLease::new(now, now, PAGE))
            .await?
            .len();
        times.push(begun.elapsed());
    }
    Ok(line(on, "lease_jobs", times, Some(found as u64)))
}

/// None is due, as it nearly always is.
async fn lease_timers(place: &Place, on: &str) -> Result<Value, Failed> {
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..TIMES {
        let now = SystemClock.now();
        let begun = Instant::now();
        found += place.store.lease_timers(now, now, PAGE).await?.len();
        times.push(begun.elapsed());
    }
    Ok(line(on, "lease_timers", times, Some(found as u64)))
}

fn line(on: &str, what: &str, mut times: Vec<Duration>, found: Option<u64>) -> Value {
    times.sort_unstable();
    let percentile = |percent: usize| {
        let at = times.len().saturating_sub(1) * percent / 100;
        let time = times.get(at);
        time.map(|time| (time.as_secs_f64() * 1e6).round() / 1e3)
    };
    json!({
        "measured": "read",
        "on": on,
        "what": what,
        "p50_ms": percentile(50),
        "p99_ms": percentile(99),
        "found": found.map(|found| found as f64 / TIMES as f64),
    })
}
