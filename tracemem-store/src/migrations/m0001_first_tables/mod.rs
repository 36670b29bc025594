//! Streams, entries, keys, jobs, documents, terms, and what is to be sealed.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

mod postgres;
mod sqlite;

pub(super) struct FirstTables;

impl MigrationName for FirstTables {
    fn name(&self) -> &str {
        "m0001_first_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for FirstTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &[
                sqlite::STREAMS,
                sqlite::ENTRIES,
                sqlite::KEYS,
                sqlite::JOBS,
                sqlite::DOCUMENTS,
                sqlite::TERMS,
                sqlite::TO_SEAL,
            ],
            postgres: &[
                postgres::STREAMS,
                postgres::ENTRIES,
                postgres::KEYS,
                postgres::JOBS,
                postgres::DOCUMENTS,
                postgres::TERMS,
                postgres::TO_SEAL,
                postgres::WAITERS,
            ],
        };
        run(manager, texts).await
    }
}
