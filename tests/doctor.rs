//! `doctor`: what it says where all is well, and of each thing that can be wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/certificate.rs"]
mod certificate;
#[path = "doctor/cron.rs"]
mod cron;
#[path = "support/env.rs"]
mod env;
#[path = "doctor/network.rs"]
mod network;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use env::{Env, PROGRAM, mode};
use serde_json::{Value, json};
use stage::{FILTERS, Stage, names};

/// What depends on the machine that the tests run on, and not on them.
const OF_MACHINE: [&str; 3] = ["file_system", "trust_roots", "tz_data"];

/// A tenant with a backup set, a crontab line, and a dispatch just now, as each minute before.
fn well() -> Stage {
    let mut stage = Stage::of(&[FILTERS]);
    stage.success();
    crontab(&mut stage.env, &line(""));
    stage.env.run(&["dispatch"]).ok();
    dispatched_since(&stage.env, now() - Duration::from_secs(3600));
    stage
}

fn line(more: &str) -> String {
    format!("TENANTPILOT_DB=DATABASE\n* * * * * {PROGRAM} dispatch{more}\n")
}

/// A program `crontab` that lists this table, in which `DATABASE` stands for that of the place.
fn crontab(env: &mut Env, table: &str) {
    let table = table.replace("DATABASE", env.database().to_str().unwrap());
    env.file("table", &table, 0o600);
    fs::create_dir_all(env.path("bin")).unwrap();
    let table = env.path("table");
    let script = format!(
        "#!/bin/sh\ntest \"$1\" = -l && /bin/cat {}\n",
        table.display()
    );
    env.file("bin/crontab", &script, 0o755);
    let path = format!("{}:/usr/bin:/bin", env.path("bin").display());
    env.set("PATH", &path);
}

/// The document of `doctor` with these flags, which ends with this code.
fn doctor(env: &Env, args: &[&str], code: i32) -> Value {
    let (stdout, stderr) = env.run(&[&["doctor", "--json"], args].concat()).ends(code);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["ok"], code == 0, "{document}");
    assert_eq!(
        stderr.contains("\"code\":\"attention\""),
        code == 19,
        "{stderr}"
    );
    if code == 19 {
        let findings = document["findings"].as_array().unwrap().iter();
        let first = findings.clone().find(|one| one["level"] == "fail").unwrap();
        let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(first["message"].as_str().unwrap()));
        let failed = findings.filter(|one| one["level"] == "fail").count();
        let many = message.starts_with(&format!("{failed} problems, the first: "));
        assert_eq!(many, failed > 1, "{message}");
        assert_eq!(error["error"]["hint"], first["hint"]);
    }
    document
}

/// The worst finding of a check: its level, its message and what to type next.
fn found(document: &Value, check: &str) -> (String, String, String) {
    let weight = |level: &str| ["ok", "warn", "fail"].iter().position(|one| *one == level);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["check"] == check)
        .map(|one| {
            (
                text(&one["level"]),
                text(&one["message"]),
                text(&one["hint"]),
            )
        })
        .max_by_key(|one| weight(&one.0))
        .unwrap_or_else(|| panic!("no {check} in {document}"))
}

/// Asserts that the check has this level, a message with this in it, and a hint with that.
#[track_caller]
fn says(document: &Value, check: &str, level: &str, message: &str, hint: &str) {
    let found = found(document, check);
    assert_eq!(found.0, level, "{check}: {found:?}");
    assert!(found.1.contains(message), "{found:?}");
    assert!(found.2.contains(hint), "{found:?}");
}

/// Sets when the newest dispatch began.
fn dispatched(env: &Env, at: SystemTime) {
    let file = File::open(env.path("state/tenantpilot.db-locks/dispatched")).unwrap();
    file.set_modified(at).unwrap();
}

