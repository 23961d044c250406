//! `https` targets: whom cmhook trusts, and what it says where it does not.

use std::io::{BufReader, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::listener::{cmhook, home};
use crate::support::process::Process;
use crate::support::raw::{Message, RawApp, accepting, ask, ok, read_request, request};
use crate::{failure, listening, text};

/// An app that speaks TLS, with a certificate that nobody signed but itself.
struct TlsApp {
    port: u16,
    seen: Receiver<Message>,
}

impl TlsApp {
    fn start(
        certificate: &CertificateParams,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = certificate.self_signed(&key).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("ring knows them")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a pair");
        let config = Arc::new(config);
        let (sender, seen) = channel();
        let sender = std::sync::Mutex::new(sender);
        let address = accepting(move |stream| {
            let sender = sender.lock().expect("no panic").clone();
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            while let Some(request) = read_request(&mut stream)? {
                let _ = sender.send(request);
                stream.get_mut().write_all(&ok(b"secure"))?;
            }
            Ok(())
        });
        Self {
            port: address.port(),
            seen,
        }
    }

    fn self_signed(names: &[&str]) -> Self {
        Self::start(&params(names), rustls::ALL_VERSIONS)
    }

    #[track_caller]
    fn next(&self) -> Message {
        self.seen
            .recv_timeout(Duration::from_secs(30))
            .expect("a request reaches the app")
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("names")
}

/// As `openssl req -x509` makes them: an authority that signs itself.
fn openssl_style(names: &[&str]) -> CertificateParams {
    let mut params = params(names);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_with_the_way_out() {
    for app in [
        TlsApp::self_signed(&["localhost", "127.0.0.1"]),
        TlsApp::start(&openssl_style(&["localhost"]), rustls::ALL_VERSIONS),
    ] {
        let target = format!("https://localhost:{}/hooks", app.port);
        let mut listener = listening(&target, &[]);
        let answer = ask(listener.address(), request("POST /", "", b"{}"));
        assert_eq!(answer.status(), 502);
        let error = failure(&mut listener, "tls");
        let message = text(&error, "message");
        assert!(
            message.contains(&format!("certificate of localhost:{}", app.port)),
            "{message}"
        );
        assert!(
            text(&error, "hint").contains("--insecure-target"),
            "{error}"
        );
        assert!(app.seen.try_recv().is_err(), "it reached the app");
        listener.stop();
    }
}

#[test]
fn insecure_target_accepts_any_certificate_of_this_machine() {
    let both = ["localhost", "127.0.0.1"];
    for (what, app) in [
        ("self-signed", TlsApp::self_signed(&both)),
        (
            "an authority",
            TlsApp::start(&openssl_style(&both), rustls::ALL_VERSIONS),
        ),
        ("another name", TlsApp::self_signed(&["app.example.com"])),
        (
            "TLS 1.2",
            TlsApp::start(&params(&both), &[&rustls::version::TLS12]),
        ),
        (
            "TLS 1.3",
            TlsApp::start(&params(&both), &[&rustls::version::TLS13]),
        ),
        ("expired", {
            let mut old = params(&both);
            old.not_before = rcgen::date_time_ymd(2001, 1, 1);
            old.not_after = rcgen::date_time_ymd(2002, 1, 1);
            TlsApp::start(&old, rustls::ALL_VERSIONS)
        }),
    ] {
        for host in ["localhost", "127.0.0.1"] {
            let target = format!("https://{host}:{}", app.port);
            let mut listener = listening(&target, &["--insecure-target"]);
            for body in [b"one".as_slice(), b"two"] {
                let answer = ask(listener.address(), request("POST /x?y", "", body));
                assert_eq!(
                    (answer.status(), &*answer.text()),
                    (200, "secure"),
                    "{what}"
                );
                let seen = app.next();
                assert_eq!(seen.body, body, "{what}");
                assert_eq!(seen.first_line(), "POST /x?y HTTP/1.1", "{what}");
            }
            let delivery = listener.delivery();
            let attempt = listener.attempt(&delivery);
            assert_eq!(attempt["target"], format!("{target}/x?y"), "{what}");
            listener.stop();
        }
    }
}

#[test]
fn insecure_target_is_refused_for_other_machines() {
    for arguments in [
        &["-f", "https://example.com/hooks"][..],
        &["-f", "https://localhost:1", "-f", "https://192.0.2.1"],
        &["-f", "3000", "--route", "email.*=https://app.test"],
    ] {
        let home = home();
        let mut command = cmhook();
        command.args([
            "listen",
            "--ephemeral",
            "--listen",
            "0",
            "--insecure-target",
        ]);
        let mut process = Process::start(command.args(arguments), home.path());
        let status = process.wait();
        let said = process.stderr.text();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains("`--insecure-target` is for loopback targets only"),
            "{said}"
        );
        assert!(said.contains("hint:"), "{said}");
    }
    // Plain HTTP has no certificate, so there is nothing to be insecure about.
    let target = "http://192.0.2.1:1";
    listening(target, &["--insecure-target"]).stop();
}

#[test]
fn plain_http_to_a_tls_port_says_so() {
    let app = TlsApp::self_signed(&["localhost"]);
    let mut listener = listening(&format!("localhost:{}", app.port), &[]);
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    assert_eq!(answer.status(), 502);
    let error = failure(&mut listener, "protocol");
    assert!(text(&error, "hint").contains("https://"), "{error}");
    listener.stop();
}

#[test]
fn tls_to_a_plain_port_says_so() {
    // One answers in plain words, one closes on what it takes for garbage.
    let speaks = accepting(|mut stream| {
        std::io::Read::read(&mut stream, &mut [0; 64])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    });
    let closes = accepting(|mut stream| {
        std::io::Read::read(&mut stream, &mut [0; 4096])?;
        Ok(())
    });
    for app in [speaks, closes] {
        let target = format!("https://localhost:{}", app.port());
        let mut listener = listening(&target, &["--insecure-target"]);
        let answer = ask(listener.address(), request("POST /", "", b"{}"));
        assert_eq!(answer.status(), 502);
        let error = failure(&mut listener, "tls");
        assert!(text(&error, "hint").contains("http://"), "{error}");
        listener.stop();
    }
}

#[test]
fn a_plain_target_beside_a_tls_one_is_not_disturbed() {
    let tls = TlsApp::self_signed(&["localhost"]);
    let plain = RawApp::saying("plain");
    let second = format!("https://localhost:{}", tls.port);
    let listener = listening(
        &plain.target(),
        &["--forward", &second, "--insecure-target"],
    );
    for n in 0..5 {
        let answer = ask(
            listener.address(),
            request(&format!("POST /{n}"), "", b"{}"),
        );
        assert_eq!(answer.text(), "plain");
        assert_eq!(plain.next().target(), format!("/{n}"));
        tls.next();
    }
    listener.stop();
}
