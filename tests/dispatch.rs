//! `dispatch`: what is due runs once, in silence; what is not leaves no trace.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::time::{Duration, Instant};

use fleet::{Fleet, outcome};
use serde_json::{Value, json};

#[test]
fn a_due_slot_runs_once_and_says_nothing() {
    let fleet = Fleet::nightly();
    let slot = &fleet.slots(1, 1)[0];
    assert_eq!(fleet.dispatch(slot).ok(), "");
    let runs = fleet.runs();
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!(
        (&run["status"], &run["trigger"], &run["scheduled_for"]),
        (&json!("success"), &json!("schedule"), &json!(slot))
    );
    let sets = fleet.env.items(&["backups", "list"]);
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["time"], *slot, "the time of the set is the slot");
    assert_eq!(sets[0]["run_id"], run["id"]);
    for instant in [
        &run["created_at"],
        &run["started_at"],
        &sets[0]["created_at"],
    ] {
        assert!(
            instant.as_str().unwrap() < slot.as_str(),
            "--at moves no recorded time: {instant}"
        );
    }
    let before = (fleet.bytes(), fleet.env.audit_actions());
    let same_minute = slot.replace(":00Z", ":59Z");
    for at in [slot, &same_minute] {
        assert_eq!(fleet.dispatch(at).ok(), "");
    }
    assert_eq!(fleet.runs().len(), 1);
    assert_eq!((fleet.bytes(), fleet.env.audit_actions()), before);
    assert_eq!(fleet.events("dispatch"), 1);
    fleet.assert_sound();
}

#[test]
fn nothing_due_leaves_no_trace_but_the_time() {
    let fleet = Fleet::new();
    let locks = fleet.env.path("state/tenantpilot.db-locks");
    let before = fleet.bytes();
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert_eq!(fleet.bytes(), before, "without any schedule");
    fleet.add("nightly", "contoso", &[]);
    let slot = &fleet.slots(1, 1)[0];
    let (before, events) = (fleet.bytes(), fleet.env.audit_actions());
    let minute_before = slot.replace("T02:00", "T01:59");
    for at in ["2001-01-01T02:00:00Z", &minute_before] {
        assert_eq!(fleet.dispatch(at).ok(), "");
        assert_eq!(fleet.bytes(), before, "{at}");
    }
    assert_eq!(fleet.env.audit_actions(), events);
    let left: Vec<_> = std::fs::read_dir(locks).unwrap().flatten().collect();
    let mut names: Vec<_> = left.iter().map(std::fs::DirEntry::file_name).collect();
    names.sort();
    let expected = ["dispatched", "dispatched-since"];
    assert_eq!(names, expected, "nothing but when it was");
}

#[test]
fn without_a_database_dispatch_says_so_and_makes_none() {
    let env = env::Env::new();
    let stderr = env.run(&["dispatch"]).fails(10);
    assert!(stderr.starts_with("error: no database at "), "{stderr}");
    assert!(!env.database().exists());
}

#[test]
fn fifty_dispatches_at_once_make_one_run_per_slot() {
    for schedules in [1_i64, 5] {
        let fleet = Fleet::new();
        for n in 1..=schedules {
            fleet.add(&format!("nightly-{n}"), "contoso", &[]);
        }
        let slot = &fleet.slots(1, 1)[0];
        let started: Vec<_> = (0..50).map(|_| fleet.start(slot, &[])).collect();
        for process in started {
            assert_eq!(process.end().ok(), "");
        }
        let mut outcomes = fleet.outcomes();
        outcomes.sort();
        let expected: Vec<_> = (1..=schedules)
            .map(|id| outcome(id, "success", "-"))
            .collect();
        assert_eq!(outcomes, expected);
        assert_eq!(fleet.events("dispatch"), 1);
        assert_eq!(left_over_process_locks(&fleet), 0);
        fleet.assert_sound();
    }
}

fn left_over_process_locks(fleet: &Fleet) -> usize {
    let folder = fleet.env.path("state/tenantpilot.db-locks");
    let names = std::fs::read_dir(folder).unwrap().flatten();
    names
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("process-"))
        .count()
}

