//! What changes the listener and what is kept.

use crate::kit::Terminal;
use crate::scene::{LABELLED, SECRET, answer, deliver, deliver_signed, payload, webhook};
use crate::support::raw::{RawApp, ask};

fn app() -> RawApp {
    RawApp::answering(|_| answer(200, "text/plain", "OK"))
}

#[test]
fn a_sample_is_sent_signed() {
    let app = app();
    let mut terminal = Terminal::open(&[&app.target(), "--secret", LABELLED]);
    terminal.press("t");
    terminal.reads("email.bounced");
    terminal.press("bounced\r");
    terminal.lists("1 email.bounced ✓ 200");
    assert!(app.next().text().contains("email.bounced"));
    terminal.quits();
}

#[test]
fn the_target_is_changed_for_what_comes_next() {
    let (first, second) = (app(), app());
    let mut terminal = Terminal::open(&[&first.target()]);
    let to = terminal.address();
    deliver(to, "email.sent");
    first.next();
    terminal.press("T");
    terminal.reads("Forward to");
    terminal.press("\x15ftp://x\r");
    terminal.reads("only http and https can be forwarded to");
    terminal.press(&format!("\x15{to}\r"));
    terminal.reads("is cmhook itself");
    terminal.press("T");
    terminal.reads("Forward to");
    terminal.press(&format!("\x15{}\r", second.target()));
    terminal.reads(&format!("→ {}", second.target()));
    deliver(to, "email.opened");
    second.next();
    assert!(first.is_idle());
    terminal.press("r");
    assert!(second.next().one("cmhook-replay-of").is_some());
    terminal.quits();
}

#[test]
fn a_secret_that_is_added_verifies_what_is_kept() {
    let mut terminal = Terminal::open(&[]);
    deliver_signed(terminal.address(), "email.opened");
    terminal.lists("1 email.opened ? 200");
    terminal.reads("no secret");
    terminal.press("s");
    terminal.reads("Add a secret");
    terminal.press(&format!("hooks={SECRET}\r"));
    terminal.lists("1 email.opened ✓ 200");
    terminal.details("signed (cakemail-hex, `hooks`)");
    terminal.reads("1 secret");
    let written = terminal.bytes();
    let written = String::from_utf8_lossy(&written);
    assert!(!written.contains(SECRET));
    let arguments = std::fs::read(format!("/proc/{}/cmdline", terminal.id()));
    let arguments = arguments.expect("it runs");
    assert!(!String::from_utf8_lossy(&arguments).contains(SECRET));
    terminal.quits();
}

#[test]
fn a_pause_keeps_deliveries_and_has_them_sent_again() {
    let app = app();
    let mut terminal = Terminal::open(&[&app.target()]);
    let to = terminal.address();
    terminal.press("p");
    terminal.reads("forwarding is paused");
    let answer = deliver(to, "email.sent");
    assert_eq!(answer.status(), 503);
    assert!(answer.one("retry-after").is_some());
    terminal.lists("1 email.sent 503");
    assert!(app.is_idle());
    // What somebody asks for goes out all the same.
    terminal.press("r");
    terminal.lists("1 email.sent 200");
    app.next();
    terminal.press("p");
    terminal.reads_no("forwarding is paused");
    assert_eq!(deliver(to, "email.opened").status(), 200);
    terminal.quits();
}

#[test]
fn the_marked_one_is_compared_with_the_selected() {
    let mut terminal = Terminal::open(&[]);
    let to = terminal.address();
    deliver(to, "email.sent");
    ask(
        to,
        webhook(None, payload("email.sent").replace("790", "791")),
    );
    terminal.selects(2);
    terminal.press("=");
    terminal.reads("m");
    terminal.press("k");
    terminal.selects(1);
    terminal.press("m");
    terminal.reads("1★");
    terminal.press("j=");
    terminal.reads("#1 and #2");
    terminal.reads("campaign_id");
    terminal.reads("790");
    terminal.reads("791");
    terminal.escapes("#1 and #2");
    terminal.quits();
}

#[test]
fn deleting_asks() {
    let mut terminal = Terminal::open(&[]);
    let to = terminal.address();
    for event in ["email.sent", "email.opened", "email.clicked"] {
        deliver(to, event);
    }
    terminal.selects(3);
    terminal.press("k");
    terminal.selects(2);
    terminal.press("D");
    terminal.reads("Delete #2 email.opened?");
    terminal.press("n");
    terminal.reads_no("Delete #2");
    terminal.press("D");
    terminal.reads("Delete #2 email.opened?");
    terminal.press("y");
    terminal.reads("Deleted 1 delivery");
    terminal.selects(3);
    terminal.press("Z");
    terminal.reads("Delete all 2 deliveries?");
    terminal.press("y");
    terminal.reads("No deliveries yet.");
    terminal.quits();
}

#[test]
fn what_was_refused_is_listed() {
    let mut terminal = Terminal::open(&["--max-body", "10"]);
    assert_eq!(deliver(terminal.address(), "email.sent").status(), 413);
    terminal.reads("1 refused");
    terminal.press("!");
    terminal.reads("413");
    terminal.reads("POST /webhooks/cakemail");
    terminal.escapes("refused requests");
    terminal.quits();
}

#[test]
fn control_c_quits_at_once() {
    let mut terminal = Terminal::open(&[]);
    deliver(terminal.address(), "email.sent");
    terminal.lists("1 email.sent");
    terminal.press("\x03");
    assert!(terminal.end().success());
    terminal.is_given_back();
    terminal.reads("Stopped after 1 delivery");
}
