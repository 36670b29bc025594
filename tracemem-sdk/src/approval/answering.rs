//! Answering: one person's judgment becomes two events in one commit, exactly once.

use serde_json::{Value, json};

use super::{
    AnswerError, AnswerKey, Answered, ApprovalMessage, Counted, NotEligible, OverridePermission,
    Resolution, ResolvedAs, VerifiedAnswer,
};
use crate::{
    decision::{
        Trace,
        closing::conclude_job,
        draft::Draft,
        envelope::Actor,
        event::{
            ApprovalAnswered, ApprovalResolved, ApproversTerm, Choice, DeliveryPurpose, Event,
            RationaleTerm, RequesterTerm, disclosed,
        },
        state::Approval,
        status::{ApprovalOutcome, Status, Verdict},
        timers::{TimerError, bring_up_to_date},
        verdict::text,
    },
    engine::Engine,
    evidence::digest::Digest,
    id::{ApprovalId, ApproverId, IntegrationId, NoEntropy, TenantId, random},
    store::{Committed, KeyClaim, KeyDigest, StreamId},
};

/// The trace of the approval, brought up to date; for showing it and for answering it.
pub(crate) async fn current(
    engine: &Engine,
    tenant: &TenantId,
    approval: &ApprovalId,
) -> Result<Trace, AnswerError> {
    let trace = engine
        .load(tenant, &approval.decision())
        .await
        .map_err(AnswerError::Store)?;
    let trace = trace
        .filter(|trace| trace.state.approval.is_some())
        .ok_or(AnswerError::NotFound)?;
    bring_up_to_date(engine, trace)
        .await
        .map_err(|error| match error {
            TimerError::Unwritable(source) => AnswerError::Unwritable(source),
            TimerError::Store(source) => AnswerError::Store(source),
        })
}

/// Counts an answer, or says why it does not count. Of any number of answers exactly one counts.
pub(crate) async fn answer(
    engine: &Engine,
    answer: &VerifiedAnswer,
) -> Result<Answered, AnswerError> {
    let rationale = check_fields(answer)?;
    loop {
        if let Some(answered) = counted_before(engine, answer).await? {
            return Ok(answered);
        }
        let trace = current(engine, &answer.tenant, &answer.approval).await?;
        let expires_at = trace
            .state
            .approval
            .as_ref()
            .map(|approval| approval.expires_at);
        if let Some(resolution) = trace.resolution() {
            return Err(match resolution.outcome {
                ResolvedAs::Expired => AnswerError::Expired(expires_at.unwrap_or(resolution.at)),
                ResolvedAs::Approved | ResolvedAs::Rejected | ResolvedAs::Withdrawn => {
                    AnswerError::AlreadyResolved(Box::new(resolution))
                }
            });
        }
        let Some(approval) = trace
            .state
            .approval
            .clone()
            .filter(|_| trace.state.status() == Status::NeedsApproval)
        else {
            return Err(AnswerError::NotFound);
        };
        check_eligible(engine, &trace, &approval, answer).await?;
        let required =
            overrides(&trace) || approval.requirements.rationale == RationaleTerm::Required;
        if required && rationale.is_none() {
            return Err(AnswerError::RationaleRequired);
        }
        if let Some(answered) = commit(engine, trace, &approval, answer, rationale).await? {
            return Ok(answered);
        }
        // Somebody else wrote in between: look again, and say what they chose if they resolved it.
    }
}

/// What came of the same answer, if it came in before.
async fn counted_before(
    engine: &Engine,
    answer: &VerifiedAnswer,
) -> Result<Option<Answered>, AnswerError> {
    let Some(key) = &answer.key else {
        return Ok(None);
    };
    let claimed = engine
        .backend
        .store
        .find_key(&answer.tenant, &digest_of(answer, key))
        .await
        .map_err(AnswerError::Store)?;
    let Some(claimed) = claimed else {
        return Ok(None);
    };
    let decision = answer.approval.decision();
    if claimed.fingerprint != key.content || claimed.stream != StreamId::Decision(decision) {
        return Err(AnswerError::KeyReused);
    }
    let trace = current(engine, &answer.tenant, &answer.approval).await?;
    let approval = trace.state.approval.as_ref();
    let resolved = approval.and_then(|approval| approval.resolved.as_ref());
    Ok(Some(Answered {
        counted: Counted::Before,
        execute_by: resolved.and_then(|resolved| resolved.execute_by),
        resolution: trace.resolution().ok_or(AnswerError::NotFound)?,
    }))
}

