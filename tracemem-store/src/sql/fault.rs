//! What a failed statement means for the caller.
//!
//! A fault carries a result code and never a message of the database: a message may repeat a value, and values are personal.

use sea_orm::{DbErr, RuntimeErr, error::ConnAcquireErr, sqlx::Error as DriverError};
use tracemem_sdk::store::{StoreError, StoreErrorKind};

use super::sql_state::SqlState;

/// A statement, or a whole transaction, that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct Fault {
    kind: StoreErrorKind,
    cause: Cause,
}

/// Why, as far as it can be told without a value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cause {
    #[error("SQLite answered with result code {0}, {meaning}", meaning = meaning(*.0))]
    ResultCode(i32),
    #[error("Postgres answered with {0}")]
    SqlState(SqlState),
    #[error("no connection was free in time")]
    NoConnection,
    #[error("the connection broke")]
    BrokenConnection,
    #[error("the driver failed")]
    Driver,
    #[cfg(feature = "sqlite")]
    #[error("the database file is not where it was opened any more")]
    FileGone,
    #[error("the task that writes has ended with its runtime")]
    WriterGone,
    #[error("the store was closed")]
    Closed,
    #[error("column {column} of a row holds something else")]
    Unreadable { column: usize },
    #[error("a stream has a gap")]
    Gap,
    #[error("the entries do not follow the expected version")]
    EntriesDoNotFollow,
    #[error("a document's version is not the next")]
    DocumentNotNext,
    #[error("a change of a credential does not fit what is there")]
    CredentialDoesNotFit,
    #[error("its entries are in an archive file")]
    Archived,
    #[error("a call was left without an answer")]
    Unanswered,
    #[error("rows changed that were held")]
    RowsMoved,
    #[cfg(feature = "sea-orm-2")]
    #[error("the transaction belongs to another database")]
    OtherDatabase,
    #[cfg(all(feature = "sqlite", feature = "sea-orm-2"))]
    #[error("another file is attached, and SQLite does not commit to two files at once")]
    AttachedDatabase,
    #[cfg(feature = "sea-orm-2")]
    #[cfg(all(feature = "sqlite", feature = "sea-orm-2"))]
    #[error("the transaction's commit would not wait for the disk")]
    NotDurable,
}

/// What an operator needs to know about a result code.
fn meaning(code: i32) -> &'static str {
    match (code & 0xff, code) {
        (5 | 6, _) => "another process holds the lock",
        (8, _) => "the file may only be read",
        (13, _) => "the disk is full",
        // A file that may not grow any more, by a quota or a limit of the process, is this and no full disk to SQLite.
        (_, 778) => "a file could not be written: the disk or a quota may be full",
        (10, _) => "the file system failed",
        (11, _) => "the file is damaged",
        (14, _) => "a file cannot be opened",
        (26, _) => "the file is no database",
        _ => "see sqlite.org/rescode.html",
    }
}

impl Fault {
    pub(crate) fn unavailable(cause: Cause) -> Self {
        Self {
            kind: StoreErrorKind::Unavailable,
            cause,
        }
    }

    pub(crate) fn corrupt(cause: Cause) -> Self {
        Self {
            kind: StoreErrorKind::Corrupt,
            cause,
        }
    }

    pub(crate) fn refused(cause: Cause) -> Self {
        Self {
            kind: StoreErrorKind::Backend,
            cause,
        }
    }

    pub(crate) fn archived() -> Self {
        Self {
            kind: StoreErrorKind::Archived,
            cause: Cause::Archived,
        }
    }

    #[cfg(feature = "sea-orm-2")]
    pub(crate) fn unsupported(cause: Cause) -> Self {
        Self {
            kind: StoreErrorKind::Unsupported,
            cause,
        }
    }

    pub(crate) fn closed() -> Self {
        Self {
            kind: StoreErrorKind::Closed,
            cause: Cause::Closed,
        }
    }

