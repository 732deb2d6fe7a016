//! A database on a file system of another machine: what runs or makes one refuses it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;

use std::fs;
use std::path::Path;
use std::process::Command;

use env::{Env, PROGRAM};

/// The program with these arguments, and a database on a file system of this type: its exit code and
/// what it said.
fn beside(kind: &str, args: &[&str]) -> (Option<i32>, String) {
    let env = Env::new();
    let folder = env.path("far");
    fs::create_dir(&folder).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuse.py");
    let output = Command::new("unshare")
        .args(["-m", "python3", fixture.to_str().unwrap()])
        .args([folder.to_str().unwrap(), kind, PROGRAM, "--db"])
        .arg(folder.join("tp.db"))
        .args(args)
        .env("HOME", env.path(""))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
#[ignore = "root and /dev/fuse: cargo test --test network_file_system -- --ignored"]
fn a_database_on_a_network_file_system_is_refused() {
    let add = [
        "tenants",
        "add",
        "contoso",
        "--directory",
        "contoso.com",
        "--client-id",
        env::CLIENT_ID,
        "--secret-env",
        "X",
    ];
    for args in [
        &["dispatch"][..],
        &["dispatch", "--dry-run"],
        &["run", "x"],
        &["retry", "1"],
        &add,
    ] {
        let (code, said) = beside("fuse.sshfs", args);
        assert_eq!(code, Some(16), "{args:?}: {said}");
        assert!(
            said.contains("is on a network file system (fuse.sshfs)"),
            "{said}"
        );
        assert!(
            said.contains("hint: move the database to a disk of this machine"),
            "{said}"
        );
    }
    let (code, said) = beside("fuse.sshfs", &["doctor", "--offline"]);
    assert_eq!(code, Some(19), "{said}");
    assert!(
        said.contains("fail  file system  fuse.sshfs is a network file system"),
        "{said}"
    );
    // Where it is not known where it leads, nothing is refused, and doctor says so.
    let (code, said) = beside("fuse.mergerfs", &["dispatch"]);
    assert_eq!(code, Some(10), "{said}");
    let (_, said) = beside("fuse.mergerfs", &["doctor", "--offline"]);
    assert!(
        said.contains("warn  file system  fuse.mergerfs: kept by a program"),
        "{said}"
    );
}
