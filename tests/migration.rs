//! A database that an older program made: whoever comes first brings it up to date, and nothing is
//! lost by it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use disk::{ANY, Deed, EIO, ENOSPC, Fault};
use env::{Env, mode};
use sandbox::server::{Options, Sandbox};

/// Made by the program of schema version 1.
const VERSION_1: &str = include_str!("fixtures/database-1.sql");

/// Made by the program of schema version 2.
const VERSION_2: &str = include_str!("fixtures/database-2.sql");

/// Made by the program of schema version 3.
const VERSION_3: &str = include_str!("fixtures/database-3.sql");

/// What the program of each schema version made, from the first on, and how many sets it has.
const DATABASES: [(&str, u64); 3] = [(VERSION_1, 9), (VERSION_2, 10), (VERSION_3, 10)];

/// The schema version of this program.
const PRESENT: i64 = 4;

/// Later than every slot that was accounted for in it, and before the next one.
const BETWEEN: &str = "2026-11-25T02:01:00Z";

/// A place with a database of version 1.
fn old() -> Env {
    place(VERSION_1)
}

fn place(database: &str) -> Env {
    let env = Env::new();
    fs::create_dir(env.path("state")).unwrap();
    let sql = rusqlite::Connection::open(env.database()).unwrap();
    sql.execute_batch(database).unwrap();
    env
}

fn version(env: &Env) -> i64 {
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let sql = env.sql();
    sql.pragma_query_value(None, "user_version", read).unwrap()
}

fn copy(env: &Env) -> PathBuf {
    env.path("state/tenantpilot.db-schema-1")
}

fn assert_whole(env: &Env) {
    let verified = env.json(&["backups", "verify"]);
    assert_eq!(
        (&verified["ok"], &verified["sets"]),
        (&true.into(), &9.into())
    );
    env.run(&["audit", "verify"]).ok();
    let names = |item: &serde_json::Value| item["name"].as_str().unwrap().to_owned();
    let schedules = env.items(&["schedules", "list", "--archived"]);
    assert_eq!(
        schedules.iter().map(names).collect::<Vec<_>>(),
        ["nightly", "office", "old", "weekly"]
    );
}

#[test]
fn every_command_migrates_by_itself_and_says_nothing() {
    for args in [
        &["dispatch", "--at", BETWEEN][..],
        &["dispatch", "--at", BETWEEN, "--dry-run"],
        &["tenants", "list"],
        &["backups", "list", "--json"],
        &["retention", "--dry-run"],
        // What was missed since the database was made would be told by most changes.
        &["schedules", "edit", "nightly", "--label", "a=b"],
    ] {
        let env = old();
        let stdout = env.run(args).ok();
        assert_eq!(
            stdout.is_empty(),
            args[0] == "dispatch",
            "{args:?}: {stdout}"
        );
        assert_eq!(version(&env), PRESENT, "{args:?}");
        assert_eq!(mode(&copy(&env)), 0o600);
        assert_eq!(
            env.audit_actions()
                .iter()
                .filter(|action| *action == "database.migrate")
                .count(),
            1
        );
        assert_whole(&env);
    }
}

#[test]
fn a_database_of_version_2_is_migrated_too() {
    let env = place(VERSION_2);
    env.run(&["dispatch", "--at", BETWEEN]).ok();
    assert_eq!(version(&env), PRESENT);
    let sets = env.items(&["backups", "list"]);
    assert_eq!((sets.len(), &sets[0]["id"]), (9, &11.into()));
    assert_eq!(env.json(&["backups", "verify"])["ok"], true);
    assert_eq!(env.json(&["db", "check"])["ok"], true);
}

#[test]
fn a_database_of_version_3_keeps_its_roles_and_notifications() {
    let env = place(VERSION_3);
    env.run(&["dispatch", "--at", BETWEEN]).ok();
    assert_eq!(version(&env), PRESENT);
    assert_eq!(env.items(&["roles", "list"]).len(), 2);
    let notifications = env.items(&["notifications", "--all"]);
    assert_eq!(notifications[0]["run_id"], 15);
    let schedule = env.json(&["schedules", "show", "contoso/nightly"]);
    assert_eq!(schedule["ping_url"], serde_json::Value::Null);
    assert_eq!(env.json(&["backups", "verify"])["ok"], true);
    assert_eq!(env.json(&["db", "check"])["ok"], true);
}

