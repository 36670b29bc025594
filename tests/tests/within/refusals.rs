//! Transactions that effect and receipt could not be committed in together.

use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use tracemem_sdk::{
    guard::{GuardError, Permit, RecordError},
    store::{HostTransaction, StoreErrorKind},
};

use super::{
    ground::{Failure, Ground, Tested, connect, insert, payouts, stands},
    on_both,
    writes::{load, step},
};

on_both! {
    another_database_does_not_hold_the_decision_and_the_effect_is_taken_back;
    a_closed_store_takes_no_part_in_a_transaction;
}

/// Pays in a transaction of `host` that is bound to the store of `bound`, and gives what the receipt was refused with.
async fn refused(
    ground: &Ground,
    bound: &Ground,
    host: &DatabaseConnection,
) -> Result<RecordError, Failure> {
    let run = ground
        .guard(async |permit: Permit| {
            let transaction = host.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let within = bound.within(&transaction);
            let done = permit.executed("payout_1");
            let done = done.record_within(&within).await?;
            transaction.commit().await?;
            Ok(done)
        })
        .await?;
    let Err(GuardError::RolledBack {
        error: Some(error), ..
    }) = run
    else {
        return Err(format!("it was not rolled back: {run:?}").into());
    };
    assert_eq!(stands(&ground.trace().await?), "open/failed");
    assert!(payouts(host).await?.is_empty());
    Ok(*error.downcast()?)
}

async fn another_database_does_not_hold_the_decision_and_the_effect_is_taken_back(
    ground: Ground,
) -> Tested {
    let other = Ground::sqlite().await?;
    let refused = refused(&ground, &other, &other.host).await?;
    assert!(matches!(refused, RecordError::NotFound));
    assert!(ground.payouts().await?.is_empty());
    Ok(())
}

async fn a_closed_store_takes_no_part_in_a_transaction(ground: Ground) -> Tested {
    ground.store().close().await?;
    let transaction = ground.begin().await?;
    let within = ground.within(&transaction);
    let commit = step(1, 0, 1)?;
    let loaded = load(&within, &commit).await;
    assert_eq!(
        loaded.map_err(|error| error.kind()),
        Err(StoreErrorKind::Closed)
    );
    let written = within.write(commit).await;
    assert_eq!(
        written.map_err(|error| error.kind()),
        Err(StoreErrorKind::Closed)
    );
    transaction.rollback().await?;
    Ok(())
}

/// The kind of the error that the store itself refused with.
async fn unfit(ground: &Ground, host: &DatabaseConnection) -> Result<StoreErrorKind, Failure> {
    match refused(ground, ground, host).await? {
        RecordError::Store(error) => Ok(error.kind()),
        other => Err(other.into()),
    }
}

#[tokio::test]
async fn a_transaction_of_another_file_or_kind_of_database_is_refused() -> Tested {
    let (sqlite, postgres) = (Ground::sqlite().await?, Ground::postgres().await?);
    let other = Ground::sqlite().await?;
    for (ground, host) in [
        (&sqlite, &other.host),
        (&sqlite, &postgres.host),
        (&postgres, &sqlite.host),
    ] {
        assert_eq!(unfit(ground, host).await?, StoreErrorKind::Unsupported);
    }
    let memory = connect(sea_orm::ConnectOptions::new("sqlite::memory:")).await?;
    assert_eq!(unfit(&sqlite, &memory).await?, StoreErrorKind::Unsupported);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_has_another_file_attached_is_refused() -> Tested {
    let ground = Ground::sqlite().await?;
    let attach = "ATTACH DATABASE ':memory:' AS other";
    ground.host.execute_unprepared(attach).await?;
    let kind = unfit(&ground, &ground.host).await?;
    assert_eq!(kind, StoreErrorKind::Unsupported);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_does_not_wait_for_the_disk_is_refused() -> Tested {
    let ground = Ground::sqlite().await?;
    let normal = "PRAGMA synchronous = NORMAL";
    ground.host.execute_unprepared(normal).await?;
    let kind = unfit(&ground, &ground.host).await?;
    assert_eq!(kind, StoreErrorKind::Unsupported);
    Ok(())
}

#[tokio::test]
async fn tables_of_the_connections_own_are_no_other_file() -> Tested {
    let ground = Ground::sqlite().await?;
    let scratch = "CREATE TEMP TABLE scratch (id INTEGER)";
    ground.host.execute_unprepared(scratch).await?;
    let paid = ground.guard(|permit| ground.pay(permit)).await?;
    assert!(paid.is_ok());
    ground.check(1).await
}
