//! Answers that say no more than their status does.

use serde_json::Value;

/// What servers and frameworks say in place of the error that an app threw, in lower case.
const PLATITUDES: [&str; 8] = [
    "internal server error",
    "internal error",
    "server error",
    "bad request",
    "something went wrong",
    "an error occurred",
    "unexpected error",
    "unknown error",
];

/// What stands in answers that tell of the error.
const DETAILS: [&str; 4] = ["traceback", "exception", "stack trace", "caused by"];

/// Fields of answers in JSON that say nothing of what went wrong.
const ASIDE: [&str; 7] = [
    "instance",
    "path",
    "requestid",
    "request_id",
    "timestamp",
    "type",
    "url",
];

/// Whether a body, in lower case, gives no reason: it is empty, or what is said in place of
/// one.
pub(super) fn says_nothing(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() {
        return true;
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return is_bare(&value);
    }
    let is_said = |part: &&str| text.contains(*part);
    PLATITUDES.iter().any(is_said) && !DETAILS.iter().any(is_said)
}

fn is_bare(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let text = text.trim();
            let is_word = matches!(text, "" | "error" | "fail" | "failed");
            is_word || PLATITUDES.iter().any(|part| text.contains(part))
        }
        Value::Array(all) => all.iter().all(is_bare),
        Value::Object(fields) => {
            let mut told = fields
                .iter()
                .filter(|(name, _)| !ASIDE.contains(&name.as_str()));
            told.all(|(_, value)| is_bare(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_no_reason_is_told_from_what_does() {
        for (body, is_so) in [
            ("", true),
            ("Internal Server Error", true),
            // Flask, of an error and of a header that is not there.
            (
                "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n<p>The server encountered an internal error and was unable to complete your request.</p>",
                true,
            ),
            (
                "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n<p>The browser (or proxy) sent a request that this server could not understand.</p>",
                true,
            ),
            ("<h1>Server Error (500)</h1>", true),
            (
                r#"{"statusCode":500,"message":"Internal server error"}"#,
                true,
            ),
            (
                r#"{"timestamp":"2026-11-24T10:32:07Z","status":500,"error":"Internal Server Error","path":"/hook"}"#,
                true,
            ),
            (
                r#"{"statusCode":500,"error":"Internal Server Error","message":"connect ECONNREFUSED"}"#,
                false,
            ),
            ("no such list", false),
            ("oops", false),
            (
                "<pre>Error: connect ECONNREFUSED 127.0.0.1:5432<br> at TCP</pre>",
                false,
            ),
            (
                "Internal Server Error\nTraceback (most recent call last):\n",
                false,
            ),
        ] {
            assert_eq!(says_nothing(&body.to_ascii_lowercase()), is_so, "{body}");
        }
    }
}
