//! The ways out.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::{
    active, answer_never, files, new_home, registered, run_hint, starting, until, warnings,
};
use crate::support::listener::cmhook;
use crate::support::sandbox::Sandbox;

/// The last warning among the objects.
fn warning(text: &str) -> Value {
    warnings(text).pop().expect("a warning")
}

#[test]
fn each_signal_archives() {
    for signal in ["INT", "TERM", "HUP"] {
        let sandbox = Sandbox::start(&["--seed", "1"]);
        let home = new_home();
        let mut listener = registered(&home, &sandbox, "email.*", &[]);
        assert_eq!(active(&sandbox).len(), 13);
        listener.process.signal(signal);
        assert_eq!(listener.process.wait().code(), Some(0), "{signal}");
        let text = listener.process.stdout.text();
        let archived = text
            .lines()
            .filter(|line| line.starts_with("{\"type\":\"archived\""));
        assert_eq!(archived.count(), 13, "{signal}: {text}");
        let objects: Vec<Value> = text.lines().map(crate::support::listener::object).collect();
        crate::support::document::Checker::new().check_all(&objects);
        assert!(
            text.lines()
                .last()
                .is_some_and(|last| last.contains("\"stopped\""))
        );
        assert!(active(&sandbox).is_empty(), "{signal}");
        assert!(files(home.path()).is_empty(), "{signal}");
    }
}

/// As `cmhook listen --register --json | head -2` does it.
#[cfg(unix)]
#[test]
fn a_reader_that_leaves_ends_it_though_nothing_comes() {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let home = new_home();
    let child = listening(home.path(), &sandbox).spawn();
    let mut child = Killed(child.expect("cmhook starts"));
    let stdout = child.0.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines();
    for kind in ["ready", "registered"] {
        let line = lines.next().expect("a line").expect("text");
        assert_eq!(crate::support::listener::object(&line)["type"], kind);
    }
    assert_eq!(active(&sandbox).len(), 1);
    drop(lines);
    until("archived", || active(&sandbox).is_empty());
    let status = child.0.wait().expect("it is ours");
    assert_eq!(status.code(), Some(0));
    assert!(files(home.path()).is_empty());
}

/// A listener that registers one event, and whose standard output is the test's.
fn listening(home: &Path, sandbox: &Sandbox) -> Command {
    let mut command = cmhook();
    command
        .args(["listen", "--json", "--listen", "127.0.0.1:0", "--ephemeral"])
        .args(["--register", "--events", "email.sent"])
        .args(["--api", &sandbox.url()])
        .current_dir(home)
        .env("HOME", home)
        .env("CMHOOK_INSPECTOR", "0")
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A child that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stop_is_over_in_time_where_the_api_hangs_and_says_what_to_do() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    let mut listener = registered(&home, &sandbox, "email.opened,email.sent", &[]);
    for _ in 0..2 {
        answer_never(&sandbox, "POST", "/webhooks/*/archive", false);
    }
    let begin = Instant::now();
    let status = listener.process.terminate();
    let took = begin.elapsed();
    assert_eq!(status.code(), Some(1));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let text = listener.process.stdout.text();
    let warning = warning(&text);
    assert_eq!(warning["code"], "not_archived", "{warning}");
    assert_eq!(active(&sandbox).len(), 2);
    assert_eq!(files(home.path()).len(), 1);
    // The command that it prints does it.
    run_hint(home.path(), warning["hint"].as_str().expect("words"));
    assert!(active(&sandbox).is_empty());
    // And the next one finds nothing left to do.
    registered(&home, &sandbox, "email.opened", &[]).stop();
    assert!(files(home.path()).is_empty());
}

