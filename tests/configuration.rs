//! The same settings from the user's file, the project's, the environment and flags: which
//! wins, and what is said of those that cannot be used.

#![cfg(unix)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use support::listener::{cmhook, home, object};
use support::process::Process;
use support::raw::{Message, RawApp, ask, request};
use support::sender::{Scheme, post, sign};
use tempfile::TempDir;

/// What a source says: the line of a file, the variable, the flags.
struct Setting<'a> {
    file: &'a str,
    variable: (&'a str, &'a str),
    flags: &'a [&'a str],
}

/// A listener with exactly these sources.
struct Running {
    process: Process,
    ready: Value,
    address: SocketAddr,
    _home: TempDir,
}

/// Which sources speak.
#[derive(Debug, Default, Clone, Copy)]
struct Sources<'a> {
    user: &'a str,
    project: &'a str,
    variables: &'a [(&'a str, &'a str)],
    flags: &'a [&'a str],
}

impl Sources<'_> {
    fn command(&self, home: &TempDir) -> Process {
        let config = home.path().join("config/cmhook");
        fs::create_dir_all(&config).expect("a folder");
        write(&config.join("cmhook.toml"), self.user);
        write(&home.path().join("cmhook.toml"), self.project);
        let mut command = cmhook();
        command.args(["listen", "--listen", "127.0.0.1:0", "--json"]);
        command.args(self.flags);
        Process::start_with(&mut command, home.path(), self.variables)
    }

    #[track_caller]
    fn start(&self) -> Running {
        self.start_in(home())
    }

    /// The same in a project folder with further files.
    #[track_caller]
    fn start_in(&self, home: TempDir) -> Running {
        let mut process = self.command(&home);
        let Some(line) = process.stdout.next() else {
            process.stderr.drain();
            panic!("it did not start: {}", process.stderr.text());
        };
        let ready = object(&line);
        assert_eq!(ready["type"], "ready", "{ready}");
        let url = ready["url"].as_str().expect("a URL");
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        Running {
            address: address.parse().expect("an address"),
            process,
            ready,
            _home: home,
        }
    }

    /// What it says of why it does not start.
    #[track_caller]
    fn refused(&self) -> String {
        let home = home();
        let mut process = self.command(&home);
        if let Some(line) = process.stdout.next() {
            assert!(!line.contains("ready"), "it starts with {self:?}");
        }
        let status = process.wait();
        let said = process.stderr.text();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}

fn write(file: &Path, text: &str) {
    if !text.is_empty() {
        fs::write(file, text).expect("a file");
    }
}

impl Running {
    #[track_caller]
    fn send(&self, body: &str) -> Message {
        ask(self.address, request("POST /", "", body.as_bytes()))
    }

    #[track_caller]
    fn next(&mut self, kind: &str) -> Value {
        self.process.stdout.find(kind, |line| {
            let object = object(line);
            (object["type"] == kind).then_some(object)
        })
    }

    #[track_caller]
    fn stop(mut self) {
        let status = self.process.terminate();
        assert_eq!(
            status.code(),
            Some(0),
            "{status}: {}",
            self.process.stderr.text()
        );
    }
}

/// Gives the setting by one source more at a time, from the weakest to the strongest, and
/// checks each time that the newcomer has won.
#[track_caller]
fn each_source_beats_the_one_before(
    settings: [Setting; 4],
    also: &[&str],
    observe: impl Fn(&mut Running) -> usize,
) {
    let [user, project, variable, flag] = settings;
    for strongest in 0..4 {
        let variables = [variable.variable];
        let flags = [also, if strongest == 3 { flag.flags } else { &[] }].concat();
        let sources = Sources {
            user: user.file,
            project: if strongest >= 1 { project.file } else { "" },
            variables: if strongest >= 2 { &variables } else { &[] },
            flags: &flags,
        };
        let mut running = sources.start();
        let winner = observe(&mut running);
        assert_eq!(winner, strongest, "0 is the user's file, 3 a flag");
        running.stop();
    }
}

/// The same setting with four values, by every source.
macro_rules! settings {
    ($key:literal, $variable:literal, $flag:literal, $values:expr) => {{
        let values: [&str; 4] = $values;
        let quoted = |value: &str| {
            let bare = value.parse::<u64>().is_ok() || ["true", "false"].contains(&value);
            if bare {
                value.to_owned()
            } else {
                format!("{value:?}")
            }
        };
        let files = values.map(|value| format!(concat!($key, " = {}\n"), quoted(value)));
        let flags = values.map(|value| format!(concat!($flag, "={}"), value));
        (files, values.map(|value| ($variable, value)), flags)
    }};
}

