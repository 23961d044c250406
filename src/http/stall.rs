//! Peers that do not read what is written to them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a peer may take nothing of what is written to it.
pub const TAKES_WITHIN: Duration = Duration::from_secs(30);

/// Ends writes to a peer that takes nothing. hyper has no limit on how long an answer may
/// take to be written.
#[derive(Debug, Default)]
struct Stall(
    // Runs while the peer takes nothing.
    Option<Pin<Box<Sleep>>>,
);

impl Stall {
    /// What came of a write, or an error where nothing could be written for too long.
    fn in_time(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.0 = None;
            return written;
        }
        let stalled = self.0.get_or_insert_with(|| Box::pin(sleep(TAKES_WITHIN)));
        stalled.as_mut().poll(cx).map(|()| {
            let why = "the sender does not read its answer";
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        })
    }
}

/// A stream to a peer that has to read: where it takes nothing of what is written for
/// [`TAKES_WITHIN`], writing fails with `TimedOut`.
#[derive(Debug)]
pub struct Bounded<S> {
    stream: S,
    stall: Stall,
}

impl<S> Bounded<S> {
    /// That stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            stall: Stall::default(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.stall.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.stall.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
