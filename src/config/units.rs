//! Durations and sizes as people write them.

use std::time::Duration;

use super::ConfigError;

/// `30s`, `500ms`, `2m`; a bare number is seconds. `name` is the setting's, for the error.
///
/// # Errors
/// Where it is no duration, zero, or longer than a day.
pub fn duration(name: &str, text: &str) -> Result<Duration, ConfigError> {
    duration_up_to(name, text, 24)
}

/// The same for one that may be longer: of so many hours.
///
/// # Errors
/// Where it is no duration, zero, or longer than that.
pub fn duration_up_to(name: &str, text: &str, hours: u64) -> Result<Duration, ConfigError> {
    let bad = || {
        ConfigError::new(
            format!("`{name} {}` is not a duration", text.escape_debug()),
            "write it as `30s`, `500ms` or `2m`",
        )
    };
    let parsed = match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| bad())?,
        Err(_) => text
            .trim()
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|d| Duration::try_from(d).ok())
            .ok_or_else(bad)?,
    };
    if parsed.is_zero() || parsed > Duration::from_hours(hours) {
        return Err(ConfigError::new(
            format!("`{name} {}` is out of range", text.escape_debug()),
            format!("use something over 0 and up to `{hours}h`"),
        ));
    }
    Ok(parsed)
}

/// `25MB` (millions), `25MiB` (powers of two); a bare number is bytes.
///
/// # Errors
/// Where it is no size, or zero.
pub fn size(name: &str, text: &str) -> Result<u64, ConfigError> {
    let size = text.trim().parse::<bytesize::ByteSize>().map_err(|_| {
        ConfigError::new(
            format!("`{name} {}` is not a size", text.escape_debug()),
            "write it as `25MB`, `64KiB` or a number of bytes",
        )
    })?;
    if size.as_u64() == 0 {
        return Err(ConfigError::new(
            format!("`{name} {}` leaves room for nothing", text.escape_debug()),
            "write it as `25MB`, `64KiB` or a number of bytes",
        ));
    }
    Ok(size.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_taken_or_named(text in "[0-9a-zA-Z.+ -]{0,12}|\\PC{0,12}") {
            if let Ok(duration) = duration("--timeout", &text) {
                prop_assert!(!duration.is_zero() && duration <= Duration::from_hours(24));
            }
            if let Ok(size) = size("--keep-bytes", &text) {
                prop_assert!(size > 0);
            }
        }

        #[test]
        fn whole_numbers_are_exact(number in 1u64..86_400) {
            let seconds = Duration::from_secs(number);
            prop_assert_eq!(duration("x", &format!("{number}s")).unwrap(), seconds);
            prop_assert_eq!(duration("x", &number.to_string()).unwrap(), seconds);
            let thousandth = duration("x", &format!("{number}ms")).unwrap();
            prop_assert_eq!(thousandth, Duration::from_millis(number));
            prop_assert_eq!(size("x", &format!("{number}MB")).unwrap(), number * 1_000_000);
            prop_assert_eq!(size("x", &format!("{number}KiB")).unwrap(), number * 1024);
            prop_assert_eq!(size("x", &number.to_string()).unwrap(), number);
        }
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(duration("x", "30s").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("x", "500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("x", "2m").unwrap(), Duration::from_mins(2));
        assert_eq!(duration("x", "1.5").unwrap(), Duration::from_millis(1500));
        assert_eq!(size("x", "25MB").unwrap(), 25_000_000);
        assert_eq!(size("x", "64KiB").unwrap(), 65_536);
        assert_eq!(size("x", "12").unwrap(), 12);
        for text in ["", "0", "-1s", "soon", "0s", "999999h", "inf", "NaN"] {
            assert!(duration("x", text).is_err(), "{text}");
        }
        for text in ["", "0", "-1", "big"] {
            assert!(size("x", text).is_err(), "{text}");
        }
    }
}
