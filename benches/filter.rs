//! How long a filter by a payload's field takes over 10,000 deliveries of 1 KiB, and how long
//! the same takes by parsing each payload whole.
//!
//! `cargo bench --bench filter`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cmhook::delivery::{Delivery, Headers, Kept, Received, Verdict};
use cmhook::filter::{Duplicates, Filter};
use jiff::{Timestamp, Zoned};

const COUNT: u64 = 10_000;
const SIZE: usize = 1024;
/// Each is run so often, and the fastest counts.
const ROUNDS: u32 = 20;

fn main() {
    let kept: Vec<Kept> = (1..=COUNT).map(delivery).collect();
    println!("{COUNT} deliveries of {SIZE} bytes, best of {ROUNDS}\n");
    for filter in [
        "data.email:*@example.com",
        "data.contact_id:>5000",
        "data.items[1].id:7",
        "event:email.opened data.email:*@example.com",
        "\"@example.com\"",
        "is:duplicate",
        "event:email.*",
    ] {
        row(filter, &|| filtered(&kept, filter));
    }
    row("all parsed by serde_json", &|| parsed(&kept));
    let (lazy, whole) = (filtered(&kept, "data.email:*@example.com"), parsed(&kept));
    assert_eq!(lazy, whole, "both find the same");
}

fn row(name: &str, run: &dyn Fn() -> usize) {
    let mut best = Duration::MAX;
    let mut found = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        found = black_box(run());
        best = best.min(start.elapsed());
    }
    println!(
        "{:8.2} ms  {found:6} found  {name}",
        best.as_secs_f64() * 1000.0
    );
}

fn filtered(kept: &[Kept], text: &str) -> usize {
    let filter = Filter::parse(text, &Zoned::now()).expect("a filter");
    let duplicates = if filter.wants_duplicates() {
        Duplicates::of(kept)
    } else {
        Duplicates::default()
    };
    let matching = kept.iter().filter(|kept| filter.matches(kept, &duplicates));
    matching.count()
}

fn parsed(kept: &[Kept]) -> usize {
    let matches = |kept: &&Kept| {
        let payload: serde_json::Value =
            serde_json::from_slice(&kept.delivery.request.body).expect("JSON");
        let email = payload["data"]["email"].as_str();
        email.is_some_and(|email| email.to_lowercase().ends_with("@example.com"))
    };
    kept.iter().filter(matches).count()
}

/// A payload as Cakemail writes them, with a long user agent and link to fill it.
fn delivery(id: u64) -> Kept {
    let event =
        ["email.opened", "Email.Clicked", "campaign.sent"][usize::try_from(id % 3).expect("small")];
    let domain = if id.is_multiple_of(10) {
        "example.com"
    } else {
        "test.example.org"
    };
    let start = format!(
        r#"{{"event":"{event}","timestamp":"2024-03-15T11:45:00Z","data":{{"campaign_id":790,"contact_id":{id},"list_id":12,"items":[{{"id":5}},{{"id":{}}}],"user_agent":"Mozilla/5.0 (Macintosh; \"Intel\" Mac OS X 10_15_7) AppleWebKit/537.36","url":"https:\/\/example.net\/a?"#,
        id % 100,
    );
    let end = format!(r#"","email":"user{id}@{domain}","ip_address":"192.0.2.1"}}}}"#);
    let filling = "x".repeat(SIZE - start.len() - end.len());
    let body = [start, filling, end].concat();
    assert_eq!(body.len(), SIZE);
    Kept::new(Arc::new(Delivery {
        id,
        request: Received {
            received_at: Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:5".into(),
            method: "POST".into(),
            path_and_query: "/webhooks/cakemail".into(),
            headers: Headers::default(),
            body: Bytes::from(body),
            event: Some(event.into()),
            verdict: Verdict::Unsigned,
            original: None,
            relayed: None,
        },
    }))
}
