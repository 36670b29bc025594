//! Opening a decision: request, policies and verdict in one commit, under a key that is claimed once.

use std::sync::Arc;

use super::{
    draft::{Draft, UnwritableEvent},
    envelope::Actor,
    event::{DecisionOpened, disclosed},
    handles::Handles,
    request::{Action, Checked, DecisionRequest, InvalidRequest},
    state::State,
    status::{Status, Verdict},
    trace::Trace,
    verdict::Case,
};
use crate::{
    approval::LooserTerms,
    engine::{ConfigurationError, Engine},
    evidence::{digest::Digest, record::InvalidRecord},
    guard::SafetyTerm,
    id::{AgentId, DecisionId, NoEntropy, RequestId, TenantId},
    policy::{Policy, evaluation::judge},
    search::terms_of,
    store::{Committed, KeyClaim, StoreError, StoreErrorKind, StreamId},
};

/// A decision could not be made. No effect was started; unless the store failed, nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// The request is wrong.
    #[error("the request is refused")]
    Invalid(#[source] InvalidRequest),
    /// Policies, routes and integrations do not fit the request, or each other.
    #[error("the configuration does not fit the request")]
    Configuration(#[source] ConfigurationError),
    /// The request asks for looser terms than route and policy set.
    #[error("the request asks for looser terms than route and policy set")]
    Looser(#[source] LooserTerms),
    /// The key is taken by another request, or by another agent.
    #[error("the idempotency key is taken by another request")]
    KeyConflict,
    /// The decision is one that this handle does not know.
    #[error("there is no such decision")]
    NotFound,
    /// The decision does not allow it, or the event cannot be written.
    #[error("the decision cannot be written")]
    Unwritable(#[source] UnwritableEvent),
    /// No record can be made of it.
    #[error("no Decision Record can be made")]
    Record(#[source] InvalidRecord),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The store failed; the decision may have been written. Ask again under the same key.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// A decision as it stood when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    trace: Trace,
}

impl Decision {
    pub(crate) fn new(trace: Trace) -> Self {
        Self { trace }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &DecisionId {
        self.trace.decision()
    }

    /// The verdict, once there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.state().position.verdict
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state().status()
    }

    /// Where it stands in full.
    #[must_use]
    pub fn state(&self) -> &State {
        self.trace.state()
    }

    /// Its trace.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What a host stores beside its own row.
    #[must_use]
    pub fn handles(&self) -> Handles {
        Handles::of(&self.trace)
    }
}

/// What came of opening. Exhaustive on purpose.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is new, and this is its trace.
    New(Trace),
    /// The same request was made before.
    Existing(Trace),
}

/// Opens a decision, and starts its effect in the same commit where it is to be started and may be.
pub(crate) async fn open(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    request: &DecisionRequest,
    start: Option<&SafetyTerm>,
) -> Result<Opened, DecideError> {
    open_under(engine, tenant, agent, request, start, None).await
}

/// [`open`] under one policy instead of those that apply.
pub(crate) async fn open_under(
    engine: &Engine,
    tenant: &TenantId,
    agent: &AgentId,
    request: &DecisionRequest,
    start: Option<&SafetyTerm>,
    policy: Option<Arc<dyn Policy>>,
) -> Result<Opened, DecideError> {
    let checked = request
        .check(&engine.settings.request_limits)
        .map_err(DecideError::Invalid)?;
    let action = match start {
        Some(_) => checked.guarded_action(agent).map(Some),
        None => checked.action(agent),
    };
    let action = action.map_err(DecideError::Invalid)?;
    let claim = Claim {
        tenant,
        agent,
        checked: &checked,
    };
    let configuration = engine
        .configuration(tenant)
        .await
        .map_err(DecideError::Store)?;
    let applicable = match policy {
        Some(policy) => Ok(vec![(policy, None)]),
        None => engine.applicable(&configuration, &checked.intent, checked.policy.as_ref()),
    };
    // A redelivered request must find its decision even if its policy is gone by now, and must not ask for facts again.
    let asks_for_facts = engine
        .facts
        .values()
        .any(|provider| provider.concerns(&checked.intent));
    let existing = match applicable.is_err() || asks_for_facts {
        true => claim.existing(engine).await?,
        false => None,
    };
    if let Some(existing) = existing {
        return Ok(Opened::Existing(existing));
    }
    let case = Case {
        engine,
        tenant,
        agent,
        checked: &checked,
        action: action.as_ref(),
        configuration: &configuration,
    };
    let (question, input) = case.question(Arc::clone(&checked.context));
    let applicable = applicable.map_err(DecideError::Configuration)?;
    let judgement = judge(engine, applicable, question, input).await;
    let judgement = judgement.ok_or_else(|| {
        DecideError::Configuration(ConfigurationError::NoPolicy(checked.intent.clone()))
    })?;

    let now = engine.now();
    let decision = DecisionId::generate(now).map_err(DecideError::NoEntropy)?;
    let request_id = RequestId::generate(now).map_err(DecideError::NoEntropy)?;
    let mut draft = Draft::opening(tenant.clone(), decision.clone(), now);
    let opened = opened(&case, request_id, &claim)?;
    draft
        .push(&case.actor(), opened, &[(disclosed::REQUEST, &checked.raw)])
        .map_err(DecideError::Unwritable)?;
    let jobs = match case.push_verdict(&mut draft, &decision, &judgement, start) {
        Ok(jobs) => jobs,
        // A redelivered request must find its decision even if today's routes and terms would refuse it.
        Err(refused) => {
            let existing = claim.existing(engine).await?;
            return existing.map(Opened::Existing).ok_or(refused);
        }
    };
    let (mut commit, trace) = draft.finish().map_err(DecideError::Unwritable)?;
    commit.jobs = jobs;
    commit.claim = Some(claim.claim(&decision));
    commit.terms = terms_of(tenant, engine.index_key.as_ref(), &checked);
    match engine.commit(commit).await {
        Ok(Committed::Written(_)) => Ok(Opened::New(trace)),
        Ok(Committed::KeyTaken(taken)) => claim.holder(engine, &taken).await.map(Opened::Existing),
        Ok(Committed::HeadMoved | Committed::LeaseLost) => {
            // The stream's id is new and no job is completed: neither can be.
            let impossible = StoreError::new(StoreErrorKind::Backend, "opening a decision");
            Err(DecideError::Store(impossible))
        }
        // The acknowledgement may be lost and not the commit: then it is there. Meanwhile it may have been approved and started by
        // another worker, so that only a start that was drafted here is this caller's.
        Err(error) if error.kind() == StoreErrorKind::Unavailable => {
            let ours = trace.state.execution_id;
            match claim.existing(engine).await {
                Ok(Some(there))
                    if there.decision == decision && there.state.execution_id == ours =>
                {
                    Ok(Opened::New(there))
                }
                Ok(Some(there)) => Ok(Opened::Existing(there)),
                Ok(None) | Err(_) => Err(DecideError::Store(error)),
            }
        }
        Err(error) => Err(DecideError::Store(error)),
    }
}

fn opened(
    case: &Case<'_>,
    request_id: RequestId,
    claim: &Claim<'_>,
) -> Result<DecisionOpened, DecideError> {
    let Case {
        engine,
        agent,
        checked,
        ..
    } = case;
    let unencodable = |source| {
        let source = super::envelope::UnencodableEvent::NotCanonical(
            super::event::EventKind::DecisionOpened,
            source,
        );
        DecideError::Unwritable(UnwritableEvent::Encoding(source))
    };
    Ok(DecisionOpened {
        request_id,
        agent: (*agent).clone(),
        intent: checked.intent.to_string(),
        automation_mode: checked.mode,
        key: claim.key(),
        fingerprint: checked.fingerprint,
        action_hash: case
            .action
            .map(Action::hash)
            .transpose()
            .map_err(unencodable)?,
        attempts: checked.attempts.unwrap_or(1),
        execute_within: checked
            .execute_within
            .unwrap_or(engine.settings.execute_within)
            .as_secs(),
        outcome_window: engine.settings.outcome_window.as_secs(),
        supersedes: checked.supersedes.clone(),
    })
}

/// The claim of a key by one agent for one request.
struct Claim<'a> {
    tenant: &'a TenantId,
    agent: &'a AgentId,
    checked: &'a Checked,
}

impl Claim<'_> {
    fn key(&self) -> Digest {
        self.checked.key.digest(self.tenant).0
    }

    fn claim(&self, decision: &DecisionId) -> KeyClaim {
        KeyClaim {
            key: self.checked.key.digest(self.tenant),
            fingerprint: self.checked.fingerprint,
            agent: self.agent.clone(),
            stream: StreamId::Decision(decision.clone()),
        }
    }

    async fn existing(&self, engine: &Engine) -> Result<Option<Trace>, DecideError> {
        let key = self.checked.key.digest(self.tenant);
        let found = engine
            .backend
            .store
            .find_key(self.tenant, &key)
            .await
            .map_err(DecideError::Store)?;
        match found {
            Some(taken) => self.holder(engine, &taken).await.map(Some),
            None => Ok(None),
        }
    }

    /// The decision that holds the key, if it is this request's; otherwise a conflict that says nothing about the other.
    async fn holder(&self, engine: &Engine, taken: &KeyClaim) -> Result<Trace, DecideError> {
        let same = taken.fingerprint == self.checked.fingerprint && taken.agent == *self.agent;
        let StreamId::Decision(decision) = &taken.stream else {
            return Err(DecideError::KeyConflict);
        };
        if !same {
            return Err(DecideError::KeyConflict);
        }
        let trace = engine
            .load(self.tenant, decision)
            .await
            .map_err(DecideError::Store)?;
        trace.ok_or_else(|| {
            DecideError::Store(StoreError::new(
                StoreErrorKind::Corrupt,
                "reading a claimed decision",
            ))
        })
    }
}

impl Case<'_> {
    /// The agent, as it stands in events.
    pub(crate) fn actor(&self) -> Actor {
        Actor::agent(self.agent)
    }
}
