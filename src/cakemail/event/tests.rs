//! Tests of this module.

use super::*;
use proptest::prelude::*;

fn pattern(text: &str) -> EventPattern {
    text.parse().unwrap()
}

#[test]
fn patterns_know_case_globs_and_equivalents() {
    for (text, event) in [
        ("email.opened", "Email.Opened"),
        ("email.*", "Email.ReportedAsSpam"),
        ("email.spam_complaint", "Email.ReportedAsSpam"),
        ("EMAIL.REPORTEDASSPAM", "email.complained"),
        ("campaign.cancelled", "Campaign.Canceled"),
        ("contact.subscribed", "Contact.Added"),
        ("*.created", "User.Created"),
        ("email.s?nt", "email.sent"),
    ] {
        assert!(pattern(text).matches(event), "{text} {event}");
    }
    for (text, event) in [
        ("email.opened", "email.opened2"),
        ("email.*", "campaign.sent"),
        ("contact.unsubscribed", "Contact.Removed"),
    ] {
        assert!(!pattern(text).matches(event), "{text} {event}");
    }
}

#[test]
fn typos_get_a_suggestion() {
    for (typo, meant) in [
        ("email.opend", Some("email.opened")),
        ("emial.*", Some("email.*")),
        ("Emial.Sent", Some("email.sent")),
        ("emial.s?nt", Some("email.s?nt")),
        ("campain*", Some("campaign*")),
        ("lits.*", Some("List.*")),
        ("email.opend*", Some("email.opened")),
        ("opened", Some("email.opened")),
        ("Bounce", Some("email.bounced")),
        ("spam", Some("email.spam_complaint")),
        ("sent", Some("email.sent")),
        ("tagged", Some("Contact.Tagged")),
        ("email.*", None),
        ("zzz", None),
        ("zzz.*", None),
        ("*", None),
        ("é*", None),
    ] {
        assert_eq!(pattern(typo).suggestion().as_deref(), meant, "{typo}");
    }
    assert!("".parse::<EventPattern>().is_err());
    assert!("a b".parse::<EventPattern>().is_err());
}

#[test]
fn one_name_is_chosen_for_each_event() {
    for (text, names) in [
        ("email.opened", &["email.opened"][..]),
        ("Email.Opened", &["Email.Opened"]),
        ("EMAIL.OPENED", &["email.opened"]),
        ("email.reportedasspam", &["Email.ReportedAsSpam"]),
        ("campaign.canceled", &["Campaign.Canceled"]),
        ("contact.*", &["contact.subscribed", "contact.unsubscribed"]),
        ("list.*", &["List.Created", "List.Deleted", "List.Updated"]),
        ("email.opend", &[]),
    ] {
        assert_eq!(pattern(text).names(), names, "{text}");
    }
    assert_eq!(pattern("*").names(), NAMES);
    assert_eq!(pattern("email.*").names().len(), 8);
    assert_eq!(pattern("Email.*").names().len(), 13);
}

#[test]
fn the_apis_name_is_found_for_any_other() {
    let names = |text: &str| text.parse::<EventPattern>().unwrap().api_names();
    assert_eq!(names("email.opened"), ["Email.Opened"]);
    assert_eq!(names("EMAIL.SPAM_COMPLAINT"), ["Email.ReportedAsSpam"]);
    assert_eq!(names("contact.subscribed"), ["Contact.Added"]);
    assert_eq!(names("campaign.cancelled"), ["Campaign.Canceled"]);
    assert_eq!(names("email.*").len(), 13);
    assert_eq!(names("*").len(), 59);
    assert!(names("campaign.sent").is_empty());
}

/// The enumerations of the CLI manual, its command reference and the API reference.
const DOCUMENTED: &str = "
        email. sent opened clicked bounced unsubscribed spam_complaint delivered complained
        campaign. sent scheduled cancelled completed
        contact. subscribed unsubscribed
        Account. Created Updated Confirmed Deleted
        Contact. Added Updated Removed Tagged Untagged
        ContactsExport. Created Deleted
        Campaign. Canceled Created Unscheduled Updated Resumed Scheduled Suspended
        CampaignLogExport. Created
        Email. Sent Opened Clicked Bounced ReportedAsSpam Unsubscribed GlobalUnsubscribed
        Email. Submitted Queued Rejected Processing Delivered Error
        User. Created Deleted LoggedIn Updated Confirmed
        List. Created Updated Deleted
        ListLogsExport. Created
        MFA. RecoveryCodesViewed ChallengeIssued ChallengeCompleted
        MFA. MethodAdded MethodActivated MethodDeleted
        Segment. Created Updated Deleted
        Sender. Created Updated Deleted Confirmed ConfirmationEmailSent
        SuppressedEmail. Added Removed
        SuppressedEmailsExport. Created Deleted";

