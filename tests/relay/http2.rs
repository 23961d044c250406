//! What only a sender over HTTP/2 can say, and a relay must not hand on.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::listener::home;
use crate::support::raw::RawApp;
use crate::support::relay::{Relay, public_path};

/// The answers to some requests on one connection: their status and the relay's reason.
fn answers(
    relay: &Relay,
    certificate: CertificateDer<'static>,
    requests: Vec<Request<Full<Bytes>>>,
) -> Vec<(u16, String)> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let mut config = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .expect("ring knows them")
    .with_root_certificates(roots)
    .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (address, config) = (relay.address(), Arc::new(config));
    crate::crowd::runtime().block_on(async move {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let host = ServerName::from(address.ip());
        let connected = TlsConnector::from(config).connect(host, stream).await;
        let io = TokioIo::new(connected.expect("TLS"));
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
            .await
            .expect("HTTP/2");
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for request in requests {
            let answer = sender.send_request(request).await.expect("an answer");
            let reason = answer.headers().get("cmhook-reason");
            let reason = reason.map(|reason| reason.to_str().expect("text").to_owned());
            answers.push((answer.status().as_u16(), reason.unwrap_or_default()));
            answer.into_body().collect().await.expect("all of it");
        }
        answers
    })
}

/// A relay's certificate, in files of its own.
struct Certificate {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
    _folder: TempDir,
}

impl Certificate {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        let made = params.self_signed(&pair).expect("a certificate");
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path.to_str().expect("text").to_owned()
        };
        Self {
            pem: file("c.pem", made.pem()),
            key: file("k.pem", pair.serialize_pem()),
            der: made.der().clone(),
            _folder: folder,
        }
    }

    fn of_relay(&self) -> [&str; 4] {
        ["--tls-cert", &self.pem, "--tls-key", &self.key]
    }

    fn of_agent(&self) -> [&str; 2] {
        ["--relay-ca", &self.pem]
    }
}

/// A request with this URI, and these `Host` fields beside it.
fn request(method: &str, uri: &str, hosts: &[&str]) -> Request<Full<Bytes>> {
    // hyper sends no CONNECT with one.
    let body = if method == "CONNECT" { "" } else { "{}" };
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
    *request.uri_mut() = uri.parse::<Uri>().expect("a URI");
    for host in hosts {
        let host = host.parse().expect("a value");
        request.headers_mut().append("host", host);
    }
    request
}

#[test]
fn what_waits_has_come_over_http2_or_not() {
    let files = Certificate::make();
    let relay = Relay::start(&files.of_relay());
    let token = relay.make_token("ada", &["shop"]);
    let (home, app) = (Rc::new(home()), RawApp::saying("OK"));
    let target = app.target();
    let args = [&files.of_agent()[..], &["--forward", &target]].concat();
    relay.agent_in(&home, Some(&token), &args).stop();
    let uri = format!("https://{}/t/shop/x", relay.address());
    let answers = answers(&relay, files.der.clone(), vec![request("POST", &uri, &[])]);
    assert_eq!(answers, [(202, "queued".to_owned())]);
    let mut agent = relay.agent_in(&home, Some(&token), &args);
    let delivery = agent.delivery();
    assert_eq!(delivery["request"]["path"], "/x", "{delivery}");
    assert!(delivery["relay"]["queued_at"].is_string(), "{delivery}");
    let host = relay.address().to_string();
    assert_eq!(app.next().one("x-forwarded-host"), Some(host));
    agent.stop();
}

#[test]
fn the_relays_own_answers_come_over_http2_as_over_http1() {
    let files = Certificate::make();
    let relay = Relay::start(&files.of_relay());
    let token = relay.make_token("ada", &["shop"]);
    // From then on the relay knows the name.
    let agent = relay.agent_in(&Rc::new(home()), Some(&token), &files.of_agent());
    agent.stop();
    let own = format!("https://{}", relay.address());
    let at = |path: &str| format!("{own}{path}");
    let large = |path: &str| {
        let mut request = request("POST", &at(path), &[]);
        *request.body_mut() = Full::new(Bytes::from(vec![b'x'; 300 << 10]));
        request
    };
    let head = |path: &str| request("HEAD", &at(path), &[]).map(|_| Full::default());
    let wanted = [
        (head("/"), 200, ""),
        (head("/healthz"), 200, "ok"),
        (head("/connect"), 400, "bad_request"),
        (head("/nothing"), 404, "not_found"),
        (head("/t/none/x"), 404, "no_such_tunnel"),
        (large("/healthz"), 200, "ok"),
        (large("/connect"), 400, "bad_request"),
        (large("/nothing"), 404, "not_found"),
        (large("/t/none/x"), 404, "no_such_tunnel"),
        (large("/t/shop/x"), 202, "queued"),
        (head("/t/shop/x"), 202, "queued"),
    ];
    let mut requests = Vec::new();
    let mut expected = Vec::new();
    for (request, status, reason) in wanted {
        requests.push(request);
        expected.push((status, reason.to_owned()));
    }
    assert_eq!(answers(&relay, files.der.clone(), requests), expected);
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_over_http2_too() {
    let files = Certificate::make();
    let relay = Relay::open(&files.of_relay());
    let app = RawApp::saying("OK");
    let target = app.target();
    let of_agent = [
        &files.of_agent()[..],
        &["--ephemeral", "--forward", &target],
    ]
    .concat();
    let mut agent = relay.agent(None, &of_agent);
    let (host, path) = (relay.address(), public_path(&agent));
    let (good, own) = (format!("https://{host}{path}/x"), host.to_string());
    let requests = vec![
        request("POST", &good, &["other.test"]),
        request("POST", &good, &[&own, &own]),
        request("POST", &good, &[&own, "other.test"]),
        request("POST", &format!("https://me@{host}{path}/x"), &[]),
        request("POST", &format!("https://127.0.0.1:99999{path}/x"), &[]),
        request("CONNECT", &own, &[]),
        request("OPTIONS", &format!("https://{host}/t/none/x"), &[]),
        request("POST", &good, &[&own]),
    ];
    let answers = answers(&relay, files.der.clone(), requests);
    let (good, bad) = answers.split_last().expect("some");
    assert_eq!(*good, (200, String::new()), "{answers:?}");
    let (none, bad) = bad.split_last().expect("some");
    assert_eq!(*none, (404, "no_such_tunnel".to_owned()), "{answers:?}");
    for answer in bad {
        assert_eq!(*answer, (400, "malformed".to_owned()), "{answers:?}");
    }
    assert_eq!(app.next().target(), "/x");
    let delivery = agent.delivery();
    assert_eq!(delivery["id"], 1, "{delivery}");
    let stopped = agent.stop();
    assert_eq!(stopped["received"], 1, "{stopped}");
    assert!(app.is_idle());
}
