//! The callers that the floor plays: each waits for its own commit before it has another.

use std::time::Duration;

use tracemem_sdk::store::Commit;

use super::rows::Lifecycle;
use crate::{
    options::{Options, Workload},
    report::{Measured, now},
};

/// Some callers, and what they measured.
#[derive(Debug)]
pub(crate) struct Callers<'a> {
    steps: &'a [Commit],
    /// The first commit that the measured way holds whole.
    measured_from: usize,
    callers: Vec<Caller>,
    opened: u64,
    begun: Duration,
    measured: Measured,
}

#[derive(Debug)]
struct Caller {
    lifecycle: Lifecycle,
    step: usize,
    /// When the measured way began.
    since: Duration,
}

impl<'a> Callers<'a> {
    /// So many callers, whose lifecycles are numbered from `first` on.
    pub(crate) fn new(options: &Options, steps: &'a [Commit], callers: u32, first: u64) -> Self {
        let begun = now();
        let opened = first + u64::from(callers);
        let caller = |number| Caller {
            lifecycle: Lifecycle::new(number, begun),
            step: 0,
            since: begun,
        };
        Self {
            steps,
            measured_from: match options.workload {
                Workload::Allowed => 0,
                // The answer is the second commit: what is measured begins when it is there.
                Workload::Asked | Workload::AskedElsewhere => 2,
            },
            callers: (first..opened).map(caller).collect(),
            opened,
            begun,
            measured: Measured::default(),
        }
    }

    /// The next commit of every caller.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (&Lifecycle, &'a Commit)> {
        self.callers
            .iter()
            .filter_map(|caller| Some((&caller.lifecycle, self.steps.get(caller.step)?)))
    }

    /// All these commits are durable now.
    pub(crate) fn committed(&mut self) {
        let now = now();
        let last = self.steps.len();
        for caller in &mut self.callers {
            caller.step += 1;
            let measured_to = match self.measured_from {
                0 => last,
                // The effect starts as soon as the start is there.
                from => from + 1,
            };
            if caller.step == measured_to {
                self.measured
                    .latencies
                    .push(now.saturating_sub(caller.since));
            }
            if caller.step == self.measured_from {
                caller.since = now;
            }
            if caller.step == last {
                self.measured.lifecycles += 1;
                caller.lifecycle = Lifecycle::new(self.opened, now);
                (caller.step, caller.since) = (0, now);
                self.opened += 1;
            }
        }
    }

    /// For how long it has been going on.
    pub(crate) fn time(&self) -> Duration {
        now().saturating_sub(self.begun)
    }

    pub(crate) fn end(self) -> Measured {
        let time = self.time();
        Measured {
            time,
            ..self.measured
        }
    }
}
