//! The bodies that are posted: thin, and a pure function of what happened, so that a retry is the same bytes.

use bytes::Bytes;
use serde::Serialize;
use tracemem_sdk::{
    approval::{ApprovalMessage, Resolution},
    evidence::digest::Digest,
    id::{IntegrationId, TenantId},
    integration::Conclusion,
};

/// The most characters of a reason or rationale: the whole body stays below 20 kB, whatever stands in it.
const LONGEST_TEXT: usize = 1_000;

/// What is posted, and under which `webhook-id`.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) id: String,
    pub(super) body: Bytes,
}

#[derive(Serialize)]
struct Event<D> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: D,
}

#[derive(Serialize)]
struct Requested<'a> {
    sequence: u32,
    tenant_id: &'a str,
    integration_id: &'a str,
    decision_id: &'a str,
    approval_id: &'a str,
    delivery_id: &'a str,
    agent_id: &'a str,
    automation_mode: &'a str,
    intent: &'a str,
    title: &'a str,
    reason: Option<String>,
    actor: &'a str,
    action_hash: Option<Digest>,
    requirements: &'a tracemem_sdk::decision::event::RequirementsSnapshot,
    requested_at: String,
    expires_at: String,
    answer: Answer,
}

/// How the endpoint answers.
#[derive(Serialize)]
struct Answer {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Resolved<'a> {
    sequence: u32,
    tenant_id: &'a str,
    integration_id: &'a str,
    decision_id: &'a str,
    approval_id: &'a str,
    delivery_id: &'a str,
    outcome: &'a str,
    approver: Option<Approver<'a>>,
    via: Option<&'a str>,
    rationale: Option<String>,
    resolved_at: String,
}

#[derive(Serialize)]
struct Approver<'a> {
    id: &'a str,
    name: Option<&'a str>,
}

/// `approval.requested`. The attempt is left out: it differs from one to the next.
pub(super) fn requested(
    message: &ApprovalMessage,
    integration: &IntegrationId,
    answer_url: String,
) -> Result<Post, serde_json::Error> {
    let ApprovalMessage {
        tenant,
        decision,
        approval,
        delivery,
        agent,
        mode,
        intent,
        title,
        reason,
        actor,
        action_hash,
        requirements,
        requested_at,
        expires_at,
        ..
    } = message;
    let event = Event {
        kind: "approval.requested",
        timestamp: requested_at.to_millis_text(),
        data: Requested {
            sequence: 1,
            tenant_id: tenant.as_str(),
            integration_id: integration.as_str(),
            decision_id: decision.as_str(),
            approval_id: approval.as_str(),
            delivery_id: delivery.as_str(),
            agent_id: agent.as_str(),
            automation_mode: mode.as_str(),
            intent,
            title,
            reason: reason.as_deref().map(cut),
            actor,
            action_hash: *action_hash,
            requirements,
            requested_at: requested_at.to_string(),
            expires_at: expires_at.to_string(),
            answer: Answer {
                kind: super::decision::TYPE,
                url: answer_url,
            },
        },
    };
    Ok(Post {
        id: delivery.as_str().to_owned(),
        body: serde_json::to_vec(&event)?.into(),
    })
}

/// `approval.resolved`. What was asked may be erased by now, so nothing of it is used.
pub(super) fn resolved(
    conclusion: &Conclusion,
    integration: &IntegrationId,
) -> Result<Post, serde_json::Error> {
    let Conclusion {
        tenant,
        decision,
        approval,
        delivery,
        resolution,
        ..
    } = conclusion;
    let Resolution {
        outcome,
        approver,
        via,
        rationale,
        at,
        ..
    } = resolution;
    let event = Event {
        kind: "approval.resolved",
        timestamp: at.to_millis_text(),
        data: Resolved {
            sequence: 2,
            tenant_id: tenant.as_str(),
            integration_id: integration.as_str(),
            decision_id: decision.as_str(),
            approval_id: approval.as_str(),
            delivery_id: delivery.as_str(),
            outcome: outcome.as_str(),
            approver: approver.as_ref().map(|approver| Approver {
                id: approver.id.as_str(),
                name: approver.name.as_deref(),
            }),
            via: Some(via.as_str()).filter(|via| !via.is_empty()),
            rationale: rationale.as_deref().map(cut),
            resolved_at: at.to_string(),
        },
    };
    Ok(Post {
        id: format!("{delivery}_resolved"),
        body: serde_json::to_vec(&event)?.into(),
    })
}

/// Where the answers of an integration are posted, below the host's base URL.
pub(super) fn answer_path(tenant: &TenantId, integration: &IntegrationId) -> String {
    format!("/hooks/{tenant}/{integration}")
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}
