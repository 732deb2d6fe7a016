//! `schedules`: enabled, disabled, archived, deleted, and what was missed until then.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;

use env::Env;
use serde_json::{Value, json};

fn add(env: &Env, name: &str, tenant: &str, rest: &[&str]) -> Value {
    let args = [
        &["schedules", "add", name, "--tenant", tenant, "--json"][..],
        rest,
    ]
    .concat();
    serde_json::from_str(&env.run(&args).warned().0).unwrap()
}

fn nightly(env: &Env) -> Value {
    add(env, "nightly", "contoso", &["--at", "02:00"])
}

fn slots_of(env: &Env, id: i64) -> (i64, Option<i64>) {
    let sql = "SELECT slots_from, next_slot FROM schedules WHERE id = ?1";
    env.sql()
        .query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

/// Makes the schedule look as if no dispatch had run since `slots_from`.
fn pretend_idle_since(env: &Env, id: i64, slots_from: i64) {
    let sql = "UPDATE schedules SET slots_from = ?2, next_slot = ?2 WHERE id = ?1";
    assert_eq!(env.sql().execute(sql, [id, slots_from]).unwrap(), 1);
}

/// Status, error code, slot and summary of the runs, oldest first.
fn runs(env: &Env) -> Vec<(String, String, i64, Value)> {
    let sql = env.sql();
    let mut read = sql
        .prepare("SELECT status, error_code, scheduled_for, summary FROM runs ORDER BY id")
        .unwrap();
    read.query_map([], |row| {
        let summary: Vec<u8> = row.get(3)?;
        let summary = zstd::decode_all(summary.as_slice()).unwrap();
        let summary = serde_json::from_slice(&summary).unwrap();
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, summary))
    })
    .unwrap()
    .map(Result::unwrap)
    .collect()
}

#[test]
fn the_same_change_twice_changes_nothing() {
    let env = Env::with_tenant();
    nightly(&env);
    for args in [
        &["schedules", "edit", "nightly", "--at", "03:00"][..],
        &["schedules", "disable", "nightly"],
        &["schedules", "enable", "nightly"],
        &["schedules", "remove", "nightly", "--yes"],
        &["schedules", "restore", "nightly"],
    ] {
        env.run(args).ok();
        let (actions, slots) = (env.audit_actions(), slots_of(&env, 1));
        env.run(args).ok();
        assert_eq!(
            (env.audit_actions(), slots_of(&env, 1)),
            (actions, slots),
            "{args:?}"
        );
    }
    assert_eq!(
        env.audit_actions()[2..],
        [
            "schedule.edit",
            "schedule.disable",
            "schedule.enable",
            "schedule.remove",
            "schedule.restore"
        ]
    );
}

#[test]
fn slots_begin_with_the_next_minute_after_a_change_of_the_rule_only() {
    let env = Env::with_tenant();
    nightly(&env);
    let far = 32_503_680_000; // in the year 3000, as after a dispatch --at
    pretend_idle_since(&env, 1, far);
    env.run(&["schedules", "edit", "1", "--keep-last", "3"])
        .ok();
    assert_eq!(slots_of(&env, 1).0, far);
    for args in [
        &["schedules", "edit", "1", "--at", "04:00"][..],
        &["schedules", "edit", "1", "--timezone", "Asia/Tokyo"],
    ] {
        pretend_idle_since(&env, 1, far);
        env.run(args).ok();
        let (from, next) = slots_of(&env, 1);
        let ahead = next.unwrap() - from;
        assert!(
            from < far && (0..=86_400).contains(&ahead),
            "{from} {next:?}"
        );
    }
}

#[test]
fn slots_missed_before_a_change_are_recorded() {
    for change in [
        &["schedules", "edit", "nightly", "--at", "04:00"][..],
        &["schedules", "disable", "nightly"],
        &["schedules", "remove", "nightly", "--yes"],
    ] {
        let env = Env::with_tenant();
        nightly(&env);
        // 2026-01-01T00:00:00Z, so that the first slot is two hours later.
        pretend_idle_since(&env, 1, 1_767_225_600);
        let (_, stderr) = env.run(change).warned();
        assert!(stderr.starts_with("warning: schedule nightly (id 1) of tenant contoso missed "));
        let runs = runs(&env);
        let [(status, code, slot, summary)] = runs.as_slice() else {
            panic!("{change:?}: {runs:?}");
        };
        assert_eq!((status.as_str(), code.as_str()), ("skipped", "MISSED_SLOT"));
        assert_eq!(slot % 86_400, 7_200);
        assert_eq!(summary["first_missed"], "2026-01-01T02:00:00Z");
        let days = (slot - 1_767_232_800) / 86_400 + 1;
        assert_eq!(summary["missed_count"], days);
        let last = &env.json(&["schedules", "show", "1"])["last_run_status"];
        assert_eq!(last, "skipped");
    }
    let env = Env::with_tenant();
    add(&env, "off", "contoso", &["--at", "02:00", "--disabled"]);
    pretend_idle_since(&env, 1, 1_767_225_600);
    env.run(&["schedules", "edit", "off", "--at", "04:00"]).ok();
    env.run(&["schedules", "enable", "off"]).ok();
    assert!(runs(&env).is_empty(), "a disabled schedule misses nothing");
}

