//! `history`.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{COMPLIANCE, FILTERS, SCRIPTS, Stage, names, only_item};

const FIELDS: [&str; 17] = [
    "actor",
    "backup_set_id",
    "created_at",
    "duration_ms",
    "error_code",
    "error_message",
    "finished_at",
    "id",
    "retry_of",
    "schedule",
    "schedule_id",
    "scheduled_for",
    "started_at",
    "status",
    "summary",
    "tenant",
    "trigger",
];

/// Runs 1 to 5: a success and a failure of `nightly`, a retry of that, a partial run and a slot of
/// `weekly` in another tenant.
fn five_runs() -> Stage {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    let types = [FILTERS.0, SCRIPTS.0].join(",");
    stage.add_schedule("fabrikam", "weekly", &types, &[]);
    stage.success();
    stage
        .sandbox
        .fault(Fault::on(COMPLIANCE.1, Kind::Forbidden));
    stage.run(12);
    stage.sandbox.clear_faults();
    stage.env.run(&["retry", "2", "--quiet"]).ok();
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    only_item(stage.env.run(&["run", "weekly", "--json"]), 3);
    stage.sandbox.clear_faults();
    stage.env.run(&["schedules", "disable", "nightly"]).ok();
    let slots = stage.env.items(&["schedules", "next", "weekly", "-n", "1"]);
    let slot = slots[0]["slot"].as_str().unwrap();
    assert_eq!(stage.env.run(&["dispatch", "--at", slot]).ok(), "");
    stage
}

fn ids(stage: &Stage, more: &[&str]) -> Vec<i64> {
    let items = stage.env.items(&[&["history"], more].concat());
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn filters_narrow_the_list() {
    let stage = five_runs();
    for (filter, expected) in [
        (&[][..], &[5, 4, 3, 2, 1][..]),
        (&["--tenant", "fabrikam"], &[5, 4]),
        (&["--schedule", "nightly"], &[3, 2, 1]),
        (
            &["--schedule", "contoso/nightly", "--status", "success"],
            &[3, 1],
        ),
        (&["--status", "failed,partial"], &[4, 2]),
        (&["--status", "failed", "--status", "partial"], &[4, 2]),
        (&["--trigger", "retry"], &[3]),
        (&["--trigger", "schedule"], &[5]),
        (&["--trigger", "manual"], &[4, 2, 1]),
        (&["--since", "1h"], &[5, 4, 3, 2, 1]),
        (&["--limit", "2"], &[5, 4]),
        (
            &["--tenant", "contoso", "--status", "success", "--limit", "1"],
            &[3],
        ),
        (&["--status", "canceled"], &[]),
    ] {
        assert_eq!(ids(&stage, filter), expected, "{filter:?}");
    }
    stage.env.run(&["history", "--tenant", "nobody"]).fails(18);
    stage.env.run(&["history", "--schedule", "never"]).fails(18);
    let stderr = stage.env.run(&["history", "--status", "done"]).fails(2);
    assert!(stderr.contains("partial"), "{stderr}");
    stage.env.run(&["history", "show", "6"]).fails(18);
}

#[test]
fn a_run_is_shown_with_all_that_it_did() {
    let stage = five_runs();
    for run in stage.env.items(&["history"]) {
        assert_eq!(names(&run), FIELDS);
        let id = run["id"].to_string();
        assert_eq!(stage.env.json(&["history", "show", &id]), run);
        for time in ["created_at", "started_at", "finished_at"] {
            assert!(run[time].as_str().unwrap().ends_with('Z'), "{run}");
        }
        assert!(
            run["duration_ms"].is_u64() && run["actor"].is_string(),
            "{run}"
        );
        summary_is_complete(&run["summary"]);
    }
    let by_id = |id: &str| stage.env.json(&["history", "show", id]);
    let (manual, failed, retry, slot) = (by_id("1"), by_id("2"), by_id("3"), by_id("5"));
    assert_eq!(manual["tenant"], "contoso");
    assert_eq!(
        (&manual["backup_set_id"], &manual["schedule_id"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (&manual["error_code"], &manual["error_message"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(failed["error_code"], "PERMISSION_MISSING");
    assert_eq!(failed["backup_set_id"], Value::Null);
    assert_eq!(retry["retry_of"], 2);
    assert!(
        slot["scheduled_for"]
            .as_str()
            .unwrap()
            .ends_with("02:00:00Z"),
        "{slot}"
    );
    let text = stage.env.run(&["history", "show", "4"]).ok();
    for said in [
        "partial",
        "PERMISSION_MISSING",
        "deviceManagementScript",
        "forbidden",
        "complete",
    ] {
        assert!(text.contains(said), "{text}");
    }
    let table = stage.env.run(&["history"]).ok();
    assert_eq!(table.lines().count(), 6, "a head and five runs:\n{table}");
}

fn summary_is_complete(summary: &Value) {
    let keys = [
        "batched_requests",
        "bytes",
        "digest_key",
        "errors_count",
        "names_resolved",
        "names_unresolved",
        "policies_backed_up",
        "policies_total",
        "requests",
        "retries",
        "round_trips",
        "secrets_not_captured",
        "throttled_ms",
        "type_breakdown",
        "unknown_policy_types",
        "warnings",
    ];
    let told = names(summary).into_iter().filter(|name| *name != "hint");
    assert_eq!(told.collect::<Vec<_>>(), keys);
    for of in summary["type_breakdown"].as_object().unwrap().values() {
        let keys = [
            "added",
            "backed_up",
            "changed",
            "error",
            "outcome",
            "removed",
            "secrets_not_captured",
            "total",
            "unchanged",
        ];
        assert_eq!(names(of), keys);
    }
}

#[test]
fn a_finished_run_does_not_change() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let before = stage.env.json(&["history", "show", "1"]);
    let sql = stage.env.sql();
    for statement in [
        "UPDATE runs SET status = 'failed', error_code = 'NETWORK'",
        "UPDATE runs SET summary = NULL",
        "UPDATE runs SET finished_at = 0, duration_ms = 0",
        "DELETE FROM runs",
    ] {
        let refused = sql.execute_batch(statement);
        assert!(refused.is_err(), "{statement}");
    }
    assert_eq!(stage.env.json(&["history", "show", "1"]), before);
}

#[test]
fn a_failed_run_without_a_set_does_not_change_either() {
    let stage = Stage::of(&[FILTERS]);
    stage.sandbox.fault(Fault::on("", Kind::Forbidden));
    stage.run(12);
    let sql = stage.env.sql();
    for statement in ["UPDATE runs SET status = 'success'", "DELETE FROM runs"] {
        assert!(sql.execute_batch(statement).is_err(), "{statement}");
    }
}
