//! Both roads end in the same schema; a migration is there whole or not at all.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::super::backup_sets::verify::{Scope, verify};
use super::super::backup_sets::{Filter, list_sets};
use super::super::{Store, file};
use super::*;
use crate::progress::Gauge;

/// Made by the program of that version.
const VERSION_1: &str = include_str!("../../../tests/fixtures/database-1.sql");
/// Made by the program of that version.
const VERSION_2: &str = include_str!("../../../tests/fixtures/database-2.sql");
/// Made by the program of that version.
const VERSION_3: &str = include_str!("../../../tests/fixtures/database-3.sql");

/// A database in a folder of its own.
fn database(sql: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tp.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(sql).unwrap();
    (folder, path)
}

/// A database of version 1.
fn old() -> (TempDir, PathBuf) {
    database(VERSION_1)
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn migrated() -> (TempDir, PathBuf) {
    let (folder, path) = old();
    migrate(&path, "anna", now()).unwrap();
    (folder, path)
}

/// Everything that makes up the schema, to the byte.
fn schema(conn: &Connection) -> Vec<(String, String, Option<String>)> {
    conn.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap()
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The rows of a query, as text.
fn rows(conn: &Connection, sql: &str) -> Vec<String> {
    conn.prepare(sql)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap()
}

#[test]
fn a_migrated_database_has_the_schema_of_a_new_one() {
    for sql in [VERSION_1, VERSION_2, VERSION_3] {
        let (folder, path) = database(sql);
        migrate(&path, "anna", now()).unwrap();
        assert_is_as_new(&folder, &path);
    }
}

fn assert_is_as_new(folder: &TempDir, path: &Path) {
    let new = Store::open_or_create(&folder.path().join("new.db")).unwrap();
    let store = Store::open(path).unwrap();
    assert_eq!(schema(store.read()), schema(new.read()));
    for pragma in [
        "user_version",
        "application_id",
        "auto_vacuum",
        "encoding",
        "page_size",
    ] {
        let value = |store: &Store| -> rusqlite::types::Value {
            let read = |row: &rusqlite::Row<'_>| row.get(0);
            store.read().pragma_query_value(None, pragma, read).unwrap()
        };
        assert_eq!(value(&store), value(&new), "{pragma}");
    }
    let defaults = "SELECT id FROM retention_defaults";
    assert_eq!(number(store.read(), defaults), number(new.read(), defaults));
    let mode = "SELECT journal_mode = 'wal' FROM pragma_journal_mode";
    assert_eq!(number(store.read(), mode), 1);
}

#[test]
fn nothing_that_was_kept_is_lost_or_changed() {
    let (_old_folder, old) = old();
    let (_folder, path) = migrated();
    let (old, new) = (Connection::open(&old).unwrap(), Store::open(&path).unwrap());
    let tables = [
        ("tenants", "*"),
        ("runs", "*"),
        ("contents", "*"),
        ("zone_data", "*"),
        (
            "schedules",
            "id, tenant_id, name, frequency, times, days_of_week, cron, timezone, policy_types,
             exclude_types, include_foundations, keep_last, grace_s, max_runtime_s, spread_s,
             labels, enabled, created_at, archived_at, slots_begin, slots_from, next_slot",
        ),
        (
            "backup_sets",
            "id, tenant_id, schedule_id, run_id, time, created_at, status, policies,
             hex(root_hash), pin_reason, expired_at",
        ),
    ];
    for (table, columns) in tables {
        let columns = if columns == "*" {
            let named = format!(
                "SELECT group_concat('quote(' || name || ')') FROM pragma_table_info('{table}')"
            );
            rows(&old, &named).remove(0)
        } else {
            columns.to_owned()
        };
        let sql = format!("SELECT json_array({columns}) FROM {table} ORDER BY id");
        let before = rows(&old, &sql);
        assert!(!before.is_empty(), "{table}");
        assert_eq!(rows(new.read(), &sql), before, "{table}");
    }
    let sequences = "SELECT name || seq FROM sqlite_sequence WHERE name <> 'audit_events'
                     ORDER BY name";
    let before = rows(&old, sequences);
    assert!(before.contains(&"backup_sets10".to_owned()), "{before:?}");
    assert_eq!(
        rows(new.read(), sequences),
        before,
        "no id is given out twice"
    );

    let found = verify(new.read(), &Scope::default(), &Gauge::default()).unwrap();
    assert_eq!((found.sets, found.damaged), (9, Vec::new()));
    let sets = list_sets(new.read(), &Filter::default()).unwrap();
    assert!(
        sets.iter()
            .all(|set| set.run_id.is_some() && set.imported.is_none())
    );
    let trail = audit::verify_chain(new.read()).unwrap();
    let events = number(&old, "SELECT count(*) FROM audit_events");
    assert_eq!(
        (trail.problems, trail.events),
        (Vec::new(), events.unsigned_abs() + 1)
    );
    let (last, _) = audit::newest(new.read(), None, 1).unwrap().remove(0);
    assert_eq!(
        (
            last.actor.as_str(),
            last.action.as_str(),
            last.details.as_str()
        ),
        (
            "anna",
            "database.migrate",
            r#"{"copy":"tp.db-schema-1","from":1,"to":4}"#
        )
    );
    let schedules = super::super::schedules::list(new.read(), None, true).unwrap();
    let last: Vec<u32> = schedules
        .iter()
        .map(|one| one.schedule.rules.last)
        .collect();
    assert_eq!(last, [7, 30, 30, 30]);
}

#[test]
fn what_version_2_brought_stays_as_it_was() {
    let (_folder, path) = database(VERSION_2);
    let tables = [
        ("schedules", "keep_weekly, keep_last, name"),
        ("retention_defaults", "keep_last, keep_monthly"),
        ("backup_sets", "run_id, imported, shrunk, hex(root_hash)"),
    ];
    let read = |conn: &Connection, (table, columns): (&str, &str)| {
        let sql = format!("SELECT json_array({columns}) FROM {table} ORDER BY id");
        rows(conn, &sql)
    };
    let before = tables.map(|table| read(&Connection::open(&path).unwrap(), table));
    assert_eq!(before[1], ["[30,12]"]);
    migrate(&path, "anna", now()).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(tables.map(|table| read(store.read(), table)), before);
    let found = verify(store.read(), &Scope::default(), &Gauge::default()).unwrap();
    assert_eq!((found.sets, found.damaged), (10, Vec::new()));
    let (last, _) = audit::newest(store.read(), None, 1).unwrap().remove(0);
    assert_eq!(last.details, r#"{"copy":"tp.db-schema-2","from":2,"to":4}"#);
}

#[test]
fn what_version_3_brought_stays_as_it_was() {
    let (_folder, path) = database(VERSION_3);
    let tables = [
        ("roles", "user, role, tenant_id, granted_at"),
        ("notifications", "at, user, run_id, message, read_at"),
        ("runs", "schedule_id, status, error_code, finished_at"),
    ];
    let read = |conn: &Connection, (table, columns): (&str, &str)| {
        let sql = format!("SELECT json_array({columns}) FROM {table} ORDER BY id");
        rows(conn, &sql)
    };
    let before = tables.map(|table| read(&Connection::open(&path).unwrap(), table));
    assert_eq!((before[0].len(), before[1].len()), (2, 1));
    migrate(&path, "anna", now()).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(tables.map(|table| read(store.read(), table)), before);
    for table in ["ping_urls", "schedule_states", "state_changes", "monitors"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(number(store.read(), &count), 0, "{table}");
    }
    let (last, _) = audit::newest(store.read(), None, 1).unwrap().remove(0);
    assert_eq!(last.details, r#"{"copy":"tp.db-schema-3","from":3,"to":4}"#);
}

#[test]
fn the_copy_is_the_database_as_it_was_and_private() {
    let (folder, path) = migrated();
    let copy = folder.path().join("tp.db-schema-1");
    let mode = fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(!folder.path().join("tp.db-schema-1.new").exists());
    let conn = Connection::open(&copy).unwrap();
    assert_eq!(version(&conn).unwrap(), 1);
    let original = Connection::open_in_memory().unwrap();
    original.execute_batch(VERSION_1).unwrap();
    assert_eq!(schema(&conn), schema(&original));
    let events = "SELECT count(*) FROM audit_events";
    assert_eq!(number(&conn, events), number(&original, events));
    // And the way back: put in its place, it is migrated again.
    drop(conn);
    fs::copy(&copy, &path).unwrap();
    migrate(&path, "anna", now()).unwrap();
    Store::open(&path).unwrap();
}

#[test]
fn killed_at_whatever_statement_the_file_is_old_or_new() {
    let (folder, path) = old();
    let mut moments = 0;
    let killed = folder.path().join("killed.db");
    let mut kill = || {
        moments += 1;
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(file::beside(&killed, end));
            // A log is there only while somebody has the database open.
            let _ = fs::copy(file::beside(&path, end), file::beside(&killed, end));
        }
        // What another process finds; the index of the log is made anew after a crash.
        let _ = fs::remove_file(file::beside(&killed, "-shm"));
        let conn = Connection::open(&killed).unwrap();
        assert_eq!(version(&conn).unwrap(), 1, "moment {moments}");
        let sound = "SELECT integrity_check = 'ok' FROM pragma_integrity_check";
        assert_eq!(number(&conn, sound), 1, "moment {moments}");
        let found = "SELECT count(*) FROM backup_sets JOIN schedules ON schedules.id = schedule_id";
        assert_eq!(number(&conn, found), 9, "moment {moments}");
        drop(conn);
        migrate(&killed, "ben", now()).unwrap();
        let store = Store::open(&killed).unwrap();
        assert_eq!(
            list_sets(store.read(), &Filter::default()).unwrap().len(),
            9
        );
    };
    migrate_watched(&path, "anna", now(), &mut kill).unwrap();
    assert!(moments > 30, "{moments}");
    Store::open(&path).unwrap();
}

#[test]
fn of_many_that_migrate_at_once_one_does() {
    let (_folder, path) = old();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Store::open_as(&path, "anna", now).unwrap());
        }
    });
    let store = Store::open(&path).unwrap();
    let events = "SELECT count(*) FROM audit_events WHERE action = 'database.migrate'";
    assert_eq!(number(store.read(), events), 1);
}

#[test]
fn what_breaks_no_reference_and_what_was_broken_before_is_let_be() {
    let (_folder, path) = old();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF; DROP TRIGGER runs_go_only_with_their_schedule;
         DELETE FROM runs WHERE id = 3;",
    )
    .unwrap();
    assert_eq!(broken_references(&conn).unwrap().len(), 1);
    drop(conn);
    migrate(&path, "anna", now()).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(broken_references(store.read()).unwrap().len(), 1);
}

#[test]
fn without_room_nothing_begins() {
    let (_folder, path) = old();
    let error = require_room(Some(4096), 8192, &path).unwrap_err();
    assert_eq!(error.kind(), Kind::StorageFull);
    require_room(Some(8192), 8192, &path).unwrap();
    require_room(None, u64::MAX, &path).unwrap();
    let conn = Connection::open(&path).unwrap();
    assert!(needed(&conn).unwrap() > 2 * 4096);
    assert!(disk::room(&path).unwrap().bytes > 0);
}
