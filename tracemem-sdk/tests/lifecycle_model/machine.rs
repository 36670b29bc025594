//! The library under the same steps as the model.

use std::{error::Error, fmt, marker::PhantomData, pin::Pin, time::Duration};

use futures_util::FutureExt;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use tokio::{runtime::Runtime, sync::oneshot};
use tracemem_sdk::{
    Settings, TraceMem,
    approval::{AnswerError, ApproverIdentity},
    decision::{DecisionRequest, Outcome, Reported, event::Finding, status::CloseAction},
    guard::{EffectError, Execution, GuardError, Permit, Run},
    id::{DecisionId, IntegrationId, PolicyId, RouteId},
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    tenant::{Agent, ReconcileError, Tenant},
    testing::{FakeClock, MemoryStore, RecordingIntegration},
    time::Timestamp,
    worker::Pass,
};

use super::{
    census,
    lies::{Lies, seen_through},
    model::{
        DEADLINE, Does, EXECUTE_WITHIN, EXPIRY, Exec, How, Judged, KEY_MARGIN, Model,
        OUTCOME_WINDOW, QUARANTINE, Stand,
    },
    target::Target,
};

type Problem = Box<dyn Error>;

/// What a step was told; empty where it is told nothing.
type Told = Result<&'static str, Problem>;

const BEGIN: u64 = 1_795_000_000_000_000;

/// An effect under way, and the word that ends it.
struct Running {
    run: Pin<Box<dyn Future<Output = &'static str>>>,
    ends: oneshot::Sender<How>,
}

/// One host with one decision.
struct Host {
    runtime: Runtime,
    store: MemoryStore,
    clock: FakeClock,
    tracemem: TraceMem,
    request: DecisionRequest,
    decision: DecisionId,
    target: Target,
    running: [Option<Running>; 2],
}

/// The library over a store that lies, or does not.
pub(crate) struct Machine<L> {
    /// What the last step was told, or what went wrong in it.
    told: Result<&'static str, String>,
    host: Option<Host>,
    lies: PhantomData<L>,
}

impl<L: Lies> StateMachineTest for Machine<L> {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let (host, told) = match Host::new::<L>(model) {
            Ok(host) => (Some(host), Ok("")),
            Err(problem) => (None, Err(problem.to_string())),
        };
        Self {
            told,
            host,
            lies: PhantomData,
        }
    }

    fn apply(
        mut machine: Self,
        model: &Model,
        does: <Model as ReferenceStateMachine>::Transition,
    ) -> Self {
        if L::COUNTS {
            census::count(&model.taken);
        }
        if let Some(host) = &mut machine.host {
            machine.told = host
                .does::<L>(model, does)
                .map_err(|problem| problem.to_string());
        }
        machine
    }

    fn check_invariants(machine: &Self, model: &Model) {
        assert_eq!(machine.told, Ok(model.told), "what the step was told");
        let seen = machine.host.as_ref().map(Host::see);
        let seen = seen.map(|seen| seen.map_err(|problem| problem.to_string()));
        assert_eq!(seen, Some(Ok(Seen::expected(model))));
        assert!(
            model.effects <= 1,
            "the model itself allows a second effect"
        );
    }
}

/// What both must agree on.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: &'static str,
    execution: &'static str,
    resolution: Option<&'static str>,
    trace_closed: bool,
    fence: u64,
    wakes: Option<Timestamp>,
    effects: u64,
}

impl Seen {
    fn expected(model: &Model) -> Self {
        Self {
            status: match model.stand {
                Stand::Open => "open",
                Stand::Waiting => "needs_approval",
                Stand::Approved => "approved",
                Stand::Rejected => "rejected",
                Stand::Committed => "committed",
                Stand::Aborted => "aborted",
            },
            execution: match model.exec {
                Exec::Never => "not_started",
                Exec::Started => "started",
                Exec::Executed => "executed",
                Exec::Failed => "failed",
                Exec::Unknown => "unknown",
            },
            resolution: model.judged.map(|judged| match judged {
                Judged::Approved => "approved",
                Judged::Rejected => "rejected",
                Judged::Expired => "expired",
                Judged::Withdrawn => "withdrawn",
            }),
            trace_closed: model.trace_closed,
            fence: model.fence,
            wakes: model.wakes().map(at),
            effects: model.effects,
        }
    }
}

fn at(time: u64) -> Timestamp {
    Timestamp::from_micros(BEGIN).saturating_add(Duration::from_secs(time))
}

fn resolved(text: &str) -> &'static str {
    let known = ["approved", "rejected", "expired", "withdrawn"];
    known
        .into_iter()
        .find(|one| *one == text)
        .unwrap_or("something else")
}

