//! Sealed credentials, every version that can still be read. They have a table of their own, so that no look at the configuration
//! shows one and a role that reads the configuration need not be given them.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

pub(super) struct Credentials;

impl MigrationName for Credentials {
    fn name(&self) -> &str {
        "m0003_credentials"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Credentials {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &[SQLITE],
            postgres: &[POSTGRES],
        };
        run(manager, texts).await
    }
}

/// The newest version of each has no `expires_at`.
const SQLITE: &str = "
CREATE TABLE tracemem_credentials (
    tenant      TEXT NOT NULL,
    integration TEXT NOT NULL,
    kind        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    expires_at  INTEGER,
    envelope    BLOB NOT NULL,
    PRIMARY KEY (tenant, integration, kind, version)
) STRICT, WITHOUT ROWID;
";

/// The newest version of each has no `expires_at`.
const POSTGRES: &str = "
CREATE TABLE tracemem_credentials (
    tenant      TEXT COLLATE \"C\" NOT NULL,
    integration TEXT COLLATE \"C\" NOT NULL,
    kind        TEXT COLLATE \"C\" NOT NULL,
    version     BIGINT NOT NULL,
    expires_at  BIGINT,
    envelope    BYTEA NOT NULL,
    PRIMARY KEY (tenant, integration, kind, version)
);
";
