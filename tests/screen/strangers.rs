//! What senders and apps write is shown, and never acted on.

use crate::kit::Terminal;
use crate::scene::{answer, deliver, list, payload, pillar, webhook};
use crate::support::hostile::{self, CORPUS, is_foreign, send};
use crate::support::raw::{RawApp, ask};

const TABS: [&str; 6] = [
    "Payload",
    "Headers",
    "Response",
    "Attempts",
    "Signature",
    "Raw",
];

/// What the screen itself writes, taken out: what is left is text.
fn text_of(bytes: &[u8]) -> String {
    let all = String::from_utf8_lossy(bytes);
    let mut text = String::new();
    let mut rest = &*all;
    while let Some(at) = rest.find('\x1b') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if rest.is_empty() {
            // What follows has not been read yet.
            return text;
        }
        let Some(sequence) = rest.strip_prefix('[') else {
            // Nothing but CSI is the screen's own.
            text.push('\x1b');
            continue;
        };
        let end = sequence.find(|c: char| ('@'..='~').contains(&c));
        let Some(end) = end else {
            // The rest of it has not been read yet.
            return text;
        };
        let (weights, last) = (&sequence[..end], &sequence[end..=end]);
        let is_own = match last {
            "m" => is_weight(weights),
            // Where to write, modes, and the clearing of a new or resized screen.
            _ => "HhlJ".contains(last),
        };
        assert!(is_own, "{weights}{last}");
        rest = &sequence[end + 1..];
    }
    text.push_str(rest);
    text
}

/// Whether these are weights and colours as the screen writes them: the sixteen by number,
/// and never as a stranger would.
fn is_weight(weights: &str) -> bool {
    let mut parts = weights.split(';');
    while let Some(part) = parts.next() {
        let is_own = match part {
            "38" => parts.next() == Some("5") && parts.next().is_some(),
            "" | "0" | "1" | "2" | "4" | "22" | "24" | "39" | "49" | "59" => true,
            _ => false,
        };
        if !is_own {
            return false;
        }
    }
    true
}

/// No row reaches over the pillar, and nothing foreign was ever written.
#[track_caller]
fn is_calm(terminal: &Terminal, what: &str) {
    let text = text_of(&terminal.bytes());
    let foreign = text
        .chars()
        .find(|c| *c != '\r' && *c != '\n' && is_foreign(*c));
    assert_eq!(foreign, None, "{what}");
    terminal.until("a straight pillar", |screen| {
        let Some((rows, column)) = pillar(screen) else {
            return false;
        };
        let is_there = |row| {
            let cell = screen.cell(row, column);
            cell.is_some_and(|cell| cell.contents() == "│")
        };
        rows.into_iter().all(is_there)
    });
}

#[test]
fn nothing_of_a_sender_or_an_app_reaches_the_terminal() {
    let app = hostile::app();
    let mut terminal = Terminal::open(&[&app.target(), "--secret", "s"]);
    let to = terminal.address();
    for text in CORPUS {
        for request in hostile::requests(text) {
            send(to, &request);
        }
    }
    // The last is a calm one, so that it is known when all is there.
    ask(to, webhook(None, payload("email.calm")));
    terminal.reads("email.calm");
    is_calm(&terminal, "the list");
    terminal.press("g");
    for _ in CORPUS {
        for (number, name) in (1..).zip(TABS) {
            terminal.turns_to(number, name);
        }
        terminal.press("ooo");
        terminal.turns_to(1, TABS[0]);
        terminal.press("jj");
    }
    for (key, title) in [
        ("D", "for good"),
        ("c", "Copy"),
        ("x", "Export"),
        ("!", "refused requests"),
    ] {
        terminal.press(key);
        terminal.reads(title);
        terminal.escapes(title);
    }
    terminal.press("m");
    terminal.reads("★");
    terminal.press("G=");
    terminal.reads(" and #");
    terminal.escapes(" and #");
    // Pasted into the filter.
    terminal.press("/");
    for text in CORPUS {
        let pasted = text.replace('\x1b', "");
        terminal.press(&format!("\x1b[200~{pasted}\x1b[201~"));
    }
    terminal.reads("⏎ keep");
    terminal.reads(" / ");
    terminal.press("\x1b");
    terminal.reads("following");
    is_calm(&terminal, "the tabs and the dialogs");
    terminal.quits();
}

#[test]
fn wide_combining_and_right_to_left_text_keeps_the_columns() {
    let app = RawApp::answering(|_| answer(200, "text/plain", "日本語 مرحبا"));
    let terminal = Terminal::open(&[&app.target()]);
    let to = terminal.address();
    for event in [
        "メール.開封.日本語の長い名前です",
        "e\u{301}mail.ope\u{301}ne\u{301}d",
        "بريد.فتح.طويل.جدا.جدا",
        "דואר.נפתח",
        "📧.opened.📬",
    ] {
        deliver(to, event);
    }
    terminal.lists("5 · 200");
    is_calm(&terminal, "the names");
    terminal.until("statuses in one column", |screen| {
        let (rows, _) = pillar(screen).expect("a pillar");
        let columns = rows.filter_map(|row| {
            (0..60).find(|column| {
                let cell = |at: u16| {
                    screen
                        .cell(row, column + at)
                        .map(|cell| cell.contents().to_owned())
                };
                [0, 1, 2].map(|at| cell(at).unwrap_or_default()) == ["2", "0", "0"]
            })
        });
        let columns: Vec<u16> = columns.collect();
        columns.len() == 5 && columns.iter().all(|column| *column == columns[0])
    });
    terminal.until("five rows", |screen| list(screen).len() >= 5);
    terminal.quits();
}
