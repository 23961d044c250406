//! How it starts and stops, and what it says meanwhile.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::listener::{cmhook, home, object};
use crate::support::process::Process;
use crate::support::raw::ask;
use crate::support::sandbox::{Sandbox, TOKEN};
use crate::support::upstream::Upstream;

/// A command in a home of its own; its code and what it says.
fn alone(args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let home = home();
    let mut process =
        Process::start_with(cmhook().arg("sandbox").args(args), home.path(), variables);
    let code = process.wait().code();
    (code, process.stderr.text())
}

#[test]
fn what_does_not_run_is_told_with_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let free = format!("http://{free}");
    let (code, said) = alone(&["fire", "email.opened"], &[("CAKEMAIL_API_BASE", &free)]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains(&format!("no sandbox answers at {free}")),
        "{said}"
    );
    assert!(said.contains("start one with `cmhook sandbox`"), "{said}");
    let app = Upstream::start();
    let api = format!("http://{}", app.address());
    let (code, said) = alone(&["deliveries", "--api", &api], &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("is no sandbox of cmhook"), "{said}");
    for (args, told) in [
        (&["--listen", "0.0.0.0:0"][..], "--i-know"),
        (&["--listen", "nonsense"], "is not an address"),
        (&["--retries", "soon"], "10s,1m,10m"),
        (&["--timeout", "0"], "--timeout"),
        (&["--ephemeral", "--data", "x.db"], "--data"),
        (&["--scheme", "md5"], "api-base64"),
    ] {
        let (code, said) = alone(args, &[]);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains(told), "{args:?}: {said}");
    }
    // What only a sandbox that runs takes does not disturb the others.
    let variables = [
        ("CMHOOK_SANDBOX_LISTEN", "127.0.0.1:0"),
        ("CMHOOK_SANDBOX_PASSWORD", "x"),
    ];
    let (code, _) = alone(&["fire", "email.opened", "--api", &free], &variables);
    assert_eq!(code, Some(1));
}

#[test]
fn a_state_is_one_sandboxs_and_nobody_elses() {
    let home = Rc::new(home());
    let first = Sandbox::start_in(&home, &["--data", "state/a.db"]);
    let data = first.ready["data"].as_str().unwrap();
    assert_eq!(data, "state/a.db");
    let mut second = cmhook();
    second.args(["sandbox", "--json", "--listen", "0", "--data", "state/a.db"]);
    let mut second = Process::start(&mut second, home.path());
    let error = object(&second.stdout.next().unwrap());
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("error"), &json!("sandbox_in_use"))
    );
    assert_eq!(second.wait().code(), Some(1));
    let webhook = first.register("Email.Sent", "http://127.0.0.1:9/");
    drop(first);
    let again = Sandbox::start_in(&home, &["--data", "state/a.db"]);
    assert_eq!(again.webhooks()[0]["id"], json!(webhook.0));
    let shown = again.fine("GET", &format!("/webhooks/{}", webhook.0), &Value::Null);
    assert_eq!(shown["signature"]["key"], json!(webhook.1));
    std::fs::write(home.path().join("other.db"), "no database, but some text").unwrap();
    let mut other = cmhook();
    other.args(["sandbox", "--listen", "0", "--data", "other.db"]);
    let mut other = Process::start(&mut other, home.path());
    assert_eq!(other.wait().code(), Some(1));
    assert!(
        other.stderr.text().contains("is not a sandbox's file"),
        "{}",
        other.stderr.text()
    );
}

/// A child that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_does_not_read_its_lines_holds_up_nothing() {
    let home = home();
    let mut command = cmhook();
    command.args([
        "sandbox",
        "--json",
        "--listen",
        "0",
        "--ephemeral",
        "--retries",
        "none",
    ]);
    command
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    let child = &mut child.0;
    let mut from = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    from.read_line(&mut ready).unwrap();
    let url = object(&ready)["url"].as_str().unwrap().to_owned();
    let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let post = |path: &str, body: &Value| {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(ask(address, request).status(), 200, "{path}");
    };
    let hook = json!({"event": "Email.Sent", "url": "http://127.0.0.1:9/", "rate_limit": 10_000});
    post("/webhooks", &hook);
    // Their lines take more than the pipe has room for.
    post(
        "/sandbox/events",
        &json!({"event": "Email.Sent", "count": 600}),
    );
    let mut wait = cmhook();
    wait.args([
        "sandbox",
        "deliveries",
        "--outcome",
        "pending",
        "--api",
        &url,
    ]);
    wait.env("HOME", home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    while wait.status().unwrap().success() {}
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    let begin = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn a_person_is_told_what_it_is_and_what_was_tried() {
    let home = home();
    let mut command = cmhook();
    command.args([
        "sandbox",
        "--listen",
        "0",
        "--ephemeral",
        "--retries",
        "none",
    ]);
    let mut process = Process::start(&mut command, home.path());
    let url = process.stdout.find("the address", |line| {
        line.strip_prefix("cmhook sandbox at ").map(str::to_owned)
    });
    process.stdout.find("what it is", |line| {
        let plain = line.contains("an emulation") && line.contains("not published");
        plain.then_some(())
    });
    process.stdout.find("what to do", |line| {
        line.contains("cmhook sandbox fire").then_some(())
    });
    let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let register = |event: &str, url: &str| {
        let hook = json!({"event": event, "url": url}).to_string();
        let request = format!(
            "POST /webhooks HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{hook}",
            hook.len()
        );
        assert_eq!(ask(address, request).status(), 200);
    };
    let app = Upstream::start();
    let at = app.address();
    register("Email.Sent", &format!("http://ada:hidden@{at}/hook"));
    register("Email.Bounced", "http://127.0.0.1:9/");
    for (event, told) in [
        (
            "Email.Sent",
            format!("N  Email.Sent  200  N  delivered  http://ada:…@{at}/hook"),
        ),
        (
            "Email.Bounced",
            "N  Email.Bounced  refused  N  try 1 failed, given up  http://127.0.0.1:9/".to_owned(),
        ),
    ] {
        let mut fire = cmhook();
        fire.args(["sandbox", "fire", event, "--api", &url]);
        assert_eq!(
            Process::start(&mut fire, home.path()).wait().code(),
            Some(0)
        );
        let line = process.stdout.find("a try", |line| {
            line.contains(event).then(|| line.to_owned())
        });
        let mut cells: Vec<_> = line.split("  ").map(str::trim).collect();
        cells.retain(|cell| !cell.is_empty());
        // The clock, and how long it took.
        assert!(cells[0].len() == 8 && cells[3].ends_with("ms"), "{line}");
        (cells[0], cells[3]) = ("N", "N");
        assert_eq!(cells.join("  "), told);
    }
    let mut fire = cmhook();
    fire.args(["sandbox", "fire", "List.Created", "--api", &url]);
    assert_eq!(
        Process::start(&mut fire, home.path()).wait().code(),
        Some(1)
    );
    assert_eq!(process.terminate().code(), Some(0));
}
