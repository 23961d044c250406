//! HTTP/2 as both ends set it up.
//!
//! A sender that hangs up cancels its stream, and hyper ends a connection with too many of
//! those: that guards a server against strangers. Here the other end is no stranger, and
//! ending the connection would let a burst of impatient senders cut off everybody else, so
//! both ends allow for as many as there can be.

use std::time::Duration;

use h2::client;
use hyper::server::conn::http2 as server;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Deliveries at one time on one tunnel.
pub const STREAMS: u32 = 512;
/// What may be under way on one stream and on all: a body is not to wait for a round trip
/// of some 100 ms more than a few times.
const WINDOW: u32 = 2 << 20;
const WINDOWS: u32 = 16 << 20;
/// The same for answers, which are smaller. A sender need not read the one that it gets, so
/// all of them together have to fit: what is not read must not be in the way of others.
const ANSWER_WINDOW: u32 = 256 << 10;
const ANSWER_WINDOWS: u32 = STREAMS * ANSWER_WINDOW;
/// Longer ones would hold up small deliveries on a slow line.
const FRAME: u32 = 16 << 10;
/// A sender's 64 KiB of headers, with what HTTP/2 counts beside them and what is added.
const HEADERS: u32 = 96 << 10;
/// An app's answer may have 128 KiB of headers in 100 fields.
const ANSWER_HEADERS: u32 = (128 << 10) + 128 * 32 + 1024;
/// Cancelled streams that are remembered, or not yet noticed.
const CANCELLED: usize = 100_000;
/// How long an answer may still come for a stream that was cancelled.
const REMEMBERED: Duration = Duration::from_secs(5);

/// The relay's end.
pub fn client() -> client::Builder {
    let mut builder = client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(ANSWER_WINDOW)
        .initial_connection_window_size(ANSWER_WINDOWS)
        .initial_max_send_streams(STREAMS as usize)
        .max_frame_size(FRAME)
        .max_header_list_size(ANSWER_HEADERS)
        .max_concurrent_reset_streams(CANCELLED)
        .max_pending_accept_reset_streams(CANCELLED)
        .max_local_error_reset_streams(Some(CANCELLED))
        .reset_stream_duration(REMEMBERED);
    builder
}

/// The agent's end.
pub fn server() -> server::Builder<TokioExecutor> {
    let mut builder = server::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOWS)
        .max_concurrent_streams(STREAMS)
        .max_frame_size(FRAME)
        .max_header_list_size(HEADERS)
        .max_pending_accept_reset_streams(CANCELLED)
        .max_local_error_reset_streams(CANCELLED)
        // The app's own date, or none.
        .auto_date_header(false);
    builder
}
