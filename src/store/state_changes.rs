//! How schedules stand, and the changes of that which wait to be told: written in the transaction
//! that ends a run. The head of `crate::monitoring` says when a row appears and when it goes.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params};

use super::{failed, monitors, runs};
use crate::error::Result;
use crate::monitoring::Monitor;
use crate::monitoring::change::{Change, State};
use crate::run::RunId;
use crate::schedule::ScheduleId;

const STATE: &str = "SELECT state FROM schedule_states WHERE schedule_id = :schedule";

const SET_STATE: &str = "
    INSERT INTO schedule_states (schedule_id, tenant_id, state)
    VALUES (:schedule, :tenant, :state)
    ON CONFLICT (schedule_id) DO UPDATE SET state = excluded.state";

const LEAVE: &str = "
    INSERT INTO state_changes (monitor, event_id, at, tenant_id, run_id, state, previous)
    VALUES (:monitor, :event_id, :at, :tenant, :run, :state, :previous)";

/// Notes how a schedule stands after a run that has just ended, in the same transaction; leaves word of it
/// for each monitor that there ever was and that knows it otherwise.
pub fn note(tx: &Transaction<'_>, run: RunId, at: DateTime<Utc>) -> Result<()> {
    let run = runs::get(tx, run)?;
    let Some(state) = State::after(run.status, run.error_code) else {
        return Ok(());
    };
    let read = || -> rusqlite::Result<Option<State>> {
        tx.prepare_cached(STATE)?
            .query_row(named_params! { ":schedule": run.schedule_id.0 }, |row| {
                runs::word(row, 0, State::parse)
            })
            .optional()
    };
    let previous = read().map_err(failed("read how a schedule stands"))?;
    if previous != Some(state) {
        tx.prepare_cached(SET_STATE)
            .and_then(|mut set| {
                set.execute(named_params! {
                    ":schedule": run.schedule_id.0,
                    ":tenant": run.tenant_id.0,
                    ":state": state.as_str(),
                })
            })
            .map_err(failed("note how a schedule stands"))?;
    }
    let event_id = uuid::Uuid::new_v4().to_string();
    for monitor in monitors::told(tx)? {
        give_up(tx, monitor, u32::MAX, at)?;
        let known = match believed(tx, monitor, run.schedule_id)? {
            Some(believed) => {
                drop_given_up(tx, monitor, run.schedule_id)?;
                believed
            }
            // Before its first run a schedule is well.
            None => previous.unwrap_or(State::Well),
        };
        if known == state {
            continue;
        }
        tx.prepare_cached(LEAVE)
            .and_then(|mut leave| {
                leave.execute(named_params! {
                    ":monitor": monitor.as_str(),
                    ":event_id": event_id,
                    ":at": at.timestamp(),
                    ":tenant": run.tenant_id.0,
                    ":run": run.id.0,
                    ":state": state.as_str(),
                    ":previous": known.as_str(),
                })
            })
            .map_err(failed("leave word of a change of state"))?;
    }
    Ok(())
}

const BELIEVED: &str = "
    SELECT c.previous FROM state_changes c JOIN runs r ON r.id = c.run_id
    WHERE c.monitor = :monitor AND c.tries < 0 AND r.schedule_id = :schedule
      AND NOT EXISTS (
          SELECT 1 FROM state_changes w JOIN runs o ON o.id = w.run_id
          WHERE w.monitor = :monitor AND w.tries >= 0 AND o.schedule_id = :schedule)
    ORDER BY c.id LIMIT 1";

/// How a schedule stands by what a monitor was last told of it, where it was not told of something since
/// and nothing waits for it that it is going to be told.
fn believed(tx: &Transaction<'_>, monitor: Monitor, schedule: ScheduleId) -> Result<Option<State>> {
    tx.prepare_cached(BELIEVED)
        .and_then(|mut query| {
            let named = named_params! { ":monitor": monitor.as_str(), ":schedule": schedule.0 };
            query
                .query_row(named, |row| runs::word(row, 0, State::parse))
                .optional()
        })
        .map_err(failed("read what was given up"))
}

const DROP_GIVEN_UP: &str = "
    DELETE FROM state_changes
    WHERE monitor = :monitor AND tries < 0
      AND EXISTS (SELECT 1 FROM runs r WHERE r.id = run_id AND r.schedule_id = :schedule)";

/// A monitor knows of a schedule what there is to know, or is going to be told.
fn drop_given_up(tx: &Transaction<'_>, monitor: Monitor, schedule: ScheduleId) -> Result<()> {
    tx.prepare_cached(DROP_GIVEN_UP)
        .and_then(|mut drop| {
            drop.execute(named_params! {
                ":monitor": monitor.as_str(),
                ":schedule": schedule.0,
            })
        })
        .map(drop)
        .map_err(failed("forget what was given up"))
}

/// How long a change of state waits to be told.
pub const WAITS: TimeDelta = TimeDelta::seconds(24 * 3600);

