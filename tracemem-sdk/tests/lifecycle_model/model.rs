//! The model: one decision in plain numbers, written from the documentation and not from the code.

use proptest::{
    prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof},
    strategy::Union,
};
use proptest_state_machine::ReferenceStateMachine;

/// Seconds.
pub(crate) type Time = u64;

pub(crate) const EXPIRY: Time = 3_600;
pub(crate) const EXECUTE_WITHIN: Time = 3_600;
pub(crate) const OUTCOME_WINDOW: Time = 86_400;
pub(crate) const DEADLINE: Time = 60;
pub(crate) const QUARANTINE: Time = 30;
pub(crate) const KEY_TTL: Time = 400;
pub(crate) const KEY_MARGIN: Time = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Idempotent,
    Lookup,
    Conditional,
    Opaque,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    Open,
    Waiting,
    Approved,
    Rejected,
    Committed,
    Aborted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exec {
    Never,
    Started,
    Executed,
    Failed,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    Approved,
    Rejected,
    Expired,
    Withdrawn,
}

/// One effect under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Running {
    fence: u64,
    deadline: Time,
    /// What the target answered, if it was sent.
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Well,
    Failing,
    Unsure,
    /// It sends without a look at its deadline: only a target that checks the fence bears that.
    Blindly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Answer { who: usize, approves: bool },
    Pass(Time),
    Work,
    Start { who: usize, sends_at_once: bool },
    Finish { who: usize, how: How },
    Crash { who: usize },
    Restart,
    Close { commits: bool },
    Outcome { is_final: bool },
    Reconcile,
}

#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) class: Class,
    pub(crate) attempts: u32,
    /// Whether policy asks a human, or allows.
    pub(crate) asks: bool,
    pub(crate) now: Time,
    pub(crate) stand: Stand,
    pub(crate) exec: Exec,
    pub(crate) judged: Option<Judged>,
    pub(crate) trace_closed: bool,
    pub(crate) fence: u64,
    pub(crate) running: [Option<Running>; 2],
    pub(crate) effects: u64,
    /// What the last step was told.
    pub(crate) told: &'static str,
    /// What the last step was, for the census.
    pub(crate) taken: Vec<&'static str>,
    execute_by: Time,
    deadline: Time,
    quarantine: Time,
    first_start: Time,
    failures: u32,
    ended: Time,
    last_outcome: Option<bool>,
    key_until: Time,
    highest_fence: u64,
}

impl Model {
    fn new(class: Class, attempts: u32, asks: bool) -> Self {
        Self {
            class,
            attempts,
            asks,
            now: 0,
            stand: if asks { Stand::Waiting } else { Stand::Open },
            exec: Exec::Never,
            judged: None,
            trace_closed: false,
            fence: 0,
            running: [None; 2],
            effects: 0,
            told: "",
            taken: Vec::new(),
            execute_by: EXECUTE_WITHIN,
            deadline: 0,
            quarantine: 0,
            first_start: 0,
            failures: 0,
            ended: 0,
            last_outcome: None,
            key_until: 0,
            highest_fence: 0,
        }
    }

    fn is_over(&self) -> bool {
        matches!(
            self.stand,
            Stand::Rejected | Stand::Committed | Stand::Aborted
        )
    }

    /// When time alone changes something.
    pub(crate) fn wakes(&self) -> Option<Time> {
        match (self.exec, self.stand) {
            _ if self.trace_closed => None,
            (Exec::Unknown, _) => None,
            (Exec::Started, _) => Some(self.deadline),
            (_, Stand::Waiting) => Some(EXPIRY),
            (_, Stand::Open | Stand::Approved) => Some(self.execute_by),
            (_, Stand::Rejected | Stand::Committed | Stand::Aborted) => {
                Some(self.ended + OUTCOME_WINDOW)
            }
        }
    }

