//! Step-up: what proves who answers, where holding a link is not enough.
//!
//! A link says that a request was sent to somebody; mail is forwarded, and mailboxes are shared. A host that knows people by its own means,
//! such as an OpenID Connect session, says here who is in front of the page. What they may then answer is left to the sdk.

use std::{error::Error, fmt};

use http::{HeaderValue, request::Parts};
use tracemem_sdk::{approval::ApproverIdentity, async_trait};

use crate::link::VerifiedLink;

/// Says who opens a link, or sends its form, by more than the link.
///
/// # Contract
/// - It is asked before anything of the request is shown, and again before an answer counts; never for a link that is none of ours.
/// - It decides by what the request carries, such as the host's own session cookie, and by the link: its tenant, integration and approval
///   say whether the link alone is enough here.
/// - It changes nothing that a mail scanner's GET may not change.
/// - The URI of a GET holds the link, which is a secret: it goes into no log, and to no other host.
/// - A dropped future leaves nothing behind. Calls overlap.
#[async_trait]
pub trait ApproverAuthenticator: fmt::Debug + Send + Sync + 'static {
    /// Who it is.
    ///
    /// # Errors
    /// [`StepUpFailed`], where it could not be found out: nothing is shown and nothing counts.
    async fn authenticate(
        &self,
        request: &Parts,
        link: &VerifiedLink,
    ) -> Result<StepUp, StepUpFailed>;
}

/// What an [`ApproverAuthenticator`] says. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepUp {
    /// The link alone is enough here: whoever holds it answers as its approver.
    LinkSuffices,
    /// This person. The answer is theirs, whoever the link was sent to, and counts where they may answer.
    Person {
        /// Who it is.
        identity: ApproverIdentity,
        /// How they proved it: a word of at most 40 characters of `a-z 0-9 _`, such as `oidc`. It stands in the evidence of the answer.
        method: String,
    },
    /// They must prove it first, there: an absolute URL or a path, to which the browser is sent by 303.
    Redirect(HeaderValue),
    /// They may not see or answer it. They are told so, and nothing else.
    Refused,
}

/// It could not be found out who it is. It holds no secret.
#[derive(Debug)]
pub struct StepUpFailed(Box<dyn Error + Send + Sync>);

impl StepUpFailed {
    /// With this cause.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for StepUpFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it could not be found out who opens the link")
    }
}

impl Error for StepUpFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}
