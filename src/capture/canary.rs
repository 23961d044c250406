//! Canaries: requests of `cmhook doctor` that show whether this very listener is reached from
//! outside, and whether it knows a secret.
//!
//! A canary is no delivery: it is verified as one and answered here, and neither kept nor
//! forwarded. So that nobody else learns what verifies, it proves in its field that whoever
//! sent it has this run's token, which stands in a file for the user alone; the answer proves
//! the same. One that proves nothing, such as for a listener before this one, is refused.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::answer::{AnswerBody, own};
use super::intake::Intake;
use super::receive::Whole;
use crate::cakemail::signature::{EmptySecret, Secret};
use crate::delivery::{Scheme, Verdict};
use crate::http::headers;
use crate::wire::Verification;

/// The field that makes a request a canary, and that its answer has too.
pub const FIELD: HeaderName = HeaderName::from_static("cmhook-canary");

/// What proves that two ends are of one run.
#[derive(Debug, Clone)]
pub struct CanaryKey(Secret);

impl CanaryKey {
    /// Made of a run's token.
    ///
    /// # Errors
    /// Where that is empty.
    pub fn new(token: &str) -> Result<Self, EmptySecret> {
        Secret::new("canary", None, token).map(Self)
    }

    fn proof(&self, of: &str) -> String {
        self.0.sign(Scheme::CakemailHex, of.as_bytes())
    }

    /// The field of a canary with this id.
    pub fn asks(&self, id: &str) -> String {
        format!("{id}:{}", self.proof(&format!("canary {id}")))
    }

    /// The id in a canary's field; `None` where it was made with another key.
    pub fn id_in<'f>(&self, field: &'f str) -> Option<&'f str> {
        let (id, _) = field.split_once(':')?;
        self.is(&self.asks(id), field).then_some(id)
    }

    /// The field of the answer to it.
    pub fn answers(&self, id: &str, verdict: &str) -> String {
        self.proof(&format!("arrived {id} {verdict}"))
    }

    /// Whether both are the same, in a time that tells nothing.
    fn is(&self, one: &str, other: &str) -> bool {
        self.0.digest(one.as_bytes()) == self.0.digest(other.as_bytes())
    }

    /// Whether an answer with this field and this verdict is that to the canary of this id.
    pub fn is_answer(&self, field: &str, id: &str, verdict: &str) -> bool {
        self.is(&self.answers(id, verdict), field)
    }

    /// The answer to a canary of which that is the verdict.
    pub fn answer(&self, id: &str, verdict: &Verdict) -> Response<AnswerBody> {
        let said = Verification::new(None, verdict, Vec::new());
        let body = serde_json::to_vec(&said).unwrap_or_default();
        let mut answer = Response::new(AnswerBody::whole(body.into()));
        if let Ok(proof) = HeaderValue::from_str(&self.answers(id, verdict.status())) {
            answer.headers_mut().insert(FIELD, proof);
        }
        answer
    }
}

/// The field of a canary, where it is one.
pub fn field(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(FIELD)
        .map(|value| value.to_str().unwrap_or_default())
}

/// What a canary is answered that proves nothing. A relay takes it for final, and does not
/// hand it on again.
pub fn refusal() -> Response<AnswerBody> {
    own(StatusCode::BAD_REQUEST, "a canary of another run")
}

impl Intake {
    /// Answers the canaries that are made with this key. It is told once.
    pub fn expect_canaries(&self, key: CanaryKey) {
        let _ = self.canary.set(key);
    }

    /// Whether it is a canary, and the answer to it where it is.
    pub(super) async fn canary(&self, whole: &Whole, waited: bool) -> Option<Response<AnswerBody>> {
        let field = field(&whole.parts.headers)?;
        // Whoever sent one that has waited is gone.
        let key = self.canary.get().filter(|_| !waited);
        let Some((key, id)) = key.and_then(|key| Some((key, key.id_in(field)?))) else {
            tracing::debug!("refused a canary that is not of this run");
            return Some(refusal());
        };
        let kept_headers = headers::to_kept(&whole.parts.headers);
        let (verdict, ..) = self.examiner.examine(&kept_headers, &whole.body).await;
        tracing::debug!("answered a canary");
        Some(key.answer(id, &verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_the_token_can_ask_and_answer() {
        let key = CanaryKey::new("token").unwrap();
        let other = CanaryKey::new("other").unwrap();
        let asked = key.asks("7f");
        assert_eq!(key.id_in(&asked), Some("7f"));
        assert_eq!(other.id_in(&asked), None);
        assert_eq!(key.id_in("7f:"), None);
        assert_eq!(key.id_in("probe"), None);
        let answer = key.answers("7f", "valid");
        assert!(key.is_answer(&answer, "7f", "valid"));
        assert!(!key.is_answer(&answer, "7f", "invalid"));
        assert!(!key.is_answer(&answer, "80", "valid"));
        assert!(!other.is_answer(&answer, "7f", "valid"));
    }
}
