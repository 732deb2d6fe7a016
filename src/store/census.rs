//! What a database holds, and what it takes.

use std::collections::HashMap;
use std::path::PathBuf;

use rusqlite::Connection;

use super::backup_sets::{self, Filter};
use super::contents::Reader;
use super::space::{self, Pages};
use super::{SCHEMA_VERSION, Store, copy, failed, file, version};
use crate::backup_set::{BackupSet, ContentHash, TypeList};
use crate::error::{Kind, Result};
use crate::tenant::TenantId;

/// What there is.
#[derive(Debug)]
pub struct Census {
    /// The file.
    pub path: PathBuf,
    /// How large it is.
    pub file_bytes: u64,
    /// How large its log is.
    pub log_bytes: u64,
    /// How it is made up.
    pub pages: Pages,
    /// Its schema version.
    pub schema_version: i64,
    /// How SQLite keeps it from being half written.
    pub journal_mode: String,
    /// The SQLite in this program.
    pub sqlite_version: &'static str,
    /// What migrations left beside it.
    pub copies: Vec<PathBuf>,
    /// How many rows of each kind.
    pub counts: [(&'static str, i64); 6],
    /// What each tenant takes, by id.
    pub tenants: Vec<TenantCensus>,
}

/// What one tenant takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantCensus {
    /// Its name.
    pub name: String,
    /// How many backup sets it has, expired ones too.
    pub backup_sets: u64,
    /// How many of these cannot be read, and so are not in the sum below.
    pub unread_sets: u64,
    /// How many contents.
    pub contents: i64,
    /// What the policies of all sets would take if each set held its own.
    pub logical_bytes: u64,
    /// What the contents take, each once, uncompressed.
    pub content_bytes: i64,
    /// What they take as they are stored.
    pub stored_bytes: i64,
}

/// Counts everything.
pub fn census(store: &Store) -> Result<Census> {
    let conn = store.read();
    let bytes = |end: &str| {
        let path = file::beside(store.path(), end);
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    };
    let mode = conn
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(failed("read the journal mode"))?;
    let copies = (1..SCHEMA_VERSION)
        .map(|version| copy::before_migration(store.path(), version))
        .filter(|copy| copy.exists());
    Ok(Census {
        path: store.path().to_owned(),
        file_bytes: bytes(""),
        log_bytes: bytes("-wal"),
        pages: space::pages(conn)?,
        schema_version: version(conn)?,
        journal_mode: mode,
        sqlite_version: rusqlite::version(),
        copies: copies.collect(),
        counts: counts(conn)?,
        tenants: tenants(conn)?,
    })
}

const COUNTS: [(&str, &str); 6] = [
    (
        "tenants",
        "SELECT count(*) FROM tenants WHERE removed_at IS NULL",
    ),
    (
        "schedules",
        "SELECT count(*) FROM schedules WHERE archived_at IS NULL",
    ),
    ("runs", "SELECT count(*) FROM runs"),
    ("backup_sets", "SELECT count(*) FROM backup_sets"),
    ("contents", "SELECT count(*) FROM contents"),
    ("audit_events", "SELECT count(*) FROM audit_events"),
];

fn counts(conn: &Connection) -> Result<[(&'static str, i64); 6]> {
    let mut counts = COUNTS.map(|(what, _)| (what, 0));
    for ((_, sql), (_, count)) in COUNTS.iter().zip(&mut counts) {
        *count = conn
            .query_row(sql, [], |row| row.get(0))
            .map_err(failed("count the rows"))?;
    }
    Ok(counts)
}

const TENANTS: &str = "
    SELECT t.id, t.name, count(c.id), coalesce(sum(c.size_bytes), 0),
           coalesce(sum(length(c.data)), 0)
    FROM tenants AS t LEFT JOIN contents AS c ON c.tenant_id = t.id
    GROUP BY t.id HAVING t.removed_at IS NULL OR count(c.id) > 0 ORDER BY t.id";

fn tenants(conn: &Connection) -> Result<Vec<TenantCensus>> {
    let mut found = Vec::new();
    let rows = conn.prepare(TENANTS).and_then(|mut query| {
        let read = |row: &rusqlite::Row<'_>| {
            let tenant = TenantCensus {
                name: row.get(1)?,
                backup_sets: 0,
                unread_sets: 0,
                contents: row.get(2)?,
                logical_bytes: 0,
                content_bytes: row.get(3)?,
                stored_bytes: row.get(4)?,
            };
            Ok((TenantId(row.get(0)?), tenant))
        };
        query
            .query_map([], read)?
            .collect::<rusqlite::Result<Vec<_>>>()
    });
    for (id, mut tenant) in rows.map_err(failed("count the contents"))? {
        add_sets(conn, id, &mut tenant)?;
        found.push(tenant);
    }
    Ok(found)
}

fn add_sets(conn: &Connection, id: TenantId, tenant: &mut TenantCensus) -> Result<()> {
    let filter = Filter {
        tenant: Some(id),
        ..Filter::default()
    };
    let reader = Reader::new(conn, id);
    let mut known = HashMap::new();
    for set in backup_sets::list_sets(conn, &filter)? {
        tenant.backup_sets += 1;
        match policies_of(&reader, &set, &mut known) {
            Ok(bytes) => tenant.logical_bytes += bytes,
            Err(error) if error.kind() == Kind::Integrity => tenant.unread_sets += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How many bytes the policies of a set have; `known` are those of manifests and lists so far.
fn policies_of(
    reader: &Reader<'_>,
    set: &BackupSet,
    known: &mut HashMap<ContentHash, u64>,
) -> Result<u64> {
    if let Some(bytes) = known.get(&set.root_hash) {
        return Ok(*bytes);
    }
    let mut total = 0;
    for entry in backup_sets::manifest(reader, set)?.types() {
        let Some(hash) = entry.list else { continue };
        if let Some(bytes) = known.get(&hash) {
            total += bytes;
            continue;
        }
        let list = backup_sets::list(reader, entry)?;
        let entries = list.iter().flat_map(TypeList::entries);
        let bytes = entries.map(|policy| policy.bytes).sum();
        known.insert(hash, bytes);
        total += bytes;
    }
    known.insert(set.root_hash, total);
    Ok(total)
}