#[test]
fn a_rehearsal_tells_all_and_changes_nothing() {
    let fleet = Fleet::nightly();
    fleet.add("weekly", "contoso", &["--at", "02:00", "--days", "sun"]);
    fleet.add("dead", "contoso", &[]);
    fleet.add("held", "contoso", &[]);
    let slots = fleet.slots(1, 3);
    // A process that is gone leaves a run of `dead`; one that goes on has a run of `held`.
    fleet.hang(sandbox::server::DIRECTORY);
    let gone = fleet.env.start(&["run", "dead"]);
    fleet.await_hanging(1);
    let going = fleet.env.start(&["run", "held"]);
    fleet.await_hanging(2);
    gone.kill();
    let (before, events) = (fleet.bytes(), fleet.env.audit_actions());
    let (rehearsal, json) = (
        ["dispatch", "--dry-run", "--at", &slots[1]],
        ["dispatch", "--dry-run", "--at", &slots[1], "--json"],
    );
    let table = fleet.env.run(&rehearsal).ok();
    let items = serde_json::from_str::<Value>(&fleet.env.run(&json).ok()).unwrap();
    assert_eq!(fleet.bytes(), before);
    assert_eq!(fleet.env.audit_actions(), events);
    let said = |action: &str, schedule: &str| {
        let items = items["items"].as_array().unwrap();
        let found = items
            .iter()
            .find(|item| item["action"] == action && item["schedule"] == schedule);
        found
            .cloned()
            .unwrap_or_else(|| panic!("{action} {schedule}: {items:?}"))
    };
    assert_eq!(said("start", "nightly")["slot"], *slots[1]);
    let missed = said("missed", "nightly");
    assert_eq!(missed["slot"], *slots[0]);
    assert!(missed["note"].as_str().unwrap().starts_with("1 missed"));
    assert_eq!(said("interrupted", "dead")["note"], "run 1");
    assert_eq!(said("start", "dead")["slot"], *slots[1]);
    let note = said("skip", "held")["note"].clone();
    assert!(note.as_str().unwrap().contains("has run 2 running since"));
    for line in ["start", "missed", "interrupted", "skip"] {
        assert!(table.lines().any(|row| row.starts_with(line)), "{table}");
    }
    drop(going);
}

#[test]
fn a_schedule_that_cannot_be_used_keeps_no_other_from_running() {
    let fleet = Fleet::nightly();
    fleet.add("no-zone", "contoso", &[]);
    fleet.add("no-rule", "contoso", &[]);
    fleet.add("fine", "contoso", &[]);
    let slots = fleet.slots(1, 3);
    // A run of it, left by a process that is gone, must be closed all the same.
    fleet.hang(sandbox::server::DIRECTORY);
    let gone = fleet.env.start(&["run", "no-rule"]);
    fleet.await_hanging(1);
    gone.kill();
    fleet.answer();
    let sql = fleet.env.sql();
    let unusable = "UPDATE schedules SET timezone = 'Mars/Olympus' WHERE name = 'no-zone';
                    UPDATE schedules SET times = '[\"never\"]' WHERE name = 'no-rule'";
    sql.execute_batch(unusable).unwrap();
    for slot in &slots[..2] {
        let stderr = fleet.dispatch(slot).fails(1);
        assert!(
            stderr.contains("schedule no-zone (id 2) of tenant contoso cannot be started: "),
            "{stderr}"
        );
        assert!(stderr.contains("Mars/Olympus"), "{stderr}");
        assert!(stderr.contains("schedule no-rule (id 3) "), "{stderr}");
        assert_eq!(stderr.contains("run 1 "), slot == &slots[0], "{stderr}");
    }
    let finished: Vec<(i64, String)> = sql
        .prepare("SELECT schedule_id, status FROM runs ORDER BY id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let ran = |id| (id, "success".to_owned());
    assert_eq!(
        finished,
        [(3, "failed".to_owned()), ran(1), ran(4), ran(1), ran(4)]
    );
    sql.execute_batch("UPDATE schedules SET enabled = 0 WHERE name = 'no-rule'")
        .unwrap();
    let stderr = fleet.dispatch(&slots[2]).fails(17);
    assert_eq!(stderr.lines().count(), 2, "a line and a hint: {stderr}");
}

#[test]
fn new_zone_rules_compute_the_next_slots_anew() {
    let fleet = Fleet::nightly();
    let slot = &fleet.slots(1, 1)[0];
    let sql = fleet.env.sql();
    let next_slot = || {
        sql.query_row("SELECT next_slot FROM schedules", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
    };
    let right = next_slot();
    sql.execute_batch(
        "UPDATE zone_data SET version = 'older';
         UPDATE schedules SET next_slot = next_slot + 3600",
    )
    .unwrap();
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert_eq!(next_slot(), right);
    let version: String = sql
        .query_row("SELECT version FROM zone_data", [], |row| row.get(0))
        .unwrap();
    assert_ne!(version, "older");
    assert_eq!(fleet.dispatch(slot).ok(), "");
    assert_eq!(fleet.outcomes(), [outcome(1, "success", "-")]);
}

#[test]
fn runs_start_at_their_offset_and_wait_without_taking_a_turn() {
    let fleet = Fleet::new();
    // Of a spread of 4 s these two have 2 s and 0 s, whatever the day.
    fleet.add("later", "contoso", &["--spread", "4s"]);
    fleet.add("first", "contoso", &["--spread", "4s"]);
    fleet.add("at-once", "contoso", &[]);
    let slot = &fleet.slots(1, 1)[0];
    let begun = Instant::now();
    let dispatch = fleet.start(slot, &["--jobs", "1"]);
    assert_eq!(dispatch.end().ok(), "");
    let sql = fleet.env.sql();
    let ended: String = sql
        .query_row(
            "SELECT group_concat(object, ', ') FROM
                 (SELECT object FROM audit_events WHERE action = 'run.finish' ORDER BY id)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(ended, "run 2, run 3, run 1", "the one turn was free");
    assert!(begun.elapsed() >= Duration::from_secs(2));
    for run in fleet.runs() {
        assert_eq!(run["scheduled_for"], *slot);
        assert_eq!(run["status"], "success");
        assert!(run["duration_ms"].as_i64().unwrap() < 2000, "{run}");
    }
}
