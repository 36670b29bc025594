//! What the store holds after everybody who wrote it is dead, read by the parent through the sdk and checked on the way.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use tracemem_sdk::{
    TraceMem,
    decision::{
        Trace,
        event::{Event, EventKind},
    },
    evidence::digest::Digest,
    id::TenantId,
    store::{Listing, StreamId},
};

use tokio::task::JoinSet;

use crate::{
    Outcome,
    place::{Opened, Place},
    protocol::Acked,
};

/// Everything that is kept for the one tenant.
#[derive(Debug)]
pub struct Kept {
    /// The traces of its decisions. Reading one checked its chain, and that its projection is the fold of its events.
    pub traces: Vec<Trace>,
    /// The leaf hash of each entry, by stream and position, the administrative stream's included.
    leaves: Leaves,
}

type Leaves = BTreeMap<(String, u64), String>;

/// How long to wait for others that write.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many decisions are read at once.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

impl Kept {
    /// Reads everything in the store at `place`.
    ///
    /// # Errors
    /// Where something is not what was written.
    pub fn at(place: &Place) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(read(place))
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

async fn read(place: &Place) -> Outcome<Kept> {
    let store = place.open(PATIENCE).await?;
    let tracemem = TraceMem::builder(store.backend()).build()?;
    let tenant = tracemem.tenant("acme".parse()?);
    let mut kept = Kept {
        traces: Vec::new(),
        leaves: BTreeMap::new(),
    };
    kept.leaves
        .extend(leaves(&store, tenant.id(), StreamId::Admin).await?);
    let mut listing = Listing::default();
    loop {
        let page = tenant.auditor().list(&listing, PAGE).await?;
        let mut reading = JoinSet::new();
        for listed in page.listed {
            let (store, tenant) = (store.clone(), tenant.clone());
            reading.spawn(async move {
                let trace = tenant.auditor().trace(&listed.decision).await?;
                let stream = StreamId::Decision(listed.decision);
                Outcome::Ok((trace, leaves(&store, tenant.id(), stream).await?))
            });
        }
        while let Some(read) = reading.join_next().await {
            let (trace, leaves) = read??;
            kept.traces.push(trace);
            kept.leaves.extend(leaves);
        }
        listing.after = match page.next {
            Some(next) => Some(next),
            None => break,
        };
    }
    tracemem.close().await?;
    Ok(kept)
}

/// The leaf hash of each entry of a stream, by stream and position.
async fn leaves(store: &Opened, tenant: &TenantId, id: StreamId) -> Outcome<Leaves> {
    let stream = store.whole().load(tenant, &id).await?;
    let entries = stream.map(|stream| stream.entries).unwrap_or_default();
    let leaves = entries.into_iter().map(|entry| {
        let leaf = Digest::leaf(&entry.bytes).to_string();
        ((id.to_string(), entry.seq), leaf)
    });
    Ok(leaves.collect())
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
