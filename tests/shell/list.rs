//! `cmhook list`.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::{Value, json};

use crate::kit::{DELIVERIES, Place, SECRET, app, masked, send_all};
use crate::support::process::Process;
use crate::support::raw;
use crate::support::sender::post;

/// What `cmhook` writes to a terminal of so many columns.
#[track_caller]
fn on_terminal(place: &Place, columns: u16, args: &[&str]) -> String {
    let size = PtySize {
        rows: 24,
        cols: columns,
        ..PtySize::default()
    };
    let pair = native_pty_system()
        .openpty(size)
        .expect("a pseudo-terminal");
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let clean = place.command(args);
    let mut builder = CommandBuilder::new(clean.get_program());
    builder.args(args);
    builder.cwd(place.path());
    for (name, value) in clean.get_envs() {
        match value {
            Some(value) => builder.env(name, value),
            None => builder.env_remove(name),
        }
    }
    builder.env("TERM", "xterm-256color");
    builder.env_remove("NO_COLOR");
    let mut child = pair.slave.spawn_command(builder).expect("cmhook starts");
    drop(pair.slave);
    // A terminal whose other end is gone gives an error in place of an end.
    let reading: JoinHandle<Vec<u8>> = std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = reader.read_to_end(&mut all);
        all
    });
    child.wait().expect("it ends");
    let all = reading.join().expect("the reader ends");
    String::from_utf8(all).expect("UTF-8").replace("\r\n", "\n")
}

fn ids(listed: &Value) -> Vec<i64> {
    let list = listed.as_array().expect("an array");
    list.iter()
        .map(|one| one["id"].as_i64().expect("an id"))
        .collect()
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!("help_list", place.run(&["list", "--help"]).coded(0).text());
}

#[test]
fn a_pipe_gets_tabs_and_whole_values() {
    let place = Place::new();
    place.fill();
    place.run(&["mark", "4"]).coded(0);
    let ran = place.run(&["list"]).coded(0);
    assert_eq!(ran.stderr, "");
    for line in ran.text().lines() {
        assert_eq!(line.split('\t').count(), 7, "{line}");
    }
    insta::assert_snapshot!("piped", took_masked(&masked(ran.text(), &place)));
    let wide = place.run(&["ls", "--wide"]).coded(0);
    insta::assert_snapshot!("piped_wide", took_masked(&masked(wide.text(), &place)));
}

