//! Webhook and hook: each change of state is told once, and nothing that is told or cannot be told is
//! in the way of a backup.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "monitoring/hooks.rs"]
mod hooks;
#[path = "support/listener.rs"]
mod listener;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use fleet::Fleet;
use listener::{Answer, Listener};
use sandbox::server::faults::{Fault, Kind};
use serde_json::{Value, json};

/// A schedule `nightly`, and a webhook that dispatch has by its environment.
fn watched() -> (Fleet, Listener) {
    let (mut fleet, listener) = (Fleet::nightly(), Listener::start());
    fleet.env.set("TENANTPILOT_WEBHOOK", &listener.url("hook"));
    (fleet, listener)
}

/// From now on every run fails, or none.
fn fail(fleet: &Fleet, fail: bool) {
    fleet.sandbox.clear_faults();
    if fail {
        let refused = Fault::on("token", Kind::Status(400)).times(1000);
        fleet.sandbox.fault(refused);
    }
}

/// What a webhook heard since the last time.
fn told(listener: &Listener) -> Vec<Value> {
    let heard = listener.take();
    let json = heard.iter().map(|one| {
        assert_eq!(
            (one.method.as_str(), one.target.as_str()),
            ("POST", "/hook")
        );
        assert_eq!(one.media_type, "application/json");
        one.json()
    });
    json.collect()
}

fn events(told: &[Value]) -> Vec<&str> {
    told.iter()
        .map(|one| one["event"].as_str().unwrap())
        .collect()
}

fn waiting(fleet: &Fleet) -> i64 {
    let count = "SELECT count(*) FROM state_changes WHERE tries >= 0";
    fleet
        .env
        .sql()
        .query_row(count, [], |row| row.get(0))
        .unwrap()
}

/// A hook that keeps what it is told in a file, `told`, and what it has open in `open`.
fn hook(fleet: &mut Fleet, last: &str) {
    let script = format!(
        "#!/bin/sh\nenv | sort > told.new\nls -l /proc/self/fd > open\necho called >> calls\n\
         mv told.new told\necho heard it\n{last}\n"
    );
    let path = fleet.env.file("hook.sh", &script, 0o755);
    fleet.env.set(
        "TENANTPILOT_HOOK",
        &format!("{path} '$(touch pwned)' ';' a"),
    );
}

#[test]
fn each_change_of_state_is_told_once() {
    let (fleet, listener) = watched();
    let slots = fleet.slots(1, 8);
    let mut all = Vec::new();
    let mut night = |slot: &str, failing, code, expected: &[&str]| {
        fail(&fleet, failing);
        assert_eq!(fleet.dispatch(slot).code, Some(code), "{slot}");
        let told = told(&listener);
        assert_eq!(events(&told), expected, "{slot}");
        all.extend(told);
    };
    night(&slots[0], false, 0, &[]);
    night(&slots[1], true, 12, &["failed"]);
    night(&slots[2], true, 12, &[]);
    night(&slots[3], false, 0, &["recovered"]);
    night(&slots[4], false, 0, &[]);
    // Two nights without a dispatch.
    let late = slots[6].replace("T02:00", "T02:30");
    night(&late, false, 19, &["missed"]);
    night(&slots[7], false, 0, &["recovered"]);
    let failed = &all[0];
    let expected = json!({
        "schema_version": 1,
        "id": failed["id"],
        "event": "failed",
        "at": failed["at"],
        "tenant": "contoso",
        "schedule": "nightly",
        "schedule_id": 1,
        "run_id": 2,
        "trigger": "schedule",
        "scheduled_for": slots[1],
        "status": "failed",
        "error_code": "AUTH_FAILED",
        "state": "failed",
        "previous_state": "well",
        "message": "run 2 of schedule nightly (id 1) of tenant contoso ended failed: AUTH_FAILED",
    });
    assert_eq!(*failed, expected);
    assert_eq!(
        all[1]["message"],
        "schedule nightly (id 1) of tenant contoso recovered: run 4 is a success"
    );
    assert_eq!(
        (&all[2]["status"], &all[2]["error_code"]),
        (&json!("skipped"), &json!("MISSED_SLOT"))
    );
    let newest = slots[6].as_str();
    assert_eq!(
        all[2]["message"],
        format!("schedule nightly (id 1) of tenant contoso missed 2 slots, the newest {newest}")
    );
    let ids: BTreeSet<&str> = all.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "an id each");
    assert_eq!(waiting(&fleet), 0);
    fleet.assert_sound();
}

