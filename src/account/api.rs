//! The REST client.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::credentials::Credentials;
use super::error::{AccountError, Trouble};
use super::logins::{self, Login, Renewing};
use super::said::Answer;
use super::tokens::{self, Granted};
use crate::cakemail::manual_only;
use crate::cakemail::webhook::{RatePeriod, Webhook};
use crate::config::{AccountSettings, shown_url};
use crate::http::line::{Lines, Obstacle, Unconnected, Whom, find, is_loopback};
use crate::http::tls;

/// Whom lines lead to.
const API: Whom = Whom {
    name: "the API",
    trust: "for a private one, name its certificate in SSL_CERT_FILE",
};

/// How long an answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);

/// The longest answer.
const LONGEST: usize = 8 << 20;

/// How often, and how long each time, it waits where the API says to.
const WAITS: u32 = 3;
const WAIT: Duration = Duration::from_secs(5);

/// A token that is good for less than this is renewed first.
const SOON: SignedDuration = SignedDuration::from_secs(30);

/// Webhooks on a page, where all are asked for.
const PER_PAGE: u32 = 50;

/// More pages are not read: an API that never comes to an end is broken.
const MOST_PAGES: u32 = 200;

/// Sends requests to one API and reads its answers.
#[derive(Debug, Clone)]
pub(super) struct Http {
    base: Uri,
    shown: Arc<str>,
    client: Client<Lines, Full<Bytes>>,
    seen: Arc<Mutex<Seen>>,
}

/// What answers said besides what was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether a sandbox answers.
    pub sandbox: bool,
    /// How far this machine's clock is ahead of the API's; `None` where it does not say.
    /// The API's is in whole seconds.
    pub ahead: Option<SignedDuration>,
    /// How long the last answer took.
    pub took: Option<Duration>,
}

impl Http {
    pub(super) fn new(base: &Uri) -> Self {
        let tls = Arc::new(tls::client(tls::system_roots()));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .build(Lines::new(tls, API));
        Self {
            base: base.clone(),
            shown: shown_url(base).into(),
            client,
            seen: Arc::default(),
        }
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// One request and its whole answer. Where the API says to wait for a short time, that is
    /// done.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Trouble> {
        let mut waits = 0;
        loop {
            let answer = self
                .once(method.clone(), path, headers.clone(), body.clone())
                .await?;
            let wait = answer.retry_after().filter(|wait| *wait <= WAIT);
            match wait {
                Some(wait) if answer.status == StatusCode::TOO_MANY_REQUESTS && waits < WAITS => {
                    waits += 1;
                    tracing::debug!("{} asks to wait for {wait:?}", self.shown);
                    sleep(wait).await;
                }
                _ => return Ok(answer),
            }
        }
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Trouble> {
        let may_be_done = method != Method::GET;
        let base = self.base.path().trim_end_matches('/');
        let uri = Uri::builder()
            .scheme(self.base.scheme_str().unwrap_or("https"))
            .authority(self.base.authority().map_or("", |a| a.as_str()))
            .path_and_query(format!("{base}{path}"))
            .build();
        let request = uri.ok().and_then(|uri| {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(uri)
                .body(Full::new(body))
                .ok()?;
            *request.headers_mut() = headers;
            let own = request.headers_mut();
            own.insert(ACCEPT, HeaderValue::from_static("application/json"));
            let agent = concat!("cmhook/", env!("CARGO_PKG_VERSION"));
            own.insert(USER_AGENT, HeaderValue::from_static(agent));
            Some(request)
        });
        let Some(request) = request else {
            return Err(Trouble::NotFound {
                api: self.shown.to_string(),
            });
        };
        let began = Instant::now();
        let asking = async {
            let answer = self.client.request(request).await.map_err(|error| {
                find::<Unconnected>(&error).cloned().map_or_else(
                    || Trouble::HungUp {
                        api: self.shown.to_string(),
                        may_be_done,
                    },
                    |why| Trouble::Unconnected(self.with_sandbox(why)),
                )
            })?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            let body = body.map_err(|_| Trouble::HungUp {
                api: self.shown.to_string(),
                may_be_done,
            })?;
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes().into(),
            })
        };
        let answer = timeout(ANSWERS_WITHIN, asking).await.unwrap_or_else(|_| {
            Err(Trouble::Silent {
                api: self.shown.to_string(),
                after: ANSWERS_WITHIN,
                may_be_done,
            })
        })?;
        tracing::debug!(
            "{method} {path} at {}: {} after {:?}",
            self.shown,
            answer.status,
            began.elapsed()
        );
        self.see(&answer, began.elapsed());
        Ok(answer)
    }

    /// On this machine it is a sandbox that is missing, most of the time.
    fn with_sandbox(&self, why: Unconnected) -> Unconnected {
        let port = self.base.port_u16().unwrap_or(80);
        if why.obstacle != Obstacle::Host || !is_loopback(&self.base) {
            return why;
        }
        Unconnected {
            hint: format!(
                "is the API running? if it is a sandbox, start it with `cmhook sandbox --listen {port}`"
            ),
            ..why
        }
    }

    fn see(&self, answer: &Answer, took: Duration) {
        let date = answer.headers.get(DATE);
        let date = date.and_then(|date| date.to_str().ok());
        let date = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        // It was written about half way through.
        let half = SignedDuration::try_from(took / 2).unwrap_or_default();
        let ahead = date.map(|date| Timestamp::now().duration_since(date.timestamp()) - half);
        let seen = Seen {
            sandbox: answer.is_of_a_sandbox(),
            ahead,
            took: Some(took),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client for one account. Clones share what opens it.
#[derive(Debug, Clone)]
pub struct Api {
    http: Http,
    base: Uri,
    account: Option<u64>,
    pass: Arc<tokio::sync::Mutex<Pass>>,
}

/// What opens the account now.
#[derive(Debug)]
struct Pass {
    credentials: Credentials,
    granted: Option<Granted>,
}

/// The most deliveries in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    /// How many; `None` leaves it as it is.
    pub rate: Option<u32>,
    /// In which period; `None` leaves it as it is.
    pub period: Option<RatePeriod>,
}

/// Which webhooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Archived ones too.
    pub archived: bool,
    /// From 1 on; `None` is the first.
    pub page: Option<u32>,
    /// How many on a page; `None` leaves that to the API.
    pub per_page: Option<u32>,
}

