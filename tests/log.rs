//! `backups log`: the life of one policy.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{COMPLIANCE, FILTERS, Stage};

/// The changes of a policy, newest first: what, in which set, and the set before that said something.
fn turns(log: &Value) -> Vec<(String, i64, Option<i64>)> {
    let items = log["items"].as_array().unwrap();
    let turn = |item: &Value| {
        let word = item["change"].as_str().unwrap().to_owned();
        let set = item["backup_set_id"].as_i64().unwrap();
        (word, set, item["since_backup_set_id"].as_i64())
    };
    items.iter().map(turn).collect()
}

#[test]
fn a_life_is_told_from_the_sets_that_say_something() {
    let stage = Stage::of(&[FILTERS, COMPLIANCE]);
    let id = stage.sandbox.ids(FILTERS.1).remove(0);
    let text = stage.sandbox.text(FILTERS.1, &id).unwrap();
    stage.success();
    stage.success();
    stage.sandbox.update(FILTERS.1, &id, |text| {
        let mut policy: Value = serde_json::from_str(text).unwrap();
        policy["lastModifiedDateTime"] = "2026-11-22T10:00:00Z".into();
        policy.to_string()
    });
    stage.success();
    stage.sandbox.rename(FILTERS.1, &id, "called otherwise");
    stage.success();
    stage.sandbox.remove(FILTERS.1, &id);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    stage.run(3);
    stage.sandbox.clear_faults();
    stage.success();
    stage.success();
    stage.sandbox.add(FILTERS.1, &text);
    stage.success();
    let policy = format!("{}/{id}", FILTERS.0);
    let log = stage.env.json(&["backups", "log", &policy]);
    let word = |word: &str| word.to_owned();
    assert_eq!(
        turns(&log),
        [
            (word("returned"), 8, Some(7)),
            (word("removed"), 6, Some(4)),
            (word("changed"), 4, Some(3)),
            (word("added"), 1, None),
        ]
    );
    let renamed = &log["items"][2]["renamed"];
    assert_eq!(renamed["after"], "called otherwise", "{log}");
    assert_eq!(log["items"][2]["fields"][0]["path"], "displayName");
    assert_eq!((&log["sets"], &log["unread_sets"]), (&8.into(), &1.into()));
    assert_eq!(log["gone_since"], Value::Null);
    let human = stage
        .env
        .run(&["backups", "log", "called otherwise", "--limit", "3"])
        .ok();
    assert!(
        human.contains("backup sets  8, of which 1 says nothing of it"),
        "{human}"
    );
    assert!(human.contains("renamed from"), "{human}");
    assert!(!human.contains("added"), "{human}");
    let (_, id) = policy.split_once('/').unwrap();
    let by_id = ["backups", "log", id, "--limit", "3"];
    assert_eq!(stage.env.run(&by_id).ok(), human);
    let patch = stage
        .env
        .run(&["backups", "log", &policy, "--patch", "--tenant", "contoso"])
        .ok();
    assert!(
        patch.contains("~ displayName: ") && patch.contains("-> called otherwise"),
        "{patch}"
    );
}

#[test]
fn what_cannot_be_told_apart_is_asked_for() {
    let stage = Stage::of(&[FILTERS, COMPLIANCE]);
    let ids = stage.sandbox.ids(FILTERS.1);
    stage.sandbox.rename(FILTERS.1, &ids[0], "twin");
    stage.sandbox.rename(FILTERS.1, &ids[1], "twin");
    stage.success();
    let error = stage.env.run(&["backups", "log", "twin"]).fails(2);
    assert!(
        error.contains(&ids[0]) && error.contains(&ids[1]),
        "{error}"
    );
    for given in ["nobody", "assignmentFilter/none", "nonsense/x", "/", ""] {
        stage
            .env
            .run(&["backups", "log", given, "--json"])
            .fails_as_json(18);
    }
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    stage.add_schedule("fabrikam", "weekly", FILTERS.0, &[]);
    stage.env.run(&["run", "weekly", "--quiet"]).ok();
    let policy = format!("{}/{}", FILTERS.0, ids[0]);
    let error = stage.env.run(&["backups", "log", &policy]).fails(2);
    assert!(
        error.contains("--tenant") && error.contains("fabrikam"),
        "{error}"
    );
    let log = stage
        .env
        .json(&["backups", "log", &policy, "--tenant", "fabrikam"]);
    assert_eq!(turns(&log), [("added".to_owned(), 2, None)]);
    // A damaged set says nothing, and does not hide the others.
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    stage
        .unprotected()
        .execute(
            "UPDATE contents SET data = zeroblob(length(data)) WHERE tenant_id = 1
             AND hash = (SELECT root_hash FROM backup_sets WHERE id = 3)",
            [],
        )
        .unwrap();
    let log = stage
        .env
        .json(&["backups", "log", &policy, "--tenant", "contoso"]);
    assert_eq!(log["unread_sets"], 1, "{log}");
    stage
        .unprotected()
        .execute(
            "UPDATE contents SET data = zeroblob(length(data)) WHERE tenant_id = 1",
            [],
        )
        .unwrap();
    let log = ["backups", "log", &policy, "--tenant", "contoso", "--json"];
    stage.env.run(&log).fails_as_json(14);
}

fn event_words(event: &Value) -> [&str; 2] {
    ["activity", "actor"].map(|name| event[name].as_str().unwrap())
}

