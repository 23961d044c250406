//! Renewing what `cmhook login` keeps.
//!
//! A refresh token may be good for once only. So one process at a time renews, none begins
//! that could not keep what it gets, and what was begun is ended, though whoever waited for
//! it may be gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::oneshot;

use super::error::{Over, Trouble};
use super::http::Http;
use super::logins::{self, Login, Turn};
use super::tokens::{self, Granted};

/// What is renewed, and when.
pub(super) struct Renewal {
    pub(super) http: Http,
    pub(super) base: Uri,
    /// Whose it is.
    pub(super) login: Login,
    /// The newest that this process has.
    pub(super) newest: Granted,
    /// A refresh token that the file still has and that is good no more.
    pub(super) used_up: Option<SecretString>,
    /// An access token that the API does not take.
    pub(super) refused: Option<SecretString>,
    /// What is good for less than this is renewed.
    pub(super) margin: SignedDuration,
}

/// What came of it.
pub(super) struct Renewed {
    pub(super) granted: Granted,
    /// As in [`Renewal`].
    pub(super) used_up: Option<SecretString>,
    /// Why it is known to this process alone, where it could not be kept.
    pub(super) unkept: Option<Trouble>,
}

impl Renewal {
    /// Renews it, unless another process has done so meanwhile. Where this is dropped, it goes
    /// on: see [`settle`].
    pub(super) async fn run(self) -> Result<Renewed, Trouble> {
        let failed = |why: String| Trouble::Unkept(format!("cannot renew it: {why}"));
        let (done, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("renewal".into())
            .spawn(move || {
                let renewed = self.work();
                // Whoever waits for it is to do nothing more.
                while is_ending() {
                    std::thread::park();
                }
                let _ = done.send(renewed);
            })
            .map_err(|error| failed(error.to_string()))?;
        ended.await.map_err(|error| failed(error.to_string()))?
    }

    fn work(self) -> Result<Renewed, Trouble> {
        let over = |why| Trouble::LoginOver {
            api: self.http.shown().to_owned(),
            why,
        };
        let turn = Turn::take()?;
        // Whoever has logged out, or in as somebody else, means all that runs.
        let kept = logins::read(&self.base)?.ok_or_else(|| over(Over::LoggedOut))?;
        if !kept.is_of_the_same(&self.login) {
            return Err(over(Over::Replaced));
        }
        let used_up = self
            .used_up
            .filter(|old| same(Some(old), kept.refresh.as_ref()));
        let granted = match used_up {
            Some(_) => self.newest,
            None => Granted::from(&kept),
        };
        let is_refused = same(self.refused.as_ref(), Some(&granted.access));
        let Some(refresh) = granted
            .refresh
            .as_ref()
            .filter(|_| is_refused || ends_within(&granted, self.margin))
        else {
            return Ok(Renewed {
                granted,
                used_up,
                unkept: None,
            });
        };
        // Where the file's is used up there is nothing to lose.
        if used_up.is_none() {
            turn.check()?;
        }
        let _under_way = UnderWay::begin();
        let next = asked(tokens::refresh(&self.http, refresh))?;
        let granted = next.ok_or_else(|| over(Over::RunOut))?;
        let login = Login::of(kept.email, granted.clone());
        let unkept = turn.keep(&self.base, &login).err();
        Ok(Renewed {
            granted,
            used_up: kept.refresh.filter(|_| unkept.is_some()),
            unkept,
        })
    }
}

/// On a runtime of its own: that of whoever waits may stop first.
fn asked<T>(asking: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Trouble::Unkept(format!("cannot start the runtime: {error}")))?;
    let answer = runtime.block_on(asking);
    runtime.shutdown_background();
    answer
}

fn same(one: Option<&SecretString>, other: Option<&SecretString>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one.expose_secret() == other.expose_secret())
}

/// Whether it is good for less than that.
pub(super) fn ends_within(granted: &Granted, margin: SignedDuration) -> bool {
    let left = |end: Timestamp| end.duration_since(Timestamp::now());
    granted.expires_at.is_some_and(|end| left(end) < margin)
}

static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// A renewal that must not be cut off.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        RUNNING.1.notify_all();
    }
}

/// Waits for renewals that are under way, before the process ends and takes the login with it.
pub fn settle(patience: Duration) {
    let running = RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = RUNNING
        .1
        .wait_timeout_while(running, patience, |running| *running > 0);
}

/// Whether the process ends when renewals have.
static ENDING: AtomicBool = AtomicBool::new(false);

fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// Whether a renewal is under way. If so, nobody is told what comes of it: the caller is to
/// [`settle`], and to end the process.
pub fn ends_behind_renewal() -> bool {
    ENDING.store(true, Ordering::SeqCst);
    let running = RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner);
    *running > 0
}
