//! A disk that fails, fills up, or loses its power, at each call of a command in turn: no run is
//! called a success that is none, nothing that was kept is damaged, and what comes next works.
//!
//! The calls are counted below the program as it ships (`fixtures/faults.c`). A slice of them is
//! tried each time, all of them with `--ignored`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};

use disk::{ANY, Call, Deed, EACCES, EDQUOT, EIO, EMFILE, ENOSPC, EROFS, Fault, put_back, run_on};
use env::{CLIENT_ID, Run};
use fleet::{Fleet, OTHER_DIRECTORY};
use serde_json::Value;

/// A fleet with a set that is due to be purged, one that the next run makes expire, and a kept
/// copy of all that.
struct Place {
    fleet: Fleet,
    slots: Vec<String>,
    folder: PathBuf,
    kept: PathBuf,
}

impl Place {
    fn new() -> Self {
        let fleet = Fleet::new();
        let types = "namedLocation,deviceManagementScript";
        fleet.add(
            "nightly",
            "contoso",
            &["--types", types, "--keep-last", "1"],
        );
        let slots = fleet.slots(1, 5);
        assert_eq!(fleet.dispatch(&slots[0]).ok(), "");
        fleet.sandbox.change(sandbox::SCRIPTS, 2);
        assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
        let long_ago = "UPDATE backup_sets SET expired_at = expired_at - 30 * 86400
                        WHERE expired_at IS NOT NULL";
        assert_eq!(fleet.env.sql().execute(long_ago, []).unwrap(), 1);
        let place = Self {
            slots,
            folder: fleet.env.path("state"),
            kept: fleet.env.path("kept"),
            fleet,
        };
        put_back(&place.folder, &place.kept);
        place
    }

    /// Everything as it was, and something new to back up; the next slot on a disk with this fault.
    fn dispatch_on(&self, fault: Fault) -> (Run, Vec<Call>) {
        put_back(&self.kept, &self.folder);
        self.fleet.sandbox.change(sandbox::SCRIPTS, 1);
        let args = ["dispatch", "--at", &self.slots[2]];
        run_on(&self.folder, &self.fleet.env, &args, fault)
    }

    /// The run of the slot that met the fault.
    fn run(&self) -> Option<Value> {
        let runs = self.fleet.runs();
        runs.into_iter().find(|run| run["id"] == 3)
    }

    /// Holds what a dispatch said against what is there, and dispatches on.
    fn judge(&self, run: &Run, what: &str) {
        let said = format!("{what}: {:?} {}", run.code, run.stderr);
        judge_words(run, &self.folder, &said);
        assert!(run.code != Some(0) || run.stderr.is_empty(), "{said}");
        let row = self.run();
        let field = |name: &str| row.as_ref().map_or(Value::Null, |row| row[name].clone());
        let status = field("status");
        let open = match status.as_str() {
            Some("success") => {
                assert!(field("backup_set_id").is_i64(), "{said}");
                false
            }
            Some("failed") => {
                let code = field("error_code");
                let storage = code == "STORAGE_FULL" || code == "STORAGE_ERROR";
                assert!(storage && run.code == Some(16), "{said}: {row:?}");
                false
            }
            Some("queued" | "running") => true,
            None => false,
            _ => panic!("{said}: {row:?}"),
        };
        assert!(
            run.code != Some(0) || status == "success",
            "{said}: {row:?}"
        );
        let closed = self.fleet.dispatch(&self.slots[2]);
        let expected = if open { 19 } else { 0 };
        assert_eq!(closed.code, Some(expected), "{said}: {}", closed.stderr);
        let row = self.run().unwrap();
        assert_eq!(row["error_code"] == "INTERRUPTED", open, "{said}: {row}");
        self.fleet.sandbox.change(sandbox::SCRIPTS, 1);
        assert_eq!(self.fleet.dispatch(&self.slots[3]).ok(), "", "{said}");
        assert_eq!(self.fleet.runs().len(), 4, "{said}: a run per slot");
        self.assert_whole(&said);
    }

