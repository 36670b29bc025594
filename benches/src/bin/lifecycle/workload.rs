//! The workloads: what each caller does, one lifecycle after the other, until the time is over.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tracemem_sdk::{
    TraceMem,
    decision::Outcome,
    guard::{EffectError, Execution, Permit, Run, Safety},
    tenant::{Agent, Approver},
};

use super::{
    Failed, host,
    options::{Options, Workload},
    remote::Remote,
    report::{Measured, now},
};

/// How long a waiter waits; nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who answers.
#[derive(Debug, Clone)]
enum Answering {
    /// Nobody needs to.
    Nobody,
    /// An approver of this process.
    Here(Approver),
    /// An approver of another process.
    Elsewhere(Remote),
}

/// Runs the workload of these options on a host.
pub(crate) async fn run(tracemem: &TraceMem, options: &Options) -> Result<Measured, Failed> {
    let agent = Arc::new(host::agent(tracemem)?);
    let answering = match options.workload {
        Workload::Allowed => Answering::Nobody,
        Workload::Asked => Answering::Here(host::approver(tracemem)?),
        Workload::AskedElsewhere => Answering::Elsewhere(Remote::start(options)?),
    };
    let begun = now();
    let end = begun + options.time;
    let mut callers = JoinSet::new();
    for number in 0..options.concurrency.get() {
        let caller = Caller {
            agent: Arc::clone(&agent),
            answering: answering.clone(),
            name: format!("{}-{number}", begun.as_micros()),
        };
        callers.spawn(caller.run(end));
    }
    let mut latencies = Vec::new();
    while let Some(done) = callers.join_next().await {
        latencies.extend(done??);
    }
    let time = now().saturating_sub(begun);
    if let Answering::Elsewhere(remote) = answering {
        remote.end().await?;
    }
    Ok(Measured {
        time,
        lifecycles: latencies.len() as u64,
        latencies,
    })
}

/// Runs one lifecycle of a workload whose approver, if it needs one, is in this process.
pub(crate) async fn once(tracemem: &TraceMem, workload: Workload) -> Result<(), Failed> {
    let answering = match workload {
        Workload::Allowed => Answering::Nobody,
        Workload::Asked | Workload::AskedElsewhere => Answering::Here(host::approver(tracemem)?),
    };
    let caller = Caller {
        agent: Arc::new(host::agent(tracemem)?),
        answering,
        name: format!("{}-0", now().as_micros()),
    };
    caller.lifecycle(0).await.map(drop)
}

struct Caller {
    agent: Arc<Agent>,
    answering: Answering,
    name: String,
}

impl Caller {
    async fn run(self, end: Duration) -> Result<Vec<Duration>, Failed> {
        let mut latencies = Vec::new();
        for turn in 0_u64.. {
            if now() >= end {
                break;
            }
            latencies.push(self.lifecycle(turn).await?);
        }
        Ok(latencies)
    }

    async fn lifecycle(&self, turn: u64) -> Result<Duration, Failed> {
        let name = format!("{}-{turn}", self.name);
        match &self.answering {
            Answering::Nobody => self.allowed(&name).await,
            Answering::Here(_) | Answering::Elsewhere(_) => self.asked(&name).await,
        }
    }

    async fn allowed(&self, name: &str) -> Result<Duration, Failed> {
        let begun = now();
        let request = host::request(Workload::Allowed, name)?;
        let run = self.agent.guard(request, Safety::Opaque).run(effect);
        executed(&run.await?)?;
        Ok(now().saturating_sub(begun))
    }

    async fn asked(&self, name: &str) -> Result<Duration, Failed> {
        let request = host::request(Workload::Asked, name)?;
        let Run::Pending(pending) = self
            .agent
            .guard(request, Safety::Opaque)
            .run(effect)
            .await?
        else {
            return Err("nobody was asked".into());
        };
        let mut started = Duration::ZERO;
        let resumed = self
            .agent
            .resume(pending.decision().clone(), Safety::Opaque)
            .wait(PATIENCE)
            .run(async |permit| {
                started = now();
                effect(permit).await
            });
        // The waiter is polled first, and needs two reads before it is parked; the answer needs a read and a durable commit.
        let approval = pending.approval();
        let (run, answered) = tokio::join!(biased; resumed, self.answer(&approval));
        executed(&run?)?;
        Ok(started.saturating_sub(answered?))
    }

    /// Approves, and tells when the answering call returned.
    async fn answer(&self, approval: &tracemem_sdk::id::ApprovalId) -> Result<Duration, Failed> {
        match &self.answering {
            Answering::Nobody => Err("there is nobody to answer".into()),
            Answering::Here(approver) => {
                approver.approve(approval, None).await?;
                Ok(now())
            }
            Answering::Elsewhere(remote) => remote.approve(approval).await,
        }
    }
}

async fn effect(permit: Permit) -> Result<Execution<()>, EffectError<Infallible>> {
    Ok(permit.executed("re_1").outcome(Outcome::succeeded()))
}

fn executed<T>(run: &Run<T>) -> Result<(), Failed> {
    match run {
        Run::Executed { .. } => Ok(()),
        other => Err(format!("`{}` did not run", other.decision()).into()),
    }
}