/// The key in a store: of an answer, of this integration.
fn digest_of(answer: &VerifiedAnswer, key: &AnswerKey) -> KeyDigest {
    let integration = answer.integration.as_ref();
    let integration = integration.map_or("", IntegrationId::as_str);
    let named = format!("answer/v1\n{}\n{integration}\n{}", answer.tenant, key.id);
    KeyDigest(Digest::of(named.as_bytes()))
}

fn check_fields(answer: &VerifiedAnswer) -> Result<Option<&str>, AnswerError> {
    let legal = |via: &str| {
        (1..=40).contains(&via.len())
            && via
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if !legal(&answer.via) {
        return Err(AnswerError::Invalid {
            field: "via",
            rule: "it has 1 to 40 characters of `a-z 0-9 _`",
        });
    }
    let long = |text: &Option<String>, most: usize| {
        text.as_ref()
            .is_some_and(|text| text.chars().count() > most)
    };
    if long(&answer.approver.name, 200) {
        return Err(AnswerError::Invalid {
            field: "name",
            rule: "it has at most 200 characters",
        });
    }
    if long(&answer.rationale, 4_000) {
        return Err(AnswerError::Invalid {
            field: "rationale",
            rule: "it has at most 4,000 characters",
        });
    }
    let long_evidence = answer.evidence.len() > 16
        || answer
            .evidence
            .iter()
            .any(|(name, value)| name.chars().count() > 64 || value.chars().count() > 500);
    if long_evidence {
        return Err(AnswerError::Invalid {
            field: "evidence",
            rule: "it has at most 16 values of at most 500 characters, under names of at most 64",
        });
    }
    if answer
        .key
        .as_ref()
        .is_some_and(|key| key.id.is_empty() || key.id.len() > 300)
    {
        return Err(AnswerError::Invalid {
            field: "key",
            rule: "it has 1 to 300 bytes",
        });
    }
    Ok(answer
        .rationale
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty()))
}

async fn check_eligible(
    engine: &Engine,
    trace: &Trace,
    approval: &Approval,
    answer: &VerifiedAnswer,
) -> Result<(), AnswerError> {
    let refuse = |why| Err(AnswerError::NotEligible(why));
    if let Some(integration) = &answer.integration {
        let configuration = engine
            .configuration(&answer.tenant)
            .await
            .map_err(AnswerError::Store)?;
        let route = engine.route(&configuration, &approval.route);
        let delivers_by = route.map(|route| route.integrations()).unwrap_or_default();
        // A route that was changed since does not take the question back from who has it.
        if !delivers_by.contains(integration) && !was_sent_by(trace, integration) {
            return refuse(NotEligible::OtherIntegration);
        }
    }
    let Some(eligible) = trace.eligible() else {
        return refuse(NotEligible::Unknown);
    };
    let id = &answer.approver.id;
    let listed = match (approval.requirements.approvers, &eligible.approvers) {
        (ApproversTerm::Reached, _) => true,
        (ApproversTerm::Listed, Some(list)) => list.contains(id),
        (ApproversTerm::Listed, None) => false,
    };
    if !listed {
        return refuse(NotEligible::NotListed);
    }
    if approval.requirements.requester == RequesterTerm::Excluded && eligible.is_requester(id) {
        return refuse(NotEligible::Requester);
    }
    if overrides(trace) && answer.permission == OverridePermission::None {
        return refuse(NotEligible::NoOverridePermission);
    }
    Ok(())
}

/// Whether an approval would go on against a `no`.
fn overrides(trace: &Trace) -> bool {
    trace.state.position.verdict == Some(Verdict::No)
}

fn was_sent_by(trace: &Trace, integration: &IntegrationId) -> bool {
    trace.events().iter().any(|recorded| {
        let Some(Event::DeliveryAttempted(attempt)) = &recorded.event else {
            return false;
        };
        attempt.purpose == DeliveryPurpose::Deliver
            && attempt.result.may_have_arrived()
            && attempt.integration_id.as_ref() == Some(integration)
    })
}

