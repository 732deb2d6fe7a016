//! What the machine does not give: the write lock of the database, file handles, memory. And what
//! a program that is started for a secret gets to see.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use fleet::{Fleet, outcome};
use sandbox::server::DIRECTORY;
use sandbox::server::faults::{Fault, Kind};

const HOLD: &str = "BEGIN IMMEDIATE; UPDATE schedules SET grace_s = grace_s";

#[test]
#[expect(clippy::disallowed_methods, reason = "a lock is held for a while")]
fn a_database_that_is_written_elsewhere_is_waited_for_and_given_up() {
    let (patient, given_up) = (Fleet::nightly(), Fleet::nightly());
    let holders = [&patient, &given_up].map(|fleet| {
        let sql = fleet.env.sql();
        sql.execute_batch(HOLD).unwrap();
        sql
    });
    let slots = [&patient, &given_up].map(|fleet| fleet.slots(1, 1).remove(0));
    let begun = std::time::Instant::now();
    let waiting = patient.start(&slots[0], &[]);
    let waiting_in_vain = given_up.start(&slots[1], &[]);
    let [first, second] = holders;
    std::thread::sleep(Duration::from_secs(3));
    first.execute_batch("ROLLBACK").unwrap();
    assert_eq!(waiting.end().ok(), "");
    assert_eq!(patient.outcomes(), [outcome(1, "success", "-")]);

    let stderr = waiting_in_vain.end().fails(11);
    assert!(
        begun.elapsed() > Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    let database = given_up.env.database();
    let named = format!(
        "error: database {}: cannot begin to write",
        database.display()
    );
    assert!(stderr.starts_with(&named), "{stderr}");
    assert!(stderr.contains("\nhint: try again when"), "{stderr}");
    second.execute_batch("ROLLBACK").unwrap();
    assert!(given_up.runs().is_empty());
    assert_eq!(given_up.dispatch(&slots[1]).ok(), "", "nothing was lost");
    given_up.assert_sound();
}

/// Dispatches with 4 file handles, 5, 6 and so on. Each exits with 16 and says why, until there are
/// enough of them for it to exit with `enough`, which is tried so many `times`; gives what was said.
fn with_ever_more_file_handles(fleet: &Fleet, enough: i32, times: u32) -> String {
    let (mut all_said, mut refused, mut done) = (String::new(), 0, 0);
    for (handles, slot) in (4..60).zip(fleet.slots(1, 60)) {
        let line = format!(r#"ulimit -n {handles}; exec "$0" dispatch --at {slot}"#);
        let run = fleet.env.shell(&line);
        let said = format!("{handles}: {:?} {}", run.code, run.stderr);
        assert!(!run.stderr.contains("panicked"), "{said}");
        let row = fleet.runs().into_iter().find(|row| {
            let of = row["scheduled_for"].as_str();
            of.is_some_and(|of| of[..16] == slot[..16])
        });
        let status = row.as_ref().map(|row| row["status"].as_str().unwrap());
        assert_eq!(status == Some("success"), run.code == Some(0), "{said}");
        match run.code {
            // The loader of the system could not even begin.
            Some(127) => assert!(run.stderr.contains("shared"), "{said}"),
            Some(16) => {
                let told = run
                    .stderr
                    .contains("\nhint: let the process open more files: ulimit -n");
                assert!(told, "{said}");
                if let Some(row) = row.as_ref().filter(|row| row["status"] == "failed") {
                    assert_eq!(row["error_code"], "STORAGE_ERROR", "{said}");
                }
                refused += 1;
                all_said.push_str(&run.stderr);
            }
            code => {
                assert_eq!(code, Some(enough), "{said}");
                done += 1;
            }
        }
        if status.is_none_or(|status| status == "queued" || status == "running") {
            let closed = fleet.dispatch(&slot);
            let code = closed.code.unwrap();
            let stderr = &closed.stderr;
            assert!(matches!(code, 0 | 19) || code == enough, "{said}: {stderr}");
        }
        if done == times {
            break;
        }
    }
    assert!(
        refused > 2 && done == times,
        "{refused} refused, {done} not"
    );
    fleet.assert_sound();
    all_said
}

#[test]
fn with_too_few_file_handles_a_dispatch_fails_and_says_so() {
    let said = with_ever_more_file_handles(&Fleet::nightly(), 0, 3);
    for what in ["signals", "error: database ", "lock file", "-key: "] {
        assert!(said.contains(what), "{what}: {said}");
    }
}

/// The connection that there is breaks when no other can be had any more.
#[test]
fn a_connection_without_a_file_handle_is_no_fault_of_the_network() {
    let fleet = Fleet::nightly();
    let slot = fleet.slots(1, 1).remove(0);
    fleet.hang(DIRECTORY);
    let running = fleet.start(&slot, &[]);
    fleet.await_hanging(1);
    let none = format!("--nofile=3:3 --pid {}", running.id());
    let limit = std::process::Command::new("prlimit")
        .args(none.split(' '))
        .status();
    assert!(limit.unwrap().success());
    fleet.answer();
    let stderr = running.end().fails(16);
    assert!(
        stderr.contains("no connection to 127.0.0.1: Too many open files"),
        "{stderr}"
    );
    assert!(
        stderr.contains("\nhint: let the process open more files"),
        "{stderr}"
    );
    assert_eq!(fleet.outcomes(), [outcome(1, "failed", "STORAGE_ERROR")]);
    fleet.assert_sound();
}

#[test]
fn a_program_that_cannot_be_started_for_want_of_file_handles_is_no_bad_credential() {
    let fleet = Fleet::nightly();
    let secret = fleet.env.path("sandbox-secret");
    let command = format!("cat {}", secret.display());
    let edit = ["tenants", "edit", "contoso", "--secret-command", &command];
    fleet.env.run(&edit).ok();
    let said = with_ever_more_file_handles(&fleet, 0, 3);
    assert!(said.contains("secret command cat: cannot start"), "{said}");
}

/// What looks names up, and what reads trust roots, says that there are none where it can open no
/// file.
#[test]
fn names_and_trust_roots_that_cannot_be_looked_up_are_no_fault_of_the_network() {
    // Nobody there speaks TLS: whoever comes is sent away.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for url in [
        format!("https://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
    ] {
        let fleet = Fleet::nightly();
        let edit = ["tenants", "edit", "contoso", "--authority-url", &url];
        fleet.env.run(&edit).ok();
        let said = with_ever_more_file_handles(&fleet, 13, 2);
        assert!(
            said.contains("this process may open no more files"),
            "{said}"
        );
    }
}

#[test]
fn a_page_that_is_too_large_costs_its_type_and_little_memory() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    // In KiB: the stacks of all threads, and one page as large as may be, twice.
    let within = |slot: &str| {
        let line = format!(r#"ulimit -d 300000; exec "$0" dispatch --at {slot}"#);
        fleet.env.shell(&line)
    };
    let path = "identity/conditionalAccess/namedLocations";
    fleet.sandbox.fault(Fault::on(path, Kind::Big(60 << 20)));
    assert_eq!(within(&slots[0]).ok(), "");
    fleet.sandbox.clear_faults();
    fleet.sandbox.fault(Fault::on(path, Kind::Big(100 << 20)));
    let stderr = within(&slots[1]).fails(13);
    assert!(stderr.contains("GRAPH_BAD_RESPONSE"), "{stderr}");
    fleet.assert_sound();
}

#[test]
fn a_program_that_gives_a_secret_inherits_no_file() {
    let fleet = Fleet::nightly();
    let script = fleet.env.file(
        "give",
        "#!/bin/sh\nls -l /proc/$$/fd >\"$HOME/handles\"\ncat \"$HOME/sandbox-secret\"\n",
        0o700,
    );
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let edit = ["tenants", "edit", "contoso", "--secret-command", &script];
    fleet.env.run(&edit).ok();
    assert_eq!(fleet.dispatch(&fleet.slots(1, 1)[0]).ok(), "");
    let handles = fs::read_to_string(fleet.env.path("handles")).unwrap();
    assert!(handles.contains(" -> "), "{handles}");
    for line in handles.lines().filter(|line| line.contains(" -> ")) {
        let is_own = line.contains("give") || line.contains("handles");
        assert!(
            is_own || !line.contains(fleet.env.path("").to_str().unwrap()),
            "{line}"
        );
        assert!(!line.contains("socket:"), "{line}");
    }
}
