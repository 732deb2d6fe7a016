//! The schema holds what it promises, whoever writes; failures have their class.

use std::collections::BTreeMap;

use super::fixture::{Fixture, back_up};
use super::*;

#[test]
fn failures_of_sqlite_have_the_class_that_tells_what_to_do() {
    for (code, kind) in [
        (rusqlite::ffi::SQLITE_FULL, Kind::StorageFull),
        (rusqlite::ffi::SQLITE_IOERR_SHMSIZE, Kind::StorageFull),
        (rusqlite::ffi::SQLITE_READONLY, Kind::Storage),
        (rusqlite::ffi::SQLITE_CANTOPEN, Kind::Storage),
        (rusqlite::ffi::SQLITE_IOERR_FSYNC, Kind::Storage),
        (rusqlite::ffi::SQLITE_PERM, Kind::Storage),
        (rusqlite::ffi::SQLITE_BUSY, Kind::Busy),
        (rusqlite::ffi::SQLITE_LOCKED, Kind::Busy),
        (rusqlite::ffi::SQLITE_CORRUPT, Kind::Integrity),
        (rusqlite::ffi::SQLITE_NOTADB, Kind::Integrity),
        (rusqlite::ffi::SQLITE_CONSTRAINT, Kind::Internal),
    ] {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        let error = failed("store it")(error);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().starts_with("cannot store it: "));
    }
}

/// A tenant `contoso` (id 1) with the set 1 of run 1, an audit event, and a tenant `fabrikam`.
fn inhabited() -> Fixture {
    let mut fixture = Fixture::new();
    let policies = BTreeMap::from([("a".to_owned(), b"{}".to_vec())]);
    back_up(&mut fixture, &BTreeMap::from([("t".to_owned(), policies)]));
    let other = fixture.add_tenant("fabrikam");
    fixture.add_schedule(other, "nightly");
    fixture.sql(
        "INSERT INTO runs (tenant_id, schedule_id, trigger, actor, owner, scheduled_for, created_at,
                           status)
         VALUES (1, 1, 'schedule', 'alice', 'p', 60, 0, 'queued');
         UPDATE runs SET status = 'partial', finished_at = 1 WHERE id = 2;
         INSERT INTO audit_events (at, actor, action, object, outcome, details, hash)
         VALUES (0, 'alice', 'a', 'o', 'ok', '{}', zeroblob(32))",
    );
    let on: bool = fixture
        .conn
        .pragma_query_value(None, "recursive_triggers", |row| row.get(0))
        .unwrap();
    assert!(!on, "this is not a connection of ours");
    fixture
}

/// Everything that must stay, as text.
fn remains(fixture: &Fixture) -> Vec<String> {
    let all = "
        SELECT 'run ' || id || status || actor || coalesce(scheduled_for, '') FROM runs
        UNION ALL SELECT 'set ' || id || run_id || status || policies FROM backup_sets
        UNION ALL SELECT 'content ' || id || tenant_id || hex(hash) || hex(data) FROM contents
        UNION ALL SELECT 'event ' || id || actor FROM audit_events";
    let mut query = fixture.conn.prepare(all).unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.map(rusqlite::Result::unwrap).collect()
}

#[test]
fn nothing_that_stays_is_replaced_by_a_strange_connection() {
    let fixture = inhabited();
    let before = remains(&fixture);
    for sql in [
        "INSERT OR REPLACE INTO runs SELECT * FROM runs WHERE id = 1",
        "INSERT OR REPLACE INTO runs (tenant_id, schedule_id, trigger, actor, owner, scheduled_for,
                                      created_at, status)
         VALUES (1, 1, 'schedule', 'mallory', 'p', 60, 0, 'queued')",
        "INSERT OR REPLACE INTO backup_sets SELECT * FROM backup_sets",
        "INSERT OR REPLACE INTO backup_sets (tenant_id, schedule_id, run_id, time, created_at,
                                             status, policies, root_hash)
         SELECT tenant_id, schedule_id, run_id, time, created_at, status, 9, root_hash
         FROM backup_sets",
        "INSERT OR REPLACE INTO contents SELECT * FROM contents",
        "INSERT OR REPLACE INTO contents (tenant_id, hash, size_bytes, data)
         SELECT tenant_id, hash, 1, x'00' FROM contents",
        "INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events",
    ] {
        let refused = fixture.conn.execute_batch(sql);
        let quietly = sql.contains("mallory");
        assert_eq!(refused.is_ok(), quietly, "{sql}");
        assert_eq!(remains(&fixture), before, "{sql}");
    }
    fixture.begin_run(fixture.tenant, fixture.schedule);
    let before = remains(&fixture);
    for sql in [
        "UPDATE OR REPLACE runs SET id = 1 WHERE status = 'running'",
        "UPDATE OR REPLACE runs SET scheduled_for = 60, trigger = 'schedule'
         WHERE status = 'running'",
        "INSERT OR REPLACE INTO runs (tenant_id, schedule_id, trigger, actor, owner, created_at,
                                      status)
         VALUES (1, 1, 'manual', 'mallory', 'p', 0, 'running')",
    ] {
        fixture.conn.execute_batch(sql).unwrap_err();
        assert_eq!(remains(&fixture), before, "{sql}");
    }
}

