//! `cmhook import`.

use std::fs;

use serde_json::Value;

use crate::kit::{Place, SECRET};
use crate::support::upstream::Upstream;

#[test]
fn help_is_as_it_was_reviewed() {
    let ran = Place::new().run(&["import", "--help"]).coded(0);
    insta::assert_snapshot!("help_import", ran.text());
}

/// What is kept, without what has to differ.
fn kept(place: &Place, ids: &str) -> Vec<Value> {
    let ran = place.run(&["export", ids, "--as", "json"]).coded(0);
    ran.text()
        .lines()
        .map(|line| {
            let mut kept: Value = serde_json::from_str(line).expect("JSON");
            kept["id"] = Value::Null;
            for attempt in kept["attempts"].as_array_mut().expect("attempts") {
                attempt["delivery"] = Value::Null;
            }
            kept
        })
        .collect()
}

#[test]
fn what_was_exported_comes_back_whole() {
    let place = Place::new();
    place.fill();
    place.run(&["mark", "2"]).coded(0);
    let secret = format!("main={SECRET}");
    for name in ["all.jsonl", "all.har", "fixtures/"] {
        place
            .run(&[
                "export",
                "1..",
                "--as",
                ["json", "har", "fixture"][["all.jsonl", "all.har", "fixtures/"]
                    .iter()
                    .position(|n| *n == name)
                    .unwrap()],
                "-o",
                name,
            ])
            .coded(0);
    }
    for file in ["all.jsonl", "all.har"] {
        let other = Place::new();
        let path = place.path().join(file);
        let path = path.to_str().expect("UTF-8");
        let ran = other.run(&["import", path, "--secret", &secret]).coded(0);
        let lines: Vec<_> = (1..=5).map(|id| format!("{path} \u{2192} #{id}")).collect();
        assert_eq!(ran.text().lines().collect::<Vec<_>>(), lines);
        assert_eq!(ran.stderr, "");
        assert_eq!(kept(&other, "1.."), kept(&place, "1.."), "{file}");
        // And once more, beside those.
        let ran = other.run_with(
            &["import", "-", "--json", "delivery,file"],
            &fs::read(path).expect("the file"),
        );
        let imported = ran.coded(0).json();
        assert_eq!(
            imported[4],
            serde_json::json!({"delivery": 10, "file": "-"})
        );
        // Nothing is known of that secret now, so nothing is said of the signature.
        assert_eq!(kept(&other, "6")[0]["verdict"]["status"], "unchecked");
    }
    let other = Place::new();
    let fixture = |name: &str| {
        place
            .path()
            .join("fixtures")
            .join(name)
            .to_str()
            .expect("UTF-8")
            .to_owned()
    };
    let ran = other
        .run(&[
            "import",
            &fixture("2-email.opened.json"),
            &fixture("5.json"),
            "-s",
            &secret,
        ])
        .coded(0);
    assert_eq!(ran.text().lines().count(), 2);
    let (back, was) = (kept(&other, "1..").remove(0), kept(&place, "2").remove(0));
    for field in ["received_at", "event", "verdict", "status"] {
        assert_eq!(back[field], was[field], "{field}");
    }
    for field in ["method", "path", "query", "body", "headers"] {
        assert_eq!(back["request"][field], was["request"][field], "{field}");
    }
    assert_eq!(
        back["attempts"][0]["response"]["body"],
        was["attempts"][0]["response"]["body"]
    );
}

#[test]
fn a_redacted_fixture_verifies_without_a_secret() {
    let place = Place::new();
    place.fill();
    place
        .run(&["export", "1..3", "--as", "fixture", "--redact", "-o", "f/"])
        .coded(0);
    let other = Place::new();
    let files: Vec<_> = ["1-email.sent", "2-email.opened", "3-email.bounced"]
        .map(|name| {
            place
                .path()
                .join(format!("f/{name}.json"))
                .to_str()
                .expect("UTF-8")
                .to_owned()
        })
        .into();
    let mut args = vec!["import"];
    args.extend(files.iter().map(|file| &**file));
    other.run(&args).coded(0);
    let verdicts: Vec<_> = kept(&other, "1..")
        .iter()
        .map(|kept| {
            (
                kept["verdict"]["status"].clone(),
                kept["verdict"]["secret"].clone(),
            )
        })
        .collect();
    let valid = (Value::from("valid"), Value::from("throw-away"));
    assert_eq!(verdicts[..2], [valid.clone(), valid]);
    assert_eq!(verdicts[2].0, "unchecked");
}

