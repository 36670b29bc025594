//! I8: an agent handle can widen no requirement, create no configuration, answer no approval.
//!
//! That it has no method which creates configuration or answers is shown by programs that must not compile; here is what it tries with
//! the methods it has.

use std::time::Duration;

use serde_json::{Value, json};
use tracemem_sdk::{
    approval::{AnswerError, NotEligible, Requirements},
    decision::{
        DecideError,
        status::{AutomationMode, CloseAction},
    },
    guard::{ExecutionReport, ReceiptError, ReportedAs},
    id::{PolicyId, RouteId},
    policy::{Attachment, PolicyFn},
    route::{Destination, StoredRoute},
    tenant::ContextError,
};

use crate::{
    disks::Disk,
    world::{
        Failure, Target, Tested, World, allow, ask, causes, events, request, request_with, said,
        stands,
    },
};

/// A host whose route sets terms, and that has a laxer route and a laxer policy beside.
async fn strict<D: Disk>() -> Result<World<D>, Failure> {
    let (policy, lax): (PolicyId, PolicyId) = ("strict".parse()?, "lax".parse()?);
    let (route, wide): (RouteId, RouteId) = ("narrow".parse()?, "wide".parse()?);
    let terms = Requirements::default()
        .require_rationale()
        .expires_after(Duration::from_secs(600))
        .approvers(["ann".parse()?, "bob".parse()?]);
    let (narrow, loose) = (
        StoredRoute::new(route.clone(), "kept".parse()?, Destination::new("#a"))
            .requirements(terms),
        StoredRoute::new(wide, "kept".parse()?, Destination::new("#b")),
    );
    World::configured(move |builder| {
        builder
            .route(narrow.clone())
            .route(loose.clone())
            .policy(PolicyFn::new(policy.clone(), "1", |_| ask()))
            .policy(PolicyFn::new(lax.clone(), "1", |_| allow()))
            .attach(Attachment::everywhere(policy.clone()).exception_route(route.clone()))
    })
    .await
}

pub(crate) async fn i8_an_agent_widens_no_requirement<D: Disk>() -> Tested {
    let world = strict::<D>().await?;
    let context = |more: Value| -> Result<Value, Failure> {
        let mut context = json!({"target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"});
        let (Value::Object(all), Value::Object(more)) = (&mut context, more) else {
            return Err("a context is an object".into());
        };
        all.extend(more);
        Ok(json!({"context": context}))
    };
    let widened = [
        (json!({"expires_in_seconds": 601}), "expires_in_seconds"),
        (json!({"require_rationale": false}), "require_rationale"),
        (json!({"approvers": ["ann", "eve"]}), "approvers"),
        (json!({"approvers": ["agent"]}), "approvers"),
        (json!({"approval_route_id": "wide"}), "`wide`"),
        (json!({"approval_route_id": "people"}), "`people`"),
        (json!({"verdict": "yes"}), "verdict"),
        (json!({"application_verdict": "OK"}), "application_verdict"),
        (json!({"reason_code": "FINE"}), "reason_code"),
        (json!({"trusted_adapter": {}}), "trusted_adapter"),
        (json!({"rulebook": {}}), "rulebook"),
        (json!({"mode": "model"}), "mode"),
        (json!({"quorum": 0}), "quorum"),
        (context(json!({"verdict": "yes"}))?, "context.verdict"),
        (
            context(json!({"facts": {"tier": "gold"}}))?,
            "context.facts",
        ),
        (
            context(json!({"inputs": {"facts": {}}}))?,
            "context.inputs.facts",
        ),
        (
            context(json!({"inputs": {"deep": [{"verdict": "yes"}]}}))?,
            "context.inputs.deep[0].verdict",
        ),
    ];
    for (fields, named) in widened {
        let target = Target::default();
        let theirs = target.clone();
        let agent = world.agent()?;
        let error = agent.decide(&request_with("k1", fields.clone())?).await;
        let error = error.err().ok_or(format!("{fields} was decided"))?;
        let typed = matches!(
            error,
            DecideError::Invalid(_) | DecideError::Looser(_) | DecideError::Configuration(_)
        );
        assert!(
            typed && causes(&error).contains(named),
            "{named}: {error:?}"
        );
        let guard = agent.guard(
            request_with("k1", fields)?,
            tracemem_sdk::guard::Safety::Opaque,
        );
        assert!(
            guard.run(|permit| theirs.change(permit)).await.is_err(),
            "{named}"
        );
        assert_eq!((target.effects(), world.probe.written()), (0, 0), "{named}");
    }
    // Naming a laxer policy adds it and takes none away; stricter terms are taken.
    let narrowed = json!({"policy_id": "lax", "expires_in_seconds": 599, "approvers": ["bob"]});
    let decision = world
        .agent()?
        .decide(&request_with("k1", narrowed)?)
        .await?;
    assert_eq!(decision.status().as_str(), "needs_approval");
    let approval = decision
        .state()
        .approval
        .as_ref()
        .ok_or("nobody is asked")?;
    assert_eq!(approval.route.as_str(), "narrow");
    let left = approval.expires_at.saturating_since(approval.requested_at);
    assert_eq!(left, Duration::from_secs(599));
    let not_listed = world
        .approver("ann")?
        .approve(&approval.id, Some("fine"))
        .await;
    assert!(matches!(
        not_listed,
        Err(AnswerError::NotEligible(NotEligible::NotListed))
    ));
    Ok(())
}

