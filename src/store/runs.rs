//! Runs: claimed, started, finished, read. The UNIQUE constraint on (schedule, slot) is the claim.

mod standing;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params};

use super::failed;
use crate::backup_set::BackupSetId;
use crate::error::{Error, Kind, Result};
use crate::lock::Owner;
use crate::run::summary::Summary;
use crate::run::{Ending, ErrorCode, Run, RunId, Status, Trigger};
use crate::schedule::ScheduleId;
use crate::slot::Slot;
use crate::tenant::TenantId;

pub use standing::standing;

/// A run that is about to exist.
#[derive(Debug, Clone)]
pub struct NewRun<'a> {
    /// The tenant of its schedule.
    pub tenant_id: TenantId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// What starts it.
    pub trigger: Trigger,
    /// The run that it tries again.
    pub retry_of: Option<RunId>,
    /// Who starts it.
    pub actor: &'a str,
    /// Its slot, if a slot starts it.
    pub scheduled_for: Option<Slot>,
    /// Now.
    pub created_at: DateTime<Utc>,
}

const INSERT_OPEN: &str = "
    INSERT INTO runs (tenant_id, schedule_id, trigger, retry_of, actor, owner, scheduled_for,
                      created_at, status)
    VALUES (:tenant_id, :schedule_id, :trigger, :retry_of, :actor, :owner, :scheduled_for,
            :created_at, 'queued')
    ON CONFLICT (schedule_id, scheduled_for) DO NOTHING
    RETURNING id";

/// Inserts a queued run that `owner` answers for. None when its slot has a run already: another
/// process was first.
pub fn claim(tx: &Transaction<'_>, run: &NewRun<'_>, owner: &Owner) -> Result<Option<RunId>> {
    tx.prepare_cached(INSERT_OPEN)
        .and_then(|mut statement| {
            statement
                .query_row(
                    named_params! {
                        ":tenant_id": run.tenant_id.0,
                        ":schedule_id": run.schedule_id.0,
                        ":trigger": run.trigger.as_str(),
                        ":retry_of": run.retry_of.map(|id| id.0),
                        ":actor": run.actor,
                        ":owner": owner.0,
                        ":scheduled_for": run.scheduled_for.map(Slot::epoch),
                        ":created_at": run.created_at.timestamp(),
                    },
                    |row| row.get(0).map(RunId),
                )
                .optional()
        })
        .map_err(failed("claim a slot"))
}

const INSERT_FINISHED: &str = "
    INSERT INTO runs (tenant_id, schedule_id, trigger, retry_of, actor, scheduled_for, created_at,
                      finished_at, status, error_code, error_message, summary)
    VALUES (:tenant_id, :schedule_id, :trigger, :retry_of, :actor, :scheduled_for, :created_at,
            :created_at, :status, :error_code, :error_message, :summary)
    ON CONFLICT (schedule_id, scheduled_for) DO NOTHING
    RETURNING id";

/// Inserts a run that is over as soon as it exists: a missed slot, a held lock. None when its slot
/// has a run already.
pub fn record(tx: &Transaction<'_>, run: &NewRun<'_>, ending: &Ending) -> Result<Option<RunId>> {
    let summary = pack(ending.summary.as_ref())?;
    tx.prepare_cached(INSERT_FINISHED)
        .and_then(|mut statement| {
            statement
                .query_row(
                    named_params! {
                        ":tenant_id": run.tenant_id.0,
                        ":schedule_id": run.schedule_id.0,
                        ":trigger": run.trigger.as_str(),
                        ":retry_of": run.retry_of.map(|id| id.0),
                        ":actor": run.actor,
                        ":scheduled_for": run.scheduled_for.map(Slot::epoch),
                        ":created_at": run.created_at.timestamp(),
                        ":status": ending.status.as_str(),
                        ":error_code": ending.error_code.map(ErrorCode::as_str),
                        ":error_message": ending.error_message,
                        ":summary": summary,
                    },
                    |row| row.get(0).map(RunId),
                )
                .optional()
        })
        .map_err(failed("record a run"))
}

const TAKEN: &str = "
    SELECT scheduled_for FROM runs
    WHERE schedule_id = :schedule_id AND scheduled_for BETWEEN :first AND :newest
    ORDER BY scheduled_for";

