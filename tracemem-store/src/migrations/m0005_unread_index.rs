//! An index that nothing reads is no more: every event cost a page of it, and an event's id is unique because it is random.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

pub(super) struct UnreadIndex;

impl MigrationName for UnreadIndex {
    fn name(&self) -> &str {
        "m0005_unread_index"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for UnreadIndex {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &["DROP INDEX tracemem_entries_event"],
            // There never was one.
            postgres: &[],
        };
        run(manager, texts).await
    }
}
