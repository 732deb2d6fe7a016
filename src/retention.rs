//! Retention: which backup sets of a schedule stay. The plan is pure; applying it is one
//! transaction and a purge.
//!
//! Rules, the strongest first:
//! - while a set that lost most of its policies is not acknowledged, nothing goes at all;
//! - a pinned set stays;
//! - the newest complete set stays, by time and by id;
//! - a complete set stays while any of the [`Rules`] keeps it, which look at complete sets alone: so
//!   a partial set never pushes out a complete one;
//! - a partial set stays while it is among the last N sets of either kind, or the newest of a period
//!   that has no complete one;
//! - what stays by no rule *expires*: it is hidden, and can be brought back for a week;
//! - what expired a week ago is *purged*: the set goes, and what no other set shares with it.
//!
//! "Newest" and "last" go by time, then by id. A time in the future counts as now: sets that were
//! dated by a clock that was ahead are as new as the ones made now, and no newer. Periods are those
//! of the schedule's zone. An expired set stands for nothing, and no rule brings it back. Of an
//! archived schedule nothing more expires; what has expired is purged. Imported sets belong to no
//! schedule, and retention never touches them.

mod apply;
pub mod by_hand;
mod periods;
pub mod rules;

pub use apply::{Applied, Hand, apply, give_back, preview, reclaim};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};

use crate::backup_set::{BackupSetId, SetStatus};
use periods::Kept;
use rules::Rules;

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
    /// Whether it lost most of its policies and nobody has said that this is right.
    pub unacknowledged: bool,
}

/// What a plan goes by.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Which sets stay.
    pub rules: &'a Rules,
    /// Whether the schedule is archived.
    pub archived: bool,
    /// The local time of an instant in the schedule's zone.
    pub local: &'a dyn Fn(DateTime<Utc>) -> NaiveDateTime,
    /// Now.
    pub now: DateTime<Utc>,
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
pub fn plan(sets: &[Candidate], terms: Terms<'_>) -> Vec<Item> {
    let now = terms.now;
    let mut sets: Vec<&Candidate> = sets.iter().collect();
    sets.sort_by_key(|set| std::cmp::Reverse((set.time.min(now), set.id)));
    let visible: Vec<&Candidate> = sets
        .iter()
        .filter(|set| set.expired_at.is_none())
        .copied()
        .collect();
    let newest_complete = newest_complete(&sets);
    let last_made = last_made(&visible);
    let kept = Kept::by(&visible, terms);
    let frozen = sets.iter().find(|set| set.unacknowledged);
    let decide = |set: &Candidate| {
        let keep = |reason: &str| (Decision::Keep, reason.to_owned());
        if set.pinned {
            keep("pinned")
        } else if let Some(expired_at) = set.expired_at {
            decide_expired(expired_at, newest_complete == Some(set.id), now)
        } else if newest_complete == Some(set.id) {
            keep("newest complete backup set")
        } else if last_made == Some(set.id) {
            keep("complete backup set that was made last")
        } else if let Some(rules) = kept.reasons(set.id) {
            keep(&rules)
        } else if terms.archived {
            keep("of an archived schedule nothing expires any more")
        } else {
            (Decision::Expire, kept.place(set, terms.rules))
        }
    };
    let item = |set: &&Candidate| {
        let (mut decision, mut reason) = decide(set);
        if let (Some(shrunk), Decision::Expire | Decision::Purge) = (frozen, decision) {
            let word = decision.as_str();
            decision = Decision::Keep;
            reason = format!(
                "would {word} ({reason}), but backup set {} lost most of its policies and is not \
                 acknowledged",
                shrunk.id
            );
        }
        Item {
            id: set.id,
            decision,
            reason,
        }
    };
    sets.iter().map(item).collect()
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

/// The complete set with the highest id.
fn last_made(visible: &[&Candidate]) -> Option<BackupSetId> {
    visible
        .iter()
        .filter(|set| set.status == SetStatus::Complete)
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
