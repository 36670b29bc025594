//! Archived streams: which file holds them, and their leaf hashes. Only what has its leaf hashes here may be deleted.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::{Texts, run};

pub(super) struct Archive;

impl MigrationName for Archive {
    fn name(&self) -> &str {
        "m0004_archive"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Archive {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let texts = Texts {
            sqlite: &[SQLITE],
            postgres: &[POSTGRES],
        };
        run(manager, texts).await
    }
}

/// `leaves` are the leaf hashes in order, 32 bytes each.
const SQLITE: &str = "
CREATE TABLE tracemem_archived (
    tenant TEXT NOT NULL,
    stream TEXT NOT NULL,
    file   TEXT NOT NULL,
    digest BLOB NOT NULL,
    leaves BLOB NOT NULL,
    PRIMARY KEY (tenant, stream)
) STRICT, WITHOUT ROWID;
DROP TRIGGER tracemem_entries_delete;
CREATE TRIGGER tracemem_entries_delete
BEFORE DELETE ON tracemem_entries
WHEN NOT EXISTS (SELECT 1 FROM tracemem_archived WHERE tenant = OLD.tenant AND stream = OLD.stream)
BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;
";

/// `leaves` are the leaf hashes in order, 32 bytes each. The trigger looks in the schema that its table is in.
const POSTGRES: &str = r#"
CREATE TABLE tracemem_archived (
    tenant TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    file   TEXT NOT NULL,
    digest BYTEA NOT NULL,
    leaves BYTEA NOT NULL,
    PRIMARY KEY (tenant, stream)
);
CREATE FUNCTION tracemem_entries_leave() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    archived BOOLEAN;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I.tracemem_archived WHERE tenant = $1 AND stream = $2)', TG_TABLE_SCHEMA)
        INTO archived USING OLD.tenant, OLD.stream;
    IF archived THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'entries are never deleted';
END $$;
DROP TRIGGER tracemem_entries_delete ON tracemem_entries;
CREATE TRIGGER tracemem_entries_delete
BEFORE DELETE ON tracemem_entries
FOR EACH ROW EXECUTE FUNCTION tracemem_entries_leave();
"#;
