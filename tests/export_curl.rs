//! `export --as curl` on ten thousand hostile deliveries: each command is run by a real
//! shell and a real curl, and what reaches a real server is compared byte by byte. Nothing
//! else may happen: no program of a payload's is started, no file read or written.

#![cfg(unix)]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cmhook::delivery::{Headers, Received, Verdict};
use cmhook::export::curl;
use jiff::Timestamp;
use support::needs::{needs, works};

const DELIVERIES: u64 = 10_000;
/// Commands in one script.
const BATCH: usize = 250;
const SEED: u64 = 0x5eed_ca4e;

/// A request as a server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    method: String,
    path: String,
    /// Sorted by name; the order within a name is kept.
    headers: BTreeMap<String, Vec<Vec<u8>>>,
    body: Vec<u8>,
}

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

fn command(delivery: &Received, url: &str) -> String {
    curl::command(delivery, &format!("{url}{}", delivery.path_and_query))
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

fn grouped(headers: &Headers) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut grouped: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in headers.iter() {
        // Space around a value is no part of it (RFC 9112, section 5).
        let value = value.trim_ascii().to_vec();
        if !["host", "content-length", "connection"].contains(&name) {
            grouped.entry(name.to_owned()).or_default().push(value);
        }
    }
    grouped
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

/// A folder for commands to run in, with traps.
struct Place {
    home: tempfile::TempDir,
}

const SECRET: &str = "the content of a file";

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        for folder in ["bin", "work", "scripts"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let place = Self { home };
        fs::write(place.secret(), SECRET).unwrap();
        let canary = place.home.path().join("bin/canary");
        let trap = place.home.path().join("sprung");
        fs::write(&canary, format!("#!/bin/sh\n: >'{}'\n", trap.display())).unwrap();
        fs::set_permissions(&canary, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn secret(&self) -> std::path::PathBuf {
        self.home.path().join("work/secret")
    }

    fn script(&self, at: usize, batch: &[Received], url: &str) -> std::path::PathBuf {
        let script = self.home.path().join(format!("scripts/{at}"));
        let text: String = batch
            .iter()
            .map(|delivery| command(delivery, url))
            .collect();
        fs::write(&script, text).unwrap();
        script
    }

    fn run(&self, shell: &str, args: &[&str], input: Option<&[u8]>) {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.home.path().join("bin").display());
        let mut child = Command::new(shell)
            .args(args)
            .current_dir(self.home.path().join("work"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home.path().join("work"))
            .env("HISTFILE", "/dev/null")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.unwrap_or_default().to_vec();
        let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("{shell} {args:?} failed: {said}");
        }
    }

    fn assert_untouched(&self) {
        assert!(
            !self.home.path().join("sprung").exists(),
            "a command was run"
        );
        let files = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap();
            let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(files(&self.home.path().join("work")), ["secret"]);
        assert_eq!(fs::read_to_string(self.secret()).unwrap(), SECRET);
    }
}

/// A server that remembers requests by their `x-case`, and takes what HTTP libraries refuse.
struct Server {
    url: String,
    seen: Arc<Mutex<HashMap<String, Vec<Seen>>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let server = Self {
            url,
            seen: Arc::clone(&seen),
        };
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(socket.unwrap(), &seen));
            }
        });
        server
    }
}

fn serve(mut socket: TcpStream, seen: &Mutex<HashMap<String, Vec<Seen>>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65536];
    let request = loop {
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
        }
        if let Some(request) = parse(&bytes) {
            break request;
        }
    };
    let id = String::from_utf8_lossy(&request.headers["x-case"][0]).into_owned();
    seen.lock().unwrap().entry(id).or_default().push(request);
    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

/// The request, once all of it is there.
fn parse(bytes: &[u8]) -> Option<Seen> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = bytes[..end].split(|b| *b == b'\n');
    let first = String::from_utf8(lines.next()?.trim_ascii_end().to_vec()).expect("UTF-8");
    let mut words = first.splitn(3, ' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    assert_eq!(words.next(), Some("HTTP/1.1"), "{first}");
    let headers: Headers = lines
        .map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|b| *b == b':').expect("a colon");
            let name = String::from_utf8(line[..colon].to_ascii_lowercase()).expect("a name");
            (name, line[colon + 1..].to_vec())
        })
        .collect();
    let length = headers.get("content-length").map_or(0, |value| {
        let value = std::str::from_utf8(value).expect("a length");
        value.trim().parse().expect("a length")
    });
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Seen {
        method,
        path,
        headers: grouped(&headers),
        body,
    })
}

/// SplitMix64, so that each run is the same.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
