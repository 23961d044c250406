//! Sending what is kept once more, as it came or as an edited copy, and taking in what came
//! through no door.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;

pub use super::again_error::AgainError;
use super::clock::now;
use super::controls::Controls;
use super::forward::{Errand, Forwarder, Head};
use super::rejudge;
use super::targets;
use crate::cakemail::event;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::config::{Policy, Target};
use crate::delivery::{Attempt, Cause, Delivery, Headers, Kept, Received, Scheme, Verdict};
use crate::store::{Hold, Store};

/// The header of what is sent again, with the id of the delivery that came in.
pub const REPLAY_OF: &str = "cmhook-replay-of";

/// Sends kept deliveries again.
#[derive(Debug, Clone)]
pub struct Again {
    store: Store,
    controls: Controls,
    forwarder: Arc<Forwarder>,
}

/// A delivery that somebody made from a kept one, or from nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The method.
    pub method: Box<str>,
    /// Path and query, undecoded.
    pub path_and_query: Box<str>,
    /// The headers, with the signature unless it is to be made.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
    /// The delivery that it is an edited copy of.
    pub original: Option<u64>,
    /// How to sign it anew; `None` leaves the headers as they are.
    pub sign: Option<Sign>,
}

/// How to sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sign {
    /// The label of the secret; by default the one that the original was signed with, the
    /// one for its event, or the first.
    pub secret: Option<String>,
    /// The scheme; by default the original's.
    pub scheme: Option<Scheme>,
}

impl Again {
    /// One for these parts, which a listener's pipeline may share.
    pub const fn new(store: Store, controls: Controls, forwarder: Arc<Forwarder>) -> Self {
        Self {
            store,
            controls,
            forwarder,
        }
    }

    /// The store behind it.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What can be changed while a listener runs. To change targets or secrets, see
    /// [`Again::set_forward`] and [`Again::add_secret`].
    pub const fn controls(&self) -> &Controls {
        &self.controls
    }

    /// What it signs and verifies with.
    pub fn secrets(&self) -> Arc<[Secret]> {
        self.controls.secrets()
    }

    /// What says where a delivery goes.
    pub fn policy(&self) -> Arc<Policy> {
        self.controls.policy()
    }

    /// Forwards to these targets from now on, see [`Controls::set_forward`], and remembers
    /// them for commands that come when there is no listener any more.
    pub fn set_forward(&self, targets: Vec<Target>) {
        self.controls.set_forward(targets);
        targets::remember(&self.store, &self.controls.policy());
    }

    /// Where a delivery of that event goes when it is sent again: where it would go when it
    /// comes in, and of several targets to the first.
    pub fn target(&self, event: Option<&str>) -> Option<Target> {
        let policy = self.controls.policy();
        let mut routes = policy.routes.iter();
        routes
            .find(|(pattern, _)| event.is_some_and(|event| pattern.matches(event)))
            .map(|(_, target)| target)
            .or(policy.forward.first())
            .cloned()
    }

    /// Sends a kept delivery once more, byte for byte, and returns the attempt when it has
    /// been recorded.
    ///
    /// # Errors
    /// Where there is no such delivery or no target. That the app gives no answer is no
    /// error but the attempt's outcome.
    pub async fn replay(&self, id: u64, to: Option<&Target>) -> Result<Arc<Attempt>, AgainError> {
        let (kept, hold) = self.store.hold(id).ok_or(AgainError::NoDelivery(id))?;
        let shown = kept.delivery.request.original.unwrap_or(id);
        self.attempt(&kept.delivery, hold, to, Some(shown)).await
    }