    /// Whoever looks fires what is due.
    fn look(&mut self) {
        while self.wakes().is_some_and(|due| due <= self.now) {
            match (self.exec, self.stand) {
                (Exec::Started, _) => {
                    self.exec = Exec::Unknown;
                    self.taken.push("work: deadline");
                }
                (_, Stand::Waiting) => {
                    self.judged = Some(Judged::Expired);
                    self.end(Stand::Aborted);
                    self.taken.push("work: expiry");
                }
                (_, Stand::Open | Stand::Approved) => {
                    self.end(Stand::Aborted);
                    self.taken.push("work: lapse");
                }
                (_, Stand::Rejected | Stand::Committed | Stand::Aborted) => {
                    self.trace_closed = true;
                    self.taken.push("work: trace closed");
                }
            }
        }
    }

    fn end(&mut self, stand: Stand) {
        self.stand = stand;
        self.ended = self.now;
    }

    fn say(&mut self, told: &'static str, taken: &'static str) {
        self.told = told;
        self.taken.push(taken);
    }

    /// What the target does, by its class.
    fn send(&mut self, fence: u64) -> Answer {
        match self.class {
            Class::Idempotent => {
                if self.effects == 0 || self.key_until <= self.now {
                    self.effects += 1;
                    self.key_until = self.now + KEY_TTL;
                }
                Answer::Done
            }
            Class::Conditional if fence < self.highest_fence => Answer::Refused,
            Class::Conditional => {
                self.highest_fence = fence;
                self.effects = 1;
                Answer::Done
            }
            Class::Lookup | Class::Opaque => {
                self.effects += 1;
                Answer::Done
            }
        }
    }

    /// What follows from how an execution ended.
    fn ends_as(&mut self, exec: Exec) {
        self.exec = exec;
        match exec {
            Exec::Executed => self.end(Stand::Committed),
            Exec::Failed => {
                self.failures += 1;
                if self.failures >= self.attempts {
                    self.end(Stand::Aborted);
                }
            }
            Exec::Never | Exec::Started | Exec::Unknown => {}
        }
    }

    fn answer(&mut self, approves: bool) {
        self.look();
        match self.judged {
            Some(Judged::Approved) => self.say("already approved", "answer: already approved"),
            Some(Judged::Rejected) => self.say("already rejected", "answer: already rejected"),
            Some(Judged::Withdrawn) => self.say("already withdrawn", "answer: already withdrawn"),
            Some(Judged::Expired) => self.say("expired", "answer: expired"),
            None if approves => {
                self.judged = Some(Judged::Approved);
                self.stand = Stand::Approved;
                self.execute_by = self.now + EXECUTE_WITHIN;
                self.say("answered", "answer: approved");
            }
            None => {
                self.judged = Some(Judged::Rejected);
                self.end(Stand::Rejected);
                self.say("answered", "answer: rejected");
            }
        }
    }

    fn start(&mut self, who: usize, sends_at_once: bool) {
        loop {
            self.look();
            match self.exec {
                Exec::Executed => return self.say("replayed", "start: replayed"),
                Exec::Started => return self.say("busy", "start: busy"),
                Exec::Unknown => match self.class {
                    Class::Opaque => return self.say("uncertain", "start: uncertain"),
                    Class::Idempotent if !self.outlives_a_start() => {
                        return self.say("uncertain", "start: uncertain");
                    }
                    Class::Lookup if self.effects > 0 => {
                        self.ends_as(Exec::Executed);
                        self.taken.push("start: found by lookup");
                        continue;
                    }
                    _ if self.now < self.quarantine => return self.say("busy", "start: busy"),
                    Class::Lookup => {
                        self.ends_as(Exec::Failed);
                        self.taken.push("start: proven absent by lookup");
                        continue;
                    }
                    Class::Idempotent | Class::Conditional => {}
                },
                Exec::Never | Exec::Failed => match self.stand {
                    Stand::Waiting => return self.say("pending", "start: pending"),
                    Stand::Rejected | Stand::Committed | Stand::Aborted => {
                        return self.say("blocked", "start: blocked");
                    }
                    Stand::Open | Stand::Approved => {}
                },
            }
            return self.starts(who, sends_at_once);
        }
    }

    /// Whether the target surely knows the key until the end of a start that is made as soon as one may be.
    fn outlives_a_start(&self) -> bool {
        self.now.max(self.quarantine) + DEADLINE < self.first_start + KEY_TTL - KEY_MARGIN
    }

