//! Asking with what opens the account, and renewing that.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::api::Api;
use super::credentials::Credentials;
use super::error::Trouble;
use super::logins::{self, Login, Renewing};
use super::said::Answer;
use super::tokens::{self, Granted};

/// A token that is good for less than this is renewed first.
const SOON: SignedDuration = SignedDuration::from_secs(30);

/// What opens the account now.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) credentials: Credentials,
    pub(super) granted: Option<Granted>,
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
        let mut token = self.token(None).await?;
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

    /// The token to ask with.
    async fn token(&self, refused: Option<&SecretString>) -> Result<SecretString, Trouble> {
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
            pass.granted = Some(granted_of(login));
        }
        if let Some(granted) = &pass.granted
            && !is_refused(&granted.access)
            && !(ends_soon(granted) && granted.refresh.is_some())
        {
            return Ok(granted.access.clone());
        }
        let granted = self.renew(&pass, refused).await?;
        let token = granted.access.clone();
        pass.granted = Some(granted);
        Ok(token)
    }

    /// Another token in place of one that was refused; `None` where there is no other.
    async fn renewed(&self, refused: &SecretString) -> Result<Option<SecretString>, Trouble> {
        let next = self.token(Some(refused)).await?;
        let is_other = next.expose_secret() != refused.expose_secret();
        Ok(is_other.then_some(next))
    }

    async fn renew(&self, pass: &Pass, refused: Option<&SecretString>) -> Result<Granted, Trouble> {
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
            Credentials::Login(login) => self.renew_login(login, refused).await,
        }
    }

    /// Renews what `cmhook login` kept, unless another process has done so meanwhile.
    async fn renew_login(
        &self,
        login: &Login,
        refused: Option<&SecretString>,
    ) -> Result<Granted, Trouble> {
        let over = || Trouble::LoginOver {
            api: self.shown().to_owned(),
        };
        let renewing = tokio::task::spawn_blocking(Renewing::begin).await;
        let renewing = renewing.map_err(|error| Trouble::Logins(error.to_string()))??;
        let kept = logins::read(&self.base)?.unwrap_or_else(|| login.clone());
        let granted = granted_of(&kept);
        let is_refused =
            refused.is_some_and(|r| r.expose_secret() == granted.access.expose_secret());
        if !is_refused && !ends_soon(&granted) {
            return Ok(granted);
        }
        let Some(refresh) = &granted.refresh else {
            // A personal access token has no other.
            return Ok(granted);
        };
        let granted = tokens::refresh(&self.http, refresh).await?;
        let granted = granted.ok_or_else(over)?;
        renewing.end(&self.base, &Login::of(kept.email, granted.clone()))?;
        Ok(granted)
    }

    async fn refused(&self, answer: &Answer) -> Trouble {
        let pass = self.pass.lock().await;
        let api = self.shown().to_owned();
        match &pass.credentials {
            Credentials::Login(login) if login.refresh.is_some() => Trouble::LoginOver { api },
            credentials => Trouble::Token {
                api,
                from: credentials.from(),
                sandbox: answer.is_of_a_sandbox(),
            },
        }
    }
}

fn granted_of(login: &Login) -> Granted {
    Granted {
        access: login.access.clone(),
        refresh: login.refresh.clone(),
        expires_at: login.expires_at,
        accounts: Vec::new(),
    }
}

fn ends_soon(granted: &Granted) -> bool {
    granted
        .expires_at
        .is_some_and(|end| end.duration_since(Timestamp::now()) < SOON)
}
