//! The app: there, away, slow, too trusting, too strict.

use std::net::TcpListener;
use std::time::Duration;

use tokio::net::TcpSocket;

use crate::kit::{Place, SECRET, answer, app, is_signed};
use crate::support::sandbox::Sandbox;
use crate::support::sender::{Scheme, post, sign};
use crate::support::upstream::Upstream;

const BODY: &str = r#"{"event":"email.opened","data":{}}"#;

fn secret() -> String {
    format!("main={SECRET}")
}

#[test]
fn an_app_that_does_it_right_is_well() {
    let (place, app) = (Place::new(), app(SECRET, &Scheme::ALL));
    let checks = place.checks(&["-f", &app.target(), "--secret", &secret()], 0);
    checks
        .is("target", "ok", "takes connections at 127.0.0.1")
        .is("signed", "ok", "answers 200 to a signed email.opened")
        .is(
            "signed",
            "ok",
            "cakemail-hex, cakemail-base64 and api-base64; secret `main`",
        )
        .is("unsigned", "ok", "401")
        .is("forged", "ok", "401");
    let seen = app.next();
    let agent = seen.parts.headers["user-agent"].to_str().unwrap();
    assert_eq!(agent, "Cakemail-Webhooks (cmhook doctor)");
    assert_eq!(seen.parts.uri, "/");
    let summary = checks.0.last().unwrap();
    assert_eq!(summary["type"], "summary");
    assert_eq!((&summary["fail"], &summary["warn"]), (&0.into(), &0.into()));
}

#[test]
fn the_event_and_the_path_are_those_that_were_asked_for() {
    let (place, app) = (Place::new(), app(SECRET, &Scheme::ALL));
    let target = format!("{}/webhooks/cakemail", app.target());
    let args = [
        &*target,
        "--events",
        "email.bounced",
        "-H",
        "X-Stage: dev",
        "--secret",
        &secret(),
    ];
    place.checks(&args, 0).is("signed", "ok", "email.bounced");
    let seen = app.next();
    assert_eq!(seen.parts.uri, "/webhooks/cakemail");
    assert_eq!(seen.parts.headers["x-stage"], "dev");
    assert!(seen.body.starts_with(br#"{"event":"email.bounced""#));
}

#[test]
fn an_app_that_is_away_is_said_to_be() {
    let place = Place::new();
    let port = {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().port()
    };
    let target = format!("localhost:{port}");
    let checks = place.checks(&["-f", &target, "--secret", &secret()], 1);
    checks
        .is(
            "target",
            "fail",
            &format!("nothing listens on localhost:{port}"),
        )
        .is("target", "fail", "127.0.0.1")
        .cure("target", "start your app")
        .is("signed", "skip", "it takes no connection");
}

#[test]
fn an_app_on_one_family_of_addresses_is_found() {
    let place = Place::new();
    // Nobody else gets the port at 127.0.0.1 while it is taken and not listened at.
    let (_taken, port) = std::iter::repeat_with(|| {
        let taken = TcpSocket::new_v4().expect("a socket");
        let any = "127.0.0.1:0".parse().expect("an address");
        taken.bind(any).expect("a free port");
        let port = taken.local_addr().expect("an address").port();
        (taken, port)
    })
    .find(|(_, port)| TcpListener::bind(("::1", *port)).is_ok())
    .expect("a port that is free at both");
    let address = format!("[::1]:{port}");
    let app = Upstream::serving(&address, |_, _| Box::pin(async { answer(401) }));
    let target = format!("localhost:{port}");
    let checks = place.checks(&["-f", &target, "--no-send"], 0);
    checks.is("target", "ok", "at ::1 only, and not at 127.0.0.1");
    checks.is("signed", "skip", "--no-send");
    assert!(app.is_idle());
}

#[test]
#[cfg(target_os = "linux")]
fn who_has_the_port_on_another_address_is_named() {
    let place = Place::new();
    let app = Upstream::serving("127.0.0.2:0", |_, _| Box::pin(async { answer(200) }));
    let target = format!("localhost:{}", app.address().port());
    let checks = place.checks(&["-f", &target], 1);
    let pid = format!("(process {})", std::process::id());
    checks
        .cure("target", &pid)
        .cure("target", "another address");
}

#[test]
fn an_app_that_is_slow_is_too_slow_for_cakemail() {
    let place = Place::new();
    let app = Upstream::serving("127.0.0.1:0", |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            answer(200)
        })
    });
    let args = [
        "-f",
        &app.target(),
        "--secret",
        &secret(),
        "--timeout",
        "300ms",
    ];
    let checks = place.checks(&args, 1);
    checks
        .is("signed", "fail", "did not answer within 300 ms")
        .cure("signed", "Cakemail waits 5 s")
        .is("unsigned", "skip", "does not answer");
}

