//! Asking a running sandbox.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use super::place;
use crate::cakemail::sandbox::{API, HEADER};
use crate::cakemail::webhook::shown_url;
use crate::config::ConfigError;
use crate::http::client::{Trust, connector};
use crate::http::pool::{self, Client};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sandbox did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nothing answers there.
    #[error("no sandbox answers at {0}")]
    Gone(String),
    /// Something else does.
    #[error("what answers at {0} is no sandbox of cmhook")]
    Other(String),
    /// The connection broke off, or nothing came.
    #[error("the sandbox at {0} did not answer")]
    Silent(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// It said no.
    #[error("the sandbox answered {status}: {detail}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its reason.
        detail: String,
    },
}

impl AskError {
    /// For programs.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Gone(_) => "no_sandbox",
            Self::Other(_) => "not_a_sandbox",
            Self::Silent(..) => "sandbox_silent",
            Self::Refused { .. } => "sandbox",
        }
    }

    /// What to do.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::Gone(_) => "start one with `cmhook sandbox`, or name another with `--api URL`",
            Self::Other(_) => "name the sandbox with `--api URL`, as it prints it at its start",
            Self::Silent(..) => "see whether it runs still",
            Self::Refused { .. } => "",
        }
    }
}

/// A sandbox.
pub(super) struct Sandbox {
    client: Client,
    api: String,
}

impl Sandbox {
    /// The one that a flag names, or `CAKEMAIL_API_BASE` where that is on this machine, or the
    /// one that runs, or the usual one.
    ///
    /// # Errors
    /// Where the flag names none.
    pub(super) fn named(api: Option<&str>) -> Result<Self, ConfigError> {
        let from_environment = || {
            let text = std::env::var("CAKEMAIL_API_BASE").ok()?;
            let uri: Uri = text.parse().ok()?;
            crate::http::line::is_loopback(&uri).then_some(text)
        };
        let text = api.map(str::to_owned).or_else(from_environment);
        let text = text.or_else(place::find).unwrap_or_else(|| API.to_owned());
        let text = text.trim().trim_end_matches('/').to_owned();
        let uri = text.parse::<Uri>().ok();
        let uri = uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
        let scheme = uri.as_ref().and_then(|uri| uri.scheme_str());
        let trust = match scheme {
            Some("http") => Trust::NoTls,
            Some("https") => Trust::System,
            _ => {
                return Err(ConfigError {
                    message: format!("`--api {}` is not a URL", text.escape_debug()),
                    hint: format!("write it as `{API}`"),
                });
            }
        };
        Ok(Self {
            client: Client::new(connector(trust), None::<SocketAddr>),
            api: text,
        })
    }

    /// Makes sure that it is one, before anything is sent that something else might act on.
    pub(super) async fn check(&self) -> Result<(), AskError> {
        self.get("/sandbox").await.map(drop)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, AskError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: String) -> Result<Value, AskError> {
        self.ask(Method::POST, path, body.into()).await
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Value, AskError> {
        let gone = || AskError::Gone(self.api.clone());
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.api))
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|_| gone())?;
        let asked = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| match error {
                pool::AskError::Connect(_) => gone(),
                error => self.silent(error),
            })?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.map_err(|error| self.silent(error))?;
            let body = body.to_bytes();
            Ok::<_, AskError>((head, body))
        };
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        let (head, body) = asked.map_err(|elapsed| self.silent(elapsed))??;
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        let value = value.filter(|_| head.headers.contains_key(HEADER));
        let Some(value) = value else {
            return Err(AskError::Other(self.api.clone()));
        };
        if head.status.is_success() {
            return Ok(value);
        }
        Err(AskError::Refused {
            status: head.status,
            detail: detail(&value["detail"]),
        })
    }

    fn silent(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AskError {
        AskError::Silent(self.api.clone(), error.into())
    }
}

/// What is wrong, of an answer that says no.
fn detail(detail: &Value) -> String {
    let Some(mistakes) = detail.as_array() else {
        return detail.as_str().unwrap_or_default().to_owned();
    };
    let mistakes = mistakes.iter().map(|mistake| {
        let at = mistake["loc"].as_array().and_then(|at| at.last());
        let message = mistake["msg"].as_str().unwrap_or_default();
        match at {
            Some(Value::String(field)) => format!("{field}: {message}"),
            Some(character) => format!("{message}, at character {character}"),
            None => message.to_owned(),
        }
    });
    mistakes.collect::<Vec<_>>().join("; ")
}

/// A delivery as it is shown: passwords in its webhook's URL are left out.
pub(super) fn hide_passwords(delivery: &mut Value) {
    let hide = |url: &mut Value| {
        if let Some(text) = url.as_str() {
            *url = shown_url(text).into();
        }
    };
    delivery.get_mut("url").map(hide);
    let tries = delivery.get_mut("tries").and_then(Value::as_array_mut);
    let tries = tries.into_iter().flatten();
    tries
        .filter_map(|tried| tried.get_mut("url"))
        .for_each(hide);
    delivery.pointer_mut("/request/url").map(hide);
}