/// The slots of a schedule from `first` to `newest`, both included, that have a run; oldest first.
pub fn taken_slots(
    conn: &Connection,
    schedule: ScheduleId,
    first: Slot,
    newest: Slot,
) -> Result<Vec<Slot>> {
    conn.prepare_cached(TAKEN)
        .and_then(|mut statement| {
            statement
                .query_map(
                    named_params! {
                        ":schedule_id": schedule.0,
                        ":first": first.epoch(),
                        ":newest": newest.epoch(),
                    },
                    |row| row.get::<_, i64>(0),
                )?
                .filter_map(|epoch| epoch.map(Slot::from_epoch).transpose())
                .collect()
        })
        .map_err(failed("read which slots have a run"))
}

const START: &str = "
    UPDATE runs SET status = 'running', started_at = :at
    WHERE id = :id AND owner = :owner AND status = 'queued'
      AND NOT EXISTS (SELECT 1 FROM runs AS other
                      WHERE other.schedule_id = runs.schedule_id AND other.status = 'running')";

/// Turns a queued run of `owner` into a running one. False when it is not queued any more, or
/// another run of the schedule is running.
pub fn start(tx: &Transaction<'_>, id: RunId, owner: &Owner, at: DateTime<Utc>) -> Result<bool> {
    tx.prepare_cached(START)
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": id.0, ":owner": owner.0, ":at": at.timestamp(),
            })
        })
        .map(|changed| changed == 1)
        .map_err(failed("start a run"))
}

const FINISH: &str = "
    UPDATE runs SET status = :status, finished_at = :at, duration_ms = :duration_ms,
                    error_code = :error_code, error_message = :error_message, summary = :summary
    WHERE id = :id AND owner = :owner AND status IN ('queued', 'running')";

/// Ends an open run of `owner`. False when it is not open any more: it was closed by another
/// process, and nothing it did may count.
pub fn finish(
    tx: &Transaction<'_>,
    id: RunId,
    owner: &Owner,
    ending: &Ending,
    at: DateTime<Utc>,
    duration_ms: Option<i64>,
) -> Result<bool> {
    let summary = pack(ending.summary.as_ref())?;
    tx.prepare_cached(FINISH)
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":id": id.0,
                ":owner": owner.0,
                ":status": ending.status.as_str(),
                ":at": at.timestamp(),
                ":duration_ms": duration_ms,
                ":error_code": ending.error_code.map(ErrorCode::as_str),
                ":error_message": ending.error_message,
                ":summary": summary,
            })
        })
        .map(|changed| changed == 1)
        .map_err(failed("finish a run"))
}

/// A run that is queued or running, and who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Its id.
    pub id: RunId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The schedule it belongs to.
    pub schedule_id: ScheduleId,
    /// `queued` or `running`.
    pub status: Status,
    /// Who answers for it.
    pub owner: Owner,
    /// When it was claimed.
    pub created_at: DateTime<Utc>,
}

// Asked for an order, SQLite walks the whole table in it; without, the index of the open runs.
const HELD_IN_A_ROW: &str = "
    SELECT count(*) FROM runs
    WHERE schedule_id = :schedule AND error_code = 'LOCK_HELD' AND trigger = 'schedule'
      AND id > coalesce((
        SELECT id FROM runs
        WHERE schedule_id = :schedule
          AND (error_code IS NULL OR error_code NOT IN ('LOCK_HELD', 'MISSED_SLOT'))
        ORDER BY id DESC LIMIT 1), 0)";

/// How many slots of a schedule were skipped on a held lock since a run of it last began.
pub fn held_in_a_row(conn: &Connection, schedule: ScheduleId) -> Result<u64> {
    let count = conn
        .prepare_cached(HELD_IN_A_ROW)
        .and_then(|mut count| {
            count.query_row(named_params! { ":schedule": schedule.0 }, |row| {
                row.get::<_, i64>(0)
            })
        })
        .map_err(failed("count the slots that were skipped"))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

const OPEN: &str = "
    SELECT id, tenant_id, schedule_id, status, owner, created_at FROM runs
    WHERE status IN ('queued', 'running')";

/// Every queued or running run, oldest first.
pub fn open(conn: &Connection) -> Result<Vec<OpenRun>> {
    let read = |row: &Row<'_>| {
        Ok(OpenRun {
            id: RunId(row.get(0)?),
            tenant_id: TenantId(row.get(1)?),
            schedule_id: ScheduleId(row.get(2)?),
            status: word(row, 3, Status::parse)?,
            owner: Owner(row.get(4)?),
            created_at: instant(row, 5)?,
        })
    };
    let mut open: Vec<OpenRun> = conn
        .prepare_cached(OPEN)
        .and_then(|mut statement| statement.query_map([], read)?.collect())
        .map_err(failed("read the open runs"))?;
    open.sort_by_key(|run| run.id);
    Ok(open)
}

