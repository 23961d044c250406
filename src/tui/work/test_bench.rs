//! What the tests of this folder work on: a listener with a real door, an app behind a real
//! socket, and a worker whose messages go nowhere else.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Worker;
use crate::cakemail::event;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::capture::again::Again;
use crate::capture::controls::Controls;
use crate::capture::forward::Forwarder;
use crate::capture::intake::Intake;
use crate::capture::listener;
use crate::config::{self, Raw};
use crate::delivery::{Headers, Received, Scheme};
use crate::store::Store;
use crate::tui::about::About;
use crate::tui::dialog::{Answer, Confirm, Dialog};
use crate::tui::msg::{Effect, Msg};

/// A request that an app got.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An app that answers as it was told last.
#[derive(Debug, Clone)]
pub(super) struct App {
    answer: Arc<Mutex<(u16, &'static str)>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    count: Arc<watch::Sender<usize>>,
    /// While it is locked, nothing is answered.
    pub(super) door: Arc<tokio::sync::Mutex<()>>,
    port: u16,
}

impl App {
    async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = Self {
            answer: Arc::new(Mutex::new((200, "OK"))),
            asked: Arc::default(),
            count: Arc::new(watch::Sender::new(0)),
            door: Arc::default(),
            port: socket.local_addr().unwrap().port(),
        };
        let this = app.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let this = this.clone();
                let service = service_fn(move |request| this.clone().serve(request));
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        app
    }

    async fn serve(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.asked.lock().unwrap().push(Asked {
            headers: parts.headers,
            body,
        });
        self.count.send_modify(|count| *count += 1);
        drop(self.door.lock().await);
        let (status, text) = *self.answer.lock().unwrap();
        let response = Response::builder().status(status).body(Full::from(text));
        Ok(response.unwrap())
    }

    /// What it answers from now on.
    pub(super) fn answer(&self, status: u16, text: &'static str) {
        *self.answer.lock().unwrap() = (status, text);
    }

    /// Waits until it was asked so often.
    pub(super) async fn wait_for(&self, count: usize) {
        let mut asked = self.count.subscribe();
        asked.wait_for(|asked| *asked >= count).await.unwrap();
    }

    /// All that it was asked.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What it was asked last.
    pub(super) fn last(&self) -> Asked {
        self.asked().pop().unwrap()
    }
}

/// All of it.
pub(super) struct Bench {
    pub(super) worker: Worker,
    pub(super) app: App,
    messages: mpsc::UnboundedReceiver<Msg>,
    folder: tempfile::TempDir,
    stop: CancellationToken,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Bench {
    /// With a target and the secret `one`.
    pub(super) async fn new() -> Self {
        Self::with(true, true).await
    }

    pub(super) async fn without_target() -> Self {
        Self::with(false, true).await
    }

    pub(super) async fn without_secret() -> Self {
        Self::with(true, false).await
    }

    async fn with(target: bool, secret: bool) -> Self {
        let app = App::start().await;
        let folder = tempfile::tempdir().unwrap();
        let flags = Raw {
            ephemeral: Some(true),
            forward: target.then(|| config::OneOrMany::One(app.port.to_string())),
            ..Raw::default()
        };
        let settings = config::resolve(flags, config::ConfigFiles::default()).unwrap();
        let (store, _) = Store::open(&settings.store).unwrap();
        let secrets: Vec<_> = secret.then(one).into_iter().collect();
        let socket = listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let forwarder = Arc::new(Forwarder::new(
            settings.forward,
            &settings.policy,
            vec![address],
        ));
        let (connections, stop) = (TaskTracker::new(), CancellationToken::new());
        let controls = Controls::new(settings.policy, secrets);
        let intake = Intake::new(
            store.clone(),
            controls.clone(),
            Arc::clone(&forwarder),
            settings.max_body,
            connections.clone(),
            CancellationToken::new(),
        );
        tokio::spawn(listener::serve(
            socket,
            Arc::clone(&intake),
            connections,
            stop.clone(),
        ));
        let again = Again::new(store, controls, forwarder);
        let (tell, messages) = mpsc::unbounded_channel();
        let about = About {
            public_url: None,
            page: None,
            url: format!("http://{address}/"),
            store: None,
            note: None,
            warnings: Vec::new(),
            zone: jiff::tz::TimeZone::UTC,
            coloured: false,
            unicode: true,
            folder: folder.path().to_owned(),
        };
        let worker = Worker::new(again, intake, Handle::current(), tell, &about);
        Self {
            worker,
            app,
            messages,
            folder,
            stop,
        }
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Msg {
        self.messages.recv().await.unwrap()
    }

    /// Waits until nothing is sent any more.
    pub(super) async fn settled(&self) {
        let tasks = self.worker.intake.tasks();
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }

    pub(super) fn folder(&self) -> PathBuf {
        Path::to_owned(self.folder.path())
    }

    pub(super) fn url(&self) -> &str {
        &self.worker.url
    }

    /// The target's URL, with a slash at its end.
    pub(super) fn target(&self) -> String {
        format!("http://localhost:{}/", self.app.port)
    }

    /// Keeps an unsigned delivery that was never forwarded.
    pub(super) async fn kept(&self, body: &[u8]) -> u64 {
        self.record(body, &[]).await
    }

    /// Keeps one whose body has this encoding.
    pub(super) async fn encoded(&self, body: &[u8], encoding: &str) -> u64 {
        self.record(body, &[("content-encoding", encoding.to_owned())])
            .await
    }

    /// Keeps one that is signed with a secret of this name; `one` is known.
    pub(super) async fn sent(&self, body: &[u8], with: Option<&str>) -> u64 {
        let scheme = Scheme::CakemailHex;
        let signature = with.map(|name| {
            let secret = if name == "one" {
                one()
            } else {
                Secret::new(name, None, name).unwrap()
            };
            (scheme.header(), secret.sign(scheme, body))
        });
        let signature: Vec<_> = signature.into_iter().collect();
        self.record(body, &signature).await
    }

    async fn record(&self, body: &[u8], more: &[(&str, String)]) -> u64 {
        let fixed = [("content-type", "application/json"), ("x-tab", "a\tb")];
        let fixed = fixed.map(|(name, value)| (name, value.to_owned()));
        let headers: Headers = fixed.iter().chain(more).cloned().collect();
        let recorded = self.worker.store().record(Received {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:1".into(),
            method: "POST".into(),
            path_and_query: "/hook".into(),
            verdict: verify(&self.worker.again().secrets(), &headers, body),
            event: event::name_in(body),
            headers,
            body: Bytes::copy_from_slice(body),
            original: None,
            relayed: None,
        });
        recorded.saved.wait().await.unwrap();
        recorded.delivery.id
    }
}

fn one() -> Secret {
    Secret::new("one", None, "secret one").unwrap()
}

/// A remark, and whether it is that something went wrong.
pub(super) fn said(msg: Msg) -> (String, bool) {
    match msg {
        Msg::Done(said) | Msg::Copied(said, _) => (said.text, said.bad),
        other => panic!("{other:?} is no remark"),
    }
}

/// What a question does when it is answered with yes.
pub(super) fn settled(confirm: Confirm) -> Effect {
    let yes = crossterm::event::KeyCode::Char('y').into();
    let Answer::Do(effect) = Dialog::Confirm(confirm).key(yes) else {
        panic!("nothing is done");
    };
    *effect
}
