//! The store inside a transaction that the host has open on the same database.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use tracemem_sdk::{
    id::TenantId,
    store::{Commit, Committed, HostTransaction, StoreError, Stream, StreamId},
};

use super::PostgresStore;
use crate::sql::{
    fault::{Cause, Fault},
    group,
    params::{Params, first_row},
    schema_name::Placed,
    streams, within,
};

/// A [`PostgresStore`] bound to a transaction that the host has open on the same database, for effects of
/// [`Safety::SameTransaction`](tracemem_sdk::guard::Safety::SameTransaction).
#[derive(Debug)]
pub struct Within<'a> {
    store: &'a PostgresStore,
    transaction: &'a DatabaseTransaction,
}

impl PostgresStore {
    /// The store bound to a transaction of a connection of the host's to the same database, by the same major version of sea-orm. The
    /// connection must find the store's tables: name their schema when the store is opened, or use the same search path.
    ///
    /// From [`record_within`](tracemem_sdk::guard::Execution::record_within) to its end the transaction holds the decision's row, and
    /// whoever else writes to the decision waits for it; so end it soon, and before the effect returns. Any isolation level will do:
    /// where a stricter one than `READ COMMITTED` finds that somebody else was faster, the transaction fails, and is to be rolled back.
    ///
    /// The commit waits for the disk, whatever the connection's `synchronous_commit`. Processes that wait for the decision notice it
    /// within a second. What is read and written in a transaction of another kind of database fails with
    /// [`StoreErrorKind::Unsupported`](tracemem_sdk::store::StoreErrorKind::Unsupported); another Postgres does not hold the decision.
    #[must_use]
    pub fn within<'a>(&'a self, transaction: &'a DatabaseTransaction) -> Within<'a> {
        Within {
            store: self,
            transaction,
        }
    }
}

/// Until the end of the transaction; what is stricter than `on` stays.
const WAIT_FOR_THE_DISK: &str = "
SELECT set_config('synchronous_commit', 'on', true)
WHERE current_setting('synchronous_commit') = 'off'";

impl Within<'_> {
    fn placed(&self) -> Result<Placed<'_, DatabaseTransaction>, Fault> {
        self.store.calls().check_open()?;
        if self.transaction.get_database_backend() != DbBackend::Postgres {
            return Err(Fault::unsupported(Cause::OtherDatabase));
        }
        Ok(Placed {
            runner: self.transaction,
            texts: &self.store.calls().reading.texts,
        })
    }
}

#[async_trait]
impl HostTransaction for Within<'_> {
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let load = async { streams::load(&self.placed()?, tenant, stream).await };
        load.await
            .map_err(|fault| fault.while_doing("loading a stream within a transaction"))
    }

    async fn write(&self, commit: Commit) -> Result<Committed, StoreError> {
        let write = async {
            let placed = self.placed()?;
            first_row(&placed, WAIT_FOR_THE_DISK, Params::new()).await?;
            let savepoint = within::begin(self.transaction).await?;
            let placed = Placed {
                runner: &savepoint,
                texts: placed.texts,
            };
            let written = group::apply(&placed, &[&commit]).await;
            within::end(savepoint, written).await
        };
        write
            .await
            .map_err(|fault| fault.while_doing("writing within a transaction"))
    }
}
