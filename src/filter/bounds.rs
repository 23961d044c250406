//! Numbers, times, sizes and durations, and the comparisons with them.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds as _};
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span, Timestamp, Zoned};

/// From where to where: `>5`, `40..50`, `40..`, `5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds<T>(Bound<T>, Bound<T>);

/// Why a comparison means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadBounds {
    /// What is compared with cannot be read.
    Value,
    /// The end comes before the start.
    Reversed,
}

impl<T: PartialOrd> Bounds<T> {
    /// Whether it lies within.
    pub(super) fn contains(&self, value: &T) -> bool {
        (self.0.as_ref(), self.1.as_ref()).contains(value)
    }

    /// Reads a comparison. `read` reads what is compared with.
    pub(super) fn read(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Self, BadBounds> {
        use Bound::{Excluded, Included, Unbounded};
        let value = |text: &str| read(text.trim()).ok_or(BadBounds::Value);
        if let Some((sign, rest)) = comparison(text) {
            let value = value(rest)?;
            return Ok(match sign {
                ">=" => Self(Included(value), Unbounded),
                "<=" => Self(Unbounded, Included(value)),
                ">" => Self(Excluded(value), Unbounded),
                _ => Self(Unbounded, Excluded(value)),
            });
        }
        let Some((from, to)) = text.split_once("..") else {
            let text = text.strip_prefix('=').unwrap_or(text);
            return Ok(Self(Included(value(text)?), Included(value(text)?)));
        };
        let end = |text: &str| match text.trim() {
            "" | "*" => Ok(Unbounded),
            text => value(text).map(Included),
        };
        let (from, to) = (end(from)?, end(to)?);
        match (&from, &to) {
            (Unbounded, Unbounded) => Err(BadBounds::Value),
            (Included(a), Included(b)) if a.partial_cmp(b).is_none() => Err(BadBounds::Value),
            (Included(a), Included(b)) if a > b => Err(BadBounds::Reversed),
            _ => Ok(Self(from, to)),
        }
    }
}

/// The sign of a comparison, and what stands behind it.
pub(super) fn comparison(text: &str) -> Option<(&'static str, &str)> {
    [">=", "<=", ">", "<"]
        .into_iter()
        .find_map(|sign| Some((sign, text.strip_prefix(sign)?)))
}

/// A number of a payload. Ids are whole numbers beyond what a float holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// Reads what JSON takes for a number.
    pub(super) fn read(text: &str) -> Option<Self> {
        // `inf` and `nan` are numbers to Rust only.
        if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            || !text
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
        {
            return None;
        }
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        let real: f64 = text.parse().ok()?;
        real.is_finite().then_some(Self::Real(real))
    }

    fn real(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "compared with a float, it is one"
        )]
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }

    /// As a time in seconds since 1970, or in milliseconds where seconds would be a year
    /// beyond 5000.
    fn time(self) -> Option<Timestamp> {
        let number = self.real();
        let seconds = if number.abs() < 1e11 {
            number
        } else {
            number / 1000.0
        };
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        Timestamp::from_duration(since).ok()
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (a, b) => a.real().partial_cmp(&b.real()),
        }
    }
}

/// What a value of a payload or a header is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operand {
    Number(Number),
    Time(Timestamp),
}

impl PartialOrd for Operand {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            // A payload has seconds since 1970 where another has a time.
            (Self::Number(a), Self::Time(b)) => Some(a.time()?.cmp(b)),
            (Self::Time(a), Self::Number(b)) => Some(a.cmp(&b.time()?)),
        }
    }
}

impl Operand {
    /// Reads a number or a time; one without an offset is in that zone.
    pub(super) fn read(text: &str, now: &Zoned) -> Option<Self> {
        if let Some(number) = Number::read(text) {
            return Some(Self::Number(number));
        }
        point(text, now).map(Self::Time)
    }

    /// Reads a value of a payload, where a time without an offset is in UTC.
    pub(super) fn of_value(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(number) = Number::read(text) {
            return Some(Self::Number(number));
        }
        // Nothing shorter than a date is a time, and most texts do not begin like one.
        if text.len() < 10 || !text.as_bytes()[0].is_ascii_digit() {
            return None;
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(Self::Time(at));
        }
        let at: DateTime = text.parse().ok()?;
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self::Time(at.timestamp()))
    }
}

/// A point in time: RFC 3339, or a date with or without a time in the zone of `now`.
fn point(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let zone = now.time_zone().clone();
    // A bare date reads as its first moment here, which midnight is not in every zone.
    if let Ok(date) = text.parse::<Date>()
        && text.len() <= "2026-11-24".len()
    {
        return Some(date.to_zoned(zone).ok()?.timestamp());
    }
    let at: DateTime = text.parse().ok()?;
    Some(at.to_zoned(zone).ok()?.timestamp())
}

/// A time as `after:`, `before:` and `--since` take it: `10m` (so long ago), `2026-11-24`,
/// `2026-11-24T10:00`, `10:30` (today), `today`, `yesterday`, or RFC 3339. One without an
/// offset is in the zone of `now`. `None` where it is no time.
pub fn time(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "now" => return Some(now.timestamp()),
        "today" => return Some(now.start_of_day().ok()?.timestamp()),
        "yesterday" => {
            let day = now.yesterday().ok()?;
            return Some(day.start_of_day().ok()?.timestamp());
        }
        _ => {}
    }
    if let Some(at) = point(text, now) {
        return Some(at);
    }
    if text.contains(':')
        && let Ok(time) = text.parse::<Time>()
    {
        return Some(now.with().time(time).build().ok()?.timestamp());
    }
    let ago: Span = text.parse().ok()?;
    Some(now.checked_sub(ago.abs()).ok()?.timestamp())
}

/// A duration with its unit: `200ms`, `1.5s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok()
}

/// A size: `10KB` (thousands), `10KiB` (powers of two), or bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let size: bytesize::ByteSize = text.parse().ok()?;
    Some(size.as_u64())
}