macro_rules! check {
    ($all:expr, $also:expr, $observe:expr) => {{
        let (files, variables, flags) = $all;
        let flags = flags.each_ref().map(|flag| [flag.as_str()]);
        let at = |n: usize| Setting {
            file: &files[n],
            variable: variables[n],
            flags: &flags[n],
        };
        each_source_beats_the_one_before([at(0), at(1), at(2), at(3)], $also, $observe)
    }};
}

#[test]
fn numbers_lists_words_and_switches_follow_the_same_order() {
    let app = RawApp::saying("OK");
    let target = app.target();
    let ephemeral = &["--ephemeral", "-f", &target][..];

    let statuses = ["201", "202", "203", "206"];
    check!(
        settings!("status", "CMHOOK_STATUS", "--status", statuses),
        &["--ephemeral"],
        |running| {
            let status = running.send("{}").status().to_string();
            statuses
                .iter()
                .position(|s| *s == status)
                .expect("one of them")
        }
    );

    let timeouts = ["301ms", "302ms", "303ms", "304ms"];
    let hanging = RawApp::serving(std::time::Duration::from_secs(30), |_, stream| {
        let _ = std::io::Read::read(stream, &mut [0]);
        Ok(support::raw::Then::Close)
    });
    check!(
        settings!("timeout", "CMHOOK_TIMEOUT", "--timeout", timeouts),
        &["--ephemeral", "-f", &hanging.target()],
        |running| {
            let said = running.send("{}").text();
            let found = timeouts
                .iter()
                .position(|t| said.contains(&t.replace("ms", " ms")));
            found.unwrap_or_else(|| panic!("{said}"))
        }
    );

    let events = [
        "email.sent",
        "email.opened",
        "email.clicked",
        "email.bounced",
    ];
    check!(
        settings!("events", "CMHOOK_EVENTS", "--events", events),
        ephemeral,
        |running| {
            let forwarded = events.iter().map(|event| {
                let body = format!("{{\"event\":\"{event}\"}}");
                running.send(&body).text() == "OK"
            });
            let forwarded: Vec<bool> = forwarded.collect();
            assert_eq!(forwarded.iter().filter(|f| **f).count(), 1, "{forwarded:?}");
            forwarded.iter().position(|f| *f).expect("one of them")
        }
    );

    while app.seen_already().is_some() {}
    let headers = ["X-A: 0", "X-A: 1", "X-A: 2", "X-A: 3"];
    check!(
        settings!("headers", "CMHOOK_HEADER", "--header", headers),
        ephemeral,
        |running| {
            running.send("{}");
            let value = app.next().one("x-a").expect("the header");
            value.parse().expect("a number")
        }
    );

    // Two words only, so each source's newcomer is the other one.
    for hosts in [
        ["preserve", "rewrite", "preserve", "rewrite"],
        ["rewrite", "preserve", "rewrite", "preserve"],
    ] {
        let strongest = std::cell::Cell::new(0);
        check!(
            settings!("host_header", "CMHOOK_HOST_HEADER", "--host-header", hosts),
            ephemeral,
            |running| {
                running.send("{}");
                let host = app.next().one("host").expect("a host");
                let word = if host == "hooks.test" {
                    "preserve"
                } else {
                    "rewrite"
                };
                let at = strongest.replace(strongest.get() + 1);
                if hosts[at] == word { at } else { usize::MAX }
            }
        );
    }
}

#[test]
fn a_switch_that_is_neither_on_nor_off_is_a_mistake() {
    for (name, flag) in [
        ("CMHOOK_ACK", "--ack=maybe"),
        ("CMHOOK_REJECT_INVALID", "--reject-invalid=maybe"),
        ("CMHOOK_EPHEMERAL", "--ephemeral=maybe"),
    ] {
        let by_variable = Sources {
            user: "",
            project: "",
            variables: &[(name, "maybe")],
            flags: &[],
        };
        let by_flag = Sources {
            user: "",
            project: "",
            variables: &[],
            flags: &[flag],
        };
        for said in [by_variable.refused(), by_flag.refused()] {
            assert!(said.contains("must be true or false"), "{name}: {said}");
        }
    }
}