#[test]
fn an_app_that_is_slow_in_the_scheme_that_it_takes_is_too_slow() {
    let place = Place::new();
    let app = Upstream::serving("127.0.0.1:0", |parts, _| {
        let is_read = parts.headers.contains_key("x-signature");
        Box::pin(async move {
            if is_read {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
            answer(401)
        })
    });
    let secret = secret();
    let args = [
        "-f",
        &*app.target(),
        "--secret",
        &secret,
        "--timeout",
        "300ms",
    ];
    place
        .checks(&args, 1)
        .is(
            "signed",
            "fail",
            "has not answered a signed email.opened (X-Signature in base64) within",
        )
        .cure("signed", "Cakemail gives up after 5 s")
        .is("unsigned", "ok", "401");
}

#[test]
fn an_app_that_believes_anything_is_warned_of() {
    let (place, app) = (Place::new(), Upstream::start());
    let checks = place.checks(&["-f", &app.target(), "--secret", &secret()], 0);
    checks
        .is("signed", "ok", "200")
        .is("unsigned", "warn", "accepts forged deliveries")
        .is("forged", "warn", "accepts forged deliveries")
        .cure("forged", "answer 401");
}

#[test]
fn an_app_that_throws_at_a_wrong_signature_is_told_so() {
    let place = Place::new();
    let app = Upstream::answering(|parts, _| {
        let hex = parts.headers.get("x-cakemail-signature");
        answer(if hex.is_some_and(|hex| hex.len() == 64) {
            200
        } else {
            500
        })
    });
    let checks = place.checks(&["-f", &app.target()], 0);
    checks.is("signed", "skip", "no secret is known to sign with; ");
    checks
        .is("unsigned", "warn", "answers 500")
        .cure("unsigned", "goes on where the header is missing");
}

/// What Node says of `Buffer.from(undefined)`, and of two buffers of different length.
const UNDEFINED: &str = "TypeError [ERR_INVALID_ARG_TYPE]: The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received undefined";
const LENGTHS: &str = "RangeError [ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH]: Input buffers must have the same byte length";

#[test]
fn an_app_that_reads_the_other_header_is_told_from_one_that_compares_lengths() {
    let place = Place::new();
    let app = Upstream::answering(|parts, body| {
        let thrown = match parts.headers.get("x-signature") {
            None => UNDEFINED,
            Some(_) if is_signed(parts, body, SECRET, Scheme::ApiBase64) => return answer(200),
            Some(_) => LENGTHS,
        };
        let mut answer = answer(500);
        *answer.body_mut() = thrown.into();
        answer
    });
    place
        .checks(&["-f", &app.target(), "--secret", &secret()], 0)
        .is(
            "signed",
            "warn",
            "to a signature in X-Signature in base64, and 500 to one in",
        )
        .is("unsigned", "warn", "answers 500")
        .cure("unsigned", "throws where the signature's header is missing");
}

#[test]
fn an_app_that_knows_one_scheme_only_is_named_which() {
    let (place, app) = (Place::new(), app(SECRET, &[Scheme::CakemailHex]));
    let checks = place.checks(&["-f", &app.target(), "--secret", &secret()], 0);
    checks
        .is(
            "signed",
            "warn",
            "in X-Cakemail-Signature in hex, and 401 to one in X-Cakemail-Signature in base64",
        )
        .cure("signed", "X-Signature in base64");
}

/// A listener's store with deliveries in these schemes, one after the other.
fn with_deliveries(place: &Place, schemes: &[Scheme]) {
    let sink = Upstream::start();
    let mut listener = place.listener(&["-f", &sink.target(), "--secret", &secret()]);
    for scheme in schemes {
        let header = sign(*scheme, SECRET, BODY);
        post(listener.address(), Some(&header), BODY);
        let delivery = listener.delivery();
        listener.attempt(&delivery);
    }
    listener.stop();
}

#[test]
fn an_app_that_wants_hex_fails_where_base64_comes() {
    let place = Place::new();
    with_deliveries(&place, &[Scheme::ApiBase64]);
    let app = app(SECRET, &[Scheme::CakemailHex]);
    place
        .checks(&["-f", &app.target(), "--secret", &secret()], 1)
        .is("signed", "fail", "which is how deliveries come")
        .cure("signed", "have the app read X-Signature in base64");
}

#[test]
fn what_came_last_does_not_hide_what_came_before() {
    let both = [Scheme::ApiBase64, Scheme::CakemailHex];
    for schemes in [both, [both[1], both[0]]] {
        let place = Place::new();
        with_deliveries(&place, &schemes);
        let app = app(SECRET, &[Scheme::CakemailHex]);
        place
            .checks(&["-f", &app.target(), "--secret", &secret()], 0)
            .is("signed", "warn", "in which deliveries have come too")
            .cure("signed", "have the app read X-Signature in base64 too");
    }
}

#[test]
fn a_sandbox_says_how_it_signs_whatever_has_come_so_far() {
    let place = Place::new();
    with_deliveries(&place, &[Scheme::CakemailHex]);
    let app = app(SECRET, &[Scheme::CakemailHex]);
    let with = |sandbox: &Sandbox, code| {
        let api = sandbox.url();
        let secret = secret();
        let args = ["-f", &app.target(), "--secret", &secret, "--api", &api];
        place.checks(&args, code)
    };
    with(&Sandbox::start(&[]), 1)
        .is(
            "signed",
            "fail",
            "and 401 to one in X-Signature in base64, which is how this sandbox signs",
        )
        .cure("signed", "have the app read X-Signature in base64 too");
    with(&Sandbox::start(&["--scheme", "cakemail-hex"]), 0).is("signed", "ok", "cakemail-hex");
}

#[test]
fn an_account_at_cakemail_is_likely_to_sign_as_the_guide_says() {
    let place = Place::new();
    let api = Upstream::answering(|_, _| {
        let body = r#"{"pagination":{"count":0},"data":[]}"#;
        http::Response::new(body.into())
    });
    let app = app(SECRET, &[Scheme::CakemailHex]);
    let api = format!("http://{}", api.address());
    let args = ["-f", &app.target(), "--secret", &secret(), "--api", &api];
    place
        .checks(&args, 0)
        .is("signed", "warn", "how Cakemail's API signs by its guide");
}

#[test]
fn without_a_secret_the_path_and_the_time_are_looked_at_all_the_same() {
    let place = Place::new();
    for (status, code, how, cure) in [
        (404, 1, "fail", "the path of the app's webhook"),
        (302, 1, "fail", "have the app answer at this very path"),
        (401, 0, "skip", "--secret"),
        (200, 0, "skip", "--secret"),
    ] {
        let app = Upstream::answering(move |_, _| answer(status));
        place
            .checks(&["-f", &app.target()], code)
            .is("signed", how, &format!("answers {status}"))
            .cure("signed", cure);
    }
    let slow = Upstream::serving("127.0.0.1:0", |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            answer(200)
        })
    });
    place
        .checks(&["-f", &slow.target(), "--timeout", "300ms"], 1)
        .is("signed", "fail", "did not answer within 300 ms")
        .is("forged", "skip", "does not answer");
}

