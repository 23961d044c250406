//! The face of a running listener: the screen on a terminal, lines everywhere else.

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::reader_left::when_reader_left;
use super::register::keys_command;
use super::start_error::StartError;
use crate::cakemail::signature::Secret;
use crate::capture::again::Again;
use crate::capture::intake::Intake;
use crate::capture::reach::LazyReach;
use crate::config::{OutputSettings, Settings};
use crate::delivery::{Counts, Tunnel, Warning};
use crate::inspector;
use crate::lines::{self, Block, Lines, coloured};
use crate::store::Store;
use crate::tui::{self, About, Tui};
use crate::wire;

/// How long the last words may take, on a terminal that is not read.
const FAREWELL: Duration = Duration::from_secs(1);

/// What shows what happens.
pub(super) enum Face {
    Lines(Lines, OutputSettings),
    Screen(Tui),
}

/// What is said at the start: as lines, or on the screen once that is open.
pub(super) enum Greeting {
    Lines(OutputSettings, usize, Option<Arc<Tunnel>>),
    Screen(Box<About>),
}

/// Where a listener can be found.
pub(super) struct Place<'a> {
    /// Where deliveries arrive.
    pub(super) url: &'a str,
    /// A public URL that is the user's own.
    pub(super) public_url: Option<&'a str>,
    /// The way in from a public URL, as far as it has come.
    pub(super) tunnel: Option<Arc<Tunnel>>,
    /// The web inspector, with this run's token.
    pub(super) link: Option<String>,
    /// The same for the screen.
    pub(super) page: Option<inspector::Door>,
}

/// The web inspector, as the screen knows it.
fn page(door: inspector::Door) -> tui::Page {
    tui::Page {
        url: door.url(),
        link: Arc::new(move |delivery| door.link(delivery).ok()),
    }
}

/// The parts of a listener that a screen acts through.
pub(super) struct Reachable {
    pub(super) again: Again,
    pub(super) intake: Arc<Intake>,
    pub(super) reach: LazyReach,
    pub(super) stop: CancellationToken,
}

impl Greeting {
    /// Says where deliveries arrive and what is to be known, or keeps it for the screen.
    ///
    /// # Errors
    /// Where standard output is closed.
    pub(super) fn new(
        settings: &Settings,
        store: &Store,
        place: Place<'_>,
        warnings: Vec<Warning>,
        note: Option<&str>,
    ) -> io::Result<Self> {
        let output = settings.output;
        if !wants_screen(output) {
            announce(settings, store, &place, warnings)?;
            return Ok(Self::Lines(output, settings.secrets.len(), place.tunnel));
        }
        Ok(Self::Screen(Box::new(About {
            url: place.url.to_owned(),
            public_url: place.public_url.map(ToOwned::to_owned),
            page: place.page.map(page),
            store: store.path().map(ToOwned::to_owned),
            note: note.map(ToOwned::to_owned),
            warnings,
            zone: TimeZone::system(),
            coloured: coloured(output.color, true),
            unicode: is_unicode(),
            folder: std::env::current_dir().unwrap_or_default(),
        })))
    }

    /// Whether the face will be a screen.
    pub(super) const fn is_screen(&self) -> bool {
        matches!(self, Self::Screen(_))
    }

    /// Opens the face. `closed` is cancelled when nobody looks at it any more.
    ///
    /// # Errors
    /// Where the operating system gives no thread or no terminal.
    pub(super) fn open(self, parts: Reachable, closed: CancellationToken) -> anyhow::Result<Face> {
        let Reachable {
            again,
            intake,
            reach,
            stop,
        } = parts;
        match self {
            Self::Lines(output, secrets, tunnel) => {
                // Webhooks would stay active until the next line finds that out.
                if !output.quiet && !again.store().registrations().is_empty() {
                    let closed = closed.clone();
                    when_reader_left(move || closed.cancel());
                }
                let lines = lines::start(again.store(), output, secrets, tunnel, closed)
                    .context("cannot start the thread that writes lines")?;
                Ok(Face::Lines(lines, output))
            }
            Self::Screen(about) => {
                let parts = tui::Parts {
                    again,
                    intake,
                    reach: reach.watch(),
                    stop,
                    closed,
                };
                let tui = tui::open(*about, parts).map_err(StartError::Screen)?;
                Ok(Face::Screen(tui))
            }
        }
    }
}

impl Face {
    /// Gives back what it has taken, and has said all that it has to say by `deadline`. Blocks.
    ///
    /// # Errors
    /// Where something could not be written.
    pub(super) fn finish(self, counts: Counts, store: &Store, deadline: Instant) -> io::Result<()> {
        match self {
            Self::Lines(lines, output) => lines.finish(output, counts, store, deadline),
            Self::Screen(tui) => {
                let (done, finished) = mpsc::channel();
                std::thread::spawn(move || {
                    tui.wait();
                    let _ = done.send(());
                    // Standard error may be closed.
                    let _ = lines::farewell(&mut io::stderr().lock(), &counts);
                    let _ = done.send(());
                });
                // An editor may have the terminal still, and then nobody may read it.
                let left = deadline.saturating_duration_since(Instant::now());
                if finished.recv_timeout(left).is_ok() {
                    let _ = finished.recv_timeout(left.min(FAREWELL));
                }
                tui::terminal::give_back();
                Ok(())
            }
        }
    }
}

