//! Where it is served, and where not.

use std::net::TcpListener;
use std::rc::Rc;

use crate::kit::{Inspector, app};
use crate::support::listener::{Listener, cmhook, home, refused};

#[test]
fn a_taken_port_gives_way_to_the_next_with_a_warning() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("a port").port();
    let inspector = Inspector::start(&["--inspector", &port.to_string()]);
    assert_ne!(inspector.api.port(), port);
    let status = inspector.get("/api/v1/status");
    let warning = &status["warnings"][0];
    assert_eq!(warning["code"], "inspector_port", "{status}");
    let message = warning["message"].as_str().expect("a message");
    assert_eq!(
        message,
        format!(
            "port {port} is taken, so the web inspector is on port {}",
            inspector.api.port()
        )
    );
    assert_eq!(inspector.listener.stop()["received"], 0);
}

#[test]
fn it_is_served_on_loopback_only() {
    let home = home();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0"] {
        let refused = refused(home.path(), &["--inspector", address]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert_eq!(refused.error["code"], "usage");
        let message = refused.error["message"].as_str().expect("a message");
        assert!(message.contains("loopback only"), "{message}");
    }
}

#[test]
fn without_the_page_commands_still_act_through_the_listener() {
    let home = Rc::new(home());
    let app = app();
    let mut listener = Listener::start_in(&home, &["--no-inspector", "--forward", &app.target()]);
    assert!(listener.ready["inspector"].is_null(), "{}", listener.ready);
    crate::support::sender::post(listener.address(), None, r#"{"event":"email.sent"}"#);
    let delivery = listener.delivery();
    listener.attempt(&delivery);
    let ran = cmhook()
        .args(["replay", "1", "--json"])
        .current_dir(home.path())
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path().join("config"))
        .env("XDG_DATA_HOME", home.path().join("data"))
        .output()
        .expect("it runs");
    assert!(ran.status.success(), "{ran:?}");
    let attempt = listener.next("attempt");
    assert_eq!(
        (&attempt["cause"], &attempt["n"]),
        (&"replay".into(), &2.into())
    );
    // Its API is for them alone: there is no page at it.
    let file = home.path().join("data/cmhook/deliveries.db.api");
    let running: serde_json::Value =
        serde_json::from_slice(&std::fs::read(file).expect("the file")).expect("JSON");
    let api = running["api"].as_str().expect("an address");
    for path in ["/", "/inspector.js", "/inspector.css", "/icon.svg"] {
        let asked = format!("GET {path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\r\n");
        let answer = crate::support::raw::ask(api.parse().expect("an address"), asked);
        assert_eq!(answer.status(), 401, "{path}");
        crate::guard::is_sealed(&answer, path);
    }
    assert_eq!(listener.stop()["received"], 1);
}
