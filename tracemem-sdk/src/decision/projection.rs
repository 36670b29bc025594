//! The projection of a decision: the checked copy of the fold that stands beside its stream.

use serde::Serialize;

use super::{
    state::State,
    status::{TraceEnd, Verdict},
};
use crate::{
    evidence::{
        canonical::{self, NotCanonical},
        digest::Digest,
    },
    id::{ExecutionId, RequestId},
    store::Projection,
    time::Timestamp,
};

/// In the order of the names, as it is written.
#[derive(Serialize)]
struct Body<'a> {
    automation_mode: &'static str,
    ended_at: Option<Timestamp>,
    execution_id: Option<&'a ExecutionId>,
    expires_at: Option<Timestamp>,
    failures: u32,
    fence: u64,
    head: Option<Digest>,
    opened_at: Timestamp,
    request_id: &'a RequestId,
    trace_closed: bool,
    verdict: Option<Verdict>,
}

impl State {
    /// What a store keeps beside the stream: a pure function of the state.
    pub(crate) fn projection(&self) -> Result<Projection, NotCanonical> {
        let body = Body {
            automation_mode: self.mode().as_str(),
            ended_at: self.ended.as_ref().map(|ended| ended.at),
            execution_id: self.execution_id.as_ref(),
            expires_at: self.approval.as_ref().map(|approval| approval.expires_at),
            failures: self.failures,
            fence: self.start.as_ref().map_or(0, |start| start.claims.fence),
            // With it a trace whose last events were cut off does not load, whatever they said.
            head: self.head.leaf,
            opened_at: self.opened_at,
            request_id: &self.request_id,
            trace_closed: self.position.trace == TraceEnd::Closed,
            verdict: self.position.verdict,
        };
        Ok(Projection {
            status: self.status().as_str().to_owned(),
            execution: self.execution().as_str().to_owned(),
            agent: self.agent.to_string(),
            intent: self.intent.clone(),
            wake_at: self.wake_at(),
            body: canonical::to_bytes(&body)?,
        })
    }
}
