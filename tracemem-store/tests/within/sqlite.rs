//! What is true of SQLite only: it has one writer at a time, and from its first write on the host's transaction is that one.

use sea_orm::{ConnectionTrait, TransactionTrait};
use tracemem_sdk::{
    guard::{GuardError, Permit, Run},
    store::{Committed, HostTransaction, Store, StoreErrorKind},
};

use super::{
    ground::{Ground, PATIENCE, Tested, insert, request, stands},
    writes::step,
};

#[tokio::test]
async fn a_call_on_the_sdk_inside_the_transaction_fails_after_the_stores_time_limit_and_harms_nothing()
-> Tested {
    let ground = Ground::new().await?;
    let began = std::time::Instant::now();
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
    assert!(began.elapsed() >= PATIENCE);
    assert!(matches!(
        failed,
        Err(GuardError::RolledBack { error: Some(_), .. })
    ));
    let paid = ground.guard(|permit| ground.pay(permit)).await??;
    assert!(matches!(paid, Run::Executed { .. }));
    ground.check(2).await
}

#[tokio::test]
async fn a_transaction_that_outlives_its_effect_keeps_the_guard_from_finding_out_and_nothing_happens()
-> Tested {
    let ground = Ground::new().await?;
    let mut kept = None;
    let keeps = &mut kept;
    let unsaid = ground
        .guard(async |permit: Permit| {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let done = done
                .record_within(&ground.store.within(&transaction))
                .await?;
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

#[tokio::test]
async fn a_transaction_that_is_handed_out_as_the_effects_value_is_let_go_and_rolled_back() -> Tested
{
    let ground = Ground::new().await?;
    let guard = ground
        .agent()?
        .guard(request()?, tracemem_sdk::guard::Safety::SameTransaction);
    let run = guard.run(async |permit: Permit| {
        let paid = async {
            let transaction = ground.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let done = done
                .record_within(&ground.store.within(&transaction))
                .await?;
            Ok::<_, super::ground::Failure>(done.returning(transaction))
        };
        tracemem_sdk::guard::ResultExt::may_have_happened(paid.await)
    });
    assert!(matches!(
        run.await,
        Err(GuardError::RolledBack { error: None, .. })
    ));
    assert!(ground.payouts().await?.is_empty());
    assert_eq!(stands(&ground.trace().await?), "open/failed");
    Ok(())
}

#[tokio::test]
async fn a_deferred_transaction_whose_first_statement_writes_is_as_good() -> Tested {
    let ground = Ground::new().await?;
    let transaction = ground.host.begin().await?;
    insert(&transaction, 1).await?;
    let within = ground.store.within(&transaction);
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
    let ground = Ground::new().await?;
    let transaction = ground.host.begin().await?;
    transaction
        .execute_unprepared("SELECT count(*) FROM payouts")
        .await?;
    assert!(matches!(
        ground.store.commit(step(1, 0, 1)?).await?,
        Committed::Written(_)
    ));
    let within = ground.store.within(&transaction);
    let late = within.write(step(2, 0, 1)?).await;
    assert_eq!(
        late.map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    transaction.commit().await?;
    let commit = step(2, 0, 1)?;
    let left = ground.store.load(&commit.tenant, &commit.stream).await?;
    assert_eq!(left, None);
    Ok(())
}
