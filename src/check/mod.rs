//! What `cmhook doctor` knows: what a check is, and what facts about a set-up mean.
//!
//! Who gathers the facts is handed in or is not its matter: the functions here take what was
//! found and say how good that is, and what to do where it is not.

pub mod account;
pub mod app;
mod commands;
pub mod config;
pub mod public;
pub mod store;
pub mod surroundings;
pub mod target;

pub use commands::Commands;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Ok,
    /// It was not tried; the finding says why.
    Skip,
    /// It works, and is probably not meant so.
    Warn,
    /// Deliveries do not get through, or not as they should.
    Fail,
}

impl Status {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// Where a check belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Files, store, listener.
    Machine,
    /// The targets.
    App,
    /// The relay, or a tunnel of one's own.
    Public,
    /// The API and the account.
    Account,
}

impl Group {
    /// What stands above its checks.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Machine => "This machine",
            Self::App => "Your app",
            Self::Public => "The public URL",
            Self::Account => "Your Cakemail account",
        }
    }
}

/// One check and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which, for programs.
    pub id: &'static str,
    /// How it came out.
    pub status: Status,
    /// What was found, or why it was not tried; without a final period.
    pub found: String,
    /// What to do about it, where something is to be done.
    pub cure: Option<String>,
}

/// Every check by its id, in the order in which they are told.
const TITLES: &[(&str, Group, &str)] = &[
    ("config", Group::Machine, "Configuration"),
    ("store", Group::Machine, "Store"),
    ("listener", Group::Machine, "Listener"),
    ("target", Group::App, "Takes connections"),
    ("signed", Group::App, "Takes a signed sample"),
    ("unsigned", Group::App, "Refuses an unsigned one"),
    ("forged", Group::App, "Refuses a wrong signature"),
    ("deliveries", Group::App, "Takes what is delivered"),
    ("relay", Group::Public, "Relay"),
    ("canary", Group::Public, "From outside in"),
    ("api", Group::Account, "API"),
    ("clock", Group::Account, "Clock"),
    ("webhooks", Group::Account, "Webhooks"),
    ("events", Group::Account, "Events"),
    ("duplicates", Group::Account, "Duplicates"),
    ("urls", Group::Account, "URLs"),
    ("secrets", Group::Account, "Secrets"),
];

impl Check {
    fn new(id: &'static str, status: Status, found: impl Into<String>) -> Self {
        Self {
            id,
            status,
            found: found.into(),
            cure: None,
        }
    }

    /// It is as it should be.
    pub fn ok(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Status::Ok, found)
    }

    /// It was not tried.
    pub fn skip(id: &'static str, why: impl Into<String>) -> Self {
        Self::new(id, Status::Skip, why)
    }

    /// It is doubtful.
    pub fn warn(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Status::Warn, found)
    }

    /// It is wrong.
    pub fn fail(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Status::Fail, found)
    }

    /// What to do about it; an empty text is nothing.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        let cure = cure.into();
        self.cure = (!cure.is_empty()).then_some(cure);
        self
    }

    /// What it is called.
    pub fn title(&self) -> &'static str {
        known(self.id).map_or(self.id, |(_, _, title)| title)
    }

    /// Where it belongs.
    pub fn group(&self) -> Group {
        known(self.id).map_or(Group::Machine, |(_, group, _)| *group)
    }
}

fn known(id: &str) -> Option<&'static (&'static str, Group, &'static str)> {
    TITLES.iter().find(|(known, ..)| *known == id)
}

/// How many checks came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// As they should be.
    pub ok: usize,
    /// Doubtful.
    pub warned: usize,
    /// Wrong.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
}

impl Tally {
    /// Counts one more.
    pub const fn add(&mut self, status: Status) {
        match status {
            Status::Ok => self.ok += 1,
            Status::Skip => self.skipped += 1,
            Status::Warn => self.warned += 1,
            Status::Fail => self.failed += 1,
        }
    }

    /// Whether nothing is wrong.
    pub const fn is_well(self) -> bool {
        self.failed == 0
    }

    /// `2 failed, 1 warning, 5 ok, 3 skipped`: the gravest first, and nothing that there is not.
    pub fn words(self) -> String {
        let counted = [
            (self.failed, "failed", "failed"),
            (self.warned, "warning", "warnings"),
            (self.ok, "ok", "ok"),
            (self.skipped, "skipped", "skipped"),
        ];
        let parts = counted.into_iter().filter(|(count, ..)| *count > 0);
        let parts = parts.map(|(count, one, more)| {
            let word = if count == 1 { one } else { more };
            format!("{count} {word}")
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// `a, b and c`.
pub(crate) fn listed(items: &[impl AsRef<str>]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// More than this are counted rather than listed.
const MANY: usize = 3;

/// `a, b, c and 4 more`.
pub(crate) fn some(items: &[impl AsRef<str>]) -> String {
    match items.len().checked_sub(MANY) {
        Some(more) if more > 0 => {
            let first: Vec<_> = items[..MANY].iter().map(AsRef::as_ref).collect();
            format!("{} and {more} more", first.join(", "))
        }
        _ => listed(items),
    }
}

/// `1 webhook`, `2 webhooks`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_says_what_matters_first() {
        let mut tally = Tally::default();
        for status in [Status::Ok, Status::Warn, Status::Fail, Status::Fail] {
            tally.add(status);
        }
        assert_eq!(tally.words(), "2 failed, 1 warning, 1 ok");
        assert!(!tally.is_well());
        tally.failed = 0;
        tally.warned = 2;
        tally.skipped = 1;
        assert_eq!(tally.words(), "2 warnings, 1 ok, 1 skipped");
        assert!(tally.is_well());
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(listed(&[] as &[&str]), "");
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(some(&["a", "b", "c"]), "a, b and c");
        assert_eq!(some(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
        assert_eq!(counted(1, "webhook"), "1 webhook");
    }
}