/// A page of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Those on it.
    pub webhooks: Vec<Webhook>,
    /// How many there are in all; `None` where the API does not say.
    pub count: Option<u64>,
}

/// A webhook with its key.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// The webhook.
    pub webhook: Webhook,
    /// What its deliveries are signed with; `None` where the API shows none.
    pub key: Option<SecretString>,
}

impl Api {
    /// Of that account, opened with `credentials`. Nothing is asked yet.
    pub fn new(settings: &AccountSettings, credentials: Credentials) -> Self {
        Self {
            http: Http::new(&settings.api),
            base: settings.api.clone(),
            account: settings.account,
            pass: Arc::new(tokio::sync::Mutex::new(Pass {
                credentials,
                granted: None,
            })),
        }
    }

    /// The API's URL, as it is shown.
    pub fn shown(&self) -> &str {
        self.http.shown()
    }

    /// The account's number, where one was asked for.
    pub const fn account(&self) -> Option<u64> {
        self.account
    }

    /// What answers so far said besides what was asked.
    pub fn seen(&self) -> Seen {
        self.http.seen()
    }

    /// One page of webhooks.
    ///
    /// # Errors
    /// Where the API does not give it.
    pub async fn list(&self, query: ListQuery) -> Result<Page, AccountError> {
        self.page(query)
            .await
            .map_err(|trouble| trouble.while_doing("list webhooks"))
    }

