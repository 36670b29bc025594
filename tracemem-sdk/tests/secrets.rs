//! Nothing that a host is likely to log prints what callers, approvers or targets said.

use std::{error::Error, fmt::Debug, num::NonZeroU32, sync::Arc};

use serde_json::json;
use tracemem_sdk::{
    approval::{ApproverIdentity, VerifiedAnswer},
    async_trait,
    decision::{
        DecisionRequest, Intent, Outcome, event::Choice, request::Action, status::CloseAction,
    },
    guard::{EffectError, LookupAnswer, Run, Safety},
    id::{ApproverId, PolicyId},
    integration::Delivery,
    policy::{
        Attachment, ExceptionTerms, FactError, FactProvider, FactQuestion, PolicyFn, PolicyOutcome,
    },
    route::{Address, Destination, StoredRoute},
    store::{Catalog, DocumentKind, Store, StreamId},
    testing::Harness,
};

type Tested = Result<(), Box<dyn Error>>;
type Never = EffectError<std::io::Error>;

/// Prints both forms, and fails where one holds what must not be shown.
#[track_caller]
fn check(what: &str, value: &dyn Debug) {
    let printed = format!("{value:?} {value:#?}").to_lowercase();
    assert!(!printed.contains("canary"), "{what}: {printed}");
}

#[tokio::test]
async fn i9_no_handle_message_answer_or_trace_prints_what_people_said() -> Tested {
    let harness = asking()?;
    check("harness", &harness);
    check("tracemem", harness.tracemem());
    let request = request()?;
    check("request", &request);
    check("key", request.key());
    let person = ApproverIdentity::new("canary_person".parse()?).named("Canary Name");
    check("identity", &person);
    check("approver id", &person.id);
    let tenant = harness.tenant();
    let (agent, approver, admin) = (
        harness.agent(),
        tenant.approver(person.clone()),
        tenant.admin(person.clone()),
    );
    check(
        "handles of the tenant",
        &(&tenant, &agent, &approver, &admin, tenant.auditor()),
    );
    let guard = agent.guard(request.clone(), Safety::Opaque);
    check("guard", &guard);
    let pending = guard.run(never).await?;
    check("pending run", &pending);
    let decision = pending.decision().clone();
    check("row of a pending run", &pending.handles());
    check("decision", &agent.decision(&decision).await?);
    harness.work().await?;
    check("integration", harness.integration());
    check("messages", &harness.integration().delivered());
    check("inbox", &approver.pending(None, NonZeroU32::MIN).await?);
    check(
        "view",
        &harness
            .tracemem()
            .approval(tenant.id(), &decision.approval())
            .await?,
    );
    let answer = VerifiedAnswer::vouched_for(
        tenant.id().clone(),
        decision.approval(),
        person,
        "link",
        Choice::Approve,
    )
    .because("canary_reason");
    check("answer", &answer);
    check("answered", &harness.tracemem().answer(&answer).await?);
    let late = harness.tracemem().answer(&answer).await;
    check("late answer", &late);
    harness.work().await?;
    check("resolutions", &harness.integration().concluded());
    check("integration after it was told", harness.integration());
    let run = agent
        .resume(decision.clone(), Safety::Opaque)
        .run(async |permit| {
            check("permit", &permit);
            let executed = permit
                .executed("canary_ref")
                .detail(json!({"said": "canary_detail"}));
            let executed = executed.on_target("canary_system", "canary_object", "canary_mutation");
            let executed = executed.outcome(
                Outcome::succeeded()
                    .action_taken("canary_action")
                    .metric("canary_metric", 1),
            );
            check("execution", &executed);
            Ok::<_, Never>(executed)
        });
    let run = run.await?;
    assert!(matches!(run, Run::Executed { .. }));
    check("executed run", &run);
    check("row", &run.handles());
    let trace = harness.auditor().trace(&decision).await?;
    check("trace", &trace);
    check("resolution", &trace.resolution());
    let stream = harness
        .store()
        .load(tenant.id(), &StreamId::Decision(decision))
        .await?;
    check("stored stream", &stream);
    check("store", harness.store());
    Ok(())
}

