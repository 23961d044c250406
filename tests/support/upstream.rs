//! An app to forward to: a real hyper server that remembers every request and answers as
//! it is told.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A request as it reached the app.
#[derive(Debug)]
pub struct Seen {
    pub parts: Parts,
    pub body: Bytes,
}

pub type Answer = Response<Full<Bytes>>;
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Handler = Arc<dyn Fn(&Parts, &Bytes) -> Answering + Send + Sync>;

/// The app. It ends with the test.
pub struct Upstream {
    address: SocketAddr,
    seen: Receiver<Seen>,
    _runtime: tokio::runtime::Runtime,
}

impl Upstream {
    /// An app on 127.0.0.1 that answers 200 `OK`.
    pub fn start() -> Self {
        Self::answering(|_, _| Response::new(Full::new(Bytes::from_static(b"OK"))))
    }

    /// An app on 127.0.0.1 that answers at once what `handler` says.
    pub fn answering(handler: impl Fn(&Parts, &Bytes) -> Answer + Send + Sync + 'static) -> Self {
        Self::serving("127.0.0.1:0", move |parts, body| {
            let answer = handler(parts, body);
            Box::pin(async move { answer })
        })
    }

    /// An app on that address that answers when `handler` has come to its end.
    pub fn serving(
        address: &str,
        handler: impl Fn(&Parts, &Bytes) -> Answering + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .expect("a free port");
        let address = listener.local_addr().expect("a port");
        let (sender, seen) = channel();
        let sender = Arc::new(Mutex::new(sender));
        let handler: Handler = Arc::new(handler);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (handler, sender) = (Arc::clone(&handler), Arc::clone(&sender));
                let service = service_fn(move |request| {
                    handle(request, Arc::clone(&handler), Arc::clone(&sender))
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            seen,
            _runtime: runtime,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As a value of `--forward`.
    pub fn target(&self) -> String {
        self.address.to_string()
    }

    /// The next request that reached it.
    #[track_caller]
    pub fn next(&self) -> Seen {
        self.seen
            .recv_timeout(Duration::from_secs(30))
            .expect("a request reaches the app")
    }

    /// Whether nothing reached it that was not asked for with [`next`](Self::next). To be
    /// asked when whatever could have sent something has ended.
    pub fn is_idle(&self) -> bool {
        matches!(
            self.seen.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Timeout)
        )
    }
}

async fn handle(
    request: Request<Incoming>,
    handler: Handler,
    sender: Arc<Mutex<Sender<Seen>>>,
) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let Ok(body) = body else {
        return Ok(Response::default());
    };
    let answer = handler(&parts, &body);
    let _ = sender
        .lock()
        .expect("no test panics in here")
        .send(Seen { parts, body });
    Ok(answer.await)
}
