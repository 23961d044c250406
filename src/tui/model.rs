//! Everything that the screen knows, and how it is looked at.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::about::About;
use super::detail::Detail;
use super::dialog::Dialog;
use super::keys::Place;
use super::layout::{Areas, Pane, areas};
use super::list::List;
use super::msg::{Progress, Said};
use super::prompt::Prompt;
use super::status::{Beat, Status};
use crate::delivery::{Phase, Refusal, Tunnel, Warning};

/// How long a remark is shown.
const REMARK: Duration = Duration::from_secs(5);
/// Warnings and refusals that are remembered.
const REMEMBERED: usize = 100;

/// All of it.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) about: About,
    /// When the screen was opened.
    pub(super) since: Timestamp,
    pub(super) now: Timestamp,
    /// Columns and rows of the terminal.
    pub(super) size: (u16, u16),
    pub(super) status: Status,
    pub(super) beat: Beat,
    pub(super) list: List,
    pub(super) detail: Detail,
    /// What is to be selected as soon as it arrives.
    pub(super) wanted: Option<u64>,
    pub(super) pane: Pane,
    /// The line in which a filter is typed, while it is.
    pub(super) prompt: Option<Prompt>,
    /// What was searched for before, the latest last.
    pub(super) searches: Vec<String>,
    /// The search under way: its number, and what has changed meanwhile.
    pub(super) searching: Option<(u64, Vec<u64>)>,
    /// How many searches there have been.
    pub(super) searched: u64,
    /// What stands on top of everything.
    pub(super) dialog: Option<Dialog>,
    /// What comes after it, the next one first.
    dialogs: VecDeque<Dialog>,
    /// A remark, and until when it is shown.
    pub(super) remark: Option<(Said, Timestamp)>,
    /// Replays of many, while there are.
    pub(super) progress: Option<Progress>,
    /// What should be known and since when, the latest last.
    pub(super) warnings: VecDeque<(Timestamp, Arc<Warning>)>,
    pub(super) refusals: VecDeque<Arc<Refusal>>,
    /// Whether times are told as how long ago.
    pub(super) ago: bool,
    pub(super) mouse: bool,
}

impl Model {
    /// The model of a screen that has just been opened.
    pub(super) fn new(about: About, now: Timestamp, size: (u16, u16)) -> Self {
        let known = about.warnings.iter().cloned();
        let warnings = known.map(|warning| (now, Arc::new(warning))).collect();
        let mut model = Self {
            since: now,
            now,
            size,
            status: Status::default(),
            beat: Beat::default(),
            list: List::default(),
            detail: Detail::new(about.zone.clone(), about.unicode),
            wanted: None,
            pane: Pane::List,
            prompt: None,
            searches: Vec::new(),
            searching: None,
            searched: 0,
            dialog: None,
            dialogs: VecDeque::new(),
            remark: None,
            progress: None,
            warnings,
            refusals: VecDeque::new(),
            ago: false,
            mouse: true,
            about,
        };
        model.fit();
        model
    }

    /// Where everything stands now.
    pub(super) fn areas(&self) -> Areas {
        areas(self.size, self.pane, 1 + u16::from(self.notice().is_some()))
    }

    /// Brings list and detail in line with the room that there is. Call it before drawing.
    pub(super) fn fit(&mut self) {
        let areas = self.areas();
        // The list's first line names its columns; below it is the filter, if there is one.
        let above = 1 + usize::from(self.has_filter_line());
        self.list
            .resize(usize::from(areas.list.height).saturating_sub(above));
        if !areas.detail.is_empty() {
            self.detail.resize(areas.detail.width, areas.detail.height);
        }
        if let Some(dialog) = &mut self.dialog {
            dialog.fit(self.size);
        }
    }

    /// Whether the list has a line for its filter.
    pub(super) fn has_filter_line(&self) -> bool {
        self.prompt.is_some() || self.list.active().is_some()
    }

    /// The places whose keys work now, the nearest first.
    pub(super) fn places(&self) -> Vec<Place> {
        match self.pane {
            Pane::List => vec![Place::List, Place::Anywhere],
            Pane::Detail if self.detail.is_tree() => {
                vec![Place::Tree, Place::Detail, Place::Anywhere]
            }
            Pane::Detail => vec![Place::Detail, Place::Anywhere],
        }
    }

