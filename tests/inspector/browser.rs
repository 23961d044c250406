//! A real headless Chromium.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::{Value, json};

use crate::devtools::DevTools;
use crate::support::needs::{needs, works};
use crate::tab::Page;

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs Chromium for as long as somebody holds the other end of its standard input, however
/// that somebody ends, and leaves nothing of it behind. Its parts are in its group.
const LEASH: &str = r#"
folder=$(mktemp -d) || exit 1
setsid chromium "$@" --user-data-dir="$folder" about:blank </dev/null &
cat >/dev/null
kill -KILL -$! || kill -KILL $!
wait
rm -rf "$folder"
"#;

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    // Several tests look at pages at the same time, and none is the one in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    // It has no mouse of its own, and pages ask for one: this is one that hovers and is fine.
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
];

/// A running browser, which ends when it is dropped.
pub struct Browser {
    devtools: Arc<DevTools>,
    child: Child,
    leash: Option<ChildStdin>,
}

impl Browser {
    /// The one for all tests, which ends with the process; `None` where there is no Chromium.
    #[track_caller]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: LazyLock<Browser> = LazyLock::new(|| Browser::start(&[]));
        Self::is_here().then(|| &*SHARED)
    }

    /// Whether there is a Chromium to be started. A test without one is skipped, or fails.
    #[track_caller]
    pub fn is_here() -> bool {
        static HERE: LazyLock<bool> =
            LazyLock::new(|| works(Command::new("chromium").arg("--version")));
        needs(*HERE, "chromium")
    }

    /// One of its own, with these flags besides.
    #[track_caller]
    pub fn start(flags: &[&str]) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", LEASH, "sh"])
            .args(FLAGS)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let leash = child.stdin.take();
        let stderr = child.stderr.take().expect("stderr is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // It is read to its end, so that Chromium never waits for a full pipe.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut said = String::new();
        let address = loop {
            let line = lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("Chromium does not start: {said}"));
            if let Some(address) = line.strip_prefix("DevTools listening on ") {
                break address.to_owned();
            }
            said = said + "\n" + &line;
        };
        Self {
            devtools: Arc::new(DevTools::connect(&address)),
            child,
            leash,
        }
    }

    /// An empty page of that size, with cookies and storage of its own.
    #[track_caller]
    pub fn page(&self, width: u32, height: u32) -> Page {
        let context = Context::new(&self.devtools);
        Page::new(&self.devtools, &Arc::new(context), width, height)
    }

    /// The ids of its processes.
    #[track_caller]
    pub fn processes(&self) -> Vec<u64> {
        let info = self
            .devtools
            .call(None, "SystemInfo.getProcessInfo", &json!({}));
        let info = info.expect("a list");
        let all = info["processInfo"].as_array().expect("a list").iter();
        all.filter_map(|process| process["id"].as_u64()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.child.wait();
    }
}

/// What pages that share cookies have in common. It goes, with its pages, when it is dropped.
pub struct Context {
    devtools: Arc<DevTools>,
    pub id: String,
}

impl Context {
    #[track_caller]
    fn new(devtools: &Arc<DevTools>) -> Self {
        let made = devtools.call(None, "Target.createBrowserContext", &json!({}));
        let made = made.expect("a browser context");
        Self {
            devtools: Arc::clone(devtools),
            id: text(&made, "browserContextId"),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // A test that failed because Chromium is gone has said so.
        if !std::thread::panicking() {
            let id = json!({ "browserContextId": self.id });
            let _ = self
                .devtools
                .call(None, "Target.disposeBrowserContext", &id);
        }
    }
}

/// A member that is text.
#[track_caller]
pub fn text(of: &Value, name: &str) -> String {
    let value = of[name].as_str();
    value
        .unwrap_or_else(|| panic!("no {name} in {of}"))
        .to_owned()
}
