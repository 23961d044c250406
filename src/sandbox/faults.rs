//! Answers that the API is to give in place of its own, to see what a client makes of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};
use wildmatch::WildMatch;

use super::answer::No;
use super::fields::Fields;

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

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
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
        let mut fields = Fields::new(fields);
        let method = fields.text(
            "method",
            |text| Method::from_bytes(text.to_ascii_uppercase().as_bytes()).ok(),
            "it must be a method such as `POST`",
        );
        let path = fields.text(
            "path",
            |text| Some(WildMatch::new(text)),
            "it must be a text such as `/webhooks*`",
        );
        if fields.of("status").is_none() {
            fields.bad("status", "it must be there, from 200 to 599");
        }
        let status = u16::try_from(fields.number("status", 500, 200..=599));
        let status = status
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let longest = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
        let delay = fields.number("delay_ms", 0, 0..=longest);
        let times = fields.number("times", 1, 0..=u64::MAX);
        let after = fields.switch("after", false);
        let mut headers = headers(&mut fields);
        let (kind, body) = match fields.of("body") {
            None => ("application/json", detail(status)),
            Some(Value::String(text)) => ("text/html; charset=utf-8", text.clone()),
            Some(value) => ("application/json", value.to_string()),
        };
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(kind));
        fields.mistakes().check()?;
        Ok(Self {
            method,
            path,
            status,
            headers,
            body: body.into_bytes(),
            delay: Duration::from_millis(delay),
            after,
            times: (times > 0).then_some(times),
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

/// Those of the answer.
fn headers(fields: &mut Fields<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(given) = fields.of("headers") else {
        return headers;
    };
    let Some(given) = given.as_object() else {
        fields.bad("headers", "it must be an object of texts");
        return headers;
    };
    for (name, value) in given {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let known = HeaderName::from_bytes(name.as_bytes()).ok();
        match known.zip(HeaderValue::from_str(&text).ok()) {
            Some((name, value)) if !is_framing(&name) => {
                headers.append(name, value);
            }
            _ => fields.bad("headers", "one of them cannot be sent"),
        }
    }
    headers
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
