//! A delivery in one line, as lists of the local API and its socket have it.

use std::borrow::Cow;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{VerdictObject, in_milliseconds};
use crate::delivery::{Attempt, Kept, Outcome};

/// Longer texts are cut to so many characters: an event's name is as long as its sender
/// likes.
const LONGEST: usize = 256;

/// A kept delivery without its headers, bodies and attempts.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    id: u64,
    received_at: Timestamp,
    peer: &'a str,
    event: Option<Cow<'a, str>>,
    verdict: VerdictObject<'a>,
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    query: Option<Cow<'a, str>>,
    size: u64,
    original: Option<u64>,
    marked: bool,
    replays: usize,
    attempts: usize,
    status: Option<u16>,
    error: Option<&'static str>,
    took_ms: Option<f64>,
    pending: bool,
    queued_at: Option<Timestamp>,
    repeats: u32,
}

impl<'a> Row<'a> {
    /// Of what is kept; `pending` while it is being forwarded or answered.
    pub fn new(kept: &'a Kept, pending: bool) -> Self {
        let request = &kept.delivery.request;
        let newest = kept.newest();
        Self {
            id: kept.delivery.id,
            received_at: request.received_at,
            peer: &request.peer,
            event: request.event.as_deref().map(cut),
            verdict: (&request.verdict).into(),
            method: cut(&request.method),
            path: cut(request.path()),
            query: request.query().map(cut),
            size: request.body.len() as u64,
            original: request.original,
            marked: kept.marked,
            replays: kept.replays(),
            attempts: kept.attempts.len(),
            status: newest.and_then(Attempt::status),
            error: newest.and_then(|attempt| match &attempt.outcome {
                Outcome::Failed(failure) => Some(failure.code.name()),
                Outcome::Answered(_) => None,
            }),
            took_ms: newest.map(|attempt| in_milliseconds(attempt.took)),
            pending,
            queued_at: request
                .relayed
                .as_ref()
                .and_then(|relayed| relayed.queued_at),
            repeats: kept.repeats,
        }
    }

    /// The same of many, of which these ids, ascending, are pending.
    pub fn all(kept: &'a [Kept], pending: &[u64]) -> Vec<Self> {
        let is_pending = |kept: &Kept| pending.binary_search(&kept.delivery.id).is_ok();
        let row = |kept| Self::new(kept, is_pending(kept));
        kept.iter().map(row).collect()
    }
}

impl Row<'_> {
    /// Bytes of it in JSON.
    pub fn size(&self) -> usize {
        let mut written = Written(0);
        // Counting does not fail.
        let _ = super::write_line(self, &mut written);
        written.0
    }
}

/// Counts what is written: a character may take six bytes in JSON.
struct Written(usize);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text, up to the longest that is told.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// A part of the list.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    /// The rows, oldest first.
    pub deliveries: Vec<Row<'a>>,
    /// What to ask for as `before` to get those before them; `None` where there are none.
    pub before: Option<u64>,
    /// What to ask for as `after` to get those after them; `None` where there are none.
    pub after: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let exact = "é".repeat(LONGEST);
        assert_eq!(cut(&exact), exact);
        assert_eq!(cut(&format!("{exact}é")), format!("{exact}…"));
    }
}
