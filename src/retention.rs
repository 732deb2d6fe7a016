//! Retention: which backup sets of a schedule stay. The plan is pure; applying it is one
//! transaction and a purge.
//!
//! Rules, the strongest first:
//! - a pinned set stays;
//! - the newest complete set stays;
//! - the last N complete sets stay, so that a partial set never pushes out a complete one;
//! - a partial set stays while it is among the last N sets of either kind;
//! - the newest complete set by id stays too, whatever the times of others say;
//! - what stays by no rule *expires*: it is hidden, and can be brought back for a week;
//! - what expired a week ago is *purged*: the set goes, and what no other set shares with it.
//!
//! "Newest" and "last" go by time, then by id. A time in the future counts as now: sets that were
//! dated by a clock that was ahead are as new as the ones made now, and no newer.

mod apply;
pub mod by_hand;
pub mod rules;

pub use apply::{apply, preview};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::backup_set::{BackupSetId, SetStatus};

/// How long an expired backup set can be brought back: 7 days.
pub const EXPIRED_FOR: TimeDelta = TimeDelta::seconds(7 * 24 * 3600);

/// A backup set as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: BackupSetId,
    /// Its time.
    pub time: DateTime<Utc>,
    /// Whether it is complete.
    pub status: SetStatus,
    /// Whether somebody pinned it.
    pub pinned: bool,
    /// When it expired, if it did.
    pub expired_at: Option<DateTime<Utc>>,
}

/// What becomes of a backup set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It stays as it is.
    Keep,
    /// It is hidden, and can be brought back.
    Expire,
    /// It goes for good.
    Purge,
}

impl Decision {
    /// The word in tables and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Expire => "expire",
            Self::Purge => "purge",
        }
    }
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The backup set.
    pub id: BackupSetId,
    /// What becomes of it.
    pub decision: Decision,
    /// By which rule.
    pub reason: String,
}

/// Decides what becomes of each backup set of one schedule, newest first. A clock that was ahead
/// or went back removes nothing early: times in the future count as now.
pub fn plan(sets: &[Candidate], keep_last: u32, now: DateTime<Utc>) -> Vec<Item> {
    let mut sets: Vec<&Candidate> = sets.iter().collect();
    sets.sort_by_key(|set| std::cmp::Reverse((set.time.min(now), set.id)));
    let keep_last = keep_last.max(1);
    let newest_complete = newest_complete(&sets);
    let last_made = last_made(&sets);

    let (mut seen, mut seen_complete) = (0_u32, 0_u32);
    let mut items = Vec::with_capacity(sets.len());
    for set in sets {
        let hidden = set.expired_at.is_some();
        let complete = set.status == SetStatus::Complete;
        if !hidden {
            seen = seen.saturating_add(1);
            seen_complete = seen_complete.saturating_add(u32::from(complete));
        }
        let (decision, reason) = if set.pinned {
            (Decision::Keep, "pinned".to_owned())
        } else if let Some(expired_at) = set.expired_at {
            decide_expired(expired_at, newest_complete == Some(set.id), now)
        } else if newest_complete == Some(set.id) {
            (Decision::Keep, "newest complete backup set".to_owned())
        } else if last_made == Some(set.id) {
            (
                Decision::Keep,
                "complete backup set that was made last".to_owned(),
            )
        } else if complete && seen_complete <= keep_last {
            (
                Decision::Keep,
                format!("number {seen_complete} of the last {keep_last} complete"),
            )
        } else if seen <= keep_last {
            (
                Decision::Keep,
                format!("number {seen} of the last {keep_last}"),
            )
        } else if complete {
            (
                Decision::Expire,
                format!("number {seen_complete} of the complete, {keep_last} stay"),
            )
        } else {
            (
                Decision::Expire,
                format!("number {seen} and partial, {keep_last} stay"),
            )
        };
        items.push(Item {
            id: set.id,
            decision,
            reason,
        });
    }
    items
}

/// The newest complete set that is not hidden; if all are, the newest of those.
fn newest_complete(newest_first: &[&Candidate]) -> Option<BackupSetId> {
    let mut complete = newest_first
        .iter()
        .filter(|set| set.status == SetStatus::Complete);
    let newest = complete.clone().next();
    complete
        .find(|set| set.expired_at.is_none())
        .or(newest)
        .map(|set| set.id)
}

/// The complete set with the highest id that is not hidden.
fn last_made(sets: &[&Candidate]) -> Option<BackupSetId> {
    sets.iter()
        .filter(|set| set.status == SetStatus::Complete && set.expired_at.is_none())
        .map(|set| set.id)
        .max()
}

fn decide_expired(
    expired_at: DateTime<Utc>,
    newest_complete: bool,
    now: DateTime<Utc>,
) -> (Decision, String) {
    let day = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let until = expired_at
        .checked_add_signed(EXPIRED_FOR)
        .unwrap_or(DateTime::<Utc>::MAX_UTC);
    if newest_complete {
        (
            Decision::Keep,
            "expired, but there is no other complete backup set".to_owned(),
        )
    } else if until <= now {
        (Decision::Purge, format!("expired {}", day(expired_at)))
    } else {
        (
            Decision::Keep,
            format!("expired {}, purged from {} on", day(expired_at), day(until)),
        )
    }
}

#[cfg(test)]
mod tests;
