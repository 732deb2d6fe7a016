//! `retention`: what stays, what expires, what is purged, and that the rest is whole afterwards.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs::File;

use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, names};

const WEEK_S: i64 = 7 * 24 * 3600;

fn keep_last(stage: &Stage, count: &str) {
    let edit = ["schedules", "edit", "nightly", "--keep-last", count];
    stage.env.run(&edit).ok();
}

/// Id and decision of every item, newest first.
fn decisions(stage: &Stage, args: &[&str]) -> Vec<(i64, String)> {
    let items = stage.env.items(&[&["retention"], args].concat());
    let told = |item: &Value| {
        assert_eq!(
            names(item),
            ["backup_set_id", "decision", "reason", "schedule", "tenant"]
        );
        assert!(!item["reason"].as_str().unwrap().is_empty(), "{item}");
        let decision = item["decision"].as_str().unwrap().to_owned();
        (item["backup_set_id"].as_i64().unwrap(), decision)
    };
    items.iter().map(told).collect()
}

fn told(pairs: &[(i64, &str)]) -> Vec<(i64, String)> {
    let own = |(id, decision): &(i64, &str)| (*id, (*decision).to_owned());
    pairs.iter().map(own).collect()
}

fn ids(stage: &Stage, more: &[&str]) -> Vec<i64> {
    let items = stage.env.items(&[&["backups", "list"], more].concat());
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

/// Everything that retention could change.
fn state(stage: &Stage) -> (Vec<i64>, Vec<i64>, i64, usize) {
    let sql = stage.env.sql();
    let contents = "SELECT count(*) FROM contents";
    let contents = sql.query_row(contents, [], |row| row.get(0)).unwrap();
    let events = stage.env.audit_actions().len();
    (
        ids(stage, &[]),
        ids(stage, &["--expired"]),
        contents,
        events,
    )
}

/// As if every expired set had expired a week ago.
fn a_week_later(stage: &Stage) {
    let changed = stage.env.sql().execute(
        "UPDATE backup_sets SET expired_at = expired_at - ?1 WHERE expired_at IS NOT NULL",
        [WEEK_S],
    );
    assert!(changed.unwrap() > 0);
}

fn intact(stage: &Stage) {
    let verified = stage.env.json(&["backups", "verify"]);
    assert_eq!(verified["ok"], true, "{verified}");
    stage.env.run(&["audit", "verify"]).ok();
}

#[test]
fn the_last_sets_stay_and_the_rest_expires_and_is_purged() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    keep_last(&stage, "2");
    let passing = stage.sandbox.ids(COMPLIANCE.1).remove(0);
    for number in 1..=4 {
        stage.success();
        stage.sandbox.change(COMPLIANCE.1, 3);
        if number == 2 {
            assert!(stage.sandbox.remove(COMPLIANCE.1, &passing));
        }
    }
    // It ran after each of the runs.
    assert_eq!(ids(&stage, &[]), [4, 3]);
    assert_eq!(ids(&stage, &["--expired"]), [2, 1]);
    let expired = &stage.env.items(&["backups", "list", "--expired"])[0];
    assert!(expired["expired_at"].as_str().unwrap().ends_with('Z'));
    stage.env.run(&["backups", "show", "1"]).ok();
    let kept = told(&[(4, "keep"), (3, "keep"), (2, "keep"), (1, "keep")]);
    assert_eq!(decisions(&stage, &["--dry-run"]), kept, "for a week");
    intact(&stage);

    a_week_later(&stage);
    let before = state(&stage);
    let purged = told(&[(4, "keep"), (3, "keep"), (2, "purge"), (1, "purge")]);
    assert_eq!(decisions(&stage, &["--dry-run"]), purged);
    assert_eq!(state(&stage), before, "a dry run changes nothing");
    assert_eq!(decisions(&stage, &["nightly"]), purged);
    let (kept, expired, contents, _) = state(&stage);
    assert_eq!((kept, expired), (vec![4, 3], vec![]));
    // Both versions of a policy that no other set holds. What newer versions build upon stays.
    assert_eq!(before.2 - contents, 2);
    stage.env.run(&["backups", "show", "1"]).fails(18);
    intact(&stage);
    assert_eq!(
        stage.env.json(&["history", "show", "1"])["backup_set_id"],
        Value::Null
    );
    let actions = stage.env.audit_actions();
    assert_eq!(actions.last().unwrap(), "retention.purge");
    assert_eq!(
        actions
            .iter()
            .filter(|action| *action == "retention.expire")
            .count(),
        2
    );

    let after = state(&stage);
    assert_eq!(decisions(&stage, &[]), told(&[(4, "keep"), (3, "keep")]));
    assert_eq!(state(&stage), after, "a second time changes nothing");
    // And the next run builds on what is left.
    stage.success();
    intact(&stage);
}