    /// What an error of sea-orm means.
    pub(crate) fn of(error: &DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => {
                Self::unavailable(Cause::NoConnection)
            }
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Self::closed(),
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Self::of_driver(error),
            _ => Self::refused(Cause::Driver),
        }
    }

    /// What an error of the driver below means.
    pub(crate) fn of_driver(error: &DriverError) -> Self {
        match error {
            DriverError::Database(error) => Self::of_code(error.code().as_deref()),
            DriverError::PoolTimedOut => Self::unavailable(Cause::NoConnection),
            DriverError::PoolClosed => Self::closed(),
            // The last two are what is left of a transaction that the driver could not end: see `Writer::connection`.
            DriverError::WorkerCrashed
            | DriverError::Io(_)
            | DriverError::InvalidSavePointStatement
            | DriverError::BeginFailed => Self::unavailable(Cause::BrokenConnection),
            _ => Self::refused(Cause::Driver),
        }
    }

    /// What a code of either database means. Those of Postgres have five characters, and no result code of SQLite is that long.
    fn of_code(code: Option<&str>) -> Self {
        if let Some(state) = code.and_then(SqlState::new) {
            return Self {
                kind: state.kind(),
                cause: Cause::SqlState(state),
            };
        }
        let code = code.and_then(|code| code.parse().ok());
        code.map_or(Self::refused(Cause::Driver), Self::of_result_code)
    }

    /// What a result code of SQLite means (<https://sqlite.org/rescode.html>): its low byte is the primary code.
    fn of_result_code(code: i32) -> Self {
        const UNAVAILABLE: [i32; 10] = [
            3,  // PERM
            5,  // BUSY
            6,  // LOCKED
            7,  // NOMEM
            8,  // READONLY
            9,  // INTERRUPT
            10, // IOERR
            13, // FULL
            14, // CANTOPEN
            15, // PROTOCOL
        ];
        const CORRUPT: [i32; 2] = [
            11, // CORRUPT
            26, // NOTADB
        ];
        let (cause, primary) = (Cause::ResultCode(code), code & 0xff);
        if UNAVAILABLE.contains(&primary) {
            return Self::unavailable(cause);
        }
        if CORRUPT.contains(&primary) {
            return Self::corrupt(cause);
        }
        Self::refused(cause)
    }

    #[cfg(feature = "sqlite")]
    /// Whether somebody else held the lock for too long.
    pub(crate) fn is_busy(self) -> bool {
        matches!(self.cause, Cause::ResultCode(code) if code & 0xff == 5)
    }

    #[cfg(feature = "sqlite")]
    /// Whether the file is no database.
    pub(crate) fn is_no_database(self) -> bool {
        matches!(self.cause, Cause::ResultCode(code) if code & 0xff == 26)
    }

    #[cfg(feature = "postgres")]
    /// Whether two transactions got in each other's way, so that one of them was given up.
    pub(crate) fn is_race(self) -> bool {
        matches!(self.cause, Cause::SqlState(state) if state.is_race())
    }

    #[cfg(feature = "postgres")]
    /// Whether what was to be made is there already.
    pub(crate) fn is_there_already(self) -> bool {
        matches!(self.cause, Cause::SqlState(state) if state.is_there_already())
    }

    #[cfg(feature = "postgres")]
    /// Whether the database refused the statement, and is there and well.
    pub(crate) fn is_of_statement(self) -> bool {
        matches!(self.cause, Cause::SqlState(state) if state.is_locked())
            || matches!(self.cause, Cause::SqlState(_))
                && (self.kind == StoreErrorKind::Backend || self.is_race())
    }

    #[cfg(feature = "postgres")]
    /// Whether the connection is of no more use.
    pub(crate) fn is_of_connection(self) -> bool {
        !matches!(self.cause, Cause::SqlState(_))
            || (self.kind == StoreErrorKind::Unavailable && !self.is_of_statement())
    }

    /// The error of a call that was `doing` something.
    pub(crate) fn while_doing(self, doing: &'static str) -> StoreError {
        StoreError::new(self.kind, doing).with_source(self.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codes: &[i32], kind: StoreErrorKind) {
        for code in codes {
            assert_eq!(Fault::of_result_code(*code).kind, kind, "{code}");
        }
    }

    #[test]
    fn a_result_code_says_what_the_caller_can_do() {
        // BUSY, BUSY_SNAPSHOT, LOCKED, READONLY, READONLY_DBMOVED, IOERR, IOERR_WRITE, IOERR_FSYNC, FULL, CANTOPEN.
        check(
            &[5, 517, 6, 8, 1032, 10, 778, 1034, 13, 14],
            StoreErrorKind::Unavailable,
        );
        // CORRUPT, CORRUPT_INDEX, NOTADB.
        check(&[11, 779, 26], StoreErrorKind::Corrupt);
        // ERROR, CONSTRAINT_UNIQUE, CONSTRAINT_TRIGGER, MISMATCH, TOOBIG, one that nobody knows.
        check(&[1, 2067, 1811, 20, 18, 99], StoreErrorKind::Backend);
    }

    #[test]
    fn an_error_tells_the_code_and_what_it_means_and_nothing_of_the_message() {
        let source = |code| {
            let error = Fault::of_result_code(code).while_doing("committing");
            std::error::Error::source(&error).map(ToString::to_string)
        };
        let full = "SQLite answered with result code 13, the disk is full";
        assert_eq!(source(13).as_deref(), Some(full));
        let other = "SQLite answered with result code 2067, see sqlite.org/rescode.html";
        assert_eq!(source(2067).as_deref(), Some(other));
    }
}
