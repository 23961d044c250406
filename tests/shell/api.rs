//! The listener's local API: who may ask it, and what it leaves behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::kit::{Place, SECRET, app, send_all};
use crate::support::raw;

fn runtime_file(place: &Place) -> std::path::PathBuf {
    place.store().with_file_name("deliveries.db.api")
}

fn running(place: &Place) -> Value {
    serde_json::from_slice(&fs::read(runtime_file(place)).expect("the runtime file")).expect("JSON")
}

fn ask(running: &Value, request: &str) -> (u16, String) {
    let address = running["api"].as_str().expect("an address");
    let request = request
        .replace("HOST", address)
        .replace("TOKEN", running["token"].as_str().expect("a token"));
    let answer = raw::ask(address.parse().expect("an address"), &request);
    let body = String::from_utf8_lossy(&answer.body);
    (
        answer.status(),
        format!(
            "{}\r\n\r\n{body}",
            String::from_utf8_lossy(&answer.head).to_lowercase()
        ),
    )
}

#[test]
fn every_route_wants_this_host_and_the_token() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target()]);
    send_all(&mut listener);
    let running = running(&place);
    let routes = [
        "GET /api/v1/status",
        "POST /api/v1/deliveries",
        "DELETE /api/v1/deliveries",
        "DELETE /api/v1/deliveries/1",
        "POST /api/v1/deliveries/1/replay",
        "PUT /api/v1/deliveries/1/mark",
        "DELETE /api/v1/deliveries/1/mark",
        "POST /api/v1/send",
        "POST /api/v1/settle",
        "GET /nothing/here",
    ];
    let rest = "Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    for route in routes {
        for (fields, status) in [
            ("Host: HOST", 401),
            ("Host: HOST\r\nAuthorization: Bearer wrong", 401),
            ("Host: HOST\r\nCookie: token=TOKEN", 401),
            ("Host: evil.example\r\nAuthorization: Bearer TOKEN", 403),
            ("Host: 127.0.0.1\r\nAuthorization: Bearer TOKEN", 403),
            (
                "Host: HOST\r\nAuthorization: Bearer TOKEN\r\nOrigin: http://evil.example",
                403,
            ),
            (
                "Host: HOST\r\nAuthorization: Bearer TOKEN\r\nOrigin: null",
                403,
            ),
        ] {
            let request = format!("{route} HTTP/1.1\r\n{fields}\r\n{rest}");
            let (got, text) = ask(&running, &request);
            assert_eq!(got, status, "{request}\n{text}");
            for field in [
                "x-content-type-options: nosniff",
                "cache-control: no-store",
                "content-security-policy: default-src 'none'",
            ] {
                assert!(text.contains(field), "{text}");
            }
            assert!(!text.contains("access-control-"), "{text}");
        }
    }
    // Nothing of that had any effect.
    let stopped = listener.stop();
    assert_eq!(stopped["answered"], 5);
}

#[test]
fn status_tells_who_it_is_and_no_secret() {
    let place = Place::new();
    let app = app();
    let secret = format!("main={SECRET}");
    let listener = place.listener(&["--forward", &app.target(), "--secret", &secret]);
    let running = running(&place);
    let mode = fs::metadata(runtime_file(&place))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let (status, text) = ask(
        &running,
        "GET /api/v1/status HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(status, 200, "{text}");
    let body: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["pid"], listener.process.id());
    assert_eq!(body["secrets"], serde_json::json!(["main"]));
    assert_eq!(body["url"], listener.ready["url"]);
    assert!(!text.contains(SECRET), "{text}");
    listener.stop();
    assert!(!runtime_file(&place).exists());
}

#[test]
fn a_killed_listener_is_not_waited_for() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target()]);
    send_all(&mut listener);
    listener.process.kill();
    assert!(runtime_file(&place).exists());
    let ran = place.run(&["mark", "5"]).coded(0);
    assert_eq!(ran.stderr, "Marked 1 delivery.\n");
}

fn post(running: &Value, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let (status, text) = ask(running, &request);
    let body = text.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).expect("JSON"))
}

#[test]
fn nothing_is_sent_to_the_listener_itself() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target()]);
    send_all(&mut listener);
    let running = running(&place);
    let own = listener.address().to_string();
    for to in [own.as_str(), running["api"].as_str().unwrap()] {
        let to = serde_json::json!({ "to": to });
        let (status, attempt) = post(&running, "/api/v1/deliveries/1/replay", &to);
        assert_eq!(status, 200);
        assert_eq!(attempt["error"]["code"], "loop", "{attempt}");
    }
    listener.stop();
}

