use std::collections::BTreeMap;

use super::super::fixture::{Fixture, at, back_up, put_set};
use super::purge::{Outcome as PurgeOutcome, Purged, mark, purge};
use super::verify::{Sample, Scope, verify};
use super::*;

mod purging;
mod verifying;
mod witnesses;

type Types = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

fn document(policy: &str, version: u32) -> Vec<u8> {
    let settings: Vec<String> = (0..12)
        .map(|at| format!("{{\"setting\":\"{policy}-{at}\",\"value\":{}}}", at * 37))
        .collect();
    format!(
        "{{\"version\":{version},\"settings\":[{}]}}",
        settings.join(",")
    )
    .into_bytes()
}

fn types(versions: &[(&str, &str, u32)]) -> Types {
    let mut types = Types::new();
    for (policy_type, id, version) in versions {
        types
            .entry((*policy_type).to_owned())
            .or_default()
            .insert((*id).to_owned(), document(id, *version));
    }
    types
}

/// The sets that expired before `time`.
fn expired_before(fixture: &Fixture, time: i64) -> BTreeSet<BackupSetId> {
    let filter = Filter {
        tenant: Some(fixture.tenant),
        ..Filter::default()
    };
    let sets = list_sets(&fixture.conn, &filter).unwrap();
    sets.iter()
        .filter(|set| set.expired_at.is_some_and(|expired| expired < at(time)))
        .map(|set| set.id)
        .collect()
}

#[test]
fn lists_of_sets_go_by_an_index() {
    let fixture = Fixture::new();
    for (sql, expected) in [
        (ALL, "SCAN s"),
        (ALL_SINCE, "SEARCH s USING INDEX backup_sets_time (time>?)"),
        (
            OF_TENANT,
            "SEARCH s USING INDEX backup_sets_tenant (tenant_id=?)",
        ),
        (
            OF_TENANT_SINCE,
            "SEARCH s USING INDEX backup_sets_tenant_time (tenant_id=? AND time>?)",
        ),
        (
            OF_SCHEDULE,
            "SEARCH s USING INDEX backup_sets_schedule (schedule_id=?)",
        ),
        (
            OF_SCHEDULE_SINCE,
            "SEARCH s USING INDEX backup_sets_schedule (schedule_id=? AND time>?)",
        ),
    ] {
        let reads = fixture.reads(sql);
        assert!(
            reads.iter().any(|read| read == expected),
            "{reads:?} of {sql}"
        );
    }
}

fn run_purge(fixture: &mut Fixture, before: i64) -> Purged {
    let tenant = fixture.tenant;
    let marks = mark(&fixture.conn, tenant, &expired_before(fixture, before)).unwrap();
    let tx = fixture.conn.transaction().unwrap();
    let PurgeOutcome::Purged(purged) = purge(&tx, &marks, |_| Ok(true)).unwrap() else {
        panic!("nobody else writes");
    };
    tx.commit().unwrap();
    purged
}

fn set_expiry(fixture: &mut Fixture, id: BackupSetId, time: Option<i64>) -> bool {
    let tx = fixture.conn.transaction().unwrap();
    let changed = match time {
        Some(time) => expire(&tx, id, at(time)).unwrap(),
        None => unexpire(&tx, id).unwrap(),
    };
    tx.commit().unwrap();
    changed
}

fn read_back(fixture: &Fixture, id: BackupSetId) -> Types {
    let set = get(&fixture.conn, id).unwrap().unwrap();
    let reader = Reader::new(&fixture.conn, set.tenant_id);
    let mut types = Types::new();
    for entry in manifest(&reader, &set).unwrap().types() {
        let policies = types.entry(entry.policy_type.clone()).or_default();
        for policy in list(&reader, entry).unwrap().unwrap().entries() {
            policies.insert(
                policy.id.clone(),
                reader.read(&policy.hash).unwrap().to_vec(),
            );
        }
    }
    types
}

