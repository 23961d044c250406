//! `cmhook replay` as a test of an app.

use std::process::Command;

use crate::kit::{Place, app, masked};
use crate::replay::{answer, objects};
use crate::support::needs::{needs, works};
use crate::support::upstream::Upstream;

#[test]
fn expectations_make_it_a_test() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    place
        .run(&["replay", "1", "4", "--to", &to, "--expect", "2xx"])
        .coded(0);
    place
        .run(&["replay", "2", "--to", &to, "--expect", "500,503"])
        .coded(0);
    // Any answer is fine where nothing is expected.
    place.run(&["replay", "2", "--to", &to]).coded(0);
    let ran = place
        .run(&["replay", "1..3", "--to", &to, "--expect", "<400"])
        .coded(1);
    insta::assert_snapshot!("replay_missed", masked(ran.text(), &place));
    let ran = place
        .run(&["replay", "1..3", "--to", &to, "--expect", "<400", "-q"])
        .coded(1);
    assert!(ran.text().starts_with("#2  "), "{}", ran.text());
    assert!(!ran.text().contains("email.sent"), "{}", ran.text());
    let ran = place
        .run(&["replay", "1..3", "--to", &to, "--expect", "<400", "--json"])
        .coded(1);
    let (sent, summary) = objects(&ran);
    assert_eq!(sent[0]["ok"], true);
    assert_eq!(
        sent[1]["missed"],
        serde_json::json!(["expected <400, got 500"])
    );
    assert_eq!(
        (&summary["sent"], &summary["missed"]),
        (&3.into(), &2.into())
    );
    assert_eq!(
        summary["statuses"],
        serde_json::json!({"200": 1, "401": 1, "500": 1})
    );
}

#[test]
fn the_recorded_answer_is_expected_again() {
    let place = Place::new();
    place.fill();
    let to_same = app();
    place
        .run(&["replay", "1..", "--to", &to_same.target(), "--expect-same"])
        .coded(0);
    let other = Upstream::answering(|_, body| {
        if body.starts_with(b"{\"event\":\"email.bounced\"") {
            answer(401, "{ \"error\": \"Nope\", \"more\": 1 }")
        } else {
            answer(200, "OK")
        }
    });
    let ran = place
        .run(&["replay", "2..4", "--to", &other.target(), "--expect-same"])
        .coded(1);
    insta::assert_snapshot!("replay_not_same", masked(ran.text(), &place));
}

#[test]
fn an_app_that_is_down_is_a_no() {
    let place = Place::new();
    place.fill();
    let port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().to_string()
    };
    let ran = place.run(&["replay", "1", "4", "--to", &port]).coded(1);
    // What to do about it depends on where this runs, and is said once.
    let (hints, lines): (Vec<_>, Vec<_>) = ran.text().lines().partition(|l| l.contains("start it"));
    assert_eq!(hints.len(), 1, "{}", ran.text());
    insta::assert_snapshot!("replay_down", masked(&lines.join("\n"), &place));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_report_is_what_ci_servers_read() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    place
        .run(&[
            "replay",
            "1..3",
            "--to",
            &to,
            "--expect",
            "2xx",
            "--junit",
            "report.xml",
        ])
        .coded(1);
    let report = std::fs::read_to_string(place.path().join("report.xml")).unwrap();
    assert!(
        report.contains("tests=\"3\" failures=\"2\" errors=\"0\""),
        "{report}"
    );
    assert!(
        report.contains("<testcase name=\"#2 email.opened\" classname=\"email.opened\""),
        "{report}"
    );
    assert!(
        report.contains("<failure message=\"expected 2xx, got 500\""),
        "{report}"
    );
    if needs(works(Command::new("python3").arg("--version")), "Python") {
        let read = "import sys, xml.etree.ElementTree as x; print(len(x.parse(sys.argv[1]).findall('.//testcase')))";
        let output = Command::new("python3")
            .args(["-c", read])
            .arg(place.path().join("report.xml"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "3\n");
    }
}

#[test]
fn a_report_is_made_before_anything_is_sent_and_says_why_nothing_is() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let ran = place
        .run(&["replay", "1", "--to", &to, "--junit", "nope/report.xml"])
        .coded(1);
    assert!(
        ran.stderr
            .starts_with("error: cannot write the report `nope/report.xml`: "),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.text(), "");
    for (args, why) in [
        (&["--filter", "event:nope"][..], "no delivery matches"),
        (&["99"], "there is no delivery #99"),
        (&["5", "--set", "a=1"], "cannot edit #5: "),
        (&["nope.json", "1.json"], "cannot read the file"),
    ] {
        std::fs::write(place.path().join("report.xml"), "of an earlier run").unwrap();
        let rest = ["--to", &to, "--junit", "report.xml"];
        place.run(&[&["replay"], args, &rest[..]].concat()).coded(1);
        let report = std::fs::read_to_string(place.path().join("report.xml")).unwrap();
        let counts = "tests=\"1\" failures=\"0\" errors=\"1\"";
        assert!(report.contains(counts), "{report}");
        assert!(
            report.contains(&format!("<error message=\"{why}")),
            "{report}"
        );
        assert!(report.ends_with("</testsuites>\n"), "{report}");
    }
    assert!(app.is_idle());
    // Nothing is tested where nothing would be sent, so an earlier report stays.
    let args = ["replay", "1", "-n", "--to", &to, "--junit", "report.xml"];
    let before = std::fs::read(place.path().join("report.xml")).unwrap();
    place.run(&args).coded(0);
    let after = std::fs::read(place.path().join("report.xml")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_report_says_what_kept_a_run_from_its_end() {
    let place = Place::new();
    place.fill();
    let one = place.run(&["show", "1", "--jq", "."]).coded(0);
    std::fs::write(place.path().join("one.json"), one.text()).unwrap();
    // There is no store that says where to.
    let elsewhere = Place::new();
    let file = place.path().join("one.json");
    let file = file.to_str().unwrap();
    elsewhere
        .run(&["replay", file, "--junit", "report.xml"])
        .coded(1);
    let report = std::fs::read_to_string(elsewhere.path().join("report.xml")).unwrap();
    assert!(
        report.contains("<error message=\"there is no target"),
        "{report}"
    );
}

#[test]
fn a_report_never_takes_the_place_of_what_is_replayed() {
    let place = Place::new();
    place.fill();
    place
        .run(&["export", "1", "--as", "fixture", "-o", "one.json"])
        .coded(0);
    let before = std::fs::read(place.path().join("one.json")).expect("the fixture");
    let ran = place.run(&["replay", "one.json", "--to", "1", "--junit", "./one.json"]);
    let said = ran.coded(2).stderr;
    assert!(said.contains("is a file that is to be replayed"), "{said}");
    assert_eq!(
        std::fs::read(place.path().join("one.json")).unwrap(),
        before
    );
}
