use std::collections::HashSet;

use super::*;
use crate::progress::Gauge;

#[test]
fn every_flipped_bit_of_what_is_stored_is_found_and_named() {
    let mut fixture = Fixture::new();
    for version in 0..3 {
        back_up(
            &mut fixture,
            &types(&[("a", "1", version), ("a", "2", 0), ("b", "3", version)]),
        );
    }
    // A base that no set reaches any more counts as well.
    set_expiry(&mut fixture, BackupSetId(1), Some(1));
    run_purge(&mut fixture, 9);
    fixture.allow_damage();
    let rows: Vec<(i64, Vec<u8>)> = {
        let mut query = fixture
            .conn
            .prepare("SELECT id, data FROM contents")
            .unwrap();
        let rows = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.map(Result::unwrap).collect()
    };
    let gauge = Gauge::default();
    let intact = verify(&fixture.conn, &Scope::default(), &gauge).unwrap();
    let parts = intact.sets + intact.documents;
    assert_eq!((gauge.done(), gauge.total()), (parts, parts));
    assert_eq!((intact.sets, intact.damaged), (2, Vec::new()));
    let change = "UPDATE contents SET data = ?2 WHERE id = ?1";
    for (id, data) in rows {
        for at in 0..data.len() {
            for bit in 0..8 {
                let mut flipped = data.clone();
                flipped[at] ^= 1 << bit;
                fixture.conn.execute(change, params![id, flipped]).unwrap();
                let damaged = verify(&fixture.conn, &Scope::default(), &Gauge::default())
                    .unwrap()
                    .damaged;
                assert!(!damaged.is_empty(), "row {id}, byte {at}, bit {bit}");
            }
        }
        fixture.conn.execute(change, params![id, data]).unwrap();
    }
}

