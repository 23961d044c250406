//! The files of other runs.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::file::RunFile;
use super::steps::{Entry, Owner, process, read, whole};
use super::{EXTENSION, Ledger, folder_or_error};
use crate::check::public::plain;
use crate::commands::register::book::{Book, Kept};
use crate::delivery::Registration;

/// What is known of webhooks that are cmhook's, as files are now.
#[derive(Debug, Default)]
pub(in crate::commands::register) struct Known {
    /// Those that a file names.
    pub(in crate::commands::register) ids: HashSet<String>,
    /// Events and URLs of those that other runs are making right now, in their plain form.
    making: HashSet<(String, String)>,
    /// Whether there is more that cannot be read.
    pub(in crate::commands::register) is_partial: bool,
}

impl Known {
    /// Besides those in `archived`. What the runs of `held` were making is looked for by whoever
    /// asks, as what its own run was making.
    pub(super) fn look(own: &Ledger, held: &[Ledger], archived: HashSet<String>) -> Self {
        let mut known = Self {
            ids: archived,
            ..Self::default()
        };
        for ledger in held.iter().chain([own]) {
            known.take(ledger.entries(), false);
        }
        let is_held = |path: &PathBuf| held.iter().any(|ledger| ledger.path() == path);
        for path in others(own.path()).filter(|path| !is_held(path)) {
            match fs::read(&path).and_then(|text| read(&text)) {
                Ok((owner, entries)) if owner.is_beside(own.owner()) => known.take(entries, true),
                Ok(_) => {}
                // One that is gone is cleaned up.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => known.is_partial = true,
            }
        }
        known
    }

    fn take(&mut self, entries: Vec<Entry>, is_others: bool) {
        for entry in entries {
            match entry.id {
                Some(id) => {
                    self.ids.insert(id);
                }
                None if is_others && !entry.is_done => {
                    self.making.insert(making(&entry.event, &entry.url));
                }
                None => {}
            }
        }
    }

    /// Whether another run is making one of that event with that URL.
    pub(in crate::commands::register) fn is_being_made(&self, event: &str, url: &str) -> bool {
        self.making.contains(&making(event, url))
    }
}

fn making(event: &str, url: &str) -> (String, String) {
    (event.to_ascii_lowercase(), plain(url))
}

/// What is found of other runs.
#[derive(Debug, Default)]
pub(in crate::commands::register) struct Found {
    /// Files of runs that are over, for whoever cleans up. They are locked.
    pub(in crate::commands::register) over: Vec<Ledger>,
    /// Files that cannot be understood, and why.
    pub(in crate::commands::register) broken: Vec<(PathBuf, String)>,
}

/// Looks at the files of all other runs that asked the same API for the same account.
pub(in crate::commands::register) fn look(own: &Ledger) -> Found {
    let mut found = Found::default();
    for path in others(own.path()) {
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
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        // Its run is not over. Windows lets nobody else read it.
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let (of, entries) = read(&text)?;
    if !of.is_beside(owner) {
        tracing::debug!("{} is of another account", path.display());
        return Ok(());
    }
    let file = RunFile::taken_over(file, whole(&text) as u64);
    let ledger = Ledger::of(path.to_owned(), of, file, entries);
    found.over.push(ledger);
    Ok(())
}

/// The files of all other runs.
fn others(own: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = own.parent().unwrap_or(Path::new(""));
    all(folder).filter(move |path| path != own)
}

/// The files of all runs.
fn all(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    all.map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new(EXTENSION)))
}

/// What the file of the run of that process says.
fn of_process(pid: u32) -> Option<(Owner, Vec<Entry>)> {
    let folder = folder_or_error().ok()?;
    let mut texts = all(&folder).filter_map(|path| fs::read(path).ok());
    let own = texts.find(|text| process(text) == Some(pid))?;
    read(&own).ok()
}

/// The webhooks of the run of that process, as far as its file says.
pub(in crate::commands::register) fn registered_by(pid: u32) -> Vec<Registration> {
    let Some((owner, entries)) = of_process(pid) else {
        return Vec::new();
    };
    let there = entries.into_iter().filter(|entry| !entry.is_done);
    let there = there.filter_map(|entry| {
        Some(Registration {
            id: entry.id?.into(),
            event: entry.event.into(),
            url: entry.url.into(),
            is_reused: entry.left.is_some(),
            flags: owner.flags(),
        })
    });
    there.collect()
}

/// The webhooks that earlier runs have archived, one for each event. Nothing where they are of
/// several accounts: which of them a delivery came from is not known.
pub(in crate::commands::register) fn archived() -> Vec<Registration> {
    let Ok(folder) = folder_or_error() else {
        return Vec::new();
    };
    let kept = Book::beside(&folder.join("any")).all();
    let Some(owner) = kept.first().map(|kept| kept.owner.clone()) else {
        return Vec::new();
    };
    if kept.iter().any(|kept| kept.owner != owner) {
        return Vec::new();
    }
    let mut newest: Vec<Registration> = Vec::new();
    for Kept { event, id, url, .. } in kept.into_iter().rev() {
        if newest.iter().all(|one| *one.event != *event) {
            newest.push(Registration {
                event: event.into(),
                id: id.into(),
                url: url.into(),
                is_reused: true,
                flags: owner.flags(),
            });
        }
    }
    newest
}

/// Whose webhooks these are, which the run of that process has made.
pub(in crate::commands::register) fn owner_of(pid: u32, ids: &[&str]) -> Option<Owner> {
    let (owner, entries) = of_process(pid)?;
    let mut made = entries.iter().filter_map(|entry| entry.id.as_deref());
    // A process that is gone may have had the same number.
    made.any(|id| ids.contains(&id)).then_some(owner)
}

/// Ids of webhooks that other runs have, or had when they were killed.
pub(in crate::commands::register) fn ids_of_others(own: &Path) -> HashSet<String> {
    let mut ids = HashSet::new();
    for path in others(own) {
        // What cannot be read is told of elsewhere.
        let entries = fs::read(&path).and_then(|text| read(&text));
        let entries = entries.map_or_else(|_| Vec::new(), |(_, entries)| entries);
        let open = entries.into_iter().filter(|entry| !entry.is_done);
        ids.extend(open.filter_map(|entry| entry.id));
    }
    ids
}
