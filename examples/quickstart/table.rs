//! A trace as a table for people, and the handles that a host stores beside its own row.

use std::collections::BTreeMap;

use tracemem_sdk::{
    approval::ApproverIdentity,
    decision::{
        Handles, Trace,
        envelope::Recorded,
        event::{Event, disclosed},
    },
    id::ApproverId,
};

/// The trace, one line per event: its number, its time, its type, who caused it, and what it says.
pub(crate) fn of_trace(trace: &Trace) -> String {
    let head = ["seq", "time (UTC)", "event", "actor", "what"].map(str::to_owned);
    let people = people(trace);
    let rows = trace.events().iter().map(|recorded| {
        [
            recorded.seq.to_string(),
            time(recorded),
            recorded.kind.to_string(),
            actor(recorded, &people),
            what(recorded),
        ]
    });
    aligned([head].into_iter().chain(rows))
}

/// The handles, one line each; `-` where something is not known, or not yet.
pub(crate) fn of_handles(handles: &Handles) -> serde_json::Result<String> {
    let handles = serde_json::to_value(handles)?;
    let rows = handles
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = value.as_str().unwrap_or("-").to_owned();
            [name.clone(), value]
        });
    Ok(aligned(rows))
}

/// Rows with their columns below each other. The last column is as long as it is.
fn aligned<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows
        .map(|row| row.map(|cell| cell.replace('\n', " ")))
        .collect();
    let length = |cell: &String| cell.chars().count();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = length(cell).max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `11:06:40.120`.
fn time(recorded: &Recorded) -> String {
    let text = recorded.at.to_string();
    text.get(11..23).unwrap_or(&text).to_owned()
}

/// The people of a trace, by the pseudonymous ids that stand in its events: who they are is disclosed beside their answers.
fn people(trace: &Trace) -> BTreeMap<&str, ApproverId> {
    let person = |recorded: &Recorded| recorded.read::<ApproverIdentity>(disclosed::IDENTITY);
    let answers = trace.events().iter();
    answers
        .filter_map(|recorded| Some((recorded.actor.id.as_str(), person(recorded)?.id)))
        .collect()
}

fn actor(recorded: &Recorded, people: &BTreeMap<&str, ApproverId>) -> String {
    let id = recorded.actor.id.as_str();
    let who = people.get(id).map_or(id, ApproverId::as_str);
    format!("{who} ({})", recorded.actor.via)
}

fn what(recorded: &Recorded) -> String {
    let said = |name| {
        recorded
            .read::<String>(name)
            .map_or(String::new(), |text| format!(": {text}"))
    };
    match &recorded.event {
        Some(Event::DecisionOpened(opened)) => {
            format!("{}, {}", opened.intent, opened.automation_mode)
        }
        Some(Event::PolicyEvaluated(policy)) => {
            format!(
                "{} {}: {}, {}",
                policy.policy_id, policy.version, policy.finding, policy.reason_code
            )
        }
        Some(Event::VerdictRecorded(verdict)) => {
            format!("{}, {}", verdict.verdict, verdict.reason_code)
        }
        Some(Event::ApprovalRequested(asked)) => {
            format!(
                "by {} until {}",
                asked.route_id,
                asked.expires_at.to_millis_text()
            )
        }
        Some(Event::DeliveryAttempted(attempt)) => {
            format!("{}: {}", attempt.purpose, attempt.result)
        }
        Some(Event::ApprovalAnswered(answer)) => {
            format!("{}{}", answer.choice, said(disclosed::RATIONALE))
        }
        Some(Event::ApprovalResolved(resolved)) => resolved.outcome.to_string(),
        Some(Event::ExecutionStarted(start)) => {
            format!(
                "fence {}, {}, until {}",
                start.fence,
                start.safety.class,
                start.deadline.to_millis_text()
            )
        }
        Some(Event::ExecutionRecorded(execution)) => {
            format!(
                "fence {}: {}, says the {}",
                execution.fence, execution.status, execution.source
            )
        }
        Some(Event::ExecutionReconciled(found)) => {
            format!(
                "fence {}: {}, says the {}",
                found.fence, found.finding, found.by
            )
        }
        Some(Event::ExecutionLateReceipt(late)) => format!("fence {}: {}", late.fence, late.status),
        Some(Event::DecisionClosed(closed)) => format!("{}, {}", closed.action, closed.reason),
        Some(Event::OutcomeRecorded(outcome)) => outcome.status.to_string(),
        Some(Event::TraceClosed(closed)) => {
            format!("{} events, by its {}", closed.count, closed.by)
        }
        // What this example never does, and what a later version may write.
        _ => String::new(),
    }
}
