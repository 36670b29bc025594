//! Testing an integration end to end: a real approval, delivered by it and answered through it, of an action that there is not.
//!
//! The test is a decision like any other, so that its trace shows what was delivered and who answered. Its policy and its route are made
//! here; neither can be named by a request, an attachment or a stored route.

use std::{collections::BTreeSet, error::Error, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::{
    approval::{ApprovalMessage, Requirements},
    decision::{DecisionRequest, event::RequesterTerm},
    id::{AgentId, ApproverId, EventId, IntegrationId, PolicyId, RouteId},
    policy::{ExceptionTerms, Policy, PolicyError, PolicyInput, PolicyOutcome, PolicyVersion},
    route::{Address, ApprovalRoute, Destination, PolicyErrors, RouteError},
    time::Timestamp,
};

/// What the ids of the routes of tests begin with; nothing else may have such an id.
const PREFIX: &str = "tracemem.test.";

/// Where the request of a test says where it is delivered to.
const DESTINATION: &str = "destination";

/// A destination travels as a fact of the request, and facts are cut at this many characters.
const LONGEST_DESTINATION: usize = 200;

/// How long a test may be answered.
const OPEN_FOR: Duration = Duration::from_secs(3_600);

/// What a test is made of cannot be made: an id of the integration that leaves no room, a destination of more than 200 characters, or no
/// random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the test cannot be made")]
pub struct TestNotMade(#[source] Box<dyn Error + Send + Sync>);

/// Whether this id is kept for tests.
pub(crate) fn is_reserved(route: &RouteId) -> bool {
    route.as_str().starts_with(PREFIX)
}

/// The route of the test that this id belongs to, if it belongs to one.
pub(crate) fn route_of(id: &RouteId) -> Option<TestRoute> {
    let integration = id.as_str().strip_prefix(PREFIX)?.parse().ok()?;
    Some(TestRoute {
        id: id.clone(),
        integration,
    })
}

/// Everything that a test is decided by.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) agent: AgentId,
    pub(crate) request: DecisionRequest,
    pub(crate) policy: TestPolicy,
}

impl Test {
    /// A test of `integration`, delivered to `to`, that `approvers` may answer; whoever it reaches where none are given.
    pub(crate) fn new(
        integration: &IntegrationId,
        to: &Destination,
        approvers: Option<BTreeSet<ApproverId>>,
        now: Timestamp,
    ) -> Result<Self, TestNotMade> {
        Self::make(integration, to, approvers, now).map_err(TestNotMade)
    }

    fn make(
        integration: &IntegrationId,
        to: &Destination,
        approvers: Option<BTreeSet<ApproverId>>,
        now: Timestamp,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        if to.as_str().chars().count() > LONGEST_DESTINATION {
            return Err("its destination has more than 200 characters".into());
        }
        let key = format!("integration-test {}", EventId::generate(now)?).parse()?;
        let context = Map::from_iter([(DESTINATION.to_owned(), Value::from(to.as_str()))]);
        let request = DecisionRequest::new(key, &"tracemem.integration-test".parse()?, context)
            .title(&format!("Test of the integration {integration}"))
            .message("This is a test. Approve it to show that answers come back; nothing else will happen.")
            .execute_within(Duration::from_secs(60));
        let policy = TestPolicy {
            id: "tracemem.integration-test".parse()?,
            route: [PREFIX, integration.as_str()].concat().parse()?,
            approvers,
        };
        Ok(Self {
            agent: "tracemem.integration-test".parse()?,
            request,
            policy,
        })
    }
}

/// Asks a human, always.
#[derive(Debug)]
pub(crate) struct TestPolicy {
    id: PolicyId,
    route: RouteId,
    approvers: Option<BTreeSet<ApproverId>>,
}

impl Policy for TestPolicy {
    fn id(&self) -> PolicyId {
        self.id.clone()
    }

    fn version(&self) -> PolicyVersion {
        PolicyVersion::of_code("1")
    }

    fn evaluate(&self, _input: &PolicyInput) -> Result<PolicyOutcome, PolicyError> {
        let requirements = Requirements {
            rationale: None,
            expires_after: Some(OPEN_FOR),
            approvers: self.approvers.clone(),
            requester: Some(RequesterTerm::MayAnswer),
        };
        let terms = ExceptionTerms::by_route(self.route.clone()).requirements(requirements);
        Ok(PolicyOutcome::requires_exception("INTEGRATION_TEST", terms))
    }
}

/// Where a test goes: by its integration, to where its request says.
#[derive(Debug)]
pub(crate) struct TestRoute {
    id: RouteId,
    integration: IntegrationId,
}

#[async_trait]
impl ApprovalRoute for TestRoute {
    fn id(&self) -> RouteId {
        self.id.clone()
    }

    fn integrations(&self) -> Vec<IntegrationId> {
        vec![self.integration.clone()]
    }

    fn requirements(&self) -> Requirements {
        Requirements {
            requester: Some(RequesterTerm::MayAnswer),
            ..Requirements::default()
        }
    }

    fn policy_errors(&self) -> PolicyErrors {
        PolicyErrors::Wait
    }

    async fn address(&self, message: &ApprovalMessage) -> Result<Address, RouteError> {
        let destination = message.facts.iter().find(|(name, _)| name == DESTINATION);
        let destination = destination.map_or("", |(_, destination)| destination.as_str());
        Ok(Address::new(
            self.integration.clone(),
            Destination::new(destination),
        ))
    }
}
