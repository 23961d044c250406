//! Senders by the thousand, on one thread, and an app that many can ask at once.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::raw::request;
use crate::vitals::p99;

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A thread for senders.
pub fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(1).enable_all().build();
    built.expect("a runtime")
}

/// The store of a listener with that home.
pub fn store(home: &TempDir) -> PathBuf {
    home.path().join("data/cmhook/deliveries.db")
}

/// A number of a `stopped` object.
#[track_caller]
pub fn count(stopped: &Value, of: &str) -> usize {
    let count = stopped[of].as_u64().expect("a number");
    usize::try_from(count).expect("a small number")
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
}

/// A sender's connection.
#[derive(Debug)]
pub struct Sender(pub BufReader<TcpStream>);

impl Sender {
    pub async fn open(to: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(to)).await;
        let stream = stream.expect("in time").expect("cmhook listens");
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(stream))
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref()).await
    }

    /// The next answer; its body must have a length.
    pub async fn answer(&mut self) -> io::Result<Answer> {
        let read = timeout(PATIENCE, self.read_answer()).await;
        read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn read_answer(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split('\r').next()?.parse().ok());
        // Read to its end, and forgotten.
        let mut body = (&mut self.0).take(length.unwrap_or(0));
        let read = tokio::io::copy(&mut body, &mut tokio::io::sink()).await?;
        if read < length.unwrap_or(0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            head,
        })
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<Answer> {
        self.send(bytes).await?;
        self.answer().await
    }

    /// Whatever comes until the other side closes, in whichever way it does. An error where
    /// it does not.
    pub async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        match timeout(PATIENCE, self.0.read_to_end(&mut rest)).await {
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
            Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            Ok(_) => Ok(rest),
        }
    }

    /// Cuts the connection without a farewell (RST).
    pub fn reset(self) {
        self.0.get_ref().set_zero_linger().expect("a socket");
    }
}

/// A sender who does nothing wrong, one delivery every 10 ms or less often, each on a
/// connection of its own, for as long as something else goes on.
#[derive(Debug)]
pub struct Regular {
    stop: CancellationToken,
    task: JoinHandle<Vec<Duration>>,
}

impl Regular {
    pub fn start(runtime: &Runtime, to: SocketAddr) -> Self {
        Self::asking(runtime, to, |line| {
            request(line, "", br#"{"event":"email.opened","data":{}}"#)
        })
    }

    /// The same, whose requests are made of their first lines by this.
    pub fn asking(
        runtime: &Runtime,
        to: SocketAddr,
        request: impl Fn(&str) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = runtime.spawn(async move {
            let mut times = Vec::new();
            let mut turn = tokio::time::interval(Duration::from_millis(10));
            turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            // One at least, however late a busy machine begins with it.
            while times.is_empty() || !stopped.is_cancelled() {
                turn.tick().await;
                let begin = Instant::now();
                let mut sender = Sender::open(to).await;
                let line = format!("POST /regular/{}", times.len());
                let answer = sender.ask(request(&line)).await;
                let answer = answer.unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(answer.status, 200, "{line}: {answer:?}");
                times.push(begin.elapsed());
            }
            times
        });
        Self { stop, task }
    }

    /// Ends it. Every delivery of it was answered 200, or this panics; how many there were.
    #[track_caller]
    pub fn stop(self, runtime: &Runtime, beside: &str) -> usize {
        self.stop.cancel();
        let times = runtime.block_on(self.task).expect("all were answered 200");
        let sent = times.len();
        let slowest = times.iter().max().copied().unwrap_or_default();
        println!(
            "beside {beside}: {sent} regular ones, p99 {:?}, slowest {slowest:?}",
            p99(times)
        );
        sent
    }
}

/// An app that reads what it gets and forgets it.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    _runtime: Runtime,
}

impl App {
    /// One that answers at once with so many bytes.
    pub fn answering(bytes: usize) -> Self {
        let app = Self::waiting(bytes);
        app.open();
        app
    }

    /// One that answers nobody until [`open`](Self::open).
    pub fn waiting(bytes: usize) -> Self {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("a port");
        let asked = Arc::<AtomicUsize>::default();
        let gate = Arc::new(Semaphore::new(0));
        let body = Bytes::from(vec![b'a'; bytes]);
        let (counter, door) = (Arc::clone(&asked), Arc::clone(&gate));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (asked, gate, body) = (Arc::clone(&counter), Arc::clone(&door), body.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (asked, gate, body) = (Arc::clone(&asked), Arc::clone(&gate), body.clone());
                    async move {
                        let mut incoming = request.into_body();
                        while let Some(Ok(_)) = incoming.frame().await {}
                        asked.fetch_add(1, Ordering::Relaxed);
                        let _ = gate.acquire().await;
                        Ok::<_, Infallible>(Response::new(Full::new(body)))
                    }
                });
                let io = TokioIo::new(stream);
                tokio::spawn(http1::Builder::new().serve_connection(io, service));
            }
        });
        Self {
            address,
            asked,
            gate,
            _runtime: runtime,
        }
    }

    /// Lets everybody have an answer from now on.
    pub fn open(&self) {
        self.gate.close();
    }

    /// How many requests have reached it.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// As a value of `--forward`.
    pub fn target(&self) -> String {
        self.address.to_string()
    }
}
