//! A secret that is easy to find, given in every way there is: it must not be in anything
//! that is written, and what is shown in its place must be the right label.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::captured::{Captured, Ended, Listening, command};
use crate::support::listener::home;
use crate::support::raw::{RawApp, ask, request};
use crate::support::sender::{Scheme, sign};

/// Neither hex nor base64, so that it is not found by chance.
const SENTINEL: &str = "sentinel-5ecre7!";

/// A part of it is as bad.
#[track_caller]
fn clean(bytes: &[u8], what: &str) {
    for part in ["sentinel", "5ecre7"] {
        let found = bytes.windows(part.len()).any(|w| w == part.as_bytes());
        let text = String::from_utf8_lossy(bytes);
        assert!(!found, "{what} holds the secret: {text}");
    }
}

#[track_caller]
fn all_clean(ended: &Ended, what: &str) {
    clean(&ended.out, what);
    clean(&ended.err, what);
}

/// Every file below a folder, but those that hold the secret because the test put it there.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn private(home: &TempDir, name: &str, text: &str) -> String {
    let path = home.path().join(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
    path.to_str().expect("UTF-8").to_owned()
}

/// Deliveries that make it speak of the secret: right in every scheme, and wrong in the ways
/// whose explanation uses the secret.
fn deliver(listener: &Listening, app: &RawApp) {
    let body = r#"{"event":"email.opened","data":{"url":"https:\/\/example.com"}}"#;
    let send = |fields: &str| {
        let answer = ask(listener.address, request("POST /", fields, body.as_bytes()));
        clean(&answer.head, "an answer");
        clean(&answer.body, "an answer");
        clean(&app.next().head, "a forwarded request");
    };
    for scheme in Scheme::ALL {
        let (name, right) = sign(scheme, SENTINEL, body);
        send(&format!("{name}: {right}\r\n"));
        send(&format!("{name}: {}\r\n", right.to_uppercase()));
        send(&format!("{name}: {}\r\n", &right[..40]));
        send(&format!("{name}: sha256={right}\r\n"));
        for nearly in [
            format!("{SENTINEL}\n"),
            format!("{SENTINEL}\r\n"),
            "another".into(),
            SENTINEL.replace("sentinel-", ""),
        ] {
            let (name, value) = sign(scheme, &nearly, body);
            send(&format!("{name}: {value}\r\n"));
        }
        let (name, value) = sign(scheme, SENTINEL, body.replace("\\/", "/"));
        send(&format!("{name}: {value}\r\n"));
    }
    send("");
}

#[test]
fn a_secret_given_in_any_way_is_written_nowhere() {
    // The app refuses everything, so that there is an explanation for each right one.
    let app = RawApp::answering(|_| b"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n".to_vec());
    let target = app.target();
    let named = format!("main={SENTINEL}");
    for way in [
        "flag",
        "named",
        "file",
        "variable",
        "table",
        "table's variable",
    ] {
        for style in [&["--json"][..], &["--color", "always"], &["-vv"]] {
            let home = home();
            let file = private(&home, "secrets.txt", &format!("{SENTINEL}\nother\n"));
            let (value, env) = (
                format!("value = '{SENTINEL}'"),
                "env = 'MY_SECRET'".to_owned(),
            );
            if let Some(line) = match way {
                "table" => Some(value),
                "table's variable" => Some(env),
                _ => None,
            } {
                private(
                    &home,
                    "cmhook.toml",
                    &format!("[[secrets]]\nlabel = 'main'\n{line}\n"),
                );
            }
            let given: &[&str] = match way {
                "flag" => &["--secret", SENTINEL],
                "named" => &["-s", &named],
                "file" => &["--secret-file", &file],
                _ => &[],
            };
            let args = [style, given, &[&target]].concat();
            let variable = match way {
                "variable" => "CMHOOK_SECRET",
                _ => "MY_SECRET",
            };
            let listener = Listening::start_in(home, &args, |command| {
                if way.contains("variable") {
                    command.env(variable, SENTINEL);
                }
            });
            deliver(&listener, &app);
            let home = std::rc::Rc::clone(&listener.home);
            let what = format!("{way} {style:?}");
            if way != "flag" && way != "named" {
                let command_line = fs::read(format!("/proc/{}/cmdline", listener.process.id()));
                clean(&command_line.unwrap_or_default(), "the command line");
            }
            // With its write-ahead log, which a clean stop folds in.
            let mut kept = Vec::new();
            files(&home.path().join("data"), &mut kept);
            assert!(!kept.is_empty());
            for path in &kept {
                clean(
                    &fs::read(path).expect("a file"),
                    &path.display().to_string(),
                );
            }
            let ended = listener.process.stop();
            all_clean(&ended, &what);
            assert!(
                ended.stdout().contains("cakemail-base64"),
                "{what}: {}",
                ended.text()
            );
            let mut kept = Vec::new();
            files(&home.path().join("data"), &mut kept);
            for path in kept {
                clean(
                    &fs::read(&path).expect("a file"),
                    &path.display().to_string(),
                );
            }
        }
    }
}

