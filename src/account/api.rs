//! The REST client.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use http::{Method, Uri};
use secrecy::SecretString;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::asking::Pass;
use super::credentials::Credentials;
use super::error::{AccountError, Trouble};
use super::http::{Http, Seen};
use crate::cakemail::manual_only;
use crate::cakemail::webhook::{RatePeriod, Webhook};
use crate::config::{AccountSettings, account_flags, command};

/// Webhooks on a page, where all are asked for.
const PER_PAGE: u32 = 50;

/// More pages are not read: an API that never comes to an end is broken.
const MOST_PAGES: u32 = 200;

/// A client for one account. Clones share what opens it.
#[derive(Debug, Clone)]
pub struct Api {
    pub(super) http: Http,
    pub(super) base: Uri,
    pub(super) account: Option<u64>,
    user: Arc<str>,
    pub(super) pass: Arc<tokio::sync::Mutex<Pass>>,
    pub(super) tell: Tell,
}

/// Where what should be known is said.
#[derive(Clone)]
pub(super) struct Tell(pub(super) Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
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

/// A page of webhooks, or all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Those on it.
    pub webhooks: Vec<Webhook>,
    /// Why others on it make no sense.
    pub unread: Vec<String>,
    /// How many there are in all; `None` where the API does not say.
    pub count: Option<u64>,
}

impl Page {
    /// What is to be said of those that make no sense.
    pub fn left_out(&self) -> Option<String> {
        let why = self.unread.first()?;
        let (webhooks, they_are) = match self.unread.len() {
            1 => ("a webhook".to_owned(), "is left out, since it is"),
            many => (format!("{many} webhooks"), "are left out, since they are"),
        };
        Some(format!(
            "{webhooks} of the list {they_are} not what the reference says: {why}"
        ))
    }

    fn len(&self) -> usize {
        self.webhooks.len() + self.unread.len()
    }
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
            user: credentials.user().into(),
            pass: Arc::new(tokio::sync::Mutex::new(Pass {
                credentials,
                granted: None,
                used_up: None,
            })),
            tell: Tell(Arc::new(|text| tracing::warn!("{text}"))),
        }
    }

    /// The same that says what should be known, such as that a login was not kept, through
    /// `tell`.
    pub fn telling(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.tell = Tell(Arc::new(tell));
        self
    }

    /// The same with no connection open. While somebody is asked on the terminal nobody sees
    /// that the API closes one.
    pub fn afresh(&self) -> Self {
        Self {
            http: self.http.afresh(),
            ..self.clone()
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

    /// A command on the same account, as it can be pasted.
    pub(super) fn command(&self, name: &str) -> String {
        let flags = account_flags(self.shown(), self.account);
        let words = std::iter::once(name).chain(flags.iter().map(String::as_str));
        command(&words.collect::<Vec<_>>())
    }

    /// Who asks, as [`Credentials::user`] has it.
    pub fn user(&self) -> &str {
        &self.user
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
        let mut page = Page {
            count: json["pagination"]["count"].as_u64(),
            ..Page::default()
        };
        for one in list {
            match Webhook::deserialize(one) {
                Ok(webhook) => page.webhooks.push(webhook),
                Err(error) => page.unread.push(error.to_string()),
            }
        }
        Ok(page)
    }

    /// All webhooks.
    ///
    /// # Errors
    /// Where the API does not give them.
    pub async fn all(&self, archived: bool) -> Result<Page, AccountError> {
        let mut all = Page::default();
        for page in 1..=MOST_PAGES {
            let query = ListQuery {
                archived,
                page: Some(page),
                per_page: Some(PER_PAGE),
            };
            let next = self.list(query).await?;
            let is_short = next.len() < PER_PAGE as usize;
            let before = all.webhooks.len();
            for webhook in next.webhooks {
                // What is made meanwhile moves others to the next page.
                if all.webhooks.iter().all(|known| known.id != webhook.id) {
                    all.webhooks.push(webhook);
                }
            }
            // An API that does not know pages gives the first one for ever.
            let is_new = all.webhooks.len() > before || page == 1;
            if is_new {
                all.unread.extend(next.unread);
            }
            // A page may be short since the API has its own idea of how much is on one.
            let is_all = is_short && next.count.is_none_or(|count| all.len() as u64 >= count);
            if is_all || !is_new || all.len() == 0 {
                all.count = Some(all.len() as u64);
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
