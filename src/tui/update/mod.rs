//! What happens, and what it does to the model.

mod act;
mod dialogs;
mod mouse;
mod search;

use std::sync::Arc;

use crossterm::event::KeyEvent;

use super::dialog::{Answer, Dialog};
use super::keys::{self, Action, Place};
use super::layout::Pane;
use super::model::Model;
use super::msg::{Effect, Msg, Said};
use crate::cakemail::diagnosis::Keys;
use crate::delivery::{Phase, Tunnel};

/// Changes the model by what has happened; the result is to be done.
pub(super) fn update(model: &mut Model, msg: Msg) -> Option<Effect> {
    match msg {
        Msg::Key(key) => return press(model, key),
        Msg::Paste(text) => return paste(model, &text),
        Msg::Mouse(event) => return mouse::mouse(model, event),
        Msg::Resized(columns, rows) => model.size = (columns, rows),
        Msg::Now(now) => {
            model.now = now;
            model.beat.go_on(now);
            if model
                .remark
                .as_ref()
                .is_some_and(|(_, until)| *until <= now)
            {
                model.remark = None;
            }
            // The time to the tunnel's next try stands there.
            dialogs::refresh(model);
        }
        Msg::Snapshot(kept, refusals) => {
            model.list.reset(&kept, model.since);
            model.refusals = refusals.into();
            if let Some(id) = model.wanted {
                select(model, id);
            }
        }
        Msg::Arrived(kept) => {
            model.beat.add(kept.delivery.request.received_at);
            search::touch(model, kept.delivery.id);
            model.list.arrive(&kept);
            if model.wanted == Some(kept.delivery.id) {
                select(model, kept.delivery.id);
            }
        }
        Msg::Changed(kept) => {
            search::touch(model, kept.delivery.id);
            model.list.change(&kept);
            if model.detail.id() == Some(kept.delivery.id) {
                model.detail.open(Some(kept));
            }
        }
        Msg::Gone(ids) => model.list.keep_only(|id| ids.binary_search(&id).is_err()),
        Msg::Evicted(oldest) => model.list.keep_from(oldest),
        Msg::Answered(answer) => model.list.answer(&answer),
        Msg::Refused(refusal) => {
            model.refuse(refusal);
            dialogs::refresh(model);
        }
        Msg::Warned(warning) => {
            model.warn(warning);
            dialogs::refresh(model);
        }
        Msg::Status(status) => {
            let before = std::mem::replace(&mut model.status, *status);
            came_online(model, before.tunnel.as_deref());
            if model.status.tunnel != before.tunnel {
                dialogs::refresh(model);
            }
            model.detail.know(Keys {
                several: model.status.secrets.len() > 1,
                webhooks: Arc::clone(&model.status.registered),
            });
        }
        Msg::Opened(kept) => model.detail.open(kept),
        Msg::Found(found) => return search::found(model, *found),
        Msg::Explained(id, explained) => model.detail.explain(id, *explained),
        Msg::Done(said) => model.say(said),
        Msg::Select(id) => select(model, id),
        Msg::Progress(progress) => act::progress(model, progress),
        Msg::Ask(dialog) => model.ask(*dialog),
        Msg::Copied(said, bytes) => {
            model.say(said);
            return bytes.map(Effect::Send);
        }
    }
    None
}

/// Says how many deliveries had waited for the tunnel, when it has come online.
fn came_online(model: &mut Model, before: Option<&Tunnel>) {
    let Some(tunnel) = model.status.tunnel.clone() else {
        return;
    };
    if let Phase::Online { waiting, .. } = tunnel.phase
        && waiting > 0
        && tunnel.is_news_after(before)
    {
        model.say(Said::fine(format!(
            "{waiting} had waited: the tunnel is online"
        )));
    }
}

fn press(model: &mut Model, key: KeyEvent) -> Option<Effect> {
    // What has to do with the terminal works whatever stands on it.
    if let Some(action @ (Action::Redraw | Action::Suspend)) =
        keys::resolve(&[Place::Anywhere], key)
    {
        return act::act(model, action);
    }
    if let Some(dialog) = &mut model.dialog {
        return match dialog.key(key) {
            Answer::Stay => None,
            Answer::Close => {
                model.close();
                None
            }
            Answer::Do(effect) => {
                model.close();
                Some(*effect)
            }
            Answer::Ask(ask) => {
                model.dialog = None;
                model.ask(Dialog::Ask(ask));
                None
            }
        };
    }
    // A remark has been read when the next key comes.
    model.remark = None;
    if model.prompt.is_some() {
        return search::key(model, key);
    }
    let action = keys::resolve(&model.places(), key)?;
    act::act(model, action)
}

fn paste(model: &mut Model, text: &str) -> Option<Effect> {
    if let Some(dialog) = &mut model.dialog {
        dialog.paste(text);
        return None;
    }
    let prompt = model.prompt.as_mut()?;
    prompt.paste(text);
    search::typed(model)
}

/// Selects a delivery, once it is there: what made it may be heard of before it is.
fn select(model: &mut Model, id: u64) {
    model.wanted = model.list.row(id).is_none().then_some(id);
    model.list.select(id);
}

/// Gives the keys to a pane. What is being read does not give way to what comes in.
fn turn_to(model: &mut Model, pane: Pane) {
    if pane == Pane::Detail && model.list.follows() {
        model.list.follow(false);
    }
    model.pane = pane;
}
