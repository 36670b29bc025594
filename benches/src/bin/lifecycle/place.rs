//! Where the store is that the options name: in memory, in a file, or in a schema of a database.

use tracemem_sdk::{
    store::{Backend, Store},
    testing::MemoryStore,
};
use tracemem_store::{PostgresStore, SqliteStore, postgres::PostgresOptions};

use super::{
    Failed,
    options::{Options, StoreKind},
};

/// Opens the store, and makes its tables where there are none.
pub(crate) async fn open(options: &Options) -> Result<Backend, Failed> {
    match options.store {
        StoreKind::Memory => Ok(MemoryStore::new().into()),
        StoreKind::Sqlite => Ok(sqlite(options).await?.into()),
        StoreKind::Postgres => Ok(postgres(options).await?.into()),
    }
}

/// Makes the tables, and closes the store again.
pub(crate) async fn make_tables(options: &Options) -> Result<(), Failed> {
    match options.store {
        StoreKind::Memory => {}
        StoreKind::Sqlite => sqlite(options).await?.close().await?,
        StoreKind::Postgres => postgres(options).await?.close().await?,
    }
    Ok(())
}

/// Removes what was made in a database. Files are removed with their folder.
pub(crate) async fn remove(options: &Options) -> Result<(), Failed> {
    if options.store != StoreKind::Postgres {
        return Ok(());
    }
    let client = connect(options).await?;
    let drop = ["DROP SCHEMA IF EXISTS ", schema(options)?, " CASCADE"].concat();
    client.batch_execute(&drop).await?;
    Ok(())
}

/// The bare driver, connected to the database, and looking for tables in the schema.
pub(crate) async fn connect(options: &Options) -> Result<tokio_postgres::Client, Failed> {
    let url = options.url.as_deref().ok_or("a database needs a URL")?;
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "it carries what the client asks, and ends with the client"
    )]
    tokio::spawn(connection);
    let search = ["SET search_path TO ", schema(options)?].concat();
    client.batch_execute(&search).await?;
    Ok(client)
}

async fn sqlite(options: &Options) -> Result<SqliteStore, Failed> {
    let file = options.file.as_ref().ok_or("a store needs a file")?;
    Ok(SqliteStore::open(file).await?)
}

async fn postgres(options: &Options) -> Result<PostgresStore, Failed> {
    let url = options.url.as_deref().ok_or("a database needs a URL")?;
    let store = PostgresOptions::new().schema(schema(options)?)?;
    Ok(store.connect(url).await?)
}

/// Its letters are checked by the store before anything else is done with it.
fn schema(options: &Options) -> Result<&str, Failed> {
    Ok(options
        .schema
        .as_deref()
        .ok_or("a database needs a schema")?)
}
