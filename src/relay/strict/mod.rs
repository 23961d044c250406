//! A socket that lets only requests through that can be read in one way.
//!
//! hyper reads many requests that it should refuse: with a length and a coding, with two
//! hosts, with bare line ends. Behind a proxy that reads them differently that is how one
//! request is smuggled in another. This looks at the bytes before hyper does. A head that
//! is not as it must be never reaches it: in its place hyper gets a request that the
//! service answers with 400, see [`Violations`], and then the end of the stream.

mod chunks;
mod head;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::http::stall::Bounded;
use chunks::Chunks;
use head::Framing;
pub(super) use head::is_host;

/// Head blocks over this many bytes are refused.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// What is read at once.
const READ: usize = 8 << 10;

/// What hyper gets in place of a request that is refused.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    Malformed,
    TooLarge,
    BareLineEnd,
    NoHost,
    TwoHosts,
    BadHost,
    BadTarget,
    OtherTarget,
    TwoLengths,
    BadLength,
    BadCoding,
    LengthAndCoding,
    Misframed,
}

impl Violation {
    /// In words, for its sender.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "this is not HTTP as it should be",
            Self::TooLarge => {
                "the request line and headers are too large: 64 KiB and 100 headers are allowed"
            }
            Self::BareLineEnd => "a line ends with something else than CR LF",
            Self::NoHost => "there is no Host",
            Self::TwoHosts => "there is more than one Host",
            Self::BadHost => "Host is not a host",
            Self::BadTarget => "the request target is not a path",
            Self::OtherTarget => "the request target is of another host than Host",
            Self::TwoLengths => "there is more than one Content-Length",
            Self::BadLength => "Content-Length is not a number",
            Self::BadCoding => "the only Transfer-Encoding that is understood is one `chunked`",
            Self::LengthAndCoding => "Content-Length and Transfer-Encoding exclude each other",
            Self::Misframed => "the body is not framed in chunks as it says",
        }
    }
}

/// What was wrong on a connection, for the service that answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Violations(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    // Requests that hyper got to see, and those that the service did.
    passed: u64,
    served: u64,
    violation: Option<(u64, Violation)>,
}

impl Violations {
    fn found<T>(&self, with: impl FnOnce(&mut Found) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn pass(&self) {
        self.found(|found| found.passed += 1);
    }

    /// The request that is begun now, or else the one under way, is refused.
    fn refuse(&self, violation: Violation) {
        self.found(|found| found.violation = Some((found.passed, violation)));
    }

    /// To be called for each request in turn: what is wrong with its head.
    pub(super) fn next(&self) -> Option<Violation> {
        self.found(|found| {
            found.served += 1;
            let (number, violation) = found.violation?;
            (number == found.served && violation != Violation::Misframed).then_some(violation)
        })
    }

    /// What is wrong with the body that broke off.
    pub(super) fn of_body(&self) -> Option<Violation> {
        self.found(|found| found.violation.map(|(_, violation)| violation))
    }
}

#[derive(Debug)]
enum Reading {
    /// The head has come so far in `read`, and up to here there was no end of it.
    Head(usize),
    /// `pass` more bytes of `read` may be passed on, the first of the next request behind
    /// them is read then.
    Body(u64),
    Chunks(Chunks),
    /// Everything may be passed on.
    Open,
    /// So much of the stand-in is still to be passed on, then all ends.
    Refused(&'static [u8]),
}

/// The socket.
#[derive(Debug)]
pub(super) struct Strict<S> {
    io: Bounded<S>,
    read: BytesMut,
    // Of `read`, what was looked at and may be passed on.
    passed: usize,
    reading: Reading,
    violations: Violations,
    has_ended: bool,
}

impl<S> Strict<S> {
    pub(super) fn new(io: S, violations: Violations) -> Self {
        Self {
            io: Bounded::new(io),
            read: BytesMut::new(),
            passed: 0,
            reading: Reading::Head(0),
            violations,
            has_ended: false,
        }
    }