#[test]
fn what_a_person_starts_waits_for_the_next_dispatch() {
    let (fleet, listener) = watched();
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    assert_eq!((waiting(&fleet), told(&listener).len()), (1, 0));
    // The clock was ahead by some years then, and was set back since.
    let ahead = "UPDATE state_changes SET at = at + 100000000";
    fleet.env.sql().execute_batch(ahead).unwrap();
    // Two changes of one schedule are told in their order.
    fail(&fleet, false);
    fleet.env.run(&["run", "nightly"]).ok();
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert_eq!(events(&told(&listener)), ["failed", "recovered"]);
    // A partial run, by way of a type that may not be read.
    let types = ["--types", "namedLocation,assignmentFilter"];
    fleet
        .env
        .run(&[&["schedules", "edit", "nightly"][..], &types].concat())
        .ok();
    let filters = "deviceManagement/assignmentFilters";
    fleet.sandbox.fault(Fault::on(filters, Kind::Forbidden));
    fleet.env.run(&["run", "nightly"]).ends(3);
    fleet.env.run(&["dispatch"]).ok();
    let partial = told(&listener);
    assert_eq!(events(&partial), ["partial"]);
    assert_eq!(partial[0]["error_code"], "PERMISSION_MISSING");
    assert!(
        !partial[0].to_string().contains("assignmentFilter"),
        "no policy data"
    );
}

#[test]
fn without_anybody_to_tell_nothing_waits_and_a_new_webhook_has_no_past() {
    let (mut fleet, listener) = watched();
    fleet.env.unset("TENANTPILOT_WEBHOOK");
    let slots = fleet.slots(1, 4);
    fail(&fleet, true);
    fleet.dispatch(&slots[0]).fails(12);
    fail(&fleet, false);
    fleet.dispatch(&slots[1]).ok();
    assert_eq!(waiting(&fleet), 0);
    let rows: i64 = fleet
        .env
        .sql()
        .query_row("SELECT count(*) FROM monitors", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 0);
    fleet.env.set("TENANTPILOT_WEBHOOK", &listener.url("hook"));
    fleet.env.run(&["dispatch"]).ok();
    assert_eq!(told(&listener), [] as [Value; 0]);
    // What the very dispatch finds that has it first is told.
    let late = slots[3].replace("T02:00", "T02:30");
    fleet.dispatch(&late).fails(19);
    assert_eq!(events(&told(&listener)), ["missed"]);
}

#[test]
fn killed_between_record_and_delivery_it_is_told_by_the_next_under_the_same_id() {
    let (fleet, listener) = watched();
    listener.answers(Answer::Hang);
    fail(&fleet, true);
    let slot = fleet.slots(1, 1).remove(0);
    let started = fleet.start(&slot, &[]);
    listener.await_heard(1);
    assert_eq!(waiting(&fleet), 1);
    started.kill();
    listener.answers(Answer::ok());
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    let told = told(&listener);
    assert_eq!(events(&told), ["failed", "failed"]);
    assert_eq!(told[0], told[1], "by its id it is known as the same");
    assert_eq!(waiting(&fleet), 0);
    // Killed while a run executes, nothing was recorded: the next one closes it, and tells.
    fail(&fleet, false);
    fleet.env.run(&["run", "nightly"]).ok();
    fleet.hang(sandbox::server::DIRECTORY);
    let running = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    running.kill();
    fleet.answer();
    fleet.env.run(&["dispatch"]).fails(19);
    let told = self::told(&listener);
    assert_eq!(events(&told), ["recovered", "failed"]);
    assert_eq!(told[1]["error_code"], "INTERRUPTED");
    fleet.assert_sound();
}

