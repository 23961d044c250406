//! Answers that the API is to give in place of its own, to see what a client makes of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};
use wildmatch::WildMatch;

use super::answer::{Mistakes, No};

/// More of them at a time are refused.
const MOST: usize = 1000;
/// None makes a client wait longer.
const LONGEST: Duration = Duration::from_mins(10);

/// Those that wait for a request, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

/// An answer to requests that it is meant for.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    method: Option<Method>,
    path: Option<WildMatch>,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// How long before it is given.
    pub(super) delay: Duration,
    /// Whether the request is done all the same, and only its answer is lost.
    pub(super) after: bool,
    /// How often; for ever without a number.
    times: Option<u64>,
}

impl Faults {
    /// `false` where there are too many.
    pub(super) fn add(&self, fault: Fault) -> bool {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = faults.len() < MOST;
        if room {
            faults.push(fault);
        }
        room
    }

    pub(super) fn clear(&self) -> usize {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *faults).len()
    }

    /// The first that is meant for such a request, which counts as one of its times.
    pub(super) fn take(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = faults.iter().position(|fault| fault.is_for(method, path))?;
        let fault = faults[at].clone();
        if let Some(times) = &mut faults[at].times {
            *times -= 1;
            if *times == 0 {
                faults.remove(at);
            }
        }
        Some(fault)
    }
}

impl Fault {
    /// Reads one.
    ///
    /// # Errors
    /// The answer where it makes no sense.
    pub(super) fn read(fields: &Map<String, Value>) -> Result<Self, No> {
        let mut mistakes = Mistakes::default();
        let fault = Self::read_with(fields, &mut mistakes);
        mistakes.check()?;
        fault.ok_or_else(|| No::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Entity"))
    }

    fn read_with(fields: &Map<String, Value>, mistakes: &mut Mistakes) -> Option<Self> {
        let of = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let mut bad = |name: &str, message: &str| {
            mistakes.add(&["body", name], "value_error", message);
        };
        let mut number = |name: &str, most: u64| {
            let value = of(name)?;
            let number = value.as_u64().filter(|number| *number <= most);
            if number.is_none() {
                bad(name, &format!("it must be a number from 0 to {most}"));
            }
            number
        };
        let delay = number("delay_ms", u64::try_from(LONGEST.as_millis()).unwrap_or(0));
        let times = match number("times", u64::MAX) {
            None => Some(1),
            Some(0) => None,
            times => times,
        };
        let status = number("status", 599).and_then(|status| {
            let status = u16::try_from(status).ok().filter(|status| *status >= 200);
            status.and_then(|status| StatusCode::from_u16(status).ok())
        });
        if status.is_none() {
            bad("status", "it must be a status from 200 to 599");
        }
        let method = of("method").map(|value| {
            let text = value.as_str().unwrap_or_default().to_ascii_uppercase();
            Method::from_bytes(text.as_bytes())
        });
        if matches!(method, Some(Err(_))) {
            bad("method", "it must be a method such as `POST`");
        }
        let path = of("path").map(|value| value.as_str().map(WildMatch::new));
        if matches!(path, Some(None)) {
            bad("path", "it must be a text such as `/webhooks*`");
        }
        let after = of("after").map(Value::as_bool);
        if matches!(after, Some(None)) {
            bad("after", "it must be true or false");
        }
        let mut headers = HeaderMap::new();
        match of("headers").map(Value::as_object) {
            None => {}
            Some(None) => bad("headers", "it must be an object of texts"),
            Some(Some(given)) => {
                for (name, value) in given {
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    let name = HeaderName::from_bytes(name.as_bytes()).ok();
                    match name.zip(HeaderValue::from_str(&text).ok()) {
                        Some((name, value)) if !is_framing(&name) => {
                            headers.append(name, value);
                        }
                        _ => bad("headers", "one of them cannot be sent"),
                    }
                }
            }
        }
        let (kind, body) = match of("body") {
            None => ("application/json", status.map(detail)?),
            Some(Value::String(text)) => ("text/html; charset=utf-8", text.clone()),
            Some(value) => ("application/json", value.to_string()),
        };
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(kind));
        Some(Self {
            method: method.and_then(Result::ok),
            path: path.flatten(),
            status: status?,
            headers,
            body: body.into_bytes(),
            delay: Duration::from_millis(delay.unwrap_or(0)),
            after: after.flatten().unwrap_or(false),
            times,
        })
    }

    fn is_for(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|own| own == method)
            && self.path.as_ref().is_none_or(|own| own.matches(path))
    }

    /// The answer.
    pub(super) fn response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

/// What FastAPI says with that status.
fn detail(status: StatusCode) -> String {
    json!({ "detail": status.canonical_reason().unwrap_or("no reason") }).to_string()
}

/// What the connection itself sets.
fn is_framing(name: &HeaderName) -> bool {
    *name == header::CONTENT_LENGTH
        || *name == header::TRANSFER_ENCODING
        || *name == header::CONNECTION
        || *name == header::UPGRADE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(value: &Value) -> Option<Fault> {
        Fault::read(value.as_object().unwrap()).ok()
    }

    #[test]
    fn one_is_for_some_requests_and_for_so_many() {
        let faults = Faults::default();
        let get = json!({"method": "get", "path": "/webhooks*", "status": 500, "times": 2});
        assert!(faults.add(fault(&get).unwrap()));
        assert!(faults.take(&Method::POST, "/webhooks").is_none());
        assert!(faults.take(&Method::GET, "/token").is_none());
        assert!(faults.take(&Method::GET, "/webhooks").is_some());
        assert!(faults.take(&Method::GET, "/webhooks/a").is_some());
        assert!(faults.take(&Method::GET, "/webhooks").is_none());
        let always = json!({"status": 429, "headers": {"Retry-After": 3}, "times": 0});
        faults.add(fault(&always).unwrap());
        for _ in 0..3 {
            let answer = faults.take(&Method::GET, "/").unwrap().response();
            assert_eq!(answer.status(), 429);
            assert_eq!(answer.headers()["retry-after"], "3");
        }
        assert_eq!(faults.clear(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for value in [
            json!({}),
            json!({"status": 99}),
            json!({"status": "500"}),
            json!({"status": 500, "method": "G T"}),
            json!({"status": 500, "path": 1}),
            json!({"status": 500, "headers": {"a b": "c"}}),
            json!({"status": 500, "headers": {"content-length": "7"}}),
            json!({"status": 500, "delay_ms": 86_400_000}),
            json!({"status": 500, "times": -1}),
            json!({"status": 500, "after": 1}),
        ] {
            assert!(fault(&value).is_none(), "{value}");
        }
    }
}
