//! What is said where a command could not undo what it did.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::errors::answer;
use crate::fake::{Webhooks, api, user};
use crate::kit::Place;
use crate::support::raw::RawApp;

const NEW: &str = "https://new.example.com/";

fn two(url: &str) -> Webhooks {
    let one = |id: &str, event: &str| {
        json!({"id": id, "status": "active", "event": event, "url": url,
            "rate_limit": 7, "rate_limit_period": "minute"})
    };
    Webhooks::of(&[one("w'1", "Email.Sent"), one("w2", "Email.Opened")])
}

/// An API that changes the first webhook, refuses the second, and fails from then on, until
/// it has been asked so often.
fn failing(webhooks: &Webhooks, until: usize) -> RawApp {
    let (webhooks, patches) = (webhooks.clone(), Arc::new(AtomicUsize::new(0)));
    api(move |request| {
        let line = request.first_line().replace("%27", "'");
        let mut request = request.clone();
        request.head = [line.as_bytes(), b"\r\n\r\n"].concat();
        if line.starts_with("PATCH ") {
            match patches.fetch_add(1, Ordering::Relaxed) {
                0 => {}
                1 => return Some(answer(403, &json!({"detail": "no"}))),
                count if count < until => return Some(answer(500, &json!({"detail": "boom"}))),
                _ => {}
            }
        }
        Some(webhooks.answer(&request))
    })
}

/// Gives both a name, which makes them one in an update.
fn name(place: &Place, webhooks: &Webhooks) {
    let folder = place.path().join("data/cmhook");
    std::fs::create_dir_all(&folder).expect("a folder");
    let command = place.command(&[]);
    let of = command
        .get_envs()
        .find(|(name, _)| *name == "CAKEMAIL_API_BASE");
    let of = of.and_then(|(_, value)| value?.to_str()).expect("an API");
    let ids: Vec<Value> = webhooks.all().iter().map(|one| one["id"].clone()).collect();
    let kept = json!([{"of": of, "name": "shop", "ids": ids}]);
    std::fs::write(folder.join("webhooks.json"), kept.to_string()).expect("a file");
}

#[test]
fn the_command_that_undoes_it_works_as_it_stands() {
    let url = "https://shop.example.com/it's?a=1&b=$(x)";
    let webhooks = two(url);
    let api = failing(&webhooks, 3);
    let place = user(&api);
    name(&place, &webhooks);
    let args = ["update", "shop", "-u", NEW, "--rate-limit", "9", "--json"];
    let ran = place.webhooks(&args).coded(1);
    let error = ran.json();
    let message = error["message"].as_str().expect("words");
    assert!(
        message
            .contains("could not be undone (the API is in trouble (500): boom), which is for you"),
        "{message}"
    );
    let command = message.split('`').nth(1).expect("a command");
    assert_eq!(webhooks.each("url"), [NEW, url]);
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_cmhook"));
    let folder = binary.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let clean = place.command(&[]);
    let mut shell = Command::new("sh");
    for (name, value) in clean.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let done = shell
        .args(["-c", command])
        .env("PATH", format!("{folder}:{path}"))
        .output()
        .expect("sh starts");
    assert!(done.status.success(), "{command}: {done:?}");
    assert_eq!(webhooks.each("url"), [url, url]);
    assert_eq!(webhooks.all()[0]["rate_limit"], 7);
}

#[test]
fn a_period_of_any_length_can_be_set_again() {
    let webhooks = two("https://shop.example.com/");
    for one in webhooks.all().iter_mut() {
        one["rate_limit_period"] = "hour".into();
    }
    let api = failing(&webhooks, 3);
    let place = user(&api);
    name(&place, &webhooks);
    let args = ["update", "shop", "--rate-limit-period", "day"];
    let ran = place.webhooks(&args).coded(1);
    ran.says("`cmhook webhooks update 'w'\\''1' --rate-limit-period hour`");
    assert_eq!(webhooks.each("rate_limit_period"), ["day", "hour"]);
    place
        .webhooks(&["update", "w'1", "--rate-limit-period", "hour"])
        .coded(0);
    assert_eq!(webhooks.each("rate_limit_period"), ["hour", "hour"]);
}

#[test]
fn a_password_in_it_is_to_be_filled_in() {
    let webhooks = two("https://me:sentinel@shop.example.com/");
    let api = failing(&webhooks, 99);
    let place = user(&api);
    name(&place, &webhooks);
    let ran = place.webhooks(&["update", "shop", "-u", NEW]).coded(1);
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    ran.says("-u 'https://me:…@shop.example.com/'`")
        .says("fill in the password in place of the `…`");
    // What was not changed needs no undoing, and so no password either.
    let api = failing(&webhooks, 99);
    webhooks.all()[0]["url"] = "https://me:sentinel@shop.example.com/".into();
    let place = user(&api);
    name(&place, &webhooks);
    let ran = place
        .webhooks(&["update", "shop", "--rate-limit", "9"])
        .coded(1);
    assert!(!ran.stderr.contains(" -u "), "{}", ran.stderr);
    ran.says("`cmhook webhooks update 'w'\\''1' --rate-limit 7`");
}
