//! What a dispatch owes one schedule: the slot to start now, and the slots it missed.
//!
//! - A slot is started in its own minute or never; one that passed is missed.
//! - With a grace period, the newest missed slot inside it is started instead, unless the present
//!   minute has a slot of its own: a backup is made then anyway.
//! - Each slot is decided once: afterwards the schedule's slots begin with the minute after now.

use std::cmp::Ordering;
use std::collections::BTreeMap;
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

/// A slot that has a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The slot.
    pub slot: Slot,
    /// The slots that its run told as missed, if it stands for missed ones: this one is the newest.
    pub missed: Option<Missed>,
}

/// Those of the missed slots that are not decided yet: that have no run, and that no run told as missed.
/// What is `decided` comes in the order in which it was.
///
/// A run says of the slots that it told no more than the first, the newest and how many they were. It
/// told them of the present rule if the rule, and all that was decided before, yield the very same. In
/// doubt it told its own slot alone: better told twice than never.
pub fn subtract(
    recurrence: &Recurrence,
    zone: &Zone,
    missed: Missed,
    decided: &[Decided],
) -> Option<Missed> {
    let mut spans = Spans::default();
    for one in decided {
        // A run of an earlier rule is not among the slots of this one.
        if recurrence.next(zone, one.slot) != Some(one.slot) {
            continue;
        }
        let told = one.missed.filter(|told| {
            let all = recurrence.missed(zone, told.first, told.newest.next());
            all.and_then(|all| spans.left_of(recurrence, zone, all)) == Some(*told)
        });
        spans.insert(told.map_or(one.slot, |told| told.first), one.slot);
    }
    spans.left_of(recurrence, zone, missed)
}

/// Spans of decided slots that do not overlap: the first of each, with the newest.
#[derive(Debug, Default)]
struct Spans(BTreeMap<Slot, Slot>);

impl Spans {
    fn insert(&mut self, mut first: Slot, mut newest: Slot) {
        while let Some((&start, &end)) = self.0.range(..=newest).next_back()
            && end >= first
        {
            self.0.remove(&start);
            (first, newest) = (first.min(start), newest.max(end));
        }
        self.0.insert(first, newest);
    }

    /// Those of `all` the slots from the first to the newest of them that lie in no span.
    fn left_of(&self, recurrence: &Recurrence, zone: &Zone, all: Missed) -> Option<Missed> {
        let Missed {
            mut first,
            mut newest,
            mut count,
        } = all;
        for (&start, &end) in self.0.range(..=newest) {
            let (start, end) = (start.max(all.first), end.min(all.newest));
            count = count.saturating_sub(match start.cmp(&end) {
                Ordering::Less => recurrence.missed(zone, start, end.next())?.count,
                Ordering::Equal => 1,
                Ordering::Greater => 0,
            });
            if start <= first && first <= end {
                first = recurrence.next(zone, end.next())?;
            }
        }
        if count == 0 {
            return None;
        }
        for (&start, &end) in self.0.range(..=newest).rev() {
            if start <= newest && newest <= end {
                newest = recurrence.missed(zone, first, start)?.newest;
            }
        }
        Some(Missed {
            first,
            newest,
            count,
        })
    }
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

    fn of_a_run(minute: &str) -> Decided {
        Decided {
            slot: slot(minute),
            missed: None,
        }
    }

    fn told(first: &str, newest: &str, count: u64) -> Decided {
        Decided {
            slot: slot(newest),
            missed: missed(first, newest, count),
        }
    }

    #[test]
    fn slots_that_have_a_run_are_not_missed() {
        let (rule, zone) = (cron("*/10 * * * *"), from_fixture("Europe/Oslo"));
        let span = (slot("2026-11-21 01:00"), slot("2026-11-21 02:00"));
        let all = rule.missed(&zone, span.0, span.1).unwrap();
        assert_eq!(all.count, 6);
        let left = |minutes: &[&str]| {
            let runs = minutes
                .iter()
                .map(|minute| of_a_run(&format!("2026-11-21 01:{minute}")));
            subtract(&rule, &zone, all, &runs.collect::<Vec<_>>())
        };
        assert_eq!(left(&[]), Some(all));
        assert_eq!(
            left(&["00", "10", "30", "50"]),
            missed("2026-11-21 01:20", "2026-11-21 01:40", 2)
        );
        assert_eq!(
            left(&["40", "20", "50", "35"]),
            missed("2026-11-21 01:00", "2026-11-21 01:30", 3)
        );
        assert_eq!(left(&["00", "10", "20", "30", "40", "50"]), None);
    }

    /// What is left to tell of the nights from the 2nd to the 9th, daily at 02:00.
    fn left_of_nights(decided: &[Decided]) -> Option<Missed> {
        let (rule, zone) = (daily(&["02:00"]), compiled("UTC"));
        let (from, before) = (slot("2026-12-02 00:00"), slot("2026-12-10 00:00"));
        let all = rule.missed(&zone, from, before).unwrap();
        assert_eq!(all.count, 8);
        subtract(&rule, &zone, all, decided)
    }

    #[test]
    fn what_was_told_as_missed_is_not_told_again() {
        let few = told("2026-12-04 02:00", "2026-12-06 02:00", 3);
        assert_eq!(
            left_of_nights(&[few]),
            missed("2026-12-02 02:00", "2026-12-09 02:00", 5)
        );
        // It begins before these nights and ends after them; some of its slots ran all the same.
        let played = of_a_run("2026-11-30 02:00");
        let many = told("2026-11-28 02:00", "2026-12-20 02:00", 22);
        assert_eq!(left_of_nights(&[played, many]), None);
        assert_eq!(
            left_of_nights(&[played, many, of_a_run("2026-12-03 02:00")]),
            None
        );
        let rest = told("2026-12-03 02:00", "2026-12-07 02:00", 2);
        assert_eq!(
            left_of_nights(&[few, rest]),
            missed("2026-12-02 02:00", "2026-12-09 02:00", 3)
        );
    }

    #[test]
    fn what_another_rule_missed_was_not_told_of_this_one() {
        let all = missed("2026-12-02 02:00", "2026-12-09 02:00", 8);
        let other_hour = told("2026-12-02 03:00", "2026-12-09 03:00", 8);
        assert_eq!(left_of_nights(&[other_hour]), all);
        let weekdays = told("2026-12-02 02:00", "2026-12-09 02:00", 6);
        assert_eq!(
            left_of_nights(&[weekdays]),
            missed("2026-12-02 02:00", "2026-12-08 02:00", 7),
            "its own slot has a run"
        );
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
