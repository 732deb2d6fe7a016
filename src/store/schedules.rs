//! Rows and schedules. Knows no recurrence rule beyond its stored form; which slot is next is
//! computed by the caller.

mod row;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Params, Transaction, params};
use serde::Serialize;

use super::failed;
use crate::error::{Error, Result};
use crate::http::address::Address;
use crate::schedule::{Schedule, ScheduleId, Settings};
use crate::slot::Slot;
use crate::tenant::TenantId;

/// A query for schedules, each with its tenant's name and its newest run; `row.rs` reads it.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.tenant_id, t.name, s.name, s.frequency, s.times, s.days_of_week,
                    s.cron, s.timezone, s.policy_types, s.exclude_types, s.include_foundations,
                    s.grace_s, s.max_runtime_s, s.spread_s, s.labels, s.enabled, s.created_at,
                    s.archived_at, s.slots_from, s.next_slot, s.keep_last, s.keep_daily,
                    s.keep_weekly, s.keep_monthly, s.keep_yearly, s.keep_within_s,
                    coalesce(r.started_at, r.created_at), r.status,
                    (SELECT url FROM ping_urls WHERE schedule_id = s.id), s.slots_begin
             FROM schedules s
             JOIN tenants t ON t.id = s.tenant_id
             LEFT JOIN runs r ON r.id = (SELECT max(id) FROM runs WHERE schedule_id = s.id) ",
            $rest
        )
    };
}

const LIST: &str = select!(
    "WHERE t.removed_at IS NULL AND (?1 IS NULL OR s.tenant_id = ?1)
       AND (?2 OR s.archived_at IS NULL)
     ORDER BY s.name, t.name, s.id"
);

const BY_ID: &str = select!("WHERE s.id = ?1");

const BY_TENANT_AND_NAME: &str =
    select!("WHERE s.tenant_id = ?1 AND s.name = ?2 AND s.archived_at IS NULL");

const CALLED: &str = select!(
    "WHERE t.removed_at IS NULL
       AND (s.name = ?1 OR t.name || '/' || s.name = ?1 OR t.id || '/' || s.name = ?1)
     ORDER BY s.name, t.name, s.id"
);

const INSERT: &str = "
    INSERT INTO schedules (tenant_id, name, frequency, times, days_of_week, cron, timezone,
                           policy_types, exclude_types, include_foundations, keep_last,
                           keep_daily, keep_weekly, keep_monthly, keep_yearly, keep_within_s,
                           grace_s, max_runtime_s, spread_s, labels, enabled, created_at,
                           slots_begin, slots_from, next_slot)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
            ?20, ?21, ?22, ?23, ?23, ?24)";

const UPDATE: &str = "
    UPDATE schedules SET name = ?2, frequency = ?3, times = ?4, days_of_week = ?5, cron = ?6,
           timezone = ?7, policy_types = ?8, exclude_types = ?9, include_foundations = ?10,
           keep_last = ?11, keep_daily = ?12, keep_weekly = ?13, keep_monthly = ?14,
           keep_yearly = ?15, keep_within_s = ?16, grace_s = ?17, max_runtime_s = ?18,
           spread_s = ?19, labels = ?20, enabled = ?21
    WHERE id = ?1";

const PING_URL: &str = "SELECT url FROM ping_urls WHERE schedule_id = ?1";

const SET_PING_URL: &str = "
    INSERT INTO ping_urls (schedule_id, tenant_id, url)
    SELECT id, tenant_id, ?2 FROM schedules WHERE id = ?1
    ON CONFLICT (schedule_id) DO UPDATE SET url = excluded.url";

const DROP_PING_URL: &str = "DELETE FROM ping_urls WHERE schedule_id = ?1";

const SET_SLOTS: &str = "
    UPDATE schedules SET slots_begin = ?2, slots_from = ?2, next_slot = ?3 WHERE id = ?1";

const KEEP_ZONE_VERSION: &str = "
    INSERT INTO zone_data (id, version) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING";

const SET_ARCHIVED: &str = "UPDATE schedules SET archived_at = ?2 WHERE id = ?1";

const BACKUP_SETS: &str = "SELECT count(*) FROM backup_sets WHERE schedule_id = ?1";

const OPEN_RUN: &str = "
    SELECT id FROM runs WHERE schedule_id = ?1 AND status IN ('queued', 'running')
    ORDER BY id LIMIT 1";

