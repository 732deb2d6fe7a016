//! `backups diff` of a part: of one policy or type, and of the sets that a tenant or schedule means.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::PROFILES;
use sandbox::server::Options;
use serde_json::{Value, json};
use stage::{FILTERS, Stage};

fn diff(stage: &Stage, args: &[&str]) -> Value {
    stage.env.json(&[&["backups", "diff"], args].concat())
}

#[test]
fn a_profile_that_moved_is_not_told_as_removed() {
    let stage = Stage::with(Options::default(), "deviceConfiguration,windowsUpdateRing");
    stage.success();
    let own = "#microsoft.graph.windowsUpdateForBusinessConfiguration";
    let general = "#microsoft.graph.windows10GeneralConfiguration";
    let is_ring = |id: &String| stage.sandbox.text(PROFILES, id).unwrap().contains(own);
    let ring = stage
        .sandbox
        .ids(PROFILES)
        .into_iter()
        .find(is_ring)
        .unwrap();
    let moved = |text: &str| text.replace(own, general);
    assert!(stage.sandbox.update(PROFILES, &ring, moved));
    stage.success();
    for key in ["windowsUpdateRing", "deviceConfiguration"] {
        let policy = format!("{key}/{ring}");
        for sides in [&["1", "2"][..], &["1", "--live"]] {
            for part in [["--types", key], ["--policy", &policy]] {
                let found = diff(&stage, &[sides, &part].concat());
                assert_eq!(found["counts"]["removed"], 0, "{sides:?} {part:?}: {found}");
                assert_eq!(found["counts"]["added"], 0, "{sides:?} {part:?}: {found}");
                let mut changes = found["changes"].as_array().unwrap().iter();
                let moved = changes.find(|change| change["policy_id"] == *ring);
                assert_eq!(moved.unwrap()["change"], "moved", "{found}");
            }
        }
    }
}

#[test]
fn the_last_two_sets_are_those_of_the_last_times() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    // The later one is imported first.
    for (set, time) in [("2", "2026-02-01T00:00:00Z"), ("1", "2026-01-01T00:00:00Z")] {
        let to = format!("out{set}");
        let export = ["backups", "export", set, "--to", &to, "--quiet"];
        stage.env.run(&export).ok();
        let import = ["backups", "import", &to, "--tenant", "fabrikam"];
        let import = [&import[..], &["--time", time, "--quiet"]].concat();
        stage.env.run(&import).ok();
    }
    let found = diff(&stage, &["--tenant", "fabrikam", "--latest"]);
    let id = |side: &str| found[side]["backup_set_id"].clone();
    assert_eq!((id("from"), id("to")), (json!(4), json!(3)), "{found}");
    let found = diff(&stage, &["--tenant", "fabrikam", "--live"]);
    assert_eq!(found["from"]["backup_set_id"], 3, "{found}");
    assert_eq!(found["equal"], true, "{found}");
    // A run may be made later than one of a later slot.
    let sql = stage.unprotected();
    sql.execute(
        "UPDATE backup_sets SET time = time - 86400 WHERE id = 2",
        [],
    )
    .unwrap();
    let found = diff(&stage, &["--schedule", "nightly", "--latest"]);
    let id = |side: &str| found[side]["backup_set_id"].clone();
    assert_eq!((id("from"), id("to")), (json!(2), json!(1)), "{found}");
}
