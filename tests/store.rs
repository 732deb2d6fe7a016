//! The file of the database: what may be one, how it comes to be, and who may use it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::process::Command;
use std::time::Duration;

use env::{CLIENT_ID, Env, PROGRAM, Run, mode};
use fleet::Fleet;
use sandbox::server::DIRECTORY;

const ADD: [&str; 9] = [
    "tenants",
    "add",
    "contoso",
    "--directory",
    "contoso.onmicrosoft.com",
    "--client-id",
    CLIENT_ID,
    "--secret-file",
    "secret",
];

#[test]
fn only_a_regular_file_is_a_database() {
    let mut env = Env::new();
    env.file("secret", "s3cret\n", 0o600);
    let pipe = env.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    fs::create_dir(env.path("folder")).unwrap();
    symlink("pipe", env.path("link")).unwrap();
    for name in ["pipe", "folder", "link"] {
        let path = env.path(name).to_str().unwrap().to_owned();
        env.set("TENANTPILOT_DB", &path);
        for args in [&["tenants", "list"][..], &ADD] {
            let stderr = env.run(args).fails(14);
            assert!(stderr.contains("is not a regular file"), "{stderr}");
            assert!(stderr.contains(&path) || name == "link", "{stderr}");
        }
    }
    symlink("nowhere", env.path("dangling")).unwrap();
    let path = env.path("dangling").to_str().unwrap().to_owned();
    env.set("TENANTPILOT_DB", &path);
    for args in [&["tenants", "list"][..], &ADD] {
        let stderr = env.run(args).fails(10);
        let said = "dangling: it is a symbolic link to nowhere, which is not there";
        assert!(stderr.contains(said), "{stderr}");
    }
    assert!(!env.path("nowhere").exists());
}

#[test]
fn of_many_that_find_an_empty_file_none_loses_what_it_wrote() {
    let env = Env::new();
    let secret = env.file("secret", "s3cret\n", 0o600);
    fs::create_dir(env.path("state")).unwrap();
    File::create(env.database()).unwrap();
    let names: Vec<String> = (0..8).map(|at| format!("tenant{at}")).collect();
    let add = |name: &String| {
        let mut args = ADD;
        args[2] = name;
        args[8] = &secret;
        env.start(&args)
    };
    let started: Vec<_> = names.iter().map(add).collect();
    for one in started {
        one.end().ok();
    }
    assert_eq!(env.items(&["tenants", "list"]).len(), names.len());
    let left = fs::read_dir(env.path("state")).unwrap();
    let stray = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(".tenantpilot-")
    });
    assert_eq!(stray.count(), 0);
}

#[test]
fn everything_beside_the_database_is_private_whatever_the_umask() {
    let mut fleet = Fleet::new();
    for umask in ["000", "022", "077", "277", "777"] {
        let base = format!("umask{umask}");
        let path = |below: &str| fleet.env.path(&format!("{base}/{below}"));
        let database = path("deep/tp.db").to_str().unwrap().to_owned();
        let (folders, files) = (
            [path(""), path("deep"), path("deep/tp.db-locks")],
            ["", "-key", "-locks/schedule-1"].map(|end| path(&format!("deep/tp.db{end}"))),
        );
        fleet.env.set("TENANTPILOT_DB", &database);
        let url = fleet.sandbox.url();
        let line = format!(
            r#"umask {umask}
            "$0" -q tenants add contoso --directory {DIRECTORY} --client-id {CLIENT_ID} \
                --secret-file sandbox-secret --graph-url {url} --authority-url {url}
            "$0" -q schedules add nightly --tenant contoso --timezone UTC --at 02:00 \
                --types namedLocation --no-foundations
            "$0" -q run nightly"#
        );
        fleet.env.shell(&line).ok();
        for folder in folders {
            assert_eq!(mode(&folder), 0o700, "{} {umask}", folder.display());
        }
        for file in files {
            assert_eq!(mode(&file), 0o600, "{} {umask}", file.display());
        }
    }
}

const NOBODY: u32 = 65_534;

/// What the program says as a user who may do nothing, with its exit code; none where this process
/// may not become that user.
fn as_nobody(env: &Env, args: &[&str]) -> Option<(Option<i32>, String)> {
    nobody(env, args).map(|run| (run.code, run.stderr))
}

/// The same with all that came of it.
fn nobody(env: &Env, args: &[&str]) -> Option<Run> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let program = env.path("tenantpilot");
    if !program.exists() {
        env::copy_program(PROGRAM, &program);
        allow(&program, 0o755);
        allow(&env.path(""), 0o755);
    }
    let id = NOBODY.to_string();
    let output = Command::new("setpriv")
        .args(["--reuid", &id, "--regid", &id, "--clear-groups"])
        .arg(&program)
        .args(args)
        .arg("--db")
        .arg(env.database())
        .output()
        .ok()?;
    Some(Run::from_output(&args.join(" "), output))
}