pub(crate) async fn i8_an_agent_replaces_no_context_and_closes_over_no_approval<D: Disk>() -> Tested
{
    let world = World::<D>::ruled(ask).await?;
    let decision = world.asked("k1").await?;
    let agent = world.agent()?;
    let before = events(&world.trace(&decision).await?);

    // The requester is no approver, under none of its names.
    for own in ["agent", "AGENT", "billing_bot"] {
        let answer = world
            .approver(own)?
            .approve(&decision.approval(), Some("me"))
            .await;
        let refused = matches!(
            answer,
            Err(AnswerError::NotEligible(NotEligible::Requester))
        );
        assert!(refused, "{own}: {answer:?}");
    }
    let committed = agent.close(&decision, CloseAction::Commit, None).await;
    assert!(committed.is_err(), "{committed:?}");
    let report = ExecutionReport::new(ReportedAs::Executed, "re_1");
    let reported = agent.report_execution(&decision, &report).await;
    assert!(
        matches!(reported, Err(ReceiptError::NotAuthorised(_))),
        "{reported:?}"
    );
    // Another agent of the tenant does not even find it.
    let other = world.tenant()?.agent("other".parse()?);
    assert!(other.decision(&decision).await.is_err());
    assert!(matches!(
        other.decide(&request("k1")?).await,
        Err(DecideError::KeyConflict)
    ));
    // The same key with another payload does not change what is asked.
    let more = request_with("k1", json!({"title": "Refund 2500?"}))?;
    assert!(matches!(
        agent.decide(&more).await,
        Err(DecideError::KeyConflict)
    ));
    assert_eq!(events(&world.trace(&decision).await?), before);
    assert_eq!(said(&world.run("k1", &Target::default()).await?), "pending");

    let world = World::<D>::ruled(allow).await?;
    let agent = world.agent()?;
    let decision = agent.decide(&request("k1")?).await?.id().clone();
    let written = world.probe.written();
    for (context, named) in [
        (json!({"amount": 5}), "context.amount"),
        (
            json!({"tier": "gold", "mutation": "refund.cancel"}),
            "context.mutation",
        ),
        (json!({"verdict": "yes"}), "context.verdict"),
        (json!({"facts": {}}), "context.facts"),
        (json!({"inputs": {"amount": 5}}), "context.inputs"),
    ] {
        let added = agent.add_context(&decision, &context, None).await;
        let error = added.err().ok_or(format!("{context} was added"))?;
        let typed = matches!(error, ContextError::Invalid(_));
        assert!(
            typed && causes(&error).contains(named),
            "{context}: {error:?}"
        );
    }
    assert_eq!(world.probe.written(), written);
    assert_eq!(
        stands(&world.trace(&decision).await?),
        ("open", "not_started")
    );

    // Whoever asks for no leave of a human gets none, and whoever wants one cannot go without.
    let approving = request("k2")?.automation_mode(AutomationMode::Approve);
    let guard = agent.guard(approving, tracemem_sdk::guard::Safety::Opaque);
    let target = Target::default();
    let theirs = target.clone();
    let run = guard.run(|permit| theirs.change(permit)).await;
    assert_eq!((said(&run).as_str(), target.effects()), ("pending", 0));
    Ok(())
}
