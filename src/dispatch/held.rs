//! Slots that are skipped because their schedule has a run already, and when that is worth a word.
//!
//! One alone is not: a run took longer than usual. cron mails every line, and a schedule of each
//! minute beside a run of an hour would send sixty mails. So the first ones in a row are silent, the
//! one that makes the row long is told, and those after it are silent again, until a run of the
//! schedule has begun in between. Slots that nobody dispatched do not end a row.

use chrono::SecondsFormat;
use rusqlite::{Connection, Transaction};
use serde_json::json;

use crate::audit::{Event, Outcome};
use crate::error::{Error, Kind, Result};
use crate::run::{Ending, ErrorCode, RunId, Status};
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::store;
use crate::store::runs::{NewRun, OpenRun};

/// How long a row has to get for a word.
const TOLD_AT: u64 = 4;

/// A slot that was skipped in favour of a run of its schedule that is still open.
#[derive(Debug, Clone)]
pub struct Held {
    /// The skipped run.
    pub run_id: RunId,
    /// Its schedule.
    pub schedule: Schedule,
    /// The slot.
    pub slot: Slot,
    /// Which run is open, and since when.
    pub why: String,
    /// What somebody has to hear, where the row got long with this one.
    pub warning: Option<Error>,
}

/// Records a run that is skipped because of `why`: an open run, or else somebody with the lock.
pub(super) fn skip(
    tx: &Transaction<'_>,
    schedule: &Schedule,
    run: &NewRun<'_>,
    why: &str,
    holder: Option<&OpenRun>,
) -> Result<Option<RunId>> {
    let ending = Ending::because(Status::Skipped, ErrorCode::LockHeld, why);
    let Some(run_id) = store::runs::record(tx, run, &ending)? else {
        return Ok(None);
    };
    store::audit::append(
        tx,
        &Event {
            at: run.created_at,
            actor: run.actor,
            action: "run.skipped",
            tenant: Some(schedule.tenant_id),
            object: format!("run {}", run_id.0),
            outcome: Outcome::Failed,
            details: json!({ "schedule": schedule.id.0, "held_by_run": holder.map(|run| run.id.0) }),
        },
    )?;
    store::notifications::leave(tx, run_id, run.created_at)?;
    Ok(Some(run_id))
}

/// Why a slot is skipped in favour of `holder`.
pub(super) fn why(schedule: &Schedule, holder: &OpenRun) -> String {
    let since = holder.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!(
        "{} has run {} {} since {since}",
        schedule.described(),
        holder.id.0,
        holder.status.as_str()
    )
}

/// What to tell of a slot that was just skipped because of `why`, if anything.
pub(super) fn warning(conn: &Connection, schedule: &Schedule, why: &str) -> Result<Option<Error>> {
    let in_a_row = store::runs::held_in_a_row(conn, schedule.id)?;
    Ok(is_told(in_a_row).then(|| {
        let id = schedule.id.0;
        let line = format!("{in_a_row} slots in a row were skipped: {why}");
        Error::new(Kind::LockHeld, line).hint(format!(
            "tenantpilot history --schedule {id}; fewer slots, or a shorter --max-runtime: \
             tenantpilot schedules edit {id}"
        ))
    }))
}

/// Whether the newest of so many skipped slots in a row is told.
fn is_told(in_a_row: u64) -> bool {
    in_a_row == TOLD_AT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_in_a_row_is_told_and_no_other() {
        let told: Vec<u64> = (0..2_000).filter(|row| is_told(*row)).collect();
        assert_eq!(told, [4]);
    }
}
