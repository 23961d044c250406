//! The lines for people, as they were reviewed. Ports, homes, times and durations are those
//! of the documents.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use crate::captured::Listening;
use crate::masked::masked;
use crate::support::listener::home;
use crate::support::raw::{Connection, RawApp, Then, ask, request};
use crate::support::sender::{Scheme, sign};

/// An app that answers the status at the end of the path, and says that it is Express.
fn app() -> RawApp {
    RawApp::answering(|request| {
        let path = request.target();
        let status = path.rsplit('/').next().unwrap_or_default();
        let status = status.parse().unwrap_or(200);
        format!("HTTP/1.1 {status} x\r\nX-Powered-By: Express\r\nContent-Length: 0\r\n\r\n").into()
    })
}

/// A delivery of that event, signed with `whsec_main` where there is a scheme.
fn delivery(path: &str, event: &str, scheme: Option<Scheme>) -> Vec<u8> {
    let body = format!(r#"{{"event":"{event}","data":{{"url":"https:\/\/example.com"}}}}"#);
    let signature = scheme.map(|scheme| sign(scheme, "whsec_main", &body));
    let field = signature.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
    request(&format!("POST {path}"), &field, body.as_bytes())
}

impl Listening {
    /// Sends one after the other, each when the line of the answer before it is there.
    #[track_caller]
    fn deliver(&self, requests: &[Vec<u8>]) {
        for (at, request) in requests.iter().enumerate() {
            ask(self.address, request);
            self.process.out.wait_for_times("<--", at + 1);
        }
    }
}

#[test]
fn the_block_says_where_from_where_to_and_how() {
    let start = |args: &[&str]| Listening::start(args).shown(None);
    insta::assert_snapshot!("block_nothing", start(&[]));
    insta::assert_snapshot!("block_quiet", start(&["--quiet", "localhost:3000"]));
    insta::assert_snapshot!("block_status", start(&["--status", "204"]));

    let kept = Listening::start_in(home(), &["-s", "s", "localhost:3000/hooks"], |_| {});
    insta::assert_snapshot!("block_target", kept.shown(None));

    let home = home();
    fs::write(
        home.path().join("cmhook.toml"),
        "forward = [\"3000/webhooks\", \"localhost:3001\"]\n\
         events = [\"email.*\", \"campaign.snet\"]\n\
         [routes]\n\"contact.*\" = \"https://other.test/in\"\n\
         [[secrets]]\nlabel = \"opens\"\nvalue = \"1\"\n\
         [[secrets]]\nevent = \"email.bounced\"\nvalue = \"2\"\n",
    )
    .expect("a file");
    let everything = Listening::start_in(home, &["--ephemeral"], |_| {});
    insta::assert_snapshot!("block_everything", everything.shown(None));
}

#[test]
fn a_public_address_is_warned_of() {
    let open = Listening::start(&["--listen", "0.0.0.0:0"]);
    insta::assert_snapshot!("block_public", open.shown(None));
}

#[test]
fn deliveries_and_their_verdicts() {
    let app = app();
    let target = format!("{}/webhooks/cakemail", app.target());
    let listener = Listening::start(&["--secret", "whsec_main", &target]);
    let wrong = "X-Signature: 7Gz/8Zw4UQ3mgn3W4vLpd0pSGjxZ0jN2FJMv1NWl7kU=\r\n";
    let cut = {
        let whole = sign(Scheme::CakemailHex, "whsec_main", "{}").1;
        format!("X-Cakemail-Signature: {}\r\n", &whole[..40])
    };
    listener.deliver(&[
        delivery("/", "email.opened", Some(Scheme::CakemailHex)),
        delivery("/", "campaign.sent", Some(Scheme::CakemailBase64)),
        delivery("/", "Email.GlobalUnsubscribed", Some(Scheme::ApiBase64)),
        delivery("/", "SuppressedEmailsExport.Created", None),
        request("POST /", wrong, br#"{"event":"email.opened"}"#),
        request("PUT /", &cut, b"{}"),
        request("GET /health?full=1", "", b""),
    ]);
    let port = app.address().port();
    insta::assert_snapshot!("deliveries", listener.shown(Some(port)));
}

#[test]
fn several_secrets_are_told_apart_and_none_is_asked_for() {
    let several = Listening::start(&["-s", "old=whsec_old", "-s", "new=whsec_main"]);
    several.deliver(&[delivery("/", "email.opened", Some(Scheme::ApiBase64))]);
    insta::assert_snapshot!("deliveries_several_secrets", several.shown(None));

    let none = Listening::start(&[]);
    none.deliver(&[
        delivery("/", "email.opened", Some(Scheme::ApiBase64)),
        delivery("/", "email.opened", None),
    ]);
    insta::assert_snapshot!("deliveries_no_secret", none.shown(None));
}

#[test]
fn answers_of_the_app() {
    let app = app();
    let listener = Listening::start(&["--secret", "whsec_main", &app.target()]);
    let statuses = ["200", "302", "401", "403", "404", "500"];
    listener.deliver(&statuses.map(|status| {
        let path = format!("/webhooks/{status}");
        delivery(&path, "email.opened", Some(Scheme::CakemailHex))
    }));
    let port = app.address().port();
    insta::assert_snapshot!("answers", listener.shown(Some(port)));
}

#[test]
fn answers_of_cmhooks_own() {
    let listener = Listening::start(&["-s", "whsec_main", "--reject-invalid"]);
    listener.deliver(&[
        delivery("/", "email.opened", Some(Scheme::CakemailHex)),
        delivery("/", "email.opened", None),
    ]);
    insta::assert_snapshot!("own_answers", listener.shown(None));

    let listener = Listening::start(&["--events", "email.*", "--forward", "localhost:3000"]);
    listener.deliver(&[delivery("/", "campaign.sent", None)]);
    insta::assert_snapshot!("own_answers_events", listener.shown(None));

    let listener = Listening::start(&["--status", "503"]);
    listener.deliver(&[delivery("/", "campaign.sent", None)]);
    insta::assert_snapshot!("own_answers_status", listener.shown(None));
}

#[test]
fn failed_attempts_say_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("a port").port();
    drop(free);
    let listener = Listening::start(&[&format!("localhost:{port}")]);
    listener.deliver(&[delivery("/hooks", "email.opened", None)]);
    insta::assert_snapshot!("failed_refused", listener.shown(Some(port)));

    // Holds on to the connection without a word, until the sender has given up.
    let silent = RawApp::serving(Duration::from_secs(30), |_, _| Ok(Then::GoOn));
    let listener = Listening::start(&["--timeout", "300ms", &silent.target()]);
    listener.deliver(&[delivery("/hooks", "email.opened", None)]);
    let shown = listener.shown(Some(silent.address().port()));
    // How long it took is no more exact than the machine.
    insta::assert_snapshot!("failed_timeout", shown);

    let closing = RawApp::serving(Duration::from_secs(30), |_, _| Ok(Then::Close));
    let listener = Listening::start(&[&closing.target()]);
    listener.deliver(&[delivery("/hooks", "email.opened", None)]);
    let port = closing.address().port();
    insta::assert_snapshot!("failed_closed", listener.shown(Some(port)));
}

#[test]
fn refused_requests_are_shown_with_their_reason() {
    let listener = Listening::start(&["--max-body", "10"]);
    let requests = [
        request("POST /large", "", b"eleven bytes"),
        b"POST /two words HTTP/1.1\r\n\r\n".to_vec(),
        format!("POST /wide HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(66 << 10)).into(),
    ];
    for (at, request) in requests.iter().enumerate() {
        ask(listener.address, request);
        listener.process.out.wait_for_times("--x", at + 1);
    }
    let mut half = Connection::open(listener.address);
    half.send("POST /half HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
    half.finish();
    half.rest();
    listener.process.out.wait_for_times("--x", 4);
    insta::assert_snapshot!("refused", listener.shown(None));
}

#[test]
fn every_target_of_a_fan_out_has_its_line() {
    let (first, second) = (app(), app());
    let listener = Listening::start(&[
        &format!("{}/first", first.target()),
        &format!("{}/second/500", second.target()),
    ]);
    ask(listener.address, delivery("/", "email.opened", None));
    listener.process.out.wait_for_times("<--", 2);
    let other = format!(":{}", second.address().port());
    let shown = listener.shown(Some(first.address().port()));
    let shown = shown.replace(&other, ":3001");
    // Which one answers sooner is theirs to decide.
    let mut lines: Vec<_> = shown.lines().collect();
    let answers = lines.iter().position(|line| line.contains("<--"));
    let from = answers.expect("two answers");
    lines[from..].sort_unstable();
    insta::assert_snapshot!("fan_out", lines.join("\n"));
}

/// An app made after the manual, and deliveries that are signed as the API does.
#[test]
fn an_app_that_throws_is_told_which_header_it_reads() {
    let app = RawApp::answering(|_| {
        let thrown = "TypeError [ERR_INVALID_ARG_TYPE]: The first argument must be of type string or an instance of Buffer. Received undefined";
        let length = thrown.len();
        format!(
            "HTTP/1.1 500 x\r\nX-Powered-By: Express\r\nContent-Length: {length}\r\n\r\n{thrown}"
        )
        .into()
    });
    let listener = Listening::start(&["-s", "whsec_main", &app.target()]);
    let sent = || delivery("/", "email.opened", Some(Scheme::ApiBase64));
    listener.deliver(&[sent(), sent()]);
    insta::assert_snapshot!("throws", listener.shown(Some(app.address().port())));
}

#[test]
fn colours_say_the_same() {
    let app = app();
    let target = format!("{}/webhooks", app.target());
    let args = ["--color", "always", "-s", "whsec_main", &target];
    let listener = Listening::start(&args);
    listener.deliver(&[
        delivery("/200", "email.opened", Some(Scheme::CakemailHex)),
        delivery("/302", "email.opened", None),
        delivery("/401", "email.opened", Some(Scheme::CakemailHex)),
        request("POST /500", "X-Signature: x\r\n", b"{}"),
    ]);
    ask(listener.address, "POST /two words HTTP/1.1\r\n\r\n");
    listener.process.out.wait_for("--x");
    let shown = listener.shown(Some(app.address().port()));
    insta::assert_snapshot!("colours", shown);

    let plain: String = {
        let mut parts = shown.split('␛');
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts.map(|part| part.split_once('m').expect("a colour and no more").1);
        first + &rest.collect::<String>()
    };
    assert!(
        plain
            .contains("2026-11-24 10:32:07  --> email.opened        #1  ✓ signed (cakemail-hex)\n")
    );
}

/// The environments and flags that want no colour; whoever reads a pipe wants none either.
#[test]
fn no_escape_where_no_colour_is_wanted() {
    let app = app();
    for (flag, name, value) in [
        ("auto", "TERM", "xterm"),
        ("auto", "CLICOLOR_FORCE", "1"),
        ("never", "TERM", "xterm"),
        ("never", "CMHOOK_COLOR", "always"),
    ] {
        let args = ["--ephemeral", "--color", flag, "-vv", &app.target()];
        let listener = Listening::start_in(home(), &args, |command| {
            command.env(name, value);
        });
        listener.deliver(&[delivery("/401", "email.opened", None)]);
        let ended = listener.process.stop();
        assert!(!ended.out.contains(&0x1b), "{name}: {}", ended.text());
        assert!(!ended.err.contains(&0x1b), "{name}: {}", ended.text());
    }
}

#[test]
fn its_own_steps_are_said_where_they_are_asked_for() {
    for (flag, said) in [("-v", true), ("-q", false)] {
        let home = home();
        let file = home.path().join("cmhook.toml");
        fs::write(&file, "ephemeral = true\n").expect("a file");
        let ended = Listening::start_in(home, &[flag], |_| {}).process.stop();
        for step in [
            &*file.to_string_lossy(),
            "took 127.0.0.1:",
            "stopping",
            "in flight",
        ] {
            assert_eq!(
                ended.stderr().contains(step),
                said,
                "{flag} {step}: {}",
                ended.text()
            );
        }
        // That is all that is said with it: what others log has its own flag.
        assert!(ended.stderr().lines().count() < 15, "{}", ended.text());
    }
}

#[test]
fn what_is_too_long_for_a_line_is_cut() {
    let app = app();
    let listener = Listening::start(&[&app.target()]);
    listener.deliver(&[request(&format!("POST /{}", "x".repeat(50_000)), "", b"{}")]);
    let ended = listener.process.stop();
    assert_eq!(
        ended.stdout().matches("xxxx…").count(),
        2,
        "{}",
        ended.text()
    );
    let longest = ended
        .stdout()
        .lines()
        .map(|line| line.chars().count())
        .max();
    assert!(longest.is_some_and(|length| length < 600), "{longest:?}");
}

#[test]
fn times_are_the_readers_own() {
    for (zone, hours) in [("UTC", 0), ("EARLY-14", 14), ("LATE+11", -11)] {
        let listener = Listening::start_in(home(), &["--ephemeral"], |command| {
            command.env("TZ", zone);
        });
        listener.deliver(&[request("POST /", "", b"{}")]);
        let ended = listener.process.stop();
        let shown: jiff::civil::DateTime = ended.stdout()[..19].parse().expect("a time");
        let now = jiff::Zoned::now()
            .with_time_zone(jiff::tz::TimeZone::UTC)
            .datetime();
        let apart = shown
            .until(now)
            .expect("two times")
            .total(jiff::Unit::Minute)
            .expect("minutes");
        let apart = apart + f64::from(hours * 60);
        assert!(
            (0.0..5.0).contains(&apart),
            "{zone}: {shown}, {apart} minutes ago"
        );
    }
}

/// The shapes that the manual promises, to the letter.
#[test]
fn the_two_lines_have_the_shape_that_was_promised() {
    let app = app();
    let target = app.target();
    let listener = Listening::start(&["-s", "whsec_main", &target]);
    let event = "email.unsubscribed";
    listener.deliver(&[delivery(
        "/webhooks/cakemail",
        event,
        Some(Scheme::CakemailHex),
    )]);
    let ended = listener.process.stop();
    let lines = masked(ended.stdout()).replace(&target, "localhost:3000");
    assert_eq!(
        lines,
        "2026-11-24 10:32:07  --> email.unsubscribed  #1  ✓ signed (cakemail-hex)\n\
         2026-11-24 10:32:07  <-- 200 POST http://localhost:3000/webhooks/cakemail  #1  12ms\n"
    );
    let last = ended.stderr().lines().rev().nth(1);
    assert!(
        last.is_some_and(|line| line.starts_with("Ready")),
        "{last:?}"
    );
}
