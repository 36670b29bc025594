//! Evaluating the policies that apply: facts first, then every policy, strictest outcome wins.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures_util::FutureExt;
use serde_json::{Map, Value};

use super::{
    Attachment, FactProvider, FactQuestion, Policy, PolicyInput, PolicyOutcome, PolicyVersion,
    forbidden::forbidden_fields, outcome::verdict_of,
};
use crate::{
    decision::{
        event::{FactUse, PolicyFinding, ReviewReason},
        status::Verdict,
    },
    engine::Engine,
    evidence::{digest::Digest, sort_deep},
    id::{FactProviderId, PolicyId},
    json::check_value,
};

/// The code of a policy, or a fact, that failed.
pub(crate) const POLICY_ERROR: &str = "POLICY_ERROR";

/// What one policy said.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) policy: PolicyId,
    pub(crate) version: PolicyVersion,
    pub(crate) outcome: PolicyOutcome,
    pub(crate) attachment: Option<Attachment>,
}

/// What all of them said.
#[derive(Debug, Clone)]
pub(crate) struct Judgement {
    /// In the order in which they apply; never empty.
    pub(crate) judged: Vec<Judged>,
    /// The one that decides: the first of the strictest.
    pub(crate) decisive: Judged,
    pub(crate) facts: Vec<FactUse>,
    pub(crate) answers: Arc<BTreeMap<FactProviderId, Value>>,
}

impl Judgement {
    pub(crate) fn verdict(&self) -> Verdict {
        self.decisive.outcome.verdict()
    }

    pub(crate) fn review(&self) -> Option<ReviewReason> {
        match self.decisive.outcome.finding {
            PolicyFinding::Allow | PolicyFinding::Deny => None,
            PolicyFinding::RequiresException => Some(ReviewReason::Exception),
            PolicyFinding::NeedsInput => Some(ReviewReason::NeedsInput),
            PolicyFinding::Error => Some(ReviewReason::PolicyError),
        }
    }
}

/// Asks the fact providers, then evaluates the policies. Nothing in here ends in `yes` by failing.
pub(crate) async fn judge(
    engine: &Engine,
    policies: Vec<(Arc<dyn Policy>, Option<Attachment>)>,
    question: FactQuestion,
    mut input: PolicyInput,
) -> Option<Judgement> {
    let facts = ask_all(engine, &question).await;
    input.facts = Arc::new(facts.answers);
    let failed = facts.failed;
    let judged: Vec<Judged> = policies
        .into_iter()
        .map(|(policy, attachment)| {
            let outcome = evaluate(policy.as_ref(), &input);
            let outcome = match &failed {
                // Without its facts a policy can still forbid, but nothing else it says counts.
                Some(what) if outcome.finding != PolicyFinding::Deny => failure(what),
                _ => outcome,
            };
            Judged {
                policy: policy.id(),
                version: policy.version(),
                outcome,
                attachment,
            }
        })
        .collect();
    let strictest = judged
        .iter()
        .map(|one| strictness(one.outcome.finding))
        .max()?;
    let decisive = judged
        .iter()
        .find(|one| strictness(one.outcome.finding) == strictest)?
        .clone();
    Some(Judgement {
        judged,
        decisive,
        facts: facts.uses,
        answers: input.facts,
    })
}

/// Deny is above all; what cannot be judged is above what needs a human, because a human cannot make up for it.
fn strictness(finding: PolicyFinding) -> u8 {
    match finding {
        PolicyFinding::Allow => 0,
        PolicyFinding::RequiresException => 1,
        PolicyFinding::NeedsInput => 2,
        PolicyFinding::Error => 3,
        PolicyFinding::Deny => 4,
    }
}

fn evaluate(policy: &dyn Policy, input: &PolicyInput) -> PolicyOutcome {
    match catch_unwind(AssertUnwindSafe(|| policy.evaluate(input))) {
        Ok(Ok(outcome)) if is_sound(&outcome) => outcome,
        Ok(Ok(_)) => failure("the policy's outcome breaks a limit"),
        Ok(Err(error)) => failure(&error.to_string()),
        Err(_) => failure("the policy panicked"),
    }
}

/// A policy's outcome stands in event bytes and in the record, so what it may hold is bounded.
fn is_sound(outcome: &PolicyOutcome) -> bool {
    let code = |text: &str| {
        (2..=80).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let short = |text: &Option<String>, most: usize| {
        text.as_ref()
            .is_none_or(|text| text.chars().count() <= most)
    };
    let evidence = outcome.evidence.len() <= 32
        && outcome
            .evidence
            .iter()
            .all(|one| one.chars().count() <= 180);
    outcome.finding != PolicyFinding::Error
        && code(&outcome.reason_code)
        && short(&outcome.action, 140)
        && short(&outcome.application_verdict, 80)
        && short(&outcome.matched_rule_id, 120)
        && short(&outcome.rationale, 2_000)
        && evidence
        && outcome.missing_fields.len() + outcome.invalid_fields.len() + outcome.checks.len()
            <= 1_000
}

fn failure(what: &str) -> PolicyOutcome {
    let what: String = what.chars().take(300).collect();
    let mut outcome =
        PolicyOutcome::requires_exception(POLICY_ERROR, super::ExceptionTerms::default())
            .because(what);
    outcome.finding = PolicyFinding::Error;
    debug_assert_eq!(verdict_of(outcome.finding), Verdict::Review);
    outcome
}

#[derive(Default)]
struct Facts {
    uses: Vec<FactUse>,
    answers: BTreeMap<FactProviderId, Value>,
    failed: Option<String>,
}

async fn ask_all(engine: &Engine, question: &FactQuestion) -> Facts {
    let mut facts = Facts::default();
    let concerned = engine
        .facts
        .values()
        .filter(|provider| provider.concerns(&question.intent));
    let asked = concerned
        .map(|provider| async move { (provider, ask(engine, provider.as_ref(), question).await) });
    for (provider, answer) in futures_util::future::join_all(asked).await {
        let input_hash =
            Digest::of(&serde_json::to_vec(question.context.as_ref()).unwrap_or_default());
        let output_hash = match answer {
            Ok((answer, hash)) => {
                facts.answers.insert(provider.id(), answer);
                Some(hash)
            }
            Err(what) => {
                facts.failed.get_or_insert(what);
                None
            }
        };
        facts.uses.push(FactUse {
            provider: provider.id(),
            version: provider.version(),
            input_hash,
            output_hash,
        });
    }
    facts
}

async fn ask(
    engine: &Engine,
    provider: &dyn FactProvider,
    question: &FactQuestion,
) -> Result<(Value, Digest), String> {
    let id = provider.id();
    let deadline = engine.now().saturating_add(engine.settings.fact_limit);
    let asked = AssertUnwindSafe(provider.facts(question)).catch_unwind();
    let answer = tokio::select! {
        answer = asked => answer,
        () = engine.clock.sleep_until(deadline) => return Err(format!("fact provider `{id}` took too long")),
    };
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(format!("fact provider `{id}` failed: {error}")),
        Err(_) => return Err(format!("fact provider `{id}` panicked")),
    };
    check_value(&answer, &engine.settings.request_limits)
        .map_err(|_| format!("fact provider `{id}` answered too much"))?;
    if !forbidden_fields(&Map::new(), [("facts", &answer)]).is_empty() {
        return Err(format!(
            "fact provider `{id}` stated what only a decision may"
        ));
    }
    let hash = sort_deep::hash(&answer)
        .map_err(|_| format!("fact provider `{id}` answered what cannot be hashed"))?;
    Ok((answer, hash))
}
