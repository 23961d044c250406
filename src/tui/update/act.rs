//! What each action does.

use super::{dialogs, search, turn_to};
use crate::tui::detail::Tab;
use crate::tui::keys::Action;
use crate::tui::layout::{Pane, Shape};
use crate::tui::list::Way;
use crate::tui::model::Model;
use crate::tui::msg::{CopyWhat, Effect, Progress, Said};

/// Does it.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Effect> {
    match action {
        Action::Up => step(model, -1),
        Action::Down => step(model, 1),
        Action::PageUp => page(model, -1),
        Action::PageDown => page(model, 1),
        Action::First => step(model, isize::MIN),
        Action::Last => step(model, isize::MAX),
        Action::NextFailure => next_failure(model, Way::Newer),
        Action::PreviousFailure => next_failure(model, Way::Older),
        Action::Follow => {
            let follows = !model.list.follows();
            model.list.follow(follows);
        }
        Action::Open => turn_to(model, Pane::Detail),
        Action::Back => back(model),
        Action::NextPane | Action::PreviousPane => {
            let other = match model.pane {
                Pane::List => Pane::Detail,
                Pane::Detail => Pane::List,
            };
            turn_to(model, other);
        }
        Action::Tab(at) => {
            if let Some(tab) = Tab::ALL.get(at) {
                model.detail.show(*tab);
                // Where there is one pane, whoever asks for a tab wants to see it.
                if model.areas().shape == Shape::Single {
                    turn_to(model, Pane::Detail);
                }
            }
        }
        Action::NextTab => model.detail.turn(1),
        Action::PreviousTab => model.detail.turn(-1),
        Action::Fold => model.detail.fold(),
        Action::FoldAll => model.detail.fold_all(true),
        Action::UnfoldAll => model.detail.fold_all(false),
        Action::ShowAs => model.detail.next_form(),
        Action::ScrollLeft => model.detail.sideways(false),
        Action::ScrollRight => model.detail.sideways(true),
        Action::Wrap => {
            let wraps = model.detail.toggle_wrap();
            model.say(Said::fine(if wraps {
                "Long lines are wrapped"
            } else {
                "Long lines are cut: < and > move them"
            }));
        }
        Action::Times => model.ago = !model.ago,
        Action::Filter => {
            turn_to(model, Pane::List);
            search::begin(model);
        }
        Action::QuitNow => return Some(Effect::Quit),
        Action::Redraw => return Some(Effect::Redraw),
        Action::Suspend => return Some(Effect::Suspend),
        Action::Mouse => return Some(mouse(model)),
        Action::Pause => return Some(Effect::Pause(!model.status.paused)),
        Action::Url => return Some(url(model)),
        Action::Page => return Some(Effect::Page(model.list.selected())),
        Action::Replay | Action::Edit | Action::Mark => return on_selected(model, action),
        _ => return dialogs::open(model, action),
    }
    None
}

/// Copies where deliveries arrive: from elsewhere, where they can.
fn url(model: &Model) -> Effect {
    let what = match model.status.public_url() {
        Some(_) => CopyWhat::PublicUrl,
        None => CopyWhat::Url,
    };
    Effect::Copy {
        id: 0,
        what,
        attempt: None,
        text: None,
    }
}

/// What is done to the selected delivery at once.
fn on_selected(model: &mut Model, action: Action) -> Option<Effect> {
    let Some(row) = model.list.selected_row() else {
        model.say(Said::bad("There is no delivery to do that with"));
        return None;
    };
    let (id, marked) = (row.id, row.marked);
    match action {
        Action::Replay | Action::Edit if model.status.targets.is_empty() => {
            model.say(Said::bad("There is no target to send to: T sets one"));
            None
        }
        Action::Replay => Some(Effect::Replay(id)),
        Action::Edit => Some(Effect::Edit(id)),
        _ => Some(Effect::Mark(id, !marked)),
    }
}

fn step(model: &mut Model, by: isize) {
    match model.pane {
        Pane::List => model.list.step(by),
        Pane::Detail => model.detail.step(by),
    }
}

fn page(model: &mut Model, by: isize) {
    match model.pane {
        Pane::List => {
            let (_, height) = model.list.window();
            let rows = isize::try_from(height.max(2) - 1).unwrap_or(1);
            model.list.step(by * rows);
        }
        Pane::Detail => model.detail.page(by),
    }
}

fn next_failure(model: &mut Model, way: Way) {
    if !model.list.next_failure(way) {
        model.say(Said::fine(match way {
            Way::Newer => "Nothing newer failed",
            Way::Older => "Nothing older failed",
        }));
    }
}

/// From the detail to the list, and from there out of the filter.
fn back(model: &mut Model) {
    if model.pane == Pane::Detail {
        turn_to(model, Pane::List);
    } else if model.list.active().is_some() {
        search::clear(model);
    }
}

fn mouse(model: &mut Model) -> Effect {
    model.mouse = !model.mouse;
    model.say(Said::fine(if model.mouse {
        "The mouse selects, scrolls and clicks tabs"
    } else {
        "The mouse is the terminal's: select text with it"
    }));
    Effect::Mouse(model.mouse)
}

/// Takes note of how far replays of many have come.
pub(super) fn progress(model: &mut Model, progress: Progress) {
    if !progress.ended {
        model.progress = Some(progress);
        return;
    }
    model.progress = None;
    let Progress {
        done,
        total,
        failed,
        ..
    } = progress;
    let stopped = if done < total {
        format!(", stopped before the other {}", total - done)
    } else {
        String::new()
    };
    let text = format!(
        "Replayed {done}: {} answered fine, {failed} failed{stopped}",
        done - failed
    );
    model.say(Said {
        text,
        bad: failed > 0,
    });
}