    /// Keeps a draft as a new delivery and sends it.
    ///
    /// # Errors
    /// Where it cannot be signed, kept or sent; nothing was sent then.
    pub async fn send(
        &self,
        draft: Draft,
        to: Option<&Target>,
    ) -> Result<(Arc<Delivery>, Arc<Attempt>), AgainError> {
        let event = event::name_in(&draft.body);
        if to.is_none() && self.target(event.as_deref()).is_none() {
            return Err(AgainError::NoTarget);
        }
        method(&draft.method)?;
        path(&draft.path_and_query)?;
        let original = draft.original.and_then(|id| self.store.get(id));
        let headers = match &draft.sign {
            None => draft.headers,
            Some(sign) => self.sign(sign, &draft, event.as_deref(), original.as_ref())?,
        };
        let secrets = self.secrets();
        let peer = original.map(|kept| kept.delivery.request.peer.clone());
        let recorded = self.store.record(Received {
            received_at: now(),
            peer: peer.unwrap_or_else(|| "127.0.0.1:0".into()),
            method: draft.method,
            path_and_query: draft.path_and_query,
            verdict: verify(&secrets, &headers, &draft.body),
            headers,
            body: draft.body,
            event,
            original: draft.original,
            relayed: None,
        });
        rejudge::if_outdated(&self.store, &self.controls, &recorded.delivery, &secrets);
        recorded.saved.wait().await.map_err(AgainError::Unsaved)?;
        let delivery = recorded.delivery;
        let attempt = self
            .attempt(&delivery, recorded.hold, to, draft.original)
            .await?;
        Ok((delivery, attempt))
    }

    /// Takes in a delivery that was kept elsewhere, with its attempts, under a new id.
    /// Nothing is sent. The verdict is made anew where a known secret fits.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub async fn take_in(&self, kept: Kept) -> Result<Arc<Delivery>, AgainError> {
        let mut request = kept.delivery.request.clone();
        let secrets = self.secrets();
        let verdict = verify(&secrets, &request.headers, &request.body);
        if verdict.is_valid() {
            request.verdict = verdict;
        }
        let recorded = self.store.record(request);
        rejudge::if_outdated(&self.store, &self.controls, &recorded.delivery, &secrets);
        let id = recorded.delivery.id;
        for attempt in kept.attempts {
            let mut attempt = (*attempt).clone();
            attempt.delivery = id;
            self.store.record_attempt(attempt);
        }
        if kept.marked {
            self.store.mark(id, true);
        }
        if kept.repeats > 0 {
            self.store.set_repeats(id, kept.repeats);
        }
        recorded.saved.wait().await.map_err(AgainError::Unsaved)?;
        Ok(recorded.delivery)
    }

    async fn attempt(
        &self,
        delivery: &Delivery,
        hold: Hold,
        to: Option<&Target>,
        replay_of: Option<u64>,
    ) -> Result<Arc<Attempt>, AgainError> {
        let request = &delivery.request;
        let target = to
            .cloned()
            .or_else(|| self.target(request.event.as_deref()))
            .ok_or(AgainError::NoTarget)?;
        let mut head = Head::of_kept(request).ok_or_else(|| bad_method(&request.method))?;
        let fields = &mut head.headers;
        fields.remove(REPLAY_OF);
        if let Some(id) = replay_of {
            let name = HeaderName::from_static(REPLAY_OF);
            fields.insert(name, HeaderValue::from(id));
        }
        let (tell, told) = oneshot::channel();
        let errand = Errand {
            delivery,
            head,
            target: &target,
            cause: Cause::Replay,
            hold,
            room: None,
            tell: Some(tell),
        };
        if let Ok(mut answer) = self.forwarder.send(&self.store, errand).await {
            // Its attempt is recorded when the answer has been read to its end.
            while let Some(Ok(_)) = answer.body_mut().frame().await {}
        }
        // Every errand ends with an attempt; only a runtime that is shutting down drops one.
        told.await
            .map_err(|_| AgainError::Unsaved("cmhook is stopping".into()))
    }

    /// The draft's headers with a signature that is right.
    fn sign(
        &self,
        sign: &Sign,
        draft: &Draft,
        event: Option<&str>,
        original: Option<&Kept>,
    ) -> Result<Headers, AgainError> {
        let verdict = original.map(|kept| &kept.delivery.request.verdict);
        let (was, with) = match verdict {
            Some(Verdict::Valid { scheme, secret }) => (Some(*scheme), Some(&**secret)),
            _ => (None, None),
        };
        let secrets = self.secrets();
        let called = |label: &str| secrets.iter().find(|s| &**s.label() == label);
        let secret = match &sign.secret {
            Some(label) => called(label).ok_or_else(|| AgainError::UnknownSecret(label.clone()))?,
            None => with
                .and_then(called)
                .or_else(|| secret_for(&secrets, event))
                .ok_or(AgainError::NoSecret)?,
        };
        let scheme = sign.scheme.or(was);
        Ok(signed(
            &draft.headers,
            secret,
            scheme.unwrap_or_else(|| scheme_of(&draft.headers)),
            &draft.body,
        ))
    }
}

