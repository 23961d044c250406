//! What a run makes at Cakemail, written down before it is made, so that the next run can
//! clean up after one that was killed.
//!
//! Each run has a file of its own in the user's data folder, a line of JSON for each step,
//! and keeps it locked for as long as it lives. The file is gone when all is cleaned up.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::{command, user_data_folder};
use crate::files::{self, FileError};

const FOLDER: &str = "registrations";
const EXTENSION: &str = "json";

/// An API that has not said whether it made a webhook may still be at it for so long.
const MAY_STILL_COME: SignedDuration = SignedDuration::from_mins(1);

/// Whose webhooks they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The API's URL.
    pub(super) api: String,
    /// The account's number, where one was asked for.
    pub(super) account: Option<u64>,
    /// Who asked; it tells users apart and opens nothing.
    pub(super) user: String,
}

impl Owner {
    /// A command on that account, as it can be pasted.
    pub(super) fn command(&self, words: &[&str]) -> String {
        let mut words = words.to_vec();
        words.extend(["--api", &*self.api]);
        let account = self.account.map(|account| account.to_string());
        if let Some(account) = &account {
            words.extend(["--account", account]);
        }
        command(&words)
    }

    /// Whether the other one's webhooks are of the same account, as far as that is known.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        (&self.api, self.account) == (&other.api, other.account)
    }
}

/// A step.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Step {
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
    /// It is archived, or there is none to archive.
    Done { event: String },
}

/// A webhook that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) event: String,
    pub(super) url: String,
    /// Webhooks of the same event and URL that were there before: the user's.
    pub(super) before: Vec<String>,
    pub(super) at: Timestamp,
    /// `None` where the API has not said that it was made.
    pub(super) id: Option<String>,
    pub(super) is_done: bool,
}

impl Entry {
    /// Whether it may still be made.
    pub(super) fn may_still_come(&self) -> bool {
        Timestamp::now().duration_since(self.at) < MAY_STILL_COME
    }
}

/// What other runs know of theirs.
#[derive(Debug, Default)]
pub(super) struct Others {
    pub(super) ids: HashSet<String>,
    /// Events and URLs of what they are making right now.
    pub(super) making: HashSet<(String, String)>,
}

/// A run's file, locked.
#[derive(Debug, Clone)]
pub(super) struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    owner: Owner,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    file: File,
    entries: Vec<Entry>,
}

impl Ledger {
    /// The file of this run.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(super) fn create(owner: Owner) -> Result<Self, FileError> {
        let folder = folder_or_error()?;
        files::create_folder(&folder)?;
        let mut random = [0; 8];
        let path = getrandom::fill(&mut random)
            .map(|()| folder.join(hex::encode(random)).with_extension(EXTENSION))
            .map_err(|error| FileError::Write(folder.clone(), io::Error::other(error)))?;
        let run = Step::Run {
            v: 1,
            pid: std::process::id(),
            owner: owner.clone(),
        };
        let file = begin(&folder, &path, &run).map_err(|e| FileError::Write(path.clone(), e))?;
        Ok(Self::of(path, owner, file, Vec::new()))
    }

    fn of(path: PathBuf, owner: Owner, file: File, entries: Vec<Entry>) -> Self {
        Self(Arc::new(Inner {
            path,
            owner,
            held: Mutex::new(Held { file, entries }),
        }))
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.0.owner
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// What it holds, as it is now.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let held = self.0.held.lock();
        held.unwrap_or_else(PoisonError::into_inner).entries.clone()
    }

    /// Writes down that a webhook is about to be made. When this returns, it is on the disk.
    ///
    /// # Errors
    /// Where it cannot be written; then nothing may be made.
    pub(super) async fn make(&self, event: &str, url: &str, before: Vec<String>) -> io::Result<()> {
        self.note(Step::Make {
            event: event.into(),
            url: url.into(),
            before,
            at: Timestamp::now(),
        })
        .await
    }

    pub(super) async fn made(&self, event: &str, id: &str) -> io::Result<()> {
        let (event, id) = (event.into(), id.into());
        self.note(Step::Made { event, id }).await
    }

    pub(super) async fn not_made(&self, event: &str) -> io::Result<()> {
        let event = event.into();
        self.note(Step::NotMade { event }).await
    }

    pub(super) async fn moved(&self, id: &str, url: &str) -> io::Result<()> {
        let (id, url) = (id.into(), url.into());
        self.note(Step::Moved { id, url }).await
    }

    pub(super) async fn done(&self, event: &str) -> io::Result<()> {
        let event = event.into();
        self.note(Step::Done { event }).await
    }

    async fn note(&self, step: Step) -> io::Result<()> {
        let this = self.clone();
        // A disk may take its time, and deliveries do not wait for it.
        let writing = tokio::task::spawn_blocking(move || {
            let held = this.0.held.lock();
            let mut held = held.unwrap_or_else(PoisonError::into_inner);
            let written = append(&mut held.file, &step);
            // What was done is so, whether or not the disk knows.
            apply(&mut held.entries, step);
            written
        });
        writing.await.map_err(io::Error::other)?
    }

    /// Removes the file if there is nothing left to clean up, and says whether that is so.
    pub(super) fn close(self) -> bool {
        let is_done = self.entries().iter().all(|entry| entry.is_done);
        if is_done && let Err(error) = fs::remove_file(self.path()) {
            tracing::debug!("cannot remove {}: {error}", self.path().display());
        }
        is_done
    }
}

