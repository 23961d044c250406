//! What stands on top of everything, as it is seen.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::stage::{Sample, Stage, sample};
use crate::delivery::{Refusal, RefusalCode, Warning};
use crate::tui::content::compare;
use crate::tui::dialog::{Confirm, Dialog, Sheet, Topic};
use crate::tui::keys::TABLE;
use crate::tui::msg::{CopyWhat, Effect, ExportAs, Msg};

fn samples() -> [Sample; 3] {
    [
        sample(1, "email.sent").answered(200, 12, "OK").marked(),
        sample(2, "User.LoggedIn").unsigned().refused(),
        sample(3, "email.opened").answered(500, 210, "oh no"),
    ]
}

fn stage(columns: u16, rows: u16) -> Stage {
    Stage::new(columns, rows).with(samples())
}

fn after(columns: u16, rows: u16, keys: &str) -> String {
    let mut stage = stage(columns, rows);
    stage.keys(keys);
    stage.frame_with_cursor()
}

#[test]
fn help() {
    assert_snapshot!("help_100", after(100, 30, "?"));
    assert_snapshot!("help_60", after(60, 20, "?"));
    assert_snapshot!("help_20", after(20, 5, "?"));
    assert_snapshot!("help_200", after(200, 60, "?"));
    assert_snapshot!("help_searched", after(100, 30, "?replay"));
    assert_snapshot!("help_not_found", after(60, 20, "?replayx"));
}

#[test]
fn trigger() {
    assert_snapshot!("trigger", after(100, 30, "t"));
    assert_snapshot!("trigger_60", after(60, 20, "t"));
    assert_snapshot!("trigger_searched", after(100, 30, "tbounce"));
    let mut stage = stage(100, 30);
    stage.keys("t");
    let effect = stage.press(KeyCode::Enter);
    assert!(
        matches!(effect, Some(Effect::Trigger("email.opened"))),
        "{effect:?}"
    );
}

#[test]
fn copy() {
    assert_snapshot!("copy", after(100, 30, "c"));
    let mut stage = stage(100, 30);
    let effect = stage.keys("cr");
    assert!(
        matches!(
            effect,
            Some(Effect::Copy {
                id: 3,
                what: CopyWhat::Response,
                attempt: Some(1),
                text: None
            })
        ),
        "{effect:?}"
    );
    let mut empty = Stage::new(100, 30);
    empty.keys("c");
    assert_snapshot!("copy_empty", empty.frame());
    let effect = empty.press(KeyCode::Enter);
    assert!(matches!(
        effect,
        Some(Effect::Copy {
            what: CopyWhat::Url,
            ..
        })
    ));
}

#[test]
fn export() {
    assert_snapshot!("export", after(100, 30, "x"));
    assert_snapshot!("export_path", after(100, 30, "xf"));
    let mut stage = stage(100, 30);
    stage.keys("xf");
    let Some(Effect::Export {
        id,
        format,
        path,
        overwrite: false,
    }) = stage.press(KeyCode::Enter)
    else {
        panic!("nothing is exported");
    };
    assert_eq!((id, format), (3, ExportAs::Fixture));
    assert!(stage.model.dialog.is_none());
    assert_eq!(path, std::path::Path::new("3.json"));
    // What the worker asks.
    let confirm = Confirm::new(
        "Replace `3.json`?",
        "`/home/user/app/3.json` exists already.",
        "replace",
        Effect::Export {
            id,
            format,
            path,
            overwrite: true,
        },
    );
    stage.keys("?");
    stage.tell(Msg::Ask(Box::new(Dialog::Confirm(confirm))));
    assert!(stage.frame().contains("type to search"));
    stage.keys("?");
    assert_snapshot!("export_replace", stage.frame());
    let effect = stage.keys("y");
    assert!(
        matches!(
            effect,
            Some(Effect::Export {
                overwrite: true,
                ..
            })
        ),
        "{effect:?}"
    );
}

#[test]
fn target() {
    assert_snapshot!("target", after(100, 30, "T"));
    let mut stage = stage(100, 30);
    stage.keys("T ftp://example.com");
    assert!(stage.press(KeyCode::Enter).is_none());
    assert_snapshot!("target_error", stage.frame_with_cursor());
    stage.model.size = (40, 8);
    stage.model.fit();
    assert_snapshot!("target_error_40", stage.frame_with_cursor());
    stage.control('u');
    let effect = stage.press(KeyCode::Enter);
    assert!(matches!(effect, Some(Effect::Forward(targets)) if targets.is_empty()));
}

#[test]
fn secret() {
    let mut stage = stage(100, 30);
    stage.keys("shunter2");
    stage.press(KeyCode::Left);
    let frame = stage.frame_with_cursor();
    assert!(!frame.contains("hunter"));
    assert_snapshot!("secret", frame);
    let told = format!("{:?}", stage.model);
    assert!(!told.contains("hunter"));
    let effect = stage.press(KeyCode::Enter);
    assert!(matches!(&effect, Some(Effect::AddSecret(secret)) if **secret.label() == *"secret-2"));
    assert!(!format!("{effect:?}").contains("hunter"));
}

#[test]
fn confirm() {
    assert_snapshot!("confirm_delete", after(100, 30, "D"));
    assert_snapshot!("confirm_clear_60", after(60, 20, "Z"));
    assert_snapshot!("confirm_replay_all", after(60, 20, "R"));
    let mut stage = stage(60, 20);
    stage.model.status.in_flight = 2;
    assert!(stage.keys("q").is_none());
    assert_snapshot!("confirm_quit", stage.frame());
    assert!(matches!(stage.keys("y"), Some(Effect::Quit)));
}

