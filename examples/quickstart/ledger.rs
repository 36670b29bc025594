//! The billing system of this example: a ledger in a JSON file, one list of entries.
//!
//! It stands for a system of somebody else, so it knows nothing of decisions but the reference it is given, and it never
//! looks whether an entry is there already: if the discount were booked twice, the file would show it. An entry that was booked
//! is on the disk. What it promises beyond that is what [`Safety::Lookup`](tracemem_sdk::guard::Safety::Lookup) needs: it can be asked
//! by our reference.

use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Number;
use tracemem_sdk::{
    evidence::digest::Digest,
    guard::{EffectError, ResultExt},
};

use crate::folder::{self, Folder};

/// The billing system.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    path: PathBuf,
    folder: Folder,
}

/// One discount that was booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) entry_id: String,
    /// Our reference: the permit's idempotency key.
    pub(crate) idempotency_key: String,
    pub(crate) mutation: String,
    pub(crate) subscription: String,
    pub(crate) discount_percent: Number,
    pub(crate) booked_at: String,
}

/// What the ledger was before and after a booking.
#[derive(Debug)]
pub(crate) struct Booked {
    pub(crate) before: Digest,
    pub(crate) after: Digest,
}

/// The ledger failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("`{}` cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("`{}` is no list of entries", .0.display())]
    Form(PathBuf, #[source] serde_json::Error),
    #[error("`{}` cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

impl Ledger {
    pub(crate) fn new(folder: Folder) -> Self {
        Self {
            path: folder.ledger(),
            folder,
        }
    }

    pub(crate) fn entries(&self) -> Result<Vec<Entry>, LedgerError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| LedgerError::Form(self.path.clone(), source)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(LedgerError::Read(self.path.clone(), error)),
        }
    }

    /// The entry with our reference, if there is one.
    pub(crate) fn find(&self, idempotency_key: &str) -> Result<Option<Entry>, LedgerError> {
        let entries = self.entries()?;
        Ok(entries
            .into_iter()
            .find(|entry| entry.idempotency_key == idempotency_key))
    }

    /// Books a discount. Each error says whether it was booked.
    pub(crate) fn book(&self, entry: Entry) -> Result<Booked, EffectError<LedgerError>> {
        let mut entries = self.entries().did_not_happen()?;
        let before = Digest::of(&bytes_of(&entries));
        entries.push(entry);
        let bytes = bytes_of(&entries);
        let failed = |error| LedgerError::Write(self.path.clone(), error);
        let written = folder::write_beside(&self.path, &bytes)
            .map_err(failed)
            .did_not_happen()?;
        // From here on it may be booked: a rename that failed can have reached the disk.
        fs::rename(written, &self.path)
            .map_err(failed)
            .may_have_happened()?;
        self.folder.sync().map_err(failed).may_have_happened()?;
        Ok(Booked {
            before,
            after: Digest::of(&bytes),
        })
    }
}

fn bytes_of(entries: &[Entry]) -> Vec<u8> {
    // An entry has only text keys, so that it always serializes.
    let mut bytes = serde_json::to_vec_pretty(entries).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
