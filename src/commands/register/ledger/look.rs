//! The files of other runs.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::steps::{Owner, read};
use super::{EXTENSION, Ledger};
use crate::check::public::plain;

/// What other runs know of theirs.
#[derive(Debug, Default)]
pub(in crate::commands::register) struct Others {
    pub(in crate::commands::register) ids: HashSet<String>,
    /// Events and URLs of what they are making right now.
    pub(in crate::commands::register) making: HashSet<(String, String)>,
}

/// What is found of other runs.
#[derive(Debug, Default)]
pub(in crate::commands::register) struct Found {
    /// Files of runs that are over, for whoever cleans up. They are locked.
    pub(in crate::commands::register) over: Vec<Ledger>,
    /// What the others know.
    pub(in crate::commands::register) others: Others,
    /// Files that cannot be understood, and why.
    pub(in crate::commands::register) broken: Vec<(PathBuf, String)>,
}

/// Looks at the files of all other runs that asked the same API for the same account.
pub(in crate::commands::register) fn look(own: &Ledger) -> Found {
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
            .extend(making.map(|entry| (entry.event, plain(&entry.url))));
    }
    Ok(())
}

/// Ids of webhooks that other runs have, or had when they were killed.
pub(in crate::commands::register) fn ids_of_others(own: &Path) -> HashSet<String> {
    let mut ids = HashSet::new();
    let folder = own.parent().unwrap_or(Path::new(""));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension() != Some(OsStr::new(EXTENSION)) || path == own {
            continue;
        }
        // What cannot be read is told of elsewhere.
        let entries = fs::read_to_string(&path).and_then(|text| read(&text));
        let entries = entries.map_or_else(|_| Vec::new(), |(_, entries)| entries);
        let open = entries.into_iter().filter(|entry| !entry.is_done);
        ids.extend(open.filter_map(|entry| entry.id));
    }
    ids
}