    fn assert_whole(&self, said: &str) {
        let checked = self.fleet.env.run(&["db", "check", "--json"]);
        let checked: Value = serde_json::from_str(&checked.stdout).expect(said);
        assert_eq!(checked["ok"], true, "{said}: {checked}");
        let verified = self.fleet.env.json(&["backups", "verify"]);
        assert_eq!(verified["ok"], true, "{said}: {verified}");
        let halves = "SELECT count(*) FROM runs LEFT JOIN backup_sets ON run_id = runs.id
                      WHERE runs.status <> 'success' AND run_id IS NOT NULL
                         OR runs.status IN ('queued', 'running')";
        let sql = self.fleet.env.sql();
        let halves: i64 = sql.query_row(halves, [], |row| row.get(0)).unwrap();
        assert_eq!(halves, 0, "{said}");
        let of_file = "SELECT count(*) FROM schedules WHERE name LIKE 'more-%'";
        let of_file: i64 = sql.query_row(of_file, [], |row| row.get(0)).unwrap();
        assert!(of_file == 0 || of_file == 2, "half of a fleet file: {said}");
    }

    /// Has the fault strike at each `stride`-th call, from the `first` on, until it finds none
    /// left. How often it struck.
    fn try_each(&self, fault: Fault, first: usize, stride: usize) -> usize {
        let mut struck = 0;
        for at in (first..).step_by(stride) {
            let (run, calls) = self.dispatch_on(fault.at(at));
            let what = format!(
                "{fault:?} at {at}, {:?}",
                calls.iter().find(|call| call.failed)
            );
            let fell = calls.iter().any(|call| call.failed);
            assert!(fell || run.code == Some(0), "{what}: {}", run.stderr);
            self.judge(&run, &what);
            if !fell {
                break;
            }
            struck += 1;
        }
        assert!(struck > 0, "{fault:?} never struck");
        struck
    }
}

/// What a command may say of a disk that failed below `folder`: that, where, and what to do.
fn judge_words(run: &Run, folder: &Path, said: &str) {
    assert!(!run.stderr.contains("panicked"), "{said}");
    assert!(matches!(run.code, None | Some(0 | 16)), "{said}");
    if run.code == Some(16) {
        let first = run.stderr.lines().next().unwrap();
        assert!(first.contains(folder.to_str().unwrap()), "{said}");
        assert!(run.stderr.contains("\nhint: "), "{said}");
        let full = run.stderr.contains("disk full");
        assert!(!full || run.stderr.contains(" bytes free"), "{said}");
    }
}

/// What can become of a call, with the classes of calls that it can become of.
fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::once(ANY, Deed::Kill),
        Fault::once("write", Deed::Torn),
        Fault::once("write,size,sync", Deed::Cut),
        Fault::once("write,size,sync", Deed::Mix),
        Fault::onward("grow", ENOSPC),
        Fault::onward(ANY, EROFS),
    ];
    for (calls, deed) in [
        ("write,size,open,name", ENOSPC),
        ("write,size", EDQUOT),
        ("write,size,sync", EIO),
        ("open,name", EACCES),
        ("open", EMFILE),
    ] {
        faults.extend([Fault::once(calls, deed), Fault::onward(calls, deed)]);
    }
    faults
}

#[test]
fn a_dispatch_changes_the_disk_by_calls_that_are_all_counted() {
    let place = Place::new();
    let (run, calls) = place.dispatch_on(Fault::once(ANY, Deed::Kill));
    assert_eq!(run.ok(), "");
    for (class, end) in [
        ("write", "tenantpilot.db"),
        ("write", "tenantpilot.db-wal"),
        ("sync", "tenantpilot.db-wal"),
        ("sync", "tenantpilot.db"),
        ("write", "schedule-1"),
        ("open", "dispatched"),
        ("name", "tenantpilot.db-wal"),
    ] {
        let is_there = |call: &Call| call.class == class && call.path.ends_with(end);
        assert!(calls.iter().any(is_there), "{class} of {end}: {calls:?}");
    }
    for action in ["run.finish", "retention.expire", "retention.purge"] {
        assert!(place.fleet.events(action) > 0, "{action}");
    }
}