#[test]
fn switches_are_turned_on_and_off_by_each_source() {
    for (strongest, values) in [
        (0, ["true", "-", "-", "-"]),
        (0, ["false", "-", "-", "-"]),
        (1, ["true", "false", "-", "-"]),
        (1, ["false", "true", "-", "-"]),
        (2, ["true", "true", "0", "-"]),
        (2, ["false", "false", "1", "-"]),
        (3, ["true", "true", "true", "false"]),
        (3, ["false", "false", "false", "true"]),
    ] {
        let line = |at: usize| match values[at] {
            "-" => String::new(),
            value => format!("ack = {value}\n"),
        };
        let variables: &[(&str, &str)] = match values[2] {
            "-" => &[],
            value => &[("CMHOOK_ACK", value)],
        };
        let ack = format!("--ack={}", values[3]);
        let flags: &[&str] = if values[3] == "-" { &[] } else { &[&ack] };
        let silent = "forward = \"127.0.0.1:1\"\nephemeral = true\n";
        let sources = Sources {
            user: &format!("{silent}{}", line(0)),
            project: &line(1),
            variables,
            flags,
        };
        let running = sources.start();
        let acknowledged = running.send("{}").status() == 200;
        let wanted = matches!(values[strongest], "true" | "1");
        assert_eq!(acknowledged, wanted, "{values:?}");
        running.stop();
    }
}

#[test]
fn a_target_on_the_command_line_wins_whichever_way_it_is_written() {
    for flags in [
        &["127.0.0.1:9"][..],
        &["-f", "127.0.0.1:9"],
        &["--forward", "127.0.0.1:9"],
        &["--forward-to=127.0.0.1:9"],
    ] {
        let sources = Sources {
            user: "forward = \"127.0.0.1:1\"\nephemeral = true\n",
            project: "forward = [\"127.0.0.1:2\", \"127.0.0.1:3\"]\n",
            variables: &[("CMHOOK_FORWARD", "127.0.0.1:4,127.0.0.1:5")],
            flags,
        };
        let running = sources.start();
        let only = serde_json::json!(["http://127.0.0.1:9"]);
        assert_eq!(running.ready["targets"], only, "{flags:?}");
        running.stop();
        let running = Sources {
            flags: &[],
            ..sources
        }
        .start();
        let both = serde_json::json!(["http://127.0.0.1:4", "http://127.0.0.1:5"]);
        assert_eq!(running.ready["targets"], both, "the variable is a list");
        running.stop();
    }
}

#[test]
fn routes_of_a_file_keep_their_order() {
    let apps = ["zero", "one", "two"].map(RawApp::saying);
    let routes = format!(
        "ephemeral = true\n[routes]\n\"email.opened\" = \"{}\"\n\"email.*\" = \"{}\"\n\"*\" = \"{}\"\n",
        apps[0].target(),
        apps[1].target(),
        apps[2].target()
    );
    let sources = Sources {
        project: &routes,
        ..Sources::default()
    };
    let running = sources.start();
    for (event, app) in [
        ("email.opened", "zero"),
        ("email.sent", "one"),
        ("list.created", "two"),
    ] {
        let answer = running.send(&format!("{{\"event\":\"{event}\"}}"));
        assert_eq!(answer.text(), app, "{event}");
    }
    running.stop();

    // A stronger source's routes take the place of all of them.
    let route = format!("email.*={}", apps[2].target());
    for (variables, flags) in [
        (&[("CMHOOK_ROUTE", &*route)][..], &[][..]),
        (&[], &["--route", &*route]),
    ] {
        let running = Sources {
            variables,
            flags,
            ..sources
        }
        .start();
        assert_eq!(running.send("{\"event\":\"email.opened\"}").text(), "two");
        assert_ne!(running.send("{\"event\":\"list.created\"}").text(), "two");
        running.stop();
    }
}

