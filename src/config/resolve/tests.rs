//! Tests of this module.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    #[test]
    fn a_header_is_taken_or_named_without_its_value(
        name in "[A-Za-z-]{0,10}|\\PC{0,10}",
        between in prop::sample::select(vec![":", ": ", "=", " ", ":\u{1}"]),
    ) {
        let line = format!("{name}{between}sentinel");
        match headers(std::slice::from_ref(&line)) {
            Ok(headers) => prop_assert_eq!(headers.len(), 1),
            Err(error) => prop_assert!(!error.message.contains("sentinel"), "{}", error),
        }
    }
}

fn settings(change: impl FnOnce(&mut Raw)) -> Result<Settings, ConfigError> {
    let mut raw = Raw {
        ephemeral: Some(true),
        ..Raw::default()
    };
    change(&mut raw);
    resolve(raw, ConfigFiles::default())
}

fn many(values: &[&str]) -> OneOrMany {
    OneOrMany::Many(values.iter().map(|v| (*v).to_owned()).collect())
}

#[test]
fn the_inspector_is_on_loopback() {
    let served = |text: &str| {
        let raw = Raw {
            inspector: Some(text.into()),
            ..Raw::default()
        };
        resolve(raw, ConfigFiles::default()).map(|settings| settings.inspector)
    };
    for (text, expected) in [
        ("4050", "127.0.0.1:4050"),
        ("[::1]:0", "[::1]:0"),
        ("127.0.0.2:4040", "127.0.0.2:4040"),
    ] {
        assert_eq!(served(text).unwrap().unwrap().to_string(), expected);
    }
    for text in ["0.0.0.0:4040", "192.168.1.2:4040", "[::]:4040"] {
        let error = served(text).unwrap_err().to_string();
        assert!(error.contains("loopback only"), "{error}");
    }
    let none = Raw {
        no_inspector: Some(true),
        ..Raw::default()
    };
    let settings = resolve(none, ConfigFiles::default()).unwrap();
    assert_eq!(settings.inspector, None);
}

#[test]
fn flags_win_over_files() {
    let flags = Raw {
        forward: Some(many(&["3000"])),
        ephemeral: Some(true),
        ..Raw::default()
    };
    let project = Raw {
        forward: Some(many(&["4000"])),
        timeout: Some("2s".into()),
        ..Raw::default()
    };
    let user = Raw {
        timeout: Some("9s".into()),
        keep: Some(5),
        ..Raw::default()
    };
    let files = ConfigFiles {
        sources: vec![project, user],
        doubts: Vec::new(),
    };
    let settings = resolve(flags, files).unwrap();
    assert_eq!(
        settings.policy.forward[0].to_string(),
        "http://localhost:3000"
    );
    assert_eq!(settings.forward.timeout, Duration::from_secs(2));
    assert_eq!(settings.store.keep, 5);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let refused: [fn(&mut Raw); 8] = [
        |raw| raw.reject_invalid = Some(true),
        |raw| raw.keep = Some(0),
        |raw| raw.status = Some(99),
        |raw| raw.durable = Some(true),
        |raw| raw.header = Some(many(&["no colon"])),
        |raw| raw.header = Some(many(&["Connection: close"])),
        |raw| raw.route = vec!["email.*".into()],
        |raw| {
            raw.insecure_target = Some(true);
            raw.forward = Some(many(&["https://example.com"]));
        },
    ];
    for change in refused {
        let error = settings(change).unwrap_err();
        assert!(!error.hint.is_empty() && !error.message.is_empty());
    }
}

#[test]
fn a_typo_in_an_event_is_doubted() {
    let settings = settings(|raw| {
        raw.forward = Some(many(&["3000"]));
        raw.events = Some(many(&["email.opend,email.sent"]));
    })
    .unwrap();
    assert_eq!(settings.policy.events.len(), 2);
    assert!(settings.doubts[0].contains("did you mean `email.opened`"));
}
