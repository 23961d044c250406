//! The detail's state: the delivery that is open, which tab of it, and where that is scrolled.

mod body;
mod page;
mod tab;

use jiff::tz::TimeZone;

use super::content::glyphs::Glyphs;
use super::content::head;
use super::text::{Line, Tag};
use crate::cakemail::diagnosis::Keys;
use crate::cakemail::explained::Explained;
use crate::delivery::{Attempt, Kept};
use crate::payload::tree::Tree;
use body::Body;
pub(super) use tab::Tab;

/// From so many rows on there are empty lines around the tabs, and all of the summary.
const ROOMY: u16 = 12;
const ROOM_FOR_HEAD: u16 = 6;
/// Columns that `<` and `>` move by.
const SIDEWAYS: usize = 8;

/// How a payload is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As what it is: JSON as a tree.
    Own,
    Text,
    Hex,
}

/// The delivery that is open.
#[derive(Debug)]
pub(super) struct Detail {
    zone: TimeZone,
    glyphs: Glyphs,
    kept: Option<Kept>,
    tab: Tab,
    /// The attempt whose response is shown; the newest where none was chosen.
    attempt: Option<u32>,
    request: Option<Body>,
    /// The answer's body of the attempt with this number.
    response: Option<(u32, Body)>,
    form: Form,
    explained: Option<Explained>,
    keys: Keys,
    wraps: bool,
    width: usize,
    height: usize,
    /// The tab's lines, wrapped if they are to be.
    page: Vec<Line>,
    is_stale: bool,
    top: usize,
    left: usize,
    /// The line that the cursor is on, where lines stand for something.
    cursor: usize,
    /// Where each tab was left, top and cursor.
    places: [(usize, usize); Tab::ALL.len()],
}

impl Detail {
    pub(super) fn new(zone: TimeZone, unicode: bool) -> Self {
        Self {
            zone,
            glyphs: Glyphs::of(unicode),
            kept: None,
            tab: Tab::Payload,
            attempt: None,
            request: None,
            response: None,
            form: Form::Own,
            explained: None,
            keys: Keys::default(),
            wraps: true,
            width: 0,
            height: 0,
            page: Vec::new(),
            is_stale: true,
            top: 0,
            left: 0,
            cursor: 0,
            places: Default::default(),
        }
    }

    /// Shows a delivery, or the same one as it is now.
    pub(super) fn open(&mut self, kept: Option<Kept>) {
        let id = |kept: &Option<Kept>| kept.as_ref().map(|kept| kept.delivery.id);
        let is_same = id(&self.kept) == id(&kept);
        self.is_stale = true;
        // Another verdict or answer makes another explanation.
        self.explained = None;
        self.kept = kept;
        if is_same {
            return;
        }
        self.attempt = None;
        self.request = None;
        self.response = None;
        self.form = Form::Own;
        self.places = Default::default();
        (self.top, self.left, self.cursor) = (0, 0, 0);
    }

    /// Takes what is known of secrets.
    pub(super) fn know(&mut self, keys: Keys) {
        self.is_stale |= self.keys != keys;
        self.keys = keys;
    }

    /// Takes what was found out about the signature of the open delivery.
    pub(super) fn explain(&mut self, id: u64, explained: Explained) {
        if self.id() == Some(id) {
            self.explained = Some(explained);
            self.is_stale = true;
        }
    }

    /// The open delivery, if what can be said of its signature is to be found out.
    pub(super) fn wants_explanation(&self) -> Option<u64> {
        let wanted = self.tab == Tab::Signature && self.explained.is_none();
        self.id().filter(|_| wanted)
    }

    /// The open delivery.
    pub(super) const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Its id.
    pub(super) fn id(&self) -> Option<u64> {
        self.kept.as_ref().map(|kept| kept.delivery.id)
    }

    pub(super) const fn tab(&self) -> Tab {
        self.tab
    }

    /// The attempt that is looked at.
    pub(super) fn attempt(&self) -> Option<&Attempt> {
        let attempts = &self.kept.as_ref()?.attempts;
        let chosen = self
            .attempt
            .and_then(|n| attempts.iter().find(|attempt| attempt.n == n));
        chosen.or(attempts.last()).map(|attempt| &**attempt)
    }

    /// Whether a tree is shown, in which values can be folded.
    pub(super) fn is_tree(&self) -> bool {
        self.tree().is_some()
    }

    /// What the cursor stands on, where lines stand for something.
    pub(super) fn at_cursor(&self) -> Option<Tag> {
        self.page.get(self.cursor)?.tag
    }

    /// The path and the JSON of the value at the cursor of the tree.
    pub(super) fn value(&self) -> Option<(String, String)> {
        let (tree, Tag::Node(node)) = (self.tree()?, self.at_cursor()?) else {
            return None;
        };
        Some((tree.path(node), tree.value(node).to_owned()))
    }

    /// The body that is shown as what it is.
    fn body(&self) -> Option<&Body> {
        match (self.tab, self.form) {
            (Tab::Payload, Form::Own) => self.request.as_ref(),
            (Tab::Response, Form::Own) => self.response.as_ref().map(|(_, body)| body),
            _ => None,
        }
    }

    fn body_mut(&mut self) -> Option<&mut Body> {
        match (self.tab, self.form) {
            (Tab::Payload, Form::Own) => self.request.as_mut(),
            (Tab::Response, Form::Own) => self.response.as_mut().map(|(_, body)| body),
            _ => None,
        }
    }

