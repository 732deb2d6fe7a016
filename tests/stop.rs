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
use sandbox::server::faults::{Fault, Kind};

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
        let by = match signal {
            "INT" => "stopped by SIGINT (Ctrl-C)\n",
            _ => "stopped by SIGTERM\n",
        };
        assert_eq!(stderr.matches(by).count(), 2, "{stderr}");
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
fn a_signal_cancels_a_run_that_waits_for_its_offset() {
    let fleet = Fleet::new();
    // Of a day the schedule with the id 1 waits 14 hours.
    fleet.add(
        "nightly",
        "contoso",
        &["--spread", "24h", "--max-runtime", "1s"],
    );
    let shown = fleet.env.json(&["schedules", "show", "nightly"]);
    assert_eq!(shown["spread_offset_s"], 53_398);
    let text = fleet.env.run(&["schedules", "show", "nightly"]).ok();
    assert!(
        text.contains("1d: starts 14h 49m after each slot"),
        "{text}"
    );
    let slots = fleet.slots(1, 2);
    let dispatch = fleet.start(&slots[0], &[]);
    fleet.await_status(1, "queued");
    let begun = Instant::now();
    dispatch.signal("TERM");
    dispatch.end_within(SOON).fails(143);
    assert!(begun.elapsed() < SOON);
    assert_eq!(fleet.outcomes(), [outcome(1, "canceled", "CANCELED")]);
    fleet.assert_sound();
    // By hand nothing is waited for.
    fleet.env.run(&["run", "nightly", "--quiet"]).ok();
    assert_eq!(fleet.outcomes()[1], outcome(1, "success", "-"));
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

/// A signal while the n-th request hangs, for every n that a run makes. Until everything is read the
/// run is canceled; afterwards, when only names are looked up, what was read is kept. What came of it.
fn stopped_at_each_request(signal: &str, code: i32) -> String {
    let fleet = Fleet::new();
    let types = "assignmentFilter,deviceManagementScript";
    fleet.add("nightly", "contoso", &["--types", types]);
    let (mut stopped, mut kept) = (0, 0);
    let mut slowest = Duration::ZERO;
    for slot in fleet.slots(1, 40) {
        let hanging = match stopped {
            0 => Fault::on("token", Kind::Hang),
            before => Fault::on("", Kind::Hang).after_requests(before - 1),
        };
        fleet.sandbox.fault(hanging);
        let mut dispatch = fleet.start(&slot, &[]);
        let hangs = env::until("a request that hangs, or the end", fleet::LONG, || {
            let hangs = fleet.sandbox.await_hanging(1, Duration::ZERO);
            (hangs || !dispatch.is_alive()).then_some(hangs)
        });
        if !hangs {
            assert_eq!(dispatch.end().ok(), "", "it made no further request");
            break;
        }
        stopped += 1;
        let begun = Instant::now();
        dispatch.signal(signal);
        let stderr = dispatch.end_within(SOON).fails(code);
        slowest = slowest.max(begun.elapsed());
        let run = fleet.env.items(&["history", "--limit", "1"]).remove(0);
        if run["status"] == "success" {
            assert_eq!(stderr, "");
            kept += 1;
        } else {
            assert_eq!(run["error_code"], "CANCELED", "{run}");
            assert_eq!(stderr.matches(" was canceled: CANCELED: ").count(), 1);
        }
        fleet.answer();
        env::until("nothing hangs", fleet::LONG, || {
            (!fleet.sandbox.await_hanging(1, Duration::ZERO)).then_some(())
        });
    }
    assert!(stopped < 39, "{stopped} requests");
    assert!(
        kept + 3 < usize::try_from(stopped).unwrap(),
        "{kept} of {stopped}"
    );
    let sets = fleet.env.items(&["backups", "list"]);
    assert_eq!(sets.len(), kept + 1, "and the last, that nothing stopped");
    fleet.assert_sound();
    format!("SIG{signal} at {stopped} requests: over within {slowest:.2?}, {kept} had read all")
}

#[test]
fn a_signal_at_any_request_ends_the_run_and_leaves_nothing_of_it() {
    println!("{}", stopped_at_each_request("TERM", 143));
    println!("{}", stopped_at_each_request("INT", 130));
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
    let begun = Instant::now();
    env::until("the end", SOON, || {
        dispatch.signal("TERM");
        (!dispatch.is_alive()).then_some(())
    });
    println!("over {:.2?} after the second signal", begun.elapsed());
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
