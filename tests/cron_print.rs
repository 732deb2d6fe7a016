//! `cron print`: a line that cron takes and that works from where cron starts it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;

use std::path::Path;
use std::process::Command;

use env::{Env, PROGRAM};
use tenantpilot::crontab::{self, EACH_MINUTE};

/// What stands below the comment.
fn line(printed: &str) -> &str {
    let (comment, lines): (Vec<&str>, Vec<&str>) =
        printed.lines().partition(|line| line.starts_with('#'));
    assert_eq!((comment.len(), lines.len()), (2, 1), "{printed}");
    lines[0]
}

#[test]
fn the_line_names_program_and_database_by_their_whole_paths() {
    let env = Env::new();
    let printed = env.run(&["cron", "print"]).ok();
    assert!(
        printed.ends_with("dispatch\n"),
        "cron needs the end of the last line"
    );
    let entry = crontab::entries(&printed, false).remove(0);
    assert_eq!(entry.when, EACH_MINUTE);
    let dispatch = entry.dispatch("tenantpilot").unwrap();
    assert_eq!(
        Path::new(&dispatch.program),
        Path::new(PROGRAM).canonicalize().unwrap()
    );
    assert_eq!(dispatch.database.as_deref(), env.database().to_str());
    assert!(!env.path("state").exists(), "nothing is made");
    let document = env.json(&["cron", "print"]);
    assert_eq!(document["line"], line(&printed));
    assert_eq!(document["user"], serde_json::Value::Null);
}

#[test]
fn the_line_works_from_where_cron_starts_it() {
    let env = Env::with_tenant();
    let printed = env.run(&["cron", "print"]).ok();
    let command = crontab::entries(&printed, false).remove(0).command;
    let output = Command::new("sh")
        .args(["-c", &command])
        .env_clear()
        .current_dir("/")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
    let dispatched = env.path("state/tenantpilot.db-locks/dispatched");
    assert!(dispatched.exists(), "it dispatched");
}

#[test]
fn a_crontab_takes_the_line() {
    let env = Env::new();
    let table = env.file("table", &env.run(&["cron", "print"]).ok(), 0o600);
    // Only some crons can check a table, and not every machine has one.
    let Ok(help) = Command::new("crontab").arg("-V").output() else {
        return;
    };
    let checks = Command::new("crontab")
        .args(["-T", &table])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checks.stderr).into_owned();
    let knows = !said.contains("invalid option") && !said.contains("usage");
    assert!(!knows || checks.status.success(), "{said}{help:?}");
}

#[test]
fn a_path_that_cron_would_not_find_is_refused_with_one_that_it_does() {
    let env = Env::new();
    for args in [
        &["--db", "tp.db", "cron", "print"][..],
        &["cron", "print", "--db", "./x/tp.db"],
    ] {
        let stderr = env.run(args).fails(2);
        assert!(stderr.contains("would not be found"), "{stderr}");
        let hint = stderr.lines().last().unwrap();
        let home = env.path("").canonicalize().unwrap();
        assert!(hint.contains(home.to_str().unwrap()), "{stderr}");
    }
    let stderr = env.run(&["--db", "/x/50%.db", "cron", "print"]).fails(2);
    assert!(stderr.contains("cannot name"), "{stderr}");
}

#[test]
fn the_machines_table_names_the_user() {
    let env = Env::with_tenant();
    let printed = env
        .run(&["cron", "print", "--system", "--user", "backup"])
        .ok();
    let entry = crontab::entries(&printed, true).remove(0);
    assert_eq!(entry.user.as_deref(), Some("backup"));
    assert!(
        printed.starts_with("# /etc/cron.d/tenantpilot"),
        "{printed}"
    );
    let own = env.json(&["cron", "print", "--system"]);
    let user = own["user"].as_str().unwrap();
    assert!(
        own["line"]
            .as_str()
            .unwrap()
            .starts_with(&format!("* * * * * {user} /"))
    );
    let stderr = env
        .run(&["cron", "print", "--system", "--user", "a b"])
        .fails(2);
    assert!(stderr.contains("name of a user"), "{stderr}");
    let stderr = env.run(&["cron", "print", "--user", "backup"]).fails(2);
    assert!(stderr.contains("--system"), "{stderr}");
}
