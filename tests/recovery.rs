//! A process that dies at once, by `kill -9`: what it had is closed once, and nothing of it stays.

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

use std::time::Duration;

use env::until;
use fleet::{Fleet, LONG, outcome};
use sandbox::server::DIRECTORY;
use sandbox::server::faults::{Dice, Fault, Kind};
use serde_json::json;

/// A fleet whose run of that slot was killed in the middle.
fn killed_at(slot: usize) -> (Fleet, Vec<String>) {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 4);
    fleet.hang(DIRECTORY);
    let doomed = fleet.start(&slots[slot], &[]);
    fleet.await_hanging(1);
    fleet.await_status(1, "running");
    doomed.kill();
    fleet.answer();
    (fleet, slots)
}

#[test]
fn a_killed_run_is_closed_once_and_told_once() {
    let (fleet, slots) = killed_at(0);
    assert_eq!(fleet.outcomes(), [outcome(1, "running", "-")]);
    let stderr = fleet.dispatch(&slots[0]).fails(19);
    assert_eq!(
        stderr,
        "error: run 1 of schedule nightly (id 1) of tenant contoso was interrupted: its process is \
         gone and it left no backup set\nhint: tenantpilot retry 1\n"
    );
    let run = fleet.runs().remove(0);
    assert_eq!(
        (&run["status"], &run["error_code"], &run["backup_set_id"]),
        (&json!("failed"), &json!("INTERRUPTED"), &json!(null))
    );
    assert_eq!(run["error_message"], "the process that executed it is gone");
    assert!(run["finished_at"].is_string());
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "", "told once");
    assert_eq!(fleet.runs().len(), 1, "its slot is not run again");
    assert!(fleet.env.items(&["backups", "list"]).is_empty());
    fleet.assert_sound();

    assert_eq!(fleet.dispatch(&slots[1]).ok(), "", "the next slot runs");
    assert_eq!(fleet.outcomes()[1], outcome(1, "success", "-"));
    assert_eq!(fleet.events("run.interrupted"), 1);
    fleet.env.run(&["retry", "1"]).ok();
    assert_eq!(fleet.runs()[2]["retry_of"], 1);
    fleet.assert_sound();
}

#[test]
fn the_dispatch_of_the_next_slot_closes_it_and_runs() {
    let (fleet, slots) = killed_at(0);
    let stderr = fleet.dispatch(&slots[1]).fails(19);
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "failed", "INTERRUPTED"),
            outcome(1, "success", "-")
        ]
    );
    fleet.assert_sound();
}

#[test]
fn ten_that_race_to_close_it_close_it_once() {
    let (fleet, slots) = killed_at(0);
    let started: Vec<_> = (0..10).map(|_| fleet.start(&slots[0], &[])).collect();
    let ended: Vec<_> = started.into_iter().map(env::Started::end).collect();
    let told = ended.iter().filter(|run| run.code == Some(19)).count();
    assert_eq!(told, 1);
    for run in ended.into_iter().filter(|run| run.code != Some(19)) {
        assert_eq!(run.ok(), "");
    }
    assert_eq!(fleet.outcomes(), [outcome(1, "failed", "INTERRUPTED")]);
    assert_eq!(fleet.events("run.interrupted"), 1);
    assert_eq!(
        fleet.events("dispatch"),
        2,
        "the killed one and the closing"
    );
    fleet.assert_sound();
}

#[test]
fn a_manual_run_closes_it_too_and_says_so() {
    let (fleet, _) = killed_at(0);
    let (stdout, stderr) = fleet.env.run(&["run", "nightly"]).warned();
    assert!(stdout.starts_with("run 2 of "), "{stdout}");
    assert_eq!(
        stderr,
        "warning: run 1 of schedule nightly (id 1) of tenant contoso was interrupted: its process \
         is gone and it left no backup set\nhint: tenantpilot retry 1\n"
    );
    assert_eq!(fleet.events("run.interrupted"), 1);
    fleet.assert_sound();
}

