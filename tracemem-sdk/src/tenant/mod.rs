//! Handles: what somebody may do is what their handle has methods for.
//!
//! [`TraceMem::tenant`](crate::TraceMem::tenant) gives the tenant's [`Tenant`], and that an [`Agent`], an [`Admin`], an [`Approver`] and an
//! [`Auditor`]. Who may have which handle is left to the host: handing one out is the authorisation. A decision, approval or document of
//! another tenant is not found, exactly as one that does not exist.

mod admin;
pub(crate) mod administration;
mod agent;
mod approver;
mod auditor;

use std::{fmt, sync::Arc};

pub use self::{
    admin::{
        Admin, AdminError, IntegrationCheck, IntegrationTest, IntegrationView, Probe,
        ReconcileError, Stored,
    },
    administration::AdminWriteError,
    agent::{Agent, ContextError},
    approver::{Approver, InboxError, PendingApproval, PendingPage},
    auditor::{AuditError, Auditor},
};
use crate::{
    approval::ApproverIdentity,
    engine::Engine,
    id::{AgentId, TenantId},
};

/// One tenant of a [`TraceMem`](crate::TraceMem).
#[derive(Clone)]
pub struct Tenant {
    engine: Arc<Engine>,
    id: TenantId,
}

impl Tenant {
    pub(crate) fn new(engine: Arc<Engine>, id: TenantId) -> Self {
        Self { engine, id }
    }

    /// The tenant's id.
    #[must_use]
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// Who opens decisions and runs their effects. It can create no configuration, widen no requirement and answer no approval.
    #[must_use]
    pub fn agent(&self, identity: AgentId) -> Agent {
        Agent::new(Arc::clone(&self.engine), self.id.clone(), identity)
    }

    /// Who writes configuration and clears up unknown executions.
    #[must_use]
    pub fn admin(&self, identity: ApproverIdentity) -> Admin {
        Admin::new(Arc::clone(&self.engine), self.id.clone(), identity)
    }

    /// Who answers approvals. The host vouches for the identity.
    #[must_use]
    pub fn approver(&self, identity: ApproverIdentity) -> Approver {
        Approver::new(Arc::clone(&self.engine), self.id.clone(), identity)
    }

    /// Who reads traces and records, and changes nothing.
    #[must_use]
    pub fn auditor(&self) -> Auditor {
        Auditor::new(Arc::clone(&self.engine), self.id.clone())
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