    fn starts(&mut self, who: usize, sends_at_once: bool) {
        let again = self.fence > 0;
        self.fence += 1;
        if !again {
            self.first_start = self.now;
        }
        self.exec = Exec::Started;
        self.deadline = self.now + DEADLINE;
        self.quarantine = self.deadline + QUARANTINE;
        let fence = self.fence;
        let answer = sends_at_once.then(|| self.send(fence));
        let running = Running {
            fence,
            deadline: self.deadline,
            answer,
        };
        self.set(who, Some(running));
        let taken = if again {
            "start: started again"
        } else {
            "start: started"
        };
        self.say("started", taken);
    }

    fn set(&mut self, who: usize, running: Option<Running>) {
        if let Some(place) = self.running.get_mut(who) {
            *place = running;
        }
    }

    pub(crate) fn is_running(&self, who: usize) -> bool {
        self.running.get(who).is_some_and(Option::is_some)
    }

    fn finish(&mut self, who: usize, how: How) {
        let Some(running) = self.running.get_mut(who).and_then(Option::take) else {
            return;
        };
        let in_time = self.now < running.deadline;
        let answer = match (how, running.answer) {
            (How::Well, None) if in_time => Some(self.send(running.fence)),
            (How::Blindly, None) => Some(self.send(running.fence)),
            (_, answer) => answer,
        };
        let exec = match (how, answer) {
            (How::Well | How::Blindly, Some(Answer::Done)) => Exec::Executed,
            (How::Well | How::Blindly, Some(Answer::Refused)) => {
                self.taken.push("finish: refused by its fence");
                Exec::Failed
            }
            (How::Well | How::Blindly, None) => {
                self.taken.push("finish: too late to send");
                Exec::Failed
            }
            (How::Failing, _) => Exec::Failed,
            (How::Unsure, _) => Exec::Unknown,
        };
        self.told = match exec {
            Exec::Executed => "executed",
            Exec::Failed => "did not happen",
            Exec::Unknown | Exec::Never | Exec::Started => "may have happened",
        };
        let latest = running.fence == self.fence && !self.trace_closed;
        match (self.exec, exec) {
            (Exec::Started, _) if latest => {
                self.ends_as(exec);
                self.taken.push(match exec {
                    Exec::Executed => "finish: happened",
                    Exec::Failed if self.is_over() => "finish: failed",
                    Exec::Failed => "finish: failed, another attempt is left",
                    Exec::Unknown | Exec::Never | Exec::Started => "finish: may have happened",
                });
            }
            (Exec::Unknown, Exec::Executed | Exec::Failed) if latest => {
                self.ends_as(exec);
                self.taken.push("finish: late, settles");
            }
            _ => self.taken.push("finish: late, is evidence"),
        }
    }

    fn close(&mut self, commits: bool) {
        let fits = match self.stand {
            Stand::Committed => commits,
            Stand::Aborted | Stand::Rejected => !commits,
            Stand::Open | Stand::Waiting | Stand::Approved => false,
        };
        if fits {
            return self.say("closed", "close: fits");
        }
        let quiet = matches!(self.exec, Exec::Never | Exec::Failed);
        if commits || self.is_over() || !quiet {
            return self.say("refused", "close: refused");
        }
        if self.stand == Stand::Waiting {
            self.judged = Some(Judged::Withdrawn);
        }
        self.end(Stand::Aborted);
        self.say("closed", "close: closed");
    }

    fn outcome(&mut self, is_final: bool) {
        if self.last_outcome == Some(is_final) {
            self.say("already", "outcome: already");
        } else if self.trace_closed {
            self.say("late", "outcome: late");
        } else if self.is_over() {
            self.last_outcome = Some(is_final);
            self.trace_closed = is_final;
            self.say("recorded", "outcome: recorded");
        } else {
            self.say("refused", "outcome: refused");
        }
    }

