//! Sizes, colours and signs.

use crate::kit::Terminal;
use crate::scene::{LABELLED, answer, deliver_signed, pillar};
use crate::support::raw::RawApp;

/// A screen with one delivery that an app refused.
fn with_one(args: &[&str], variables: &[(&str, &str)]) -> (Terminal, RawApp) {
    let app = RawApp::answering(|_| answer(401, "text/plain", "no"));
    let target = app.target();
    let mut all = vec![target.as_str(), "--secret", LABELLED];
    all.extend(args);
    let terminal = Terminal::open_with(&all, variables);
    deliver_signed(terminal.address(), "email.opened");
    terminal.reads("401");
    (terminal, app)
}

/// The parameters of everything that sets a colour or a weight.
fn weights(terminal: &Terminal) -> Vec<String> {
    let bytes = terminal.bytes();
    let text = String::from_utf8_lossy(&bytes);
    text.split("\x1b[")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| ('@'..='~').contains(&c))?;
            rest[end..].starts_with('m').then(|| rest[..end].to_owned())
        })
        .flat_map(|all| all.split(';').map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn no_color_leaves_weights_only() {
    for (args, variables) in [
        (&[][..], &[("NO_COLOR", "1")][..]),
        (&["--color", "never"], &[]),
    ] {
        let (mut terminal, _app) = with_one(args, variables);
        terminal.press("5");
        terminal.reads("raw bytes");
        // 0, 1, 2, 4, 22, 24 and the like; 39, 49 and 59 are the terminal's own colours.
        let coloured = |one: &&String| {
            let number = one.parse::<u32>().unwrap_or(0);
            matches!(number, 30..=38 | 40..=48 | 90..=107)
        };
        let weights = weights(&terminal);
        assert_eq!(weights.iter().find(coloured), None);
        assert!(weights.contains(&"1".to_owned()), "bold is no colour");
        terminal.quits();
    }
}

#[test]
fn colours_are_the_terminals_own_sixteen() {
    let (mut terminal, _app) = with_one(&[], &[]);
    for tab in ["5", "3", "1", "?"] {
        terminal.press(tab);
    }
    terminal.reads("Keys");
    let weights = weights(&terminal);
    let odd = |one: &&String| matches!(one.parse::<u32>(), Ok(40..=47 | 48 | 100..=107));
    assert_eq!(weights.iter().find(odd), None, "no backgrounds");
    // `38;5;n` counts the sixteen by number.
    for (at, _) in weights.iter().enumerate().filter(|(_, one)| *one == "38") {
        assert_eq!(weights[at + 1], "5");
        assert!(weights[at + 2].parse::<u32>().expect("a number") < 16);
    }
    terminal.escapes("type to search");
    terminal.quits();
}

#[test]
fn without_unicode_the_screen_is_ascii() {
    let (mut terminal, _app) = with_one(&[], &[("LC_ALL", "C")]);
    // In Latin-1 the second byte of this letter begins a command.
    deliver_signed(terminal.address(), "ě.日本");
    terminal.lists("2 ?.????");
    terminal.press("r");
    terminal.reads("Replayed #2");
    for tab in ["1", "2", "3", "4", "5", "6", "m"] {
        terminal.press(tab);
    }
    for (key, title) in [
        ("?", "Keys"),
        ("t", "Trigger a"),
        ("c", "Copy"),
        ("R", "Replay all 2"),
    ] {
        terminal.press(key);
        terminal.reads(title);
        terminal.escapes(title);
    }
    for (rows, columns) in [(24, 80), (20, 59), (60, 200), (5, 20), (30, 120)] {
        terminal.resize(rows, columns);
        terminal.reads("cmhook");
    }
    terminal.press("q");
    assert!(terminal.end().success());
    let bytes = terminal.bytes();
    let text = String::from_utf8(bytes).expect("it is text");
    let odd: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
    assert_eq!(odd, Vec::<char>::new());
}

#[test]
fn each_size_shows_what_it_has_room_for() {
    let (mut terminal, _app) = with_one(&[], &[]);
    for (rows, columns) in [(60, 200), (30, 120), (15, 100)] {
        terminal.resize(rows, columns);
        terminal.until("panes side by side", |screen| {
            let text = screen.contents();
            pillar(screen).is_some() && text.contains("event") && text.contains("1 Payload")
        });
    }
    terminal.resize(24, 80);
    terminal.until("panes above each other", |screen| {
        let text = screen.contents();
        pillar(screen).is_none() && text.contains("  #  time") && text.contains("1 Payload")
    });
    for (rows, columns) in [(20, 59), (14, 100), (5, 20)] {
        terminal.resize(rows, columns);
        terminal.until("the list", |screen| {
            let text = screen.contents();
            pillar(screen).is_none() && text.contains('#') && !text.contains("1 Payload")
        });
        terminal.press("\r");
        terminal.reads("1 Payload");
        terminal.press("\x1b");
        terminal.until("the list", |screen| {
            !screen.contents().contains("1 Payload")
        });
    }
    terminal.press("q");
    assert!(terminal.end().success());
}
