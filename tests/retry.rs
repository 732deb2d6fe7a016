//! `retry`, and `run` of several schedules at once.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::time::Duration;

use sandbox::server::faults::{Fault, Kind};
use serde_json::{Value, json};
use stage::{COMPLIANCE, FILTERS, SCRIPTS, Stage, only_item};

/// The items of a command that ends with this code.
fn items(stage: &Stage, args: &[&str], code: i32) -> Vec<Value> {
    let run = stage.env.run(&[args, &["--json"]].concat());
    let (stdout, stderr) = run.ends(code);
    if code != 0 {
        let last: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert_eq!(last["error"]["exit_code"], code, "{stderr}");
    }
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["schema_version"], 1);
    document["items"].as_array().unwrap().clone()
}

fn of(items: &[Value], field: &str) -> Vec<Value> {
    items.iter().map(|item| item[field].clone()).collect()
}

/// One schedule for each of three policy types.
fn three_schedules() -> Stage {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.add_schedule("contoso", "scripts", SCRIPTS.0, &[]);
    stage.add_schedule("contoso", "filters", FILTERS.0, &[]);
    stage
}

#[test]
fn several_schedules_have_one_exit_code() {
    let stage = three_schedules();
    let all = ["run", "nightly", "scripts", "filters"];
    let runs = items(&stage, &all, 0);
    assert_eq!(of(&runs, "id"), [3, 2, 1], "newest first");
    assert_eq!(of(&runs, "schedule"), ["filters", "scripts", "nightly"]);
    assert_eq!(items(&stage, &["run", "--all"], 0).len(), 3);

    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    let runs = items(&stage, &all, 12);
    assert_eq!(of(&runs, "status"), ["success", "failed", "success"]);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    items(&stage, &all, 12);
    stage.sandbox.fault(Fault::on(COMPLIANCE.1, Kind::Html));
    let runs = items(&stage, &all, 1);
    assert_eq!(of(&runs, "status"), ["failed", "failed", "failed"]);
    assert_eq!(
        of(&runs, "error_code"),
        [
            "PERMISSION_MISSING",
            "PERMISSION_MISSING",
            "GRAPH_BAD_RESPONSE"
        ]
    );
}

#[test]
fn a_failure_wins_over_partial() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    stage.add_schedule("contoso", "scripts", SCRIPTS.0, &[]);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    let runs = items(&stage, &["run", "nightly", "scripts"], 3);
    assert_eq!(of(&runs, "status"), ["success", "partial"]);
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    let runs = items(&stage, &["run", "nightly", "scripts"], 12);
    assert_eq!(of(&runs, "status"), ["failed", "partial"]);
}

#[test]
fn a_retry_is_a_run_of_its_own() {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.sandbox.fault(Fault::on("", Kind::Forbidden));
    stage.run(12);
    stage.sandbox.clear_faults();
    let retried = only_item(stage.env.run(&["retry", "1", "--json"]), 0);
    assert_eq!(retried["trigger"], "retry");
    assert_eq!(retried["retry_of"], 1);
    assert_eq!(retried["scheduled_for"], Value::Null);
    assert_eq!(retried["status"], "success");
    assert_eq!(
        stage.env.json(&["history", "show", "1"])["status"],
        "failed"
    );

    let stderr = stage.env.run(&["retry", "2"]).fails(2);
    assert!(stderr.contains("run 2 was a success"), "{stderr}");
    assert!(
        stderr.ends_with("hint: to back up once more: tenantpilot run contoso/nightly\n"),
        "{stderr}"
    );
    assert_eq!(
        stage.env.run(&["retry", "9", "--json"]).fails_as_json(18)["code"],
        "not_found"
    );
    assert_eq!(stage.env.items(&["history"]).len(), 2);
}

#[test]
fn a_slot_that_failed_is_retried_outside_of_its_slot() {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.sandbox.fault(Fault::on("", Kind::Forbidden));
    let slots = stage
        .env
        .items(&["schedules", "next", "nightly", "-n", "1"]);
    let slot = slots[0]["slot"].as_str().unwrap();
    let stderr = stage.env.run(&["dispatch", "--at", slot]).fails(12);
    assert!(stderr.contains("PERMISSION_MISSING"), "{stderr}");
    stage.sandbox.clear_faults();
    assert_eq!(items(&stage, &["retry", "--failed"], 0).len(), 1);
    let runs = stage.env.items(&["history"]);
    assert_eq!(of(&runs, "trigger"), ["retry", "schedule"]);
    assert_eq!(of(&runs, "scheduled_for"), [Value::Null, json!(slot)]);
    let set = &stage.env.items(&["backups", "list"])[0];
    assert_eq!(set["time"], set["created_at"], "a retry has no slot");
}

#[test]
fn only_what_is_still_failed_is_retried() {
    let stage = three_schedules();
    assert!(items(&stage, &["retry", "--failed"], 0).is_empty());
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    items(&stage, &["run", "--all"], 12);
    items(&stage, &["run", "scripts"], 12);
    stage.sandbox.clear_faults();
    items(&stage, &["run", "filters"], 0);
    // The newest run of each schedule counts: that of filters was a success.
    let retried = items(&stage, &["retry", "--failed"], 0);
    assert_eq!(of(&retried, "schedule"), ["scripts"]);
    assert_eq!(of(&retried, "retry_of"), [4]);
    assert!(items(&stage, &["retry", "--failed"], 0).is_empty());
    stage.env.run(&["retry", "1"]).fails(2);
    let (stdout, stderr) = stage.env.run(&["retry", "4", "2"]).warned();
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let note = "run 2 is of the same schedule as run 4: one new run is enough\n";
    assert_eq!(stderr, note);
}

#[test]
fn a_partial_run_is_retried() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    stage.run(3);
    stage.sandbox.clear_faults();
    let retried = items(&stage, &["retry", "--failed"], 0);
    assert_eq!(of(&retried, "status"), ["success"]);
    assert_eq!(of(&retried, "retry_of"), [1]);
}

#[test]
fn a_running_run_is_neither_retried_nor_doubled() {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.sandbox.fault(Fault::on(COMPLIANCE.1, Kind::Hang));
    let mut running = stage.env.spawn(&["run", "nightly"]);
    assert!(stage.sandbox.await_hanging(1, Duration::from_secs(20)));
    let stderr = stage.env.run(&["retry", "1"]).fails(2);
    assert!(stderr.contains("run 1 is still running"), "{stderr}");
    let stderr = stage.env.run(&["run", "nightly"]).fails(11);
    assert!(stderr.contains("nightly"), "{stderr}");
    let open = &stage.env.items(&["history", "--status", "running"])[0];
    assert_eq!(open["id"], 1);
    assert_eq!(
        (&open["finished_at"], &open["summary"]),
        (&Value::Null, &Value::Null)
    );
    stage.sandbox.clear_faults();
    stage.sandbox.release();
    assert!(running.wait().unwrap().success());
    assert_eq!(
        stage.env.json(&["history", "show", "1"])["status"],
        "success"
    );
}
