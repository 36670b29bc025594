//! The parameters of a statement, in the order of their numbers, and the three ways to run one.

use sea_orm::{ConnectionTrait, Value};
use tracemem_sdk::{evidence::digest::Digest, time::Timestamp};

use super::{database::Database, fault::Fault, rows::Row};

/// Parameters, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<Value>);

impl Params {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn into_values(self) -> Vec<Value> {
        self.0
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.push(Value::String(Some(text.to_owned())));
        self
    }

    pub(crate) fn optional_text(mut self, text: Option<&str>) -> Self {
        self.0.push(Value::String(text.map(str::to_owned)));
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.push(Value::Bytes(Some(bytes.to_vec())));
        self
    }

    pub(crate) fn digest(self, digest: &Digest) -> Self {
        self.bytes(digest.as_bytes())
    }

    /// A number. The databases' integers end at 2^63 - 1: nothing stored is ever greater, so a greater one is as good as that.
    pub(crate) fn number(mut self, number: u64) -> Self {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.0.push(Value::BigInt(Some(number)));
        self
    }

    pub(crate) fn time(self, time: Timestamp) -> Self {
        self.number(time.as_micros())
    }

    pub(crate) fn optional_time(mut self, time: Option<Timestamp>) -> Self {
        let Some(time) = time else {
            self.0.push(Value::BigInt(None));
            return self;
        };
        self.time(time)
    }
}

/// Runs a statement and tells how many rows it changed.
pub(crate) async fn execute<D: Database>(
    db: &D,
    text: &'static str,
    params: Params,
) -> Result<u64, Fault> {
    let result = db.runner().execute_raw(db.statement(text, params)).await;
    result
        .map(|result| result.rows_affected())
        .map_err(|error| Fault::of(&error))
}

/// Runs a statement and gives its rows.
pub(crate) async fn rows<D: Database>(
    db: &D,
    text: &'static str,
    params: Params,
) -> Result<Vec<Row>, Fault> {
    let rows = db.runner().query_all_raw(db.statement(text, params)).await;
    let rows = rows.map_err(|error| Fault::of(&error))?;
    Ok(rows.into_iter().map(Row::new).collect())
}

/// Runs a statement and gives its first row.
pub(crate) async fn first_row<D: Database>(
    db: &D,
    text: &'static str,
    params: Params,
) -> Result<Option<Row>, Fault> {
    let row = db.runner().query_one_raw(db.statement(text, params)).await;
    row.map(|row| row.map(Row::new))
        .map_err(|error| Fault::of(&error))
}
