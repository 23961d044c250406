//! The handlers in `tests/apps`, each started under its runtime.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::needs::needs;
use crate::support::process::Process;

/// A handler that is running and listening.
pub struct App {
    name: String,
    process: Process,
    port: u16,
    /// PHP writes what it has to say to stderr, as the manual's example does.
    speaks_on_stderr: bool,
    /// Its home, kept until it is gone.
    _home: TempDir,
}

impl App {
    /// One of the two Express handlers; `None` if Node or Express is missing.
    pub fn express(file: &str, secret: &str) -> Option<Self> {
        let modules = installed().join("express/node_modules");
        let node = on_path("node").filter(|_| modules.join("express/package.json").is_file());
        let mut command = Command::new(needed(node, "node and express")?);
        command
            .arg(sources().join("express").join(file))
            .env("NODE_PATH", modules);
        Some(Self::start(format!("Express ({file})"), command, secret))
    }

    /// The Express handler that asks an API for its keys, on this port, where 0 is a free one.
    #[allow(
        dead_code,
        reason = "only one of the binaries that have this module needs it"
    )]
    pub fn express_of(api: &str, token: &str, port: u16) -> Option<Self> {
        let modules = installed().join("express/node_modules");
        let node = on_path("node").filter(|_| modules.join("express/package.json").is_file());
        let mut command = Command::new(needed(node, "node and express")?);
        command
            .arg(sources().join("express/account.js"))
            .env("NODE_PATH", modules)
            .env("CAKEMAIL_API_BASE", api)
            .env("CAKEMAIL_ACCESS_TOKEN", token);
        Some(Self::start_at("Express".to_owned(), command, "", port))
    }

    /// The Flask handler; `None` if Flask is missing.
    pub fn flask(secret: &str) -> Option<Self> {
        let python = Some(installed().join("flask/bin/python")).filter(|path| path.exists());
        let mut command = Command::new(needed(python, "python3 and flask")?);
        command.arg(sources().join("flask/app.py"));
        Some(Self::start("Flask".to_owned(), command, secret))
    }

    /// The PHP handler under PHP's own server; `None` if PHP is missing.
    pub fn php(secret: &str) -> Option<Self> {
        let php = needed(on_path("php"), "php")?;
        // The server takes no port 0, and between finding a free port and using it another
        // process may take it. Then another is found.
        (0..10)
            .find_map(|_| Self::try_php(&php, secret))
            .or_else(|| panic!("PHP finds no free port"))
    }

    fn try_php(php: &Path, secret: &str) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(php);
        command
            .arg("-S")
            .arg(free.to_string())
            .arg(sources().join("php/index.php"));
        let mut process = Process::start(command.env("WEBHOOK_SECRET", secret), home.path());
        let started = process
            .stderr
            .find("line that says that PHP listens", |line| {
                let up = line.contains("Development Server") && line.ends_with("started");
                (up || line.contains("Address already in use")).then_some(up)
            });
        started.then(|| Self {
            name: "PHP".to_owned(),
            process,
            port: free.port(),
            speaks_on_stderr: true,
            _home: home,
        })
    }

    fn start(name: String, command: Command, secret: &str) -> Self {
        Self::start_at(name, command, secret, 0)
    }

    fn start_at(name: String, mut command: Command, secret: &str, port: u16) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        command
            .env("WEBHOOK_SECRET", secret)
            .env("PORT", port.to_string());
        let mut process = Process::start(&mut command, home.path());
        let port = process.stdout.find("`listening on PORT`", |line| {
            line.strip_prefix("listening on ")?.parse().ok()
        });
        Self {
            name,
            process,
            port,
            speaks_on_stderr: false,
            _home: home,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the handler to print a line that ends in `text`.
    #[track_caller]
    pub fn prints(&mut self, text: &str) {
        let lines = if self.speaks_on_stderr {
            &mut self.process.stderr
        } else {
            &mut self.process.stdout
        };
        lines.find(&format!("`{text}` from {}", self.name), |line| {
            // PHP puts the time before it.
            line.ends_with(text).then_some(())
        });
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apps")
}

/// Where `./tests/run` installs what the handlers need.
fn installed() -> PathBuf {
    std::env::var_os("CMHOOK_TEST_APPS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-apps"),
        PathBuf::from,
    )
}

fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Passes on what was found. Where nothing was, says so, or fails if all must be there.
#[track_caller]
fn needed(found: Option<PathBuf>, what: &str) -> Option<PathBuf> {
    needs(found.is_some(), what);
    found
}
