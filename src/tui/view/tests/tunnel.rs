//! What is seen of a tunnel in each of its phases.

use std::time::Duration;

use insta::assert_snapshot;
use jiff::ToSpan as _;

use super::stage::{Stage, now, sample};
use crate::delivery::Phase;
use crate::tui::msg::{CopyWhat, Effect, Msg};
use crate::tui::status::Reach;

const SIZES: [(u16, u16); 4] = [(40, 12), (60, 20), (100, 30), (200, 40)];

fn online(waiting: u64) -> Phase {
    Phase::Online {
        round_trip: Some(Duration::from_micros(23_400)),
        waiting,
    }
}

fn lost() -> Phase {
    Phase::Reconnecting {
        attempt: 3,
        next_at: Some(now() + 2500.milliseconds()),
        reason: "the relay does not answer".into(),
        hint: "are you connected to the internet?".into(),
    }
}

fn refused() -> Phase {
    Phase::Refused {
        code: "token".into(),
        reason: "the relay does not know the token".into(),
        hint: "log in anew with `cmhook relay login https://hooks.example.com`".into(),
        next_at: None,
    }
}

/// The header's lines at each size.
fn heads(is_named: bool, phase: &Phase) -> String {
    let head = |(columns, rows)| {
        let mut stage = Stage::new(columns, rows).with([sample(1, "email.sent")]);
        stage.tunnel(is_named, phase.clone());
        let frame = stage.frame();
        let head: Vec<_> = frame.lines().take(2).collect();
        format!("{columns}:\n{}\n", head.join("\n"))
    };
    SIZES.map(head).join("")
}

#[test]
fn the_header_tells_each_phase() {
    assert_snapshot!("tunnel_connecting", heads(false, &Phase::Connecting));
    assert_snapshot!("tunnel_online", heads(true, &online(0)));
    assert_snapshot!("tunnel_lost", heads(true, &lost()));
    assert_snapshot!("tunnel_refused", heads(false, &refused()));
    let mut stage = Stage::ascii(100, 30);
    stage.tunnel(true, online(0));
    assert_snapshot!("tunnel_ascii", stage.frame());
}

#[test]
fn what_had_waited_is_marked_and_said() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::new(columns, rows).with([
            sample(1, "email.sent").waited(185).answered(200, 12, "OK"),
            sample(2, "email.opened").answered(200, 11, "OK"),
            sample(3, "email.bounced").waited(4).marked(),
        ]);
        stage.tunnel(true, online(2));
        assert_snapshot!(format!("tunnel_waited_{columns}"), stage.frame());
        assert!(stage.frame().contains("2 had waited"), "{columns}");
        // What is said once is not said again with the next round trip.
        stage.keys("k");
        stage.tunnel(true, online(2));
        assert!(!stage.frame().contains("2 had waited"));
    }
}

#[test]
fn what_is_wrong_with_the_tunnel_stands_above_an_app_that_is_down() {
    let mut stage = Stage::new(100, 30);
    stage.model.status.reach = Reach::Down {
        since: now(),
        message: "nothing listens on localhost:3000".into(),
        hint: String::new(),
    };
    stage.tunnel(false, Phase::Connecting);
    assert!(stage.frame().contains("nothing listens"));
    stage.tunnel(true, lost());
    assert!(stage.frame().contains("tunnel: lost"));
}

#[test]
fn what_has_no_room_above_is_listed() {
    for (columns, rows) in [(40, 16), (100, 30)] {
        let mut stage = Stage::new(columns, rows).with([sample(1, "email.sent")]);
        stage.tunnel(true, online(0));
        stage.keys("!");
        let frame = stage.frame();
        assert!(frame.contains("Nothing to worry about"), "{frame}");
        assert!(frame.contains("https://shop.hooks.example.com"), "{frame}");
        // It is brought up to date while it is read.
        stage.tunnel(true, lost());
        let frame = stage.frame();
        assert!(!frame.contains("Nothing to worry about"), "{frame}");
        assert_snapshot!(format!("tunnel_listed_{columns}"), frame);
    }
}

#[test]
fn it_counts_down_while_that_is_shown_and_no_longer() {
    let mut stage = Stage::new(100, 30);
    stage.tunnel(true, online(0));
    assert_eq!(stage.model.changes_at(), None);
    stage.tunnel(true, lost());
    for (text, ms) in [("in 3 s", 500), ("in 2 s", 1500), ("in 1 s", 2500)] {
        assert!(stage.frame().contains(text), "{}", stage.frame());
        let at = stage.model.changes_at();
        assert_eq!(at, Some(now() + ms.milliseconds()), "{text}");
        stage.tell(Msg::Now(now() + ms.milliseconds()));
    }
    assert!(stage.frame().contains("next try now"));
    assert_eq!(stage.model.changes_at(), None);
    let mut low = Stage::new(100, 9);
    low.tunnel(true, lost());
    assert_eq!(low.model.changes_at(), None, "there is no room for it");
    let mut paused = Stage::new(100, 30);
    paused.tunnel(true, lost());
    paused.model.status.paused = true;
    assert_eq!(paused.model.changes_at(), None, "something graver is shown");
}

#[test]
fn u_copies_the_url_that_others_use() {
    let copied = |effect| match effect {
        Some(Effect::Copy { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    let mut stage = Stage::new(200, 30);
    assert!(!stage.frame().contains("u URL"));
    assert_eq!(copied(stage.keys("u")), CopyWhat::Url);
    stage.tunnel(true, lost());
    assert!(stage.frame().contains("u URL"), "{}", stage.frame());
    assert_eq!(copied(stage.keys("u")), CopyWhat::PublicUrl);
    stage.keys("c");
    assert_snapshot!("tunnel_copy", stage.frame());
    assert_eq!(copied(stage.keys("u")), CopyWhat::PublicUrl);
}
