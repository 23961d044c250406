//! What `listen` adds to or changes in a request: `--header`, `--host-header`, and the
//! mistakes that are caught before anything starts.

use crate::listening;
use crate::support::listener::{cmhook, home};
use crate::support::process::Process;
use crate::support::raw::{Message, RawApp, ask, request};

/// The request as the app sees it.
#[track_caller]
fn seen(arguments: &[&str], fields: &str) -> (Message, String) {
    let app = RawApp::saying("OK");
    let listener = listening(&app.target(), arguments);
    let answer = ask(listener.address(), request("POST /", fields, b"{}"));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    listener.stop();
    (app.next(), app.target())
}

#[test]
fn headers_are_added_and_take_the_place_of_others() {
    let (seen, _) = seen(
        &[
            "--header",
            "X-New: one",
            "-H",
            "x-old:  new, value ",
            "--header",
            "Authorization: Basic dTpw",
            "--header",
            "X-Empty:",
            "--header",
            "X-Colon: a:b:c",
            "--header",
            "X-Latin: caf\u{e9}",
            "--header",
            "X-Two: 1",
            "--header",
            "X-Two: 2",
        ],
        "X-Old: first\r\nX-OLD: second\r\nX-Other: stays\r\nX-Two: 0\r\n",
    );
    for (name, value) in [
        ("x-new", "one"),
        ("x-old", "new, value"),
        ("authorization", "Basic dTpw"),
        ("x-empty", ""),
        ("x-colon", "a:b:c"),
        ("x-latin", "caf\u{e9}"),
        ("x-other", "stays"),
    ] {
        assert_eq!(seen.one(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(
        seen.all("x-two"),
        [b"1", b"2"],
        "both, and not the sender's"
    );
    assert_eq!(seen.body, b"{}");
}

#[test]
fn a_header_can_set_what_the_sender_and_cmhook_set() {
    let (seen, _) = seen(
        &[
            "--header",
            "Host: app.example.com",
            "--header",
            "X-Forwarded-Proto: https",
            "--header",
            "Content-Type: text/plain",
        ],
        "Content-Type: application/json\r\n",
    );
    assert_eq!(seen.one("host").as_deref(), Some("app.example.com"));
    assert_eq!(seen.one("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(seen.one("content-type").as_deref(), Some("text/plain"));
    assert_eq!(seen.one("x-forwarded-host").as_deref(), Some("hooks.test"));
}

#[test]
fn the_host_header_is_the_targets_or_the_senders() {
    let (rewritten, target) = seen(&[], "");
    assert_eq!(rewritten.one("host"), Some(target));
    assert_eq!(
        rewritten.one("x-forwarded-host").as_deref(),
        Some("hooks.test")
    );
    let (rewritten, target) = seen(&["--host-header", "rewrite"], "");
    assert_eq!(rewritten.one("host"), Some(target));
    let (preserved, _) = seen(&["--host-header", "preserve"], "");
    assert_eq!(preserved.one("host").as_deref(), Some("hooks.test"));
    assert_eq!(
        preserved.one("x-forwarded-host").as_deref(),
        Some("hooks.test")
    );
    let (own, _) = seen(&["--host-header", "preserve", "-H", "Host: own.test"], "");
    assert_eq!(own.one("host").as_deref(), Some("own.test"));
}

#[test]
fn a_sender_without_a_host_gets_the_targets_even_where_it_is_preserved() {
    let app = RawApp::saying("OK");
    let listener = listening(&app.target(), &["--host-header", "preserve"]);
    let answer = ask(
        listener.address(),
        "POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(app.next().one("host"), Some(app.target()));
    listener.stop();
}

/// Fails to start, and says why.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let home = home();
    let mut command = cmhook();
    command
        .args(["listen", "--ephemeral", "--listen", "0"])
        .args(arguments);
    let mut process = Process::start(&mut command, home.path());
    let status = process.wait();
    let said = process.stderr.text();
    assert_eq!(status.code(), Some(2), "{arguments:?}: {said}");
    assert_eq!(process.stdout.text(), "", "{arguments:?}");
    said
}

#[test]
fn a_bad_target_is_named_with_what_is_wrong_and_what_to_write() {
    for (target, shown, problem) in [
        (
            "ftp://localhost:21",
            "ftp://localhost:21",
            "only http and https",
        ),
        ("file:///etc/passwd", "file:///etc/passwd", ""),
        ("0", "0", "from 1 to 65535"),
        ("localhost:0", "localhost:0", "from 1 to 65535"),
        ("70000", "70000", "from 1 to 65535"),
        ("localhost:70000", "localhost:70000", ""),
        ("localhost:", "localhost:", ""),
        ("", "", "it is empty"),
        ("  ", "  ", "it is empty"),
        (
            "user:pass@localhost:3000",
            "localhost:3000",
            "--header 'Authorization",
        ),
        (
            "http://user:pass@app.test/",
            "app.test/",
            "--header 'Authorization",
        ),
        (
            "localhost:3000/a#b",
            "localhost:3000/a#b",
            "a fragment (`#`)",
        ),
        (
            "localhost:3000/a?b=c",
            "localhost:3000/a?b=c",
            "the query comes from the delivery",
        ),
        ("3000?x", "3000?x", "the query comes from the delivery"),
        ("http://", "http://", ""),
        ("two words", "two words", ""),
        ("http://[::1", "http://[::1", ""),
    ] {
        for arguments in [
            &["--forward", target][..],
            &["--forward-to", target],
            &["--", target],
            &["--route", &format!("email.*={target}")],
            &["3000", "-f", target],
        ] {
            let said = refused(arguments);
            let named = format!("`{shown}` is not a target");
            assert!(said.contains(&named), "{arguments:?}: {said}");
            assert!(said.contains(problem), "{arguments:?}: {said}");
            assert!(
                said.contains("hint: use a port (`3000`)"),
                "{arguments:?}: {said}"
            );
            assert!(!said.contains("pass@"), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_bad_header_is_named_but_its_value_is_not_shown() {
    for (header, problem) in [
        ("NoColon", "`--header NoColon` has no colon"),
        ("", "has no colon"),
        (": value", "is not the name of a header"),
        (
            "Bad Name: sentinel",
            "`--header Bad` is not the name of a header",
        ),
        ("X-Caf\u{e9}: sentinel", "is not the name of a header"),
        ("X-A: sentinel\r\nX-B: c", "a control character"),
        ("X-A: sentinel\u{7f}", "a control character"),
        (
            "Content-Length: 7",
            "`--header Content-Length` is set by the connection",
        ),
        ("Transfer-Encoding: chunked", "is set by the connection"),
        ("connection: close", "is set by the connection"),
        ("Upgrade: x", "is set by the connection"),
    ] {
        let said = refused(&["3000", "--header", header]);
        assert!(said.contains(problem), "{header:?}: {said}");
        assert!(said.contains("hint:"), "{header:?}: {said}");
        assert!(!said.contains("sentinel"), "{header:?}: {said}");
    }
}

#[test]
fn a_status_that_cannot_be_answered_is_refused() {
    for status in [
        "0", "99", "100", "101", "199", "600", "1000", "70000", "-1", "ok", "",
    ] {
        let said = refused(&[&*format!("--status={status}")]);
        assert!(said.contains("--status"), "{status}: {said}");
        assert!(said.contains(status), "{status}: {said}");
    }
}

#[test]
fn other_words_that_mean_nothing_are_refused_by_name() {
    for (arguments, named) in [
        (&["--host-header", "keep"][..], "--host-header"),
        (
            &["--route", "email.*"],
            "`--route email.*` is not of the form GLOB=URL",
        ),
        (&["--route", "=3000"], "the event pattern ``"),
        (&["--events", "a b"], "the event pattern `a b`"),
        (&["--timeout", "0"], "`--timeout 0`"),
        (&["--timeout=-1s"], "`--timeout -1s`"),
        (&["--timeout", "25h"], "`--timeout 25h`"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}
