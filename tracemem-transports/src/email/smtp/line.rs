//! A stream that never hands out more than a line.
//!
//! Whoever reads SMTP through a buffer has read whatever stood behind the answer to `STARTTLS`, and takes it for the server's after the
//! handshake though anybody on the way may have put it there (CVE-2011-0411 is this on servers). Read a line at a time, the answer
//! empties the reader's buffer, and what was put behind it goes into the handshake, which fails.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf},
    net::TcpStream,
};

/// The connection, read a line at a time.
#[derive(Debug)]
pub(super) struct LineByLine(BufReader<TcpStream>);

impl LineByLine {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }
}

impl AsyncRead for LineByLine {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let there = ready!(Pin::new(&mut self.0).poll_fill_buf(context))?;
        let line = there.iter().position(|byte| *byte == b'\n');
        let line = line.map_or(there.len(), |end| end + 1);
        let taken = line.min(into.remaining());
        into.put_slice(there.get(..taken).unwrap_or_default());
        Pin::new(&mut self.0).consume(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineByLine {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl AsyncTokioStream for LineByLine {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }
}
