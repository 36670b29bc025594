//! The integration that delivers an approval as links.

use std::sync::Arc;

use tracemem_sdk::{
    approval::ApprovalMessage,
    async_trait,
    id::{ApproverId, IntegrationId},
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
};

use super::{ApprovalLink, LinkSink, Links, MintError};

/// Delivers an approval as one link per person, and leaves the sending to a [`LinkSink`].
///
/// Where the approval lists its approvers, each of them gets a link, wherever the route points; where that list is empty nobody does, and
/// the sink is handed the message alone. Where whoever the destination reaches may
/// answer, the destination itself is taken as the approver: an address or a user id, and one link; a destination that is no
/// [`ApproverId`] is refused, because nobody could be named as the one who answered.
#[derive(Debug, Clone)]
pub struct LinkIntegration {
    links: Links,
    sink: Arc<dyn LinkSink>,
}

impl LinkIntegration {
    /// Hands these links to this sink. Give the confirm page the same [`Links`].
    #[must_use]
    pub fn new(links: Links, sink: impl LinkSink) -> Self {
        Self {
            links,
            sink: Arc::new(sink),
        }
    }

    fn mint(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Vec<ApprovalLink>, DeliveryError> {
        let approvers = match &message.approvers {
            Some(approvers) => approvers.clone(),
            None => vec![reached(to)?],
        };
        let link = |approver| self.links.mint(message, approver).map_err(not_minted);
        approvers.into_iter().map(link).collect()
    }
}

fn reached(to: &Destination) -> Result<ApproverId, DeliveryError> {
    // The cause is left out: it would repeat the destination, which may be personal.
    to.as_str().parse().map_err(|_| {
        let what = "the approval lists no approvers and its destination is no approver id; list approvers, or route it to a person";
        DeliveryError::new(DeliveryErrorKind::Destination, what)
    })
}

fn not_minted(error: MintError) -> DeliveryError {
    let kind = match &error {
        MintError::TooLong => DeliveryErrorKind::Message,
        MintError::NoEntropy(_) | MintError::Unsignable => {
            DeliveryErrorKind::Transient { retry_after: None }
        }
    };
    DeliveryError::new(kind, "a link could not be minted").with_source(error)
}

#[async_trait]
impl Integration for LinkIntegration {
    fn id(&self) -> IntegrationId {
        self.links.integration().clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        let links = self.mint(message, to)?;
        let note = self.sink.send(message, &links).await?;
        Ok(Delivery::of(message, to, note))
    }

    async fn conclude(&self, conclusion: &Conclusion) -> Result<(), DeliveryError> {
        self.sink.concluded(conclusion).await
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        self.sink.check().await
    }
}
