//! A time of day: a whole minute on the clock on the wall, without a date or a zone.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

use crate::error::Error;

/// A whole minute of a day, from 00:00 to 23:59.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

impl TimeOfDay {
    /// The time `hour:minute`, if there is one.
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self { hour, minute })
    }

    /// Whether it begins before `time`.
    pub(super) fn is_before(self, time: NaiveTime) -> bool {
        let begin = u32::from(self.hour) * 3600 + u32::from(self.minute) * 60;
        begin < time.num_seconds_from_midnight()
    }

    /// The local time on `date`.
    pub(super) fn on(self, date: NaiveDate) -> NaiveDateTime {
        date.and_hms_opt(u32::from(self.hour), u32::from(self.minute), 0)
            .unwrap_or_else(|| date.and_time(NaiveTime::MIN))
    }
}

/// Reads `HH:MM`, two digits each.
impl FromStr for TimeOfDay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let two_digits = |part: &str| {
            (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse().ok())
                .flatten()
        };
        text.split_once(':')
            .and_then(|(hour, minute)| Self::new(two_digits(hour)?, two_digits(minute)?))
            .ok_or_else(|| {
                Error::usage(format!("{text:?} is not a time of day"))
                    .hint("write HH:MM from 00:00 to 23:59, e.g. 07:30; midnight is 00:00")
            })
    }
}

/// `HH:MM`.
impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_two_digits_a_colon_and_two_digits() {
        for good in ["00:00", "02:30", "23:59"] {
            assert_eq!(good.parse::<TimeOfDay>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            ":",
            "7:30",
            "07:3",
            "24:00",
            "23:60",
            "07:30:00",
            "+7:30",
            "07.30",
            " 07:30",
            "7h30",
            "٠٧:٣٠",
            "-1:00",
        ] {
            let error = bad.parse::<TimeOfDay>().unwrap_err();
            assert!(error.message().contains(&format!("{bad:?}")), "{bad}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_is_typed_a_time_of_day_is_what_was_typed(
            text in crate::mutation::mutated_text(&["07:30", "23:59", "00:00"]),
        ) {
            crate::probe::time_of_day(&text);
        }
    }
}
