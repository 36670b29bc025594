//! Policies: what may happen by itself, what may not, and what a human is asked about.
//!
//! A [`Policy`] is a deterministic, versioned rule over explicit inputs. Ready-made are the public rulebook language
//! ([`DeclaredPolicy`] over [`rulebook`]) and closures ([`PolicyFn`]). Of several policies the strictest outcome wins. What needs I/O is a
//! [`FactProvider`], asked and recorded before the policies run. An error or a panic never reads as yes.
//! Who is asked, and on what terms, is left to [`approval`](crate::approval) and [`route`](crate::route).

mod attachment;
mod declared;
pub(crate) mod evaluation;
mod facts;
pub mod forbidden;
mod function;
mod outcome;
pub mod rulebook;

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc};

use serde_json::{Map, Value};

pub use self::{
    attachment::{Attachment, IntentPattern, InvalidAttachment, InvalidIntentPattern},
    declared::{DeclaredPolicy, InvalidDeclaration},
    facts::{FactError, FactProvider, FactQuestion},
    function::PolicyFn,
    outcome::{ExceptionTerms, PolicyOutcome},
};
use crate::{
    decision::{Intent, status::AutomationMode},
    evidence::digest::Digest,
    id::{AgentId, FactProviderId, PolicyId},
};

/// Which content of a policy: a label for people, and a hash where it is declared and not code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyVersion {
    /// The label, 1 to 160 characters.
    pub label: String,
    /// The hash of the declared body, canonical by `json.sort_deep.v1`.
    pub hash: Option<Digest>,
}

impl PolicyVersion {
    /// The version of a policy that is code.
    #[must_use]
    pub fn of_code(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            hash: None,
        }
    }

    /// The version of a policy that is declared.
    #[must_use]
    pub fn declared(label: impl Into<String>, hash: Digest) -> Self {
        Self {
            label: label.into(),
            hash: Some(hash),
        }
    }
}

/// Everything a policy may look at. `Debug` prints no value that the caller or a fact provider gave.
#[derive(Clone)]
#[non_exhaustive]
pub struct PolicyInput {
    /// What the action is.
    pub intent: Intent,
    /// How far the agent may go by itself.
    pub mode: AutomationMode,
    /// The agent.
    pub agent: AgentId,
    /// Who or what it acts for.
    pub actor: Option<String>,
    /// The context of the request, with what was added to it later.
    pub context: Arc<Map<String, Value>>,
    /// What the fact providers answered.
    pub facts: Arc<BTreeMap<FactProviderId, Value>>,
}

impl fmt::Debug for PolicyInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            intent,
            mode,
            agent,
            actor: _,
            context: _,
            facts: _,
        } = self;
        f.debug_struct("PolicyInput")
            .field("intent", intent)
            .field("mode", mode)
            .field("agent", agent)
            .finish_non_exhaustive()
    }
}

impl PolicyInput {
    /// An input with this intent, agent and context, in mode `autonomous`, without facts.
    #[must_use]
    pub fn new(intent: Intent, agent: AgentId, context: Map<String, Value>) -> Self {
        Self {
            intent,
            mode: AutomationMode::Autonomous,
            agent,
            actor: None,
            context: Arc::new(context),
            facts: Arc::default(),
        }
    }

    /// What rules see: `context.inputs`, or the whole context where there are none, and under `facts.<provider>` what the fact
    /// providers answered.
    #[must_use]
    pub fn rule_inputs(&self) -> Value {
        let inputs = match self.context.get("inputs") {
            Some(inputs) => inputs.clone(),
            None => Value::Object(self.context.as_ref().clone()),
        };
        let Value::Object(mut inputs) = inputs else {
            return inputs;
        };
        if !self.facts.is_empty() {
            let facts = self
                .facts
                .iter()
                .map(|(provider, fact)| (provider.to_string(), fact.clone()));
            inputs.insert("facts".to_owned(), Value::Object(facts.collect()));
        }
        Value::Object(inputs)
    }
}

/// A policy failed. The verdict is then `review` with code `POLICY_ERROR`, whatever other policies allow.
#[derive(Debug)]
pub struct PolicyError {
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PolicyError {
    /// A failure, said in a sentence fragment that holds no personal data.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for PolicyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// A deterministic, versioned rule over explicit inputs.
///
/// # Contract
/// - `evaluate` is a pure function of its argument: no clock, no network, no state. A replay gives the same outcome.
/// - It returns quickly; it is called on the caller's task.
/// - An error or a panic is a refusal: the verdict becomes `review`, never `yes`.
/// - `id` is stable over versions; `version` changes with the content. Two contents never share id and version.
/// - Calls overlap.
#[cfg_attr(feature = "unstable-mocks", mockall::automock)]
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// Its stable name.
    fn id(&self) -> PolicyId;

    /// Which content it has.
    fn version(&self) -> PolicyVersion;

    /// Judges one proposal.
    ///
    /// # Errors
    /// [`PolicyError`] where it cannot judge.
    fn evaluate(&self, input: &PolicyInput) -> Result<PolicyOutcome, PolicyError>;
}