#[test]
fn a_run_that_left_no_set_expires_nothing() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.success();
    keep_last(&stage, "1");
    stage.sandbox.fault(Fault::on("", Kind::Forbidden));
    stage.run(12);
    assert_eq!(ids(&stage, &[]), [2, 1]);
    let dry = told(&[(2, "keep"), (1, "expire")]);
    assert_eq!(decisions(&stage, &["--dry-run"]), dry);
}

#[test]
fn a_partial_set_never_pushes_out_a_complete_one() {
    let stage = Stage::of(&[SCRIPTS, FILTERS]);
    stage.success();
    stage.success();
    keep_last(&stage, "2");
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    for _ in 0..4 {
        stage.run(3);
    }
    assert_eq!(ids(&stage, &[]), [6, 5, 2, 1]);
    assert_eq!(ids(&stage, &["--expired"]), [4, 3]);
    keep_last(&stage, "1");
    stage.env.run(&["retention", "--quiet"]).ok();
    assert_eq!(ids(&stage, &[]), [6, 2], "the newest complete set stays");
    a_week_later(&stage);
    stage.env.run(&["retention", "--quiet"]).ok();
    assert_eq!(ids(&stage, &["--expired"]), Vec::<i64>::new());
    intact(&stage);
    stage.sandbox.clear_faults();
    let run = stage.success();
    let scripts = &run["summary"]["type_breakdown"][SCRIPTS.0];
    assert_eq!(
        scripts["added"], 0,
        "counted from the complete set that stayed"
    );
}

#[test]
fn a_pinned_set_stays() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let pin = "UPDATE backup_sets SET pin_reason = 'before the merger' WHERE id = 1";
    assert_eq!(stage.env.sql().execute(pin, []).unwrap(), 1);
    keep_last(&stage, "1");
    stage.success();
    stage.success();
    assert_eq!(ids(&stage, &[]), [3, 1]);
    let items = stage.env.items(&["retention"]);
    assert_eq!(
        (&items[2]["decision"], &items[2]["reason"]),
        (&"keep".into(), &"pinned".into())
    );
    assert_eq!(stage.set(&1.into())["pinned"], true);
    a_week_later(&stage);
    stage.env.run(&["retention", "--quiet"]).ok();
    assert_eq!(ids(&stage, &[]), [3, 1]);
    intact(&stage);
}

#[test]
fn schedules_do_not_share_their_retention() {
    let stage = Stage::of(&[FILTERS]);
    stage.add_schedule("contoso", "hourly", FILTERS.0, &["--keep-last", "1"]);
    stage.success();
    stage.success();
    for _ in 0..2 {
        stage.env.run(&["run", "hourly", "--quiet"]).ok();
    }
    assert_eq!(ids(&stage, &[]), [4, 2, 1]);
    a_week_later(&stage);
    stage.env.run(&["retention", "--quiet"]).ok();
    assert_eq!(ids(&stage, &["--expired"]), Vec::<i64>::new());
    // Its contents are those of the sets that stay.
    intact(&stage);
    stage.env.run(&["retention", "never"]).fails(18);
}

#[test]
fn a_set_dated_in_the_future_hides_no_new_backup() {
    let stage = Stage::of(&[FILTERS]);
    keep_last(&stage, "1");
    stage.success();
    let ahead = "DROP TRIGGER backup_sets_do_not_change;
                 UPDATE backup_sets SET time = time + 315360000";
    stage.env.sql().execute_batch(ahead).unwrap();
    stage.success();
    assert_eq!(ids(&stage, &[]), [2, 1], "the backup of today stays");
    stage.success();
    assert_eq!(ids(&stage, &[]), [3, 1], "it takes one place, not all");
}

