//! What a schedule missed until now, recorded before its rule changes or stops.
//!
//! Afterwards nobody could tell any more which slots there were: the next dispatch goes by the new
//! rule, and a schedule that is disabled or archived misses nothing.

use rusqlite::Transaction;

use crate::context::Context;
use crate::dispatch;
use crate::error::Result;
use crate::recurrence::Missed;
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::zone::Zone;

/// Records the slots that passed without a dispatch under the present rule, in the transaction that
/// changes it. A slot of the present minute has not passed.
pub(super) fn settle(
    ctx: &Context,
    tx: &Transaction<'_>,
    schedule: &Schedule,
) -> Result<Option<Missed>> {
    if !schedule.settings.enabled || schedule.archived_at.is_some() {
        return Ok(None);
    }
    let zone = match Zone::load(ctx.zones(), &schedule.settings.timezone) {
        Ok(zone) => zone,
        // A zone that this machine does not know must not keep anybody from changing or stopping
        // the schedule; what was missed in it cannot be told.
        Err(error) => {
            ctx.ui
                .warn(error.during(format_args!("slots missed by {}", schedule.described())));
            return Ok(None);
        }
    };
    let rule = &schedule.settings.recurrence;
    let missed = rule.missed(&zone, schedule.slots_from, Slot::containing(ctx.now()));
    if let Some(missed) = missed {
        dispatch::record_missed(tx, schedule, missed, ctx.actor.name(), ctx.now())?;
    }
    Ok(missed)
}

/// Says what was missed.
pub(super) fn tell(ctx: &Context, schedule: &Schedule, missed: Option<Missed>) {
    if let Some(missed) = missed {
        ctx.ui.warn(format_args!(
            "{} missed {} until now, the newest at {}; recorded as skipped",
            schedule.described(),
            if missed.count == 1 {
                "1 slot".to_owned()
            } else {
                format!("{} slots", missed.count)
            },
            missed.newest,
        ));
    }
}