/// The secret for an event: one that is its webhook's, or else the first.
pub fn secret_for<'s>(secrets: &'s [Secret], event: Option<&str>) -> Option<&'s Secret> {
    secrets
        .iter()
        .find(|secret| {
            secret.event().is_some_and(|of| {
                event.is_some_and(|event| {
                    of.parse::<event::EventPattern>()
                        .is_ok_and(|pattern| pattern.matches(event))
                })
            })
        })
        .or(secrets.first())
}

/// The headers with this signature in the place of any other.
pub fn signed(headers: &Headers, secret: &Secret, scheme: Scheme, body: &[u8]) -> Headers {
    let value = secret.sign(scheme, body);
    let name = scheme.header().to_ascii_lowercase();
    unsigned(headers)
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_vec()))
        .chain([(name, value.into_bytes())])
        .collect()
}

/// The headers without a signature.
pub fn unsigned(headers: &Headers) -> Headers {
    let is_signature = |name: &str| {
        let mut schemes = Scheme::ALL.iter();
        schemes.any(|scheme| name.eq_ignore_ascii_case(scheme.header()))
    };
    headers.iter().filter(|(n, _)| !is_signature(n)).collect()
}

/// The scheme that a signature in these headers seems to be of; without one the manual's.
pub fn scheme_of(headers: &Headers) -> Scheme {
    let hex = Scheme::CakemailHex;
    match headers.get(&hex.header().to_ascii_lowercase()) {
        Some(value) if value.len() < 64 && value.len() >= 40 => Scheme::CakemailBase64,
        None if headers
            .get(&Scheme::ApiBase64.header().to_ascii_lowercase())
            .is_some() =>
        {
            Scheme::ApiBase64
        }
        _ => hex,
    }
}

fn method(text: &str) -> Result<Method, AgainError> {
    Method::from_bytes(text.as_bytes()).map_err(|_| bad_method(text))
}

fn bad_method(text: &str) -> AgainError {
    AgainError::Method(text.to_owned())
}

fn path(text: &str) -> Result<(), AgainError> {
    let is_path = text.starts_with('/') && text.parse::<PathAndQuery>().is_ok();
    is_path
        .then_some(())
        .ok_or_else(|| AgainError::Path(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_a_slash_and_is_one_word() {
        for good in ["/", "/a?b=%zz&c", "//x", "/{a}|b"] {
            assert_eq!(path(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a",
            "not a path",
            "/a b",
            "http://x/",
            "/a\r\nx: y",
            "?a",
        ] {
            assert_eq!(path(bad), Err(AgainError::Path(bad.into())), "{bad}");
        }
    }

    #[test]
    fn a_new_signature_takes_the_place_of_any_other() {
        let secret = Secret::new("a", None, "s").unwrap();
        let old: Headers = [
            ("content-type", "application/json"),
            ("X-Signature", "x"),
            ("x-cakemail-signature", "y"),
        ]
        .into_iter()
        .collect();
        assert_eq!(unsigned(&old).iter().count(), 1);
        for scheme in Scheme::ALL {
            let new = signed(&old, &secret, scheme, b"{}");
            assert_eq!(new.iter().count(), 2);
            assert_eq!(scheme_of(&new), scheme);
            assert!(verify(std::slice::from_ref(&secret), &new, b"{}").is_valid());
        }
        assert_eq!(scheme_of(&Headers::default()), Scheme::CakemailHex);
    }

    #[test]
    fn the_events_own_secret_is_taken_or_else_the_first() {
        let secrets = [
            Secret::new("a", None, "1").unwrap(),
            Secret::new("b", Some("email.bounced"), "2").unwrap(),
        ];
        let label = |event| secret_for(&secrets, event).unwrap().label().to_string();
        assert_eq!(label(Some("Email.Bounced")), "b");
        assert_eq!(label(Some("email.sent")), "a");
        assert_eq!(label(None), "a");
        assert!(secret_for(&[], None).is_none());
    }
}
