//! The lines of a run's file, and what they come to.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::command;

/// An API that has not said whether it made a webhook may still be at it for so long.
const MAY_STILL_COME: SignedDuration = SignedDuration::from_mins(1);

/// Whose webhooks they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::commands::register) struct Owner {
    /// The API's URL.
    pub(in crate::commands::register) api: String,
    /// The account's number, where one was asked for.
    pub(in crate::commands::register) account: Option<u64>,
    /// Who asked; it tells users apart and opens nothing.
    pub(in crate::commands::register) user: String,
}

impl Owner {
    /// A command on that account, as it can be pasted.
    pub(in crate::commands::register) fn command(&self, words: &[&str]) -> String {
        let mut words = words.to_vec();
        words.extend(["--api", &*self.api]);
        let account = self.account.map(|account| account.to_string());
        if let Some(account) = &account {
            words.extend(["--account", account]);
        }
        command(&words)
    }

    /// Whether the other one's webhooks are of the same account, as far as that is known.
    pub(in crate::commands::register) fn is_beside(&self, other: &Self) -> bool {
        (&self.api, self.account) == (&other.api, other.account)
    }
}

/// A step.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(in crate::commands::register) enum Step {
    /// The file's first line.
    Run {
        v: u32,
        pid: u32,
        #[serde(flatten)]
        owner: Owner,
    },
    /// A webhook is about to be made.
    Make {
        event: String,
        url: String,
        before: Vec<String>,
        at: Timestamp,
    },
    /// It was.
    Made { event: String, id: String },
    /// It was not, and the API has said so.
    NotMade { event: String },
    /// It is sent elsewhere now.
    Moved { id: String, url: String },
    /// One that was archived before is to be used again: nothing is done to it yet.
    Take {
        event: String,
        url: String,
        before: Vec<String>,
        at: Timestamp,
        id: String,
        left: String,
    },
    /// It is as it was left, and about to be brought back.
    Bring { id: String },
    /// It is back.
    Back { id: String },
    /// It is archived, or there is none to archive.
    Done { event: String },
}

impl Step {
    /// Whether it says what is about to be done.
    pub(super) const fn is_plan(&self) -> bool {
        matches!(
            self,
            Self::Run { .. } | Self::Make { .. } | Self::Take { .. } | Self::Bring { .. }
        )
    }
}

/// A webhook that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::register) struct Entry {
    pub(in crate::commands::register) event: String,
    pub(in crate::commands::register) url: String,
    /// Webhooks of the same event and URL that were there before: the user's.
    pub(in crate::commands::register) before: Vec<String>,
    pub(in crate::commands::register) at: Timestamp,
    /// `None` where the API has not said that it was made.
    pub(in crate::commands::register) id: Option<String>,
    /// Where it was made by an earlier run, and is not surely back.
    pub(in crate::commands::register) left: Option<Left>,
    pub(in crate::commands::register) is_done: bool,
}

/// How an earlier run has left a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::register) struct Left {
    pub(in crate::commands::register) url: String,
    /// Whether something may have been done to it since.
    pub(in crate::commands::register) is_begun: bool,
}

impl Entry {
    fn is(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// Whether it may still be made.
    pub(in crate::commands::register) fn may_still_come(&self) -> bool {
        Timestamp::now().duration_since(self.at) < MAY_STILL_COME
    }
}

pub(super) fn apply(entries: &mut Vec<Entry>, step: Step) {
    // Of an event there may be one that was given up, and then another.
    let mut of = |is_meant: &dyn Fn(&Entry) -> bool, change: &dyn Fn(&mut Entry)| {
        let open = entries.iter_mut().filter(|entry| !entry.is_done);
        open.filter(|entry| is_meant(entry)).for_each(change);
    };
    match step {
        Step::Run { .. } => {}
        Step::Made { event, id } => {
            of(&|entry| entry.event == event, &|entry| {
                entry.id = Some(id.clone());
            });
        }
        Step::NotMade { event } | Step::Done { event } => {
            of(&|entry| entry.event == event, &|entry| entry.is_done = true);
        }
        Step::Moved { id, url } => of(&|entry| entry.is(&id), &|entry| {
            entry.url.clone_from(&url);
        }),
        Step::Bring { id } => of(&|entry| entry.is(&id), &|entry| {
            if let Some(left) = &mut entry.left {
                left.is_begun = true;
            }
        }),
        Step::Back { id } => of(&|entry| entry.is(&id), &|entry| entry.left = None),
        Step::Make {
            event,
            url,
            before,
            at,
        } => entries.push(Entry {
            event,
            url,
            before,
            at,
            id: None,
            left: None,
            is_done: false,
        }),
        Step::Take {
            event,
            url,
            before,
            at,
            id,
            left,
        } => entries.push(Entry {
            event,
            url,
            before,
            at,
            id: Some(id),
            left: Some(Left {
                url: left,
                is_begun: false,
            }),
            is_done: false,
        }),
    }
}

/// How much of a file is whole lines. One without its end was being written when the machine
/// stopped; what it tells of was not begun, or is found out anew.
pub(super) fn whole(text: &[u8]) -> usize {
    let last = text.iter().rposition(|byte| *byte == b'\n');
    last.map_or(0, |at| at + 1)
}

pub(super) fn read(text: &[u8]) -> io::Result<(Owner, Vec<Entry>)> {
    let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut owner = None;
    let mut entries = Vec::new();
    let lines = text[..whole(text)].split_inclusive(|byte| *byte == b'\n');
    for (at, line) in lines.enumerate() {
        let step = serde_json::from_slice(line)
            .map_err(|error| bad(format!("line {} makes no sense: {error}", at + 1)))?;
        match step {
            Step::Run {
                v: 1, owner: of, ..
            } => owner = Some(of),
            Step::Run { v, .. } => {
                return Err(bad(format!("it is of a newer cmhook (version {v})")));
            }
            step => apply(&mut entries, step),
        }
    }
    let owner = owner.ok_or_else(|| bad("it does not say whose it is".into()))?;
    Ok((owner, entries))
}

/// The process whose file it is.
pub(super) fn pid_in(text: &[u8]) -> Option<u64> {
    let first = text.split(|byte| *byte == b'\n').next()?;
    match serde_json::from_slice(first) {
        Ok(Step::Run { pid, .. }) => Some(pid.into()),
        _ => None,
    }
}