/// Whose runs to list.
#[derive(Debug, Clone, Copy, Default)]
pub enum Scope {
    /// Everybody's.
    #[default]
    All,
    /// Those of one tenant.
    Tenant(TenantId),
    /// Those of one schedule.
    Schedule(ScheduleId),
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Whose.
    pub scope: Scope,
    /// In one of these; any when empty.
    pub statuses: Vec<Status>,
    /// Started by this.
    pub trigger: Option<Trigger>,
    /// Whose time (the slot, else the creation) is at or after this.
    pub since: Option<DateTime<Utc>>,
    /// At most so many.
    pub limit: Option<u32>,
}

/// The columns that [`read_run`] reads, from the place that `$rest` names on.
macro_rules! select_runs {
    ($($rest:literal),+) => {
        concat!(
            "SELECT runs.id, runs.tenant_id, tenants.name, runs.schedule_id, schedules.name,
                    runs.trigger, runs.retry_of, runs.actor, runs.scheduled_for, runs.created_at,
                    runs.started_at, runs.finished_at, runs.duration_ms, runs.status,
                    runs.error_code, runs.error_message, backup_sets.id, runs.summary
             FROM runs
             JOIN tenants ON tenants.id = runs.tenant_id
             JOIN schedules ON schedules.id = runs.schedule_id
             LEFT JOIN backup_sets ON backup_sets.run_id = runs.id ",
            $($rest),+
        )
    };
}

const BY_ID: &str = select_runs!("WHERE runs.id = :id");

macro_rules! select_filtered_runs {
    ($first:literal) => {
        select_runs!(
            $first,
            " AND (:statuses = '' OR instr(:statuses, ',' || runs.status || ',') > 0)
              AND (:trigger IS NULL OR runs.trigger = :trigger)
              AND (:since IS NULL OR coalesce(runs.scheduled_for, runs.created_at) >= :since)
              ORDER BY runs.id DESC
              LIMIT :limit"
        )
    };
}

// One text each, so that each walks the index that fits it, newest run first, and stops at the
// limit.
const ALL: &str = select_filtered_runs!("WHERE :scope IS NULL");
const OF_TENANT: &str = select_filtered_runs!("WHERE runs.tenant_id = :scope");
const OF_SCHEDULE: &str = select_filtered_runs!("WHERE runs.schedule_id = :scope");

/// The runs that `filter` asks for, newest first.
pub fn list(conn: &Connection, filter: &Filter) -> Result<Vec<Run>> {
    let (sql, scope) = match filter.scope {
        Scope::All => (ALL, None),
        Scope::Tenant(id) => (OF_TENANT, Some(id.0)),
        Scope::Schedule(id) => (OF_SCHEDULE, Some(id.0)),
    };
    let mut statuses = String::new();
    for status in &filter.statuses {
        statuses.push(',');
        statuses.push_str(status.as_str());
        statuses.push(',');
    }
    conn.prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_map(
                    named_params! {
                        ":scope": scope,
                        ":statuses": statuses,
                        ":trigger": filter.trigger.map(Trigger::as_str),
                        ":since": filter.since.map(|since| since.timestamp()),
                        ":limit": filter.limit.map_or(-1, i64::from),
                    },
                    read_run,
                )?
                .collect()
        })
        .map_err(failed("read the runs"))
}

/// One run.
pub fn get(conn: &Connection, id: RunId) -> Result<Run> {
    conn.prepare_cached(BY_ID)
        .and_then(|mut statement| {
            statement
                .query_row(named_params! { ":id": id.0 }, read_run)
                .optional()
        })
        .map_err(failed("read a run"))?
        .ok_or_else(|| {
            Error::not_found(format!("there is no run {}", id.0)).hint("tenantpilot history")
        })
}

const SUMMARY: &str = "SELECT summary FROM runs WHERE id = ?1";