#[test]
fn damage_names_every_set_and_policy_it_hits_and_ends_nothing() {
    let mut fixture = Fixture::new();
    let state = types(&[("a", "1", 0), ("a", "2", 0), ("b", "3", 0)]);
    let first = back_up(&mut fixture, &state);
    let second = back_up(
        &mut fixture,
        &types(&[("a", "1", 0), ("a", "2", 1), ("b", "3", 0)]),
    );
    let hash = ContentHash::of(&document("1", 0));
    fixture.allow_damage();
    fixture
        .conn
        .execute(
            "UPDATE contents SET data = zeroblob(40) WHERE hash = ?1",
            [hash.0],
        )
        .unwrap();
    let found = verify(&fixture.conn, &Scope::default(), &Gauge::default()).unwrap();
    let hit: Vec<_> = found
        .damaged
        .iter()
        .map(|damage| {
            (
                damage.set,
                damage.policy_type.as_deref(),
                damage.policy_id.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        hit,
        [
            (first, Some("a"), Some("1")),
            (second, Some("a"), Some("1"))
        ]
    );
    assert_eq!(found.damaged[0].name.as_deref(), Some("name of 1"));
    assert!(found.damaged[0].reason.contains(&hash.to_string()));
    assert_eq!((found.sets, found.contents), (2, 10));

    let one = Scope {
        sets: BTreeSet::from([second]),
        ..Scope::default()
    };
    assert_eq!(
        verify(&fixture.conn, &one, &Gauge::default())
            .unwrap()
            .damaged
            .len(),
        1
    );
    let none = Scope {
        sets: BTreeSet::from([BackupSetId(77)]),
        ..Scope::default()
    };
    assert_eq!(
        verify(&fixture.conn, &none, &Gauge::default())
            .unwrap_err()
            .kind(),
        Kind::NotFound
    );
    let sample = Scope {
        sample: Some(Sample {
            percent: 0,
            seed: 1,
        }),
        ..Scope::default()
    };
    assert_eq!(
        verify(&fixture.conn, &sample, &Gauge::default())
            .unwrap()
            .contents,
        6,
        "manifests, lists and references"
    );
    let sample = Scope {
        sample: Some(Sample {
            percent: 100,
            seed: 1,
        }),
        ..Scope::default()
    };
    assert_eq!(
        verify(&fixture.conn, &sample, &Gauge::default()).unwrap(),
        found
    );
}

#[test]
fn a_row_that_says_other_than_its_manifest_is_damage_whatever_is_in_it() {
    let mut fixture = Fixture::new();
    back_up(&mut fixture, &types(&[("a", "1", 0)]));
    fixture.sql(
        "PRAGMA foreign_keys = OFF; DROP TRIGGER backup_sets_do_not_change;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'backup_sets';
         UPDATE sqlite_schema SET sql = replace(sql, ' IS NOT NULL', ' NOTNULL')
             WHERE name = 'backup_sets';
         UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'backup_sets';
         PRAGMA writable_schema = RESET; PRAGMA ignore_check_constraints = ON;",
    );
    for damage in [
        "policies = 2",
        "policies = -1",
        "policies = NULL",
        "policies = 'x'",
        "status = 'partial'",
        "status = x'00'",
        "root_hash = NULL",
        "root_hash = 'text'",
        "root_hash = x'0011'",
        "root_hash = zeroblob(32)",
        "tenant_id = 99",
        "tenant_id = NULL",
    ] {
        fixture.sql("BEGIN");
        fixture.sql(&format!("UPDATE backup_sets SET {damage}"));
        let found = verify(&fixture.conn, &Scope::default(), &Gauge::default()).unwrap();
        let hit = found.damaged.iter().map(|damage| damage.set);
        assert_eq!(
            hit.collect::<HashSet<_>>(),
            [BackupSetId(1)].into(),
            "{damage}"
        );
        if let Err(error) = list_sets(&fixture.conn, &Filter::default()) {
            assert_eq!(error.kind(), Kind::Integrity, "{damage}: {error}");
        }
        fixture.sql("ROLLBACK");
    }
}

#[test]
fn references_that_are_missing_or_something_else_are_damage() {
    let mut fixture = Fixture::new();
    let set = back_up(&mut fixture, &types(&[("a", "1", 0)]));
    let reader = Reader::new(&fixture.conn, fixture.tenant);
    let found = get(&fixture.conn, set).unwrap().unwrap();
    let manifest = manifest(&reader, &found).unwrap();
    let names = references(&reader, &manifest).unwrap().unwrap();
    assert_eq!(
        names.get("group", "5c4b").unwrap().to_string(),
        "All laptops"
    );
    let elsewhere = manifest.with_references(ContentHash::of(&document("1", 0)));
    let error = references(&reader, &elsewhere).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity, "{error}");
    fixture.allow_damage();
    let delete = "DELETE FROM contents WHERE hash = ?1";
    let hash = ContentHash::of(&names.encode());
    fixture.conn.execute(delete, [hash.0]).unwrap();
    let found = verify(&fixture.conn, &Scope::default(), &Gauge::default())
        .unwrap()
        .damaged;
    assert_eq!((found.len(), found[0].set), (1, set));
    assert!(found[0].reason.contains("its references: "), "{found:?}");
}

#[test]
fn a_document_that_is_no_json_and_a_length_that_is_wrong_are_damage() {
    let mut fixture = Fixture::new();
    let mut state = types(&[("a", "1", 0)]);
    state
        .entry("b".to_owned())
        .or_default()
        .insert("2".to_owned(), b"{\"cut\":".to_vec());
    back_up(&mut fixture, &state);
    let found = verify(&fixture.conn, &Scope::default(), &Gauge::default())
        .unwrap()
        .damaged;
    assert_eq!(found.len(), 1);
    assert!(found[0].reason.contains("no JSON"), "{found:?}");
}

#[test]
fn no_flipped_bit_anywhere_in_the_file_makes_verify_panic_or_lie() {
    let dir = tempfile::tempdir().unwrap();
    let (pristine, copy) = (dir.path().join("a.db"), dir.path().join("b.db"));
    let mut fixture = Fixture::new();
    for version in 0..3 {
        back_up(
            &mut fixture,
            &types(&[("a", "1", version), ("b", "2", version)]),
        );
    }
    fixture
        .conn
        .execute("VACUUM INTO ?1", [pristine.to_str().unwrap()])
        .unwrap();
    let bytes = std::fs::read(&pristine).unwrap();
    for at in (0..bytes.len()).step_by(211) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&copy, &flipped).unwrap();
        let conn = Connection::open(&copy).unwrap();
        // Damage in free space or in other tables is not ours to see; where all is said to be
        // well, all must read.
        let Ok(found) = verify(&conn, &Scope::default(), &Gauge::default()) else {
            continue;
        };
        if found.damaged.is_empty() && found.sets == 3 {
            let reader = Reader::new(&conn, TenantId(1));
            for version in 0..3 {
                let hash = ContentHash::of(&document("1", version));
                assert!(reader.read(&hash).is_ok(), "byte {at}");
            }
        }
    }
}

#[test]
fn a_sample_has_its_size_and_differs_from_seed_to_seed() {
    let documents: HashSet<ContentHash> = (0..50_u8).map(|at| ContentHash::of(&[at])).collect();
    let sample = |percent, seed| Sample { percent, seed }.of(documents.clone());
    for (percent, size) in [(0, 0), (1, 1), (5, 3), (50, 25), (100, 50)] {
        assert_eq!(sample(percent, 7).len(), size, "{percent} %");
    }
    assert_eq!(sample(20, 7), sample(20, 7));
    assert_ne!(sample(20, 7), sample(20, 8));
    let drawn: HashSet<ContentHash> = (0..100).flat_map(|seed| sample(20, seed)).collect();
    assert_eq!(drawn, documents, "each is drawn at some time");
}
