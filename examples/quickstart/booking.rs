//! The main job: the discount is proposed, a human is asked, and it is booked, at most once, however often this is run.
//!
//! It is what a host writes around its own side effect. One loop over [`Guard::run`](tracemem_sdk::guard::Guard::run): what the guard says
//! is either final, or it names what to wait for. A process that died at any point is cleared up by the same loop the next time.

use std::time::Duration;

use tracemem_sdk::{
    decision::{
        Trace,
        status::{ExecutionState, TraceEnd},
    },
    guard::{BlockReason, GuardError, Pending, Run, Waited},
    id::DecisionId,
    tenant::Agent,
    time::{Clock, SystemClock, Timestamp},
};

use crate::{
    Failure,
    answering::{self, Sent},
    desk::{AGENT, Desk},
    discount::{self, Discount, NotBooked},
    kill::{Kill, Point},
    ledger::Ledger,
    options::Answering,
    voice::Voice,
};

/// How often a person is told that they are waited for.
const REMINDER: Duration = Duration::from_secs(60);

/// Everything the job needs.
#[derive(Debug)]
pub(crate) struct Booking<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) discount: Discount,
    pub(crate) ledger: Ledger,
    pub(crate) kill: Kill,
    pub(crate) answering: Answering,
    pub(crate) voice: Voice,
}

impl Booking<'_> {
    /// Runs the job to its end, and says which decision it was.
    pub(crate) async fn run(&self) -> Result<DecisionId, Failure> {
        let Self {
            desk,
            discount,
            ledger,
            kill,
            ..
        } = self;
        let agent = desk.tenant.agent(AGENT.parse()?);
        let request = discount::request()?;
        loop {
            let guard = agent.guard(request.clone(), discount::safety(ledger));
            let book = |permit| discount.book(permit, ledger, kill, desk.tracemem.now());
            match guard.run(book).await {
                Ok(Run::Executed { value, trace, .. }) => {
                    self.voice.say(format!("booked `{value}` in the ledger"));
                    kill.after(Point::Receipt)?;
                    return Ok(trace.decision().clone());
                }
                Ok(Run::Replayed { trace }) => return self.replayed(&agent, &trace).await,
                Ok(Run::Pending(pending)) => self.wait_for_answer(&pending).await?,
                Ok(Run::Busy { until, trace }) => {
                    self.say_why_it_waits(&trace, until);
                    SystemClock.sleep_until(until).await;
                }
                Ok(Run::Blocked { reason, trace }) => return self.blocked(reason, &trace),
                Ok(Run::Uncertain { trace }) => return Err(uncertain(&trace)),
                Err(error) => self.failed(&agent, error).await?,
            }
        }
    }

    /// Somebody started it and is at it, or died at it: the guard waits until nothing of that start can come any more.
    fn say_why_it_waits(&self, trace: &Trace, until: Timestamp) {
        self.voice.say(match trace.state().execution() {
            ExecutionState::Unknown => {
                format!("the ledger has no entry; one that is on its way could come until {until} (quarantine)")
            }
            _ => format!("the booking was started before; whoever started it has until {until} (deadline)"),
        });
    }

    /// A human is asked: tells who and where, and waits until the approval is answered or has expired.
    async fn wait_for_answer(&self, pending: &Pending) -> Result<(), Failure> {
        self.voice
            .say(format!("`{}` waits for an approval", pending.decision()));
        self.kill.after(Point::Decide)?;
        let links = self.desk.links(pending).await?;
        for link in &links {
            self.voice.say(format!(
                "to answer as {}, open\n\n  {}\n",
                link.approver,
                link.url.expose()
            ));
        }
        match (self.answering, links.first()) {
            (Answering::Auto, Some(link)) => {
                self.voice
                    .say(match answering::approve(link.url.expose()).await? {
                        Sent::Taken => format!("answered as {}, by itself", link.approver),
                        Sent::NothingAsked => "it is answered already".to_owned(),
                    });
            }
            (Answering::Auto, None) => {
                return Err("the approval lists nobody who may answer it".into());
            }
            (Answering::Person, _) => {}
        }
        loop {
            match pending.wait(REMINDER).await? {
                Waited::Approved(_) => return Ok(self.kill.after(Point::Approve)?),
                Waited::Ended(_) => return Ok(()),
                Waited::StillPending => self.voice.say("still waiting for an answer"),
            }
        }
    }

    /// It was booked before this call: by an earlier run, which may have died before it reported the outcome.
    async fn replayed(&self, agent: &Agent, trace: &Trace) -> Result<DecisionId, Failure> {
        let decision = trace.decision().clone();
        if trace.state().position.trace == TraceEnd::Closed {
            self.voice
                .say(format!("`{decision}` was finished before; nothing is run"));
            return Ok(decision);
        }
        self.voice
            .say("the ledger has the entry of the earlier run; nothing is booked again");
        agent
            .report_outcome(&decision, &self.discount.outcome())
            .await?;
        self.kill.after(Point::Receipt)?;
        Ok(decision)
    }

    /// It is not booked. Whether that is how it should end depends on the reason.
    fn blocked(&self, reason: BlockReason, trace: &Trace) -> Result<DecisionId, Failure> {
        let decision = trace.decision();
        match reason {
            BlockReason::Denied
            | BlockReason::Rejected
            | BlockReason::Expired
            | BlockReason::Lapsed
            | BlockReason::Aborted => {
                self.voice.say(format!("nothing is booked: {reason}"));
                Ok(decision.clone())
            }
            BlockReason::NeedsInput
            | BlockReason::PolicyError
            | BlockReason::Failed
            | BlockReason::Skipped
            | BlockReason::Reverted
            | BlockReason::OtherTarget => {
                Err(format!("`{decision}` cannot go on: {reason}").into())
            }
        }
    }

    /// The guard says for each error whether the discount was booked, and what may be done about it.
    async fn failed(&self, agent: &Agent, error: GuardError<NotBooked>) -> Result<(), Failure> {
        match error {
            // This machine was too slow. The guard tries again while the request has attempts left.
            GuardError::DidNotHappen {
                error: NotBooked::Late(late),
                ..
            } => {
                self.voice.say(format!("nothing was booked: {late}"));
                Ok(())
            }
            // The guard asks the ledger the next time.
            GuardError::MayHaveHappened {
                error: Some(error), ..
            } => {
                self.voice.say(format!(
                    "the discount may have been booked: {}",
                    crate::chain(&error)
                ));
                Ok(())
            }
            // The discount is booked and the store was away for a while: the receipt is not lost.
            GuardError::Unrecorded { receipt, .. } => {
                agent.report_receipt(&receipt).await?;
                Ok(())
            }
            GuardError::DidNotHappen { error, .. } => Err(error.into()),
            other => Err(other.into()),
        }
    }
}

fn uncertain(trace: &Trace) -> Failure {
    let decision = trace.decision();
    format!("nobody knows whether the discount of `{decision}` was booked, because the ledger cannot be asked: mend it, and run this again").into()
}
