//! The built relay with a certificate of an authority, as senders see it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;

use crate::authority::{Authority, Like, free, is_here};
use crate::host::NAME;

struct Relay(Child);

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, authority: &Authority, tls: u16, http: u16) -> (Relay, Value) {
    let mut relay = Command::new(env!("CARGO_BIN_EXE_cmhook"))
        .args(["relay", "serve", "--json", "--metrics", "off"])
        .args(["--listen", &format!("127.0.0.1:{tls}")])
        .args(["--http", &format!("127.0.0.1:{http}")])
        .args(["--domain", &format!("{NAME}:{tls}")])
        .args(["--acme", "ops@example.com"])
        .args(["--acme-directory", &authority.directory])
        .arg("--acme-ca")
        .arg(&authority.ca)
        .arg("--data")
        .arg(folder.join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("cmhook starts");
    let mut line = String::new();
    let stdout = relay.stdout.take().expect("it is piped");
    let read = BufReader::new(stdout).read_line(&mut line);
    read.expect("a line");
    (Relay(relay), serde_json::from_str(&line).expect("JSON"))
}

/// What curl gets for a path: the status, and where it is sent instead.
fn curl(root: &Path, url: &str, ports: [u16; 2]) -> Option<(String, String)> {
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--output", "/dev/null"])
        .args([
            "--write-out",
            "%{http_code} %{http_version} %{redirect_url}",
        ])
        .arg("--cacert")
        .arg(root)
        .args(["--resolve", &format!("{NAME}:{}:127.0.0.1", ports[0])])
        .args(["--resolve", &format!("{NAME}:{}:127.0.0.1", ports[1])])
        .arg(url)
        .output()
        .expect("curl starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let (status, rest) = text.rsplit_once(' ')?;
    output
        .status
        .success()
        .then(|| (status.to_owned(), rest.to_owned()))
}

#[test]
fn senders_get_https_as_soon_as_there_is_a_certificate() {
    if !is_here() {
        return;
    }
    let folder = tempdir().expect("a folder");
    let [tls, http] = [free(), free()];
    let life = 86400;
    let authority = Authority::start(folder.path(), Like { http, tls, life });
    let root = authority.root(folder.path());
    let (_relay, ready) = start(folder.path(), &authority, tls, http);
    assert_eq!(ready["url"], format!("https://{NAME}:{tls}"));
    let secure = format!("https://{NAME}:{tls}");
    let begun = Instant::now();
    let answer = loop {
        if let Some(answer) = curl(&root, &format!("{secure}/readyz"), [tls, http]) {
            break answer;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "no certificate");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(answer.0, "200 2", "over HTTP/2");
    // Over plain HTTP everybody is told where to go.
    let plain = format!("http://{NAME}:{http}/t/shop?a=%2F");
    let answer = curl(&root, &plain, [tls, http]).expect("an answer");
    assert_eq!(answer.0, "308 1.1");
    assert_eq!(answer.1, format!("{secure}/t/shop?a=%2F"));
}