/// Sets since when dispatches have followed one another.
fn dispatched_since(env: &Env, at: SystemTime) {
    let file = File::open(env.path("state/tenantpilot.db-locks/dispatched-since")).unwrap();
    file.set_modified(at).unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "what the program is held against is the clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[test]
fn all_is_well_and_said_in_findings() {
    let stage = well();
    let before = fs::read(stage.env.database()).unwrap();
    let mut document = doctor(&stage.env, &[], 0);
    assert_eq!(fs::read(stage.env.database()).unwrap(), before);
    assert_eq!(names(&document), ["findings", "ok"]);
    for finding in document["findings"].as_array_mut().unwrap() {
        assert_eq!(names(finding), ["check", "hint", "level", "message"]);
        if OF_MACHINE.iter().any(|check| finding["check"] == *check) {
            *finding = json!({ "check": finding["check"] });
        }
    }
    let home = stage.env.path("");
    let home = home.to_str().unwrap().trim_end_matches('/');
    insta::with_settings!({ filters => vec![
        (home, "[HOME]"),
        (PROGRAM, "[PROGRAM]"),
        (r"127\.0\.0\.1:\d+", "[SANDBOX]"),
        (r"uid \d+", "uid [UID]"),
        (r"version 3\.\d+\.\d+", "version [SQLITE]"),
        (r"\d+ [KMGT]?i?B", "[BYTES]"),
        (r"began (\d+m )?\d+s ago", "began [AGE] ago"),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ[^\x22]*", "[TIME]"),
        (r"\d+ events", "[N] events"),
        (r"all \d+ tables", "all [N] tables"),
    ] }, {
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
    });
}

#[test]
fn people_get_a_line_each_and_a_hint_where_there_is_one() {
    let stage = well();
    fs::set_permissions(stage.env.database(), fs::Permissions::from_mode(0o640)).unwrap();
    let text = stage.env.run(&["doctor", "--offline"]).ok();
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("warn  files"))
        .unwrap();
    assert!(
        lines[at].contains("(mode 0640) is open to other users"),
        "{text}"
    );
    assert!(
        lines[at + 1].trim_start().starts_with("hint: chmod go= "),
        "{text}"
    );
    let column = |line: &str, word: &str| line.find(word).unwrap();
    let message = stage.env.database();
    assert_eq!(
        column(lines[at], message.to_str().unwrap()),
        column(lines[at + 1], "hint:"),
        "hints stand below what they are about: {text}"
    );
    assert!(lines.last().unwrap().starts_with("0 failed, "), "{text}");
    assert_eq!(stage.env.run(&["doctor", "--offline", "-q"]).ok(), "");
    fs::set_permissions(stage.env.database(), fs::Permissions::from_mode(0o666)).unwrap();
    let stderr = stage.env.run(&["doctor", "--offline", "-q"]).fails(19);
    assert!(stderr.starts_with("error: files: "), "{stderr}");
    assert!(
        stderr.ends_with("state/tenantpilot.db\n") && stderr.contains("hint: chmod go= "),
        "{stderr}"
    );
}

