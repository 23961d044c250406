//! Webhooks that were archived and are there to be used again. Cakemail's API deletes none, and
//! one that is used again keeps its key.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ledger::folder_or_error;
use super::ledger::look::ids_of_others;
use super::ledger::steps::Owner;
use crate::check::public::is_same;
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

/// The ids of the webhooks of that API which are there to be used again, for somebody who only
/// looks.
pub(in crate::commands) fn kept_for_reuse(api: &str) -> Vec<String> {
    let Ok(folder) = folder_or_error() else {
        return Vec::new();
    };
    // It is replaced as a whole, so that nobody has to wait for a turn.
    let all = Book::beside(&folder.join(NAME)).read().unwrap_or_default();
    let kept = all.into_iter().filter_map(|line| line.kept);
    let kept = kept.filter(|kept| kept.owner.api == api);
    kept.map(|kept| kept.id).collect()
}

/// A line of the file. One that is not understood may be a newer cmhook's, and stays.
#[derive(Debug)]
struct Line {
    text: Vec<u8>,
    kept: Option<Kept>,
}

impl Line {
    fn read(text: &[u8]) -> Self {
        Self {
            text: text.to_owned(),
            kept: serde_json::from_slice(text).ok(),
        }
    }

    fn of(kept: Kept) -> io::Result<Self> {
        Ok(Self {
            text: serde_json::to_vec(&kept)?,
            kept: Some(kept),
        })
    }
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
        let mut all = match self.read() {
            Ok(all) => all,
            // Then another one is made.
            Err(error) => {
                tracing::debug!("cannot read {}: {error}", self.path.display());
                return Ok(None);
            }
        };
        let others = ids_of_others(&self.run);
        let known = all.iter().enumerate();
        let known = known.filter_map(|(at, line)| Some((at, line.kept.as_ref()?)));
        let fitting = known.filter(|(_, kept)| {
            kept.owner == *owner && kept.event.eq_ignore_ascii_case(event) && is_free(kept, &others)
        });
        let best = fitting.min_by_key(|(_, kept)| (!is_same(&kept.url, url), kept.at));
        let Some((at, kept)) = best.map(|(at, kept)| (at, kept.clone())) else {
            return Ok(None);
        };
        all.remove(at);
        note(&kept)?;
        // Where this fails, the run's file keeps others from it.
        if let Err(error) = self.write(&all) {
            tracing::debug!("cannot write {}: {error}", self.path.display());
        }
        Ok(Some(kept))
    }

    /// Remembers these.
    pub(super) fn add(&self, new: Vec<Kept>) -> io::Result<()> {
        let _turn = files::lock(&self.path)?;
        let mut all = self.read()?;
        let of = |kept: &Kept| (kept.id.clone(), kept.owner.api.clone());
        let ids: HashSet<_> = new.iter().map(of).collect();
        all.retain(|line| {
            line.kept
                .as_ref()
                .is_none_or(|kept| !ids.contains(&of(kept)))
        });
        for kept in new {
            all.push(Line::of(kept)?);
        }
        let over = all.len().saturating_sub(MOST);
        all.drain(..over);
        self.write(&all)
    }

    /// What it holds now; nothing where that cannot be read.
    pub(super) fn all(&self) -> Vec<Kept> {
        let all = self.read().unwrap_or_default();
        all.into_iter().filter_map(|line| line.kept).collect()
    }

    /// What `look` makes of all ids in it, while nobody changes it.
    pub(super) fn with_ids<T>(&self, look: impl FnOnce(HashSet<String>) -> T) -> io::Result<T> {
        let _turn = files::lock(&self.path)?;
        let kept = self.read()?.into_iter().filter_map(|line| line.kept);
        Ok(look(kept.map(|kept| kept.id).collect()))
    }

    /// What it holds. Only where there is no file it is nothing: what is added to what could
    /// not be read would be all that is left.
    fn read(&self) -> io::Result<Vec<Line>> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text?,
        };
        let lines = text.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.trim_ascii().is_empty());
        Ok(lines.map(Line::read).collect())
    }

    fn write(&self, all: &[Line]) -> io::Result<()> {
        let part = self.path.with_extension("part");
        let _ = fs::remove_file(&part);
        let mut text = Vec::new();
        for line in all {
            text.extend_from_slice(&line.text);
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

    fn all(book: &Book) -> Vec<Kept> {
        let all = book.read().unwrap();
        all.into_iter().filter_map(|line| line.kept).collect()
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
            book.add(vec![new.clone(), old.clone()]).unwrap();
        }
        assert_eq!(take("https://b/").as_deref(), Some("new"));
        book.add(vec![new]).unwrap();
        assert_eq!(take("https://c/").as_deref(), Some("old"));
        assert_eq!(take("https://c/").as_deref(), Some("new"));
        assert_eq!(take("https://c/"), None);
    }

    #[test]
    fn what_is_not_written_down_is_not_taken() {
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        let one = kept("one", "https://a/", 1);
        book.add(vec![one.clone()]).unwrap();
        let fails = |_: &Kept| Err(io::Error::other("full"));
        let owner = one.owner.clone();
        let taken = book.take(&owner, "Email.Sent", "", |_, _| true, fails);
        assert!(taken.is_err());
        assert_eq!(all(&book), [one]);
        let stranger = Owner {
            user: "you".into(),
            ..owner
        };
        let taken = book.take(&stranger, "Email.Sent", "", |_, _| true, |_| Ok(()));
        assert_eq!(taken.unwrap(), None);
    }

    #[test]
    fn it_forgets_the_first_of_too_many() {
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        let many: Vec<_> = (0..MOST)
            .map(|n| kept(&n.to_string(), "https://a/", 1))
            .collect();
        book.add(many).unwrap();
        book.add(vec![kept("last", "https://a/", 1)]).unwrap();
        let ids = book.with_ids(|ids| ids).unwrap();
        assert!(ids.len() == MOST && ids.contains("last") && !ids.contains("0"));
    }

    #[test]
    fn what_it_does_not_understand_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        let newer = r#"{"v":2,"id":["x"]}"#;
        let one = serde_json::to_string(&kept("one", "https://a/", 1)).unwrap();
        let more = one.replace("\"id\"", "\"more\":1,\"id\"");
        fs::write(&book.path, format!("{newer}\n\n{more}\n{{\"id\":")).unwrap();
        assert_eq!(all(&book).len(), 1);
        book.add(vec![kept("two", "https://a/", 1)]).unwrap();
        let text = fs::read_to_string(&book.path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], [newer, &*more, "{\"id\":"]);
        assert_eq!(lines.len(), 4);
    }

    #[cfg(unix)]
    #[test]
    fn one_that_cannot_be_read_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        // It leads to itself, which nobody can read, and anybody could write another over it.
        std::os::unix::fs::symlink(&book.path, &book.path).unwrap();
        let one = kept("one", "https://a/", 1);
        assert!(book.with_ids(|ids| ids).is_err());
        assert!(book.add(vec![one.clone()]).is_err());
        assert!(fs::symlink_metadata(&book.path).unwrap().is_symlink());
        let taken = book.take(&one.owner, "Email.Sent", "", |_, _| true, |_| Ok(()));
        assert_eq!(taken.unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn it_is_for_the_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let book = Book::beside(&home.path().join("a.json"));
        book.add(vec![kept("one", "https://a/", 1)]).unwrap();
        let mode = fs::metadata(&book.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
