//! Which schedules are due, and up to where their slots are accounted for.
//!
//! A dispatch with nothing due reads one row of `zone_data`, one entry each of the indexes
//! `schedules_due` and `schedules_ahead` and the open runs, whatever the number of schedules.

use rusqlite::{Connection, OptionalExtension as _, Transaction, named_params};

use super::failed;
use crate::error::Result;
use crate::schedule::ScheduleId;
use crate::slot::{SETBACK, Slot};

const ANY_DUE: &str = "
    SELECT EXISTS (SELECT 1 FROM schedules
                   WHERE enabled = 1 AND archived_at IS NULL AND next_slot IS NOT NULL
                     AND next_slot <= :now)";

/// Whether any schedule has a slot at or before `now` that is not accounted for.
pub fn is_any_due(conn: &Connection, now: Slot) -> Result<bool> {
    conn.prepare_cached(ANY_DUE)
        .and_then(|mut statement| {
            statement.query_row(named_params! { ":now": now.epoch() }, |row| row.get(0))
        })
        .map_err(failed("look for due schedules"))
}

const DUE: &str = "
    SELECT id FROM schedules
    WHERE enabled = 1 AND archived_at IS NULL AND next_slot IS NOT NULL AND next_slot <= :now
    ORDER BY id";

/// The schedules with a slot at or before `now` that is not accounted for.
pub fn due(conn: &Connection, now: Slot) -> Result<Vec<ScheduleId>> {
    conn.prepare_cached(DUE)
        .and_then(|mut statement| {
            statement
                .query_map(named_params! { ":now": now.epoch() }, |row| {
                    row.get(0).map(ScheduleId)
                })?
                .collect()
        })
        .map_err(failed("read the due schedules"))
}

macro_rules! ahead {
    () => {
        "FROM schedules
         WHERE enabled = 1 AND archived_at IS NULL
           AND slots_from > :now + :tolerance AND slots_from > slots_begin + :tolerance
           AND slots_begin <= :now"
    };
}

const ANY_AHEAD: &str = concat!("SELECT EXISTS (SELECT 1 ", ahead!(), ")");

/// Whether the slots of any schedule are [`ahead()`] of `now`.
pub fn is_any_ahead(conn: &Connection, now: Slot) -> Result<bool> {
    conn.prepare_cached(ANY_AHEAD)
        .and_then(|mut statement| {
            statement.query_row(
                named_params! { ":now": now.epoch(), ":tolerance": tolerance_s() },
                |row| row.get(0),
            )
        })
        .map_err(failed("look for schedules that are ahead"))
}

const AHEAD: &str = concat!("SELECT id ", ahead!(), " ORDER BY id");

/// The schedules whose slots are accounted for further than [`SETBACK`] beyond `now`, by a clock
/// or an `--at` that was ahead. One whose slots begin after `now` is not among them.
pub fn ahead(conn: &Connection, now: Slot) -> Result<Vec<ScheduleId>> {
    conn.prepare_cached(AHEAD)
        .and_then(|mut statement| {
            statement
                .query_map(
                    named_params! { ":now": now.epoch(), ":tolerance": tolerance_s() },
                    |row| row.get(0).map(ScheduleId),
                )?
                .collect()
        })
        .map_err(failed("read the schedules that are ahead"))
}

fn tolerance_s() -> i64 {
    SETBACK.num_seconds()
}

const ACTIVE: &str =
    "SELECT id FROM schedules WHERE enabled = 1 AND archived_at IS NULL ORDER BY id";

/// The schedules that are enabled and not archived.
pub fn active(conn: &Connection) -> Result<Vec<ScheduleId>> {
    conn.prepare_cached(ACTIVE)
        .and_then(|mut statement| {
            statement
                .query_map([], |row| row.get(0).map(ScheduleId))?
                .collect()
        })
        .map_err(failed("read the schedules"))
}

const ACCOUNT: &str = "
    UPDATE schedules SET slots_from = :slots_from, next_slot = :next_slot WHERE id = :id";

/// Slots before `slots_from` are accounted for; `next_slot` is the first from there on.
pub fn account(
    tx: &Transaction<'_>,
    id: ScheduleId,
    slots_from: Slot,
    next_slot: Option<Slot>,
) -> Result<()> {
    tx.prepare_cached(ACCOUNT)
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": id.0,
                ":slots_from": slots_from.epoch(),
                ":next_slot": next_slot.map(Slot::epoch),
            })
        })
        .map(|_| ())
        .map_err(failed("account for slots"))
}

const ZONE_VERSION: &str = "SELECT version FROM zone_data";

/// The version of the zone rules with which every `next_slot` was computed.
pub fn zone_version(conn: &Connection) -> Result<Option<String>> {
    conn.prepare_cached(ZONE_VERSION)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(failed("read the version of the zone rules"))
}

const SET_ZONE_VERSION: &str =
    "INSERT OR REPLACE INTO zone_data (id, version) VALUES (1, :version)";

/// Every `next_slot` is now computed with the zone rules of this version.
pub fn set_zone_version(tx: &Transaction<'_>, version: &str) -> Result<()> {
    tx.prepare_cached(SET_ZONE_VERSION)
        .and_then(|mut statement| statement.execute(named_params! { ":version": version }))
        .map(|_| ())
        .map_err(failed("note the version of the zone rules"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn due_schedules_are_found_by_their_index_alone() {
        let fixture = Fixture::new();
        for sql in [ANY_DUE, DUE] {
            let plan = "SEARCH schedules USING INDEX schedules_due (next_slot>? AND next_slot<?)";
            fixture.assert_plan(sql, plan);
        }
        let plan = "SEARCH schedules USING INDEX schedules_ahead (slots_from>?)";
        fixture.assert_plan(ANY_AHEAD, plan);
    }
}
