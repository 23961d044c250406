use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Style;
use super::human::Human;
use super::writer::Writer;
use crate::delivery::{Answerer, Notice, OwnAnswer, Phase, Tunnel};
use crate::store::Store;

/// What is written of these, one after the other.
fn told(style: Style, phases: &[Phase]) -> Vec<String> {
    let settings = crate::config::StoreSettings {
        path: None,
        durable: false,
        keep: 1,
        keep_bytes: 1,
    };
    let mut writer = Writer {
        style,
        store: Store::open(&settings).unwrap().0,
        last_delivery: 0,
        pending: HashMap::new(),
        tunnel: None,
        registered: Vec::new(),
        written: Arc::default(),
    };
    let mut out = Vec::new();
    for phase in phases {
        let tunnel = Tunnel {
            relay: "https://hooks.example.com".into(),
            public_url: Some("https://shop.hooks.example.com".into()),
            phase: phase.clone(),
            since: Timestamp::UNIX_EPOCH,
        };
        writer
            .print(&mut out, &Notice::Tunnel(Arc::new(tunnel)))
            .unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn phases() -> Vec<Phase> {
    let online = |ms, waiting| Phase::Online {
        round_trip: Some(Duration::from_millis(ms)),
        waiting,
    };
    let lost = |attempt, reason: &str| Phase::Reconnecting {
        attempt,
        next_at: Some(Timestamp::now() + SignedDuration::from_mins(120)),
        reason: reason.into(),
        hint: "is the relay running?".into(),
    };
    vec![
        Phase::Connecting,
        online(20, 0),
        online(21, 0),
        lost(0, "no answer"),
        lost(1, "no answer"),
        lost(2, "nothing listens there"),
        online(22, 12),
        Phase::Refused {
            code: "taken".into(),
            reason: "ada@laptop has the name".into(),
            hint: String::new(),
            next_at: None,
        },
    ]
}

#[test]
fn people_are_told_what_has_changed_and_what_to_do() {
    let lines = told(Style::Human(Human::new(false, false)), &phases());
    let said = lines
        .iter()
        .map(|line| line.split_once("---  ").map_or(&**line, |l| l.1));
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            "tunnel: connecting to https://hooks.example.com",
            "tunnel: online, https://shop.hooks.example.com",
            "tunnel: lost (no answer), next try in 2 h",
            "      is the relay running?",
            "tunnel: lost (nothing listens there), next try in 2 h (2 failed)",
            "      is the relay running?",
            "tunnel: online, https://shop.hooks.example.com, 12 had waited",
            "tunnel: refused: ada@laptop has the name",
        ]
    );
}

#[test]
fn programs_are_told_each_change_but_the_round_trip() {
    let lines = told(Style::Json, &phases());
    let states: Vec<_> = lines
        .iter()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(object["type"], "tunnel");
            object["state"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        states,
        [
            "connecting",
            "online",
            "reconnecting",
            "reconnecting",
            "reconnecting",
            "online",
            "refused"
        ]
    );
}

#[test]
fn people_read_who_answered() {
    let mut out = Vec::new();
    for (by, status) in [(Answerer::Cmhook, 401), (Answerer::Relay, 202)] {
        let answer = OwnAnswer {
            delivery: 42,
            by,
            status,
            reason: "kept, there is no target",
        };
        Human::new(false, false)
            .own_answer(&mut out, &answer)
            .unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once("<-- "))
        .collect();
    assert_eq!(lines[0].1, "401 by cmhook  #42  kept, there is no target");
    assert_eq!(
        lines[1].1,
        "202 by the relay  #42  kept, there is no target"
    );
}
