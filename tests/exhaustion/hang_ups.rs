//! Senders that hang up at the worst moments, a thousand at a time.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::crowd::{App, Regular, Sender, count, runtime, store};
use crate::support::listener::{Listener, home};
use crate::support::raw::request;
use crate::vitals::{MIB, descriptors, eventually, own_limit, resident, rows};

const CROWD: usize = 1000;

/// A crowd that has sent what `bytes` says, each on a connection of its own.
fn crowd(runtime: &Runtime, to: SocketAddr, bytes: impl Fn(usize) -> Vec<u8>) -> Vec<Sender> {
    own_limit();
    runtime.block_on(async {
        let mut crowd = Vec::new();
        for n in 0..CROWD {
            let mut sender = Sender::open(to).await;
            sender.send(bytes(n)).await.expect("it is read");
            crowd.push(sender);
        }
        crowd
    })
}

/// Every second one says farewell, the others just go.
fn hang_up(runtime: &Runtime, crowd: Vec<Sender>) {
    let _inside = runtime.enter();
    for (n, sender) in crowd.into_iter().enumerate() {
        if n % 2 == 0 {
            sender.reset();
        }
    }
}

#[test]
fn a_thousand_hang_up_in_the_middle_of_their_requests() {
    const ROUNDS: usize = 6;
    let app = App::answering(2);
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--quiet", &app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    let runtime = runtime();
    let regular = Regular::start(&runtime, to);
    let open = descriptors(pid);
    let mut memory = Vec::new();
    for round in 0..ROUNDS {
        let half = request(&format!("POST /half/{round}"), "", &[b'x'; 1000]);
        let half = &half[..half.len() - 500];
        let senders = crowd(&runtime, to, |_| half.to_vec());
        eventually("all are connected", || descriptors(pid) >= open + CROWD / 2);
        hang_up(&runtime, senders);
        eventually("descriptors are given back", || {
            descriptors(pid) <= open + 10
        });
        memory.push(resident(pid));
    }
    let sent = regular.stop(&runtime, "thousands of half requests");
    println!("resident after each round: {memory:?}");
    // A connection takes some 30 KiB, so that forgetting three thousand would show.
    let (first, last) = memory.split_at(ROUNDS / 2);
    let most = |of: &[usize]| of.iter().max().copied().unwrap_or_default();
    assert!(most(last) < most(first) + 48 * MIB, "{memory:?}");
    let stopped = listener.stop();
    let store = store(&home);
    assert_eq!(count(&stopped, "received"), sent);
    assert_eq!(count(&stopped, "refused"), ROUNDS * CROWD);
    assert_eq!(rows(&store, "SELECT path FROM deliveries").len(), sent);
}

#[test]
fn a_thousand_hang_up_before_they_are_answered() {
    let app = App::waiting(2);
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--quiet", &app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    let runtime = runtime();
    let open = descriptors(pid);
    let senders = crowd(&runtime, to, |n| {
        request(&format!("POST /whole/{n}"), "", b"{}")
    });
    eventually("the app has got all of them", || app.asked() == CROWD);
    hang_up(&runtime, senders);
    app.open();
    // Nobody is owed an answer, so this is what tells that the app's have come.
    eventually("descriptors are given back", || {
        descriptors(pid) <= open + 2
    });
    let regular = Regular::start(&runtime, to);
    std::thread::sleep(Duration::from_millis(300));
    let sent = regular.stop(&runtime, "nothing, after a thousand hung up");

    let stopped = listener.stop();
    let store = store(&home);
    assert_eq!(count(&stopped, "received"), CROWD + sent);
    assert_eq!(count(&stopped, "answered"), CROWD + sent);
    assert_eq!(
        count(&stopped, "failed") + count(&stopped, "refused"),
        0,
        "{stopped}"
    );
    let kept = "SELECT DISTINCT path FROM deliveries WHERE path LIKE '/whole/%'";
    assert_eq!(rows(&store, kept).len(), CROWD);
    let attempts = "SELECT target FROM attempts WHERE status = 200 AND target LIKE '%/whole/%'";
    assert_eq!(rows(&store, attempts).len(), CROWD);
}

#[test]
fn hundreds_hang_up_in_the_middle_of_a_large_answer() {
    const LARGE: usize = 20 * MIB;
    const ROUNDS: usize = 12;
    let app = App::answering(LARGE);
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--quiet", "--keep-bytes", "64MB", &app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    let runtime = runtime();
    let open = descriptors(pid);
    let mut memory = Vec::new();
    own_limit();
    // Twenty at a time: it is the app's answers that take the time.
    for round in 0..ROUNDS {
        runtime.block_on(async {
            let mut crowd = Vec::new();
            for n in 0..20 {
                let mut sender = Sender::open(to).await;
                let request = request(&format!("POST /large/{round}/{n}"), "", b"{}");
                sender.send(request).await.expect("it is read");
                crowd.push(sender);
            }
            for (n, sender) in crowd.into_iter().enumerate() {
                let begun = sender.0.get_ref().readable().await;
                begun.expect("the answer begins");
                if n % 2 == 0 {
                    sender.reset();
                }
            }
        });
        memory.push(resident(pid));
    }
    eventually("descriptors are given back", || {
        descriptors(pid) <= open + 2
    });
    println!(
        "resident after: {} MiB, at most {} MiB",
        resident(pid) / MIB,
        memory.iter().max().unwrap() / MIB
    );
    let (third, last) = (memory[memory.len() / 3], memory[memory.len() - 1]);
    assert!(last < third + 96 * MIB, "{third} bytes, later {last}");
    let stopped = listener.stop();
    assert_eq!(count(&stopped, "received"), 20 * ROUNDS);
    assert_eq!(count(&stopped, "answered"), 20 * ROUNDS, "{stopped}");
}
