//! The names that a backup set keeps beside the ids in its policies.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::Options;
use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{COMPLIANCE, FILTERS, Stage};

const BY_IDS: &str = "directoryObjects/getByIds";
const PILOT: &str = "6a1f0c9e-0002-4c5b-9a57-0d5b7a3e0002";
const TYPES: &str = "conditionalAccessPolicy,deviceCompliancePolicy,roleAssignment";

/// The references of the newest set.
fn references(stage: &Stage, run: &Value) -> Vec<Value> {
    let set = stage.set(&run["backup_set_id"]);
    set["references"].as_array().unwrap().clone()
}

fn reference<'a>(references: &'a [Value], kind: &str, id: &str) -> &'a Value {
    let found = references
        .iter()
        .find(|one| one["kind"] == kind && one["id"] == id);
    found.unwrap_or_else(|| panic!("{kind} {id} in {references:?}"))
}

/// How often something below the version was asked for.
fn asked(stage: &Stage, path: &str) -> usize {
    let requests = stage.sandbox.requests();
    requests.iter().filter(|one| one.path() == path).count()
}

#[test]
fn whatever_policies_refer_to_is_named_at_the_price_of_few_requests() {
    // Pages of two, so that the answer to the question for groups goes on.
    let options = Options {
        page_size: 2,
        ..Options::default()
    };
    let stage = Stage::with(options, TYPES);
    let run = stage.success();
    let references = references(&stage, &run);
    for (kind, id, name) in [
        ("group", PILOT, "Pilot Ring"),
        ("group", "6a1f0c9e-0001-4c5b-9a57-0d5b7a3e0001", "All Staff"),
        (
            "user",
            "6a1f0c9e-0101-4c5b-9a57-0d5b7a3e0101",
            "Break-glass 1",
        ),
        (
            "directoryRole",
            "62e90394-69f5-4237-9190-012177145e10",
            "Global Administrator",
        ),
        (
            "application",
            "00000002-0000-0ff1-ce00-000000000000",
            "Office 365 Exchange Online",
        ),
        (
            "conditionalAccessTemplate",
            "c7503427-338e-4c5e-902d-abe252abfb43",
            "Require multifactor authentication for admins",
        ),
        ("roleScopeTag", "0", "Default"),
        (
            "assignmentFilter",
            "f1170000-1111-4222-8333-000000000001",
            "Corporate Windows 11",
        ),
    ] {
        let found = reference(&references, kind, id);
        assert_eq!(found["name"], name, "{found}");
        assert_eq!(found["unresolved"], Value::Null, "{found}");
        assert_eq!(found["last_known"], false, "{found}");
    }
    // Groups and people, and the pages of the answer about groups.
    let posted = stage.sandbox.requests();
    let posted = posted
        .iter()
        .filter(|one| one.method == "POST" && one.path() == BY_IDS);
    assert_eq!(posted.count(), 2);
    assert!(asked(&stage, BY_IDS) > 2, "the answer has pages");
    assert_eq!(asked(&stage, "servicePrincipals"), 1);
    assert_eq!(asked(&stage, "directoryRoleTemplates"), 1);
    let summary = &run["summary"];
    let named = references.iter().filter(|one| one["unresolved"].is_null());
    assert_eq!(summary["names_resolved"], named.count(), "{summary}");
    let unnamed = references.iter().filter(|one| !one["unresolved"].is_null());
    for one in unnamed.clone() {
        assert_eq!(one["unresolved"], "not_found", "{one}");
    }
    assert_eq!(summary["names_unresolved"], unnamed.count(), "{summary}");
    let text = stage.env.run(&["history", "show", "1"]).ok();
    assert!(text.contains("names       "), "{text}");
}

#[test]
fn what_the_set_holds_itself_is_named_without_a_request() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    let run = stage.success();
    let references = references(&stage, &run);
    let filter = "f1170000-1111-4222-8333-000000000001";
    let found = reference(&references, "assignmentFilter", filter);
    assert_eq!(found["name"], "Corporate Windows 11");
    assert_eq!(asked(&stage, FILTERS.1), 1, "its list, for the policies");
}

#[test]
fn a_deleted_group_keeps_its_last_known_name_and_unchanged_names_cost_nothing() {
    let stage = Stage::with(Options::default(), "deviceCompliancePolicy");
    stage.success();
    let contents = || stage.env.json(&["backups", "verify"])["contents"].clone();
    let before = contents();
    stage.success();
    assert_eq!(contents(), before, "the second set shares all of the first");
    assert!(stage.sandbox.remove("groups", PILOT));
    let run = stage.success();
    let references = references(&stage, &run);
    let found = reference(&references, "group", PILOT);
    assert_eq!(found["name"], "Pilot Ring", "{found}");
    assert_eq!(found["last_known"], true, "{found}");
    assert_eq!(found["unresolved"], "not_found", "{found}");
    assert_eq!(run["summary"]["names_unresolved"], 1);
    assert_eq!(run["summary"]["warnings"], Value::Array(Vec::new()));
}

#[test]
fn names_that_may_not_be_read_cost_a_warning_and_nothing_else() {
    let stage = Stage::with(Options::default(), TYPES);
    stage.sandbox.fault(Fault::on(BY_IDS, Kind::Forbidden));
    let run = stage.success();
    let warnings = run["summary"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = warnings[0].as_str().unwrap();
    for part in [
        " groups, 1 user ",
        "GroupMember.Read.All, User.ReadBasic.All",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
    let all = references(&stage, &run);
    let found = reference(&all, "group", PILOT);
    assert_eq!(found["unresolved"], "forbidden", "{found}");
    assert_eq!(found["name"], Value::Null, "{found}");
    // What has nothing to do with it is named all the same.
    let role = "62e90394-69f5-4237-9190-012177145e10";
    assert_eq!(
        reference(&all, "directoryRole", role)["unresolved"],
        Value::Null
    );
}

#[test]
fn an_answer_that_cannot_be_used_costs_the_names_and_no_policy() {
    let stage = Stage::with(Options::default(), TYPES);
    let known = references(&stage, &stage.success());
    stage.sandbox.fault(Fault::on(BY_IDS, Kind::NoValue));
    let run = stage.success();
    let warnings = run["summary"]["warnings"].to_string();
    assert!(warnings.contains("could not be looked up"), "{warnings}");
    let now = references(&stage, &run);
    assert_eq!(now.len(), known.len());
    let found = reference(&now, "group", PILOT);
    assert_eq!(found["unresolved"], "unreadable", "{found}");
    assert_eq!(found["name"], "Pilot Ring", "{found}");
}
