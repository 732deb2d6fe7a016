//! Backup sets: made whole, read back, hidden, removed.
//!
//! Owns the table `backup_sets` and with it the question which contents must stay. What a set is
//! made of is [`crate::backup_set`]'s business, how bytes are kept is [`super::contents`]'s.
//!
//! # Protocol
//!
//! A content has no count of its users. It stays as long as a set reaches it, or something that is
//! reached builds on it, and three rules make that safe while others write:
//!
//! 1. A run stores its contents in as many transactions as it likes, and last of all, in one
//!    transaction, [`insert`]s its set. Between those it relies on contents that no set reaches
//!    yet, its own and older ones that it found to be there. So contents are reclaimed only while
//!    no run of the tenant is `running` whose process lives; sets go all the same, and what they leave
//!    waits for the next purge. A run that is `queued` relies on nothing yet. Whether a process lives is
//!    asked under the write lock: it holds its lock from before its first row to its end
//!    ([`crate::dispatch`]), so it cannot be about to begin. Of one whose lock was taken away the run
//!    fails by rule 2.
//! 2. [`insert`] walks the whole tree and refuses a set of which anything is missing. A walk is a
//!    look-up by key for each policy, some milliseconds for a thousand, so nothing is skipped on
//!    the strength of an earlier set.
//! 3. [`purge::mark`] finds what the remaining sets reach, outside of any write lock.
//!    [`purge::purge`] then holds the write lock and looks again: where a set was added, removed,
//!    hidden or brought back meanwhile, the marks are stale and it does nothing. It removes sets at
//!    once and contents in portions, each in a transaction of its own that looks again.
//!
//! A content that no set reaches (of a run that failed, or of a purge that had to wait) is garbage,
//! not damage. Where a remaining set cannot be read to its last list, nobody can say what it
//! reaches, and nothing is reclaimed until that is mended.

pub mod digests;
pub mod event;
pub mod names;
pub mod purge;
pub mod sightings;
pub mod verify;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, Transaction, params};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::backup_set::{
    BackupSet, BackupSetId, ContentHash, ListEntry, Manifest, ManifestType, References, SetStatus,
    Shrunk, TypeList,
};
use crate::error::{Error, Kind, Result};
use crate::plural::counted;
use crate::policy::expiry::Expiry;
use crate::policy::{Outcome, catalogue};
use crate::schedule::ScheduleId;
use crate::tenant::TenantId;

use super::contents::Reader;
use super::failed;

/// Where a set comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// A run leaves it.
    Run {
        /// The schedule it was taken for.
        schedule_id: ScheduleId,
        /// The id of the run.
        run_id: i64,
        /// The policy types that lost most of their policies since the set before.
        shrunk: Option<&'a Shrunk>,
    },
    /// It is imported; what there is to know of where from.
    Import(&'a Value),
}

/// A set about to be stored. Its status and number of policies follow from its manifest.
#[derive(Debug, Clone, Copy)]
pub struct NewSet<'a> {
    /// The tenant it was taken of.
    pub tenant_id: TenantId,
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// Its run's slot, or its creation where there is none.
    pub time: DateTime<Utc>,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// The address of its manifest, stored before.
    pub root_hash: ContentHash,
}

const INSERT: &str = "INSERT INTO backup_sets
                          (tenant_id, schedule_id, run_id, imported, shrunk, time, created_at,
                           status, policies, root_hash)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Makes the set appear, whole: every list and document that its manifest reaches must be there.
