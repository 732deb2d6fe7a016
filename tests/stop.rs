//! Runs that are ended from outside: by a signal, or by their max runtime.

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
use sandbox::server::DIRECTORY;

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_signal_cancels_what_runs_and_what_waits() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let fleet = Fleet::nightly();
        fleet.add("second", "contoso", &[]);
        let slots = fleet.slots(1, 2);
        fleet.hang(DIRECTORY);
        let dispatch = fleet.start(&slots[0], &["--jobs", "1"]);
        fleet.await_hanging(1);
        dispatch.signal(signal);
        let stderr = dispatch.end_within(SOON).fails(code);
        for id in [1, 2] {
            let line = format!("error: run {id} of schedule ");
            assert!(stderr.contains(&line), "{stderr}");
        }
        assert_eq!(stderr.matches(" was canceled: CANCELED: ").count(), 2);
        assert_eq!(
            stderr.lines().count(),
            4,
            "a line and a hint each: {stderr}"
        );
        assert_eq!(
            fleet.outcomes(),
            [
                outcome(1, "canceled", "CANCELED"),
                outcome(2, "canceled", "CANCELED")
            ]
        );
        assert!(fleet.env.items(&["backups", "list"]).is_empty());
        fleet.assert_sound();
        fleet.answer();
        assert_eq!(fleet.dispatch(&slots[1]).ok(), "", "the next slot runs");
        assert_eq!(fleet.events("run.interrupted"), 0);
    }
}

#[test]
fn a_signal_ends_a_manual_run_and_one_that_waits() {
    let fleet = Fleet::nightly();
    fleet.hang(DIRECTORY);
    let run = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    let waits = fleet.env.start(&["run", "nightly", "--wait", "10m"]);
    env::until("it waits", fleet::LONG, || {
        let folder = fleet.env.path("state/tenantpilot.db-locks");
        let names = std::fs::read_dir(folder).unwrap().flatten();
        let processes = names
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("process-"))
            .count();
        (processes == 2).then_some(())
    });
    waits.signal("INT");
    waits.end_within(SOON).fails(130);
    run.signal("TERM");
    run.end_within(SOON).fails(143);
    assert_eq!(fleet.outcomes()[0], outcome(1, "canceled", "CANCELED"));
    fleet.assert_sound();
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    fleet.hang(DIRECTORY);
    let dispatch = fleet.start(&slots[0], &[]);
    fleet.await_hanging(1);
    // The database is busy, so that the first signal cannot be followed by an orderly end.
    let sql = fleet.env.sql();
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    dispatch.signal("TERM");
    let (begun, mut dispatch) = (Instant::now(), dispatch);
    env::until("some time", SOON, || {
        assert!(dispatch.is_alive(), "it waits to write its end");
        (begun.elapsed() > Duration::from_millis(300)).then_some(())
    });
    // Two that come before the first was taken up count as one.
    env::until("the end", SOON, || {
        dispatch.signal("TERM");
        (!dispatch.is_alive()).then_some(())
    });
    dispatch.end().fails(143);
    sql.execute_batch("COMMIT").unwrap();
    fleet.answer();
    fleet.dispatch(&slots[1]).fails(19);
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
fn a_run_that_takes_longer_than_it_may_is_given_up() {
    let fleet = Fleet::new();
    fleet.add("nightly", "contoso", &["--max-runtime", "2s"]);
    let slots = fleet.slots(1, 2);
    fleet.hang(DIRECTORY);
    let begun = Instant::now();
    let stderr = fleet.dispatch(&slots[0]).fails(124);
    let took = begun.elapsed();
    // The last request is given a little less than what is left.
    assert!((1..10).contains(&took.as_secs()), "took {took:?}");
    assert!(stderr.contains(" failed: TIMED_OUT: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert_eq!(fleet.outcomes(), [outcome(1, "failed", "TIMED_OUT")]);
    assert!(fleet.env.items(&["backups", "list"]).is_empty());
    fleet.answer();
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    fleet.assert_sound();
}
