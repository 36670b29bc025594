//! Looking for what must not be there: everything that was logged or printed, and a text in any of its usual spellings.

use std::{
    error::Error,
    fmt::Debug,
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use data_encoding::{BASE64, BASE64URL, HEXLOWER};

use crate::world::{Tested, causes};

/// Everything that this process logged at TRACE since somebody asked for it first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

static LOGS: OnceLock<Logs> = OnceLock::new();

/// Begins to listen, if nobody did before. One process has one log, so that what other tests log is in it too.
pub(crate) fn logs() -> Logs {
    let listen = || {
        let logs = Logs::default();
        let writer = logs.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        // It fails only where there is a listener already, and then the log stays empty, which the tests notice.
        drop(tracing::subscriber::set_global_default(subscriber));
        logs
    };
    LOGS.get_or_init(listen).clone()
}

impl Logs {
    pub(crate) fn so_far(&self) -> String {
        let logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text_of(&logged)
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that a host could print.
#[derive(Debug, Default)]
pub(crate) struct Leaks(String);

impl Leaks {
    pub(crate) fn print(&mut self, value: &impl Debug) {
        self.0.push_str(&format!("{value:?}\n{value:#?}\n"));
    }

    /// Prints an error with all its causes, and insists that it is one.
    pub(crate) fn fail<T: Debug, E: Error>(&mut self, result: Result<T, E>) -> Tested {
        self.print(&result);
        let error = result.err().ok_or("it did not fail")?;
        self.0.push_str(&causes(&error));
        Ok(())
    }

    pub(crate) fn so_far(&self) -> &str {
        &self.0
    }
}

/// What is looked through. What is no text in it is passed over: all spellings are ASCII.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a text stands there: as it is, in hex, or inside of something that was written in base64.
pub(crate) fn holds(place: &str, text: &str) -> bool {
    spellings(text)
        .iter()
        .any(|spelling| place.contains(spelling))
}

fn spellings(text: &str) -> Vec<String> {
    let hex = HEXLOWER.encode(text.as_bytes());
    let mut spellings = vec![text.to_owned(), hex.to_uppercase(), hex];
    for before in ["", "-", "--"] {
        let padded = [before, text].concat();
        for encoding in [BASE64, BASE64URL] {
            let encoded = encoding.encode(padded.as_bytes());
            // The characters at both ends also depend on what stands beside the text.
            let inner = encoded.get(4..encoded.len().saturating_sub(4));
            spellings.extend(inner.map(str::to_owned));
        }
    }
    spellings
}
