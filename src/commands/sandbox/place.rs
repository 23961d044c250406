//! Where a sandbox runs, for the commands that ask it.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config;
use crate::files;

/// How long one that was killed is looked for.
const PATIENCE: Duration = Duration::from_millis(500);
/// No URL of a sandbox is longer.
const LONGEST: u64 = 100;

/// Says where a sandbox runs as long as it does. Only one that keeps its state does: those of
/// tests are nobody's usual one.
pub(super) struct Place {
    path: PathBuf,
    url: String,
}

impl Place {
    /// Nobody needs it, so where it cannot be written that is how it is.
    pub(super) fn tell(url: &str) -> Option<Self> {
        let path = path()?;
        let written = files::create_parent(&path).map_err(io::Error::other);
        written.and_then(|()| std::fs::write(&path, url)).ok()?;
        Some(Self {
            path,
            url: url.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Another may have started since.
        if read(&self.path).is_some_and(|url| url == self.url) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The URL of one that runs.
pub(super) fn find() -> Option<String> {
    let url = read(&path()?)?;
    let address: SocketAddr = url.strip_prefix("http://")?.parse().ok()?;
    TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    Some(url)
}

fn path() -> Option<PathBuf> {
    Some(config::user_data_folder()?.join("sandbox.url"))
}

fn read(path: &Path) -> Option<String> {
    let meta = std::fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > LONGEST {
        return None;
    }
    std::fs::read_to_string(path).ok()
}
