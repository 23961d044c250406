//! A host with a TLS port and a plain one, as a relay has them, and clients of it.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cmhook::http::tls::{client, roots_with};
use cmhook::relay::acme::{Challenges, Settings};
use cmhook::relay::tls::Tls;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// The name that it is asked for.
pub const NAME: &str = "hooks.example.com";

/// Its ports, which are open before there is a certificate.
pub struct Ports {
    tls: TcpListener,
    http: TcpListener,
}

impl Ports {
    pub async fn open() -> Self {
        let open = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        Self {
            tls: open().await.expect("a port"),
            http: open().await.expect("a port"),
        }
    }

    pub fn tls(&self) -> u16 {
        self.tls.local_addr().expect("an address").port()
    }

    pub fn http(&self) -> u16 {
        self.http.local_addr().expect("an address").port()
    }

    /// Serves both, until the token is cancelled.
    pub fn serve(self, settings: Settings) -> Host {
        let stop = CancellationToken::new();
        let port = self.tls();
        let tls = Tls::from_acme(settings, &stop).expect("it starts");
        let challenges = tls.challenges().expect("proofs");
        tokio::spawn({
            let stop = stop.clone();
            async move {
                stop.run_until_cancelled(serve_plain(self.http, challenges))
                    .await
            }
        });
        tokio::spawn({
            let (stop, tls) = (stop.clone(), tls.clone());
            async move { stop.run_until_cancelled(serve_tls(self.tls, tls)).await }
        });
        Host { tls, port, stop }
    }
}

/// A running one.
pub struct Host {
    pub tls: Tls,
    port: u16,
    stop: CancellationToken,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Host {
    /// Waits until there is a certificate.
    pub async fn ready(&self) {
        let ready = async {
            while !self.tls.is_ready() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_mins(1), ready)
            .await
            .expect("a certificate within a minute");
    }

    /// Connects as a client that trusts this root, and gives the certificate and what was
    /// agreed on.
    pub async fn connect(
        &self,
        root: &Path,
        alpn: &[&str],
    ) -> io::Result<(Vec<u8>, Option<Vec<u8>>)> {
        let mut config = client(roots_with(root).expect("a root"));
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let name = ServerName::try_from(NAME).expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let first = session.peer_certificates().and_then(<[_]>::first);
        let alpn = session.alpn_protocol().map(<[u8]>::to_vec);
        Ok((first.expect("a certificate").to_vec(), alpn))
    }
}

async fn serve_plain(listener: TcpListener, challenges: Challenges) {
    while let Ok((stream, _)) = listener.accept().await {
        let challenges = challenges.clone();
        let service = service_fn(move |request: http::Request<_>| {
            let _: &hyper::body::Incoming = request.body();
            let answer = challenges.answer(request.uri().path());
            async move {
                let status = answer
                    .as_ref()
                    .map_or(StatusCode::NOT_FOUND, |_| StatusCode::OK);
                let body = Full::new(Bytes::from(answer.unwrap_or_default()));
                let mut response = Response::new(body);
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

async fn serve_tls(listener: TcpListener, tls: Tls) {
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move { tls.accept(stream).await.map(drop) });
    }
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what this thread logs, until the guard is dropped.
    pub fn take() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub fn text(&self) -> String {
        let bytes = self.0.lock().expect("no panic");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until this was logged.
    pub async fn has(&self, part: &str) {
        let found = async {
            while !self.text().contains(part) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let found = timeout(Duration::from_mins(1), found).await;
        assert!(found.is_ok(), "`{part}` is not in:\n{}", self.text());
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