#[test]
fn of_many_processes_one_migrates_and_the_others_wait() {
    let env = old();
    let args: [&[&str]; 3] = [
        &["dispatch", "--at", BETWEEN],
        &["backups", "list"],
        &["audit", "verify"],
    ];
    let started: Vec<_> = (0..9).map(|at| env.start(args[at % 3])).collect();
    for one in started {
        one.end().ok();
    }
    let actions = env.audit_actions();
    let migrations = actions
        .iter()
        .filter(|action| *action == "database.migrate");
    assert_eq!(migrations.count(), 1);
    assert_whole(&env);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test has no clock to wait by")]
fn killed_in_a_migration_the_next_one_finds_an_old_database_or_a_new_one() {
    let (mut old_ones, mut new_ones) = (0, 0);
    for step in 0..24_u64 {
        let env = old();
        let started = env.start(&["dispatch", "--at", BETWEEN]);
        std::thread::sleep(Duration::from_millis(step * 3));
        started.kill();
        match version(&env) {
            1 => old_ones += 1,
            PRESENT => new_ones += 1,
            version => panic!("version {version}"),
        }
        env.run(&["dispatch", "--at", BETWEEN]).ok();
        assert_eq!(version(&env), PRESENT);
        assert_whole(&env);
        let left = fs::read_dir(env.path("state")).unwrap();
        let drafts = left.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".new")
        });
        assert_eq!(drafts.count(), 0);
    }
    assert!(old_ones > 0, "{old_ones} old, {new_ones} new");
}

#[test]
fn work_goes_on_where_it_was() {
    let env = old();
    let options = Options {
        policies: Some(12),
        ..Options::default()
    };
    let secret = env.file("secret", &options.client_secret, 0o600);
    let sandbox = Sandbox::start(options);
    let edit = ["tenants", "edit", "contoso", "--secret-file", &secret];
    let url = sandbox.url();
    env.run(&[&edit[..], &["--graph-url", url, "--authority-url", url]].concat())
        .ok();
    env.run(&["run", "nightly", "--quiet"]).ok();
    let sets = env.items(&["backups", "list", "--schedule", "nightly"]);
    assert_eq!(
        sets[0]["id"], 11,
        "the id of the deleted set 10 is not given out again"
    );
    let run = env.json(&["history", "show", &sets[0]["run_id"].to_string()]);
    let filters = &run["summary"]["type_breakdown"]["assignmentFilter"];
    assert_eq!(
        filters["added"], 0,
        "counted from the set before: {filters}"
    );
    assert_eq!(env.json(&["backups", "verify"])["ok"], true);
}

#[test]
fn a_database_that_cannot_be_copied_stays_as_it_is() {
    let env = old();
    fs::create_dir(copy(&env)).unwrap();
    let stderr = env.run(&["tenants", "list"]).fails(16);
    assert!(
        stderr.contains("cannot copy it before migrating it"),
        "{stderr}"
    );
    assert_eq!(version(&env), 1);
    fs::remove_dir(copy(&env)).unwrap();
    env.run(&["tenants", "list"]).ok();
    assert_eq!(version(&env), PRESENT);
}

#[test]
fn a_newer_database_is_refused_by_every_command_and_left_alone() {
    let env = old();
    env.sql().pragma_update(None, "user_version", 99).unwrap();
    let secret = env.file("secret", "s3cret", 0o600);
    let before = fs::read(env.database()).unwrap();
    for line in [
        "tenants list",
        "tenants edit contoso --label a=b",
        "schedules list",
        "schedules disable nightly",
        "schedules next nightly",
        "dispatch",
        "dispatch --dry-run",
        "run nightly",
        "retry 1",
        "retention",
        "history",
        "backups list",
        "backups verify",
        "backups pin 1 --reason audit",
        "backups delete 1 --yes",
        "backups export 1 --to out",
        "audit list",
        "audit verify",
        "db info",
        "db check",
        "db compact",
        "db backup copy.db",
        "status",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let stderr = env.run(&args).fails(15);
        assert!(stderr.contains("its schema version is 99"), "{stderr}");
    }
    let add = ["tenants", "add", "new", "--directory", "a.onmicrosoft.com"];
    let how = ["--client-id", env::CLIENT_ID, "--secret-file", &secret];
    env.run(&[&add[..], &how].concat()).fails(15);
    assert_eq!(fs::read(env.database()).unwrap(), before);
    assert!(!env.path("out").exists() && !env.path("copy.db").exists());
}

