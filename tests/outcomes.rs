//! What a whole collection that answers with an error means, for every row of the catalogue: a type
//! that was not read is never complete with nothing in it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use sandbox::server::Options;
use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{Stage, type_of};
use tenantpilot::policy::catalogue::{self, PolicyType};

/// Every row that an app can read, by the first list that its reading begins with.
fn by_list() -> BTreeMap<&'static str, Vec<&'static PolicyType>> {
    let mut lists: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in catalogue::all().filter(|row| row.not_app_only.is_none()) {
        let first = row
            .path
            .split_once("/{parent}")
            .map_or(row.path, |(parents, _)| parents);
        lists.entry(first).or_default().push(row);
    }
    lists
}

/// The outcome of a row whose first list answers so.
fn expected(row: &PolicyType, kind: &Kind) -> &'static str {
    match kind {
        Kind::Forbidden | Kind::Status(403) => "forbidden",
        Kind::NotLicensed | Kind::NotPremium => "not_offered",
        Kind::Status(404) if row.may_be_absent => "complete",
        Kind::Status(404) => "not_offered",
        Kind::Status(400) if row.unpublished => "not_offered",
        _ => "incomplete",
    }
}

/// Runs with the lists for which `faulty` holds answering so, and all others as they should.
fn one_run(kind: &Kind, faulty: impl Fn(usize) -> bool) {
    let stage = Stage::with(Options::default(), "all");
    let lists = by_list();
    let mut broken = BTreeSet::new();
    for (number, (list, rows)) in lists.iter().enumerate() {
        if faulty(number) {
            stage
                .sandbox
                .fault(Fault::on(&format!("{list}$"), kind.clone()));
            broken.extend(rows.iter().map(|row| row.key));
        }
    }
    let success = matches!(
        kind,
        Kind::NotLicensed | Kind::NotPremium | Kind::Status(404)
    );
    let run = stage.run(if success { 0 } else { 3 });
    for row in lists.values().flatten() {
        let of = type_of(&run, row.key);
        let case = format!("{kind:?} {}: {of}", row.key);
        if !broken.contains(row.key) {
            assert_eq!(of["outcome"], "complete", "{case}");
            assert!(of["total"].as_u64().unwrap() > 0, "{case}");
            continue;
        }
        let outcome = expected(row, kind);
        assert_eq!(of["outcome"], outcome, "{case}");
        assert_eq!(
            (&of["total"], &of["backed_up"]),
            (&0.into(), &0.into()),
            "{case}"
        );
        assert_eq!(of["error"] == Value::Null, outcome == "complete", "{case}");
        let said = of["error"].as_str().unwrap_or_default();
        let named = row.read_permissions.iter().any(|name| said.contains(name));
        assert!(named || outcome != "forbidden", "{case}");
    }
}

#[test]
fn every_type_says_why_its_collection_was_not_read() {
    let kinds = [
        Kind::NotLicensed,
        Kind::NotPremium,
        Kind::Forbidden,
        Kind::Status(403),
        Kind::Status(404),
        Kind::Status(400),
        Kind::Status(500),
    ];
    std::thread::scope(|scope| {
        for kind in &kinds {
            for half in [0, 1] {
                scope.spawn(move || one_run(kind, |number| number % 2 == half));
            }
        }
    });
}

/// What is in no published metadata, Graph need not know: however it refuses it, nobody has to act.
/// What is published and refused is somebody's business.
#[test]
fn a_collection_that_is_not_published_may_be_refused() {
    let (unsure, sure) = ("inventoryPolicy", "hardwareConfiguration");
    let stage = Stage::with(Options::default(), &format!("{unsure},{sure}"));
    let path = |key: &str| catalogue::find(key).unwrap().path;
    for kind in [Kind::Status(400), Kind::Status(404)] {
        let fault = Fault::on(&format!("{}$", path(unsure)), kind.clone());
        stage.sandbox.fault(fault);
        let run = stage.success();
        assert_eq!(type_of(&run, unsure)["outcome"], "not_offered", "{kind:?}");
        stage.sandbox.clear_faults();
    }
    stage
        .sandbox
        .fault(Fault::on(&format!("{}$", path(unsure)), Kind::Status(500)));
    let run = stage.run(3);
    assert_eq!(type_of(&run, unsure)["outcome"], "incomplete");
    stage.sandbox.clear_faults();
    stage
        .sandbox
        .fault(Fault::on(&format!("{}$", path(sure)), Kind::Status(400)));
    let run = stage.run(3);
    assert_eq!(type_of(&run, unsure)["outcome"], "complete");
    assert_eq!(type_of(&run, sure)["outcome"], "incomplete");
}

/// A list below an object is read once per object; one of them that fails is not "nothing there".
#[test]
fn a_list_below_an_object_that_fails_is_not_empty() {
    let stage = Stage::with(Options::default(), "roleAssignment,organizationalBranding");
    let role = stage
        .sandbox
        .ids("deviceManagement/roleDefinitions")
        .pop()
        .unwrap();
    let list = format!("deviceManagement/roleDefinitions/{role}/roleAssignments");
    for (kind, outcome) in [
        (Kind::Forbidden, "incomplete"),
        (Kind::Status(404), "incomplete"),
        (Kind::Status(500), "incomplete"),
    ] {
        stage.sandbox.fault(Fault::on(&list, kind.clone()));
        let run = stage.run(3);
        let of = type_of(&run, "roleAssignment");
        assert_eq!(of["outcome"], outcome, "{kind:?}: {of}");
        assert_eq!(
            type_of(&run, "organizationalBranding")["outcome"],
            "complete"
        );
        stage.sandbox.clear_faults();
    }
}

#[test]
fn what_a_tenant_may_lack_is_said_with_the_permission() {
    for (key, path, lacking) in [
        (
            "cloudPcUserSetting",
            "deviceManagement/virtualEndpoint",
            "Windows 365",
        ),
        (
            "remoteAssistancePartner",
            "deviceManagement/remoteAssistancePartners",
            "remote assistance partner",
        ),
    ] {
        let stage = Stage::with(Options::default(), &format!("assignmentFilter,{key}"));
        stage.sandbox.fault(Fault::on(path, Kind::Status(403)));
        let (_, stderr) = stage.env.run(&["run", "nightly"]).ends(3);
        let least = catalogue::find(key).unwrap().read_permissions[0];
        assert!(stderr.contains(&format!("{key} forbidden")), "{stderr}");
        assert!(
            stderr.contains(least) && stderr.contains(lacking),
            "{stderr}"
        );
        let command = format!("tenantpilot schedules edit 1 --exclude-types {key}; then: ");
        assert!(stderr.contains(&command), "{stderr}");
    }
    let key = "microsoftTunnelSite";
    let stage = Stage::with(Options::default(), &format!("assignmentFilter,{key}"));
    let path = "deviceManagement/microsoftTunnelSites";
    stage.sandbox.fault(Fault::on(path, Kind::Status(403)));
    let run = stage.run(3);
    let said = type_of(&run, key)["error"].as_str().unwrap();
    for either in catalogue::find(key).unwrap().read_permissions {
        assert!(said.contains(either), "{said}");
    }
}
