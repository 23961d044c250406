//! A socket that remembers how the current request began, and does not wait for ever for
//! a sender to read.
//!
//! What hyper refuses before the service sees it leaves no request behind. To show it
//! all the same, the first bytes that came since the last answer are kept here.
//!
//! A sender that never reads would keep its connection, its answer and its delivery's place
//! in the ring. And hyper's buffers grow with what comes, to twice 64 KiB a connection; a
//! thousand uploads at once get smaller pieces.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::http::stall::Bounded;

/// Bytes that all connections together may read at one time.
const READS: usize = 4 << 20;
/// What each may read however many there are: a little less than hyper's first buffer, which
/// grows when it has been filled.
const LEAST_READ: usize = (8 << 10) - 1;

/// Enough for a method and most of a path.
const HEAD: usize = 120;

/// What has come since the last answer.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<Vec<u8>>>);

impl Watch {
    /// Forgets: what comes now belongs to the next request.
    pub fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The first bytes of the current request; empty between requests.
    pub fn head(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, bytes: &[u8]) {
        let mut head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = HEAD - head.len().min(HEAD);
        head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// A socket whose first bytes were read already.
#[derive(Debug)]
pub struct Watched {
    stream: Bounded<TcpStream>,
    before: Vec<u8>,
    watch: Watch,
    connections: TaskTracker,
}

impl Watched {
    /// `before` is what was read from the stream so far; `connections` counts all that
    /// there are.
    pub fn new(stream: TcpStream, before: Vec<u8>, watch: Watch, connections: TaskTracker) -> Self {
        Self {
            stream: Bounded::new(stream),
            before,
            watch,
            connections,
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let count = self.before.len().min(buf.remaining());
            let rest = self.before.split_off(count);
            buf.put_slice(&self.before);
            self.watch.note(&self.before);
            self.before = rest;
            return Poll::Ready(Ok(()));
        }
        let filled = buf.filled().len();
        let most = (READS / self.connections.len().max(1)).max(LEAST_READ);
        let result = if buf.remaining() <= most {
            Pin::new(&mut self.stream).poll_read(cx, buf)
        } else {
            let mut piece = ReadBuf::new(buf.initialize_unfilled_to(most));
            let result = Pin::new(&mut self.stream).poll_read(cx, &mut piece);
            let read = piece.filled().len();
            buf.advance(read);
            result
        };
        if result.is_ready() {
            self.watch.note(&buf.filled()[filled..]);
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
