//! How many slots a span of time holds, its first and its newest, without listing them all.
//!
//! Long after a change of the offset local time runs along with UTC and repeats nothing, so slots
//! are counted by the day. Near one they are looked at one by one.

use chrono::{DateTime, NaiveDateTime};

use super::Recurrence;
use super::occurrences::{counted, wall};
use crate::slot::Slot;
use crate::zone::Zone;

/// Slots that passed without a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The oldest of them.
    pub first: Slot,
    /// The newest of them.
    pub newest: Slot,
    /// How many they are, at least 1.
    pub count: u64,
}

/// So long after a change no local time repeats one from before it: no two offsets are further
/// apart (UTC-12 and UTC+14).
const REACH_SECONDS: i64 = 26 * 3600;

/// What a longer span holds before its last hundred years is not counted. Such a span means a
/// clock that is wrong, and the count has to come back all the same.
const LONGEST_MINUTES: i64 = 100 * 366 * 24 * 60;

impl Recurrence {
    /// The slots at or after `from` and before `before`; none if there is none. Of a span longer
    /// than a hundred years, those of the last hundred.
    pub fn missed(&self, zone: &Zone, from: Slot, before: Slot) -> Option<Missed> {
        let mut at = from.max(before.plus_minutes(-LONGEST_MINUTES)).epoch();
        let end = before.epoch();
        let mut found = None;
        while at < end {
            let change = zone.first_change(at, end).unwrap_or(end);
            let settled = at.saturating_add(REACH_SECONDS).min(change);
            self.each(zone, at, settled, &mut found);
            self.by_the_day(zone, settled, change, &mut found);
            at = change;
        }
        found
    }

    /// Adds the slots in `start..end`, between which the offset does not change, one by one.
    fn each(&self, zone: &Zone, start: i64, end: i64, found: &mut Option<Missed>) {
        let offset = i64::from(zone.offset_at(start));
        let mut at = start;
        while let Some(local) = wall(at, offset).and_then(|wall| self.first_from(wall)) {
            let instant = local.and_utc().timestamp().saturating_sub(offset);
            if instant >= end {
                break;
            }
            if let Some(slot) = counted(zone, local, instant).and_then(|found| found.slot) {
                add(found, slot, slot, 1);
            }
            at = instant.saturating_add(1);
        }
    }

    /// Adds the slots in `start..end`, between and some time before which the offset does not
    /// change.
    fn by_the_day(&self, zone: &Zone, start: i64, end: i64, found: &mut Option<Missed>) {
        if start >= end {
            return;
        }
        let offset = i64::from(zone.offset_at(start));
        let slot = |local: NaiveDateTime| {
            let instant = local.and_utc().timestamp().saturating_sub(offset);
            DateTime::from_timestamp(instant, 0).map(Slot::containing)
        };
        let (Some(start), Some(end)) = (wall(start, offset), wall(end, offset)) else {
            return;
        };
        let first = self.first_from(start).and_then(slot);
        let newest = self.last_between(start, end).and_then(slot);
        if let (Some(first), Some(newest)) = (first, newest) {
            add(found, first, newest, self.count_between(start, end));
        }
    }
}

/// Adds `count` slots from `first` to `newest`, which come after all that were found.
fn add(found: &mut Option<Missed>, first: Slot, newest: Slot, count: u64) {
    let before = *found;
    *found = Some(Missed {
        first: before.map_or(first, |missed| missed.first),
        newest,
        count: before
            .map_or(0, |missed| missed.count)
            .saturating_add(count),
    });
}