#[test]
fn several_are_switched_all_or_none() {
    let env = Env::with_tenant();
    nightly(&env);
    add(
        &env,
        "weekly",
        "contoso",
        &["--at", "03:00", "--days", "sun"],
    );
    env.run(&["schedules", "disable", "nightly", "nobody"])
        .fails(18);
    assert_eq!(env.json(&["schedules", "show", "nightly"])["enabled"], true);
    let both = env.items(&["schedules", "disable", "weekly", "nightly", "1"]);
    let shown: Vec<_> = both
        .iter()
        .map(|item| (&item["name"], &item["enabled"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("weekly"), &json!(false)),
            (&json!("nightly"), &json!(false))
        ]
    );
    assert_eq!(both[0]["next_run_at"], Value::Null);
    assert_eq!(
        env.run(&["schedules", "disable", "weekly"])
            .ok()
            .lines()
            .count(),
        1
    );
}

#[test]
fn removing_archives_and_restoring_brings_back() {
    let env = Env::with_tenant();
    nightly(&env);
    insta::assert_snapshot!(env.run(&["schedules", "remove", "nightly"]).fails(2), @r"
    error: will not archive schedule nightly (id 1) of tenant contoso without a yes
    hint: add --yes to the command
    ");
    env.run(&["schedules", "remove", "nightly", "--yes"]).ok();
    assert!(env.items(&["schedules", "list"]).is_empty());
    assert!(env.items(&["schedules", "upcoming"]).is_empty());
    let archived = &env.items(&["schedules", "list", "--archived"])[0];
    assert!(archived["archived_at"].is_string() && archived["next_run_at"].is_null());
    for command in [
        &["schedules", "edit", "nightly", "--at", "03:00"][..],
        &["schedules", "enable", "nightly"],
        &["schedules", "next", "1"],
    ] {
        let stderr = env.run(command).fails(18);
        assert!(
            stderr.contains("hint: bring it back: tenantpilot schedules restore 1"),
            "{stderr}"
        );
    }
    assert_eq!(nightly(&env)["id"], 2, "its name is free");
    assert!(
        env.run(&["schedules", "restore", "nightly"])
            .fails(2)
            .contains("is taken")
    );
    env.run(&["schedules", "edit", "2", "--name", "other"]).ok();
    env.run(&["schedules", "restore", "nightly"]).ok();
    assert_eq!(env.items(&["schedules", "list"]).len(), 2);
}

#[test]
fn what_comes_back_disabled_says_so() {
    let env = Env::with_tenant();
    nightly(&env);
    let other = ["schedules", "add", "other", "--tenant", "contoso"];
    env.run(&[&other[..], &["--at", "02:00"]].concat()).ok();
    let all = |verb: &str| env.run(&["schedules", verb, "nightly", "other"]);
    let remove = ["schedules", "remove", "--all", "--yes"];
    env.run(&["schedules", "disable", "nightly"]).ok();
    env.run(&remove).ok();
    let (stdout, stderr) = all("restore").warned();
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
    assert_eq!(
        stderr,
        "warning: schedule nightly (id 1) of tenant contoso is disabled\n\
         hint: tenantpilot schedules enable 1\n"
    );
    all("disable").ok();
    env.run(&remove).ok();
    let (_, stderr) = all("restore").warned();
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
    assert!(stderr.ends_with("hint: tenantpilot schedules enable 1 2\n"));
    all("enable").ok();
    env.run(&remove).ok();
    all("restore").ok();
}

#[test]
fn only_an_archived_schedule_without_backup_sets_is_deleted() {
    let env = Env::with_tenant();
    nightly(&env);
    let purge = ["schedules", "remove", "nightly", "--purge", "--yes"];
    assert!(env.run(&purge).fails(2).contains("it is not archived"));
    env.run(&["schedules", "remove", "nightly", "--yes"]).ok();
    let sql = env.sql();
    sql.execute_batch(
        "INSERT INTO contents (tenant_id, hash, size_bytes, data) VALUES (1, zeroblob(32), 0, x'');
         INSERT INTO runs (id, tenant_id, schedule_id, trigger, retry_of, actor, created_at,
                           finished_at, status)
         VALUES (7, 1, 1, 'manual', NULL, 'a', 0, 0, 'success'),
                (8, 1, 1, 'retry', 7, 'a', 0, 0, 'success');
         INSERT INTO backup_sets (id, tenant_id, schedule_id, run_id, time, created_at, status,
                                  policies, root_hash)
         VALUES (5, 1, 1, 7, 0, 0, 'complete', 0, zeroblob(32));
         UPDATE backup_sets SET expired_at = 0",
    )
    .unwrap();
    assert!(
        env.run(&purge)
            .fails(2)
            .contains("it has backup sets: 1 of them")
    );
    sql.execute_batch("INSERT INTO purges VALUES (1); DELETE FROM backup_sets; DELETE FROM purges")
        .unwrap();
    env.run(&["schedules", "remove", "nightly", "--purge"])
        .fails(2);
    let deleted = env.run(&purge).ok();
    assert_eq!(
        deleted,
        "deleted schedule nightly (id 1) of tenant contoso\n"
    );
    let left: i64 = sql
        .query_row(
            "SELECT (SELECT count(*) FROM runs) + count(*) FROM schedules",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
    env.run(&purge).fails(18);
    assert_eq!(nightly(&env)["id"], 2, "an id is never given twice");
}

#[test]
fn a_schedule_of_a_removed_tenant_stays_archived() {
    let env = Env::with_tenant();
    nightly(&env);
    env.run(&["schedules", "remove", "nightly", "--yes"]).ok();
    env.run(&["tenants", "remove", "contoso", "--yes"]).ok();
    assert!(
        env.run(&["schedules", "restore", "1"])
            .fails(2)
            .contains("the tenant was removed")
    );
    env.run(&["schedules", "restore", "nightly"]).fails(18);
}
