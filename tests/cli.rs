//! What a user types and what comes back: help, completions, manual pages, mistakes, and
//! which of flag, environment and file wins.

#![cfg(unix)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::rc::Rc;

use serde_json::Value;
use support::listener::{Listener, cmhook, home, object};
use support::sender::{Scheme, post, sign};
use support::upstream::Upstream;

/// Runs to its end, in a home of its own.
fn run(args: &[&str]) -> Output {
    let home = home();
    let mut command = cmhook();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CMHOOK_") {
            command.env_remove(name);
        }
    }
    command
        .args(args)
        .env("HOME", home.path())
        .env("CMHOOK_INSPECTOR", "0")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .current_dir(home.path())
        .output()
        .expect("cmhook starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn help_is_as_it_was_reviewed() {
    for (name, args) in [
        ("help", &["--help"][..]),
        ("help_listen", &["listen", "--help"]),
        ("help_listen_short", &["listen", "-h"]),
        ("help_demo", &["demo", "--help"]),
        ("help_relay", &["relay", "--help"]),
        ("help_relay_serve", &["relay", "serve", "--help"]),
        ("help_relay_login", &["relay", "login", "--help"]),
        ("help_doctor", &["doctor", "--help"]),
        ("help_sandbox", &["sandbox", "--help"]),
        ("help_sandbox_fire", &["sandbox", "fire", "--help"]),
        (
            "help_sandbox_deliveries",
            &["sandbox", "deliveries", "--help"],
        ),
    ] {
        let output = run(args);
        assert!(output.status.success());
        insta::assert_snapshot!(name, stdout(&output));
    }
}

#[test]
fn every_mistake_is_named_with_a_way_out() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 2, "Usage: cmhook"),
        (&["frobnicate"], 2, "unrecognized subcommand 'frobnicate'"),
        (
            &["listen", "--listen", "99999"],
            2,
            "`--listen 99999` is not an address",
        ),
        (&["listen", "a::b"], 2, "`a::b` is not a target"),
        (&["listen", "ftp://x"], 2, "only http and https"),
        (&["listen", "--secret", ""], 2, "`--secret` is empty"),
        (
            &["listen", "--secret-file", "nope"],
            2,
            "cannot read the secret file `nope`",
        ),
        (&["listen", "--reject-invalid"], 2, "no secret is known"),
        (
            &["listen", "--timeout", "soon"],
            2,
            "`--timeout soon` is not a duration",
        ),
        (
            &["listen", "--max-body", "big"],
            2,
            "`--max-body big` is not a size",
        ),
        (
            &["listen", "--keep", "0"],
            2,
            "`--keep 0` would keep nothing",
        ),
        (
            &["listen", "--status", "42"],
            2,
            "`--status 42` is no status",
        ),
        (
            &["listen", "--route", "x"],
            2,
            "is not of the form GLOB=URL",
        ),
        (&["listen", "--header", "X"], 2, "`--header X` has no colon"),
        (&["listen", "--events", "a b"], 2, "the event pattern `a b`"),
        (
            &["listen", "--ephemeral", "--durable"],
            2,
            "exclude each other",
        ),
        (
            &["listen", "--ack", "--status", "200"],
            2,
            "exclude each other",
        ),
        (
            &["listen", "--config", "nope.toml"],
            2,
            "configuration file `nope.toml`",
        ),
        (&["man", "nope"], 2, "there is no command `nope`"),
    ];
    for (args, code, message) in cases {
        let output = run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}