/// A cmhook that cannot start.
#[track_caller]
fn fails(home: &TempDir, change: impl Fn(&mut Command)) -> String {
    for json in [&[][..], &["--json"]] {
        let mut command = command(home.path());
        command.arg("listen").args(json);
        change(&mut command);
        let ended = Captured::start(&mut command, home.path()).end();
        assert_eq!(ended.status.code(), Some(2), "{}", ended.text());
        assert!(!ended.err.is_empty());
        assert_eq!(ended.out.is_empty(), json.is_empty(), "{}", ended.text());
        all_clean(&ended, &format!("{command:?}"));
        if !json.is_empty() {
            return ended.stderr().to_owned();
        }
    }
    unreachable!("the second one returns")
}

#[test]
fn a_mistake_beside_a_secret_does_not_print_it() {
    for file in [
        // Each a mistake on the secret's own line, or right beside it.
        "[[secrets]]\nvalue = 'SECRET",
        "[[secrets]]\nvalue = SECRET",
        "[[secrets]]\nvalue = 'SECRET' x",
        "[[secrets]]\nvalue 'SECRET'",
        "[[secrets]]\nvalue = \"SECRET\\q\"",
        "[[secrets]]\nvalue = ['SECRET']",
        "[[secrets]]\nvalue = { text = 'SECRET' }",
        "[[secrets]]\nvalu = 'SECRET'",
        "[[secrets]]\nvalue = 'SECRET'\nvalue = 'SECRET'",
        "[[secrets]]\nvalue = 'SECRET'\nenv = 'HOME'",
        "[[secrets]]\nenv = 'SECRET'",
        "[[secrets]]\nvalue = 'SECRET'\nlabel = 7",
        "[secrets]\nvalue = 'SECRET'",
        "secrets = 'SECRET'",
        "secrets = ['SECRET']",
        "secret = 'SECRET'",
        "keep = 'SECRET'",
        "headers = 'Authorization Bearer SECRET'",
        "headers = 'Authorization: Bearer SECRET\u{1}'",
        "headers = ['Content-Length: SECRET']",
        "headers = { Authorization = 'SECRET' }",
        "forward = 'http://user:SECRET@localhost:x'",
        "forward = 'http://user:SECRET@localhost:3000/'",
    ] {
        let home = home();
        private(&home, "cmhook.toml", &file.replace("SECRET", SENTINEL));
        fails(&home, |_| {});
    }
    let home = home();
    let gap = private(&home, "gap.txt", &format!("{SENTINEL}\n\n{SENTINEL}\n"));
    let said = fails(&home, |command| {
        command.args(["--secret-file", &gap]);
    });
    assert!(said.contains("line 2 of the secret file"), "{said}");
    let broken = home.path().join("broken.txt");
    fs::write(&broken, [SENTINEL.as_bytes(), b"\n\xff\n"].concat()).expect("a file");
    fails(&home, |command| {
        command.arg("--secret-file").arg(&broken);
    });

    for args in [
        // It begins like a flag, stands before the command, or follows a typo.
        &["--secret", "-SECRET"][..],
        &["--secret", "--SECRET"],
        &["-s", "-SECRET"],
        &["--secrt=SECRET"],
        &["--secret=SECRET", "--keep", "0"],
        &["--secret", "SECRET", "--secret", ""],
        &["--secret", "SECRET", "--no-such-flag"],
        &["--header", "Authorization Bearer SECRET"],
        &["--header", "Authorization=SECRET"],
    ] {
        let args: Vec<_> = args
            .iter()
            .map(|arg| arg.replace("SECRET", SENTINEL))
            .collect();
        fails(&home, |command| {
            command.args(&args);
        });
    }
    for (name, value) in [("CMHOOK_KEEP", "0"), ("CMHOOK_STATUS", "x")] {
        fails(&home, |command| {
            command.env("CMHOOK_SECRET", SENTINEL).env(name, value);
        });
    }
}

#[test]
fn an_empty_secret_is_refused_wherever_it_stands() {
    let home = home();
    let empty = private(&home, "empty.txt", "");
    let line = private(&home, "line.txt", "\n");
    let crlf = private(&home, "crlf.txt", "one\r\n\r\n");
    for args in [
        ["--secret", ""],
        ["--secret-file", &*empty],
        ["--secret-file", &*line],
        ["--secret-file", &*crlf],
    ] {
        let said = fails(&home, |command| {
            command.args(args);
        });
        assert!(said.contains("empty"), "{args:?}: {said}");
    }
    let said = fails(&home, |command| {
        command.env("CMHOOK_SECRET", "");
    });
    assert!(said.contains("CMHOOK_SECRET is empty"), "{said}");
    private(
        &home,
        "cmhook.toml",
        "[[secrets]]\nlabel = 'main'\nvalue = ''\n",
    );
    let said = fails(&home, |_| {});
    assert!(said.contains("`main` is empty"), "{said}");
}

