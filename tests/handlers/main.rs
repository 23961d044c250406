//! Real webhook handlers under their real runtimes, behind the real binary: what was
//! signed reaches them byte for byte, whatever the scheme, and what they answer comes back.
//!
//! The handlers are in `tests/apps`. What they need is installed by `./tests/run`; where
//! it is missing a test says so and passes, unless `CMHOOK_TESTS_REQUIRE_ALL=1`.

#![cfg(unix)]

mod apps;
#[path = "../support/mod.rs"]
mod support;

use apps::App;
use support::listener::Listener;
use support::sender::{Scheme, post, sign};

const SECRET: &str = "whsec_läuft-überall";

/// A payload, and what a handler prints when it gets it.
struct Sample {
    body: &'static str,
    event: &'static str,
    prints: &'static str,
}

/// As the manual shows it, in the one form that parsing and writing again leaves alone.
const COMPACT: Sample = Sample {
    body: r#"{"event":"email.opened","timestamp":"2024-03-15T11:45:00Z","data":{"campaign_id":790,"contact_id":501,"email":"user@example.com","user_agent":"Mozilla/5.0...","ip_address":"192.168.1.1"}}"#,
    event: "email.opened",
    prints: "Email opened: user@example.com",
};

/// Escaped slashes and text beyond ASCII, as a sender written in PHP may well produce.
const ESCAPED: Sample = Sample {
    body: r#"{"event":"email.clicked","timestamp":"2024-03-15T11:46:00Z","data":{"email":"zoé@exämple.com","url":"https:\/\/example.com\/été?q=日本"}}"#,
    event: "email.clicked",
    prints: "Link clicked: zoé@exämple.com",
};

/// Spaces, escapes where none are needed, and a final newline that belongs to the body.
const SPACED: Sample = Sample {
    body: "{ \"event\": \"email.bounced\",\r\n  \"data\": { \"email\": \"jos\\u00e9@example.com\", \"bounce_type\": \"hard\" } }\n",
    event: "email.bounced",
    prints: "Email bounced: josé@example.com",
};

/// The envelope of the API, whose names are in Pascal case.
const API: Sample = Sample {
    body: r#"{"event":"Email.Opened","account_id":17,"ip":"203.0.113.9","user":{"id":null,"email":null,"account_id":null},"created_on":1627069315,"data":{"email":"api@example.com"}}"#,
    event: "Email.Opened",
    prints: "Email opened: api@example.com",
};

#[test]
fn express_over_the_raw_bytes() {
    if let Some(app) = App::express("raw.js", SECRET) {
        takes_every_scheme(app);
    }
}

#[test]
fn flask() {
    if let Some(app) = App::flask(SECRET) {
        takes_every_scheme(app);
    }
}

#[test]
fn php() {
    if let Some(app) = App::php(SECRET) {
        takes_every_scheme(app);
    }
}

fn listener(app: &App) -> Listener {
    Listener::start(&["--ephemeral", "--secret", SECRET, &app.port().to_string()])
}

fn takes_every_scheme(mut app: App) {
    let mut listener = listener(&app);

    for sample in [COMPACT, ESCAPED, SPACED, API] {
        for scheme in Scheme::ALL {
            let what = format!("{} with {scheme:?} to {}", sample.event, app.name());
            let header = sign(scheme, SECRET, sample.body);
            let answer = post(listener.address(), Some(&header), sample.body);
            assert_eq!(answer.status, 200, "{what}: {answer:?}");

            let delivery = listener.delivery();
            assert_eq!(delivery["event"], sample.event, "{what}: {delivery}");
            assert_eq!(delivery["verdict"]["status"], "valid", "{what}: {delivery}");
            assert_eq!(
                delivery["verdict"]["scheme"],
                scheme.name(),
                "{what}: {delivery}"
            );
            assert_eq!(
                delivery["request"]["body"], sample.body,
                "{what}: {delivery}"
            );

            let attempt = listener.attempt(&delivery);
            assert_eq!(attempt["cause"], "live", "{what}: {attempt}");
            assert_eq!(attempt["outcome"], "answered", "{what}: {attempt}");
            assert_eq!(attempt["status"], 200, "{what}: {attempt}");
            app.prints(sample.prints);
        }
    }

    refuses_what_is_wrong(&mut listener, &app);

    // It survived all of that, and what went wrong left nothing behind.
    let header = sign(Scheme::CakemailHex, SECRET, COMPACT.body);
    assert_eq!(
        post(listener.address(), Some(&header), COMPACT.body).status,
        200
    );
    app.prints(COMPACT.prints);
    listener.stop();
}

/// A wrong signature is forwarded all the same, so that the app's own check is exercised.
fn refuses_what_is_wrong(listener: &mut Listener, app: &App) {
    let other = |scheme| Some(sign(scheme, "another secret", ESCAPED.body));
    let odd = |value: &str| Some(("X-Cakemail-Signature", value.to_owned()));
    for (header, verdict) in [
        (other(Scheme::CakemailHex), "invalid"),
        (other(Scheme::CakemailBase64), "invalid"),
        (other(Scheme::ApiBase64), "invalid"),
        // Other lengths, at which a careless comparison throws.
        (odd("abc"), "invalid"),
        (odd(&"0".repeat(1000)), "invalid"),
        (None, "unsigned"),
    ] {
        let what = format!("{header:?} to {}", app.name());
        let answer = post(listener.address(), header.as_ref(), ESCAPED.body);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert!(
            answer.body.contains("Invalid signature"),
            "{what}: {answer:?}"
        );

        let delivery = listener.delivery();
        assert_eq!(delivery["verdict"]["status"], verdict, "{what}: {delivery}");
        assert_eq!(listener.attempt(&delivery)["status"], 401, "{what}");
    }
}

#[test]
fn express_that_serialises_again_refuses_what_is_right() {
    let Some(mut app) = App::express("reserialise.js", SECRET) else {
        return;
    };
    let mut listener = listener(&app);

    for (sample, status) in [(COMPACT, 200), (ESCAPED, 401), (SPACED, 401), (API, 200)] {
        for scheme in Scheme::ALL {
            let what = format!("{} with {scheme:?}", sample.event);
            let header = sign(scheme, SECRET, sample.body);
            let answer = post(listener.address(), Some(&header), sample.body);
            assert_eq!(answer.status, status, "{what}: {answer:?}");

            // Right, whatever the app makes of it: that is what sets the two cases apart.
            let delivery = listener.delivery();
            assert_eq!(delivery["verdict"]["status"], "valid", "{what}: {delivery}");
            assert_eq!(
                delivery["verdict"]["scheme"],
                scheme.name(),
                "{what}: {delivery}"
            );
            assert_eq!(listener.attempt(&delivery)["status"], status, "{what}");
            if status == 200 {
                app.prints(sample.prints);
            }
        }
    }
    listener.stop();
}

#[test]
fn a_person_is_told_whose_mistake_it_is() {
    let Some(app) = App::express("reserialise.js", SECRET) else {
        return;
    };
    let mut listener = Listener::start_for_a_person(&["--secret", SECRET, &app.port().to_string()]);
    let header = sign(Scheme::CakemailHex, SECRET, ESCAPED.body);
    assert_eq!(
        post(listener.address(), Some(&header), ESCAPED.body).status,
        401
    );

    listener.prints("the signature is right");
    listener.prints("JSON.stringify drops the escaped slash");
    listener.stop();
}
