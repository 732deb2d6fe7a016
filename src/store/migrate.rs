//! Brings an older database to the present schema.
//!
//! [`STEPS`] is an ordered list: each step leads from the version before to its own, and none is
//! changed once a program with it is in use. New databases are made from `schema.sql`; a test
//! proves that both roads end in the same schema.
//!
//! # Protocol
//!
//! 1. One IMMEDIATE transaction is begun before anything else, so that nobody writes from here to
//!    its end. Of several processes that find an old database, the others wait for it, and then
//!    find that nothing is left to do.
//! 2. A copy of the database as it was is made beside it, `NAME-schema-VERSION` (0600): under
//!    another name, synced, checked, then renamed. Readers of a WAL see the database as it is, so a
//!    second connection makes the copy while the first keeps writers out. There must be room for
//!    it, and for the transaction, or nothing begins.
//! 3. The steps, the new version and an audit event are committed together: killed at whatever
//!    statement, the file is either old or new.
//! 4. Foreign keys are off meanwhile, because a table that is made anew is dropped first. Before
//!    the commit they are looked through: a reference that breaks in a migration undoes it.
//!
//! The copy stays. It is the way back to the program of before; whoever wants the room removes it.
//! One of the same name, from a migration that was killed or gone back upon, is replaced.
//!
//! A process of the older program that is at work on the database goes on: each step keeps its
//! statements working. Started again, it refuses the newer database.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Batch, Connection, OpenFlags, Transaction, TransactionBehavior};
use serde_json::json;

use super::copy::{self, Taken};
use super::{BUSY_TIMEOUT, SCHEMA_VERSION, audit, configure, failed, space, version};
use crate::audit::{Event, Outcome};
use crate::disk::{self, file_error};
use crate::error::{Error, Kind, Result};

/// What leads to a version from the one before.
struct Step {
    version: i64,
    sql: &'static str,
}

const STEPS: [Step; 3] = [
    Step {
        version: 2,
        sql: include_str!("migrations/0002_retention_and_imports.sql"),
    },
    Step {
        version: 3,
        sql: include_str!("migrations/0003_roles_and_notifications.sql"),
    },
    Step {
        version: 4,
        sql: include_str!("migrations/0004_monitoring.sql"),
    },
];

/// How long to wait for another process's migration, which may copy gigabytes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Up to this size a database is also rewritten, so that it can give room back from then on
/// (`super::space`): some tenths of a second. Larger ones wait for `db compact`.
const REWRITTEN_BYTES: u64 = 64 << 20;

/// Migrates the database at `path` in the name of `actor`, unless another process has done so.
pub(super) fn migrate(path: &Path, actor: &str, at: DateTime<Utc>) -> Result<()> {
    migrate_watched(path, actor, at, &mut || ())
}

/// As [`migrate`]; `watch` is called before each statement of the transaction.
fn migrate_watched(
    path: &Path,
    actor: &str,
    at: DateTime<Utc>,
    watch: &mut dyn FnMut(),
) -> Result<()> {
    let conn = connect(path)?;
    let tx = Transaction::new_unchecked(&conn, TransactionBehavior::Immediate)
        .map_err(failed("begin to migrate"))?;
    let old = version(&tx)?;
    if old >= SCHEMA_VERSION {
        return Ok(());
    }
    let kept = copy(&tx, path, old)?;
    let broken = broken_references(&tx)?;
    for step in STEPS.iter().filter(|step| step.version > old) {
        apply(&tx, step, watch)?;
    }
    watch();
    if let Some(reference) = broken_references(&tx)?.difference(&broken).next() {
        let what = format!("it would break a reference: {reference}");
        return Err(Error::internal(what));
    }
    audit::append(&tx, &event(actor, at, old, &kept))?;
    watch();
    tx.commit().map_err(failed("commit the migration"))?;
    log::info!(
        "migrated {} from schema version {old} to {SCHEMA_VERSION}; as it was: {}",
        path.display(),
        kept.display()
    );
    let size = fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len());
    if size <= REWRITTEN_BYTES
        && let Err(error) = conn
            .busy_timeout(BUSY_TIMEOUT)
            .map_err(failed("set the busy timeout"))
            .and_then(|()| space::rewrite_file(&conn))
    {
        log::warn!("the database cannot give room back yet: {error}");
    }
    Ok(())
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(failed("open it"))?;
    configure(&conn, PATIENCE)?;
    conn.pragma_update(None, "foreign_keys", false)
        .map_err(failed("configure the connection"))?;
    Ok(conn)
}

fn apply(tx: &Transaction<'_>, step: &Step, watch: &mut dyn FnMut()) -> Result<()> {
    let deed = format!("bring it to schema version {}", step.version);
    let migrate = failed(&deed);
    let mut statements = Batch::new(tx, step.sql);
    while let Some(mut statement) = statements.next().map_err(&migrate)? {
        watch();
        statement.execute([]).map_err(&migrate)?;
    }
    watch();
    tx.pragma_update(None, "user_version", step.version)
        .map_err(migrate)
}

const BROKEN: &str = "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' to ' || parent
                      FROM pragma_foreign_key_check";

/// References that lead nowhere. An old database may have some: what a disk damaged before is for
/// `db check` and `backups verify` to tell, and no reason to keep it from being read.
fn broken_references(conn: &Connection) -> Result<BTreeSet<String>> {
    conn.prepare(BROKEN)
        .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
        .map_err(failed("check its references"))
}

fn event<'a>(actor: &'a str, at: DateTime<Utc>, old: i64, copy: &Path) -> Event<'a> {
    Event {
        at,
        actor,
        action: "database.migrate",
        tenant: None,
        object: "database".to_owned(),
        outcome: Outcome::Ok,
        details: json!({
            "from": old,
            "to": SCHEMA_VERSION,
            "copy": copy.file_name().unwrap_or_default().to_string_lossy(),
        }),
    }
}

/// Copies the database as it is; `tx` keeps others from writing.
fn copy(tx: &Transaction<'_>, path: &Path, version: i64) -> Result<PathBuf> {
    // A link is followed: the copy lies beside the file, as SQLite's own do.
    let path = &fs::canonicalize(path).map_err(|error| file_error("find", path, &error))?;
    let free = disk::room(path).map(|room| room.bytes);
    require_room(free, needed(tx)?, path)?;
    let target = copy::before_migration(path, version);
    // Not by the connection of `tx`: SQLite copies nothing that is within a transaction.
    connect(path)
        .and_then(|source| copy::make(&source, &target, Taken::Replace, |_| Ok(())))
        .map_err(|error| error.during("cannot copy it before migrating it"))?;
    Ok(target)
}

/// How many bytes a migration may take: the copy, the log of the transaction, and of the rewriting.
fn needed(conn: &Connection) -> Result<u64> {
    let pragma = |name| {
        conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(failed("read its size"))
    };
    let size = pragma("page_count")?.saturating_mul(pragma("page_size")?);
    Ok(size.unsigned_abs().saturating_mul(2))
}

fn require_room(free: Option<u64>, needed: u64, path: &Path) -> Result<()> {
    match free {
        Some(free) if free < needed => Err(Error::new(
            Kind::StorageFull,
            format!("migrating it takes {needed} bytes beside it, and {free} are free"),
        )
        .hint(format!("make room on the disk of {}", path.display()))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
