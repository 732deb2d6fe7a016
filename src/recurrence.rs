//! A recurrence: the rule of a schedule that yields slots.
//!
//! Owns what a user may ask for (times of day, days of the week, a cron expression), the form the
//! store keeps it in, and the rule that turns local times into slots:
//!
//! - A local time in a gap (the clock went forward over it) is skipped.
//! - A local time in a fold (the clock went back over it) counts at its first occurrence only.
//!
//! A rule itself knows local dates and times alone: some minutes of the day, on some days. What
//! becomes of them in a zone is in `occurrences` and `missed`. Pure: no clock, no store.
//!
//! The stored form is a frequency (`daily`, `weekly`, `cron`), the times as `HH:MM`, the days as
//! numbers (1 is Monday, 7 is Sunday) and the cron expression; what does not apply is empty.

mod cron;
mod missed;
mod occurrences;
#[cfg(test)]
pub(crate) mod tests;
mod time_of_day;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Weekday};

use crate::error::{Error, Result};
pub use cron::CronRule;
pub use missed::Missed;
pub use occurrences::{Note, Occurrence};
pub use time_of_day::TimeOfDay;

/// How far ahead a next slot is looked for. The rarest day that comes back, a 29 February on a
/// given day of the week, takes 40 years at most.
const HORIZON_DAYS: usize = 60 * 366;

/// The rule of a schedule that yields slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recurrence {
    /// Times of day, every day or on some days of the week.
    Times(Times),
    /// A cron expression.
    Cron(CronRule),
}

/// Times of day, every day or on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// Ascending, each once, at least one.
    times: Vec<TimeOfDay>,
    /// From Monday on, each once; none means every day.
    days: Vec<Weekday>,
}

impl Recurrence {
    /// Every day at each of `times`.
    ///
    /// # Errors
    ///
    /// A usage error if there is no time.
    pub fn daily(times: Vec<TimeOfDay>) -> Result<Self> {
        Ok(Self::Times(Times {
            times: ordered(times)?,
            days: Vec::new(),
        }))
    }

    /// On each of `days` at each of `times`.
    ///
    /// # Errors
    ///
    /// A usage error if there is no time or no day.
    pub fn weekly(times: Vec<TimeOfDay>, mut days: Vec<Weekday>) -> Result<Self> {
        if days.is_empty() {
            return Err(Error::usage("a weekly recurrence needs at least one day")
                .hint("name the days, e.g. --days mon,thu"));
        }
        days.sort_by_key(Weekday::number_from_monday);
        days.dedup();
        Ok(Self::Times(Times {
            times: ordered(times)?,
            days,
        }))
    }

    /// On each of `days` at each of `times`; no day, and all seven, mean every day.
    ///
    /// # Errors
    ///
    /// A usage error if there is no time.
    pub fn on(times: Vec<TimeOfDay>, mut days: Vec<Weekday>) -> Result<Self> {
        days.sort_by_key(Weekday::number_from_monday);
        days.dedup();
        match days.len() {
            0 | 7 => Self::daily(times),
            _ => Self::weekly(times, days),
        }
    }

    /// By a cron expression of five fields.
    ///
    /// # Errors
    ///
    /// A usage error that names the field that is wrong, or says that no day ever matches.
    pub fn cron(expression: &str) -> Result<Self> {
        CronRule::parse(expression).map(Self::Cron)
    }

    /// Reads back the stored form.
    ///
    /// # Errors
    ///
    /// A usage error if a part is not acceptable or does not go with the frequency.
    pub fn from_parts(
        frequency: &str,
        times: &[String],
        days: &[u8],
        cron: Option<&str>,
    ) -> Result<Self> {
        let parsed = || -> Result<_> { times.iter().map(|time| time.parse()).collect() };
        match (frequency, days, cron) {
            ("daily", [], None) => Self::daily(parsed()?),
            ("weekly", _, None) => {
                let days: Result<_> = days.iter().map(|&day| day_from_number(day)).collect();
                Self::weekly(parsed()?, days?)
            }
            ("cron", [], Some(expression)) if times.is_empty() => Self::cron(expression),
            ("daily" | "weekly" | "cron", ..) => Err(Error::usage(format!(
                "a {frequency} recurrence has parts that belong to another frequency"
            ))),
            _ => Err(Error::usage(format!("unknown frequency {frequency:?}"))
                .hint("a frequency is daily, weekly or cron")),
        }
    }