/// Something missing, or a list that cannot be read: `Kind::Integrity`, and no set.
pub fn insert(tx: &Transaction<'_>, set: &NewSet<'_>) -> Result<BackupSetId> {
    let reader = Reader::new(tx, set.tenant_id);
    let unfinished = |error: Error| error.during("cannot finish the backup set");
    let manifest = read_manifest(&reader, &set.root_hash).map_err(unfinished)?;
    references(&reader, &manifest).map_err(unfinished)?;
    for entry in manifest.types() {
        for policy in list(&reader, entry)
            .map_err(unfinished)?
            .iter()
            .flat_map(TypeList::entries)
        {
            if !reader.exists(&policy.hash)? {
                return Err(unfinished(Error::new(
                    Kind::Integrity,
                    format!(
                        "content {} of {} {} ({}) is missing",
                        policy.hash, entry.policy_type, policy.name, policy.id
                    ),
                )));
            }
        }
    }
    let policies = i64::try_from(manifest.policies()).unwrap_or(i64::MAX);
    let (schedule_id, run_id, imported, shrunk) = match set.origin {
        Origin::Run {
            schedule_id,
            run_id,
            shrunk,
        } => (Some(schedule_id.0), Some(run_id), None, shrunk),
        Origin::Import(details) => (None, None, Some(details.to_string()), None),
    };
    let shrunk = shrunk
        .map(serde_json::to_string)
        .transpose()
        .map_err(|error| Error::internal(format!("cannot write JSON: {error}")))?;
    tx.prepare_cached(INSERT)
        .and_then(|mut insert| {
            insert.insert(params![
                set.tenant_id.0,
                schedule_id,
                run_id,
                imported,
                shrunk,
                set.time.timestamp(),
                set.created_at.timestamp(),
                manifest.status().as_str(),
                policies,
                set.root_hash.0,
            ])
        })
        .map(BackupSetId)
        .map_err(failed("store the backup set"))
}

/// The manifest at this address.
pub fn read_manifest(reader: &Reader<'_>, root_hash: &ContentHash) -> Result<Manifest> {
    let bytes = reader
        .read(root_hash)
        .map_err(|error| error.during("cannot read the manifest"))?;
    Manifest::parse(&bytes).map_err(|malformed| {
        Error::new(
            Kind::Integrity,
            format!("content {root_hash} is no manifest: {malformed}"),
        )
    })
}

/// The manifest of a set.
pub fn manifest(reader: &Reader<'_>, set: &BackupSet) -> Result<Manifest> {
    read_manifest(reader, &set.root_hash).map_err(|error| error.during(set.described()))
}

/// The list of one policy type of a set; none where the type was not read. A list that is not what
/// the manifest says of it is damage.
pub fn list(reader: &Reader<'_>, entry: &ManifestType) -> Result<Option<TypeList>> {
    let Some(hash) = &entry.list else {
        return Ok(None);
    };
    let wrong = |reason: String| {
        Error::new(
            Kind::Integrity,
            format!(
                "content {hash} is no list of {}: {reason}",
                entry.policy_type
            ),
        )
    };
    let bytes = reader
        .read(hash)
        .map_err(|error| error.during(format!("cannot read the list of {}", entry.policy_type)))?;
    let list = TypeList::parse(&bytes).map_err(|malformed| wrong(malformed.to_string()))?;
    if list.policy_type() != entry.policy_type {
        return Err(wrong(format!("it is one of {}", list.policy_type())));
    }
    if u64::try_from(list.entries().len()) != Ok(entry.policies) {
        return Err(wrong(format!(
            "it holds {} and the manifest says {}",
            counted(list.entries().len(), "policy", "policies"),
            entry.policies
        )));
    }
    Ok(Some(list))
}

/// The names of what the policies of a set refer to; none where the set has none. Something else
/// at that address is damage.
pub fn references(reader: &Reader<'_>, manifest: &Manifest) -> Result<Option<References>> {
    let Some(hash) = manifest.references() else {
        return Ok(None);
    };
    let bytes = reader
        .read(&hash)
        .map_err(|error| error.during("cannot read the references"))?;
    References::parse(&bytes).map(Some).map_err(|malformed| {
        Error::new(
            Kind::Integrity,
            format!("content {hash} holds no references: {malformed}"),
        )
    })
}

/// Which sets to give.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those of this tenant.
    pub tenant: Option<TenantId>,
    /// Only those of this schedule.
    pub schedule: Option<ScheduleId>,
    /// Only those whose time is not before this.
    pub since: Option<DateTime<Utc>>,
    /// Only those that expired, or only those that did not.
    pub expired: Option<bool>,
    /// At most so many.
    pub limit: Option<u32>,
}

// A removed tenant and an archived schedule keep their names.
macro_rules! select {
    ($($which:literal),+) => {
        concat!(
            "SELECT s.id, s.tenant_id, t.name, s.schedule_id, c.name, s.run_id, s.time, ",
            "s.created_at, s.status, s.policies, s.root_hash, s.pin_reason, s.expired_at, ",
            "s.imported, s.shrunk, s.acknowledged_at ",
            "FROM backup_sets AS s JOIN tenants AS t ON t.id = s.tenant_id ",
            "LEFT JOIN schedules AS c ON c.id = s.schedule_id WHERE ",
            $($which),+
        )
    };
}

