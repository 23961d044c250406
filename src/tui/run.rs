//! The screen's loop: it waits for whatever happens, has the model changed by it, and draws
//! when something is different.
//!
//! It runs on a thread of its own, so that neither a slow terminal nor a large delivery on it
//! holds up those that come in. Nothing in it moves by itself: without anything to tell it
//! sleeps.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::about::About;
use super::model::Model;
use super::msg::{Effect, Msg};
use super::status::{Reach, Status};
use super::terminal::{Input, Terminal};
use super::update::update;
use super::view::view;
use super::work::Worker;
use crate::capture::reach::{Reach as Reached, ReachState};
use crate::delivery::Notice;
use crate::store::{Gap, Notices};

/// The shortest time between two frames: 60 a second are smooth.
const FRAME: Duration = Duration::from_micros(16_667);
/// How often all that is kept is looked at where more comes in than can be taken in singly.
const CATCH_UP: Duration = Duration::from_millis(250);

/// What the loop waits for.
pub(super) struct Sources {
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) results: mpsc::UnboundedReceiver<Msg>,
    pub(super) reach: tokio::sync::watch::Receiver<Reached>,
    pub(super) changes: tokio::sync::watch::Receiver<u64>,
    /// Cancelled when the listener stops.
    pub(super) stop: CancellationToken,
}

/// The screen while it is open.
pub(super) struct Screen {
    terminal: Terminal,
    worker: Worker,
    sources: Sources,
    model: Model,
    notices: Notices,
    /// Whether the frame on the terminal is no longer right.
    is_stale: bool,
    /// Whether notices were passed over that nothing has made up for yet.
    is_behind: bool,
    caught_up_at: Instant,
    drawn_at: Instant,
}

impl Drop for Screen {
    fn drop(&mut self) {
        // However the screen ends, nobody could stop them any more.
        self.worker.begin(Effect::StopReplays);
    }
}

/// Why the loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The user wants to quit, or the listener stops anyway.
    Quit,
    /// The terminal is gone.
    Lost,
}

impl Screen {
    pub(super) fn new(terminal: Terminal, worker: Worker, sources: Sources, about: About) -> Self {
        let mut model = Model::new(about, Timestamp::now(), terminal.size());
        let (snapshot, notices) = worker.store().subscribe();
        update(&mut model, Msg::Snapshot(snapshot.kept, snapshot.refusals));
        Self {
            terminal,
            worker,
            sources,
            model,
            notices,
            is_stale: true,
            is_behind: false,
            caught_up_at: Instant::now(),
            drawn_at: Instant::now(),
        }
    }

    /// Runs until there is nothing left to show.
    pub(super) async fn run(mut self) -> End {
        loop {
            if self.is_stale && self.drawn_at.elapsed() >= FRAME && self.draw().is_err() {
                return End::Lost;
            }
            let frame_at = self.drawn_at + FRAME;
            let changes_at = self.changes_at();
            let msg = tokio::select! {
                biased;
                () = self.sources.stop.cancelled() => return End::Quit,
                input = self.sources.inputs.recv() => match self.input(input) {
                    Ok(msg) => msg,
                    Err(end) => return end,
                },
                Some(msg) = self.sources.results.recv() => Some(msg),
                () = next_frame(frame_at, &self.terminal), if self.is_stale => None,
                Ok(()) = self.sources.reach.changed() => Some(self.status()),
                Ok(()) = self.sources.changes.changed() => Some(self.status()),
                // Once something is different, what else happens can wait for the next frame:
                // that takes a hundredth of the wake-ups where much comes in.
                notice = self.notices.next(), if !self.is_stale => {
                    self.first(notice);
                    None
                }
                () = tokio::time::sleep_until(changes_at.unwrap_or_else(Instant::now)), if changes_at.is_some() => {
                    Some(Msg::Now(Timestamp::now()))
                }
            };
            if let Some(msg) = msg
                && let Some(end) = self.take(msg)
            {
                return end;
            }
        }
    }

    /// What the terminal says, as a message.
    fn input(&mut self, input: Option<Input>) -> Result<Option<Msg>, End> {
        self.model.now = Timestamp::now();
        Ok(Some(match input {
            None | Some(Input::Lost) => return Err(End::Lost),
            Some(Input::Key(key)) => Msg::Key(key),
            Some(Input::Paste(text)) => Msg::Paste(text),
            Some(Input::Mouse(event)) => Msg::Mouse(event),
            Some(Input::Continued) => {
                self.terminal.take_back().map_err(|_| End::Lost)?;
                let (columns, rows) = self.terminal.size();
                Msg::Resized(columns, rows)
            }
            Some(Input::Resize) => {
                self.terminal.redraw();
                let (columns, rows) = self.terminal.size();
                Msg::Resized(columns, rows)
            }
        }))
    }

    /// Has the model changed, and does what that asks for.
    fn take(&mut self, msg: Msg) -> Option<End> {
        self.is_stale = true;
        let effect = update(&mut self.model, msg)?;
        match effect {
            Effect::Quit => return Some(End::Quit),
            Effect::Redraw => self.terminal.redraw(),
            Effect::Mouse(on) => self.terminal.mouse(on),
            Effect::Suspend => {
                if self.terminal.suspend().is_err() {
                    return Some(End::Lost);
                }
            }
            Effect::Edit(id) => return self.edit(id),
            Effect::Recheck(ids) => {
                for kept in self.worker.store().some(&ids).into_iter().flatten() {
                    update(&mut self.model, Msg::Changed(kept));
                }
            }
            Effect::Send(bytes) => self.terminal.send(&bytes),
            other => self.worker.begin(other),
        }
        None
    }

