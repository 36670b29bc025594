//! Approvals: asked for at once, on the strictest terms, answered once, by whoever may.

use std::{error::Error, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};
use tracemem_sdk::{
    approval::{
        AnswerError, Answered, ApproverIdentity, NotEligible, Requirements, ResolvedAs,
        VerifiedAnswer,
    },
    decision::{
        DecideError, Decision, DecisionRequest,
        event::{ApproversTerm, Choice, Event, EventKind, RationaleTerm, RequesterTerm},
        status::{ApprovalOutcome, CloseAction, Status},
    },
    id::{ApproverId, PolicyId, RouteId},
    integration::DeliveryErrorKind,
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    tenant::Approver,
    testing::Harness,
    time::Clock,
};

type Tested = Result<(), Box<dyn Error>>;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn i4_an_approval_is_there_at_once_even_if_nothing_is_ever_delivered() -> Tested {
    let harness = Harness::asking()?;
    for _ in 0..20 {
        harness
            .integration()
            .fail_next(DeliveryErrorKind::Destination);
    }
    let decision = harness.agent().decide(&request(json!({}))?).await?;
    let kinds: Vec<_> = decision
        .trace()
        .events()
        .iter()
        .map(|one| one.kind)
        .collect();
    assert_eq!(kinds.last(), Some(&EventKind::ApprovalRequested));
    assert_eq!(decision.status(), Status::NeedsApproval);
    harness.work().await?;
    assert_eq!(
        harness.tracemem().health().await?.dead_jobs,
        1,
        "the delivery was given up"
    );
    let boss = approver(&harness, "boss")?;
    let pending = boss.pending(None, std::num::NonZeroU32::MIN).await?;
    assert_eq!(
        pending
            .approvals
            .iter()
            .map(|one| &one.approval)
            .collect::<Vec<_>>(),
        [&decision.id().approval()]
    );
    boss.approve(&decision.id().approval(), None).await?;
    Ok(())
}

/// Terms as route, attachment, policy and request set them, and what holds in the end.
struct Terms {
    route: Requirements,
    attachment: Requirements,
    policy: Requirements,
    request: Value,
}

impl Terms {
    fn none() -> Self {
        let unset = Requirements::default;
        Self {
            route: unset(),
            attachment: unset(),
            policy: unset(),
            request: json!({}),
        }
    }

    fn harness(&self) -> Result<Harness, Box<dyn Error>> {
        let (route, attachment, policy) = (
            self.route.clone(),
            self.attachment.clone(),
            self.policy.clone(),
        );
        let (cap, finance): (PolicyId, RouteId) = ("cap".parse()?, "finance".parse()?);
        let stored = StoredRoute::new(finance.clone(), "harness".parse()?, Destination::new("x"))
            .requirements(route);
        Ok(Harness::with(move |builder| {
            let terms = ExceptionTerms::default().requirements(policy.clone());
            let judge = PolicyFn::new(cap.clone(), "1", move |_| {
                Ok(PolicyOutcome::requires_exception("ASK", terms.clone()))
            });
            let attached = Attachment::everywhere(cap.clone())
                .exception_route(finance.clone())
                .requirements(attachment.clone());
            builder.policy(judge).attach(attached).route(stored.clone())
        })?)
    }

    async fn decide(&self) -> Result<(Harness, Result<Decision, DecideError>), Box<dyn Error>> {
        let harness = self.harness()?;
        let decided = harness
            .agent()
            .decide(&request(self.request.clone())?)
            .await;
        Ok((harness, decided))
    }
}