    /// Puts a dialog on top of everything. Where there is one it comes after that: what is
    /// being typed must not answer another question.
    pub(super) fn ask(&mut self, mut dialog: Dialog) {
        if self.dialog.is_some() {
            self.dialogs.push_back(dialog);
            return;
        }
        dialog.fit(self.size);
        self.dialog = Some(dialog);
    }

    /// Takes the dialog away, and shows the next one that waits.
    pub(super) fn close(&mut self) {
        self.dialog = None;
        if let Some(dialog) = self.dialogs.pop_front() {
            self.ask(dialog);
        }
    }

    /// Says something for a while.
    pub(super) fn say(&mut self, said: Said) {
        let said = said.into_sentence();
        let until = self.now.checked_add(REMARK).unwrap_or(self.now);
        self.remark = Some((said, until));
    }

    pub(super) fn warn(&mut self, warning: Arc<Warning>) {
        remember(&mut self.warnings, (self.now, warning));
    }

    pub(super) fn refuse(&mut self, refusal: Arc<Refusal>) {
        remember(&mut self.refusals, refusal);
    }

    /// What the header has to say besides, the gravest first.
    pub(super) fn notice(&self) -> Option<Notice<'_>> {
        use super::status::Reach;
        if self.status.failing {
            return Some(Notice::Failing);
        }
        if self.status.paused {
            return Some(Notice::Paused);
        }
        let tunnel = self.status.tunnel.as_deref();
        if let Some(tunnel) = tunnel.filter(|tunnel| tunnel.phase.is_trouble()) {
            return Some(Notice::Tunnel(tunnel));
        }
        if let Reach::Down {
            since,
            message,
            hint,
        } = &self.status.reach
        {
            return Some(Notice::Down {
                since: *since,
                message,
                hint,
            });
        }
        if let Some(tunnel) = tunnel.filter(|tunnel| tunnel.phase == Phase::Connecting) {
            return Some(Notice::Tunnel(tunnel));
        }
        if let Some((_, warning)) = self.warnings.back() {
            return Some(Notice::Warning(warning));
        }
        if self.status.counts.evicted > 0 {
            return Some(Notice::Evicted(self.status.counts.evicted));
        }
        self.about.note.as_deref().map(Notice::Note)
    }

    /// When the time to the tunnel's next try is another whole second, while that is shown.
    fn counts_down_at(&self) -> Option<Timestamp> {
        let Some(Notice::Tunnel(tunnel)) = self.notice() else {
            return None;
        };
        let next = tunnel.phase.next_at().filter(|at| *at > self.now)?;
        if self.areas().header.height < 2 {
            return None;
        }
        let second = SignedDuration::from_secs(1);
        let part = next.duration_since(self.now).subsec_nanos();
        let step = match part {
            0 => second,
            part => SignedDuration::from_nanos(part.into()),
        };
        self.now.checked_add(step).ok()
    }

    /// When something on the screen changes by itself, if it does.
    pub(super) fn changes_at(&self) -> Option<Timestamp> {
        let second = Timestamp::from_second(self.now.as_second() + 1).ok();
        let moves = !self.beat.is_still() || (self.ago && self.list.total() > 0);
        let remark = self.remark.as_ref().map(|(_, until)| *until);
        [second.filter(|_| moves), remark, self.counts_down_at()]
            .into_iter()
            .flatten()
            .min()
    }
}

/// What the header has to say in a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice<'a> {
    /// The store cannot be written.
    Failing,
    /// Forwarding is paused.
    Paused,
    /// Nothing comes through the tunnel.
    Tunnel(&'a Tunnel),
    /// The target cannot be reached.
    Down {
        since: Timestamp,
        message: &'a str,
        hint: &'a str,
    },
    /// Something should be known.
    Warning(&'a Warning),
    /// So many deliveries have made room for newer ones.
    Evicted(u64),
    /// What whoever opened the screen wanted to say.
    Note(&'a str),
}

fn remember<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() == REMEMBERED {
        all.pop_front();
    }
    all.push_back(one);
}
