//! `db backup | info | check | compact`: the database as a file.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::path::Path;

use env::mode;
use serde_json::Value;
use stage::{COMPLIANCE, FILTERS, Stage, names};

/// Two sets that differ in one policy.
fn stage() -> Stage {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    stage.success();
    stage.sandbox.change(COMPLIANCE.1, 1);
    stage.success();
    stage
}

fn files(folder: &Path) -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    files
}

#[test]
fn a_copy_is_whole_private_and_never_written_over_anything() {
    let mut stage = stage();
    let folder = stage.env.path("copies");
    fs::create_dir(&folder).unwrap();
    let target = folder.join("copy.db").to_str().unwrap().to_owned();
    // A reader that holds an old state, and a writer that has not committed.
    let reader = stage.env.sql();
    reader
        .execute_batch("BEGIN; SELECT * FROM backup_sets")
        .unwrap();
    let writer = stage.env.sql();
    writer
        .execute_batch("BEGIN; UPDATE schedules SET grace_s = 7")
        .unwrap();
    drop(reader);
    writer.execute_batch("ROLLBACK").unwrap();
    let copied = stage.env.json(&["db", "backup", &target]);
    assert_eq!(
        names(&copied),
        [
            "bytes",
            "contents_checked",
            "file",
            "key",
            "schema_version",
            "sets_checked"
        ]
    );
    assert_eq!(
        (&copied["sets_checked"], &copied["key"]),
        (&1.into(), &Value::Null)
    );
    assert_eq!(files(&folder), ["copy.db"]);
    assert_eq!(mode(Path::new(&target)), 0o600);
    let bytes = fs::read(&target).unwrap();
    assert_eq!(copied["bytes"], bytes.len());

    for taken in [target.as_str(), folder.to_str().unwrap()] {
        let stderr = stage.env.run(&["db", "backup", taken]).fails(2);
        assert!(stderr.contains("is there already"), "{stderr}");
    }
    assert_eq!(fs::read(&target).unwrap(), bytes);
    let missing = folder.join("none/copy.db").to_str().unwrap().to_owned();
    stage.env.run(&["db", "backup", &missing]).fails(16);

    let other = folder.join("other.db").to_str().unwrap().to_owned();
    let stdout = stage.env.run(&["db", "backup", &other, "--with-key"]).ok();
    let newest = "bytes; it is sound, and the newest backup set in it is intact\n";
    assert!(stdout.contains(newest), "{stdout}");
    assert!(stdout.contains("its key is in"), "{stdout}");
    assert_eq!(files(&folder), ["copy.db", "other.db", "other.db-key"]);
    assert_eq!(mode(&folder.join("other.db-key")), 0o600);
    let key = fs::read(stage.env.path("state/tenantpilot.db-key")).unwrap();
    assert_eq!(fs::read(folder.join("other.db-key")).unwrap(), key);
    let actions = stage.env.audit_actions();
    let backups = actions.iter().filter(|action| *action == "database.backup");
    assert_eq!(backups.count(), 2);

    // The copy is a database like any other.
    let sets = stage.env.items(&["backups", "list"]);
    stage.env.set("TENANTPILOT_DB", &target);
    assert_eq!(stage.env.items(&["backups", "list"]), sets);
    assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true);
    assert_eq!(stage.env.json(&["db", "check"])["ok"], true);
    assert_eq!(stage.env.json(&["db", "info"])["journal_mode"], "wal");
}

#[test]
fn a_copy_of_what_is_damaged_is_not_made() {
    let stage = stage();
    let sql = stage.unprotected();
    sql.execute_batch("UPDATE contents SET data = x'00' WHERE id = (SELECT max(id) FROM contents)")
        .unwrap();
    let target = stage.env.path("copy.db");
    let stderr = stage
        .env
        .run(&["db", "backup", target.to_str().unwrap()])
        .fails(14);
    assert!(
        stderr.contains("1 thing in the newest backup sets is damaged"),
        "{stderr}"
    );
    let left = files(stage.env.path("x").parent().unwrap());
    assert!(
        left.iter().all(|name| !name.contains("copy.db")),
        "{left:?}"
    );
}

#[test]
fn a_log_that_was_left_is_not_laid_over_a_new_database() {
    let mut stage = stage();
    let folder = stage.env.path("copies");
    fs::create_dir(&folder).unwrap();
    let target = folder.join("copy.db").to_str().unwrap().to_owned();
    let log = folder.join("copy.db-wal");
    fs::write(&log, "of another").unwrap();
    let stderr = stage.env.run(&["db", "backup", &target]).fails(14);
    assert!(
        stderr.contains("is left of a database that is gone") && stderr.contains("hint: "),
        "{stderr}"
    );
    let tenant = [
        "tenants",
        "add",
        "fabrikam",
        "--directory",
        "fabrikam.example",
        "--client-id",
        "7f3e3c52-6a44-4d0c-9a6e-0b1f4a5d6c7e",
        "--secret-env",
        "SECRET",
    ];
    stage.env.set("TENANTPILOT_DB", &target);
    stage.env.run(&tenant).fails(14);
    assert_eq!(files(&folder), ["copy.db-wal"]);
    fs::remove_file(&log).unwrap();
    stage.env.run(&tenant).warned();
    stage.env.run(&["tenants", "show", "fabrikam"]).ok();
}

