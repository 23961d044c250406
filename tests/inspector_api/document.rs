//! The description of the API is what it does.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::kit::{Inspector, app};
use crate::socket::Socket;
use crate::support::needs::needs;

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/inspector/openapi.json");
    let text = std::fs::read(path).expect("the document");
    serde_json::from_slice(&text).expect("JSON")
}

/// The program of that name that `./tests/run` installs with Schemathesis.
fn program(name: &str) -> Option<PathBuf> {
    let apps = std::env::var_os("CMHOOK_TEST_APPS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-apps"),
        PathBuf::from,
    );
    let program = apps.join("schemathesis/bin").join(name);
    needs(program.is_file(), "Schemathesis").then_some(program)
}

#[test]
fn it_names_every_route_and_no_other() {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
    let described: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = methods.iter().filter(|method| item.get(**method).is_some());
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let served = cmhook::inspector::routes();
    let served: BTreeSet<_> = served
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(described, served);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut ids = BTreeSet::new();
    for operation in paths
        .values()
        .flat_map(|item| item.as_object().expect("a path").values())
    {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(ids.insert(id), "{id} is there twice");
        for field in ["summary", "tags", "responses"] {
            assert!(!operation[field].is_null(), "{id} has no {field}");
        }
    }
}

#[test]
fn it_is_served_as_it_is() {
    let inspector = Inspector::start(&["--ephemeral"]);
    assert_eq!(inspector.get("/api/v1/openapi.json"), document());
}

/// What was asked and answered, by the description's paths.
struct Asked<'a> {
    inspector: &'a Inspector,
    answers: Vec<Value>,
}

impl Asked<'_> {
    /// Asks; `path` is as in the description, with what stands in its places in `with`.
    fn ask(&mut self, route: &str, with: &[(&str, &str)], query: &str, body: &Value) {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let mut filled = path.to_owned();
        for (place, value) in with {
            filled = filled.replace(&format!("{{{place}}}"), value);
        }
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let fields = crate::kit::BEARER;
        let asked = format!("{method} {filled}{query}");
        let answer = self.inspector.ask(&asked, fields, text.as_bytes());
        let kind = answer.one("content-type");
        let is_json = kind.as_deref() == Some("application/json");
        let body = is_json.then(|| serde_json::from_slice::<Value>(&answer.body).expect("JSON"));
        self.answers.push(json!({
            "method": method, "path": path, "status": answer.status(), "type": kind, "body": body,
        }));
    }
}

const ONE: &str = "/api/v1/deliveries/{id}";

/// Every route with all that it answers, and those that delete last.
fn ask_all(asked: &mut Asked<'_>) {
    ask_to_send(asked);
    ask_of_each(asked);
    ask_for_lists(asked);
    ask_to_change(asked);
}

fn ask_to_send(asked: &mut Asked<'_>) {
    let draft = json!({
        "request": {"method": "PUT", "path": "/a?b", "headers": [["x-a", "1"]], "body": "AP8=", "body_encoding": "base64"},
        "original": 1, "sign": {}, "to": null,
    });
    let nothing = Value::Null;
    let mut taken_in = asked.inspector.get("/api/v1/deliveries/4");
    taken_in["marked"] = true.into();
    for path in [
        "status",
        "session",
        "openapi.json",
        "events",
        "secrets",
        "live",
    ] {
        asked.ask(&format!("GET /api/v1/{path}"), &[], "", &nothing);
    }
    for (route, body) in [
        ("POST /api/v1/session", &nothing),
        ("POST /api/v1/settle", &nothing),
        ("PUT /api/v1/pause", &json!({"paused": false})),
        ("PUT /api/v1/pause", &json!({"paused": 1})),
        ("POST /api/v1/deliveries", &taken_in),
        ("POST /api/v1/deliveries", &json!({})),
        ("POST /api/v1/send", &draft),
        ("POST /api/v1/send", &json!({})),
        ("POST /api/v1/trigger", &json!({"event": "email.opened"})),
        ("POST /api/v1/trigger", &json!({"event": "nothing"})),
        ("POST /api/requests/http", &json!({"id": "1"})),
        ("POST /api/requests/http", &json!({"id": "99"})),
        ("POST /api/requests/http", &json!({})),
    ] {
        asked.ask(route, &[], "", body);
    }
}

