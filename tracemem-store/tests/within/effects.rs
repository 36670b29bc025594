//! Guarded effects in the host's own table, and what is there whatever becomes of their transaction.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};
use tracemem_sdk::{
    guard::{Effect, GuardError, Permit, RecordError, Run},
    store::{Store, StreamId, Version},
};

use super::ground::{DEADLINE, Failure, Ground, Tested, insert, stands};

#[tokio::test]
async fn effect_and_receipt_are_committed_together() -> Tested {
    let ground = Ground::new().await?;
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    ground.check(1).await?;
    let again = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(again, Run::Replayed { .. }));
    ground.check(1).await
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_leaves_neither_and_the_effect_runs_again_at_once()
-> Tested {
    let ground = Ground::new().await?;
    let rolled_back = ground
        .guard(async |permit: Permit| {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let done = done
                .record_within(&ground.store.within(&transaction))
                .await?;
            transaction.rollback().await?;
            Ok(done)
        })
        .await?;
    assert!(matches!(
        rolled_back,
        Err(GuardError::RolledBack { error: None, .. })
    ));
    assert!(ground.payouts().await?.is_empty());
    assert_eq!(stands(&ground.trace().await?), "open/failed");
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    ground.check(2).await
}

#[tokio::test]
async fn an_effect_that_fails_after_its_receipt_leaves_neither() -> Tested {
    let ground = Ground::new().await?;
    let failed = ground
        .guard(async |permit: Permit| {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let _lost = done
                .record_within(&ground.store.within(&transaction))
                .await?;
            Err("the account is closed".into())
        })
        .await?;
    let Err(failed) = failed else {
        return Err("it did not fail".into());
    };
    assert_eq!(failed.effect(), Effect::DidNotHappen);
    assert!(matches!(
        failed,
        GuardError::RolledBack { error: Some(_), .. }
    ));
    assert!(ground.payouts().await?.is_empty());
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    ground.check(2).await
}

#[tokio::test]
async fn a_worker_that_comes_too_late_can_record_no_receipt_and_its_effect_is_taken_back() -> Tested
{
    let ground = Arc::new(Ground::new().await?);
    let (stands_there, is_there) = oneshot::channel();
    let late = Arc::new(Semaphore::new(0));
    let (waits, theirs) = (Arc::clone(&late), Arc::clone(&ground));
    let zombie = tokio::spawn(async move {
        let run = theirs.guard(async |permit: Permit| {
            stands_there.send(()).map_err(|()| "nobody listens")?;
            let _ = waits.acquire().await?;
            theirs.pay(permit).await
        });
        run.await
    });
    is_there.await?;
    tokio::time::sleep(DEADLINE).await;
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    late.add_permits(1);
    let Err(GuardError::RolledBack {
        error: Some(error), ..
    }) = zombie.await??
    else {
        return Err("the zombie was not rolled back".into());
    };
    let refused = error.downcast::<RecordError>();
    assert!(matches!(
        refused.as_deref(),
        Ok(RecordError::GivenUp { fence: 1 })
    ));
    ground.check(2).await
}

#[tokio::test]
async fn who_waits_for_the_decision_is_woken_by_the_hosts_commit() -> Tested {
    let ground = Ground::new().await?;
    let stream = std::sync::Mutex::new(None);
    let waits = async {
        let decision = loop {
            let known = stream.lock().map_err(|_| "a lock is poisoned")?.clone();
            match known {
                Some(decision) => break decision,
                None => tokio::task::yield_now().await,
            }
        };
        let before = Version(4);
        let stream = StreamId::Decision(decision);
        ground.store.wait(&"acme".parse()?, &stream, before).await?;
        let head = ground.store.head(&"acme".parse()?, &stream).await?;
        Ok::<_, Failure>(head.map(|head| head.version))
    };
    let pays = ground.guard(async |permit: Permit| {
        let decision = permit.decision().clone();
        *stream.lock().map_err(|_| "a lock is poisoned")? = Some(decision);
        ground.pay(permit).await
    });
    let (seen, paid) = tokio::join!(waits, pays);
    assert!(matches!(paid??, Run::Executed { .. }));
    assert_eq!(seen?, Some(Version(8)));
    Ok(())
}
