//! Several statements that travel together: their text, their parameters, and whether each of them must change all of its rows.
//!
//! Every statement costs two changes of thread on its way to SQLite and back, which is more than it costs SQLite to run. The driver
//! runs a text of several statements in one go and prepares each text once, so a script has one of a few sizes and its statements are
//! filled up with nulls: there are few texts then, whatever is written. Texts hold constants and `?`, never a value.

use std::sync::Arc;

use futures_util::{TryStreamExt, future};
use sea_orm::sqlx::{
    self, Arguments, AssertSqlSafe, Executor,
    sqlite::{SqliteArguments, SqliteConnection},
};

use crate::sql::fault::{Cause, Fault};

/// A statement for any number of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement {
    pub(super) head: &'static str,
    /// What one row adds, with a `?` for each parameter.
    pub(super) row: &'static str,
    pub(super) between: &'static str,
    pub(super) tail: &'static str,
    /// How many rows a commit usually has.
    pub(super) usual: usize,
}

impl Statement {
    /// The statement for so many rows.
    pub(super) fn text(&self, rows: usize) -> String {
        let rows = vec![self.row; rows].join(self.between);
        [self.head, &rows, self.tail].concat()
    }
}

/// How many of the rows must be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    /// All, or the script ends there with an error.
    All,
    /// As many as there are to change.
    Any,
}

/// Fails where the statement before it has changed another number of rows: `abs` of this number is the one that SQLite refuses
/// (<https://sqlite.org/lang_corefunc.html#abs>).
const CHECK: &str = "SELECT 1 WHERE abs(iif(changes() = ?, 0, -9223372036854775808));\n";

/// For how many commits a script has room. What does not fit its statements is in further ones.
const ROOMS: [usize; 4] = [1, 4, 16, MOST];

const MOST: usize = 64;

/// Statements in the making.
#[derive(Debug)]
pub(super) struct Script {
    room: usize,
    text: String,
    arguments: SqliteArguments,
}

/// The parameters of one row, in order.
#[derive(Debug)]
pub(super) struct Row<'a>(&'a mut SqliteArguments);

impl Script {
    /// A script for so many commits that begins with a statement without parameters.
    pub(super) fn new(commits: usize, beginning: &str) -> Self {
        let room = ROOMS.into_iter().find(|room| *room >= commits);
        Self {
            room: room.unwrap_or(MOST),
            text: beginning.to_owned(),
            arguments: SqliteArguments::default(),
        }
    }

    /// Adds a statement for these rows, if there are any.
    pub(super) fn add<R>(
        &mut self,
        statement: Statement,
        must: Must,
        rows: &[R],
        bind: impl Fn(&mut Row<'_>, &R) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let room = self.room.saturating_mul(statement.usual);
        for rows in rows.chunks(room) {
            self.text.push_str(&statement.text(room));
            for row in rows {
                bind(&mut Row(&mut self.arguments), row)?;
            }
            let columns = statement.row.matches('?').count();
            for _ in 0..(room - rows.len()) * columns {
                Row(&mut self.arguments).value(None::<i64>)?;
            }
            match must {
                Must::All => {
                    self.text.push_str(CHECK);
                    Row(&mut self.arguments).number(rows.len() as u64)?;
                }
                Must::Any => {}
            }
        }
        Ok(())
    }

    /// Adds a statement without parameters.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Runs all of it, or up to the first statement that fails.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> Result<(), Fault> {
        let Self {
            room: _,
            text,
            arguments,
        } = self;
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        let done = connection.fetch_many(query);
        let done = done.try_for_each(|_| future::ready(Ok(()))).await;
        done.map_err(|error| Fault::of_driver(&error))
    }
}

impl Row<'_> {
    pub(super) fn text(&mut self, text: &str) -> Result<&mut Self, Fault> {
        self.value(Arc::<str>::from(text))
    }

    /// A text that other rows have too.
    pub(super) fn shared(&mut self, text: &Arc<str>) -> Result<&mut Self, Fault> {
        self.value(Arc::clone(text))
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) -> Result<&mut Self, Fault> {
        self.value(text.map(Arc::<str>::from))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<&mut Self, Fault> {
        self.value(bytes.to_vec())
    }

    /// A number. SQLite's end at 2^63 - 1: nothing stored is ever greater, so a greater one is as good as that.
    pub(super) fn number(&mut self, number: u64) -> Result<&mut Self, Fault> {
        self.value(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub(super) fn optional_number(&mut self, number: Option<u64>) -> Result<&mut Self, Fault> {
        self.value(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn value<'q, T>(&mut self, value: T) -> Result<&mut Self, Fault>
    where
        T: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let added = self.0.add(value);
        added.map_err(|_| Fault::refused(Cause::Driver))?;
        Ok(self)
    }
}
