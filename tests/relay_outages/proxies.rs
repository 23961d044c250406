//! Proxies between an agent and its relay, as the environment names them.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::kit::{copy, text, tunnel};
use crate::pki::{Authority, host};
use crate::support::listener::{Listener, home, refused_under};
use crate::support::raw::{Message, accepting, read_request};
use crate::support::relay::Relay;

/// A host that only the proxy knows.
const HOST: &str = "hooks.example.test";
const VARIABLES: [&str; 8] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// A proxy that speaks CONNECT.
struct Proxy {
    address: SocketAddr,
    asked: Receiver<Message>,
}

impl Proxy {
    /// One that connects to `relay`, whatever host it is asked for.
    fn to(relay: SocketAddr) -> Self {
        Self::saying(move |mut agent| {
            let relay = TcpStream::connect(relay)?;
            agent.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            let (from, to) = (relay.try_clone()?, agent.try_clone()?);
            thread::spawn(move || copy(from, to, || true));
            copy(agent, relay, || true);
            Ok(())
        })
    }

    fn saying(then: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let (sender, asked) = channel();
        let sender = std::sync::Mutex::new(sender);
        let address = accepting(move |stream| {
            let request = read_request(&mut BufReader::new(stream.try_clone()?))?;
            let request = request.ok_or(io::ErrorKind::UnexpectedEof)?;
            let _ = sender.lock().expect("nobody panics").send(request);
            then(stream)
        });
        Self { address, asked }
    }

    fn is_unasked(&self) -> bool {
        self.asked.try_recv().is_err()
    }
}

/// What runs a program with these variables and no others that name proxies.
fn with(variables: &[(&str, &str)]) -> Command {
    let mut env = Command::new("env");
    for name in VARIABLES {
        env.args(["-u", name]);
    }
    let variables = variables.iter();
    env.args(variables.map(|(name, value)| format!("{name}={value}")));
    env
}

fn agent(args: &[&str], variables: &[(&str, &str)]) -> Listener {
    let args = [&["--ephemeral"], args].concat();
    Listener::start_under(&Rc::new(home()), with(variables), &args)
}

/// A relay with a certificate for [`HOST`], and the file to trust.
fn https() -> (Relay, Rc<TempDir>, String) {
    let home = Rc::new(home());
    let (authority, ca) = (Authority::new("ours"), home.path().join("ca.pem"));
    authority.write(&ca);
    authority.certify(home.path(), &host(HOST));
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let args = [&["--open", "--domain", HOST], &tls[..]].concat();
    let relay = Relay::start_in(&home, &args);
    (relay, home, ca.to_str().expect("text").to_owned())
}

fn url(scheme: &str, relay: &Relay) -> String {
    format!("{scheme}://{HOST}:{}", relay.address().port())
}

/// Where the agent's tunnel is.
#[track_caller]
fn trouble(agent: &mut Listener) -> Value {
    tunnel(agent, "reconnecting")
}

#[test]
fn the_proxy_is_asked_for_an_https_relay() {
    let (relay, _home, ca) = https();
    let url = url("https", &relay);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = Proxy::to(relay.address());
        let named = format!("http://ada:p%40ss@{}", proxy.address);
        let args = ["--relay", &*url, "--relay-ca", &*ca];
        let mut agent = agent(&args, &[(variable, &*named)]);
        tunnel(&mut agent, "online");
        let asked = proxy.asked.recv().expect("it is asked");
        let line = format!("CONNECT {HOST}:{} HTTP/1.1", relay.address().port());
        assert_eq!(asked.first_line(), line, "{variable}");
        // `ada:p@ss` in base64.
        let expected = "Basic YWRhOnBAc3M=";
        let got = asked.one("proxy-authorization");
        assert_eq!(got.as_deref(), Some(expected), "{variable}");
        agent.stop();
    }
}

#[test]
fn the_proxy_is_asked_for_an_http_relay() {
    let relay = Relay::open(&["--domain", HOST]);
    let url = url("http", &relay);
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = Proxy::to(relay.address());
        let named = proxy.address.to_string();
        let mut agent = agent(&["--relay", &url], &[(variable, &named)]);
        tunnel(&mut agent, "online");
        let asked = proxy.asked.recv().expect("it is asked");
        assert!(asked.first_line().starts_with("CONNECT "), "{variable}");
        agent.stop();
    }
}