#[test]
fn a_failed_clean_up_keeps_what_it_could_not_do() {
    let sandbox = Sandbox::start(&["--seed", "3"]);
    let home = new_home();
    let mut listener = registered(&home, &sandbox, "email.opened,email.sent", &[]);
    sandbox.fault(&json!({ "method": "POST", "path": "/webhooks/*/archive", "status": 500 }));
    assert_eq!(listener.process.terminate().code(), Some(1));
    let said = listener.process.stderr.text();
    assert!(
        said.contains("is not archived: the API is in trouble (500)"),
        "{said}"
    );
    let left = active(&sandbox);
    assert_eq!(left.len(), 1);
    let warning = warning(&listener.process.stdout.text());
    let hint = warning["hint"].as_str().expect("words");
    assert!(hint.contains(&left[0].1), "{hint}");
    let mut next = registered(&home, &sandbox, "email.bounced", &[]);
    assert_eq!(active(&sandbox).len(), 1);
    assert_eq!(next.process.terminate().code(), Some(0));
    let said = next.process.stderr.text();
    let words = "archived a webhook that an earlier run left behind";
    assert!(said.contains(words), "{said}");
    assert!(files(home.path()).is_empty());
}

#[test]
fn the_command_for_many_is_whole_on_a_terminal_too() {
    let sandbox = Sandbox::start(&["--seed", "8"]);
    let home = new_home();
    let mut listener = registered(&home, &sandbox, "*", &[]);
    let broken =
        json!({ "method": "POST", "path": "/webhooks/*/archive", "status": 500, "times": 0 });
    sandbox.fault(&broken);
    assert_eq!(listener.process.terminate().code(), Some(1));
    sandbox.ask("DELETE", "/sandbox/faults", &Value::Null);
    assert!(active(&sandbox).len() > 50);
    let said = listener.process.stderr.text();
    let hint = said.lines().rfind(|line| line.contains("hint: "));
    run_hint(home.path(), hint.expect("a hint"));
    assert!(active(&sandbox).is_empty());
}

#[test]
fn an_api_that_is_gone_at_the_end_is_said_with_the_exit_code_too() {
    let home = new_home();
    let mut sandbox = Sandbox::start(&["--seed", "7"]);
    let mut listener = registered(&home, &sandbox, "email.opened", &[]);
    sandbox.process.kill();
    assert_eq!(listener.process.terminate().code(), Some(1));
    let warning = warning(&listener.process.stdout.text());
    assert_eq!(warning["code"], "not_archived", "{warning}");
    let hint = warning["hint"].as_str().expect("words");
    assert!(hint.contains("`cmhook webhooks archive "), "{hint}");
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_one_cleans_up() {
    let sandbox = Sandbox::start(&["--seed", "4"]);
    let home = new_home();
    let mut listener = registered(&home, &sandbox, "email.opened", &[]);
    answer_never(&sandbox, "POST", "/webhooks/*/archive", false);
    listener.process.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    listener.process.signal("INT");
    assert_eq!(listener.process.wait().code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(files(home.path()).len(), 1);
    registered(&home, &sandbox, "email.sent", &[]).stop();
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn a_signal_while_it_registers_undoes_what_it_has_made() {
    let sandbox = Sandbox::start(&["--seed", "5"]);
    let home = new_home();
    let hang = json!({ "method": "GET", "path": "/webhooks/*", "status": 200, "delay_ms": 600_000, "times": 0 });
    sandbox.fault(&hang);
    let mut process = starting(&home, &sandbox, "email.*", &[]);
    until("made", || active(&sandbox).len() >= 4);
    let begin = Instant::now();
    assert_eq!(process.terminate().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn closed_output_archives() {
    let sandbox = Sandbox::start(&["--seed", "6"]);
    let home = new_home();
    let mut command = std::process::Command::new("sh");
    let line = format!(
        "{} listen --listen 127.0.0.1:0 --json --ephemeral --register --events email.sent --api {} | head -n 2",
        env!("CARGO_BIN_EXE_cmhook"),
        sandbox.url()
    );
    let mut process =
        crate::support::process::Process::start(command.args(["-c", &line]), home.path());
    // When `head` has written the second line it has gone, and perhaps the webhook too.
    for kind in ["ready", "registered"] {
        let line = process.stdout.next().expect("a line");
        assert_eq!(crate::support::listener::object(&line)["type"], kind);
    }
    until("archived", || active(&sandbox).is_empty());
    until("gone", || files(home.path()).is_empty());
}