#[test]
fn a_listeners_own_lines_are_read_and_a_running_one_takes_them_in() {
    let place = Place::new();
    let app = Upstream::start();
    let mut listener = place.listener(&["--forward", &app.target()]);
    crate::support::sender::post(listener.address(), None, "{\"event\":\"email.sent\"}");
    let delivery = listener.delivery();
    let attempt = listener.attempt(&delivery);
    let lines = format!("{{\"type\":\"ready\"}}\n{delivery}\n{attempt}\n");
    fs::write(place.path().join("lines"), lines).expect("a file");
    let ran = place.run(&["import", "lines"]).coded(0);
    assert_eq!(ran.text(), "lines \u{2192} #2\n");
    let told = listener.delivery();
    assert_eq!(
        (&told["id"], &told["received_at"]),
        (&2.into(), &delivery["received_at"])
    );
    listener.stop();
    let kept = kept(&place, "1..");
    assert_eq!(kept[0], kept[1]);
    assert!(
        app.next().body.len() > 5 && app.is_idle(),
        "an import forwards nothing"
    );
}

#[test]
fn an_edited_copy_names_its_original_by_its_new_id() {
    let place = Place::new();
    place.fill();
    let text = place.run(&["export", "2..3", "--as", "json"]).coded(0);
    let text = text.text().replacen("\"id\":3,", "\"id\":3,\"x\":0,", 1);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[1] = lines[1].replace("\"original\":null", "\"original\":2");
    let stray = lines[0].replace("\"original\":null", "\"original\":77");
    fs::write(
        place.path().join("a"),
        format!("{}\n{}\n{stray}", lines[0], lines[1]),
    )
    .expect("a file");
    place.run(&["import", "a"]).coded(0);
    let kept = kept(&place, "6..");
    assert_eq!(kept[0]["original"], Value::Null);
    assert_eq!(kept[1]["original"], 6);
    assert_eq!(kept[2]["original"], Value::Null);
}

#[test]
fn a_mistake_anywhere_means_that_nothing_is_taken_in() {
    let place = Place::new();
    place.fill();
    let good = place.run(&["export", "1", "--as", "json"]).coded(0);
    let good = good.text();
    let write = |name: &str, text: &str| fs::write(place.path().join(name), text).expect("a file");
    write("good", good);
    write("half", &format!("{good}{}", &good[..good.len() / 2]));
    write("odd", &good.replace("\"host\"", "\"ho st\""));
    write(
        "split",
        &good.replace("[\"host\",\"", "[\"host\",\"a\\r\\nx-evil: b"),
    );
    write("nul", &good.replace("[\"host\",\"", "[\"host\",\"a\\u0000"));
    write(
        "line",
        &good.replace(
            "\"path\":\"/",
            "\"path\":\"/x HTTP/1.1\\r\\nHost: y\\r\\n\\r\\nGET /",
        ),
    );
    write("empty", "");
    write("text", "curl 'http://localhost'\n");
    let deep = format!("{{\"type\":\"delivery\",\"x\":{}", "[".repeat(100_000));
    write("deep", &deep);
    for (file, said) in [
        ("half", "`half`, line 2: it is not JSON"),
        ("odd", "`odd`, line 1: `ho st` is not the name of a header"),
        (
            "split",
            "`split`, line 1: the header `host` has a value with a control character in it",
        ),
        (
            "nul",
            "`nul`, line 1: the header `host` has a value with a control character in it",
        ),
        ("line", "`line`, line 1: the path"),
        ("empty", "`empty`, line 1: there is no delivery in it"),
        ("text", "`text`, line 1: it is not JSON"),
        ("deep", "`deep`, line 1: it is not JSON"),
        ("missing", "cannot read `missing`"),
        (".", "cannot read `.`"),
    ] {
        let ran = place.run(&["import", "good", file]).coded(1);
        assert!(ran.stderr.contains(said), "{file}: {}", ran.stderr);
        assert_eq!(ran.text(), "");
        assert_eq!(kept(&place, "1..").len(), 5, "{file}");
    }
    let ran = place.run(&["import", "-", "-"]).coded(2);
    assert!(ran.stderr.contains("only once"), "{}", ran.stderr);
    place.run(&["import"]).coded(2);
    // Nothing was made for nothing, either.
    let ran = place
        .run(&["import", "text", "--store", "other.db"])
        .coded(1);
    assert!(
        ran.stderr.contains(" hint: files are fixtures"),
        "{}",
        ran.stderr
    );
    assert!(!place.path().join("other.db").exists());
}