/// What is told of who made a change: activity and actor of each event.
fn events(change: &Value) -> Option<Vec<[&str; 2]>> {
    let events = change["changed_by"].as_array()?.iter();
    Some(events.map(event_words).collect())
}

/// The changes of a log, newest first, with that.
fn authors(log: &Value) -> Vec<(&str, Option<Vec<[&str; 2]>>)> {
    let items = log["items"].as_array().unwrap().iter();
    items
        .map(|item| (item["change"].as_str().unwrap(), events(item)))
        .collect()
}

const ADMIN: &str = "admin@contoso.onmicrosoft.com";
const PATCH: &str = "Patch DeviceAndAppManagementAssignmentFilter";
const DELETE: &str = "Delete DeviceAndAppManagementAssignmentFilter";
const EVENTS: &str = "deviceManagement/auditEvents";

/// A filter that was there, was changed and was removed, and `TYPE/ID` of it.
fn changed_and_removed() -> (Stage, String) {
    let stage = Stage::of(&[FILTERS]);
    let id = stage.sandbox.ids(FILTERS.1).remove(0);
    stage.success();
    // Others are changed at the same time, and are nobody's business here.
    assert!(stage.sandbox.change(FILTERS.1, 3).len() > 1);
    stage.success();
    stage.sandbox.remove(FILTERS.1, &id);
    stage.success();
    stage.sandbox.forget_requests();
    let policy = format!("{}/{id}", FILTERS.0);
    (stage, policy)
}

#[test]
fn who_made_a_change_is_asked_for_and_told() {
    let (stage, policy) = changed_and_removed();
    let log = stage.env.json(&["backups", "log", &policy]);
    assert!(log["items"][0].get("changed_by").is_none(), "{log}");
    stage.env.run(&["backups", "log", &policy, "--patch"]).ok();
    assert!(stage.sandbox.requests().is_empty(), "nobody asked for it");
    let log = stage.env.json(&["backups", "log", &policy, "--who"]);
    let told = authors(&log);
    let [
        ("removed", Some(removed)),
        ("changed", Some(changed)),
        ("added", None),
    ] = &told[..]
    else {
        panic!("{log}");
    };
    assert_eq!(removed[0], [DELETE, "Clean-up"], "the newest first: {log}");
    assert_eq!(changed.last(), Some(&[PATCH, ADMIN]), "{log}");
    let patches = changed.iter().filter(|event| **event == [PATCH, ADMIN]);
    assert_eq!(patches.count(), 1, "one of three: {log}");
    assert!(log["items"][1]["changed_by"][0]["at"].is_string());
    for request in stage.sandbox.requests() {
        let reads = request.method == "GET" || request.url.contains("/token");
        assert!(reads, "{} {}", request.method, request.url);
    }
    let human = stage.env.run(&["backups", "log", &policy, "--who"]).ok();
    assert!(human.contains(&format!("  by {ADMIN} at 20")), "{human}");
    assert!(human.contains(&format!("Z: {PATCH}\n")), "{human}");
    assert!(human.contains("\n  description\n"), "{human}");
    let args = ["backups", "log", &policy, "--who", "--patch"];
    let patch = stage.env.run(&args).ok();
    assert!(patch.contains("~ description: "), "{patch}");
    assert!(patch.contains(&format!("Z: {DELETE}\n")), "{patch}");
    // What happened outside the spans of the changes is not told.
    stage.sandbox.write(|tenant| {
        tenant.each(EVENTS, |event| {
            event.set("activityDateTime", r#""2026-01-02T03:04:05Z""#);
        });
    });
    let log = stage.env.json(&["backups", "log", &policy, "--who"]);
    let none = Some(Vec::new());
    let expected = [
        ("removed", none.clone()),
        ("changed", none),
        ("added", None),
    ];
    assert_eq!(authors(&log), expected);
}

#[test]
fn a_log_is_shown_whoever_cannot_be_asked() {
    let (stage, policy) = changed_and_removed();
    let args = ["backups", "log", &policy, "--who", "--json"];
    let unknown = [("removed", None), ("changed", None), ("added", None)];
    for (kind, why) in [
        (
            Kind::Forbidden,
            "lacks the permission DeviceManagementApps.Read.All\n",
        ),
        (Kind::NoValue, EVENTS),
        (Kind::NextItself, EVENTS),
    ] {
        stage.sandbox.fault(Fault::on(EVENTS, kind));
        let (stdout, stderr) = stage.env.run(&args).warned();
        let log: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(authors(&log), unknown);
        assert!(stderr.contains("who changed it is not known"), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
        stage.sandbox.clear_faults();
    }
    stage.sandbox.set_secret("another");
    let (stdout, stderr) = stage.env.run(&args).warned();
    assert_eq!(authors(&serde_json::from_str(&stdout).unwrap()), unknown);
    assert!(stderr.contains("sign-in"), "{stderr}");
}

#[test]
fn entra_is_not_asked_for_who_changed_what() {
    let named = ("namedLocation", "identity/conditionalAccess/namedLocations");
    let stage = Stage::of(&[named]);
    let id = stage.sandbox.ids(named.1).remove(0);
    stage.success();
    stage.sandbox.rename(named.1, &id, "another place");
    stage.success();
    stage.sandbox.forget_requests();
    let (stdout, stderr) = stage
        .env
        .run(&["backups", "log", "another place", "--who"])
        .warned();
    assert!(stdout.contains("renamed from"), "{stdout}");
    assert!(stderr.contains("do not tell of namedLocation"), "{stderr}");
    assert!(stage.sandbox.requests().is_empty());
}
