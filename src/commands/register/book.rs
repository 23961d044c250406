//! Webhooks that were archived and are there to be used again. Cakemail's API deletes none, and
//! one that is used again keeps its key.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ledger::look::ids_of_others;
use super::ledger::steps::Owner;
use crate::files;

/// Not the extension of a run's file.
const NAME: &str = "archived.jsonl";

/// More are not remembered: of one that is forgotten nothing but its key is lost.
const MOST: usize = 1000;

/// An archived webhook, as it was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    pub(super) owner: Owner,
    pub(super) event: String,
    pub(super) id: String,
    pub(super) url: String,
    /// When it was made.
    pub(super) at: Timestamp,
}

/// The file that remembers them, beside those of runs.
pub(super) struct Book {
    path: PathBuf,
    run: PathBuf,
}

impl Book {
    /// For the run with that file.
    pub(super) fn beside(run: &Path) -> Self {
        Self {
            path: run.with_file_name(NAME),
            run: run.to_owned(),
        }
    }

    /// Takes out one of the event that `is_free` does not speak against, when `note` has
    /// written it down: one with this URL if there is, else the oldest, so that the same are
    /// used from run to run.
    pub(super) fn take(
        &self,
        owner: &Owner,
        event: &str,
        url: &str,
        is_free: impl Fn(&Kept, &HashSet<String>) -> bool,
        note: impl FnOnce(&Kept) -> io::Result<()>,
    ) -> io::Result<Option<Kept>> {
        let _turn = files::lock(&self.path)?;
        let mut all = self.read();
        let others = ids_of_others(&self.run);
        let fitting = all.iter().enumerate().filter(|(_, kept)| {
            kept.owner == *owner && kept.event.eq_ignore_ascii_case(event) && is_free(kept, &others)
        });
        let best = fitting.min_by_key(|(_, kept)| (kept.url != url, kept.at));
        let Some(at) = best.map(|(at, _)| at) else {
            return Ok(None);
        };
        let kept = all.remove(at);
        note(&kept)?;
        // Where this fails, the run's file keeps others from it.
        if let Err(error) = self.write(&all) {
            tracing::debug!("cannot write {}: {error}", self.path.display());
        }
        Ok(Some(kept))
    }

    /// Remembers one.
    pub(super) fn add(&self, kept: Kept) -> io::Result<()> {
        let _turn = files::lock(&self.path)?;
        let mut all = self.read();
        all.retain(|other| (&other.id, &other.owner.api) != (&kept.id, &kept.owner.api));
        all.push(kept);
        let over = all.len().saturating_sub(MOST);
        all.drain(..over);
        self.write(&all)
    }

    /// All ids in it.
    pub(super) fn ids(&self) -> HashSet<String> {
        self.read().into_iter().map(|kept| kept.id).collect()
    }

    /// What it holds. A line that makes no sense is none: the user's webhooks are not in here.
    fn read(&self) -> Vec<Kept> {
        let text = fs::read(&self.path).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }

    fn write(&self, all: &[Kept]) -> io::Result<()> {
        let part = self.path.with_extension("part");
        let _ = fs::remove_file(&part);
        let mut text = Vec::new();
        for kept in all {
            serde_json::to_writer(&mut text, kept)?;
            text.push(b'\n');
        }
        let mut file = files::create_new(&part)?;
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(&part, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: &str, url: &str, day: i64) -> Kept {
        Kept {
            owner: Owner {
                api: "https://api.cakemail.dev".into(),
                account: None,
                user: "me".into(),
            },
            event: "Email.Sent".into(),
            id: id.into(),
            url: url.into(),
            at: Timestamp::from_second(day * 86_400).unwrap(),
        }
    }

    #[test]
    fn the_same_is_taken_from_run_to_run_and_by_one_alone() {
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        let (old, new) = (kept("old", "https://a/", 1), kept("new", "https://b/", 2));
        let owner = old.owner.clone();
        let take = |url: &str| {
            let taken = book.take(&owner, "email.sent", url, |_, _| true, |_| Ok(()));
            taken.unwrap().map(|kept| kept.id)
        };
        assert_eq!(take("https://a/"), None);
        for _ in 0..2 {
            book.add(new.clone()).unwrap();
            book.add(old.clone()).unwrap();
        }
        assert_eq!(take("https://b/").as_deref(), Some("new"));
        book.add(new).unwrap();
        assert_eq!(take("https://c/").as_deref(), Some("old"));
        assert_eq!(take("https://c/").as_deref(), Some("new"));
        assert_eq!(take("https://c/"), None);
    }

    #[test]
    fn what_is_not_written_down_is_not_taken() {
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        let one = kept("one", "https://a/", 1);
        book.add(one.clone()).unwrap();
        let fails = |_: &Kept| Err(io::Error::other("full"));
        let owner = one.owner.clone();
        let taken = book.take(&owner, "Email.Sent", "", |_, _| true, fails);
        assert!(taken.is_err());
        assert_eq!(book.read(), [one]);
        let stranger = Owner {
            user: "you".into(),
            ..owner
        };
        let taken = book.take(&stranger, "Email.Sent", "", |_, _| true, |_| Ok(()));
        assert_eq!(taken.unwrap(), None);
    }

    #[test]
    fn it_forgets_the_first_of_too_many_and_passes_over_nonsense() {
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        let all: Vec<_> = (0..MOST)
            .map(|n| kept(&n.to_string(), "https://a/", 1))
            .collect();
        book.write(&all).unwrap();
        book.add(kept("last", "https://a/", 1)).unwrap();
        let ids = book.ids();
        assert!(ids.len() == MOST && ids.contains("last") && !ids.contains("0"));
        fs::write(&book.path, "{\"id\":\n\u{0}\n").unwrap();
        assert!(book.read().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn it_is_for_the_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        book.add(kept("one", "https://a/", 1)).unwrap();
        let mode = fs::metadata(&book.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
