//! A listener with an app behind it, and its page in the browser.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Response;
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;

use crate::browser::Browser;
use crate::support::listener::{Listener, cmhook, home};
use crate::support::sender::{Scheme, post, sign};
use crate::support::upstream::{Answer, Upstream};
use crate::tab::Page;

/// What the app and the listener verify with.
pub const SECRET: &str = "sentinel-secret";

/// Deliveries, written with spaces, so that serialising them once more makes other bytes.
pub const OPENED: &str = r#"{ "event": "email.opened", "data": { "contact": { "id": 12345678901234567890, "email": "zoe@example.com" }, "tags": [ "new", "vip" ] } }"#;
pub const BOUNCED: &str = r#"{ "event": "email.bounced", "data": { "contact": { "id": 502, "email": "gone@example.com" }, "bounce_type": "hard" } }"#;

/// A handler that verifies signatures, first with the usual mistake: it hashes what it parsed
/// and serialised again in place of the bytes that came.
pub struct App {
    pub upstream: Upstream,
    fixed: Arc<AtomicBool>,
}

impl App {
    /// One that has the mistake.
    pub fn broken() -> Self {
        let fixed = Arc::new(AtomicBool::new(false));
        let is_fixed = Arc::clone(&fixed);
        let upstream = Upstream::answering(move |parts, body| {
            let hashed = if is_fixed.load(Ordering::SeqCst) {
                body.to_vec()
            } else {
                let parsed = serde_json::from_slice::<Value>(body);
                parsed.map_or_else(|_| body.to_vec(), |parsed| parsed.to_string().into())
            };
            let (name, digest) = sign(Scheme::CakemailHex, SECRET, hashed);
            if parts
                .headers
                .get(name)
                .is_some_and(|value| *value == *digest)
            {
                answer(200, "OK")
            } else {
                answer(401, r#"{"error":"Invalid signature"}"#)
            }
        });
        Self { upstream, fixed }
    }

    /// One without it.
    pub fn fixed() -> Self {
        let app = Self::broken();
        app.fix();
        app
    }

    pub fn fix(&self) {
        self.fixed.store(true, Ordering::SeqCst);
    }

    pub fn break_again(&self) {
        self.fixed.store(false, Ordering::SeqCst);
    }
}

fn answer(status: u16, text: &'static str) -> Answer {
    Response::builder()
        .status(status)
        .header("Content-Type", "application/json")
        .body(Full::from(text))
        .expect("an answer")
}

/// A running listener with its inspector.
pub struct Scene {
    pub listener: Listener,
    pub home: Rc<TempDir>,
}

impl Scene {
    /// One that forwards to `app` and knows its secret.
    #[track_caller]
    pub fn before(app: &App) -> Self {
        let secret = format!("main={SECRET}");
        Self::start(&["--forward", &app.upstream.target(), "--secret", &secret])
    }

    /// One with these arguments, and with the default store of a home of its own.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(&Rc::new(home()), "127.0.0.1:0", args)
    }

    /// The same in a home that may have a history, with the inspector on that address.
    #[track_caller]
    pub fn start_in(home: &Rc<TempDir>, inspector: &str, args: &[&str]) -> Self {
        let args = [&["--inspector", inspector], args].concat();
        Self {
            listener: Listener::start_in(home, &args),
            home: Rc::clone(home),
        }
    }

    /// The link that it prints when it starts.
    #[track_caller]
    pub fn link(&self) -> String {
        let link = self.listener.ready["inspector"].as_str();
        link.expect("a link to the inspector").to_owned()
    }

    /// Where the inspector is.
    #[track_caller]
    pub fn inspector(&self) -> SocketAddr {
        let link = self.link();
        let rest = link.strip_prefix("http://").expect("a link");
        let (address, _) = rest.split_once('/').expect("a path");
        address.parse().expect("an address")
    }

    /// The page, opened with the link, once it is live.
    #[track_caller]
    pub fn page(&self, browser: &Browser, width: u32, height: u32) -> Page {
        let page = browser.page(width, height);
        page.open(&self.link());
        page.is_live();
        page
    }

