//! The way of a delivery, through the tunnel and back, at once and later.

use std::rc::Rc;

use crate::support::listener::home;
use crate::support::raw::{ask, request};
use crate::support::relay::{Relay, public_path};
use crate::support::upstream::Upstream;

#[test]
fn a_delivery_reaches_the_app_and_its_answer_the_sender() {
    let (relay, app) = (Relay::open(&[]), Upstream::start());
    let mut agent = relay.agent(None, &["--ephemeral", "--forward", &app.target()]);
    let path = public_path(&agent);
    let line = format!("POST {path}/hook?a=%2F");
    let elsewhere = ask(relay.address(), request(&line, "", b"{}"));
    assert_eq!(
        elsewhere.status(),
        404,
        "another host: {}",
        elsewhere.text()
    );
    let answer = relay.ask(&line, "X-Kept: yes\r\n", b"{}");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = app.next();
    assert_eq!(seen.parts.uri, "/hook?a=%2F");
    assert_eq!(seen.parts.headers["x-kept"], "yes");
    let delivery = agent.delivery();
    assert_eq!(delivery["request"]["path"], "/hook");
    assert!(delivery["relay"]["id"].is_string(), "{delivery}");
    agent.stop();
}

#[test]
fn what_comes_while_the_agent_is_away_waits_and_arrives_in_order() {
    let (relay, app) = (Relay::start(&[]), Upstream::start());
    let token = relay.token("ada", &["shop"]);
    let home = Rc::new(home());
    let target = app.target();
    let args = ["--forward", &*target];
    let agent = relay.agent_in(&home, Some(&token), &args);
    let path = public_path(&agent);
    assert_eq!(path, "/t/shop");
    agent.stop();
    for number in 0..10 {
        let answer = relay.ask(&format!("POST {path}/{number}"), "", b"{}");
        assert_eq!(answer.status(), 202, "{}", answer.text());
        assert_eq!(answer.one("cmhook-reason").as_deref(), Some("queued"));
    }
    let mut agent = relay.agent_in(&home, Some(&token), &args);
    for number in 0..10 {
        let delivery = agent.delivery();
        assert_eq!(delivery["request"]["path"], format!("/{number}"));
        assert!(delivery["relay"]["queued_at"].is_string(), "{delivery}");
    }
    for number in 0..10 {
        assert_eq!(app.next().parts.uri.path(), format!("/{number}"));
    }
    agent.stop();
}
