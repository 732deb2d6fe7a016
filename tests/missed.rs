//! Slots that no dispatch met: never run, never silent, counted once.

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

use fleet::{Fleet, OTHER_DIRECTORY, outcome};
use serde_json::json;

/// The slot some minutes later.
fn later(slot: &str, minutes: u32) -> String {
    assert!(minutes < 60 && slot.ends_with("T02:00:00Z"));
    slot.replace("T02:00:00Z", &format!("T02:{minutes:02}:00Z"))
}

#[test]
fn missed_slots_are_recorded_once_under_the_newest() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 4);
    let at = later(&slots[2], 1);
    let stderr = fleet.dispatch(&at).fails(19);
    let expected = format!(
        "error: schedule nightly (id 1) of tenant contoso missed 3 slots from {} to {}: no dispatch \
         ran then, or none could start anything, and missed slots are not caught up\n\
         hint: check that cron was running, and look with tenantpilot doctor; to back up now: tenantpilot run contoso/nightly\n",
        slots[0], slots[2]
    );
    assert_eq!(stderr, expected);
    let runs = fleet.runs();
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!(
        (&run["status"], &run["error_code"], &run["scheduled_for"]),
        (&json!("skipped"), &json!("MISSED_SLOT"), &json!(slots[2]))
    );
    assert_eq!(run["summary"]["missed_count"], 3);
    assert_eq!(run["summary"]["first_missed"], *slots[0]);
    assert!(run["created_at"].as_str().unwrap() < slots[0].as_str());
    for at in [&at, &later(&slots[2], 2), &slots[2]] {
        assert_eq!(fleet.dispatch(at).ok(), "", "told once");
    }
    assert_eq!(fleet.runs().len(), 1);
    assert_eq!(fleet.events("run.missed"), 1);
    assert_eq!(fleet.dispatch(&slots[3]).ok(), "", "the next one runs");
    assert_eq!(fleet.outcomes()[1], outcome(1, "success", "-"));
    assert!(fleet.env.items(&["backups", "list"]).len() == 1);
    fleet.assert_sound();
}

#[test]
fn a_hint_names_a_schedule_as_it_is_typed_and_by_id_where_a_name_means_another() {
    let fleet = Fleet::nightly();
    fleet.add_tenant("a b", OTHER_DIRECTORY);
    fleet.add("nightly", "a b", &[]);
    fleet.add("contoso/nightly", "a b", &[]);
    let slots = fleet.slots(1, 1);
    let stderr = fleet.dispatch(&later(&slots[0], 1)).fails(19);
    let commands = stderr
        .lines()
        .filter_map(|line| line.split("to back up now: ").nth(1));
    let commands: Vec<&str> = commands.collect();
    assert_eq!(
        commands,
        [
            "tenantpilot run 1",
            "tenantpilot run 'a b/nightly'",
            "tenantpilot run 'a b/contoso/nightly'"
        ]
    );
}

#[test]
fn a_slot_that_no_dispatch_could_start_is_not_laid_to_cron() {
    let fleet = Fleet::nightly();
    fleet.env.run(&["dispatch"]).ok();
    let database = fleet.env.database();
    let (kept, junk) = (fleet.env.path("kept"), "x".repeat(4096));
    std::fs::rename(&database, &kept).unwrap();
    std::fs::write(&database, &junk).unwrap();
    fleet.env.run(&["dispatch"]).fails(14);
    let locks = fleet.env.path("state/tenantpilot.db-locks");
    std::fs::rename(&kept, &database).unwrap();
    let slots = fleet.slots(1, 4);
    let noted = |name: &str, slot: &str| {
        let at: chrono::DateTime<chrono::Utc> = slot.parse().unwrap();
        let file = std::fs::File::open(locks.join(name)).unwrap();
        file.set_modified(at.into()).unwrap();
    };
    // As if it had been so each minute from the first of them on, to the third.
    noted("dispatch-failed-since", &slots[0]);
    noted("dispatch-failed", &later(&slots[2], 1));
    let stderr = fleet.dispatch(&later(&slots[2], 2)).fails(19);
    assert!(
        stderr.contains("dispatch began then and could start nothing, and missed")
            && stderr.contains(
                "hint: tenantpilot doctor; to back up now: tenantpilot run contoso/nightly"
            ),
        "{stderr}"
    );
    let message = fleet.runs()[0]["error_message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.starts_with("no dispatch could start any of 3 slots"),
        "{message}"
    );
    // Of the fourth nothing is known.
    let stderr = fleet.dispatch(&later(&slots[3], 2)).fails(19);
    assert!(
        stderr.contains("no dispatch ran then, or none could"),
        "{stderr}"
    );
}

#[test]
fn one_missed_slot_is_told_in_the_singular() {
    let fleet = Fleet::nightly();
    let slot = &fleet.slots(1, 1)[0];
    let stderr = fleet.dispatch(&later(slot, 1)).fails(19);
    let expected = format!("missed its slot {slot}: ");
    assert!(stderr.contains(&expected), "{stderr}");
    let json = fleet
        .env
        .run(&["dispatch", "--at", &later(slot, 2), "--json"])
        .ok();
    assert!(json.contains("\"items\": []"), "{json}");
}

