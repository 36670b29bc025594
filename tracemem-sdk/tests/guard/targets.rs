//! Targets of each safety class, which count what really happened to them, and the effects that use them.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;
use tracemem_sdk::{
    guard::{DeadlinePassed, EffectError, Execution, LookupAnswer, Permit, ResultExt, Safety},
    testing::FakeClock,
    time::{Clock, Timestamp},
};

/// What a target promises.
#[derive(Debug, Clone)]
enum Promise {
    /// One effect per key, for as long as it keeps the key.
    Keys(FakeClock, Duration),
    /// It can be asked for a key, and checks nothing.
    Asked,
    /// It refuses a fence below the highest it saw, and a second change of the version that was read.
    Fences,
    /// Nothing.
    Nothing,
}

/// A target that counts.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    promise: Promise,
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    effects: Vec<String>,
    calls: usize,
    kept: BTreeMap<String, (Timestamp, String)>,
    fence: u64,
}

/// Why a target did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A greater fence was here before.
    StaleFence,
    /// The executor did not send it: its deadline had passed.
    TooLate(DeadlinePassed),
    /// The target said no.
    Rejected,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Refused {}

impl Target {
    fn new(promise: Promise) -> Self {
        let books = Arc::default();
        Self { promise, books }
    }

    pub(crate) fn idempotent(clock: &FakeClock, key_ttl: Duration) -> Self {
        Self::new(Promise::Keys(clock.clone(), key_ttl))
    }

    pub(crate) fn asked() -> Self {
        Self::new(Promise::Asked)
    }

    pub(crate) fn conditional() -> Self {
        Self::new(Promise::Fences)
    }

    pub(crate) fn opaque() -> Self {
        Self::new(Promise::Nothing)
    }

    /// What the author of an effect on it declares.
    pub(crate) fn safety(&self) -> Safety {
        match &self.promise {
            Promise::Keys(_, key_ttl) => Safety::Idempotent { key_ttl: *key_ttl },
            Promise::Asked => {
                let asked = self.clone();
                Safety::lookup(move |key| {
                    let found = asked.find(&key);
                    async move { Ok(found.map_or(LookupAnswer::Absent, LookupAnswer::found)) }
                })
            }
            Promise::Fences => Safety::Conditional,
            Promise::Nothing => Safety::Opaque,
        }
    }

    /// Does it, or says why not; in both cases with the target's reference of what stands now.
    pub(crate) fn send(&self, key: &str, fence: u64) -> Result<String, Refused> {
        let mut books = self.books();
        books.calls += 1;
        match &self.promise {
            Promise::Keys(clock, key_ttl) => {
                let now = clock.now();
                let kept = books.kept.get(key);
                if let Some((_, reference)) = kept.filter(|(until, _)| now < *until) {
                    return Ok(reference.clone());
                }
                let reference = books.apply(key);
                let until = now.saturating_add(*key_ttl);
                books
                    .kept
                    .insert(key.to_owned(), (until, reference.clone()));
                Ok(reference)
            }
            Promise::Fences if fence < books.fence => Err(Refused::StaleFence),
            Promise::Fences => {
                books.fence = fence;
                // The version that was read is gone if this decision changed it before: then what stands is its own.
                let own = books.find(key);
                Ok(own.unwrap_or_else(|| books.apply(key)))
            }
            Promise::Asked | Promise::Nothing => Ok(books.apply(key)),
        }
    }

    pub(crate) fn find(&self, key: &str) -> Option<String> {
        self.books().find(key)
    }

    /// How often the effect happened.
    pub(crate) fn effects(&self) -> usize {
        self.books().effects.len()
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.books().calls
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn apply(&mut self, key: &str) -> String {
        self.effects.push(key.to_owned());
        format!("re_{}", self.effects.len())
    }

    fn find(&self, key: &str) -> Option<String> {
        let place = self.effects.iter().position(|effect| effect == key)?;
        Some(format!("re_{}", place + 1))
    }
}

/// A place in an effect where it waits for the test.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    reached: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn shut() -> Self {
        let [reached, open] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
        Self { reached, open }
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    pub(crate) async fn pass(&self) {
        self.reached.add_permits(1);
        // It is never closed.
        let opened = self.open.acquire().await.is_ok();
        debug_assert!(opened, "a gate is never closed");
    }

    /// Runs `run` until its effect stands before the gate.
    pub(crate) async fn reached_by<T: fmt::Debug>(
        &self,
        run: impl Future<Output = T>,
    ) -> Result<(), String> {
        tokio::select! {
            ended = run => Err(format!("it ended without passing the gate: {ended:?}")),
            reached = self.reached.acquire() => reached.map(|one| one.forget()).map_err(|e| e.to_string()),
        }
    }
}

/// Where an effect waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Nowhere,
    BeforeSend,
    AfterSend,
    AfterAnswer,
}

/// Whether an executor looks at its deadline right before it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    Looks,
    SendsBlindly,
}

/// What an effect came to.
pub(crate) type Ended = Result<Execution<()>, EffectError<Refused>>;

/// One effect, which waits at `stop` until the gate is open.
pub(crate) async fn effect(
    target: Target,
    permit: Permit,
    stop: Stop,
    care: Care,
    gate: Gate,
) -> Ended {
    if stop == Stop::BeforeSend {
        gate.pass().await;
    }
    if care == Care::Looks {
        let in_time = permit.check_deadline();
        in_time.map_err(Refused::TooLate).did_not_happen()?;
    }
    let answer = target.send(permit.idempotency_key(), permit.fence());
    if stop == Stop::AfterSend {
        gate.pass().await;
    }
    let reference = answer.did_not_happen()?;
    let execution = permit.executed(reference);
    if stop == Stop::AfterAnswer {
        gate.pass().await;
    }
    Ok(execution)
}

/// An effect that waits nowhere.
pub(crate) async fn at_once(target: Target, permit: Permit) -> Ended {
    effect(target, permit, Stop::Nowhere, Care::Looks, Gate::shut()).await
}