fn allow(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_keeps_another_user_out_is_said_with_the_way_out() {
    let env = Env::with_tenant();
    let list = ["tenants", "list"];
    let Some(unseen) = as_nobody(&env, &list) else {
        eprintln!("skipped: becoming another user is not allowed here");
        return;
    };
    let folder = env.path("state");
    let database = env.database();
    let stranger = |path: &std::path::Path| {
        let path = path.display();
        format!("{path} belongs to uid 0, this process runs as uid {NOBODY}\nhint: run it as that")
    };
    assert_eq!(unseen.0, Some(16), "{}", unseen.1);
    assert!(unseen.1.contains(&stranger(&folder)), "{}", unseen.1);
    allow(&folder, 0o755);
    let (code, stderr) = as_nobody(&env, &list).unwrap();
    assert_eq!(code, Some(16), "{stderr}");
    assert!(stderr.contains(&stranger(&database)), "{stderr}");

    for path in [&folder, &database] {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    allow(&database, 0o400);
    let remove = ["tenants", "remove", "contoso", "--yes"];
    let (code, stderr) = as_nobody(&env, &remove).unwrap();
    assert_eq!(code, Some(16), "{stderr}");
    let named = format!("database {}: cannot ", database.display());
    assert!(stderr.contains(&named), "{stderr}");
    assert!(
        stderr.ends_with(
            "hint: check the owner and the mode of the file, of its -wal and -shm, and of its \
             folder\n"
        ),
        "{stderr}"
    );
    for file in ["", "-wal", "-shm"].map(|end| format!("state/tenantpilot.db{end}")) {
        if env.path(&file).exists() {
            allow(&env.path(&file), 0o600);
        }
    }
    let (code, stderr) = as_nobody(&env, &remove).unwrap();
    assert_eq!(code, Some(0), "{stderr}");
}

/// What a reader asks, with the exit code of each.
const QUESTIONS: [(&[&str], i32); 10] = [
    (&["tenants", "list"], 0),
    (&["schedules", "list"], 0),
    (&["history"], 0),
    (&["history", "show", "1"], 0),
    (&["status"], 0),
    (&["backups", "list"], 0),
    (&["backups", "show", "1"], 0),
    (&["backups", "verify"], 0),
    (&["audit", "list"], 0),
    (&["db", "check"], 0),
];

/// Asks all that can be asked of a database that may not be written, and tries to write it.
fn read_only(fleet: &Fleet, slot: &str, ask: impl Fn(&[&str]) -> Run) {
    let before = fleet.bytes();
    for (args, code) in QUESTIONS {
        let (stdout, stderr) = ask(args).ends(code);
        assert!(
            !stdout.is_empty() && stderr.is_empty(),
            "{args:?}: {stderr}"
        );
    }
    for args in [
        &["dispatch", "--at", slot][..],
        &["dispatch", "--at", "2026-01-01T00:00:00Z"],
        &["run", "nightly"],
        &["schedules", "disable", "nightly"],
    ] {
        let stderr = ask(args).fails(16);
        let named = if args[0] == "run" {
            format!(
                "error: cannot open the lock file {}",
                fleet.env.database().display()
            )
        } else {
            format!("error: database {}: ", fleet.env.database().display())
        };
        assert!(stderr.starts_with(&named), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 2, "{args:?}: {stderr}");
    }
    for args in [
        &["db", "backup", "COPY"][..],
        &["backups", "export", "1", "--to", "COPY"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        allow(folder.path(), 0o777);
        let copy = folder.path().join("copy").to_str().unwrap().to_owned();
        let args: Vec<&str> = args
            .iter()
            .map(|word| if *word == "COPY" { &copy } else { *word })
            .collect();
        let (stdout, stderr) = ask(&args).ends(0);
        assert!(stdout.contains(&copy), "{args:?}: {stdout}");
        let unrecorded = stderr.contains("stands in no audit trail");
        assert!(
            unrecorded && stderr.lines().count() == 1,
            "{args:?}: {stderr}"
        );
        if args[0] == "db" {
            let its = fleet.env.run(&["--db", &copy, "backups", "verify"]).ok();
            assert!(its.contains("1 backup set"), "{its}");
        }
    }
    let (stdout, _) = ask(&["doctor", "--offline"]).ends(19);
    let database = fleet.env.database();
    let cannot = format!(
        "fail  database        {} cannot be written: ",
        database.display()
    );
    assert!(stdout.contains(&cannot), "{stdout}");
    assert!(
        stdout.contains("while the database cannot be written") && !stdout.contains("systemctl"),
        "cron is not to blame: {stdout}"
    );
    assert_eq!(fleet.bytes(), before);
}

/// Makes the newest dispatch one of an hour ago.
fn dispatched_long_ago(fleet: &Fleet) {
    let noted = fleet.env.path("state/tenantpilot.db-locks/dispatched");
    let long_ago = fs::metadata(&noted).unwrap().modified().unwrap() - Duration::from_secs(3600);
    File::open(&noted).unwrap().set_modified(long_ago).unwrap();
}

#[test]
fn a_database_that_may_only_be_read_is_read_and_nothing_is_begun() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "");
    dispatched_long_ago(&fleet);
    if as_nobody(&fleet.env, &["tenants", "list"]).is_none() {
        eprintln!("skipped: becoming another user is not allowed here");
        return;
    }
    let ask = |args: &[&str]| nobody(&fleet.env, args).unwrap();
    // Root's, in a folder that only root may write.
    allow(&fleet.env.path("state"), 0o755);
    allow(&fleet.env.database(), 0o644);
    read_only(&fleet, &slots[1], ask);
    let theirs = ask(&["dispatch"]).fails(16);
    assert!(theirs.contains("belongs to uid 0"), "{theirs}");
    // One's own, not to be written.
    for path in [fleet.env.path("state"), fleet.env.database()] {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    allow(&fleet.env.path("state"), 0o500);
    allow(&fleet.env.database(), 0o400);
    read_only(&fleet, &slots[1], ask);
    // What is only in the log is not left out in silence.
    let log = fleet.env.path("state/tenantpilot.db-wal");
    fs::write(&log, "something").unwrap();
    let stderr = ask(&["tenants", "list"]).fails(16);
    assert!(stderr.contains("its newest changes are in"), "{stderr}");
    fs::remove_file(&log).unwrap();
    allow(&fleet.env.path("state"), 0o700);
    allow(&fleet.env.database(), 0o600);
    let (code, stderr) = as_nobody(&fleet.env, &["schedules", "disable", "nightly"]).unwrap();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn who_may_not_copy_a_database_may_not_where_it_is_only_read() {
    let fleet = Fleet::nightly();
    fleet.env.run(&["run", "nightly"]).ok();
    if as_nobody(&fleet.env, &["tenants", "list"]).is_none() {
        eprintln!("skipped: becoming another user is not allowed here");
        return;
    }
    let grant = ["roles", "grant", "nobody", "readonly"];
    fleet.env.run(&[&grant[..], &["--yes"]].concat()).ok();
    allow(&fleet.env.path("state"), 0o755);
    allow(&fleet.env.database(), 0o644);
    let folder = tempfile::tempdir().unwrap();
    allow(folder.path(), 0o777);
    let to = folder.path().join("copy").to_str().unwrap().to_owned();
    let refused = nobody(&fleet.env, &["db", "backup", &to]).unwrap();
    let stderr = refused.fails(20);
    assert!(stderr.contains("the denial is not recorded"), "{stderr}");
    assert!(!folder.path().join("copy").exists());
    let export = ["backups", "export", "1", "--to", &to];
    let (_, stderr) = nobody(&fleet.env, &export).unwrap().ends(0);
    assert!(stderr.contains("no audit trail"), "{stderr}");
}

#[test]
fn where_a_database_was_it_is_not_taken_for_a_first_day() {
    let fleet = Fleet::nightly();
    fleet.env.run(&["run", "nightly"]).ok();
    let database = fleet.env.database();
    let key = fleet.env.path("state/tenantpilot.db-key");
    let was = format!("but there was one: {} is left of it", key.display());
    let hint = "hint: put a copy of it in its place (README, The files); only to begin anew: ";
    for end in ["-wal", "-shm"] {
        drop(fs::remove_file(
            fleet.env.path(&format!("state/tenantpilot.db{end}")),
        ));
    }
    for gone in [false, true] {
        match gone {
            false => fs::write(&database, "").unwrap(),
            true => fs::remove_file(&database).unwrap(),
        }
        let stderr = fleet.env.run(&["status"]).fails(10);
        assert!(stderr.contains(&was) && stderr.contains(hint), "{stderr}");
        let (stdout, _) = fleet.env.run(&["doctor", "--offline"]).ends(19);
        assert!(stdout.contains(&was), "{stdout}");
    }
    fleet.env.file("secret", "s3cret\n", 0o600);
    let secret = fleet.env.path("secret").to_str().unwrap().to_owned();
    let add = [&ADD[..8], &[&secret]].concat();
    let (_, stderr) = fleet.env.run(&add).ends(0);
    let made = format!(
        "warning: {} is left of a database that was here",
        key.display()
    );
    assert!(stderr.starts_with(&made), "{stderr}");
    assert!(
        stderr.contains("hint: to go back instead, put a copy"),
        "{stderr}"
    );
    assert_eq!(fleet.env.items(&["backups", "list"]).len(), 0);
}

#[test]
fn a_disk_that_is_mounted_read_only_is_read_and_nothing_is_begun() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "");
    dispatched_long_ago(&fleet);
    let state = fleet.env.path("state");
    let mount = |args: &[&str]| {
        let mounted = Command::new("mount").args(args).arg(&state).output();
        mounted.is_ok_and(|mounted| mounted.status.success())
    };
    if !mount(&["--bind", state.to_str().unwrap()]) {
        eprintln!("skipped: mounting is not allowed here");
        return;
    }
    let _unmounted = Mounted(state.clone());
    assert!(mount(&["-o", "remount,bind,ro"]));
    read_only(&fleet, &slots[1], |args| fleet.env.run(args));
    let stderr = fleet.env.run(&["dispatch"]).fails(16);
    assert!(
        stderr.contains("hint: its disk is mounted read-only"),
        "{stderr}"
    );
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}
