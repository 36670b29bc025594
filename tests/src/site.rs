//! A place that a test makes for itself, on either database, and that goes with it.

use std::path::Path;

use tempfile::TempDir;

use crate::{
    Outcome,
    arrow::Class,
    cluster::Cluster,
    inspection::Kept,
    ledger,
    place::{Database, Place},
    protocol::{Task, Work},
    scratch::Scratch,
    target::Line,
};

/// Which database a rule is tested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of a test's own.
    Sqlite,
    /// A schema of a test's own, on the server that the tests share.
    Postgres,
}

/// A place that nobody else uses.
#[derive(Debug)]
pub struct Site {
    place: Place,
    _folder: TempDir,
    _scratch: Option<Scratch>,
}

impl Kind {
    /// A new place. Nothing is made yet.
    ///
    /// # Errors
    /// Where there is no Postgres.
    pub fn site(self) -> Outcome<Site> {
        let scratch = match self {
            Self::Sqlite => None,
            Self::Postgres => Some(Scratch::new()?),
        };
        let database = match &scratch {
            None => Database::File,
            Some(scratch) => schema(scratch.url(), scratch.schema()),
        };
        Site::new(database, scratch)
    }
}

impl Site {
    /// A place on a server of the test's own.
    ///
    /// # Errors
    /// Where no folder can be made.
    pub fn on(cluster: &Cluster) -> Outcome<Self> {
        Self::new(schema(&cluster.url(), "public"), None)
    }

    fn new(database: Database, scratch: Option<Scratch>) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let dir = folder.path().to_owned();
        Ok(Self {
            place: Place { dir, database },
            _folder: folder,
            _scratch: scratch,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.place.dir
    }

    /// A task there.
    #[must_use]
    pub fn task(&self, work: Work, class: Class) -> Task {
        Task::new(self.place.clone(), work, class)
    }

    /// Everything that is kept there.
    ///
    /// # Errors
    /// Where something is not what was written.
    pub fn kept(&self) -> Outcome<Kept> {
        Kept::at(&self.place)
    }

    /// The effects of this class that happened there.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn effects(&self, class: Class) -> Outcome<Vec<Line>> {
        ledger::effects(&self.place, class)
    }
}

fn schema(url: &str, schema: &str) -> Database {
    let (url, schema) = (url.to_owned(), schema.to_owned());
    Database::Schema { url, schema }
}

/// One test per database for each of the rules, which are told which one.
#[macro_export]
macro_rules! on_both {
    ($($rule:ident;)+) => {
        mod on_sqlite {
            $(#[test]
            fn $rule() -> $crate::Outcome {
                super::$rule($crate::site::Kind::Sqlite)
            })+
        }

        mod on_postgres {
            $(#[test]
            fn $rule() -> $crate::Outcome {
                super::$rule($crate::site::Kind::Postgres)
            })+
        }
    };
}
