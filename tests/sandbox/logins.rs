//! Who is let in.

use serde_json::{Value, json};

use crate::support::sandbox::{Sandbox, TOKEN};

use super::kit::*;

#[test]
fn tokens_are_granted_refreshed_and_expire() {
    let sandbox = Sandbox::start(&["--token-lifetime", "3s"]);
    assert_eq!(list_status(&sandbox, TOKEN), 200);
    let (status, granted) = form(&sandbox, "/token", LOGIN);
    assert_eq!(status, 200, "{granted}");
    assert_eq!(granted["token_type"], "bearer");
    assert_eq!(granted["expires_in"], 3);
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
    std::thread::sleep(std::time::Duration::from_millis(3100));
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