/// Times and durations differ from run to run.
fn took_masked(text: &str) -> String {
    let line = |line: &str| {
        let mut values: Vec<&str> = line.split('\t').collect();
        assert!(values[5].parse::<f64>().is_ok(), "{line}");
        values[5] = "12.345";
        values.join("\t")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_terminal_gets_a_table() {
    let place = Place::new();
    place.fill();
    let table = masked(&on_terminal(&place, 100, &["list"]), &place);
    for part in [
        "␛[2mEVENT␛[0m",
        " 1  ␛[2m10:32:07␛[0m  ␛[1memail.sent␛[0m",
        "␛[32m✓ valid␛[0m     ␛[32m200␛[0m",
        "␛[31m✗ invalid␛[0m   ␛[31m401␛[0m",
        "␛[2m· unsigned␛[0m",
        "␛[2mPOST /webhooks/cakemail␛[0m",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    let plain = on_terminal(&place, 60, &["list", "--wide", "--color", "never"]);
    assert!(!plain.contains('\x1b'), "{plain}");
    for line in plain.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
    assert!(plain.contains('…'), "{plain}");
    for columns in [30, 60] {
        let wide = on_terminal(&place, columns, &["list", "--wide", "--color", "never"]);
        assert!(wide.contains("STATUS") && wide.contains(" 401"), "{wide}");
    }
    let json = on_terminal(&place, 100, &["list", "--json", "id,event", "-n", "1"]);
    assert_eq!(
        json.replace('\x1b', "␛"),
        "[\n  {\n    ␛[1m␛[34m\"id\"␛[0m: 5,\n    ␛[1m␛[34m\"event\"␛[0m: ␛[36mnull␛[0m\n  }\n]\n"
    );
}

#[test]
fn filters_limits_and_times_choose() {
    let place = Place::new();
    place.fill();
    let listed = |args: &[&str]| {
        let mut all = vec!["list", "--json"];
        all.extend(args);
        ids(&place.run(&all).coded(0).json())
    };
    assert_eq!(listed(&[]), [1, 2, 3, 4, 5]);
    assert_eq!(listed(&["--limit", "2"]), [4, 5]);
    assert_eq!(listed(&["--limit", "0"]), [1, 2, 3, 4, 5]);
    assert_eq!(listed(&["--filter", "status:>=400"]), [2, 3]);
    assert_eq!(
        listed(&["--filter", "data.email:*@example.com -sig:invalid"]),
        [1, 2]
    );
    assert_eq!(listed(&["--filter", "\"https://example.com/a\""]), [2]);
    assert_eq!(
        listed(&["--filter", "data.campaign_id:790", "--limit", "1"]),
        [4]
    );
    assert_eq!(listed(&["--since", "1h"]), [1, 2, 3, 4, 5]);
    let none = place.run(&["list", "--since", "0s", "--json"]).coded(1);
    assert_eq!(
        (none.text(), &*none.stderr),
        ("[]\n", "No delivery matches.\n")
    );
    let none = place
        .run(&["list", "--filter", "event:email.opend"])
        .coded(1);
    assert_eq!(none.text(), "");
    insta::assert_snapshot!("no_match", none.stderr);
}

#[test]
fn more_than_the_limit_is_said() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target()]);
    for _ in 0..51 {
        post(listener.address(), None, "{}");
        listener.delivery();
    }
    let ran = place.run(&["list", "--jq", "length"]).coded(0);
    assert_eq!(ran.text(), "50\n");
    assert_eq!(
        ran.stderr,
        "These are the newest 50; `--limit 0` lists all, `--limit N` more.\n"
    );
    let ran = place
        .run(&["list", "--limit", "3", "--jq", "map(.id)"])
        .coded(0);
    assert_eq!((ran.text(), &*ran.stderr), ("[49,50,51]\n", ""));
    let ran = place
        .run(&[
            "list",
            "--limit",
            "0",
            "--filter",
            "-is:duplicate",
            "--jq",
            "map(.id)",
        ])
        .coded(0);
    assert_eq!(ran.text(), "[1]\n");
    listener.stop();
}

#[test]
fn json_fields_and_jq() {
    let place = Place::new();
    place.fill();
    let all = place.run(&["list", "--json"]).coded(0).json();
    assert_eq!(all[1]["request"]["body"], json!(DELIVERIES[1].0));
    assert_eq!(all[1]["status"], json!(500));
    assert_eq!(all[1]["attempts"][0]["n"], json!(1));
    let picked = place
        .run(&["list", "--json", "id,status", "--limit", "2"])
        .coded(0);
    assert_eq!(
        picked.text(),
        "[{\"id\":4,\"status\":200},{\"id\":5,\"status\":200}]\n"
    );
    let raw = place.run(&[
        "list",
        "--jq",
        ".[].event, (.[0] | .request.body | fromjson.data.email)",
    ]);
    assert_eq!(
        raw.coded(0).text(),
        "email.sent\nemail.opened\nemail.bounced\ncampaign.sent\nnull\nuser@example.com\n"
    );
    let failed = place.run(&["list", "--jq", ".[0].id, .x"]).coded(1);
    assert_eq!(failed.text(), "1\n");
    assert!(
        failed
            .stderr
            .starts_with("error: the jq expression failed: "),
        "{}",
        failed.stderr
    );
}

#[test]
fn mistakes_are_named() {
    let place = Place::new();
    place.fill();
    let mut said = String::new();
    for args in [
        &["list", "--json", "id,evnt"][..],
        &["list", "--jq", ".[] | foo"],
        &["list", "--filter", "event:a staus:5xx"],
        &["list", "--since", "soon"],
        &["list", "5"],
    ] {
        let ran = place.run(args).coded(2);
        // The mistake is told as JSON too where JSON was asked for.
        let as_json = args.contains(&"--json");
        assert_eq!(
            ran.text().contains("\"type\":\"error\""),
            as_json,
            "{args:?}"
        );
        said.extend(["$ cmhook ", &args.join(" "), "\n", &ran.stderr, "\n"]);
    }
    place.run(&["list", "--limit", "x"]).coded(2);
    insta::assert_snapshot!("mistakes", said);
}

