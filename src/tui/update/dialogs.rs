//! Actions that ask something first.

use crate::tui::dialog::{Confirm, Dialog};
use crate::tui::keys::Action;
use crate::tui::model::Model;
use crate::tui::msg::{Effect, Said};

/// Opens the dialog of an action, or does what needs none.
pub(super) fn open(model: &mut Model, action: Action) -> Option<Effect> {
    match action {
        Action::Quit => return quit(model),
        Action::Delete => delete(model),
        Action::Clear => clear(model),
        Action::ReplayAll => return replay_all(model),
        _ => {}
    }
    None
}

fn quit(model: &mut Model) -> Option<Effect> {
    let waiting = match model.status.in_flight {
        0 => return Some(Effect::Quit),
        1 => "1 delivery is in flight".to_owned(),
        count => format!("{count} deliveries are in flight"),
    };
    model.dialog = Some(Dialog::Confirm(Confirm::new(
        "Quit?",
        format!("{waiting}; they are finished first, for 4 seconds at most."),
        "quit",
        Effect::Quit,
    )));
    None
}

fn delete(model: &mut Model) {
    let Some(row) = model.list.selected_row() else {
        return;
    };
    let id = row.id;
    model.dialog = Some(Dialog::Confirm(Confirm::new(
        format!("Delete #{id} {}?", row.name),
        "It goes with all its attempts, for good.",
        "delete",
        Effect::Delete(vec![id]),
    )));
}

fn clear(model: &mut Model) {
    let count = model.list.total();
    if count == 0 {
        return;
    }
    model.dialog = Some(Dialog::Confirm(Confirm::new(
        format!("Delete all {count} deliveries?"),
        "They go with all their attempts, for good, whatever the filter shows.",
        "delete all",
        Effect::Clear,
    )));
}

fn replay_all(model: &mut Model) -> Option<Effect> {
    if model.progress.is_some() {
        return Some(Effect::StopReplays);
    }
    let ids = model.list.shown();
    let Some(target) = model.status.targets.first() else {
        model.say(Said::bad("there is no target to send to: T sets one"));
        return None;
    };
    if ids.is_empty() {
        model.say(Said::bad("there is nothing to replay"));
        return None;
    }
    let which = match model.list.active() {
        Some(active) => format!("that match `{}`", active.text),
        None => "that are kept".to_owned(),
    };
    model.dialog = Some(Dialog::Confirm(Confirm::new(
        format!("Replay all {} {which}?", ids.len()),
        format!("They go to {target}, the oldest first, one after the other; R stops it."),
        "replay all",
        Effect::ReplayAll(ids),
    )));
    None
}
