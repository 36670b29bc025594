//! Policies that are closures.

use std::fmt;

use super::{Policy, PolicyError, PolicyInput, PolicyOutcome, PolicyVersion};
use crate::id::PolicyId;

/// A policy that is a closure. The host changes its version whenever it changes the closure.
///
/// ```
/// use tracemem_sdk::policy::{ExceptionTerms, PolicyFn, PolicyOutcome};
///
/// let cap = PolicyFn::new("discount_cap_v1".parse()?, "2", |input| {
///     Ok(match input.context.get("discount_percent").and_then(|percent| percent.as_f64()) {
///         Some(percent) if percent <= 15.0 => PolicyOutcome::allow("WITHIN_CAP"),
///         Some(_) => PolicyOutcome::requires_exception("ABOVE_CAP", ExceptionTerms::default()),
///         None => PolicyOutcome::needs_input("NO_DISCOUNT", vec!["discount_percent".into()], vec![]),
///     })
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PolicyFn<F> {
    id: PolicyId,
    version: PolicyVersion,
    judge: F,
}

impl<F> PolicyFn<F>
where
    F: Fn(&PolicyInput) -> Result<PolicyOutcome, PolicyError> + Send + Sync + 'static,
{
    /// A closure under this id and version label.
    pub fn new(id: PolicyId, version: impl Into<String>, judge: F) -> Self {
        Self {
            id,
            version: PolicyVersion::of_code(version),
            judge,
        }
    }
}

impl<F> fmt::Debug for PolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            version,
            judge: _,
        } = self;
        f.debug_struct("PolicyFn")
            .field("id", id)
            .field("version", version)
            .finish_non_exhaustive()
    }
}

impl<F> Policy for PolicyFn<F>
where
    F: Fn(&PolicyInput) -> Result<PolicyOutcome, PolicyError> + Send + Sync + 'static,
{
    fn id(&self) -> PolicyId {
        self.id.clone()
    }

    fn version(&self) -> PolicyVersion {
        self.version.clone()
    }

    fn evaluate(&self, input: &PolicyInput) -> Result<PolicyOutcome, PolicyError> {
        (self.judge)(input)
    }
}