#[test]
fn every_documented_name_is_known() {
    let mut count = 0;
    for line in DOCUMENTED.trim().lines() {
        let (family, names) = line.trim().split_once(' ').unwrap();
        for name in names.split(' ') {
            let name = format!("{family}{name}");
            assert!(NAMES.contains(&&*name), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 73);
    for name in SAME.iter().copied().flatten() {
        assert!(
            NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)),
            "{name}"
        );
    }
}

#[test]
fn reads_the_event_and_nothing_else() {
    for (body, event) in [
        (
            r#"{"event":"email.opened","data":{}}"#,
            Some("email.opened"),
        ),
        (
            r#"{"data":{"event":"inner"},"event":"Email.Sent"}"#,
            Some("Email.Sent"),
        ),
        (r#"{"event":"a","event":"b"}"#, Some("b")),
        (r#"{"event":"a.b", broken"#, Some("a.b")),
        (
            "\u{feff} {\"event\":\"email\\u002esent\"}",
            Some("email.sent"),
        ),
        (r#"{"event":7}"#, None),
        (r#"{"event":""}"#, None),
        (r#"["event","a"]"#, None),
        ("event=a", None),
        ("", None),
    ] {
        assert_eq!(name_in(body.as_bytes()).as_deref(), event, "{body}");
    }
}

const LONG: &str = r#""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx""#;

#[test]
fn nesting_takes_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(1_000_000), close.repeat(1_000_000));
        for body in [
            format!("{{\"data\":{deep},\"event\":\"a.b\"}}"),
            format!("{{\"event\":\"a.b\",\"data\":{deep}"),
        ] {
            assert_eq!(name_in(body.as_bytes()).as_deref(), Some("a.b"));
        }
        let body = format!("{{\"event\":{deep}}}");
        assert_eq!(name_in(body.as_bytes()), None);
    }
}

proptest! {
    #[test]
    fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
        let _ = name_in(&body);
        if let Ok(pattern) = text.parse::<EventPattern>() {
            let _ = (pattern.matches("email.sent"), pattern.suggestion(), pattern.names());
        }
    }

    /// Whatever is JSON means here what it means to whoever parses all of it.
    #[test]
    fn agrees_with_a_whole_parser(
        members in proptest::collection::vec((
            prop::sample::select(vec!["event", "Event", "data", "", "e\\u0076ent", " event"]),
            prop::sample::select(vec![
                "\"email.sent\"", "\"\"", "\"\\ud83d\\ude00\\n\"", "\"\\ud800\"", "\"\u{9b}\"", "null",
                "true", "-0.0", "1e999", "123456789012345678901234567890", "[]", "[[{}, 1]]",
                "{\"event\": \"inner\"}", "{\"event\": {\"event\": []}}", " \t\r\n\"spaced\" ",
                LONG, "nul", "\"open", "'single'", "{\"a\": }",
            ]),
        ), 0..6),
        after in prop::sample::select(vec!["}", "} ", "}\n", "", ",}", "}x", "\0"]),
    ) {
        let members: Vec<_> = members.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
        let body = format!("{{{}{after}", members.join(","));
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&body) {
            let event = value["event"].as_str();
            let event = event.filter(|e| !e.is_empty() && e.len() <= MAX_NAME);
            let found = name_in(body.as_bytes());
            prop_assert_eq!(found.as_deref(), event, "{}", body);
        } else {
            let _ = name_in(body.as_bytes());
        }
    }

    #[test]
    fn finds_any_event_that_serde_json_finds(event in "\\PC{1,40}", other in "\\PC{0,20}") {
        let body = serde_json::json!({"x": {"event": other}, "event": event}).to_string();
        let found = name_in(body.as_bytes());
        prop_assert_eq!(found.as_deref(), Some(&*event));
    }
}
