//! Reading what a request says.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::Request;
use axum::extract::rejection::PathRejection;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use super::super::answer::{Mistakes, No};
use super::super::{Shared, now};
use crate::cakemail::sandbox::{ACCOUNT, LONGEST_BODY};

/// How long a body may take.
const WITHIN: Duration = Duration::from_secs(30);
/// What is read of a body that is too long, and how long that may take.
const PASSED_OVER: (usize, Duration) = (64 << 20, Duration::from_secs(10));

/// The body, whole.
///
/// # Errors
/// Where it is too long, does not come, or breaks off.
pub(super) async fn body(request: Request) -> Result<Bytes, No> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let asks_first = request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body();
    if announced.is_some_and(|length| length > LONGEST_BODY as u64) {
        // Who asks before sending it does not send it then.
        if !asks_first {
            pass_over(&mut body).await;
        }
        return Err(too_large());
    }
    let reading = Limited::new(&mut body, LONGEST_BODY).collect();
    match timeout(WITHIN, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            pass_over(&mut body).await;
            Err(too_large())
        }
        Ok(Err(_)) => {
            let detail = "There was an error parsing the body";
            Err(No::new(StatusCode::BAD_REQUEST, detail))
        }
        Err(_) => Err(No::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not come",
        )),
    }
}

fn too_large() -> No {
    let mebibytes = LONGEST_BODY >> 20;
    let detail = format!(
        "Request body too large: the sandbox takes at most {mebibytes} MiB ({LONGEST_BODY} bytes)"
    );
    No::new(StatusCode::PAYLOAD_TOO_LARGE, &detail)
}

/// Reads what comes. A connection that is closed while its client still sends is reset, and
/// the client does not see the answer.
async fn pass_over(body: &mut Body) {
    let (most, within) = PASSED_OVER;
    let reading = async {
        let mut passed = 0;
        while let Some(Ok(frame)) = body.frame().await {
            passed += frame.data_ref().map_or(0, Bytes::len);
            if passed > most {
                break;
            }
        }
    };
    let _ = timeout(within, reading).await;
}

/// Lets in who shows a token.
///
/// # Errors
/// 401 for anybody else.
pub(super) async fn authorize(shared: &Shared, headers: &HeaderMap) -> Result<(), No> {
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.split_once(' '));
    let Some((scheme, token)) = given else {
        return Err(No::unauthorized("Not authenticated"));
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(No::unauthorized("Not authenticated"));
    }
    let token = token.trim().to_owned();
    let lets_in = move |book: &super::super::book::Inner| book.lets_in(&token, now());
    if shared.book.with(lets_in).await? {
        return Ok(());
    }
    Err(No::unauthorized("Invalid or expired access token"))
}

/// The id in a path.
///
/// # Errors
/// 404 where it is no text.
pub(super) fn id(path: Result<Path<String>, PathRejection>) -> Result<String, No> {
    path.map(|Path(id)| id).map_err(|_| No::not_found())
}

/// The parameters of a query; of several of one name the last.
#[derive(Debug)]
pub(super) struct Query {
    values: HashMap<String, String>,
    mistakes: Mistakes,
}

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self {
            values: pairs.into_owned().collect(),
            mistakes: Mistakes::default(),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A switch, in pydantic's words for one.
    pub(super) fn switch(&mut self, name: &str) -> bool {
        let Some(text) = self.values.get(name) else {
            return false;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "t" | "y" | "yes" => true,
            "false" | "0" | "off" | "f" | "n" | "no" => false,
            _ => {
                let message = "value could not be parsed to a boolean";
                self.mistakes
                    .add(&["query", name], "type_error.bool", message);
                false
            }
        }
    }

    /// A number from 1 on, up to `most`.
    pub(super) fn number(&mut self, name: &str, usual: u32, most: u32) -> u32 {
        let Some(text) = self.values.get(name) else {
            return usual;
        };
        let at = ["query", name];
        match text.trim().parse::<i64>().map(|n| (n, u32::try_from(n))) {
            Ok((_, Ok(number))) if (1..=most).contains(&number) => number,
            Ok((number, _)) => {
                let (kind, limit, words) = if number < 1 {
                    ("value_error.number.not_ge", 1, "greater")
                } else {
                    ("value_error.number.not_le", most, "less")
                };
                let message = format!("ensure this value is {words} than or equal to {limit}");
                let context = serde_json::json!({ "limit_value": limit });
                self.mistakes.add_with(&at, kind, &message, &context);
                usual
            }
            Err(_) => {
                let message = "value is not a valid integer";
                self.mistakes.add(&at, "type_error.integer", message);
                usual
            }
        }
    }

    /// The account that is meant: the user's own unless another is named. Any other counts as
    /// one below it.
    pub(super) fn account(&mut self) -> u32 {
        self.number("account_id", ACCOUNT, i32::MAX.cast_unsigned())
    }

    /// # Errors
    /// The 422 where something made no sense.
    pub(super) fn check(self) -> Result<(), No> {
        self.mistakes.check()
    }
}
