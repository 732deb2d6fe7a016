//! One run of a schedule at a time, whatever happens to the lock files and to the database's lock.

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

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use fleet::{Fleet, LONG, OTHER_DIRECTORY, outcome};
use sandbox::server::DIRECTORY;
use serde_json::json;

fn lock_folder(fleet: &Fleet) -> PathBuf {
    fleet.env.path("state/tenantpilot.db-locks")
}

#[test]
fn a_slot_during_a_run_is_skipped_in_its_favour_and_others_run() {
    let fleet = Fleet::nightly();
    fleet.add_tenant("fabrikam", OTHER_DIRECTORY);
    fleet.add("nightly", "fabrikam", &[]);
    let slots = fleet.slots(1, 4);
    fleet.hang(DIRECTORY);
    let first = fleet.start(&slots[0], &[]);
    fleet.await_hanging(1);
    fleet.await_status(2, "success");
    for slot in &slots[1..3] {
        assert_eq!(fleet.dispatch(slot).ok(), "", "cron is told nothing");
    }
    fleet.answer();
    assert_eq!(first.end().ok(), "", "a connection cut off is tried again");

    let mut outcomes = fleet.outcomes();
    outcomes.sort();
    let ran = |id| outcome(id, "success", "-");
    let held = outcome(1, "skipped", "LOCK_HELD");
    assert_eq!(
        outcomes,
        [held.clone(), held, ran(1), ran(2), ran(2), ran(2)]
    );
    let runs = fleet.runs();
    let holder = runs.iter().find(|run| run["schedule_id"] == 1).unwrap();
    assert_eq!(holder["status"], "success");
    let skipped = runs
        .iter()
        .filter(|run| run["error_code"] == "LOCK_HELD")
        .collect::<Vec<_>>();
    let expected = format!(
        "schedule nightly (id 1) of tenant contoso has run {} running since {}",
        holder["id"],
        holder["created_at"].as_str().unwrap()
    );
    for (run, slot) in skipped.iter().zip(&slots[1..]) {
        assert_eq!(run["scheduled_for"], *slot);
        assert_eq!(run["error_message"], *expected);
    }
    assert_eq!(fleet.dispatch(&slots[3]).ok(), "", "the slot after it runs");
    assert_eq!(fleet.outcomes().len(), 8);
    fleet.assert_sound();
}

#[test]
fn a_manual_run_is_refused_at_once_or_waits_as_long_as_told() {
    let fleet = Fleet::nightly();
    fleet.hang(DIRECTORY);
    let slot = &fleet.slots(1, 1)[0];
    let first = fleet.start(slot, &[]);
    fleet.await_hanging(1);
    let begun = Instant::now();
    let stderr = fleet.env.run(&["run", "nightly"]).fails(11);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(
        stderr.starts_with("error: schedule nightly (id 1) of tenant contoso has run 1 running"),
        "{stderr}"
    );
    assert!(stderr.ends_with("hint: wait for it, or add --wait 10m\n"));
    let begun = Instant::now();
    fleet.env.run(&["run", "nightly", "--wait", "1s"]).fails(11);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let waits = fleet.env.start(&["run", "nightly", "--wait", "60s"]);
    fleet.answer();
    assert_eq!(first.end().ok(), "");
    let said = waits.end_within(LONG).ok();
    assert!(said.contains("success"), "{said}");
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "success", "-"),
            outcome(1, "skipped", "LOCK_HELD"),
            outcome(1, "skipped", "LOCK_HELD"),
            outcome(1, "success", "-"),
        ]
    );
    fleet.assert_sound();
}

#[test]
fn a_queued_run_of_a_living_process_is_neither_dead_nor_overtaken() {
    let fleet = Fleet::nightly();
    fleet.add_tenant("fabrikam", OTHER_DIRECTORY);
    fleet.add("queued", "fabrikam", &[]);
    let slots = fleet.slots(1, 2);
    fleet.hang(DIRECTORY);
    let first = fleet.start(&slots[0], &["--jobs", "1"]);
    fleet.await_hanging(1);
    fleet.await_status(2, "queued");
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "", "the same minute again");
    assert_eq!(fleet.outcomes().len(), 2);
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    let held = fleet.runs().split_off(2);
    assert_eq!(held.len(), 2);
    for (run, state) in held.iter().zip(["run 1 running", "run 2 queued"]) {
        assert_eq!(run["error_code"], "LOCK_HELD");
        let message = run["error_message"].as_str().unwrap();
        assert!(message.contains(state), "{message}");
    }
    fleet.await_status(2, "queued");
    fleet.answer();
    assert_eq!(first.end().ok(), "");
    assert_eq!(
        fleet.outcomes()[..2],
        [outcome(1, "success", "-"), outcome(2, "success", "-")]
    );
    assert_eq!(fleet.runs()[1]["scheduled_for"], *slots[0]);
    fleet.assert_sound();
}