    async fn page(&self, query: ListQuery) -> Result<Page, Trouble> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("with_count", "true");
        if query.archived {
            form.append_pair("with_archived", "true");
        }
        if let Some(page) = query.page {
            form.append_pair("page", &page.to_string());
        }
        if let Some(per_page) = query.per_page {
            form.append_pair("per_page", &per_page.to_string());
        }
        let path = format!("/webhooks?{}", form.finish());
        let json = self.ask(Method::GET, &path, None).await?;
        let Some(list) = json["data"].as_array() else {
            return Err(shape("there is no list in `data`"));
        };
        let webhooks = list.iter().map(webhook).collect::<Result<_, _>>()?;
        Ok(Page {
            webhooks,
            count: json["pagination"]["count"].as_u64(),
        })
    }

    /// All webhooks.
    ///
    /// # Errors
    /// Where the API does not give them.
    pub async fn all(&self, archived: bool) -> Result<Vec<Webhook>, AccountError> {
        let mut all: Vec<Webhook> = Vec::new();
        for page in 1..=MOST_PAGES {
            let query = ListQuery {
                archived,
                page: Some(page),
                per_page: Some(PER_PAGE),
            };
            let Page { webhooks, count } = self.list(query).await?;
            let is_short = webhooks.len() < PER_PAGE as usize;
            let before = all.len();
            for webhook in webhooks {
                // What is made meanwhile moves others to the next page.
                if all.iter().all(|known| known.id != webhook.id) {
                    all.push(webhook);
                }
            }
            // A page may be short since the API has its own idea of how much is on one.
            let is_all = is_short && count.is_none_or(|count| all.len() as u64 >= count);
            // An API that does not know pages gives the first one for ever.
            if is_all || all.len() == before {
                return Ok(all);
            }
        }
        let what = format!("its pages do not end, {MOST_PAGES} were read");
        Err(shape(&what).while_doing("list webhooks"))
    }

    /// A webhook and its key.
    ///
    /// # Errors
    /// Where there is none, or the API does not give it.
    pub async fn get(&self, id: &str) -> Result<Keyed, AccountError> {
        let getting = async {
            let path = format!("/webhooks/{}", segment(id));
            let json = self.ask(Method::GET, &path, None).await;
            let json = json.map_err(|trouble| of_webhook(id, trouble))?;
            let key = json["signature"]["key"].as_str().filter(|k| !k.is_empty());
            Ok(Keyed {
                webhook: webhook(&json["data"])?,
                key: key.map(SecretString::from),
            })
        };
        let got: Result<_, Trouble> = getting.await;
        got.map_err(|trouble| trouble.while_doing(format!("get the webhook {}", shown(id))))
    }

    /// Makes a webhook. Its key is not in the answer, see [`Api::get`].
    ///
    /// # Errors
    /// Where the API does not make it, or does not say so.
    pub async fn create(
        &self,
        event: &str,
        url: &str,
        limit: Limit,
    ) -> Result<Webhook, AccountError> {
        let mut body = json!({ "event": event, "url": url });
        with_limit(&mut body, limit);
        let made = self.ask(Method::POST, "/webhooks", Some(body)).await;
        made.and_then(|json| webhook(&json["data"]))
            .map_err(|trouble| of_event(event, trouble))
            .map_err(|trouble| trouble.while_doing(format!("create a webhook for {event}")))
    }

    /// Changes a webhook's URL or limit.
    ///
    /// # Errors
    /// Where there is none, or the API does not change it.
    pub async fn patch(
        &self,
        id: &str,
        url: Option<&str>,
        limit: Limit,
    ) -> Result<Webhook, AccountError> {
        let mut body = json!({});
        if let Some(url) = url {
            body["url"] = url.into();
        }
        with_limit(&mut body, limit);
        let path = format!("/webhooks/{}", segment(id));
        self.change(Method::PATCH, &path, Some(body), "update", id)
            .await
    }

    /// Archives a webhook: it is sent nothing any more.
    ///
    /// # Errors
    /// Where there is none, or the API does not do it.
    pub async fn archive(&self, id: &str) -> Result<Webhook, AccountError> {
        let path = format!("/webhooks/{}/archive", segment(id));
        self.change(Method::POST, &path, None, "archive", id).await
    }

    /// Brings an archived webhook back.
    ///
    /// # Errors
    /// Where there is none, or the API does not do it.
    pub async fn unarchive(&self, id: &str) -> Result<Webhook, AccountError> {
        let path = format!("/webhooks/{}/unarchive", segment(id));
        self.change(Method::POST, &path, None, "unarchive", id)
            .await
    }

    async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        what: &str,
        id: &str,
    ) -> Result<Webhook, AccountError> {
        let changed = self.ask(method, path, body).await;
        let changed = changed.map_err(|trouble| of_webhook(id, trouble));
        changed
            .and_then(|json| webhook(&json["data"]))
            .map_err(|trouble| trouble.while_doing(format!("{what} the webhook {}", shown(id))))
    }

    /// Asks with what opens the account, and once more with a renewed token where the API
    /// refuses the first.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Trouble> {
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

fn with_limit(body: &mut Value, limit: Limit) {
    if let Some(rate) = limit.rate {
        body["rate_limit"] = rate.into();
    }
    if let Some(period) = limit.period {
        body["rate_limit_period"] = period.name().into();
    }
}

fn webhook(json: &Value) -> Result<Webhook, Trouble> {
    Webhook::deserialize(json).map_err(|error| shape(&format!("no webhook: {error}")))
}

fn shape(what: &str) -> Trouble {
    Trouble::Shape {
        status: 200,
        what: what.to_owned(),
    }
}

/// A 404 below a webhook's path means that there is none.
fn of_webhook(id: &str, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::NotFound { .. } => Trouble::NoWebhook { id: shown(id) },
        other => other,
    }
}

/// Of an event that the manual has and the API does not, its whole list is no help.
fn of_event(event: &str, trouble: Trouble) -> Trouble {
    match manual_only::refused(event) {
        Some(event_is) if trouble.is_of_event() => Trouble::NoEvent { event_is },
        _ => trouble,
    }
}

/// An id as it was typed, made harmless and short.
fn shown(id: &str) -> String {
    id.chars()
        .take(64)
        .collect::<String>()
        .escape_debug()
        .to_string()
}

/// An id as one segment of a path, whatever is in it.
fn segment(id: &str) -> String {
    let mut out = String::new();
    for byte in id.bytes() {
        // Two dots would lead elsewhere, and so is no dot let through.
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
