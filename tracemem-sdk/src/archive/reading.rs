//! Reading an archive file, and checking everything that can be checked without a key.

use std::io::{self, BufRead};

use sha2::{Digest as _, Sha256};

use super::file::{DecisionLine, FirstLine, LastLine, TYPE};
use crate::{
    decision::{Trace, envelope::BrokenTrace},
    evidence::digest::Digest,
    id::TenantId,
};

/// A file is no archive, or not as it was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenArchive {
    /// It cannot be read.
    #[error("the archive cannot be read")]
    Unreadable(#[source] io::Error),
    /// A line is not what it should be.
    #[error("line {line} of the archive is not {expected}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What it should be.
        expected: &'static str,
    },
    /// A decision's trace is not as it was written.
    #[error("the trace in line {line} of the archive is broken")]
    Trace {
        /// Which line, from 1.
        line: u64,
        /// In what way.
        source: BrokenTrace,
    },
    /// The file ends before its last line: the rest is missing.
    #[error("the archive ends early")]
    Truncated,
    /// Its last line states another number of decisions or another digest.
    #[error("the archive is not what its last line says")]
    Digest,
    /// Something follows the last line.
    #[error("something follows the last line of the archive")]
    Trailing,
}

/// How many bytes one line may have: far more than any decision.
const LINE: u64 = 256 * 1024 * 1024;

/// Reads the decisions of an archive, one at a time.
///
/// Each trace that it gives has its leaf hashes, its chain and its fold checked. Only a file that was read to its end without an
/// error is whole: an edit that recomputes every hash is found by comparing [`digest`](Self::digest) with the one that the store
/// keeps, or by the sealed log.
#[derive(Debug)]
pub struct ArchiveReader<R> {
    from: R,
    tenant: TenantId,
    /// Over all lines so far.
    hash: Sha256,
    line: u64,
    decisions: u64,
    state: ReaderState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Reading,
    Ended,
    Failed,
}

impl<R: BufRead> ArchiveReader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`BrokenArchive`] where it is none of an archive of this version.
    pub fn new(mut from: R) -> Result<Self, BrokenArchive> {
        let mut hash = Sha256::new();
        let bytes = next_line(&mut from, 1)?.ok_or(BrokenArchive::Truncated)?;
        let expected = BrokenArchive::Line {
            line: 1,
            expected: "the first of an archive of this version",
        };
        let first: FirstLine = match serde_json::from_slice(&bytes) {
            Ok(first) => first,
            Err(_) => return Err(expected),
        };
        if first.r#type != TYPE {
            return Err(expected);
        }
        hash.update(&bytes);
        Ok(Self {
            from,
            tenant: first.tenant,
            hash,
            line: 1,
            decisions: 0,
            state: ReaderState::Reading,
        })
    }

    /// Whose decisions they are.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// SHA-256 of the whole file, once it was read to its end without an error.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        match self.state {
            ReaderState::Ended => Some(Digest::from_bytes(self.hash.clone().finalize().into())),
            ReaderState::Reading | ReaderState::Failed => None,
        }
    }

    fn read(&mut self) -> Result<Option<Trace>, BrokenArchive> {
        self.line += 1;
        let line = self.line;
        let bytes = next_line(&mut self.from, line)?.ok_or(BrokenArchive::Truncated)?;
        if bytes.starts_with(b"{\"end\":") {
            return self.end(&bytes).map(|()| None);
        }
        let expected = |expected| BrokenArchive::Line { line, expected };
        let read: DecisionLine =
            serde_json::from_slice(&bytes).map_err(|_| expected("a decision"))?;
        let decision = read.decision.clone();
        let stream = read.stream().ok_or(expected("base64 where it should be"))?;
        let trace = Trace::read(&self.tenant, &decision, &stream)
            .map_err(|source| BrokenArchive::Trace { line, source })?;
        self.hash.update(&bytes);
        self.decisions += 1;
        Ok(Some(trace))
    }

    fn end(&mut self, bytes: &[u8]) -> Result<(), BrokenArchive> {
        let last: LastLine = serde_json::from_slice(bytes).map_err(|_| BrokenArchive::Line {
            line: self.line,
            expected: "the last of an archive",
        })?;
        let before = Digest::from_bytes(self.hash.clone().finalize().into());
        if last.end != self.decisions || last.sha256 != before.to_hex() {
            return Err(BrokenArchive::Digest);
        }
        self.hash.update(bytes);
        match next_line(&mut self.from, self.line + 1)? {
            None => Ok(()),
            Some(_) => Err(BrokenArchive::Trailing),
        }
    }
}

impl<R: BufRead> Iterator for ArchiveReader<R> {
    type Item = Result<Trace, BrokenArchive>;

    /// The next decision. After an error, and after the last one, there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.state != ReaderState::Reading {
            return None;
        }
        let read = self.read();
        self.state = match &read {
            Ok(Some(_)) => ReaderState::Reading,
            Ok(None) => ReaderState::Ended,
            Err(_) => ReaderState::Failed,
        };
        read.transpose()
    }
}

/// The next line with its end; `None` where there is nothing more.
fn next_line(from: &mut impl BufRead, line: u64) -> Result<Option<Vec<u8>>, BrokenArchive> {
    let mut bytes = Vec::new();
    let mut within = io::Read::take(from, LINE);
    within
        .read_until(b'\n', &mut bytes)
        .map_err(BrokenArchive::Unreadable)?;
    match bytes.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(bytes)),
        Some(_) if bytes.len() as u64 == LINE => Err(BrokenArchive::Line {
            line,
            expected: "short enough",
        }),
        Some(_) => Err(BrokenArchive::Truncated),
    }
}
