//! A WebSocket as a stream of bytes, for HTTP/2 to run on.
//!
//! What is written is gathered until it is flushed, and goes out as one binary message.
//! Where one message ends and the next begins means nothing. Each end pings the other, and
//! takes one from which nothing has come for [`SILENCE`] for dead: a cable that was pulled
//! says nothing by itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::pulse::{Farewell, Pulse};

/// How often each end pings the other.
pub const PING_EVERY: Duration = Duration::from_secs(4);
/// An end from which nothing has come for so long is taken for dead.
pub const SILENCE: Duration = Duration::from_secs(11);

/// What is gathered before it goes out, flushed or not.
const GATHER: usize = 64 << 10;
/// The largest message that is taken. No honest end sends more than [`GATHER`].
const LARGEST: usize = 256 << 10;
/// Pings and pongs that one end may send between two of the other's pings. One is usual.
const CONTROLS: u32 = 32;
/// An end that is thrown out may be sending still, and would lose the farewell if nobody read
/// that: for so long, and so many bytes, it is read and dropped.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 16 << 20;

/// How WebSockets are set up at both ends: small buffers, because most connections are idle,
/// and none that a hostile end could make grow.
pub fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * LARGEST)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST))
}

/// The stream.
#[derive(Debug)]
pub struct Stream<S> {
    socket: WebSocketStream<S>,
    incoming: Bytes,
    outgoing: BytesMut,
    pulse: Pulse,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    beat: Interval,
    pinged_at: Option<Instant>,
    controls: u32,
    // A ping has been given to the socket and may not have been written yet.
    to_flush: bool,
    has_ended: bool,
    leaving: Option<Leaving>,
}

/// The other end has been told why it is thrown out.
#[derive(Debug)]
struct Leaving {
    why: String,
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    /// One on a socket whose handshake is done; `before` is what was read behind it.
    pub async fn accepted(io: S, before: Vec<u8>) -> Self {
        Self::new(
            WebSocketStream::from_partially_read(io, before, Role::Server, Some(config())).await,
        )
    }

    /// One on a WebSocket.
    pub fn new(socket: WebSocketStream<S>) -> Self {
        let pulse = Pulse::default();
        // The first ping goes out at once: it tells how far away the other end is.
        let mut beat = interval_at(Instant::now() + Duration::from_millis(1), PING_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            socket,
            incoming: Bytes::new(),
            outgoing: BytesMut::new(),
            closing: Box::pin(pulse.closing().clone().cancelled_owned()),
            pulse,
            beat,
            pinged_at: None,
            controls: 0,
            to_flush: false,
            has_ended: false,
            leaving: None,
        }
    }

    /// A handle that outlives it.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Whether a message's worth waits to be flushed.
    pub(super) fn is_full(&self) -> bool {
        self.outgoing.len() >= GATHER
    }