#[test]
fn a_database_that_cannot_be_used_is_a_finding_and_nothing_is_made_of_it() {
    let env = Env::new();
    let document = doctor(&env, &[], 19);
    says(
        &document,
        "database",
        "fail",
        "no database at",
        "tenantpilot tenants add",
    );
    assert!(!env.path("state").exists());

    env.file("junk.db", &"x".repeat(4096), 0o600);
    let junk = env.path("junk.db");
    let document = doctor(&env, &["--db", junk.to_str().unwrap()], 19);
    says(&document, "database", "fail", "not a database", "--db");
    // What only the database knows is not said to be well.
    let unasked = "the database could not be asked";
    for (check, level) in [
        ("dispatch", "warn"),
        ("hosts", "warn"),
        ("disk_space", "ok"),
    ] {
        says(&document, check, level, unasked, "");
    }
    says(
        &document,
        "cron",
        "warn",
        "no line that starts dispatch",
        "cron print",
    );

    let env = Env::new();
    fs::create_dir(env.path("state")).unwrap();
    let sql = env.sql();
    sql.execute_batch(include_str!("fixtures/database-1.sql"))
        .unwrap();
    let document = doctor(&env, &[], 19);
    says(
        &document,
        "schema_version",
        "fail",
        "schema version is 1",
        "tenantpilot db info",
    );
    let version = |sql: &rusqlite::Connection| -> i64 {
        sql.pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    assert_eq!(version(&sql), 1, "it is not migrated");
    sql.pragma_update(None, "user_version", 99).unwrap();
    let document = doctor(&env, &[], 19);
    says(
        &document,
        "schema_version",
        "fail",
        "schema version is 99",
        "newer tenantpilot",
    );
}

#[test]
fn damage_is_found_as_far_as_a_quick_look_goes() {
    let stage = well();
    let document = doctor(&stage.env, &["--offline"], 0);
    says(
        &document,
        "integrity",
        "ok",
        "tenantpilot backups verify",
        "",
    );
    let sql = stage.unprotected();
    sql.execute_batch(
        "PRAGMA foreign_keys = OFF; DELETE FROM audit_events WHERE id = 2; DELETE FROM runs",
    )
    .unwrap();
    drop(sql);
    let document = doctor(&stage.env, &["--offline"], 19);
    says(
        &document,
        "audit",
        "fail",
        "events 2 to 2 are missing",
        "audit list",
    );
    says(
        &document,
        "foreign_keys",
        "fail",
        "backup_sets",
        "go back to a copy",
    );
    says(&document, "schema", "fail", "trigger", "go back to a copy");
    says(&document, "integrity", "ok", "", "");
}

#[test]
fn files_that_others_can_read_or_break_are_told_and_mended_by_the_hint() {
    let stage = well();
    let locks = stage.env.path("state/tenantpilot.db-locks");
    let key = stage.env.path("state/tenantpilot.db-key");
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let look = |code| doctor(&stage.env, &["--offline"], code);

    set(&stage.env.database(), 0o644);
    let document = look(0);
    says(&document, "files", "warn", "mode 0644", "chmod go= ");
    stage.env.shell(&found(&document, "files").2).ok();
    assert_eq!(mode(&stage.env.database()), 0o600);
    says(&look(0), "files", "ok", "private", "");

    set(&locks, 0o777);
    let document = look(19);
    says(
        &document,
        "locks",
        "fail",
        "can be written by others",
        "chmod 0700",
    );
    stage.env.shell(&found(&document, "locks").2).ok();
    set(&stage.env.path("state"), 0o777);
    says(
        &look(19),
        "files",
        "fail",
        "others can replace",
        "chmod go-w",
    );
    set(&stage.env.path("state"), 0o700);

    set(&key, 0o644);
    says(&look(19), "key", "fail", "mode 0644", "chmod 600");
    fs::remove_file(&key).unwrap();
    says(&look(0), "key", "warn", "is not there", "cp -p");
    assert!(!key.exists(), "none is made");
    says(&look(0), "locks", "ok", "private", "");
}

#[test]
fn a_clock_that_went_back_is_told() {
    let stage = well();
    says(
        &doctor(&stage.env, &["--offline"], 0),
        "clock",
        "ok",
        "20",
        "",
    );
    dispatched(&stage.env, now() + Duration::from_secs(3600));
    let document = doctor(&stage.env, &["--offline"], 19);
    says(
        &document,
        "clock",
        "fail",
        "the clock went back",
        "timedatectl",
    );
}

#[test]
fn runs_without_an_owner_and_unfinished_files_are_told() {
    let stage = well();
    let sql = stage.env.sql();
    sql.execute_batch(
        "INSERT INTO runs (tenant_id, schedule_id, trigger, actor, owner, created_at, status)
         VALUES (1, 1, 'manual', 'x', 'gone', 1, 'queued')",
    )
    .unwrap();
    stage.env.file("state/.tenantpilot-1.new", "", 0o600);
    let document = doctor(&stage.env, &["--offline"], 0);
    says(
        &document,
        "runs",
        "warn",
        "the process of run 2 is gone",
        "tenantpilot dispatch",
    );
    says(&document, "leftovers", "warn", "1 unfinished file", "rm ");
    stage.env.run(&["dispatch"]).ends(19);
    stage.env.shell(&found(&document, "leftovers").2).ok();
    let document = doctor(&stage.env, &["--offline"], 0);
    says(&document, "runs", "ok", "none", "");
    says(&document, "leftovers", "ok", "none", "");
}
