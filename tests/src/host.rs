//! The child's host: a TraceMem on a gated store, with short times, and an effect on a [`Target`].

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tracemem_sdk::{
    Settings, TraceMem,
    approval::ApproverIdentity,
    decision::{DecisionRequest, Outcome as BusinessOutcome},
    guard::{
        Effect, EffectError, Execution, GuardError, LookupAnswer, Permit, ResultExt, Run, Safety,
    },
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::{Destination, StoredRoute},
    store::{Backend, Store},
    tenant::{Agent, Tenant},
};

use crate::{
    Fault, Outcome,
    arrow::{Arrow, Class},
    chain,
    gated_store::GatedStore,
    gates::Gates,
    jobs::Job,
    ledger::{self, Ledger},
    notices::Notices,
    protocol::{How, Ran, Task},
    starving,
    target::{Answer, Target},
};

/// How long a started effect may take here.
pub const START_DEADLINE: Duration = Duration::from_secs(1);

/// How long it may take where it waits for the word after everything that it does.
const LONG_DEADLINE: Duration = Duration::from_secs(600);

/// How long after that nothing is started anew.
pub const QUARANTINE: Duration = Duration::from_millis(300);

/// How long one delivery may take here; a lease is twice that.
pub const DELIVERY_LIMIT: Duration = Duration::from_secs(1);

/// What a guarded call of the effect gives.
pub type Guarded = Result<Run<()>, GuardError<Fault>>;

/// A host in a child.
#[derive(Debug)]
pub struct Host {
    /// What it was told to do.
    pub task: Task,
    /// The sdk.
    pub tracemem: TraceMem,
    /// The store under it.
    pub store: Arc<GatedStore>,
    /// The target of its effects.
    pub target: Target,
    /// The target of effects that share a transaction, where they do.
    pub ledger: Option<Arc<Ledger>>,
    /// Whether no file may grow any more once the next effect is applied.
    pub starve_in_effect: AtomicBool,
    called: AtomicU32,
}

impl Host {
    /// Opens the store at the task's place.
    ///
    /// # Errors
    /// Where it cannot be opened, or the parts do not fit together.
    pub async fn open(task: Task) -> Outcome<Self> {
        let gates = Gates::closed_at(&task.gates);
        let busy = Duration::from_millis(task.busy_ms);
        let store = task.place.open(busy).await?;
        let store = Arc::new(GatedStore::new(store, gates.clone(), task.waits_after_acks));
        let ledger = match task.class {
            Class::SameTransaction => Some(Arc::new(Ledger::open(&task.place, busy).await?)),
            Class::Idempotent | Class::Lookup | Class::Conditional | Class::Opaque => None,
        };
        let notices = Notices::new("notices".parse()?, &task.place.dir, gates);
        let route = StoredRoute::new(
            "desk".parse()?,
            "notices".parse()?,
            Destination::new("desk"),
        );
        let policy = PolicyFn::new("asks_when_told".parse()?, "1", |input| {
            let asks = input.context.get("asks").and_then(|asks| asks.as_bool());
            Ok(match asks {
                Some(false) => PolicyOutcome::allow("ALLOWED"),
                Some(true) | None => {
                    PolicyOutcome::requires_exception("ASKED", ExceptionTerms::default())
                }
            })
        });
        let tracemem = TraceMem::builder(Backend::full(store.clone()))
            .settings(settings(&task))
            .policy(policy)
            .attach(Attachment::everywhere("asks_when_told".parse()?))
            .integration(notices)
            .route(route)
            .default_route("desk".parse()?)
            .build()?;
        Ok(Self {
            target: Target::new(&task.place.dir, task.class),
            ledger,
            tracemem,
            store,
            task,
            starve_in_effect: AtomicBool::new(false),
            called: AtomicU32::new(0),
        })
    }