/// On a bad night it is the first command that changes anything.
#[test]
fn a_retry_closes_it_first_and_tries_it_again() {
    let again = "run 1 of schedule nightly (id 1) of tenant contoso was interrupted: its process is \
                 gone and it left no backup set\n";
    for retry in [["retry", "--failed"], ["retry", "1"]] {
        let (fleet, _) = killed_at(0);
        let (stdout, stderr) = fleet.env.run(&retry).warned();
        assert!(stdout.starts_with("run 2 of "), "{stdout}");
        assert_eq!(stderr, format!("warning: {again}"));
        assert_eq!(fleet.runs()[1]["retry_of"], 1);
        assert_eq!(fleet.events("run.interrupted"), 1);
        let (stdout, stderr) = fleet.env.run(&["retry", "--failed"]).warned();
        assert_eq!(
            (stdout.as_str(), stderr.as_str()),
            ("", "there is no run to try again\n")
        );
        fleet.assert_sound();
    }
    let (fleet, _) = killed_at(0);
    let none = ["retry", "--failed", "--label", "env=prod"];
    let stderr = fleet.env.run(&none).fails(18);
    let told = format!("warning: {again}hint: tenantpilot retry 1\n");
    assert!(stderr.starts_with(&told), "{stderr}");
}

#[test]
fn runs_that_were_still_queued_are_closed_too() {
    let fleet = Fleet::nightly();
    fleet.add("second", "contoso", &[]);
    fleet.add("third", "contoso", &[]);
    let slots = fleet.slots(1, 2);
    fleet.hang(DIRECTORY);
    let doomed = fleet.start(&slots[0], &["--jobs", "1"]);
    fleet.await_hanging(1);
    doomed.kill();
    fleet.answer();
    let stderr = fleet.dispatch(&slots[0]).fails(19);
    assert_eq!(
        stderr.lines().count(),
        6,
        "a line and a hint each: {stderr}"
    );
    let interrupted = |id| outcome(id, "failed", "INTERRUPTED");
    assert_eq!(
        fleet.outcomes(),
        [interrupted(1), interrupted(2), interrupted(3)]
    );
    let runs = fleet.runs();
    assert_eq!(
        runs[2]["error_message"],
        "the process that had claimed it is gone"
    );
    assert_eq!(runs[2]["started_at"], json!(null));
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    let ran = |id| outcome(id, "success", "-");
    let mut later = fleet.outcomes().split_off(3);
    later.sort();
    assert_eq!(later, [ran(1), ran(2), ran(3)]);
    fleet.assert_sound();
}

/// Kills when the n-th request hangs, and when it was answered, for every n that a run makes: after
/// the claim, in the sign-in, between two lists, in the last transaction, in retention. However far
/// it came, the run has one end, and there is no half of a backup set.
#[test]
fn killed_anywhere_it_leaves_all_or_nothing() {
    let fleet = Fleet::new();
    let types = "namedLocation,deviceManagementScript";
    fleet.add(
        "nightly",
        "contoso",
        &["--types", types, "--keep-last", "2"],
    );
    let mut slots = fleet.slots(1, 100).into_iter();
    fleet.sandbox.forget_requests();
    assert_eq!(fleet.dispatch(&slots.next().unwrap()).ok(), "");
    let requests = fleet.sandbox.requests().len();
    assert!((3..40).contains(&requests), "{requests} requests");
    let (mut interrupted, mut in_the_middle) = (0, 0);
    for (n, hangs) in (1..=requests).flat_map(|n| [(n, true), (n, false)]) {
        let slot = slots.next().unwrap();
        fleet.sandbox.forget_requests();
        // The first request is the sign-in.
        if hangs && n == 1 {
            fleet.sandbox.fault(Fault::on("token", Kind::Hang));
        } else if hangs {
            let before = u32::try_from(n).unwrap() - 2;
            fleet
                .sandbox
                .fault(Fault::on("", Kind::Hang).after_requests(before));
        }
        let mut doomed = fleet.start(&slot, &[]);
        until("the request", LONG, || {
            let met = match hangs {
                true => fleet.sandbox.await_hanging(1, Duration::ZERO),
                false => fleet.sandbox.requests().len() >= n,
            };
            (met || !doomed.is_alive()).then_some(())
        });
        // Reads that share a round trip are not shared alike each time: the last ones may not come.
        let hung = hangs && fleet.sandbox.await_hanging(1, Duration::ZERO);
        in_the_middle += usize::from(hung);
        doomed.kill();
        fleet.answer();
        let closed = fleet.dispatch(&slot);
        assert!(matches!(closed.code, Some(0 | 19)), "{}", closed.stderr);
        assert!(!hung || closed.code == Some(19), "killed in the middle");
        interrupted += usize::from(closed.code == Some(19));
        assert_eq!(fleet.events("run.interrupted"), interrupted);
    }
    assert!(
        in_the_middle * 2 > requests,
        "{in_the_middle} of {requests}"
    );
    let runs = fleet.runs();
    assert_eq!(runs.len(), 1 + 2 * requests);
    for run in &runs {
        let interrupted = run["error_code"] == "INTERRUPTED";
        assert_eq!(run["status"] == "success", !interrupted, "{run}");
        assert!(!interrupted || run["backup_set_id"].is_null(), "{run}");
    }
    fleet.assert_sound();
    assert_eq!(fleet.dispatch(&slots.next().unwrap()).ok(), "");
    fleet.assert_sound();
}

