//! `cmhook replay` of what is edited or signed anew before.

use crate::kit::{DELIVERIES, Place, SECRET, app, masked};
use crate::replay::{header, secret};
use crate::support::sender::{Scheme, sign};

#[test]
fn an_edit_is_signed_anew_and_names_its_original() {
    let place = Place::new();
    place.fill();
    let app = app();
    let secret = secret();
    let edit = |args: &[&str]| {
        let to = app.target();
        let base = ["replay", "--to", &to, "--secret", &secret];
        place.run(&[&base[..], args].concat()).coded(0)
    };
    let ran = edit(&[
        "2",
        "--set",
        "data.email=a@b.c",
        "--delete",
        "data.url",
        "-H",
        "X-Extra: 1",
    ]);
    insta::assert_snapshot!("replay_edited", masked(ran.text(), &place));
    let seen = app.next();
    let body = DELIVERIES[1].0.replace("zoé@example.com", "a@b.c");
    let body = body.replace(r#","url":"https:\/\/example.com\/a""#, "");
    assert_eq!(seen.body, body.as_bytes());
    let signature = sign(Scheme::CakemailHex, SECRET, &body).1;
    assert_eq!(header(&seen, "x-cakemail-signature"), Some(&*signature));
    assert_eq!(header(&seen, "x-extra"), Some("1"));
    assert_eq!(header(&seen, "cmhook-replay-of"), Some("2"));
    assert_eq!(
        header(&seen, "content-length"),
        Some(&*body.len().to_string())
    );
    let copy = place.run(&["show", "last", "--json"]).coded(0).json();
    assert_eq!((&copy["id"], &copy["original"]), (&6.into(), &2.into()));
    assert_eq!(copy["verdict"]["status"], "valid");
    let original = place.run(&["show", "2", "--body"]).coded(0);
    assert_eq!(original.stdout, DELIVERIES[1].0.as_bytes());
    let diff = place.run(&["diff", "6"]).coded(1);
    insta::assert_snapshot!("diff_edited", masked(diff.text(), &place));

    edit(&["1", "--scheme", "api-base64"]);
    let seen = app.next();
    assert_eq!(header(&seen, "x-cakemail-signature"), None);
    let signature = sign(Scheme::ApiBase64, SECRET, DELIVERIES[0].0).1;
    assert_eq!(header(&seen, "x-signature"), Some(&*signature));

    edit(&["1", "--unsigned"]);
    assert_eq!(header(&app.next(), "x-cakemail-signature"), None);

    let ran = edit(&["1", "--sign-with", "other-sentinel"]);
    assert!(!format!("{ran:?}").contains("sentinel"), "{ran:?}");
    assert_eq!(
        ran.stderr,
        "No known secret is called what `--sign-with` says, so its text is taken as the secret itself.\n"
    );
    let signature = sign(Scheme::CakemailHex, "other-sentinel", DELIVERIES[0].0).1;
    assert_eq!(
        header(&app.next(), "x-cakemail-signature"),
        Some(&*signature)
    );

    // What the edits leave as it was is no edit.
    edit(&[
        "1",
        "--set",
        "data.campaign_id=790",
        "--delete",
        "data.nope",
    ]);
    let seen = app.next();
    assert_eq!(seen.body, DELIVERIES[0].0.as_bytes());
    let newest = place.run(&["show", "last", "--jq", ".id"]).coded(0);
    assert_eq!(newest.text(), "9\n");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one table")]
fn what_cannot_be_sent_so_is_said_before_anything_is() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    for (args, code, said) in [
        (&["replay"][..], 2, "no delivery is named"),
        (&["replay", "9"], 1, "there is no delivery #9"),
        (
            &["replay", "nope"],
            2,
            "`nope` names no delivery and is no file",
        ),
        (&["replay", "1", "nope"], 2, "are replayed apart"),
        (
            &["replay", "--filter", "event:nope"],
            1,
            "No delivery matches.",
        ),
        (
            &["replay", "1..", "--set", "a=1"],
            1,
            "cannot edit #5: the payload is not JSON",
        ),
        (
            &["replay", "1", "--set", "event.x=1"],
            1,
            "cannot edit #1: `event` is a text",
        ),
        (
            &["replay", "1", "--set", "a=1"],
            1,
            "no secret is known to sign with",
        ),
        (&["replay", "1", "--set", "a"], 2, "has no `=`"),
        (
            &["replay", "1", "-H", "X: a\r\nY: b"],
            2,
            "control character",
        ),
        (&["replay", "1", "-H", "X: a\n"], 2, "control character"),
        (
            &["replay", "1", "-H", "Content-Length: 1"],
            2,
            "is set by the connection itself",
        ),
        (
            &["replay", "1", "--expect", "ok"],
            2,
            "`--expect ok` is no status",
        ),
        (
            &["replay", "1", "--expect", "9xx"],
            2,
            "`--expect 9xx` is no status",
        ),
        (
            &["replay", "1", "--expect", ">=600"],
            2,
            "statuses are 100 to 599",
        ),
        (
            &["replay", "--filter", "status:9xx"],
            2,
            "column 8: `status:` takes",
        ),
        (
            &["replay", "1", "--rate", "fast"],
            2,
            "`--rate fast` is no rate",
        ),
        (&["replay", "1", "--paced=0"], 2, "`--paced=0` is no speed"),
        (
            &["replay", "1", "--to", "ftp://x"],
            2,
            "`--to`: `ftp://x` is not a target",
        ),
        (
            &["replay", "1", "--scheme", "md5"],
            2,
            "there is no scheme `md5`",
        ),
        (
            &["replay", "1", "--unsigned", "--sign-with", "x"],
            2,
            "cannot be used with",
        ),
        (
            &["replay", "1", "--paced", "--shuffle", "1"],
            2,
            "cannot be used with",
        ),
        (&["replay", "1", "--times", "0"], 2, "--times"),
    ] {
        let mut args = args.to_vec();
        if !args.contains(&"--to") {
            args.extend(["--to", &to]);
        }
        let ran = place.run(&args).coded(code);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
        // One sentence is enough.
        for why in ["is a text", "is not JSON"] {
            assert!(ran.stderr.matches(why).count() < 2, "{}", ran.stderr);
        }
    }
    assert!(app.is_idle());
    let empty = Place::new();
    let ran = empty.run(&["replay", "1"]).coded(1);
    assert!(ran.stderr.contains("there is no store"), "{}", ran.stderr);
}

#[test]
fn a_dry_run_sends_nothing() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let ran = place
        .run(&[
            "replay", "1..2", "--to", &to, "-n", "--set", "data.n=5", "--rate", "2/s",
        ])
        .coded(0);
    insta::assert_snapshot!("replay_dry", masked(ran.text(), &place));
    let ran = place
        .run(&["replay", "1", "--to", &to, "-n", "--json"])
        .coded(0);
    assert_eq!(ran.json()["type"], "plan");
    assert!(app.is_idle());
}
