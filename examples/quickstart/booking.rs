//! The main job: the discount is proposed, a human is asked, and it is booked, at most once, however often this is run.
//!
//! It is what a host writes around its own side effect. One loop over [`Guard::run`](tracemem_sdk::guard::Guard::run): what the guard says
//! is either final, or it names what to wait for. A process that died at any point is cleared up by the same loop the next time.

use std::time::Duration;

use serde::Deserialize;
use tracemem_sdk::{
    decision::{
        DecisionRequest, Outcome, Trace,
        status::{ExecutionState, TraceEnd},
    },
    guard::{
        BlockReason, DeadlinePassed, EffectError, Execution, GuardError, LookupAnswer, Pending,
        Permit, ResultExt, Run, Safety, Waited,
    },
    id::DecisionId,
    tenant::Agent,
    time::{Clock, SystemClock},
};

use crate::{
    Failure, answering,
    desk::{AGENT, Desk},
    kill::{Kill, Point},
    ledger::{Entry, Ledger, LedgerError},
    options::Answering,
    voice::Voice,
};

const REQUEST: &[u8] = include_bytes!("../data/discount_request.json");

/// The name of this one operation. Whoever proposes the discount again, for whatever reason, does so under the same key.
const KEY: &str = "annual-plan-discount/sub_1042";

/// How often a person is told that they are waited for.
const REMINDER: Duration = Duration::from_secs(60);

/// Everything the job needs.
#[derive(Debug)]
pub(crate) struct Booking<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) ledger: Ledger,
    pub(crate) kill: Kill,
    pub(crate) answering: Answering,
    pub(crate) voice: Voice,
}

/// What the discount is, as it stands in the request.
#[derive(Debug, Clone, Deserialize)]
struct Discount {
    target_system: String,
    target_object_id: String,
    mutation: String,
    discount_percent: f64,
}

/// The discount was not booked, or nobody knows.
#[derive(Debug, thiserror::Error)]
enum NotBooked {
    #[error("it came too late")]
    Late(#[source] DeadlinePassed),
    #[error("the ledger failed")]
    Ledger(#[source] LedgerError),
    #[error("the marker of `--kill-at` cannot be written")]
    Marker(#[source] std::io::Error),
}

impl Booking<'_> {
    /// Runs the job to its end, and says which decision it was.
    pub(crate) async fn run(&self) -> Result<DecisionId, Failure> {
        let agent = self.desk.tenant.agent(AGENT.parse()?);
        let request = DecisionRequest::from_json(KEY.parse()?, REQUEST)?;
        let discount = discount()?;
        loop {
            let guard = agent.guard(request.clone(), self.safety());
            match guard.run(|permit| self.book(permit, &discount)).await {
                Ok(Run::Executed { value, trace, .. }) => {
                    self.voice.say(format!("booked `{value}` in the ledger"));
                    self.kill.after(Point::Receipt)?;
                    return Ok(trace.decision().clone());
                }
                Ok(Run::Replayed { trace }) => return self.replayed(&agent, &trace).await,
                Ok(Run::Pending(pending)) => self.wait_for_answer(&pending).await?,
                Ok(Run::Busy { until, trace }) => {
                    self.voice.say(match trace.state().execution() {
                        ExecutionState::Unknown => format!(
                            "the ledger has no such entry; a booking that is still on its way could arrive until {until} (quarantine)"
                        ),
                        _ => format!("the booking was started before; whoever started it has until {until} (deadline)"),
                    });
                    SystemClock.sleep_until(until).await;
                }
                Ok(Run::Blocked { reason, trace }) => return self.blocked(reason, &trace),
                Ok(Run::Uncertain { trace }) => {
                    let decision = trace.decision();
                    return Err(format!("nobody knows whether the discount of `{decision}` was booked: mend the ledger, and run this again").into());
                }
                Err(error) => self.failed(&agent, error).await?,
            }
        }
    }

    /// What the billing system can be asked: whether it knows our reference.
    fn safety(&self) -> Safety {
        let ledger = self.ledger.clone();
        Safety::lookup(move |key: String| {
            let ledger = ledger.clone();
            async move {
                Ok(match ledger.find(&key)? {
                    Some(entry) => LookupAnswer::found(entry.entry_id),
                    None => LookupAnswer::absent(),
                })
            }
        })
    }

    /// The side effect. It is called with a permit only, and its start is on the disk by then.
    async fn book(
        &self,
        permit: Permit,
        discount: &Discount,
    ) -> Result<Execution<String>, EffectError<NotBooked>> {
        self.kill
            .after(Point::Started)
            .map_err(NotBooked::Marker)
            .did_not_happen()?;
        permit
            .check_deadline()
            .map_err(NotBooked::Late)
            .did_not_happen()?;
        let entry = Entry {
            entry_id: format!("led_{}_{}", discount.target_object_id, permit.fence()),
            idempotency_key: permit.idempotency_key().to_owned(),
            mutation: discount.mutation.clone(),
            subscription: discount.target_object_id.clone(),
            discount_percent: discount.discount_percent,
            booked_at: self.desk.tracemem.now().to_string(),
        };
        let entry_id = entry.entry_id.clone();
        let booked = self.ledger.book(entry).map_err(|error| match error {
            EffectError::DidNotHappen(error) => EffectError::DidNotHappen(NotBooked::Ledger(error)),
            EffectError::MayHaveHappened(error) => {
                EffectError::MayHaveHappened(NotBooked::Ledger(error))
            }
        })?;
        self.kill
            .after(Point::Effect)
            .map_err(NotBooked::Marker)
            .may_have_happened()?;
        let execution = permit
            .executed(entry_id.clone())
            .on_target(
                &discount.target_system,
                &discount.target_object_id,
                &discount.mutation,
            )
            .state(booked.before, booked.after)
            .outcome(outcome(discount));
        Ok(execution.returning(entry_id))
    }

    /// A human is asked: tells who and where, and waits until the approval is answered or has expired.
    async fn wait_for_answer(&self, pending: &Pending) -> Result<(), Failure> {
        self.voice
            .say(format!("`{}` waits for an approval", pending.decision()));
        self.kill.after(Point::Decide)?;
        let approval = self
            .desk
            .tracemem
            .approval(self.desk.tenant.id(), &pending.approval())
            .await?;
        let links = self.desk.links(&approval.message).await?;
        for link in &links {
            self.voice.say(format!(
                "to answer as {}, open\n\n  {}\n",
                link.approver,
                link.url.expose()
            ));
        }
        match (self.answering, links.first()) {
            (Answering::Auto, Some(link)) => {
                answering::approve(link.url.expose()).await?;
                self.voice
                    .say(format!("answered as {}, by itself", link.approver));
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
            .report_outcome(&decision, &outcome(&discount()?))
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

fn discount() -> serde_json::Result<Discount> {
    #[derive(Deserialize)]
    struct Request {
        context: Discount,
    }
    serde_json::from_slice::<Request>(REQUEST).map(|request| request.context)
}

/// What the business sees once it is booked.
fn outcome(discount: &Discount) -> Outcome {
    Outcome::succeeded()
        .action_taken(format!(
            "{} on {}",
            discount.mutation, discount.target_object_id
        ))
        .metric("discount_percent", discount.discount_percent)
}
