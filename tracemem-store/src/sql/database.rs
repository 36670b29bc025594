//! What a statement is run on: a connection or a transaction, and where in the database our tables are.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement, Values,
};

use super::params::Params;

/// A connection or a transaction of a database that has our tables.
pub(crate) trait Database: Sync {
    /// What runs the statements.
    type Runner: ConnectionTrait;

    /// What runs the statements.
    fn runner(&self) -> &Self::Runner;

    /// A statement as this database is asked it.
    fn sql(&self, text: &'static str) -> String;

    /// Which of the two it is.
    fn backend(&self) -> Backend {
        match self.runner().get_database_backend() {
            DbBackend::Postgres => Backend::Postgres,
            _ => Backend::Sqlite,
        }
    }

    /// One of two texts that mean the same, where no single text serves both databases.
    fn dialect(&self, text: Dialects) -> &'static str {
        match self.backend() {
            Backend::Sqlite => text.sqlite,
            Backend::Postgres => text.postgres,
        }
    }

    /// A statement with its parameters.
    fn statement(&self, text: &'static str, params: Params) -> Statement {
        Statement {
            sql: self.sql(text),
            values: Some(Values(params.into_values())),
            db_backend: self.runner().get_database_backend(),
        }
    }
}

/// The databases that there are stores for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// One statement in the two dialects, where they differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialects {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Database for DatabaseConnection {
    type Runner = Self;

    fn runner(&self) -> &Self {
        self
    }

    fn sql(&self, text: &'static str) -> String {
        text.to_owned()
    }
}

impl Database for DatabaseTransaction {
    type Runner = Self;

    fn runner(&self) -> &Self {
        self
    }

    fn sql(&self, text: &'static str) -> String {
        text.to_owned()
    }
}
