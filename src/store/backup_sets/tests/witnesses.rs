//! What a set's row says beside its contents, and what belongs to no set.

use rusqlite::types::Value as Sql;
use serde_json::json;

use super::*;
use crate::audit::{Event, Outcome as AuditOutcome};
use crate::finding::Level;
use crate::progress::Gauge;
use crate::store::audit::append;

/// What becomes of the rows of sets in these tests.
const UNPROTECTED: &str = "
    DROP TRIGGER backup_sets_do_not_change; DROP TRIGGER backup_sets_are_not_replaced;
    DROP TRIGGER backup_sets_go_only_by_purge;
    PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";

fn record(fixture: &Fixture, action: &str, object: String, time: i64, details: Value) {
    let event = Event {
        at: at(time),
        actor: "alice",
        action,
        tenant: Some(fixture.tenant),
        object,
        outcome: AuditOutcome::Ok,
        details,
    };
    let tx = fixture.conn.unchecked_transaction().unwrap();
    append(&tx, &event).unwrap();
    tx.commit().unwrap();
}

/// A set with its event, as a run or an import leaves it.
fn keep(fixture: &Fixture, state: &Types, origin: Origin<'_>, time: i64) -> BackupSetId {
    let tx = fixture.conn.unchecked_transaction().unwrap();
    let new = NewSet {
        tenant_id: fixture.tenant,
        origin,
        time: at(time),
        created_at: at(500),
        root_hash: put_set(&tx, fixture.tenant, fixture.schedule, state),
    };
    let set = insert(&tx, &new).unwrap();
    tx.commit().unwrap();
    let action = match origin {
        Origin::Run { .. } => event::ADD,
        Origin::Import(_) => event::IMPORT,
    };
    let object = format!("backup set {set}");
    record(fixture, action, object, 500, event::details(&new));
    set
}

/// One set of a manual run, one of a slot that shrank, one that was imported.
fn three_sets(fixture: &Fixture) -> [BackupSetId; 3] {
    let (tenant_id, schedule_id) = (fixture.tenant, fixture.schedule);
    let of_run = |run_id, shrunk| Origin::Run {
        schedule_id,
        run_id,
        shrunk,
    };
    let state = types(&[("a", "1", 0), ("b", "2", 0)]);
    let run = fixture.begin_run(tenant_id, schedule_id);
    let manual = keep(fixture, &state, of_run(run, None), 500);
    fixture.finish_run(run);
    let claim = "INSERT INTO runs (tenant_id, schedule_id, trigger, scheduled_for, actor, owner,
                                   created_at, status)
                 VALUES (?1, ?2, 'schedule', 480, 'root', 'p', 490, 'running')";
    let claim = fixture.conn.execute(claim, [tenant_id.0, schedule_id.0]);
    assert_eq!(claim, Ok(1));
    let run = fixture.conn.last_insert_rowid();
    let shrunk = Shrunk::from([("a".to_owned(), [9, 1])]);
    let state = types(&[("a", "1", 1)]);
    let of_slot = keep(fixture, &state, of_run(run, Some(&shrunk)), 480);
    fixture.finish_run(run);
    let from = json!({ "layout": "intunecd", "source": "/srv/old", "lacks": ["b"] });
    let state = types(&[("a", "7", 0)]);
    let imported = keep(fixture, &state, Origin::Import(&from), 60);
    [manual, of_slot, imported]
}

fn verified(fixture: &Fixture) -> verify::Verification {
    verify(&fixture.conn, &Scope::default(), &Gauge::default()).unwrap()
}

