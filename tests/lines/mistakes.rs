//! What cannot start says so twice where JSON was asked for: an object for the script and
//! words for whoever looks at it, with the exit code that is documented.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::captured::{Captured, Ended, Listening, command};
use crate::support::listener::home;

#[track_caller]
fn run_in(home: &TempDir, change: impl FnOnce(&mut Command)) -> Ended {
    let mut command = command(home.path());
    change(&mut command);
    Captured::start(&mut command, home.path()).end()
}

/// The only object on standard output, whose words are on standard error too.
#[track_caller]
fn object(ended: &Ended, code: &str, exit: i32) -> Value {
    assert_eq!(ended.status.code(), Some(exit), "{}", ended.text());
    let objects = ended.objects();
    let [object] = &objects[..] else {
        panic!("not one object: {}", ended.text());
    };
    let mut names: Vec<_> = object.as_object().expect("an object").keys().collect();
    names.sort();
    assert_eq!(names, ["code", "hint", "message", "type"], "{object}");
    assert_eq!(object["type"], "error");
    assert_eq!(object["code"], code, "{object}");
    let message = object["message"].as_str().expect("text");
    let said = ended.stderr();
    assert!(
        said.starts_with(&format!("error: {message}")),
        "{}",
        ended.text()
    );
    assert!(
        !object["hint"].as_str().expect("text").is_empty(),
        "{object}"
    );
    object.clone()
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("a port").port();
    let ended = run_in(&home(), |command| {
        command.args(["listen", "--json", "--ephemeral", "-l", &port.to_string()]);
    });
    let error = object(&ended, "port_in_use", 1);
    let message = error["message"].as_str().expect("text");
    assert!(message.contains(&port.to_string()), "{message}");
    assert!(
        message.contains(&format!("process {}", std::process::id())),
        "{message}"
    );
}

#[test]
fn a_bad_target_and_a_target_that_is_cmhook_itself() {
    let ended = run_in(&home(), |command| {
        command.args(["listen", "--json", "ftp://x"]);
    });
    object(&ended, "usage", 2);
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("a port").port().to_string();
    drop(free);
    let ended = run_in(&home(), |command| {
        command.args(["listen", "--json", "--ephemeral", "-l", &port, &port]);
    });
    object(&ended, "loop", 2);
}

#[test]
fn a_store_in_use_and_what_is_no_store() {
    let listener = Listening::start_in(home(), &["--store", "here.db"], |_| {});
    let args = ["listen", "--json", "-l", "0", "--store", "here.db"];
    let ended = run_in(&listener.home, |command| {
        command.args(args);
    });
    let error = object(&ended, "store_in_use", 1);
    let message = error["message"].as_str().expect("text");
    assert!(
        message.contains(&listener.process.id().to_string()),
        "{message}"
    );
    listener.process.stop();

    let home = home();
    fs::write(home.path().join("here.db"), "something else altogether").expect("a file");
    let ended = run_in(&home, |command| {
        command.args(args);
    });
    object(&ended, "not_a_store", 1);
    let left = fs::read(home.path().join("here.db")).expect("a file");
    assert_eq!(left, b"something else altogether");
}

#[test]
fn a_configuration_file_that_is_not_there_or_wrong() {
    let home = home();
    let ended = run_in(&home, |command| {
        command.args(["listen", "--json", "--config", "nowhere.toml"]);
    });
    let error = object(&ended, "usage", 2);
    assert!(
        error["message"]
            .as_str()
            .expect("text")
            .contains("nowhere.toml"),
        "{error}"
    );
    fs::write(home.path().join("cmhook.toml"), "keep = 1\nkeep = 2\n").expect("a file");
    let ended = run_in(&home, |command| {
        command.args(["listen", "--json"]);
    });
    let error = object(&ended, "usage", 2);
    assert!(
        error["message"].as_str().expect("text").contains("line 2"),
        "{error}"
    );
}

#[test]
fn mistakes_in_flags_are_objects_too() {
    for args in [
        &["listen", "--json", "--frobnicate"][..],
        &["listen", "--frobnicate", "--json=true"],
        &["listen", "--json=no", "--json", "--keep", "many"],
        &["listen", "--json", "--color", "pink"],
        &["listen", "--json", "--secret"],
        &["listen", "--json", "--secret", "--secret"],
        &["demo", "--json", "--interval"],
        &["--json"],
    ] {
        let ended = run_in(&home(), |command| {
            command.args(args);
        });
        object(&ended, "usage", 2);
    }
    for value in ["1", "true", "yes"] {
        let ended = run_in(&home(), |command| {
            command
                .args(["listen", "--frobnicate"])
                .env("CMHOOK_JSON", value);
        });
        object(&ended, "usage", 2);
    }
    let similar = run_in(&home(), |command| {
        command.args(["listen", "--json", "--secrt", "x"]);
    });
    let error = object(&similar, "usage", 2);
    assert!(
        error["hint"].as_str().expect("text").contains("'--secret'"),
        "{error}"
    );
}

#[test]
fn a_file_that_asks_for_json_gets_errors_in_json() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("a port").port();
    let home = home();
    for (file, code, exit) in [
        ("json = true\nkeep = 0\n".to_owned(), "usage", 2),
        (
            format!("json = true\nlisten = \"{port}\"\n"),
            "port_in_use",
            1,
        ),
    ] {
        fs::write(home.path().join("cmhook.toml"), file).expect("a file");
        let ended = run_in(&home, |command| {
            command.arg("listen");
        });
        object(&ended, code, exit);
        let ended = run_in(&home, |command| {
            command.args(["listen", "--json=false"]);
        });
        assert!(ended.out.is_empty(), "{}", ended.text());
        assert_eq!(ended.status.code(), Some(exit));
    }
}

#[test]
fn without_json_there_is_nothing_on_standard_output() {
    for args in [
        &["listen", "--frobnicate"][..],
        &["listen", "--json=false", "--frobnicate"],
        &["listen", "--json=0", "--keep", "0"],
        &["listen", "--frobnicate", "--", "--json"],
        &["listen", "--keep", "0"],
        &[],
    ] {
        let ended = run_in(&home(), |command| {
            command.args(args);
        });
        assert_eq!(ended.status.code(), Some(2), "{}", ended.text());
        assert!(ended.out.is_empty(), "{}", ended.text());
        assert!(!ended.err.is_empty(), "{args:?}");
    }
}

#[test]
fn what_toml_says_is_in_words_that_help() {
    for (file, words) in [
        (
            "forward = true",
            "line 1: `forward`: it must be a text or a list of texts",
        ),
        ("listen = [1]", "`listen`: it must be a text or a number"),
        ("ack = \"yes\"", "line 1: `ack`: it must be true or false"),
        ("status = \"x\"", "`status`: it must be a number"),
        (
            "\n[[secrets]]\nvalue = 7",
            "line 3: `value`: it must be a text",
        ),
        ("frobnicate = 1", "there is no setting `frobnicate`"),
        ("color = \"pink\"", "unknown variant `pink`"),
    ] {
        let home = home();
        fs::write(home.path().join("cmhook.toml"), file).expect("a file");
        let ended = run_in(&home, |command| {
            command.arg("listen");
        });
        assert_eq!(ended.status.code(), Some(2), "{}", ended.text());
        assert!(ended.stderr().contains(words), "{file}: {}", ended.text());
    }
}
