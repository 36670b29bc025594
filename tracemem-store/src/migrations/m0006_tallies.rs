//! How the attempts of each integration went, added up. A table of its own, so that counting touches no configuration.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

pub(super) struct Tallies;

impl MigrationName for Tallies {
    fn name(&self) -> &str {
        "m0006_tallies"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tallies {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &[SQLITE],
            postgres: &[POSTGRES],
        };
        run(manager, texts).await
    }
}

const SQLITE: &str = "
CREATE TABLE tracemem_tallies (
    tenant            TEXT NOT NULL,
    integration       TEXT NOT NULL,
    attempts          INTEGER NOT NULL,
    delivered         INTEGER NOT NULL,
    failures_in_a_row INTEGER NOT NULL,
    last_success_at   INTEGER,
    last_failure_at   INTEGER,
    last_failure      TEXT,
    PRIMARY KEY (tenant, integration)
) STRICT, WITHOUT ROWID;
";

const POSTGRES: &str = "
CREATE TABLE tracemem_tallies (
    tenant            TEXT COLLATE \"C\" NOT NULL,
    integration       TEXT COLLATE \"C\" NOT NULL,
    attempts          BIGINT NOT NULL,
    delivered         BIGINT NOT NULL,
    failures_in_a_row BIGINT NOT NULL,
    last_success_at   BIGINT,
    last_failure_at   BIGINT,
    last_failure      TEXT COLLATE \"C\",
    PRIMARY KEY (tenant, integration)
);
";
