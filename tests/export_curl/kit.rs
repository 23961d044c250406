//! A folder with traps to run commands in, and a server that takes whatever is sent.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use cmhook::delivery::{Headers, Received};
use cmhook::export::curl;

/// A request as a server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// Sorted by name; the order within a name is kept.
    pub headers: BTreeMap<String, Vec<Vec<u8>>>,
    pub body: Vec<u8>,
}

pub fn command(delivery: &Received, url: &str) -> String {
    curl::command(delivery, &format!("{url}{}", delivery.path_and_query))
}

pub fn grouped(headers: &Headers) -> BTreeMap<String, Vec<Vec<u8>>> {
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

/// A folder for commands to run in, with traps.
pub struct Place {
    home: tempfile::TempDir,
}

const SECRET: &str = "the content of a file";

impl Place {
    pub fn new() -> Self {
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

    pub fn secret(&self) -> std::path::PathBuf {
        self.home.path().join("work/secret")
    }

    pub fn script(&self, at: usize, batch: &[Received], url: &str) -> std::path::PathBuf {
        let script = self.home.path().join(format!("scripts/{at}"));
        let text: String = batch
            .iter()
            .map(|delivery| command(delivery, url))
            .collect();
        fs::write(&script, text).unwrap();
        script
    }

    pub fn run(&self, shell: &str, args: &[&str], input: Option<&[u8]>) {
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

    pub fn assert_untouched(&self) {
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
pub struct Server {
    pub url: String,
    pub seen: Arc<Mutex<HashMap<String, Vec<Seen>>>>,
}

impl Server {
    pub fn start() -> Self {
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
    let mut buffer = vec![0; 65536];
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
pub struct SplitMix(pub u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
