//! A running listener with its API, something in its store, and the ways to ask.

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::listener::Listener;
use crate::support::raw::{self, Message};
use crate::support::sender::{Header, Scheme, post, sign};
use crate::support::upstream::Upstream;

/// The secret of [`Inspector::filled`]'s listener, labelled `main`.
pub const SECRET: &str = "sentinel-secret";
/// A body that is neither UTF-8 nor without a zero.
pub const BINARY: &[u8] = b"\x00\xff\xfe\r\n\r\n{\x80}";

/// A running listener, and how its API is asked.
pub struct Inspector {
    pub listener: Listener,
    pub api: SocketAddr,
    pub token: String,
}

/// An answer whose body is JSON, or nothing.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub json: Value,
}

impl Said {
    /// The body, checked to be that of a 200.
    #[track_caller]
    pub fn fine(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.json);
        self.json
    }

    /// The error's code, checked to be of this status and shape.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.json);
        assert_eq!(self.json["type"], "error", "{}", self.json);
        for field in ["code", "message", "hint"] {
            assert!(self.json[field].is_string(), "{field}: {}", self.json);
        }
        self.json["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Inspector {
    /// One with these arguments, and an empty store.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::of(Listener::start(args))
    }

    /// The same, with these variables in its environment.
    #[track_caller]
    pub fn start_with(home: &Rc<TempDir>, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::of(Listener::start_with(home, args, variables))
    }

    fn of(listener: Listener) -> Self {
        let link = listener.ready["inspector"].as_str().expect("a link");
        let (address, token) = link.split_once("/#token=").expect("a link with a token");
        let address = address.strip_prefix("http://").expect("a link");
        Self {
            api: address.parse().expect("an address"),
            token: token.to_owned(),
            listener,
        }
    }

    /// One with a delivery of each kind: valid, wrongly signed, unsigned, binary, and one
    /// whose event is meant to do harm. They have the ids 1 to 5.
    #[track_caller]
    pub fn filled(app: &Upstream, args: &[&str]) -> Self {
        let secret = format!("main={SECRET}");
        let (to, more) = (app.target(), ["--secret", &secret]);
        let args = [&["--forward", to.as_str()], &more[..], args].concat();
        let mut inspector = Self::start(&args);
        let opened = r#"{"event":"email.opened","data":{"email":"zoé@example.com"}}"#;
        let bounced = r#"{"event":"email.bounced","data":{"campaign_id":791}}"#;
        inspector.deliver(Some(&signed(SECRET, opened)), opened);
        inspector.deliver(Some(&signed("wrong", bounced)), bounced);
        inspector.deliver(None, r#"{"event":"campaign.sent"}"#);
        inspector.deliver_bytes("POST /binary?a=%20", BINARY);
        inspector.deliver(None, HOSTILE);
        inspector
    }

    /// Sends a delivery, and waits until it is kept with its attempt; its id.
    #[track_caller]
    pub fn deliver(&mut self, signature: Option<&Header>, body: &str) -> u64 {
        post(self.listener.address(), signature, body);
        self.taken_in()
    }

    /// The same of any bytes, to a path of their own.
    #[track_caller]
    pub fn deliver_bytes(&mut self, line: &str, body: &[u8]) -> u64 {
        raw::ask(self.listener.address(), raw::request(line, "", body));
        self.taken_in()
    }

    fn taken_in(&mut self) -> u64 {
        let delivery = self.listener.delivery();
        if !self.listener.ready["target"].is_null() {
            self.listener.attempt(&delivery);
        }
        delivery["id"].as_u64().expect("an id")
    }

    /// Asks with these header lines, each with its line end. `Host` is added where they have
    /// none; `HOST`, `PORT` and `TOKEN` in them stand for those of this run.
    #[track_caller]
    pub fn ask(&self, route: &str, fields: &str, body: &[u8]) -> Message {
        let host = if fields.to_ascii_lowercase().contains("host:") || fields.contains("NO-HOST") {
            ""
        } else {
            "Host: HOST\r\n"
        };
        let fields = format!("{host}{fields}")
            .replace("NO-HOST", "X-No-Host: 1")
            .replace("HOST", &self.api.to_string())
            .replace("PORT", &self.api.port().to_string())
            .replace("TOKEN", &self.token);
        let length = body.len();
        let head = format!(
            "{route} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n"
        );
        raw::ask(self.api, [head.as_bytes(), body].concat())
    }

    /// Asks as a command does.
    #[track_caller]
    pub fn raw(&self, route: &str) -> Message {
        self.ask(route, BEARER, b"")
    }

    /// Asks as a command does, for JSON.
    #[track_caller]
    pub fn call(&self, route: &str, body: &Value) -> Said {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        said(&self.ask(route, BEARER, text.as_bytes()))
    }

    /// The JSON of a GET that goes well.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.call(&format!("GET {path}"), &Value::Null).fine()
    }

    /// The header lines of a page that has just opened a session.
    #[track_caller]
    pub fn page(&self) -> Page {
        let answer = self.ask("POST /api/v1/session", BEARER, b"");
        let cookie = answer.one("set-cookie").expect("a cookie");
        let session = said(&answer).fine();
        Page {
            cookie: cookie.split(';').next().expect("a pair").to_owned(),
            token: session["token"].as_str().expect("a token").to_owned(),
        }
    }

    /// All that a request could have changed.
    #[track_caller]
    pub fn state(&self) -> (Value, String) {
        let exported = self.raw("GET /api/v1/export?as=json");
        assert_eq!(exported.status(), 200);
        let mut status = self.get("/api/v1/status");
        // Whether the target can be reached is looked at now and then.
        status["target"] = Value::Null;
        (status, exported.text())
    }
}