    fn tree(&self) -> Option<&Tree> {
        self.body()?.tree()
    }

    /// Shows another tab, where it was left.
    pub(super) fn show(&mut self, tab: Tab) {
        self.places[self.tab.index()] = (self.top, self.cursor);
        self.tab = tab;
        (self.top, self.cursor) = self.places[tab.index()];
        self.left = 0;
        self.is_stale = true;
    }

    /// Shows the tab so many places further.
    pub(super) fn turn(&mut self, by: isize) {
        let count = Tab::ALL.len();
        let at = (self.tab.index() + count).saturating_add_signed(by) % count;
        self.show(Tab::ALL[at]);
    }

    /// Moves by so many lines: the cursor where there is one, else the window.
    pub(super) fn step(&mut self, by: isize) {
        if self.has_cursor() {
            self.cursor = self.cursor.saturating_add_signed(by);
            self.settle();
            self.choose();
        } else {
            self.top = self.top.saturating_add_signed(by);
            self.settle();
        }
    }

    /// Moves by so many windows.
    pub(super) fn page(&mut self, by: isize) {
        self.step(by.saturating_mul(isize::try_from(self.height.max(2) - 1).unwrap_or(1)));
    }

    /// Puts the cursor on this line of the window.
    pub(super) fn click(&mut self, row: usize) {
        if self.has_cursor() && self.top + row < self.page.len() {
            self.cursor = self.top + row;
            self.choose();
        }
    }

    pub(super) fn sideways(&mut self, right: bool) {
        self.wraps = false;
        self.left = if right {
            self.left + SIDEWAYS
        } else {
            self.left.saturating_sub(SIDEWAYS)
        };
        self.is_stale = true;
    }

    pub(super) fn toggle_wrap(&mut self) -> bool {
        self.wraps = !self.wraps;
        self.left = 0;
        self.is_stale = true;
        self.wraps
    }

    /// Folds or unfolds the value at the cursor.
    pub(super) fn fold(&mut self) {
        if let Some(Tag::Node(node)) = self.at_cursor()
            && let Some(body) = self.body_mut()
        {
            body.toggle(node);
            self.is_stale = true;
        }
    }

    /// Folds or unfolds all.
    pub(super) fn fold_all(&mut self, folded: bool) {
        if let Some(body) = self.body_mut() {
            body.fold_all(folded);
            self.is_stale = true;
        }
    }

    /// Shows the payload or the raw request in the next form that there is.
    pub(super) fn next_form(&mut self) {
        self.form = match self.form {
            Form::Own => Form::Text,
            Form::Text => Form::Hex,
            Form::Hex => Form::Own,
        };
        (self.top, self.cursor) = (0, 0);
        self.is_stale = true;
    }

    /// Says how much room the pane has.
    pub(super) fn resize(&mut self, width: u16, height: u16) {
        let blank = if Self::is_roomy(height) { 2 } else { 0 };
        // One line more is that of the tabs.
        let above = Self::head_rows(height) + 1 + blank;
        // A column on the left is the margin.
        let room = usize::from(width.saturating_sub(2));
        let lines = usize::from(height.saturating_sub(above)).max(1);
        if (self.width, self.height) != (room, lines) {
            (self.width, self.height) = (room, lines);
            self.is_stale = true;
        }
        if self.is_stale {
            self.lay_out();
        }
    }

    /// Lines of the summary that there is room for. With few rows, what the tab shows matters
    /// more.
    pub(super) const fn head_rows(height: u16) -> u16 {
        match height {
            0..3 => 0,
            3..ROOM_FOR_HEAD => 1,
            _ => 2,
        }
    }

    /// Whether there is room for empty lines around the tabs.
    pub(super) const fn is_roomy(height: u16) -> bool {
        height >= ROOMY
    }

    /// The lines above the tabs.
    pub(super) fn head(&self) -> Vec<Line> {
        self.kept
            .as_ref()
            .map(|kept| head::lines(kept, &self.zone, &self.glyphs))
            .unwrap_or_default()
    }

    /// The lines that the window shows, with whether the cursor is on each.
    pub(super) fn visible(&self) -> impl Iterator<Item = (&Line, bool)> {
        let cursor = self.has_cursor().then_some(self.cursor);
        self.page
            .iter()
            .enumerate()
            .skip(self.top)
            .take(self.height)
            .map(move |(at, line)| (line, cursor == Some(at)))
    }

    /// Columns that are cut off on the left.
    pub(super) const fn left(&self) -> usize {
        self.left
    }

    /// Index of the window's first line, how many it has room for, and how many there are.
    pub(super) fn window(&self) -> (usize, usize, usize) {
        (self.top, self.height, self.page.len())
    }

    fn has_cursor(&self) -> bool {
        self.is_tree() || self.tab == Tab::Attempts
    }

    /// In the list of attempts the cursor chooses the one whose response is shown.
    fn choose(&mut self) {
        if let (Tab::Attempts, Some(Tag::Attempt(n))) = (self.tab, self.at_cursor())
            && self.attempt != Some(n)
        {
            self.attempt = Some(n);
            self.lay_out();
        }
    }

    fn settle(&mut self) {
        let count = self.page.len();
        self.cursor = self.cursor.min(count.saturating_sub(1));
        if self.has_cursor() {
            self.top = self
                .top
                .clamp((self.cursor + 1).saturating_sub(self.height), self.cursor);
        }
        self.top = self.top.min(count.saturating_sub(self.height));
    }
}
