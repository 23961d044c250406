//! The list's state: its rows, which of them are shown, and the one that is selected.

mod row;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::delivery::{Kept, OwnAnswer};
use crate::filter::{Duplicates, Filter};
pub(in crate::tui) use row::{Ending, Mark, Row};

/// A filter that is in force.
#[derive(Debug)]
pub(in crate::tui) struct Active {
    /// As it was typed.
    pub(in crate::tui) text: String,
    pub(in crate::tui) filter: Filter,
    duplicates: Duplicates,
    /// What it lets through, ids ascending.
    ids: VecDeque<u64>,
}

/// Which way to look for the next failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Way {
    Older,
    Newer,
}

/// The deliveries that are kept, oldest first. The selection is an id: rows that come and
/// go do not move it.
#[derive(Debug)]
pub(in crate::tui) struct List {
    rows: VecDeque<Row>,
    active: Option<Active>,
    selected: Option<u64>,
    /// Whether the newest is selected, whichever that is.
    follows: bool,
    /// Index among those that are shown of the one that stands at the top.
    top: usize,
    /// Rows that the pane has room for.
    height: usize,
    /// Shown ones that came in since it stopped to follow.
    unseen: usize,
}

impl Default for List {
    fn default() -> Self {
        Self {
            rows: VecDeque::new(),
            active: None,
            selected: None,
            follows: true,
            top: 0,
            height: 1,
            unseen: 0,
        }
    }
}

impl List {
    /// Takes what is kept in the place of all that was here. The selection stays where it can.
    /// `since` is when the screen was opened: nothing will come of what is older than that.
    pub(in crate::tui) fn reset(&mut self, kept: &[Kept], since: Timestamp) {
        // What cmhook answered by itself is not kept with a delivery.
        let before = std::mem::take(&mut self.rows);
        self.rows = kept.iter().map(Row::of).collect();
        for row in &mut self.rows {
            if row.ending == Ending::Open
                && let Ok(at) = before.binary_search_by_key(&row.id, |row| row.id)
            {
                row.ending = before[at].ending;
            } else if row.ending == Ending::Open && row.at < since {
                row.ending = Ending::Past;
            }
        }
        if let Some(active) = &mut self.active {
            if active.filter.wants_duplicates() {
                active.duplicates = Duplicates::of(kept);
            }
            let passes = |kept: &&Kept| active.filter.matches(kept, &active.duplicates);
            active.ids = kept
                .iter()
                .filter(passes)
                .map(|kept| kept.delivery.id)
                .collect();
        }
        self.settle();
    }

    /// Takes in a new delivery.
    pub(in crate::tui) fn arrive(&mut self, kept: &Kept) {
        let id = kept.delivery.id;
        if self.rows.back().is_some_and(|last| last.id >= id) {
            return;
        }
        self.rows.push_back(Row::of(kept));
        let mut shown = true;
        if let Some(active) = &mut self.active {
            if active.filter.wants_duplicates() {
                active.duplicates.see(kept);
            }
            shown = active.filter.matches(kept, &active.duplicates);
            // A search looks at what is kept, which may be ahead of what was heard of.
            if shown && active.ids.back().is_none_or(|last| *last < id) {
                active.ids.push_back(id);
            }
        }
        if shown && !self.follows {
            self.unseen += 1;
        }
    }

    /// Takes note of what has changed about a delivery.
    pub(in crate::tui) fn change(&mut self, kept: &Kept) {
        let id = kept.delivery.id;
        let Some(at) = self.position(id) else { return };
        let own = self.rows[at].ending;
        self.rows[at] = Row::of(kept);
        if self.rows[at].ending.is_open() {
            self.rows[at].ending = own;
        }
        if let Some(active) = &mut self.active {
            let passes = active.filter.matches(kept, &active.duplicates);
            match active.ids.binary_search(&id) {
                Ok(at) if !passes => drop(active.ids.remove(at)),
                Err(at) if passes => active.ids.insert(at, id),
                _ => {}
            }
        }
    }

