//! `retention`: what stays, what expires, what is purged, and that the rest is whole afterwards.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{COMPLIANCE, FILTERS, SCRIPTS, Stage, names};

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