#[tokio::test]
async fn i9_no_error_prints_what_people_said() -> Tested {
    let harness = asking()?;
    let decision = harness.agent().decide(&request()?).await?.id().clone();
    let context = json!({"note": "canary_again"});
    check(
        "context",
        &harness
            .agent()
            .add_context(&decision, &context, Some("canary_summary"))
            .await,
    );
    let other = DecisionRequest::from_json(
        "canary_key".parse()?,
        br#"{"intent": "a.b", "context": {"x": "canary"}}"#,
    )?;
    check("conflict", &harness.agent().decide(&other).await);
    let wrong =
        DecisionRequest::from_json("k".parse()?, br#"{"intent": "a.b", "title": ["canary"]}"#)?;
    check("wrong title", &harness.agent().decide(&wrong).await);
    let outcome = Outcome::succeeded().action_taken("canary".repeat(100));
    check(
        "outcome",
        &harness.agent().report_outcome(&decision, &outcome).await,
    );
    check(
        "close",
        &harness
            .agent()
            .close(&decision, CloseAction::Commit, Some("canary"))
            .await,
    );
    let run = harness.agent().resume(decision, Safety::Opaque).run(never);
    check("run", &run.await?.executed());
    Ok(())
}

#[tokio::test]
async fn i9_no_value_that_plug_ins_are_handed_or_give_back_prints_it() -> Tested {
    let approver: ApproverId = "canary@example.org".parse()?;
    let destination = Destination::new("canary@example.org");
    check("destination", &destination);
    check(
        "address",
        &Address::new("mail".parse()?, destination.clone()),
    );
    let message = tracemem_sdk::testing::message()?;
    check(
        "delivery",
        &Delivery::of(&message, &destination, "canary_handle"),
    );
    let terms = tracemem_sdk::approval::Requirements::default().approvers([approver]);
    check("requirements", &terms);
    check(
        "exception",
        &ExceptionTerms::default().requirements(terms.clone()),
    );
    check(
        "attachment",
        &Attachment::everywhere("p".parse()?).requirements(terms.clone()),
    );
    check(
        "route",
        &StoredRoute::new("r".parse()?, "mail".parse()?, destination).requirements(terms),
    );
    check(
        "outcome of a policy",
        &PolicyOutcome::allow("OK").because("canary_rationale"),
    );
    check(
        "outcome",
        &Outcome::failed()
            .action_taken("canary")
            .metric("canary", "canary"),
    );
    check("lookup", &LookupAnswer::found("canary_reference"));
    let mut said = PolicyOutcome::allow("OK");
    said.evidence = vec!["canary".to_owned()];
    check("evidence of a policy", &said);
    let action: Option<Action> = None;
    check("no action", &action);
    Ok(())
}

fn asking() -> Result<Harness, Box<dyn Error>> {
    let cap: PolicyId = "cap".parse()?;
    Ok(Harness::with(move |builder| {
        let judge = PolicyFn::new(cap.clone(), "1", |input| {
            check("input of a policy", input);
            assert!(input.rule_inputs().to_string().contains("canary_note"));
            Ok(
                PolicyOutcome::requires_exception("ASK", ExceptionTerms::default())
                    .because("canary_because"),
            )
        });
        builder
            .policy(judge)
            .attach(Attachment::everywhere(cap.clone()))
            .fact_provider(Crm)
    })?)
}

fn request() -> Result<DecisionRequest, Box<dyn Error>> {
    let body = br#"{"intent": "discount.apply", "actor": "canary_actor", "title": "canary_title", "message": "canary_message",
        "metadata": {"m": "canary_metadata"}, "context": {"target_system": "canary_system", "target_object_id": "canary_object",
        "mutation": "canary_mutation", "note": "canary_note"}}"#;
    Ok(DecisionRequest::from_json("canary_key".parse()?, body)?)
}

#[expect(clippy::panic, reason = "the rule is that this is not called")]
async fn never(
    _permit: tracemem_sdk::guard::Permit,
) -> Result<tracemem_sdk::guard::Execution<()>, Never> {
    panic!("the effect was called")
}

#[derive(Debug)]
struct Crm;

#[async_trait]
impl FactProvider for Crm {
    #[expect(clippy::unwrap_used, reason = "the literal is an id")]
    fn id(&self) -> tracemem_sdk::id::FactProviderId {
        "crm".parse().unwrap()
    }
    fn version(&self) -> String {
        "1".to_owned()
    }
    fn concerns(&self, _intent: &Intent) -> bool {
        true
    }
    async fn facts(&self, question: &FactQuestion) -> Result<serde_json::Value, FactError> {
        check("question", question);
        Ok(json!({"owner": "canary_owner"}))
    }
}

#[tokio::test]
async fn i9_a_stored_document_prints_none_of_what_it_holds() -> Tested {
    let harness = Harness::asking()?;
    let admin = harness
        .tenant()
        .admin(ApproverIdentity::new("admin".parse()?));
    let route = json!({"approval_route_id": "finance", "integration_id": "harness", "route": "canary-channel", "approvers": ["canary"]});
    admin.put_route_json(route.to_string().as_bytes()).await?;
    let store: Arc<dyn Catalog> = Arc::new(harness.store().clone());
    let document = store
        .document(harness.tenant().id(), DocumentKind::Route, "finance", None)
        .await?;
    let document = document.ok_or("it is not stored")?;
    assert!(String::from_utf8_lossy(&document.bytes).contains("canary-channel"));
    check("document", &document);
    Ok(())
}
