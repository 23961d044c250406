//! The relay's certificate, and agents that do not trust it.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use rcgen::{BasicConstraints, IsCa, date_time_ymd};
use tempfile::TempDir;

use crate::kit::{eventually, text};
use crate::pki::{Authority, host, self_signed};
use crate::support::listener::{home, refused};
use crate::support::needs::{needs, works};
use crate::support::relay::{Relay, public_path};

const TLS: [&str; 5] = ["--open", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];

/// A relay with the certificate in that folder.
fn serving(home: &Rc<TempDir>) -> Relay {
    let relay = Relay::start_in(home, &TLS);
    assert!(text(&relay.ready, "url").starts_with("https://"));
    relay
}

/// An agent must not start; why, and what is to be done about it.
#[track_caller]
fn refusal(relay: &Relay, ca: Option<&Path>) -> (String, String) {
    let mut args = vec!["--ephemeral", "--relay", text(&relay.ready, "url")];
    if let Some(ca) = ca {
        args.extend(["--relay-ca", ca.to_str().expect("text")]);
    }
    let refused = refused(home().path(), &args);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.error["code"], "certificate", "{refused:?}");
    let member = |name| text(&refused.error, name).to_owned();
    assert!(refused.stderr.contains(&member("message")), "{refused:?}");
    (member("message"), member("hint"))
}

#[test]
fn a_certificate_that_is_no_good_is_refused_and_why() {
    let home = Rc::new(home());
    let (authority, ca) = (Authority::new("ours"), home.path().join("ca.pem"));
    authority.write(&ca);
    let dated = |from, to| {
        let mut certificate = host("127.0.0.1");
        certificate.not_before = date_time_ymd(from, 1, 1);
        certificate.not_after = date_time_ymd(to, 1, 1);
        certificate
    };
    for (certificate, why, what) in [
        (dated(2001, 2002), "has expired", "renewed"),
        (dated(2900, 2901), "is not valid yet", "clock"),
        (
            host("other.example.com"),
            "is for another host",
            "the name that the certificate is for",
        ),
    ] {
        authority.certify(home.path(), &certificate);
        let relay = serving(&home);
        let (message, hint) = refusal(&relay, Some(&ca));
        assert!(message.contains("127.0.0.1"), "{message}");
        assert!(message.ends_with(why), "{message}");
        assert!(hint.contains(what), "{hint}");
    }
    authority.certify(home.path(), &host("127.0.0.1"));
    let relay = serving(&home);
    let stranger = home.path().join("stranger.pem");
    Authority::new("another").write(&stranger);
    for ca in [None, Some(&*stranger)] {
        let (message, hint) = refusal(&relay, ca);
        assert!(message.contains("issuer"), "{message}");
        assert!(hint.contains("--relay-ca"), "{hint}");
    }
}

/// The other one of http and https, and what is to be written.
#[test]
fn a_wrong_scheme_is_refused_and_the_right_one_named() {
    let home = Rc::new(home());
    self_signed(home.path(), &host("127.0.0.1"));
    let (tls, clear) = (serving(&home), Relay::open(&[]));
    for (relay, url, is, write) in [
        (&tls, tls.address().to_string(), "speaks TLS", "https"),
        (
            &tls,
            format!("http://{}", tls.address()),
            "speaks TLS",
            "https",
        ),
        (
            &clear,
            format!("https://{}", clear.address()),
            "speaks plain HTTP, and no TLS",
            "http",
        ),
    ] {
        let at = relay.address();
        let listen = refused(
            crate::support::listener::home().path(),
            &["--ephemeral", "--relay", &url],
        );
        assert_eq!(listen.code, Some(1), "{listen:?}");
        assert_eq!(listen.error["code"], "tls", "{listen:?}");
        assert_eq!(listen.error["message"], format!("{at} {is}"), "{listen:?}");
        assert_eq!(
            listen.error["hint"],
            format!("write {write}://{at}"),
            "{listen:?}"
        );
    }
}

/// As `openssl req -x509` makes them, too, which say of themselves that they are an
/// authority's.
#[test]
fn a_self_signed_certificate_is_refused_until_it_is_trusted() {
    let home = Rc::new(home());
    let own = home.path().join("cert.pem");
    self_signed(home.path(), &host("127.0.0.1"));
    let relay = serving(&home);
    let (message, hint) = refusal(&relay, None);
    assert!(message.contains("issuer"), "{message}");
    assert!(hint.contains("--relay-ca"), "{hint}");
    let args = ["--ephemeral", "--relay-ca", own.to_str().expect("text")];
    relay.agent(None, &args).stop();
    drop(relay);
    let mut as_authority = host("127.0.0.1");
    as_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    self_signed(home.path(), &as_authority);
    let relay = serving(&home);
    let (message, hint) = refusal(&relay, Some(&own));
    assert!(message.contains("an authority's"), "{message}");
    assert!(hint.contains("CA:FALSE"), "{hint}");
}

#[test]
fn a_certificate_is_replaced_while_the_relay_runs() {
    if !needs(works(Command::new("curl").arg("--version")), "curl") {
        return;
    }
    let home = Rc::new(home());
    let [first, second] = ["first", "second"].map(|name| {
        let (authority, ca) = (Authority::new(name), home.path().join(name));
        authority.write(&ca);
        (authority, ca.to_str().expect("text").to_owned())
    });
    first.0.certify(home.path(), &host("127.0.0.1"));
    let relay = serving(&home);
    let deliver = |ca: &str, path: &str| {
        let url = format!("https://{}{path}", relay.address());
        let curl = Command::new("curl")
            .args(["-sS", "--cacert", ca, "-d", "{}", "-o", "/dev/null"])
            .args(["-w", "%{http_code}", "--noproxy", "*", &url])
            .output();
        String::from_utf8(curl.expect("curl starts").stdout).expect("text")
    };
    let args = ["--ephemeral", "--relay-ca", &*first.1];
    let mut agent = relay.agent(None, &args);
    let path = public_path(&agent);
    assert_eq!(deliver(&first.1, &path), "200");
    assert!(text(&agent.ready, "public_url").starts_with("https://"));
    second.0.certify(home.path(), &host("127.0.0.1"));
    eventually("the new certificate is shown", || {
        (deliver(&second.1, &path) == "200").then_some(())
    });
    assert_eq!(deliver(&first.1, &path), "000", "the old one is gone");
    agent.delivery();
    agent.delivery();
    agent.stop();
    refusal(&relay, Some(Path::new(&first.1)));
    let args = ["--ephemeral", "--relay-ca", &*second.1];
    relay.agent(None, &args).stop();
}
