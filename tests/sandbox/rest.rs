//! The API in each of its answers' shapes.

use serde_json::{Value, json};

use crate::support::listener::object;
use crate::support::raw::Message;
use crate::support::sandbox::{Sandbox, TOKEN};

const URL: &str = "http://127.0.0.1:9/hook";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");

#[track_caller]
fn value(answer: &Message) -> Value {
    object(&answer.text())
}

#[track_caller]
fn form(sandbox: &Sandbox, path: &str, form: &str) -> (u16, Value) {
    let answer = sandbox.ask_with("POST", path, &[FORM], form.as_bytes());
    (answer.status(), value(&answer))
}

const LOGIN: &str = "grant_type=password&username=Sandbox%40cmhook.test&password=sandbox";

#[track_caller]
fn list_status(sandbox: &Sandbox, token: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let fields = [("Authorization", authorization.as_str())];
    sandbox.ask_with("GET", "/webhooks", &fields, b"").status()
}

#[test]
fn a_webhook_lives() {
    let sandbox = Sandbox::start(&[]);
    let body = json!({"event": "Email.Opened", "url": URL, "unknown": 1});
    let made = sandbox.fine("POST", "/webhooks", &body);
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 12);
    let webhook = json!({"id": id, "status": "active", "event": "Email.Opened", "url": URL,
        "archived_at": null, "rate_limit": 50, "rate_limit_period": "second"});
    assert_eq!(made, json!({"id": id, "data": webhook}));
    let path = format!("/webhooks/{id}");
    let shown = sandbox.fine("GET", &path, &Value::Null);
    assert_eq!(shown["data"], webhook);
    assert_eq!(shown["signature"]["hash_function"], "sha256");
    assert!(shown["signature"]["key"].as_str().unwrap().len() >= 32);
    let change = json!({"rate_limit": "7", "rate_limit_period": "minute", "event": "Email.Sent"});
    let patched = sandbox.fine("PATCH", &path, &change);
    assert_eq!(
        (&patched["object"], &patched["patched"]),
        (&json!("Webhook"), &json!(true))
    );
    assert_eq!(patched["data"]["rate_limit"], 7);
    assert_eq!(patched["data"]["rate_limit_period"], "minute");
    assert_eq!(patched["data"]["event"], "Email.Opened");
    assert_eq!(patched["data"]["url"], URL);
    let archived = sandbox.fine("POST", &format!("{path}/archive"), &Value::Null);
    assert_eq!(archived["archived"], true);
    assert_eq!(archived["data"]["status"], "archived");
    let since = archived["data"]["archived_at"].as_i64().unwrap();
    assert!(
        since > 1_700_000_000 && since < 4_000_000_000,
        "{since} is in seconds"
    );
    let list = sandbox.fine("GET", "/webhooks", &Value::Null);
    assert_eq!(
        list,
        json!({"pagination": {"page": 1, "per_page": 50}, "data": []})
    );
    assert_eq!(sandbox.webhooks().len(), 1);
    let back = sandbox.fine("POST", &format!("{path}/unarchive"), &Value::Null);
    assert_eq!(back["archived"], false);
    assert_eq!(back["data"]["status"], "active");
    assert_eq!(back["data"]["archived_at"], Value::Null);
    let list = sandbox.fine("GET", "/webhooks?with_count=1", &Value::Null);
    assert_eq!(list["pagination"]["count"], 1);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[test]