/// Migrates each database of an older program on a disk that goes wrong at each `stride`-th call,
/// until none is left to go wrong. It is old or new then, whole, and the next command migrates it.
/// How often it went wrong.
#[expect(
    clippy::print_stderr,
    reason = "how far it is, for whoever waits for all"
)]
fn migrate_at_each(stride: usize) -> usize {
    let mut struck = 0;
    for (number, (database, sets)) in DATABASES.into_iter().enumerate() {
        let env = place(database);
        let (folder, kept) = (env.path("state"), env.path("kept"));
        disk::put_back(&folder, &kept);
        let old = i64::try_from(number + 1).unwrap();
        for (number, fault) in faults().into_iter().enumerate() {
            let before = struck;
            for at in (1 + number * 7 % stride..).step_by(stride) {
                disk::put_back(&kept, &folder);
                let (run, calls) = disk::run_on(&folder, &env, &["tenants", "list"], fault.at(at));
                let met = calls.iter().find(|call| call.failed);
                let said = format!("{fault:?} at {at}, {met:?}: {:?} {}", run.code, run.stderr);
                assert!(matches!(run.code, None | Some(0 | 16)), "{said}");
                let found = version(&env);
                assert!(found == old || found == PRESENT, "{said}: version {found}");
                assert!(run.code != Some(0) || found == PRESENT, "{said}");
                let copied = env.path(&format!("state/tenantpilot.db-schema-{old}"));
                if found == PRESENT {
                    assert_eq!(mode(&copied), 0o600, "{said}");
                }
                if run.code == Some(16) {
                    let first = run.stderr.lines().next().unwrap();
                    assert!(first.contains(folder.to_str().unwrap()), "{said}");
                    assert!(run.stderr.contains("\nhint: "), "{said}");
                }
                env.run(&["tenants", "list"]).ok();
                assert_eq!(version(&env), PRESENT, "{said}");
                let verified = env.json(&["backups", "verify"]);
                assert_eq!(verified["ok"], true, "{said}");
                assert_eq!(verified["sets"], sets, "{said}");
                env.run(&["audit", "verify"]).ok();
                env.run(&["db", "check", "--quiet", "--db", copied.to_str().unwrap()])
                    .ok();
                let left = fs::read_dir(&folder).unwrap();
                let names = left.map(|entry| entry.unwrap().file_name());
                let drafts = names.filter(|name| name.to_string_lossy().contains("draft"));
                assert!(run.code.is_none() || drafts.count() == 0, "{said}");
                if met.is_none() {
                    break;
                }
                struck += 1;
            }
            eprintln!("schema {old}, {fault:?}: struck {} times", struck - before);
        }
    }
    struck
}

fn faults() -> [Fault; 7] {
    [
        Fault::once(ANY, Deed::Kill),
        Fault::once("write", Deed::Torn),
        Fault::once("write,size,sync", Deed::Cut),
        Fault::once("write,size,sync", Deed::Mix),
        Fault::once("write,size,open,name", ENOSPC),
        Fault::onward("grow", ENOSPC),
        Fault::once("write,size,sync", EIO),
    ]
}

#[test]
fn whatever_fails_in_a_migration_the_database_is_old_or_new() {
    assert!(migrate_at_each(113) > 7);
}

#[test]
#[ignore = "takes many minutes: cargo test --test migration -- --ignored --nocapture"]
fn whatever_fails_in_a_migration_the_database_is_old_or_new_at_every_call() {
    println!("{} faults, nothing lost", migrate_at_each(1));
}
