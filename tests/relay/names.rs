//! Who has a name, and who only wants it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::doubles::{TOKEN, connect_request};
use crate::support::listener::{Listener, Refused, cmhook, home, refused_as};
use crate::support::raw::{RawApp, ask};
use crate::support::relay::{Relay, public_path};
use crate::vitals::eventually;

/// What comes of an agent that is not let in.
#[track_caller]
pub fn refused(relay: &str, token: Option<&str>, args: &[&str]) -> Refused {
    let home = home();
    let mut command = cmhook();
    command.args(["listen", "--listen", "127.0.0.1:0", "--ephemeral"]);
    command.args(["--relay", relay]);
    let variables: Vec<_> = token
        .map(|token| ("CMHOOK_RELAY_TOKEN", token))
        .into_iter()
        .collect();
    refused_as(home.path(), command, args, &variables)
}

fn url(relay: &Relay) -> &str {
    relay.ready["url"].as_str().expect("its URL")
}

/// The next `tunnel` object in this state.
#[track_caller]
fn state(agent: &mut Listener, state: &str) -> Value {
    agent.process.stdout.find(state, |line| {
        let object = crate::support::listener::object(line);
        (object["type"] == "tunnel" && object["state"] == state).then_some(object)
    })
}

#[test]
fn a_token_and_a_name_are_good_as_soon_as_they_are_made() {
    let relay = Relay::start(&[]);
    let token = relay.make_token("ada", &[]);
    relay.agent(Some(&token), &["--ephemeral"]).stop();
    relay.command(&["name", "reserve", "shop", "--token", "ada"]);
    let args = ["--ephemeral", "--name", "shop"];
    relay.agent(Some(&token), &args).stop();
}

#[test]
fn the_second_agent_is_told_who_has_the_name() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let app = RawApp::saying("first");
    let mut agent = relay.agent(Some(&token), &["--ephemeral", "--forward", &app.target()]);
    for args in [&[][..], &["--name", "shop"], &["--share"]] {
        let second = refused(url(&relay), Some(&token), args);
        assert_eq!(second.code, Some(1), "{}", second.stderr);
        let said = second.error["message"].as_str().expect("words");
        assert!(said.contains(" has the name `shop` since 20"), "{said}");
        assert!(second.stderr.contains("--takeover"), "{}", second.stderr);
        assert!(second.stderr.contains("--share"), "{}", second.stderr);
    }
    let answer = relay.ask("POST /t/shop/", "", b"{}");
    assert_eq!(answer.text(), "first");
    agent.delivery();
    agent.stop();
    // The name is free again.
    relay.agent(Some(&token), &["--ephemeral"]).stop();
}

#[test]
fn who_is_taken_over_says_so_and_does_not_come_back() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let (one, other) = (RawApp::saying("one"), RawApp::saying("other"));
    let mut first = relay.agent(Some(&token), &["--ephemeral", "--forward", &one.target()]);
    let second = relay.agent(
        Some(&token),
        &["--ephemeral", "--takeover", "--forward", &other.target()],
    );
    let lost = state(&mut first, "refused");
    assert_eq!(lost["code"], "taken_over", "{lost}");
    assert!(lost["next_at"].is_null(), "it would come back: {lost}");
    let reason = lost["reason"].as_str().expect("words");
    assert!(reason.contains("has taken the name over"), "{lost}");
    assert!(
        lost["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("--takeover"))
    );
    for _ in 0..5 {
        assert_eq!(relay.ask("POST /t/shop/", "", b"{}").text(), "other");
    }
    // It still listens, and the other's end does not bring it back.
    let direct = ask(
        first.address(),
        crate::support::raw::request("POST /", "", b"{}"),
    );
    assert_eq!(direct.text(), "one");
    second.stop();
    assert_eq!(relay.ask("POST /t/shop/", "", b"{}").status(), 202);
    let stopped = first.stop();
    assert_eq!(stopped["received"], 1, "{stopped}");
}