    /// Pings when it is time to, and finds out whether the other end is dead.
    fn beat(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.beat.poll_tick(cx).is_ready() {
            let silence = self.pulse.silence();
            if silence >= SILENCE {
                let why = format!("nothing has come for {} s", silence.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            self.controls = 0;
            // One that cannot be sent now is not needed: what is in its way is answered too.
            if self.socket_ready(cx)?.is_ready() {
                self.send(Message::Ping(Bytes::new()))?;
                self.pinged_at.get_or_insert_with(Instant::now);
            }
        }
        if self.to_flush
            && Pin::new(&mut self.socket)
                .poll_flush(cx)
                .map_err(io_error)?
                .is_ready()
        {
            self.to_flush = false;
        }
        Ok(())
    }

    fn socket_ready(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        match Pin::new(&mut self.socket).poll_ready(cx) {
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(error)) => Err(io_error(error)),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    fn send(&mut self, message: Message) -> io::Result<()> {
        Pin::new(&mut self.socket)
            .start_send(message)
            .map_err(io_error)?;
        self.to_flush = true;
        Ok(())
    }

    /// Takes what is not data; an error ends the connection with those words.
    fn control(&mut self, message: Message) -> Result<(), Farewell> {
        self.controls += 1;
        match message {
            Message::Pong(_) => {
                if let Some(pinged_at) = self.pinged_at.take() {
                    self.pulse.measured(pinged_at.elapsed());
                }
            }
            Message::Close(frame) => self.heard_farewell(frame.as_ref()),
            // The socket has an answer ready, which goes out with what is written next.
            Message::Ping(_) => self.to_flush = true,
            Message::Text(_) => {
                return Err(Farewell::new(
                    Farewell::UNSUPPORTED,
                    "only binary messages are understood",
                ));
            }
            Message::Binary(_) | Message::Frame(_) => {}
        }
        if self.controls > CONTROLS {
            return Err(Farewell::new(Farewell::POLICY, "too many control frames"));
        }
        Ok(())
    }

    fn heard_farewell(&mut self, frame: Option<&CloseFrame>) {
        self.pulse.heard_farewell(frame);
        self.has_ended = true;
    }

    /// Says goodbye, as far as that is possible without waiting.
    fn farewell(&mut self, cx: &mut Context<'_>, farewell: &Farewell) -> io::Error {
        self.has_ended = true;
        let frame = Message::Close(Some(farewell.into()));
        if matches!(self.socket_ready(cx), Ok(Poll::Ready(()))) && self.send(frame).is_ok() {
            let _ = Pin::new(&mut self.socket).poll_flush(cx);
        }
        io::Error::new(io::ErrorKind::ConnectionAborted, farewell.reason.clone())
    }

    /// Throws the other end out, with these words.
    fn leave(&mut self, cx: &mut Context<'_>, farewell: &Farewell) -> Poll<io::Result<()>> {
        self.farewell(cx, farewell);
        self.leaving = Some(Leaving {
            why: farewell.reason.clone(),
            until: Box::pin(sleep(LINGER)),
            left: LINGER_BYTES,
        });
        self.linger(cx)
    }

    /// Gives the other end time to hear the farewell.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(leaving) = &mut self.leaving else {
            return Poll::Ready(Ok(()));
        };
        let _ = Pin::new(&mut self.socket).poll_flush(cx);
        let mut bytes = [0; 4 << 10];
        while leaving.left > 0 && leaving.until.as_mut().poll(cx).is_pending() {
            let mut piece = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(self.socket.get_mut()).poll_read(cx, &mut piece));
            if read.is_err() || piece.filled().is_empty() {
                break;
            }
            leaving.left = leaving.left.saturating_sub(piece.filled().len());
        }
        let why = leaving.why.clone();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)))
    }

    /// Reads until there is data; `Ok` without any is the end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.leaving.is_some() {
            return self.linger(cx);
        }
        loop {
            if self.has_ended {
                return Poll::Ready(Ok(()));
            }
            if self.closing.as_mut().poll(cx).is_ready() {
                let said = self.pulse.to_say();
                let said = said.unwrap_or_else(|| Farewell::new(Farewell::GOING_AWAY, ""));
                return Poll::Ready(Err(self.farewell(cx, &said)));
            }
            let message = match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(None) => {
                    self.has_ended = true;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Some(Err(error))) => {
                    let Some(farewell) = farewell_to(&error) else {
                        return Poll::Ready(Err(io_error(error)));
                    };
                    return self.leave(cx, &farewell);
                }
                Poll::Pending => {
                    self.beat(cx)?;
                    return Poll::Pending;
                }
            };
            self.pulse.hear();
            match message {
                Message::Binary(data) if !data.is_empty() => {
                    self.incoming = data;
                    self.pulse.sent();
                    return Poll::Ready(Ok(()));
                }
                other => {
                    if let Err(farewell) = self.control(other) {
                        return self.leave(cx, &farewell);
                    }
                }
            }
        }
    }

    /// Hands what was gathered to the socket.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.outgoing.is_empty() {
            ready!(self.socket_ready(cx)?);
            let data = self.outgoing.split().freeze();
            self.send(Message::Binary(data))?;
        }
        Poll::Ready(Ok(()))
    }
}

/// What the other end is told about what it did wrong; `None` where it is not there to hear.
fn farewell_to(error: &Error) -> Option<Farewell> {
    match error {
        Error::Capacity(why) => Some(Farewell::new(Farewell::TOO_BIG, why.to_string())),
        Error::Protocol(why) => Some(Farewell::new(Farewell::PROTOCOL_ERROR, why.to_string())),
        Error::Utf8(_) => Some(Farewell::new(
            Farewell::UNSUPPORTED,
            "only binary messages are understood",
        )),
        _ => None,
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::ConnectionReset.into(),
        other => io::Error::other(other),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.incoming.is_empty() {
            ready!(self.fill(cx))?;
        }
        let count = self.incoming.len().min(buf.remaining());
        buf.put_slice(&self.incoming[..count]);
        self.incoming.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.outgoing.len() >= GATHER {
            ready!(self.drain(cx))?;
        }
        let mut written = 0;
        for buf in bufs {
            let count = buf.len().min(GATHER - self.outgoing.len());
            self.outgoing.extend_from_slice(&buf[..count]);
            written += count;
            if count < buf.len() {
                break;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        ready!(Pin::new(&mut self.socket).poll_flush(cx)).map_err(io_error)?;
        self.to_flush = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        if !self.has_ended {
            let said = self.pulse.to_say();
            let said = said.unwrap_or_else(|| Farewell::new(Farewell::GOING_AWAY, ""));
            self.farewell(cx, &said);
        }
        Pin::new(self.socket.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
