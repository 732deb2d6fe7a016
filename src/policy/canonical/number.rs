//! Numbers as exact decimals: one way of writing per value.
//!
//! A number is digits times a power of ten. Written plainly as long as at most [`PLAIN`] zeros have
//! to be added at either end, else with an exponent; `-0` is `0`.

use serde_json::Number;

use crate::policy::document::Flaw;

/// How many zeros are written out.
const PLAIN: i64 = 30;

/// The same value in its one way of writing.
pub(super) fn exact(number: &Number) -> Result<Number, Flaw> {
    let text = number.to_string();
    if is_plain(&text) {
        return Ok(number.clone());
    }
    let written = normal(&text).ok_or_else(|| {
        Flaw(format!(
            "a number of {} characters is out of range",
            text.len()
        ))
    })?;
    written
        .parse()
        .map_err(|error| Flaw(format!("a number cannot be written: {error}")))
}

/// Whether it is written as a short whole number: nearly all are, and in the one way already.
fn is_plain(text: &str) -> bool {
    let digits = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

/// The one way of writing a JSON number; nothing if its exponent is beyond all reason.
fn normal(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let dropped = digits.len() - digits.trim_end_matches('0').len();
    let power = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(dropped).ok()?)?;
    Some(format!("{sign}{}", written(significant, power)?))
}

/// `digits` × 10^`power`.
fn written(digits: &str, power: i64) -> Option<String> {
    let length = i64::try_from(digits.len()).ok()?;
    let point = length.checked_add(power)?;
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
    Some(if (0..=PLAIN).contains(&power) {
        format!("{digits}{}", zeros(power))
    } else if power < 0 && point > 0 {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{whole}.{fraction}")
    } else if power < 0 && point >= -PLAIN {
        format!("0.{}{digits}", zeros(point.checked_neg()?))
    } else {
        format!("{digits}e{power}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_written_the_same() {
        for (same, way) in [
            (
                &[
                    "0",
                    "-0",
                    "0.0",
                    "0e5",
                    "-0.00E+7",
                    "0e99999999999999999999",
                ][..],
                "0",
            ),
            (&["1", "1.0", "10e-1", "0.1E1", "100e-02"], "1"),
            (&["100", "1e2", "1E+2", "100.00"], "100"),
            (&["0.1", "0.1000", "1e-1"], "0.1"),
            (&["-12.5", "-125e-1", "-1.250e1"], "-12.5"),
            (
                &["12345678901234567890123", "12345678901234567890123.0"],
                "12345678901234567890123",
            ),
            (
                &["3.141592653589793238462643"],
                "3.141592653589793238462643",
            ),
            (&["1e40", "10e39", "1.0e+40"], "1e40"),
            (&["1e-40", "0.1e-39"], "1e-40"),
            (&["1.5e-40", "15e-41"], "15e-41"),
        ] {
            for text in same {
                assert_eq!(normal(text).as_deref(), Some(way), "{text}");
                assert!(!is_plain(text) || *text == way, "{text}");
            }
        }
    }

    #[test]
    fn no_exponent_takes_memory_or_panics() {
        for text in [
            "1e9223372036854775807",
            "1e-9223372036854775808",
            "1.5e999999999",
        ] {
            if let Some(written) = normal(text) {
                assert!(written.len() < 40, "{written}");
            }
        }
        assert_eq!(normal("1e99999999999999999999"), None);
    }

    proptest::proptest! {
        #[test]
        fn writing_twice_is_writing_once(text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?") {
            let once = normal(&text).unwrap();
            proptest::prop_assert_eq!(normal(&once), Some(once.clone()), "{}", text);
            proptest::prop_assert!(once.parse::<Number>().is_ok());
        }

        #[test]
        fn shifting_the_point_changes_nothing(digits in "[1-9][0-9]{0,30}", shift in 0_usize..60) {
            let shifted = format!("{digits}{}e-{shift}", "0".repeat(shift));
            proptest::prop_assert_eq!(normal(&shifted), normal(&digits));
        }
    }
}
