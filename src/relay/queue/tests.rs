//! The queue against a model of it.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::{Limits, PushError, Waiting};
use crate::delivery::Headers;
use crate::relay::data::Data;
use crate::relay::id;

const LIMITS: Limits = Limits {
    count: 5,
    bytes: 4000,
    age: Duration::from_hours(1),
};

const LIMITS_OF_TEN: Limits = Limits {
    count: 10,
    bytes: 40_000,
    ..LIMITS
};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn waiting(body: Vec<u8>) -> Waiting {
    Waiting {
        id: id::new(),
        received_at: Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap(),
        peer: "192.0.2.1:5".into(),
        scheme: "https".into(),
        method: "POST".into(),
        path: "/a?b=%2F".into(),
        headers: Headers::from_block(b"host: a\r\nx: \xff\r\n"),
        body: body.into(),
    }
}

fn open(folder: &Path, limits: Limits) -> Data {
    Data::open(folder, limits).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize, usize),
    Done(usize, usize),
    Look(usize, usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2usize, 0..2000usize).prop_map(|(name, size)| Step::Push(name, size)),
        3 => (0..2usize, 0..6usize).prop_map(|(name, at)| Step::Done(name, at)),
        3 => (0..2usize, 1..7usize).prop_map(|(name, count)| Step::Look(name, count)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_as_a_list_for_each_name(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a", "b"];
        let mut model = [VecDeque::<Waiting>::new(), VecDeque::new()];
        let mut data = Some(open(folder.path(), LIMITS));
        runtime().block_on(async {
            for step in steps {
                let queue = &data.as_ref().unwrap().queue;
                match step {
                    Step::Push(name, size) => {
                        let one = waiting(vec![7; size]);
                        let bytes: usize = model[name].iter().map(Waiting::size).sum();
                        let fits = model[name].len() < 5 && bytes + one.size() <= 4000;
                        let pushed = queue.push(names[name], one.clone()).await;
                        prop_assert_eq!(pushed, if fits { Ok(()) } else { Err(PushError::Full) });
                        if fits {
                            model[name].push_back(one);
                        }
                    }
                    Step::Done(name, at) => {
                        if let Some(one) = model[name].remove(at) {
                            queue.done(&one.id).await.unwrap();
                            queue.done(&one.id).await.unwrap();
                        }
                    }
                    Step::Look(name, count) => {
                        let found = queue.first(names[name], count, usize::MAX).await.unwrap();
                        let wanted: Vec<_> = model[name].iter().take(count).cloned().collect();
                        prop_assert_eq!(found, wanted);
                        let next = queue.next(names[name]).await.unwrap();
                        prop_assert_eq!(next.as_ref(), model[name].front());
                    }
                    Step::Reopen => {
                        drop(data.take());
                        data = Some(open(folder.path(), LIMITS));
                    }
                }
                let queue = &data.as_ref().unwrap().queue;
                for (name, waiting) in names.iter().zip(&model) {
                    prop_assert_eq!(queue.count(name), waiting.len() as u64);
                }
                let mut found = queue.names_with_waiting();
                found.sort();
                let wanted = names.iter().zip(&model).filter(|(_, w)| !w.is_empty());
                let wanted: Vec<Box<str>> = wanted.map(|(name, _)| (*name).into()).collect();
                prop_assert_eq!(found, wanted);
            }
            Ok(())
        })?;
    }
}

#[test]
fn many_at_once_are_all_kept_in_the_order_in_which_they_were_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let data = open(folder.path(), Limits::default());
    runtime().block_on(async {
        let each = (0..500u32).map(|n| {
            let queue = data.queue.clone();
            async move { queue.push("a", waiting(n.to_be_bytes().into())).await }
        });
        // Otherwise tokio has each wait in turn, and in another order.
        let all = futures_util::future::join_all(each);
        let pushed = tokio::task::unconstrained(all).await;
        assert!(pushed.iter().all(Result::is_ok));
        let all = data.queue.first("a", 1000, usize::MAX).await.unwrap();
        let bodies: Vec<_> = all.iter().map(|one| one.body.to_vec()).collect();
        let wanted: Vec<_> = (0..500u32).map(|n| n.to_be_bytes().to_vec()).collect();
        assert!(bodies == wanted);
        let some = data
            .queue
            .first("a", 1000, all[0].size() * 3)
            .await
            .unwrap();
        assert_eq!(some, all[..3]);
        assert_eq!(data.queue.totals().0, 500);
    });
}

