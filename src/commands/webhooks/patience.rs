//! How long an answer is awaited, and what is known without one.

use std::future::Future;
use std::time::Duration;

use tokio::time::sleep;

use super::say;
use crate::account::{AccountError, Trouble};
use crate::commands::listener_client::ApiError;
use crate::commands::signals::Signals;

/// So often it is looked whether something was done all the same.
const LOOKS: u32 = 3;
/// And so long apart.
const APART: Duration = Duration::from_secs(2);

/// What comes of it; `None` where a signal comes first.
pub(super) async fn or_signal<T>(
    signals: &mut Signals,
    future: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        done = future => Some(done),
        () = signals.next() => None,
    }
}

/// What comes of something that changes nothing, and which a signal ends.
///
/// # Errors
/// Its own, and where a signal comes first.
pub(super) async fn unless_interrupted<T>(
    signals: &mut Signals,
    looking: impl Future<Output = Result<T, AccountError>>,
) -> anyhow::Result<T> {
    match or_signal(signals, looking).await {
        Some(looked) => Ok(looked?),
        None => Err(interrupted().into()),
    }
}

pub(super) fn interrupted() -> ApiError {
    ApiError {
        code: "interrupted".into(),
        message: "it was interrupted".into(),
        hint: String::new(),
    }
}

/// What came of a call that changes something.
pub(super) struct Called<T> {
    /// `None` where whoever waited is in a hurry.
    pub(super) answer: Option<Result<T, AccountError>>,
    pub(super) is_interrupted: bool,
}

/// Whether something was done that no answer says was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It was not.
    None,
    /// It may have been.
    Done,
    /// The API may even be at it still.
    Doing,
    /// So it may, and nobody waits for it.
    NotAwaited,
}

impl<T> Called<T> {
    /// What the answer leaves open.
    pub(super) const fn doubt(&self) -> Doubt {
        let Some(answer) = &self.answer else {
            return Doubt::NotAwaited;
        };
        let Err(AccountError { trouble, .. }) = answer else {
            return Doubt::None;
        };
        match trouble {
            Trouble::HungUp { .. }
            | Trouble::Silent { .. }
            // What stands in front of it has lost it, or patience with it.
            | Trouble::Server { status: 502..=504, .. } => Doubt::Doing,
            Trouble::Server { .. } | Trouble::TooLong { .. } => Doubt::Done,
            Trouble::NotJson { status, .. } | Trouble::Shape { status, .. } if *status < 300 => {
                Doubt::Done
            }
            _ => Doubt::None,
        }
    }

    /// What came of it, where that was not interrupted.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn result(self) -> anyhow::Result<T> {
        match self.answer {
            Some(answer) if !self.is_interrupted => Ok(answer?),
            _ => Err(interrupted().into()),
        }
    }
}

/// Awaits such a call to its end. At a signal too: the API may be at it, and what it does
/// after nobody listens any more is not undone. A second one is from somebody in a hurry.
pub(super) async fn to_its_end<T>(
    signals: &mut Signals,
    call: impl Future<Output = Result<T, AccountError>>,
) -> Called<T> {
    let mut call = std::pin::pin!(call);
    if let Some(answer) = or_signal(signals, call.as_mut()).await {
        return Called {
            answer: Some(answer),
            is_interrupted: false,
        };
    }
    say("waiting for the API to answer, so that this can be undone; once more ends it now");
    Called {
        answer: or_signal(signals, call).await,
        is_interrupted: true,
    }
}

/// Looks whether it was done all the same, again where the API may be at it still or cannot
/// be asked. `look` says what it sees, `None` where it sees nothing certain. Returns whether
/// that is certain now.
pub(super) async fn look<F: Future<Output = Option<bool>>>(
    signals: &mut Signals,
    doubt: Doubt,
    mut look: impl FnMut() -> F,
) -> bool {
    let looks = match doubt {
        Doubt::None => return true,
        Doubt::NotAwaited => 1,
        Doubt::Done | Doubt::Doing => LOOKS,
    };
    let mut said = false;
    for at in 0..looks {
        if at > 0 {
            if !said {
                say("looking whether it was done all the same");
                said = true;
            }
            if or_signal(signals, sleep(APART)).await.is_none() {
                return false;
            }
        }
        match or_signal(signals, look()).await {
            Some(Some(true)) => return true,
            Some(Some(false)) if doubt == Doubt::Done => return true,
            Some(_) => {}
            None => return false,
        }
    }
    false
}
