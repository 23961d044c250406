//! Tokens that run out, are renewed, or are good no more.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::errors::answer;
use crate::kit::{Place, end};
use crate::support::raw::{Message, RawApp, Then};
use crate::support::sandbox::Sandbox;

const EMAIL: &str = "sandbox@cmhook.test";

#[track_caller]
pub fn log_in(place: &Place) {
    let ran = place.run_with(&["login", "--email", EMAIL], "sandbox\n");
    ran.coded(0);
}

/// The login in the file with another end.
pub fn ending(place: &Place, at: &str) {
    let file = place.path().join("config/cmhook/logins.toml");
    let lines: Vec<String> = place
        .logins()
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some(("expires_at", _)) => format!("expires_at = \"{at}\""),
            _ => line.to_owned(),
        })
        .collect();
    std::fs::write(file, lines.join("\n")).expect("a file");
}

#[test]
fn a_token_that_runs_out_is_renewed_and_kept() {
    let sandbox = Sandbox::start(&["--token-lifetime", "1s"]);
    let place = Place::new(sandbox.url());
    log_in(&place);
    let before = place.logins();
    // It ends soon, so that it is renewed before it is used.
    place.create("email.sent", &[]);
    let after = place.logins();
    assert_ne!(before, after);
    // As far as the file says it is good, but it is not.
    ending(&place, "2999-01-01T00:00:00Z");
    std::thread::sleep(Duration::from_millis(1100));
    place.create("email.opened", &[]);
    assert_ne!(after, place.logins());
    assert_eq!(sandbox.webhooks().len(), 2, "each was made once");
}

#[test]
fn a_login_that_cannot_be_renewed_is_over() {
    let sandbox = Sandbox::start(&["--token-lifetime", "1s"]);
    let place = Place::new(sandbox.url());
    log_in(&place);
    let stale = place.logins();
    place.create("email.sent", &[]);
    // The refresh token in it was good for once.
    let file = place.path().join("config/cmhook/logins.toml");
    std::fs::write(file, stale).expect("a file");
    let ran = place.webhooks(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "login_over");
    ran.says("has run out").says("hint: run `cmhook login`");
}

#[test]
fn many_processes_at_once_renew_it_once() {
    let sandbox = Sandbox::start(&["--token-lifetime", "40s"]);
    let place = Place::new(sandbox.url());
    place
        .run_with(&["login", "--email", EMAIL], "sandbox\n")
        .coded(0);
    ending(&place, "2020-01-01T00:00:00Z");
    let began = std::time::Instant::now();
    let children: Vec<_> = (0..6)
        .map(|_| place.start(&["webhooks", "list", "--json"]))
        .collect();
    for child in children {
        // There are none, which is a no, and no error.
        assert_eq!(end(child, began).coded(1).stdout, "[]\n");
    }
    place.webhooks(&["list", "--json"]).coded(1);
    assert_eq!(place.logins().matches("refresh_token").count(), 1);
}

/// An API whose access tokens are good for one request each, and which counts what it is
/// asked for.
#[test]
fn a_refused_token_is_renewed_once_and_not_for_ever() {
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let api = RawApp::answering(move |request: &Message| {
        let line = request.first_line();
        let mut seen = seen.lock().unwrap();
        seen.push(line.clone());
        let count = seen.len();
        // Whoever asks for ever comes to an end all the same.
        if count > 20 {
            return answer(500, &json!({"detail": "enough"}));
        }
        if line.contains("/token") {
            let granted = json!({"access_token": format!("sentinel-access-{count}"),
                "refresh_token": format!("sentinel-refresh-{count}"),
                "token_type": "bearer", "expires_in": 3600});
            return answer(200, &granted);
        }
        answer(401, &json!({"detail": "Could not validate credentials"}))
    });
    let place = Place::new(format!("http://{}", api.address()));
    log_in(&place);
    let ran = place.webhooks(&["list", "-vv"]).coded(1);
    let ran = ran.says("has run out").says("run `cmhook login`");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    let asked = asked.lock().unwrap().clone();
    let tokens = asked.iter().filter(|line| line.contains("/token")).count();
    assert_eq!(tokens, 2, "{asked:?}");
    assert_eq!(asked.len(), 4, "{asked:?}");
    // A personal access token has no other.
    let token = place.with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_sentinel");
    let ran = token.webhooks(&["list", "-vv"]).coded(1);
    let ran = ran
        .says("does not accept the token (401)")
        .says("comes from CAKEMAIL_ACCESS_TOKEN");
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
}

/// What a server does is told by its steps: the login is revoked between two requests.
#[test]
fn a_login_that_is_revoked_is_over() {
    let api = RawApp::serving(Duration::from_secs(30), |request, stream| {
        let form = request.text();
        let reply = if form.contains("grant_type=password") {
            let granted = json!({"access_token": "a", "refresh_token": "r", "expires_in": 3600});
            answer(200, &granted)
        } else {
            answer(401, &json!({"detail": "Could not validate credentials"}))
        };
        std::io::Write::write_all(stream, &reply)?;
        Ok(Then::GoOn)
    });
    let place = Place::new(format!("http://{}", api.address()));
    log_in(&place);
    place
        .webhooks(&["list"])
        .coded(1)
        .says("the login at http://127.0.0.1:");
}
