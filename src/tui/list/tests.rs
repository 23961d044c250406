use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::delivery::{Delivery, Headers, Received, Verdict};

fn kept(id: u64, event: &str) -> Kept {
    Kept::new(Arc::new(Delivery {
        id,
        request: Received {
            received_at: Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:1".into(),
            method: "POST".into(),
            path_and_query: "/".into(),
            headers: Headers::default(),
            body: bytes::Bytes::from_static(b"{}"),
            event: Some(event.into()),
            verdict: Verdict::Unsigned,
            original: None,
            relayed: None,
        },
    }))
}

fn list(ids: std::ops::RangeInclusive<u64>, height: usize) -> List {
    let mut list = List::default();
    list.resize(height);
    for id in ids {
        list.arrive(&kept(
            id,
            if id % 2 == 0 {
                "email.even"
            } else {
                "email.odd"
            },
        ));
    }
    list.settle();
    list
}

fn only(list: &mut List, text: &str, all: &[Kept]) {
    let now = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let filter = Filter::parse(text, &now).unwrap();
    let none = Duplicates::default();
    let passes = |kept: &&Kept| filter.matches(kept, &none);
    let ids = all
        .iter()
        .filter(passes)
        .map(|kept| kept.delivery.id)
        .collect();
    list.filter(Some((text.into(), filter, none, ids)));
}

fn seen(list: &List) -> Vec<(u64, bool)> {
    list.visible()
        .map(|(row, selected)| (row.id, selected))
        .collect()
}

#[test]
fn it_follows_until_somebody_moves() {
    let mut list = list(1..=5, 3);
    assert_eq!(seen(&list), [(3, false), (4, false), (5, true)]);
    list.step(-1);
    list.arrive(&kept(6, "email.even"));
    list.arrive(&kept(7, "email.odd"));
    list.settle();
    assert_eq!(seen(&list), [(3, false), (4, true), (5, false)]);
    assert_eq!((list.follows(), list.unseen()), (false, 2));
    list.step(isize::MAX);
    assert_eq!(seen(&list), [(5, false), (6, false), (7, true)]);
    assert_eq!((list.follows(), list.unseen()), (true, 0));
    list.step(isize::MIN);
    assert_eq!(seen(&list)[0], (1, true));
}

#[test]
fn eviction_leaves_the_screen_as_it_is() {
    let mut list = list(1..=10, 3);
    list.go(5);
    list.step(-1);
    let before = seen(&list);
    list.keep_from(4);
    assert_eq!(seen(&list), before);
    list.keep_from(6);
    assert_eq!(seen(&list), [(6, true), (7, false), (8, false)]);
    list.keep_only(|_| false);
    assert_eq!((list.selected(), list.len()), (None, 0));
    list.arrive(&kept(11, "email.odd"));
    list.settle();
    assert_eq!(list.selected(), Some(11));
}

#[test]
fn a_filter_shows_what_matches_and_takes_in_what_comes() {
    let mut list = list(1..=6, 10);
    let all: Vec<Kept> = (1..=6)
        .map(|id| {
            kept(
                id,
                if id % 2 == 0 {
                    "email.even"
                } else {
                    "email.odd"
                },
            )
        })
        .collect();
    list.go(2);
    only(&mut list, "event:email.even", &all);
    assert_eq!(seen(&list), [(2, false), (4, true), (6, false)]);
    list.arrive(&kept(7, "email.odd"));
    list.arrive(&kept(8, "email.even"));
    assert_eq!(list.shown(), [2, 4, 6, 8]);
    assert_eq!(list.unseen(), 1);
    // It no longer matches, and another one does now.
    list.change(&kept(4, "email.odd"));
    list.change(&kept(5, "email.even"));
    list.settle();
    assert_eq!(list.shown(), [2, 5, 6, 8]);
    list.filter(None);
    assert_eq!(list.len(), 8);
}

#[test]
fn a_search_may_know_of_what_was_not_heard_of_yet() {
    let mut list = list(1..=2, 10);
    let all: Vec<Kept> = (1..=4).map(|id| kept(id, "email.sent")).collect();
    only(&mut list, "event:email.sent", &all);
    for kept in &all[2..] {
        list.arrive(kept);
    }
    assert_eq!(list.shown(), [1, 2, 3, 4]);
}

#[test]
fn nothing_comes_of_what_was_there_before_the_start() {
    let mut list = List::default();
    let one = kept(1, "email.sent");
    let at = one.delivery.request.received_at;
    list.reset(
        std::slice::from_ref(&one),
        at + SignedDuration::from_secs(1),
    );
    let ending = |list: &List| list.rows[0].ending;
    assert_eq!(ending(&list), Ending::Past);
    list.change(&one);
    assert_eq!(ending(&list), Ending::Past);
    let mut list = List::default();
    list.reset(std::slice::from_ref(&one), at);
    assert_eq!(ending(&list), Ending::Open);
}

#[test]
fn failures_are_found_both_ways() {
    use crate::delivery::{Answerer, OwnAnswer};
    let mut list = list(1..=6, 10);
    for delivery in [2, 5] {
        list.answer(&OwnAnswer {
            delivery,
            by: Answerer::Cmhook,
            status: 503,
            reason: "",
        });
    }
    assert!(list.next_failure(Way::Older));
    assert_eq!(list.selected(), Some(5));
    assert!(list.next_failure(Way::Older));
    assert_eq!(list.selected(), Some(2));
    assert!(!list.next_failure(Way::Older));
    assert!(list.next_failure(Way::Newer));
    assert_eq!(list.selected(), Some(5));
}

proptest! {
    #[test]
    fn whatever_happens_the_selection_is_on_screen(
        steps in proptest::collection::vec((0..8_u8, 0..30_u64), 1..60),
        height in 1..6_usize,
    ) {
        let mut list = list(1..=3, height);
        let mut next = 4;
        for (what, number) in steps {
            match what {
                0..=2 => {
                    list.arrive(&kept(next, "email.sent"));
                    next += 1;
                }
                3 => list.step(isize::try_from(number).unwrap() - 15),
                4 => list.keep_only(|id| id != number),
                5 => list.keep_from(number),
                6 => list.resize(usize::try_from(number % 7).unwrap()),
                _ => list.follow(number % 2 == 0),
            }
            list.settle();
            let seen: Vec<_> = list.visible().collect();
            prop_assert_eq!(seen.iter().filter(|(_, selected)| *selected).count(), usize::from(list.len() > 0));
            let (top, height) = list.window();
            prop_assert_eq!(seen.len(), height.min(list.len() - top));
        }
    }
}