#[test]
fn a_backup_set_comes_of_a_run_of_its_schedule_that_ends_like_it() {
    let fixture = inhabited();
    fixture.add_schedule(fixture.tenant, "weekly");
    let add = |schedule: i64, run: i64, status: &str, more: &str| {
        let sql = format!(
            "INSERT INTO backup_sets (tenant_id, schedule_id, run_id, time, created_at, status,
                                      policies, root_hash, pin_reason, expired_at)
             SELECT 1, {schedule}, {run}, 0, 0, '{status}', 0, root_hash, {more}
             FROM backup_sets WHERE id = 1"
        );
        fixture.conn.execute_batch(&sql)
    };
    add(1, 2, "complete", "NULL, NULL").unwrap_err();
    add(3, 2, "partial", "NULL, NULL").unwrap_err();
    add(1, 2, "partial", "'why', NULL").unwrap_err();
    add(1, 2, "partial", "NULL, 0").unwrap_err();
    add(1, 99, "partial", "NULL, NULL").unwrap_err();
    add(1, 2, "partial", "NULL, NULL").unwrap();
    let run = fixture.begin_run(fixture.tenant, fixture.schedule);
    add(1, run, "partial", "NULL, NULL").unwrap();
    let end = |status: &str| {
        let sql = "UPDATE runs SET status = ?1, finished_at = 1, error_code = 'X' WHERE id = ?2";
        fixture.conn.execute(sql, rusqlite::params![status, run])
    };
    end("success").unwrap_err();
    end("failed").unwrap_err();
    end("partial").unwrap();
}

#[test]
fn an_imported_set_has_no_run_and_nothing_but_a_run_has_a_schedule() {
    let fixture = inhabited();
    let run = fixture.begin_run(fixture.tenant, fixture.schedule);
    let add = |values: &str| {
        let sql = format!(
            "INSERT INTO backup_sets (tenant_id, schedule_id, run_id, imported, shrunk,
                                      acknowledged_at, pin_reason, time, created_at, status,
                                      policies, root_hash)
             SELECT 1, {values}, 0, 0, 'complete', 0, root_hash FROM backup_sets WHERE id = 1"
        );
        fixture.conn.execute_batch(&sql)
    };
    let from = r#"'{"folder":"contoso"}'"#;
    for values in [
        "NULL, NULL, NULL, NULL, NULL, NULL".to_owned(),
        format!("1, {run}, {from}, NULL, NULL, NULL"),
        format!("1, NULL, {from}, NULL, NULL, NULL"),
        format!("NULL, {run}, NULL, NULL, NULL, NULL"),
        "NULL, NULL, 'no JSON', NULL, NULL, NULL".to_owned(),
        format!("NULL, NULL, {from}, '{{}}', NULL, NULL"),
        format!("NULL, NULL, {from}, NULL, NULL, 'why'"),
        format!("1, {run}, NULL, '{{}}', 5, NULL"),
        format!("1, {run}, NULL, NULL, 5, NULL"),
    ] {
        add(&values).unwrap_err();
    }
    add(&format!("NULL, NULL, {from}, NULL, NULL, NULL")).unwrap();
    add(&format!("NULL, NULL, {from}, NULL, NULL, NULL")).unwrap();
    add(&format!("1, {run}, NULL, '{{\"t\":[9,1]}}', NULL, NULL")).unwrap();
    for (change, allowed) in [
        ("imported = NULL WHERE id = 2", false),
        ("imported = '{}' WHERE id = 2", false),
        ("schedule_id = 1 WHERE id = 2", false),
        ("shrunk = NULL WHERE id = 4", false),
        ("acknowledged_at = 5 WHERE id = 1", false),
        ("acknowledged_at = 5 WHERE id = 4", true),
        ("acknowledged_at = 5 WHERE id = 4", true),
        ("acknowledged_at = 6 WHERE id = 4", false),
        ("acknowledged_at = NULL WHERE id = 4", false),
        ("pin_reason = 'why' WHERE id = 2", true),
    ] {
        let sql = format!("UPDATE backup_sets SET {change}");
        assert_eq!(
            fixture.conn.execute_batch(&sql).is_ok(),
            allowed,
            "{change}"
        );
    }
}

#[test]
fn no_reference_leads_into_another_tenant() {
    let fixture = inhabited();
    fixture.sql("PRAGMA foreign_keys = ON");
    for sql in [
        "INSERT INTO runs (tenant_id, schedule_id, trigger, retry_of, actor, owner, created_at,
                           status)
         VALUES (2, 2, 'retry', 1, 'alice', 'p', 0, 'queued')",
        "INSERT INTO contents (tenant_id, hash, base_id, depth, size_bytes, data)
         VALUES (2, zeroblob(32), 1, 1, 0, x'')",
    ] {
        fixture.conn.execute_batch(sql).unwrap_err();
        let own = sql.replace("(2, 2,", "(1, 1,").replace("(2, z", "(1, z");
        fixture.conn.execute_batch(&own).unwrap();
    }
}
