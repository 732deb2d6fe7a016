//! What dispatches ahead of the clock decided of slots that are still to come, and how that is told.

use rusqlite::Connection;

use crate::context::Context;
use crate::error::Result;
use crate::schedule::{Ahead, Schedule};
use crate::slot::Slot;
use crate::store;

/// What is decided of a schedule's slots that are still to come.
pub(crate) fn ahead_of(ctx: &Context, conn: &Connection, schedule: &Schedule) -> Result<Ahead> {
    let now = Slot::containing(ctx.now());
    let taken = store::runs::taken_slots(conn, schedule.id, now, Slot::last())?;
    Ok(Ahead::of(schedule, taken, now))
}

/// The schedules of which there is something to tell.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    first: Option<String>,
    count: usize,
    until: Option<Slot>,
}

impl Decided {
    /// Adds a schedule, of which slots up to and with `until` may have been decided.
    pub(crate) fn add(&mut self, schedule: &Schedule, until: Option<Slot>) {
        if until.is_some() {
            self.first.get_or_insert_with(|| schedule.described());
            self.count += 1;
            self.until = self.until.max(until);
        }
    }

    /// That slots will not start that the rules of these schedules yield; none where there are none.
    pub(crate) fn text(&self) -> Option<String> {
        let (first, until) = (self.first.as_deref()?, self.until?);
        let who = match self.count {
            1 => first.to_owned(),
            count => format!("{first} and {} more", count - 1),
        };
        Some(format!(
            "some slots to come of {who} are decided already, the newest {until}, and do not start again: a \
             dispatch was ahead of the clock (--at, or a clock that was wrong)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::schedule;

    #[test]
    fn of_many_schedules_the_first_is_named_and_the_newest_slot() {
        let mut decided = Decided::default();
        decided.add(&schedule(), None);
        assert_eq!(decided.text(), None);
        decided.add(&schedule(), Slot::from_epoch(120));
        let text = decided.text().unwrap();
        let one = "some slots to come of schedule nightly (id 1) of tenant contoso are decided already, \
                   the newest 1970-01-01T00:02:00Z, ";
        assert!(text.starts_with(one), "{text}");
        decided.add(&schedule(), Slot::from_epoch(60));
        let text = decided.text().unwrap();
        let two = "contoso and 1 more are decided already, the newest 1970-01-01T00:02:00Z, ";
        assert!(text.contains(two), "{text}");
    }
}
