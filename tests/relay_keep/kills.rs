//! `kill -9` at any moment.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cmhook::relay::data::Data;
use cmhook::relay::queue::Limits;

use crate::support::relay::Relay;

const ROUNDS: u64 = 12;
const SENDERS: u64 = 8;

/// Sends one delivery, on a connection of its own as senders of webhooks do, and tells
/// whether it was answered that it waits.
fn send(address: SocketAddr, body: &str) -> Option<bool> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    let length = body.len();
    let request = format!(
        "POST /t/shop/a HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    Some(&answer[9..] == b"202")
}

/// Sends one after the other until the relay is gone, and tells which were acknowledged.
fn send_all(address: SocketAddr, round: u64, sender: u64, gone: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let body = format!("{sender} {round} {number}");
        match send(address, &body) {
            Some(true) => acknowledged.push(body),
            Some(false) => panic!("{body} is refused"),
            None if gone.load(Ordering::Relaxed) => break,
            None => {}
        }
    }
    acknowledged
}

#[test]
fn whatever_was_acknowledged_waits_once_and_in_order() {
    let mut relay = Relay::start(&["--rate", "1000000", "--queue", "1000000"]);
    relay.token("ada", &["shop"]);
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let (address, gone) = (relay.address(), AtomicBool::new(false));
        // A second for the relay to know the token, and then at a moment that differs.
        let life = Duration::from_millis(if round == 0 { 2000 } else { 90 + 37 * round });
        if round == 0 {
            while send(address, "first") != Some(true) {
                std::thread::sleep(Duration::from_millis(50));
            }
            acknowledged.push("first".to_owned());
        }
        std::thread::scope(|scope| {
            let gone = &gone;
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| scope.spawn(move || send_all(address, round, sender, gone)))
                .collect();
            std::thread::sleep(life);
            relay.process.kill();
            gone.store(true, Ordering::Relaxed);
            for sender in senders {
                acknowledged.extend(sender.join().expect("no panic"));
            }
        });
        relay = relay.start_again();
    }
    relay.process.kill();

    let data = Data::open(&relay.home().join("relay"), Limits::default()).expect("sound data");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let read = data.queue.first("shop", usize::MAX, usize::MAX);
    let waiting = runtime
        .expect("a runtime")
        .block_on(read)
        .expect("they are read");
    assert_eq!(waiting.len() as u64, data.queue.count("shop"));
    let mut places = BTreeMap::new();
    for (place, one) in waiting.iter().enumerate() {
        let body = String::from_utf8(one.body.to_vec()).expect("text");
        assert_eq!(one.path.as_ref(), "/a");
        assert_eq!(
            places.insert(body.clone(), place),
            None,
            "{body} is there twice"
        );
    }
    assert!(acknowledged.len() > 500, "only {} were", acknowledged.len());
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|body| !places.contains_key(*body))
        .collect();
    assert!(
        lost.is_empty(),
        "of {} are lost: {lost:?}",
        acknowledged.len()
    );
    // A sender sends the next when it has the answer to the one before.
    for pair in acknowledged.windows(2) {
        let of = |body: &str| body.split_once(' ').map(|(sender, _)| sender.to_owned());
        if of(&pair[0]).is_some() && of(&pair[0]) == of(&pair[1]) {
            assert!(places[&pair[0]] < places[&pair[1]], "{pair:?}");
        }
    }
    println!(
        "{} acknowledged, {} kept",
        acknowledged.len(),
        waiting.len()
    );
}
