//! Names of webhooks, and which were made together: the API has neither, so they are kept in
//! a file in the user's data folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::config::{shown_url, user_data_folder};
use crate::files::{self, FileError, lock};

const NAME: &str = "webhooks.json";

/// Webhooks that were made together, one for each event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What the user calls it; `None` for one that was given no name.
    #[serde(default)]
    pub name: Option<String>,
    /// The webhooks' ids.
    pub ids: Vec<String>,
    /// Who has put them together, as [`Credentials::user`](super::Credentials::user) has it.
    #[serde(default)]
    pub user: Option<String>,
}

/// All groups of one account.
#[derive(Debug)]
pub struct Groups {
    path: Option<PathBuf>,
    own: String,
    user: Option<String>,
    all: Vec<Entry>,
}

/// A group with the account it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The API's URL, and behind a space the account's number where one was asked for.
    of: String,
    #[serde(flatten)]
    group: Group,
}

impl Groups {
    /// Those of an account.
    ///
    /// # Errors
    /// Where there is a file that cannot be read or understood.
    pub fn open(api: &Uri, account: Option<u64>) -> Result<Self, FileError> {
        Self::open_at(
            user_data_folder().map(|folder| folder.join(NAME)),
            api,
            account,
        )
    }

    /// None, and none is kept: for commands that can do without them.
    pub fn none(api: &Uri, account: Option<u64>) -> Self {
        Self {
            path: None,
            own: own(api, account),
            user: None,
            all: Vec::new(),
        }
    }

    fn open_at(path: Option<PathBuf>, api: &Uri, account: Option<u64>) -> Result<Self, FileError> {
        let all = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let own = own(api, account);
        Ok(Self {
            path,
            own,
            user: None,
            all,
        })
    }

    /// The same, worked on by that user.
    #[must_use]
    pub fn of_user(self, user: &str) -> Self {
        Self {
            user: Some(user.to_owned()),
            ..self
        }
    }

    /// Whether the user who works on them has made this group.
    pub fn is_own(&self, group: &Group) -> bool {
        group.user.is_some() && group.user == self.user
    }

    /// The group that a webhook is in.
    pub fn of(&self, id: &str) -> Option<&Group> {
        self.own()
            .find(|group| group.ids.iter().any(|known| known == id))
    }

    /// The group of that name.
    pub fn named(&self, name: &str) -> Option<&Group> {
        self.own().find(|group| group.name.as_deref() == Some(name))
    }

    fn own(&self) -> impl Iterator<Item = &Group> {
        let own = self.all.iter().filter(|entry| entry.of == self.own);
        own.map(|entry| &entry.group)
    }

    /// Puts webhooks into one group with that name, out of all others, and keeps that. A
    /// group that has no webhook any more is gone, and one without a name has two at least.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn put(&mut self, name: Option<&str>, ids: &[String]) -> Result<(), FileError> {
        let Some(path) = self.path.clone() else {
            return Ok(());
        };
        let _lock = lock(&path).map_err(|error| FileError::Write(path.clone(), error))?;
        files::sweep(&path);
        // Another process may have put others into it since it was read.
        self.all = read(&path)?;
        let own = self.own.clone();
        for entry in self.all.iter_mut().filter(|entry| entry.of == own) {
            entry.group.ids.retain(|id| !ids.contains(id));
            // A name is one group's.
            if name.is_some() && entry.group.name.as_deref() == name {
                entry.group.name = None;
            }
        }
        // What is left of one without a name says nothing of any webhook.
        self.all.retain(|entry| match &entry.group {
            Group { ids, .. } if ids.is_empty() => false,
            Group {
                name: None, ids, ..
            } => entry.of != own || ids.len() > 1,
            _ => true,
        });
        if ids.len() > usize::from(name.is_none()) {
            self.all.push(Entry {
                of: own,
                group: Group {
                    name: name.map(str::to_owned),
                    ids: ids.to_vec(),
                    user: self.user.clone(),
                },
            });
        }
        files::write(&path, true, |out| {
            serde_json::to_writer_pretty(&mut *out, &self.all)?;
            out.write_all(b"\n")
        })
    }
}

fn own(api: &Uri, account: Option<u64>) -> String {
    let api = shown_url(api);
    account.map_or_else(|| api.clone(), |account| format!("{api} {account}"))
}

fn read(path: &Path) -> Result<Vec<Entry>, FileError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.map_err(|error| FileError::Read(path.to_owned(), error))?,
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        FileError::Read(path.to_owned(), error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::api_url;

    #[test]
    fn a_webhook_is_in_one_group_of_its_account() {
        let home = tempfile::tempdir().unwrap();
        let path = || Some(home.path().join("cmhook").join(NAME));
        let api = api_url("a.example").unwrap();
        let ids = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut groups = Groups::open_at(path(), &api, None).unwrap();
        groups.put(Some("shop"), &ids(&["a", "b"])).unwrap();
        let mut other = Groups::open_at(path(), &api, Some(17)).unwrap();
        assert!(other.of("a").is_none());
        other.put(None, &ids(&["a", "z"])).unwrap();
        let mut groups = Groups::open_at(path(), &api, None).unwrap();
        assert_eq!(groups.named("shop").unwrap().ids, ["a", "b"]);
        groups.put(Some("new"), &ids(&["b", "c"])).unwrap();
        assert_eq!(groups.of("a").unwrap().ids, ["a"]);
        assert_eq!(groups.of("b").unwrap().name.as_deref(), Some("new"));
        groups.put(None, &ids(&["a"])).unwrap();
        assert!(groups.named("shop").is_none());
        let other = Groups::open_at(path(), &api, Some(17)).unwrap();
        assert_eq!(other.of("a").unwrap().name, None);
    }

    #[test]
    fn a_group_is_the_users_who_made_it() {
        let home = tempfile::tempdir().unwrap();
        let path = || Some(home.path().join("cmhook").join(NAME));
        let api = api_url("a.example").unwrap();
        let open = || Groups::open_at(path(), &api, None).unwrap();
        let mut groups = open().of_user("me");
        groups.put(Some("shop"), &["a".to_owned()]).unwrap();
        let is_own = |groups: &Groups| groups.is_own(groups.named("shop").unwrap());
        assert!(is_own(&open().of_user("me")));
        assert!(!is_own(&open().of_user("other")));
        assert!(!is_own(&open()));
        // One of a file that does not say whose it is.
        let old = r#"[{"of":"https://a.example","name":"shop","ids":["a"]}]"#;
        fs::write(path().unwrap(), old).unwrap();
        assert!(!is_own(&open().of_user("me")));
        assert!(!is_own(&open()));
    }

    #[test]
    fn a_broken_file_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(NAME);
        fs::write(&path, "{").unwrap();
        let api = api_url("a.example").unwrap();
        assert!(Groups::open_at(Some(path.clone()), &api, None).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{");
    }
}
