//! A place of its own on the tests' Postgres: a schema that is made with the store and goes with this value.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use sea_orm::{ConnectionTrait, Database};
use tracemem_store::postgres::PostgresOptions;

use crate::Outcome;

/// A schema that nobody else uses.
#[derive(Debug)]
pub struct Scratch {
    url: String,
    pub(crate) schema: String,
}

impl Scratch {
    /// A new place. Nothing is made yet.
    ///
    /// # Errors
    /// Where there is no Postgres.
    pub fn new() -> Outcome<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let url = env::var("TRACEMEM_TEST_POSTGRES_URL")
            .map_err(|_| "TRACEMEM_TEST_POSTGRES_URL is not set: run the tests by `tests/postgres cargo test …` or `tests/run`")?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let schema = format!("test_{}_{number}", std::process::id());
        Ok(Self { url, schema })
    }

    /// The database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it is.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Options that lead there.
    ///
    /// # Errors
    /// None that a schema's name here could give.
    pub fn options(&self) -> Outcome<PostgresOptions> {
        Ok(PostgresOptions::new().schema(&self.schema)?)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (url, drop) = (
            self.url.clone(),
            // A test that failed may have left a transaction open.
            format!(
                "SET lock_timeout TO '3s'; DROP SCHEMA IF EXISTS \"{}\" CASCADE",
                self.schema
            ),
        );
        // A test's own runtime may be gone, or be inside of this very call.
        let dropped = std::thread::spawn(move || -> Outcome {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let db = Database::connect(url).await?;
                db.execute_unprepared(&drop).await?;
                db.close().await?;
                Ok(())
            })
        });
        // What is left behind is a schema in a database for tests.
        let _ = dropped.join();
    }
}