#[test]
fn those_who_share_get_a_copy_each_and_the_first_one_answers() {
    let relay = Relay::start(&[]);
    let token = relay.token("team", &["shop"]);
    let apps = [
        RawApp::saying("first"),
        RawApp::saying("second"),
        RawApp::saying("third"),
    ];
    let mut agents: Vec<_> = apps
        .iter()
        .map(|app| {
            let target = app.target();
            relay.agent(
                Some(&token),
                &["--ephemeral", "--share", "--forward", &target],
            )
        })
        .collect();
    // Who does not share is not let in among them.
    let alone = refused(url(&relay), Some(&token), &[]);
    let said = alone.error["message"].as_str().expect("words");
    assert!(said.contains(" shares the name `shop`"), "{said}");
    for number in 0..20 {
        let answer = relay.ask(&format!("POST /t/shop/{number}"), "", b"{}");
        assert_eq!(answer.text(), "first");
    }
    let mut ids: Vec<Vec<String>> = Vec::new();
    for (agent, app) in agents.iter_mut().zip(&apps) {
        let mut seen: Vec<_> = (0..20)
            .map(|_| {
                agent.delivery()["relay"]["id"]
                    .as_str()
                    .expect("an id")
                    .to_owned()
            })
            .collect();
        seen.sort();
        ids.push(seen);
        for _ in 0..20 {
            app.next();
        }
        assert!(app.is_idle());
    }
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "not the same ones");
    // When the first goes, the next one answers.
    agents.remove(0).stop();
    assert_eq!(relay.ask("POST /t/shop/", "", b"{}").text(), "second");
    for agent in agents {
        agent.stop();
    }
}

#[test]
fn an_agent_that_connects_again_takes_its_own_place() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let instance = "0123456789abcdef0123456789abcdef";
    let mut first = connect_request(&relay, &token, instance, "");
    assert_eq!(first.answer_head().status(), 101);
    let mut second = connect_request(&relay, &token, instance, "");
    assert_eq!(second.answer_head().status(), 101);
    let mut other = connect_request(&relay, &token, &instance.replace('0', "f"), "");
    assert_eq!(other.answer().status(), 409);
}

#[test]
fn another_tokens_name_is_no_name() {
    let relay = Relay::start(&[]);
    let (ada, bob) = (relay.token("ada", &["shop"]), relay.token("bob", &[]));
    let holder = relay.agent(Some(&ada), &["--ephemeral"]);
    let answer = |name: &str, token: &str| {
        let fields = format!("Cmhook-Name: {name}\r\n");
        let mut connection =
            connect_request(&relay, token, "0123456789abcdef0123456789abcdef", &fields);
        let answer = connection.answer();
        let head = String::from_utf8(answer.head.clone()).expect("text");
        let head: Vec<_> = head
            .lines()
            .filter(|line| !line.starts_with("date: "))
            .collect();
        (
            answer.status(),
            head.join("\n"),
            answer.text().replace(name, "NAME"),
        )
    };
    let foreign = answer("shop", &bob);
    assert_eq!(foreign, answer("none", &bob));
    assert_eq!(foreign.0, 404);
    // So it is with one that was given up and waits out its quarantine.
    holder.stop();
    relay.command(&["name", "release", "shop"]);
    eventually("the release is known", || answer("shop", &ada).0 == 404);
    assert_eq!(foreign, answer("shop", &bob));
    assert_eq!(foreign, answer("shop", &ada));
    // A listener says what to do.
    let refused = refused(url(&relay), Some(&bob), &["--name", "shop"]);
    assert_eq!(refused.code, Some(1));
    let said = refused.error["message"].as_str().expect("words");
    assert!(
        said.contains("there is no name `shop` for this token"),
        "{said}"
    );
    assert!(refused.stderr.contains("--name"), "{}", refused.stderr);
}

