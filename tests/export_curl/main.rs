//! `export --as curl` on ten thousand hostile deliveries: each command is run by a real
//! shell and a real curl, and what reaches a real server is compared byte by byte. Nothing
//! else may happen: no program of a payload's is started, no file read or written.

#![cfg(unix)]

mod kit;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;
use std::sync::Mutex;

use bytes::Bytes;
use cmhook::delivery::{Received, Verdict};
use cmhook::export::curl;
use jiff::Timestamp;
use kit::{Place, Seen, Server, SplitMix, command, grouped};
use support::needs::{needs, works};

const DELIVERIES: u64 = 10_000;
/// Commands in one script.
const BATCH: usize = 250;
const SEED: u64 = 0x5eed_ca4e;

#[test]
fn ten_thousand_hostile_deliveries_arrive_unchanged() {
    if !tools() {
        return;
    }
    let server = Server::start();
    let place = Place::new();
    let mut random = SplitMix(SEED);
    let received: Vec<Received> = (0..DELIVERIES)
        .map(|id| hostile(&mut random, id, &place))
        .collect();
    let scripts: Vec<_> = received
        .chunks(BATCH)
        .enumerate()
        .map(|(at, batch)| place.script(at, batch, &server.url))
        .collect();
    let queue = Mutex::new(scripts.into_iter().enumerate());
    // Twice as many as there are processors here: a command waits for the server, too.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((at, script)) = next else { break };
                    let shell = ["sh", "bash"][at % 2];
                    place.run(shell, &[script.to_str().unwrap()], None);
                }
            });
        }
    });
    let mut seen = server.seen.lock().unwrap();
    for (id, delivery) in received.iter().enumerate() {
        let requests = seen.remove(&id.to_string()).unwrap_or_default();
        let command = curl::command(delivery, &format!("http://x{}", delivery.path_and_query));
        assert_eq!(requests.len(), 1, "#{id} of seed {SEED:#x}:\n{command}");
        assert_eq!(requests[0], expected(delivery), "#{id}:\n{command}");
    }
    assert!(seen.is_empty(), "requests that nobody made: {seen:?}");
    place.assert_untouched();
}

/// What is pasted goes through an interactive shell, which looks `!` up in its history.
#[test]
fn pasted_into_an_interactive_bash_they_are_the_same() {
    if !tools() || !needs(works(Command::new("bash").arg("--version")), "bash") {
        return;
    }
    let server = Server::start();
    let place = Place::new();
    let mut random = SplitMix(SEED + 1);
    let received: Vec<Received> = (0..200)
        .map(|id| hostile(&mut random, id, &place))
        .collect();
    // Something to find in it, first.
    let mut pasted = String::from("echo canary; set -H\n");
    for delivery in &received {
        pasted += &command(delivery, &server.url);
    }
    place.run("bash", &["--norc", "-i"], Some(pasted.as_bytes()));
    let seen = server.seen.lock().unwrap();
    for (id, delivery) in received.iter().enumerate() {
        let requests = seen
            .get(&id.to_string())
            .map_or(&[][..], |requests| requests);
        assert_eq!(
            requests,
            [expected(delivery)],
            "#{id}:\n{}",
            command(delivery, &server.url)
        );
    }
    place.assert_untouched();
}

/// Large bodies do not fit into an argument.
#[test]
fn large_bodies_go_through_a_pipe() {
    if !tools() {
        return;
    }
    let server = Server::start();
    let place = Place::new();
    let text = "it's \\ $(canary) @ % !\n".repeat(130_000);
    let binary: Vec<u8> = text.bytes().map(|b| b ^ 0xa5).collect();
    let received = [
        delivery(
            "POST",
            "/",
            vec![("x-case".into(), b"0".to_vec())],
            text.into_bytes(),
        ),
        delivery("PUT", "/", vec![("x-case".into(), b"1".to_vec())], binary),
    ];
    let script = place.script(0, &received, &server.url);
    place.run("sh", &[script.to_str().unwrap()], None);
    let seen = server.seen.lock().unwrap();
    for (id, delivery) in received.iter().enumerate() {
        assert!(
            seen[&id.to_string()] == [expected(delivery)],
            "#{id} differs"
        );
    }
    place.assert_untouched();
}

fn tools() -> bool {
    needs(works(Command::new("curl").arg("--version")), "curl")
        && needs(works(Command::new("base64").arg("--version")), "base64")
}

