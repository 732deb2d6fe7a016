//! Durations as they are typed: `90s`, `30m`, `26h`, `7d`, and nothing else.
//!
//! One number, one unit. Weeks, months and years are left out on purpose: their length is a matter
//! of the calendar, and a duration here is a count of seconds.

use std::time::Duration;

use crate::error::{Error, Result};

/// The longest that is accepted: a hundred years of seconds, far inside every type used for time.
const LONGEST_SECONDS: u64 = 100 * 366 * 86_400;

/// Reads a duration.
///
/// # Errors
/// Anything but digits followed by `s`, `m`, `h` or `d`; more than 100 years.
pub fn parse(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::usage(format!("{text:?} is not a duration"))
            .hint("write a number and a unit: 90s, 30m, 26h or 7d")
    };
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text.get(digits.len()..) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3_600,
        Some("d") => 86_400,
        _ => return Err(wrong()),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .filter(|seconds| *seconds <= LONGEST_SECONDS)
        .map(Duration::from_secs)
        .ok_or_else(|| Error::usage(format!("{text:?} is longer than 100 years")))
}

/// Writes a duration in the largest unit that fits it evenly, so that [`parse`] reads it back.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds >= length && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

/// Writes a duration for people, in its two largest units: `4d 4h`, `12m 5s`.
pub fn about(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= length {
            parts.push(format!("{}{unit}", seconds / length));
            seconds %= length;
        } else if !parts.is_empty() {
            break;
        }
    }
    parts.truncate(2);
    match parts.is_empty() {
        true => "0s".to_owned(),
        false => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_and_nothing_else() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1_800),
            ("26h", 93_600),
            ("7d", 604_800),
        ] {
            assert_eq!(parse(text).unwrap(), Duration::from_secs(seconds));
            assert_eq!(
                parse(&format(Duration::from_secs(seconds)))
                    .unwrap()
                    .as_secs(),
                seconds
            );
        }
        assert_eq!(parse("0s").unwrap(), Duration::ZERO);
        for text in [
            "",
            "s",
            "30",
            "1w",
            "1month",
            "1y",
            "1h30m",
            "-1h",
            "+1h",
            "1.5h",
            " 1h",
            "1h ",
            "1H",
            "1 h",
            "٣h",
            "99999999999999999999s",
            "40000d",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_largest_unit_that_fits_evenly() {
        let written = |seconds| format(Duration::from_secs(seconds));
        assert_eq!(written(0), "0s");
        assert_eq!(written(90), "90s");
        assert_eq!(written(3_600), "1h");
        assert_eq!(written(172_800), "2d");
    }

    #[test]
    fn for_people_two_units_are_enough() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (3600, "1h"),
            (3725, "1h 2m"),
            (86_400 + 59, "1d"),
            (100 * 3600, "4d 4h"),
        ] {
            assert_eq!(about(Duration::from_secs(seconds)), text);
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_is_typed_a_duration_is_read_back_from_what_is_written(
            text in crate::mutation::mutated_text(&["90s", "30m", "26h", "7d", "36600d"]),
        ) {
            if let Ok(duration) = parse(&text) {
                proptest::prop_assert!(duration.as_secs() <= LONGEST_SECONDS);
            }
            crate::probe::duration(&text);
        }
    }
}