// One statement for each scope, without and with a time, so that each has an index to go by. A `+`
// keeps SQLite from walking all sets in the order of their ids where an index finds the few.
macro_rules! select_many {
    ($scope:literal, $order:literal) => {
        select!(
            $scope,
            " AND (:expired IS NULL OR (s.expired_at IS NOT NULL) = :expired)",
            " ORDER BY ",
            $order,
            " DESC LIMIT :limit"
        )
    };
}

const ONE: &str = select!("s.id = ?1");
const ALL: &str = select_many!("TRUE", "s.id");
const ALL_SINCE: &str = select_many!("s.time >= :since", "+s.id");
const OF_TENANT: &str = select_many!("s.tenant_id = :tenant", "s.id");
const OF_TENANT_SINCE: &str = select_many!("s.tenant_id = :tenant AND s.time >= :since", "+s.id");
const OF_SCHEDULE: &str = select_many!("s.schedule_id = :schedule", "+s.id");
const OF_SCHEDULE_SINCE: &str =
    select_many!("s.schedule_id = :schedule AND s.time >= :since", "+s.id");

/// The set with this id, expired or not.
pub fn get(conn: &Connection, id: BackupSetId) -> Result<Option<BackupSet>> {
    conn.prepare_cached(ONE)
        .and_then(|mut query| query.query_row([id.0], from_row).optional())
        .map_err(failed(&format!("read backup set {id}")))
}

/// The sets that match, newest first.
pub fn list_sets(conn: &Connection, filter: &Filter) -> Result<Vec<BackupSet>> {
    let since = filter.since.map(|time| time.timestamp());
    let tenant = filter.tenant.map(|id| id.0);
    let schedule = filter.schedule.map(|id| id.0);
    let limit = filter.limit.map_or(-1, i64::from);
    let mut params: Vec<(&str, &dyn ToSql)> =
        vec![(":expired", &filter.expired), (":limit", &limit)];
    if since.is_some() {
        params.push((":since", &since));
    }
    let sql = match (filter.schedule, filter.tenant, since) {
        (Some(_), _, None) => OF_SCHEDULE,
        (Some(_), _, Some(_)) => OF_SCHEDULE_SINCE,
        (None, Some(_), None) => OF_TENANT,
        (None, Some(_), Some(_)) => OF_TENANT_SINCE,
        (None, None, None) => ALL,
        (None, None, Some(_)) => ALL_SINCE,
    };
    if schedule.is_some() {
        params.push((":schedule", &schedule));
    } else if tenant.is_some() {
        params.push((":tenant", &tenant));
    }
    let select = || -> rusqlite::Result<Vec<BackupSet>> {
        conn.prepare_cached(sql)?
            .query_map(params.as_slice(), from_row)?
            .collect()
    };
    let mut sets = select().map_err(failed("read the backup sets"))?;
    // A schedule has one tenant, so this leaves all or none.
    sets.retain(|set| filter.tenant.is_none_or(|tenant| set.tenant_id == tenant));
    Ok(sets)
}

const NEWEST: &str = "SELECT max(id) FROM backup_sets GROUP BY tenant_id, schedule_id";

/// The newest set of every schedule, and of what was imported into every tenant.
pub fn newest_sets(conn: &Connection) -> Result<BTreeSet<BackupSetId>> {
    conn.prepare_cached(NEWEST)
        .and_then(|mut query| {
            query
                .query_map([], |row| row.get(0).map(BackupSetId))?
                .collect()
        })
        .map_err(failed("read the newest backup sets"))
}

/// One view of the sets and of what they reach, whoever writes meanwhile; ends when dropped.
pub fn view(conn: &Connection) -> Result<Option<Transaction<'_>>> {
    conn.is_autocommit()
        .then(|| conn.unchecked_transaction())
        .transpose()
        .map_err(failed("read the backup sets"))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<BackupSet> {
    let instant = |at: usize| -> rusqlite::Result<Option<DateTime<Utc>>> {
        let Some(seconds) = row.get::<_, Option<i64>>(at)? else {
            return Ok(None);
        };
        let instant = DateTime::from_timestamp(seconds, 0);
        instant
            .map(Some)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(at, seconds))
    };
    let needed = |at: usize| instant(at)?.ok_or_else(|| wrong_value(row, at, "a time"));
    let count: i64 = row.get(9)?;
    Ok(BackupSet {
        id: BackupSetId(row.get(0)?),
        tenant_id: TenantId(row.get(1)?),
        tenant: row.get(2)?,
        schedule_id: row.get::<_, Option<i64>>(3)?.map(ScheduleId),
        schedule: row.get(4)?,
        run_id: row.get(5)?,
        imported: json(row, 13)?,
        time: needed(6)?,
        created_at: needed(7)?,
        status: SetStatus::parse(&row.get::<_, String>(8)?)
            .ok_or_else(|| wrong_value(row, 8, "a status"))?,
        policies: u64::try_from(count)
            .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(9, count))?,
        root_hash: ContentHash(row.get(10)?),
        shrunk: json(row, 14)?,
        acknowledged_at: instant(15)?,
        pin_reason: row.get(11)?,
        expired_at: instant(12)?,
    })
}

