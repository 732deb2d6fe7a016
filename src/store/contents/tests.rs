use super::super::fixture::Fixture;
use super::*;

fn store(fixture: &mut Fixture, bytes: &[u8], base: Option<&ContentHash>) -> Put {
    let tenant = fixture.tenant;
    let tx = fixture.conn.transaction().unwrap();
    let put = put(&tx, tenant, bytes, base).unwrap();
    tx.commit().unwrap();
    put
}

fn version(number: u32) -> Vec<u8> {
    let mut text = String::from("{\"settings\":[");
    for setting in 0..200_u32 {
        let value = setting.wrapping_mul(2_654_435_761) >> 7;
        text.push_str(&format!("{{\"id\":\"{value:x}\",\"value\":{setting}}},"));
    }
    text.push_str(&format!("{{\"version\":{number}}}]}}"));
    text.into_bytes()
}

/// Versions `0..count`, each stored upon the one before.
fn chain(fixture: &mut Fixture, count: u32) -> Vec<ContentHash> {
    let mut hashes: Vec<ContentHash> = Vec::new();
    for number in 0..count {
        let base = hashes.last().copied();
        hashes.push(store(fixture, &version(number), base.as_ref()).hash);
    }
    hashes
}

fn number(fixture: &Fixture, sql: &str) -> i64 {
    fixture.conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_content_is_stored_once_per_tenant_and_read_back() {
    let mut fixture = Fixture::new();
    let other = fixture.add_tenant("fabrikam");
    let first = store(&mut fixture, b"{}", None);
    assert!(first.added);
    assert!(!store(&mut fixture, b"{}", None).added);
    assert_eq!(number(&fixture, "SELECT COUNT(*) FROM contents"), 1);
    let reader = Reader::new(&fixture.conn, fixture.tenant);
    assert_eq!(&*reader.read(&first.hash).unwrap(), b"{}");
    assert!(reader.exists(&first.hash).unwrap());
    let elsewhere = Reader::new(&fixture.conn, other);
    assert!(!elsewhere.exists(&first.hash).unwrap());
    let error = elsewhere.read(&first.hash).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    assert!(error.message().contains(&first.hash.to_string()));
    let empty = store(&mut fixture, b"", Some(&first.hash)).hash;
    let reader = Reader::new(&fixture.conn, fixture.tenant);
    assert_eq!(&*reader.read(&empty).unwrap(), b"");
}

#[test]
fn versions_build_on_one_another_and_a_chain_ends() {
    let mut fixture = Fixture::new();
    let hashes = chain(&mut fixture, 80);
    assert_eq!(
        number(&fixture, "SELECT MAX(depth) FROM contents"),
        MAX_DEPTH
    );
    assert_eq!(
        number(&fixture, "SELECT COUNT(*) FROM contents WHERE depth = 0"),
        2
    );
    let largest = "SELECT MAX(length(data)) FROM contents WHERE depth > 0";
    assert!(number(&fixture, largest) < 100);
    for backwards in [false, true] {
        let reader = Reader::new(&fixture.conn, fixture.tenant);
        for step in 0..80_u32 {
            let at = if backwards { 79 - step } else { step };
            let hash = &hashes[at as usize];
            assert_eq!(*reader.examine(hash).unwrap(), *version(at));
        }
    }
}

#[test]
fn what_is_not_alike_stands_alone_and_a_missing_base_does_no_harm() {
    let mut fixture = Fixture::new();
    let words = store(&mut fixture, b"something else entirely", None).hash;
    store(&mut fixture, &version(1), Some(&words));
    store(&mut fixture, &version(2), Some(&ContentHash([9; 32])));
    assert_eq!(number(&fixture, "SELECT MAX(depth) FROM contents"), 0);
}

#[test]
fn the_schema_keeps_contents_as_they_are() {
    let mut fixture = Fixture::new();
    store(&mut fixture, b"{}", None);
    for sql in [
        "UPDATE contents SET data = x'00'",
        "UPDATE contents SET size_bytes = 3",
        "DELETE FROM contents",
    ] {
        assert!(fixture.conn.execute_batch(sql).is_err(), "{sql}");
    }
    fixture.sql("INSERT INTO purges SELECT id FROM tenants");
    for sql in [
        "UPDATE contents SET hash = zeroblob(32)",
        "UPDATE contents SET id = 9",
    ] {
        assert!(fixture.conn.execute_batch(sql).is_err(), "{sql}");
    }
}

#[test]
fn damage_anywhere_below_a_content_makes_it_fail_and_never_lie() {
    let mut fixture = Fixture::new();
    let hashes = chain(&mut fixture, 4);
    fixture.allow_damage();
    for damage in [
        "UPDATE contents SET data = zeroblob(length(data)) WHERE id = 2",
        "UPDATE contents SET data = x'' WHERE id = 2",
        "UPDATE contents SET size_bytes = 1 WHERE id = 2",
        "UPDATE contents SET size_bytes = -1 WHERE id = 2",
        "UPDATE contents SET size_bytes = 9223372036854775807 WHERE id = 2",
        "UPDATE contents SET base_id = 4 WHERE id = 2",
        "UPDATE contents SET base_id = 2 WHERE id = 2",
        "UPDATE contents SET base_id = 99 WHERE id = 2",
        "UPDATE contents SET base_id = NULL WHERE id = 2",
        "UPDATE contents SET data = (SELECT data FROM contents WHERE id = 3) WHERE id = 2",
        "UPDATE contents SET tenant_id = 77 WHERE id = 2",
        "DELETE FROM contents WHERE id = 2",
    ] {
        fixture.sql("BEGIN");
        fixture.sql(damage);
        let reader = Reader::new(&fixture.conn, fixture.tenant);
        assert!(reader.read(&hashes[0]).is_ok(), "{damage}");
        assert!(reader.read(&hashes[1]).is_err(), "{damage}");
        for (hash, number) in hashes.iter().zip(0..) {
            match reader.read(hash) {
                Ok(bytes) => assert!(*bytes == *version(number), "{damage}"),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Integrity, "{damage}");
                    assert!(error.message().contains(&hash.to_string()), "{error}");
                }
            }
        }
        fixture.sql("ROLLBACK");
    }
    fixture.sql("UPDATE contents SET depth = 9 WHERE id = 2");
    let reader = Reader::new(&fixture.conn, fixture.tenant);
    assert!(
        reader.read(&hashes[3]).is_ok(),
        "a wrong depth loses nothing"
    );
    assert!(reader.examine(&hashes[2]).is_err(), "but it is damage");
}