/// Whether there is a terminal for the screen, and nothing asks for lines. What is logged to
/// the same terminal would be all over it.
fn wants_screen(output: OutputSettings) -> bool {
    use tracing::level_filters::LevelFilter;
    let asks_for_lines = output.json || output.quiet || output.no_tui;
    let logs = LevelFilter::current() != LevelFilter::OFF && io::stderr().is_terminal();
    let can_draw = std::env::var_os("TERM").is_none_or(|term| term != "dumb" && !term.is_empty());
    !asks_for_lines && !logs && can_draw && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Whether the terminal is said to show more than ASCII.
fn is_unicode() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    // The kernel's own console has 512 glyphs, and few of those that are wanted here.
    let is_console = std::env::var_os("TERM").is_some_and(|term| term == "linux");
    // Without any of them it is most likely a container, and the terminal a modern one.
    !is_console
        && named.is_none_or(|value| value.to_ascii_uppercase().replace('-', "").contains("UTF8"))
}

/// What is allowed and probably not meant.
pub(super) fn doubts(settings: &Settings, address: SocketAddr) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for doubt in &settings.doubts {
        warnings.push(Warning {
            code: "doubt",
            message: doubt.clone(),
            hint: String::new(),
        });
    }
    if !address.ip().is_loopback() {
        warnings.push(Warning {
            code: "public",
            message: format!("`{address}` can be reached from other machines"),
            hint: "`--listen 127.0.0.1:PORT` keeps it to this one".into(),
        });
    }
    warnings
}

fn announce(
    settings: &Settings,
    store: &Store,
    place: &Place<'_>,
    warnings: Vec<Warning>,
) -> io::Result<()> {
    let policy = &settings.policy;
    let path = store.path().map(|path| path.display().to_string());
    let kept = store.len();
    let targets: Vec<String> = policy.targets().map(ToString::to_string).collect();
    let block = Block {
        url: place.url.to_owned(),
        public_url: place.public_url.map(ToOwned::to_owned),
        registered: store.registrations(),
        keys: (settings.register.is_some()).then(|| keys_command(&settings.account)),
        tunnel: place.tunnel.as_deref().cloned(),
        inspector: place.link.clone(),
        targets: described_targets(settings),
        secrets: described_secrets(&settings.secrets),
        store: match &path {
            Some(path) => match store.skipped_to() {
                None => format!("{path} ({kept} kept)"),
                Some(next) => format!("{path} ({kept} kept, ids go on at #{next})"),
            },
            None => "in memory only (--ephemeral)".to_owned(),
        },
        warnings,
    };
    let ready = wire::Ready {
        v: wire::VERSION,
        version: env!("CARGO_PKG_VERSION"),
        url: place.url,
        public_url: (place.public_url)
            .or_else(|| place.tunnel.as_deref().and_then(Tunnel::open_url)),
        target: targets.first().map(String::as_str),
        targets: &targets,
        secrets: settings.secrets.len(),
        registered: store.registrations().len(),
        store: path.as_deref(),
        kept,
        pid: std::process::id(),
        inspector: place.link.as_deref(),
    };
    lines::announce(settings.output, &block, ready)
}

fn described_targets(settings: &Settings) -> Vec<String> {
    let policy = &settings.policy;
    if let Some(status) = policy.status {
        return vec![format!(
            "nowhere, every delivery is answered {} (--status)",
            status.as_u16()
        )];
    }
    let events: Vec<_> = policy.events.iter().map(ToString::to_string).collect();
    let only = if events.is_empty() {
        String::new()
    } else {
        format!(" (only {})", events.join(", "))
    };
    let mut lines: Vec<_> = policy
        .forward
        .iter()
        .enumerate()
        .map(|(at, target)| match at {
            0 => format!("{target}{only}"),
            _ => format!("{target}{only} (its answer is only kept)"),
        })
        .collect();
    lines.extend(
        policy
            .routes
            .iter()
            .map(|(pattern, target)| format!("{target} (for {pattern})")),
    );
    if lines.is_empty() {
        lines.push("nowhere, deliveries are kept and answered 200 (--forward PORT)".into());
    }
    lines
}

fn described_secrets(secrets: &[Secret]) -> String {
    match secrets {
        [] => "none, so signatures are not checked (--secret S)".to_owned(),
        known => {
            let labels: Vec<_> = known.iter().map(|s| s.label().to_string()).collect();
            format!("{} ({})", known.len(), labels.join(", "))
        }
    }
}
