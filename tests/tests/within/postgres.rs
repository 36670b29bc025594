//! What is true of Postgres only: it has many writers at a time, and a transaction holds no more than the rows it has written.

use std::pin::pin;

use sea_orm::{ConnectionTrait, IsolationLevel, Statement, TransactionTrait};
use tokio::sync::{Semaphore, oneshot};
use tracemem_sdk::{
    guard::{GuardError, Permit, Run},
    store::{Committed, HostTransaction, StoreErrorKind, Version},
};

use super::{
    ground::{Failure, Ground, Tested, insert},
    writes::step,
};

#[tokio::test]
async fn a_worker_that_sleeps_in_its_transaction_holds_nobody_off_and_can_record_no_receipt()
-> Tested {
    let ground = Ground::postgres().await?;
    let (stands_there, is_there) = oneshot::channel();
    let late = Semaphore::new(0);
    let mut zombie = pin!(ground.guard(async |permit: Permit| {
        let transaction = ground.begin().await?;
        insert(&transaction, permit.fence()).await?;
        stands_there.send(()).map_err(|()| "nobody listens")?;
        let _ = late.acquire().await?;
        let done = permit.executed("payout_1");
        let done = done.record_within(&ground.within(&transaction)).await?;
        transaction.commit().await?;
        Ok(done)
    }));
    tokio::select! {
        ended = &mut zombie => return Err(format!("it ended too soon: {ended:?}").into()),
        there = is_there => there?,
    }
    ground.pass_deadline();
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    late.add_permits(1);
    assert!(matches!(
        zombie.await?,
        Err(GuardError::RolledBack { error: Some(_), .. })
    ));
    ground.check(2).await
}

#[tokio::test]
async fn a_transaction_that_holds_a_decision_fails_nobody_who_writes_to_another() -> Tested {
    let ground = Ground::postgres().await?;
    for number in [1, 2] {
        let opened = ground.store().commit(step(number, 0, 1)?).await?;
        assert_eq!(opened, Committed::Written(Version(1)));
    }
    let transaction = ground.begin().await?;
    let within = ground.within(&transaction);
    let written = within.write(step(1, 1, 1)?).await?;
    assert_eq!(written, Committed::Written(Version(2)));
    // However they are grouped.
    let (held, free, new) = tokio::join!(
        ground.store().commit(step(1, 1, 2)?),
        ground.store().commit(step(2, 1, 1)?),
        ground.store().commit(step(3, 0, 1)?),
    );
    assert_eq!(
        held.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    assert_eq!(free?, Committed::Written(Version(2)));
    assert_eq!(new?, Committed::Written(Version(1)));
    transaction.commit().await?;
    let moved = ground.store().commit(step(1, 1, 2)?).await?;
    assert_eq!(moved, Committed::HeadMoved);
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_reads_an_older_snapshot_is_refused_and_leaves_nothing() -> Tested {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let ground = Ground::postgres().await?;
        let opened = ground.store().commit(step(1, 0, 1)?).await?;
        assert_eq!(opened, Committed::Written(Version(1)));
        let transaction = ground.host.begin_with_config(Some(level), None).await?;
        insert(&transaction, 7).await?;
        let moved = ground.store().commit(step(1, 1, 1)?).await?;
        assert_eq!(moved, Committed::Written(Version(2)));
        let within = ground.within(&transaction);
        let late = within.write(step(1, 1, 2)?).await;
        assert_eq!(
            late.map_err(|error| error.kind()),
            Err(StoreErrorKind::Unavailable)
        );
        transaction.rollback().await?;
        assert!(ground.payouts().await?.is_empty());
        let next = ground.store().commit(step(1, 2, 1)?).await?;
        assert_eq!(next, Committed::Written(Version(3)));
    }
    Ok(())
}

#[tokio::test]
async fn the_commit_waits_for_the_disk_whatever_the_connection_says() -> Tested {
    let ground = Ground::postgres().await?;
    let transaction = ground.begin().await?;
    let off = "SET LOCAL synchronous_commit TO off";
    transaction.execute_unprepared(off).await?;
    let within = ground.within(&transaction);
    let written = within.write(step(1, 0, 1)?).await?;
    assert_eq!(written, Committed::Written(Version(1)));
    let setting = "SELECT current_setting('synchronous_commit') AS setting";
    let setting = Statement::from_string(transaction.get_database_backend(), setting);
    let setting = transaction.query_one_raw(setting).await?;
    let setting: String = setting
        .ok_or("there is no setting")?
        .try_get("", "setting")?;
    assert_eq!(setting, "on");
    Ok::<_, Failure>(transaction.commit().await?)
}