#[tokio::test]
async fn the_strictest_of_all_terms_holds() -> Tested {
    let unset = Requirements::default;
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let terms = Terms {
        route: unset()
            .expires_after(hours(10))
            .approvers(people(&["a", "b", "c"])?)
            .requester(RequesterTerm::MayAnswer),
        attachment: unset()
            .expires_after(hours(5))
            .approvers(people(&["b", "c", "d"])?),
        policy: unset()
            .expires_after(hours(7))
            .require_rationale()
            .requester(RequesterTerm::Excluded),
        request: json!({"expires_in_seconds": 3_600, "approvers": ["b"]}),
    };
    let (harness, decision) = terms.decide().await?;
    let decision = decision?;
    let approval = decision.state().approval.clone().ok_or("no approval")?;
    assert_eq!(
        approval.expires_at.saturating_since(approval.requested_at),
        hours(1)
    );
    let snapshot = approval.requirements;
    assert_eq!(
        (
            snapshot.rationale,
            snapshot.approvers,
            snapshot.requester,
            snapshot.quorum.get()
        ),
        (
            RationaleTerm::Required,
            ApproversTerm::Listed,
            RequesterTerm::Excluded,
            1
        )
    );
    for (person, may) in [("a", false), ("b", true), ("c", false), ("d", false)] {
        let pending = approver(&harness, person)?
            .pending(None, std::num::NonZeroU32::MIN)
            .await?;
        assert_eq!(pending.approvals.len(), usize::from(may), "{person}");
    }
    Ok(())
}