#[test]
fn of_many_dispatches_at_once_one_tells() {
    let (fleet, listener) = watched();
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    listener.answers(Answer::Late(Duration::from_millis(700)));
    let started: Vec<_> = (0..8).map(|_| fleet.env.start(&["dispatch"])).collect();
    for one in started {
        assert_eq!(one.end().ok(), "");
    }
    assert_eq!(events(&told(&listener)), ["failed"]);
    assert_eq!(waiting(&fleet), 0);
}

#[test]
fn a_webhook_that_fails_changes_no_exit_code_and_is_said_once() {
    let (fleet, listener) = watched();
    let slots = fleet.slots(1, 4);
    listener.answers(Answer::status(500));
    fail(&fleet, true);
    let stderr = fleet.dispatch(&slots[0]).fails(12);
    assert!(
        stderr.contains("the webhook fails, runs do not: 127.0.0.1 answers 500"),
        "{stderr}"
    );
    assert!(stderr.contains("hint: said once"), "{stderr}");
    assert!(!stderr.contains("/hook"), "{stderr}");
    fail(&fleet, false);
    for (answer, slot) in [(Answer::Close, &slots[1]), (Answer::Hang, &slots[2])] {
        listener.answers(answer);
        assert_eq!(fleet.dispatch(slot).ok(), "");
    }
    assert_eq!(waiting(&fleet), 2);
    let tries = "SELECT group_concat(tries) FROM state_changes";
    let tries: String = fleet
        .env
        .sql()
        .query_row(tries, [], |row| row.get(0))
        .unwrap();
    assert_eq!(tries, "3,0", "what was tried, and not what waits behind it");
    let (doctor, _) = fleet.env.run(&["doctor", "--offline"]).ends(19);
    assert!(
        doctor.contains("2 changes of state wait to be told"),
        "{doctor}"
    );
    // Given up after a day, or after as many tries as a day has minutes.
    let sql = fleet.env.sql();
    sql.execute_batch("UPDATE state_changes SET at = at - 90000 WHERE id = 1")
        .unwrap();
    sql.execute_batch("UPDATE state_changes SET tries = 1440 WHERE id <> 1")
        .unwrap();
    drop(sql);
    listener.take();
    listener.answers(Answer::ok());
    assert_eq!(
        fleet.env.run(&["dispatch"]).ok(),
        "",
        "nothing is left to tell"
    );
    assert_eq!((waiting(&fleet), told(&listener).len()), (0, 0));
    let (doctor, _) = fleet.env.run(&["doctor", "--offline"]).ends(19);
    assert!(doctor.contains("2 were never told"), "{doctor}");
    fail(&fleet, true);
    let stderr = fleet.dispatch(&slots[3]).fails(12);
    assert!(stderr.contains("the webhook works again"), "{stderr}");
    fleet.env.run(&["doctor", "--offline"]).warned();
    fleet.assert_sound();
}

/// What waits is older than a day from now on.
fn age(fleet: &Fleet) {
    let age = "UPDATE state_changes SET at = at - 90000";
    fleet.env.sql().execute_batch(age).unwrap();
}

fn number(fleet: &Fleet, query: &str) -> i64 {
    let sql = fleet.env.sql();
    sql.query_row(query, [], |row| row.get(0)).unwrap()
}

const GIVEN_UP: &str = "SELECT sum(given_up) FROM monitors";

#[test]
fn what_was_given_up_is_told_after_the_next_run_that_fails() {
    let (fleet, listener) = watched();
    let slots = fleet.slots(1, 3);
    listener.answers(Answer::status(500));
    fail(&fleet, true);
    fleet.dispatch(&slots[0]).fails(12);
    age(&fleet);
    fleet.env.run(&["dispatch"]).ok();
    assert_eq!((waiting(&fleet), number(&fleet, GIVEN_UP)), (0, 1));
    listener.take();
    listener.answers(Answer::ok());
    for (slot, expected) in [(&slots[1], &["failed"][..]), (&slots[2], &[])] {
        fleet.dispatch(slot).fails(12);
        assert_eq!(events(&told(&listener)), expected, "{slot}");
    }
    fleet.assert_sound();
}