const DELETE_RUNS: &str = "DELETE FROM runs WHERE schedule_id = ?1";

const DELETE: &str = "DELETE FROM schedules WHERE id = ?1";

const TENANT_IS_THERE: &str =
    "SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND removed_at IS NULL)";

/// A schedule with what its newest run says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The schedule.
    pub schedule: Schedule,
    /// When its newest run started, or was recorded where it never did, and the run's status.
    pub last_run: Option<(DateTime<Utc>, String)>,
}

/// The slots of a schedule that was created, enabled or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// They begin with this minute: slots before it are not the schedule's.
    pub from: Slot,
    /// The first slot from there on, if the recurrence yields one.
    pub next: Option<Slot>,
    /// The version of the zone rules by which it was computed.
    pub zone_version: String,
}

/// Adds a schedule. Its name is free: the caller looked in the same transaction.
pub fn insert(
    tx: &Transaction<'_>,
    tenant: TenantId,
    settings: &Settings,
    slots: &Slots,
    now: DateTime<Utc>,
) -> Result<ScheduleId> {
    let parts = row::Parts::of(settings)?;
    keep_zone_version(tx, slots)?;
    tx.execute(
        INSERT,
        params![
            tenant.0,
            settings.name,
            parts.frequency,
            parts.times,
            parts.days,
            parts.cron,
            settings.timezone,
            parts.policy_types,
            parts.exclude_types,
            settings.include_foundations,
            settings.keep.last,
            settings.keep.daily,
            settings.keep.weekly,
            settings.keep.monthly,
            settings.keep.yearly,
            parts.keep_within_s,
            parts.grace_s,
            parts.max_runtime_s,
            parts.spread_s,
            parts.labels,
            settings.enabled,
            now.timestamp(),
            slots.from.epoch(),
            slots.next.map(Slot::epoch),
        ],
    )
    .map_err(failed("add the schedule"))?;
    let id = ScheduleId(tx.last_insert_rowid());
    set_ping_url(tx, id, settings)?;
    Ok(id)
}

/// Replaces what the user decided about the schedule `id`. Its slots stay: see [`set_slots`].
pub fn update(tx: &Transaction<'_>, id: ScheduleId, settings: &Settings) -> Result<()> {
    let parts = row::Parts::of(settings)?;
    tx.execute(
        UPDATE,
        params![
            id.0,
            settings.name,
            parts.frequency,
            parts.times,
            parts.days,
            parts.cron,
            settings.timezone,
            parts.policy_types,
            parts.exclude_types,
            settings.include_foundations,
            settings.keep.last,
            settings.keep.daily,
            settings.keep.weekly,
            settings.keep.monthly,
            settings.keep.yearly,
            parts.keep_within_s,
            parts.grace_s,
            parts.max_runtime_s,
            parts.spread_s,
            parts.labels,
            settings.enabled,
        ],
    )
    .map_err(failed("change the schedule"))?;
    set_ping_url(tx, id, settings)
}

/// Keeps the ping URL of the schedule `id`, or that it has none. One that cannot be used any more is not
/// among the settings that were read, and stays until there is another or [`drop_ping_url`].
fn set_ping_url(tx: &Transaction<'_>, id: ScheduleId, settings: &Settings) -> Result<()> {
    let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let kept = tx.query_row(PING_URL, [id.0], read).optional();
    let kept = kept.map_err(failed("read the ping URL"))?;
    let usable = kept.and_then(|url| Address::parse(&url).ok());
    if usable == settings.ping_url {
        return Ok(());
    }
    super::monitors::forget(tx, id)?;
    match settings.ping_url.as_ref().map(Address::exposed) {
        Some(url) => tx.execute(SET_PING_URL, params![id.0, url]),
        None => tx.execute(DROP_PING_URL, [id.0]),
    }
    .map(drop)
    .map_err(failed("keep the ping URL"))
}

/// Forgets the ping URL of the schedule `id`, also one that cannot be used any more; whether there was one.
pub fn drop_ping_url(tx: &Transaction<'_>, id: ScheduleId) -> Result<bool> {
    let dropped = tx.execute(DROP_PING_URL, [id.0]);
    let dropped = dropped.map_err(failed("forget the ping URL"))? > 0;
    if dropped {
        super::monitors::forget(tx, id)?;
    }
    Ok(dropped)
}

