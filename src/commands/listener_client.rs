//! Asking a running listener through its local API.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use crate::capture::again::{AgainError, Draft};
use crate::config::Target;
use crate::delivery::{Attempt, Delivery, Kept};
use crate::http::client::{Trust, connector};
use crate::http::pool::Client;
use crate::inspector::Running;
use crate::wire::{self, Object, Read};

/// A listener that has answered.
pub(super) struct ListenerClient {
    client: Client,
    api: SocketAddr,
    authorization: String,
    labels: Vec<String>,
    status: Value,
}

/// The listener said no, or nothing that makes sense.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What kind, for programs.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl ListenerClient {
    /// Asks the listener that a file names whether it is there; `None` where it is gone.
    ///
    /// # Errors
    /// Where something else answers in its place.
    pub(super) async fn connect(running: Running) -> anyhow::Result<Option<Self>> {
        let mut client = Self {
            labels: Vec::new(),
            status: Value::Null,
            client: Client::new(connector(Trust::NoTls), None::<SocketAddr>),
            api: running.api,
            authorization: format!("Bearer {}", running.token),
        };
        let asked = client.ask(Method::GET, "/api/v1/status", Bytes::new());
        let Ok(answer) = tokio::time::timeout(Duration::from_secs(5), asked).await else {
            return Err(ApiError {
                code: "no_answer".into(),
                message: format!(
                    "the listener of this store (process {}) does not answer",
                    running.pid
                ),
                hint: "stop it, or use another store with `--store PATH`".into(),
            }
            .into());
        };
        // A killed listener leaves its file, and another program may have its port since.
        let Some(status) = answer.ok().filter(|status| status["pid"] == running.pid) else {
            return Ok(None);
        };
        let labels = status["secrets"].as_array().into_iter().flatten();
        client.labels = labels
            .filter_map(|label| Some(label.as_str()?.to_owned()))
            .collect();
        client.status = status;
        Ok(Some(client))
    }

    /// What it said of itself when it was found, as `/api/v1/status` has it.
    pub(super) const fn status(&self) -> &Value {
        &self.status
    }

    /// The labels of the secrets that it knows.
    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What the API has at a path.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.api))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(Full::new(body))
            .context("cannot ask the listener")?;
        let gone = "the running listener does not answer any more";
        let answer = self.client.request(request).await.context(gone)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.context(gone)?.to_bytes();
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let value: Value = serde_json::from_slice(&body)
            .context("the running listener answers with something else than JSON")?;
        if status.is_success() {
            return Ok(value);
        }
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(ApiError {
            code: text("code"),
            message: text("message"),
            hint: text("hint"),
        }
        .into())
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = serde_json::to_vec(body)?.into();
        self.ask(Method::POST, path, body).await
    }

    /// See [`super::hand::Hand::replay`].
    pub(super) async fn replay(&self, id: u64, to: Option<&Target>) -> anyhow::Result<Attempt> {
        let to = to.map(ToString::to_string);
        let path = format!("/api/v1/deliveries/{id}/replay");
        attempt_in(self.post(&path, &json!({ "to": to })).await?)
    }

    /// See [`super::hand::Hand::send`].
    pub(super) async fn send(
        &self,
        draft: Draft,
        to: Option<&Target>,
    ) -> anyhow::Result<(Delivery, Attempt)> {
        let body = json!({
            "request": wire::Draft::new(&draft.method, &draft.path_and_query, &draft.headers, &draft.body),
            "original": draft.original,
            "sign": draft.sign.map(|sign| json!({
                "secret": sign.secret,
                "scheme": sign.scheme.map(crate::delivery::Scheme::name),
            })),
            "to": to.map(ToString::to_string),
        });
        let mut sent = self.post("/api/v1/send", &body).await?;
        Ok((
            delivery_in(sent["delivery"].take())?,
            attempt_in(sent["attempt"].take())?,
        ))
    }

    /// Takes in one delivery and returns its new id.
    pub(super) async fn take_in(&self, kept: &Kept) -> anyhow::Result<u64> {
        let mut body = Vec::new();
        Object::from(kept).write_line(&mut body)?;
        let path = "/api/v1/deliveries";
        let taken = self.ask(Method::POST, path, body.into()).await?;
        Ok(delivery_in(taken)?.id)
    }

    /// Deletes one delivery; nothing where there is none.
    pub(super) async fn delete(&self, id: u64) -> anyhow::Result<Option<u64>> {
        let path = format!("/api/v1/deliveries/{id}");
        match self.ask(Method::DELETE, &path, Bytes::new()).await {
            Ok(_) => Ok(Some(id)),
            Err(error) if is(&error, &AgainError::NoDelivery(id)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// See [`super::hand::Hand::clear`].
    pub(super) async fn clear(&self) -> anyhow::Result<usize> {
        let path = "/api/v1/deliveries";
        let gone = self.ask(Method::DELETE, path, Bytes::new()).await?;
        Ok(gone["ids"].as_array().map_or(0, Vec::len))
    }

    /// Marks one delivery, or takes its mark away.
    pub(super) async fn mark(&self, id: u64, marked: bool) -> anyhow::Result<()> {
        let method = if marked { Method::PUT } else { Method::DELETE };
        let path = format!("/api/v1/deliveries/{id}/mark");
        self.ask(method, &path, Bytes::new()).await?;
        Ok(())
    }

    /// Waits until all that was done is in the store.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        self.post("/api/v1/settle", &Value::Null).await?;
        Ok(())
    }
}

fn is(error: &anyhow::Error, kind: &AgainError) -> bool {
    let said = error.downcast_ref::<ApiError>();
    said.is_some_and(|said| said.code == kind.code())
}

fn nonsense(what: impl std::fmt::Display) -> ApiError {
    ApiError {
        code: "protocol".into(),
        message: format!("the running listener answers with something unexpected: {what}"),
        hint: "is it of the same version as this command?".into(),
    }
}

fn delivery_in(value: Value) -> anyhow::Result<Delivery> {
    match wire::read(value).map_err(nonsense)? {
        Read::Delivery { id, request, .. } => Ok(Delivery {
            id,
            request: *request,
        }),
        _ => Err(nonsense("no delivery").into()),
    }
}

fn attempt_in(value: Value) -> anyhow::Result<Attempt> {
    match wire::read(value).map_err(nonsense)? {
        Read::Attempt(attempt) => Ok(*attempt),
        _ => Err(nonsense("no attempt").into()),
    }
}