#[test]
fn whatever_fails_in_a_dispatch_costs_that_run_at_most() {
    let place = Place::new();
    for (number, fault) in faults().into_iter().enumerate() {
        place.try_each(fault, 1 + number * 5 % 7, 61);
    }
}

/// A command that writes, or reads what a failing disk gives it.
struct Command {
    args: Vec<String>,
    /// The file or folder that it makes, which is there whole or not at all.
    makes: Option<PathBuf>,
}

fn commands(place: &Place) -> Vec<Command> {
    let making = |args: &[&str], target: &str| {
        let target = place.folder.join(target);
        let name = target.to_str().unwrap();
        let args = args.iter().chain([&name]);
        Command {
            args: args.map(|arg| (*arg).to_owned()).collect(),
            makes: Some(target.clone()),
        }
    };
    let plain = |line: &str| Command {
        args: line.split(' ').map(str::to_owned).collect(),
        makes: None,
    };
    vec![
        plain("run nightly"),
        plain("retention"),
        plain("backups pin 2 --reason audit"),
        plain("backups delete 1 --yes"),
        plain("backups verify"),
        plain("schedules edit nightly --keep-last 7 --quiet"),
        plain("tenants edit contoso --label site=berlin"),
        plain("db compact"),
        plain(&format!("fleet apply {} --yes", fleet_file(place))),
        making(&["db", "backup"], "copy.db"),
        making(&["backups", "export", "2", "--to"], "set"),
        making(&["backups", "export", "2", "--to"], "set.tar.zst"),
    ]
}

/// A fleet file that adds two schedules to what is there.
fn fleet_file(place: &Place) -> String {
    let env = &place.fleet.env;
    let mut text = env.run(&["fleet", "export"]).ok();
    for name in ["more-1", "more-2"] {
        text += &format!("[[tenants.schedules]]\nname = \"{name}\"\nat = [\"03:00\"]\n");
    }
    env.file("fleet.toml", &text, 0o600)
}

impl Place {
    /// Has the fault strike at each `stride`-th call of a command, from the `first` on, until it
    /// finds none left; the command is given again after each. How often it struck.
    fn try_command(&self, command: &Command, fault: Fault, first: usize, stride: usize) -> usize {
        let env = &self.fleet.env;
        let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
        put_back(&self.kept, &self.folder);
        env.run(&args).warned();
        let wanted = command.makes.as_ref().map(|made| contents(made));
        let mut struck = 0;
        for at in (first..).step_by(stride) {
            put_back(&self.kept, &self.folder);
            let (run, calls) = run_on(&self.folder, env, &args, fault.at(at));
            let met = calls.iter().find(|call| call.failed);
            let said = format!(
                "{args:?} {fault:?} at {at}, {met:?}: {:?} {}",
                run.code, run.stderr
            );
            judge_words(&run, &self.folder, &said);
            if let Some(target) = &command.makes {
                assert!(target.exists() || run.code != Some(0), "{said}");
                if target.exists() && args[0] == "backups" {
                    assert_eq!(Some(contents(target)), wanted, "{said}");
                } else if target.exists() {
                    let copy = target.to_str().unwrap();
                    env.run(&["db", "check", "--db", copy, "--quiet"]).ok();
                    drop(fs::remove_file(target));
                }
            }
            self.close_what_is_open();
            let again = env.run(&args);
            let gone = again.code == Some(18) && command.args[1] == "delete";
            assert!(again.code == Some(0) || gone, "{said}: {}", again.stderr);
            self.assert_whole(&said);
            if met.is_none() {
                assert_eq!(run.code, Some(0), "{said}");
                break;
            }
            struck += 1;
        }
        struck
    }

    fn close_what_is_open(&self) {
        let closed = self.fleet.dispatch(&self.slots[1]);
        assert!(matches!(closed.code, Some(0 | 19)), "{}", closed.stderr);
    }
}