async fn commit(
    engine: &Engine,
    trace: Trace,
    approval: &Approval,
    answer: &VerifiedAnswer,
    rationale: Option<&str>,
) -> Result<Option<Answered>, AnswerError> {
    let action_hash = trace.state.action_hash;
    let execute_within = trace.state.execute_within;
    let mut draft = Draft::after(trace, engine.now());
    if draft.at() >= approval.expires_at {
        // The time passed while we looked: the next look writes the expiry.
        return Ok(None);
    }
    let actor = person(&answer.via).map_err(AnswerError::NoEntropy)?;
    let answered = ApprovalAnswered {
        approval_id: approval.id.clone(),
        choice: answer.choice,
        integration_id: answer.integration.clone(),
        action_hash,
    };
    let identity = text(&json!(answer.approver));
    let rationale_text = rationale.map(|rationale| text(&Value::from(rationale)));
    let mut disclosures = vec![(disclosed::IDENTITY, identity.as_slice())];
    disclosures.extend(
        rationale_text
            .iter()
            .map(|rationale| (disclosed::RATIONALE, rationale.as_slice())),
    );
    let evidence = text(&json!(answer.evidence));
    if !answer.evidence.is_empty() {
        disclosures.push((disclosed::EVIDENCE, &evidence));
    }
    draft
        .push(&actor, answered, &disclosures)
        .map_err(AnswerError::Unwritable)?;
    let (outcome, execute_by) = match answer.choice {
        Choice::Approve => (
            ApprovalOutcome::Approved,
            Some(draft.at().saturating_add(execute_within)),
        ),
        Choice::Reject => (ApprovalOutcome::Rejected, None),
    };
    let resolved = ApprovalResolved {
        approval_id: approval.id.clone(),
        outcome,
        execute_by,
    };
    draft
        .push(&actor, resolved, &[])
        .map_err(AnswerError::Unwritable)?;
    let at = draft.at();
    let agent = draft.state().map(|state| state.agent.clone());
    let (mut commit, written) = draft.finish().map_err(AnswerError::Unwritable)?;
    commit.cancel.push(approval.delivery.job());
    commit.claim = answer.key.as_ref().zip(agent).map(|(key, agent)| KeyClaim {
        key: digest_of(answer, key),
        fingerprint: key.content,
        agent,
        stream: StreamId::Decision(approval.id.decision()),
    });
    commit
        .jobs
        .extend(conclude_job(&written.state, at).map_err(AnswerError::NoEntropy)?);
    let resolution = Resolution {
        approval: approval.id.clone(),
        outcome: ResolvedAs::of(answer.choice),
        approver: Some(answer.approver.clone()),
        via: answer.via.clone(),
        rationale: rationale.map(str::to_owned),
        at,
    };
    match engine.commit(commit).await.map_err(AnswerError::Store)? {
        Committed::Written(_) => Ok(Some(Answered {
            counted: Counted::Now,
            resolution,
            execute_by,
        })),
        Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => Ok(None),
    }
}

/// A pseudonym for a person: random, so that nobody can guess who it is once the identity beside it is erased.
pub(crate) fn person(via: &str) -> Result<Actor, NoEntropy> {
    let unique = data_encoding::HEXLOWER.encode(&random::<16>()?);
    Ok(Actor {
        id: format!("person_{unique}"),
        via: via.to_owned(),
    })
}

/// What this person is shown; `None` where they may not answer, or where what is asked was erased.
pub(crate) fn message_for(
    trace: &Trace,
    id: &ApproverId,
    permission: OverridePermission,
) -> Option<ApprovalMessage> {
    if overrides(trace) && permission == OverridePermission::None {
        return None;
    }
    let eligible = trace.eligible()?;
    let requirements = &trace.state.approval.as_ref()?.requirements;
    let listed = eligible
        .approvers
        .as_ref()
        .is_none_or(|list| list.contains(id));
    let excluded = requirements.requester == RequesterTerm::Excluded && eligible.is_requester(id);
    (listed && !excluded)
        .then(|| ApprovalMessage::of(trace, 1))
        .flatten()
}
