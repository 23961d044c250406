//! Durations, sizes and verdicts as people read them, the same on every face.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;

use super::{Phase, Tunnel, Verdict};

/// `<1ms`, `12ms`, `30.0s`.
pub fn took(duration: Duration) -> String {
    if duration < Duration::from_millis(1) {
        "<1ms".into()
    } else if duration < Duration::from_secs(10) {
        format!("{}ms", duration.as_millis())
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}

/// `431 B`, `1.2 kB`.
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// What verification said, without its reason. The label in it is as the user wrote it.
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid { scheme, secret } => format!("signed ({scheme}, secret `{secret}`)"),
        Verdict::Invalid { .. } => "invalid signature".into(),
        Verdict::Unsigned => "unsigned".into(),
        Verdict::Unchecked => "signed, no secret known to check it".into(),
    }
}

/// What was asked for, where the app knows no such path or takes no such method at it;
/// `flag` names another.
pub fn no_such_path(status: u16, method: &str, url: &str, flag: &str) -> Option<String> {
    let (authority, path) =
        url.split_once("://")
            .map_or((url, "/"), |(_, rest)| match rest.find('/') {
                Some(at) => rest.split_at(at),
                None => (rest, "/"),
            });
    let path = path.split('?').next().unwrap_or_default();
    let what = match status {
        404 => format!("the app knows no {path}"),
        405 => format!("the app takes no {method} at {path}"),
        _ => return None,
    };
    Some(format!(
        "{what}: where its webhook is elsewhere, name the path with `{flag} {authority}/PATH`"
    ))
}

/// `3 webhooks point here`; `None` where there are none.
pub fn registered(webhooks: usize) -> Option<String> {
    match webhooks {
        0 => None,
        1 => Some("1 webhook points here".into()),
        many => Some(format!("{many} webhooks point here")),
    }
}

/// `3 s`, `2 min 5 s`, `1 h 20 min`: how long something lasted or will last, to the second.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, 0, rest) => format!("{rest} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// How long it is from the first to the second; nothing where that is over.
pub fn between(first: Timestamp, second: Timestamp) -> Duration {
    Duration::try_from(second.duration_since(first)).unwrap_or_default()
}

/// `in 3 s`, counted up to whole seconds; `now` where the time has come.
pub fn countdown(at: Timestamp, now: Timestamp) -> String {
    let left = between(now, at);
    if left.is_zero() {
        return "now".into();
    }
    let up = left + Duration::from_millis(999);
    format!("in {}", span(up))
}

/// `online, https://shop.hooks.example.com`, `lost (no route), next try in 3 s`: how a tunnel
/// is doing, without what to do about it. The relay's own words are as it said them.
pub fn tunnel(tunnel: &Tunnel, now: Timestamp) -> String {
    let next = |at: Option<Timestamp>| at.map(|at| format!(", next try {}", countdown(at, now)));
    match &tunnel.phase {
        Phase::Connecting => format!("connecting to {}", tunnel.relay),
        Phase::Online { waiting, .. } => {
            let url = tunnel.public_url.as_deref().unwrap_or(&tunnel.relay);
            match waiting {
                0 => format!("online, {url}"),
                waiting => format!("online, {url}, {waiting} had waited"),
            }
        }
        Phase::Reconnecting {
            attempt,
            next_at,
            reason,
            ..
        } => {
            let what = if tunnel.public_url.is_some() {
                "lost"
            } else {
                "not connected"
            };
            let next = next(*next_at).unwrap_or_else(|| ", trying again".into());
            let failed = match attempt {
                0 | 1 => String::new(),
                attempt => format!(" ({attempt} failed)"),
            };
            format!("{what} ({reason}){next}{failed}")
        }
        Phase::Refused {
            reason, next_at, ..
        } => format!("refused: {reason}{}", next(*next_at).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_named() {
        let said = |status, url| no_such_path(status, "POST", url, "--forward");
        let text = said(404, "http://localhost:3000/hooks?a=b").unwrap_or_default();
        assert_eq!(
            text,
            "the app knows no /hooks: where its webhook is elsewhere, name the path with `--forward localhost:3000/PATH`"
        );
        let text = said(405, "http://localhost:3000").unwrap_or_default();
        assert!(text.starts_with("the app takes no POST at /:"), "{text}");
        assert_eq!(said(500, "http://localhost:3000/"), None);
    }

    #[test]
    fn spans_and_countdowns() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3600, "1 h"),
            (4800, "1 h 20 min"),
            (259_200, "72 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        let now = Timestamp::UNIX_EPOCH;
        let at = |ms| now + jiff::SignedDuration::from_millis(ms);
        assert_eq!(countdown(at(2001), now), "in 3 s");
        assert_eq!(countdown(at(3000), now), "in 3 s");
        assert_eq!(countdown(now, at(1)), "now");
    }

    #[test]
    fn a_tunnel_is_told_in_a_line() {
        let now = Timestamp::UNIX_EPOCH;
        let soon = Some(now + jiff::SignedDuration::from_secs(3));
        let said = |public_url: Option<&str>, phase| {
            let relay = "https://hooks.example.com".into();
            let public_url = public_url.map(Into::into);
            let (since, relay) = (now, relay);
            let one = Tunnel {
                relay,
                public_url,
                phase,
                since,
            };
            tunnel(&one, now)
        };
        let url = Some("https://shop.hooks.example.com");
        let lost = |attempt, next_at| Phase::Reconnecting {
            attempt,
            next_at,
            reason: "no answer".into(),
            hint: String::new(),
        };
        let online = |waiting| Phase::Online {
            round_trip: None,
            waiting,
        };
        let refused = |next_at| Phase::Refused {
            code: "token".into(),
            reason: "the token is unknown".into(),
            hint: String::new(),
            next_at,
        };
        for (text, said) in [
            (
                "connecting to https://hooks.example.com",
                said(None, Phase::Connecting),
            ),
            (
                "online, https://shop.hooks.example.com",
                said(url, online(0)),
            ),
            (
                "online, https://shop.hooks.example.com, 12 had waited",
                said(url, online(12)),
            ),
            (
                "lost (no answer), next try in 3 s",
                said(url, lost(0, soon)),
            ),
            (
                "not connected (no answer), next try in 3 s (4 failed)",
                said(None, lost(4, soon)),
            ),
            ("lost (no answer), trying again", said(url, lost(1, None))),
            ("refused: the token is unknown", said(None, refused(None))),
            (
                "refused: the token is unknown, next try in 3 s",
                said(None, refused(soon)),
            ),
        ] {
            assert_eq!(said, text);
        }
    }
}