#[test]
fn no_proxy_is_asked_for_what_is_excepted() {
    let (relay, _home, ca) = https();
    let (proxy, url) = (Proxy::to(relay.address()), url("https", &relay));
    let named = format!("http://{}", proxy.address);
    for (variable, excepted) in [
        ("NO_PROXY", HOST),
        ("NO_PROXY", "localhost,.example.test"),
        ("no_proxy", "example.test"),
        ("no_proxy", "*"),
    ] {
        let variables = [("HTTPS_PROXY", &*named), (variable, excepted)];
        let args = ["--relay", &*url, "--relay-ca", &*ca];
        let mut agent = agent(&args, &variables);
        let trouble = trouble(&mut agent);
        let expected = format!("cannot find the address of {HOST}");
        assert_eq!(text(&trouble, "reason"), expected, "{excepted}");
        agent.stop();
    }
    assert!(proxy.is_unasked());
}

#[test]
fn no_proxy_is_asked_for_a_relay_on_this_machine() {
    let relay = Relay::open(&["--domain", "localhost"]);
    let proxy = Proxy::to(relay.address());
    let named = format!("http://{}", proxy.address);
    let variables = VARIABLES[..6].iter().map(|name| (*name, &*named));
    let variables: Vec<_> = variables.collect();
    let port = relay.address().port();
    let url = format!("http://localhost:{port}");
    agent(&["--relay", &url], &variables).stop();
    // By its address it is another host to that relay, which says so.
    let url = format!("http://127.0.0.1:{port}");
    let args = ["--ephemeral", "--relay", &*url];
    let refused = refused_under(home().path(), with(&variables), &args);
    assert_eq!(refused.error["code"], "unknown_host", "{refused:?}");
    assert!(proxy.is_unasked());
}

/// What an agent says that must not start with such a proxy; it has a password, which must
/// not be in there.
#[track_caller]
fn refusal(proxy: &str) -> String {
    let url = format!("https://{HOST}");
    let args = ["--ephemeral", "--relay", &*url];
    let variables = [("ALL_PROXY", proxy)];
    let refused = refused_under(home().path(), with(&variables), &args);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.error["code"], "proxy", "{refused:?}");
    let said = format!("{} {}", refused.error, refused.stderr);
    assert!(!said.contains("hidden"), "{said}");
    let hint = text(&refused.error, "hint");
    assert!(hint.contains("HTTPS_PROXY=http://"), "{hint}");
    text(&refused.error, "message").to_owned()
}

#[test]
fn a_proxy_that_wants_another_password_is_named_without_the_one_it_got() {
    let proxy = Proxy::saying(|mut agent| {
        agent.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    });
    let address = proxy.address;
    let message = refusal(&format!("http://ada:hidden@{address}"));
    let expected = format!("the proxy {address} wants a user and a password, or others");
    assert_eq!(message, expected);
}

#[test]
fn a_proxy_of_another_kind_is_named() {
    for scheme in ["socks5", "https"] {
        let message = refusal(&format!("{scheme}://ada:hidden@127.0.0.1:9"));
        let expected = format!("{scheme} proxies are not supported, and 127.0.0.1:9 is one");
        assert_eq!(message, expected);
    }
}

#[test]
fn a_proxy_that_does_not_connect_is_named_without_its_password() {
    let proxy = Proxy::saying(|mut agent| {
        agent.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    });
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = free.local_addr().expect("a port");
    drop(free);
    for (address, said) in [
        (
            proxy.address,
            format!("the proxy {} does not connect", proxy.address),
        ),
        (gone, format!("the proxy {gone} refuses connections")),
    ] {
        let named = format!("http://ada:hidden@{address}");
        let url = format!("https://{HOST}");
        let mut agent = agent(&["--relay", &url], &[("HTTPS_PROXY", &*named)]);
        let trouble = trouble(&mut agent);
        let reason = text(&trouble, "reason");
        assert!(reason.contains(&said), "{reason}");
        assert_ne!(trouble["hint"], "", "{trouble}");
        agent.process.terminate();
        let said = [agent.process.stdout.text(), agent.process.stderr.text()].concat();
        assert!(!said.contains("hidden"), "{said}");
    }
}
