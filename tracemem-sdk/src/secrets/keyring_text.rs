//! A keyring as text, as it stands in a variable of the environment or in a file that the host mounts.

use std::path::Path;

use zeroize::Zeroizing;

use super::{InvalidKeyring, Kek, StaticKeyring};

impl StaticKeyring {
    /// Reads `id=key` entries, one a line or separated by commas; the first is current. A key is written as [`Kek::from_text`] reads it.
    /// White space around an entry, empty entries and entries that begin with `#` are passed over.
    ///
    /// ```
    /// # use tracemem_sdk::secrets::{KeyProvider, StaticKeyring};
    /// let text = "2026-11=e0c7f6d2a1b845930f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778
    ///     2026-05=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopQ=";
    /// let keyring = StaticKeyring::from_text(text)?;
    /// assert_eq!(keyring.current().as_str(), "2026-11");
    /// # Ok::<_, tracemem_sdk::secrets::InvalidKeyring>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidKeyring`].
    pub fn from_text(text: &str) -> Result<Self, InvalidKeyring> {
        let entries = text.split(['\n', ',']).map(str::trim).enumerate();
        let entries = entries.filter(|(_, entry)| !entry.is_empty() && !entry.starts_with('#'));
        let mut keyring: Option<Self> = None;
        for (place, entry) in entries {
            let (id, key) = entry
                .split_once('=')
                .ok_or(InvalidKeyring::Entry(place + 1))?;
            let kek = Kek::from_text(id.trim(), key.trim())?;
            keyring = Some(match keyring {
                None => Self::new(kek),
                Some(keyring) => keyring.and_old(kek)?,
            });
        }
        keyring.ok_or(InvalidKeyring::Empty)
    }

    /// [`from_text`](Self::from_text) with a variable of the environment. The environment itself keeps its copy for as long as the
    /// process lives, and children inherit it: a file is better.
    ///
    /// # Errors
    /// [`InvalidKeyring`].
    pub fn from_env(variable: &str) -> Result<Self, InvalidKeyring> {
        // The error of the standard library repeats what is not Unicode.
        let text = std::env::var(variable).map(Zeroizing::new);
        let text = text.map_err(|_| InvalidKeyring::Environment(variable.to_owned()))?;
        Self::from_text(&text)
    }

    /// [`from_text`](Self::from_text) with a file, which only this host's user should be able to read. It blocks: call it while starting.
    ///
    /// # Errors
    /// [`InvalidKeyring`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, InvalidKeyring> {
        let bytes = std::fs::read(path).map(Zeroizing::new);
        let bytes = bytes.map_err(InvalidKeyring::File)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| InvalidKeyring::NotText)?;
        Self::from_text(text)
    }
}