#[tokio::test]
async fn i8_a_request_for_looser_terms_is_an_error_that_names_the_field() -> Tested {
    let set = Requirements::default()
        .require_rationale()
        .expires_after(Duration::from_secs(3_600))
        .approvers(people(&["a", "b"])?);
    type Place = fn(&mut Terms) -> &mut Requirements;
    let places: [Place; 3] = [
        |terms| &mut terms.route,
        |terms| &mut terms.attachment,
        |terms| &mut terms.policy,
    ];
    for place in places {
        for (field, looser, stricter) in [
            ("require_rationale", json!(false), json!(true)),
            ("expires_in_seconds", json!(3_601), json!(3_600)),
            ("approvers", json!(["a", "z"]), json!(["a"])),
        ] {
            let mut terms = Terms::none();
            place(&mut terms).clone_from(&set);
            terms.request = json!({ field: looser });
            match terms.decide().await? {
                (harness, Err(DecideError::Looser(found))) => {
                    assert_eq!(found.field(), field);
                    assert_eq!(harness.store().seal_marks(harness.tenant().id()), []);
                }
                (_, other) => return Err(format!("{field}: {other:?}").into()),
            }
            terms.request = json!({ field: stricter });
            terms.decide().await?.1?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_who_is_listed_may_answer_and_an_empty_list_is_nobody() -> Tested {
    for (listed, who, may) in [
        (Some(vec!["a"]), "a", true),
        (Some(vec!["a"]), "b", false),
        (Some(vec!["a"]), "A", false),
        (Some(vec![]), "a", false),
        (None, "anybody", true),
    ] {
        let mut terms = Terms::none();
        if let Some(listed) = &listed {
            terms.route = terms.route.approvers(people(listed)?);
        }
        let (harness, decision) = terms.decide().await?;
        let answer = approver(&harness, who)?
            .approve(&decision?.id().approval(), None)
            .await;
        match answer {
            Ok(_) => assert!(may, "{listed:?}: {who}"),
            Err(AnswerError::NotEligible(NotEligible::NotListed)) => {
                assert!(!may, "{listed:?}: {who}")
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_requester_answers_only_where_the_route_says_so() -> Tested {
    for who in [
        "agent",
        "AGENT",
        "Agent",
        "ola@example.org",
        "OLA@Example.ORG",
    ] {
        for (term, may) in [
            (None, false),
            (Some(RequesterTerm::Excluded), false),
            (Some(RequesterTerm::MayAnswer), true),
        ] {
            let mut terms = Terms::none();
            terms.route.requester = term;
            terms.request = json!({"actor": "ola@example.org"});
            let (harness, decision) = terms.decide().await?;
            let answer = approver(&harness, who)?
                .approve(&decision?.id().approval(), None)
                .await;
            match answer {
                Ok(_) => assert!(may, "{who}"),
                Err(AnswerError::NotEligible(NotEligible::Requester)) => assert!(!may, "{who}"),
                Err(other) => return Err(other.into()),
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn where_a_reason_is_required_nothing_but_white_space_is_none() -> Tested {
    let mut terms = Terms::none();
    terms.policy = terms.policy.require_rationale();
    let (harness, decision) = terms.decide().await?;
    let approval = decision?.id().approval();
    let boss = approver(&harness, "boss")?;
    for rationale in [None, Some(""), Some("  \t\n "), Some("\u{a0}\u{2003}")] {
        for choice in [Choice::Approve, Choice::Reject] {
            let refused = boss.answer(&approval, choice, rationale).await;
            assert!(
                matches!(refused, Err(AnswerError::RationaleRequired)),
                "{rationale:?}"
            );
        }
    }
    let long = "x".repeat(4_001);
    let refused = boss.approve(&approval, Some(&long)).await;
    assert!(matches!(
        refused,
        Err(AnswerError::Invalid {
            field: "rationale",
            ..
        })
    ));
    let answered = boss.approve(&approval, Some("  it is fine \n")).await?;
    assert_eq!(answered.resolution.rationale.as_deref(), Some("it is fine"));
    Ok(())
}

#[tokio::test]
async fn an_answer_is_valid_until_the_instant_before_the_expiry() -> Tested {
    for (early, counts) in [(1, true), (0, false)] {
        let harness = Harness::asking()?;
        let decision = harness.agent().decide(&request(json!({}))?).await?;
        harness
            .clock()
            .advance(DAY.saturating_sub(Duration::from_micros(early)));
        let answer = approver(&harness, "boss")?
            .approve(&decision.id().approval(), None)
            .await;
        let trace = harness.auditor().trace(decision.id()).await?;
        if counts {
            answer?;
            assert_eq!(trace.state().status(), Status::Approved);
        } else {
            let expired = harness.clock().now();
            assert!(matches!(answer, Err(AnswerError::Expired(at)) if at == expired));
            assert_eq!(trace.state().status(), Status::Aborted);
            let resolved = trace
                .state()
                .approval
                .clone()
                .and_then(|one| one.resolved)
                .ok_or("it is open")?;
            assert_eq!(resolved.outcome, ApprovalOutcome::Expired);
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_is_two_events_of_one_commit() -> Tested {
    let harness = Harness::asking()?;
    let decision = harness.agent().decide(&request(json!({}))?).await?;
    harness.approve(decision.id()).await?;
    let trace = harness.auditor().trace(decision.id()).await?;
    let last: Vec<_> = trace
        .events()
        .iter()
        .rev()
        .take(2)
        .map(|one| (one.kind, one.actor.clone()))
        .collect();
    let [
        (EventKind::ApprovalResolved, resolver),
        (EventKind::ApprovalAnswered, person),
    ] = last.as_slice()
    else {
        return Err(format!("{last:?}").into());
    };
    assert_eq!(resolver, person);
    assert!(person.id.starts_with("person_") && person.via == "host");
    let marks = harness.store().seal_marks(harness.tenant().id());
    let mark = marks.last().ok_or("no commit")?;
    assert_eq!(
        (mark.first, mark.last),
        (trace.events().len() as u64 - 1, trace.events().len() as u64)
    );
    Ok(())
}

#[tokio::test]
async fn i3_a_second_answer_is_told_what_the_first_was() -> Tested {
    let harness = Harness::asking()?;
    let decision = harness.agent().decide(&request(json!({}))?).await?;
    let approval = decision.id().approval();
    approver(&harness, "first")?
        .reject(&approval, Some("no"))
        .await?;
    for person in ["first", "second"] {
        for choice in [Choice::Approve, Choice::Reject] {
            let late = approver(&harness, person)?
                .answer(&approval, choice, Some("late"))
                .await;
            let Err(AnswerError::AlreadyResolved(won)) = late else {
                return Err("it counted".into());
            };
            assert_eq!(
                (won.outcome, won.rationale.as_deref()),
                (ResolvedAs::Rejected, Some("no"))
            );
            assert_eq!(won.approver, Some(ApproverIdentity::new("first".parse()?)));
        }
    }
    let answers = harness.auditor().trace(decision.id()).await?;
    assert_eq!(
        answers
            .events()
            .iter()
            .filter(|one| one.kind == EventKind::ApprovalAnswered)
            .count(),
        1
    );
    Ok(())
}

/// Two people answer the same approval at the same time, again and again: one counts, and the other is told that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i3_of_two_approvers_at_once_one_counts_and_the_other_is_told() -> Tested {
    let harness = Harness::asking()?;
    for round in 0..200 {
        let request = keyed(&format!("round-{round}"), json!({}))?;
        let decision = harness.agent().decide(&request).await?;
        let start = Arc::new(Barrier::new(2));
        let mut tasks: JoinSet<(Choice, Result<Answered, AnswerError>)> = JoinSet::new();
        for (person, choice) in [("yes-sayer", Choice::Approve), ("no-sayer", Choice::Reject)] {
            let (approver, approval) = (approver(&harness, person)?, decision.id().approval());
            let start = Arc::clone(&start);
            tasks.spawn(async move {
                start.wait().await;
                (
                    choice,
                    approver.answer(&approval, choice, Some("mine")).await,
                )
            });
        }
        let answers = tasks.join_all().await;
        let winners: Vec<_> = answers
            .iter()
            .filter_map(|(choice, answer)| answer.is_ok().then_some(*choice))
            .collect();
        let [winner] = winners.as_slice() else {
            return Err(format!("{answers:?}").into());
        };
        for (_, answer) in &answers {
            match answer {
                Ok(answered) => assert_eq!(answered.resolution.outcome, ResolvedAs::of(*winner)),
                Err(AnswerError::AlreadyResolved(told)) => {
                    assert_eq!(told.outcome, ResolvedAs::of(*winner))
                }
                Err(other) => return Err(format!("{other:?}").into()),
            }
        }
        let trace = harness.auditor().trace(decision.id()).await?;
        let count = |kind| trace.events().iter().filter(|one| one.kind == kind).count();
        assert_eq!(
            (
                count(EventKind::ApprovalAnswered),
                count(EventKind::ApprovalResolved)
            ),
            (1, 1)
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_terms_are_those_of_the_request_whatever_the_route_says_later() -> Tested {
    let harness = Harness::with(|builder| {
        let (Ok(cap), Ok(finance)) = ("cap".parse::<PolicyId>(), "finance".parse::<RouteId>())
        else {
            return builder;
        };
        let terms = ExceptionTerms::by_route(finance);
        builder
            .policy(PolicyFn::new(cap.clone(), "1", move |_| {
                Ok(PolicyOutcome::requires_exception("ASK", terms.clone()))
            }))
            .attach(Attachment::everywhere(cap))
            .integration(tracemem_sdk::testing::RecordingIntegration::new(
                other_integration(),
            ))
    })?;
    let admin = harness
        .tenant()
        .admin(ApproverIdentity::new("admin".parse()?));
    let route = |integration: &str, approvers: &[&str]| {
        json!({"approval_route_id": "finance", "integration_id": integration,
        "approvers": approvers, "expires_in_seconds": 600})
        .to_string()
    };
    admin
        .put_route_json(route("harness", &["ann"]).as_bytes())
        .await?;
    let decision = harness.agent().decide(&request(json!({}))?).await?;
    harness.work().await?;
    admin
        .put_route_json(route("other", &["bob"]).as_bytes())
        .await?;
    let approval = decision.id().approval();
    let refused = approver(&harness, "bob")?.approve(&approval, None).await;
    assert!(matches!(
        refused,
        Err(AnswerError::NotEligible(NotEligible::NotListed))
    ));
    // She was asked through the integration that the route had then, and answers through it.
    let ann = VerifiedAnswer::vouched_for(
        harness.tenant().id().clone(),
        approval.clone(),
        ApproverIdentity::new("ann".parse()?),
        "link",
        Choice::Approve,
    );
    let never = harness
        .tracemem()
        .answer(&ann.clone().through("third".parse()?))
        .await;
    assert!(matches!(
        never,
        Err(AnswerError::NotEligible(NotEligible::OtherIntegration))
    ));
    harness
        .tracemem()
        .answer(&ann.through("harness".parse()?))
        .await?;
    let trace = harness.auditor().trace(decision.id()).await?;
    let approval = trace.state().approval.clone().ok_or("no approval")?;
    assert_eq!(
        approval.expires_at.saturating_since(approval.requested_at),
        Duration::from_secs(600)
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_to_what_was_withdrawn_is_told_so() -> Tested {
    let harness = Harness::asking()?;
    let decision = harness.agent().decide(&request(json!({}))?).await?;
    harness
        .agent()
        .close(decision.id(), CloseAction::Abort, Some("not needed"))
        .await?;
    let late = approver(&harness, "boss")?
        .approve(&decision.id().approval(), None)
        .await;
    let Err(AnswerError::AlreadyResolved(told)) = late else {
        return Err("it counted".into());
    };
    assert_eq!((told.outcome, told.approver), (ResolvedAs::Withdrawn, None));
    let pending = approver(&harness, "boss")?
        .pending(None, std::num::NonZeroU32::MIN)
        .await?;
    assert_eq!(pending.approvals, []);
    Ok(())
}

#[tokio::test]
async fn an_answer_whose_fields_break_a_limit_is_refused() -> Tested {
    let harness = Harness::asking()?;
    let decision = harness.agent().decide(&request(json!({}))?).await?;
    let answer = |via: &str, name: &str| {
        let person = ApproverIdentity::new("boss".parse()?).named(name);
        let tenant = harness.tenant().id().clone();
        Ok::<_, Box<dyn Error>>(VerifiedAnswer::vouched_for(
            tenant,
            decision.id().approval(),
            person,
            via,
            Choice::Approve,
        ))
    };
    for (via, name, field) in [
        ("", "Boss", "via"),
        ("Link", "Boss", "via"),
        ("a b", "Boss", "via"),
        (&*"x".repeat(41), "Boss", "via"),
        ("link", &*"x".repeat(201), "name"),
    ] {
        match harness.tracemem().answer(&answer(via, name)?).await {
            Err(AnswerError::Invalid { field: found, .. }) => assert_eq!(found, field),
            other => return Err(format!("{via}: {other:?}").into()),
        }
    }
    harness.tracemem().answer(&answer("link", "Boss")?).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_approved_is_bound_to_the_action_that_was_asked_about() -> Tested {
    let harness = Harness::asking()?;
    let context =
        json!({"target_system": "billing", "target_object_id": "sub_1", "mutation": "apply"});
    let decision = harness
        .agent()
        .decide(&request(json!({"context": context}))?)
        .await?;
    harness.approve(decision.id()).await?;
    let trace = harness.auditor().trace(decision.id()).await?;
    let hashes: Vec<_> = trace
        .events()
        .iter()
        .filter_map(|one| match &one.event {
            Some(Event::ApprovalRequested(requested)) => Some(requested.action_hash),
            Some(Event::ApprovalAnswered(answered)) => Some(answered.action_hash),
            _ => None,
        })
        .collect();
    assert!(trace.state().action_hash.is_some());
    assert_eq!(hashes, [trace.state().action_hash; 2]);
    Ok(())
}

#[expect(clippy::unwrap_used, reason = "the literal is an id")]
fn other_integration() -> tracemem_sdk::id::IntegrationId {
    "other".parse().unwrap()
}

fn people(ids: &[&str]) -> Result<Vec<ApproverId>, Box<dyn Error>> {
    Ok(ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?)
}

fn approver(harness: &Harness, id: &str) -> Result<Approver, Box<dyn Error>> {
    Ok(harness
        .tenant()
        .approver(ApproverIdentity::new(id.parse()?)))
}

fn request(with: Value) -> Result<DecisionRequest, Box<dyn Error>> {
    keyed("key", with)
}

fn keyed(key: &str, with: Value) -> Result<DecisionRequest, Box<dyn Error>> {
    let mut body = json!({"intent": "discount.apply"});
    if let (Some(body), Value::Object(with)) = (body.as_object_mut(), with) {
        body.extend(with);
    }
    Ok(DecisionRequest::from_json(
        key.parse()?,
        body.to_string().as_bytes(),
    )?)
}