#[test]
fn an_app_with_another_secret_is_told_what_to_compare() {
    let (place, app) = (Place::new(), app("another", &Scheme::ALL));
    let checks = place.checks(&["-f", &app.target(), "--secret", &secret()], 1);
    checks
        .is(
            "signed",
            "fail",
            "answers 401 to a right signature (secret `main`)",
        )
        .cure("signed", "this very secret");
}

#[test]
fn what_else_an_app_may_say_has_its_cure() {
    let place = Place::new();
    for (status, cure) in [
        (404, "the path of the app's webhook"),
        (405, "the path of the app's webhook"),
        (302, "have the app answer at this very path"),
        (500, "the app's own log"),
        (422, "a 2xx is what Cakemail takes for success"),
    ] {
        let app = Upstream::answering(move |_, _| answer(status));
        let checks = place.checks(&["-f", &app.target(), "--secret", &secret()], 1);
        checks
            .is("signed", "fail", &status.to_string())
            .cure("signed", cure);
    }
}

#[test]
fn a_name_that_there_is_not_and_cmhook_itself_are_no_targets() {
    let place = Place::new();
    place.checks(&["-f", "nowhere.invalid:3000"], 1).is(
        "target",
        "fail",
        "no host called `nowhere.invalid`",
    );
    let listener = place.listener(&[]);
    let own = listener.address().to_string();
    place
        .checks(&["-f", &own], 1)
        .is("target", "fail", "is cmhook itself");
}

#[test]
fn the_listeners_targets_are_looked_at_where_none_is_named() {
    let (place, app) = (Place::new(), app(SECRET, &Scheme::ALL));
    let _listener = place.listener(&["-f", &app.target(), "--secret", &secret()]);
    let checks = place.checks(&["--secret", &secret()], 0);
    checks.is("listener", "ok", "knows the secret `main`");
    checks.is("signed", "ok", &app.target());
    assert_eq!(app.next().parts.method, "POST");
}