#[test]
fn what_is_sent_again_is_what_came_and_names_it() {
    let place = Place::new();
    let app = app();
    let secret = format!("main={SECRET}");
    let mut listener = place.listener(&["--forward", &app.target(), "--secret", &secret]);
    send_all(&mut listener);
    for _ in 0..5 {
        app.next();
    }
    let running = running(&place);
    let nowhere = serde_json::json!({ "to": null });
    let (_, attempt) = post(&running, "/api/v1/deliveries/2/replay", &nowhere);
    assert_eq!(
        (&attempt["cause"], &attempt["n"]),
        (&"replay".into(), &2.into())
    );
    assert_eq!(attempt["status"], 500);
    assert_eq!(listener.next("attempt"), attempt);
    let seen = app.next();
    assert_eq!(seen.body, crate::kit::DELIVERIES[1].0);
    assert_eq!(seen.parts.headers["cmhook-replay-of"], "2");

    let edited = serde_json::json!({
        "request": {
            "method": "PUT",
            "path": "/a?b=%zz",
            "headers": [["content-type", "application/json"], ["x-signature", "old"]],
            "body": "{\"event\":\"email.sent\"}",
            "body_encoding": "utf8",
        },
        "original": 2,
        "sign": { "secret": null, "scheme": null },
        "to": null,
    });
    let (status, sent) = post(&running, "/api/v1/send", &edited);
    assert_eq!(status, 200, "{sent}");
    assert_eq!(sent["delivery"]["original"], 2);
    assert_eq!(sent["delivery"]["verdict"]["status"], "valid");
    assert_eq!(sent["delivery"]["verdict"]["scheme"], "cakemail-hex");
    assert_eq!(sent["attempt"]["status"], 200);
    assert_eq!(listener.delivery(), sent["delivery"]);
    let seen = app.next();
    assert_eq!(seen.parts.method, "PUT");
    assert_eq!(seen.parts.headers["cmhook-replay-of"], "2");
    assert!(!seen.parts.headers.contains_key("x-signature"));
    listener.stop();
}

#[test]
fn requests_that_make_no_sense_are_named_and_do_nothing() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target()]);
    send_all(&mut listener);
    let running = running(&place);
    let request = |name: &str, value: &str| {
        serde_json::json!({
            "request": {
                "method": "POST", "path": "/", "headers": [[name, value]],
                "body": "", "body_encoding": "utf8",
            },
            "original": null, "sign": null, "to": null,
        })
    };
    for (path, body, status, part) in [
        (
            "/api/v1/deliveries/9/replay",
            serde_json::json!({}),
            404,
            "no delivery #9",
        ),
        (
            "/api/v1/deliveries/x/replay",
            serde_json::json!({}),
            400,
            "x",
        ),
        (
            "/api/v1/deliveries/1/replay",
            serde_json::json!({"to": "::"}),
            400,
            "not a target",
        ),
        (
            "/api/v1/deliveries/1/replay",
            serde_json::json!({"too": 1}),
            400,
            "too",
        ),
        (
            "/api/v1/send",
            request("x-a", "1\r\nx-evil: 2"),
            400,
            "control character",
        ),
        (
            "/api/v1/send",
            request("x-a", "\0"),
            400,
            "control character",
        ),
        (
            "/api/v1/send",
            request("x a", "1"),
            400,
            "not the name of a header",
        ),
        (
            "/api/v1/deliveries",
            serde_json::json!({"type": "attempt"}),
            400,
            "missing field",
        ),
        (
            "/api/v1/nothing",
            serde_json::json!({}),
            404,
            "there is no `/api/v1/nothing`",
        ),
    ] {
        let (got, error) = post(&running, path, &body);
        assert_eq!(got, status, "{path} {body}: {error}");
        assert_eq!(error["type"], "error", "{error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    let stopped = listener.stop();
    assert_eq!(
        (&stopped["received"], &stopped["answered"]),
        (&5.into(), &5.into())
    );
}

#[test]
fn a_file_that_a_killed_listener_left_is_not_believed() {
    let place = Place::new();
    let app = app();
    let mut listener = place.listener(&["--forward", &app.target()]);
    send_all(&mut listener);
    let mut left = running(&place);
    listener.process.kill();
    // Somebody else has its port since, takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    left["api"] = silent.local_addr().expect("a port").to_string().into();
    fs::write(runtime_file(&place), left.to_string()).expect("the runtime file");
    let ran = place.run(&["mark", "5"]).coded(0);
    assert_eq!(ran.stderr, "Marked 1 delivery.\n");
}