#[test]
fn compare() {
    let mut stage = stage(100, 30);
    let effect = stage.keys("=");
    let Some(Effect::Compare(1, 3, glyphs)) = effect else {
        panic!("{effect:?}");
    };
    let [old, .., new] = &samples().map(Sample::kept);
    let lines = compare::lines(old, new, &glyphs);
    let sheet = Sheet::new(Topic::Compared, "#1 and #3".into(), lines);
    stage.tell(Msg::Ask(Box::new(Dialog::Sheet(Box::new(sheet)))));
    assert_snapshot!("compare", stage.frame());
    stage.keys(">>");
    assert_snapshot!("compare_sideways", stage.frame());
}

#[test]
fn what_is_compared() {
    let mut stage = Stage::new(100, 30).with((1..=6).map(|id| sample(id, "email.sent")));
    let compared = |stage: &mut Stage| match stage.keys("=") {
        Some(Effect::Compare(old, new, _)) => Some((old, new)),
        _ => None,
    };
    let mark = |stage: &mut Stage, id| {
        let kept = sample(id, "email.sent").marked().kept();
        stage.tell(Msg::Changed(kept));
    };
    assert_eq!(compared(&mut stage), None);
    assert!(stage.frame().contains("mark another one with m first"));
    stage.tell(Msg::Select(4));
    mark(&mut stage, 4);
    assert_eq!(compared(&mut stage), None);
    mark(&mut stage, 6);
    assert_eq!(compared(&mut stage), Some((4, 6)));
    mark(&mut stage, 5);
    assert_eq!(compared(&mut stage), Some((4, 5)));
    mark(&mut stage, 1);
    assert_eq!(compared(&mut stage), Some((1, 4)));
    mark(&mut stage, 2);
    assert_eq!(compared(&mut stage), Some((2, 4)));
}

#[test]
fn warnings() {
    assert_snapshot!("warnings_empty", after(100, 30, "!"));
    let mut stage = stage(100, 30);
    stage.keys("!");
    stage.model.status.counts.refused = 3;
    for (at, status, request) in [
        (
            "2026-11-23T23:59:00Z",
            Some(413),
            Some("POST /webhooks/cakemail"),
        ),
        ("2026-11-24T10:31:00Z", None, None),
    ] {
        stage.tell(Msg::Refused(Arc::new(Refusal {
            at: at.parse().unwrap(),
            peer: "192.0.2.7:51000".into(),
            code: RefusalCode::BodyTooLarge,
            status,
            request: request.map(Into::into),
            reason: "the body is larger than 10.0 MB\u{202e}".into(),
        })));
    }
    stage.tell(Msg::Warned(Arc::new(Warning {
        code: "journal",
        message: "the store cannot be written: no space left on device".into(),
        hint: "free some space; until then deliveries are in memory only".into(),
    })));
    assert_snapshot!("warnings", stage.frame());
}

#[test]
fn a_click_does_nothing_and_the_wheel_scrolls() {
    let mut stage = stage(100, 30);
    stage.keys("?");
    let before = stage.frame();
    let mouse = |kind| {
        Msg::Mouse(MouseEvent {
            kind,
            column: 1,
            row: 4,
            modifiers: KeyModifiers::NONE,
        })
    };
    stage.tell(mouse(MouseEventKind::Down(MouseButton::Left)));
    assert_eq!(stage.frame(), before);
    stage.model.size = (60, 20);
    stage.tell(mouse(MouseEventKind::ScrollDown));
    assert!(stage.frame().contains("4–"), "{}", stage.frame());
}

#[test]
fn the_screen_is_redrawn_whatever_stands_on_it() {
    let mut stage = stage(100, 30);
    for key in ["?", "t", "s", "D"] {
        stage.keys(key);
        assert!(matches!(stage.control('l'), Some(Effect::Redraw)));
        assert!(stage.model.dialog.is_some());
        stage.control('c');
        assert!(stage.model.dialog.is_none());
    }
}

#[test]
fn every_dialog_fits_into_every_terminal() {
    let mut stage = stage(100, 30);
    stage.model.status.in_flight = 1;
    for keys in [
        "?", "?r", "t", "tx", "c", "x", "xc", "T", "s", "D", "Z", "R", "q", "!",
    ] {
        stage.keys(keys);
        assert!(stage.model.dialog.is_some(), "{keys}");
        for width in (0..24).chain([36, 39, 40, 60, 200]) {
            for height in (0..12).chain([20, 60]) {
                stage.tell(Msg::Resized(width, height));
                if width > 0 && height > 0 {
                    stage.frame_with_cursor();
                }
                stage.press(KeyCode::PageDown);
                stage.press(KeyCode::Up);
            }
        }
        stage.control('c');
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_keys_are_too_many(
        steps in proptest::collection::vec((0..TABLE.len(), any::<char>(), 0..10_u8), 0..60),
        size in (1..120_u16, 1..40_u16),
    ) {
        let mut stage = stage(100, 30);
        for (at, typed, what) in steps {
            match what {
                0 => { stage.tell(Msg::Resized(size.0, size.1)); }
                1 => { stage.tell(Msg::Paste(format!("{typed}{typed}\n{typed}"))); }
                2 | 3 => { stage.press(KeyCode::Char(typed)); }
                4 => { stage.press(KeyCode::Enter); }
                _ => {
                    for code in TABLE[at].keys.iter().filter_map(|key| key.shown().chars().next()) {
                        stage.tell(Msg::Key(KeyEvent::from(KeyCode::Char(code))));
                    }
                }
            }
            stage.frame_with_cursor();
        }
    }
}
