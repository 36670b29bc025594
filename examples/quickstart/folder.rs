//! The folder that holds everything: the decisions, the ledger, and the secret that links are signed with.
//!
//! It promises that a file it writes is there wholly or not at all, whenever the process or the machine stops.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// How many random bytes sign the links.
const SECRET_BYTES: usize = 32;

/// The folder of `--dir`.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates it where there is none.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn decisions(&self) -> PathBuf {
        self.0.join("decisions.db")
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("ledger.json")
    }

    /// The marker that says that the process died here on purpose.
    pub(crate) fn marker(&self, point: &str) -> PathBuf {
        self.0.join(format!("killed-after-{point}"))
    }

    /// Makes what was created, renamed or removed in the folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        sync(&self.0)
    }

    /// The secret that links are signed with: made at the first run and kept, so that links of an earlier run stay valid.
    pub(crate) fn link_secret(&self) -> io::Result<Vec<u8>> {
        let path = self.0.join("link.key");
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => self.make_link_secret(&path)?,
            read => return checked_secret(read?),
        }
        checked_secret(fs::read(&path)?)
    }

    fn make_link_secret(&self, path: &Path) -> io::Result<()> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let temporary = temporary(path);
        write_private(&temporary, &secret)?;
        // A link, not a rename: of two processes that start at once, the one that comes second takes the other's secret.
        let linked = fs::hard_link(&temporary, path);
        fs::remove_file(&temporary)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => self.sync(),
        }
    }
}

fn checked_secret(secret: Vec<u8>) -> io::Result<Vec<u8>> {
    if secret.len() == SECRET_BYTES {
        return Ok(secret);
    }
    let what = format!(
        "link.key has {} bytes, not {SECRET_BYTES}; remove it to get another",
        secret.len()
    );
    Err(io::Error::new(ErrorKind::InvalidData, what))
}

/// Puts `bytes` into a new file beside `path`, on the disk, and returns where. Nothing has changed at `path` yet.
pub(crate) fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let temporary = temporary(path);
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(temporary)
}

/// Replaces the file at `path`, wholly or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, bytes)?;
    fs::rename(temporary, path)?;
    sync(path.parent().unwrap_or(Path::new("")))
}

/// Makes the entries of a folder durable.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    // Windows opens no folders as files, and its renames need no such thing.
    if cfg!(unix) {
        let here = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(here)?.sync_all()?;
    }
    Ok(())
}

/// A name beside `path` that no other process uses now.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    name.into()
}

/// A new file that nobody but its owner reads, where files have owners.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
