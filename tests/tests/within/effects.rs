//! Guarded effects in the host's own table, and what is there whatever becomes of their transaction.

use std::pin::pin;

use tokio::sync::{Semaphore, oneshot};
use tracemem_sdk::{
    guard::{Effect, GuardError, Permit, RecordError, ResultExt, Run, Safety},
    store::{StreamId, Version},
};

use super::{
    ground::{Failure, Ground, Tested, insert, request, stands},
    on_both,
};

on_both! {
    effect_and_receipt_are_committed_together;
    a_transaction_that_is_rolled_back_leaves_neither_and_the_effect_runs_again_at_once;
    an_effect_that_fails_after_its_receipt_leaves_neither;
    a_worker_that_comes_too_late_can_record_no_receipt_and_its_effect_is_taken_back;
    who_waits_for_the_decision_is_woken_by_the_hosts_commit;
    a_transaction_that_outlives_its_effect_keeps_the_guard_from_finding_out_and_nothing_happens;
    a_transaction_that_is_handed_out_as_the_effects_value_is_let_go_and_rolled_back;
}

async fn effect_and_receipt_are_committed_together(ground: Ground) -> Tested {
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    ground.check(1).await?;
    let again = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(again, Run::Replayed { .. }));
    ground.check(1).await
}

async fn a_transaction_that_is_rolled_back_leaves_neither_and_the_effect_runs_again_at_once(
    ground: Ground,
) -> Tested {
    let rolled_back = ground
        .guard(async |permit: Permit| {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let done = done.record_within(&ground.within(&transaction)).await?;
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

async fn an_effect_that_fails_after_its_receipt_leaves_neither(ground: Ground) -> Tested {
    let failed = ground
        .guard(async |permit: Permit| {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let _lost = done.record_within(&ground.within(&transaction)).await?;
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

async fn a_worker_that_comes_too_late_can_record_no_receipt_and_its_effect_is_taken_back(
    ground: Ground,
) -> Tested {
    let (stands_there, is_there) = oneshot::channel();
    let late = Semaphore::new(0);
    let mut zombie = pin!(ground.guard(async |permit: Permit| {
        stands_there.send(()).map_err(|()| "nobody listens")?;
        let _ = late.acquire().await?;
        ground.pay(permit).await
    }));
    tokio::select! {
        ended = &mut zombie => return Err(format!("it ended too soon: {ended:?}").into()),
        there = is_there => there?,
    }
    ground.pass_deadline();
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    late.add_permits(1);
    let Err(GuardError::RolledBack {
        error: Some(error), ..
    }) = zombie.await?
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

async fn who_waits_for_the_decision_is_woken_by_the_hosts_commit(ground: Ground) -> Tested {
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
        ground
            .store()
            .wait(&"acme".parse()?, &stream, before)
            .await?;
        let head = ground.store().head(&"acme".parse()?, &stream).await?;
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

async fn a_transaction_that_outlives_its_effect_keeps_the_guard_from_finding_out_and_nothing_happens(
    ground: Ground,
) -> Tested {
    let mut kept = None;
    let keeps = &mut kept;
    let unsaid = ground
        .guard(async |permit: Permit| {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let done = done.record_within(&ground.within(&transaction)).await?;
            *keeps = Some(transaction);
            Ok(done)
        })
        .await?;
    assert!(matches!(unsaid, Err(GuardError::Unconfirmed { .. })));
    drop(kept.ok_or("the effect was not called")?);
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    ground.check(2).await
}

async fn a_transaction_that_is_handed_out_as_the_effects_value_is_let_go_and_rolled_back(
    ground: Ground,
) -> Tested {
    let guard = ground.agent()?.guard(request()?, Safety::SameTransaction);
    let run = guard.run(async |permit: Permit| {
        let paid = async {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let done = done.record_within(&ground.within(&transaction)).await?;
            Ok::<_, Failure>(done.returning(transaction))
        };
        paid.await.may_have_happened()
    });
    assert!(matches!(
        run.await,
        Err(GuardError::RolledBack { error: None, .. })
    ));
    assert!(ground.payouts().await?.is_empty());
    assert_eq!(stands(&ground.trace().await?), "open/failed");
    Ok(())
}
