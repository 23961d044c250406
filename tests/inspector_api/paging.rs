//! Lists by the page.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kit::Inspector;

const SENT: u64 = 300;

fn ids(page: &Value) -> Vec<u64> {
    let rows = page["deliveries"].as_array().expect("rows");
    rows.iter().filter_map(|row| row["id"].as_u64()).collect()
}

/// Three hundred deliveries of three kinds, of which some were deleted since.
fn filled() -> (Inspector, Vec<u64>) {
    let mut inspector = Inspector::start(&["--ephemeral"]);
    let events = ["email.opened", "email.sent", "campaign.sent"];
    for (_, event) in (0..SENT).zip(events.iter().cycle()) {
        inspector.deliver(None, &format!(r#"{{"event":"{event}"}}"#));
    }
    let gone: BTreeSet<u64> = (1..=SENT).filter(|id| id % 7 == 0 || *id < 4).collect();
    for id in &gone {
        inspector
            .call(&format!("DELETE /api/v1/deliveries/{id}"), &Value::Null)
            .fine();
    }
    let kept = (1..=SENT).filter(|id| !gone.contains(id)).collect();
    (inspector, kept)
}

/// Walks from one end to the other; what was found, oldest first.
fn walk(inspector: &Inspector, limit: usize, filter: &str, onward: bool) -> Vec<u64> {
    let cursor = if onward { "after" } else { "before" };
    let mut at = if onward { Value::from(0) } else { Value::Null };
    let mut found = Vec::new();
    loop {
        let from = if at.is_null() {
            String::new()
        } else {
            format!("&{cursor}={at}")
        };
        let page = inspector.get(&format!(
            "/api/v1/deliveries?limit={limit}&filter={filter}{from}"
        ));
        let more = ids(&page);
        assert!(more.len() <= limit, "{page}");
        assert!(more.is_sorted_by(|a, b| a < b), "{page}");
        // There is no page with nothing on it on the way.
        assert!(!more.is_empty() || found.is_empty(), "{page}");
        if onward {
            found.extend(more);
        } else {
            found.splice(0..0, more);
        }
        at = page[cursor].clone();
        if at.is_null() {
            return found;
        }
    }
}

#[test]
fn both_ways_each_is_seen_once() {
    let (inspector, kept) = filled();
    for (filter, every) in [("", 0), ("event:email.*", 3), ("event:campaign.sent", 1)] {
        let expected: Vec<u64> = kept
            .iter()
            .copied()
            .filter(|id| match every {
                0 => true,
                3 => id % 3 != 0,
                _ => id % 3 == 0,
            })
            .collect();
        for limit in [1, 2, 7, 99, 100, expected.len(), expected.len() + 1, 1000] {
            for onward in [false, true] {
                let found = walk(&inspector, limit, filter, onward);
                assert_eq!(found, expected, "{filter} {limit} {onward}");
            }
        }
    }
    assert_eq!(walk(&inspector, 10, "event:nothing", false), [0; 0]);
    assert_eq!(walk(&inspector, 10, "event:nothing", true), [0; 0]);
}

#[test]
fn one_can_turn_round_anywhere() {
    let (inspector, kept) = filled();
    let page = |query: &str| inspector.get(&format!("/api/v1/deliveries?limit=10&{query}"));
    let middle = page(&format!("before={}", kept[200]));
    assert_eq!(ids(&middle), kept[190..200]);
    let newer = page(&format!("after={}", middle["after"]));
    assert_eq!(ids(&newer), kept[200..210]);
    let older = page(&format!("before={}", newer["before"]));
    assert_eq!(ids(&older), kept[190..200]);
    // The newest have none after them, the oldest none before.
    let newest = page("");
    assert_eq!(ids(&newest), kept[kept.len() - 10..]);
    assert_eq!(newest["after"], Value::Null);
    let oldest = page("after=0");
    assert_eq!(ids(&oldest), kept[..10]);
    assert_eq!(oldest["before"], Value::Null);
}

#[test]
fn what_is_out_of_range_is_met_half_way_and_nonsense_is_refused() {
    let (inspector, kept) = filled();
    let rows = |query: &str| ids(&inspector.get(&format!("/api/v1/deliveries?{query}")));
    assert_eq!(rows("limit=0").len(), 1);
    assert_eq!(rows("limit=18446744073709551615"), kept);
    assert_eq!(rows(""), kept[kept.len() - 100..]);
    assert_eq!(rows("after=18446744073709551615"), [0; 0]);
    assert_eq!(rows("before=0"), [0; 0]);
    for query in [
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=18446744073709551616",
        "before=1&after=1",
        "before=1&before=2",
        "offset=1",
        "filter=a&filter=b",
    ] {
        let refused = inspector.call(&format!("GET /api/v1/deliveries?{query}"), &Value::Null);
        assert_eq!(refused.refused(400), "usage", "{query}");
    }
}