#[test]
fn a_column_of_the_wrong_type_is_damage() {
    let mut fixture = Fixture::new();
    let hash = store(&mut fixture, b"{}", None).hash;
    fixture.sql(
        "PRAGMA foreign_keys = OFF; PRAGMA writable_schema = ON;
         DROP TRIGGER contents_do_not_change;
         UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'contents';
         UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'contents';
         PRAGMA writable_schema = RESET;",
    );
    for damage in [
        "UPDATE contents SET data = 'text'",
        "UPDATE contents SET data = NULL",
        "UPDATE contents SET size_bytes = 'x'",
        "UPDATE contents SET size_bytes = NULL",
        "UPDATE contents SET depth = 1.5",
    ] {
        fixture.sql("BEGIN; PRAGMA ignore_check_constraints = ON;");
        fixture.sql(damage);
        let error = Reader::new(&fixture.conn, fixture.tenant)
            .read(&hash)
            .expect_err(damage);
        assert_eq!(error.kind(), Kind::Integrity, "{damage}: {error}");
        fixture.sql("ROLLBACK");
    }
}

#[test]
fn storing_a_damaged_content_again_mends_it_and_all_that_builds_on_it() {
    let mut fixture = Fixture::new();
    let hashes = chain(&mut fixture, 4);
    fixture.allow_damage();
    fixture.sql("UPDATE contents SET data = x'00112233445566' WHERE id = 2");
    // A new version finds its base unreadable and stands alone.
    let fresh = store(&mut fixture, &version(9), Some(&hashes[3]));
    assert!(fresh.added);
    assert_eq!(
        number(&fixture, "SELECT depth FROM contents WHERE id = 5"),
        0
    );
    fixture.sql("PRAGMA foreign_keys = ON; PRAGMA ignore_check_constraints = OFF;");

    let again = store(&mut fixture, &version(1), Some(&hashes[0]));
    assert!(again.mended && !again.added);
    let reader = Reader::new(&fixture.conn, fixture.tenant);
    for hash in &hashes {
        reader.examine(hash).unwrap();
    }
    assert_eq!(number(&fixture, "SELECT COUNT(*) FROM purges"), 0);
    assert!(!store(&mut fixture, &version(1), None).mended);
}

#[test]
fn more_than_a_policy_may_have_is_refused() {
    let mut fixture = Fixture::new();
    let tenant = fixture.tenant;
    let tx = fixture.conn.transaction().unwrap();
    let error = put(&tx, tenant, &vec![0; frame::MAX_BYTES + 1], None).unwrap_err();
    assert_eq!(error.kind(), Kind::BadResponse);
    assert!(put(&tx, tenant, &vec![0; 1 << 20], None).unwrap().added);
}
