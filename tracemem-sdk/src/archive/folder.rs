//! Archive files in a folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;

use super::{ArchiveSink, ArchiveSinkError};

/// A folder that archive files are kept in. It must be there.
///
/// A file is written beside its name, synchronised, renamed, and the folder is synchronised: after that it survives a power cut.
/// Calls block a thread of the runtime's blocking pool for as long as the disk takes.
#[derive(Debug, Clone)]
pub struct ArchiveFolder(PathBuf);

impl ArchiveFolder {
    /// The folder at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

#[async_trait]
impl ArchiveSink for ArchiveFolder {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveSinkError> {
        let (folder, name) = (self.0.clone(), name.to_owned());
        let put = tokio::task::spawn_blocking(move || put(&folder, &name, &bytes)).await;
        put.map_err(ArchiveSinkError::new)?
            .map_err(ArchiveSinkError::new)
    }
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let there = folder.join(name);
    if fs::read(&there).is_ok_and(|found| found == bytes) {
        // It may have been renamed by a process that was killed before the folder was synchronised.
        return synchronise(folder);
    }
    // Two processes may write the same file at once: each has a name of its own until it is whole.
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write(&beside, bytes).and_then(|()| fs::rename(&beside, &there));
    if let Err(error) = written {
        // What is left behind is no archive: its name says so.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    synchronise(folder)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn synchronise(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
