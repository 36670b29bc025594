//! Testing an integration: whether it is reached and lets us in, whether it delivers, and whether answers come back.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use super::{Admin, AdminError};
use crate::{
    approval::{Resolution, answering::person},
    decision::{
        DecideError,
        event::{DeliveryResult, IntegrationTested},
        opening::{Opened, open_under},
    },
    id::{ApproverId, DecisionId, IntegrationId},
    integration::{DeliveryErrorKind, Test},
    route::Destination,
    tenant::administration,
};

/// What a test found. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It works.
    Passed,
    /// It does not; why, without secrets.
    Failed(String),
    /// Something before it failed.
    NotTried,
}

/// What a check of the connection found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationCheck {
    /// Whether the target is reached.
    pub connectivity: Probe,
    /// Whether it lets us in, and is what was configured.
    pub credentials: Probe,
}

/// How far an end-to-end test has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrationTest {
    /// The latest attempt to deliver it; `None` before the first.
    pub delivery: Option<DeliveryResult>,
    /// How it ended: who answered, what, and how their identity was established. `None` while it may still be answered.
    pub answer: Option<Resolution>,
}

impl Admin {
    /// Checks the connection of an integration, also of one that is not switched on. It shows nothing to anybody, and writes what came of it
    /// to the administrative stream.
    ///
    /// # Errors
    /// [`AdminError::Integration`] where it cannot even be opened.
    pub async fn check_integration(
        &self,
        id: &IntegrationId,
    ) -> Result<IntegrationCheck, AdminError> {
        let integration = match self.engine.registered_integration(id) {
            Some(registered) => registered,
            None => {
                let stored = self.stored_integration(id).await?;
                let opened = self.engine.opened(&self.tenant, stored).await;
                opened.map_err(AdminError::Integration)?
            }
        };
        let until = self
            .engine
            .now()
            .saturating_add(self.engine.settings.delivery_limit);
        let checking = AssertUnwindSafe(integration.check()).catch_unwind();
        let check = tokio::select! {
            checked = checking => match checked {
                Ok(Ok(())) => IntegrationCheck { connectivity: Probe::Passed, credentials: Probe::Passed },
                Ok(Err(error)) => found(error.kind(), error.to_string()),
                Err(_) => unreached("the integration panicked"),
            },
            () = self.engine.clock.sleep_until(until) => unreached("it took too long"),
        };
        let passed = check.credentials == Probe::Passed;
        let event = IntegrationTested {
            integration_id: id.clone(),
            passed,
        };
        let actor = person("admin").map_err(AdminError::NoEntropy)?;
        administration::write_event(&self.engine, &self.tenant, &actor, &event.into())
            .await
            .map_err(AdminError::Write)?;
        Ok(check)
    }

    /// Begins a test from end to end: the integration, which must be switched on, delivers a real approval to `to`, and whoever answers it
    /// (one of `approvers`, or whoever it reaches where that is `None`) shows that answers come back. A worker must run. It may be answered
    /// for an hour.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn begin_integration_test(
        &self,
        id: &IntegrationId,
        to: &Destination,
        approvers: Option<BTreeSet<ApproverId>>,
    ) -> Result<DecisionId, AdminError> {
        self.engine
            .integration(&self.tenant, id)
            .await
            .map_err(AdminError::Integration)?;
        let test = Test::new(id, to, approvers, self.engine.now()).map_err(AdminError::Test)?;
        let Test {
            agent,
            request,
            policy,
        } = test;
        let opened = open_under(
            &self.engine,
            &self.tenant,
            &agent,
            &request,
            None,
            Some(Arc::new(policy)),
        );
        match opened.await.map_err(AdminError::Decide)? {
            Opened::New(trace) | Opened::Existing(trace) => Ok(trace.decision().clone()),
        }
    }

    /// How far a test has come.
    ///
    /// # Errors
    /// [`AdminError::Decide`] with [`DecideError::NotFound`] where there is no such test.
    pub async fn integration_test(&self, test: &DecisionId) -> Result<IntegrationTest, AdminError> {
        let trace = self
            .engine
            .load(&self.tenant, test)
            .await
            .map_err(AdminError::Store)?;
        let approval = trace.as_ref().and_then(|trace| {
            let approval = trace.state().approval.as_ref()?;
            crate::integration::is_reserved(&approval.route).then_some(approval)
        });
        let approval = approval.ok_or(AdminError::Decide(DecideError::NotFound))?;
        let delivery = approval.delivered.as_ref().map(|attempt| attempt.result);
        Ok(IntegrationTest {
            delivery,
            answer: trace.as_ref().and_then(crate::decision::Trace::resolution),
        })
    }
}

fn unreached(why: &str) -> IntegrationCheck {
    IntegrationCheck {
        connectivity: Probe::Failed(why.to_owned()),
        credentials: Probe::NotTried,
    }
}

fn found(kind: DeliveryErrorKind, why: String) -> IntegrationCheck {
    match kind {
        DeliveryErrorKind::Credentials
        | DeliveryErrorKind::Destination
        | DeliveryErrorKind::Message => IntegrationCheck {
            connectivity: Probe::Passed,
            credentials: Probe::Failed(why),
        },
        DeliveryErrorKind::Transient { .. }
        | DeliveryErrorKind::Throttled { .. }
        | DeliveryErrorKind::Postponed { .. }
        | DeliveryErrorKind::Ambiguous
        | DeliveryErrorKind::Gone => unreached(&why),
    }
}
