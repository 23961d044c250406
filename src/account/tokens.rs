//! Getting tokens for a password, a code of a second factor, or an older token.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::error::{Challenge, Trouble};
use super::http::Http;
use super::said::Answer;

/// What the API gives in exchange.
#[derive(Debug, Clone)]
pub struct Granted {
    /// Opens the account for a while.
    pub access: SecretString,
    /// Gets another one.
    pub refresh: Option<SecretString>,
    /// Until when `access` is good.
    pub expires_at: Option<Timestamp>,
    /// The user's accounts, as far as the API says.
    pub accounts: Vec<u64>,
}

/// Logging in, before there is a token. Each request has a connection of its own: somebody is
/// asked between them.
#[derive(Debug)]
pub struct SignIn(Http);

impl SignIn {
    /// At that API.
    pub fn new(api: &Uri) -> Self {
        Self(Http::new(api))
    }

    /// With an e-mail address and its password, which come `from` there.
    ///
    /// # Errors
    /// [`Trouble::Challenge`] where a code is wanted too, [`Trouble::Password`] where they are
    /// wrong, and whatever can happen on the way.
    pub async fn password(
        &self,
        email: &str,
        password: &SecretString,
        from: &'static str,
    ) -> Result<Granted, Trouble> {
        grant(&self.0.afresh(), email, password, from).await
    }

    /// With the code that a challenge asks for.
    ///
    /// # Errors
    /// [`Trouble::Code`] where it is wrong, and whatever can happen on the way.
    pub async fn code(&self, challenge: &Challenge, code: &str) -> Result<Granted, Trouble> {
        let body = serde_json::json!({ "challenge": challenge.0, "code": code });
        let answer = ask(
            &self.0.afresh(),
            "/token/challenge",
            "application/json",
            body.to_string(),
        )
        .await?;
        match answer.status {
            // Something that is no code at all is refused with a 422.
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::UNPROCESSABLE_ENTITY => Err(no(&self.0, &answer, || Trouble::Code)),
            _ => granted(&self.0, &answer),
        }
    }
}

/// Tokens for a password.
pub(super) async fn grant(
    http: &Http,
    email: &str,
    password: &SecretString,
    from: &'static str,
) -> Result<Granted, Trouble> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("username", email)
        .append_pair("password", password.expose_secret())
        .finish();
    let answer = ask(http, "/token", FORM, form).await?;
    if answer.status == StatusCode::UNAUTHORIZED || answer.status == StatusCode::OK {
        // The reference has a challenge in a 401, its answers' types in a 200.
        let json = answer.json(http.shown())?;
        if let Some(challenge) = json["challenge"].as_str() {
            return Err(Trouble::Challenge(Challenge(challenge.to_owned())));
        }
    }
    match answer.status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
            let wrong = || Trouble::Password {
                api: http.shown().into(),
                from,
            };
            Err(no(http, &answer, wrong))
        }
        _ => granted(http, &answer),
    }
}

/// Tokens for an older one; `None` where that is not good any more.
pub(super) async fn refresh(http: &Http, token: &SecretString) -> Result<Option<Granted>, Trouble> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", token.expose_secret())
        .finish();
    let answer = ask(http, "/token", FORM, form).await?;
    match answer.status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED if answer.is_object() => Ok(None),
        _ => granted(http, &answer).map(|mut granted| {
            // One that is not replaced stays good.
            granted.refresh.get_or_insert_with(|| token.clone());
            Some(granted)
        }),
    }
}

/// What a no means, where it is the API that says so: whatever stands before it says 400 as
/// well.
fn no(http: &Http, answer: &Answer, means: impl FnOnce() -> Trouble) -> Trouble {
    if answer.is_object() {
        means()
    } else {
        answer.trouble(http.shown())
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn ask(http: &Http, path: &str, kind: &'static str, body: String) -> Result<Answer, Trouble> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let answer = http.ask(Method::POST, path, headers, Bytes::from(body));
    // What is lost with the answer is a token that nobody has.
    answer.await.map_err(Trouble::nothing_done)
}

fn granted(http: &Http, answer: &Answer) -> Result<Granted, Trouble> {
    if !answer.status.is_success() {
        return Err(answer.trouble(http.shown()));
    }
    let json = answer.json(http.shown())?;
    let token = |name: &str| {
        let text = json[name].as_str().filter(|text| is_token(text))?;
        Some(SecretString::from(text))
    };
    let Some(access) = token("access_token") else {
        return Err(Trouble::Shape {
            status: answer.status.as_u16(),
            what: "there is no `access_token` in it".into(),
        });
    };
    let expires_in = json.get("expires_in").and_then(Value::as_i64);
    let expires_at = expires_in.and_then(|seconds| {
        let life = SignedDuration::from_secs(seconds);
        Timestamp::now().checked_add(life).ok()
    });
    let accounts = json["accounts"].as_array().into_iter().flatten();
    Ok(Granted {
        access,
        refresh: token("refresh_token"),
        expires_at,
        accounts: accounts.filter_map(Value::as_u64).collect(),
    })
}

/// Whether a text can be sent as a token.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
