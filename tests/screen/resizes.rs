//! A terminal that changes its size, to any size.

use crate::kit::Terminal;
use crate::support::raw::{ask, request};

#[test]
fn a_thousand_sizes_down_to_one_cell() {
    let mut terminal = Terminal::open(&[]);
    let address = terminal.address();
    for event in ["email.opened", "campaign.sent"] {
        let body = format!(r#"{{"event":"{event}","data":{{"subject":"こんにちは"}}}}"#);
        ask(address, request("POST /", "", body.as_bytes()));
    }
    // Odd steps, so that all kinds of pairs come up.
    for step in 0..1000_u16 {
        terminal.resize(1 + step * 7 % 60, 1 + step * 13 % 210);
    }
    for size in [(1, 1), (1, 200), (60, 1), (5, 20)] {
        terminal.resize(size.0, size.1);
    }
    terminal.resize(24, 100);
    terminal.reads("cmhook");
    terminal.press("q");
    assert!(terminal.end().success(), "{}", terminal.text());
    terminal.is_given_back();
}
