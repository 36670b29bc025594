//! The result for programs: the JSON line, and the files of `--out`.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use serde::Serialize;
use serde_json::{Value, json};
use tracemem_sdk::decision::{
    Trace,
    envelope::{Recorded, SCHEMA_VERSION},
    status::{ExecutionState, Status, Verdict},
};

use crate::folder;

/// The line of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary<'a> {
    decision_id: &'a str,
    request_id: &'a str,
    verdict: Option<Verdict>,
    status: Status,
    approval: Option<ApprovalSummary>,
    execution_status: ExecutionState,
    record_hash: Option<String>,
    /// How many.
    events: usize,
}

#[derive(Debug, Serialize)]
struct ApprovalSummary {
    outcome: &'static str,
    approver: Option<String>,
    rationale: Option<String>,
}

impl<'a> Summary<'a> {
    pub(crate) fn of(trace: &'a Trace) -> Self {
        let state = trace.state();
        let approval = trace.resolution().map(|resolution| ApprovalSummary {
            outcome: resolution.outcome.as_str(),
            approver: resolution.approver.map(|approver| approver.id.to_string()),
            rationale: resolution.rationale,
        });
        let decided = state.decided.as_ref();
        Self {
            decision_id: trace.decision().as_str(),
            request_id: state.request_id.as_str(),
            verdict: decided.map(|decided| decided.verdict),
            status: state.status(),
            approval,
            execution_status: state.execution(),
            record_hash: decided.map(|decided| decided.record_hash.to_hex()),
            events: trace.events().len(),
        }
    }
}

/// Writes `trace.json` and `record.json` into `out`, each wholly or not at all.
pub(crate) fn write(out: &Path, trace: &Trace) -> Result<(), Box<dyn Error + Send + Sync>> {
    fs::create_dir_all(out)?;
    let events: Vec<Value> = trace
        .events()
        .iter()
        .map(|event| event_of(trace, event))
        .collect();
    let document = json!({
        "tenant": trace.tenant(),
        "decision": trace.decision(),
        "status": trace.state().status(),
        "execution": trace.state().execution(),
        "events": events,
    });
    let record = trace.record().ok_or("the decision has no record")?;
    for (name, document) in [("trace.json", document), ("record.json", record)] {
        let mut bytes = serde_json::to_vec_pretty(&document)?;
        bytes.push(b'\n');
        folder::write(&out.join(name), &bytes)?;
    }
    Ok(())
}

/// One event: `envelope` is what was hashed, in the strict canonical form, into `leaf`; `disclosed` is what stands beside it.
fn event_of(trace: &Trace, recorded: &Recorded) -> Value {
    let disclosed: BTreeMap<&String, Option<Value>> = recorded
        .sd
        .keys()
        .map(|name| (name, recorded.read(name)))
        .collect();
    json!({
        "envelope": {
            "v": SCHEMA_VERSION,
            "type": recorded.kind,
            "tenant": trace.tenant(),
            "decision": trace.decision(),
            "seq": recorded.seq,
            "id": recorded.id,
            "at": recorded.at,
            "prev": recorded.prev,
            "actor": recorded.actor,
            "claims": recorded.event,
            "sd": recorded.sd,
        },
        "leaf": recorded.leaf,
        "disclosed": disclosed,
    })
}
