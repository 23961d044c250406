//! HTTP/2 with prior knowledge, as a relay or a proxy may speak it.

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::support::listener::Listener;
use crate::support::raw::{self, RawApp};
use crate::support::sender::{Scheme, sign};

/// A sender that speaks HTTP/2 on one connection.
struct Sender {
    requests: SendRequest<Full<Bytes>>,
    runtime: Runtime,
}

impl Sender {
    fn connect(listener: &Listener) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let requests = runtime.block_on(async {
            let stream = TcpStream::connect(listener.address())
                .await
                .expect("cmhook listens");
            let io = TokioIo::new(stream);
            let (requests, connection) = handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
            tokio::spawn(connection);
            requests
        });
        Self { requests, runtime }
    }

    fn ask(&mut self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        self.runtime
            .block_on(answer(self.requests.clone(), request))
    }
}

async fn answer(
    mut requests: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Response<Bytes> {
    requests.ready().await.expect("the connection goes on");
    let (parts, body) = requests
        .send_request(request)
        .await
        .expect("an answer")
        .into_parts();
    let body = body.collect().await.expect("a whole answer").to_bytes();
    Response::from_parts(parts, body)
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("http://hooks.test{path}"))
        .body(Full::new(body.into()))
        .expect("a request")
}

#[test]
fn a_delivery_over_http_2_reaches_the_app_like_any_other() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 201 Created\r\nConnection: keep-alive\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nOK"
            .to_vec()
    });
    let mut listener = Listener::start(&["--ephemeral", "--secret", "s", &app.target()]);
    let mut sender = Sender::connect(&listener);
    let body = b"\0{\xff}".as_slice();
    let (name, value) = sign(Scheme::CakemailBase64, "s", body);
    let mut request = post("/a%2Fb/..//c?x=%zz&&", body);
    request.headers_mut().insert(
        "x-latin",
        http::HeaderValue::from_bytes(b"caf\xe9").expect("a value"),
    );
    let name = http::HeaderName::try_from(name).expect("a name");
    request
        .headers_mut()
        .insert(name, value.try_into().expect("a value"));
    let answer = sender.ask(request);
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(answer.body(), "OK");

    let seen = app.next();
    assert_eq!(seen.first_line(), "POST /a%2Fb/..//c?x=%zz&& HTTP/1.1");
    assert_eq!(seen.body, body);
    assert_eq!(seen.all("x-latin"), [b"caf\xe9"]);
    assert_eq!(seen.one("host"), Some(app.target()));
    assert_eq!(seen.one("x-forwarded-host").as_deref(), Some("hooks.test"));
    assert_eq!(listener.delivery()["verdict"]["status"], "valid");
    listener.stop();
}

#[test]
fn the_host_of_http_2_can_be_preserved() {
    let app = RawApp::saying("OK");
    let listener = Listener::start(&["--ephemeral", "--host-header", "preserve", &app.target()]);
    let answer = Sender::connect(&listener).ask(post("/", "{}"));
    assert_eq!(answer.status(), 200);
    assert_eq!(app.next().one("host").as_deref(), Some("hooks.test"));
    listener.stop();
}

#[test]
fn a_hundred_streams_at_once_get_each_their_own_answer() {
    let app = RawApp::answering(|request| {
        raw::ok(&[request.target().as_bytes(), &request.body].concat())
    });
    let listener = Listener::start(&["--ephemeral", "--quiet", &app.target()]);
    let sender = Sender::connect(&listener);
    let requests = sender.requests.clone();
    sender.runtime.block_on(async {
        let mut streams = JoinSet::new();
        for n in 0..100 {
            // A few are larger than HTTP/2's windows.
            let body = format!("{n} ").repeat(if n % 25 == 0 { 500_000 } else { 1 });
            let requests = requests.clone();
            streams.spawn(async move {
                let answer = answer(requests, post(&format!("/{n}"), body.clone())).await;
                assert!(*answer.body() == format!("/{n}{body}"), "the answer to {n}");
            });
        }
        while let Some(stream) = streams.join_next().await {
            stream.expect("the right answer");
        }
    });
    assert_eq!(listener.stop()["received"], 100);
}

#[test]
fn a_body_over_the_limit_is_413_over_http_2_and_the_connection_goes_on() {
    let app = RawApp::saying("OK");
    let mut listener = Listener::start(&["--ephemeral", "--max-body", "1MB", &app.target()]);
    let mut sender = Sender::connect(&listener);
    assert_eq!(sender.ask(post("/large", vec![0; 3 << 20])).status(), 413);
    assert_eq!(sender.ask(post("/small", "{}")).status(), 200);
    assert_eq!(listener.next("refused")["code"], "body_too_large");
    assert_eq!(app.next().target(), "/small");
    listener.stop();
}
