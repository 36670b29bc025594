//! Dying on purpose: `--kill-at POINT` aborts the process right after a step is durable.
//!
//! It aborts as a crash would: no destructor runs, nothing is flushed, nothing is told to anybody. A marker that is on the disk
//! before the abort makes it happen once per folder and point, so that the same command goes on the next time.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind},
};

use crate::folder::Folder;

/// After which step. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The decision and its approval request are recorded.
    Decide,
    /// The answer is recorded.
    Approve,
    /// The start of the side effect is recorded; the effect is not done.
    Started,
    /// The side effect is done; its receipt is not recorded.
    Effect,
    /// Receipt and outcome are recorded.
    Receipt,
}

impl Point {
    const ALL: [Self; 5] = [
        Self::Decide,
        Self::Approve,
        Self::Started,
        Self::Effect,
        Self::Receipt,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Approve => "approve",
            Self::Started => "started",
            Self::Effect => "effect",
            Self::Receipt => "receipt",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.as_str() == text)
    }
}

/// Where this process dies, if it does.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    at: Option<Point>,
    folder: Folder,
}

impl Kill {
    pub(crate) fn new(at: Option<Point>, folder: Folder) -> Self {
        Self { at, folder }
    }

    /// The step before `point` is durable: dies if that is what was asked for and it has not died there before.
    pub(crate) fn after(&self, point: Point) -> io::Result<()> {
        if self.at != Some(point) {
            return Ok(());
        }
        let marker = self.folder.marker(point.as_str());
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&marker)
        {
            Ok(file) => file.sync_all()?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error),
        }
        self.folder.sync()?;
        eprintln!(
            "quickstart: killed after `{}`; run the same command again to go on",
            point.as_str()
        );
        std::process::abort()
    }
}