#[test]
fn a_lock_file_that_is_deleted_lets_no_second_run_in() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    fleet.hang(DIRECTORY);
    let first = fleet.start(&slots[0], &[]);
    fleet.await_hanging(1);
    fs::remove_file(lock_folder(&fleet).join("schedule-1")).unwrap();
    let others: Vec<_> = (0..10).map(|_| fleet.start(&slots[1], &[])).collect();
    for other in others {
        assert_eq!(other.end().ok(), "");
    }
    fleet.env.run(&["run", "nightly"]).fails(11);
    fleet.answer();
    assert_eq!(first.end().ok(), "");
    let held = outcome(1, "skipped", "LOCK_HELD");
    assert_eq!(
        fleet.outcomes(),
        [outcome(1, "success", "-"), held.clone(), held]
    );
    fleet.assert_sound();
}

#[test]
fn a_lock_folder_that_is_deleted_leaves_each_run_one_end() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 3);
    fleet.hang(DIRECTORY);
    let owner = fleet.start(&slots[0], &[]);
    fleet.await_hanging(1);
    fs::remove_dir_all(lock_folder(&fleet)).unwrap();
    // Nobody can tell any more that the owner lives: its run is closed and the slot runs.
    let next = fleet.start(&slots[1], &[]);
    fleet.await_hanging(2);
    fleet.answer();
    let stderr = owner.end().fails(1);
    let expected = "error: run 1 of schedule nightly (id 1) of tenant contoso failed: INTERRUPTED: \
                    run 1 was closed by another process; what it read is not kept\n";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert_eq!(stderr.lines().count(), 2, "a line and a hint: {stderr}");
    let stderr = next.end().fails(19);
    assert!(stderr.contains("run 1 of schedule nightly"), "{stderr}");
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "failed", "INTERRUPTED"),
            outcome(1, "success", "-")
        ]
    );
    let sets = fleet.env.items(&["backups", "list"]);
    assert_eq!(sets.len(), 1, "what the first one read is not kept");
    assert_eq!(sets[0]["run_id"], 2);
    assert_eq!(fleet.events("run.interrupted"), 1);
    assert_eq!(fleet.events("run.finish"), 1);
    fleet.assert_sound();
    assert_eq!(fleet.dispatch(&slots[2]).ok(), "");
}

#[test]
fn a_schedule_lock_that_a_stranger_holds_is_waited_for_and_then_respected() {
    let fleet = Fleet::nightly();
    fleet.add("other", "contoso", &[]);
    let slots = fleet.slots(1, 3);
    fs::create_dir(lock_folder(&fleet)).unwrap();
    let path = lock_folder(&fleet).join("schedule-1");
    fs::write(&path, "retention by somebody\n").unwrap();
    let stranger = File::open(&path).unwrap();
    stranger.lock().unwrap();

    let brief = fleet.start(&slots[0], &[]);
    fleet.await_status(2, "success");
    drop(stranger);
    assert_eq!(brief.end().ok(), "");
    assert_eq!(
        fleet.outcomes()[0],
        outcome(1, "success", "-"),
        "held for a moment, waited for"
    );

    let stranger = File::open(&path).unwrap();
    stranger.lock().unwrap();
    let begun = Instant::now();
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    let waited = begun.elapsed().as_secs();
    assert!((5..30).contains(&waited), "waited {waited} s");
    let run = &fleet.runs()[2];
    assert_eq!(
        (&run["status"], &run["error_code"]),
        (&json!("skipped"), &json!("LOCK_HELD"))
    );
    let message = run["error_message"].as_str().unwrap();
    assert!(message.contains("is held by "), "{message}");
    let stderr = fleet.env.run(&["run", "nightly"]).fails(11);
    assert!(stderr.contains("is held by "), "{stderr}");
    drop(stranger);
    assert_eq!(fleet.dispatch(&slots[2]).ok(), "");
    fleet.assert_sound();
}

