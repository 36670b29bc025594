//! The tables, and the migrations that make them and bring them up to date.
//!
//! Forward only. Everything of ours begins with `tracemem_`, the list of migrations too, so that a host's own tables and
//! migrations are neither read nor touched. A released migration is never edited; a change is another migration, with a text
//! for each database.

use sea_orm_migration::{
    DbErr, MigrationTrait, MigratorTrait, SchemaManager, async_trait,
    sea_orm::{ConnectionTrait, DbBackend, DynIden},
    sea_query::{Alias, IntoIden},
};

mod m0001_first_tables;
mod m0002_search;
mod m0003_credentials;
mod m0004_archive;
mod m0005_unread_index;
mod m0006_tallies;
mod m0007_turns;

/// When the tables are made or brought up to date.
///
/// Exhaustive on purpose: either opening does it, or the host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    /// Opening does it.
    AtOpen,
    /// The host calls the store's `migrate` when it sees fit. Opening refuses a database that is not up to date.
    Explicit,
}

/// All migrations, the oldest first.
#[derive(Debug)]
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_tables::FirstTables),
            Box::new(m0002_search::Search),
            Box::new(m0003_credentials::Credentials),
            Box::new(m0004_archive::Archive),
            Box::new(m0005_unread_index::UnreadIndex),
            Box::new(m0006_tallies::Tallies),
            Box::new(m0007_turns::Turns),
        ]
    }

    fn migration_table_name() -> DynIden {
        Alias::new("tracemem_migrations").into_iden()
    }
}

/// How the tables of a database stand to those that this version works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Current,
    /// Or there are none at all.
    Old,
    /// The first migration that this version does not know.
    Newer(String),
}

/// How the tables stand after these migrations were applied.
pub(crate) fn standing(applied: &[String]) -> Standing {
    let known = Migrator::migrations();
    let known: Vec<&str> = known.iter().map(|migration| migration.name()).collect();
    if let Some(newer) = applied.iter().find(|name| !known.contains(&name.as_str())) {
        return Standing::Newer(newer.clone());
    }
    // None is unknown and none is there twice, so it is enough to count them.
    if applied.len() == known.len() {
        Standing::Current
    } else {
        Standing::Old
    }
}

pub(crate) const APPLIED: &str = "
SELECT version
FROM tracemem_migrations
ORDER BY version";

/// What a migration runs, in order.
struct Texts {
    sqlite: &'static [&'static str],
    postgres: &'static [&'static str],
}

async fn run(manager: &SchemaManager<'_>, texts: Texts) -> Result<(), DbErr> {
    let texts = match manager.get_database_backend() {
        DbBackend::Postgres => texts.postgres,
        _ => texts.sqlite,
    };
    for text in texts {
        manager.get_connection().execute_unprepared(text).await?;
    }
    Ok(())
}
