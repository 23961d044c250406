//! A local double of Cakemail's side: the REST API for webhooks, and the engine that delivers
//! the events which are fired at it.
//!
//! It is an emulation, made from public documentation. Source of names and shapes: Cakemail's
//! API reference and its official SDK, whose answers are FastAPI's. What no document says,
//! such as when a failed delivery is tried again, is this sandbox's own choice, and
//! `docs/sandbox.md` lists those.

mod accept;
mod answer;
mod book;
mod checks;
mod db;
mod engine;
mod faults;
mod fields;
mod guard;
mod mint;
mod one_try;
mod payload;
mod queue;
mod report;
mod routes;
mod schedule;
mod send;
mod tries;
mod urls;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cakemail::sample::Envelope;
use crate::delivery::Scheme;
use crate::http::client::{Trust, connector};
pub use checks::Rules;
pub use db::SandboxError;
pub use report::Report;
pub use schedule::{Schedule, said};

/// What it is, in a sentence.
pub const EMULATION: &str = "an emulation of Cakemail's webhooks, made from public documentation; \
     the real retry schedule is not published";

/// Tries of which nobody has read yet.
const REPORTS: usize = 1024;

/// What the sandbox is to be like.
#[derive(Debug)]
pub struct Options {
    /// Who logs in.
    pub email: String,
    /// With which password.
    pub password: SecretString,
    /// The code that a login takes besides.
    pub mfa: Option<String>,
    /// How long an access token is good.
    pub token_lifetime: Duration,
    /// How deliveries are signed where nothing else is asked for.
    pub scheme: Scheme,
    /// What stands around their data.
    pub envelope: Envelope,
    /// Where ids, keys, tokens and samples come from; else from chance.
    pub seed: Option<u64>,
    /// When a failed delivery is tried again.
    pub schedule: Schedule,
    /// How long an app may take to answer.
    pub patience: Duration,
    /// Whether every delivery is made twice.
    pub duplicates: bool,
    /// What the API takes.
    pub rules: Rules,
}

/// What requests share.
#[derive(Debug)]
struct Shared {
    book: book::Book,
    options: Options,
    faults: faults::Faults,
    engine: engine::Engine,
    stop: CancellationToken,
}

impl Shared {
    /// Where ids and the like come from after a reset: they repeat only where a seed was asked
    /// for. Else a client that remembers some would take others for them.
    fn seed_anew(&self) -> Result<u64, SandboxError> {
        self.options.seed.map_or_else(by_chance, Ok)
    }

    /// How long an access token is good, in milliseconds.
    fn lifetime(&self) -> i64 {
        i64::try_from(self.options.token_lifetime.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A sandbox that runs.
#[derive(Debug)]
pub struct Running {
    /// What is under way.
    pub tasks: TaskTracker,
    /// Tells of each try; it ends when no more are made.
    pub reports: mpsc::Receiver<Report>,
    book: book::Book,
}

impl Running {
    /// Has `counts` count, later, the deliveries that wait for a try.
    pub fn waiting(&self) -> impl Fn() -> Result<usize, SandboxError> + Send + 'static {
        let book = self.book.clone();
        move || Ok(book.now(book::Inner::pending)?.len())
    }
}

/// A sandbox whose state is open.
#[derive(Debug)]
pub struct Sandbox {
    book: book::Book,
    options: Options,
}

impl Sandbox {
    /// Opens the state in that file, which is made where there is none, or one in memory.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub fn open(path: Option<&Path>, options: Options) -> Result<Self, SandboxError> {
        let db = db::open(path)?;
        let seed = seed(&db, options.seed)?;
        Ok(Self {
            book: book::Book::new(db, seed),
            options,
        })
    }

    /// How many active webhooks it has, and how many deliveries.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn counts(&self) -> Result<(i64, i64), SandboxError> {
        let counts = self.book.now(book::Inner::counts)?;
        Ok((counts.webhooks, counts.deliveries))
    }

    /// Serves the API at that address and delivers until `stop`; then the tries that are under
    /// way come to their end.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn serve(
        self,
        listener: TcpListener,
        address: SocketAddr,
        stop: CancellationToken,
    ) -> Result<Running, SandboxError> {
        let (sender, reports) = mpsc::channel(REPORTS);
        let tasks = TaskTracker::new();
        let pending = self.book.now(book::Inner::pending)?;
        let means = one_try::Means {
            book: self.book.clone(),
            connector: connector(Trust::System),
            schedule: self.options.schedule.clone(),
            patience: self.options.patience,
            reports: sender,
            stop: stop.clone(),
        };
        let engine = engine::start(means, pending, &tasks, stop.clone());
        let book = self.book.clone();
        let shared = Shared {
            book: self.book,
            options: self.options,
            faults: faults::Faults::default(),
            engine,
            stop: stop.clone(),
        };
        let router = routes::router(Arc::new(shared), guard::Guard::new(address));
        let serving = accept::accept(listener, router, tasks.clone(), stop);
        tasks.spawn(serving);
        tasks.close();
        Ok(Running {
            tasks,
            reports,
            book,
        })
    }
}

/// The seed: the one that is asked for, else that of the file, else one by chance.
fn seed(db: &Connection, wanted: Option<u64>) -> Result<u64, SandboxError> {
    let sql = "SELECT value FROM meta WHERE key = 'seed'";
    let kept: Option<i64> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    let seed = match (wanted, kept) {
        (Some(seed), _) => seed,
        (None, Some(kept)) => return Ok(kept.cast_unsigned()),
        (None, None) => by_chance()?,
    };
    book::keep_seed(db, seed)?;
    Ok(seed)
}

fn by_chance() -> Result<u64, SandboxError> {
    getrandom::u64().map_err(|_| SandboxError::Random)
}

/// Milliseconds since 1970.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
