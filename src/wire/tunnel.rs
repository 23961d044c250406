//! How a listener's tunnel is doing.

use jiff::Timestamp;
use serde::Serialize;

use super::{Object, in_milliseconds};
use crate::delivery::{Phase, Tunnel};

/// See [`Object::Tunnel`].
#[derive(Debug, Serialize)]
pub struct TunnelObject<'a> {
    state: &'static str,
    relay: &'a str,
    public_url: Option<&'a str>,
    since: Timestamp,
    round_trip_ms: Option<f64>,
    waiting: Option<u64>,
    attempt: Option<u32>,
    next_at: Option<Timestamp>,
    code: Option<&'a str>,
    reason: Option<&'a str>,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Tunnel> for TunnelObject<'a> {
    fn from(tunnel: &'a Tunnel) -> Self {
        let phase = &tunnel.phase;
        let (round_trip, waiting) = match phase {
            Phase::Online {
                round_trip,
                waiting,
            } => (*round_trip, Some(*waiting)),
            _ => (None, None),
        };
        let trouble = phase.trouble();
        Self {
            state: phase.name(),
            relay: &tunnel.relay,
            public_url: tunnel.public_url.as_deref(),
            since: tunnel.since,
            round_trip_ms: round_trip.map(in_milliseconds),
            waiting,
            attempt: match phase {
                Phase::Reconnecting { attempt, .. } => Some(*attempt),
                _ => None,
            },
            next_at: phase.next_at(),
            code: match phase {
                Phase::Refused { code, .. } => Some(code),
                _ => None,
            },
            reason: trouble.map(|(reason, _)| reason),
            hint: trouble.map(|(_, hint)| hint),
        }
    }
}

impl<'a> From<&'a Tunnel> for Object<'a> {
    fn from(tunnel: &'a Tunnel) -> Self {
        Self::Tunnel(tunnel.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(public_url: Option<&str>, phase: Phase) -> String {
        let tunnel = Tunnel {
            relay: "https://hooks.example.com".into(),
            public_url: public_url.map(Into::into),
            phase,
            since: "2026-11-24T10:32:05.5Z".parse().unwrap(),
        };
        let mut line = Vec::new();
        Object::from(&tunnel).write_line(&mut line).unwrap();
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    #[test]
    fn every_phase_has_the_same_fields() {
        let url = Some("https://shop.hooks.example.com");
        let next_at = "2026-11-24T10:32:08.5Z".parse().ok();
        let lines = [
            line(None, Phase::Connecting),
            line(
                url,
                Phase::Online {
                    round_trip: Some(Duration::from_micros(23_400)),
                    waiting: 12,
                },
            ),
            line(
                url,
                Phase::Reconnecting {
                    attempt: 2,
                    next_at,
                    reason: "the relay does not answer".into(),
                    hint: String::new(),
                },
            ),
            line(
                None,
                Phase::Refused {
                    code: "token".into(),
                    reason: "the relay does not know the token".into(),
                    hint: "log in with `cmhook relay login`".into(),
                    next_at: None,
                },
            ),
        ];
        let fields = |line: &String| {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            let object = object.as_object().unwrap();
            object.keys().cloned().collect::<Vec<_>>()
        };
        for one in &lines {
            assert_eq!(fields(one), fields(&lines[0]));
        }
        // The line of the example in docs/json.md.
        let expected = r#"{"type":"tunnel","state":"online","relay":"https://hooks.example.com","public_url":"https://shop.hooks.example.com","since":"2026-11-24T10:32:05.5Z","round_trip_ms":23.4,"waiting":12,"attempt":null,"next_at":null,"code":null,"reason":null,"hint":null}"#;
        assert_eq!(lines[1], expected);
        insta::assert_snapshot!(lines.join("\n"));
    }
}