#[test]
fn a_revoked_token_is_cut_off_at_once_and_hardly_tried_again() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let mut agent = relay.agent(Some(&token), &["--ephemeral"]);
    relay.command(&["token", "revoke", "ada"]);
    let begun = Instant::now();
    let lost = state(&mut agent, "refused");
    println!("cut off {:?} after it was revoked", begun.elapsed());
    assert_eq!(lost["code"], "bad_token", "{lost}");
    assert!(
        lost["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("revoked"))
    );
    assert!(
        lost["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("token create"))
    );
    assert_next_is_late(&lost);
    assert_eq!(relay.ask("POST /t/shop/", "", b"{}").status(), 404);
    agent.stop();
    let refused = refused(url(&relay), Some(&token), &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
}

/// Checks that the next try is 30 s away or more, which makes two a minute at most.
#[track_caller]
pub fn assert_next_is_late(tunnel: &Value) {
    let time = |field: &str| -> jiff::Timestamp {
        let text = tunnel[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field}: {tunnel}"));
        text.parse().expect("a time")
    };
    let wait = time("next_at").duration_since(time("since"));
    assert!(wait >= jiff::SignedDuration::from_secs(30), "{tunnel}");
}

#[test]
fn a_released_name_is_cut_off_too() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop", "other"]);
    let mut agent = relay.agent(Some(&token), &["--ephemeral", "--name", "shop"]);
    let mut stays = relay.agent(Some(&token), &["--ephemeral", "--name", "other"]);
    relay.command(&["name", "release", "shop"]);
    let lost = state(&mut agent, "refused");
    assert_next_is_late(&lost);
    assert_eq!(lost["code"], "no_such_name", "{lost}");
    assert_eq!(lost["reason"], "the name `shop` was released", "{lost}");
    assert_eq!(relay.ask("POST /t/other/", "", b"{}").status(), 200);
    stays.delivery();
    assert_eq!(relay.ask("POST /t/shop/", "", b"{}").status(), 404);
    agent.stop();
    stays.stop();
}

#[test]
fn a_name_of_ones_own_is_unguessable_and_the_same_tomorrow() {
    let relay = Relay::start(&[]);
    let (ada, bob) = (relay.token("ada", &[]), relay.token("bob", &[]));
    let path = |relay: &Relay, token: &str| {
        let agent = relay.agent(Some(token), &["--ephemeral"]);
        let path = public_path(&agent);
        agent.stop();
        path
    };
    let (first, other) = (path(&relay, &ada), path(&relay, &bob));
    assert_ne!(first, other);
    let name = first.strip_prefix("/t/").expect("a name");
    assert!(name.len() >= 16, "{name}");
    assert_eq!(path(&relay, &ada), first);
    let relay = relay.kill_and_restart();
    assert_eq!(path(&relay, &ada), first);
    assert_eq!(path(&relay, &bob), other);
    // It waits there for its agent.
    assert_eq!(
        relay.ask(&format!("POST {first}/"), "", b"{}").status(),
        202
    );
}

#[test]
fn an_agent_without_a_good_token_says_why_and_ends() {
    let relay = Relay::start(&[]);
    for (token, code, reason, hint) in [
        (None, "no_token", "wants a token", "relay login"),
        (Some(TOKEN), "bad_token", "no such token", "token create"),
        (
            Some("nonsense"),
            "bad_token",
            "no such token",
            "token create",
        ),
    ] {
        let refused = refused(url(&relay), token, &[]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert_eq!(refused.error["code"], code, "{}", refused.error);
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
        assert!(!refused.stderr.contains("cmr_"), "{}", refused.stderr);
    }
}

/// Runs `cmhook relay login` in this folder with this on its standard input.
pub fn login(home: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cmhook"))
        .args(["relay", "login"])
        .args(args)
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env_remove("CMHOOK_RELAY_TOKEN")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cmhook starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // One that forgets a token does not read it.
    let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_login_asks_the_relay_and_keeps_the_token_for_its_user_alone() {
    let relay = Relay::start(&[]);
    let token = relay.token("ada", &["shop"]);
    let (home, url) = (Rc::new(home()), url(&relay));
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    for bad in [TOKEN, "", "two words"] {
        let output = login(home.path(), &[url], bad);
        assert_ne!(output.status.code(), Some(0), "{bad}: {}", said(&output));
        assert!(said(&output).contains("hint: "), "{bad}: {}", said(&output));
        assert!(!said(&output).contains("cmr_"), "{bad}: {}", said(&output));
    }
    let file = home.path().join("config/cmhook/credentials.toml");
    assert!(!file.exists(), "a bad token was kept");
    let output = login(home.path(), &[url], &format!("{token}\n"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("as ada; names: shop"),
        "{}",
        said(&output)
    );
    assert!(output.stdout.is_empty() && !said(&output).contains(&token));
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A listener uses it.
    let agent = relay.agent_in(&home, None, &["--ephemeral"]);
    assert_eq!(public_path(&agent), "/t/shop");
    agent.stop();
    let output = login(home.path(), &[url, "--forget"], "");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        !fs::read_to_string(&file)
            .unwrap_or_default()
            .contains("cmr_")
    );
    let output = login(home.path(), &[url, "--forget"], "");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn a_login_to_what_is_no_relay_says_so() {
    let site = RawApp::saying("<html>welcome</html>");
    let home = home();
    let output = login(home.path(), &[&format!("http://{}", site.address())], TOKEN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no relay at"), "{said}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let begun = Instant::now();
    let output = login(home.path(), &[&format!("http://{address}")], TOKEN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("refuses connections"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!home.path().join("config/cmhook/credentials.toml").exists());
}