fn ask_of_each(asked: &mut Asked<'_>) {
    let down = json!({"to": "127.0.0.1:1"});
    let nothing = Value::Null;
    for id in ["1", "2", "3", "4", "5", "99", "x"] {
        let with = [("id", id), ("n", "1")];
        asked.ask(&format!("POST {ONE}/replay"), &with, "", &nothing);
        asked.ask(&format!("POST {ONE}/replay"), &with, "", &down);
        for rest in ["", "/body", "/raw", "/attempts/{n}/body", "/signature"] {
            asked.ask(&format!("GET {ONE}{rest}"), &with, "", &nothing);
        }
        asked.ask(&format!("GET {ONE}"), &with, "?bodies=1", &nothing);
        asked.ask(&format!("GET {ONE}/export"), &with, "?as=fixture", &nothing);
        asked.ask("GET /api/requests/http/{id}", &with, "", &nothing);
        asked.ask(&format!("PUT {ONE}/mark"), &with, "", &nothing);
        asked.ask(&format!("DELETE {ONE}/mark"), &with, "", &nothing);
    }
    asked.ask(
        &format!("GET {ONE}/attempts/{{n}}/body"),
        &[("id", "1"), ("n", "9")],
        "",
        &nothing,
    );
}

fn ask_for_lists(asked: &mut Asked<'_>) {
    let nothing = Value::Null;
    for query in [
        "",
        "?limit=2",
        "?limit=2&after=1",
        "?filter=event:email.*",
        "?filter=stauts:1",
    ] {
        asked.ask("GET /api/v1/deliveries", &[], query, &nothing);
    }
    for query in ["?as=curl", "?as=har", "?as=json&filter=%40", "?as=raw", ""] {
        asked.ask("GET /api/v1/export", &[], query, &nothing);
    }
    for query in [
        "?a=1&b=2",
        "?a=1@1&b=1@2",
        "?a=4&b=5",
        "?a=1&b=3",
        "?a=1&b=99",
        "?a=1",
    ] {
        asked.ask("GET /api/v1/diff", &[], query, &nothing);
    }
    asked.ask("GET /api/requests/http", &[], "", &nothing);
    asked.ask("GET /api/tunnels", &[], "", &nothing);
    asked.ask(
        "GET /api/tunnels/{name}",
        &[("name", "cmhook")],
        "",
        &nothing,
    );
    asked.ask(
        "GET /api/tunnels/{name}",
        &[("name", "other")],
        "",
        &nothing,
    );
}

fn ask_to_change(asked: &mut Asked<'_>) {
    let nothing = Value::Null;
    for body in [
        json!({"secret": "wrong"}),
        json!({"secret": "wrong"}),
        json!({"secret": ""}),
        json!({"secret": "s", "label": "for-one", "event": "email.sent"}),
    ] {
        asked.ask("POST /api/v1/secrets", &[], "", &body);
    }
    asked.ask(
        &format!("GET {ONE}/signature"),
        &[("id", "2")],
        "",
        &nothing,
    );
    let own = asked.inspector.listener.address().to_string();
    for target in [
        json!([own]),
        json!(["::"]),
        json!([]),
        json!(["127.0.0.1:1"]),
    ] {
        asked.ask("PUT /api/v1/target", &[], "", &json!({ "targets": target }));
    }
    asked.ask("GET /api/v1/status", &[], "", &nothing);
    asked.ask(
        "DELETE /api/v1/deliveries/{id}",
        &[("id", "1")],
        "",
        &nothing,
    );
    asked.ask(
        "DELETE /api/v1/deliveries/{id}",
        &[("id", "1")],
        "",
        &nothing,
    );
    asked.ask("DELETE /api/v1/deliveries", &[], "", &nothing);
    asked.ask("GET /api/v1/status", &[], "", &nothing);
    asked.ask("DELETE /api/requests/http", &[], "", &nothing);
}

