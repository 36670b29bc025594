//! The store inside a transaction that the host has open on the same file.

use std::path::Path;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use tracemem_sdk::{
    id::TenantId,
    store::{Commit, Committed, HostTransaction, StoreError, Stream, StreamId},
};

use super::SqliteStore;
use crate::sql::{
    fault::{Cause, Fault},
    group,
    params::{Params, first_row, rows},
    streams, within,
};

/// A [`SqliteStore`] bound to a transaction that the host has open on the same file, for effects of
/// [`Safety::SameTransaction`](tracemem_sdk::guard::Safety::SameTransaction).
#[derive(Debug)]
pub struct Within<'a> {
    store: &'a SqliteStore,
    transaction: &'a DatabaseTransaction,
}

impl SqliteStore {
    /// The store bound to a transaction of the host's own connection to the same file, by the same major version of sea-orm.
    ///
    /// SQLite has one writer at a time. From its first write to its end the host's transaction is that one, and everything else that
    /// writes waits for it, up to its time limit: other hosts, the worker, and every call on the sdk. So begin it with
    /// `SqliteTransactionMode::Immediate`, or let its first statement write; call nothing of the sdk inside but
    /// [`record_within`](tracemem_sdk::guard::Execution::record_within); and end it before the effect returns.
    ///
    /// What it reads and writes fails with [`StoreErrorKind::Unsupported`](tracemem_sdk::store::StoreErrorKind::Unsupported) where the
    /// transaction belongs to another file; where the connection has attached another file, because SQLite does not commit to two
    /// files at once; and where it does not wait for the disk (`PRAGMA synchronous` below `FULL`, which is the default).
    #[must_use]
    pub fn within<'a>(&'a self, transaction: &'a DatabaseTransaction) -> Within<'a> {
        Within {
            store: self,
            transaction,
        }
    }
}

const DATABASES: &str = "PRAGMA database_list";
const SYNCHRONOUS: &str = "PRAGMA synchronous";

/// From here on a commit waits for the disk (<https://sqlite.org/pragma.html#pragma_synchronous>).
const FULL: u64 = 2;

impl Within<'_> {
    /// Refuses a transaction that would not be committed with the store's own file, or less durably than the store's own.
    async fn check(&self) -> Result<(), Fault> {
        self.store.calls().check_open()?;
        if self.transaction.get_database_backend() != DbBackend::Sqlite {
            return Err(Fault::unsupported(Cause::OtherDatabase));
        }
        for mut row in rows(self.transaction, DATABASES, Params::new()).await? {
            let (_number, name) = (row.number()?, row.text()?);
            let file = row.optional_text()?.unwrap_or_default();
            match name.as_str() {
                "main" if self.store.0.files.is_database(Path::new(&file)) => {}
                "main" => return Err(Fault::unsupported(Cause::OtherDatabase)),
                "temp" => {}
                _ => return Err(Fault::unsupported(Cause::AttachedDatabase)),
            }
        }
        let row = first_row(self.transaction, SYNCHRONOUS, Params::new()).await?;
        let synchronous = row.map_or(Ok(0), |mut row| row.number())?;
        if synchronous < FULL {
            return Err(Fault::unsupported(Cause::NotDurable));
        }
        Ok(())
    }
}

#[async_trait]
impl HostTransaction for Within<'_> {
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let load = async {
            self.check().await?;
            streams::load(self.transaction, tenant, stream).await
        };
        load.await
            .map_err(|fault| fault.while_doing("loading a stream within a transaction"))
    }

    async fn write(&self, commit: Commit) -> Result<Committed, StoreError> {
        let write = async {
            self.check().await?;
            let savepoint = within::begin(self.transaction).await?;
            let written = group::apply(&savepoint, &[&commit]).await;
            within::end(savepoint, written).await
        };
        write
            .await
            .map_err(|fault| fault.while_doing("writing within a transaction"))
    }
}
