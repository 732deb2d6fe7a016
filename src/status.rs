//! How schedules stand: when one last succeeded, what it missed since, and whether somebody has to
//! look at it. Pure; it knows neither the clock nor the store.
//!
//! A disabled schedule is never in trouble. An enabled one is, when
//! - its newest slot has been waiting for longer than [`OVERDUE`]: nobody dispatches;
//! - a run of it is open whose process is gone: the next dispatch closes it as interrupted;
//! - its newest run since the last success did not end well, or slots were missed since then;
//! - its last success is longer ago than the age that was asked for. Where it never succeeded, the
//!   time since it was added counts.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::duration;
use crate::plural::counted;
use crate::run::{ErrorCode, RunId, Status};
use crate::schedule::Schedule;
use crate::slot::Slot;

/// How long a due slot may wait before it says that nobody dispatches. cron itself may be late.
pub const OVERDUE: TimeDelta = TimeDelta::seconds(3 * 60);

/// What is known of a schedule's runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// When its newest run with status `success` finished.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Its newest run that is over: id, status, why it did not end well.
    pub last: Option<(RunId, Status, Option<ErrorCode>)>,
    /// Slots that were missed since the last success.
    pub missed: u64,
}

/// A schedule and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The schedule.
    pub schedule: Schedule,
    /// What is known of its runs.
    pub record: Record,
    /// Its first slot that no dispatch has decided about yet; none where it is disabled.
    pub undecided: Option<Slot>,
    /// Its run that is open and whose process is gone.
    pub abandoned: Option<RunId>,
}

/// Why somebody has to look at a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A slot waits to be dispatched.
    Overdue(Slot),
    /// This run is open, and its process is gone.
    Abandoned(RunId),
    /// The last success is that long ago.
    Stale(Duration),
    /// It never succeeded, and was added that long ago.
    NeverSucceeded(Duration),
    /// The newest run did not end well.
    LastRun(RunId, Status, Option<ErrorCode>),
    /// So many slots were missed since the last success.
    Missed(u64),
}

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// There is a backup of late, and something is missing from it or between.
    Warning,
    /// There is no backup of late.
    Critical,
}

impl Trouble {
    /// How grave it is.
    pub fn gravity(self) -> Gravity {
        match self {
            Self::Missed(_) | Self::LastRun(_, Status::Partial, _) => Gravity::Warning,
            _ => Gravity::Critical,
        }
    }

    /// In a few words.
    pub fn text(self) -> String {
        match self {
            Self::Overdue(slot) => format!("slot {slot} was not dispatched"),
            Self::Abandoned(id) => format!("the process of run {} is gone", id.0),
            Self::Stale(age) => format!("last success {} ago", duration::about(age)),
            Self::NeverSucceeded(age) => {
                format!("no success since it was added {} ago", duration::about(age))
            }
            Self::LastRun(id, status, code) => {
                let why = code.map(|code| format!(" ({code})")).unwrap_or_default();
                format!("run {} ended {}{why}", id.0, status.as_str())
            }
            Self::Missed(count) => counted(count, "slot missed", "slots missed"),
        }
    }
}

impl Standing {
    /// How long ago the last success was; a clock that went back makes it nothing.
    pub fn age(&self, now: DateTime<Utc>) -> Option<Duration> {
        self.record.last_success_at.map(|at| since(at, now))
    }

    /// Whether the last success is longer ago than `max_age`.
    pub fn is_stale(&self, now: DateTime<Utc>, max_age: Option<Duration>) -> bool {
        let age = self
            .age(now)
            .unwrap_or_else(|| since(self.schedule.created_at, now));
        self.schedule.settings.enabled && max_age.is_some_and(|most| age > most)
    }

    /// All that is wrong, the gravest first.
    pub fn troubles(&self, now: DateTime<Utc>, max_age: Option<Duration>) -> Vec<Trouble> {
        if !self.schedule.settings.enabled {
            return Vec::new();
        }
        let overdue = self
            .undecided
            .filter(|slot| now - slot.instant() > OVERDUE)
            .map(Trouble::Overdue);
        let abandoned = self.abandoned.map(Trouble::Abandoned);
        let stale = self.is_stale(now, max_age).then(|| match self.age(now) {
            Some(age) => Trouble::Stale(age),
            None => Trouble::NeverSucceeded(since(self.schedule.created_at, now)),
        });
        let last = self.record.last.and_then(|(id, status, code)| {
            (status != Status::Success).then_some(Trouble::LastRun(id, status, code))
        });
        let missed = (self.record.missed > 0).then_some(Trouble::Missed(self.record.missed));
        let mut all: Vec<Trouble> = [overdue, abandoned, stale, last, missed]
            .into_iter()
            .flatten()
            .collect();
        all.sort_by_key(|trouble| std::cmp::Reverse(trouble.gravity()));
        all
    }
}

fn since(then: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (now - then).to_std().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