/// All that becomes of `value` when one of its bits flips, and what it is when it is no value.
fn flips(value: &Sql) -> Vec<Sql> {
    let of_bytes = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let bits = (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
        let flip = |(at, bit): (usize, u32)| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            flipped
        };
        bits.map(flip).collect()
    };
    match value {
        Sql::Integer(number) => {
            let flipped = (0..64).map(|bit| Sql::Integer(number ^ (1_i64 << bit)));
            flipped.chain([Sql::Null]).collect()
        }
        // What is no UTF-8 any more cannot be written as a text by SQL.
        Sql::Text(text) => {
            let texts = of_bytes(text.as_bytes()).into_iter();
            let texts = texts.filter_map(|bytes| String::from_utf8(bytes).ok());
            texts.map(Sql::Text).chain([Sql::Null]).collect()
        }
        Sql::Blob(bytes) => of_bytes(bytes).into_iter().map(Sql::Blob).collect(),
        Sql::Null | Sql::Real(_) => vec![Sql::Integer(1), Sql::Text("{}".to_owned())],
    }
}

/// Flips each bit of a column of a row, and gives what verification says to each.
fn each_flip(
    fixture: &Fixture,
    table: &str,
    column: &str,
    row: i64,
    mut told: impl FnMut(&Sql, &verify::Verification),
) {
    let select = format!("SELECT {column} FROM {table} WHERE id = ?1");
    let value: Sql = fixture
        .conn
        .query_row(&select, [row], |row| row.get(0))
        .unwrap();
    let update = format!("UPDATE {table} SET {column} = ?2 WHERE id = ?1");
    for flipped in flips(&value) {
        fixture.sql("BEGIN");
        // Where a column cannot hold the value at all, there is nothing to find.
        if fixture.conn.execute(&update, params![row, flipped]).is_ok() {
            told(&flipped, &verified(fixture));
        }
        fixture.sql("ROLLBACK");
    }
}

#[test]
fn a_flipped_bit_in_the_row_of_a_set_is_found_and_named() {
    let fixture = Fixture::new();
    let sets = three_sets(&fixture);
    let found = verified(&fixture);
    assert_eq!((found.sets, found.ok()), (3, true), "{found:?}");
    assert_eq!(found.findings, []);
    fixture.sql(UNPROTECTED);
    let columns = [
        "id",
        "tenant_id",
        "schedule_id",
        "run_id",
        "imported",
        "time",
        "created_at",
        "status",
        "policies",
        "root_hash",
        "shrunk",
    ];
    for set in sets {
        for column in columns {
            each_flip(&fixture, "backup_sets", column, set.0, |flipped, found| {
                let hit = found.damaged.iter().any(|damage| damage.set == set);
                assert!(hit, "set {set}: {column} = {flipped:?}: {found:?}");
            });
        }
    }
    assert!(verified(&fixture).ok());
}

/// A second name for the table of contents, behind the back of its indexes: what is written through
/// it changes a row as a failing disk does.
const BARE: &str = "
    PRAGMA writable_schema = ON;
    INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)
    SELECT 'table', 'bare', 'bare', rootpage,
           'CREATE TABLE bare (id INTEGER PRIMARY KEY, tenant_id, hash, base_id, depth, size_bytes, data)'
    FROM sqlite_schema WHERE name = 'contents';
    PRAGMA writable_schema = RESET;";

