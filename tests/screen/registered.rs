//! Webhooks that are at Cakemail for as long as the screen is open.

use crate::kit::Terminal;
use crate::support::sandbox::Sandbox;

fn sees(terminal: &Terminal, text: &str) {
    terminal.until(text, |screen| screen.contents().contains(text));
}

fn active(sandbox: &Sandbox) -> usize {
    let webhooks = sandbox.webhooks();
    let active = webhooks.iter().filter(|one| one["status"] == "active");
    active.count()
}

#[test]
fn they_are_shown_and_archived_at_each_way_out() {
    for end in ["q", "\u{3}", "TERM", "HUP"] {
        let sandbox = Sandbox::start(&["--seed", "1"]);
        let api = sandbox.url();
        let events = "email.opened,email.sent";
        let args = ["--register", "--events", events, "--api", &api];
        let mut terminal = Terminal::open(&args);
        sees(&terminal, "2 events registered");
        assert_eq!(active(&sandbox), 2);
        sandbox.fire("Email.Sent");
        sees(&terminal, "Email.Sent");
        terminal.press("!");
        let id = sandbox.webhooks()[0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        sees(&terminal, &id);
        terminal.press("\u{1b}");
        // What follows an escape at once belongs to it.
        terminal.until("the list", |screen| !screen.contents().contains(&id));
        match end {
            "TERM" | "HUP" => terminal.signal(end),
            keys => terminal.press(keys),
        }
        assert!(terminal.end().success(), "{end}");
        terminal.is_given_back();
        terminal.reads("Archived 2 webhooks.");
        assert_eq!(active(&sandbox), 0, "{end}");
    }
}

#[test]
fn what_is_wrong_at_the_start_is_read_on_the_terminal_as_it_was() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let api = sandbox.url();
    let args = [
        "--register",
        "--events",
        "email.sent,email.opend",
        "--api",
        &api,
    ];
    let mut terminal = Terminal::listen(&args, &[]);
    assert_eq!(terminal.end().exit_code(), 2);
    terminal.reads("there is no event called `email.opend`");
    terminal.reads("did you mean `email.opened`?");
    let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(!bytes.contains("\x1b[?1049h"), "{bytes}");
    assert_eq!(active(&sandbox), 0);
}

#[test]
fn a_sample_is_one_of_those_that_the_api_sends() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let api = sandbox.url();
    let events = "email.sent,email.opened";
    let mut terminal = Terminal::open(&["--register", "--events", events, "--api", &api]);
    sees(&terminal, "2 events registered");
    terminal.press("t");
    sees(&terminal, "Trigger a sample event");
    terminal.until("the API's names alone", |screen| {
        let text = screen.contents();
        text.contains("Email.Opened") && !text.contains("email.opened")
    });
    terminal.press("opened\r");
    sees(&terminal, "Sent Email.Opened as #1: answered 200");
    terminal.press("5");
    sees(&terminal, "api-base64");
    terminal.press("q");
    assert!(terminal.end().success());
}