    /// Takes note of an answer that cmhook gave by itself.
    pub(in crate::tui) fn answer(&mut self, answer: &OwnAnswer) {
        if let Some(at) = self.position(answer.delivery) {
            self.rows[at].answer(answer);
        }
    }

    /// Drops those that are kept no longer.
    pub(in crate::tui) fn keep_only(&mut self, is_kept: impl Fn(u64) -> bool) {
        let first = self.first_visible();
        let next = self.neighbour(&is_kept);
        self.rows.retain(|row| is_kept(row.id));
        if let Some(active) = &mut self.active {
            active.ids.retain(|id| is_kept(*id));
        }
        if self.selected.is_some_and(|id| !is_kept(id)) {
            self.selected = next;
        }
        // What is on screen stays where it is.
        if let Some(first) = first {
            self.top = self.index_from(first);
        }
        self.settle();
    }

    /// Drops those older than this id, which is what eviction leaves.
    pub(in crate::tui) fn keep_from(&mut self, oldest: u64) {
        if self.rows.front().is_some_and(|row| row.id < oldest) {
            self.keep_only(|id| id >= oldest);
        }
    }

    /// Shows only what the filter lets through of what is kept; `None` shows all.
    pub(in crate::tui) fn filter(
        &mut self,
        wanted: Option<(String, Filter, Duplicates, Vec<u64>)>,
    ) {
        self.active = wanted.map(|(text, filter, duplicates, ids)| Active {
            text,
            filter,
            duplicates,
            ids: ids.into(),
        });
        self.unseen = 0;
        if self.selected.is_none_or(|id| self.index_of(id).is_none()) {
            let near = self.selected.unwrap_or(u64::MAX);
            let at = self.index_from(near).min(self.len().saturating_sub(1));
            self.selected = self.id_at(at);
        }
        self.settle();
    }

    /// The filter in force.
    pub(in crate::tui) const fn active(&self) -> Option<&Active> {
        self.active.as_ref()
    }

    /// How many are shown.
    pub(in crate::tui) fn len(&self) -> usize {
        self.active
            .as_ref()
            .map_or(self.rows.len(), |active| active.ids.len())
    }

    /// How many there are, shown or not.
    pub(in crate::tui) fn total(&self) -> usize {
        self.rows.len()
    }

    /// The ids that are shown, ascending.
    pub(in crate::tui) fn shown(&self) -> Vec<u64> {
        self.active.as_ref().map_or_else(
            || self.rows.iter().map(|row| row.id).collect(),
            |active| active.ids.iter().copied().collect(),
        )
    }

    /// The id that is selected.
    pub(in crate::tui) const fn selected(&self) -> Option<u64> {
        self.selected
    }

    /// The row that is selected.
    pub(in crate::tui) fn selected_row(&self) -> Option<&Row> {
        self.row(self.selected?)
    }

    /// The row of this id.
    pub(in crate::tui) fn row(&self, id: u64) -> Option<&Row> {
        self.rows.get(self.position(id)?)
    }

    /// The ids that are marked, ascending.
    pub(in crate::tui) fn marked(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().filter(|row| row.marked).map(|row| row.id)
    }

    /// How many that came in since then stand as failed now.
    pub(in crate::tui) fn failing(&self, since: Timestamp) -> usize {
        let fails = |row: &&Row| row.ending.is_failure() && row.at >= since;
        self.rows.iter().filter(fails).count()
    }

    /// Whether any is one that [`next_failure`](Self::next_failure) goes to.
    pub(in crate::tui) fn has_failures(&self) -> bool {
        self.rows.iter().any(Row::is_failure)
    }

    /// Whether the newest is selected, whichever that is.
    pub(in crate::tui) const fn follows(&self) -> bool {
        self.follows
    }

    /// How many came in since it stopped to follow.
    pub(in crate::tui) const fn unseen(&self) -> usize {
        self.unseen
    }

