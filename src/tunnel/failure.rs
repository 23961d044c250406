//! Why there is no connection to the relay, and what to do about it.

use std::time::Duration;

use http::{StatusCode, Uri};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::advice::{Advice, Asked, advice};
use super::backoff::Lost;
use crate::http::line::{Obstacle, Unconnected};
use crate::link::{Farewell, names};

/// The relay said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// What kind of no, for programs.
    pub code: String,
    /// Why, without a final period.
    pub reason: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// Whether another try is of any use.
    pub is_final: bool,
}

/// Why a try failed or a connection ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is worth another try.
    Lost {
        why: Lost,
        reason: String,
        hint: String,
        /// Not before this.
        after: Option<Duration>,
    },
    /// It is not, or not soon.
    Refused(Refused),
}

impl Failure {
    pub(super) fn lost(why: Lost, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Lost {
            why,
            reason: reason.into(),
            hint: hint.into(),
            after: None,
        }
    }

    fn refused(code: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused(Refused::of(code, reason, hint))
    }

    /// For whoever does not try again.
    pub(super) fn into_refused(self) -> Refused {
        match self {
            Self::Refused(refused) => refused,
            Self::Lost { reason, hint, .. } => Refused::of("unreachable", reason, hint),
        }
    }
}

impl Refused {
    pub(super) fn of(code: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            reason: reason.into(),
            hint: hint.into(),
            is_final: false,
        }
    }
}

impl From<Unconnected> for Failure {
    fn from(why: Unconnected) -> Self {
        let Unconnected {
            obstacle,
            reason,
            hint,
        } = why;
        match obstacle {
            Obstacle::Certificate => Self::refused("certificate", reason, hint),
            Obstacle::Tls => Self::refused("tls", reason, hint),
            Obstacle::Proxy => Self::refused("proxy", reason, hint),
            Obstacle::Host => Self::lost(Lost::Relay, reason, hint),
            Obstacle::Network => Self::lost(Lost::Network, reason, hint),
        }
    }
}

/// What is wrong where no answer to the request for a tunnel came, or something that is none.
/// `None` where the line is to blame.
pub(super) fn of_handshake(relay: &Uri, error: &Error) -> Option<Failure> {
    match error {
        Error::Protocol(ProtocolError::HandshakeIncomplete) => Some(hung_up(relay)),
        Error::Protocol(_) | Error::HttpFormat(_) | Error::Capacity(_) | Error::Utf8(_) => {
            Some(no_relay(relay, error))
        }
        _ => None,
    }
}

/// The same where no tunnel was asked for.
pub(super) fn of_exchange(relay: &Uri, error: &hyper::Error) -> Option<Failure> {
    if error.is_incomplete_message() {
        return Some(hung_up(relay));
    }
    error.is_parse().then(|| no_relay(relay, error))
}

/// As a proxy does whose relay is away: it may be back any moment, and is not to be asked all
/// the time until then.
fn hung_up(relay: &Uri) -> Failure {
    let at = relay.authority().map_or("", |at| at.as_str());
    let reason = format!("{at} hung up before it answered");
    Failure::lost(Lost::Relay, reason, "is the relay running?")
}

fn no_relay(relay: &Uri, error: &dyn std::error::Error) -> Failure {
    let reason = format!("there is no relay at {relay}: {error}");
    Failure::refused("not_a_relay", reason, "is the URL right?")
}

/// What an answer to the request for a tunnel means.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    /// The relay's word for it; none where somebody else answered.
    pub(super) code: Option<&'a str>,
    /// In its own words.
    pub(super) said: Option<String>,
    /// Which protocol it speaks.
    pub(super) speaks: Option<&'a str>,
    pub(super) retry_after: Option<Duration>,
}

impl Answer<'_> {
    pub(super) fn failure(&self, asked: Asked<'_>) -> Failure {
        let Some(code) = self.code else {
            return self.not_a_relay(asked.relay);
        };
        if matches!(code, "draining" | "busy") {
            let said = self.said.clone();
            return Failure::Lost {
                why: Lost::Relay,
                reason: said.unwrap_or_else(|| "the relay takes no agents right now".into()),
                hint: String::new(),
                after: self.retry_after,
            };
        }
        let said = self.said.as_deref().unwrap_or_default();
        let Advice { reason, hint } = advice(code, said, asked);
        let reason = match code {
            "protocol" => self.protocol(),
            _ if reason.is_none() && said.is_empty() => format!("the relay says {code}"),
            _ => reason.unwrap_or_else(|| said.to_owned()),
        };
        Failure::refused(code, reason, hint)
    }

    fn protocol(&self) -> String {
        let own = names::PROTOCOL;
        match self.speaks.and_then(|speaks| speaks.parse::<u32>().ok()) {
            Some(theirs) if theirs > own => format!(
                "the relay speaks version {theirs} of the protocol and this cmhook {own}: upgrade this cmhook"
            ),
            Some(theirs) => format!(
                "the relay speaks version {theirs} of the protocol and this cmhook {own}: the relay has to be upgraded"
            ),
            None => "the relay speaks another version of the protocol".into(),
        }
    }

    /// Something else answered: a proxy in front of a relay that is down, or a web site.
    fn not_a_relay(&self, relay: &Uri) -> Failure {
        let status = self.status;
        if matches!(status.as_u16(), 429 | 500 | 502..=504) {
            return Failure::Lost {
                why: Lost::Relay,
                reason: format!("what stands in front of the relay answers {status}"),
                hint: "is the relay running?".into(),
                after: self.retry_after,
            };
        }
        Failure::refused(
            "not_a_relay",
            format!("there is no relay at {relay}: it answers {status}"),
            "is the URL right, and does a proxy in front let WebSockets through?",
        )
    }
}

/// What the relay's last words mean.
pub(super) fn farewell(farewell: &Farewell) -> Failure {
    let reason = farewell.reason.clone();
    match farewell.code {
        Farewell::RESTART | Farewell::GOING_AWAY => {
            Failure::lost(Lost::Relay, "the relay is restarting", "")
        }
        Farewell::TAKEN_OVER => Failure::Refused(Refused {
            code: "taken_over".into(),
            reason,
            hint: "start again with `--takeover` to get the name back".into(),
            is_final: true,
        }),
        Farewell::REVOKED => Failure::refused(
            "bad_token",
            reason,
            "ask whoever runs the relay for a new one (`cmhook relay token create`)",
        ),
        Farewell::RELEASED => Failure::refused(
            "no_such_name",
            reason,
            "have it reserved for this token again (`cmhook relay name reserve`), or use another",
        ),
        code => Failure::lost(
            Lost::Relay,
            format!("the relay ended the connection: {reason} ({code})"),
            "",
        ),
    }
}
