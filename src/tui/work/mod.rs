//! Doing what the model asks for, beside the screen's thread.
//!
//! What sends runs on the listener's own runtime and through its own parts; what takes the
//! processor for a while runs on threads beside it. Everything comes back as a message.

mod clipboard;
mod compare;
mod copy;
mod edit;
pub(super) mod editor;
mod export;
mod page;
mod replays;
mod search;
mod targets;
#[cfg(test)]
mod test_bench;
mod trigger;

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::about::{About, Page};
use super::msg::{Effect, Msg, Said};
use crate::cakemail::explained::explain;
use crate::capture::again::Again;
use crate::capture::intake::Intake;
use crate::delivery::{Attempt, Outcome};
use crate::store::Store;

/// Does it.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    again: Again,
    intake: Arc<Intake>,
    /// The listener's runtime.
    runtime: Handle,
    results: mpsc::UnboundedSender<Msg>,
    replays: replays::Replays,
    /// Where deliveries arrive.
    url: Arc<str>,
    public_url: Option<Arc<str>>,
    /// Where exported files go.
    folder: Arc<Path>,
    page: Option<Page>,
}

impl Worker {
    pub(super) fn new(
        again: Again,
        intake: Arc<Intake>,
        runtime: Handle,
        results: mpsc::UnboundedSender<Msg>,
        about: &About,
    ) -> Self {
        Self {
            again,
            intake,
            runtime,
            results,
            replays: replays::Replays::default(),
            url: about.url.as_str().into(),
            public_url: about.public_url.as_deref().map(Into::into),
            folder: about.folder.as_path().into(),
            page: about.page.clone(),
        }
    }

    pub(super) const fn store(&self) -> &Store {
        self.again.store()
    }

    pub(super) const fn again(&self) -> &Again {
        &self.again
    }

    /// Forwards under way.
    pub(super) fn in_flight(&self) -> usize {
        self.intake.in_flight()
    }

    /// Begins to do something. What has to do with the terminal is not among it.
    pub(super) fn begin(&self, effect: Effect) {
        match effect {
            Effect::Search {
                number,
                text,
                filter,
            } => self.search(number, text, filter),
            Effect::Explain(id) => self.explain(id),
            Effect::Replay(id) => self.replay(id),
            Effect::ReplayAll(ids) => self.replay_all(ids),
            Effect::StopReplays => self.replays.stop(),
            Effect::Mark(id, marked) if self.store().mark(id, marked) => {}
            Effect::Mark(id, _) => self.say(Said::bad(format!("#{id} is kept no longer"))),
            Effect::Compare(old, new, glyphs) => self.compare(old, new, glyphs),
            Effect::Pause(paused) => self.again.controls().pause(paused),
            Effect::Delete(ids) => {
                let gone = self.store().delete(&ids);
                self.say(Said::fine(format!("Deleted {}", counted(gone.len()))));
            }
            Effect::Clear => {
                let gone = self.store().clear();
                self.say(Said::fine(format!("Deleted {}", counted(gone.len()))));
            }
            Effect::SendEdited(edited) => self.send_edited(*edited),
            Effect::Trigger(event) => self.trigger(event),
            Effect::Forward(targets) => self.forward(targets),
            Effect::AddSecret(secret) => self.add_secret(*secret),
            Effect::Copy {
                id,
                what,
                attempt,
                text,
            } => self.copy(id, what, attempt, text),
            Effect::Export {
                id,
                format,
                path,
                overwrite,
            } => self.export(id, format, path, overwrite),
            Effect::Page(id) => self.open_page(id),
            // These are the screen's own.
            Effect::Recheck(_)
            | Effect::Edit(_)
            | Effect::Send(_)
            | Effect::Mouse(_)
            | Effect::Redraw
            | Effect::Suspend
            | Effect::Quit => {}
        }
    }

    fn explain(&self, id: u64) {
        let Some(kept) = self.store().get(id) else {
            return;
        };
        let (secrets, results) = (self.again.secrets(), self.results.clone());
        let webhooks = self.store().registrations();
        self.runtime.spawn_blocking(move || {
            let explained = explain(&kept, &secrets, webhooks);
            let _ = results.send(Msg::Explained(id, Box::new(explained)));
        });
    }

    fn say(&self, said: Said) {
        self.tell(Msg::Done(said));
    }

    fn tell(&self, msg: Msg) {
        // The screen may just have been closed.
        let _ = self.results.send(msg);
    }
}

/// What an app answered, behind what was done: `Replayed #42: 200`.
fn answered(done: &str, attempt: &Attempt) -> Said {
    match &attempt.outcome {
        Outcome::Answered(answer) => Said {
            text: format!("{done}: {}", answer.status),
            bad: answer.status >= 400,
        },
        Outcome::Failed(failure) => Said::bad(format!("{done}: {}", failure.message)),
    }
}

fn counted(deliveries: usize) -> String {
    match deliveries {
        1 => "1 delivery".into(),
        many => format!("{many} deliveries"),
    }
}