#[test]
fn numbers_need_no_quotes_in_a_file() {
    let app = RawApp::saying("OK");
    let port = app.address().port();
    for forward in [
        format!("{port}"),
        format!("[{port}]"),
        format!("[\"{port}\"]"),
    ] {
        let running = Sources {
            project: &format!(
                "forward = {forward}\ntimeout = 20\nmax_body = 10\nkeep_bytes = 1000000\nephemeral = true\n"
            ),
            ..Sources::default()
        }
        .start();
        assert_eq!(running.send("{}").text(), "OK", "{forward}");
        assert_eq!(running.send("eleven byte").status(), 413, "{forward}");
        running.stop();
    }
    let sources = Sources {
        project: "timeout = 1.5\nforward = 0\n",
        ..Sources::default()
    };
    assert!(sources.refused().contains("`0` is not a target"));
}

#[test]
fn an_explicit_file_takes_the_place_of_both() {
    let home = home();
    let file = home.path().join("other.toml");
    write(&file, "forward = \"127.0.0.1:7\"\nephemeral = true\n");
    let file = file.to_str().expect("UTF-8");
    for (variables, flags) in [
        (&[][..], &["--config", file][..]),
        (&[("CMHOOK_CONFIG", file)], &[]),
    ] {
        let running = Sources {
            user: "keep = \"nonsense\"\n",
            project: "forward = \"127.0.0.1:1\"\n",
            variables,
            flags,
        }
        .start();
        assert_eq!(running.ready["target"], "http://127.0.0.1:7");
        running.stop();
    }
}

