//! How commands find the listener of a store: a file beside it, for the user alone, with the
//! API's address and this run's token.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What stands in the file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Running {
    /// The process.
    pub pid: u32,
    /// The API's address, `ip:port`.
    pub api: std::net::SocketAddr,
    /// Where deliveries arrive.
    pub url: String,
    /// This run's token.
    pub token: String,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("pid", &self.pid)
            .field("api", &self.api)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The file, which goes when this does.
#[derive(Debug)]
pub struct RuntimeFile {
    path: PathBuf,
    pid: u32,
}

/// The file for a store, under whatever name that is opened.
fn beside(store: &Path) -> PathBuf {
    let store = fs::canonicalize(store).unwrap_or_else(|_| store.to_owned());
    let mut name = store.into_os_string();
    name.push(".api");
    PathBuf::from(name)
}

impl RuntimeFile {
    /// Writes it in place of the one of a listener before.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(store: &Path, running: &Running) -> io::Result<Self> {
        let path = beside(store);
        // Never seen half written, and never with another's permissions.
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let _ = fs::remove_file(&new);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&new)?;
        // A umask can take away too much.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        let text = serde_json::to_vec(running).map_err(io::Error::from)?;
        file.write_all(&text)?;
        drop(file);
        fs::rename(&new, &path)?;
        Ok(Self {
            path,
            pid: running.pid,
        })
    }

    /// Reads the one for a store. What it names may be gone: a killed listener leaves it.
    pub fn read(store: &Path) -> Option<Running> {
        let text = fs::read(beside(store)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl Drop for RuntimeFile {
    fn drop(&mut self) {
        // Another listener may have written its own meanwhile.
        let text = fs::read(&self.path).unwrap_or_default();
        let own = serde_json::from_slice::<Running>(&text).is_ok_and(|now| now.pid == self.pid);
        if own {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(pid: u32) -> Running {
        Running {
            pid,
            api: "127.0.0.1:1".parse().unwrap(),
            url: "http://127.0.0.1:2/".into(),
            token: "sentinel".into(),
        }
    }

    #[test]
    fn it_is_found_by_any_name_of_the_store_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("a.db");
        fs::write(&store, "").unwrap();
        let file = RuntimeFile::write(&store, &running(7)).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let link = folder.path().join("b.db");
            std::os::unix::fs::symlink(&store, &link).unwrap();
            assert_eq!(RuntimeFile::read(&link).unwrap().pid, 7);
            let mode = fs::metadata(beside(&store)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let next = RuntimeFile::write(&store, &running(8)).unwrap();
        drop(file);
        assert_eq!(RuntimeFile::read(&store).unwrap().pid, 8);
        drop(next);
        assert!(RuntimeFile::read(&store).is_none());
        assert!(!format!("{:?}", running(1)).contains("sentinel"));
    }
}
