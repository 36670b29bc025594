//! The verdict: what the policies said becomes events, a record, and the step that follows from it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    closing,
    draft::Draft,
    event::{
        CloseReason, PolicyEvaluated, PolicyFinding, ReviewReason, VerdictRecorded, disclosed,
    },
    opening::DecideError,
    recording::record_of,
    request::{Action, Checked},
    status::{AutomationMode, CloseAction, Verdict},
};
use crate::{
    approval::requesting,
    engine::{Configuration, Engine},
    guard::{SafetyTerm, starting},
    id::{AgentId, DecisionId, TenantId},
    policy::{
        FactQuestion, PolicyInput,
        evaluation::{Judged, Judgement},
    },
    store::Job,
};

/// One request before one engine: what every step of deciding needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) tenant: &'a TenantId,
    pub(crate) agent: &'a AgentId,
    pub(crate) checked: &'a Checked,
    pub(crate) action: Option<&'a Action>,
    pub(crate) configuration: &'a Configuration,
}

impl Case<'_> {
    /// What fact providers and policies are asked.
    pub(crate) fn question(&self, context: Arc<Map<String, Value>>) -> (FactQuestion, PolicyInput) {
        let Self {
            tenant,
            agent,
            checked,
            ..
        } = *self;
        let question = FactQuestion {
            tenant: tenant.clone(),
            intent: checked.intent.clone(),
            agent: agent.clone(),
            context: Arc::clone(&context),
        };
        let input = PolicyInput {
            intent: checked.intent.clone(),
            mode: checked.mode,
            agent: agent.clone(),
            actor: checked.actor.clone(),
            context,
            facts: Arc::default(),
        };
        (question, input)
    }

    /// Appends evaluations, verdict and the step that follows: a close, a request for approval, or a start.
    pub(crate) fn push_verdict(
        &self,
        draft: &mut Draft,
        decision: &DecisionId,
        judgement: &Judgement,
        start: Option<&SafetyTerm>,
    ) -> Result<Vec<Job>, DecideError> {
        self.push_evaluations(draft, judgement)?;
        self.push_record(draft, decision, judgement)?;
        match self.follows(judgement) {
            Follows::Close => {
                let reason = CloseReason::Denied;
                closing::push_close(draft, &self.actor(), CloseAction::Abort, reason, None)
                    .map_err(DecideError::Unwritable)?;
                Ok(Vec::new())
            }
            Follows::Ask => {
                requesting::push_request(self, draft, decision, judgement).map(|job| vec![job])
            }
            Follows::AskWhereTheRouteTakesIt => {
                let asked = requesting::push_request_after_error(self, draft, decision, judgement)?;
                Ok(asked.into_iter().collect())
            }
            Follows::Wait => Ok(Vec::new()),
            Follows::Start => {
                if let Some(safety) = start {
                    starting::push_start(self.engine, draft, &self.actor(), safety)
                        .map_err(DecideError::Unwritable)?;
                }
                Ok(Vec::new())
            }
        }
    }

    fn follows(&self, judgement: &Judgement) -> Follows {
        match (judgement.verdict(), judgement.review(), self.checked.mode) {
            (Verdict::No, _, AutomationMode::Override) => Follows::Ask,
            (
                Verdict::No,
                _,
                AutomationMode::Propose | AutomationMode::Approve | AutomationMode::Autonomous,
            ) => Follows::Close,
            (Verdict::Yes, _, AutomationMode::Autonomous) => Follows::Start,
            (
                Verdict::Yes,
                _,
                AutomationMode::Propose | AutomationMode::Approve | AutomationMode::Override,
            ) => Follows::Ask,
            (Verdict::Review, Some(ReviewReason::Exception), _) => Follows::Ask,
            (Verdict::Review, Some(ReviewReason::PolicyError), _) => {
                Follows::AskWhereTheRouteTakesIt
            }
            (Verdict::Review, Some(ReviewReason::NeedsInput) | None, _) => Follows::Wait,
        }
    }

    fn push_evaluations(
        &self,
        draft: &mut Draft,
        judgement: &Judgement,
    ) -> Result<(), DecideError> {
        let facts =
            (!judgement.answers.is_empty()).then(|| text(&json!(judgement.answers.as_ref())));
        for judged in &judgement.judged {
            let evaluation = text(&evaluation_of(judged));
            let mut disclosures = vec![(disclosed::EVALUATION, evaluation.as_slice())];
            disclosures.extend(
                facts
                    .as_ref()
                    .map(|facts| (disclosed::FACTS, facts.as_slice())),
            );
            let event = PolicyEvaluated {
                policy_id: judged.policy.clone(),
                version: judged.version.label.clone(),
                policy_hash: judged.version.hash,
                finding: judged.outcome.finding,
                reason_code: judged.outcome.reason_code.clone(),
                matched_rule_id: judged.outcome.matched_rule_id.clone(),
                facts: judgement.facts.clone(),
            };
            draft
                .push(&self.actor(), event, &disclosures)
                .map_err(DecideError::Unwritable)?;
        }
        Ok(())
    }

    fn push_record(
        &self,
        draft: &mut Draft,
        decision: &DecisionId,
        judgement: &Judgement,
    ) -> Result<(), DecideError> {
        let request_id = draft
            .state()
            .map(|state| state.request_id.clone())
            .ok_or(DecideError::NotFound)?;
        let record = record_of(self, decision, &request_id, judgement, draft.at())
            .map_err(DecideError::Record)?;
        let decisive = &judgement.decisive;
        let event = VerdictRecorded {
            verdict: judgement.verdict(),
            review: judgement.review(),
            policy_id: decisive.policy.clone(),
            reason_code: decisive.outcome.reason_code.clone(),
            record_hash: record.record_hash(),
            receipt_hash: record.receipt_hash(),
            input_hash: record.input_hash(),
            output_hash: record.output_hash(),
        };
        let body = text(record.as_json());
        draft
            .push(&self.actor(), event, &[(disclosed::RECORD, &body)])
            .map_err(DecideError::Unwritable)
    }
}

/// What follows from a verdict.
enum Follows {
    Close,
    Ask,
    AskWhereTheRouteTakesIt,
    Wait,
    Start,
}

fn evaluation_of(judged: &Judged) -> Value {
    let outcome = &judged.outcome;
    json!({
        "status": match outcome.finding {
            PolicyFinding::NeedsInput => "needs_input",
            PolicyFinding::Error => "error",
            PolicyFinding::Allow | PolicyFinding::RequiresException | PolicyFinding::Deny => "ok",
        },
        "rationale": outcome.rationale,
        "application_verdict": outcome.application_verdict,
        "action": outcome.action,
        "evidence": outcome.evidence,
        "missing_fields": outcome.missing_fields,
        "invalid_fields": outcome.invalid_fields,
        "checks": outcome.checks,
    })
}

/// JSON bytes of a value that was built here: it has only text keys, so that it always serializes.
pub(crate) fn text(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
