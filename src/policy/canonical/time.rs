//! Date-times that mean the same instant, written the same.

use chrono::{DateTime, Datelike as _, NaiveDateTime, TimeDelta};

/// An RFC 3339 date-time in UTC, its fraction without trailing zeros. Nothing for any other text,
/// and for what cannot be moved to UTC within four digits of a year.
pub(super) fn in_utc(text: &str) -> Option<String> {
    // Cheap first: nearly all text is none.
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes.get(4) != Some(&b'-') || bytes.get(10) != Some(&b'T') {
        return None;
    }
    let seconds = NaiveDateTime::parse_from_str(text.get(..19)?, "%Y-%m-%dT%H:%M:%S").ok()?;
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (fraction, zone) = rest.split_at_checked(digits)?;
            (!fraction.is_empty()).then_some((fraction, zone))?
        }
        None => ("", rest),
    };
    let utc = seconds.checked_sub_signed(TimeDelta::try_minutes(offset_minutes(zone)?)?)?;
    if !(0..=9999).contains(&utc.year()) || is_leap_second(&seconds.and_utc()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!(
        "{}{point}{fraction}Z",
        utc.format("%Y-%m-%dT%H:%M:%S")
    ))
}

fn is_leap_second(time: &DateTime<chrono::Utc>) -> bool {
    time.timestamp_subsec_nanos() >= 1_000_000_000
}

/// `Z` or `±HH:MM`, in minutes east of UTC.
fn offset_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 || !hours.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || !(0..=59).contains(&minutes) {
        return None;
    }
    match zone.as_bytes().first()? {
        b'+' => Some(hours * 60 + minutes),
        b'-' => Some(-(hours * 60 + minutes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_is_written_one_way() {
        for (text, way) in [
            ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
            ("2026-03-01T10:00:00.0000000Z", "2026-03-01T10:00:00Z"),
            ("2026-03-01T12:30:00.1200+02:30", "2026-03-01T10:00:00.12Z"),
            ("2026-02-28T23:00:00-01:00", "2026-03-01T00:00:00Z"),
            (
                "2026-03-01T10:00:00.123456789012Z",
                "2026-03-01T10:00:00.123456789012Z",
            ),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(in_utc(text).as_deref(), Some(way), "{text}");
            assert_eq!(in_utc(way).as_deref(), Some(way));
        }
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T10:00:00",
            "2026-03-01 10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-03-01T10:00:60Z",
            "2026-03-01T10:00:00.Z",
            "2026-03-01T10:00:00+0200",
            "2026-03-01T10:00:00+99:00",
            "2026-03-01T10:00:00Z and more",
            "0000-01-01T00:00:00+23:00",
            "2026-03-01T10:00:0é",
            "at 2026-03-01T10:00:00Z",
        ] {
            assert_eq!(in_utc(text), None, "{text}");
        }
    }
}
