//! Which reports came in before, by their idempotency keys: a table of this host's own, beside the decisions.
//!
//! A key is claimed before its report is made and keeps the answer afterwards. A report that comes in again before there is an answer is made
//! again, which the library takes for the same; another report under the same key is refused.

use std::fmt;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement, Value,
};
use tracemem_sdk::{evidence::digest::Digest, id::TenantId};

use crate::{Failure, store_url::StoreUrl};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS server_reports (\
    tenant TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL, answer TEXT, PRIMARY KEY (tenant, key))";
const CLAIM: &str =
    "INSERT INTO server_reports (tenant, key, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const READ: &str = "SELECT content, answer FROM server_reports WHERE tenant = $1 AND key = $2";
const ANSWER: &str = "UPDATE server_reports SET answer = $3 WHERE tenant = $1 AND key = $2";

/// The keys of reports.
#[derive(Clone)]
pub(crate) struct ReportKeys(DatabaseConnection);

/// A report under its key, as digests: keys may be personal.
#[derive(Debug)]
pub(crate) struct ReportKey {
    tenant: TenantId,
    key: Digest,
    content: Digest,
}

/// What is known of a key. Exhaustive on purpose.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// The report is to be made.
    Ours,
    /// It was made, and this was answered.
    Answered(String),
    /// Another report has the key.
    Taken,
}

impl ReportKey {
    /// The report made of these parts, under a key within these scopes.
    pub(crate) fn new(tenant: &TenantId, key: &[&str], content: &[&[u8]]) -> Self {
        // Lengths first, so that no two lists of parts have the same bytes.
        let joined = |parts: &[&[u8]]| {
            let parts = parts.iter();
            let bytes: Vec<u8> = parts
                .flat_map(|part| [&(part.len() as u64).to_be_bytes(), *part].concat())
                .collect();
            Digest::of(&bytes)
        };
        let key: Vec<&[u8]> = key.iter().map(|part| part.as_bytes()).collect();
        Self {
            tenant: tenant.clone(),
            key: joined(&key),
            content: joined(content),
        }
    }

    fn values(&self) -> [Value; 2] {
        [self.tenant.as_str().into(), self.key.to_hex().into()]
    }
}

impl ReportKeys {
    /// Opens the table, and makes it where there is none.
    pub(crate) async fn open(store: &StoreUrl) -> Result<Self, Failure> {
        let mut options = match (store, store.beside("reports")) {
            (StoreUrl::Sqlite(_), Some(path)) => {
                let mut options = ConnectOptions::new("sqlite:");
                options.map_sqlx_sqlite_opts(move |sqlite| {
                    sqlite.filename(&path).create_if_missing(true)
                });
                options
            }
            (StoreUrl::Postgres(url), _) => ConnectOptions::new(url),
            (StoreUrl::Sqlite(_), None) => return Err("the SQLite file has no folder".into()),
        };
        options.max_connections(2).sqlx_logging(false);
        let connection = Database::connect(options).await?;
        connection.execute_unprepared(TABLE).await?;
        Ok(Self(connection))
    }

    /// Claims a key for a report. It is durable when this returns.
    pub(crate) async fn claim(&self, report: &ReportKey) -> Result<Claimed, DbErr> {
        let [tenant, key] = report.values();
        let content = report.content.to_hex();
        self.run(CLAIM, [tenant, key, content.as_str().into()])
            .await?;
        let read = self.statement(READ, report.values());
        let row = self.0.query_one_raw(read).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("a claimed key".to_owned()))?;
        if row.try_get::<String>("", "content")? != content {
            return Ok(Claimed::Taken);
        }
        let answer: Option<String> = row.try_get("", "answer")?;
        Ok(answer.map_or(Claimed::Ours, Claimed::Answered))
    }

    /// Keeps what was answered.
    pub(crate) async fn answered(&self, report: &ReportKey, answer: &str) -> Result<(), DbErr> {
        let [tenant, key] = report.values();
        self.run(ANSWER, [tenant, key, answer.into()]).await
    }

    /// Closes the connections.
    pub(crate) async fn close(&self) -> Result<(), DbErr> {
        self.0.clone().close().await
    }

    async fn run(&self, sql: &str, values: [Value; 3]) -> Result<(), DbErr> {
        self.0
            .execute_raw(self.statement(sql, values))
            .await
            .map(drop)
    }

    fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.0.get_database_backend(), sql, values)
    }
}

impl fmt::Debug for ReportKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReportKeys(..)")
    }
}
