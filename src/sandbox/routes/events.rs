//! `POST /sandbox/events`: fires events.

use std::collections::HashMap;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::answer::{Mistakes, No, fine};
use super::super::book::Inner;
use super::super::fields::Fields;
use super::super::payload::{self, Body};
use super::super::queue::{Due, Fired, NewEvents, Source};
use super::super::{Shared, checks, now};
use super::{App, request};
use crate::cakemail::event::EventPattern;
use crate::cakemail::sample::{self, Envelope};
use crate::cakemail::sandbox::ACCOUNT;
use crate::delivery::Scheme;

/// Events in one request at most.
const MOST: u64 = 10_000;

/// What is asked for.
struct Asked {
    pattern: EventPattern,
    names: Vec<&'static str>,
    envelope: Envelope,
    scheme: Scheme,
    count: u64,
    account: u32,
    twice: bool,
    /// JSON, as it was written.
    data: Option<Bytes>,
    payload: Option<Bytes>,
    /// Whether times come from the seed too.
    is_seeded: bool,
}

pub(super) async fn fire(State(shared): App, request: Request) -> Result<Response, No> {
    let body = request::body(request).await?;
    let asked = Asked::read(&shared, &body)?;
    let engine = shared.engine.clone();
    let done = shared.book.with_then(
        move |book| asked.fire(book),
        move |done| {
            let (fired, due) = done?;
            engine.due(due);
            Some(fired)
        },
    );
    let Some(fired) = done.await? else {
        let detail = "as many deliveries wait as are kept: archive a webhook, or reset";
        return Err(No::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let events: Vec<_> = fired
        .iter()
        .map(|event| {
            json!({
                "id": event.id,
                "event": event.name,
                "webhooks": event.webhooks,
                "deliveries": event.deliveries,
            })
        })
        .collect();
    Ok(fine(&json!({ "events": events })))
}

impl Asked {
    fn read(shared: &Shared, body: &Bytes) -> Result<Self, No> {
        let mut mistakes = Mistakes::default();
        // What kind of body it says to be does not matter here.
        let fields = checks::fields(body, &HeaderMap::new(), &mut mistakes)?;
        mistakes.check()?;
        let mut asked = Self::of(shared, &fields.unwrap_or_default())?;
        // The same once more, for the bytes of what is to be sent as it stands.
        let mut raw: HashMap<String, Box<RawValue>> =
            serde_json::from_slice(body).unwrap_or_default();
        let mut written = |name| {
            let value = raw.remove(name).filter(|value| value.get() != "null")?;
            Some(Box::<str>::from(value).into_string().into())
        };
        asked.data = written("data");
        asked.payload = written("payload");
        Ok(asked)
    }

    fn of(shared: &Shared, fields: &Map<String, Value>) -> Result<Self, No> {
        let options = &shared.options;
        let mut fields = Fields::new(fields);
        let message = "it must be `api` or `manual`";
        let envelope = fields.text("envelope", |name| name.parse().ok(), message);
        let envelope = envelope.unwrap_or(options.envelope);
        let message = "it must be `cakemail-hex`, `cakemail-base64` or `api-base64`";
        let scheme = fields.text("scheme", Scheme::from_name, message);
        let (pattern, names) = event(&mut fields, envelope);
        let most = MOST / (names.len().max(1) as u64);
        let count = fields.number("count", 1, 1..=most);
        let accounts = 1..=u64::from(i32::MAX.unsigned_abs());
        let account = fields.number("account_id", u64::from(ACCOUNT), accounts);
        let twice = fields.switch("duplicate", options.duplicates);
        fields.mistakes().check()?;
        Ok(Self {
            pattern: pattern.ok_or_else(No::not_found)?,
            names,
            envelope,
            scheme: scheme.unwrap_or(options.scheme),
            count,
            account: u32::try_from(account).unwrap_or(ACCOUNT),
            twice,
            data: None,
            payload: None,
            is_seeded: options.seed.is_some(),
        })
    }

    fn fire(self, book: &Inner) -> rusqlite::Result<Option<(Vec<Fired>, Vec<Due>)>> {
        let pattern = |name: &'static str| {
            // What was written is meant too where it is one name only.
            if self.pattern.is_glob() {
                name.parse().ok()
            } else {
                Some(self.pattern.clone())
            }
        };
        let names = self.names.iter();
        let sample = |name, n| self.sample(book, name, n);
        let events = NewEvents {
            names: names
                .filter_map(|name| Some((*name, pattern(name)?)))
                .collect(),
            count: self.count,
            body: match &self.payload {
                Some(payload) => Source::Given(Body::given(payload.clone())),
                None => Source::Sample(&sample),
            },
            scheme: self.scheme,
            twice: self.twice,
        };
        book.fire(self.account, &events, now())
    }

    fn sample(&self, book: &Inner, name: &str, n: u64) -> Body {
        let seed = book.seed().wrapping_add(n);
        let at = if self.is_seeded {
            // The same for the same seed, and later for each.
            let later = SignedDuration::from_secs(i64::try_from(n).unwrap_or(0));
            let first = sample::time_of(book.seed());
            first.checked_add(later).unwrap_or(first)
        } else {
            Timestamp::now()
        };
        let data = self.data.as_ref();
        payload::body(name, self.envelope, self.account, data, seed, at)
    }
}

/// The event that is meant, and the names under which it is sent in that envelope.
fn event(fields: &mut Fields<'_>, envelope: Envelope) -> (Option<EventPattern>, Vec<&'static str>) {
    const WANTED: &str = "it must be the name of an event or a glob";
    let pattern = fields.text("event", |text| text.parse::<EventPattern>().ok(), WANTED);
    let Some(pattern) = pattern else {
        if fields.of("event").is_none() {
            fields.bad("event", WANTED);
        }
        return (None, Vec::new());
    };
    let names = payload::names(&pattern, envelope);
    if names.is_empty() {
        let meant = pattern.suggestion();
        let meant = meant.map(|name| format!("; did you mean `{name}`?"));
        let shown = pattern.to_string().escape_debug().to_string();
        let message = format!("there is no event `{shown}`{}", meant.unwrap_or_default());
        fields.bad("event", &message);
    }
    (Some(pattern), names)
}
