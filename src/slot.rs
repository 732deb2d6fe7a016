//! A slot: one intended start, a whole minute, stored in UTC.
//!
//! Owns the minute itself and, in `due`, the decision which slots a dispatch starts and which it
//! missed. Pure: knows neither the clock nor the store.
//!
//! A schedule accounts for its slots in the order of time: those before `slots_from` are decided.
//! A dispatch whose "now" was wrong (a clock that was ahead, a typo in `--at`) leaves `slots_from`
//! in the future, where it would silence the schedule. So a dispatch that finds it more than
//! [`SETBACK`] after its own minute takes the slots up again from its minute on. A slot that has a
//! run keeps that one; a smaller set-back of the clock is sat out.

mod due;

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

pub use due::{Due, plan, subtract};

/// How far a clock may be set back before slots are taken up again: 1 hour.
pub const SETBACK: TimeDelta = TimeDelta::seconds(3600);

/// A whole minute in UTC, as seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(i64);

impl Slot {
    /// The minute in which `instant` lies.
    pub fn containing(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp().div_euclid(60) * 60)
    }

    /// The slot at `epoch_seconds`, if that is a whole minute.
    pub fn from_epoch(epoch_seconds: i64) -> Option<Self> {
        (epoch_seconds.rem_euclid(60) == 0).then_some(Self(epoch_seconds))
    }

    /// The last there is.
    pub fn last() -> Self {
        Self::containing(DateTime::<Utc>::MAX_UTC)
    }

    /// Seconds since the epoch.
    pub fn epoch(self) -> i64 {
        self.0
    }

    /// The minute after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(60))
    }

    /// The slot `minutes` later; earlier where negative.
    #[must_use]
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(60)))
    }

    /// The instant at which the minute begins. Beyond the years that a date can have, the nearest
    /// that it can.
    pub fn instant(self) -> DateTime<Utc> {
        let bound = if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        };
        DateTime::from_timestamp(self.0, 0).unwrap_or(bound)
    }
}

/// RFC 3339 in UTC with `Z`.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.instant().to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_lies_in_the_minute_that_began_before_it() {
        let at = |s: i64, n: u32| Slot::containing(DateTime::from_timestamp(s, n).unwrap());
        assert_eq!(at(119, 999_999_999).epoch(), 60);
        assert_eq!(at(120, 0).epoch(), 120);
        assert_eq!(at(-1, 0).epoch(), -60, "before the epoch too");
        let leap_second = "2016-12-31T23:59:60.5Z".parse().unwrap();
        let (last, next) = ("2016-12-31T23:59:00Z", "2017-01-01T00:00:00Z");
        assert_eq!(Slot::containing(leap_second).to_string(), last);
        assert_eq!(Slot::containing(leap_second).next().to_string(), next);
        assert_eq!(Slot::from_epoch(61), None);
        assert_eq!(
            Slot::from_epoch(120).unwrap().to_string(),
            "1970-01-01T00:02:00Z"
        );
    }
}
