//! Pings: each run tells its check how it went, and no check is in the way of a run.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/listener.rs"]
mod listener;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::time::{Duration, Instant};

use fleet::{Fleet, outcome};
use listener::{Answer, Heard, Listener};
use sandbox::server::DIRECTORY;
use sandbox::server::faults::{Fault, Kind};
use serde_json::{Value, json};

/// A schedule `nightly` whose check is at `/check`.
fn pinged() -> (Fleet, Listener) {
    let (fleet, listener) = (Fleet::nightly(), Listener::start());
    ping(&fleet, &listener.url("check"));
    (fleet, listener)
}

fn ping(fleet: &Fleet, url: &str) {
    let args = ["schedules", "edit", "nightly", "--ping-url", url];
    fleet.env.run(&args).ok();
}

/// Path and body of each.
fn said(heard: &[Heard]) -> Vec<(&str, &str)> {
    let one = |one: &Heard| {
        assert_eq!(one.method, "POST");
        assert!(one.media_type.starts_with("text/plain"), "{one:?}");
    };
    heard.iter().for_each(one);
    let said = heard.iter().map(|one| (one.path(), one.body.as_str()));
    said.collect()
}

/// The one `rid` that all of these have.
fn rid(heard: &[Heard]) -> &str {
    let rid = heard[0].option("rid").unwrap();
    assert!(heard.iter().all(|one| one.option("rid") == Some(rid)));
    let groups: Vec<usize> = rid.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{rid}");
    rid
}

#[test]
fn a_run_tells_its_start_and_its_end_under_one_id() {
    let (fleet, listener) = pinged();
    let slots = fleet.slots(1, 1);
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "");
    let scheduled = listener.take();
    assert_eq!(
        said(&scheduled),
        [
            ("/check/start", "run 1 running"),
            ("/check", "run 1 success")
        ]
    );
    let first = rid(&scheduled).to_owned();
    // What a person starts is told too, and what is there already in a query stays.
    ping(&fleet, &listener.url("push?token=a&status=up"));
    fleet.env.run(&["run", "nightly"]).ok();
    let manual = listener.take();
    assert_eq!(
        said(&manual),
        [("/push/start", "run 2 running"), ("/push", "run 2 success")]
    );
    assert_ne!(first, rid(&manual));
    assert_eq!(manual[1].option("token"), Some("a"));
    // No URL, no word.
    let args = ["schedules", "edit", "nightly", "--no-ping-url"];
    fleet.env.run(&args).ok();
    fleet.env.run(&["run", "nightly"]).ok();
    assert_eq!(listener.take(), []);
}

#[test]
fn a_url_that_cannot_be_used_any_more_can_be_taken_away() {
    let fleet = Fleet::nightly();
    ping(&fleet, "https://hc.example.com/1");
    let sql = rusqlite::Connection::open(fleet.env.database()).unwrap();
    let spoil = "UPDATE ping_urls SET url = 'ftp://hc.example.com/1'";
    sql.execute(spoil, []).unwrap();
    let urls = || -> i64 {
        sql.query_row("SELECT count(*) FROM ping_urls", [], |row| row.get(0))
            .unwrap()
    };
    // Nothing else that is changed takes it away.
    let edit = |rest: &[&str]| {
        let args = [&["schedules", "edit", "nightly"][..], rest].concat();
        fleet.env.run(&args).ok()
    };
    edit(&["--label", "a=b"]);
    assert_eq!(urls(), 1);
    let changed = edit(&["--no-ping-url"]);
    assert_eq!(
        changed,
        "changed schedule nightly (id 1) of tenant contoso\n"
    );
    assert_eq!(urls(), 0);
    let event = &fleet.env.items(&["audit", "list", "--limit", "1"])[0];
    assert_eq!(event["details"]["ping"]["after"], Value::Null);
    assert!(edit(&["--no-ping-url"]).ends_with("is like that already\n"));
}

