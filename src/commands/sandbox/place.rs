//! Where sandboxes run, for the commands that ask one.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config;
use crate::files;

/// How long one that was killed is looked for.
const PATIENCE: Duration = Duration::from_millis(500);
/// No URLs of sandboxes are longer.
const LONGEST: u64 = 2000;

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
        files::create_parent(&path).ok()?;
        let mut urls = read(&path);
        // Others may run, and those that were killed have left theirs.
        urls.retain(|other| other != url && runs(other));
        urls.push(url.to_owned());
        write(&path, &urls).ok()?;
        Some(Self {
            path,
            url: url.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut urls = read(&self.path);
        urls.retain(|url| *url != self.url);
        let _ = write(&self.path, &urls);
    }
}

/// The URL of the one that was started last, of those that run.
pub(super) fn find() -> Option<String> {
    let urls = read(&path()?);
    urls.into_iter().rev().find(|url| runs(url))
}

/// Whether something is there that takes connections.
fn runs(url: &str) -> bool {
    let address = url.strip_prefix("http://").and_then(|at| at.parse().ok());
    address
        .is_some_and(|address: SocketAddr| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

fn path() -> Option<PathBuf> {
    Some(config::user_data_folder()?.join("sandbox.url"))
}

/// A URL a line, in the order in which they were started.
fn read(path: &Path) -> Vec<String> {
    let is_short = |meta: std::fs::Metadata| meta.is_file() && meta.len() <= LONGEST;
    if !std::fs::metadata(path).is_ok_and(is_short) {
        return Vec::new();
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn write(path: &Path, urls: &[String]) -> io::Result<()> {
    if urls.is_empty() {
        return std::fs::remove_file(path);
    }
    std::fs::write(path, urls.join("\n"))
}