fn pages_follow_each_other_and_accounts_are_apart() {
    let sandbox = Sandbox::start(&[]);
    for n in 0..5 {
        sandbox.register("Email.Sent", &format!("{URL}/{n}"));
    }
    let other = sandbox.fine(
        "POST",
        "/webhooks?account_id=99",
        &json!({"event": "Email.Sent", "url": URL}),
    );
    let page = |query: &str| sandbox.fine("GET", &format!("/webhooks?{query}"), &Value::Null);
    let urls = |page: &Value| -> Vec<String> {
        let items = page["data"].as_array().unwrap().iter();
        items
            .map(|item| {
                item["url"]
                    .as_str()
                    .unwrap()
                    .rsplit('/')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let second = page("page=2&per_page=2&with_count=true");
    assert_eq!(
        second["pagination"],
        json!({"page": 2, "per_page": 2, "count": 5})
    );
    assert_eq!(urls(&second), ["2", "3"]);
    assert_eq!(urls(&page("page=3&per_page=2")), ["4"]);
    assert_eq!(urls(&page("page=4&per_page=2")), [""; 0]);
    assert_eq!(urls(&page("account_id=99")), ["hook"]);
    let id = other["id"].as_str().unwrap();
    assert_eq!(
        sandbox
            .ask("GET", &format!("/webhooks/{id}"), &Value::Null)
            .status(),
        404
    );
    sandbox.fine(
        "GET",
        &format!("/webhooks/{id}?account_id=99"),
        &Value::Null,
    );
}

#[test]
fn tokens_are_granted_refreshed_and_expire() {
    let sandbox = Sandbox::start(&["--token-lifetime", "1s"]);
    assert_eq!(list_status(&sandbox, TOKEN), 200);
    let (status, granted) = form(&sandbox, "/token", LOGIN);
    assert_eq!(status, 200, "{granted}");
    assert_eq!(granted["token_type"], "bearer");
    assert_eq!(granted["expires_in"], 1);
    assert!(granted["accounts"][0].is_u64());
    let access = granted["access_token"].as_str().unwrap().to_owned();
    assert_eq!(list_status(&sandbox, &access), 200);
    let refresh = |token: &Value| {
        let token = token["refresh_token"].as_str().unwrap();
        form(
            &sandbox,
            "/token",
            &format!("grant_type=refresh_token&refresh_token={token}"),
        )
    };
    // A refresh token gives no access.
    assert_eq!(
        list_status(&sandbox, granted["refresh_token"].as_str().unwrap()),
        401
    );
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(list_status(&sandbox, &access), 401);
    let (status, again) = refresh(&granted);
    assert_eq!(status, 200);
    assert_eq!(
        list_status(&sandbox, again["access_token"].as_str().unwrap()),
        200
    );
    // It is good once, and the new one takes its place.
    assert_eq!(refresh(&granted).0, 401);
    assert_eq!(refresh(&again).0, 200);
}

#[test]
fn who_is_not_known_gets_401() {
    let sandbox = Sandbox::start(&["--email", "me@a.example", "--password", "pass word&"]);
    let right = "grant_type=password&username=me%40a.example&password=pass+word%26";
    assert_eq!(form(&sandbox, "/token", right).0, 200);
    for wrong in [
        LOGIN,
        "grant_type=password&username=me%40a.example&password=x",
        "grant_type=refresh_token&refresh_token=x",
    ] {
        let (status, body) = form(&sandbox, "/token", wrong);
        assert_eq!(status, 401, "{wrong}");
        assert!(body["detail"].is_string(), "{body}");
    }
    for authorization in ["", "Bearer", "Bearer x", "Basic eDp5", "bearer  "] {
        let fields = [("Authorization", authorization)];
        let answer = sandbox.ask_with("GET", "/webhooks", &fields, b"");
        assert_eq!(answer.status(), 401, "{authorization}");
        assert_eq!(answer.one("www-authenticate").as_deref(), Some("Bearer"));
    }
    assert_eq!(sandbox.ask_with("GET", "/webhooks", &[], b"").status(), 401);
}

#[test]
fn a_second_factor_is_a_challenge() {
    let sandbox = Sandbox::start(&["--mfa", "123456"]);
    let (status, body) = form(&sandbox, "/token", LOGIN);
    assert_eq!(status, 401);
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["challenge"]
    );
    let answer = |challenge: &Value, code: &str| {
        let body = json!({"challenge": challenge, "code": code}).to_string();
        sandbox.ask_with("POST", "/token/challenge", &[JSON], body.as_bytes())
    };
    assert_eq!(answer(&body["challenge"], "000000").status(), 401);
    assert_eq!(answer(&json!("other"), "123456").status(), 401);
    let granted = answer(&body["challenge"], "123456");
    assert_eq!(granted.status(), 200);
    assert_eq!(
        list_status(&sandbox, value(&granted)["access_token"].as_str().unwrap()),
        200
    );
    assert_eq!(
        answer(&body["challenge"], "123456").status(),
        401,
        "it is good once"
    );
    let (status, _) = form(
        &sandbox,
        "/token",
        "grant_type=password&username=a&password=b",
    );
    assert_eq!(status, 401);
}

#[track_caller]
fn mistake(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Value {
    let answer = sandbox.ask(method, path, body);
    assert_eq!(answer.status(), 422, "{body}: {}", answer.text());
    let mut body = value(&answer);
    let first = body["detail"][0].take();
    assert!(first["msg"].is_string(), "{first}");
    first
}

/// What is asked, with which body, and where the mistake is and of which kind.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        "POST /webhooks",
        r#"{"url":"https://a.example"}"#,
        "body.event",
        "value_error.missing",
    ),
    (
        "POST /webhooks",
        r#"{"event":"Email.Sent"}"#,
        "body.url",
        "value_error.missing",
    ),
    (
        "POST /webhooks",
        r#"{"event":"email.sent"}"#,
        "body.event",
        "type_error.enum",
    ),
    (
        "POST /webhooks",
        r#"{"event":7}"#,
        "body.event",
        "type_error.enum",
    ),
    (
        "POST /webhooks",
        r#"{"event":null}"#,
        "body.event",
        "type_error.none.not_allowed",
    ),
    ("POST /webhooks", "[]", "body", "type_error.dict"),
    ("POST /webhooks", "null", "body", "value_error.missing"),
    ("PATCH", r#"{"url":5}"#, "body.url", "type_error.str"),
    (
        "PATCH",
        r#"{"url":""}"#,
        "body.url",
        "value_error.url.scheme",
    ),
    (
        "PATCH",
        r#"{"url":"a.example"}"#,
        "body.url",
        "value_error.url.scheme",
    ),
    (
        "PATCH",
        r#"{"url":"ftp://a.example"}"#,
        "body.url",
        "value_error.url.scheme",
    ),
    (
        "PATCH",
        r#"{"url":"https://"}"#,
        "body.url",
        "value_error.url.host",
    ),
    (
        "PATCH",
        r#"{"url":"https://a:99999/"}"#,
        "body.url",
        "value_error.url.port",
    ),
    (
        "PATCH",
        r#"{"rate_limit":0}"#,
        "body.rate_limit",
        "value_error.number.not_gt",
    ),
    (
        "PATCH",
        r#"{"rate_limit":1e18}"#,
        "body.rate_limit",
        "value_error.number.not_le",
    ),
    (
        "PATCH",
        r#"{"rate_limit":"x"}"#,
        "body.rate_limit",
        "type_error.integer",
    ),
    (
        "PATCH",
        r#"{"rate_limit_period":"day"}"#,
        "body.rate_limit_period",
        "type_error.enum",
    ),
    (
        "GET /webhooks?page=0",
        "null",
        "query.page",
        "value_error.number.not_ge",
    ),
    (
        "GET /webhooks?per_page=101",
        "null",
        "query.per_page",
        "value_error.number.not_le",
    ),
    (
        "GET /webhooks?page=x",
        "null",
        "query.page",
        "type_error.integer",
    ),
    (
        "GET /webhooks?with_archived=perhaps",
        "null",
        "query.with_archived",
        "type_error.bool",
    ),
    (
        "GET /webhooks?account_id=me",
        "null",
        "query.account_id",
        "type_error.integer",
    ),
];

#[test]
fn mistakes_are_told_as_fastapi_does() {
    let sandbox = Sandbox::start(&[]);
    let id = sandbox.register("Email.Sent", URL).0;
    let of_webhook = format!("PATCH /webhooks/{id}");
    for (asked, body, place, kind) in MISTAKES {
        let asked = if *asked == "PATCH" {
            &of_webhook
        } else {
            *asked
        };
        let (method, path) = asked.split_once(' ').unwrap();
        let found = mistake(&sandbox, method, path, &object(body));
        let at = found["loc"].as_array().unwrap().iter();
        let at: Vec<_> = at.map(|part| part.as_str().unwrap()).collect();
        assert_eq!(
            (at.join("."), &found["type"]),
            ((*place).to_owned(), &json!(kind))
        );
    }
    // All of them are told, and the longest URL that there may be is taken.
    let all = value(&sandbox.ask("POST", "/webhooks", &json!({})));
    assert_eq!(all["detail"].as_array().unwrap().len(), 2);
    let long = format!("https://a.example/{}", "x".repeat(2066));
    let found = mistake(
        &sandbox,
        "PATCH",
        &format!("/webhooks/{id}"),
        &json!({"url": long}),
    );
    assert_eq!(found["type"], "value_error.any_str.max_length");
    sandbox.register("Email.Sent", &long[..2083]);
}

#[test]
fn bodies_that_cannot_be_read_are_refused() {
    let sandbox = Sandbox::start(&[]);
    let authorization = format!("Bearer {TOKEN}");
    let token = ("Authorization", authorization.as_str());
    let broken = sandbox.ask_with("POST", "/webhooks", &[token, JSON], b"{\n \"event\" 1}");
    assert_eq!(broken.status(), 422);
    let found = &value(&broken)["detail"][0];
    assert_eq!(found["type"], "value_error.jsondecode");
    assert!(found["loc"][1].is_u64());
    let text = ("Content-Type", "text/plain");
    let plain = sandbox.ask_with("POST", "/webhooks", &[token, text], b"{}");
    assert_eq!(value(&plain)["detail"][0]["type"], "type_error.dict");
    let binary = sandbox.ask_with("POST", "/webhooks", &[token, JSON], b"\xff\xfe");
    assert_eq!(binary.status(), 400);
    let large = vec![b' '; (1 << 20) + 1];
    let large = sandbox.ask_with("POST", "/webhooks", &[token, JSON], &large);
    assert_eq!(large.status(), 413);
    let (status, found) = form(&sandbox, "/token", "grant_type=password&username=a");
    assert_eq!(
        (status, &found["detail"][0]["loc"]),
        (422, &json!(["body", "password"]))
    );
    assert_eq!(form(&sandbox, "/token", "grant_type=magic").0, 400);
    assert_eq!(form(&sandbox, "/token", "").0, 422);
}

#[test]
fn what_is_not_there_is_json_too() {
    let sandbox = Sandbox::start(&[]);
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/webhooks/none", 404),
        ("PATCH", "/webhooks/none", 404),
        ("POST", "/webhooks/none/archive", 404),
        ("POST", "/webhooks/%FF/archive", 404),
        ("DELETE", "/webhooks/none", 405),
        ("PUT", "/webhooks", 405),
        ("GET", "/token", 405),
        ("GET", "/sandbox/deliveries/none", 404),
        ("GET", "/sandbox", 200),
    ] {
        let body = if method == "PATCH" {
            json!({})
        } else {
            Value::Null
        };
        let answer = sandbox.ask(method, path, &body);
        assert_eq!(answer.status(), status, "{method} {path}");
        let version = answer.one("cmhook-sandbox");
        assert_eq!(
            version.as_deref(),
            Some(env!("CARGO_PKG_VERSION")),
            "{path}"
        );
        assert_eq!(
            answer.one("content-type").as_deref(),
            Some("application/json")
        );
        value(&answer);
        if status == 405 {
            assert!(answer.one("allow").is_some(), "{path}");
        }
    }
}

#[test]
fn it_is_as_strict_as_it_is_told_to_be() {
    let sandbox = Sandbox::start(&["--strict-urls", "--narrow-events"]);
    for (event, url, place) in [
        ("Email.Opened", "https://a.example/", "event"),
        ("Email.Clicked", "http://a.example/", "url"),
        ("Email.Clicked", "https://127.0.0.1/", "url"),
        ("Email.Clicked", "https://localhost/", "url"),
    ] {
        let found = mistake(
            &sandbox,
            "POST",
            "/webhooks",
            &json!({"event": event, "url": url}),
        );
        assert_eq!(found["loc"][1], place, "{event} {url}");
    }
    sandbox.register("Email.Clicked", "https://a.example/");
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    let sandbox = Sandbox::start(&[]);
    let body = br#"{"event":"Email.Sent"}"#;
    for fields in [
        ("Origin", "https://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let answer = sandbox.ask_with("POST", "/sandbox/events", &[fields], body);
        assert_eq!(answer.status(), 403, "{fields:?}");
        assert!(answer.one("access-control-allow-origin").is_none());
    }
    let request = "GET /sandbox HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let answer = crate::support::raw::ask(sandbox.address(), request);
    assert_eq!(answer.status(), 403);
    assert!(answer.one("cmhook-sandbox").is_some());
}

#[test]
fn one_seed_gives_the_same_ids_keys_and_tokens() {
    let all = |sandbox: &Sandbox| {
        let webhooks = (
            sandbox.register("Email.Sent", URL),
            sandbox.register("User.Created", URL),
        );
        let token = form(sandbox, "/token", LOGIN).1;
        let fired = sandbox.fire_with(&json!({"event": "email.*", "count": 2}));
        let delivery = sandbox.delivery(&fired[0]);
        (webhooks, token, fired, delivery["request"]["body"].clone())
    };
    let sandbox = Sandbox::start(&["--seed", "7"]);
    let first = all(&sandbox);
    assert_eq!(first, all(&Sandbox::start(&["--seed", "7"])));
    sandbox.fine("POST", "/sandbox/reset", &Value::Null);
    assert!(sandbox.webhooks().is_empty() && sandbox.deliveries().is_empty());
    assert_eq!(first, all(&sandbox), "a reset begins anew");
    let other = all(&Sandbox::start(&["--seed", "8"]));
    assert_ne!(first.0, other.0);
    assert_ne!(first.3, other.3);
    assert_ne!(all(&Sandbox::start(&[])).0, all(&Sandbox::start(&[])).0);
}
