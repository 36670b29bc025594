//! What an endpoint answered, as far as it is read.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// The most bytes that are read of an answer's body: 16 KiB. The rest is dropped with the connection.
pub const BODY_LIMIT: usize = 16 * 1_024;

/// What an endpoint answered. Whatever it says is the endpoint's: it is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as it was sent, compressed or not; at most [`BODY_LIMIT`] bytes.
    pub body: Bytes,
    /// Whether that is all of it.
    pub end: BodyEnd,
}

/// Whether a body was read to its end. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyEnd {
    /// It was.
    Complete,
    /// It was longer, slower than the limit of time, or broke off.
    Cut,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// Reads a body as far as it is read.
pub(super) async fn read(response: &mut reqwest::Response, body: &mut Vec<u8>) -> BodyEnd {
    loop {
        match response.chunk().await {
            Ok(None) => return BodyEnd::Complete,
            Err(_) => return BodyEnd::Cut,
            Ok(Some(chunk)) => {
                let room = BODY_LIMIT - body.len();
                body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    return BodyEnd::Cut;
                }
            }
        }
    }
}