    /// The same host at work on another job, whose effect has a target of its own. Its class is one that this one is ready for.
    ///
    /// # Errors
    /// Where the target has no folder.
    pub fn at(&self, job: &Job) -> Outcome<Self> {
        let dir = job.folder(&self.task.place.dir);
        std::fs::create_dir_all(&dir)?;
        let ledger = match job.class {
            Class::SameTransaction => self.ledger.clone(),
            Class::Idempotent | Class::Lookup | Class::Conditional | Class::Opaque => None,
        };
        Ok(Self {
            task: Task {
                class: job.class,
                key: job.key.clone(),
                ..self.task.clone()
            },
            tracemem: self.tracemem.clone(),
            store: self.store.clone(),
            target: Target::new(&dir, job.class),
            ledger,
            starve_in_effect: AtomicBool::new(false),
            called: AtomicU32::new(0),
        })
    }

    /// The one tenant.
    ///
    /// # Errors
    /// Where its id is wrong.
    pub fn tenant(&self) -> Outcome<Tenant> {
        Ok(self.tracemem.tenant("acme".parse()?))
    }

    /// The one agent.
    ///
    /// # Errors
    /// Where its id is wrong.
    pub fn agent(&self) -> Outcome<Agent> {
        Ok(self.tenant()?.agent("billing-worker".parse()?))
    }

    /// The one person who answers and clears up.
    ///
    /// # Errors
    /// Where the id is wrong.
    pub fn person(&self) -> Outcome<ApproverIdentity> {
        Ok(ApproverIdentity::new("desk-1".parse()?))
    }

    /// The request with this key. A definite failure may be tried again twice.
    ///
    /// # Errors
    /// Where the request is refused.
    pub fn request(&self, key: &str) -> Outcome<DecisionRequest> {
        let body = json!({
            "intent": "refund.issue",
            "attempts": 3,
            "context": {
                "asks": self.task.asks, "target_system": "billing", "target_object_id": key, "mutation": "refund.create",
            },
        });
        let body = serde_json::to_vec(&body)?;
        Ok(DecisionRequest::from_json(key.parse()?, &body)?)
    }

    /// What the author of the effect declares.
    #[must_use]
    pub fn safety(&self) -> Safety {
        let target = self.target.clone();
        match self.task.class {
            Class::SameTransaction => Safety::SameTransaction,
            Class::Idempotent => Safety::Idempotent {
                key_ttl: Duration::from_secs(3_600),
            },
            Class::Lookup => Safety::lookup(move |key| {
                let known = target.knows(&key);
                async move {
                    Ok(match known? {
                        true => LookupAnswer::found(key),
                        false => LookupAnswer::absent(),
                    })
                }
            }),
            Class::Conditional => Safety::Conditional,
            Class::Opaque => Safety::Opaque,
        }
    }

    /// Guards the effect of the request with this key. With patience it waits for other workers and quarantines.
    ///
    /// # Errors
    /// Where the request is refused. What the guard fails with is told within.
    pub async fn guard(&self, key: &str, patience: Option<Duration>) -> Outcome<Guarded> {
        let guard = self.agent()?.guard(self.request(key)?, self.safety());
        let guard = match patience {
            Some(patience) => guard.wait(patience),
            None => guard,
        };
        Ok(guard.run(|permit| self.apply(permit)).await)
    }

    /// The effect.
    async fn apply(&self, permit: Permit) -> Result<Execution<()>, EffectError<Fault>> {
        self.called.fetch_add(1, Ordering::Relaxed);
        self.store.meet(Arrow::BeforeSend).await.did_not_happen()?;
        if self.task.checks_deadline {
            permit
                .check_deadline()
                .map_err(Fault::from)
                .did_not_happen()?;
        }
        if let Some(ledger) = &self.ledger {
            return self.enter(ledger, permit).await.may_have_happened();
        }
        let key = permit.idempotency_key().to_owned();
        let answer = self.target.request(&key, permit.fence());
        let answer = answer.map_err(Fault::from).may_have_happened()?;
        if self.starve_in_effect.swap(false, Ordering::Relaxed) {
            starving::limit(&self.task.place.dir).may_have_happened()?;
        }
        self.store.meet(Arrow::Applied).await.may_have_happened()?;
        match answer {
            Answer::Applied | Answer::AppliedBefore => {
                Ok(permit.executed(key).outcome(BusinessOutcome::succeeded()))
            }
            Answer::Refused => Err(EffectError::DidNotHappen("the fence is too old".into())),
        }
    }

