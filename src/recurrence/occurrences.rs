//! The local times of a recurrence in a zone, one after the other, and the slots they become.
//!
//! The walk follows UTC. Between two changes of the offset, local time runs along with it, so the
//! first matching local time is the first slot. At a change that goes forward the local times it
//! jumps over come out as gaps. At one that goes back, the local times that come again are passed
//! over. So slots come in UTC order whatever the clock on the wall does.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::{HORIZON_DAYS, Recurrence};
use crate::slot::Slot;
use crate::zone::{Local, Zone};

/// A local time that matches a recurrence, and the slot it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// What the clock on the wall shows, or would show.
    pub local: NaiveDateTime,
    /// The slot; none in a gap.
    pub slot: Option<Slot>,
    /// What a clock change does to it.
    pub note: Option<Note>,
}

/// What a clock change does to a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The clock goes forward over it: it is skipped.
    Gap,
    /// The clock goes back over it: the first of its two occurrences counts.
    Fold,
}

impl Note {
    /// The word in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Fold => "fold",
        }
    }
}

impl Recurrence {
    /// The first slot at or after `from`; none if there is none within 60 years.
    pub fn next(&self, zone: &Zone, from: Slot) -> Option<Slot> {
        let horizon = i64::try_from(HORIZON_DAYS).ok()?.saturating_mul(24 * 60);
        let end = from.plus_minutes(horizon).instant().naive_utc();
        self.occurrences(zone, from)
            .take_while(|occurrence| occurrence.local < end)
            .find_map(|occurrence| occurrence.slot)
    }

    /// The local times that match from `from` on, with their slots, skipped ones included. Ends
    /// only where the calendar does.
    pub fn occurrences<'a>(
        &'a self,
        zone: &'a Zone,
        from: Slot,
    ) -> impl Iterator<Item = Occurrence> + 'a {
        Occurrences {
            rule: self,
            zone,
            at: from.epoch(),
            gap: None,
        }
    }

    /// The first local time within `days` from `from` that matches and that a clock change skips.
    pub fn next_gap(&self, zone: &Zone, from: Slot, days: u32) -> Option<Occurrence> {
        let until = from.plus_minutes(i64::from(days) * 24 * 60).epoch();
        let mut at = from.epoch();
        while let Some(change) = zone.first_change(at, until) {
            let found = Gap::at(zone, change).and_then(|mut gap| gap.next(self, zone));
            if found.is_some() {
                return found;
            }
            at = change;
        }
        None
    }
}

/// The walk: everything before the instant `at` has come out, but for what is left of `gap`.
struct Occurrences<'a> {
    rule: &'a Recurrence,
    zone: &'a Zone,
    at: i64,
    gap: Option<Gap>,
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        loop {
            if let Some(gap) = &mut self.gap {
                match gap.next(self.rule, self.zone) {
                    Some(skipped) => return Some(skipped),
                    None => self.gap = None,
                }
            }
            let offset = i64::from(self.zone.offset_at(self.at));
            let local = self.rule.first_from(wall(self.at, offset)?)?;
            let instant = local.and_utc().timestamp().checked_sub(offset)?;
            if let Some(change) = self.zone.first_change(self.at, instant) {
                self.gap = Gap::at(self.zone, change);
                self.at = change;
                continue;
            }
            self.at = instant.checked_add(1)?;
            if let Some(occurrence) = counted(self.zone, local, instant) {
                return Some(occurrence);
            }
        }
    }
}

/// The occurrence of `local` at `instant`, unless there was an earlier one.
pub(super) fn counted(zone: &Zone, local: NaiveDateTime, instant: i64) -> Option<Occurrence> {
    let resolved = zone.resolve(local);
    let first = resolved.first()?;
    (first.timestamp() == instant).then(|| Occurrence {
        local,
        slot: Some(Slot::containing(first)),
        note: matches!(resolved, Local::Twice { .. }).then_some(Note::Fold),
    })
}

/// What the clock on the wall shows at an instant, by the offset in force there, both in seconds.
pub(super) fn wall(epoch: i64, offset: i64) -> Option<NaiveDateTime> {
    let shifted = epoch.checked_add(offset)?;
    DateTime::<Utc>::from_timestamp(shifted, 0).map(|instant| instant.naive_utc())
}

/// The local times from `next` to before `end`, which a clock change jumps over.
struct Gap {
    next: NaiveDateTime,
    end: NaiveDateTime,
}

impl Gap {
    /// The gap that the change at an instant makes, if it goes forward.
    fn at(zone: &Zone, change: i64) -> Option<Self> {
        let before = zone.offset_at(change.checked_sub(1)?);
        let after = zone.offset_at(change);
        (after > before).then_some(Self {
            next: wall(change, i64::from(before))?,
            end: wall(change, i64::from(after))?,
        })
    }

    fn next(&mut self, rule: &Recurrence, zone: &Zone) -> Option<Occurrence> {
        loop {
            let local = rule
                .first_from(self.next)
                .filter(|local| *local < self.end)?;
            self.next = local.checked_add_signed(TimeDelta::minutes(1))?;
            if zone.resolve(local) == Local::Gap {
                return Some(Occurrence {
                    local,
                    slot: None,
                    note: Some(Note::Gap),
                });
            }
        }
    }
}
