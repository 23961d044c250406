//! What is seen of webhooks that were registered.

use insta::assert_snapshot;

use super::stage::{Stage, sample};
use crate::delivery::{Phase, Registration};
use crate::tui::msg::Msg;

const SIZES: [(u16, u16); 5] = [(40, 12), (60, 20), (100, 30), (130, 30), (200, 40)];

fn register(stage: &mut Stage, events: &[&str]) {
    let mut status = stage.model.status.clone();
    let one = |event: &&str| Registration {
        event: (*event).into(),
        id: format!("X1qR{}", event.len()).into(),
        url: "https://shop.hooks.example.com".into(),
        is_reused: false,
        flags: Box::default(),
    };
    status.registered = events.iter().map(one).map(Into::into).collect();
    stage.tell(Msg::Status(Box::new(status)));
}

#[test]
fn the_header_says_how_many_events_are_registered_where_there_is_room() {
    let head = |(columns, rows)| {
        let mut stage = Stage::new(columns, rows).with([sample(1, "email.sent")]);
        stage.tunnel(
            true,
            Phase::Online {
                round_trip: None,
                waiting: 0,
            },
        );
        register(&mut stage, &["Email.Opened", "Email.Bounced", "Email.Sent"]);
        let frame = stage.frame();
        let head = frame.lines().next().unwrap_or_default();
        format!("{columns}:\n{head}\n")
    };
    assert_snapshot!("registered_header", SIZES.map(head).join(""));
    let mut stage = Stage::ascii(100, 30);
    register(&mut stage, &["Email.Opened"]);
    assert!(
        stage.frame().contains(", 1 event registered"),
        "{}",
        stage.frame()
    );
}

#[test]
fn they_are_listed_below_the_warnings() {
    for (columns, rows) in [(40, 12), (100, 30)] {
        let mut stage = Stage::new(columns, rows).with([sample(1, "email.sent")]);
        register(&mut stage, &["Email.Opened", "Email.Bounced"]);
        stage.keys("!");
        assert_snapshot!(format!("registered_listed_{columns}"), stage.frame());
    }
}

#[test]
fn a_url_of_ones_own_is_shown_and_copied() {
    let mut stage = Stage::new(100, 30);
    stage.model.status.own_url = Some("https://own.example.com/shop".into());
    let frame = stage.frame();
    assert!(frame.contains("https://own.example.com/shop"), "{frame}");
}

#[test]
fn nobody_is_asked_to_point_a_webhook_where_some_are_registered() {
    let mut stage = Stage::new(100, 30);
    register(&mut stage, &["Email.Opened", "Email.Bounced"]);
    let frame = stage.frame();
    assert!(frame.contains("2 webhooks point here"), "{frame}");
    assert!(frame.contains("https://shop.hooks.example.com"), "{frame}");
    assert!(!frame.contains("Point your"), "{frame}");
    register(&mut stage, &["Email.Opened"]);
    assert!(stage.frame().contains("1 webhook points here"));
}