    /// The effect in the ledger, with its receipt, close and outcome in the same transaction.
    async fn enter(&self, ledger: &Ledger, permit: Permit) -> Outcome<Execution<()>> {
        let (key, fence) = (permit.idempotency_key().to_owned(), permit.fence());
        self.target.request(&key, fence)?;
        let transaction = ledger.begin().await?;
        ledger::enter(&transaction, &key, fence).await?;
        self.store.meet_within(Arrow::Applied)?;
        let done = permit
            .executed(key)
            .outcome(BusinessOutcome::succeeded())
            .record_within(&self.store.within(&transaction))
            .await?;
        self.store.meet_within(Arrow::BeforeReceipt)?;
        self.store.meet_within(Arrow::InReceipt)?;
        transaction.commit().await?;
        self.store.meet_within(Arrow::Recorded)?;
        Ok(done)
    }

    /// What came of a guarded call, to be told to the parent. The calls of the effect count from zero again.
    ///
    /// # Errors
    /// Where a variant and its own word on the effect contradict each other.
    pub fn told(&self, guarded: &Guarded) -> Outcome<Ran> {
        let (how, effect) = match guarded {
            Ok(run) => (how(run), run.effect()),
            Err(error) => (how_failed(error), error.effect()),
        };
        let called = self.called.swap(0, Ordering::Relaxed);
        if effect == Effect::NotStarted && called > 0 {
            return Err(
                format!("`{how:?}` says that the effect was not started, and it was").into(),
            );
        }
        let error = guarded
            .as_ref()
            .err()
            .map_or_else(String::new, |error| chain(error));
        Ok(Ran { how, error, called })
    }

    /// Ends the store, after the commits under way.
    ///
    /// # Errors
    /// Where the store says so.
    pub async fn close(&self) -> Outcome {
        Ok(self.store.close().await?)
    }
}

fn settings(task: &Task) -> Settings {
    let mut settings = Settings::default();
    settings.start_deadline = match task.waits_after_acks {
        true => LONG_DEADLINE,
        false => START_DEADLINE,
    };
    settings.quarantine = QUARANTINE;
    settings.delivery_limit = DELIVERY_LIMIT;
    settings.worker_poll = Duration::from_millis(25);
    settings.worker_batch = NonZeroU32::new(task.batch).unwrap_or(NonZeroU32::MIN);
    settings
}

fn how(run: &Run<()>) -> How {
    match run {
        Run::Executed { .. } => How::Executed,
        Run::Replayed { .. } => How::Replayed,
        Run::Pending(_) => How::Pending,
        Run::Busy { .. } => How::Busy,
        Run::Blocked { .. } => How::Blocked,
        Run::Uncertain { .. } => How::Uncertain,
    }
}

fn how_failed(error: &GuardError<Fault>) -> How {
    match error {
        GuardError::DidNotHappen { .. } => How::DidNotHappen,
        GuardError::MayHaveHappened { .. } => How::MayHaveHappened,
        GuardError::Unrecorded { .. } => How::Unrecorded,
        GuardError::RolledBack { .. } => How::RolledBack,
        GuardError::Committed { .. } => How::Committed,
        GuardError::Unconfirmed { .. } => How::Unconfirmed,
        GuardError::NotWithin { .. } => How::NotWithin,
        // The enum may grow; whatever it grows by has not been started as far as this child knows.
        GuardError::NotStarted(_) | _ => How::NotStarted,
    }
}
