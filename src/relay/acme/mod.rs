//! Certificates from an authority that speaks ACME (RFC 8555), such as Let's Encrypt.
//!
//! The authority wants proof that the relay's host is where it says it is: by a TLS handshake
//! on port 443 (TLS-ALPN-01, RFC 8737), or by a file over plain HTTP on port 80 (HTTP-01).
//! Where one does not work the other is tried next.

mod challenges;
mod kept;
mod order;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::DnsName;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::tls::{Pair, PairError, Shown};
use crate::files::FileError;
use crate::http::tls::RootsError;

pub use challenges::{Challenges, PATH};
use kept::Kept;

/// Where Let's Encrypt begins.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How long getting a certificate may take.
const ORDER: Duration = Duration::from_mins(4);
/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_hours(6);
/// After so many seconds the clock is looked at again: a machine that was suspended has slept
/// longer than it knows.
const NAP: Duration = Duration::from_mins(1);

/// From whom, and for which host.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The relay's host name, in lower case.
    pub host: String,
    /// Where the authority writes to, when something is wrong with the certificate.
    pub email: String,
    /// The authority's directory, an `https` URL: [`LETS_ENCRYPT`] or another.
    pub directory: String,
    /// A PEM file of certificates to trust beside the system's, for a directory that is not
    /// public.
    pub ca: Option<PathBuf>,
    /// The data folder.
    pub data: PathBuf,
    /// The ways in which proofs can be given, in the order in which they are tried.
    pub by: Vec<By>,
    /// The first wait after a failure, which doubles with each: [`Settings::RETRY`].
    pub retry: Duration,
}

impl Settings {
    /// Let's Encrypt bears five failures an hour.
    pub const RETRY: Duration = Duration::from_mins(2);
}

/// A way to give proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// TLS-ALPN-01, on the port of TLS, which the authority sees as 443.
    Tls,
    /// HTTP-01, on a port without TLS, which the authority sees as 80.
    Http,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "TLS-ALPN-01",
            Self::Http => "HTTP-01",
        })
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcmeError {
    /// Such a host gets none.
    #[error("no authority gives `{0}` a certificate")]
    Host(String),
    /// The directory's URL cannot be one.
    #[error("`{0}` is no `https` URL of an ACME directory")]
    Directory(String),
    /// No way to give proof.
    #[error("there is no way to prove that the relay is where it says it is")]
    NoWay,
    /// What is in the data folder cannot be read.
    #[error("cannot use `{}`: {why}", path.display())]
    Kept {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The certificate in the data folder cannot be used.
    #[error(transparent)]
    Pair(PairError),
    /// Something cannot be written to the data folder.
    #[error(transparent)]
    Write(FileError),
    /// The authority's own certificate cannot be checked.
    #[error(transparent)]
    Roots(RootsError),
    /// The authority says no, or cannot be reached.
    #[error("{said}: {0}", said = said(.0))]
    Authority(#[source] instant_acme::Error),
    /// It did not come to an end.
    #[error("it took too long")]
    TooLong,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl AcmeError {
    /// What to do about it; may be empty.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Host(_) => {
                "ACME is for public host names: give one with `--domain`, or use `--tls-cert` and `--tls-key`"
            }
            Self::Directory(_) => "leave `--acme-directory` out for Let's Encrypt",
            Self::NoWay => "listen on port 443 for TLS, or on port 80 for plain HTTP",
            Self::Kept { .. } | Self::Pair(_) => {
                "move the file away: a new one is made in its place"
            }
            Self::Write(_) => "check the data folder's permissions and the disk's space",
            Self::Roots(_) => "`--acme-ca` takes a PEM file with the directory's root certificate",
            Self::Authority(_) | Self::TooLong | Self::Failed(_) => "",
        }
    }

    /// The exit code of a command that cannot start for it.
    pub const fn exit(&self) -> u8 {
        match self {
            Self::Host(_) | Self::Directory(_) | Self::NoWay => 2,
            _ => 1,
        }
    }

    /// Whether the authority wants fewer orders.
    fn is_limit(&self) -> bool {
        let Self::Authority(instant_acme::Error::Api(problem)) = self else {
            return false;
        };
        let kind = problem.r#type.as_deref().unwrap_or_default();
        kind.ends_with(":rateLimited")
    }
}