/// Sets where the slots of the schedule `id` begin; none of them is accounted for.
pub fn set_slots(tx: &Transaction<'_>, id: ScheduleId, slots: &Slots) -> Result<()> {
    keep_zone_version(tx, slots)?;
    tx.execute(
        SET_SLOTS,
        params![id.0, slots.from.epoch(), slots.next.map(Slot::epoch)],
    )
    .map_err(failed("change the schedule"))?;
    Ok(())
}

/// Names the zone rules where none are named yet. Where others are, every next slot is going to be
/// computed anew, this one too.
fn keep_zone_version(tx: &Transaction<'_>, slots: &Slots) -> Result<()> {
    tx.execute(KEEP_ZONE_VERSION, [&slots.zone_version])
        .map_err(failed("name the zone rules"))?;
    Ok(())
}

/// Archives the schedule `id` at a time, or brings it back with none.
pub fn set_archived(
    tx: &Transaction<'_>,
    id: ScheduleId,
    archived_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let at = archived_at.map(|at| at.timestamp());
    tx.execute(SET_ARCHIVED, params![id.0, at])
        .map_err(failed("archive the schedule"))?;
    Ok(())
}

/// Deletes the schedule `id` and its runs. It has no backup sets and no open run: the caller looked
/// in the same transaction.
pub fn delete(tx: &Transaction<'_>, id: ScheduleId) -> Result<()> {
    tx.execute(DELETE_RUNS, [id.0])
        .and_then(|_| tx.execute(DELETE, [id.0]))
        .map_err(failed("delete the schedule"))?;
    Ok(())
}

/// How many backup sets a schedule has, expired ones included.
pub fn backup_sets(conn: &Connection, id: ScheduleId) -> Result<i64> {
    conn.query_row(BACKUP_SETS, [id.0], |row| row.get(0))
        .map_err(failed("count the schedule's backup sets"))
}

/// The id of a run of the schedule that is queued or running.
pub fn open_run(conn: &Connection, id: ScheduleId) -> Result<Option<i64>> {
    conn.query_row(OPEN_RUN, [id.0], |row| row.get(0))
        .optional()
        .map_err(failed("read the schedule's runs"))
}

/// Whether the tenant of a schedule was not removed.
pub fn has_tenant(conn: &Connection, schedule: &Schedule) -> Result<bool> {
    conn.query_row(TENANT_IS_THERE, [schedule.tenant_id.0], |row| row.get(0))
        .map_err(failed("read the schedule's tenant"))
}

/// Schedules by name, of one tenant or of all, archived ones if `archived`.
pub fn list(conn: &Connection, tenant: Option<TenantId>, archived: bool) -> Result<Vec<Listed>> {
    read(conn, LIST, params![tenant.map(|tenant| tenant.0), archived])
}

/// The schedule with that id, archived or not.
pub fn by_id(conn: &Connection, id: ScheduleId) -> Result<Option<Listed>> {
    Ok(read(conn, BY_ID, [id.0])?.pop())
}

/// The schedule with that id, which must be there: something refers to it.
pub fn get(conn: &Connection, id: ScheduleId) -> Result<Schedule> {
    by_id(conn, id)?
        .map(|listed| listed.schedule)
        .ok_or_else(|| Error::not_found(format!("there is no schedule with id {}", id.0)))
}

/// The schedule of that name in a tenant; an archived one does not count.
pub fn by_name(conn: &Connection, tenant: TenantId, name: &str) -> Result<Option<Listed>> {
    Ok(read(conn, BY_TENANT_AND_NAME, params![tenant.0, name])?.pop())
}

/// The schedules that `given` may mean, archived or not: as a name, or as `TENANT/NAME` with the
/// tenant's name or id.
pub fn called(conn: &Connection, given: &str) -> Result<Vec<Listed>> {
    read(conn, CALLED, [given])
}

fn read(conn: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<Listed>> {
    let rows = || {
        conn.prepare_cached(sql)?
            .query_map(parameters, row::Raw::read)?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    let rows = rows().map_err(failed("read the schedules"))?;
    let default = super::retention::defaults(conn)?;
    rows.into_iter().map(|row| row.listed(&default)).collect()
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::internal(format!("cannot write JSON: {error}")))
}
