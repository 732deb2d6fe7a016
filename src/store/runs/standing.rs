//! What the runs of a schedule say of how it stands. The head of `crate::status` says what counts.

use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{Status, unpack, unreadable, word};
use crate::error::Result;
use crate::run::{ErrorCode, RunId};
use crate::schedule::ScheduleId;
use crate::status::Record;
use crate::store::failed;

const LAST_SUCCESS: &str = "
    SELECT id, finished_at FROM runs
    WHERE schedule_id = :schedule AND status = 'success'
    ORDER BY id DESC LIMIT 1";

const LAST: &str = "
    SELECT id, status, error_code FROM runs
    WHERE schedule_id = :schedule AND status NOT IN ('queued', 'running')
      AND (error_code IS NULL OR error_code NOT IN ('MISSED_SLOT', 'LOCK_HELD'))
    ORDER BY id DESC LIMIT 1";

const MISSED: &str = "
    SELECT summary FROM runs
    WHERE schedule_id = :schedule AND id > :after AND error_code = 'MISSED_SLOT'";

/// What the runs of a schedule say. A missed slot and a held lock are no attempt, and so not the
/// last run.
pub fn standing(conn: &Connection, schedule: ScheduleId) -> Result<Record> {
    read(conn, schedule).map_err(failed("read how a schedule stands"))
}

fn read(conn: &Connection, schedule: ScheduleId) -> rusqlite::Result<Record> {
    let of_schedule = named_params! { ":schedule": schedule.0 };
    let success: Option<(i64, Option<i64>)> = conn
        .prepare_cached(LAST_SUCCESS)?
        .query_row(of_schedule, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let last = conn
        .prepare_cached(LAST)?
        .query_row(of_schedule, |row| {
            let code = match row.get::<_, Option<String>>(2)? {
                Some(code) => Some(ErrorCode::parse(&code).ok_or_else(|| unreadable(2, &code))?),
                None => None,
            };
            Ok((RunId(row.get(0)?), word(row, 1, Status::parse)?, code))
        })
        .optional()?;
    let after = success.map_or(0, |(id, _)| id);
    let mut missed = 0_u64;
    let mut statement = conn.prepare_cached(MISSED)?;
    let mut rows = statement.query(named_params! { ":schedule": schedule.0, ":after": after })?;
    while let Some(row) = rows.next()? {
        let packed: Option<Vec<u8>> = row.get(0)?;
        let summary = packed.and_then(|packed| unpack(&packed));
        let count = summary.and_then(|summary| summary.missed_count);
        missed = missed.saturating_add(count.unwrap_or(1));
    }
    Ok(Record {
        last_success_at: success
            .and_then(|(_, at)| at)
            .and_then(|at| DateTime::from_timestamp(at, 0)),
        last,
        missed,
    })
}