#[test]
fn what_came_in_first_is_first_whenever_it_is_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let pushed = |data: &Data, bodies: [u8; 3]| {
        let queue = data.queue.clone();
        let ranks = [queue.rank(), queue.rank(), queue.rank()];
        runtime().block_on(async {
            for at in [2, 0, 1] {
                let one = waiting(vec![bodies[at]]);
                queue.push_as(ranks[at], "a", one).await.unwrap();
            }
        });
    };
    pushed(&open(folder.path(), LIMITS_OF_TEN), [1, 2, 3]);
    let data = open(folder.path(), LIMITS_OF_TEN);
    pushed(&data, [4, 5, 6]);
    runtime().block_on(async {
        let all = data.queue.first("a", 9, usize::MAX).await.unwrap();
        let bodies: Vec<_> = all.iter().map(|one| one.body[0]).collect();
        assert_eq!(bodies, [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn what_was_handed_on_is_gone_even_if_the_disk_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), LIMITS_OF_TEN));
    let path = folder.path().join("relay.db");
    let mut db = crate::relay::db::open(&path).unwrap();
    db.busy_timeout(Duration::ZERO).unwrap();
    let queue = super::Queue::open(&mut db, LIMITS_OF_TEN).unwrap();
    queue.start(db).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    let on_disk = || {
        let sql = "SELECT count(*) FROM queue";
        other
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    runtime().block_on(async {
        let [one, two] = [waiting(vec![1]), waiting(vec![2])];
        queue.push("a", one.clone()).await.unwrap();
        queue.push("a", two.clone()).await.unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        queue.done(&one.id).await.unwrap();
        assert!(queue.is_failing());
        assert_eq!(on_disk(), 2);
        assert_eq!(queue.count("a"), 1);
        let first = queue.first("a", 1, usize::MAX).await.unwrap();
        assert_eq!(first, [two.clone()]);
        queue.recount().await.unwrap();
        assert_eq!(queue.count("a"), 1);
        other.execute_batch("ROLLBACK").unwrap();
        // It is tried again by itself, or with what is written next.
        queue.done(&two.id).await.unwrap();
        assert_eq!((on_disk(), queue.count("a")), (0, 0));
        assert!(!queue.is_failing());
    });
}

#[test]
fn one_that_is_pushed_twice_waits_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = open(folder.path(), LIMITS);
    runtime().block_on(async {
        let one = waiting(vec![]);
        data.queue.push("a", one.clone()).await.unwrap();
        data.queue.push("a", one.clone()).await.unwrap();
        assert_eq!(data.queue.count("a"), 1);
        assert_eq!(data.queue.first("a", 9, usize::MAX).await.unwrap(), [one]);
    });
}

#[test]
fn what_is_too_old_is_gone_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        age: Duration::from_millis(300),
        ..LIMITS
    };
    let data = open(folder.path(), limits);
    runtime().block_on(async {
        data.queue.push("a", waiting(vec![1])).await.unwrap();
        assert!(data.queue.next("a").await.unwrap().is_some());
        tokio::time::sleep(Duration::from_millis(310)).await;
        assert_eq!(data.queue.next("a").await.unwrap(), None);
        while data.queue.expired() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(data.queue.count("a"), 0);
        let mut old = waiting(vec![1]);
        old.received_at -= Duration::from_secs(9);
        data.queue.push("a", old).await.unwrap();
    });
    drop(data);
    let data = open(folder.path(), limits);
    assert_eq!((data.queue.expired(), data.queue.count("a")), (1, 0));
}

#[test]
fn a_disk_that_is_full_is_said_and_gets_well() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), Limits::default()));
    let path = folder.path().join("relay.db");
    let mut db = crate::relay::db::open(&path).unwrap();
    let limit = |db: &rusqlite::Connection, pages: &str| {
        let sql = format!("PRAGMA max_page_count={pages}");
        db.query_row(&sql, [], |_| Ok(())).unwrap();
    };
    limit(&db, "20");
    let queue = super::Queue::open(&mut db, Limits::default()).unwrap();
    queue.start(db).unwrap();
    runtime().block_on(async {
        let large = waiting(vec![0; 1 << 20]);
        let pushed = queue.push("a", large).await;
        assert!(matches!(pushed, Err(PushError::Kept(_))), "{pushed:?}");
        assert_eq!(queue.count("a"), 0);
        queue.push("a", waiting(vec![1])).await.unwrap();
        assert_eq!(queue.count("a"), 1);
    });
}
