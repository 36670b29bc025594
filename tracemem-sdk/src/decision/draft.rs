//! The draft of one commit: events that are legal after what is there, and the projection that follows from them.

use super::{
    envelope::{self, Actor, BrokenTrace, Head, NewEvent, Recorded},
    event::Event,
    state::State,
    status::IllegalStep,
    trace::Trace,
};
use crate::{
    evidence::{
        canonical::NotCanonical,
        disclosure::{self, Disclosure, InvalidDisclosure, Salt},
    },
    id::{DecisionId, Entropy, EventId, NoEntropy, TenantId},
    store::{Commit, Entry, StreamId, Version},
    time::Timestamp,
};

/// An event cannot be written. Nothing was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnwritableEvent {
    /// The table of states has no such step.
    #[error("the decision does not allow this step")]
    Illegal(#[source] IllegalStep),
    /// Its bytes would break the canonical profile, or the chain.
    #[error("the event cannot be written in canonical form")]
    Encoding(#[source] envelope::UnencodableEvent),
    /// A value beside it cannot be disclosed.
    #[error("a value beside the event cannot be written")]
    Disclosure(#[source] InvalidDisclosure),
    /// The operating system gave no random bytes for ids and salts.
    #[error("there are no random bytes for ids and salts")]
    NoEntropy(#[source] NoEntropy),
    /// The operating system gave no random bytes for a salt.
    #[error("there are no random bytes for a salt")]
    NoSalt(#[source] disclosure::NoEntropy),
    /// The state cannot be projected.
    #[error("the state cannot be projected")]
    Projection(#[source] NotCanonical),
    /// The event does not belong into a decision's trace.
    #[error("the event is out of place")]
    Misplaced(#[source] BrokenTrace),
}

/// A commit in the making. Every event is checked against the state before it.
#[derive(Debug)]
pub(crate) struct Draft {
    tenant: TenantId,
    decision: DecisionId,
    stream: StreamId,
    at: Timestamp,
    expected: Version,
    entries: Vec<Entry>,
    events: Vec<Recorded>,
    state: Option<State>,
    entropy: Entropy,
}

impl Draft {
    /// The draft that opens a decision.
    pub(crate) fn opening(tenant: TenantId, decision: DecisionId, at: Timestamp) -> Self {
        let stream = StreamId::Decision(decision.clone());
        let (entries, events) = (Vec::new(), Vec::new());
        Self {
            tenant,
            decision,
            stream,
            at,
            expected: Version::NEW,
            entries,
            events,
            state: None,
            entropy: Entropy::new(),
        }
    }

    /// The draft that goes on after a trace.
    pub(crate) fn after(trace: Trace, at: Timestamp) -> Self {
        let Trace {
            tenant,
            decision,
            events,
            state,
        } = trace;
        let stream = StreamId::Decision(decision.clone());
        let expected = Version(state.head.seq);
        Self {
            tenant,
            decision,
            stream,
            at,
            expected,
            entries: Vec::new(),
            events,
            state: Some(state),
            entropy: Entropy::new(),
        }
    }

    /// Whose decision.
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which decision.
    pub(crate) fn decision(&self) -> &DecisionId {
        &self.decision
    }

    /// When its events happen.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Where the decision stands after the events so far; `None` before the first.
    pub(crate) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Appends an event. Disclosures are pairs of a name and the bytes of a JSON value.
    pub(crate) fn push(
        &mut self,
        actor: &Actor,
        event: impl Into<Event>,
        disclosures: &[(&str, &[u8])],
    ) -> Result<(), UnwritableEvent> {
        let head = self
            .state
            .as_ref()
            .map_or(Head::NEW, |state| state.head.clone());
        let entropy = &mut self.entropy;
        let id = EventId::drawn(self.at, entropy).map_err(UnwritableEvent::NoEntropy)?;
        let disclose = |(name, value): &(&str, &[u8])| {
            let salt = entropy.take().map(Salt::from_bytes);
            let salt = salt.map_err(UnwritableEvent::NoEntropy)?;
            Disclosure::new(name, value, salt).map_err(UnwritableEvent::Disclosure)
        };
        let new = NewEvent {
            id,
            at: self.at,
            actor: actor.clone(),
            event: event.into(),
            disclosures: disclosures.iter().map(disclose).collect::<Result<_, _>>()?,
        };
        let entry = envelope::encode(&self.tenant, &self.stream, &head, &new)
            .map_err(UnwritableEvent::Encoding)?;
        let values = disclosures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        let recorded = new.recorded(&head, &entry, values.collect());
        let state = State::after(self.state.take(), &recorded).map_err(|broken| match broken {
            BrokenTrace::Illegal { seq: _, source } => UnwritableEvent::Illegal(source),
            other => UnwritableEvent::Misplaced(other),
        })?;
        self.state = Some(state);
        self.entries.push(entry);
        self.events.push(recorded);
        Ok(())
    }

    /// The commit, and the trace as it will be once it is written.
    pub(crate) fn finish(self) -> Result<(Commit, Trace), UnwritableEvent> {
        let Self {
            tenant,
            decision,
            stream,
            at: _,
            expected,
            entries,
            events,
            state,
            entropy: _,
        } = self;
        let nothing = BrokenTrace::Chain {
            seq: 0,
            what: "there is no event",
        };
        let state = state.ok_or(UnwritableEvent::Misplaced(nothing))?;
        let projection = state.projection().map_err(UnwritableEvent::Projection)?;
        let commit = Commit::new(tenant.clone(), stream, expected, entries, projection);
        Ok((
            commit,
            Trace {
                tenant,
                decision,
                events,
                state,
            },
        ))
    }
}