#[test]
fn the_default_holds_where_a_schedule_says_nothing() {
    let stage = Stage::of(&[FILTERS]);
    let shown = stage.env.run(&["retention", "--show-default"]).ok();
    assert_eq!(shown, "default: last 30\n");
    for _ in 0..3 {
        stage.success();
    }
    let set = [
        "retention",
        "--set-default",
        "--keep-last",
        "2",
        "--keep-monthly",
        "12",
    ];
    assert_eq!(stage.env.run(&set).ok(), "default: last 2, monthly 12\n");
    let shown = stage.env.json(&["schedules", "show", "nightly"]);
    assert_eq!(
        (&shown["keep_last"], &shown["keep_monthly"]),
        (&2.into(), &12.into())
    );
    assert_eq!(shown["keep_by_default"].as_array().unwrap().len(), 6);
    let dry = told(&[(3, "keep"), (2, "keep"), (1, "expire")]);
    assert_eq!(decisions(&stage, &["--dry-run"]), dry);
    keep_last(&stage, "3");
    assert_eq!(decisions(&stage, &["--dry-run"])[2].1, "keep");
    keep_last(&stage, "default");
    assert_eq!(decisions(&stage, &["nightly"]), dry);
    let program = [
        "retention",
        "--set-default",
        "--keep-last",
        "default",
        "--keep-monthly",
        "0",
    ];
    assert_eq!(stage.env.run(&program).ok(), "default: last 30\n");
    let changes = stage.env.audit_actions();
    let changes = changes
        .iter()
        .filter(|action| *action == "retention.set_default");
    assert_eq!(changes.count(), 2);
    let stderr = stage.env.run(&["retention", "--set-default"]).fails(2);
    assert!(
        stderr.contains("needs a rule: --keep-last, --keep-daily, ")
            && stderr.contains("hint: tenantpilot retention --set-default --keep-last 14 "),
        "{stderr}"
    );
    for wrong in [
        &["retention", "--keep-last", "3"][..],
        &["retention", "--set-default", "--keep-last", "0"],
        &["retention", "nightly", "--show-default"],
    ] {
        stage.env.run(wrong).fails(2);
    }
}

#[test]
fn a_set_that_lost_most_of_its_policies_stops_retention_until_it_is_acknowledged() {
    let stage = Stage::of(&[CATALOG, FILTERS]);
    keep_last(&stage, "1");
    stage.success();
    let ids = stage.sandbox.ids(CATALOG.1);
    assert!(ids.len() > 9, "{}", ids.len());
    for id in &ids[..ids.len() / 2 + 1] {
        assert!(stage.sandbox.remove(CATALOG.1, id));
    }
    let slots = stage
        .env
        .items(&["schedules", "next", "nightly", "-n", "2"]);
    let slot = |at: usize| slots[at]["slot"].as_str().unwrap();
    let (stdout, stderr) = stage.env.run(&["dispatch", "--at", slot(0)]).warned();
    assert_eq!(stdout, "");
    let lines: Vec<&str> = stderr.lines().collect();
    let lost = format!(
        "settingsCatalogPolicy {} of {}",
        ids.len() / 2 + 1,
        ids.len()
    );
    assert!(
        lines[0].starts_with("warning: backup set 2 of schedule nightly"),
        "{stderr}"
    );
    assert!(lines[0].contains(&lost), "{stderr}");
    assert_eq!(
        lines[1..],
        ["hint: if that is right: tenantpilot backups acknowledge 2"]
    );

    let run = stage.env.json(&["history", "show", "2"]);
    assert_eq!(
        run["summary"]["warnings"].as_array().unwrap().len(),
        1,
        "{run}"
    );
    let set = stage.set(&2.into());
    let left = ids.len() - (ids.len() / 2 + 1);
    assert_eq!(
        set["shrunk"]["settingsCatalogPolicy"],
        serde_json::json!([ids.len(), left])
    );
    assert_eq!(
        stage.env.run(&["dispatch", "--at", slot(1)]).ok(),
        "",
        "said once"
    );
    assert_eq!(self::ids(&stage, &[]), [3, 2, 1], "nothing goes");
    let items = stage.env.items(&["retention", "--dry-run"]);
    let reason = items[2]["reason"].as_str().unwrap();
    assert!(
        reason.contains("backup set 2 lost most of its policies"),
        "{reason}"
    );

    stage.env.run(&["backups", "acknowledge", "3"]).fails(2);
    stage.env.run(&["backups", "acknowledge", "2"]).ok();
    stage.env.run(&["backups", "acknowledge", "2"]).fails(2);
    assert!(stage.set(&2.into())["acknowledged_at"].is_string());
    stage.env.run(&["retention", "--quiet"]).ok();
    assert_eq!(self::ids(&stage, &[]), [3]);
    intact(&stage);
}

