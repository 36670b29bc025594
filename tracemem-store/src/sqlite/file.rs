//! Whether the files that are written are still those that others find.
//!
//! A file that was unlinked, moved away or replaced while it is open takes every write without an error, and nobody will ever
//! read it. So the writer compares, before and after each transaction, what stands at the path with what stood there at open:
//! the database, its write-ahead log and the index of the log, of which each alone is enough to lose a commit.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The files of an open database, and which ones they were.
#[derive(Debug)]
pub(super) struct Files {
    database: File,
    log: Mutex<[File; 2]>,
}

impl Files {
    /// The files as they are now. All must be there, as they are while a connection is open.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let log = Mutex::new(log(database)?);
        Ok(Self {
            database: File::of(database.to_owned())?,
            log,
        })
    }

    /// Whether all of them are still there.
    pub(super) fn are_there(&self) -> bool {
        self.database.is_there() && self.log().iter().all(File::is_there)
    }

    /// Whether this is the database, by whatever name.
    #[cfg(feature = "sea-orm-2")]
    pub(super) fn is_database(&self, path: &Path) -> bool {
        self.database.is_at(path)
    }

    /// Takes the log as it is now, where the database itself is still there: the log begins anew where for a moment nobody had
    /// the file open.
    pub(super) fn take_log_anew(&self) -> io::Result<()> {
        if !self.database.is_there() {
            return Err(io::ErrorKind::NotFound.into());
        }
        *self.log() = log(&self.database.path)?;
        Ok(())
    }

    fn log(&self) -> MutexGuard<'_, [File; 2]> {
        // It is only ever replaced as a whole, so what a panicking holder left is good.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(database: &Path) -> io::Result<[File; 2]> {
    let beside = |suffix: &str| {
        let mut path = OsString::from(database);
        path.push(suffix);
        File::of(path.into())
    };
    Ok([beside("-wal")?, beside("-shm")?])
}

/// A path, and which file stood there.
#[derive(Debug)]
struct File {
    path: PathBuf,
    id: FileId,
}

impl File {
    fn of(path: PathBuf) -> io::Result<Self> {
        let id = FileId::of(&path)?;
        Ok(Self { path, id })
    }

    fn is_there(&self) -> bool {
        // What cannot be looked at is as good as gone.
        FileId::of(&self.path).is_ok_and(|now| now == self.id)
    }

    /// Whether it stands at this path, too.
    #[cfg(all(feature = "sea-orm-2", unix))]
    fn is_at(&self, path: &Path) -> bool {
        FileId::of(path).is_ok_and(|there| there == self.id)
    }

    /// Whether it stands at this path, too.
    #[cfg(all(feature = "sea-orm-2", not(unix)))]
    fn is_at(&self, path: &Path) -> bool {
        let real = |path| fs::canonicalize(path).ok();
        real(path).is_some_and(|path| real(&self.path) == Some(path))
    }
}

/// What tells a file from another one that stands at its path later.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

#[cfg(unix)]
impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// Where files have no number, an open one can be neither unlinked nor replaced: it is enough that one stands there.
#[cfg(not(unix))]
#[derive(Debug, PartialEq, Eq)]
struct FileId;

#[cfg(not(unix))]
impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_| Self)
    }
}