#[test]
fn no_file_says_where_tokens_go() {
    let sources = Sources {
        project: "api = \"http://127.0.0.1:1\"\n",
        ..Sources::default()
    };
    let failed = sources.refused();
    assert!(failed.contains("there is no setting `api`"), "{failed}");
    assert!(
        failed.contains("use `--api URL` or CAKEMAIL_API_BASE"),
        "{failed}"
    );
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    for (text, line, key, meant) in [
        ("forwrad = \"3000\"\n", 1, "forwrad", Some("forward")),
        (
            "keep = 1\nsecret = \"sentinel\"\n",
            2,
            "secret",
            Some("secrets"),
        ),
        ("\n\nmax-body = \"1MB\"\n", 3, "max-body", Some("max_body")),
        ("Timeout = \"1s\"\n", 1, "Timeout", Some("timeout")),
        ("route = \"a=b\"\n", 1, "route", Some("routes")),
        ("frobnicate = 2\n", 1, "frobnicate", None),
        (
            "[[secrets]]\nlabel = \"a\"\nvalu = \"sentinel\"\n",
            3,
            "valu",
            Some("value"),
        ),
        ("[[secrets]]\nnmae = \"a\"\n", 2, "nmae", None),
        (
            "[[secret]]\nvalue = \"sentinel\"\n",
            1,
            "secret",
            Some("secrets"),
        ),
        ("[store]\npath = \"x\"\n", 1, "store", None),
    ] {
        let sources = Sources {
            project: text,
            ..Sources::default()
        };
        let said = sources.refused();
        assert!(
            said.contains(&format!("cmhook.toml` line {line}")),
            "{text:?}: {said}"
        );
        assert!(said.contains(&format!("`{key}`")), "{text:?}: {said}");
        if let Some(meant) = meant {
            assert!(
                said.contains(&format!("did you mean `{meant}`?")),
                "{text:?}: {said}"
            );
        }
        assert!(!said.contains("sentinel"), "{text:?}: {said}");
        assert!(said.contains("docs/configuration.md"), "{text:?}: {said}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_key_and_line() {
    for (text, line, key, wanted) in [
        ("keep = \"many\"\n", 1, "keep", "a number"),
        ("json = true\nkeep = -1\n", 2, "keep", ""),
        ("listen = true\n", 1, "listen", "a text or a number"),
        (
            "max_body = [\"1MB\"]\n",
            1,
            "max_body",
            "a text or a number",
        ),
        ("forward = [true]\n", 1, "forward", "text"),
        ("events = true\n", 1, "events", "a text or a list of texts"),
        ("ack = \"yes\"\n", 1, "ack", "true or false"),
        ("status = \"204\"\n", 1, "status", "a number"),
        ("status = 99999\n", 1, "status", ""),
        ("host_header = \"keep\"\n", 1, "host_header", "preserve"),
        ("color = \"blue\"\n", 1, "color", "always"),
        (
            "headers = { Authorization = \"sentinel\" }\n",
            1,
            "headers",
            "a text or a list of texts",
        ),
        ("secrets = \"sentinel\"\n", 1, "secrets", ""),
        ("[[secrets]]\nvalue = 1234567890\n", 2, "value", "a text"),
        ("routes = \"x\"\n", 1, "routes", ""),
        ("keep = 1\nkeep = 2\n", 2, "keep", "duplicate"),
        ("keep = \n", 1, "", ""),
        ("[[secrets]]\nvalue = sentinel\n", 2, "", ""),
    ] {
        let sources = Sources {
            project: text,
            ..Sources::default()
        };
        let said = sources.refused();
        assert!(
            said.contains(&format!("cmhook.toml` line {line}")),
            "{text:?}: {said}"
        );
        assert!(said.contains(key), "{text:?}: {said}");
        assert!(said.contains(wanted), "{text:?}: {said}");
        for secret in [
            "sentinel",
            "1234567890",
            "untagged",
            "OneOrMany",
            "usize",
            "u16",
        ] {
            assert!(!said.contains(secret), "{text:?}: {said}");
        }
    }
}

#[test]
fn a_value_that_cannot_be_used_is_refused_from_every_source() {
    for (text, variable, named) in [
        ("status = 99\n", ("CMHOOK_STATUS", "99"), "--status 99"),
        (
            "timeout = \"soon\"\n",
            ("CMHOOK_TIMEOUT", "soon"),
            "--timeout soon",
        ),
        (
            "max_body = \"big\"\n",
            ("CMHOOK_MAX_BODY", "big"),
            "--max-body big",
        ),
        (
            "forward = \"ftp://x\"\n",
            ("CMHOOK_FORWARD", "ftp://x"),
            "`ftp://x` is not a target",
        ),
        (
            "listen = \"far\"\n",
            ("CMHOOK_LISTEN", "far"),
            "--listen far",
        ),
        ("headers = \"X\"\n", ("CMHOOK_HEADER", "X"), "--header X"),
        (
            "reject_invalid = true\n",
            ("CMHOOK_REJECT_INVALID", "1"),
            "no secret is known",
        ),
    ] {
        let home = home();
        let config = home.path().join("cmhook.toml");
        for (text, variables) in [(text, &[][..]), ("", &[variable])] {
            write(&config, if text.is_empty() { "keep = 5\n" } else { text });
            let mut command = cmhook();
            command.args(["listen", "--ephemeral"]);
            let mut process = Process::start_with(&mut command, home.path(), variables);
            let status = process.wait();
            let said = process.stderr.text();
            assert_eq!(status.code(), Some(2), "{variable:?}: {said}");
            assert!(said.contains(named), "{variable:?}: {said}");
        }
    }
}

/// Whether the listener verifies with exactly that secret, and under which label.
#[track_caller]
fn label_of(running: &mut Running, secret: &str) -> Option<String> {
    let header = sign(Scheme::CakemailHex, secret, "{}");
    post(running.address, Some(&header), "{}");
    let verdict = running.next("delivery")["verdict"].clone();
    (verdict["status"] == "valid").then(|| verdict["secret"].as_str().expect("a label").to_owned())
}

#[test]
fn secrets_of_all_sources_add_up_under_their_labels() {
    let home = home();
    let file = home.path().join("keys.txt");
    write(&file, "from-file-1\nfrom-file-2\n");
    let file = file.to_str().expect("UTF-8");
    let mut running = Sources {
        user: "ephemeral = true\n[[secrets]]\nlabel = \"rotated\"\nvalue = \"from-user\"\n",
        project: "[[secrets]]\nlabel = \"bounces\"\nevent = \"email.bounced\"\nvalue = \"from-project\"\n\n\
                  [[secrets]]\nevent = \"email.opened\"\nenv = \"OPENS_SECRET\"\n",
        variables: &[("CMHOOK_SECRET", "name=from-variable"), ("OPENS_SECRET", "from-other-variable")],
        flags: &["--secret", "cli=from-flag", "-s", "plain flag", "--secret-file", file],
    }
    .start();
    assert_eq!(running.ready["secrets"], 8);
    for (secret, label) in [
        ("from-user", "rotated"),
        ("from-project", "bounces"),
        ("from-other-variable", "email.opened"),
        // The variable holds one secret and no label.
        ("name=from-variable", "CMHOOK_SECRET"),
        ("from-flag", "cli"),
        ("plain flag", "secret-2"),
        ("from-file-1", "keys.txt:1"),
        ("from-file-2", "keys.txt:2"),
    ] {
        assert_eq!(
            label_of(&mut running, secret).as_deref(),
            Some(label),
            "{secret}"
        );
    }
    for wrong in [
        "from-variable",
        "cli=from-flag",
        "from-file-1\n",
        "FROM-USER",
    ] {
        assert_eq!(label_of(&mut running, wrong), None, "{wrong}");
    }
    running.stop();
}

#[test]
fn a_secret_is_taken_character_for_character() {
    let project = home();
    write(
        &project.path().join("more.txt"),
        "relative to its own file \r\n",
    );
    let file = project.path().join("keys.txt");
    fs::write(
        &file,
        " lead\ntrail \r\n\ttab\t\nquote\"'\\n\n\u{fc}nicode \u{1f511}\n# no comment\nlast=",
    )
    .expect("a file");
    let file = file.to_str().expect("UTF-8").to_owned();
    let mut running = Sources {
        project: "ephemeral = true\nsecret_file = \"more.txt\"\n[[secrets]]\nvalue = \" toml \\n\"\n",
        variables: &[("CMHOOK_SECRET", " variable \n")],
        flags: &["--secret", " flag ", "--secret-file", &file],
        ..Sources::default()
    }
    .start_in(project);
    for secret in [
        " lead",
        "trail ",
        "\ttab\t",
        "quote\"'\\n",
        "\u{fc}nicode \u{1f511}",
        "# no comment",
        "last=",
        "relative to its own file ",
        " toml \n",
        " variable \n",
        " flag ",
    ] {
        assert!(label_of(&mut running, secret).is_some(), "{secret:?}");
        assert!(
            label_of(&mut running, &format!("{secret} ")).is_none(),
            "{secret:?}"
        );
    }
    for wrong in [
        "lead",
        "trail",
        "trail \r",
        "tab",
        "flag",
        "variable",
        "relative to its own file \r",
    ] {
        assert!(label_of(&mut running, wrong).is_none(), "{wrong:?}");
    }
    running.stop();
}

#[test]
fn an_empty_secret_is_refused_wherever_it_stands() {
    let home = home();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let empty = file("empty.txt", "");
    let gap = file("gap.txt", "a\n\nb\n");
    let carriage = file("carriage.txt", "a\r\n\r\n");
    for (sources, named) in [
        (
            Sources {
                flags: &["--secret", ""],
                ..Sources::default()
            },
            "`--secret` is empty",
        ),
        (
            Sources {
                variables: &[("CMHOOK_SECRET", "")],
                ..Sources::default()
            },
            "CMHOOK_SECRET is empty",
        ),
        (
            Sources {
                flags: &["--secret-file", &empty],
                ..Sources::default()
            },
            "empty.txt` is empty",
        ),
        (
            Sources {
                flags: &["--secret-file", &gap],
                ..Sources::default()
            },
            "line 2 of the secret file",
        ),
        (
            Sources {
                flags: &["--secret-file", &carriage],
                ..Sources::default()
            },
            "line 2 of the secret file",
        ),
        (
            Sources {
                project: "[[secrets]]\nlabel = \"a\"\nvalue = \"\"\n",
                ..Sources::default()
            },
            "the secret `a` is empty",
        ),
        (
            Sources {
                project: "[[secrets]]\nlabel = \"a\"\nenv = \"A_SECRET\"\n",
                variables: &[("A_SECRET", "")],
                ..Sources::default()
            },
            "the secret `a` is empty",
        ),
        (
            Sources {
                project: "[[secrets]]\nlabel = \"a\"\nenv = \"NO_SUCH_VARIABLE\"\n",
                ..Sources::default()
            },
            "NO_SUCH_VARIABLE, which is not set",
        ),
        (
            Sources {
                project: "[[secrets]]\nlabel = \"a\"\n",
                ..Sources::default()
            },
            "needs either `value` or `env`",
        ),
        (
            Sources {
                project: "[[secrets]]\nlabel = \"a\"\nvalue = \"sentinel\"\nenv = \"X\"\n",
                ..Sources::default()
            },
            "needs either `value` or `env`",
        ),
    ] {
        let said = sources.refused();
        assert!(said.contains(named), "{named}: {said}");
        assert!(said.contains("hint:"), "{named}: {said}");
        assert!(!said.contains("sentinel"), "{said}");
    }
}
