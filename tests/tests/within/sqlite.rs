//! What is true of SQLite only: it has one writer at a time, and from its first write on the host's transaction is that one.

use sea_orm::{ConnectionTrait, TransactionTrait};
use tracemem_sdk::{
    guard::{GuardError, Permit, Run},
    store::{Committed, HostTransaction, StoreErrorKind},
    time::{Clock, SystemClock},
};

use super::{
    ground::{Ground, PATIENCE, Tested, insert},
    writes::step,
};

#[tokio::test]
async fn a_call_on_the_sdk_inside_the_transaction_fails_after_the_stores_time_limit_and_harms_nothing()
-> Tested {
    let ground = Ground::sqlite().await?;
    let began = SystemClock.now();
    let failed = ground
        .guard(async |permit: Permit| {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let other = tracemem_sdk::decision::DecisionRequest::from_json(
                "k2".parse()?,
                br#"{"intent": "payout.send"}"#,
            )?;
            ground.agent()?.decide(&other).await?;
            transaction.commit().await?;
            Ok(permit.executed("payout_1"))
        })
        .await?;
    assert!(SystemClock.now() >= began.saturating_add(PATIENCE));
    assert!(matches!(
        failed,
        Err(GuardError::RolledBack { error: Some(_), .. })
    ));
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    ground.check(2).await
}

#[tokio::test]
async fn a_deferred_transaction_whose_first_statement_writes_is_as_good() -> Tested {
    let ground = Ground::sqlite().await?;
    let transaction = ground.host.begin().await?;
    insert(&transaction, 1).await?;
    let within = ground.within(&transaction);
    assert!(matches!(
        within.write(step(1, 0, 1)?).await?,
        Committed::Written(_)
    ));
    transaction.commit().await?;
    assert_eq!(ground.payouts().await?, [1]);
    Ok(())
}

#[tokio::test]
async fn a_deferred_transaction_that_read_before_another_wrote_is_refused_and_leaves_nothing()
-> Tested {
    let ground = Ground::sqlite().await?;
    let transaction = ground.host.begin().await?;
    transaction
        .execute_unprepared("SELECT count(*) FROM payouts")
        .await?;
    assert!(matches!(
        ground.store().commit(step(1, 0, 1)?).await?,
        Committed::Written(_)
    ));
    let within = ground.within(&transaction);
    let late = within.write(step(2, 0, 1)?).await;
    assert_eq!(
        late.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    transaction.commit().await?;
    let commit = step(2, 0, 1)?;
    let left = ground.store().load(&commit.tenant, &commit.stream).await?;
    assert_eq!(left, None);
    Ok(())
}