impl Host {
    fn new<L: Lies>(model: &Model) -> Result<Self, Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (store, clock) = (MemoryStore::new(), FakeClock::new(at(0)));
        let tracemem = build::<L>(&store, &clock, model)?;
        let body = br#"{"intent": "refund.issue", "context": {"target_system": "billing",
            "target_object_id": "ch_1", "mutation": "refund.create"}}"#;
        let request = DecisionRequest::from_json("k1".parse()?, body)?;
        let request = request.attempts(model.attempts.try_into()?);
        let agent = tracemem.tenant("tenant".parse()?).agent("agent".parse()?);
        let decision = runtime.block_on(agent.decide(&request))?.id().clone();
        let target = Target::new(model.class, clock.clone());
        let running = [None, None];
        Ok(Self {
            runtime,
            store,
            clock,
            tracemem,
            request,
            decision,
            target,
            running,
        })
    }

    fn tenant(&self) -> Result<Tenant, Problem> {
        Ok(self.tracemem.tenant("tenant".parse()?))
    }

    fn agent(&self) -> Result<Agent, Problem> {
        Ok(self.tenant()?.agent("agent".parse()?))
    }

    fn does<L: Lies>(&mut self, model: &Model, does: Does) -> Told {
        match does {
            Does::Answer { who, approves } => self.answer(who, approves),
            Does::Pass(time) => {
                self.clock.advance(Duration::from_secs(time));
                Ok("")
            }
            Does::Work => self.work(),
            Does::Start { who, sends_at_once } => self.start(who, sends_at_once),
            Does::Finish { who, how } => self.finish(who, how),
            Does::Crash { who } => {
                self.running
                    .get_mut(who)
                    .ok_or("there are two executors")?
                    .take();
                Ok("")
            }
            Does::Restart => {
                self.running = [None, None];
                self.tracemem = build::<L>(&self.store, &self.clock, model)?;
                Ok("")
            }
            Does::Close { commits } => self.close(commits),
            Does::Outcome { is_final } => self.outcome(is_final),
            Does::Reconcile => self.reconcile(),
        }
    }

    fn answer(&self, who: usize, approves: bool) -> Told {
        let identity = ApproverIdentity::new(format!("approver-{who}").parse()?);
        let approver = self.tenant()?.approver(identity);
        let approval = self.decision.approval();
        let answered = self.runtime.block_on(async {
            match approves {
                true => approver.approve(&approval, Some("fine")).await,
                false => approver.reject(&approval, Some("no")).await,
            }
        });
        match answered {
            Ok(_) => Ok("answered"),
            Err(AnswerError::Expired(_)) => Ok("expired"),
            Err(AnswerError::AlreadyResolved(won)) => {
                Ok(match resolved(&won.outcome.to_string()) {
                    "approved" => "already approved",
                    "rejected" => "already rejected",
                    "withdrawn" => "already withdrawn",
                    other => other,
                })
            }
            Err(other) => Err(other.into()),
        }
    }

    fn work(&self) -> Told {
        self.runtime.block_on(async {
            let worker = self.tracemem.worker();
            while worker.run_once().await? != Pass::default() {}
            Ok("")
        })
    }

    fn start(&mut self, who: usize, sends_at_once: bool) -> Told {
        let target = self.target.clone();
        let guard = self.agent()?.guard(self.request.clone(), target.safety());
        let (reached, reaches) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        let run = guard.run(move |permit: Permit| async move {
            let sent = sends_at_once.then(|| target.send(permit.fence()));
            // Whoever waits for it is there.
            let _ = reached.send(());
            let how = ended.await.unwrap_or(How::Unsure);
            finish(&target, permit, sent, how)
        });
        let mut run = run.map(|run| said(&run)).boxed_local();
        let told = self.runtime.block_on(async {
            tokio::select! {
                biased;
                told = &mut run => told,
                _ = reaches => "started",
            }
        });
        if told == "started" {
            let place = self.running.get_mut(who).ok_or("there are two executors")?;
            *place = Some(Running { run, ends });
        }
        Ok(told)
    }

    fn finish(&mut self, who: usize, how: How) -> Told {
        let running = self.running.get_mut(who).and_then(Option::take);
        let Running { run, ends } = running.ok_or("nothing runs")?;
        ends.send(how).map_err(|_| "the effect is gone")?;
        Ok(self.runtime.block_on(run))
    }

    fn close(&self, commits: bool) -> Told {
        let action = if commits {
            CloseAction::Commit
        } else {
            CloseAction::Abort
        };
        let agent = self.agent()?;
        let closed = self
            .runtime
            .block_on(agent.close(&self.decision, action, None));
        Ok(if closed.is_ok() { "closed" } else { "refused" })
    }

    fn outcome(&self, is_final: bool) -> Told {
        let outcome = if is_final {
            Outcome::succeeded()
        } else {
            Outcome::pending()
        };
        let agent = self.agent()?;
        Ok(
            match self
                .runtime
                .block_on(agent.report_outcome(&self.decision, &outcome))
            {
                Ok(Reported::Recorded) => "recorded",
                Ok(Reported::Already) => "already",
                Ok(Reported::Late) => "late",
                Err(_) => "refused",
            },
        )
    }

    fn reconcile(&self) -> Told {
        let admin = self
            .tenant()?
            .admin(ApproverIdentity::new("admin".parse()?));
        let finding = match self.target.effects() {
            0 => Finding::NotExecuted,
            _ => Finding::Executed,
        };
        match self
            .runtime
            .block_on(admin.reconcile(&self.decision, finding, "seen in the books"))
        {
            Ok(_) => Ok("cleared up"),
            Err(ReconcileError::NotUnknown(_)) => Ok("not unknown"),
            Err(ReconcileError::Quarantine(_)) => Ok("quarantine"),
            Err(other) => Err(other.into()),
        }
    }

    /// I5: a trace whose projection is not the fold of its events does not load.
    fn see(&self) -> Result<Seen, Problem> {
        let auditor = self.tenant()?.auditor();
        let trace = self.runtime.block_on(auditor.trace(&self.decision))?;
        let state = trace.state();
        let outcome = trace
            .resolution()
            .map(|resolution| resolution.outcome.to_string());
        let last = trace.events().last().ok_or("an empty trace")?;
        Ok(Seen {
            status: state.status().as_str(),
            execution: state.execution().as_str(),
            resolution: outcome.as_deref().map(resolved),
            trace_closed: last.kind.as_str() == "trace_closed",
            fence: state.start.as_ref().map_or(0, |start| start.claims.fence),
            wakes: state.wake_at(),
            effects: self.target.effects(),
        })
    }
}

