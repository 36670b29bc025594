//! A stream that never hands out more than a line, and has an end to what it hands out.
//!
//! Whoever reads SMTP through a buffer has read whatever stood behind the answer to `STARTTLS`, and takes it for the server's after the
//! handshake though anybody on the way may have put it there (CVE-2011-0411 is this on servers). Read a line at a time, the answer
//! empties the reader's buffer, and what was put behind it goes into the handshake, which fails.
//!
//! A reader of lines keeps what it has read until the line ends. So that nobody fills our memory with a line that does not, there is a
//! limit to what is read before we have spoken again.

use std::{
    fmt::Debug,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// The most bytes that are read in one go: an answer of the longest that is understood, or the certificates of a handshake.
const LIMIT: usize = 128 * 1_024;

/// The connection, encrypted or not, read a line at a time.
#[derive(Debug)]
pub(super) struct LineByLine<S> {
    stream: BufReader<S>,
    peer: SocketAddr,
    /// How many bytes were read since we have spoken.
    heard: usize,
}

impl<S: AsyncRead> LineByLine<S> {
    pub(super) fn new(stream: S, peer: SocketAddr) -> Self {
        Self {
            stream: BufReader::new(stream),
            peer,
            heard: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LineByLine<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.heard >= LIMIT {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let there = ready!(Pin::new(&mut self.stream).poll_fill_buf(context))?;
        let line = there.iter().position(|byte| *byte == b'\n');
        let line = line.map_or(there.len(), |end| end + 1);
        let taken = line.min(into.remaining());
        into.put_slice(there.get(..taken).unwrap_or_default());
        Pin::new(&mut self.stream).consume(taken);
        self.heard += taken;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for LineByLine<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.heard = 0;
        Pin::new(self.stream.get_mut()).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

impl<S> AsyncTokioStream for LineByLine<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + Debug,
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