fn json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(at)?;
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|_| wrong_value(row, at, "what was written there"))
}

fn wrong_value(row: &Row<'_>, at: usize, what: &str) -> rusqlite::Error {
    let of = row
        .get_ref(at)
        .map_or(rusqlite::types::Type::Null, |value| value.data_type());
    rusqlite::Error::FromSqlConversionFailure(at, of, format!("not {what}").into())
}

/// The list of a policy type in the newest set that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownList {
    /// That set.
    pub set: BackupSetId,
    /// What became of the type in it.
    pub outcome: Outcome,
    /// The address of the list.
    pub list: ContentHash,
    /// How many policies it holds.
    pub policies: u64,
}

// Sets with the same manifest say the same: the newest stands for them all. An expired set still
// has its contents, and an expired set may be what a change is counted from.
const ROOTS: &str = "SELECT MAX(id), root_hash FROM backup_sets
                     WHERE tenant_id = ?1 AND (?2 IS NULL OR schedule_id = ?2)
                     GROUP BY root_hash ORDER BY 1 DESC";

/// For each of the policy types `wanted`, its newest list over all sets of the tenant, complete or
/// not: what to build new versions upon. A set that cannot be read is passed over.
pub fn latest_lists(
    reader: &Reader<'_>,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, KnownList>> {
    newest(reader, None, wanted, |_| true, pass_over)
}

/// As [`latest_lists`], with why each set that was passed over could not be read.
pub fn latest_lists_and_damage(
    reader: &Reader<'_>,
    wanted: &BTreeSet<&str>,
) -> Result<(BTreeMap<String, KnownList>, Vec<Error>)> {
    let mut damage = Vec::new();
    let lists = newest(
        reader,
        None,
        wanted,
        |_| true,
        |set, error| damage.push(error.clone().during(format_args!("backup set {set}"))),
    )?;
    Ok((lists, damage))
}

