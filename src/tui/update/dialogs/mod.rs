//! Actions that ask something first, or show something on top of everything.

mod choices;
mod warnings;

use crate::tui::content::glyphs::Glyphs;
use crate::tui::dialog::{Ask, Confirm, Dialog, Help, Sheet, Topic, Wanted};
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
        Action::Compare => return compare(model),
        Action::Help => model.ask(Dialog::Help(Box::new(Help::new(model.about.unicode)))),
        Action::Trigger => model.ask(choices::trigger(model)),
        Action::Copy => model.ask(choices::copy(model)),
        Action::Export => match choices::export(model) {
            Some(dialog) => model.ask(dialog),
            None => model.say(Said::bad("There is no delivery to do that with")),
        },
        Action::Target => {
            let targets = model.status.targets.join(" ");
            model.ask(Dialog::Ask(Box::new(Ask::new(Wanted::Targets, &targets))));
        }
        Action::Secret => {
            let labels = model.status.secrets.clone();
            model.ask(Dialog::Ask(Box::new(Ask::new(
                Wanted::Secret { labels },
                "",
            ))));
        }
        Action::Warnings => {
            let sheet = Sheet::new(
                Topic::Warnings,
                warnings::TITLE.into(),
                warnings::lines(model),
            );
            model.ask(Dialog::Sheet(Box::new(sheet)));
        }
        _ => {}
    }
    None
}

/// Brings what is being read up to date.
pub(super) fn refresh(model: &mut Model) {
    let is_read =
        |dialog: &Dialog| matches!(dialog, Dialog::Sheet(sheet) if sheet.topic == Topic::Warnings);
    if !model.dialog.as_ref().is_some_and(is_read) {
        return;
    }
    let lines = warnings::lines(model);
    if let Some(Dialog::Sheet(sheet)) = &mut model.dialog {
        sheet.replace(lines);
    }
}

fn quit(model: &mut Model) -> Option<Effect> {
    let waiting = match model.status.in_flight {
        0 => return Some(Effect::Quit),
        1 => "1 delivery is in flight; it is".to_owned(),
        count => format!("{count} deliveries are in flight; they are"),
    };
    model.ask(Dialog::Confirm(Confirm::new(
        "Quit?",
        format!("{waiting} finished first, for 4 seconds at most."),
        "quit",
        Effect::Quit,
    )));
    None
}

fn delete(model: &mut Model) {
    let Some(row) = model.list.selected_row() else {
        model.say(Said::bad("There is no delivery to do that with"));
        return;
    };
    let id = row.id;
    let confirm = Confirm::new(
        format!("Delete #{id} {}?", row.name),
        "It goes with all its attempts, for good.",
        "delete",
        Effect::Delete(vec![id]),
    );
    model.ask(Dialog::Confirm(confirm));
}

fn clear(model: &mut Model) {
    let which = match model.list.total() {
        0 => {
            model.say(Said::bad("There is nothing to delete"));
            return;
        }
        1 => "the only delivery".to_owned(),
        count => format!("all {count} deliveries"),
    };
    model.ask(Dialog::Confirm(Confirm::new(
        format!("Delete {which}?"),
        "What is deleted goes with all its attempts, for good, whatever the filter shows.",
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
        model.say(Said::bad("There is no target to send to: T sets one"));
        return None;
    };
    let count = match ids.len() {
        0 => {
            model.say(Said::bad("There is nothing to replay"));
            return None;
        }
        1 => "the one delivery".to_owned(),
        count => format!("all {count} deliveries"),
    };
    let which = match model.list.active() {
        Some(active) => format!("the filter `{}` shows", active.text),
        None if ids.len() == 1 => "is kept".to_owned(),
        None => "are kept".to_owned(),
    };
    let confirm = Confirm::new(
        format!("Replay {count} that {which}?"),
        format!("To {target}, the oldest first, one after the other. R stops it."),
        "replay",
        Effect::ReplayAll(ids),
    );
    model.ask(Dialog::Confirm(confirm));
    None
}

/// Compares what is selected with what is marked: of several the nearest older one, or else
/// the nearest newer one.
fn compare(model: &mut Model) -> Option<Effect> {
    let Some(selected) = model.list.selected() else {
        model.say(Said::bad("There is no delivery to do that with"));
        return None;
    };
    let marked = || model.list.marked();
    let older = marked().filter(|id| *id < selected).last();
    let newer = || marked().find(|id| *id > selected);
    let Some(other) = older.or_else(newer) else {
        model.say(Said::bad(format!(
            "There is nothing to compare #{selected} with: mark another one with m first"
        )));
        return None;
    };
    let glyphs = Glyphs::of(model.about.unicode);
    Some(Effect::Compare(
        selected.min(other),
        selected.max(other),
        glyphs,
    ))
}
