//! How often each transition was taken.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

static TAKEN: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

/// Everything that must happen in some schedule.
const EXPECTED: [&str; 42] = [
    "answer: already approved",
    "answer: already rejected",
    "answer: already withdrawn",
    "answer: approved",
    "answer: expired",
    "answer: rejected",
    "close: closed",
    "close: fits",
    "close: refused",
    "crash",
    "finish: failed",
    "finish: failed, another attempt is left",
    "finish: happened",
    "finish: late, is evidence",
    "finish: late, settles",
    "finish: may have happened",
    "finish: refused by its fence",
    "finish: too late to send",
    "outcome: already",
    "outcome: late",
    "outcome: recorded",
    "outcome: refused",
    "reconcile: executed",
    "reconcile: not executed",
    "reconcile: not unknown",
    "reconcile: quarantine",
    "restart",
    "restart: with an effect under way",
    "start: blocked",
    "start: busy",
    "start: found by lookup",
    "start: pending",
    "start: proven absent by lookup",
    "start: replayed",
    "start: started",
    "start: started again",
    "start: uncertain",
    "time",
    "work: deadline",
    "work: expiry",
    "work: lapse",
    "work: trace closed",
];

pub(crate) fn count(taken: &[&'static str]) {
    let mut counts = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    for one in taken {
        *counts.entry(one).or_default() += 1;
    }
}

/// Prints the counts, and gives what was never taken.
pub(crate) fn report() -> Vec<&'static str> {
    let counts = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    for (taken, count) in counts.iter() {
        eprintln!("{count:>8} × {taken}");
    }
    let never = EXPECTED.iter().filter(|one| !counts.contains_key(*one));
    never.copied().collect()
}