#[test]
fn a_flipped_bit_in_the_row_of_a_content_is_found() {
    let fixture = Fixture::new();
    three_sets(&fixture);
    fixture.sql(BARE);
    let rows: Vec<i64> = {
        let mut query = fixture.conn.prepare("SELECT id FROM bare").unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert!(rows.len() > 8);
    let deltas = "SELECT count(*) FROM bare WHERE base_id IS NOT NULL";
    let deltas: i64 = fixture
        .conn
        .query_row(deltas, [], |row| row.get(0))
        .unwrap();
    assert!(deltas > 0, "something builds on something");
    for row in rows {
        for column in ["id", "tenant_id", "hash", "base_id", "size_bytes"] {
            each_flip(&fixture, "bare", column, row, |flipped, found| {
                let hit = !found.damaged.is_empty();
                assert!(hit, "row {row}: {column} = {flipped:?}: {found:?}");
            });
        }
    }
    assert!(verified(&fixture).ok());
}

#[test]
fn what_may_happen_to_a_set_is_no_damage() {
    let mut fixture = Fixture::new();
    let [manual, of_slot, imported] = three_sets(&fixture);
    let tx = fixture.conn.unchecked_transaction().unwrap();
    assert!(pin(&tx, imported, "before the merger").unwrap());
    assert!(acknowledge(&tx, of_slot, at(600)).unwrap());
    assert!(expire(&tx, manual, at(600)).unwrap());
    tx.commit().unwrap();
    let found = verified(&fixture);
    assert!(found.ok() && found.findings.is_empty(), "{found:?}");
    assert_eq!(run_purge(&mut fixture, 601).sets, [manual]);
    let lost = verified(&fixture);
    let reasons: Vec<_> = lost.damaged.iter().map(|damage| damage.set).collect();
    assert_eq!(reasons, [manual], "nothing says yet that it was removed");
    let one = Scope {
        sets: BTreeSet::from([of_slot]),
        ..Scope::default()
    };
    assert!(verify(&fixture.conn, &one, &Gauge::default()).unwrap().ok());
    let details = json!({ "backup_sets": [manual.0] });
    record(
        &fixture,
        event::PURGE,
        "schedule 1".to_owned(),
        601,
        details,
    );
    let found = verified(&fixture);
    assert!(found.ok() && found.findings.is_empty(), "{found:?}");
}

#[test]
fn of_what_earlier_versions_did_not_record_nothing_is_known() {
    let fixture = Fixture::new();
    let [_, _, imported] = three_sets(&fixture);
    // As version 2 recorded an import, and version 1 a run.
    fixture.sql(
        "DROP TRIGGER audit_events_do_not_change;
         UPDATE audit_events SET details = json_remove(details, '$.time', '$.lacks', '$.schedule',
                                                       '$.shrunk')
         WHERE id <> 2",
    );
    let found = verified(&fixture);
    assert!(found.ok(), "{found:?}");
    let [finding] = &found.findings[..] else {
        panic!("{found:?}");
    };
    assert_eq!(finding.level, Level::Ok);
    assert!(finding.message.starts_with("1 imported"), "{finding:?}");
    fixture.sql(UNPROTECTED);
    fixture.sql("UPDATE backup_sets SET created_at = created_at + 1 WHERE id = 3");
    let damaged = verified(&fixture).damaged;
    assert_eq!(
        (damaged.len(), damaged[0].set),
        (1, imported),
        "{damaged:?}"
    );

    let mut fixture = Fixture::new();
    back_up(&mut fixture, &types(&[("a", "1", 0)]));
    let found = verified(&fixture);
    assert!(found.ok());
    assert_eq!(found.findings.len(), 1, "{found:?}");
    assert_eq!(found.findings[0].level, Level::Warn);
}

#[test]
fn what_belongs_to_no_set_is_counted_and_looked_at() {
    let fixture = Fixture::new();
    three_sets(&fixture);
    let tx = fixture.conn.unchecked_transaction().unwrap();
    let left = put_set(
        &tx,
        fixture.tenant,
        fixture.schedule,
        &types(&[("c", "8", 0)]),
    );
    tx.commit().unwrap();
    let orphans = |found: &verify::Verification| -> String {
        let [orphans] = &found.findings[..] else {
            panic!("{found:?}");
        };
        assert_eq!(
            (orphans.check.as_str(), orphans.level, found.ok()),
            ("orphans", Level::Warn, true)
        );
        orphans.message.clone()
    };
    let told = orphans(&verified(&fixture));
    assert!(told.starts_with("3 contents belong to no"), "{told}");
    fixture.allow_damage();
    let damage = "UPDATE contents SET data = zeroblob(20) WHERE hash = ?1";
    fixture.conn.execute(damage, [left.0]).unwrap();
    let told = orphans(&verified(&fixture));
    assert!(told.ends_with("; of them 1 is damaged"), "{told}");

    fixture.sql("INSERT INTO purges (tenant_id) VALUES (77)");
    let found = verified(&fixture);
    assert!(!found.ok());
    let foreign = &found.findings[0];
    assert_eq!(
        (foreign.check.as_str(), foreign.level),
        ("foreign_keys", Level::Fail)
    );
    assert!(foreign.message.contains("purges row 77"), "{foreign:?}");
}