/// What a page knows of its session.
pub struct Page {
    /// `name=value`.
    pub cookie: String,
    pub token: String,
}

impl Page {
    /// The lines of a change, or with an origin of another site.
    pub fn fields(&self, origin: &str) -> String {
        let Self { cookie, token } = self;
        format!("Cookie: {cookie}\r\nOrigin: {origin}\r\nX-Cmhook-Token: {token}\r\n")
    }
}

/// The token as a command shows it.
pub const BEARER: &str = "Authorization: Bearer TOKEN\r\n";
/// The line of a body in JSON.
pub const JSON: &str = "Content-Type: application/json\r\n";
/// The page's own origin.
pub const OWN: &str = "http://HOST";

/// A payload whose event is meant to be taken for more than a name.
pub const HOSTILE: &str =
    r#"{"event":"../../etc/passwd\"; filename=evil.html\r\nX-Evil: 1\u0000\u202e<script>"}"#;

/// A signature of this body.
pub fn signed(secret: &str, body: &str) -> Header {
    sign(Scheme::CakemailHex, secret, body)
}

/// An answer in JSON.
#[track_caller]
pub fn said(answer: &Message) -> Said {
    let json = if answer.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&answer.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", answer.text()))
    };
    Said {
        status: answer.status(),
        json,
    }
}

/// An app that refuses `email.bounced`, and answers bytes that are not text to `/binary`.
pub fn app() -> Upstream {
    Upstream::answering(|parts, body| {
        let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        let (status, body) = if has(b"email.bounced") {
            (401, Bytes::from_static(br#"{"error":"Invalid signature"}"#))
        } else if parts.uri.path() == "/binary" {
            (200, Bytes::from_static(BINARY))
        } else {
            (200, Bytes::from_static(b"OK"))
        };
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        answer
    })
}

/// Every route of the API, with ids in it of a delivery that there is.
pub fn routes() -> Vec<String> {
    let routes = cmhook::inspector::routes();
    let named = routes.iter().map(|route| {
        let path = route.path.replace("{id}", "1").replace("{n}", "1");
        let path = path.replace("{name}", "cmhook");
        format!("{} {path}", route.method)
    });
    named.collect()
}

/// The same with a query where it takes one.
pub fn asked(route: &str) -> String {
    match route {
        "GET /api/v1/export" | "GET /api/v1/deliveries/1/export" => format!("{route}?as=har"),
        "GET /api/v1/diff" => format!("{route}?a=1&b=2"),
        _ => route.to_owned(),
    }
}