fn delivery(method: &str, path: &str, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>) -> Received {
    Received {
        received_at: Timestamp::UNIX_EPOCH,
        peer: "127.0.0.1:1".into(),
        method: method.into(),
        path_and_query: path.into(),
        headers: headers.into_iter().collect(),
        body: Bytes::from(body),
        event: None,
        verdict: Verdict::Unsigned,
        original: None,
        relayed: None,
    }
}

/// What must reach the server: all but what curl says of the connection itself.
fn expected(delivery: &Received) -> Seen {
    Seen {
        method: delivery.method.to_string(),
        path: delivery.path_and_query.to_string(),
        headers: grouped(&delivery.headers),
        body: delivery.body.to_vec(),
    }
}

const PIECES: &[&str] = &[
    "'",
    "\"",
    "\\",
    "\\\\",
    "`canary`",
    "$(canary)",
    "${IFS}",
    "$HOME",
    "$'\\n'",
    "!",
    "!!",
    "!canary",
    "!-1",
    "^canary^x^",
    "\n",
    "\n!x\n",
    "\n^a^b",
    "\r\n",
    "\r",
    "\t",
    "\0",
    ";canary;",
    "|canary",
    "&canary&",
    "&& canary",
    ">owned",
    "<secret",
    "@secret",
    "@./secret",
    "@-",
    "-d@secret",
    "-o owned",
    "--output",
    "-K secret",
    "--config",
    "*",
    "?",
    "[a-z]",
    "[1-3]",
    "{a,b}",
    "{1..9}",
    "~",
    "~root",
    "#",
    "# comment",
    "%",
    "%s",
    "%n",
    "%zz",
    "%2e%2e",
    "\\0",
    "\\101",
    "\\c",
    "é",
    "日本",
    "\u{202e}",
    "\u{1b}[31m",
    "\u{9b}",
    "\u{feff}",
    "''",
    "'\"'\"'",
    "'; canary #",
    "\\'; canary #",
    "EOF",
    "(",
    ")",
    "=",
    ",",
    ":",
    " ",
    "  ",
    "a",
    "Z",
    "0",
    "json",
    "{\"event\":\"email.opened\"}",
    "-",
    "--",
    "../",
    "/./",
    "//",
    "\u{7f}",
    "\\\n",
    "$((1+1))",
    "<<EOF",
    "/etc/passwd",
    "file:///etc/passwd",
];

/// A delivery in which everything that a sender chooses is bad.
fn hostile(random: &mut SplitMix, id: u64, place: &Place) -> Received {
    let mut body = Vec::new();
    let method = [
        "POST",
        "POST",
        "POST",
        "PUT",
        "GET",
        "DELETE",
        "P'A`T|CH!",
        "-X",
        "$HOME",
        "HEAD",
        "post",
    ][random.below(11)];
    if random.below(12) == 0 {
        // A file that is there, named by its whole path.
        body.extend_from_slice(format!("@{}", place.secret().display()).as_bytes());
    }
    for _ in 0..random.below(9) {
        body.extend_from_slice(PIECES[random.below(PIECES.len())].as_bytes());
    }
    if random.below(6) == 0 {
        body.extend((0..random.below(40)).map(|_| random.byte()));
    }
    let mut path = String::from("/");
    for _ in 0..random.below(6) {
        path += PIECES[random.below(PIECES.len())];
        path += ["", "", "?", "&a=", "/"][random.below(5)];
    }
    // What ends a request line cannot be in it.
    path.retain(|c| c > ' ' && c != '\u{7f}');
    let mut headers = vec![("x-case".to_owned(), id.to_string().into_bytes())];
    for _ in 0..random.below(5) {
        let name = [
            "x-a",
            "x-b",
            "content-type",
            "accept",
            "user-agent",
            "x-!#$%&'*+-.^_`|~",
            "-d",
            "cookie",
        ][random.below(8)];
        let mut value = Vec::new();
        for _ in 0..random.below(4) {
            value.extend_from_slice(PIECES[random.below(PIECES.len())].as_bytes());
        }
        if random.below(8) == 0 {
            value.push(0x80 + random.byte() % 0x80);
        }
        value.retain(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f));
        headers.push((name.to_owned(), value));
    }
    delivery(method, &path, headers, body)
}