/// An effect, once it knows how it ends. A careful executor looks at its deadline before it sends.
fn finish(
    target: &Target,
    permit: Permit,
    sent: Option<bool>,
    how: How,
) -> Result<Execution<()>, EffectError<Refused>> {
    let sent = match (how, sent) {
        (How::Well, None) => permit.check_deadline().is_ok() && target.send(permit.fence()),
        (How::Blindly, None) => target.send(permit.fence()),
        (_, sent) => sent.unwrap_or(false),
    };
    match how {
        How::Well | How::Blindly if sent => Ok(permit.executed("re_1")),
        How::Well | How::Blindly | How::Failing => Err(EffectError::DidNotHappen(Refused)),
        How::Unsure => Err(EffectError::MayHaveHappened(Refused)),
    }
}

#[derive(Debug)]
struct Refused;

fn said(run: &Result<Run<()>, GuardError<Refused>>) -> &'static str {
    match run {
        Ok(Run::Executed { .. }) => "executed",
        Ok(Run::Replayed { .. }) => "replayed",
        Ok(Run::Pending(_)) => "pending",
        Ok(Run::Busy { .. }) => "busy",
        Ok(Run::Blocked { .. }) => "blocked",
        Ok(Run::Uncertain { .. }) => "uncertain",
        Err(GuardError::DidNotHappen {
            recorded: Ok(()), ..
        }) => "did not happen",
        Err(GuardError::MayHaveHappened {
            recorded: Ok(()), ..
        }) => "may have happened",
        Err(_) => "an error",
    }
}

fn build<L: Lies>(
    store: &MemoryStore,
    clock: &FakeClock,
    model: &Model,
) -> Result<TraceMem, Problem> {
    let (policy, route): (PolicyId, RouteId) = ("model".parse()?, "model".parse()?);
    let integration: IntegrationId = "model".parse()?;
    let mut settings = Settings::default();
    settings.approval_expiry = Duration::from_secs(EXPIRY);
    settings.execute_within = Duration::from_secs(EXECUTE_WITHIN);
    settings.outcome_window = Duration::from_secs(OUTCOME_WINDOW);
    settings.start_deadline = Duration::from_secs(DEADLINE);
    settings.quarantine = Duration::from_secs(QUARANTINE);
    settings.key_margin = Duration::from_secs(KEY_MARGIN);
    let asks = model.asks;
    let judge = PolicyFn::new(policy.clone(), "1", move |_| {
        Ok(match asks {
            true => PolicyOutcome::requires_exception("MODEL_ASKS", ExceptionTerms::default()),
            false => PolicyOutcome::allow("MODEL_ALLOWS"),
        })
    });
    let stored = StoredRoute::new(
        route.clone(),
        integration.clone(),
        Destination::new("model"),
    );
    Ok(TraceMem::builder(seen_through::<L>(store))
        .clock(clock.clone())
        .settings(settings)
        .integration(RecordingIntegration::new(integration))
        .route(stored)
        .default_route(route)
        .policy(judge)
        .attach(Attachment::everywhere(policy))
        .build()?)
}

impl<L> fmt::Debug for Machine<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
