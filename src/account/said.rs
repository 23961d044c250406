//! Reading what the API says when it says no.

use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::error::{Trouble, is_here};
use crate::cakemail::sandbox;

/// More of what it says is not repeated.
const LONGEST: usize = 300;

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Its JSON.
    pub(super) fn json(&self, api: &str) -> Result<Value, Trouble> {
        serde_json::from_slice(&self.body).map_err(|_| Trouble::NotJson {
            api: api.into(),
            status: self.status.as_u16(),
            kind: self.kind(),
        })
    }

    /// Whether it is a JSON object, as all that the API says.
    pub(super) fn is_object(&self) -> bool {
        serde_json::from_slice(&self.body).is_ok_and(|json: Value| json.is_object())
    }

    /// What came in place of JSON.
    fn kind(&self) -> String {
        let content = self.headers.get(CONTENT_TYPE);
        let content = content.and_then(|value| value.to_str().ok()).unwrap_or("");
        let start = self.body.trim_ascii_start();
        if start.is_empty() {
            "nothing".into()
        } else if start.starts_with(b"<") || content.contains("html") {
            "HTML".into()
        } else if content.is_empty() || content.contains("json") {
            "something".into()
        } else {
            cut(content)
        }
    }

    /// Whether it is a sandbox's.
    pub(super) fn is_of_a_sandbox(&self) -> bool {
        self.headers.contains_key(sandbox::HEADER)
    }

    /// How long it wants not to be asked.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        // It may be a time as well.
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let wait = at.duration_since(Timestamp::now());
        Some(Duration::try_from(wait).unwrap_or_default())
    }

    /// What a status other than 2xx means, but for 401, which depends on who asks.
    pub(super) fn trouble(&self, api: &str) -> Trouble {
        let status = self.status.as_u16();
        if self.status.is_redirection() {
            let to = self.headers.get(LOCATION);
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            return Trouble::Moved {
                api: api.into(),
                status,
                to: cut(to),
            };
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            return Trouble::TooMany {
                retry_after: self.retry_after(),
            };
        }
        let json = match self.json(api) {
            Ok(json) => json,
            // A gateway's 502 is HTML; what it says is its status.
            Err(_) if self.status.is_server_error() => {
                return Trouble::Server {
                    status,
                    said: String::new(),
                    is_here: is_here(api),
                };
            }
            Err(trouble) => return trouble,
        };
        let (said, fields) = complaint(&json);
        match status {
            403 => Trouble::Forbidden { said },
            404 => Trouble::NotFound { api: api.into() },
            400 | 422 => Trouble::Invalid {
                status,
                said,
                fields,
            },
            500.. => Trouble::Server {
                status,
                said,
                is_here: is_here(api),
            },
            _ => Trouble::Shape {
                status,
                what: if said.is_empty() {
                    "a status that the reference does not have".into()
                } else {
                    said
                },
            },
        }
    }
}

/// `detail`, which is a text or a list of what is wrong where, in words, and the fields.
fn complaint(json: &Value) -> (String, Vec<String>) {
    let detail = ["detail", "message", "error_description", "error"]
        .iter()
        .find_map(|name| json.get(name));
    let Some(Value::Array(entries)) = detail else {
        let said = detail.and_then(Value::as_str).unwrap_or_default();
        return (cut(said), Vec::new());
    };
    let mut fields = Vec::new();
    let mut said = Vec::new();
    for entry in entries {
        let place: Vec<String> = entry["loc"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), Into::into))
            .filter(|part| part != "body" && part != "query" && part != "path")
            .collect();
        let place = place.join(".");
        let wrong = entry["msg"].as_str().unwrap_or("it is wrong");
        said.push(if place.is_empty() {
            wrong.to_owned()
        } else {
            format!("`{place}`: {wrong}")
        });
        fields.push(place);
    }
    (cut(&said.join("; ")), fields)
}

fn cut(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, content: &str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content.parse().unwrap());
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.into(),
        }
    }

    #[test]
    fn a_validation_error_is_said_field_by_field() {
        let body = r#"{"detail":[{"loc":["body","url"],"msg":"invalid or missing URL scheme","type":"value_error.url.scheme"},
            {"loc":["body","rate_limit",0],"msg":"too many","type":"x"},{"loc":["body"],"msg":"bad"},{}]}"#;
        let trouble = answer(422, "application/json", body).trouble("https://a");
        assert_eq!(
            trouble.to_string(),
            "the API refuses it (422): `url`: invalid or missing URL scheme; `rate_limit.0`: too many; bad; it is wrong"
        );
        assert!(trouble.hint().contains("public https"), "{trouble:?}");
        let trouble = answer(400, "application/json", r#"{"detail":"no"}"#).trouble("https://a");
        assert_eq!(trouble.to_string(), "the API refuses it (400): no");
    }

    #[test]
    fn who_is_to_mend_it_depends_on_where_it_is() {
        let hint = |api: &str| answer(500, "application/json", "{}").trouble(api).hint();
        assert!(hint("https://api.cakemail.dev").contains("Cakemail's to mend"));
        assert!(hint("http://127.0.0.1:4500").contains("on this machine"));
    }

    #[test]
    fn a_wait_is_seconds_or_a_time() {
        let wait = |text: &str| {
            let mut answer = answer(429, "application/json", "{}");
            answer.headers.insert(RETRY_AFTER, text.parse().unwrap());
            answer.retry_after().map(|wait| wait.as_secs())
        };
        assert_eq!(wait(" 120 "), Some(120));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        let century = wait("Wed, 21 Oct 2099 07:28:00 GMT");
        assert!(century.is_some_and(|seconds| seconds > 1_000_000_000));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
    }

    #[test]
    fn what_is_not_json_is_named() {
        let said = |status, content: &str, body: &str| {
            answer(status, content, body)
                .trouble("https://a")
                .to_string()
        };
        assert_eq!(
            said(404, "text/html", "<html>"),
            "https://a answers 404 with HTML where JSON was due"
        );
        assert_eq!(
            said(403, "text/plain", ""),
            "https://a answers 403 with nothing where JSON was due"
        );
        assert_eq!(
            said(502, "text/html", "<html>"),
            "the API is in trouble (502)"
        );
        assert_eq!(
            said(500, "application/json", r#"{"detail":"boom"}"#),
            "the API is in trouble (500): boom"
        );
    }

    proptest! {
        #[test]
        fn any_answer_means_something(status in 300u16..600, body in ".{0,200}") {
            let trouble = answer(status, "application/json", &body).trouble("https://a");
            prop_assert!(!trouble.to_string().is_empty());
            prop_assert!(!trouble.code().is_empty());
            let _ = trouble.hint();
        }

        #[test]
        fn any_complaint_is_read(detail in prop::collection::vec((".{0,9}", ".{0,400}"), 0..5)) {
            let entries: Vec<_> = detail
                .iter()
                .map(|(place, wrong)| serde_json::json!({"loc": [place], "msg": wrong}))
                .collect();
            let (said, fields) = complaint(&serde_json::json!({ "detail": entries }));
            prop_assert!(said.chars().count() <= LONGEST + 1);
            prop_assert_eq!(fields.len(), detail.len());
        }
    }
}