#[test]
fn a_due_slot_runs_beside_the_missed_ones() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 3);
    let stderr = fleet.dispatch(&slots[2]).fails(19);
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert!(stderr.contains("missed 2 slots"), "{stderr}");
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "skipped", "MISSED_SLOT"),
            outcome(1, "success", "-")
        ]
    );
    let runs = fleet.runs();
    assert_eq!(runs[0]["scheduled_for"], *slots[1]);
    assert_eq!(runs[1]["scheduled_for"], *slots[2]);
}

#[test]
fn twenty_dispatches_tell_a_missed_slot_once() {
    let fleet = Fleet::nightly();
    let at = later(&fleet.slots(1, 1)[0], 1);
    let started: Vec<_> = (0..20).map(|_| fleet.start(&at, &[])).collect();
    let ended: Vec<_> = started.into_iter().map(env::Started::end).collect();
    let told = ended.iter().filter(|run| run.code == Some(19)).count();
    assert_eq!(told, 1);
    for run in ended.into_iter().filter(|run| run.code != Some(19)) {
        assert_eq!(run.ok(), "");
    }
    assert_eq!(fleet.runs().len(), 1);
}

#[test]
fn a_disabled_or_archived_schedule_misses_nothing() {
    let fleet = Fleet::nightly();
    fleet.add("off", "contoso", &["--disabled"]);
    fleet.add("gone", "contoso", &[]);
    let slots = fleet.slots(1, 3);
    fleet.env.run(&["schedules", "disable", "nightly"]).ok();
    fleet
        .env
        .run(&["schedules", "remove", "gone", "--yes"])
        .ok();
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    assert!(fleet.runs().is_empty());
    fleet.env.run(&["schedules", "enable", "nightly"]).ok();
    fleet.env.run(&["schedules", "restore", "gone"]).ok();
    assert!(fleet.runs().is_empty(), "nor do they when they are back");
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "", "their slots run again");
    assert_eq!(
        fleet.outcomes(),
        [outcome(1, "success", "-"), outcome(3, "success", "-")]
    );
}

#[test]
fn slots_begin_with_the_first_whole_minute_after_the_schedule() {
    let fleet = Fleet::nightly();
    let sql = fleet.env.sql();
    let (created, from): (i64, i64) = sql
        .query_row("SELECT created_at, slots_from FROM schedules", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(from > created && from - created <= 60 && from % 60 == 0);
}

#[test]
fn within_the_grace_period_the_newest_missed_slot_runs_once() {
    let fleet = Fleet::new();
    fleet.add("nightly", "contoso", &["--grace", "30m"]);
    let slots = fleet.slots(1, 3);
    assert_eq!(fleet.dispatch(&later(&slots[0], 30)).ok(), "");
    let runs = fleet.runs();
    assert_eq!(runs[0]["scheduled_for"], *slots[0]);
    assert_eq!(
        fleet.env.items(&["backups", "list"])[0]["time"],
        *slots[0],
        "the time of the set is the slot, not the time of the run"
    );
    assert_eq!(fleet.dispatch(&later(&slots[0], 31)).ok(), "");
    assert_eq!(fleet.outcomes(), [outcome(1, "success", "-")]);

    let too_late = fleet.dispatch(&later(&slots[1], 31)).fails(19);
    assert!(too_late.contains("missed its slot"), "{too_late}");
    assert_eq!(fleet.outcomes()[1], outcome(1, "skipped", "MISSED_SLOT"));
}

#[test]
fn grace_runs_the_newest_and_records_the_others() {
    let fleet = Fleet::new();
    fleet.add("nightly", "contoso", &["--grace", "30m"]);
    let slots = fleet.slots(1, 3);
    let stderr = fleet.dispatch(&later(&slots[2], 5)).fails(19);
    assert!(stderr.contains("missed 2 slots"), "{stderr}");
    let runs = fleet.runs();
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "skipped", "MISSED_SLOT"),
            outcome(1, "success", "-")
        ]
    );
    assert_eq!(runs[0]["summary"]["missed_count"], 2);
    assert_eq!(runs[1]["scheduled_for"], *slots[2]);
}

#[test]
fn a_failed_run_decides_the_exit_code_before_a_missed_slot() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    fleet.sandbox.set_secret("another");
    let stderr = fleet.dispatch(&slots[1]).fails(12);
    let errors: Vec<_> = stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 2, "{stderr}");
    assert!(errors[0].contains("missed its slot"), "{stderr}");
    assert!(errors[1].contains("AUTH_FAILED"), "{stderr}");
    assert_eq!(stderr.lines().count(), 4, "a hint each: {stderr}");
}

#[test]
fn a_typo_in_at_silences_no_schedule() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    fleet.dispatch("9999-12-31T23:59:00Z").fails(19);
    assert_eq!(fleet.events("slots.resumed"), 0);
    for slot in &slots {
        assert_eq!(fleet.dispatch(slot).ok(), "");
    }
    assert_eq!(fleet.events("slots.resumed"), 1);
    let done = outcome(1, "success", "-");
    assert_eq!(fleet.outcomes()[1..], [done.clone(), done]);
    let (bytes, before) = (fleet.bytes(), fleet.env.audit_actions());
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert_eq!((fleet.bytes(), fleet.env.audit_actions()), (bytes, before));
    fleet.assert_sound();
}