#[test]
fn what_failed_runs_left_and_archived_schedules_is_reclaimed() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 2);
    stage.success();
    let sql = stage.env.sql();
    sql.execute_batch(
        "INSERT INTO contents (tenant_id, hash, size_bytes, data)
         VALUES (1, zeroblob(32), 0, x'0011');
         INSERT INTO runs (tenant_id, schedule_id, trigger, actor, owner, created_at, status)
         VALUES (1, 1, 'manual', 'anna', 'nobody', 0, 'running')",
    )
    .unwrap();
    // Somebody who lives has the run.
    let process = stage
        .env
        .file("state/tenantpilot.db-locks/process-nobody", "", 0o600);
    let process = File::open(process).unwrap();
    process.lock().unwrap();
    let stdout = stage.env.run(&["retention"]).ok();
    let waits = "contents of tenant contoso wait: a run of the tenant is going on\n";
    assert!(stdout.ends_with(waits), "{stdout}");
    // It is killed, and nobody has closed its run yet.
    drop(process);
    let stdout = stage.env.run(&["retention"]).ok();
    assert!(
        stdout.contains("reclaimed 1 content of tenant contoso, 2 bytes\n"),
        "{stdout}"
    );
    let applied = stage.env.json(&["retention"]);
    assert_eq!(applied["reclaimed"], serde_json::json!([]));
    assert_eq!(applied["given_back_bytes"], 0, "all at once");
    assert_eq!(
        stage.env.audit_actions().last().unwrap(),
        "retention.reclaim"
    );

    stage.env.run(&["backups", "expire", "1"]).ok();
    a_week_later(&stage);
    stage
        .env
        .run(&["schedules", "remove", "nightly", "--yes"])
        .ok();
    assert_eq!(decisions(&stage, &[]), told(&[(2, "keep"), (1, "purge")]));
    assert_eq!(ids(&stage, &["--expired"]), Vec::<i64>::new());
    intact(&stage);
}

#[test]
fn a_set_that_cannot_be_read_holds_its_contents_back_and_is_told() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 2);
    stage.success();
    stage.env.run(&["backups", "expire", "1"]).ok();
    let sql = stage.unprotected();
    sql.execute_batch(
        "UPDATE contents SET data = x'00'
         WHERE hash = (SELECT root_hash FROM backup_sets WHERE id = 2)",
    )
    .unwrap();
    a_week_later(&stage);
    let (stdout, stderr) = stage.env.run(&["retention"]).ends(14);
    assert!(
        stdout.contains("contents of tenant contoso wait: "),
        "{stdout}"
    );
    assert_eq!(stderr.matches("backup set 2").count(), 1, "{stderr}");
    // The night says so too, though its own set is whole.
    stage.sandbox.change(FILTERS.1, 3);
    stage.run(0);
    stage.env.run(&["backups", "expire", "2"]).ok();
    stage.env.run(&["backups", "unexpire", "2"]).ok();
}

#[test]
fn what_a_removed_tenant_left_is_reclaimed_under_its_name() {
    let stage = Stage::of(&[FILTERS]);
    let sql = stage.env.sql();
    sql.execute_batch(
        "INSERT INTO contents (tenant_id, hash, size_bytes, data)
         VALUES (1, zeroblob(32), 0, x'0011')",
    )
    .unwrap();
    stage
        .env
        .run(&["schedules", "remove", "nightly", "--yes"])
        .ok();
    stage
        .env
        .run(&["tenants", "remove", "contoso", "--yes"])
        .ok();
    let stdout = stage.env.run(&["retention"]).ok();
    assert!(
        stdout.contains("reclaimed 1 content of tenant contoso, 2 bytes\n"),
        "{stdout}"
    );
}
