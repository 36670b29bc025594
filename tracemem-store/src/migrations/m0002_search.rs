//! Search: decisions by intent; and no term that holds a personal value as it is.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

pub(super) struct Search;

impl MigrationName for Search {
    fn name(&self) -> &str {
        "m0002_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Search {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &[BY_INTENT, NO_PLAIN_TAGS],
            postgres: &[BY_INTENT, NO_PLAIN_TAGS],
        };
        run(manager, texts).await
    }
}

const BY_INTENT: &str = "
CREATE INDEX tracemem_streams_intent ON tracemem_streams (tenant, intent, stream)";

/// Before this, tags stood in their terms as they were given. Now they are hashed under a key that a database must not know, so that
/// these would never be found again, nor be erased with what they were made of. What terms were made of since stands inside of entries,
/// where a store never looks: what was opened before this is found by everything but its terms.
const NO_PLAIN_TAGS: &str = "
DELETE FROM tracemem_terms WHERE kind = 'tag'";
