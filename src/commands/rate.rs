//! How many in a time.

use std::time::Duration;

use crate::config::ConfigError;

/// The time between two at `50/s`, `300/m` or `100/h`; a bare number is that many a second.
///
/// # Errors
/// Where it is no rate, or one that cannot be kept.
pub(super) fn interval(text: &str) -> Result<Duration, ConfigError> {
    let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
    let unit = match unit.trim() {
        "s" | "sec" | "second" => Some(1.0),
        "m" | "min" | "minute" => Some(60.0),
        "h" | "hour" => Some(3600.0),
        _ => None,
    };
    let count = count.trim().parse::<f64>().ok();
    unit.zip(count.filter(|count| *count > 0.0))
        .and_then(|(unit, count)| Duration::try_from_secs_f64(unit / count).ok())
        // Between a hundred thousand a second and one a day.
        .filter(|time| (Duration::from_micros(10)..=Duration::from_hours(24)).contains(time))
        .ok_or_else(|| ConfigError {
            message: format!("`--rate {}` is no rate", text.escape_debug()),
            hint: "write it as `50/s` or `300/m`, up to `100000/s`".into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_or_refused() {
        for (text, micros) in [
            ("50/s", 20_000),
            ("50", 20_000),
            (" 300 / m ", 200_000),
            ("0.5/s", 2_000_000),
            ("3600/h", 1_000_000),
            ("100000/s", 10),
        ] {
            assert_eq!(
                interval(text).unwrap(),
                Duration::from_micros(micros),
                "{text}"
            );
        }
        for text in [
            "", "0", "-1/s", "1e9/s", "inf", "nan", "5/y", "/s", "1e-9/s", "5/s/s",
        ] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