    /// Sends a delivery as Cakemail does, and returns what was answered.
    #[track_caller]
    pub fn deliver(&self, body: &str) -> u16 {
        let signature = sign(Scheme::CakemailHex, SECRET, body);
        post(self.listener.address(), Some(&signature), body).status
    }

    /// Sends a sample of that event to the app, through the listener.
    #[track_caller]
    pub fn trigger(&self, event: &str) {
        let (output, _) = self.run(&["trigger", event, "--secret", SECRET]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }

    /// The ids of what is kept, as a command says that is run in its home.
    #[track_caller]
    pub fn ids(&self) -> Vec<u64> {
        let (output, text) = self.run(&["list", "--jq", ".[].id"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let nothing = stderr.contains("No deliveries are kept");
        assert!(output.status.success() || nothing, "{stderr}");
        let ids = text.lines().map(|id| id.parse().expect("an id"));
        ids.collect()
    }

    /// All that is kept, with all attempts.
    #[track_caller]
    pub fn kept(&self) -> String {
        let (output, text) = self.run(&["export", "--filter", "", "--as", "json"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        text
    }

    /// Runs a command in its home.
    #[track_caller]
    fn run(&self, args: &[&str]) -> (Output, String) {
        let mut command = cmhook();
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CMHOOK_") {
                command.env_remove(name);
            }
        }
        let home = self.home.path();
        let output = command
            .args(args)
            .current_dir(home)
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .stdin(Stdio::null())
            .output()
            .expect("cmhook starts");
        let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
        (output, text)
    }
}

/// What the page's own parts are called in these tests.
impl Page {
    /// Waits until the page has a session and its socket.
    #[track_caller]
    pub fn is_live(&self) {
        self.wait("document.querySelector('[data-testid=connection]')?.dataset.state === 'online'");
    }

    /// Waits until the list shows these deliveries and no others, in this order.
    #[track_caller]
    pub fn lists(&self, ids: &[u64]) {
        let ids = serde_json::json!(ids);
        self.wait(&format!("(({ROWS})()).join() === {ids}.join()"));
    }

    /// Clicks the row of that delivery.
    #[track_caller]
    pub fn choose(&self, id: u64) {
        self.click_on(&format!("[data-testid=row][data-id=\"{id}\"]"));
        self.detail_of(id);
    }

    /// Waits until that delivery's detail is shown.
    #[track_caller]
    pub fn detail_of(&self, id: u64) {
        self.wait(&format!(
            "[...document.querySelectorAll('#detail-pane h2')].some((h) => \
             h.checkVisibility() && h.textContent.startsWith('#{id} ')) && \
             document.querySelector('[data-testid=panel]').innerText.trim() !== ''"
        ));
    }

    /// Waits until a header's count is that.
    #[track_caller]
    pub fn counts(&self, testid: &str, number: &str) {
        let count = format!("document.querySelector('[data-testid={testid}]')");
        self.wait(&format!("{count}?.textContent === '{number}'"));
    }

    /// Waits until the focus is in the element with that test id.
    #[track_caller]
    pub fn focus_in(&self, testid: &str) {
        self.wait(&format!(
            "document.activeElement?.closest('[data-testid=\"{testid}\"]') !== null"
        ));
    }

    /// Waits until a line of the payload's tree reads so.
    #[track_caller]
    pub fn tree_has(&self, path: &str, words: &str) {
        let (path, words) = (serde_json::json!(path), serde_json::json!(words));
        self.wait(&format!(
            "[...document.querySelectorAll('[data-testid=tree-node]')].some((line) => \
             line.dataset.path === {path} && line.innerText.includes({words}))"
        ));
    }

    /// Waits until the payload's tree shows no such line.
    #[track_caller]
    pub fn tree_has_not(&self, path: &str) {
        let path = serde_json::json!(path);
        self.wait(&format!(
            "![...document.querySelectorAll('[data-testid=tree-node]')]\
             .some((line) => line.dataset.path === {path})"
        ));
    }
}

/// The ids of the rows, from top to bottom.
pub const ROWS: &str = "() => [...document.querySelectorAll('[data-testid=row]')]\
    .filter((row) => row.checkVisibility())\
    .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))\
    .map((row) => Number(row.dataset.id))";
