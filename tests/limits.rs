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
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use fleet::{Fleet, outcome};
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

#[test]
fn with_too_few_file_handles_a_dispatch_fails_and_says_so() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 60);
    let (mut refused, mut ran, mut misfits) = (0, 0, Vec::new());
    for (handles, slot) in (4..60).step_by(3).zip(&slots) {
        let line = format!(r#"ulimit -n {handles}; exec "$0" dispatch --at {slot}"#);
        let run = fleet.env.shell(&line);
        let said = format!("{handles}: {:?} {}", run.code, run.stderr);
        assert!(!run.stderr.contains("panicked"), "{said}");
        match run.code {
            // The loader of the system could not even begin.
            Some(127) => assert!(run.stderr.contains("shared"), "{said}"),
            Some(0) => ran += 1,
            code => {
                // 13 and 17 where it is a connection or a credential that could not be opened.
                let told = run.stderr.contains("open files") || run.stderr.contains("ulimit -n");
                if !told || !matches!(code, Some(13 | 16 | 17)) {
                    misfits.push(said.clone());
                }
                refused += 1;
            }
        }
        let row = fleet.runs().into_iter().find(|row| {
            let of = row["scheduled_for"].as_str();
            of.is_some_and(|of| of[..16] == slot[..16])
        });
        let status = row.as_ref().map(|row| row["status"].as_str().unwrap());
        assert_eq!(status == Some("success"), run.code == Some(0), "{said}");
        let closed = fleet.dispatch(slot);
        assert!(
            matches!(closed.code, Some(0 | 19)),
            "{said}: {}",
            closed.stderr
        );
        fleet.assert_sound();
    }
    assert!(misfits.is_empty(), "{}", misfits.join("\n"));
    assert!(refused > 2 && ran > 2, "{refused} refused, {ran} ran");
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
