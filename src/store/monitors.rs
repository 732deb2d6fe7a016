//! How it goes with each monitor: who is told, since when telling fails, and why.
//!
//! Nothing is written while all is well.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params};

use super::{failed, runs};
use crate::error::Result;
use crate::monitoring::{self, Condition, Monitor, Past, Subject, Turn};
use crate::schedule::ScheduleId;
use crate::tenant::TenantId;

const TOLD: &str = "
    SELECT monitor FROM monitors WHERE monitor IN ('webhook', 'hook') ORDER BY monitor";

/// The monitors that changes of state wait for: those that a dispatch had at least once.
pub fn told(conn: &Connection) -> Result<Vec<Monitor>> {
    conn.prepare_cached(TOLD)
        .and_then(|mut query| {
            query
                .query_map([], |row| runs::word(row, 0, Monitor::parse))?
                .collect()
        })
        .map_err(failed("read the monitors"))
}

const REGISTER: &str = "INSERT INTO monitors (monitor) VALUES (:monitor) ON CONFLICT DO NOTHING";

/// From now on changes of state wait for this monitor.
pub fn register(tx: &Transaction<'_>, monitor: Monitor) -> Result<()> {
    tx.prepare_cached(REGISTER)
        .and_then(|mut register| register.execute(named_params! { ":monitor": monitor.as_str() }))
        .map(drop)
        .map_err(failed("note a monitor"))
}

const PAST: &str = "
    SELECT failures, coalesce(reason, ''), given_up FROM monitors
    WHERE monitor = :monitor AND coalesce(schedule_id, 0) = :schedule";

/// How telling went until now.
pub fn past(conn: &Connection, subject: &Subject) -> Result<Past> {
    conn.prepare_cached(PAST)
        .and_then(|mut query| {
            query
                .query_row(
                    named_params! {
                        ":monitor": subject.monitor().as_str(),
                        ":schedule": subject.schedule().map_or(0, |(_, id)| id.0),
                    },
                    |row| past_of(row, 0),
                )
                .optional()
        })
        .map(Option::unwrap_or_default)
        .map_err(failed("read the monitors"))
}

/// From the columns `failures`, `reason` and `given_up`, which begin at `index`.
fn past_of(row: &Row<'_>, index: usize) -> rusqlite::Result<Past> {
    Ok(Past {
        failures: row.get::<_, i64>(index)?.unsigned_abs(),
        unusable: monitoring::is_unusable(&row.get::<_, String>(index + 1)?),
        given_up: row.get::<_, i64>(index + 2)?.unsigned_abs(),
    })
}

const TROUBLED: &str = "
    SELECT monitor, failures, coalesce(reason, ''), given_up, failed_at FROM monitors
    WHERE schedule_id IS NULL AND (failures > 0 OR given_up > 0)";

/// A monitor of dispatch that something is kept of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Troubled {
    /// Which.
    pub monitor: Monitor,
    /// How telling went until now.
    pub past: Past,
    /// When it last failed.
    pub failed_at: Option<DateTime<Utc>>,
}

/// The monitors of dispatch that something is kept of, and how it went with them.
pub fn troubled(conn: &Connection) -> Result<Vec<Troubled>> {
    let read = |row: &Row<'_>| {
        let failed_at = row.get::<_, Option<i64>>(4)?;
        Ok(Troubled {
            monitor: runs::word(row, 0, Monitor::parse)?,
            past: past_of(row, 1)?,
            failed_at: failed_at.and_then(|at| DateTime::from_timestamp(at, 0)),
        })
    };
    conn.prepare_cached(TROUBLED)
        .and_then(|mut query| query.query_map([], read)?.collect())
        .map_err(failed("read the monitors"))
}

const FAILED: &str = "
    INSERT INTO monitors (monitor, tenant_id, schedule_id, failing_from, failed_at, failures, reason)
    SELECT :monitor, :tenant, :schedule, :at, :at, 1, :reason
    WHERE :schedule IS NULL OR EXISTS (SELECT 1 FROM schedules WHERE id = :schedule)
    ON CONFLICT (monitor, coalesce(schedule_id, 0)) DO UPDATE
    SET failing_from = coalesce(failing_from, excluded.failing_from),
        failed_at = excluded.failed_at, failures = failures + 1, reason = excluded.reason";

// What was given up is of the time when it failed: whoever is told again is told of what is.
const WELL: &str = "
    UPDATE monitors
    SET failing_from = NULL, failed_at = NULL, failures = 0, reason = NULL, given_up = 0
    WHERE monitor = :monitor AND coalesce(schedule_id, 0) = :schedule";