/// So many processes, each killed at a time drawn by lot between its start and its end, with
/// retention pushing sets out all the while. How many were interrupted.
#[expect(
    clippy::disallowed_methods,
    reason = "when a process dies is the machine's affair"
)]
fn killed_at_random(rounds: usize) -> usize {
    let fleet = Fleet::new();
    let types = "settingsCatalogPolicy,deviceManagementScript,namedLocation";
    fleet.add(
        "nightly",
        "contoso",
        &["--types", types, "--keep-last", "3"],
    );
    let mut slots = fleet.slots(1, rounds + 2).into_iter();
    let begun = std::time::Instant::now();
    assert_eq!(fleet.dispatch(&slots.next().unwrap()).ok(), "");
    let whole = u64::try_from(begun.elapsed().as_micros()).unwrap();
    let mut dice = Dice(17);
    let (mut interrupted, mut unclaimed) = (0, 0);
    for slot in slots.by_ref().take(rounds) {
        fleet
            .sandbox
            .change(sandbox::CATALOG, 1 + usize::try_from(dice.roll(5)).unwrap());
        let doomed = fleet.start(&slot, &[]);
        std::thread::sleep(Duration::from_micros(dice.roll(whole + whole / 4)));
        doomed.kill();
        let closed = fleet.dispatch(&slot);
        assert!(matches!(closed.code, Some(0 | 19)), "{}", closed.stderr);
        interrupted += usize::from(closed.code == Some(19));
        unclaimed += usize::from(closed.code == Some(0));
    }
    assert_eq!(fleet.events("run.interrupted"), interrupted);
    let runs = "SELECT count(*), count(DISTINCT scheduled_for) FROM runs";
    let sql = fleet.env.sql();
    let counts = sql.query_row(runs, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (runs, its_slots): (i64, i64) = counts.unwrap();
    let rounds = i64::try_from(rounds).unwrap();
    assert_eq!(
        (runs, its_slots),
        (rounds + 1, rounds + 1),
        "a run per slot"
    );
    let halves = "SELECT count(*) FROM runs LEFT JOIN backup_sets ON run_id = runs.id
                  WHERE (error_code IS NULL) <> (runs.status = 'success')
                     OR runs.status <> 'success' AND run_id IS NOT NULL";
    let halves: i64 = sql.query_row(halves, [], |row| row.get(0)).unwrap();
    assert_eq!(halves, 0, "a set of a run that did not end well");
    assert!(
        interrupted > 0 && unclaimed > 0,
        "{interrupted}, {unclaimed}"
    );
    assert_eq!(fleet.dispatch(&slots.next().unwrap()).ok(), "");
    fleet.assert_sound();
    interrupted
}

#[test]
fn killed_at_any_time_it_leaves_all_or_nothing() {
    killed_at_random(20);
}

#[test]
#[ignore = "takes minutes"]
fn killed_at_any_time_five_hundred_times() {
    let interrupted = killed_at_random(500);
    println!("500 processes killed, {interrupted} of them in the middle of a run");
}