#[test]
fn what_was_given_up_without_a_failure_is_over_when_telling_works() {
    let (fleet, listener) = watched();
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    // The machine is off for some days.
    age(&fleet);
    fleet.env.run(&["dispatch"]).ok();
    assert_eq!((told(&listener).len(), number(&fleet, GIVEN_UP)), (0, 1));
    fleet.env.run(&["run", "nightly"]).fails(12);
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert_eq!(events(&told(&listener)), ["failed"]);
    assert_eq!(number(&fleet, GIVEN_UP), 0);
}

#[test]
fn a_recovery_that_was_given_up_is_told_after_the_next_success() {
    let (mut fleet, listener) = watched();
    hook(
        &mut fleet,
        "echo $TENANTPILOT_EVENT >> events; [ ! -e broken ]",
    );
    fleet.env.run(&["dispatch"]).ok();
    let heard = || {
        let events = fs::read_to_string(fleet.env.path("events")).unwrap();
        fs::remove_file(fleet.env.path("events")).unwrap();
        events
    };
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    fleet.env.run(&["dispatch"]).ok();
    assert_eq!(heard(), "failed\n");
    fail(&fleet, false);
    fleet.env.file("broken", "", 0o600);
    fleet.env.run(&["run", "nightly"]).ok();
    fleet.env.run(&["dispatch"]).warned();
    fleet.env.run(&["dispatch"]).ok();
    fleet.env.run(&["dispatch"]).ok();
    assert_eq!(heard(), "recovered\n".repeat(3));
    assert_eq!((waiting(&fleet), number(&fleet, GIVEN_UP)), (0, 1));
    // Nothing new: it goes on believing what it heard last.
    fs::remove_file(fleet.env.path("broken")).unwrap();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    fleet.env.run(&["dispatch"]).ok();
    assert!(!fleet.env.path("events").exists());
    fail(&fleet, false);
    fleet.env.run(&["run", "nightly"]).ok();
    fleet.env.run(&["dispatch"]).warned();
    assert_eq!(heard(), "recovered\n");
    fleet.env.run(&["run", "nightly"]).ok();
    fleet.env.run(&["dispatch"]).ok();
    assert!(!fleet.env.path("events").exists());
    // The webhook heard each change, and each once.
    let told = told(&listener);
    let expected = ["failed", "recovered", "failed", "recovered"];
    assert_eq!(events(&told), expected);
    assert_eq!(number(&fleet, "SELECT count(*) FROM state_changes"), 0);
    fleet.assert_sound();
}

#[test]
fn a_recovery_that_was_not_told_is_told_though_nothing_fails_meanwhile() {
    let mut fleet = Fleet::nightly();
    hook(
        &mut fleet,
        "echo $TENANTPILOT_EVENT-$TENANTPILOT_PREVIOUS_STATE >> events; [ ! -e broken ]",
    );
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, false);
    fleet.env.file("broken", "", 0o600);
    fleet.env.run(&["run", "nightly"]).ok();
    fleet.env.run(&["dispatch"]).warned();
    age(&fleet);
    // Given up by the end of a run, by age: what waits then is this run's.
    fs::remove_file(fleet.env.path("broken")).unwrap();
    fs::remove_file(fleet.env.path("events")).unwrap();
    fleet.env.run(&["run", "nightly"]).ok();
    assert_eq!((waiting(&fleet), number(&fleet, GIVEN_UP)), (1, 1));
    fleet.env.run(&["dispatch"]).warned();
    let heard = fs::read_to_string(fleet.env.path("events")).unwrap();
    assert_eq!(heard, "recovered-failed\n");
}

