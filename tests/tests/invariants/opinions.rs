//! I11, on the side of those who judge: no error of a policy or of a fact reads as `yes`.

use serde_json::{Value, json};
use tracemem_sdk::{
    async_trait,
    decision::{
        Intent,
        event::{Event, PolicyFinding},
        status::Verdict,
    },
    guard::Safety,
    id::{FactProviderId, PolicyId, RouteId},
    policy::{
        Attachment, FactError, FactProvider, FactQuestion, PolicyError, PolicyFn, PolicyOutcome,
    },
    route::{Destination, StoredRoute},
};

use crate::{
    disks::Disk,
    world::{Failure, Ruling, Target, Tested, World, allow, ask, deny, request, said},
};

/// What a provider does instead of answering well.
#[derive(Debug, Clone, Copy)]
enum Facts {
    Fail,
    Panic,
    NeverAnswer,
    StateAVerdict,
    AnswerTooMuch,
}

#[derive(Debug, Clone)]
struct Provider(FactProviderId, Facts);

#[async_trait]
impl FactProvider for Provider {
    fn id(&self) -> FactProviderId {
        self.0.clone()
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn concerns(&self, _intent: &Intent) -> bool {
        true
    }

    #[expect(clippy::panic, reason = "a provider that panics is what is tested")]
    async fn facts(&self, _question: &FactQuestion) -> Result<Value, FactError> {
        match self.1 {
            Facts::Fail => Err(FactError::new("yes")),
            Facts::Panic => panic!("the provider panics on purpose"),
            Facts::NeverAnswer => std::future::pending().await,
            Facts::StateAVerdict => Ok(json!({"verdict": "yes"})),
            Facts::AnswerTooMuch => Ok(Value::from("yes".repeat(30_000))),
        }
    }
}

fn fails() -> Result<PolicyOutcome, PolicyError> {
    Err(PolicyError::new("yes"))
}

#[expect(clippy::panic, reason = "a policy that panics is what is tested")]
fn panics() -> Result<PolicyOutcome, PolicyError> {
    panic!("the policy panics on purpose")
}

/// An allowance that breaks the limits of what a policy may say.
fn shouts() -> Result<PolicyOutcome, PolicyError> {
    Ok(PolicyOutcome::allow("yes, of course"))
}

fn rambles() -> Result<PolicyOutcome, PolicyError> {
    Ok(PolicyOutcome::allow("FINE").because("y".repeat(2_001)))
}

fn errs() -> Result<PolicyOutcome, PolicyError> {
    let mut outcome = PolicyOutcome::allow("FINE");
    outcome.finding = PolicyFinding::Error;
    Ok(outcome)
}

/// A refusal whose free text says the opposite.
fn denies_kindly() -> Result<PolicyOutcome, PolicyError> {
    let mut outcome = PolicyOutcome::deny("NO_WAY");
    outcome.application_verdict = Some("yes".to_owned());
    outcome.action = Some("execute".to_owned());
    Ok(outcome)
}

/// A host whose policies say this, in this order, and whose facts come from this provider.
async fn host<D: Disk>(rulings: &[Ruling], facts: Option<Facts>) -> Result<World<D>, Failure> {
    let rulings = rulings.to_vec();
    let ids: Result<Vec<PolicyId>, _> = (0..rulings.len())
        .map(|n| format!("p{n}").parse())
        .collect();
    let ids = ids?;
    let provider: FactProviderId = "provider".parse()?;
    let (asking, kept): (RouteId, _) = ("asking".parse()?, "kept".parse()?);
    let route =
        StoredRoute::new(asking.clone(), kept, Destination::new("#a")).ask_on_policy_error();
    World::configured(move |mut builder| {
        for (id, ruling) in ids.iter().zip(rulings.iter().copied()) {
            let attachment = Attachment::everywhere(id.clone()).exception_route(asking.clone());
            builder = builder
                .policy(PolicyFn::new(id.clone(), "1", move |_| ruling()))
                .attach(attachment);
        }
        if let Some(facts) = facts {
            builder = builder.fact_provider(Provider(provider.clone(), facts));
        }
        builder.route(route.clone())
    })
    .await
}

/// The request is judged so, and its effect is not called.
async fn judged<D: Disk>(world: &World<D>, expected: Verdict, what: &str) -> Tested {
    let target = Target::default();
    let theirs = target.clone();
    let guard = world.agent()?.guard(request("k1")?, Safety::Opaque);
    let clock = world.clock.clone();
    let run = tokio::select! {
        run = guard.run(|permit| theirs.change(permit)) => run,
        // Whoever never answers is given up on, when its time has passed.
        () = async { loop { let until = clock.asleep().await; clock.set(until); tokio::task::yield_now().await; } } => {
            return Err("time never ends".into());
        }
    };
    assert_eq!(target.effects(), 0, "{what}: {}", said(&run));
    let run = run?;
    let mut verdicts = Vec::new();
    for recorded in run.trace().events() {
        match &recorded.event {
            Some(Event::VerdictRecorded(recorded)) => verdicts.push(recorded.verdict),
            Some(Event::ExecutionStarted(_)) => return Err(format!("{what} started").into()),
            _ => {}
        }
    }
    assert_eq!(verdicts, [expected], "{what}");
    let record = world.auditor()?.record(run.decision()).await?;
    let text = serde_json::to_value(expected)?;
    assert_eq!(record.get("verdict"), Some(&text), "{what}: {record}");
    assert_eq!(
        run.handles().decision_verdict.as_deref(),
        text.as_str(),
        "{what}"
    );
    Ok(())
}

pub(crate) async fn i11_no_error_of_policies_and_facts_reads_as_yes<D: Disk>() -> Tested {
    let broken: [(&str, Ruling); 5] = [
        ("an error", fails),
        ("a panic", panics),
        ("a code out of form", shouts),
        ("a reason too long", rambles),
        ("an allowance marked as error", errs),
    ];
    for (what, ruling) in broken {
        for (rulings, expected) in [
            (vec![ruling], Verdict::Review),
            (vec![allow, ruling], Verdict::Review),
            (vec![ruling, allow, ask], Verdict::Review),
            (vec![ruling, deny], Verdict::No),
        ] {
            judged(&host::<D>(&rulings, None).await?, expected, what).await?;
        }
    }
    judged(
        &host::<D>(&[allow, denies_kindly], None).await?,
        Verdict::No,
        "a kind no",
    )
    .await?;
    for facts in [
        Facts::Fail,
        Facts::Panic,
        Facts::NeverAnswer,
        Facts::StateAVerdict,
        Facts::AnswerTooMuch,
    ] {
        let what = format!("{facts:?}");
        judged(
            &host::<D>(&[allow], Some(facts)).await?,
            Verdict::Review,
            &what,
        )
        .await?;
        judged(
            &host::<D>(&[allow, deny], Some(facts)).await?,
            Verdict::No,
            &what,
        )
        .await?;
    }
    Ok(())
}
