//! Policies: the strictest wins, what fails is reviewed, and what a human is asked about.

use std::{error::Error, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tracemem_sdk::{
    ConfigurationError,
    approval::{AnswerError, ApproverIdentity, NotEligible},
    async_trait,
    decision::{
        DecideError, Decision, DecisionRequest, Intent, InvalidContext,
        event::{Event, PolicyEvaluated, PolicyFinding, ReviewReason},
        status::{Status, Verdict},
    },
    evidence::{digest::Digest, sort_deep},
    id::{FactProviderId, PolicyId},
    policy::{
        Attachment, ExceptionTerms, FactError, FactProvider, FactQuestion, IntentPattern,
        PolicyError, PolicyFn, PolicyInput, PolicyOutcome,
    },
    store::Listing,
    tenant::ContextError,
    testing::Harness,
};

type Tested = Result<(), Box<dyn Error>>;
type Judge = fn(&PolicyInput) -> Result<PolicyOutcome, PolicyError>;

/// What a policy can say, from the least strict to the strictest.
const FINDINGS: [(PolicyFinding, Judge); 5] = [
    (PolicyFinding::Allow, |_| {
        Ok(PolicyOutcome::allow("ALLOWED"))
    }),
    (PolicyFinding::RequiresException, |_| {
        Ok(PolicyOutcome::requires_exception(
            "EXCEPTION",
            ExceptionTerms::default(),
        ))
    }),
    (PolicyFinding::NeedsInput, |_| {
        Ok(PolicyOutcome::needs_input(
            "MORE",
            vec!["more".into()],
            vec![],
        ))
    }),
    (PolicyFinding::Error, |_| Err(PolicyError::new("broken"))),
    (PolicyFinding::Deny, |_| Ok(PolicyOutcome::deny("DENIED"))),
];

#[tokio::test]
async fn the_strictest_of_two_policies_decides_whichever_comes_first() -> Tested {
    for (first_rank, (_, first)) in FINDINGS.into_iter().enumerate() {
        for (second_rank, (_, second)) in FINDINGS.into_iter().enumerate() {
            let harness = judged_by(vec![("p1", first), ("p2", second)])?;
            let decision = harness.agent().decide(&request(json!({}))?).await?;
            let strictest = first_rank.max(second_rank);
            let (finding, _) = FINDINGS.get(strictest).ok_or("no finding")?;
            let (verdict, review, status) = match finding {
                PolicyFinding::Allow => (Verdict::Yes, None, Status::Open),
                PolicyFinding::RequiresException => (
                    Verdict::Review,
                    Some(ReviewReason::Exception),
                    Status::NeedsApproval,
                ),
                PolicyFinding::NeedsInput => (
                    Verdict::Review,
                    Some(ReviewReason::NeedsInput),
                    Status::Open,
                ),
                PolicyFinding::Error => (
                    Verdict::Review,
                    Some(ReviewReason::PolicyError),
                    Status::Open,
                ),
                PolicyFinding::Deny => (Verdict::No, None, Status::Aborted),
            };
            let decided = decision.state().decided.clone().ok_or("no verdict")?;
            let pair = format!("{first_rank} and {second_rank}");
            assert_eq!(
                (decided.verdict, decided.review, decision.status()),
                (verdict, review, status),
                "{pair}"
            );
            let decisive = if first_rank >= second_rank {
                "p1"
            } else {
                "p2"
            };
            assert_eq!(decided.policy_id.as_str(), decisive, "{pair}");
            assert_eq!(
                evaluated(&decision).len(),
                2,
                "{pair}: both are in the trace"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn i11_a_policy_that_fails_in_any_way_is_a_review() -> Tested {
    let ways: [(&str, Judge); 9] = [
        ("an error", |_| Err(PolicyError::new("broken"))),
        ("a panic", |_| {
            Err(PolicyError::new(Vec::<String>::new().remove(0)))
        }),
        ("an empty code", |_| Ok(PolicyOutcome::allow(""))),
        ("a code in lower case", |_| {
            Ok(PolicyOutcome::allow("allowed"))
        }),
        ("a code too long", |_| {
            Ok(PolicyOutcome::allow("A".repeat(81)))
        }),
        ("a rationale too long", |_| {
            Ok(PolicyOutcome::allow("OK").because("x".repeat(2_001)))
        }),
        ("an error that claims to be an outcome", |_| {
            let mut outcome = PolicyOutcome::allow("OK");
            outcome.finding = PolicyFinding::Error;
            Ok(outcome)
        }),
        ("too much evidence", |_| {
            let mut outcome = PolicyOutcome::allow("OK");
            outcome.evidence = vec!["e".to_owned(); 33];
            Ok(outcome)
        }),
        ("an action too long", |_| {
            let mut outcome = PolicyOutcome::allow("OK");
            outcome.action = Some("x".repeat(141));
            Ok(outcome)
        }),
    ];
    for (way, judge) in ways {
        let harness = judged_by(vec![("good", FINDINGS[0].1), ("bad", judge)])?;
        let decision = harness.agent().decide(&request(json!({}))?).await?;
        let decided = decision.state().decided.clone().ok_or("no verdict")?;
        assert_eq!(
            (decided.verdict, decided.reason_code.as_str()),
            (Verdict::Review, "POLICY_ERROR"),
            "{way}"
        );
        assert_eq!(decision.status(), Status::Open, "{way}");
    }
    Ok(())
}

#[tokio::test]
async fn i11_facts_that_fail_make_a_review_of_everything_but_a_no() -> Tested {
    for (how, what) in [
        (Facts::Fails, "failed"),
        (Facts::Panics, "panicked"),
        (Facts::Lies, "only a decision"),
        (Facts::Hangs, "too long"),
    ] {
        for (finding, judge) in FINDINGS {
            let harness = with_facts(how, judge)?;
            let (agent, request) = (harness.agent(), request(json!({}))?);
            let decide = agent.decide(&request);
            let decision = if how == Facts::Hangs {
                let moves = async {
                    harness.clock().asleep().await;
                    harness.clock().advance(Duration::from_secs(2));
                };
                tokio::join!(decide, moves).0?
            } else {
                decide.await?
            };
            let expected = if finding == PolicyFinding::Deny {
                Verdict::No
            } else {
                Verdict::Review
            };
            assert_eq!(decision.verdict(), Some(expected), "{how:?} {finding}");
            let event = evaluated(&decision)
                .into_iter()
                .next()
                .ok_or("nothing was evaluated")?;
            let used = event
                .facts
                .first()
                .ok_or("the provider is not in the trace")?;
            assert_eq!(used.output_hash, None);
            if finding != PolicyFinding::Deny {
                assert_eq!(event.finding, PolicyFinding::Error);
                let said: Value = decision
                    .trace()
                    .events()
                    .iter()
                    .find_map(|recorded| recorded.read("evaluation"))
                    .ok_or("no evaluation")?;
                assert!(said.to_string().contains(what), "{said}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn facts_are_recorded_with_both_hashes_before_policies_see_them() -> Tested {
    let harness = with_facts(Facts::Answers, |input| {
        let margin = input.rule_inputs().pointer("/facts/crm/margin").cloned();
        Ok(if margin == Some(json!(7)) {
            PolicyOutcome::allow("SEEN")
        } else {
            PolicyOutcome::deny("UNSEEN")
        })
    })?;
    let context = json!({"amount": 1});
    let decision = harness.agent().decide(&request(context.clone())?).await?;
    assert_eq!(decision.verdict(), Some(Verdict::Yes));
    let event = evaluated(&decision)
        .into_iter()
        .next()
        .ok_or("nothing was evaluated")?;
    let used = event
        .facts
        .first()
        .ok_or("the provider is not in the trace")?;
    assert_eq!(
        (used.provider.as_str(), used.version.as_str()),
        ("crm", "7")
    );
    assert_eq!(used.input_hash, Digest::of(context.to_string().as_bytes()));
    assert_eq!(
        used.output_hash,
        Some(sort_deep::hash(&json!({"margin": 7}))?)
    );
    let recorded = decision
        .trace()
        .events()
        .iter()
        .find_map(|recorded| recorded.read::<Value>("facts"));
    assert_eq!(recorded, Some(json!({"crm": {"margin": 7}})));
    Ok(())
}

#[tokio::test]
async fn a_no_cannot_be_approved_away() -> Tested {
    for mode in ["propose", "approve", "autonomous"] {
        let harness = Harness::denying()?;
        let decision = harness.agent().decide(&in_mode(mode)?).await?;
        assert_eq!(
            (decision.status(), decision.state().approval.clone()),
            (Status::Aborted, None),
            "{mode}"
        );
        let asked = harness.agent().request_approval(decision.id()).await;
        assert!(matches!(asked, Err(DecideError::Unwritable(_))), "{mode}");
        let answered = approver(&harness, "boss")?.with_override_permission();
        let answered = answered
            .approve(&decision.id().approval(), Some("because"))
            .await;
        assert!(matches!(answered, Err(AnswerError::NotFound)), "{mode}");
    }
    Ok(())
}

#[tokio::test]
async fn a_no_is_overridden_only_with_a_permission_and_a_reason() -> Tested {
    let harness = Harness::denying()?;
    let decision = harness.agent().decide(&in_mode("override")?).await?;
    assert_eq!(
        (decision.status(), decision.verdict()),
        (Status::NeedsApproval, Some(Verdict::No))
    );
    let approval = decision.id().approval();
    let boss = approver(&harness, "boss")?;
    let refused = boss.approve(&approval, Some("because")).await;
    assert!(matches!(
        refused,
        Err(AnswerError::NotEligible(NotEligible::NoOverridePermission))
    ));
    let limit = std::num::NonZeroU32::MIN;
    assert_eq!(boss.pending(None, limit).await?.approvals, []);
    let boss = boss.with_override_permission();
    assert_eq!(boss.pending(None, limit).await?.approvals.len(), 1);
    for rationale in [None, Some(""), Some(" \n\t ")] {
        let refused = boss.approve(&approval, rationale).await;
        assert!(
            matches!(refused, Err(AnswerError::RationaleRequired)),
            "{rationale:?}"
        );
    }
    boss.approve(&approval, Some("because")).await?;
    let trace = harness.auditor().trace(decision.id()).await?;
    assert_eq!(
        (trace.state().status(), trace.state().position.verdict),
        (Status::Approved, Some(Verdict::No))
    );
    Ok(())
}

#[tokio::test]
async fn missing_facts_are_asked_of_nobody_and_added_by_the_agent() -> Tested {
    let harness = judged_by(vec![("p1", needs_amount)])?;
    let agent = harness.agent();
    let decision = agent.decide(&request(json!({}))?).await?;
    assert_eq!(decision.status(), Status::Open);
    let asked = agent.request_approval(decision.id()).await;
    assert!(
        matches!(asked, Err(DecideError::Unwritable(_))),
        "a human cannot make up for facts"
    );
    harness.work().await?;
    assert_eq!(harness.integration().delivered(), []);
    agent
        .add_context(decision.id(), &json!({"amount": 5}), None)
        .await?;
    let decision = agent.reevaluate(decision.id()).await?;
    assert_eq!(
        (decision.verdict(), decision.status()),
        (Some(Verdict::Yes), Status::Open)
    );
    let records = decision
        .trace()
        .events()
        .iter()
        .filter(|one| one.read::<Value>("record").is_some());
    assert_eq!(records.count(), 2, "the record before stays in the trace");
    Ok(())
}

#[tokio::test]
async fn i8_what_policies_could_not_judge_is_asked_only_where_the_route_takes_it() -> Tested {
    let harness = judged_by(vec![("p1", FINDINGS[3].1)])?;
    let decision = harness.agent().decide(&request(json!({}))?).await?;
    let asked = harness.agent().request_approval(decision.id()).await;
    assert!(matches!(asked, Err(DecideError::Unwritable(_))));
    let taking = Harness::with(|builder| {
        let (id, route) = ("p1".parse::<PolicyId>(), "taking".parse());
        let (Ok(id), Ok(route), Ok(integration)) = (id, route, "harness".parse()) else {
            return builder;
        };
        let stored = tracemem_sdk::route::StoredRoute::new(
            route,
            integration,
            tracemem_sdk::route::Destination::new("x"),
        );
        let stored = stored.ask_on_policy_error();
        builder
            .policy(PolicyFn::new(id.clone(), "1", FINDINGS[3].1))
            .attach(Attachment::everywhere(id).exception_route(stored.id.clone()))
            .route(stored)
    })?;
    let decision = taking.agent().decide(&request(json!({}))?).await?;
    assert_eq!(decision.status(), Status::NeedsApproval);
    Ok(())
}

#[tokio::test]
async fn a_no_that_added_context_brings_is_not_asked_about_as_a_yes() -> Tested {
    let judge: Judge = |input| {
        let bad = input.context.contains_key("fraud");
        Ok(if bad {
            PolicyOutcome::deny("FRAUD")
        } else {
            PolicyOutcome::allow("FINE")
        })
    };
    let harness = judged_by(vec![("p1", judge)])?;
    let agent = harness.agent();
    let decision = agent.decide(&request(json!({}))?).await?;
    agent
        .add_context(decision.id(), &json!({"fraud": true}), None)
        .await?;
    let pending = agent.request_approval(decision.id()).await?;
    let state = pending.trace().state();
    assert_eq!(
        (state.status(), state.position.verdict),
        (Status::Aborted, Some(Verdict::No))
    );
    Ok(())
}

#[tokio::test]
async fn context_is_added_to_and_never_replaced() -> Tested {
    let harness = judged_by(vec![("p1", needs_amount)])?;
    let agent = harness.agent();
    let decision = agent.decide(&request(json!({"region": "eu"}))?).await?;
    let id = decision.id();
    agent
        .add_context(id, &json!({"note": {"a": 1}}), None)
        .await?;
    for (context, expected) in [
        (
            json!({"region": "us"}),
            InvalidContext::Replaces("region".into()),
        ),
        (
            json!({"note": {"b": 1}}),
            InvalidContext::Replaces("note".into()),
        ),
        (
            json!({"inputs": {"amount": 1}}),
            InvalidContext::Replaces("inputs".into()),
        ),
        (json!({}), InvalidContext::Empty),
        (json!([1]), InvalidContext::Empty),
        (
            json!({"verdict": "yes"}),
            InvalidContext::Forbidden("context.verdict".into()),
        ),
        (
            json!({"facts": {"crm": 1}}),
            InvalidContext::Forbidden("context.facts".into()),
        ),
    ] {
        match agent.add_context(id, &context, None).await {
            Err(ContextError::Invalid(found)) => assert_eq!(found, expected),
            other => return Err(format!("{context}: {other:?}").into()),
        }
    }
    let long = "x".repeat(2_001);
    let refused = agent.add_context(id, &json!({"ok": 1}), Some(&long)).await;
    assert!(matches!(
        refused,
        Err(ContextError::Invalid(InvalidContext::Summary))
    ));
    let added = harness.auditor().trace(id).await?.events().len();
    assert_eq!(added, decision.trace().events().len() + 1);
    Ok(())
}

#[tokio::test]
async fn a_policy_applies_where_it_is_attached_and_nowhere_else() -> Tested {
    let harness = Harness::with(|builder| {
        let (Ok(id), Ok(pattern)) = (
            "p1".parse::<PolicyId>(),
            "billing.discount.*".parse::<IntentPattern>(),
        ) else {
            return builder;
        };
        builder
            .policy(PolicyFn::new(id.clone(), "1", FINDINGS[0].1))
            .attach(Attachment::everywhere(id).intents(pattern))
    })?;
    for (place, (intent, applies)) in [
        ("billing.discount.apply", true),
        ("billing.discount.apply.annual", true),
        ("billing.discount", false),
        ("billing.discounts.apply", false),
        ("billing", false),
        ("refund.issue", false),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"intent": intent}).to_string();
        let request = DecisionRequest::from_json(format!("k{place}").parse()?, body.as_bytes())?;
        let decided = harness.agent().decide(&request).await;
        match decided {
            Ok(_) => assert!(applies, "{intent}"),
            Err(DecideError::Configuration(ConfigurationError::NoPolicy(found))) => {
                assert!(!applies && found == intent.parse::<Intent>()?, "{intent}");
            }
            Err(other) => return Err(other.into()),
        }
    }
    for wrong in ["", "*.x", "a.*.b", "A.*", "a*", ".*", "**"] {
        assert!(wrong.parse::<IntentPattern>().is_err(), "{wrong}");
    }
    Ok(())
}

#[tokio::test]
async fn i11_without_a_policy_nothing_is_decided_and_nothing_is_written() -> Tested {
    let harness = Harness::with(|builder| builder)?;
    let none = harness.agent().decide(&request(json!({}))?).await;
    assert!(matches!(
        none,
        Err(DecideError::Configuration(ConfigurationError::NoPolicy(_)))
    ));
    let unknown = request(json!({}))?.policy(&"ghost".parse()?);
    let unknown = harness.agent().decide(&unknown).await;
    assert!(matches!(
        unknown,
        Err(DecideError::Configuration(
            ConfigurationError::UnknownPolicy(_)
        ))
    ));
    let page = harness
        .auditor()
        .list(&Listing::default(), std::num::NonZeroU32::MIN)
        .await?;
    assert_eq!(page.listed, []);
    assert_eq!(harness.store().seal_marks(harness.tenant().id()), []);
    Ok(())
}

#[tokio::test]
async fn a_policy_that_a_request_names_is_evaluated_beside_those_that_are_attached() -> Tested {
    let harness = Harness::with(|builder| {
        let (Ok(attached), Ok(named)) =
            ("attached".parse::<PolicyId>(), "named".parse::<PolicyId>())
        else {
            return builder;
        };
        builder
            .policy(PolicyFn::new(attached.clone(), "1", FINDINGS[4].1))
            .policy(PolicyFn::new(named, "1", FINDINGS[0].1))
            .attach(Attachment::everywhere(attached))
    })?;
    let decision = harness
        .agent()
        .decide(&request(json!({}))?.policy(&"named".parse()?))
        .await?;
    assert_eq!(decision.verdict(), Some(Verdict::No));
    assert_eq!(evaluated(&decision).len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_redelivered_request_finds_its_decision_whatever_policies_say_by_then() -> Tested {
    use std::sync::atomic::{AtomicBool, Ordering};
    let broken = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&broken);
    let harness = Harness::with(move |builder| {
        let seen = Arc::clone(&seen);
        let Ok(id) = "p1".parse::<PolicyId>() else {
            return builder;
        };
        builder
            .policy(PolicyFn::new(id.clone(), "1", move |_| {
                let terms = ExceptionTerms::default();
                let stricter = tracemem_sdk::approval::Requirements::default()
                    .expires_after(Duration::from_secs(60));
                let terms = if seen.load(Ordering::SeqCst) {
                    terms.requirements(stricter)
                } else {
                    terms
                };
                Ok(PolicyOutcome::requires_exception("ASK", terms))
            }))
            .attach(Attachment::everywhere(id))
    })?;
    let request = request(json!({}))?.expires_in(Duration::from_secs(3_600));
    let first = harness.agent().decide(&request).await?;
    broken.store(true, Ordering::SeqCst);
    let again = harness.agent().decide(&request).await?;
    assert_eq!(again.id(), first.id());
    Ok(())
}

fn needs_amount(input: &PolicyInput) -> Result<PolicyOutcome, PolicyError> {
    Ok(match input.context.get("amount") {
        Some(_) => PolicyOutcome::allow("ENOUGH"),
        None => PolicyOutcome::needs_input("MORE", vec!["amount".into()], vec![]),
    })
}

fn judged_by(policies: Vec<(&'static str, Judge)>) -> Result<Harness, Box<dyn Error>> {
    Ok(Harness::with(move |builder| {
        policies.iter().fold(builder, |builder, (id, judge)| {
            let Ok(id) = id.parse::<PolicyId>() else {
                return builder;
            };
            builder
                .policy(PolicyFn::new(id.clone(), "1", *judge))
                .attach(Attachment::everywhere(id))
        })
    })?)
}

fn with_facts(how: Facts, judge: Judge) -> Result<Harness, Box<dyn Error>> {
    Ok(Harness::with(move |builder| {
        let Ok(id) = "p1".parse::<PolicyId>() else {
            return builder;
        };
        builder
            .fact_provider(how)
            .policy(PolicyFn::new(id.clone(), "1", judge))
            .attach(Attachment::everywhere(id))
    })?)
}

fn request(context: Value) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = json!({"intent": "discount.apply", "context": context});
    Ok(DecisionRequest::from_json(
        "key".parse()?,
        body.to_string().as_bytes(),
    )?)
}

fn in_mode(mode: &str) -> Result<DecisionRequest, Box<dyn Error>> {
    let body = json!({"intent": "discount.apply", "automation_mode": mode});
    Ok(DecisionRequest::from_json(
        "key".parse()?,
        body.to_string().as_bytes(),
    )?)
}

fn approver(harness: &Harness, id: &str) -> Result<tracemem_sdk::tenant::Approver, Box<dyn Error>> {
    Ok(harness
        .tenant()
        .approver(ApproverIdentity::new(id.parse()?)))
}

fn evaluated(decision: &Decision) -> Vec<PolicyEvaluated> {
    decision
        .trace()
        .events()
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Some(Event::PolicyEvaluated(evaluated)) => Some(evaluated.clone()),
            _ => None,
        })
        .collect()
}

/// What a fact provider does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Facts {
    Answers,
    Fails,
    Panics,
    Lies,
    Hangs,
}

#[async_trait]
impl FactProvider for Facts {
    #[expect(clippy::unwrap_used, reason = "the literal is an id")]
    fn id(&self) -> FactProviderId {
        "crm".parse().unwrap()
    }

    fn version(&self) -> String {
        "7".to_owned()
    }

    fn concerns(&self, _intent: &Intent) -> bool {
        true
    }

    #[expect(clippy::panic, reason = "that is what is tried")]
    async fn facts(&self, _question: &FactQuestion) -> Result<Value, FactError> {
        match self {
            Self::Answers => Ok(json!({"margin": 7})),
            Self::Fails => Err(FactError::new("the CRM is down")),
            Self::Panics => panic!("the CRM is not there"),
            Self::Lies => Ok(json!({"deep": {"verdict": "yes"}})),
            Self::Hangs => std::future::pending().await,
        }
    }
}
