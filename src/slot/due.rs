//! What a dispatch owes one schedule: the slot to start now, and the slots it missed.
//!
//! - A slot is started in its own minute or never; one that passed is missed.
//! - With a grace period, the newest missed slot inside it is started instead, unless the present
//!   minute has a slot of its own: a backup is made then anyway.
//! - Each slot is decided once: afterwards the schedule's slots begin with the minute after now.

use std::time::Duration;

use super::Slot;
use crate::recurrence::{Missed, Recurrence};
use crate::zone::Zone;

/// What a dispatch owes one schedule, and where the next dispatch takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The slot to start.
    pub start: Option<Slot>,
    /// The slots that passed and are not started.
    pub missed: Option<Missed>,
    /// Slots before this minute are accounted for.
    pub slots_from: Slot,
    /// The first slot from there on.
    pub next_slot: Option<Slot>,
}

/// Decides the slots from `slots_from` to `now`, both included. Where `slots_from` is still to
/// come (just created, or the clock was set back a little) there is nothing to decide and it stays.
pub fn plan(
    recurrence: &Recurrence,
    zone: &Zone,
    slots_from: Slot,
    now: Slot,
    grace: Duration,
) -> Due {
    if now < slots_from {
        return Due {
            start: None,
            missed: None,
            slots_from,
            next_slot: recurrence.next(zone, slots_from),
        };
    }
    let upcoming = recurrence.next(zone, now);
    let mut start = upcoming.filter(|&slot| slot == now);
    let mut missed = recurrence.missed(zone, slots_from, now);
    if let (None, Some(Missed { newest, .. })) = (start, missed)
        && age(newest, now) <= grace
    {
        start = Some(newest);
        missed = recurrence.missed(zone, slots_from, newest);
    }
    let slots_from = now.next();
    let next_slot = match upcoming {
        Some(slot) if slot > now => Some(slot),
        Some(_) => recurrence.next(zone, slots_from),
        None => None,
    };
    Due {
        start,
        missed,
        slots_from,
        next_slot,
    }
}

/// The missed slots without those in `taken`, which are slots of the rule among them, oldest first.
pub fn subtract(
    recurrence: &Recurrence,
    zone: &Zone,
    missed: Missed,
    taken: &[Slot],
) -> Option<Missed> {
    let count = missed
        .count
        .saturating_sub(u64::try_from(taken.len()).unwrap_or(u64::MAX));
    if count == 0 {
        return None;
    }
    let (mut first, mut newest) = (missed.first, missed.newest);
    for slot in taken {
        if first == *slot {
            first = recurrence.next(zone, slot.next())?;
        }
    }
    for slot in taken.iter().rev() {
        if newest == *slot {
            newest = recurrence.missed(zone, first, *slot)?.newest;
        }
    }
    Some(Missed {
        first,
        newest,
        count,
    })
}

