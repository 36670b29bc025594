//! The state of a database's tables, and how it is brought up to date: from as many processes at once as there are.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use crate::{
    migrations::{APPLIED, Migrator, Standing, standing},
    sql::{
        fault::Fault,
        params::{Params, first_row, rows},
        schema_name::{Placed, SchemaName, Texts},
    },
};

/// Why this version does not work with a database.
pub(super) enum Unfit {
    /// The first migration that it does not know.
    Newer(String),
    Fault(Fault),
}

const HAS_MIGRATIONS: &str = "
SELECT 1
FROM information_schema.tables
WHERE table_schema = coalesce($1, current_schema()) AND table_name = 'tracemem_migrations'";

/// Looks at the tables and changes nothing.
pub(super) async fn look<R: ConnectionTrait>(db: &R, texts: &Texts) -> Result<Standing, Fault> {
    // The name of the table is a value here, so this text is asked as it stands.
    let has = Placed {
        runner: db,
        texts: &Texts::default(),
    };
    let schema = texts.schema().map(ToString::to_string);
    let here = Params::new().optional_text(schema.as_deref());
    if first_row(&has, HAS_MIGRATIONS, here).await?.is_none() {
        return Ok(standing(&[]));
    }
    let applied = rows(&Placed { runner: db, texts }, APPLIED, Params::new()).await?;
    let applied: Result<Vec<String>, Fault> =
        applied.into_iter().map(|mut row| row.text()).collect();
    Ok(standing(&applied?))
}

/// How often to look again where another process was migrating at the same time.
const ATTEMPTS: u32 = 16;

/// Applies the migrations that are missing, all in one transaction. Whoever comes second runs into the first one's tables, is
/// rolled back once those are committed, looks again and finds nothing to do.
pub(super) async fn bring_up_to_date(db: &DatabaseConnection, texts: &Texts) -> Result<(), Unfit> {
    let mut attempt = 1;
    loop {
        match attempt_once(db, texts).await {
            Err(Unfit::Fault(fault)) if fault.is_there_already() && attempt < ATTEMPTS => {
                attempt += 1
            }
            settled => return settled,
        }
    }
}

async fn attempt_once(db: &DatabaseConnection, texts: &Texts) -> Result<(), Unfit> {
    let fault = |error: DbErr| Unfit::Fault(Fault::of(&error));
    let transaction = db.begin().await.map_err(fault)?;
    if let Some(schema) = texts.schema() {
        use_schema(&transaction, schema).await.map_err(fault)?;
    }
    match look(&transaction, texts).await.map_err(Unfit::Fault)? {
        Standing::Newer(migration) => return Err(Unfit::Newer(migration)),
        Standing::Current => {}
        Standing::Old => Migrator::up(&transaction, None).await.map_err(fault)?,
    }
    transaction.commit().await.map_err(fault)
}

/// Makes the schema and looks for tables in it alone until the transaction ends.
async fn use_schema<R: ConnectionTrait>(db: &R, schema: &SchemaName) -> Result<(), DbErr> {
    let texts = [
        format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""),
        format!("SET LOCAL search_path TO \"{schema}\""),
    ];
    for text in texts {
        db.execute_unprepared(&text).await?;
    }
    Ok(())
}
