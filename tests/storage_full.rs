//! A full disk: no run that could not be kept is called a success, and nothing that was kept is
//! lost.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use env::Env;
use sandbox::server::Options;
use serde_json::Value;
use stage::{CATALOG, SCRIPTS, Stage};

/// A file system of its own in memory, taken away at the end.
struct Disk(PathBuf);

impl Disk {
    /// Nothing where mounting is not allowed.
    fn mount(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let options = format!("size={size},mode=0700");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&at)
            .output();
        mount
            .is_ok_and(|mount| mount.status.success())
            .then_some(Self(at))
    }

    /// Fills it up, to that many bytes left.
    fn fill(&self, left: usize) {
        self.clear();
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        let block = vec![b'x'; 4096];
        let mut written = 0;
        while file.write_all(&block).is_ok() {
            written += block.len() as u64;
        }
        file.set_len(written.saturating_sub(left as u64)).unwrap();
    }

    fn clear(&self) {
        drop(fs::remove_file(self.0.join("filler")));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[test]
fn a_full_disk_costs_the_run_and_nothing_else() {
    let env = Env::new();
    let Some(disk) = Disk::mount(env.path("state"), "3m") else {
        eprintln!("skipped: mounting a small file system is not allowed here");
        return;
    };
    let types = [CATALOG.0, SCRIPTS.0].join(",");
    let stage = Stage::at(env, Options::default(), &types);
    stage.sandbox.change(CATALOG.1, 1);
    let first = stage.success();
    let mut full = 0;
    for step in 0..10 {
        // All scripts are new each time, so that there is something to write.
        for id in stage.sandbox.ids(SCRIPTS.1) {
            stage.sandbox.write(|tenant| {
                let body = format!(
                    "\"{}\"",
                    uuid::Uuid::new_v4().simple().to_string().repeat(40)
                );
                tenant
                    .get_mut(SCRIPTS.1, &id)
                    .unwrap()
                    .set("scriptContent", &body);
            });
        }
        disk.fill(step * 16 * 1024);
        let (stdout, stderr) = {
            let output = stage.env.command(&["run", "nightly"]).output().unwrap();
            let code = output.status.code();
            full += usize::from(code == Some(16));
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(matches!(code, Some(0 | 16)), "{step}: {code:?} {stderr}");
            assert_eq!(
                code == Some(16),
                stderr.contains("full"),
                "{step}: {stderr}"
            );
            (String::from_utf8(output.stdout).unwrap(), stderr)
        };
        let named = stderr.contains(stage.env.database().to_str().unwrap());
        assert_eq!(named, !stderr.is_empty(), "{step}: {stderr}");
        let said = stdout.contains("success");
        assert_eq!(said, stderr.is_empty(), "{step}: {stdout}{stderr}");
        disk.clear();
        let sets = stage.sets();
        let sql = stage.env.sql();
        let intact: String = sql
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(intact, "ok", "{step}");
        drop(sql);
        let successes = stage.env.items(&["history", "--status", "success"]).len();
        assert_eq!(successes, sets, "{step}: a success has a set");
        assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true, "{step}");
        stage.env.run(&["audit", "verify"]).ok();
    }
    assert!(full > 2, "the disk was full in {full} of 10 runs");
    // A run of which not even the end could be written is closed, and told, by the next.
    stage.env.run(&["run", "nightly"]).warned();
    let after = stage.success();
    assert_eq!(
        after["summary"]["policies_total"],
        first["summary"]["policies_total"]
    );
    let open = stage.env.items(&["history", "--status", "queued,running"]);
    assert_eq!(open, Vec::<Value>::new());
}
