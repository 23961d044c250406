//! The whole screen, as it is seen at three sizes and at some odd ones.

use crossterm::event::KeyCode;
use insta::assert_snapshot;

use super::stage::{Sample, Stage, sample};
use crate::tui::msg::{Msg, Progress};
use crate::tui::status::Reach;

const SIZES: [(u16, u16); 3] = [(60, 20), (100, 30), (200, 60)];

/// What a morning brings.
fn busy() -> Vec<Sample> {
    vec![
        sample(1, "email.sent").answered(200, 12, "OK"),
        sample(2, "email.sent").answered(200, 11, "OK"),
        sample(3, "email.bounced")
            .answered(401, 4, "{\"error\":\"Invalid signature\"}")
            .answered(200, 6, "OK"),
        sample(4, "email.clicked").answered(200, 14, "OK").marked(),
        sample(5, "campaign.sent").answered(500, 210, "oh no"),
        sample(6, "User.LoggedIn").unsigned().answered(200, 9, "OK"),
        sample(7, "email.opened").refused().refused().refused(),
        sample(8, "email.unsubscribed")
            .signed_wrongly()
            .answered(401, 3, "no"),
        sample(9, "email.clicked")
            .copy_of(4)
            .answered(200, 13, "OK"),
        sample(10, "email.spam_complaint").answered(302, 2, ""),
        sample(11, "email.sent"),
        sample(12, "email.opened").answered(200, 12, "OK"),
    ]
}

/// A frame at each size, after some keys.
fn frames(name: &str, samples: fn() -> Vec<Sample>, keys: &str) {
    for (columns, rows) in SIZES {
        let mut stage = Stage::new(columns, rows).with(samples());
        stage.keys(keys);
        stage.explain();
        assert_snapshot!(format!("{name}_{columns}"), stage.frame_with_cursor());
    }
}

#[test]
fn nothing_was_delivered_yet() {
    frames("empty", Vec::new, "");
}

#[test]
fn much_was() {
    frames("busy", busy, "");
}

#[test]
fn the_app_is_down() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::new(columns, rows).with(busy().into_iter().take(7));
        stage.model.status.reach = Reach::Down {
            since: stage.model.since,
            message: "nothing listens on localhost:3000".into(),
            hint: "is your app running?".into(),
        };
        stage.keys("3");
        assert_snapshot!(format!("failing_{columns}"), stage.frame());
    }
}

#[test]
fn a_signature_is_wrong_or_an_app_refuses_a_right_one() {
    let wrong = || busy().into_iter().take(8).collect();
    frames("invalid", wrong, "5");
    let refused = || vec![sample(3, "email.clicked").answered(401, 4, "Invalid signature")];
    frames("refused", refused, "5");
}

#[test]
fn payloads_are_shown_as_what_they_are() {
    let json = || vec![sample(4, "email.clicked").answered(200, 14, "OK")];
    frames("tree", json, "djj ");
    let bytes = || {
        let body = b"\x89PNG\r\n\x1a\n"
            .iter()
            .copied()
            .chain(0..=255)
            .collect();
        vec![
            sample(1, "email.sent")
                .body("image/png", body)
                .answered(200, 1, ""),
        ]
    };
    frames("binary", bytes, "");
    let form = || {
        let body = b"event=email.sent&name=Zo%C3%AB+B.&empty=".to_vec();
        vec![sample(1, "email.sent").body("application/x-www-form-urlencoded", body)]
    };
    frames("form", form, "");
}

#[test]
fn attempts_are_a_timeline() {
    let replayed = || vec![busy().swap_remove(2)];
    frames("attempts", replayed, "4d");
}

#[test]
fn a_filter_is_typed() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::new(columns, rows).with(busy());
        stage.keys("/event:email.* staus:5xx");
        assert_snapshot!(format!("mistake_{columns}"), stage.frame_with_cursor());
    }
}

#[test]
fn a_small_terminal_shows_one_pane_at_a_time() {
    for (columns, rows) in [(40, 12), (59, 20), (20, 5)] {
        let mut stage = Stage::new(columns, rows).with(busy());
        assert_snapshot!(format!("narrow_list_{columns}"), stage.frame());
        stage.press(KeyCode::Enter);
        assert_snapshot!(format!("narrow_detail_{columns}"), stage.frame());
    }
}

#[test]
fn the_state_of_the_listener_is_said() {
    let mut stage = Stage::new(100, 30).with(busy());
    stage.model.status.paused = true;
    stage.tell(Msg::Progress(Progress {
        done: 3,
        total: 12,
        failed: 1,
        ended: false,
    }));
    assert_snapshot!("paused_and_replaying", stage.frame());
}

#[test]
fn without_unicode_it_is_ascii() {
    let frame = Stage::ascii(100, 30).with(busy()).frame();
    assert!(frame.is_ascii(), "{frame}");
    assert_snapshot!("ascii", frame);
}
