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
use super::super::queue::{Due, Fired, NewEvent};
use super::super::{Shared, checks, mint, now, payload};
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
    data: Option<Box<RawValue>>,
    payload: Option<Box<RawValue>>,
    /// Whether times come from the seed too.
    is_seeded: bool,
}

pub(super) async fn fire(State(shared): App, request: Request) -> Result<Response, No> {
    let body = request::body(request).await?;
    let asked = Asked::read(&shared, &body)?;
    let done = shared.book.with(move |book| asked.fire(book)).await?;
    let Some((fired, due)) = done else {
        let detail = "as many deliveries wait as are kept: archive a webhook, or reset";
        return Err(No::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    // They are committed, so that whatever comes now they go out.
    shared.engine.due(due);
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
        let asked = fields.and_then(|fields| Self::of(shared, &fields, &mut mistakes));
        mistakes.check()?;
        let mut asked = asked.ok_or_else(No::not_found)?;
        // The same once more, for the bytes of what is to be sent as it stands.
        let mut raw: HashMap<String, Box<RawValue>> =
            serde_json::from_slice(body).unwrap_or_default();
        let mut written = |name| raw.remove(name).filter(|value| value.get() != "null");
        asked.data = written("data");
        asked.payload = written("payload");
        Ok(asked)
    }

    fn of(shared: &Shared, fields: &Map<String, Value>, mistakes: &mut Mistakes) -> Option<Self> {
        let of = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let mut bad = |name: &str, message: &str| {
            mistakes.add(&["body", name], "value_error", message);
        };
        let options = &shared.options;
        let envelope = match of("envelope").map(|value| value.as_str().unwrap_or_default()) {
            None => Some(options.envelope),
            Some(name) => name.parse::<Envelope>().ok(),
        };
        if envelope.is_none() {
            bad("envelope", "it must be `api` or `manual`");
        }
        let scheme = match of("scheme").map(|value| value.as_str().unwrap_or_default()) {
            None => Some(options.scheme),
            Some(name) => Scheme::from_name(name),
        };
        if scheme.is_none() {
            let message = "it must be `cakemail-hex`, `cakemail-base64` or `api-base64`";
            bad("scheme", message);
        }
        let pattern = of("event").and_then(|value| value.as_str()?.parse::<EventPattern>().ok());
        let names = pattern.as_ref().zip(envelope);
        let names = names.map_or_else(Vec::new, |(pattern, envelope)| {
            payload::names(pattern, envelope)
        });
        match &pattern {
            None => bad("event", "it must be the name of an event or a glob"),
            Some(pattern) if names.is_empty() && envelope.is_some() => {
                let meant = pattern.suggestion();
                let meant = meant.map(|name| format!("; did you mean `{name}`?"));
                let shown = pattern.to_string().escape_debug().to_string();
                let message = format!("there is no event `{shown}`{}", meant.unwrap_or_default());
                bad("event", &message);
            }
            Some(_) => {}
        }
        let number = |name: &str, usual: u64| match of(name) {
            None => Some(usual),
            Some(value) => value.as_u64().filter(|number| *number > 0),
        };
        let most = MOST / (names.len().max(1) as u64);
        let count = number("count", 1).filter(|count| *count <= most);
        if count.is_none() {
            bad("count", &format!("it must be a number from 1 to {most}"));
        }
        let account = number("account_id", u64::from(ACCOUNT));
        let account = account.and_then(|id| u32::try_from(id).ok());
        let account = account.filter(|id| i32::try_from(*id).is_ok());
        if account.is_none() {
            bad("account_id", "it must be the id of an account");
        }
        let twice = of("duplicate").map_or(Some(options.duplicates), Value::as_bool);
        if twice.is_none() {
            bad("duplicate", "it must be true or false");
        }
        Some(Self {
            pattern: pattern?,
            names,
            envelope: envelope?,
            scheme: scheme?,
            count: count?,
            account: account?,
            twice: twice?,
            data: None,
            payload: None,
            is_seeded: options.seed.is_some(),
        })
    }

    fn fire(self, book: &Inner) -> rusqlite::Result<Option<(Vec<Fired>, Vec<Due>)>> {
        let mut events = Vec::new();
        for _ in 0..self.count {
            for name in &self.names {
                let Ok(pattern) = name.parse::<EventPattern>() else {
                    continue;
                };
                // What was written is meant too where it is one name only.
                let pattern = if self.pattern.is_glob() {
                    pattern
                } else {
                    self.pattern.clone()
                };
                events.push(NewEvent {
                    name: (*name).to_owned(),
                    pattern,
                    body: self.body(book, name)?,
                    scheme: self.scheme,
                    twice: self.twice,
                });
            }
        }
        book.fire(self.account, events, now())
    }

    fn body(&self, book: &Inner, name: &str) -> rusqlite::Result<Bytes> {
        if let Some(payload) = &self.payload {
            return Ok(Bytes::copy_from_slice(payload.get().as_bytes()));
        }
        let n = mint::count(&book.db, "sample")?;
        let seed = book.seed.wrapping_add(n);
        let at = if self.is_seeded {
            // The same for the same seed, and later for each.
            let later = SignedDuration::from_secs(i64::try_from(n).unwrap_or(0));
            let first = sample::time_of(book.seed);
            first.checked_add(later).unwrap_or(first)
        } else {
            Timestamp::now()
        };
        let data = self.data.as_deref().map(RawValue::get);
        Ok(payload::body(
            name,
            self.envelope,
            self.account,
            data,
            seed,
            at,
        ))
    }
}