/// For each of the policy types `wanted`, its list in the newest set of the schedule in which it
/// was complete: what changes may be counted from. A set that cannot be read is passed over.
pub fn latest_complete_lists(
    reader: &Reader<'_>,
    schedule: ScheduleId,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, KnownList>> {
    let complete = |outcome| outcome == Outcome::Complete;
    newest(reader, Some(schedule), wanted, complete, pass_over)
}

fn pass_over(set: BackupSetId, error: &Error) {
    log::warn!("passing over backup set {set}: {error}");
}

fn newest(
    reader: &Reader<'_>,
    schedule: Option<ScheduleId>,
    wanted: &BTreeSet<&str>,
    usable: impl Fn(Outcome) -> bool,
    mut passed_over: impl FnMut(BackupSetId, &Error),
) -> Result<BTreeMap<String, KnownList>> {
    let read = failed("read the latest backup sets");
    let mut found: BTreeMap<String, KnownList> = BTreeMap::new();
    let mut query = reader.connection().prepare_cached(ROOTS).map_err(&read)?;
    let mut rows = query
        .query(params![reader.tenant().0, schedule.map(|id| id.0)])
        .map_err(&read)?;
    while found.len() < wanted.len()
        && let Some(row) = rows.next().map_err(&read)?
    {
        let set = BackupSetId(row.get(0).map_err(&read)?);
        let Ok(root_hash) = row.get(1).map(ContentHash) else {
            continue;
        };
        let manifest = match read_manifest(reader, &root_hash) {
            Ok(manifest) => manifest,
            Err(error) => {
                passed_over(set, &error);
                continue;
            }
        };
        for entry in manifest.types() {
            if let Some(list) = entry.list
                && wanted.contains(entry.policy_type.as_str())
                && usable(entry.outcome)
            {
                found.entry(entry.policy_type.clone()).or_insert(KnownList {
                    set,
                    outcome: entry.outcome,
                    list,
                    policies: entry.policies,
                });
            }
        }
    }
    Ok(found)
}

/// What a list says of the ends of certificates and tokens; the documents of other policy types are
/// not read. A document that cannot be read fails, and is named.
pub fn expiries(reader: &Reader<'_>, list: &TypeList) -> Vec<Result<Expiry>> {
    let row = catalogue::find(list.policy_type()).filter(|row| row.expiring.is_some());
    let Some(row) = row else {
        return Vec::new();
    };
    let of = |entry: &ListEntry| match reader.read(&entry.hash) {
        Ok(document) => Expiry::of(row, &entry.id, &entry.name, &document).map(Ok),
        Err(error) => {
            let policy = format!("policy {}/{} ({:?})", row.key, entry.id, entry.name);
            Some(Err(error.during(policy)))
        }
    };
    list.entries().iter().filter_map(of).collect()
}

const LATEST_ROOT: &str = "SELECT root_hash FROM backup_sets
                           WHERE tenant_id = ?1 AND schedule_id = ?2 ORDER BY id DESC LIMIT 1";

/// The address of the schedule's newest manifest: what to build the next one upon.
pub fn latest_root(reader: &Reader<'_>, schedule: ScheduleId) -> Result<Option<ContentHash>> {
    reader
        .connection()
        .prepare_cached(LATEST_ROOT)
        .and_then(|mut query| {
            query
                .query_row([reader.tenant().0, schedule.0], |row| row.get(0))
                .optional()
        })
        .map(|root_hash| root_hash.map(ContentHash))
        .map_err(failed("read the latest backup set"))
}

const EXPIRE: &str = "UPDATE backup_sets SET expired_at = ?2
                      WHERE id = ?1 AND expired_at IS NULL AND pin_reason IS NULL";
const UNEXPIRE: &str = "UPDATE backup_sets SET expired_at = NULL
                        WHERE id = ?1 AND expired_at IS NOT NULL";
const PIN: &str = "UPDATE backup_sets SET pin_reason = ?2 WHERE id = ?1 AND expired_at IS NULL";
const UNPIN: &str = "UPDATE backup_sets SET pin_reason = NULL
                     WHERE id = ?1 AND pin_reason IS NOT NULL";

/// Hides the set until it is purged. False where there is none, or it is pinned or expired.
pub fn expire(tx: &Transaction<'_>, id: BackupSetId, at: DateTime<Utc>) -> Result<bool> {
    changed(
        tx.execute(EXPIRE, params![id.0, at.timestamp()]),
        "expire",
        id,
    )
}

/// Brings an expired set back. False where there is none, or it is not expired.
pub fn unexpire(tx: &Transaction<'_>, id: BackupSetId) -> Result<bool> {
    changed(tx.execute(UNEXPIRE, [id.0]), "unexpire", id)
}

/// Keeps the set from retention. False where there is none, or it is expired.
pub fn pin(tx: &Transaction<'_>, id: BackupSetId, reason: &str) -> Result<bool> {
    changed(tx.execute(PIN, params![id.0, reason]), "pin", id)
}

/// Leaves the set to retention again. False where there is none, or it is not pinned.
pub fn unpin(tx: &Transaction<'_>, id: BackupSetId) -> Result<bool> {
    changed(tx.execute(UNPIN, [id.0]), "unpin", id)
}

const ACKNOWLEDGE: &str = "UPDATE backup_sets SET acknowledged_at = ?2
                           WHERE id = ?1 AND shrunk IS NOT NULL AND acknowledged_at IS NULL";

/// Says that it is right what the set lost. False where there is none, it lost little, or that was
/// said before.
pub fn acknowledge(tx: &Transaction<'_>, id: BackupSetId, at: DateTime<Utc>) -> Result<bool> {
    changed(
        tx.execute(ACKNOWLEDGE, params![id.0, at.timestamp()]),
        "acknowledge",
        id,
    )
}

fn changed(rows: rusqlite::Result<usize>, deed: &str, id: BackupSetId) -> Result<bool> {
    rows.map(|rows| rows == 1)
        .map_err(failed(&format!("{deed} backup set {id}")))
}

#[cfg(test)]
mod tests;