#[test]
fn a_key_that_was_asked_for_and_is_not_there_is_spoken_of() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let _ = fs::remove_file(stage.env.path("state/tenantpilot.db-key"));
    let target = stage.env.path("copy.db");
    let target = target.to_str().unwrap();
    let said = stage.env.run(&["db", "backup", target, "--with-key"]).ok();
    assert!(said.contains("there is no key yet"), "{said}");
}

#[test]
fn info_says_what_is_there_and_what_sharing_saves() {
    let stage = stage();
    let info = stage.env.json(&["db", "info"]);
    assert_eq!(
        (
            &info["schema_version"],
            &info["journal_mode"],
            &info["gives_room_back"]
        ),
        (&4.into(), &"wal".into(), &true.into())
    );
    let size = fs::metadata(stage.env.database()).unwrap().len();
    assert_eq!(info["bytes"], size);
    assert_eq!(
        info["pages"].as_u64().unwrap() * info["page_bytes"].as_u64().unwrap(),
        size
    );
    let counts = &info["counts"];
    assert_eq!(
        (&counts["backup_sets"], &counts["runs"]),
        (&2.into(), &2.into())
    );
    let tenant = &info["tenants"][0];
    assert_eq!(
        (&tenant["tenant"], &tenant["backup_sets"]),
        (&"contoso".into(), &2.into())
    );
    let policies = |set: i64| -> u64 {
        let set = stage.set(&set.into());
        let items = set["items"].as_array().unwrap().iter();
        items.map(|item| item["bytes"].as_u64().unwrap()).sum()
    };
    assert_eq!(tenant["logical_bytes"], policies(1) + policies(2));
    let number = |field: &str| tenant[field].as_u64().unwrap();
    assert!(number("content_bytes") < number("logical_bytes"));
    assert!(number("stored_bytes") < number("content_bytes"));
    let text = stage.env.run(&["db", "info"]).ok();
    assert!(
        text.contains("contoso") && text.contains("backup sets"),
        "{text}"
    );
}

#[test]
fn check_finds_what_is_not_as_it_should_be() {
    let stage = stage();
    let checked = stage.env.json(&["db", "check"]);
    let levels = |checked: &Value| -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let findings = checked["findings"].as_array().unwrap().iter();
        findings
            .map(|one| (word(&one["check"]), word(&one["level"])))
            .collect()
    };
    assert_eq!(checked["ok"], true, "{checked}");
    assert_eq!(levels(&checked).len(), 6);
    for (damage, check) in [
        ("DROP TRIGGER audit_events_do_not_go", "schema"),
        ("CREATE INDEX mine ON runs (actor)", "schema"),
        (
            "DROP TRIGGER audit_events_do_not_change; UPDATE audit_events SET actor = 'eve' WHERE id = 2",
            "audit",
        ),
        (
            "DROP TRIGGER runs_go_only_with_their_schedule; DELETE FROM runs WHERE id = 1",
            "foreign_keys",
        ),
        (
            // The index now promises another column than it holds.
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE INDEX backup_sets_time ON backup_sets (policies)'
             WHERE name = 'backup_sets_time'",
            "integrity",
        ),
    ] {
        let copy = stage.env.path("damaged.db");
        for end in ["", "-wal", "-shm"] {
            drop(fs::remove_file(stage.env.path(&format!("damaged.db{end}"))));
        }
        stage
            .env
            .sql()
            .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
            .unwrap();
        let sql = rusqlite::Connection::open(&copy).unwrap();
        sql.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}"))
            .unwrap();
        drop(sql);
        let args = ["db", "check", "--json", "--db", copy.to_str().unwrap()];
        let (stdout, stderr) = stage.env.run(&args).ends(14);
        let checked: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(checked["ok"], false);
        let failed = levels(&checked)
            .into_iter()
            .find(|(of, _)| of == check)
            .unwrap();
        assert_eq!(failed.1, "fail", "{damage}: {checked}");
        assert!(stderr.contains("\"exit_code\":14"), "{stderr}");
    }
    let orphan = "INSERT INTO contents (tenant_id, hash, size_bytes, data)
                  VALUES (1, zeroblob(32), 0, x'0011')";
    stage.env.sql().execute_batch(orphan).unwrap();
    let stdout = stage.env.run(&["db", "check"]).ok();
    assert!(
        stdout.contains("1 content belongs to no backup set"),
        "{stdout}"
    );
    assert!(stdout.contains("hint: tenantpilot retention\n"), "{stdout}");
}

#[test]
fn compact_rewrites_the_file_so_that_it_can_shrink() {
    let stage = stage();
    stage
        .env
        .sql()
        .execute_batch("PRAGMA auto_vacuum = NONE; VACUUM")
        .unwrap();
    let text = stage.env.run(&["db", "info"]).ok();
    assert!(text.contains("no: tenantpilot db compact"), "{text}");
    stage.env.run(&["db", "compact"]).ok();
    assert_eq!(stage.env.json(&["db", "info"])["gives_room_back"], true);
    assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true);
}