/// Makes the file under another name first, so that nobody finds it before it is locked.
fn begin(folder: &Path, path: &Path, run: &Step) -> io::Result<File> {
    let new = path.with_extension("new");
    let mut file = files::create_new(&new)?;
    let made = file
        .lock()
        .and_then(|()| append(&mut file, run))
        .and_then(|()| fs::rename(&new, path));
    if let Err(error) = made {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    // A folder cannot be synced everywhere; where it can, the name is there after a power cut.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(file)
}

fn append(file: &mut File, step: &Step) -> io::Result<()> {
    let mut line = serde_json::to_vec(step)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

fn apply(entries: &mut Vec<Entry>, step: Step) {
    let mut of = |event: &str, change: &dyn Fn(&mut Entry)| {
        let found = entries.iter_mut().filter(|entry| entry.event == event);
        found.for_each(change);
    };
    match step {
        Step::Run { .. } => {}
        Step::Made { event, id } => of(&event, &|entry| entry.id = Some(id.clone())),
        Step::NotMade { event } | Step::Done { event } => {
            of(&event, &|entry| entry.is_done = true);
        }
        Step::Moved { id, url } => {
            let found = entries
                .iter_mut()
                .filter(|one| one.id.as_ref() == Some(&id));
            found.for_each(|entry| entry.url.clone_from(&url));
        }
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
            is_done: false,
        }),
    }
}

/// What is found of other runs.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files of runs that are over, for whoever cleans up. They are locked.
    pub(super) over: Vec<Ledger>,
    /// What the others know.
    pub(super) others: Others,
    /// Files that cannot be understood, and why.
    pub(super) broken: Vec<(PathBuf, String)>,
}

/// Looks at the files of all other runs that asked the same API for the same account.
pub(super) fn look(own: &Ledger) -> Found {
    let mut found = Found::default();
    let folder = own.path().parent().unwrap_or(Path::new(""));
    let Ok(folder) = fs::read_dir(folder) else {
        return found;
    };
    for path in folder.flatten().map(|entry| entry.path()) {
        if path.extension() != Some(OsStr::new(EXTENSION)) || path == own.path() {
            continue;
        }
        if let Err(error) = look_at(&path, own.owner(), &mut found) {
            // One that is gone is cleaned up.
            if error.kind() != io::ErrorKind::NotFound {
                found.broken.push((path, error.to_string()));
            }
        }
    }
    found
}

fn look_at(path: &Path, owner: &Owner, found: &mut Found) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    let is_over = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => return Err(error),
    };
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if is_over => return Err(error),
        // Windows lets nobody read what another process has locked.
        Err(_) => return Ok(()),
    }
    let (of, entries) = read(&text)?;
    if !of.is_beside(owner) {
        tracing::debug!("{} is of another account", path.display());
        return Ok(());
    }
    let ids = entries.iter().filter_map(|entry| entry.id.clone());
    found.others.ids.extend(ids);
    if is_over {
        let ledger = Ledger::of(path.to_owned(), of, file, entries);
        found.over.push(ledger);
    } else {
        let making = entries.into_iter();
        let making = making.filter(|entry| entry.id.is_none() && !entry.is_done);
        found
            .others
            .making
            .extend(making.map(|entry| (entry.event, entry.url)));
    }
    Ok(())
}

