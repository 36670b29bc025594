//! How a rule says that a promise is broken: as an error with what was expected, what was found, and where.

use std::{
    fmt::{self, Debug},
    panic::Location,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Barrier, task::JoinSet};

use super::KitError;
use crate::store::{Committed, StoreError, StoreErrorKind, Version};

/// How long something may take that must happen soon. It only bounds how long a broken store hangs.
const SOON: Duration = Duration::from_secs(10);

/// How long a whole crowd of calls may take.
const ALL_OF_THEM: Duration = Duration::from_secs(60);

/// How long a whole rule may take.
const A_RULE: Duration = Duration::from_secs(180);

/// A store did not do what its contract says.
#[derive(Debug, thiserror::Error)]
#[error("{promise}: {found} (seen at {at})")]
pub struct BrokenPromise {
    promise: String,
    found: String,
    at: &'static Location<'static>,
}

impl BrokenPromise {
    #[track_caller]
    pub(in crate::testing) fn new(promise: &str, found: impl fmt::Display) -> Self {
        Self::at(Location::caller(), promise, found)
    }

    fn at(at: &'static Location<'static>, promise: &str, found: impl fmt::Display) -> Self {
        // What a large commit holds would bury what is wrong with it.
        let found = found.to_string().chars().take(1_000).collect();
        let promise = promise.to_owned();
        Self { promise, found, at }
    }
}

#[track_caller]
pub(in crate::testing) fn equal<T: PartialEq + Debug>(
    promise: &str,
    found: &T,
    expected: &T,
) -> Result<(), BrokenPromise> {
    if found == expected {
        return Ok(());
    }
    let found = format!("expected `{expected:?}`, found `{found:?}`");
    Err(BrokenPromise::new(promise, found))
}

#[track_caller]
pub(in crate::testing) fn present<T>(promise: &str, found: Option<T>) -> Result<T, BrokenPromise> {
    match found {
        Some(found) => Ok(found),
        None => Err(BrokenPromise::new(promise, "there is none")),
    }
}

/// The commit was written, and the stream is now at this version.
#[track_caller]
pub(in crate::testing) fn written(
    committed: &Committed,
    version: u64,
) -> Result<(), BrokenPromise> {
    let promise = "a commit that nothing stands against is written";
    equal(promise, committed, &Committed::Written(Version(version)))
}

/// The call failed, and with this kind of error.
#[track_caller]
pub(in crate::testing) fn failed<T: Debug>(
    promise: &str,
    result: &Result<T, StoreError>,
    kind: StoreErrorKind,
) -> Result<(), BrokenPromise> {
    match result {
        Ok(value) => Err(BrokenPromise::new(
            promise,
            format!("expected `{kind:?}`, found `{value:?}`"),
        )),
        Err(error) => equal(promise, &error.kind(), &kind),
    }
}

/// What must happen soon happens, within a limit that is never reached where the promise is kept.
#[track_caller]
pub(in crate::testing) fn soon<F: Future>(
    promise: &str,
    future: F,
) -> impl Future<Output = Result<F::Output, BrokenPromise>> {
    in_time(SOON, promise, future)
}

/// A rule comes to an end, within a limit that is never reached where the store answers.
#[track_caller]
pub(super) fn ended<F: Future>(rule: F) -> impl Future<Output = Result<F::Output, BrokenPromise>> {
    in_time(A_RULE, "every call returns", rule)
}

#[track_caller]
fn in_time<F: Future>(
    limit: Duration,
    promise: &str,
    future: F,
) -> impl Future<Output = Result<F::Output, BrokenPromise>> {
    let at = Location::caller();
    async move {
        let late = |_| BrokenPromise::at(at, promise, format!("nothing happened for {limit:?}"));
        tokio::time::timeout(limit, future).await.map_err(late)
    }
}

/// Makes all calls at the same time, each in a task of its own, and gives what they returned, in order.
pub(in crate::testing) async fn together<F>(
    calls: impl IntoIterator<Item = F>,
) -> Result<Vec<F::Output>, KitError>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let calls: Vec<F> = calls.into_iter().collect();
    let start = Arc::new(Barrier::new(calls.len()));
    let mut tasks = JoinSet::new();
    for (place, call) in calls.into_iter().enumerate() {
        let start = start.clone();
        tasks.spawn(async move {
            start.wait().await;
            (place, call.await)
        });
    }
    let mut returned = Vec::new();
    let all = async {
        while let Some(joined) = tasks.join_next().await {
            returned.push(joined?);
        }
        Ok::<_, KitError>(())
    };
    in_time(ALL_OF_THEM, "calls that overlap all return", all).await??;
    returned.sort_by_key(|(place, _)| *place);
    Ok(returned.into_iter().map(|(_, output)| output).collect())
}
