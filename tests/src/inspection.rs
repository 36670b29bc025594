//! What the store holds after everybody who wrote it is dead, read by the parent through the sdk and checked on the way.

use std::{collections::BTreeMap, num::NonZeroU32, path::Path};

use tracemem_sdk::{
    TraceMem,
    decision::{
        Trace,
        event::{Event, EventKind},
    },
    evidence::digest::Digest,
    id::TenantId,
    store::{Listing, Store, StreamId},
};
use tracemem_store::SqliteStore;

use crate::{Outcome, protocol::Acked};

/// Everything that is kept for the one tenant.
#[derive(Debug)]
pub struct Kept {
    /// The traces of its decisions. Reading one checked its chain, and that its projection is the fold of its events.
    pub traces: Vec<Trace>,
    /// The leaf hash of each entry, by stream and position, the administrative stream's included.
    leaves: BTreeMap<(String, u64), String>,
}

impl Kept {
    /// Reads everything in the store in `dir`.
    ///
    /// # Errors
    /// Where something is not what was written.
    pub fn in_folder(dir: &Path) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(read(dir))
    }

    /// Whether anything came after its trace was closed, and was kept on the administrative stream.
    #[must_use]
    pub fn holds_late_reports(&self) -> bool {
        self.leaves.keys().any(|(stream, _)| stream == "_admin")
    }

    /// The one trace there is.
    ///
    /// # Errors
    /// Where there is none, or another.
    pub fn only_trace(&self) -> Outcome<&Trace> {
        match self.traces.as_slice() {
            [trace] => Ok(trace),
            traces => Err(format!("there are {} decisions, not one", traces.len()).into()),
        }
    }

    /// Checks that everything that was acknowledged is there, byte for byte (I10).
    ///
    /// # Errors
    /// Names what is lost.
    pub fn check(&self, acked: &[Acked]) -> Outcome {
        for Acked { stream, entries } in acked {
            for (seq, leaf) in entries {
                if self.leaves.get(&(stream.clone(), *seq)) != Some(leaf) {
                    return Err(format!("acknowledged and lost: event {seq} of `{stream}`").into());
                }
            }
        }
        Ok(())
    }
}

async fn read(dir: &Path) -> Outcome<Kept> {
    let store = SqliteStore::open(dir.join("decisions.db")).await?;
    let tracemem = TraceMem::builder(store.clone()).build()?;
    let tenant: TenantId = "acme".parse()?;
    let auditor = tracemem.tenant(tenant.clone()).auditor();
    let mut listing = Listing::default();
    let mut streams = vec![StreamId::Admin];
    let mut traces = Vec::new();
    loop {
        let limit = NonZeroU32::MIN.saturating_add(99);
        let page = auditor.list(&listing, limit).await?;
        for listed in page.listed {
            traces.push(auditor.trace(&listed.decision).await?);
            streams.push(StreamId::Decision(listed.decision));
        }
        listing.after = match page.next {
            Some(next) => Some(next),
            None => break,
        };
    }
    let mut leaves = BTreeMap::new();
    for id in streams {
        let entries = store.load(&tenant, &id).await?.map(|stream| stream.entries);
        for entry in entries.unwrap_or_default() {
            leaves.insert(
                (id.to_string(), entry.seq),
                Digest::leaf(&entry.bytes).to_string(),
            );
        }
    }
    tracemem.close().await?;
    Ok(Kept { traces, leaves })
}

/// How many events of this type a trace has.
#[must_use]
pub fn count(trace: &Trace, kind: EventKind) -> usize {
    let events = trace.events().iter();
    events.filter(|event| event.kind == kind).count()
}

/// The fences under which the effect was started.
#[must_use]
pub fn fences(trace: &Trace) -> Vec<u64> {
    let started = trace
        .events()
        .iter()
        .filter_map(|event| match &event.event {
            Some(Event::ExecutionStarted(started)) => Some(started.fence),
            _ => None,
        });
    started.collect()
}

/// Status and execution, as `committed/executed`.
#[must_use]
pub fn standing(trace: &Trace) -> String {
    let state = trace.state();
    format!("{}/{}", state.status(), state.execution())
}
