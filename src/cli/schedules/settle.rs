//! What a schedule missed until now, recorded before its rule changes or stops.
//!
//! Afterwards nobody could tell any more which slots there were: the next dispatch goes by the new
//! rule, and a schedule that is disabled or archived misses nothing.

use rusqlite::Transaction;

use crate::context::Context;
use crate::dispatch;
use crate::error::Result;
use crate::plural::counted;
use crate::recurrence::Missed;
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::zone::Zone;

/// What happens to slots of the old rule.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settled {
    /// Those that passed without a dispatch, as far as they were recorded now.
    missed: Option<Missed>,
    /// The one of the present minute, which no dispatch has started.
    dropped: Option<Slot>,
}

/// Records the slots that passed without a dispatch under the present rule, in the transaction that
/// changes it. A slot of the present minute has not passed.
pub(super) fn settle(ctx: &Context, tx: &Transaction<'_>, schedule: &Schedule) -> Result<Settled> {
    if !schedule.settings.enabled || schedule.archived_at.is_some() {
        return Ok(Settled::default());
    }
    let zone = match Zone::load(ctx.zones(), &schedule.settings.timezone) {
        Ok(zone) => zone,
        // A zone that this machine does not know must not keep anybody from changing or stopping
        // the schedule; what was missed in it cannot be told.
        Err(error) => {
            ctx.ui
                .warn(error.during(format_args!("slots missed by {}", schedule.described())));
            return Ok(Settled::default());
        }
    };
    let rule = &schedule.settings.recurrence;
    let minute = Slot::containing(ctx.now());
    let mut settled = Settled {
        missed: None,
        dropped: (schedule.slots_from <= minute && rule.next(&zone, minute) == Some(minute))
            .then_some(minute),
    };
    if let Some(missed) = rule.missed(&zone, schedule.slots_from, minute) {
        let actor = ctx.actor.name();
        let lost =
            dispatch::record_missed(tx, &ctx.locks(), schedule, &zone, missed, actor, ctx.now())?;
        settled.missed = lost.map(|lost| lost.missed);
    }
    Ok(settled)
}

/// Says what was missed, and what is going to be.
pub(crate) fn tell(ctx: &Context, schedule: &Schedule, settled: Settled) {
    if let Some(missed) = settled.missed {
        ctx.ui.warn(format_args!(
            "{} missed {} until now, the newest at {}; recorded as skipped",
            schedule.described(),
            counted(missed.count, "slot", "slots"),
            missed.newest,
        ));
    }
    if let Some(slot) = settled.dropped {
        ctx.ui.warn(format_args!(
            "slot {slot} of this minute will not start: no dispatch had started it when {} changed",
            schedule.described(),
        ));
    }
}
