//! `POST /token`: OAuth 2.0 with a password, a challenge where there is a second factor, and
//! refresh tokens that are good once.

use std::collections::HashMap;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderMap};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use super::super::answer::{Mistakes, No, fine, say};
use super::super::book::Tokens;
use super::super::checks::fields;
use super::super::{Shared, now};
use super::{App, request};
use crate::cakemail::sandbox::ACCOUNT;

pub(super) async fn log_in(State(shared): App, request: Request) -> Result<Response, No> {
    let headers = request.headers().clone();
    let body = request::body(request).await?;
    let form = Form::read(&headers, &body);
    match form.0.get("grant_type").map(String::as_str) {
        Some("password") => with_password(&shared, &form).await,
        Some("refresh_token") => refresh(&shared, &form).await,
        Some(_) => Err(No::new(StatusCode::BAD_REQUEST, "Unsupported grant type")),
        None => Err(form
            .require(&["grant_type"])
            .err()
            .unwrap_or_else(|| No::new(StatusCode::BAD_REQUEST, "Unsupported grant type"))),
    }
}

async fn with_password(shared: &Shared, form: &Form) -> Result<Response, No> {
    form.require(&["username", "password"])?;
    let (user, password) = (form.text("username"), form.text("password"));
    let own = shared.options.password.expose_secret();
    let is_password: bool = password.as_bytes().ct_eq(own.as_bytes()).into();
    if !user.eq_ignore_ascii_case(&shared.options.email) || !is_password {
        return Err(No::unauthorized("Incorrect username or password"));
    }
    if shared.options.mfa.is_none() {
        return tokens(shared).await;
    }
    let challenge = shared.book.with(|book| book.challenge(now())).await?;
    let body = json!({ "challenge": challenge });
    Ok(say(StatusCode::UNAUTHORIZED, &body))
}

async fn refresh(shared: &Shared, form: &Form) -> Result<Response, No> {
    form.require(&["refresh_token"])?;
    let token = form.text("refresh_token").to_owned();
    let lifetime = shared.lifetime();
    let done = shared.book.with(move |book| {
        let now = now();
        let good = book.take(&token, "refresh", now)?;
        good.then(|| book.log_in(now, lifetime)).transpose()
    });
    match done.await? {
        Some(tokens) => Ok(granted(shared, &tokens)),
        None => Err(No::unauthorized("Invalid or expired refresh token")),
    }
}

pub(super) async fn answer_challenge(State(shared): App, request: Request) -> Result<Response, No> {
    let headers = request.headers().clone();
    let body = request::body(request).await?;
    let mut mistakes = Mistakes::default();
    let given = fields(&body, &headers, &mut mistakes)?;
    let mut text = |name: &str| {
        let found = given.as_ref().and_then(|fields| fields.get(name));
        match found {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => {
                mistakes.add(&["body", name], "type_error.str", "str type expected");
                String::new()
            }
            None if given.is_none() => String::new(),
            None => {
                mistakes.add(&["body", name], "value_error.missing", "field required");
                String::new()
            }
        }
    };
    let (challenge, code) = (text("challenge"), text("code"));
    mistakes.check()?;
    let own = shared.options.mfa.as_deref().unwrap_or_default();
    let is_code: bool = code.as_bytes().ct_eq(own.as_bytes()).into();
    let wrong = || No::unauthorized("Invalid or expired challenge or code");
    if shared.options.mfa.is_none() || !is_code {
        return Err(wrong());
    }
    let taken = shared
        .book
        .with(move |book| book.take(&challenge, "challenge", now()));
    if !taken.await? {
        return Err(wrong());
    }
    tokens(&shared).await
}

async fn tokens(shared: &Shared) -> Result<Response, No> {
    let lifetime = shared.lifetime();
    let made = shared.book.with(move |book| book.log_in(now(), lifetime));
    Ok(granted(shared, &made.await?))
}

fn granted(shared: &Shared, tokens: &Tokens) -> Response {
    fine(&json!({
        "access_token": tokens.access,
        "token_type": "bearer",
        "expires_in": shared.options.token_lifetime.as_secs(),
        "refresh_token": tokens.refresh,
        "accounts": [ACCOUNT],
    }))
}

/// The fields of a form; none where the body is something else.
struct Form(HashMap<String, String>);

impl Form {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Self(HashMap::new());
        }
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn require(&self, names: &[&str]) -> Result<(), No> {
        let mut mistakes = Mistakes::default();
        for name in names {
            // An empty field of a form counts as none.
            if self.text(name).is_empty() {
                mistakes.add(&["body", name], "value_error.missing", "field required");
            }
        }
        mistakes.check()
    }
}