const GIVE_UP: &str = "
    UPDATE state_changes SET tries = -1
    WHERE monitor = :monitor AND (tries >= :tries OR tries >= 0 AND at < :oldest)";

const KEEP_OLDEST: &str = "
    DELETE FROM state_changes
    WHERE monitor = :monitor AND tries < 0
      AND EXISTS (
          SELECT 1 FROM state_changes o JOIN runs r ON r.id = o.run_id
          WHERE o.monitor = :monitor AND o.tries < 0 AND o.id < state_changes.id
            AND r.schedule_id = (SELECT schedule_id FROM runs WHERE id = state_changes.run_id))";

/// Gives up what waits for a monitor since longer than [`WAITS`], and what was tried so often, and counts
/// it. How many changes that were. Of each schedule the oldest stays, marked: by its `previous` it says
/// what the monitor believes.
pub fn give_up(
    tx: &Transaction<'_>,
    monitor: Monitor,
    tries: u32,
    at: DateTime<Utc>,
) -> Result<usize> {
    let count = tx
        .prepare_cached(GIVE_UP)
        .and_then(|mut give_up| {
            give_up.execute(named_params! {
                ":monitor": monitor.as_str(),
                ":tries": tries,
                ":oldest": (at - WAITS).timestamp(),
            })
        })
        .map_err(failed("give up changes of state"))?;
    if count > 0 {
        tx.prepare_cached(KEEP_OLDEST)
            .and_then(|mut keep| keep.execute(named_params! { ":monitor": monitor.as_str() }))
            .map_err(failed("give up changes of state"))?;
        monitors::add_given_up(tx, monitor, count)?;
    }
    Ok(count)
}

const WAITING: &str = "
    SELECT count(*) FROM state_changes WHERE monitor = :monitor AND tries >= 0";

/// How many changes wait for a monitor.
pub fn waiting(conn: &Connection, monitor: Monitor) -> Result<u64> {
    let read = |row: &Row<'_>| row.get::<_, i64>(0);
    conn.prepare_cached(WAITING)
        .and_then(|mut count| count.query_row(named_params! { ":monitor": monitor.as_str() }, read))
        .map(i64::unsigned_abs)
        .map_err(failed("count the changes of state that wait"))
}

const NEXT: &str = "
    SELECT id, event_id, at, run_id, state, previous FROM state_changes
    WHERE monitor = :monitor AND id > :after AND tries >= 0 ORDER BY id LIMIT 1";

/// The change that waits longest for a monitor, of those after the one with the id `after`.
pub fn next(conn: &Connection, monitor: Monitor, after: i64) -> Result<Option<Change>> {
    let read = |row: &Row<'_>| {
        let at: i64 = row.get(2)?;
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            DateTime::from_timestamp(at, 0)
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, at))?,
            RunId(row.get(3)?),
            runs::word(row, 4, State::parse)?,
            runs::word(row, 5, State::parse)?,
        ))
    };
    let found = conn
        .prepare_cached(NEXT)
        .and_then(|mut query| {
            let named = named_params! { ":monitor": monitor.as_str(), ":after": after };
            query.query_row(named, read).optional()
        })
        .map_err(failed("read the changes of state"))?;
    let Some((id, event_id, at, run, state, previous)) = found else {
        return Ok(None);
    };
    Ok(Some(Change {
        id,
        event_id,
        at,
        state,
        previous,
        run: runs::get(conn, run)?,
    }))
}

const TOLD: &str = "DELETE FROM state_changes WHERE id = :id";

/// A change was told to a monitor.
pub fn told(tx: &Transaction<'_>, monitor: Monitor, change: &Change) -> Result<()> {
    tx.prepare_cached(TOLD)
        .and_then(|mut told| told.execute(named_params! { ":id": change.id }))
        .map(drop)
        .map_err(failed("note that a change of state was told"))?;
    drop_given_up(tx, monitor, change.run.schedule_id)
}

const TRY: &str = "
    UPDATE state_changes SET tries = tries + :more WHERE id = :id AND tries >= 0";

/// A change is about to be told.
pub fn tries(tx: &Transaction<'_>, change: &Change) -> Result<()> {
    add_tries(tx, change, 1)
}

/// It was not told, and that was neither its fault nor that of whoever is told.
pub fn does_not_count(tx: &Transaction<'_>, change: &Change) -> Result<()> {
    add_tries(tx, change, -1)
}

fn add_tries(tx: &Transaction<'_>, change: &Change, more: i64) -> Result<()> {
    tx.prepare_cached(TRY)
        .and_then(|mut add| add.execute(named_params! { ":id": change.id, ":more": more }))
        .map(drop)
        .map_err(failed("note that a change of state is told"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn what_waits_is_read_by_its_index() {
        let fixture = Fixture::new();
        let index = "SEARCH state_changes USING INDEX state_changes_monitor (monitor=?)";
        fixture.assert_plan(WAITING, index);
        fixture.assert_plan(
            NEXT,
            "SEARCH state_changes USING INDEX state_changes_monitor (monitor=? AND id>?)",
        );
    }
}