#[test]
fn what_is_no_success_is_a_fail_without_a_word_of_the_tenant() {
    let (fleet, listener) = pinged();
    let types = ["--types", "namedLocation,assignmentFilter"];
    let args = [&["schedules", "edit", "nightly"][..], &types].concat();
    fleet.env.run(&args).ok();
    let filters = "deviceManagement/assignmentFilters";
    fleet.sandbox.fault(Fault::on(filters, Kind::Forbidden));
    let slots = fleet.slots(1, 2);
    fleet.dispatch(&slots[0]).fails(3);
    fleet.sandbox.clear_faults();
    fleet.sandbox.fault(Fault::on("token", Kind::Status(400)));
    fleet.dispatch(&slots[1]).fails(12);
    fleet.sandbox.clear_faults();
    assert_eq!(
        said(&listener.take()),
        [
            ("/check/start", "run 1 running"),
            ("/check/fail", "run 1 partial PERMISSION_MISSING"),
            ("/check/start", "run 2 running"),
            ("/check/fail", "run 2 failed AUTH_FAILED"),
        ]
    );
    fleet.env.run(&["retry", "2"]).ok();
    assert_eq!(said(&listener.take())[1], ("/check", "run 3 success"));
    // Missed slots are told once, and belong to no run that began.
    let later = fleet.slots(1, 4).remove(3).replace("T02:00", "T02:30");
    fleet.dispatch(&later).fails(19);
    let missed = listener.take();
    let told: Vec<_> = said(&missed);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "/check/fail");
    assert!(
        told[0]
            .1
            .starts_with("did not run: 4 slots were missed, the newest 20"),
        "{told:?}"
    );
    assert_eq!(missed[0].option("rid"), None);
}

#[test]
fn a_run_that_died_is_told_by_the_next_dispatch_and_one_that_was_skipped_by_nobody() {
    let (fleet, listener) = pinged();
    let slots = fleet.slots(1, 3);
    fleet.hang(DIRECTORY);
    let running = fleet.start(&slots[0], &[]);
    fleet.await_hanging(1);
    // Another slot comes while it goes on.
    fleet.dispatch(&slots[1]).ok();
    listener.await_heard(1);
    assert_eq!(said(&listener.heard()), [("/check/start", "run 1 running")]);
    running.kill();
    fleet.answer();
    let after = slots[1].replace("T02:00", "T02:01");
    fleet.dispatch(&after).fails(19);
    let heard = listener.take();
    assert_eq!(
        said(&heard),
        [
            ("/check/start", "run 1 running"),
            ("/check/fail", "run 1 failed INTERRUPTED"),
        ]
    );
    rid(&heard);
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "failed", "INTERRUPTED"),
            outcome(1, "skipped", "LOCK_HELD")
        ]
    );
    // One that a signal ends says so before the process is gone.
    fleet.hang(DIRECTORY);
    let running = fleet.start(&slots[2], &[]);
    fleet.await_hanging(1);
    running.signal("TERM");
    running.end().ends(143).1.lines().next().unwrap();
    fleet.answer();
    let heard = listener.take();
    assert_eq!(said(&heard)[1], ("/check/fail", "run 3 canceled CANCELED"));
}