/// Whether it was the authority that said something.
const fn said(error: &instant_acme::Error) -> &'static str {
    match error {
        instant_acme::Error::Api(_) => "the authority says no",
        _ => "the authority cannot be asked",
    }
}

impl From<instant_acme::Error> for AcmeError {
    fn from(error: instant_acme::Error) -> Self {
        Self::Authority(error)
    }
}

/// Shows the certificate that is kept, and from then on sees to it that there is a good one.
///
/// # Errors
/// Where the settings cannot be used, or what is kept cannot be read.
pub(super) fn start(
    settings: Settings,
    challenges: Challenges,
    shown: Arc<Shown>,
    stop: &CancellationToken,
) -> Result<(), AcmeError> {
    check(&settings)?;
    let kept = Kept::new(&settings.data, &settings.directory);
    // A mistake in it is told now, not when it is needed.
    drop(kept.account()?);
    let pair = kept.pair(&settings.host)?;
    let renew_at = pair.as_ref().and_then(Pair::renew_at);
    if let Some(pair) = pair {
        shown.set(pair);
    }
    let keeper = Keeper {
        settings,
        kept,
        challenges,
        shown,
    };
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.run_until_cancelled(keeper.run(renew_at)).await;
    });
    Ok(())
}

fn check(settings: &Settings) -> Result<(), AcmeError> {
    let host = &settings.host;
    let is_name = DnsName::try_from(host.as_str()).is_ok() && host.parse::<IpAddr>().is_err();
    if !is_name || !host.contains('.') {
        return Err(AcmeError::Host(host.clone()));
    }
    let uri = settings.directory.parse::<http::Uri>().ok();
    if uri.is_none_or(|uri| uri.scheme_str() != Some("https") || uri.host().is_none()) {
        return Err(AcmeError::Directory(settings.directory.clone()));
    }
    if settings.by.is_empty() {
        return Err(AcmeError::NoWay);
    }
    Ok(())
}

struct Keeper {
    settings: Settings,
    kept: Kept,
    challenges: Challenges,
    shown: Arc<Shown>,
}

impl Keeper {
    /// Gets a certificate at `at`, at once where that is not known, and so on.
    async fn run(self, mut at: Option<Timestamp>) {
        let mut failures = 0;
        loop {
            if let Some(at) = at {
                sleep_until(at).await;
            }
            let by = self.settings.by[failures % self.settings.by.len()];
            match self.renew(by).await {
                Ok(pair) => {
                    failures = 0;
                    let until = pair.until().unwrap_or_default();
                    at = pair.renew_at().or(Some(Timestamp::now() + NAP));
                    self.shown.set(pair);
                    tracing::info!(host = %self.settings.host, %until, "there is a new certificate");
                }
                Err(error) => {
                    failures += 1;
                    let wait = self.wait(failures, error.is_limit());
                    let host = &self.settings.host;
                    let next = format!("{}s", wait.as_secs());
                    let error = full(&error);
                    tracing::warn!(%host, %by, %error, %next, "there is no new certificate");
                    at = Some(Timestamp::now() + wait);
                }
            }
        }
    }

    async fn renew(&self, by: By) -> Result<Pair, AcmeError> {
        let issue = order::issue(&self.settings, &self.kept, &self.challenges, by);
        let issued = timeout(ORDER, issue).await;
        let issued = issued.map_err(|_| AcmeError::TooLong)??;
        self.kept
            .keep_pair(&self.settings.host, &issued.key, &issued.chain)
    }

    /// How long to wait after so many failures: twice as long after each, less up to a
    /// half, so that relays which fail together do not come back together.
    fn wait(&self, failures: usize, is_limit: bool) -> Duration {
        let doublings = u32::try_from(failures - 1).unwrap_or(u32::MAX).min(16);
        let mut longest = self.settings.retry.saturating_mul(1 << doublings);
        if is_limit {
            longest = longest.max(Duration::from_hours(2));
        }
        let random = getrandom::u32().unwrap_or_default();
        let share = 1.0 - f64::from(random) / f64::from(u32::MAX) / 2.0;
        longest.min(LONGEST).mul_f64(share)
    }
}

/// An error with what is behind it.
fn full(error: &AcmeError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.to_string();
        // Some repeat what is behind them.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

async fn sleep_until(at: Timestamp) {
    loop {
        let left = at.duration_since(Timestamp::now());
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => sleep(left.min(NAP)).await,
            _ => return,
        }
    }
}
