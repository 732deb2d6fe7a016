//! A cron expression: five fields that say which minutes of which days match.
//!
//! The fields are parsed by croner; when a match becomes a slot is our own rule. Croner takes more
//! than cron does (seconds, years, names in any field, `+`), so each field is checked here first.
//! Three things that cron does not have stay, because they have one plain meaning: `L` (the last
//! day of the month, or the last such weekday), `W` (the weekday nearest to a day) and `#` (the
//! nth such weekday).
//!
//! Day of month and day of week: if both are restricted, either matches. As in cron, a field that
//! begins with `*` is not restricted, and then both have to match: `*/2` with `mon` is every
//! Monday that has an odd date.

use chrono::{Datelike as _, NaiveDate};
use croner::parser::{CronParser, Seconds, Year};

use super::{HORIZON_DAYS, TimeOfDay};
use crate::error::{Error, Result};

/// A cron expression that matches at least one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronRule {
    expression: String,
    /// Ascending, each once, at least one.
    times: Vec<TimeOfDay>,
    pattern: Box<croner::CronPattern>,
}

impl CronRule {
    /// Parses an expression of five fields.
    pub(super) fn parse(expression: &str) -> Result<Self> {
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let expression = fields.join(" ");
        let [_, _, day_of_month, _, day_of_week] = fields[..] else {
            return Err(wrong_count(&expression, fields.len()));
        };
        let both_match = [day_of_month, day_of_week]
            .iter()
            .any(|field| field.starts_with('*'));
        let proper = FIELDS
            .iter()
            .zip(&fields)
            .all(|(field, text)| field.has_proper_form(text));
        let pattern = proper
            .then(|| parse(&expression, both_match))
            .flatten()
            .ok_or_else(|| wrong_field(&expression, &fields))?;
        let rule = Self {
            times: times_of(&pattern),
            expression,
            pattern: Box::new(pattern),
        };
        rule.must_match_some_day()?;
        Ok(rule)
    }

    /// The expression, fields parted by single blanks.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The minutes of every day that matches, ascending.
    pub(super) fn times(&self) -> &[TimeOfDay] {
        &self.times
    }

    pub(super) fn matches_day(&self, date: NaiveDate) -> bool {
        let weekday = croner::Weekday::from_days_from_sunday(date.weekday().num_days_from_sunday());
        let (year, month, day) = (date.year(), date.month(), date.day());
        // Croner refuses dates that do not exist; there is none here.
        self.pattern.month_match(month).unwrap_or(false)
            && self
                .pattern
                .day_match(year, month, day, weekday)
                .unwrap_or(false)
    }

    fn must_match_some_day(&self) -> Result<()> {
        let mut days = NaiveDate::default().iter_days().take(HORIZON_DAYS);
        if !self.times.is_empty() && days.any(|date| self.matches_day(date)) {
            return Ok(());
        }
        Err(Error::usage(format!(
            "cron expression {:?} never matches: no such day exists",
            self.expression
        ))
        .hint("check day of month against month, e.g. 31 against 2"))
    }
}

const FORM: &str = "write 'MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK', e.g. '30 2 * * 1-5'";

/// What one field takes, apart from numbers, `*`, lists, ranges and steps.
struct Field {
    name: &'static str,
    takes: &'static str,
    words: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        takes: "minute takes 0-59, with lists (0,30), ranges (0-10) and steps (*/15)",
        words: &[],
    },
    Field {
        name: "hour",
        takes: "hour takes 0-23, with lists (6,18), ranges (8-17) and steps (*/4)",
        words: &[],
    },
    Field {
        name: "day of month",
        takes: "day of month takes 1-31 or L for the last, with lists, ranges and steps",
        words: &["L", "W", "LW"],
    },
    Field {
        name: "month",
        takes: "month takes 1-12 or jan-dec, with lists, ranges and steps",
        words: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    },
    Field {
        name: "day of week",
        takes: "day of week takes 0-7 or sun-sat (0 and 7 are Sunday), with lists and ranges",
        words: &["L", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    },
];

