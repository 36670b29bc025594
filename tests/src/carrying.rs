//! Carrying one decision through, from wherever it stands: what a host does that was started again after a crash.

use std::time::Duration;

use tokio::sync::oneshot;
use tracemem_sdk::{
    approval::AnswerError,
    decision::{
        event::{EventKind, Finding},
        status::Status,
    },
    guard::Run,
    id::DecisionId,
    store::{Store, StreamId, Version},
    tenant::ReconcileError,
    time::{Clock, SystemClock},
};

use crate::{
    Outcome,
    arrow::Arrow,
    host::Host,
    protocol::{How, Ran, Said, say},
};

/// How long to wait for other workers and for quarantines; no wait here comes near it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a task is delivered again after an error.
const REDELIVERIES: u32 = 20;

/// Carries the task's decision to its end with a worker beside it, and tells the parent what came of it.
///
/// # Errors
/// Where a part fails that no retry of the host would mend.
pub async fn carry(host: &Host) -> Outcome {
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = host.tracemem.spawn_worker(async {
        // Both are the word to stop: a message, and a dropped sender.
        let _ = stopped.await;
    });
    let ran = carry_through(host).await?;
    host.store.meet(Arrow::Done).await?;
    say(&Said::Ran(ran))?;
    drop(stop);
    worker.await??;
    host.close().await
}

async fn carry_through(host: &Host) -> Outcome<Ran> {
    let mut patience = None;
    let mut deliveries = 0..if host.task.redelivers {
        REDELIVERIES
    } else {
        0
    };
    loop {
        let guarded = host.guard(&host.task.key, patience).await?;
        let ran = host.told(&guarded)?;
        match (&guarded, ran.how) {
            (Ok(Run::Pending(pending)), _) => {
                let decision = pending.decision().clone();
                delivered(host, &decision).await?;
                approve(host, &decision).await?;
                host.store.meet(Arrow::Answered).await?;
            }
            (_, How::Busy) => patience = Some(PATIENCE),
            // On a slow machine a deadline passes before the effect is sent, or a lock is held for too long.
            (_, How::DidNotHappen | How::NotStarted | How::RolledBack | How::Unconfirmed)
                if deliveries.next().is_some() => {}
            _ => return Ok(ran),
        }
    }
}

/// Waits until the approval was handed over, or somebody answered it all the same.
async fn delivered(host: &Host, decision: &DecisionId) -> Outcome {
    let tenant = host.tenant()?;
    let stream = StreamId::Decision(decision.clone());
    loop {
        let trace = tenant.auditor().trace(decision).await?;
        let waits = trace.state().status() == Status::NeedsApproval;
        let mut events = trace.events().iter();
        if !waits || events.any(|event| event.kind == EventKind::DeliveryAttempted) {
            return Ok(());
        }
        let seen = trace.events().last().map_or(0, |event| event.seq);
        host.store.wait(tenant.id(), &stream, Version(seen)).await?;
    }
}

/// Approves. Somebody who was faster is as good.
///
/// # Errors
/// Where the answer does not count for another reason.
pub async fn approve(host: &Host, decision: &DecisionId) -> Outcome {
    let approver = host.tenant()?.approver(host.person()?);
    match approver
        .approve(&decision.approval(), Some("checked"))
        .await
    {
        Ok(_) | Err(AnswerError::AlreadyResolved(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A human looks at the target, says what they found, and the decision is carried through.
///
/// # Errors
/// Where the finding does not count.
pub async fn resolve(host: &Host) -> Outcome {
    let decision = host.agent()?.decide(&host.request(&host.task.key)?).await?;
    let start = decision.state().start.as_ref();
    let key = start.map(|start| start.claims.idempotency_key.clone());
    let known = host
        .target
        .knows(&key.ok_or("there is no start to clear up")?)?;
    let finding = match known {
        true => Finding::Executed,
        false => Finding::NotExecuted,
    };
    let admin = host.tenant()?.admin(host.person()?);
    loop {
        match admin
            .reconcile(decision.id(), finding, "looked at the target")
            .await
        {
            Ok(_) => break,
            Err(ReconcileError::Quarantine(until)) => SystemClock.sleep_until(until).await,
            Err(error) => return Err(error.into()),
        }
    }
    carry(host).await
}