#[test]
fn a_mistake_is_an_object_too_where_json_was_asked_for() {
    let output = run(&["listen", "--json", "--keep", "0"]);
    let error = object(stdout(&output).trim());
    assert_eq!(error["type"], "error");
    assert_eq!(error["code"], "usage");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_port_in_use_is_named_with_its_process() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["listen", "--ephemeral", "--listen", &address, "--json"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let port = taken.local_addr().unwrap().port();
    assert!(
        said.contains(&format!("port {port} on 127.0.0.1 is in use")),
        "{said}"
    );
    if cfg!(target_os = "linux") {
        let pid = std::process::id();
        assert!(said.contains(&format!("process {pid}")), "{said}");
    }
    assert_eq!(object(stdout(&output).trim())["code"], "port_in_use");
}

#[test]
fn completions_and_manual_pages_come_for_everything() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("reject-invalid"), "{shell}");
    }
    assert!(stdout(&run(&["man"])).contains(".TH cmhook 1"));
    assert!(stdout(&run(&["man", "listen"])).contains("insecure"));
    let folder = home();
    let out = folder.path().join("man");
    assert!(
        run(&["man", "--out", out.to_str().unwrap()])
            .status
            .success()
    );
    assert!(out.join("cmhook-listen.1").is_file());
}

#[test]
fn a_closed_pipe_is_no_error() {
    for args in ["completions bash", "man", "--help", "listen --help"] {
        let script = format!(
            "{} {args} | true; exit ${{PIPESTATUS[0]}}",
            env!("CARGO_BIN_EXE_cmhook")
        );
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{args}: {}", stderr(&output));
        assert!(output.stderr.is_empty(), "{args}: {}", stderr(&output));
    }
}

#[test]
fn flags_win_over_environment_over_project_over_user() {
    let home = Rc::new(home());
    let config = home.path().join("config/cmhook");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("cmhook.toml"),
        "forward = \"127.0.0.1:1\"\nkeep = 7\n[[secrets]]\nlabel = \"user\"\nvalue = \"u\"\n",
    )
    .unwrap();
    let target = |listener: Listener| {
        let target = listener.ready["target"].clone();
        listener.stop();
        target
    };
    assert_eq!(target(Listener::start_in(&home, &[])), "http://127.0.0.1:1");
    fs::write(
        home.path().join("cmhook.toml"),
        "forward = [\"127.0.0.1:2\"]\n",
    )
    .unwrap();
    assert_eq!(target(Listener::start_in(&home, &[])), "http://127.0.0.1:2");
    assert_eq!(
        target(Listener::start_in(&home, &["-f", "127.0.0.1:4"])),
        "http://127.0.0.1:4"
    );

    let env = |pairs: &[(&str, &str)], args: &[&str]| {
        let mut command = cmhook();
        command
            .args(["listen", "--listen", "0", "--ephemeral", "--json"])
            .args(args);
        let mut process = support::process::Process::start_with(&mut command, home.path(), pairs);
        let ready = object(&process.stdout.next().expect("it starts"));
        process.terminate();
        ready
    };
    let ready = env(
        &[
            ("CMHOOK_FORWARD", "127.0.0.1:3"),
            ("CMHOOK_SECRET", "verbatim="),
        ],
        &[],
    );
    assert_eq!(ready["target"], "http://127.0.0.1:3");
    assert_eq!(ready["secrets"], 2, "secrets add up");
    let ready = env(&[("CMHOOK_FORWARD", "127.0.0.1:3")], &["-f", "127.0.0.1:4"]);
    assert_eq!(ready["target"], "http://127.0.0.1:4");
}

#[test]
fn a_mistake_in_a_file_is_named_with_its_line() {
    let home = home();
    fs::write(
        home.path().join("cmhook.toml"),
        "keep = 1\nfrobnicate = 2\n",
    )
    .unwrap();
    let output = cmhook()
        .args(["listen", "--listen", "0"])
        .env("HOME", home.path())
        .current_dir(home.path())
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("cmhook.toml` line 2") && said.contains("frobnicate"),
        "{said}"
    );
}

#[test]
fn booleans_can_be_taken_back() {
    let home = Rc::new(home());
    fs::write(
        home.path().join("cmhook.toml"),
        "ephemeral = true\nquiet = true\n",
    )
    .unwrap();
    let listener = Listener::start_in(&home, &["--ephemeral=false"]);
    assert_ne!(listener.ready["store"], Value::Null);
    listener.stop();
}