    /// Lends the terminal to the user's editor.
    fn edit(&mut self, id: u64) -> Option<End> {
        let edit = self.worker.edit(id)?;
        self.terminal.lend();
        let edited = edit.run(&self.sources.stop);
        if self.terminal.take_back().is_err() {
            return Some(End::Lost);
        }
        self.take(edited)
    }

    /// Takes in the notice that ended the sleep.
    fn first(&mut self, notice: Result<Notice, Gap>) {
        self.is_stale = true;
        match notice {
            Ok(notice) => self.notice(notice),
            Err(Gap) => self.is_behind = true,
        }
    }

    /// Takes in all notices that are there.
    fn notices(&mut self) {
        loop {
            match self.notices.look() {
                // The listener's own stop follows the last one.
                Ok(None | Some(Notice::End)) => return,
                Ok(Some(notice)) => self.notice(notice),
                Err(Gap) if self.caught_up_at.elapsed() < CATCH_UP => {
                    self.is_behind = true;
                    return;
                }
                Err(Gap) => self.catch_up(),
            }
        }
    }

    /// Takes what is kept as it is now, in the place of notices that were passed over.
    fn catch_up(&mut self) {
        let (snapshot, notices) = self.worker.store().subscribe();
        self.notices = notices;
        self.is_behind = false;
        self.caught_up_at = Instant::now();
        let msg = Msg::Snapshot(snapshot.kept, snapshot.refusals);
        update(&mut self.model, msg);
        // What is open may have changed too.
        update(&mut self.model, Msg::Opened(None));
    }

    fn notice(&mut self, notice: Notice) {
        use crate::delivery::Kept;
        let changed = |id| self.worker.store().get(id).map(Msg::Changed);
        let msg = match notice {
            Notice::Delivery(delivery) => Some(Msg::Arrived(Kept::new(delivery))),
            Notice::Attempt(attempt) => changed(attempt.delivery),
            Notice::Judged(delivery) => changed(delivery.id),
            Notice::Marked { delivery, .. } | Notice::Repeated { delivery, .. } => {
                changed(delivery)
            }
            Notice::Answered(answer) => Some(Msg::Answered(answer)),
            Notice::Refused(refusal) => Some(Msg::Refused(refusal)),
            Notice::Deleted(ids) => Some(Msg::Gone(ids)),
            Notice::Warning(warning) => Some(Msg::Warned(warning)),
            // The next frame looks at how the tunnel and the webhooks are doing.
            Notice::Tunnel(_) | Notice::Registered(_) | Notice::Archived(_) | Notice::End => None,
        };
        if let Some(msg) = msg {
            update(&mut self.model, msg);
        }
    }

    /// Draws a frame, unless the pen is still busy with the one before.
    fn draw(&mut self) -> io::Result<()> {
        if self.is_behind && self.caught_up_at.elapsed() >= CATCH_UP {
            self.catch_up();
        }
        self.notices();
        let status = self.status();
        update(&mut self.model, Msg::Now(Timestamp::now()));
        update(&mut self.model, status);
        if let Some(oldest) = self.worker.store().oldest() {
            update(&mut self.model, Msg::Evicted(oldest));
        }
        self.model.list.settle();
        self.open();
        self.model.fit();
        if let Some(id) = self.model.detail.wants_explanation() {
            self.worker.begin(Effect::Explain(id));
        }
        let model = &self.model;
        let is_drawn = self.terminal.draw(|frame| view(frame, model))?;
        self.is_stale = !is_drawn || self.is_behind;
        self.drawn_at = Instant::now();
        Ok(())
    }

    /// Has the detail show what is selected.
    fn open(&mut self) {
        let selected = self.model.list.selected();
        if self.model.detail.id() != selected {
            let kept = selected.and_then(|id| self.worker.store().get(id));
            update(&mut self.model, Msg::Opened(kept));
        }
    }

    fn status(&self) -> Msg {
        let (store, again) = (self.worker.store(), self.worker.again());
        let (policy, secrets) = (again.policy(), again.secrets());
        Msg::Status(Box::new(Status {
            counts: store.counts(),
            kept: store.len(),
            targets: policy.targets().map(ToString::to_string).collect(),
            answers: policy.status.map(|status| status.as_u16()),
            secrets: secrets.iter().map(|s| s.label().to_string()).collect(),
            paused: again.controls().is_paused(),
            reach: shown(&self.sources.reach.borrow()),
            tunnel: store.tunnel(),
            own_url: self.model.about.public_url.clone(),
            registered: store.registrations(),
            in_flight: self.worker.in_flight(),
            failing: store.is_failing(),
        }))
    }

    fn changes_at(&self) -> Option<Instant> {
        let at = self.model.changes_at()?;
        let wait = at.duration_since(Timestamp::now());
        Some(Instant::now() + Duration::try_from(wait).unwrap_or_default())
    }
}

/// Ready when the next frame is due and the pen has nothing to write.
async fn next_frame(due: Instant, terminal: &Terminal) {
    tokio::time::sleep_until(due).await;
    terminal.pen_idle().await;
}

fn shown(reached: &Reached) -> Reach {
    match &reached.state {
        ReachState::Unknown => Reach::Unknown,
        ReachState::Up => Reach::Up,
        ReachState::Down(failure) => Reach::Down {
            since: reached.since,
            message: failure.message.to_string(),
            hint: failure.hint.to_string(),
        },
    }
}
