//! Deliveries without the people in them.
//!
//! E-mail addresses, names, IP addresses and tokens become look-alikes: the same one for the
//! same value wherever it stands, of the same kind and about as long. They are found by the
//! name of the field that they stand in, and by what they look like. Each other byte stays
//! as it is, and the body is signed anew with a secret that guards nothing.

mod book;
mod context;
mod json;
mod parts;
mod shapes;
#[cfg(test)]
mod tests;
mod text;
mod view;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::THROW_AWAY;
use crate::cakemail::event;
use crate::cakemail::signature::Secret;
use crate::delivery::{
    Answer, Attempt, Delivery, Headers, Kept, Outcome, Received, Scheme, Verdict,
};
use book::{Book, Kind};
use context::Context;
use text::value;
use view::apply;

/// Makes deliveries into such as can be shown.
pub struct Redactor {
    secret: Secret,
    book: Book,
}

/// A redacted delivery, and what there is to say of it.
#[derive(Debug)]
pub struct Redacted {
    /// The delivery with its id.
    pub kept: Kept,
    /// Bodies that could not be looked through and were left out, in plain words.
    pub left_out: Vec<&'static str>,
}

impl Redactor {
    /// For these deliveries, all of which are looked through first: a name that is found in
    /// the last one is taken out of the first one, too. `secret` is what they are signed with
    /// from now on.
    pub fn new(secret: Secret, all: &[Kept]) -> Self {
        let mut redactor = Self {
            secret,
            book: Book::learning(),
        };
        for kept in all {
            redactor.redact(kept);
        }
        redactor.book.learning = false;
        redactor
    }

    /// One of the deliveries, redacted.
    pub fn redact(&mut self, kept: &Kept) -> Redacted {
        let mut left_out = Vec::new();
        let received = &kept.delivery.request;
        let body = parts::body(&mut self.book, &received.headers, &received.body);
        let body = body.unwrap_or_else(|why| {
            left_out.push(why);
            bytes::Bytes::new()
        });
        let signed = self.headers_of_request(received, &body);
        let path = parts::path(&mut self.book, &received.path_and_query);
        let request = Received {
            received_at: received.received_at,
            peer: self.peer(&received.peer).into(),
            method: received.method.clone(),
            path_and_query: path.into(),
            headers: signed,
            event: event::name_in(&body),
            body,
            verdict: self.verdict(received),
            original: received.original,
            relayed: received.relayed.clone(),
        };
        let attempts = kept.attempts.iter();
        let attempts = attempts
            .map(|attempt| Arc::new(self.attempt(attempt, &mut left_out)))
            .collect();
        let delivery = Delivery {
            id: kept.delivery.id,
            request,
        };
        let kept = Kept {
            delivery: Arc::new(delivery),
            attempts,
            marked: kept.marked,
            repeats: kept.repeats,
        };
        Redacted { kept, left_out }
    }

    fn verdict(&self, received: &Received) -> Verdict {
        match &received.verdict {
            Verdict::Valid { scheme, .. } => Verdict::Valid {
                scheme: *scheme,
                secret: self.secret.label().clone(),
            },
            Verdict::Invalid { .. } => Verdict::Invalid {
                reason: "it did not verify before it was redacted".into(),
            },
            Verdict::Unsigned => Verdict::Unsigned,
            Verdict::Unchecked => {
                claimed(&received.headers).map_or(Verdict::Unchecked, |scheme| Verdict::Valid {
                    scheme,
                    secret: THROW_AWAY.into(),
                })
            }
        }
    }

    /// A signature that was right, or was never checked, is right under the new secret. One
    /// that was wrong is so still.
    fn headers_of_request(&mut self, received: &Received, body: &[u8]) -> Headers {
        let mut fields = parts::headers(
            &mut self.book,
            &received.headers,
            body.len(),
            received.body.len(),
        );
        if !matches!(received.verdict, Verdict::Invalid { .. }) {
            for ((name, new), (_, old)) in fields.iter_mut().zip(received.headers.iter()) {
                if let Some(scheme) = scheme_of(name, old) {
                    *new = self.secret.sign(scheme, body).into_bytes();
                }
            }
        }
        fields.into_iter().collect()
    }

    fn peer(&mut self, peer: &str) -> String {
        let Ok(address) = peer.parse::<SocketAddr>() else {
            return self.text(peer);
        };
        let kind = match address.ip() {
            ip if ip.to_canonical().is_loopback() => return peer.to_owned(),
            IpAddr::V4(_) => Kind::V4,
            IpAddr::V6(_) => Kind::V6,
        };
        let ip = self.book.look_alike(kind, &address.ip().to_string());
        match kind {
            Kind::V6 => format!("[{ip}]:{}", address.port()),
            _ => format!("{ip}:{}", address.port()),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let edits = value(&mut self.book, text, Context::Text, 0);
        apply(text, &edits)
    }

    fn attempt(&mut self, attempt: &Attempt, left_out: &mut Vec<&'static str>) -> Attempt {
        let outcome = match &attempt.outcome {
            Outcome::Failed(failure) => {
                let mut failure = failure.clone();
                failure.message = self.text(&failure.message).into();
                failure.hint = self.text(&failure.hint).into();
                Outcome::Failed(failure)
            }
            Outcome::Answered(answer) => Outcome::Answered(self.answer(answer, left_out)),
        };
        Attempt {
            delivery: attempt.delivery,
            n: attempt.n,
            cause: attempt.cause,
            target: parts::target(&mut self.book, &attempt.target).into(),
            started_at: attempt.started_at,
            took: attempt.took,
            outcome,
        }
    }

    fn answer(&mut self, answer: &Answer, left_out: &mut Vec<&'static str>) -> Answer {
        let body = parts::body(&mut self.book, &answer.headers, &answer.body);
        let is_whole = answer.body.len() as u64 == answer.size;
        let (body, size) = match body {
            Ok(body) => {
                let cut = answer.size.saturating_sub(answer.body.len() as u64);
                let size = body.len() as u64 + cut;
                (body, size)
            }
            Err(why) => {
                left_out.push(why);
                (bytes::Bytes::new(), if is_whole { 0 } else { answer.size })
            }
        };
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let before = usize::try_from(answer.size).unwrap_or(usize::MAX);
        Answer {
            status: answer.status,
            headers: parts::headers(&mut self.book, &answer.headers, length, before)
                .into_iter()
                .collect(),
            body,
            size,
            first_byte: answer.first_byte,
        }
    }
}

/// The scheme of a signature header that is written as one of the documents says.
fn scheme_of(name: &str, value: &[u8]) -> Option<Scheme> {
    Scheme::ALL.into_iter().find(|scheme| {
        let is_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let fits = match scheme {
            Scheme::CakemailHex => value.len() == 64 && value.iter().all(is_hex),
            Scheme::CakemailBase64 | Scheme::ApiBase64 => {
                value.len() == 44 && value.ends_with(b"=")
            }
        };
        fits && name.eq_ignore_ascii_case(scheme.header())
    })
}

fn claimed(headers: &Headers) -> Option<Scheme> {
    headers
        .iter()
        .find_map(|(name, value)| scheme_of(name, value))
}
