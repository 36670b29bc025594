//! Where secrets come from: a variable of the environment, or a file that is made once and that only its owner reads.
//!
//! A key is text: `id=` and 64 hex digits, an entry a line or separated by commas, the current one first and the one before it after that.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use tracemem_sdk::{
    search::IndexKey,
    secrets::{Secret, StaticKeyring},
};
use tracemem_transports::link::LinkKeys;

use crate::{Failure, chain, config::InvalidConfig, store_url::StoreUrl};

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// In this variable.
    Env(String),
    /// In a file beside the SQLite file, which is made where there is none.
    Generated,
}

/// The value of a variable of the environment.
pub(crate) fn from_env(field: &str, name: &str) -> Result<Secret, InvalidConfig> {
    let unset = || {
        InvalidConfig::new(
            field,
            format!("the environment has no variable `{name}` that is text and not empty"),
        )
    };
    // The error of the standard library repeats what is not Unicode.
    let text = std::env::var(name).map_err(|_| unset())?;
    Secret::new(text).map_err(|_| unset())
}

/// A random secret of 256 bits, in hex.
pub(crate) fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("there are no random bytes: {error}"))?;
    Ok(HEXLOWER.encode(&bytes))
}

/// What links and buttons are signed with.
pub(crate) fn link_keys(source: &KeySource, store: &StoreUrl) -> Result<LinkKeys, Failure> {
    let field = "link_keys";
    let text = text(field, source, store)?;
    let mut entries = entries(field, &text)?.into_iter();
    let refused =
        |error: tracemem_transports::link::InvalidLinkKey| InvalidConfig::new(field, chain(&error));
    let (id, secret) = entries.next().ok_or_else(|| form(field))?;
    let keys = LinkKeys::new(&id, secret.expose()).map_err(refused)?;
    let keys = match entries.next() {
        None => keys,
        Some((id, secret)) => keys.with_previous(&id, secret.expose()).map_err(refused)?,
    };
    match entries.next() {
        None => Ok(keys),
        Some(_) => Err(InvalidConfig::new(field, "there are two keys at most").into()),
    }
}

/// What credentials are sealed with.
pub(crate) fn credential_keys(
    source: &KeySource,
    store: &StoreUrl,
) -> Result<StaticKeyring, Failure> {
    let field = "credential_keys";
    let text = text(field, source, store)?;
    let text = text.expose_text().ok_or_else(|| form(field))?;
    Ok(StaticKeyring::from_text(text).map_err(|error| InvalidConfig::new(field, chain(&error)))?)
}

/// What personal values are indexed under.
pub(crate) fn index_key(source: &KeySource, store: &StoreUrl) -> Result<IndexKey, Failure> {
    let field = "index_key";
    let text = text(field, source, store)?;
    let entries = entries(field, &text)?;
    let [(_, secret)] = entries.as_slice() else {
        return Err(InvalidConfig::new(field, "it is one key, which can never be replaced").into());
    };
    Ok(IndexKey::new(secret.expose()).map_err(|error| InvalidConfig::new(field, chain(&error)))?)
}

fn form(field: &str) -> InvalidConfig {
    InvalidConfig::new(field, "an entry is `id=` and 64 hex digits")
}

fn entries(field: &str, text: &Secret) -> Result<Vec<(String, Secret)>, InvalidConfig> {
    let text = text.expose_text().ok_or_else(|| form(field))?;
    let entries = text.split(['\n', ',']).map(str::trim);
    let entry = |entry: &str| {
        let (id, hex) = entry.split_once('=').filter(|(_, hex)| hex.len() == 64)?;
        let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
        Some((id.to_owned(), Secret::new(bytes).ok()?))
    };
    entries
        .filter(|entry| !entry.is_empty())
        .map(|text| entry(text).ok_or_else(|| form(field)))
        .collect()
}

fn text(field: &str, source: &KeySource, store: &StoreUrl) -> Result<Secret, Failure> {
    match source {
        KeySource::Env(name) => Ok(from_env(&[field, ".env"].concat(), name)?),
        KeySource::Generated => {
            let path = store
                .beside(&field.replace('_', "-"))
                .ok_or_else(|| no_place(field))?;
            let kept = kept(&path);
            Ok(kept.map_err(|error| format!("the key file `{}`: {error}", path.display()))?)
        }
    }
}

/// Only an SQLite file has a place beside it.
pub(crate) fn no_place(field: &str) -> InvalidConfig {
    let rule = "it is generated beside an SQLite file only; name a variable of the environment as {\"env\": \"NAME\"}";
    InvalidConfig::new(field, rule)
}

/// What the file holds, which is made where there is none.
fn kept(path: &Path) -> io::Result<Secret> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path)?;
            fs::read(path)?
        }
        read => read?,
    };
    Secret::new(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn make(path: &Path) -> io::Result<()> {
    let key = random().map_err(io::Error::other)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(temporary);
    write_private(&temporary, format!("generated={key}\n").as_bytes())?;
    // A link, not a rename: of two processes that start at once, the one that comes second takes the other's key.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_folder(path),
    }
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

/// A key that a crash takes back would make everything unreadable that was sealed with it.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    // Windows opens no folders as files.
    if cfg!(unix) {
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