impl Field {
    /// Whether `text` is made of what this field takes; its numbers are not looked at.
    fn has_proper_form(&self, text: &str) -> bool {
        let known = |word: &str| {
            self.words
                .iter()
                .any(|known| known.eq_ignore_ascii_case(word))
        };
        text.split(',').all(|item| {
            let is_letter = |c: char| c.is_ascii_alphabetic();
            let mut words = item.split(|c| !is_letter(c)).filter(|word| !word.is_empty());
            let mut others = item.chars().filter(|&c| !is_letter(c));
            !item.is_empty()
                && others.all(|c| c.is_ascii_digit() || "*-/#".contains(c))
                && words.all(known)
                // Croner drops what follows the W of the day nearest to another.
                && !(self.words.contains(&"W") && item.strip_suffix(['W', 'w']).unwrap_or(item).contains(['W', 'w']))
        })
    }
}

/// The error for an expression of which some field, the first that is wrong, is to blame.
fn wrong_field(expression: &str, fields: &[&str]) -> Error {
    let alone = |place: usize, text: &str| {
        let mut all = ["*"; FIELDS.len()];
        if let Some(field) = all.get_mut(place) {
            *field = text;
        }
        parse(&all.join(" "), false)
    };
    let wrong = FIELDS
        .iter()
        .zip(fields)
        .enumerate()
        .find(|(place, (field, text))| {
            !field.has_proper_form(text) || alone(*place, text).is_none()
        });
    match wrong {
        Some((_, (field, text))) => Error::usage(format!(
            "cron expression {expression:?}: {} {text:?} is not accepted",
            field.name
        ))
        .hint(field.takes),
        None => Error::usage(format!("cron expression {expression:?} is not accepted")).hint(FORM),
    }
}

fn parse(expression: &str, both_days_match: bool) -> Option<croner::CronPattern> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .dom_and_dow(both_days_match)
        .build()
        .parse(expression)
        .ok()
        .map(|cron| cron.pattern)
}

fn times_of(pattern: &croner::CronPattern) -> Vec<TimeOfDay> {
    let minutes = pattern.minutes.values();
    let at = |hour: u16, minute: u16| {
        TimeOfDay::new(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?)
    };
    pattern
        .hours
        .values()
        .iter()
        .flat_map(|&hour| minutes.iter().filter_map(move |&minute| at(hour, minute)))
        .collect()
}

