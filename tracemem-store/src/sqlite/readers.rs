//! The connections that read.
//!
//! sqlx's own pool asks a connection for a sign of life each time it is given back, which costs SQLite's thread as much as a read. These
//! have nothing to ask for: they are threads of this process, hold no transaction, and stay open as long as the store.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::TryFutureExt;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value,
    sqlx::{
        self, Arguments, AssertSqlSafe, Connection, Error as DriverError, Executor,
        sqlite::{SqliteArguments, SqliteConnection},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::connector::{ACQUIRE_TIMEOUT, Connector};
use crate::sql::{database::Database, fault::Fault};

/// A bounded number of connections that read. Clones are the same connections.
#[derive(Debug, Clone)]
pub(crate) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: Connector,
    most: u32,
    places: Arc<Semaphore>,
    /// Open, and used by nobody. The one that was used last is the next: its caches are warm.
    idle: Mutex<VecDeque<SqliteConnection>>,
}

/// A connection that is used by one caller, and given back when it is dropped.
#[derive(Debug)]
struct Lent {
    /// `None` once it is found broken.
    connection: Option<SqliteConnection>,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Readers {
    /// Up to `most` connections; one is opened now.
    pub(super) async fn open(connector: Connector, most: u32) -> Result<Self, Fault> {
        let first = connector.reader().await;
        let first = first.map_err(|error| Fault::of_driver(&error))?;
        Ok(Self(Arc::new(Shared {
            connector,
            most,
            places: Arc::new(Semaphore::new(most as usize)),
            idle: Mutex::new(VecDeque::from([first])),
        })))
    }

    async fn lend(&self) -> Result<Lent, DriverError> {
        let place = timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.0.places).acquire_owned()).await;
        let place = place.map_err(|_| DriverError::PoolTimedOut)?;
        let place = place.map_err(|_| DriverError::PoolClosed)?;
        let idle = self.0.idle().pop_back();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.connector.reader().await?,
        };
        Ok(Lent {
            connection: Some(connection),
            shared: Arc::clone(&self.0),
            _place: place,
        })
    }

    /// Ends them: waits for those that are used, and closes all. Nothing is lent any more from the moment that the last is back.
    pub(super) async fn close(&self) {
        // It fails where it is closed already.
        let all = self.0.places.acquire_many(self.0.most).await;
        self.0.places.close();
        drop(all);
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            // Nothing is lost where that fails.
            let _ = connection.close().await;
        }
    }

    /// Refuses all further reads, and lets go of the connections that nobody uses.
    pub(super) fn abandon(&self) {
        self.0.places.close();
        self.0.idle().clear();
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<SqliteConnection>> {
        // Each change is one operation on the list, so what a panicking holder left is good.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A read whose caller has gone is broken off by the connection's thread when it finds nobody listening.
        if let Some(connection) = self.connection.take()
            && !self.shared.places.is_closed()
        {
            self.shared.idle().push_back(connection);
        }
    }
}

/// A statement as the driver takes it.
fn query(
    Statement {
        sql,
        values,
        db_backend: _,
    }: Statement,
) -> Result<sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments>, DriverError> {
    let mut arguments = SqliteArguments::default();
    for value in values.into_iter().flat_map(|values| values.0) {
        let added = match value {
            Value::String(text) => arguments.add(text),
            Value::BigInt(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
            _ => Err("there is no such parameter".into()),
        };
        added.map_err(DriverError::Encode)?;
    }
    Ok(sqlx::query_with(AssertSqlSafe(sql), arguments))
}

fn failed(error: DriverError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

#[async_trait::async_trait]
impl ConnectionTrait for Readers {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let run = async {
            let mut lent = self.lend().await?;
            lent.run(async |connection| connection.execute(query(statement)?).await)
                .await
        };
        run.map_ok(ExecResult::from).map_err(failed).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        self.execute_raw(statement).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let run = async {
            let mut lent = self.lend().await?;
            lent.run(async |connection| connection.fetch_optional(query(statement)?).await)
                .await
        };
        let row = run.map_err(failed).await?;
        Ok(row.map(QueryResult::from))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let run = async {
            let mut lent = self.lend().await?;
            lent.run(async |connection| connection.fetch_all(query(statement)?).await)
                .await
        };
        let rows = run.map_err(failed).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

impl Lent {
    /// Runs something on the connection, which is not given back if it turns out to be broken.
    async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let connection = self.connection.as_mut().ok_or(DriverError::WorkerCrashed)?;
        let done = work(connection).await;
        if matches!(done, Err(DriverError::WorkerCrashed | DriverError::Io(_))) {
            self.connection = None;
        }
        done
    }
}

impl Database for Readers {
    type Runner = Self;

    fn runner(&self) -> &Self {
        self
    }

    fn sql(&self, text: &'static str) -> String {
        text.to_owned()
    }
}
