//! Fact providers: what policies need to know and cannot compute.

use std::{error::Error, fmt, sync::Arc};

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::{
    decision::Intent,
    id::{AgentId, FactProviderId, TenantId},
};

/// What a fact provider is asked. `Debug` does not print the context.
#[derive(Clone)]
#[non_exhaustive]
pub struct FactQuestion {
    /// Whose decision.
    pub tenant: TenantId,
    /// What the action is.
    pub intent: Intent,
    /// The agent that proposes it.
    pub agent: AgentId,
    /// The context of the request.
    pub context: Arc<Map<String, Value>>,
}

impl fmt::Debug for FactQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tenant,
            intent,
            agent,
            context: _,
        } = self;
        f.debug_struct("FactQuestion")
            .field("tenant", tenant)
            .field("intent", intent)
            .field("agent", agent)
            .finish_non_exhaustive()
    }
}

/// A fact provider failed. The verdict is then `review` with code `POLICY_ERROR`.
#[derive(Debug)]
pub struct FactError {
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl FactError {
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

impl fmt::Display for FactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for FactError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// Looks up facts for policies. It gives facts only, never a verdict.
///
/// # Contract
/// - `facts` is asked before the policies run; what it is asked and what it answers is recorded with both hashes.
/// - It changes nothing and may be asked again for the same decision.
/// - It returns within the time limit, 2 s where the host sets no other; later its future is dropped and the verdict is `review`.
/// - Its answer holds none of the names that only a decision may state (see [`forbidden`](super::forbidden)).
/// - Calls overlap.
#[async_trait]
pub trait FactProvider: fmt::Debug + Send + Sync + 'static {
    /// Its stable name; rules find its answer under `facts.<name>`, so it should have no dot.
    fn id(&self) -> FactProviderId;

    /// Which version of it.
    fn version(&self) -> String;

    /// Whether decisions with this intent need its facts.
    fn concerns(&self, intent: &Intent) -> bool;

    /// Looks the facts up.
    ///
    /// # Errors
    /// [`FactError`] where it cannot.
    async fn facts(&self, question: &FactQuestion) -> Result<Value, FactError>;
}
