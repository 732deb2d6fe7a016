//! `backups pin | unpin | expire | unexpire | delete`: what a person decides about a backup set.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use serde_json::Value;
use stage::{FILTERS, Stage};

/// A stage with so many backup sets of one small policy type, each different from the last.
fn with_sets(count: usize) -> Stage {
    let stage = Stage::of(&[FILTERS]);
    for _ in 0..count {
        stage.success();
        stage.sandbox.change(FILTERS.1, 1);
    }
    stage
}

fn ids(stage: &Stage, more: &[&str]) -> Vec<i64> {
    let items = stage.env.items(&[&["backups", "list"], more].concat());
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn a_pinned_set_stays_until_it_is_unpinned() {
    let stage = with_sets(2);
    let pinned = stage
        .env
        .json(&["backups", "pin", "1", "--reason", "before the change"]);
    assert_eq!(
        (&pinned["id"], &pinned["pinned"]),
        (&Value::from(1), &Value::from(true))
    );
    stage
        .env
        .run(&["schedules", "edit", "nightly", "--keep-last", "1"])
        .ok();
    stage.env.run(&["retention"]).ok();
    assert_eq!(ids(&stage, &[]), [2, 1]);
    for args in [
        &["backups", "expire", "1"][..],
        &["backups", "delete", "1", "--yes"],
    ] {
        let stderr = stage.env.run(args).fails(2);
        assert!(stderr.contains("is pinned: before the change"), "{stderr}");
        assert!(
            stderr.contains("hint: tenantpilot backups unpin 1"),
            "{stderr}"
        );
    }
    stage.env.run(&["backups", "unpin", "1"]).ok();
    stage.env.run(&["retention"]).ok();
    assert_eq!(
        (ids(&stage, &[]), ids(&stage, &["--expired"])),
        (vec![2], vec![1])
    );
    stage.env.run(&["backups", "unpin", "1"]).fails(2);
    stage
        .env
        .run(&["backups", "pin", "2", "--reason", " "])
        .fails(2);
}

#[test]
fn an_expired_set_is_hidden_and_can_be_brought_back() {
    let stage = with_sets(2);
    stage.env.run(&["backups", "expire", "1"]).ok();
    assert_eq!(
        (ids(&stage, &[]), ids(&stage, &["--expired"])),
        (vec![2], vec![1])
    );
    stage.env.run(&["backups", "expire", "1"]).fails(2);
    let stderr = stage
        .env
        .run(&["backups", "pin", "1", "--reason", "x"])
        .fails(2);
    assert!(
        stderr.contains("tenantpilot backups unexpire 1"),
        "{stderr}"
    );
    stage.env.run(&["backups", "unexpire", "1"]).ok();
    assert_eq!(
        (ids(&stage, &[]), ids(&stage, &["--expired"])),
        (vec![2, 1], vec![])
    );
    stage.env.run(&["backups", "unexpire", "1"]).fails(2);
}

#[test]
fn a_deleted_set_is_gone_and_the_others_are_whole() {
    let stage = with_sets(3);
    let stderr = stage.env.run(&["backups", "delete", "2"]).fails(2);
    assert!(stderr.contains("--yes"), "{stderr}");
    stage.env.run(&["backups", "delete", "2", "--yes"]).ok();
    assert_eq!(
        (ids(&stage, &[]), ids(&stage, &["--expired"])),
        (vec![3, 1], vec![])
    );
    assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true);
    stage
        .env
        .run(&["backups", "delete", "2", "--yes"])
        .fails(18);
    let actions = stage.env.audit_actions();
    for action in ["backup_set.expire", "backup_set.delete"] {
        assert!(actions.iter().any(|one| one == action), "{actions:?}");
    }
    stage.env.run(&["audit", "verify"]).ok();
}

#[test]
fn a_set_that_was_brought_back_meanwhile_is_not_called_deleted() {
    let stage = with_sets(2);
    // Somebody else, between the moment the set is hidden and the moment it would go.
    stage
        .env
        .sql()
        .execute_batch(
            "CREATE TRIGGER somebody_else AFTER UPDATE OF expired_at ON backup_sets
             WHEN new.expired_at IS NOT NULL
             BEGIN UPDATE backup_sets SET expired_at = NULL WHERE id = new.id; END",
        )
        .unwrap();
    let stderr = stage.env.run(&["backups", "delete", "1", "--yes"]).fails(2);
    assert!(stderr.contains("was changed meanwhile"), "{stderr}");
    assert_eq!(ids(&stage, &[]), [2, 1]);
    let actions = stage.env.audit_actions();
    assert!(!actions.contains(&"backup_set.delete".to_owned()));
}