#[test]
fn a_check_that_hangs_delays_no_run_and_fails_none() {
    let (fleet, listener) = pinged();
    listener.answers(Answer::Hang);
    let slots = fleet.slots(1, 3);
    let begun = Instant::now();
    let started = fleet.start(&slots[0], &[]);
    listener.await_heard(1);
    // The run is over while its start is not told yet.
    fleet.await_status(1, "success");
    let run = started.end();
    // Four tries of five seconds, and much patience with a busy machine.
    assert!(
        begun.elapsed() < Duration::from_secs(120),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(run.code, Some(0));
    assert!(
        run.stderr
            .contains("the ping of schedule nightly (id 1) of tenant contoso fails")
    );
    assert!(
        run.stderr.contains("127.0.0.1 did not answer in time"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("/check"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let duration = fleet.runs()[0]["duration_ms"].as_i64().unwrap();
    assert!(duration < 10_000, "the run itself took {duration} ms");
    assert_eq!(listener.take().len(), 4);
    // It was said; now it is only kept, until it works again.
    for answer in [
        Answer::status(500),
        Answer::Close,
        Answer::Status(302, format!("location: {}\r\n", listener.url("elsewhere"))),
    ] {
        listener.answers(answer);
        fleet.env.run(&["run", "nightly"]).ok();
        let paths = listener.take();
        assert_eq!(paths.len(), 4, "two tries of two pings: {paths:?}");
        assert!(paths.iter().all(|one| one.path() != "/elsewhere"));
    }
    let status = fleet.env.json(&["status"]);
    let failing = &status["failing_monitors"][0];
    assert_eq!(
        (&status["ok"], &failing["monitor"]),
        (&json!(true), &json!("ping"))
    );
    assert_eq!(
        (&failing["failures"], &failing["schedule_id"]),
        (&json!(4), &json!(1))
    );
    let reason = failing["reason"].as_str().unwrap();
    assert!(reason.starts_with("127.0.0.1 answers 302"), "{reason}");
    let text = fleet.env.run(&["status"]).ok();
    assert!(text.contains("the ping of schedule nightly (id 1) of tenant contoso fails since 20"));
    let (doctor, _) = fleet.env.run(&["doctor", "--json", "--offline"]).ends(19);
    assert!(
        doctor.contains("4 times in a row: 127.0.0.1 answers 302"),
        "{doctor}"
    );
    listener.answers(Answer::Late(Duration::from_millis(300)));
    let stderr = fleet.env.run(&["run", "nightly"]).warned().1;
    assert!(stderr.contains("of tenant contoso works again"), "{stderr}");
    // An answer whose body never ends has arrived.
    listener.answers(Answer::Drip);
    fleet.env.run(&["run", "nightly"]).ok();
    assert_eq!(fleet.env.json(&["status"])["failing_monitors"], json!([]));
    fleet.assert_sound();
}

#[test]
fn dispatch_tells_its_own_check_each_minute() {
    let (mut fleet, listener) = (Fleet::nightly(), Listener::start());
    fleet
        .env
        .set("TENANTPILOT_PING_URL", &listener.url("alive"));
    let slot = fleet.slots(1, 1).remove(0);
    fleet.sandbox.fault(Fault::on("token", Kind::Status(400)));
    fleet.env.run(&["dispatch"]).ok();
    fleet.dispatch(&slot).fails(12);
    fleet.env.run(&["dispatch", "--dry-run"]).ok();
    let heard = listener.take();
    assert_eq!(
        said(&heard),
        [("/alive", "dispatch ok"), ("/alive", "dispatch ok")],
        "a run that failed is no failure of dispatch"
    );
    assert_eq!(heard[0].target, "/alive");
    fleet.env.set("TENANTPILOT_DB", "/nowhere/tp.db");
    fleet.env.run(&["dispatch"]).fails(10);
    assert_eq!(
        said(&listener.take()),
        [("/alive/fail", "dispatch failed: no_store")]
    );
}

#[test]
fn what_happens_each_minute_is_said_after_five_failures_and_once() {
    let (fleet, listener) = (Fleet::new(), Listener::start());
    let url = listener.url("secret");
    let dispatch = || fleet.env.run(&["dispatch", "--ping-url", &url]).warned().1;
    listener.answers(Answer::status(503));
    for minute in 1..=7 {
        let stderr = dispatch();
        match minute {
            5 => assert!(stderr.contains("the ping of dispatch fails"), "{stderr}"),
            _ => assert_eq!(stderr, "", "minute {minute}"),
        }
        assert!(!stderr.contains("secret"), "{stderr}");
    }
    listener.answers(Answer::ok());
    assert!(dispatch().contains("the ping of dispatch works again"));
    assert_eq!(dispatch(), "");
    assert_eq!(fleet.env.run(&["dispatch", "--ping-url", ""]).ok(), "");
}

#[test]
fn a_ping_url_is_shown_to_whoever_may_change_it() {
    let (mut fleet, listener) = pinged();
    let url = listener.url("check");
    let shown = |fleet: &Fleet| fleet.env.json(&["schedules", "show", "nightly"]);
    let owner = shown(&fleet);
    assert_eq!(owner["ping_url"], json!(url));
    let short = owner["ping"].as_str().unwrap().to_owned();
    assert!(
        short.starts_with("http://127.0.0.1:") && short.contains("/… ("),
        "{short}"
    );
    for args in [
        &["schedules", "show", "nightly"][..],
        &["schedules", "list"],
        &["audit", "list"],
    ] {
        let text = fleet.env.run(args).ok();
        assert!(!text.contains("/check"), "{text}");
    }
    assert!(
        fleet
            .env
            .run(&["schedules", "show", "nightly"])
            .ok()
            .contains(&short)
    );
    let events = fleet.env.items(&["audit", "list"]);
    let edit = events
        .iter()
        .find(|one| one["action"] == "schedule.edit")
        .unwrap();
    assert_eq!(edit["details"]["ping"]["after"], json!(short));
    for (user, role) in [("root", "owner"), ("ben", "operator"), ("anna", "manager")] {
        fleet.env.run(&["roles", "grant", user, role]).warned();
    }
    for (user, expected) in [("ben", Value::Null), ("anna", json!(url))] {
        fleet.env.set("SUDO_USER", user);
        let seen = shown(&fleet);
        assert_eq!(
            (&seen["ping_url"], &seen["ping"]),
            (&expected, &json!(short)),
            "{user}"
        );
        let listed = fleet.env.items(&["schedules", "list"]);
        assert_eq!(listed[0]["ping_url"], expected, "{user}");
    }
    fleet.env.unset("SUDO_USER");
    for bad in [
        "http://example.com/secret",
        "ftp://x/secret",
        "https://u:secret@x.example/",
    ] {
        let args = ["schedules", "edit", "nightly", "--ping-url", bad];
        let stderr = fleet.env.run(&args).fails(2);
        assert!(!stderr.contains("secret"), "{stderr}");
    }
}

#[test]
fn of_many_that_did_not_run_few_are_pinged_at_once_and_a_host_that_is_down_is_said_once() {
    let (fleet, listener) = (Fleet::nightly(), Listener::start());
    ping(&fleet, &listener.url("check"));
    for number in 2..=12 {
        let url = listener.url(&format!("check-{number}"));
        fleet.add(&format!("n{number}"), "contoso", &["--ping-url", &url]);
    }
    let late = |day: usize| {
        let slot = fleet.slots(1, day).remove(day - 1);
        slot.replace("T02:00", "T02:30")
    };
    listener.answers(Answer::Close);
    let stderr = fleet.dispatch(&late(1)).fails(19);
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("runs do not"))
        .collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(
        lines[0].contains(" and 11 more fail, runs do not: 127.0.0.1 "),
        "{stderr}"
    );
    let tries = listener.take().len();
    assert!(tries <= 4 * 2, "{tries} of 24");
    let failing = "SELECT count(*) FROM monitors WHERE failures = 1";
    let sql = fleet.env.sql();
    let failing: i64 = sql.query_row(failing, [], |row| row.get(0)).unwrap();
    drop(sql);
    assert_eq!(failing, 12);
    // A server that answers is asked for each.
    listener.answers(Answer::ok());
    let stderr = fleet.dispatch(&late(1)).fails(19);
    assert!(stderr.contains(" and 11 more work again"), "{stderr}");
    let mut paths: Vec<String> = listener
        .take()
        .iter()
        .map(|one| one.path().to_owned())
        .collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 12, "{paths:?}");
    fleet.assert_sound();
}

#[test]
fn nobody_waits_for_the_pings_of_a_schedule_that_is_disabled() {
    let (fleet, listener) = pinged();
    listener.answers(Answer::status(404));
    fleet.env.run(&["run", "nightly"]).warned();
    let failing = || fleet.env.json(&["status"])["failing_monitors"].clone();
    assert_eq!(failing().as_array().unwrap().len(), 1);
    fleet.env.run(&["schedules", "disable", "nightly"]).ok();
    assert_eq!(failing(), json!([]));
    let (doctor, _) = fleet.env.run(&["doctor", "--offline"]).warned();
    assert!(doctor.contains("no monitor fails"), "{doctor}");
    fleet.env.run(&["schedules", "enable", "nightly"]).ok();
    assert_eq!(failing().as_array().unwrap().len(), 1);
}

#[test]
fn a_ping_url_that_cannot_be_used_any_more_stays_until_there_is_another() {
    let (fleet, listener) = pinged();
    let strange = "UPDATE ping_urls SET url = 'http://example.com/check'";
    fleet.env.sql().execute_batch(strange).unwrap();
    fleet
        .env
        .run(&["schedules", "edit", "nightly", "--keep-last", "5"])
        .ok();
    fleet.env.run(&["schedules", "disable", "nightly"]).ok();
    let kept = || -> String {
        let sql = fleet.env.sql();
        sql.query_row("SELECT url FROM ping_urls", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(kept(), "http://example.com/check");
    ping(&fleet, &listener.url("other"));
    assert_eq!(kept(), listener.url("other"));
}