    fn reconcile(&mut self) {
        self.look();
        if self.exec != Exec::Unknown {
            self.say("not unknown", "reconcile: not unknown");
        } else if self.now < self.quarantine {
            self.say("quarantine", "reconcile: quarantine");
        } else if self.effects > 0 {
            self.ends_as(Exec::Executed);
            self.say("cleared up", "reconcile: executed");
        } else {
            self.ends_as(Exec::Failed);
            self.say("cleared up", "reconcile: not executed");
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Does;

    fn init_state() -> BoxedStrategy<Self> {
        let class = prop_oneof![
            Just(Class::Idempotent),
            Just(Class::Lookup),
            Just(Class::Conditional),
            Just(Class::Opaque),
        ];
        (class, 1..4_u32, any::<bool>())
            .prop_map(|(class, attempts, asks)| Self::new(class, attempts, asks))
            .boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Does> {
        let who = 0..2_usize;
        let long = if model.is_over() { 2 } else { 1 };
        let pass = prop_oneof![
            8 => Just(5), 12 => Just(DEADLINE), 12 => Just(QUARANTINE),
            long => Just(EXPIRY), long => Just(OUTCOME_WINDOW),
        ];
        let blindly = if model.class == Class::Conditional {
            16
        } else {
            1
        };
        let mut may = vec![
            (6, Just(Does::Work).boxed()),
            (1, Just(Does::Restart).boxed()),
            (2, Just(Does::Reconcile).boxed()),
            (
                1,
                any::<bool>()
                    .prop_map(|commits| Does::Close { commits })
                    .boxed(),
            ),
            (
                2,
                any::<bool>()
                    .prop_map(|is_final| Does::Outcome { is_final })
                    .boxed(),
            ),
            (12, pass.prop_map(Does::Pass).boxed()),
        ];
        if model.asks {
            let approves = prop_oneof![4 => Just(true), 1 => Just(false)];
            let answers = (who.clone(), approves);
            let answers = answers.prop_map(|(who, approves)| Does::Answer { who, approves });
            may.push((6, answers.boxed()));
        }
        for who in who {
            if model.is_running(who) {
                let how = prop_oneof![
                    4 => Just(How::Well), 4 => Just(How::Failing), 2 => Just(How::Unsure), blindly => Just(How::Blindly),
                ];
                may.push((
                    8,
                    how.prop_map(move |how| Does::Finish { who, how }).boxed(),
                ));
                may.push((2, Just(Does::Crash { who }).boxed()));
            } else {
                let starts = prop_oneof![2 => Just(false), 1 => Just(true)];
                let starts =
                    starts.prop_map(move |sends_at_once| Does::Start { who, sends_at_once });
                may.push((if model.is_over() { 1 } else { 10 }, starts.boxed()));
            }
        }
        Union::new_weighted(may).boxed()
    }

    fn preconditions(model: &Self, does: &Does) -> bool {
        match does {
            Does::Answer { .. } => model.asks,
            Does::Start { who, .. } => !model.is_running(*who),
            Does::Crash { who } => model.is_running(*who),
            // An effect that the target did is no definite failure.
            Does::Finish { who, how } => {
                let running = model.running.get(*who).copied().flatten();
                running.is_some_and(|one| match how {
                    How::Well | How::Unsure => true,
                    How::Failing => one.answer.is_none(),
                    How::Blindly => one.answer.is_none() && model.class == Class::Conditional,
                })
            }
            Does::Pass(_)
            | Does::Work
            | Does::Restart
            | Does::Close { .. }
            | Does::Outcome { .. }
            | Does::Reconcile => true,
        }
    }

    fn apply(mut model: Self, does: &Does) -> Self {
        model.told = "";
        model.taken.clear();
        match *does {
            Does::Answer { who: _, approves } => model.answer(approves),
            Does::Pass(time) => {
                model.now += time;
                model.taken.push("time");
            }
            Does::Work => model.look(),
            Does::Start { who, sends_at_once } => model.start(who, sends_at_once),
            Does::Finish { who, how } => model.finish(who, how),
            Does::Crash { who } => {
                model.set(who, None);
                model.taken.push("crash");
            }
            Does::Restart => {
                let under_way = model.running.iter().any(Option::is_some);
                model.taken.push(if under_way {
                    "restart: with an effect under way"
                } else {
                    "restart"
                });
                model.running = [None; 2];
            }
            Does::Close { commits } => model.close(commits),
            Does::Outcome { is_final } => model.outcome(is_final),
            Does::Reconcile => model.reconcile(),
        }
        model
    }
}
