//! Scripts that were written for ngrok's agent.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::kit::{BEARER, BINARY, Inspector, app};
use crate::support::needs::{needs, works};

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a text");
    STANDARD.decode(text).expect("base64")
}

#[test]
fn requests_have_the_shape_of_its_documents() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let all = inspector.get("/api/requests/http");
    assert_eq!(all["uri"], "/api/requests/http");
    let requests = all["requests"].as_array().expect("requests");
    let ids: Vec<_> = requests.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["5", "4", "3", "2", "1"]);
    for one in requests {
        let uri = one["uri"].as_str().expect("a URI");
        assert_eq!(&inspector.get(uri), one);
        assert_eq!(one["remote_addr"], "127.0.0.1");
        assert!(one["start"].as_str().expect("a time").ends_with('Z'));
        assert!(one["duration"].as_u64().expect("nanoseconds") > 1000);
    }
    let binary = &requests[1];
    let request = &binary["request"];
    assert_eq!(
        (&request["method"], &request["uri"]),
        (&"POST".into(), &"/binary?a=%20".into())
    );
    assert_eq!(request["headers"]["host"], json!(["hooks.test"]));
    let raw = bytes(&request["raw"]);
    assert!(raw.starts_with(b"POST /binary?a=%20 HTTP/1.1\r\n"));
    assert!(raw.ends_with(&[b"\r\n\r\n", BINARY].concat()));
    let response = &binary["response"];
    assert_eq!(
        (&response["status"], &response["status_code"]),
        (&"200 OK".into(), &200.into())
    );
    let raw = bytes(&response["raw"]);
    assert!(raw.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(raw.ends_with(&[b"\r\n\r\n", BINARY].concat()));
    let first = inspector.get("/api/requests/http?limit=1");
    assert_eq!(first["requests"].as_array().map(Vec::len), Some(1));
    let own = inspector.get("/api/requests/http?tunnel_name=cmhook");
    assert_eq!(own, all);
    let other = inspector.get("/api/requests/http?tunnel_name=command_line");
    assert_eq!(other["requests"], json!([]));
}

#[test]
fn every_uri_that_it_tells_is_there() {
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    let all = inspector.get("/api/tunnels");
    assert_eq!(all["uri"], "/api/tunnels");
    let tunnel = &all["tunnels"][0];
    assert_eq!(
        &inspector.get(tunnel["uri"].as_str().expect("a URI")),
        tunnel
    );
    let url = format!("http://{}", inspector.listener.address());
    assert_eq!(
        (&tunnel["public_url"], &tunnel["proto"]),
        (&json!(url), &json!("http"))
    );
    assert_eq!(tunnel["config"]["addr"], format!("http://{}", app.target()));
    assert_eq!(tunnel["metrics"]["http"]["count"], 5);
    for other in ["x", "%ff"] {
        let said = inspector.call(&format!("GET /api/tunnels/{other}"), &Value::Null);
        assert_eq!(said.refused(404), "no_tunnel");
    }
}

#[test]
fn it_replays_and_deletes() {
    let app = app();
    let mut inspector = Inspector::filled(&app, &[]);
    for _ in 0..5 {
        app.next();
    }
    let replay = |body: &Value| inspector.call("POST /api/requests/http", body);
    let said = replay(&json!({"id": "4", "tunnel_name": "cmhook"}));
    assert_eq!((said.status, said.json), (204, Value::Null));
    assert_eq!(app.next().body, BINARY);
    assert_eq!(replay(&json!({"id": "9"})).refused(404), "no_delivery");
    for body in [json!({"id": 4}), json!({"id": "x"}), json!({})] {
        assert_eq!(replay(&body).refused(400), "usage", "{body}");
    }
    let answer = inspector.ask("DELETE /api/requests/http", BEARER, b"");
    assert_eq!(answer.status(), 204);
    assert_eq!(inspector.get("/api/requests/http")["requests"], json!([]));
    assert_eq!(
        inspector.listener.next("deleted")["ids"],
        json!([1, 2, 3, 4, 5])
    );
    assert!(app.is_idle());
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it starts");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

#[test]
fn a_script_for_ngrok_needs_the_token_and_nothing_else() {
    let found = works(Command::new("python3").arg("--version"))
        && works(Command::new("curl").arg("--version"));
    if !needs(found, "python3 and curl") {
        return;
    }
    let app = app();
    let inspector = Inspector::filled(&app, &[]);
    for _ in 0..5 {
        app.next();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apps/ngrok/replay_failed.py");
    let said = run(Command::new("python3")
        .arg(script)
        .arg(format!("http://{}/api", inspector.api))
        .env("TOKEN", &inspector.token));
    let url = format!("http://{}", inspector.listener.address());
    assert_eq!(said, format!("{url}\nreplayed 2: 401 Unauthorized\n"));
    let seen = app.next();
    assert_eq!(seen.parts.headers["cmhook-replay-of"], "2");
    assert!(app.is_idle());
    let bearer = BEARER.trim_end().replace("TOKEN", &inspector.token);
    let said = run(Command::new("curl")
        .args(["-sSf", "-H", &bearer])
        .args([
            "-H",
            "Content-Type: application/json",
            "-d",
            r#"{"id":"1"}"#,
        ])
        .arg(format!("http://{}/api/requests/http", inspector.api)));
    assert_eq!(said, "");
    assert_eq!(app.next().parts.headers["cmhook-replay-of"], "1");
}
