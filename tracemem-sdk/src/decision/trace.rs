//! The trace of a decision as it was read: its events, what they disclose, and the state they fold to.

use serde::Deserialize;
use serde_json::Value;

use super::{
    envelope::{BrokenTrace, Disclosed, Head, Recorded, decode},
    event::{DecisionClosed, Event, EventKind, disclosed},
    request::ActionTarget,
    state::State,
    status::ApprovalOutcome,
};
use crate::{
    approval::{ApproverIdentity, Eligible, MessageText, Resolution, ResolvedAs},
    id::{DecisionId, TenantId},
    store::{Stream, StreamId},
};

/// A whole trace: chain checked, folded, and equal to the projection that stood beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    pub(crate) tenant: TenantId,
    pub(crate) decision: DecisionId,
    pub(crate) events: Vec<Recorded>,
    pub(crate) state: State,
}

/// The part of a request that names a complete target; all else is passed over.
#[derive(Deserialize)]
struct Named {
    context: NamedTarget,
}

#[derive(Deserialize)]
struct NamedTarget {
    target_system: String,
    target_object_id: String,
    mutation: String,
}

impl Trace {
    /// Reads a stored stream, and refuses one that is not what was written.
    pub(crate) fn read(
        tenant: &TenantId,
        decision: &DecisionId,
        stream: &Stream,
    ) -> Result<Self, BrokenTrace> {
        let stream_id = StreamId::Decision(decision.clone());
        let mut head = Head::NEW;
        let mut state = None;
        let mut events = Vec::with_capacity(stream.entries.len());
        for entry in &stream.entries {
            let recorded = decode(tenant, &stream_id, &head, entry)?;
            let next = State::after(state, &recorded)?;
            head = next.head.clone();
            state = Some(next);
            events.push(recorded);
        }
        let broken = |what| BrokenTrace::Chain {
            seq: head.seq,
            what,
        };
        let state = state.ok_or(broken("there is no event"))?;
        if stream.version.0 != head.seq {
            return Err(broken("the head is at another event"));
        }
        if state.projection().ok().as_ref() != Some(&stream.projection) {
            return Err(broken("the projection is not the fold of the events"));
        }
        Ok(Self {
            tenant: tenant.clone(),
            decision: decision.clone(),
            events,
            state,
        })
    }

    /// Whose decision.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which decision.
    #[must_use]
    pub fn decision(&self) -> &DecisionId {
        &self.decision
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// Where the decision stands.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The request, as the exact bytes that were given; `None` where it was erased.
    #[must_use]
    pub fn request(&self) -> Option<&[u8]> {
        match self
            .last(EventKind::DecisionOpened)?
            .disclosed(disclosed::REQUEST)
        {
            Disclosed::Value(bytes) => Some(bytes),
            Disclosed::Withheld | Disclosed::Absent => None,
        }
    }

    /// The latest Decision Record v1, unsigned; `None` before the verdict or where it was erased.
    #[must_use]
    pub fn record(&self) -> Option<Value> {
        self.last(EventKind::VerdictRecorded)?
            .read(disclosed::RECORD)
    }

    /// How the approval ended, if it did; identity and rationale are `None` where they were erased.
    #[must_use]
    pub fn resolution(&self) -> Option<Resolution> {
        let approval = self.state.approval.as_ref()?;
        let resolution = |outcome, at| Resolution {
            approval: approval.id.clone(),
            outcome,
            approver: None,
            via: String::new(),
            rationale: None,
            at,
        };
        let Some(resolved) = &approval.resolved else {
            let ended = self.state.ended.as_ref()?;
            return Some(resolution(ResolvedAs::Withdrawn, ended.at));
        };
        let outcome = match resolved.outcome {
            ApprovalOutcome::Approved => ResolvedAs::Approved,
            ApprovalOutcome::Rejected => ResolvedAs::Rejected,
            ApprovalOutcome::Expired => return Some(resolution(ResolvedAs::Expired, resolved.at)),
        };
        let answer = self.last(EventKind::ApprovalAnswered)?;
        Some(Resolution {
            approver: answer.read::<ApproverIdentity>(disclosed::IDENTITY),
            via: answer.actor.via.clone(),
            rationale: answer.read(disclosed::RATIONALE),
            ..resolution(outcome, resolved.at)
        })
    }

    /// What the request says is acted on; `None` where it names no complete target, or was erased.
    pub(crate) fn target(&self) -> Option<ActionTarget> {
        let Named { context } = serde_json::from_slice(self.request()?).ok()?;
        Some(ActionTarget {
            system: context.target_system,
            object: context.target_object_id,
            mutation: context.mutation,
        })
    }

    pub(crate) fn message(&self) -> Option<MessageText> {
        self.last(EventKind::ApprovalRequested)?
            .read(disclosed::MESSAGE)
    }

    pub(crate) fn eligible(&self) -> Option<Eligible> {
        self.last(EventKind::ApprovalRequested)?
            .read(disclosed::ELIGIBLE)
    }

    pub(crate) fn closed(&self) -> Option<&DecisionClosed> {
        match &self.last(EventKind::DecisionClosed)?.event {
            Some(Event::DecisionClosed(closed)) => Some(closed),
            _ => None,
        }
    }

    /// The latest event of this type.
    pub(crate) fn last(&self, kind: EventKind) -> Option<&Recorded> {
        self.events
            .iter()
            .rev()
            .find(|recorded| recorded.kind == kind)
    }
}