#[test]
fn a_database_that_is_locked_for_a_while_is_waited_for() {
    let fleet = Fleet::nightly();
    let slot = &fleet.slots(1, 1)[0];
    let sql = fleet.env.sql();
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut dispatch = fleet.start(slot, &[]);
    let begun = Instant::now();
    env::until("3 seconds", LONG, || {
        assert!(dispatch.is_alive(), "it waits");
        (begun.elapsed() >= Duration::from_secs(3)).then_some(())
    });
    sql.execute_batch("COMMIT").unwrap();
    assert_eq!(dispatch.end().ok(), "");
    assert_eq!(fleet.outcomes(), [outcome(1, "success", "-")]);
}

#[test]
fn a_database_that_stays_locked_is_given_up_with_nothing_half_done() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    let events = fleet.env.audit_actions();
    let sql = fleet.env.sql();
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let stderr = fleet.dispatch(&slots[0]).fails(11);
    let waited = begun.elapsed().as_secs();
    assert!((9..30).contains(&waited), "waited {waited} s");
    let [said, hint] = &stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{stderr}");
    };
    let named = format!("database {}: ", fleet.env.database().display());
    assert!(
        said.contains(&named) && said.ends_with("database is locked"),
        "{stderr}"
    );
    assert!(hint.starts_with("hint: try again"), "{stderr}");
    sql.execute_batch("COMMIT").unwrap();
    assert!(fleet.runs().is_empty());
    assert_eq!(fleet.env.audit_actions(), events);
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "", "its minute is not over");
    assert_eq!(fleet.outcomes(), [outcome(1, "success", "-")]);
}

#[test]
fn a_database_has_the_same_locks_by_any_of_its_names() {
    let mut fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    fleet.hang(DIRECTORY);
    let first = fleet.start(&slots[0], &[]);
    fleet.await_hanging(1);
    let link = fleet.env.path("link.db");
    std::os::unix::fs::symlink("state/tenantpilot.db", &link).unwrap();
    std::os::unix::fs::symlink("state", fleet.env.path("folder")).unwrap();
    for (name, slot) in [("link.db", &slots[0]), ("folder/tenantpilot.db", &slots[1])] {
        let path = fleet.env.path(name).to_str().unwrap().to_owned();
        fleet.env.set("TENANTPILOT_DB", &path);
        assert_eq!(fleet.dispatch(slot).ok(), "", "{name}");
    }
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "running", "-"),
            outcome(1, "skipped", "LOCK_HELD")
        ]
    );
    fleet.answer();
    assert_eq!(first.end().ok(), "");
    assert_eq!(fleet.outcomes()[0], outcome(1, "success", "-"));
    let beside = |name: &str| fleet.env.path(&format!("link.db-{name}")).exists();
    assert!(!beside("locks") && !beside("key"));
    assert!(fleet.env.path("state/tenantpilot.db-key").exists());
}

#[test]
fn a_free_schedule_runs_at_once_while_another_waits() {
    let fleet = Fleet::nightly();
    fleet.add_tenant("fabrikam", OTHER_DIRECTORY);
    fleet.add("free", "fabrikam", &[]);
    fleet.hang(DIRECTORY);
    let first = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    let both = fleet
        .env
        .start(&["run", "nightly", "free", "--wait", "10m"]);
    fleet.await_status(2, "success");
    assert_eq!(fleet.runs().len(), 2, "what waits is not claimed");
    fleet.answer();
    first.end().ok();
    both.end().ok();
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "success", "-"),
            outcome(2, "success", "-"),
            outcome(1, "success", "-")
        ]
    );
    fleet.assert_sound();
}

#[test]
fn a_run_that_is_refused_is_among_the_items_and_the_others_run() {
    let fleet = Fleet::nightly();
    fleet.add_tenant("fabrikam", OTHER_DIRECTORY);
    fleet.add("free", "fabrikam", &[]);
    fleet.hang(DIRECTORY);
    let first = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    let run = fleet.env.run(&["run", "--all", "--json"]);
    assert_eq!(run.code, Some(11));
    let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let mut items: Vec<_> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["schedule_id"].clone(), item["status"].clone()))
        .collect();
    items.sort_by_key(|(id, _)| id.as_i64());
    assert_eq!(
        items,
        [(json!(1), json!("skipped")), (json!(2), json!("success"))]
    );
    fleet.answer();
    first.end().ok();
    fleet.assert_sound();
}

