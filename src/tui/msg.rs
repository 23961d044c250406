//! What happens to the model, and what it wants to be done.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use crossterm::event::{KeyEvent, MouseEvent};
use jiff::Timestamp;

use super::content::glyphs::Glyphs;
use super::dialog::Dialog;
use super::status::Status;
use crate::cakemail::explained::Explained;
use crate::cakemail::signature::Secret;
use crate::config::Target;
use crate::delivery::{Delivery, Kept, OwnAnswer, Refusal, Warning};
use crate::export::format::Format;
use crate::filter::{Duplicates, Filter};

/// Something that has happened.
#[derive(Debug)]
pub(super) enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The terminal has so many columns and rows now.
    Resized(u16, u16),
    /// It is this late.
    Now(Timestamp),
    /// All that is kept, in the place of what was known.
    Snapshot(Vec<Kept>, Vec<Arc<Refusal>>),
    /// A delivery came in.
    Arrived(Kept),
    /// Something about a delivery is different now: an attempt, its mark, its verdict.
    Changed(Kept),
    /// These are kept no longer.
    Gone(Arc<[u64]>),
    /// Those before this one are kept no longer.
    Evicted(u64),
    /// No app was asked for the answer to a delivery.
    Answered(Arc<OwnAnswer>),
    /// A request was turned away.
    Refused(Arc<Refusal>),
    /// Something should be known.
    Warned(Arc<Warning>),
    /// How the listener is doing.
    Status(Box<Status>),
    /// The delivery that the detail is to show; `None` where there is none.
    Opened(Option<Kept>),
    /// What a search found.
    Found(Box<Found>),
    /// What can be said of a delivery's signature.
    Explained(u64, Box<Explained>),
    /// Something that was asked for has been done.
    Done(Said),
    /// A delivery is there now that should be selected.
    Select(u64),
    /// How far replays of many have come.
    Progress(Progress),
    /// Something is to be asked before more is done, or to be shown on top of everything.
    Ask(Box<Dialog>),
    /// Something was copied, or not, and these bytes have the terminal copy it too.
    Copied(Said, Option<Vec<u8>>),
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    /// Which search it was.
    pub(super) number: u64,
    /// As it was typed.
    pub(super) text: String,
    pub(super) filter: Filter,
    pub(super) duplicates: Duplicates,
    /// What the filter lets through, ascending.
    pub(super) ids: Vec<u64>,
}

/// A remark on what was done, shown for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    /// Whether it went wrong.
    pub(super) bad: bool,
}

impl Said {
    /// That it was done.
    pub(super) fn fine(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            bad: false,
        }
    }

    /// The same beginning as a sentence does: errors have no capital letter of their own.
    pub(super) fn into_sentence(mut self) -> Self {
        if let Some(first) = self.text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        self
    }

    /// That it went wrong.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            bad: true,
        }
    }
}

/// How far replays of many have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) done: usize,
    pub(super) total: usize,
    /// Of those that are done: answered 400 or more, or not at all.
    pub(super) failed: usize,
    /// Whether no more will be sent.
    pub(super) ended: bool,
}

/// What is to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyWhat {
    Curl,
    Payload,
    /// The JSON at the cursor.
    Value,
    /// Its path.
    Path,
    Headers,
    Response,
    Id,
    /// The URL where deliveries arrive on this machine.
    Url,
    /// The one where they arrive from elsewhere.
    PublicUrl,
}

/// How a delivery is exported.
pub(super) type ExportAs = Format;

/// Something that is to be done.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// Look at all that is kept with this filter; the number comes back with the result.
    Search {
        number: u64,
        text: String,
        filter: Filter,
    },
    /// Look at these again: they changed while a search was running.
    Recheck(Vec<u64>),
    /// Find out what can be said of a delivery's signature.
    Explain(u64),
    /// Send a delivery once more.
    Replay(u64),
    /// Send these once more, one after the other.
    ReplayAll(Vec<u64>),
    /// Send no more of them.
    StopReplays,
    /// Edit a delivery's payload and send it.
    Edit(u64),
    /// Send what was edited, although it is no JSON any more.
    SendEdited(Box<Edited>),
    /// Send a sample of this event.
    Trigger(&'static str),
    /// Forward to these from now on.
    Forward(Vec<Target>),
    /// Verify with this secret too.
    AddSecret(Box<Secret>),
    /// Stop forwarding, or go on.
    Pause(bool),
    /// Mark a delivery or take its mark away.
    Mark(u64, bool),
    /// Copy something of a delivery; `attempt` is the one whose response is meant, and the
    /// text is what the cursor stands on.
    Copy {
        id: u64,
        what: CopyWhat,
        attempt: Option<u32>,
        text: Option<String>,
    },
    /// Write a delivery to a file, and over one that is there if that was said.
    Export {
        id: u64,
        format: ExportAs,
        path: PathBuf,
        overwrite: bool,
    },
    /// Show what differs between two deliveries, the older one first.
    Compare(u64, u64, Glyphs),
    /// Delete these.
    Delete(Vec<u64>),
    /// Delete all.
    Clear,
    /// Open the web inspector, on a delivery if one is named.
    Page(Option<u64>),
    /// Send these bytes to the terminal.
    Send(Vec<u8>),
    /// Have the terminal report the mouse, or not.
    Mouse(bool),
    /// Draw all of it anew.
    Redraw,
    /// Give the terminal back and stop until the shell says to go on.
    Suspend,
    /// End.
    Quit,
}

/// A payload that was edited, and the delivery that it was of, which may be kept no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edited {
    pub(super) original: Arc<Delivery>,
    pub(super) body: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_begins_as_a_sentence() {
        for (text, said) in [
            ("cannot replay #9: gone", "Cannot replay #9: gone"),
            ("Copied the id", "Copied the id"),
            ("#9 is kept no longer", "#9 is kept no longer"),
            ("\u{e9}", "\u{e9}"),
            ("", ""),
        ] {
            assert_eq!(Said::bad(text).into_sentence().text, said);
        }
    }
}