    /// Looks at what has been read and not yet at; false where more must be read for that.
    fn look(&mut self) -> bool {
        match &mut self.reading {
            Reading::Open => {
                self.passed = self.read.len();
                self.passed > 0
            }
            Reading::Refused(_) => true,
            Reading::Body(0) => {
                self.reading = Reading::Head(0);
                self.look()
            }
            Reading::Body(left) => {
                let count = self
                    .read
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                self.passed = count;
                count > 0
            }
            Reading::Chunks(chunks) => {
                let Ok(count) = chunks.follow(&self.read) else {
                    // hyper may have seen a part of it, so that there can be no stand-in.
                    self.violations.refuse(Violation::Misframed);
                    self.reading = Reading::Refused(b"");
                    return true;
                };
                if chunks.is_done() {
                    self.reading = Reading::Head(0);
                }
                self.passed = count;
                count > 0
            }
            Reading::Head(seen) => {
                let seen = *seen;
                self.head(seen)
            }
        }
    }

    fn head(&mut self, mut seen: usize) -> bool {
        // Empty lines before a request are what some senders put behind a body.
        while self.read.starts_with(b"\r\n") {
            self.read.advance(2);
            seen = 0;
        }
        let is_other = |byte: &u8| !head::begins_with(*byte);
        if self.read.first().is_some_and(is_other) {
            self.refuse_head(Violation::Malformed);
            return true;
        }
        // The end may have begun before.
        let from = seen.saturating_sub(3).min(self.read.len());
        let end = end_of_head(&self.read[from..]).map(|end| from + end);
        let checked = match end {
            Some(end) if end <= MAX_HEAD => head::check(&self.read[..end]).map(|f| (f, end)),
            None if self.read.len() <= MAX_HEAD => {
                self.reading = Reading::Head(self.read.len());
                return false;
            }
            _ => Err(Violation::TooLarge),
        };
        match checked {
            Ok((framing, end)) => {
                self.violations.pass();
                self.passed = end;
                self.reading = match framing {
                    Framing::Length(length) => Reading::Body(length),
                    Framing::Chunked => Reading::Chunks(Chunks::new()),
                    Framing::Upgrade => Reading::Open,
                };
            }
            Err(violation) => self.refuse_head(violation),
        }
        true
    }

    fn refuse_head(&mut self, violation: Violation) {
        self.violations.pass();
        self.violations.refuse(violation);
        self.reading = Reading::Refused(STAND_IN);
    }
}

/// Where the head ends: behind the first empty line, however its line ends are written.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.iter().enumerate();
    while let Some((index, _)) = rest.by_ref().find(|(_, byte)| **byte == b'\n') {
        let behind = &bytes[index + 1..];
        if behind.starts_with(b"\n") {
            return Some(index + 2);
        }
        if behind.starts_with(b"\r\n") {
            return Some(index + 3);
        }
    }
    None
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed > 0 {
                let count = this.passed.min(buf.remaining());
                buf.put_slice(&this.read[..count]);
                this.read.advance(count);
                this.passed -= count;
                return Poll::Ready(Ok(()));
            }
            if let Reading::Refused(left) = &mut this.reading {
                let (now, later) = left.split_at(left.len().min(buf.remaining()));
                buf.put_slice(now);
                *left = later;
                return Poll::Ready(Ok(()));
            }
            if !this.read.is_empty() && this.look() {
                continue;
            }
            if this.has_ended {
                return Poll::Ready(Ok(()));
            }
            // Neither a tunnel nor a long body needs a copy of its own.
            if matches!(this.reading, Reading::Open) && this.read.is_empty() {
                return Pin::new(&mut this.io).poll_read(cx, buf);
            }
            if let Reading::Body(left) = &mut this.reading
                && this.read.is_empty()
                && *left > READ as u64
            {
                let most = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(buf.remaining());
                let mut piece = ReadBuf::new(buf.initialize_unfilled_to(most));
                ready!(Pin::new(&mut this.io).poll_read(cx, &mut piece))?;
                let count = piece.filled().len();
                *left -= count as u64;
                buf.advance(count);
                return Poll::Ready(Ok(()));
            }
            this.read.reserve(READ);
            let count = ready!(poll_read_buf(Pin::new(&mut this.io), cx, &mut this.read))?;
            if count == 0 {
                this.has_ended = true;
                if this.read.is_empty() || matches!(this.reading, Reading::Head(_)) {
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
