//! An app's socket that knows whether anything of the current request was written.

use std::io::{self, IoSlice};
use std::net::TcpStream as Handle;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::net::TcpStream;

/// What the pool sees of a socket that hyper owns.
#[derive(Debug)]
pub(super) struct View {
    handle: Handle,
    is_new: AtomicBool,
    is_untouched: AtomicBool,
}

impl View {
    /// A view of that socket.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub(super) fn of(socket: &TcpStream) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            handle: second_handle(socket)?,
            is_new: AtomicBool::new(true),
            is_untouched: AtomicBool::new(true),
        }))
    }

    /// Another request is about to be sent.
    pub(super) fn begin_again(&self) {
        self.is_new.store(false, Ordering::Relaxed);
        self.is_untouched.store(true, Ordering::Relaxed);
    }

    /// Whether not a byte of the current request was written.
    pub(super) fn is_untouched(&self) -> bool {
        self.is_untouched.load(Ordering::Relaxed)
    }

    /// Whether the app has neither closed it nor sent anything. This asks the system: the
    /// runtime knows only what it has come around to look at.
    pub(super) fn is_silent(&self) -> bool {
        let pending = self.handle.peek(&mut [0]);
        pending.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether a request can be sent. What an app says of its own accord into a connection
    /// that was idle would be taken for the answer, so then it cannot. Into a new one it may
    /// say something: a greeting of another protocol, which is for the parser to find, or
    /// what belongs to TLS.
    fn is_usable(&self) -> bool {
        let may_speak = self.is_new.load(Ordering::Relaxed);
        match self.handle.peek(&mut [0]) {
            Ok(length) => may_speak && length > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// A stream over the socket that `view` shows. It writes nothing of a request into a
/// connection that the app has closed already.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    view: Arc<View>,
}

impl<S: Read + Write + Unpin> Socket<S> {
    /// `view` is of the socket under `stream`.
    pub(super) fn new(stream: S, view: Arc<View>) -> Self {
        Self { stream, view }
    }

    fn write(
        &mut self,
        write: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.view.is_untouched() && !self.view.is_usable() {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        let result = write(Pin::new(&mut self.stream));
        if matches!(result, Poll::Ready(Ok(length)) if length > 0) {
            self.view.is_untouched.store(false, Ordering::Relaxed);
        }
        result
    }
}

impl<S: Read + Write + Unpin> Read for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: Read + Write + Unpin> Write for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write_vectored(cx, bufs))
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

/// To look at a socket past the connection that owns it.
#[cfg(unix)]
fn second_handle(socket: &TcpStream) -> io::Result<Handle> {
    use std::os::fd::AsFd as _;
    Ok(socket.as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn second_handle(socket: &TcpStream) -> io::Result<Handle> {
    use std::os::windows::io::AsSocket as _;
    Ok(socket.as_socket().try_clone_to_owned()?.into())
}
