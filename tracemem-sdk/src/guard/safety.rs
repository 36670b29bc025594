//! Safety: what the author of an effect knows about its target, and what may therefore be done about an unknown execution.

use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::receipt::Evidence;
use crate::decision::event::{SafetyClass, SafetyTerm};

/// What is known about the target. There is no default: who writes the effect says it.
///
/// Exhaustive on purpose: each class has its own recovery.
#[derive(Debug, Clone)]
pub enum Safety {
    /// The effect is made of writes to the store's own database, in one transaction of the host's, and its receipt is recorded
    /// [within](super::Execution::record_within) that transaction: both are there, or neither is. Exactly once in the end.
    ///
    /// A start without a receipt was rolled back, and may run again under a new fence, however many attempts the request declares: at
    /// once where the guard saw it end, after the deadline where its process died. What the effect's author says [did not
    /// happen](super::ResultExt::did_not_happen) is a definite failure, as in every other class; for whatever else keeps a transaction
    /// from being committed, say [may have happened](super::ResultExt::may_have_happened): the guard asks the database, so that nothing
    /// stays unknown.
    ///
    /// Nothing outside the transaction may be part of the effect: it is not taken back with it.
    SameTransaction,
    /// The target takes an idempotency key, does the effect once per key, and keeps keys for `key_ttl`. An unknown execution is sent
    /// again under the same key, as long as the target surely still knows it; after that a human must look.
    Idempotent {
        /// How long the target keeps a key. Be pessimistic.
        key_ttl: Duration,
    },
    /// The target can be asked by our reference, the idempotency key. What is found settles the execution; what is proven absent
    /// after the quarantine is a definite failure.
    Lookup(Arc<dyn Lookup>),
    /// The target refuses a second request of the same decision: by a condition that the first one breaks, such as the version of the
    /// object, or by refusing every fence once it has applied one. Ordering fences alone is not enough: of two rising fences both would
    /// be applied. An unknown execution is sent again under a higher fence.
    Conditional,
    /// Nothing is known: the effect is started at most once, and what is unknown goes to a human.
    Opaque,
}

impl Safety {
    /// The class [`Safety::Lookup`] with a closure.
    ///
    /// ```
    /// use tracemem_sdk::guard::{LookupAnswer, Safety};
    ///
    /// let safety = Safety::lookup(|key: String| async move {
    ///     // Ask the target whether it knows `key`.
    ///     # let _ = key;
    ///     Ok(LookupAnswer::absent())
    /// });
    /// # let _ = safety;
    /// ```
    pub fn lookup<F, Fut>(find: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<LookupAnswer, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self::Lookup(Arc::new(LookupFn { find }))
    }

    /// What stands in the trace.
    pub(crate) fn term(&self) -> SafetyTerm {
        let (class, key_ttl) = match self {
            Self::SameTransaction => (SafetyClass::SameTransaction, None),
            Self::Idempotent { key_ttl } => (SafetyClass::Idempotent, Some(key_ttl.as_secs())),
            Self::Lookup(_) => (SafetyClass::Lookup, None),
            Self::Conditional => (SafetyClass::Conditional, None),
            Self::Opaque => (SafetyClass::Opaque, None),
        };
        SafetyTerm { class, key_ttl }
    }
}

/// What a target knows about an effect.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LookupAnswer {
    /// The effect happened.
    Found(Evidence),
    /// The target has no such effect, and would have it if it had ever accepted one.
    Absent,
    /// The target cannot say now.
    Unknown,
}

impl LookupAnswer {
    /// The effect happened; the target knows it under this reference.
    #[must_use]
    pub fn found(external_ref: impl Into<String>) -> Self {
        Self::Found(Evidence::new(external_ref))
    }

    /// The target has no such effect.
    #[must_use]
    pub fn absent() -> Self {
        Self::Absent
    }
}

/// Asks a target whether an effect happened.
///
/// # Contract
/// - `find` changes nothing at the target.
/// - `Absent` means that the target never accepted the effect; whether it still could is covered by the quarantine.
/// - Calls overlap; a dropped future leaves nothing behind.
#[async_trait]
pub trait Lookup: fmt::Debug + Send + Sync + 'static {
    /// Asks for the effect with this idempotency key.
    ///
    /// # Errors
    /// Anything that keeps the target from being asked; the execution then stays unknown.
    async fn find(
        &self,
        idempotency_key: &str,
    ) -> Result<LookupAnswer, Box<dyn Error + Send + Sync>>;
}

/// A lookup that is a closure.
pub struct LookupFn<F> {
    find: F,
}

impl<F> fmt::Debug for LookupFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupFn").finish_non_exhaustive()
    }
}

#[async_trait]
impl<F, Fut> Lookup for LookupFn<F>
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<LookupAnswer, Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    async fn find(
        &self,
        idempotency_key: &str,
    ) -> Result<LookupAnswer, Box<dyn Error + Send + Sync>> {
        (self.find)(idempotency_key.to_owned()).await
    }
}