/// All frames until the answer to the last ping.
fn frames(socket: &mut Socket) -> Vec<Value> {
    socket.say(&json!({"filter": "stauts:1"}));
    socket.say(&json!({"filter": null}));
    socket.say_text("nonsense");
    socket.say(&json!({"ping": 1}));
    let mut frames = Vec::new();
    loop {
        let frame = socket.next();
        let kind = frame["type"].as_str().expect("a type").to_owned();
        let (first, rest) = kind.split_at(1);
        let schema = format!("{}{rest}Frame", first.to_uppercase());
        frames.push(json!({"schema": schema, "body": frame}));
        if kind == "pong" {
            return frames;
        }
    }
}

#[test]
fn every_route_answers_as_it_says() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let mut socket = Socket::open(&inspector);
    let first = socket.next();
    socket.say(&json!({"filter": "event:email.*"}));
    crate::support::raw::ask(inspector.listener.address(), "nonsense\r\n\r\n");
    let mut asked = Asked {
        inspector: &inspector,
        answers: Vec::new(),
    };
    ask_all(&mut asked);
    let answers = asked.answers;
    let mut frames = frames(&mut socket);
    let mut resumed = Socket::resume(&inspector, first["resume"].as_str().expect("a text"));
    frames.push(json!({"schema": "SnapshotFrame", "body": first}));
    frames.push(json!({"schema": "ResumedFrame", "body": resumed.next()}));
    for route in cmhook::inspector::routes() {
        let well = answers.iter().any(|answer| {
            answer["method"] == route.method.as_str()
                && answer["path"] == route.path
                && (answer["status"].as_u64() < Some(300) || route.path == "/api/v1/live")
        });
        assert!(
            well,
            "{} {} was not asked, or not well",
            route.method, route.path
        );
    }
    inspector.listener.stop();
    let bye = socket.find("bye");
    frames.push(json!({"schema": "ByeFrame", "body": bye}));
    let seen: BTreeSet<_> = frames
        .iter()
        .filter_map(|frame| frame["schema"].as_str())
        .collect();
    let schemas = document()["components"]["schemas"].clone();
    let all: Vec<_> = schemas.as_object().expect("schemas").keys().collect();
    let all = all.into_iter().filter(|name| name.ends_with("Frame"));
    assert_eq!(seen, all.map(String::as_str).collect());

    let Some(python) = program("python") else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(python)
        .arg(root.join("tests/apps/schemathesis/check.py"))
        .arg(root.join("assets/inspector/openapi.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let given = json!({"answers": answers, "frames": frames}).to_string();
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(given.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}");
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(schemathesis) = program("schemathesis") else {
        return;
    };
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    // A text that it makes up may be the address of somebody else.
    let mut document = document();
    for name in ["Replay", "Draft"] {
        let properties = &mut document["components"]["schemas"][name]["properties"];
        let removed = properties.as_object_mut().expect("fields").remove("to");
        assert!(removed.is_some(), "{name} names a target");
    }
    let path = inspector.listener.home().join("openapi.json");
    std::fs::write(&path, document.to_string()).expect("a file");
    let begin = std::time::Instant::now();
    let output = Command::new(schemathesis)
        .arg("run")
        .arg(path)
        .args(["--url", &format!("http://{}", inspector.api)])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", inspector.token),
        ])
        .args(ARGUMENTS)
        .current_dir(inspector.listener.home())
        .env("HOME", inspector.listener.home())
        .output()
        .expect("it starts");
    println!("{:?}", begin.elapsed());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const ARGUMENTS: &[&str] = &[
    "--no-color",
    "--phases=examples,coverage,fuzzing",
    "--max-examples=10",
    "--seed=1",
    // In Python 3.11 two threads that parse Python at once can fail.
    "--workers=1",
    "--checks=all",
    // What a filter or an event is no schema says.
    "--exclude-checks=positive_data_acceptance",
    "--exclude-path=/api/v1/target",
    "--request-timeout=20",
    "--generation-database=none",
    "--continue-on-failure",
    "--warnings=off",
];