fn read(text: &str) -> io::Result<(Owner, Vec<Entry>)> {
    let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut owner = None;
    let mut entries = Vec::new();
    // A line without its end was being written when the machine stopped; what it tells of was
    // not begun, or is found out anew.
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let Some(line) = line.strip_suffix('\n') else {
            break;
        };
        let step = serde_json::from_str(line)
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

fn folder_or_error() -> Result<PathBuf, FileError> {
    let folder = user_data_folder().map(|folder| folder.join(FOLDER));
    folder.ok_or_else(|| {
        let error = io::Error::new(io::ErrorKind::NotFound, "there is no home folder");
        FileError::Folder(PathBuf::from("~/.local/share/cmhook"), error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owner(user: &str) -> Owner {
        Owner {
            api: "https://api.cakemail.dev".into(),
            account: None,
            user: user.into(),
        }
    }

    fn steps() -> Vec<Step> {
        let make = |event: &str| Step::Make {
            event: event.into(),
            url: "https://a.example/".into(),
            before: vec!["old".into()],
            at: Timestamp::UNIX_EPOCH,
        };
        let (event, id) = ("Email.Sent".to_owned(), "x1".to_owned());
        vec![
            Step::Run {
                v: 1,
                pid: 7,
                owner: owner("me"),
            },
            make("Email.Sent"),
            make("Email.Opened"),
            Step::Made {
                event,
                id: id.clone(),
            },
            Step::Moved {
                id,
                url: "https://b.example/".into(),
            },
            Step::NotMade {
                event: "Email.Opened".into(),
            },
        ]
    }

    fn text() -> String {
        let line = |step: &Step| serde_json::to_string(step).unwrap() + "\n";
        steps().iter().map(line).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let (of, entries) = read(&text()).unwrap();
        assert_eq!(of, owner("me"));
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].id.as_deref(), Some("x1"));
        assert_eq!(entries[0].url, "https://b.example/");
        assert_eq!((entries[0].is_done, entries[1].is_done), (false, true));
        assert!(!entries[0].may_still_come());
        assert!(read("").is_err() && read("{}\n").is_err());
        let newer = text().replace("\"v\":1", "\"v\":2");
        assert!(read(&newer).unwrap_err().to_string().contains("newer"));
    }

    #[test]
    fn a_living_run_is_told_from_one_that_is_over() {
        let home = tempfile::tempdir().unwrap();
        let ledger = |name: &str| {
            let path = home.path().join(name).with_extension(EXTENSION);
            let run = &steps()[0];
            let file = begin(home.path(), &path, run).unwrap();
            Ledger::of(path, owner("me"), file, Vec::new())
        };
        let (own, other) = (ledger("own"), ledger("other"));
        for step in &steps()[1..3] {
            let mut held = other.0.held.lock().unwrap();
            append(&mut held.file, step).unwrap();
        }
        fs::write(home.path().join("broken.json"), "{\n").unwrap();
        let found = look(&own);
        assert!(found.over.is_empty());
        assert_eq!(found.others.making.len(), 2);
        assert_eq!(found.broken.len(), 1);
        drop(other);
        let mut found = look(&own);
        assert!(found.others.making.is_empty());
        let over = found.over.remove(0);
        assert_eq!(over.entries().len(), 2);
        // Locked by whoever has found it.
        assert!(look(&own).over.is_empty());
        let path = over.path().to_owned();
        assert!(!over.close() && path.exists());
        assert!(own.close());
    }

    #[cfg(unix)]
    #[test]
    fn it_is_for_the_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.json");
        begin(home.path(), &path, &steps()[0]).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    proptest! {
        #[test]
        fn it_may_be_cut_anywhere_behind_its_first_line(at in 0usize..2000) {
            let text = text();
            let first = text.find('\n').unwrap() + 1;
            let cut = (first + at).min(text.len());
            let (_, entries) = read(&text[..cut]).unwrap();
            prop_assert!(entries.len() <= 2);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = read(&text);
        }
    }
}