/// Every file at and below a path, with its bytes.
fn contents(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if path.is_file() {
        return vec![(path.to_owned(), fs::read(path).unwrap())];
    }
    let entries = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.flat_map(|entry| contents(&entry)).collect();
    found.sort();
    found
}

/// What can become of a call of any command.
fn plain_faults() -> [Fault; 6] {
    [
        Fault::once(ANY, Deed::Kill),
        Fault::once("write,size,sync", Deed::Cut),
        Fault::once("write,size,sync", Deed::Mix),
        Fault::once("write,size,open,name", ENOSPC),
        Fault::onward("grow", ENOSPC),
        Fault::onward("write,size,sync", EIO),
    ]
}

#[test]
fn whatever_fails_in_another_command_it_is_done_whole_or_not_at_all() {
    let place = Place::new();
    for (number, command) in commands(&place).iter().enumerate() {
        let fault = plain_faults()[number * 5 % 6];
        place.try_command(command, fault, 1 + number * 7 % 11, 41);
    }
}

#[test]
#[ignore = "takes minutes: cargo test --test disk -- --ignored --nocapture"]
fn whatever_fails_in_another_command_it_is_done_whole_or_not_at_all_at_every_call() {
    let place = Place::new();
    let mut all = 0;
    for command in commands(&place) {
        let tried = plain_faults().map(|fault| place.try_command(&command, fault, 1, 1));
        println!("{}: struck {tried:?} times", command.args.join(" "));
        all += tried.iter().sum::<usize>();
    }
    println!("{all} faults, nothing damaged");
}

/// Whoever makes the first database has one that is whole, or none.
fn create_at_each(stride: usize) -> usize {
    let fleet = Fleet::new();
    let folder = fleet.env.path("fresh");
    let database = folder.join("tp.db").to_str().unwrap().to_owned();
    let secret = fleet
        .env
        .path("sandbox-secret")
        .to_str()
        .unwrap()
        .to_owned();
    let args = [
        &["tenants", "add", "fabrikam", "--directory", OTHER_DIRECTORY][..],
        &[
            "--client-id",
            CLIENT_ID,
            "--secret-file",
            &secret,
            "--db",
            &database,
        ],
    ]
    .concat();
    let mut struck = 0;
    for (number, fault) in plain_faults().into_iter().enumerate() {
        for at in (1 + number..).step_by(stride) {
            drop(fs::remove_dir_all(&folder));
            fs::create_dir(&folder).unwrap();
            let (run, calls) = run_on(&folder, &fleet.env, &args, fault.at(at));
            let met = calls.iter().find(|call| call.failed);
            let said = format!("{fault:?} at {at}, {met:?}: {:?} {}", run.code, run.stderr);
            judge_words(&run, &folder, &said);
            let again = fleet.env.run(&args);
            let taken = again.code == Some(2) && again.stderr.contains("fabrikam");
            assert!(again.code == Some(0) || taken, "{said}: {}", again.stderr);
            assert!(taken || run.code != Some(0), "{said}");
            fleet
                .env
                .run(&["db", "check", "--db", &database, "--quiet"])
                .ok();
            let list = fleet.env.items(&["tenants", "list", "--db", &database]);
            assert_eq!(list.len(), 1, "{said}");
            if met.is_none() {
                break;
            }
            struck += 1;
        }
    }
    struck
}

#[test]
fn a_database_comes_to_be_whole_or_not_at_all() {
    create_at_each(13);
}

#[test]
#[ignore = "takes a minute: cargo test --test disk -- --ignored --nocapture"]
fn a_database_comes_to_be_whole_or_not_at_all_at_every_call() {
    println!("{} faults, nothing half made", create_at_each(1));
}

#[test]
#[ignore = "takes many minutes: cargo test --test disk -- --ignored --nocapture"]
fn whatever_fails_in_a_dispatch_costs_that_run_at_most_at_every_call() {
    let place = Place::new();
    let mut all = 0;
    for fault in faults() {
        let struck = place.try_each(fault, 1, 1);
        println!("{fault:?}: struck {struck} times");
        all += struck;
    }
    println!("{all} faults, nothing damaged");
}