#[test]
fn without_a_store_and_with_an_empty_one() {
    let place = Place::new();
    let ran = place.run(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "no_store");
    insta::assert_snapshot!("no_store", masked(&ran.stderr, &place));
    place.listener(&[]).stop();
    let ran = place.run(&["list"]).coded(1);
    assert_eq!(
        (ran.text(), &*ran.stderr),
        ("", "No deliveries are kept yet.\n")
    );
    let ran = place.run(&["list", "--json", "id"]).coded(1);
    assert_eq!(ran.text(), "[]\n");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    place.fill();
    for args in ["list", "list --json", "list --jq .[].id"] {
        let listed = place.command(&[]);
        let program = listed.get_program().to_string_lossy().into_owned();
        let mut shell = Command::new("bash");
        let script = format!("set -o pipefail; '{program}' {args} | head -1 >/dev/null");
        shell.args(["-c", &script]).current_dir(place.path());
        for (name, value) in listed.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell.stdin(Stdio::null()).output().expect("bash starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{args}: {said}");
    }
}

#[test]
fn what_comes_in_is_followed() {
    let place = Place::new();
    place.fill();
    let app = app();
    let secret = format!("main={SECRET}");
    let mut listener = place.listener(&["--forward", &app.target(), "--secret", &secret]);
    let mut command = place.command(&[
        "list",
        "--follow",
        "--jq",
        "\"\\(.id) \\(.status)\"",
        "--filter",
        "-event:campaign.*",
    ]);
    let mut following = Process::start(&mut command, place.path());
    for line in ["1 200", "2 500", "3 401", "5 200"] {
        assert_eq!(following.stdout.next().as_deref(), Some(line));
    }
    send_all(&mut listener);
    // A delivery may be seen before its attempt, and is listed again then.
    for line in ["6 200", "7 500", "8 401", "10 200"] {
        following
            .stdout
            .find(line, |said| (said == line).then_some(()));
    }
    drop(following);
    listener.stop();
}

#[test]
fn a_follower_ends_when_nobody_reads() {
    let place = Place::new();
    let mut listener = place.listener(&[]);
    post(listener.address(), None, "{}");
    listener.delivery();
    let mut child = place
        .command(&["list", "--follow", "--jq", ".id"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cmhook starts");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let mut first = [0; 2];
    stdout.read_exact(&mut first).expect("a line");
    assert_eq!(&first, b"1\n");
    drop(stdout);
    post(listener.address(), None, "{}");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    listener.stop();
}

#[cfg(unix)]
#[test]
fn a_follower_that_has_nothing_to_say_ends_when_nobody_reads() {
    let place = Place::new();
    place.fill();
    for args in [
        &["list", "--follow", "--jq", ".id"][..],
        &["list", "--follow", "--filter", "id:1", "--jq", ".id"],
    ] {
        let mut child = place
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cmhook starts");
        let mut stdout = child.stdout.take().expect("stdout is piped");
        let mut first = [0; 2];
        stdout.read_exact(&mut first).expect("a line");
        assert_eq!(&first, b"1\n");
        drop(stdout);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success());
    }
}

/// A shell reports it as 130.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_follower() {
    use std::os::unix::process::ExitStatusExt as _;
    let place = Place::new();
    place.fill();
    let mut command = place.command(&["list", "--follow", "--jq", ".id"]);
    let mut following = Process::start(&mut command, place.path());
    assert_eq!(following.stdout.next().as_deref(), Some("1"));
    following.signal("INT");
    assert_eq!(following.wait().signal(), Some(2));
}

#[test]
fn a_new_attempt_lists_a_delivery_again() {
    let place = Place::new();
    place.fill();
    let app = app();
    let listener = place.listener(&["--forward", &app.target()]);
    let mut command = place.command(&["list", "-f", "-n", "1", "--json", "id,replays"]);
    let mut following = Process::start(&mut command, place.path());
    let mut next = || following.stdout.next().expect("a line");
    assert_eq!(next(), "{\"id\":5,\"replays\":0}");
    // One that is older than what was listed.
    let file = place.store().with_file_name("deliveries.db.api");
    let running: Value =
        serde_json::from_slice(&fs::read(file).expect("the runtime file")).expect("JSON");
    let text = |name: &str| running[name].as_str().expect("a text").to_owned();
    let request = format!(
        "POST /api/v1/deliveries/2/replay HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
        text("api"),
        text("token"),
    );
    let answer = raw::ask(text("api").parse().expect("an address"), request);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(next(), "{\"id\":2,\"replays\":1}");
    drop(following);
    listener.stop();
}
