//! A schedule: what to back up in one tenant, when, and how long to keep it.

mod ahead;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::http::address::Address;
use crate::recurrence::Recurrence;
use crate::retention::rules::{Keep, Rules};
use crate::slot::Slot;
use crate::tenant::TenantId;

pub use ahead::Ahead;

/// The id of a schedule in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleId(pub i64);

/// What the user decides about a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The label a person uses; unique in its tenant.
    pub name: String,
    /// The rule that yields slots.
    pub recurrence: Recurrence,
    /// The IANA zone in which the rule is evaluated, as typed.
    pub timezone: String,
    /// `default`, `all`, or the keys of policy types.
    pub policy_types: Vec<String>,
    /// Keys taken away from `policy_types`.
    pub exclude_types: Vec<String>,
    /// Whether the foundations come along.
    pub include_foundations: bool,
    /// Which backup sets stay.
    pub keep: Keep,
    /// How late the newest missed slot may still be run.
    pub grace: Duration,
    /// When a run is given up.
    pub max_runtime: Duration,
    /// Runs start at a fixed offset within this span after their slot.
    pub spread: Duration,
    /// Free key-value labels.
    pub labels: BTreeMap<String, String>,
    /// Whether slots are run.
    pub enabled: bool,
    /// The check that is told of each run.
    pub ping_url: Option<Address>,
}

/// The longest spread: a dispatch waits so long with the run in hand.
const LONGEST_SPREAD: Duration = Duration::from_secs(86_400);

impl Settings {
    /// Those of a schedule of which nothing is said but its name and when.
    pub fn new(name: String, recurrence: Recurrence) -> Self {
        Self {
            name,
            recurrence,
            timezone: "UTC".to_owned(),
            policy_types: vec!["default".to_owned()],
            exclude_types: Vec::new(),
            include_foundations: true,
            keep: Keep::default(),
            grace: Duration::ZERO,
            max_runtime: Duration::from_secs(3_600),
            spread: Duration::ZERO,
            labels: BTreeMap::new(),
            ping_url: None,
            enabled: true,
        }
    }
}

/// Checks how long a run may take.
///
/// # Errors
/// No time at all.
pub fn check_max_runtime(max_runtime: Duration) -> Result<()> {
    if max_runtime.is_zero() {
        return Err(Error::usage("a max runtime of nothing lets no run finish")
            .hint("give --max-runtime at least 1s"));
    }
    Ok(())
}

/// Checks over how long starts are spread.
///
/// # Errors
/// More than a day.
pub fn check_spread(spread: Duration) -> Result<()> {
    if spread > LONGEST_SPREAD {
        return Err(
            Error::usage("a run cannot start more than a day after its slot")
                .hint("give --spread at most 24h"),
        );
    }
    Ok(())
}

/// Each key once, in the order given.
pub fn distinct(keys: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known = BTreeSet::new();
    let keys = keys.into_iter();
    keys.filter(|key| known.insert(key.clone())).collect()
}

/// A schedule as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// That tenant's name.
    pub tenant: String,
    /// What the user decided.
    pub settings: Settings,
    /// Which backup sets stay: what the user decided, and for the rest the default.
    pub rules: Rules,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was removed from the list; its history and backup sets stay.
    pub archived_at: Option<DateTime<Utc>>,
    /// Its slots begin with this minute: it was added, enabled or changed in the one before.
    pub slots_begin: Slot,
    /// Slots before this minute are accounted for.
    pub slots_from: Slot,
    /// The first slot from there on.
    pub next_slot: Option<Slot>,
}

impl Schedule {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// How messages name it: `schedule nightly (id 3) of tenant contoso`.
    pub fn described(&self) -> String {
        format!(
            "schedule {} (id {}) of tenant {}",
            self.settings.name, self.id.0, self.tenant
        )
    }
}

/// A schedule's fixed offset within its spread: the same each night, different between schedules.
pub fn spread_offset(id: ScheduleId, spread: Duration) -> Duration {
    // Multiplying by an odd constant near 2^64/φ scatters neighbouring ids over the whole range
    // (Knuth, The Art of Computer Programming, vol. 3, §6.4), and stays the same for ever.
    let scattered = id.0.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let seconds = (scattered * spread.as_secs()) >> 32;
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_fill_the_spread_evenly_and_never_change() {
        let spread = Duration::from_secs(1800);
        let mut per_minute = [0_u32; 30];
        for id in 1..=300 {
            let offset = spread_offset(ScheduleId(id), spread);
            assert!(offset < spread);
            per_minute[usize::try_from(offset.as_secs() / 60).unwrap()] += 1;
        }
        assert!(
            per_minute.iter().all(|&n| (5..=15).contains(&n)),
            "{per_minute:?}"
        );
        assert_eq!(
            spread_offset(ScheduleId(1), spread),
            Duration::from_secs(1112)
        );
        assert_eq!(spread_offset(ScheduleId(7), Duration::ZERO), Duration::ZERO);
    }
}
