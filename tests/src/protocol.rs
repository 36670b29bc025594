//! What parent and child say to each other: one JSON text a line, over the child's standard input and output.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use tracemem_sdk::id::DecisionId;

use crate::{
    Outcome,
    arrow::{Arrow, Class},
    place::Place,
};

/// What a child is to do; its only argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Where the store, the target and the notices are.
    pub place: Place,
    /// What to do.
    pub work: Work,
    /// What the target does about a second request.
    pub class: Class,
    /// The idempotency key of the request.
    pub key: String,
    /// Whether policy asks a human; else it allows.
    pub asks: bool,
    /// Where to say so and wait.
    pub gates: Vec<Arrow>,
    /// Whether every acknowledgement is a gate, too.
    pub waits_after_acks: bool,
    /// Whether the effect looks at its deadline right before it sends.
    pub checks_deadline: bool,
    /// Whether what certainly did not happen is tried again, as a queue does that redelivers.
    pub redelivers: bool,
    /// How long to wait for another process that writes, or for a server, in milliseconds.
    pub busy_ms: u64,
    /// How many jobs a worker leases at once.
    pub batch: u32,
}

impl Task {
    /// A task at `place` that meets nobody.
    #[must_use]
    pub fn new(place: Place, work: Work, class: Class) -> Self {
        Self {
            place,
            work,
            class,
            key: "job-1".to_owned(),
            asks: true,
            gates: Vec::new(),
            waits_after_acks: false,
            checks_deadline: true,
            redelivers: true,
            busy_ms: 10_000,
            batch: 16,
        }
    }

    /// The same, stopping at `gates`.
    #[must_use]
    pub fn stopping_at(self, gates: impl Into<Vec<Arrow>>) -> Self {
        let gates = gates.into();
        Self { gates, ..self }
    }
}

/// What a child does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Carries one decision through, from wherever it stands: worker, human and executor in one process.
    Carry,
    /// A human clears up what is unknown, by looking at the target, and then it is carried through.
    Resolve,
    /// Is ready, waits for the word, and guards the effect once.
    Race,
    /// Is ready, and waits for the answer to an approval.
    Wait(DecisionId),
    /// Runs a worker until the word.
    Deliver,
    /// Holds the write lock of the database until the word, without the sdk.
    Lock,
    /// Does what it is ordered.
    Serve,
    /// Is ready, waits for the word, and guards the effect of each of many jobs, several at once, until none is left.
    WorkOff {
        /// How many jobs there are.
        jobs: usize,
        /// How many are under way at once.
        at_once: usize,
        /// From which end of each block of jobs it begins.
        from: End,
    },
}

/// Where to begin. Two that begin at different ends of every block share its jobs, and race where they meet; of two that begin at the
/// same one the second finds everything done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// At the first job.
    First,
    /// At the last.
    Last,
}

/// An order to a child that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Guard the effect of the request with this key once.
    Guard(String),
    /// Decide the request with this key.
    Decide(String),
    /// Approve.
    Approve(DecisionId),
    /// No file may grow any more.
    Limit,
    /// No file may grow any more once the next effect is applied.
    LimitInEffect,
    /// Files may grow again.
    Lift,
    /// Report the receipt that could not be recorded.
    Report,
}

/// What a child says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is at a gate.
    At(Arrow),
    /// The store acknowledged these entries.
    Acked(Acked),
    /// It is ready.
    Ready,
    /// It wakes after the answer, at this time in microseconds, and the decision has this status.
    Woke(u64, String),
    /// The answer was acknowledged at this time in microseconds.
    Answered(u64),
    /// The decision is made.
    Decided(DecisionId),
    /// The order is carried out.
    Obeyed,
    /// What came of an effect, or of carrying a decision through.
    Ran(Ran),
    /// Half of the jobs are done or under way.
    Halfway,
    /// All jobs are worked off.
    WorkedOff(Tally),
    /// An order failed.
    Failed(String),
}

/// Entries that the store acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    /// In which stream.
    pub stream: String,
    /// Position and leaf hash of each.
    pub entries: Vec<(u64, String)>,
}

/// What came of a guarded effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The variant of the run or of its error.
    pub how: How,
    /// The error with all its causes; empty where there is none.
    pub error: String,
    /// How often this call called the effect.
    pub called: u32,
}

/// What came of many jobs, as one process was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many effects it was told that it ran.
    pub executed: usize,
    /// How many had been run before.
    pub replayed: usize,
    /// How many nobody knows of.
    pub uncertain: usize,
    /// How often a job was delivered again after an error.
    pub redelivered: usize,
}

/// The variants of a run and of its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The effect ran now.
    Executed,
    /// It ran before.
    Replayed,
    /// A human is asked.
    Pending,
    /// Another worker runs it.
    Busy,
    /// It is not run.
    Blocked,
    /// Nobody knows.
    Uncertain,
    /// Error: it was not called.
    NotStarted,
    /// Error: it was called and did not happen.
    DidNotHappen,
    /// Error: it was called and may have happened.
    MayHaveHappened,
    /// Error: it ended and could not be recorded.
    Unrecorded,
    /// Error: its transaction was rolled back.
    RolledBack,
    /// Error: its transaction was committed, and it failed after that.
    Committed,
    /// Error: what became of its transaction could not be found out.
    Unconfirmed,
    /// Error: its receipt is in no transaction.
    NotWithin,
}

/// Says something to the parent.
///
/// # Errors
/// Where nobody listens any more.
pub fn say(said: &Said) -> Outcome {
    let mut line = serde_json::to_string(said)?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    Ok(out.flush()?)
}

/// Waits for a line from the parent; `None` where there is no parent any more. It blocks the thread, and with it the task.
///
/// # Errors
/// Where the standard input cannot be read.
pub fn hear() -> Outcome<Option<String>> {
    let mut line = String::new();
    let read = tokio::task::block_in_place(|| io::stdin().lock().read_line(&mut line))?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}