    /// `daily`, `weekly` or `cron`.
    pub fn frequency(&self) -> &'static str {
        match self {
            Self::Times(rule) if rule.days.is_empty() => "daily",
            Self::Times(_) => "weekly",
            Self::Cron(_) => "cron",
        }
    }

    /// The times of day of a daily or weekly recurrence, ascending; none for cron.
    pub fn times(&self) -> &[TimeOfDay] {
        match self {
            Self::Times(rule) => &rule.times,
            Self::Cron(_) => &[],
        }
    }

    /// The days of a weekly recurrence, from Monday on; none for the others.
    pub fn days(&self) -> &[Weekday] {
        match self {
            Self::Times(rule) => &rule.days,
            Self::Cron(_) => &[],
        }
    }

    /// The cron expression, fields parted by single blanks.
    pub fn expression(&self) -> Option<&str> {
        match self {
            Self::Times(_) => None,
            Self::Cron(rule) => Some(rule.expression()),
        }
    }

    /// The minutes of every day that matches, ascending.
    fn minutes(&self) -> &[TimeOfDay] {
        match self {
            Self::Times(rule) => &rule.times,
            Self::Cron(rule) => rule.times(),
        }
    }

    fn matches_day(&self, date: NaiveDate) -> bool {
        match self {
            Self::Times(rule) => rule.days.is_empty() || rule.days.contains(&date.weekday()),
            Self::Cron(rule) => rule.matches_day(date),
        }
    }

    /// The first local time at or after `wall` that matches; none within the horizon is none.
    fn first_from(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let today = wall.date();
        if self.matches_day(today) {
            let times = self.minutes();
            if let Some(time) = times.get(times.partition_point(|time| time.is_before(wall.time())))
            {
                return Some(time.on(today));
            }
        }
        let first = self.minutes().first()?;
        today
            .iter_days()
            .skip(1)
            .take(HORIZON_DAYS)
            .find(|&date| self.matches_day(date))
            .map(|date| first.on(date))
    }

    /// The last local time before `end` that matches, and not before `start`.
    fn last_between(&self, start: NaiveDateTime, end: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut date = end.date();
        while date >= start.date() {
            if self.matches_day(date) {
                let found = self.times_between(date, start, end).last();
                if let Some(time) = found {
                    return Some(time.on(date));
                }
            }
            date = date.pred_opt()?;
        }
        None
    }

    /// How many local times in `start..end` match.
    fn count_between(&self, start: NaiveDateTime, end: NaiveDateTime) -> u64 {
        start
            .date()
            .iter_days()
            .take_while(|&date| date <= end.date())
            .filter(|&date| self.matches_day(date))
            .map(|date| self.times_between(date, start, end).len() as u64)
            .sum()
    }

    /// The times of a matching day that lie in `start..end`.
    fn times_between(
        &self,
        date: NaiveDate,
        start: NaiveDateTime,
        end: NaiveDateTime,
    ) -> &[TimeOfDay] {
        let times = self.minutes();
        let index = |bound: NaiveDateTime| match bound.date().cmp(&date) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => times.partition_point(|time| time.is_before(bound.time())),
            std::cmp::Ordering::Greater => times.len(),
        };
        times.get(index(start)..index(end)).unwrap_or_default()
    }
}

fn ordered(mut times: Vec<TimeOfDay>) -> Result<Vec<TimeOfDay>> {
    if times.is_empty() {
        return Err(Error::usage("a recurrence needs at least one time of day")
            .hint("name the time, e.g. --at 02:30"));
    }
    times.sort_unstable();
    times.dedup();
    Ok(times)
}

/// Reads a day of the week: `mon`, `Monday`, in any case.
///
/// # Errors
///
/// A usage error that names the word.
pub fn parse_day(word: &str) -> Result<Weekday> {
    word.parse().map_err(|_| {
        Error::usage(format!("{word:?} is not a day of the week"))
            .hint("days are mon, tue, wed, thu, fri, sat and sun")
    })
}

/// The day of a number from 1 (Monday) to 7 (Sunday).
fn day_from_number(number: u8) -> Result<Weekday> {
    number
        .checked_sub(1)
        .and_then(|from_monday| Weekday::try_from(from_monday).ok())
        .ok_or_else(|| {
            Error::usage(format!("{number} is not a day of the week"))
                .hint("days are 1 (Monday) to 7 (Sunday)")
        })
}