/// The open files of a process, by their numbers.
fn open_files(process: &str) -> BTreeMap<u32, PathBuf> {
    let links = fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .flatten();
    let files = links.filter_map(|link| {
        let number = link.file_name().to_str()?.parse().ok()?;
        Some((number, fs::read_link(link.path()).ok()?))
    });
    files.collect()
}

/// A program that a credential starts, and that outlives the run, has nothing of ours.
#[test]
fn a_program_that_a_credential_starts_holds_no_lock_and_no_file_of_ours() {
    let mut fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    let (pid, first) = (fleet.env.path("pid"), fleet.env.path("first"));
    let secret = fleet.env.path("sandbox-secret");
    let script = format!(
        "#!/bin/sh\nif [ -e {0} ]; then rm {0}; echo $$ > {1}; exec sleep 600; fi\ncat {2}\n",
        first.display(),
        pid.display(),
        secret.display()
    );
    let program = fleet.env.file("give-secret", &script, 0o700);
    fleet.env.file("first", "", 0o600);
    let edit = ["tenants", "edit", "contoso", "--secret-command", &program];
    fleet.env.run(&edit).ok();
    fleet.env.set("PATH", "/usr/bin:/bin");
    let doomed = fleet.start(&slots[0], &[]);
    let pid: u32 = env::until("the program sleeps", LONG, || {
        let pid = fs::read_to_string(&pid).ok()?.trim().parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name == "sleep\n").then_some(pid)
    });
    // What this test was itself given is passed on by everybody.
    let own = open_files("self");
    let has = open_files(&pid.to_string());
    let ours: Vec<_> = has
        .iter()
        .filter(|(number, file)| **number > 2 && own.get(number) != Some(file))
        .collect();
    assert!(has.len() >= 3 && ours.is_empty(), "{ours:?} of {has:?}");
    doomed.kill();
    let stderr = fleet.dispatch(&slots[1]).fails(19);
    assert!(stderr.contains("run 1 of schedule nightly"), "{stderr}");
    let sleeps = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(sleeps, "sleep\n", "it goes on all the while");
    let ended = std::process::Command::new("kill")
        .arg(pid.to_string())
        .status();
    assert!(ended.unwrap().success());
    assert_eq!(
        fleet.outcomes(),
        [
            outcome(1, "failed", "INTERRUPTED"),
            outcome(1, "success", "-")
        ]
    );
    fleet.assert_sound();
}

/// cron mails every line: a run that goes on longer than its schedule's minutes is told once.
#[test]
fn the_fourth_slot_in_a_row_that_is_skipped_is_told_and_no_other() {
    let fleet = Fleet::new();
    fleet.add("often", "contoso", &["--cron", "* * * * *"]);
    let first: DateTime<Utc> = fleet.slots(1, 1)[0].parse().unwrap();
    let mut minutes = (0..).map(|minute| {
        let slot = first + TimeDelta::minutes(minute);
        slot.to_rfc3339_opts(SecondsFormat::Secs, true)
    });
    for holder in ["has run 1 running", "has run 8 running"] {
        fleet.hang(DIRECTORY);
        let run = fleet.env.start(&["run", "often"]);
        fleet.await_hanging(1);
        for skipped in 1..=6 {
            let (stdout, stderr) = fleet.dispatch(&minutes.next().unwrap()).warned();
            assert_eq!(stdout, "");
            if skipped == 4 {
                let said = "warning: 4 slots in a row were skipped: schedule often (id 1) of tenant contoso ";
                assert!(
                    stderr.starts_with(said) && stderr.contains(holder),
                    "{stderr}"
                );
                assert!(
                    stderr
                        .lines()
                        .nth(1)
                        .unwrap()
                        .starts_with("hint: tenantpilot history")
                );
                assert_eq!(stderr.lines().count(), 2, "{stderr}");
            } else {
                assert_eq!(stderr, "", "skipped slot {skipped}");
            }
        }
        fleet.answer();
        run.end().ok();
        env::until("nothing hangs", LONG, || {
            (!fleet.sandbox.await_hanging(1, Duration::ZERO)).then_some(())
        });
    }
    fleet.assert_sound();
}
