//! One message for all that a connection has to write at one time.
//!
//! HTTP/2 flushes behind every frame with data. Each would become a message, a system call
//! and a wake-up of the other end; deliveries come many at once, and one of each is enough
//! for all of them. So a flush is put off here until the connection has nothing left to do.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// The stream, for the connection. What is written to it goes out when [`Flushing`] has the
/// connection's turn end, or when it is enough for a message of its own.
#[derive(Debug)]
pub struct Gathered<S>(Arc<Mutex<Shared<S>>>);

/// The end of the connection's turn.
#[derive(Debug)]
pub struct Flushing<S>(Arc<Mutex<Shared<S>>>);

#[derive(Debug)]
struct Shared<S> {
    stream: Stream<S>,
    // Of a flush that the connection believed done.
    error: Option<io::Error>,
}

fn lock<S>(shared: &Mutex<Shared<S>>) -> MutexGuard<'_, Shared<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The two halves of it.
pub fn gathered<S>(stream: Stream<S>) -> (Gathered<S>, Flushing<S>) {
    let error = None;
    let shared = Arc::new(Mutex::new(Shared { stream, error }));
    (Gathered(Arc::clone(&shared)), Flushing(shared))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Flushing<S> {
    /// Polls the connection and sends what it has written.
    pub fn poll<F: Future>(
        &self,
        connection: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let polled = connection.poll(cx);
        if polled.is_pending() {
            let mut shared = lock(&self.0);
            if let Poll::Ready(Err(error)) = Pin::new(&mut shared.stream).poll_flush(cx) {
                shared.error = Some(error);
                // It is told the next time that it reads.
                cx.waker().wake_by_ref();
            }
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        let before = buf.filled().len();
        let read = Pin::new(&mut shared.stream).poll_read(cx, buf);
        // What the other end has said goes first: perhaps why it takes no more.
        if buf.filled().len() == before
            && let Some(error) = shared.error.take()
        {
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut lock(&self.0).stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut lock(&self.0).stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        if !shared.stream.is_full() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut shared.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::super::config;
    use super::*;

    async fn pair(room: usize) -> (Stream<DuplexStream>, Stream<DuplexStream>) {
        let (one, other) = duplex(room);
        let client = WebSocketStream::from_raw_socket(one, Role::Client, Some(config())).await;
        (
            Stream::new(client),
            Stream::accepted(other, Vec::new()).await,
        )
    }

    #[tokio::test]
    async fn what_is_flushed_in_one_turn_goes_out_at_its_end() {
        let (near, mut far) = pair(1 << 20).await;
        let (mut near, flushing) = gathered(near);
        let mut turn = Box::pin(async move {
            for _ in 0..10 {
                near.write_all(b"0123456789").await.unwrap();
                near.flush().await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        let mut read = [0; 100];
        {
            // Without the turn's end nothing comes.
            let reading = far.read(&mut read);
            tokio::pin!(reading);
            poll_fn(|cx| {
                assert!(turn.as_mut().poll(cx).is_pending());
                assert!(reading.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let count = tokio::select! {
            () = poll_fn(|cx| flushing.poll(turn.as_mut(), cx)) => 0,
            count = far.read(&mut read) => count.unwrap(),
        };
        assert_eq!(count, read.len(), "in one message");
    }

    #[tokio::test]
    async fn a_large_body_waits_for_its_reader() {
        let (near, far) = pair(1 << 10).await;
        let (mut near, flushing) = gathered(near);
        let mut writing = Box::pin(async move {
            near.write_all(&vec![1; 10 << 20]).await.unwrap();
            near.shutdown().await.unwrap();
        });
        // Nobody reads: it does not take all of it into memory.
        let polled = poll_fn(|cx| Poll::Ready(flushing.poll(writing.as_mut(), cx)));
        assert!(polled.await.is_pending());
        let mut read = Vec::new();
        let mut far = far;
        let reading = async {
            far.read_to_end(&mut read).await.unwrap();
        };
        tokio::join!(poll_fn(|cx| flushing.poll(writing.as_mut(), cx)), reading);
        assert_eq!(read.len(), 10 << 20);
    }

    #[tokio::test]
    async fn a_flush_that_fails_is_told_to_who_reads() {
        let (near, far) = pair(1 << 20).await;
        let (mut near, flushing) = gathered(near);
        drop(far);
        let mut turn = Box::pin(async move {
            near.write_all(b"gone").await.unwrap();
            near.flush().await.unwrap();
            tokio::task::yield_now().await;
            near.read(&mut [0; 10]).await
        });
        let told = poll_fn(|cx| flushing.poll(turn.as_mut(), cx)).await;
        assert_eq!(told.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
