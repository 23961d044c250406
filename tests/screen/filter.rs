//! Filtering, as it is typed.

use crate::kit::Terminal;
use crate::scene::{deliver, list};

#[test]
fn what_matches_is_shown_as_it_is_typed() {
    let mut terminal = Terminal::open(&[]);
    let to = terminal.address();
    for event in ["email.sent", "campaign.sent", "email.opened"] {
        deliver(to, event);
    }
    terminal.lists("3 email.opened");
    terminal.press("/");
    terminal.press("event:campaign.*");
    terminal.until("one row", |screen| events(screen) == ["campaign.sent"]);
    // What comes in meanwhile is held against it too.
    deliver(to, "email.clicked");
    deliver(to, "campaign.scheduled");
    terminal.until("two rows", |screen| {
        events(screen) == ["campaign.sent", "campaign.scheduled"]
    });
    terminal.press("\r");
    terminal.reads("2 of 5");
    terminal.press("\x1b");
    terminal.until("all rows", |screen| events(screen).len() == 5);
    // The one before is there again.
    terminal.press("/\x1b[A");
    terminal.until("two rows", |screen| events(screen).len() == 2);
    terminal.press("x");
    terminal.reads("Nothing matches.");
    terminal.press("\x1b");
    terminal.until("all rows", |screen| events(screen).len() == 5);
    terminal.quits();
}

#[test]
fn a_mistake_is_shown_in_place() {
    let mut terminal = Terminal::open(&[]);
    deliver(terminal.address(), "email.sent");
    terminal.lists("1 email.sent");
    terminal.press("/staus:5xx");
    terminal.reads("did you mean `status:`?");
    // Enter keeps nothing that means nothing.
    terminal.press("\r");
    terminal.reads("⏎ keep");
    terminal.press("\x15event:email.sent\r");
    terminal.reads("1 of 1");
    terminal.press("/");
    terminal.press(" path:x");
    terminal.reads("Nothing matches.");
    // Back to the one that was kept.
    terminal.press("\x1b");
    terminal.reads("1 of 1");
    terminal.quits();
}

/// The events of the rows, in their order.
fn events(screen: &vt100::Screen) -> Vec<String> {
    let is_event = |word: &String| word.starts_with("email.") || word.starts_with("campaign.");
    let of = |row: Vec<String>| row.into_iter().find(is_event);
    list(screen).into_iter().filter_map(of).collect()
}
