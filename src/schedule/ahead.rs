//! Which slots that are still to come can start, as seen from now.
//!
//! A dispatch that was ahead of the clock (`--at`, or a clock that was wrong) decided slots whose time
//! had not come. When it comes, the next dispatch does what the head of [`crate::slot`] says: it sits
//! out what is decided for an hour at most, and takes up all that is further ahead from its own minute
//! on. In either case a slot that has a run never starts again, also where that run says that it was
//! missed. Nothing is promised here but what is left.

use std::collections::BTreeSet;

use super::Schedule;
use crate::recurrence::Recurrence;
use crate::slot::{SETBACK, Slot};
use crate::zone::Zone;

/// What is decided of the slots of a schedule that are still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    now: Slot,
    from: Slot,
    taken: BTreeSet<Slot>,
}

impl Ahead {
    /// Of a schedule in the minute `now`, where the slots from then on that have a run are `taken`.
    pub fn of(schedule: &Schedule, taken: impl IntoIterator<Item = Slot>, now: Slot) -> Self {
        let begin = now.max(schedule.slots_begin);
        let tolerated = begin.plus_minutes(SETBACK.num_minutes());
        let from = match schedule.settings.enabled && schedule.archived_at.is_none() {
            true if schedule.slots_from > tolerated => begin,
            true => now.max(schedule.slots_from),
            // Its slots begin anew when it is enabled or restored.
            false => now,
        };
        Self {
            now,
            from,
            taken: taken.into_iter().collect(),
        }
    }

    /// Whether this slot, which has not passed, can still start.
    pub fn leaves(&self, slot: Slot) -> bool {
        slot >= self.from && !self.taken.contains(&slot)
    }

    /// The next slot that will start.
    pub fn next(&self, rule: &Recurrence, zone: &Zone) -> Option<Slot> {
        let mut next = rule.next(zone, self.from);
        while let Some(slot) = next
            && self.taken.contains(&slot)
        {
            next = rule.next(zone, slot.next());
        }
        next
    }

    /// The newest slot after the present minute that will not start; none where nothing is decided
    /// ahead.
    pub fn until(&self, rule: &Recurrence, zone: &Zone) -> Option<Slot> {
        let first = self.now.next();
        let passed_over = rule.missed(zone, first, self.from);
        let taken = self.taken.range(first..).next_back().copied();
        taken.max(passed_over.map(|slots| slots.newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recurrence::tests::{cron, daily, slot};
    use crate::status::tests::schedule as nightly;
    use crate::zone::tests::compiled;

    const NOW: &str = "2026-11-21 10:00";

    /// A schedule of this rule whose slots began a day ago and are decided up to `from`, with what is
    /// decided of it now where these slots have a run.
    fn ahead(rule: Recurrence, from: &str, taken: &[&str]) -> (Schedule, Ahead) {
        let mut schedule = nightly();
        schedule.settings.recurrence = rule;
        schedule.slots_begin = slot("2026-11-20 10:00");
        schedule.slots_from = slot(from);
        let taken = taken.iter().map(|minute| slot(minute));
        let ahead = Ahead::of(&schedule, taken, slot(NOW));
        (schedule, ahead)
    }

    fn promised(rule: Recurrence, from: &str, taken: &[&str]) -> (Option<Slot>, Option<Slot>) {
        let (schedule, ahead) = ahead(rule, from, taken);
        let (rule, zone) = (&schedule.settings.recurrence, compiled("UTC"));
        let next = ahead.next(rule, &zone);
        assert!(next.is_none_or(|slot| ahead.leaves(slot)));
        (next, ahead.until(rule, &zone))
    }

    #[test]
    fn as_a_rule_nothing_is_decided_ahead() {
        let next = Some(slot("2026-11-22 02:00"));
        for from in ["2026-11-21 09:59", NOW, "2026-11-21 10:01"] {
            assert_eq!(promised(daily(&["02:00"]), from, &[]), (next, None));
        }
        let this_minute = Some(slot(NOW));
        let each = || cron("* * * * *");
        assert_eq!(promised(each(), NOW, &[]), (this_minute, None));
        let dispatched = promised(each(), "2026-11-21 10:01", &[NOW]);
        assert_eq!(dispatched, (Some(slot("2026-11-21 10:01")), None));
    }

    #[test]
    fn what_is_decided_for_an_hour_is_sat_out() {
        let quarters = || cron("*/15 * * * *");
        assert_eq!(
            promised(quarters(), "2026-11-21 11:00", &["2026-11-21 10:45"]),
            (
                Some(slot("2026-11-21 11:00")),
                Some(slot("2026-11-21 10:45"))
            )
        );
        assert_eq!(
            promised(quarters(), "2026-11-21 10:31", &[]),
            (
                Some(slot("2026-11-21 10:45")),
                Some(slot("2026-11-21 10:30"))
            )
        );
    }

    #[test]
    fn what_is_decided_beyond_that_is_taken_up_again_but_for_what_has_a_run() {
        let (played, after) = ("2026-11-22 02:00", "2026-11-26 02:31");
        assert_eq!(
            promised(daily(&["02:00"]), after, &[played, "2026-11-26 02:00"]),
            (
                Some(slot("2026-11-23 02:00")),
                Some(slot("2026-11-26 02:00"))
            )
        );
        assert_eq!(
            promised(daily(&["02:00"]), "9999-12-31 23:59", &[]),
            (Some(slot(played)), None)
        );
    }

    #[test]
    fn a_run_counts_also_where_slots_began_anew() {
        let (mut schedule, _) = ahead(daily(&["02:00"]), "2026-11-21 10:01", &[]);
        let (played, next) = (slot("2026-11-22 02:00"), slot("2026-11-23 02:00"));
        let zone = compiled("UTC");
        for enabled in [true, false] {
            schedule.settings.enabled = enabled;
            schedule.slots_begin = schedule.slots_from;
            let ahead = Ahead::of(&schedule, [played], slot(NOW));
            let found = ahead.next(&schedule.settings.recurrence, &zone);
            assert_eq!(found, Some(next));
        }
    }
}
