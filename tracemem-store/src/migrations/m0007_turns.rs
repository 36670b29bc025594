//! Jobs by tenant: so that tenants take turns, and nobody's many jobs keep another's few waiting.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

pub(super) struct Turns;

impl MigrationName for Turns {
    fn name(&self) -> &str {
        "m0007_turns"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Turns {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &[BY_TENANT],
            postgres: &[BY_TENANT],
        };
        run(manager, texts).await
    }
}

const BY_TENANT: &str = "
CREATE INDEX tracemem_jobs_turn ON tracemem_jobs (tenant, due_at) WHERE state <> 'dead'";