#[test]
fn a_name_without_a_secret_is_doubted() {
    for (secret, doubted) in [
        ("bounces=", true),
        ("bounces==", true),
        ("bounces=x", false),
        ("=bounces", false),
        ("5P0hJ8mVw0qQd0K2cX9yRg==", false),
    ] {
        let ended = Listening::start(&["-s", secret]).process.stop();
        let said = ended.stderr();
        assert_eq!(
            said.contains("`--secret 1` is taken whole"),
            doubted,
            "{said}"
        );
    }
}

#[test]
fn the_help_says_where_a_secret_is_safer() {
    let help = crate::captured::run(&["listen", "--help"]);
    let help = help.stdout().to_owned();
    let about = help.split("--secret <S>").nth(1).expect("the flag");
    let about = about
        .split("--secret-file")
        .next()
        .expect("the text before the next one");
    assert!(
        about.contains("CMHOOK_SECRET") && about.contains("file"),
        "{about}"
    );
}

#[test]
fn a_file_of_secrets_that_others_can_read_is_warned_of() {
    let home = home();
    let file = private(&home, "secrets.txt", "one\n");
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode));
    for (bits, warned) in [(0o644, true), (0o640, true), (0o600, false)] {
        mode(bits).expect("ours");
        let listener = Listening::start(&["--secret-file", &file]);
        let ended = listener.process.stop();
        let said = ended.stderr();
        assert_eq!(said.contains("chmod 600"), warned, "{bits:o}: {said}");
    }
}

#[test]
fn of_several_secrets_the_one_that_matched_is_named() {
    let home = home();
    let file = private(&home, "rotation.txt", "from-file-1\nfrom-file-2\n");
    private(
        &home,
        "cmhook.toml",
        "[[secrets]]\nlabel = 'labelled'\nvalue = 'from-table'\n\
         [[secrets]]\nevent = 'email.bounced'\nvalue = 'of-bounces'\n\
         [[secrets]]\nvalue = 'nameless'\n",
    );
    let args = [
        "--json",
        "--ephemeral",
        "-s",
        "plain",
        "-s",
        "old=a=b",
        "--secret-file",
        &file,
    ];
    let listener = Listening::start_in(home, &args, |command| {
        command.env("CMHOOK_SECRET", "spare=from-env");
    });
    let known = [
        ("plain", "secret-1"),
        ("a=b", "old"),
        ("spare=from-env", "CMHOOK_SECRET"),
        ("from-file-1", "rotation.txt:1"),
        ("from-file-2", "rotation.txt:2"),
        ("from-table", "labelled"),
        ("of-bounces", "email.bounced"),
        ("nameless", "secret"),
    ];
    // An event's own secret is tried for every event, and so is every other one for it.
    let body = br#"{"event":"email.opened"}"#;
    for (secret, _) in known {
        let (name, value) = sign(Scheme::ApiBase64, secret, body);
        ask(
            listener.address,
            request("POST /", &format!("{name}: {value}\r\n"), body),
        );
    }
    for secret in ["old=a=b", "b", "from-env", "from-file-1\n", "Plain"] {
        let (name, value) = sign(Scheme::ApiBase64, secret, body);
        ask(
            listener.address,
            request("POST /", &format!("{name}: {value}\r\n"), body),
        );
    }
    let objects = listener.process.stop().objects();
    assert_eq!(objects[0]["secrets"], known.len());
    let verdicts = objects
        .iter()
        .filter(|o| o["type"] == "delivery")
        .map(|o| &o["verdict"]);
    let labels: Vec<_> = verdicts.map(|v| v["secret"].as_str()).collect();
    let expected = known
        .map(|(_, label)| Some(label))
        .into_iter()
        .chain([None; 5]);
    assert_eq!(labels, expected.collect::<Vec<_>>());
}

/// What a debugger's print or a careless `{:?}` in an error would show.
#[test]
fn debug_output_hides_secrets() {
    use clap::Parser as _;
    let named = format!("main={SENTINEL}");
    let header = format!("Authorization: Bearer {SENTINEL}");
    let args = [
        "cmhook",
        "listen",
        "-s",
        &named,
        "--secret",
        SENTINEL,
        "--ephemeral",
    ];
    let cli = cmhook::cli::Cli::try_parse_from(args).expect("arguments");
    clean(format!("{cli:?}").as_bytes(), "the arguments");
    let raw = cmhook::config::Raw {
        secret: vec![named.into(), SENTINEL.into()],
        header: Some(cmhook::config::OneOrMany::One(header)),
        ephemeral: Some(true),
        ..Default::default()
    };
    let settings = cmhook::config::resolve(
        cmhook::config::Raw {
            header: None,
            ..raw.clone()
        },
        cmhook::config::ConfigFiles::default(),
    );
    clean(format!("{settings:?}").as_bytes(), "the settings");
    let settings = cmhook::config::resolve(raw, cmhook::config::ConfigFiles::default());
    clean(
        format!("{settings:?}").as_bytes(),
        "the settings with a header",
    );
}
