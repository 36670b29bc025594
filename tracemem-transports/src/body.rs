//! Reading a body that a stranger sends: counted byte by byte and in bounded time, whatever its head says of it.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt;

/// How long a body may take to arrive. How long the head may take is left to the host's server.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// A body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is longer than it may be; nothing after the limit was asked for.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// The connection broke off: nobody reads what is said.
    Broken,
}

/// The body, if it has at most `limit` bytes and arrives within five seconds.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Unread> {
    tokio::time::timeout(READ_LIMIT, read_all(body, limit))
        .await
        .unwrap_or(Err(Unread::TooSlow))
}

async fn read_all(body: Body, limit: usize) -> Result<Bytes, Unread> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(expected.min(limit));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unread::Broken)?;
        if bytes.len() + chunk.len() > limit {
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const LIMIT: usize = 16 * 1024;

    fn arriving(chunks: usize) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
        stream::iter((0..chunks).map(|_| Ok(Bytes::from_static(&[b'x'; 1024]))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_in_time_is_not_waited_for() {
        let stuck = Body::from_stream(arriving(1).chain(stream::pending()));
        assert_eq!(read(stuck, LIMIT).await, Err(Unread::TooSlow));
    }

    #[tokio::test]
    async fn a_body_is_cut_off_at_the_first_byte_too_many() {
        let whole = read(Body::from_stream(arriving(16)), LIMIT).await;
        assert!(matches!(whole, Ok(body) if body.len() == LIMIT));
        // What comes after the limit is never asked for.
        let endless = Body::from_stream(arriving(17).chain(stream::pending()));
        assert_eq!(read(endless, LIMIT).await, Err(Unread::TooLarge));
    }
}
