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

#[derive(Serialize)]
struct Body<'a> {
    request_id: &'a RequestId,
    automation_mode: &'static str,
    opened_at: Timestamp,
    verdict: Option<Verdict>,
    expires_at: Option<Timestamp>,
    execution_id: Option<&'a ExecutionId>,
    fence: u64,
    failures: u32,
    ended_at: Option<Timestamp>,
    trace_closed: bool,
    head: Option<Digest>,
}

impl State {
    /// What a store keeps beside the stream: a pure function of the state.
    pub(crate) fn projection(&self) -> Result<Projection, NotCanonical> {
        let body = Body {
            request_id: &self.request_id,
            automation_mode: self.mode().as_str(),
            opened_at: self.opened_at,
            verdict: self.position.verdict,
            expires_at: self.approval.as_ref().map(|approval| approval.expires_at),
            execution_id: self.execution_id.as_ref(),
            fence: self.start.as_ref().map_or(0, |start| start.claims.fence),
            failures: self.failures,
            ended_at: self.ended.as_ref().map(|ended| ended.at),
            trace_closed: self.position.trace == TraceEnd::Closed,
            // With it a trace whose last events were cut off does not load, whatever they said.
            head: self.head.leaf,
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
