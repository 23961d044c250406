use super::*;
use crate::delivery::{Received, Verdict};
use proptest::prelude::*;

fn args() -> EditArgs {
    EditArgs {
        set: Vec::new(),
        delete: Vec::new(),
        header: Vec::new(),
        sign_with: None,
        scheme: None,
        unsigned: false,
    }
}

fn delivery(headers: &[(&str, &str)], body: &'static str) -> Delivery {
    Delivery {
        id: 7,
        request: Received {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:1".into(),
            method: "POST".into(),
            path_and_query: "/a?b".into(),
            headers: headers.iter().copied().collect(),
            body: bytes::Bytes::from_static(body.as_bytes()),
            event: None,
            verdict: Verdict::Unsigned,
            original: None,
            relayed: None,
        },
    }
}

fn signed(body: &'static str) -> Delivery {
    let headers = [
        ("content-length", "7"),
        ("x-cakemail-signature", "x"),
        ("x-a", "1"),
    ];
    delivery(&headers, body)
}

fn edited(args: &EditArgs, delivery: &Delivery) -> Option<Edited> {
    Edits::read(args).unwrap().apply(delivery).unwrap()
}

#[test]
fn a_changed_body_is_signed_anew_and_measured() {
    let mut args = args();
    args.set = vec!["a=\"long\"".into(), "b[0]=x=y".into()];
    args.delete = vec!["nope".into()];
    let made = edited(&args, &signed("{\"a\":1}")).unwrap();
    assert_eq!(made.draft.body, "{\"a\":\"long\",\"b\":[\"x=y\"]}");
    assert_eq!(
        made.draft.headers.get("content-length"),
        Some(b"24".as_slice())
    );
    assert_eq!(made.draft.sign, Some(Sign::default()));
    assert_eq!(
        (made.draft.original, &*made.draft.path_and_query),
        (Some(7), "/a?b")
    );
    assert_eq!(made.done, ["set a", "set b[0]"]);
    // What was not signed stays so.
    let made = edited(&args, &delivery(&[], "{}")).unwrap();
    assert_eq!(made.draft.sign, None);
}

#[test]
fn what_changes_nothing_is_no_edit() {
    let mut args = args();
    args.set = vec!["a=1".into()];
    args.delete = vec!["b".into()];
    args.header = vec!["X-A: 1".into(), "X-None:".into()];
    assert!(edited(&args, &signed("{\"a\":1}")).is_none());
    args.unsigned = true;
    assert!(edited(&args, &delivery(&[("x-a", "1")], "{\"a\":1}")).is_none());
}

#[test]
fn headers_are_set_once_and_signatures_by_hand_stay() {
    let mut args = args();
    args.header = vec![
        "X-A: 2".into(),
        "X-Cakemail-Signature: junk".into(),
        "X-New:v".into(),
    ];
    args.set = vec!["a=2".into()];
    let request = [("x-a", "0"), ("x-cakemail-signature", "x"), ("x-a", "1")];
    let made = edited(&args, &delivery(&request, "{}")).unwrap();
    let fields: Vec<_> = made.draft.headers.iter().collect();
    assert_eq!(
        fields,
        [
            ("x-a", b"2".as_slice()),
            ("x-cakemail-signature", b"junk"),
            ("x-new", b"v")
        ]
    );
    assert_eq!(made.draft.sign, None);
    args.header = vec!["x-a:".into()];
    args.unsigned = true;
    let made = edited(&args, &delivery(&request, "{}")).unwrap();
    assert!(made.draft.headers.is_empty());
    assert_eq!(made.done.len(), 3);
}

#[test]
fn what_means_nothing_is_said_without_values() {
    type Change = fn(&mut EditArgs);
    let cases: [(Change, &str); 10] = [
        (|a| a.set = vec!["a".into()], "`--set a` has no `=`"),
        (
            |a| a.set = vec!["a..b=1".into()],
            "`--set`: `a..b` is no path",
        ),
        (
            |a| a.delete = vec![String::new()],
            "`--delete`: `` is no path",
        ),
        (|a| a.header = vec!["X".into()], "`--header X` has no colon"),
        (
            |a| a.header = vec!["X A: secret".into()],
            "`--header X` is not the name",
        ),
        (
            |a| a.header = vec!["X-A: secret\r\nX-B: 1".into()],
            "`--header X-A` has a value with a control",
        ),
        (
            |a| a.header = vec!["X-A: secret\n".into()],
            "`--header X-A` has a value with a control",
        ),
        (
            |a| a.header = vec!["X-A: sec\0ret".into()],
            "`--header X-A` has a value with a control",
        ),
        (
            |a| a.header = vec!["Host: x".into()],
            "`--header Host` is set by the connection",
        ),
        (
            |a| a.scheme = Some("md5".into()),
            "there is no scheme `md5`",
        ),
    ];
    for (change, said) in cases {
        let mut args = args();
        change(&mut args);
        let error = Edits::read(&args).unwrap_err();
        assert!(error.message.starts_with(said), "{}", error.message);
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
    assert!(set("data[\"x=y\"]=1").is_ok());
}

proptest! {
    #[test]
    fn a_header_is_one_header_or_refused(text in "[a-zX:\\- \r\n\0\u{7f}\u{e9}]{0,16}") {
        let mut args = args();
        args.header = vec![text];
        if let Ok(edits) = Edits::read(&args) {
            let made = edits.apply(&delivery(&[("x-b", "1")], "{}")).unwrap();
            let fields = made.map_or(1, |made| made.draft.headers.iter().count());
            prop_assert!((1..=2).contains(&fields));
        }
    }
}
