//! `cmhook export --as har`, checked against the schema of HAR 1.2.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::kit::Place;
use crate::support::needs::{needs, works};
use crate::support::raw::{ask, request};

#[test]
fn har_is_what_its_schema_says() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-apps/har/node_modules");
    let modules = std::env::var_os("CMHOOK_TEST_APPS")
        .map_or(modules, |apps| PathBuf::from(apps).join("har/node_modules"));
    let found =
        modules.join("har-validator").is_dir() && works(Command::new("node").arg("--version"));
    if !needs(found, "node and har-validator") {
        return;
    }
    let place = Place::new();
    place.fill();
    // One that no app was there for, and one that was never forwarded.
    let mut listener = place.listener(&["--forward", "127.0.0.1:9"]);
    crate::support::sender::post(listener.address(), None, "{}");
    let delivery = listener.delivery();
    listener.attempt(&delivery);
    listener.stop();
    let mut listener = place.listener(&[]);
    let odd = request(
        "POST /a|b?x=\\&y=%zz",
        "x-odd: caf\u{e9}\r\n",
        b"\xff\x00\r\n",
    );
    ask(listener.address(), odd);
    listener.delivery();
    listener.stop();
    for args in [
        &["export", "1..", "--as", "har"][..],
        &["export", "1..", "--as", "har", "--redact"],
    ] {
        let har = place.run(args).coded(0);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apps/har/check.js");
        let mut child = Command::new("node")
            .arg(script)
            .env("NODE_PATH", &modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node starts");
        child
            .stdin
            .take()
            .expect("stdin is piped")
            .write_all(&har.stdout)
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", har.text());
        let entries = &har.json()["log"]["entries"];
        assert_eq!(entries.as_array().expect("entries").len(), 7);
        assert_eq!(entries[5]["response"]["status"], 0);
    }
}
