//! More large bodies at once than there is memory for.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::crowd::{Answer, App, Regular, Sender, count, runtime, store};
use crate::support::listener::{Listener, home};
use crate::support::raw::request;
use crate::vitals::{MIB, descriptors, eventually, forget_peak, own_limit, peak, resident, rows};

const LARGE: usize = 10 * MIB;

/// What the README promises beside the ring: bodies under way and everything else.
const BESIDE_THE_RING: usize = 256 * MIB;

fn head(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n")
}

/// Sends a large body, of which all senders have sent the start before one goes on; reads
/// meanwhile, and stops when it is answered.
async fn one_of_many(to: SocketAddr, path: &str, all: &Barrier) -> Answer {
    const START: usize = 100 << 10;
    let mut sender = Sender::open(to).await;
    sender.send(head(path)).await.expect("it is read");
    let piece = vec![b'x'; 64 << 10];
    let mut left = LARGE;
    while left > LARGE - START {
        let size = piece.len().min(left);
        if sender.send(&piece[..size]).await.is_err() {
            break;
        }
        left -= size;
    }
    all.wait().await;
    let (from, mut into) = sender.0.into_inner().into_split();
    let mut from = BufReader::new(from);
    let writing = async {
        while left > 0 {
            let size = piece.len().min(left);
            if into.write_all(&piece[..size]).await.is_err() {
                break;
            }
            left -= size;
        }
        std::future::pending::<()>().await;
    };
    let reading = async {
        let mut bytes = Vec::new();
        while !String::from_utf8_lossy(&bytes).contains("\r\n\r\n") {
            let mut buffer = [0; 4096];
            match from.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        }
        String::from_utf8_lossy(&bytes).to_ascii_lowercase()
    };
    let head = tokio::select! {
        head = reading => head,
        () = writing => unreachable!("it waits for the answer"),
    };
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no answer to {path}: {head:?}")),
        head,
    }
}

#[test]
fn a_thousand_large_bodies_at_once_stay_within_bounds() {
    const RING: usize = 32 * MIB;
    const SENDERS: usize = 1000;
    let app = App::answering(2);
    let ring = RING.to_string();
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--quiet", "--keep-bytes", &ring, &app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    own_limit();
    let runtime = runtime();
    forget_peak(pid);
    let all = Arc::new(Barrier::new(SENDERS));
    let mut senders = JoinSet::new();
    for n in 0..SENDERS {
        let all = Arc::clone(&all);
        let one = async move {
            let path = format!("/large/{n}");
            (one_of_many(to, &path, &all).await, path)
        };
        senders.spawn_on(one, runtime.handle());
    }
    let mut acknowledged = BTreeSet::new();
    let mut turned_away = 0;
    runtime.block_on(async {
        while let Some(sender) = senders.join_next().await {
            let (answer, path) = sender.expect("an answer");
            match answer.status {
                200 => assert!(acknowledged.insert(path)),
                503 => {
                    assert!(answer.head.contains("\r\nretry-after: "), "{answer:?}");
                    turned_away += 1;
                }
                _ => panic!("{answer:?}"),
            }
        }
    });
    let most = peak(pid);
    println!(
        "{} of {SENDERS} kept, {turned_away} told 503, at most {} MiB",
        acknowledged.len(),
        most / MIB
    );
    assert!(!acknowledged.is_empty(), "somebody gets through");
    assert!(most <= BESIDE_THE_RING + RING, "{} MiB", most / MIB);

    // The room is there again.
    let answer = runtime.block_on(async {
        let mut sender = Sender::open(to).await;
        let body = vec![b'x'; LARGE];
        sender.ask(request("POST /large/after", "", &body)).await
    });
    assert_eq!(answer.expect("an answer").status, 200);
    acknowledged.insert("/large/after".into());

    let stopped = listener.stop();
    let store = store(&home);
    assert_eq!(count(&stopped, "received"), acknowledged.len());
    assert_eq!(count(&stopped, "refused"), turned_away);
    assert_eq!(app.asked(), acknowledged.len());
    let kept = rows(&store, "SELECT path FROM deliveries");
    assert_eq!(kept.len(), acknowledged.len() - count(&stopped, "evicted"));
    assert!(
        kept.iter().all(|path| acknowledged.contains(path)),
        "{kept:?}"
    );
    assert!(
        kept.contains(&"/large/after".to_owned()),
        "the newest is kept"
    );
}