/// The name of the key under which a run made digests of secrets, where it wrote one down.
pub fn digest_key(conn: &Connection, id: RunId) -> Result<Option<String>> {
    let packed: Option<Option<Vec<u8>>> = conn
        .prepare_cached(SUMMARY)
        .and_then(|mut statement| statement.query_row([id.0], |row| row.get(0)).optional())
        .map_err(failed("read the summary of a run"))?;
    let Some(packed) = packed.flatten() else {
        return Ok(None);
    };
    let summary = unpack(&packed).ok_or_else(|| unreadable(0, "summary"));
    Ok(summary
        .map_err(failed("read the summary of a run"))?
        .digest_key)
}

fn read_run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let seconds = |index| -> rusqlite::Result<Option<DateTime<Utc>>> {
        Ok(row
            .get::<_, Option<i64>>(index)?
            .and_then(|at| DateTime::from_timestamp(at, 0)))
    };
    Ok(Run {
        id: RunId(row.get(0)?),
        tenant_id: TenantId(row.get(1)?),
        tenant: row.get(2)?,
        schedule_id: ScheduleId(row.get(3)?),
        schedule: row.get(4)?,
        trigger: word(row, 5, Trigger::parse)?,
        retry_of: row.get::<_, Option<i64>>(6)?.map(RunId),
        actor: row.get(7)?,
        scheduled_for: row.get::<_, Option<i64>>(8)?.and_then(Slot::from_epoch),
        created_at: instant(row, 9)?,
        started_at: seconds(10)?,
        finished_at: seconds(11)?,
        duration_ms: row.get(12)?,
        status: word(row, 13, Status::parse)?,
        error_code: match row.get::<_, Option<String>>(14)? {
            Some(code) => Some(ErrorCode::parse(&code).ok_or_else(|| unreadable(14, &code))?),
            None => None,
        },
        error_message: row.get(15)?,
        backup_set_id: row.get::<_, Option<i64>>(16)?.map(BackupSetId),
        summary: match row.get::<_, Option<Vec<u8>>>(17)? {
            Some(packed) => Some(unpack(&packed).ok_or_else(|| unreadable(17, "summary"))?),
            None => None,
        },
    })
}

/// A column that holds one of the words that `parse` knows.
pub(super) fn word<T>(
    row: &Row<'_>,
    index: usize,
    parse: fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let word: String = row.get(index)?;
    parse(&word).ok_or_else(|| unreadable(index, &word))
}

fn instant(row: &Row<'_>, index: usize) -> rusqlite::Result<DateTime<Utc>> {
    let seconds: i64 = row.get(index)?;
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| unreadable(index, &seconds.to_string()))
}

fn unreadable(index: usize, what: &str) -> rusqlite::Error {
    let problem = format!("{what:?} is not a value that this program wrote");
    rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, problem.into())
}

/// A summary is several kilobytes of JSON in which little differs from run to run: compressed it
/// is a tenth.
const SUMMARY_LEVEL: i32 = 9;
/// No summary that we write comes near; a damaged one must not claim all memory.
const SUMMARY_LIMIT: usize = 16 << 20;

fn pack(summary: Option<&Summary>) -> Result<Option<Vec<u8>>> {
    let Some(summary) = summary else {
        return Ok(None);
    };
    let pack = || -> std::io::Result<Vec<u8>> {
        zstd::bulk::compress(&serde_json::to_vec(summary)?, SUMMARY_LEVEL)
    };
    pack().map(Some).map_err(|error| {
        Error::new(
            Kind::Internal,
            format!("cannot write the summary of a run: {error}"),
        )
    })
}

fn unpack(packed: &[u8]) -> Option<Summary> {
    let json = zstd::bulk::decompress(packed, SUMMARY_LIMIT).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn open_runs_are_read_by_their_index_alone() {
        let fixture = Fixture::new();
        fixture.assert_plan(OPEN, "SCAN runs USING INDEX runs_open_tenant");
        let tenant = fixture.add_tenant("fabrikam");
        let later = fixture.add_schedule(tenant, "nightly");
        for schedule in [later, fixture.schedule] {
            let of = if schedule == later {
                tenant
            } else {
                fixture.tenant
            };
            fixture.begin_run(of, schedule);
        }
        let ids: Vec<i64> = open(&fixture.conn)
            .unwrap()
            .iter()
            .map(|run| run.id.0)
            .collect();
        assert_eq!(ids, [1, 2], "oldest first, whatever their schedules");
    }
}
