//! A terminal that nobody reads: stopped in a multiplexer, or with a window that hangs.

use crate::kit::Terminal;
use crate::support::raw::{Connection, RawApp, request};

#[test]
fn a_stalled_terminal_holds_up_neither_deliveries_nor_the_stop() {
    let app = RawApp::saying("OK");
    let mut terminal = Terminal::open(&[&app.target()]);
    let address = terminal.address();
    terminal.stall();
    let mut connection = Connection::open(address);
    for _ in 0..2000 {
        connection.send(request("POST /", "", br#"{"event":"email.opened"}"#));
        assert_eq!(connection.answer().status(), 200);
    }
    drop(connection);
    terminal.signal("TERM");
    assert!(terminal.end().success());
    terminal.is_given_back_but_for_what_is_shown();
}

#[test]
fn a_terminal_that_reads_again_shows_what_came_meanwhile() {
    let mut terminal = Terminal::open(&[]);
    let address = terminal.address();
    terminal.stall();
    let mut connection = Connection::open(address);
    for _ in 0..1234 {
        connection.send(request("POST /", "", br#"{"event":"email.opened"}"#));
        assert_eq!(connection.answer().status(), 200);
    }
    drop(connection);
    terminal.read_on();
    terminal.until("the last of them", |screen| {
        let shown = screen.contents();
        shown.contains("1234") || shown.contains("1,234")
    });
    terminal.press("q");
    assert!(terminal.end().success());
    terminal.is_given_back();
}

#[test]
fn keys_work_on_a_stalled_terminal() {
    let mut terminal = Terminal::open(&[]);
    terminal.stall();
    terminal.press("q");
    assert!(terminal.end().success());
    terminal.is_given_back_but_for_what_is_shown();
}