    /// The rows that the pane has room for, with whether each is selected.
    pub(in crate::tui) fn visible(&self) -> impl Iterator<Item = (&Row, bool)> {
        let last = (self.top + self.height).min(self.len());
        (self.top..last).filter_map(|at| {
            let id = self.id_at(at)?;
            Some((self.row(id)?, self.selected == Some(id)))
        })
    }

    /// Where the pane stands among all that are shown: index of the first, and how many fit.
    pub(in crate::tui) const fn window(&self) -> (usize, usize) {
        (self.top, self.height)
    }

    /// Says how many rows the pane has room for.
    pub(in crate::tui) fn resize(&mut self, height: usize) {
        self.height = height.max(1);
        self.settle();
    }

    /// Follows the newest from now on, or stays where it is.
    pub(in crate::tui) fn follow(&mut self, follows: bool) {
        self.follows = follows;
        self.unseen = 0;
        self.settle();
    }

    /// Selects the one so many places further down, or up where negative. At the very end
    /// it follows again.
    pub(in crate::tui) fn step(&mut self, by: isize) {
        let last = self.len().saturating_sub(1);
        let at = self.selected.map_or(last, |id| self.index_from(id));
        self.go(at.saturating_add_signed(by).min(last));
    }

    /// Selects the one at this index of those that are shown.
    pub(in crate::tui) fn go(&mut self, at: usize) {
        let last = self.len().saturating_sub(1);
        let at = at.min(last);
        self.selected = self.id_at(at);
        self.follows = at == last;
        if self.follows {
            self.unseen = 0;
        }
        self.settle();
    }

    /// Selects this id, if it is shown.
    pub(in crate::tui) fn select(&mut self, id: u64) {
        if let Some(at) = self.index_of(id) {
            self.go(at);
        }
    }

    /// Selects the next failure that way, and tells whether there was one.
    pub(in crate::tui) fn next_failure(&mut self, way: Way) -> bool {
        let Some(from) = self.selected.map(|id| self.index_from(id)) else {
            return false;
        };
        let is_failure = |at: &usize| {
            let row = self.id_at(*at).and_then(|id| self.row(id));
            row.is_some_and(Row::is_failure)
        };
        let found = match way {
            Way::Older => (0..from).rev().find(is_failure),
            Way::Newer => (from + 1..self.len()).find(is_failure),
        };
        if let Some(at) = found {
            self.go(at);
        }
        found.is_some()
    }

    /// Brings selection and window in line with what there is. Call it before drawing.
    pub(in crate::tui) fn settle(&mut self) {
        let count = self.len();
        if self.follows || self.selected.is_none() {
            self.selected = count.checked_sub(1).and_then(|last| self.id_at(last));
        }
        self.top = self.top.min(count.saturating_sub(self.height));
        if let Some(at) = self.selected.and_then(|id| self.index_of(id)) {
            self.top = self.top.clamp((at + 1).saturating_sub(self.height), at);
        }
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.rows.binary_search_by_key(&id, |row| row.id).ok()
    }

    fn id_at(&self, at: usize) -> Option<u64> {
        match &self.active {
            Some(active) => active.ids.get(at).copied(),
            None => self.rows.get(at).map(|row| row.id),
        }
    }

    fn index_of(&self, id: u64) -> Option<usize> {
        match &self.active {
            Some(active) => active.ids.binary_search(&id).ok(),
            None => self.position(id),
        }
    }

    /// Where this id stands among those that are shown, or would.
    fn index_from(&self, id: u64) -> usize {
        match &self.active {
            Some(active) => active.ids.partition_point(|shown| *shown < id),
            None => self.rows.partition_point(|row| row.id < id),
        }
    }

    fn first_visible(&self) -> Option<u64> {
        self.id_at(self.top)
    }

    /// The one to select when the selected one goes: the next newer that stays, or else the
    /// next older.
    fn neighbour(&self, stays: &impl Fn(u64) -> bool) -> Option<u64> {
        let from = self.index_from(self.selected?);
        let stays = |at: usize| self.id_at(at).filter(|id| stays(*id));
        (from..self.len())
            .find_map(stays)
            .or_else(|| (0..from).rev().find_map(stays))
    }
}
