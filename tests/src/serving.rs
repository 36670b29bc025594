//! The other works of a child: racing, waiting, delivering, locking, and doing what it is ordered.

use std::{sync::atomic::Ordering, time::Duration};

use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::oneshot;
use tracemem_sdk::{
    guard::{ExecutionReceipt, GuardError, Waited},
    id::DecisionId,
    time::{Clock, SystemClock},
};

use crate::{
    Outcome,
    carrying::approve,
    chain,
    gates::await_word,
    host::{Guarded, Host},
    protocol::{Order, Said, Task, hear, say},
    starving,
};

/// Waits for the word, and guards the effect once.
///
/// # Errors
/// Where the parent is gone, or the request is refused.
pub async fn race(host: &Host) -> Outcome {
    say(&Said::Ready)?;
    await_word()?;
    let guarded = host.guard(&host.task.key, None).await?;
    say(&Said::Ran(host.told(&guarded)?))?;
    host.close().await
}

/// Waits for the answer to an approval.
///
/// # Errors
/// Where the decision is not found, or waiting fails.
pub async fn wait(host: &Host, decision: &DecisionId) -> Outcome {
    let pending = host.agent()?.pending(decision).await?;
    say(&Said::Ready)?;
    let waited = pending.wait(Duration::from_secs(60)).await?;
    let at = SystemClock.now().as_micros();
    let status = match waited {
        Waited::Approved(decision) | Waited::Ended(decision) => decision.status().to_string(),
        Waited::StillPending => "still_pending".to_owned(),
    };
    say(&Said::Woke(at, status))?;
    host.close().await
}

/// Runs a worker until the word.
///
/// # Errors
/// Where the worker fails, or the parent is gone.
pub async fn deliver(host: &Host) -> Outcome {
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = host.tracemem.spawn_worker(async {
        // Both are the word to stop: a message, and a dropped sender.
        let _ = stopped.await;
    });
    say(&Said::Ready)?;
    await_word()?;
    drop(stop);
    worker.await??;
    host.close().await
}

/// Holds the write lock of the task's file until the word, as any other program could.
///
/// # Errors
/// Where the lock cannot be had, or the parent is gone.
pub async fn lock(task: &Task) -> Outcome {
    let busy = Duration::from_millis(task.busy_ms);
    let database = task.place.connect(busy).await?;
    let transaction = database
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    say(&Said::Ready)?;
    await_word()?;
    transaction.rollback().await?;
    Ok(database.close().await?)
}

/// Does what it is ordered, until the parent has no more orders.
///
/// # Errors
/// Where an order cannot be read. What an order fails with is told.
pub async fn serve(host: &Host) -> Outcome {
    say(&Said::Ready)?;
    let mut unrecorded = None;
    while let Some(line) = hear()? {
        let order = serde_json::from_str(&line)?;
        let said = match obey(host, order, &mut unrecorded).await {
            Ok(said) => said,
            Err(error) => Said::Failed(chain(error.as_ref())),
        };
        say(&said)?;
    }
    host.close().await
}

async fn obey(
    host: &Host,
    order: Order,
    unrecorded: &mut Option<Box<ExecutionReceipt>>,
) -> Outcome<Said> {
    Ok(match order {
        Order::Guard(key) => {
            let guarded: Guarded = host.guard(&key, None).await?;
            let said = Said::Ran(host.told(&guarded)?);
            if let Err(GuardError::Unrecorded { receipt, source: _ }) = guarded {
                *unrecorded = Some(receipt);
            }
            said
        }
        Order::Decide(key) => {
            let decision = host.agent()?.decide(&host.request(&key)?).await?;
            Said::Decided(decision.id().clone())
        }
        Order::Approve(decision) => {
            approve(host, &decision).await?;
            Said::Answered(SystemClock.now().as_micros())
        }
        Order::Limit => {
            starving::limit(&host.task.place.dir)?;
            Said::Obeyed
        }
        Order::LimitInEffect => {
            host.starve_in_effect.store(true, Ordering::Relaxed);
            Said::Obeyed
        }
        Order::Lift => {
            starving::lift()?;
            Said::Obeyed
        }
        Order::Report => {
            let receipt = unrecorded.as_ref().ok_or("there is no receipt to report")?;
            host.agent()?.report_receipt(receipt).await?;
            *unrecorded = None;
            Said::Obeyed
        }
    })
}