/// How long ago `slot` was, where that is not in the future.
fn age(slot: Slot, now: Slot) -> Duration {
    Duration::from_secs(now.epoch().saturating_sub(slot.epoch()).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recurrence::tests::{cron, daily, slot};
    use crate::zone::tests::{compiled, from_fixture};

    const NONE: Duration = Duration::ZERO;
    const HALF_HOUR: Duration = Duration::from_secs(30 * 60);

    fn missed(first: &str, newest: &str, count: u64) -> Option<Missed> {
        Some(Missed {
            first: slot(first),
            newest: slot(newest),
            count,
        })
    }

    /// What is due in Oslo, where the clock shows an hour more in winter.
    fn at(rule: &Recurrence, from: &str, now: &str, grace: Duration) -> Due {
        let due = plan(
            rule,
            &from_fixture("Europe/Oslo"),
            slot(from),
            slot(now),
            grace,
        );
        assert_eq!(due.slots_from, slot(now).next());
        due
    }

    #[test]
    fn a_slot_is_started_in_its_own_minute() {
        let rule = daily(&["02:30"]);
        let due = at(&rule, "2026-11-20 01:31", "2026-11-21 01:30", NONE);
        assert_eq!(due.start, Some(slot("2026-11-21 01:30")));
        assert_eq!(due.missed, None);
        assert_eq!(due.next_slot, Some(slot("2026-11-22 01:30")));
    }

    #[test]
    fn a_minute_later_it_is_missed_and_never_run() {
        let rule = daily(&["02:30"]);
        let due = at(&rule, "2026-11-20 01:31", "2026-11-21 01:31", NONE);
        assert_eq!(due.start, None);
        assert_eq!(
            due.missed,
            missed("2026-11-21 01:30", "2026-11-21 01:30", 1)
        );
        assert_eq!(due.next_slot, Some(slot("2026-11-22 01:30")));
        let after = at(&rule, "2026-11-21 01:32", "2026-11-21 01:32", HALF_HOUR);
        assert_eq!((after.start, after.missed), (None, None), "decided once");
    }

    #[test]
    fn slots_missed_before_one_that_starts_are_told() {
        let due = at(
            &daily(&["02:30"]),
            "2026-11-18 01:30",
            "2026-11-21 01:30",
            HALF_HOUR,
        );
        assert_eq!(due.start, Some(slot("2026-11-21 01:30")));
        assert_eq!(
            due.missed,
            missed("2026-11-18 01:30", "2026-11-20 01:30", 3)
        );
    }

    #[test]
    fn the_newest_missed_slot_within_the_grace_period_is_started() {
        let rule = daily(&["02:30"]);
        let due = at(&rule, "2026-11-19 00:00", "2026-11-21 02:00", HALF_HOUR);
        assert_eq!(
            due.start,
            Some(slot("2026-11-21 01:30")),
            "as old as the period"
        );
        assert_eq!(
            due.missed,
            missed("2026-11-19 01:30", "2026-11-20 01:30", 2)
        );
        assert_eq!(due.next_slot, Some(slot("2026-11-22 01:30")));

        let only = at(&rule, "2026-11-20 01:31", "2026-11-21 01:45", HALF_HOUR);
        assert_eq!(only.start, Some(slot("2026-11-21 01:30")));
        assert_eq!(only.missed, None);

        let late = at(&rule, "2026-11-20 01:31", "2026-11-21 02:01", HALF_HOUR);
        assert_eq!(late.start, None);
        assert_eq!(
            late.missed,
            missed("2026-11-21 01:30", "2026-11-21 01:30", 1)
        );
    }

    #[test]
    fn grace_runs_one_of_many() {
        let rule = cron("*/10 * * * *");
        let due = at(&rule, "2026-11-21 01:00", "2026-11-21 01:25", HALF_HOUR);
        assert_eq!(due.start, Some(slot("2026-11-21 01:20")));
        assert_eq!(
            due.missed,
            missed("2026-11-21 01:00", "2026-11-21 01:10", 2)
        );
        let now_too = at(&rule, "2026-11-21 01:00", "2026-11-21 01:30", HALF_HOUR);
        assert_eq!(now_too.start, Some(slot("2026-11-21 01:30")));
        assert_eq!(
            now_too.missed,
            missed("2026-11-21 01:00", "2026-11-21 01:20", 3)
        );
    }

    #[test]
    fn a_clock_set_back_decides_nothing_again() {
        let (rule, oslo) = (daily(&["02:30"]), from_fixture("Europe/Oslo"));
        let from = slot("2026-11-21 01:31");
        for now in ["2026-11-21 01:30", "2026-11-21 01:00", "2020-01-01 00:00"] {
            let due = plan(&rule, &oslo, from, slot(now), HALF_HOUR);
            assert_eq!((due.start, due.missed), (None, None));
            assert_eq!(due.slots_from, from);
            assert_eq!(due.next_slot, Some(slot("2026-11-22 01:30")));
        }
    }

    #[test]
    fn a_gap_is_not_missed_and_a_fold_is_not_run_twice() {
        let rule = daily(&["02:30"]);
        let spring = at(&rule, "2026-03-28 01:31", "2026-03-29 12:00", NONE);
        assert_eq!((spring.start, spring.missed), (None, None));
        let first = at(&rule, "2026-10-24 00:31", "2026-10-25 00:30", NONE);
        assert_eq!(first.start, Some(slot("2026-10-25 00:30")));
        let second = at(&rule, "2026-10-25 00:31", "2026-10-25 01:30", HALF_HOUR);
        assert_eq!((second.start, second.missed), (None, None));
        assert_eq!(second.next_slot, Some(slot("2026-10-26 01:30")));
    }

    #[test]
    fn slots_that_have_a_run_are_not_missed() {
        let (rule, zone) = (cron("*/10 * * * *"), from_fixture("Europe/Oslo"));
        let span = (slot("2026-11-21 01:00"), slot("2026-11-21 02:00"));
        let all = rule.missed(&zone, span.0, span.1).unwrap();
        assert_eq!(all.count, 6);
        let left = |minutes: &[&str]| {
            let taken: Vec<Slot> = minutes
                .iter()
                .map(|minute| slot(&format!("2026-11-21 01:{minute}")))
                .collect();
            subtract(&rule, &zone, all, &taken)
        };
        assert_eq!(left(&[]), Some(all));
        assert_eq!(
            left(&["00", "10", "30", "50"]),
            missed("2026-11-21 01:20", "2026-11-21 01:40", 2)
        );
        assert_eq!(
            left(&["20", "40", "50"]),
            missed("2026-11-21 01:00", "2026-11-21 01:30", 3)
        );
        assert_eq!(left(&["00", "10", "20", "30", "40", "50"]), None);
    }

    #[test]
    fn dispatching_each_minute_starts_each_slot_once() {
        let (rule, zone) = (cron("*/7 1-3 * * *"), compiled("Europe/Oslo"));
        let (mut from, end) = (slot("2026-10-24 00:00"), slot("2026-10-27 00:00"));
        let mut started = Vec::new();
        for minute in 0.. {
            let now = slot("2026-10-24 00:00").plus_minutes(minute);
            if now >= end {
                break;
            }
            // Every other minute has a second dispatch.
            for _ in 0..(minute % 2 + 1) {
                let due = plan(&rule, &zone, from, now, NONE);
                assert_eq!(due.missed, None);
                started.extend(due.start);
                from = due.slots_from;
            }
        }
        let all = rule.missed(&zone, slot("2026-10-24 00:00"), end).unwrap();
        assert_eq!(started.len() as u64, all.count);
        assert_eq!(all.count, 18 + 27 + 27, "the first day begins at 02:00");
    }
}
