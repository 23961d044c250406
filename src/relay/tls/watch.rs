//! A certificate in files that change.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Pair, PairError, Shown};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The two files, and which host their certificate should be for.
#[derive(Debug, Clone)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    host: Box<str>,
}

/// What changes with a file's content, near enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stamp([Option<(SystemTime, u64, u64)>; 2]);

impl Files {
    pub(super) fn new(certificate: &Path, key: &Path, host: &str) -> Self {
        Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            host: host.into(),
        }
    }

    pub(super) fn load(&self) -> Result<Pair, PairError> {
        Pair::load(&self.certificate, &self.key)
    }

    pub(super) fn stamp(&self) -> Stamp {
        let of = |path: &Path| {
            // Through links, which is how some renewers change what a name means.
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len(), inode(&found)))
        };
        Stamp([of(&self.certificate), of(&self.key)])
    }
}

#[cfg(unix)]
fn inode(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

/// Puts what the files hold into `shown` when they have changed since `stamp`. While they are
/// no good, which they are for a moment where one is written after the other, what was there
/// stays, and they are read again and again.
pub(super) async fn run(
    files: Files,
    mut stamp: Stamp,
    shown: Arc<Shown>,
    stop: CancellationToken,
) {
    let mut failed: Option<PairError> = None;
    while stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
        let (now, changed) = {
            let (files, before) = (files.clone(), stamp.clone());
            let again = failed.is_some();
            let looked = spawn_blocking(move || {
                let now = files.stamp();
                let changed = (now != before || again).then(|| files.load());
                (now, changed)
            });
            // The runtime ends.
            let Ok(looked) = looked.await else { return };
            looked
        };
        let path = files.certificate.display();
        match changed {
            None => {}
            Some(Ok(pair)) => {
                pair.warn(&files.certificate, &files.host);
                tracing::info!(%path, "the certificate was read again");
                shown.set(pair);
                failed = None;
            }
            // Once for each mistake, and once more where it is made again.
            Some(Err(error)) => {
                if now != stamp || failed.as_ref() != Some(&error) {
                    tracing::error!(%path, %error, "the new certificate is no good; the one before stays");
                }
                failed = Some(error);
            }
        }
        stamp = now;
    }
}
