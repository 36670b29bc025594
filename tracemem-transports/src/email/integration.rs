//! The integration that mails.

use std::{fmt, sync::Arc, time::Duration};

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::IntegrationId,
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
    time::{Clock, SystemClock},
};

use super::{
    EmailSender, Letterhead, MailAddress, MailTemplates, sink::MailSink, templates::PlainTemplates,
};
use crate::link::{LinkIntegration, Links};

/// How long an attempt begins further mails where nobody says otherwise.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);

/// Who answers where the approval lists no approvers. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Identity {
    /// The person whose address the route points at. An address whose name is that of a role or a list, such as `finance@` or
    /// `sales-team@`, is refused: nobody would know who answered.
    #[default]
    Person,
    /// The mailbox that the route points at, whoever reads it. The trace names the mailbox.
    Mailbox,
}

/// Mails an approval as one link per person, and later how it ended.
///
/// Approvers are named by their addresses. Each gets a mail of their own with a link of their own; one whose id is no address cannot be
/// reached, and the delivery says so once everybody else was mailed. Where the approval lists no approvers see [`Identity`]. An attempt
/// that mailed some and not others is noted, and the next one mails the others only.
#[derive(Clone)]
pub struct EmailIntegration {
    links: Links,
    identity: Identity,
    parts: Parts,
    inner: LinkIntegration,
}

/// What the sink is made of.
#[derive(Clone)]
struct Parts {
    letterhead: Letterhead,
    templates: Arc<dyn MailTemplates>,
    sender: Arc<dyn EmailSender>,
    clock: Arc<dyn Clock>,
    begin_within: Duration,
}

impl EmailIntegration {
    /// Mails these links under this letterhead by this sender. Give the confirm page the same [`Links`], or their keys and base.
    #[must_use]
    pub fn new(links: Links, letterhead: Letterhead, sender: impl EmailSender) -> Self {
        Self::sending_by(links, letterhead, Arc::new(sender))
    }

    pub(super) fn sending_by(
        links: Links,
        letterhead: Letterhead,
        sender: Arc<dyn EmailSender>,
    ) -> Self {
        let parts = Parts {
            letterhead,
            templates: Arc::new(PlainTemplates),
            sender,
            clock: Arc::new(SystemClock),
            begin_within: BEGIN_WITHIN,
        };
        Self {
            inner: parts.behind(&links),
            identity: Identity::default(),
            links,
            parts,
        }
    }

    fn with(self, parts: Parts) -> Self {
        Self {
            inner: parts.behind(&self.links),
            parts,
            ..self
        }
    }

    /// Another rule than the default for approvals without a list of approvers.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// Other words than ours.
    #[must_use]
    pub fn templates(self, templates: impl MailTemplates) -> Self {
        self.templates_of(Arc::new(templates))
    }

    pub(super) fn templates_of(self, templates: Arc<dyn MailTemplates>) -> Self {
        let parts = Parts {
            templates,
            ..self.parts.clone()
        };
        self.with(parts)
    }

    /// Another clock than the operating system's, for the `Date` of mails. It should be the one that the `TraceMem` and the links have.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.clock_of(Arc::new(clock))
    }

    pub(super) fn clock_of(self, clock: Arc<dyn Clock>) -> Self {
        let parts = Parts {
            clock,
            ..self.parts.clone()
        };
        self.with(parts)
    }

    /// Begins no mail of an attempt after this time; the rest is left to the next attempt. By default ten seconds. Together with the time
    /// that the sender takes for one mail it must be less than what the worker gives a delivery.
    #[must_use]
    pub fn begin_within(self, begin_within: Duration) -> Self {
        let parts = Parts {
            begin_within,
            ..self.parts.clone()
        };
        self.with(parts)
    }

    /// The links that it mails.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Whether mail can go there at all.
    fn check_destination(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<(), DeliveryError> {
        if message.approvers.is_some() {
            return Ok(());
        }
        let what = match (to.as_str().parse::<MailAddress>(), self.identity) {
            (Err(_), _) => "the destination of the route is no mail address",
            (Ok(address), Identity::Person) if address.is_of_a_role() => {
                "the destination of the route is no person's; list approvers, or let the integration's `identity` be `mailbox`"
            }
            (Ok(_), Identity::Person | Identity::Mailbox) => return Ok(()),
        };
        Err(DeliveryError::new(DeliveryErrorKind::Destination, what))
    }
}

impl Parts {
    fn behind(&self, links: &Links) -> LinkIntegration {
        let Self {
            letterhead,
            templates,
            sender,
            clock,
            begin_within,
        } = self.clone();
        let sink = MailSink {
            letterhead,
            templates,
            sender,
            clock,
            begin_within,
        };
        LinkIntegration::new(links.clone(), sink)
    }
}

#[async_trait]
impl Integration for EmailIntegration {
    fn id(&self) -> IntegrationId {
        self.links.integration().clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        self.check_destination(message, to)?;
        self.inner.deliver(message, to).await
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        self.inner.conclude(conclusion).await
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        self.inner.check().await
    }
}

impl fmt::Debug for EmailIntegration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailIntegration")
            .field("links", &self.links)
            .field("identity", &self.identity)
            .field("letterhead", &self.parts.letterhead)
            .field("sender", &self.parts.sender)
            .finish_non_exhaustive()
    }
}
