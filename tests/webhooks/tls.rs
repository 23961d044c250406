//! Certificates and proxies between here and the API.

use std::io::{BufReader, Write as _};
use std::sync::mpsc::channel;

use serde_json::Value;
use tempfile::TempDir;

use crate::kit::Place;
use crate::pki::{Authority, host, self_signed};
use crate::support::listener::home;
use crate::support::raw::{accepting, read_request};
use crate::support::relay::Relay;

/// A server with TLS that is no API.
fn server(folder: &std::rc::Rc<TempDir>) -> Relay {
    let args = ["--open", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    Relay::start_in(folder, &args)
}

fn at(relay: &Relay) -> Place {
    let url = format!("https://127.0.0.1:{}", relay.address().port());
    Place::new(url).with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_sentinel")
}

#[test]
fn a_certificate_that_is_no_good_is_told_and_an_own_authority_can_be_named() {
    let folder = std::rc::Rc::new(home());
    let ca = folder.path().join("ca.pem");
    let authority = Authority::new("ours");
    authority.write(&ca);
    authority.certify(folder.path(), &host("127.0.0.1"));
    let relay = server(&folder);
    let place = at(&relay);
    let ran = place.webhooks(&["list", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "unreachable");
    let ran = ran.says("is from an issuer that this machine does not trust");
    ran.says("name its certificate in SSL_CERT_FILE");
    // Through TLS, it turns out to be no API.
    let trusting = place.with("SSL_CERT_FILE", ca.to_str().expect("text"));
    let ran = trusting.webhooks(&["list"]).coded(1);
    assert!(!ran.stderr.contains("certificate"), "{}", ran.stderr);
    ran.says("where JSON was due");
}

#[test]
fn a_certificate_for_another_host_is_told() {
    let folder = std::rc::Rc::new(home());
    let ca = folder.path().join("ca.pem");
    let authority = Authority::new("ours");
    authority.write(&ca);
    authority.certify(folder.path(), &host("other.example.com"));
    let relay = server(&folder);
    let place = at(&relay).with("SSL_CERT_FILE", ca.to_str().expect("text"));
    place
        .webhooks(&["list"])
        .coded(1)
        .says("is for another host");
    let folder = std::rc::Rc::new(home());
    self_signed(folder.path(), &host("127.0.0.1"));
    let relay = server(&folder);
    at(&relay)
        .webhooks(&["list"])
        .coded(1)
        .says("does not trust");
}

#[test]
fn the_proxy_of_the_environment_is_asked_for_the_api() {
    let (sender, asked) = channel();
    let sender = std::sync::Mutex::new(sender);
    let proxy = accepting(move |mut stream| {
        let request = read_request(&mut BufReader::new(stream.try_clone()?))?;
        let line = request.map(|request| request.first_line());
        let _ = sender.lock().expect("nobody panics").send(line);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    });
    let proxy = format!("http://user:sentinel@{proxy}");
    let place = Place::new("https://api.example.test")
        .with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_sentinel")
        .with("HTTPS_PROXY", &proxy);
    let ran = place.webhooks(&["list", "--json", "-vv"]).coded(1);
    let line = asked
        .recv_timeout(std::time::Duration::from_secs(20))
        .expect("it is asked");
    assert_eq!(
        line.as_deref(),
        Some("CONNECT api.example.test:443 HTTP/1.1")
    );
    assert!(!ran.stderr.contains("sentinel"), "{}", ran.stderr);
    let error: Value = ran.json();
    assert_eq!(error["code"], "unreachable");
    let ran = ran
        .says("the proxy 127.0.0.1:")
        .says("does not connect to api.example.test");
    ran.says("NO_PROXY");
    // This machine is asked without one.
    let own = Place::new("http://127.0.0.1:1").with("HTTP_PROXY", &proxy);
    own.webhooks(&["list"])
        .coded(1)
        .says("127.0.0.1:1 refuses connections");
    assert!(asked.try_recv().is_err());
    let other = place.with("HTTPS_PROXY", "socks5://127.0.0.1:1");
    other
        .webhooks(&["list"])
        .coded(1)
        .says("proxies are not supported");
}

#[test]
fn what_is_in_the_way_of_a_proxy_is_not_said_of_the_api() {
    let place = Place::new("https://api.example.test").with("CAKEMAIL_ACCESS_TOKEN", "x");
    for (proxy, said) in [
        ("127.0.0.1:1", "the proxy 127.0.0.1:1 refuses connections"),
        (
            "nowhere.invalid:3128",
            "cannot find the address of the proxy nowhere.invalid:3128",
        ),
    ] {
        let proxy = format!("http://user:sentinel@{proxy}");
        let ran = place.with("HTTPS_PROXY", &proxy).webhooks(&["list"]);
        let ran = ran.coded(1).says(said);
        let ran = ran.says("HTTPS_PROXY and NO_PROXY say which proxy is asked");
        for wrong in ["api.example.test", "is the API running", "sentinel"] {
            assert!(!ran.stderr.contains(wrong), "{}", ran.stderr);
        }
    }
    let mute = accepting(|stream| read_request(&mut BufReader::new(stream)).map(drop));
    let place = place.with("HTTPS_PROXY", &mute.to_string());
    let ran = place.webhooks(&["list"]).coded(1);
    ran.says(&format!("the proxy {mute} does not answer as a proxy does"));
}
