//! What a run makes at Cakemail, written down before it is made, so that the next run can
//! clean up after one that was killed.
//!
//! Each run has a file of its own in the user's data folder, a line of JSON for each step,
//! and keeps it locked for as long as it lives. The file is gone when all is cleaned up.

mod file;
pub(super) mod look;
pub(super) mod steps;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::book::{Book, Kept};
use crate::config::user_data_folder;
use crate::files::{self, FileError};
use file::RunFile;
use look::Known;
use steps::{Entry, Owner, Step, apply};

const FOLDER: &str = "registrations";
const EXTENSION: &str = "json";

/// A run's file, locked.
#[derive(Debug, Clone)]
pub(super) struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    owner: Owner,
    // Apart from the file, which a disk may hold up for as long as it likes.
    entries: Mutex<Vec<Entry>>,
    file: Mutex<RunFile>,
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

    fn of(path: PathBuf, owner: Owner, file: RunFile, entries: Vec<Entry>) -> Self {
        Self(Arc::new(Inner {
            path,
            owner,
            entries: Mutex::new(entries),
            file: Mutex::new(file),
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
        let entries = self.0.entries.lock();
        entries.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has this process know of a step, whether or not the disk does.
    pub(super) fn know(&self, step: Step) {
        let entries = self.0.entries.lock();
        apply(&mut entries.unwrap_or_else(PoisonError::into_inner), step);
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

    /// Writes down that a webhook that was taken is about to be changed.
    ///
    /// # Errors
    /// Where it cannot be written; then it may not be changed.
    pub(super) async fn bring(&self, id: &str) -> io::Result<()> {
        let id = id.into();
        self.note(Step::Bring { id }).await
    }

    pub(super) async fn back(&self, id: &str) -> io::Result<()> {
        let id = id.into();
        self.note(Step::Back { id }).await
    }

    /// Takes a webhook of the event that an earlier run has archived, if there is one, and
    /// writes that down before nobody else knows of it any more.
    ///
    /// # Errors
    /// Where it cannot be written; then it is not taken.
    pub(super) async fn take(
        &self,
        event: &str,
        url: &str,
        before: Vec<String>,
    ) -> io::Result<Option<Kept>> {
        let (this, event, url) = (self.clone(), event.to_owned(), url.to_owned());
        let taking = tokio::task::spawn_blocking(move || {
            let book = Book::beside(this.path());
            book.take(
                this.owner(),
                &event,
                &url,
                |kept, others| {
                    // Of one that another run has, or had when it was killed, only that run or
                    // whoever cleans up after it says what becomes of it.
                    let is_known = this
                        .entries()
                        .iter()
                        .any(|one| one.id.as_ref() == Some(&kept.id));
                    !is_known && !others.contains(&kept.id)
                },
                |kept| {
                    this.plan(Step::Take {
                        event: event.clone(),
                        url: url.clone(),
                        before: before.clone(),
                        at: kept.at,
                        id: kept.id.clone(),
                        left: kept.url.clone(),
                    })
                },
            )
        });
        taking.await.map_err(io::Error::other)?
    }

    /// What is known of webhooks that are cmhook's. Those in `held` are of runs that whoever asks
    /// cleans up after, too.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub(super) async fn known(&self, held: Vec<Self>) -> io::Result<Known> {
        let this = self.clone();
        let looking = tokio::task::spawn_blocking(move || {
            // In the book's turn nothing goes from a file to the book, or the other way.
            Book::beside(this.path()).with_ids(|archived| Known::look(&this, &held, archived))
        });
        looking.await.map_err(io::Error::other)?
    }

    async fn note(&self, step: Step) -> io::Result<()> {
        let this = self.clone();
        // What was done is so, whether or not the disk knows. What is about to be done is done
        // only when it does.
        if !step.is_plan() {
            self.know(step.clone());
        }
        // A disk may take its time, and deliveries do not wait for it.
        let writing = tokio::task::spawn_blocking(move || {
            if step.is_plan() {
                this.plan(step)
            } else {
                this.append(&[step])
            }
        });
        writing.await.map_err(io::Error::other)?
    }

    fn plan(&self, step: Step) -> io::Result<()> {
        self.append(std::slice::from_ref(&step))?;
        self.know(step);
        Ok(())
    }

    fn append(&self, steps: &[Step]) -> io::Result<()> {
        let file = self.0.file.lock();
        let mut file = file.unwrap_or_else(PoisonError::into_inner);
        file.append(steps)
    }

    /// Remembers archived webhooks for later runs, and then removes the file if there is nothing
    /// left to clean up, else writes down what is done. It takes as long as the disk does.
    pub(super) fn end(&self, kept: Vec<Kept>, steps: &[Step]) {
        // In this order, so that a kill in between loses nothing.
        let path = self.path().display();
        if !kept.is_empty()
            && let Err(error) = Book::beside(self.path()).add(kept)
        {
            // Without it the next run makes others.
            tracing::debug!("cannot remember what was archived: {error}");
        }
        if self.entries().iter().all(|entry| entry.is_done) {
            if let Err(error) = fs::remove_file(self.path()) {
                tracing::debug!("cannot remove {path}: {error}");
            }
        } else if !steps.is_empty()
            && let Err(error) = self.append(steps)
        {
            // They are archived once more then.
            tracing::debug!("cannot write {path}: {error}");
        }
    }
}

/// Makes the file under another name first, so that nobody finds it before it is locked.
fn begin(folder: &Path, path: &Path, run: &Step) -> io::Result<RunFile> {
    let new = path.with_extension("new");
    let mut file = RunFile::new(files::create_new(&new)?);
    let locked = file.file().lock();
    let made = locked
        .and_then(|()| file.append(std::slice::from_ref(run)))
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

pub(super) fn folder_or_error() -> Result<PathBuf, FileError> {
    let folder = user_data_folder().map(|folder| folder.join(FOLDER));
    folder.ok_or_else(|| {
        let error = io::Error::new(io::ErrorKind::NotFound, "there is no home folder");
        FileError::Folder(PathBuf::from("~/.local/share/cmhook"), error)
    })
}
