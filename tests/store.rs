//! The file of the database: what may be one, how it comes to be, and who may use it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;

use env::{CLIENT_ID, Env, mode};
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
