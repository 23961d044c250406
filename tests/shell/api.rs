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