#[test]
fn what_a_run_gives_up_of_a_webhook_that_was_taken_away_is_counted_and_nobody_hears_twice() {
    let (mut fleet, listener) = watched();
    listener.answers(Answer::status(500));
    hook(&mut fleet, "exit 0");
    fleet.add("weekly", "contoso", &[]);
    fail(&fleet, true);
    fleet.env.run(&["dispatch"]).ok();
    fleet.env.run(&["run", "nightly"]).fails(12);
    fleet.env.run(&["dispatch"]).warned();
    let calls = || {
        fs::read_to_string(fleet.env.path("calls"))
            .unwrap()
            .lines()
            .count()
    };
    assert_eq!((waiting(&fleet), calls()), (1, 1));
    age(&fleet);
    fleet.env.run(&["run", "weekly"]).fails(12);
    assert_eq!((waiting(&fleet), number(&fleet, GIVEN_UP)), (2, 1));
    fleet.env.unset("TENANTPILOT_WEBHOOK");
    fleet.env.run(&["dispatch"]).ok();
    fleet.env.run(&["run", "nightly"]).fails(12);
    fleet.env.run(&["dispatch"]).ok();
    let calls = fs::read_to_string(fleet.env.path("calls")).unwrap();
    assert_eq!(calls.lines().count(), 2, "one of each schedule");
}

#[test]
fn one_change_that_is_refused_holds_up_its_schedule_alone() {
    let (fleet, listener) = watched();
    fleet.add("weekly", "contoso", &[]);
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    fleet.env.run(&["run", "weekly"]).fails(12);
    fail(&fleet, false);
    fleet.env.run(&["run", "nightly"]).ok();
    let tries = || {
        let sql = fleet.env.sql();
        let tries = "SELECT group_concat(tries) FROM (SELECT tries FROM state_changes ORDER BY id)";
        sql.query_row(tries, [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    let schedules = || -> Vec<String> {
        let told = told(&listener);
        told.iter()
            .map(|one| one["schedule"].as_str().unwrap().to_owned())
            .collect()
    };
    listener.answers(Answer::status(413));
    fleet.env.run(&["dispatch"]).warned();
    assert_eq!(
        schedules(),
        ["nightly", "weekly"],
        "the later of nightly waits behind"
    );
    assert_eq!(tries(), "1,1,0");
    for down in [429, 503] {
        listener.answers(Answer::status(down));
        fleet.env.run(&["dispatch"]).ok();
        assert_eq!(
            schedules(),
            ["nightly", "nightly"],
            "{down}: one, tried twice"
        );
    }
    assert_eq!(tries(), "3,1,0");
    listener.answers(Answer::ok());
    fleet.env.run(&["dispatch"]).warned();
    let told = told(&listener);
    assert_eq!(events(&told), ["failed", "failed", "recovered"]);
    fleet.assert_sound();
}

#[test]
fn where_a_try_cannot_be_written_nothing_is_told_and_that_is_said() {
    let (fleet, listener) = watched();
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    let refuse = |table: &str, what: &str| {
        let trigger = format!(
            "CREATE TRIGGER full_{table} BEFORE UPDATE {what} ON {table}
             BEGIN SELECT RAISE(ABORT, 'it is full'); END"
        );
        fleet.env.sql().execute_batch(&trigger).unwrap();
    };
    refuse("state_changes", "OF tries");
    let stderr = fleet.env.run(&["dispatch"]).warned().1;
    assert!(
        stderr.contains("the webhook fails, runs do not: "),
        "{stderr}"
    );
    assert_eq!(told(&listener), [] as [Value; 0]);
    // What cannot be kept either is said each time.
    refuse("monitors", "");
    for _ in 0..2 {
        let stderr = fleet.env.run(&["dispatch"]).warned().1;
        assert!(stderr.contains("(this could not be kept: "), "{stderr}");
    }
    let mend = "DROP TRIGGER full_state_changes; DROP TRIGGER full_monitors";
    fleet.env.sql().execute_batch(mend).unwrap();
    fleet.env.run(&["dispatch"]).warned();
    assert_eq!(events(&told(&listener)), ["failed"]);
}
