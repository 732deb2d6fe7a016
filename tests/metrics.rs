//! The file for Prometheus: what it says, who may read it, and what is left alone.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use disk::{Deed, EIO, ENOSPC, Fault};
use env::{mode, until};
use fleet::{Fleet, LONG};

/// The lines of the file that are samples of that metric.
fn samples(path: &Path, metric: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let prefix = format!("tenantpilot_{metric}");
    let samples = text.lines().filter(|line| line.starts_with(&prefix));
    samples.map(str::to_owned).collect()
}

#[test]
fn metrics_tell_how_everything_stands_after_each_dispatch() {
    let mut fleet = Fleet::nightly();
    let path = fleet.env.path("tenantpilot.prom");
    fleet.env.set("TENANTPILOT_METRICS", path.to_str().unwrap());
    let run = fleet.env.shell("umask 077; \"$0\" dispatch");
    assert_eq!(run.ok(), "");
    assert_eq!(mode(&path), 0o644, "whoever reads it is another user");
    assert_eq!(
        samples(&path, "schedule_last_run_status"),
        [] as [String; 0]
    );
    let labels = r#"{tenant="contoso",schedule="nightly"}"#;
    assert_eq!(
        samples(&path, "schedule_enabled"),
        [format!("tenantpilot_schedule_enabled{labels} 1")]
    );
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("tenantpilot_build_info{{version=\"{version}\"}} 1");
    assert_eq!(samples(&path, "build_info"), [build]);
    let slots = fleet.slots(1, 4);
    fleet.dispatch(&slots[0]).ok();
    let status = |status: &str, value: i64| {
        let labels = labels.replace('}', &format!(",status=\"{status}\"}}"));
        format!("tenantpilot_schedule_last_run_status{labels} {value}")
    };
    let statuses = samples(&path, "schedule_last_run_status");
    assert_eq!(statuses[..2], [status("success", 1), status("partial", 0)]);
    let policies = fleet.env.items(&["backups", "list"])[0]["policies"].to_string();
    assert_eq!(
        samples(&path, "schedule_policies"),
        [format!("tenantpilot_schedule_policies{labels} {policies}")]
    );
    let finished = fleet.runs()[0]["finished_at"].as_str().unwrap().to_owned();
    let finished = chrono::DateTime::parse_from_rfc3339(&finished)
        .unwrap()
        .timestamp();
    let success = format!("tenantpilot_schedule_last_success_timestamp_seconds{labels} {finished}");
    assert_eq!(samples(&path, "schedule_last_success_timestamp"), [success]);
    assert_eq!(samples(&path, "dispatch_timestamp_seconds").len(), 1);
    let late = slots[3].replace("T02:00", "T02:30");
    fleet.dispatch(&late).fails(19);
    assert_eq!(
        samples(&path, "schedule_missed_slots"),
        [format!("tenantpilot_schedule_missed_slots{labels} 3")]
    );
    // A rehearsal writes none.
    fs::remove_file(&path).unwrap();
    fleet.env.run(&["dispatch", "--dry-run"]).ok();
    assert!(!path.exists());
}

#[test]
fn metrics_that_cannot_be_written_leave_what_is_there_and_fail_nothing() {
    let fleet = Fleet::nightly();
    let folder = fleet.env.path("metrics");
    fs::create_dir(&folder).unwrap();
    let (path, victim) = (folder.join("tp.prom"), folder.join("victim"));
    fs::write(&victim, "precious").unwrap();
    let given = path.to_str().unwrap().to_owned();
    let dispatch = ["dispatch", "--metrics", &given];
    fleet.env.run(&dispatch).ok();
    let before = fs::read_to_string(&path).unwrap();
    // No room, or a disk that fails: the old file stays, and nothing else.
    for (deed, why) in [(ENOSPC, "disk full, "), (EIO, "os error 5")] {
        let fault = Fault::once("write", deed).at(1);
        let (run, calls) = disk::run_on(&folder, &fleet.env, &dispatch, fault);
        let (_, stderr) = run.warned();
        assert!(calls[0].failed, "{calls:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
        let said = "warning: the file of metrics fails, runs do not: cannot write ";
        assert!(stderr.starts_with(said), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "no draft");
        let stderr = fleet.env.run(&dispatch).warned().1;
        assert!(
            stderr.contains("the file of metrics works again"),
            "{stderr}"
        );
        fs::write(&path, &before).unwrap();
    }
    // Killed while it writes, it leaves the old file, and a draft that is in nobody's way.
    let fault = Fault::once("write", Deed::Kill).at(1);
    let (run, _) = disk::run_on(&folder, &fleet.env, &dispatch, fault);
    assert_eq!(run.code, None);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
    fleet.env.run(&dispatch).ok();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    // A link, a file that is not ours, a device, a folder that is not there.
    let link = folder.join("link.prom");
    symlink(&victim, &link).unwrap();
    let database = fleet.env.database();
    for bad in [
        link.as_path(),
        &victim,
        &database,
        Path::new("/dev/null"),
        &folder.join("none/tp.prom"),
        &folder,
    ] {
        let given = bad.to_str().unwrap();
        let stderr = fleet
            .env
            .run(&["dispatch", "-v", "--metrics", given])
            .warned()
            .1;
        assert!(
            stderr.contains("the file of metrics fails: "),
            "{given}: {stderr}"
        );
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(link.is_symlink());
    fleet.assert_sound();
}

#[test]
fn two_that_write_metrics_at_once_leave_a_whole_file() {
    let fleet = Fleet::nightly();
    let path = fleet.env.path("tp.prom");
    let given = path.to_str().unwrap();
    let started: Vec<_> = (0..8)
        .map(|_| fleet.env.start(&["dispatch", "--metrics", given]))
        .collect();
    until("a file", LONG, || path.exists().then_some(()));
    for one in started {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# HELP tenantpilot_build_info") && text.ends_with('\n'));
        assert!(text.contains("tenantpilot_schedule_enabled{"), "{text}");
        assert_eq!(one.end().ok(), "");
    }
}

/// Debian: the package prometheus has it.
#[test]
#[ignore = "needs promtool: cargo test --test metrics -- --ignored"]
fn promtool_finds_nothing_to_say() {
    let fleet = Fleet::nightly();
    let path = fleet.env.path("tp.prom");
    let slot = fleet.slots(1, 1).remove(0);
    let args = [
        "dispatch",
        "--at",
        &slot,
        "--metrics",
        path.to_str().unwrap(),
    ];
    fleet.env.run(&args).ok();
    let checked = fleet.env.shell("promtool check metrics < tp.prom 2>&1");
    assert_eq!(checked.ok(), "");
}
