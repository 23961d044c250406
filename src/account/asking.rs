//! Asking with what opens the account, and renewing that.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::api::Api;
use super::credentials::Credentials;
use super::error::{Over, Trouble};
use super::renewing::{Renewal, ends_within};
use super::said::Answer;
use super::tokens::{self, Granted};

/// A token that is good for less than this is renewed first.
const SOON: SignedDuration = SignedDuration::from_secs(30);

/// The same for what runs for long, and is to end in no time.
const AHEAD: SignedDuration = SignedDuration::from_mins(2);

/// How often what runs for long looks at the time.
const LOOKS_EVERY: Duration = Duration::from_mins(1);

/// What opens the account now.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) credentials: Credentials,
    pub(super) granted: Option<Granted>,
    /// A refresh token that the file has and that was used, since the next one could not be
    /// kept.
    pub(super) used_up: Option<SecretString>,
}

impl Api {
    /// Asks with what opens the account, and once more with a renewed token where the API
    /// refuses the first.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Trouble> {
        let mut token = self.token(None, SOON).await?;
        let mut renewed = false;
        loop {
            let answer = self
                .ask_with(&token, method.clone(), path, body.as_ref())
                .await?;
            if answer.status == StatusCode::UNAUTHORIZED {
                // Whatever else stands at this URL knows nothing of tokens.
                if !answer.body.trim_ascii().is_empty() {
                    answer.json(self.shown())?;
                }
                let next = if renewed {
                    None
                } else {
                    self.renewed(&token).await?
                };
                let Some(next) = next else {
                    return Err(self.refused(&answer).await);
                };
                (token, renewed) = (next, true);
                continue;
            }
            if !answer.status.is_success() {
                return Err(answer.trouble(self.shown()));
            }
            return answer.json(self.shown());
        }
    }

    async fn ask_with(
        &self,
        token: &SecretString,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Trouble> {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", token.expose_secret());
        if let Ok(mut value) = HeaderValue::from_str(&bearer) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let body = body.map(Value::to_string);
        if body.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
        }
        let path = match self.account {
            None => path.to_owned(),
            Some(account) => {
                let sign = if path.contains('?') { '&' } else { '?' };
                format!("{path}{sign}account_id={account}")
            }
        };
        let body = Bytes::from(body.unwrap_or_default());
        self.http.ask(method, &path, headers, body).await
    }

    /// The token to ask with, good for `margin` at least where it can be renewed.
    async fn token(
        &self,
        refused: Option<&SecretString>,
        margin: SignedDuration,
    ) -> Result<SecretString, Trouble> {
        let mut pass = self.pass.lock().await;
        let is_refused = |token: &SecretString| {
            refused.is_some_and(|refused| refused.expose_secret() == token.expose_secret())
        };
        if let Credentials::Token { token, .. } = &pass.credentials {
            return Ok(token.clone());
        }
        if pass.granted.is_none()
            && let Credentials::Login(login) = &pass.credentials
        {
            pass.granted = Some(login.into());
        }
        if let Some(granted) = &pass.granted
            && !is_refused(&granted.access)
            && !(ends_within(granted, margin) && granted.refresh.is_some())
        {
            return Ok(granted.access.clone());
        }
        let granted = self.renew(&mut pass, refused, margin).await?;
        let token = granted.access.clone();
        pass.granted = Some(granted);
        Ok(token)
    }

    /// Renews a login long before it has run out, and says how soon to do so again; `None`
    /// where there is none that runs out.
    ///
    /// # Errors
    /// Where it cannot be renewed.
    pub async fn renew_ahead(&self) -> Result<Option<Duration>, Trouble> {
        if !matches!(self.pass.lock().await.credentials, Credentials::Login(_)) {
            return Ok(None);
        }
        self.token(None, AHEAD).await?;
        let pass = self.pass.lock().await;
        let renewable = pass.granted.as_ref().filter(|one| one.refresh.is_some());
        let Some(end) = renewable.and_then(|granted| granted.expires_at) else {
            return Ok(None);
        };
        let left = end.duration_since(Timestamp::now()) - AHEAD;
        // A machine that sleeps has clocks that stand still.
        let left = Duration::try_from(left).unwrap_or_default();
        Ok(Some(left.clamp(LOOKS_EVERY / 2, LOOKS_EVERY)))
    }

    /// Another token in place of one that was refused; `None` where there is no other.
    async fn renewed(&self, refused: &SecretString) -> Result<Option<SecretString>, Trouble> {
        let next = self.token(Some(refused), SOON).await?;
        let is_other = next.expose_secret() != refused.expose_secret();
        Ok(is_other.then_some(next))
    }

    async fn renew(
        &self,
        pass: &mut Pass,
        refused: Option<&SecretString>,
        margin: SignedDuration,
    ) -> Result<Granted, Trouble> {
        match &pass.credentials {
            Credentials::Token { token, .. } => Ok(Granted {
                access: token.clone(),
                refresh: None,
                expires_at: None,
                accounts: Vec::new(),
            }),
            Credentials::Password {
                email,
                password,
                from,
            } => {
                let refresh = pass.granted.as_ref().and_then(|g| g.refresh.as_ref());
                if let Some(refresh) = refresh
                    && let Some(granted) = tokens::refresh(&self.http, refresh).await?
                {
                    return Ok(granted);
                }
                tokens::grant(&self.http, email, password, from).await
            }
            Credentials::Login(login) => {
                let renewal = Renewal {
                    http: self.http.afresh(),
                    base: self.base.clone(),
                    login: login.clone(),
                    newest: pass.granted.clone().unwrap_or_else(|| login.into()),
                    used_up: pass.used_up.clone(),
                    refused: refused.cloned(),
                    margin,
                };
                let renewed = renewal.run().await?;
                if let Some(why) = renewed.unkept {
                    self.tell.0(&format!(
                        "the login at {} was renewed for this run alone: {why}; afterwards run `{}`",
                        self.shown(),
                        self.command("login")
                    ));
                }
                pass.used_up = renewed.used_up;
                Ok(renewed.granted)
            }
        }
    }

    async fn refused(&self, answer: &Answer) -> Trouble {
        let pass = self.pass.lock().await;
        let api = self.shown().to_owned();
        match &pass.credentials {
            Credentials::Login(login) if login.refresh.is_some() => Trouble::LoginOver {
                api,
                why: Over::RunOut,
            },
            credentials => Trouble::Token {
                api,
                from: credentials.from(),
                sandbox: answer.is_of_a_sandbox(),
            },
        }
    }
}
