//! `policy-types`, and schedules that select types this program does not know.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use serde_json::{Value, json};
use stage::{COMPLIANCE, Stage, names, type_of};

/// A schedule that a newer program has written.
fn select(stage: &Stage, types: &str) {
    let changed = stage
        .env
        .sql()
        .execute("UPDATE schedules SET policy_types = ?1", [types]);
    assert_eq!(changed.unwrap(), 1);
}

#[test]
fn the_catalogue_is_listed_by_key() {
    let env = env::Env::new();
    let items = env.items(&["policy-types", "list"]);
    assert!(items.len() > 20);
    let fields = [
        "api",
        "default",
        "foundation",
        "key",
        "label",
        "path",
        "platforms",
        "read_permission",
        "restore_permission",
    ];
    for item in &items {
        let there = names(item);
        assert!(fields.iter().all(|field| there.contains(field)), "{item}");
        let key = item["key"].as_str().unwrap();
        assert_eq!(&env.json(&["policy-types", "show", key]), item);
    }
    let keys: Vec<&str> = items
        .iter()
        .map(|item| item["key"].as_str().unwrap())
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let stderr = env
        .run(&["policy-types", "show", "roleScopeTags"])
        .fails(18);
    assert!(
        stderr.contains("policy-types show roleScopeTag\n"),
        "{stderr}"
    );
}

#[test]
fn an_unknown_type_beside_a_known_one_makes_a_run_partial() {
    let stage = Stage::of(&[COMPLIANCE]);
    select(&stage, r#"["deviceCompliancePolicy","fromTheFuture"]"#);
    let run = stage.run(3);
    assert_eq!(run["status"], "partial");
    assert_eq!(run["error_code"], "UNKNOWN_POLICY_TYPE");
    assert_eq!(
        run["summary"]["unknown_policy_types"],
        json!(["fromTheFuture"])
    );
    assert_eq!(type_of(&run, "fromTheFuture")["outcome"], "unknown");
    assert_eq!(type_of(&run, COMPLIANCE.0)["outcome"], "complete");
    let set = stage.set(&run["backup_set_id"]);
    assert_eq!(set["status"], "partial");
    assert_eq!(set["types"]["fromTheFuture"]["outcome"], "unknown");
}

#[test]
fn unknown_types_alone_are_skipped() {
    let stage = Stage::of(&[COMPLIANCE]);
    select(&stage, r#"["fromTheFuture","andAnother"]"#);
    let run = stage.run(17);
    assert_eq!(run["status"], "skipped");
    assert_eq!(run["error_code"], "UNKNOWN_POLICY_TYPE");
    assert_eq!(run["backup_set_id"], Value::Null);
    assert_eq!(
        run["summary"]["unknown_policy_types"],
        json!(["fromTheFuture", "andAnother"])
    );
    assert_eq!(stage.sets(), 0);
    let (status, _) = stage.env.run(&["status"]).ends(19);
    assert!(status.contains("UNKNOWN_POLICY_TYPE"), "{status}");
    assert_eq!(stage.sandbox.requests(), [], "nobody was asked");
}

#[test]
fn what_cannot_be_backed_up_is_refused_when_it_is_saved() {
    let stage = Stage::of(&[COMPLIANCE]);
    for (types, why) in [
        (
            "fromTheFuture",
            "no policy type is called \"fromTheFuture\"",
        ),
        ("termsOfUseAgreement", "signed-in user"),
    ] {
        let edit = ["schedules", "edit", "nightly", "--types", types];
        let stderr = stage.env.run(&edit).fails(2);
        assert!(stderr.contains(why), "{stderr}");
    }
}