/// Notes how telling went. Whether that is something to say aloud.
pub fn record(
    tx: &Transaction<'_>,
    subject: &Subject,
    outcome: Result<(), &str>,
    at: DateTime<Utc>,
) -> Result<Turn> {
    let before = past(tx, subject)?;
    let monitor = subject.monitor();
    let (tenant, schedule) = subject.schedule().unzip();
    match outcome {
        Ok(()) if before.is_well() => return Ok(Turn::None),
        Ok(()) => well(tx, monitor, schedule)?,
        Err(reason) => tx
            .prepare_cached(FAILED)
            .and_then(|mut failed| {
                failed.execute(named_params! {
                    ":monitor": monitor.as_str(),
                    ":tenant": tenant.map(|id| id.0),
                    ":schedule": schedule.map(|id| id.0),
                    ":at": at.timestamp(),
                    ":reason": reason,
                })
            })
            .map(drop)
            .map_err(failed("note how telling went"))?,
    }
    Ok(monitor.turn(before, outcome))
}

/// Nothing is to be said of a monitor of dispatch any more: it was mended, or taken away.
pub fn settle(tx: &Transaction<'_>, monitor: Monitor) -> Result<()> {
    well(tx, monitor, None)
}

fn well(tx: &Transaction<'_>, monitor: Monitor, schedule: Option<ScheduleId>) -> Result<()> {
    tx.prepare_cached(WELL)
        .and_then(|mut well| {
            well.execute(named_params! {
                ":monitor": monitor.as_str(),
                ":schedule": schedule.map_or(0, |id| id.0),
            })
        })
        .map(drop)
        .map_err(failed("note how telling went"))
}

const GIVEN_UP: &str = "
    UPDATE monitors SET given_up = given_up + :count WHERE monitor = :monitor";

/// So many changes of state more were never told.
pub fn add_given_up(tx: &Transaction<'_>, monitor: Monitor, count: usize) -> Result<()> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    tx.prepare_cached(GIVEN_UP)
        .and_then(|mut add| {
            add.execute(named_params! { ":monitor": monitor.as_str(), ":count": count })
        })
        .map(drop)
        .map_err(failed("note what was given up"))
}

const FORGET: &str = "DELETE FROM monitors WHERE schedule_id = :schedule";

/// What was known of a schedule's pings is of another URL than it has now.
pub fn forget(tx: &Transaction<'_>, schedule: ScheduleId) -> Result<()> {
    tx.prepare_cached(FORGET)
        .and_then(|mut forget| forget.execute(named_params! { ":schedule": schedule.0 }))
        .map(drop)
        .map_err(failed("forget how pings went"))
}

const ALL: &str = "
    SELECT m.monitor, m.tenant_id, m.schedule_id, t.name, s.name, m.failing_from, m.failed_at,
           m.failures, m.reason, m.given_up
    FROM monitors m
    LEFT JOIN schedules s ON s.id = m.schedule_id
    LEFT JOIN tenants t ON t.id = m.tenant_id
    WHERE s.archived_at IS NULL AND coalesce(s.enabled, 1)
    ORDER BY m.monitor, t.name, s.name";

/// All that is known, but of schedules that are disabled or archived: nobody waits for their pings.
pub fn list(conn: &Connection) -> Result<Vec<Condition>> {
    conn.prepare_cached(ALL)
        .and_then(|mut query| query.query_map([], condition)?.collect())
        .map_err(failed("read the monitors"))
}

fn condition(row: &Row<'_>) -> rusqlite::Result<Condition> {
    let time = |index: usize| -> rusqlite::Result<Option<DateTime<Utc>>> {
        let at = row.get::<_, Option<i64>>(index)?;
        Ok(at.and_then(|at| DateTime::from_timestamp(at, 0)))
    };
    let ids = (row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?);
    let names = (
        row.get::<_, Option<String>>(3)?,
        row.get::<_, Option<String>>(4)?,
    );
    let subject = match (ids, names) {
        ((Some(tenant), Some(schedule)), (Some(of), Some(name))) => Subject::Ping {
            tenant: TenantId(tenant),
            schedule: ScheduleId(schedule),
            described: format!("schedule {name} (id {schedule}) of tenant {of}"),
        },
        _ => Subject::Dispatch(runs::word(row, 0, Monitor::parse)?),
    };
    Ok(Condition {
        subject,
        failing_from: time(5)?,
        failed_at: time(6)?,
        failures: row.get::<_, i64>(7)?.unsigned_abs(),
        reason: row.get(8)?,
        given_up: row.get::<_, i64>(9)?.unsigned_abs(),
    })
}