fn count(fixture: &Fixture, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    fixture.conn.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn an_unchanged_tenant_costs_one_row_and_one_change_three_contents() {
    let mut fixture = Fixture::new();
    let state = types(&[("a", "1", 0), ("a", "2", 0), ("b", "3", 0)]);
    let first = back_up(&mut fixture, &state);
    assert_eq!(count(&fixture, "contents"), 3 + 2 + 1 + 1);
    let second = back_up(&mut fixture, &state);
    assert_eq!(count(&fixture, "contents"), 7);
    let third = back_up(
        &mut fixture,
        &types(&[("a", "1", 1), ("a", "2", 0), ("b", "3", 0)]),
    );
    assert_eq!(count(&fixture, "contents"), 10);

    let sets = list_sets(&fixture.conn, &Filter::default()).unwrap();
    let ids: Vec<BackupSetId> = sets.iter().map(|set| set.id).collect();
    assert_eq!(ids, [third, second, first], "newest first");
    assert_eq!(sets[1].root_hash, sets[2].root_hash);
    assert_ne!(sets[0].root_hash, sets[1].root_hash);
    assert_eq!(sets[0].described(), "backup set 3 of tenant contoso");
    assert_eq!((sets[0].policies, sets[0].status), (3, SetStatus::Complete));
    assert_eq!(read_back(&fixture, first), state);
}

#[test]
fn a_set_of_which_anything_is_missing_does_not_appear() {
    let mut fixture = Fixture::new();
    let state = types(&[("a", "1", 0), ("b", "2", 0)]);
    for missing in 1..=6 {
        let run = fixture.begin_run(fixture.tenant, fixture.schedule);
        let tenant = fixture.tenant;
        let tx = fixture.conn.transaction().unwrap();
        let root_hash = put_set(&tx, tenant, fixture.schedule, &state);
        tx.execute("INSERT INTO purges VALUES (?1)", [tenant.0])
            .unwrap();
        tx.execute("DELETE FROM contents WHERE id = ?1", [missing])
            .unwrap();
        let set = NewSet {
            tenant_id: tenant,
            origin: Origin::Run {
                schedule_id: fixture.schedule,
                run_id: run,
                shrunk: None,
            },
            time: at(0),
            created_at: at(0),
            root_hash,
        };
        let error = insert(&tx, &set).expect_err("something is missing");
        assert_eq!(error.kind(), Kind::Integrity, "{error}");
        drop(tx);
        fixture.finish_run(run);
    }
    assert_eq!(count(&fixture, "backup_sets"), 0);
}

#[test]
fn filters_choose_and_a_list_ends_at_its_limit() {
    let mut fixture = Fixture::new();
    let (first_tenant, first_schedule) = (fixture.tenant, fixture.schedule);
    let ours = back_up(&mut fixture, &types(&[("a", "1", 0)]));
    let hidden = back_up(&mut fixture, &types(&[("a", "1", 1)]));
    assert!(set_expiry(&mut fixture, hidden, Some(5)));
    assert!(!set_expiry(&mut fixture, hidden, Some(6)), "already");
    fixture.tenant = fixture.add_tenant("fabrikam");
    fixture.schedule = fixture.add_schedule(fixture.tenant, "nightly");
    let theirs = back_up(&mut fixture, &types(&[("a", "1", 0)]));

    let ids = |filter: Filter| -> Vec<BackupSetId> {
        let sets = list_sets(&fixture.conn, &filter).unwrap();
        sets.iter().map(|set| set.id).collect()
    };
    let all = Filter::default();
    assert_eq!(ids(all), [theirs, hidden, ours]);
    assert_eq!(
        ids(Filter {
            limit: Some(1),
            ..all
        }),
        [theirs]
    );
    assert_eq!(
        ids(Filter {
            tenant: Some(first_tenant),
            ..all
        }),
        [hidden, ours]
    );
    assert_eq!(
        ids(Filter {
            schedule: Some(first_schedule),
            expired: Some(true),
            ..all
        }),
        [hidden]
    );
    assert_eq!(
        ids(Filter {
            expired: Some(false),
            ..all
        }),
        [theirs, ours]
    );
    assert_eq!(
        ids(Filter {
            since: Some(at(2)),
            ..all
        }),
        [theirs, hidden]
    );
    let nobodys = Filter {
        tenant: Some(first_tenant),
        schedule: Some(fixture.schedule),
        ..all
    };
    assert_eq!(ids(nobodys), []);
    assert_eq!(get(&fixture.conn, BackupSetId(99)).unwrap(), None);
}

#[test]
fn the_newest_list_of_a_type_is_found_past_sets_without_it_and_damaged_ones() {
    let mut fixture = Fixture::new();
    let both = back_up(&mut fixture, &types(&[("a", "1", 0), ("b", "2", 0)]));
    let one = back_up(&mut fixture, &types(&[("a", "1", 1)]));
    let damaged = back_up(&mut fixture, &types(&[("a", "1", 2)]));
    let root = get(&fixture.conn, damaged).unwrap().unwrap().root_hash;
    fixture.allow_damage();
    fixture
        .conn
        .execute("UPDATE contents SET data = x'00' WHERE hash = ?1", [root.0])
        .unwrap();
    let reader = Reader::new(&fixture.conn, fixture.tenant);
    let wanted = BTreeSet::from(["a", "b", "c"]);
    let found = latest_lists(&reader, &wanted).unwrap();
    let sets: Vec<_> = found
        .iter()
        .map(|(key, known)| (key.as_str(), known.set))
        .collect();
    assert_eq!(sets, [("a", one), ("b", both)]);
    assert_eq!(
        latest_complete_lists(&reader, fixture.schedule, &wanted).unwrap(),
        found
    );
    let elsewhere = latest_complete_lists(&reader, ScheduleId(99), &wanted).unwrap();
    assert!(elsewhere.is_empty());
}

#[test]
fn a_pinned_set_does_not_expire_and_an_expired_one_comes_back() {
    let mut fixture = Fixture::new();
    let id = back_up(&mut fixture, &types(&[("a", "1", 0)]));
    let tx = fixture.conn.transaction().unwrap();
    assert!(pin(&tx, id, "audit").unwrap());
    assert!(!expire(&tx, id, at(1)).unwrap());
    assert!(unpin(&tx, id).unwrap());
    assert!(!unpin(&tx, id).unwrap());
    assert!(expire(&tx, id, at(1)).unwrap());
    assert!(!pin(&tx, id, "too late").unwrap());
    assert!(unexpire(&tx, id).unwrap());
    assert!(!unexpire(&tx, id).unwrap());
    assert!(!expire(&tx, BackupSetId(99), at(1)).unwrap());
    tx.commit().unwrap();
    assert!(
        fixture
            .conn
            .execute_batch("DELETE FROM backup_sets")
            .is_err()
    );
    assert!(
        fixture
            .conn
            .execute_batch("UPDATE backup_sets SET policies = 7")
            .is_err()
    );
}