#[test]
fn the_demo_shows_both_a_success_and_a_failure_with_its_reason() {
    let output = run(&[
        "demo",
        "--listen",
        "0",
        "--interval",
        "10ms",
        "--count",
        "3",
        "--color",
        "never",
    ]);
    let said = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(said.contains("✓ signed (api-base64"), "{said}");
    assert!(said.contains("<-- 200 POST"), "{said}");
    assert!(said.contains("<-- 401 POST"), "{said}");
    assert!(
        said.contains("JSON.stringify drops the escaped slash"),
        "{said}"
    );
    assert!(stderr(&output).contains("Ready"), "{}", stderr(&output));
}

#[test]
fn quiet_says_only_what_a_script_waits_for() {
    let app = Upstream::start();
    let listener = Listener::start(&["--ephemeral", "--quiet", &app.target()]);
    post(listener.address(), None, "{}");
    app.next();
    let address = listener.address();
    let stopped = listener.stop();
    assert_eq!(stopped["received"], 1, "{address}");
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let app = Upstream::start();
    let lines = |color: &str| {
        let mut listener = Listener::start_for_a_person(&["--color", color, &app.target()]);
        let secret = sign(Scheme::CakemailHex, "x", "{}");
        post(listener.address(), Some(&secret), "{}");
        let line = listener.prints("<--");
        listener.stop();
        line
    };
    assert!(!lines("auto").contains('\x1b'));
    assert!(lines("always").contains('\x1b'));
}

#[test]
fn a_strangers_escape_sequences_never_reach_the_terminal() {
    let corpus = [
        "\x1b]0;title\x07",
        "\x1b]8;;http://evil\x1b\\link",
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1bP+q544e\x1b\\",
        "\u{9b}31m",
        "\u{90}x\u{9c}",
        "\u{202e}gnp.exe",
        "\u{2066}x\u{2069}",
        "\r\x1b[2K",
        "\x08\x7f",
    ];
    let app = Upstream::start();
    let mut people = Listener::start_for_a_person(&[&app.target()]);
    let mut scripts = Listener::start(&["--ephemeral", &app.target()]);
    for text in corpus {
        let body = serde_json::json!({"event": format!("email.{text}x"), "data": text}).to_string();
        post(people.address(), None, &body);
        post(scripts.address(), None, &body);
        for line in [
            people.prints("-->"),
            scripts.process.stdout.find("delivery", |l| {
                l.contains("\"delivery\"").then(|| l.to_owned())
            }),
        ] {
            let foreign = line.chars().find(|c| {
                c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            });
            assert_eq!(foreign, None, "{text:?} came through in {line:?}");
        }
    }
    people.stop();
    let event = scripts.stop();
    assert_eq!(event["received"], corpus.len());
}

#[test]
fn a_mistake_names_where_it_comes_from() {
    let home = home();
    fs::write(home.path().join("cmhook.toml"), "timeout = \"soon\"\n").unwrap();
    let mut command = cmhook();
    command
        .args(["listen", "--listen", "0"])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .current_dir(home.path());
    let said = stderr(&command.output().expect("cmhook starts"));
    assert!(
        said.contains("`--timeout soon` is not a duration (it comes from `"),
        "{said}"
    );
    assert!(said.contains("cmhook.toml`)"), "{said}");
    command.env("CMHOOK_TIMEOUT", "later");
    let said = stderr(&command.output().expect("cmhook starts"));
    assert!(
        said.contains("later` is not a duration (it comes from CMHOOK_TIMEOUT)"),
        "{said}"
    );
    command.args(["--timeout", "never"]);
    let said = stderr(&command.output().expect("cmhook starts"));
    assert!(said.contains("never` is not a duration\n"), "{said}");
}
