//! `audit`: everything that was done is there, and a change of it is found.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{FILTERS, SCRIPTS, Stage, names};

/// Runs of every outcome, a retry, retention, a dispatch.
fn a_busy_day() -> Stage {
    let stage = Stage::of(&[FILTERS, SCRIPTS]);
    stage.success();
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    stage.run(3);
    stage.sandbox.fault(Fault::on("", Kind::Forbidden));
    stage.run(12);
    stage.sandbox.clear_faults();
    stage.env.run(&["retry", "3", "--quiet"]).ok();
    let edit = ["schedules", "edit", "nightly", "--keep-last", "1"];
    stage.env.run(&edit).ok();
    stage.env.run(&["retention", "--quiet"]).ok();
    let slots = stage
        .env
        .items(&["schedules", "next", "nightly", "-n", "1"]);
    let slot = slots[0]["slot"].as_str().unwrap();
    assert_eq!(stage.env.run(&["dispatch", "--at", slot]).ok(), "");
    stage
}

#[test]
fn what_was_done_is_recorded_by_whom_and_with_what_outcome() {
    let stage = a_busy_day();
    let events = stage.env.items(&["audit", "list", "--limit", "1000"]);
    let ids: Vec<i64> = events
        .iter()
        .map(|event| event["id"].as_i64().unwrap())
        .collect();
    let count = i64::try_from(events.len()).unwrap();
    assert_eq!(ids, (1..=count).rev().collect::<Vec<_>>());
    let fields = [
        "action", "actor", "at", "details", "hash", "id", "object", "outcome", "tenant",
    ];
    for event in &events {
        assert_eq!(names(event), fields);
        let one_tenant = event["action"] != "dispatch";
        assert_eq!(event["tenant"] == "contoso", one_tenant, "{event}");
        assert!(!event["actor"].as_str().unwrap().is_empty());
        assert_eq!(event["hash"].as_str().unwrap().len(), 64);
        assert!(event["at"].as_str().unwrap().ends_with('Z'));
    }
    let finished: Vec<(&Value, &Value)> = events
        .iter()
        .rev()
        .filter(|event| event["action"] == "run.finish")
        .map(|event| (&event["outcome"], &event["details"]["status"]))
        .collect();
    let expected = [
        ("ok", "success"),
        ("partial", "partial"),
        ("failed", "failed"),
        ("ok", "success"),
        ("ok", "success"),
    ];
    assert_eq!(finished.len(), expected.len());
    for (found, (outcome, status)) in finished.iter().zip(expected) {
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            (Some(outcome), Some(status))
        );
    }
    let actions = stage.env.audit_actions();
    for action in [
        "tenant.add",
        "schedule.add",
        "schedule.edit",
        "backup_set.add",
        "retention.expire",
    ] {
        assert!(
            actions.iter().any(|there| there == action),
            "{action} in {actions:?}"
        );
    }
    assert_eq!(
        stage.env.items(&["audit", "list", "--limit", "2"]),
        events[..2]
    );
    assert_eq!(
        stage
            .env
            .items(&["audit", "list", "--tenant", "contoso"])
            .len(),
        events.len() - 1
    );
    let verified = stage.env.json(&["audit", "verify"]);
    assert_eq!(
        (&verified["ok"], &verified["events"]),
        (&true.into(), &count.into())
    );
    assert_eq!(verified["head"], events[0]["hash"]);
    let head = verified["head"].as_str().unwrap();
    let text = stage.env.run(&["audit", "verify"]).ok();
    assert_eq!(text, format!("{count} events, head {head}: intact\n"));
}

#[test]
fn looking_leaves_no_trace() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let before = stage.env.audit_actions();
    for look in [
        &["history"][..],
        &["history", "show", "1"],
        &["backups", "list"],
        &["backups", "show", "1"],
        &["backups", "verify"],
        &["retention", "--dry-run"],
        &["retention"],
        &["audit", "list"],
        &["audit", "verify"],
        &["dispatch"],
    ] {
        stage.env.run(look).ok();
    }
    assert_eq!(stage.env.audit_actions(), before);
}

#[test]
fn a_changed_or_missing_event_is_found() {
    let broken = |statement: &str, problem: &str| {
        let stage = Stage::of(&[FILTERS]);
        stage.success();
        stage.env.run(&["audit", "verify"]).ok();
        stage.unprotected().execute_batch(statement).unwrap();
        let (stdout, stderr) = stage.env.run(&["audit", "verify", "--json"]).ends(14);
        let verified: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(verified["ok"], false, "{statement}");
        let problems = verified["problems"].as_array().unwrap();
        assert!(
            problems.iter().any(|found| found == problem),
            "{statement}: {problems:?}"
        );
        let last: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert_eq!(last["error"]["exit_code"], 14);
    };
    broken(
        "UPDATE audit_events SET actor = 'mallory' WHERE id = 2",
        "event 2 is not what was recorded",
    );
    broken(
        "UPDATE audit_events SET at = at + 60 WHERE id = 1",
        "event 1 is not what was recorded",
    );
    broken(
        "UPDATE audit_events SET details = '{}' WHERE id = 2",
        "event 2 is not what was recorded",
    );
    broken(
        "DELETE FROM audit_events WHERE id = 2",
        "event 2 is missing",
    );
    broken(
        "DELETE FROM audit_events WHERE id = (SELECT max(id) FROM audit_events)",
        "event 4 is missing",
    );
    broken(
        "UPDATE audit_events SET hash = zeroblob(32) WHERE id = 3",
        "event 3 is not what was recorded",
    );
    broken(
        "UPDATE audit_events SET id = 99 WHERE id = 2;
         UPDATE audit_events SET id = 2 WHERE id = 3;
         UPDATE audit_events SET id = 3 WHERE id = 99",
        "event 2 is not what was recorded",
    );
    broken(
        "INSERT INTO audit_events
         SELECT 5, at, 'mallory', action, tenant_id, object, outcome, details, hash
         FROM audit_events WHERE id = 4",
        "event 5 is not what was recorded",
    );
}

/// The chain lies in the same file as its end: who may write the file can cut both. Only a copy
/// elsewhere, or the hash of an event noted there, tells that.
#[test]
fn an_end_that_is_cut_off_with_its_count_is_not_found_by_the_chain_alone() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let noted = stage.env.items(&["audit", "list"])[0].clone();
    let cut = "DELETE FROM audit_events WHERE id = 4;
               UPDATE sqlite_sequence SET seq = 3 WHERE name = 'audit_events'";
    stage.unprotected().execute_batch(cut).unwrap();
    stage.env.run(&["audit", "verify"]).ok();
    let left = stage.env.items(&["audit", "list"]);
    assert!(left.iter().all(|event| event["hash"] != noted["hash"]));
}
