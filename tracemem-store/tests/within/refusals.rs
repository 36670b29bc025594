//! Transactions that effect and receipt could not be committed in together.

use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use tracemem_sdk::{
    guard::{GuardError, Permit, RecordError},
    store::{HostTransaction, Store, StoreErrorKind},
};

use super::{
    ground::{Failure, Ground, Tested, connect, insert, stands},
    writes::{load, step},
};

/// Pays in a transaction of `host`, and gives the kind of the error that the store refused it with.
async fn refused(ground: &Ground, host: &DatabaseConnection) -> Result<StoreErrorKind, Failure> {
    let run = ground
        .guard(async |permit: Permit| {
            let transaction = host.begin().await?;
            insert(&transaction, permit.fence()).await?;
            let done = permit.executed("payout_1");
            let done = done
                .record_within(&ground.store.within(&transaction))
                .await?;
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
    match *error.downcast::<RecordError>()? {
        RecordError::Store(error) => Ok(error.kind()),
        other => Err(other.into()),
    }
}

#[tokio::test]
async fn another_file_is_refused_and_the_effect_taken_back() -> Tested {
    let ground = Ground::new().await?;
    let path = ground.folder.path().join("other.db");
    // Also where it has tables like ours, and where it was a copy of ours.
    for prepare in [false, true] {
        if prepare {
            tracemem_store::SqliteStore::migrate(&path).await?;
        }
        let elsewhere = connect(&format!("sqlite://{}", path.display())).await?;
        let kind = refused(&ground, &elsewhere).await?;
        assert_eq!(kind, StoreErrorKind::Unsupported);
        let left = elsewhere
            .query_all_raw(sea_orm::Statement::from_string(
                elsewhere.get_database_backend(),
                "SELECT fence FROM payouts",
            ))
            .await?;
        assert!(left.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_has_another_file_attached_is_refused() -> Tested {
    let ground = Ground::new().await?;
    let other = ground.folder.path().join("other.db");
    let attach = format!("ATTACH DATABASE '{}' AS other", other.display());
    ground.host.execute_unprepared(&attach).await?;
    let kind = refused(&ground, &ground.host).await?;
    assert_eq!(kind, StoreErrorKind::Unsupported);
    assert!(ground.payouts().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_connection_that_does_not_wait_for_the_disk_is_refused() -> Tested {
    let ground = Ground::new().await?;
    let normal = "PRAGMA synchronous = NORMAL";
    ground.host.execute_unprepared(normal).await?;
    let kind = refused(&ground, &ground.host).await?;
    assert_eq!(kind, StoreErrorKind::Unsupported);
    assert!(ground.payouts().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn tables_of_the_connections_own_are_no_other_file() -> Tested {
    let ground = Ground::new().await?;
    let scratch = "CREATE TEMP TABLE scratch (id INTEGER)";
    ground.host.execute_unprepared(scratch).await?;
    let paid = ground.guard(|permit| ground.pay(permit)).await?;
    assert!(paid.is_ok());
    ground.check(1).await
}

#[tokio::test]
async fn a_closed_store_takes_no_part_in_a_transaction() -> Tested {
    let ground = Ground::new().await?;
    ground.store.close().await?;
    let transaction = ground.begin().await?;
    let within = ground.store.within(&transaction);
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
    Ok(())
}