fn wrong_count(expression: &str, count: usize) -> Error {
    let same = match expression.to_ascii_lowercase().as_str() {
        "@hourly" => Some("0 * * * *"),
        "@daily" | "@midnight" => Some("0 0 * * *"),
        "@weekly" => Some("0 0 * * 0"),
        "@monthly" => Some("0 0 1 * *"),
        "@yearly" | "@annually" => Some("0 0 1 1 *"),
        _ => None,
    };
    let hint = same.map_or_else(|| FORM.to_owned(), |same| format!("write '{same}'"));
    Error::usage(format!(
        "cron expression {expression:?} has {count} field{}; it takes 5",
        if count == 1 { "" } else { "s" }
    ))
    .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(expression: &str) -> (String, String) {
        let error = CronRule::parse(expression).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Usage);
        (
            error.message().to_owned(),
            error.hint_text().unwrap().to_owned(),
        )
    }

    /// The days of 2026 that match, as `MM-DD`.
    fn days(expression: &str) -> Vec<String> {
        let rule = CronRule::parse(expression).unwrap();
        NaiveDate::from_ymd_opt(2026, 1, 1)
            .unwrap()
            .iter_days()
            .take(365)
            .filter(|&date| rule.matches_day(date))
            .map(|date| date.format("%m-%d").to_string())
            .collect()
    }

    fn times(expression: &str) -> Vec<String> {
        let rule = CronRule::parse(expression).unwrap();
        rule.times().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn minutes_and_hours_multiply() {
        assert_eq!(
            times("5,35 6-7 * * *"),
            ["06:05", "06:35", "07:05", "07:35"]
        );
        assert_eq!(times("*/20 0 * * *"), ["00:00", "00:20", "00:40"]);
        assert_eq!(times("10-30/10 23 * * *"), ["23:10", "23:20", "23:30"]);
        assert_eq!(times("* * * * *").len(), 1440);
    }

    #[test]
    fn either_day_matches_when_both_are_restricted() {
        let either = days("0 0 1 1 mon");
        assert_eq!(either, ["01-01", "01-05", "01-12", "01-19", "01-26"]);
        assert_eq!(days("0 0 1 1 *"), ["01-01"]);
        assert_eq!(days("0 0 * 1 mon"), ["01-05", "01-12", "01-19", "01-26"]);
        // A field that begins with a star is not restricted.
        assert_eq!(days("0 0 */2 1 mon"), ["01-05", "01-19"]);
        assert_eq!(days("0 0 1-7 1 */6"), ["01-03", "01-04"]);
    }

    #[test]
    fn sunday_is_0_and_7() {
        let sundays = days("0 0 * 2 sun");
        assert_eq!(sundays, ["02-01", "02-08", "02-15", "02-22"]);
        for same in ["0 0 * 2 0", "0 0 * 2 7", "0 0 * feb Sun"] {
            assert_eq!(days(same), sundays);
        }
        assert_eq!(days("0 0 * 2 fri-sun"), days("0 0 * 2 5-7"));
        assert_eq!(days("0 0 * 2 5-7"), days("0 0 * 2 0,5,6"));
    }

    #[test]
    fn the_last_the_nearest_and_the_nth_day() {
        assert_eq!(days("0 0 L 2,4 *"), ["02-28", "04-30"]);
        assert_eq!(days("0 0 LW 2 *"), ["02-27"]);
        assert_eq!(days("0 0 15w 2 *"), ["02-16"]);
        assert_eq!(days("0 0 * 2 5l"), ["02-27"]);
        assert_eq!(days("0 0 * 2 fri#2"), ["02-13"]);
    }

    #[test]
    fn a_field_that_is_wrong_is_named() {
        for (expression, field, text) in [
            ("60 * * * *", "minute", "60"),
            ("*/0 * * * *", "minute", "*/0"),
            ("5/15 * * * *", "minute", "5/15"),
            ("1,,2 * * * *", "minute", "1,,2"),
            (", * * * *", "minute", ","),
            ("0 24 * * *", "hour", "24"),
            ("0 18-6 * * *", "hour", "18-6"),
            ("0 MON * * *", "hour", "MON"),
            ("0 0 0 * *", "day of month", "0"),
            ("0 0 32 * *", "day of month", "32"),
            ("0 0 15W3 * *", "day of month", "15W3"),
            ("0 0 ? * *", "day of month", "?"),
            ("0 0 * 13 *", "month", "13"),
            ("0 0 * MON *", "month", "MON"),
            ("0 0 * * JAN", "day of week", "JAN"),
            ("0 0 * * 8", "day of week", "8"),
            ("0 0 * * monday", "day of week", "monday"),
            ("0 0 1 * +MON", "day of week", "+MON"),
            ("0 0 * * мон", "day of week", "мон"),
        ] {
            let (message, hint) = refused(expression);
            assert_eq!(
                message,
                format!("cron expression {expression:?}: {field} {text:?} is not accepted")
            );
            assert!(hint.starts_with(&format!("{field} takes")), "{hint}");
        }
    }

    #[test]
    fn there_are_five_fields() {
        for (expression, count) in [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("0 0 2 * * *", "6 fields"),
            ("0 0 2 * * * 2026", "7 fields"),
            ("@reboot", "1 field"),
        ] {
            let (message, hint) = refused(expression);
            assert!(
                message.contains(&format!("has {count}; it takes 5")),
                "{message}"
            );
            assert_eq!(hint, FORM);
        }
        assert_eq!(refused("@daily").1, "write '0 0 * * *'");
    }

    #[test]
    fn an_expression_that_never_matches_is_refused() {
        for never in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 * * L"] {
            let (message, _) = refused(never);
            assert!(message.contains("never matches"), "{message}");
        }
        assert!(CronRule::parse("0 0 29 2 *").is_ok());
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_is_typed_an_expression_is_refused_with_a_hint_or_matches_some_minute(
            text in crate::mutation::mutated_text(&[
                "*/15 0-6,22 1,15 jan-mar mon#2", "0 2 L * *", "5 4 15W * 7", "0 0 * * fri",
                "59 23 31 12 *", "0 0 29 2 *",
            ]),
        ) {
            if let Ok(rule) = CronRule::parse(&text) {
                proptest::prop_assert!(!rule.times().is_empty());
            }
            crate::probe::cron(&text);
        }
    }
}
