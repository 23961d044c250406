//! `cmhook replay`: order, pace, and what is seen meanwhile.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::kit::{Place, app};
use crate::replay::{answer, objects};
use crate::show::in_a_terminal;
use crate::support::process::Process;
use crate::support::upstream::Upstream;

#[test]
fn order_and_times_are_as_asked() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let order = |args: &[&str]| {
        let ran = place
            .run(&[&["replay", "--to", &to][..], args, &["--json"]].concat())
            .coded(0);
        let (sent, _) = objects(&ran);
        let ids = sent.iter().map(|o| o["delivery"].as_u64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(order(&["4", "1"]), [4, 1]);
    assert_eq!(order(&["1", "4", "--times", "2"]), [1, 4, 1, 4]);
    assert_eq!(order(&["4", "1", "--paced=1000", "-c", "1"]), [1, 4]);
    let mixed = order(&["1..", "--shuffle", "7"]);
    assert_eq!(mixed, order(&["1..", "--shuffle", "7"]));
    assert_ne!(mixed, [1, 2, 3, 4, 5]);
}

/// An app that answers when so many requests are there, and when each came.
fn gathering(size: usize) -> (Upstream, Arc<Mutex<Vec<Instant>>>) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let came = Arc::clone(&times);
    let all = Arc::new(tokio::sync::Barrier::new(size));
    let app = Upstream::serving("127.0.0.1:0", move |_, _| {
        came.lock().unwrap().push(Instant::now());
        let all = Arc::clone(&all);
        Box::pin(async move {
            all.wait().await;
            answer(200, "OK")
        })
    });
    (app, times)
}

#[test]
fn a_rate_is_kept_and_answers_are_waited_for_side_by_side() {
    let place = Place::new();
    place.fill();
    let replay = |app: &Upstream, args: &[&str]| {
        let to = app.target();
        let base = ["replay", "1", "--to", &to, "--times"];
        place.run(&[&base[..], args].concat()).coded(0);
    };
    // With one at a time these would wait for ever.
    let (app, _) = gathering(3);
    replay(&app, &["9", "-c", "3"]);
    let (app, times) = gathering(20);
    replay(&app, &["20", "--rate", "50/s"]);
    let times = times.lock().unwrap();
    let took = times[19].duration_since(times[0]);
    // Nineteen gaps of 20 ms, give or take how fast the first one came.
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

#[test]
fn a_signal_ends_it_with_the_figures_so_far() {
    let place = Place::new();
    place.fill();
    let app = Upstream::start();
    let to = app.target();
    let report = place.path().join("report.xml");
    let junit = report.to_str().unwrap();
    let mut command = place.command(&[
        "replay", "1", "--times", "1000", "--rate", "20/s", "--to", &to, "--junit", junit,
    ]);
    let mut process = Process::start(&mut command, place.path());
    app.next();
    app.next();
    process.signal("INT");
    let status = process.wait();
    assert_eq!(status.code(), Some(1));
    assert!(
        process.stdout.text().contains(" of 1000 sent in "),
        "{}",
        process.stdout.text()
    );
    assert!(
        process.stderr.text().contains("Stopping"),
        "{}",
        process.stderr.text()
    );
    assert!(
        std::fs::read_to_string(report)
            .unwrap()
            .contains("<testcase ")
    );
    // What was sent is kept.
    let replays = place.run(&["show", "1", "--jq", ".replays"]).coded(0);
    assert!(replays.text().trim().parse::<u32>().unwrap() >= 2);
}

#[test]
fn a_terminal_sees_how_far_it_is_and_then_the_figures() {
    let place = Place::new();
    place.fill();
    let app = app();
    let to = app.target();
    let args = [
        "replay", "1", "--to", &to, "--times", "30", "--rate", "60/s",
    ];
    let (code, seen) = in_a_terminal(&place, &args);
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("/30  "), "{seen:?}");
    assert_eq!(seen.matches("/webhooks/cakemail").count(), 30, "{seen:?}");
    let (_, last) = seen.rsplit_once("/30  ").expect("a bar");
    let figures = last.split_once("\r\u{1b}[2K").expect("the bar goes").1;
    assert!(figures.contains("30 sent in"), "{figures:?}");
}