/// The app has answered, and the journal does not come to write what it was sent.
#[test]
fn bodies_that_wait_for_the_disk_stay_within_bounds_too() {
    const RING: usize = 32 * MIB;
    const SENDERS: usize = 40;
    let app = App::answering(2);
    let ring = RING.to_string();
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--quiet", "--keep-bytes", &ring, &app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    let runtime = runtime();
    let disk = Connection::open(store(&home)).expect("a store");
    disk.execute_batch("BEGIN IMMEDIATE")
        .expect("nobody writes");
    forget_peak(pid);
    let mut answers = Vec::new();
    for n in 0..SENDERS {
        let answer = runtime.spawn(async move {
            let mut sender = Sender::open(to).await;
            let body = vec![b'x'; LARGE];
            let sent = request(&format!("POST /waiting/{n}"), "", &body);
            sender.ask(sent).await.expect("an answer").status
        });
        let asked = app.asked();
        eventually("the app has it, or the sender was told", || {
            app.asked() > asked || answer.is_finished()
        });
        let is_told = answer.is_finished();
        answers.push(answer);
        if is_told {
            break;
        }
    }
    drop(disk);
    let mut turned_away = 0;
    for answer in answers {
        match runtime.block_on(answer).expect("no panic") {
            200 => {}
            503 => turned_away += 1,
            other => panic!("{other}"),
        }
    }
    let most = peak(pid);
    println!("{turned_away} told 503, at most {} MiB", most / MIB);
    assert!(turned_away > 0, "there is no memory for all of them");
    assert!(most <= BESIDE_THE_RING + RING, "{} MiB", most / MIB);
    listener.stop();
}

#[test]
fn who_writes_everything_before_it_reads_is_told_503_as_well() {
    let listener = Listener::start(&["--ephemeral", "--quiet"]);
    let to = listener.address();
    let runtime = runtime();
    runtime.block_on(async {
        // All but the last byte of as many bodies as there is room for, and more.
        let mut holders = Vec::new();
        for n in 0..25 {
            let mut sender = Sender::open(to).await;
            sender
                .send(head(&format!("/held/{n}")))
                .await
                .expect("it is read");
            let body = vec![b'x'; LARGE - 1];
            let sent = sender.send(body).await;
            holders.push((sender, sent));
        }
        let mut blind = Sender::open(to).await;
        let body = vec![b'x'; LARGE];
        blind
            .send(request("POST /blind", "", &body))
            .await
            .expect("all of it is read");
        let answer = blind.answer().await.expect("an answer");
        assert_eq!(answer.status, 503);
        assert!(answer.head.contains("\r\nretry-after: "), "{answer:?}");

        // What is small fits in beside them.
        let mut small = Sender::open(to).await;
        let answer = small.ask(request("POST /small", "", b"{}")).await;
        assert_eq!(answer.expect("an answer").status, 200);

        let mut kept = 0;
        for (mut sender, sent) in holders {
            if sent.is_ok() && sender.send("x").await.is_ok() {
                let answer = sender.answer().await.expect("an answer");
                kept += usize::from(answer.status == 200);
            }
        }
        assert!(kept > 5, "{kept} of those that came first are kept");
    });
    listener.stop();
}

#[test]
fn what_is_only_announced_takes_no_memory() {
    let crowd = if own_limit() < 10_000 {
        println!("skipped: needs 10,000 descriptors for 4,000 senders, takes 1,000");
        1000
    } else {
        4000
    };
    let app = App::answering(2);
    let listener = Listener::start(&["--ephemeral", "--quiet", &app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    let runtime = runtime();
    let before = resident(pid);
    let open = descriptors(pid);
    let mut senders: Vec<Sender> = runtime.block_on(async {
        let mut senders = Vec::new();
        for n in 0..crowd {
            let mut sender = Sender::open(to).await;
            sender
                .send(head(&format!("/announced/{n}")))
                .await
                .expect("it is read");
            senders.push(sender);
        }
        senders
    });
    eventually("all are connected", || descriptors(pid) >= open + crowd);
    for sent in ["nothing", "a byte"] {
        if sent == "a byte" {
            runtime.block_on(async {
                for sender in &mut senders {
                    sender.send("x").await.expect("it is read");
                }
            });
        }
        let regular = Regular::start(&runtime, to);
        std::thread::sleep(Duration::from_millis(500));
        regular.stop(
            &runtime,
            &format!("{crowd} that announced 10 MiB and sent {sent}"),
        );
        let more = resident(pid).saturating_sub(before);
        println!("{} KiB for each that sent {sent}", (more / crowd) >> 10);
        assert!(more < crowd * (64 << 10), "{sent}: {} MiB", more / MIB);
        // A large one finds its room too.
        let answer = runtime.block_on(async {
            let mut sender = Sender::open(to).await;
            sender
                .ask(request("POST /large", "", &vec![b'x'; LARGE]))
                .await
        });
        assert_eq!(answer.expect("an answer").status, 200, "beside {sent}");
    }
    drop(senders);
    listener.stop();
}
