//! `backups diff`: which two are compared: sets by time, two tenants, the tenant as it is now.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/comparison.rs"]
mod comparison;
#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use comparison::{diff, edit, words};
use sandbox::server::faults::{Fault, Kind};
use sandbox::server::{Options, Sandbox};
use serde_json::{Value, json};
use stage::{CATALOG, FILTERS, SCRIPTS, Stage, TAGS};

#[test]
fn sets_are_named_by_schedule_and_time() {
    let stage = Stage::of(&[FILTERS]);
    stage.add_schedule("contoso", "other", TAGS.0, &[]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    stage.env.run(&["run", "other", "--quiet"]).ok();
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    let sides = |args: &[&str]| {
        let found = diff(&stage, args);
        let id = |side: &str| found[side]["backup_set_id"].as_i64().unwrap();
        (id("from"), id("to"))
    };
    assert_eq!(sides(&["--schedule", "nightly", "--latest"]), (2, 4));
    assert_eq!(
        sides(&["--tenant", "contoso", "--latest"]),
        (2, 4),
        "of the schedule of the newest"
    );
    let sql = stage.unprotected();
    for (set, days) in [(1, 9), (2, 8), (4, 1)] {
        let sql_days = "UPDATE backup_sets SET time = time - ?2 * 86400 WHERE id = ?1";
        sql.execute(sql_days, (set, days)).unwrap();
    }
    assert_eq!(sides(&["--schedule", "nightly", "--since", "7d"]), (2, 4));
    assert_eq!(
        sides(&["--schedule", "contoso/nightly", "--since", "200h"]),
        (1, 4)
    );
    let fails = |args: &[&str], code: i32| {
        let run = stage
            .env
            .run(&[&["backups", "diff", "--json"], args].concat());
        let error = run.fails_as_json(code);
        assert!(error["hint"].is_string() || code == 2, "{args:?}: {error}");
        error["message"].as_str().unwrap().to_owned()
    };
    let message = fails(&["--schedule", "nightly", "--since", "30d"], 18);
    assert!(
        message.contains("the oldest of schedule nightly"),
        "{message}"
    );
    fails(&["--schedule", "other", "--latest"], 18);
    fails(&["--schedule", "nobody", "--latest"], 18);
    fails(&["1", "99"], 18);
    fails(&["99", "--live"], 18);
    fails(&["1", "4", "--policy", "assignmentFilter/none"], 18);
    for args in [
        &[][..],
        &["1"],
        &["1", "2", "3"],
        &["--latest"],
        &["1", "2", "--live"],
        &["1", "2", "--latest"],
        &["1", "2", "--types", "assignmentFilters"],
        &["1", "2", "--policy", "assignmentFilter"],
        &["1", "2", "--format", "markdown"],
        &["--schedule", "nightly", "--since", "x"],
    ] {
        fails(args, 2);
    }
    stage.env.run(&["backups", "expire", "2", "--quiet"]).ok();
    assert!(fails(&["2", "4"], 18).contains("has expired"));
    assert_eq!(sides(&["--schedule", "nightly", "--latest"]), (1, 4));
}

#[test]
fn two_tenants_are_compared_by_name() {
    let stage = Stage::of(&[FILTERS, CATALOG]);
    let other = Sandbox::start(Options::default());
    stage.add_tenant("fabrikam", "client-secret", other.url());
    stage.add_schedule(
        "fabrikam",
        "theirs",
        "assignmentFilter,settingsCatalogPolicy",
        &[],
    );
    // The same policies under other ids, and one that differs.
    for collection in [CATALOG.1] {
        for id in other.ids(collection) {
            let renumbered = id.replacen(|_: char| true, "e", 1);
            let renumbered = if renumbered == id {
                id.replacen(|_: char| true, "d", 1)
            } else {
                renumbered
            };
            other.write(|tenant| {
                let mut object = tenant.get(collection, &id).unwrap().clone();
                tenant.remove(collection, &id);
                object.text = object.text.replace(&id, &renumbered);
                object.id = renumbered.clone();
                for below in object.below_mut("assignments") {
                    below.text = below.text.replace(&id, &renumbered);
                }
                tenant.add(collection, object);
            });
        }
    }
    edit(
        &other,
        CATALOG.1,
        "NGP Default Policy",
        "endpointSecurityAntivirus",
        "endpointSecurityFirewall",
    );
    stage.success();
    stage.env.run(&["run", "theirs", "--quiet"]).ok();
    let found = diff(
        &stage,
        &[
            "1",
            "2",
            "--policy",
            "settingsCatalogPolicy/NGP Default Policy",
        ],
    );
    assert_eq!(words(&found), ["changed settingsCatalogPolicy"]);
    assert_eq!(
        found["changes"][0]["fields"][0]["path"],
        "templateReference/templateFamily"
    );
    assert_eq!(
        found["changes"][0]["fields"].as_array().unwrap().len(),
        1,
        "{found}"
    );
    let all = diff(&stage, &["1", "2"]);
    assert_eq!(words(&all), words(&found), "twins and nameless ones too");
}

#[test]
fn the_tenant_as_it_is_now_is_read_and_nothing_is_written() {
    let stage = Stage::of(&[FILTERS, CATALOG, SCRIPTS]);
    stage.success();
    let before = std::fs::read(stage.env.database()).unwrap();
    let events = stage.env.audit_actions();
    stage.sandbox.forget_requests();
    assert_eq!(diff(&stage, &["1", "--live"])["equal"], true);
    stage.sandbox.change(CATALOG.1, 2);
    let gone = stage.sandbox.ids(SCRIPTS.1).remove(0);
    stage.sandbox.remove(SCRIPTS.1, &gone);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    let args = [
        "backups",
        "diff",
        "--schedule",
        "nightly",
        "--live",
        "--json",
        "--exit-code",
    ];
    let (stdout, _) = stage.env.run(&args).ends(19);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&found["to"]["live"], &found["to"]["backup_set_id"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(found["counts"]["changed"], 2);
    assert_eq!(found["counts"]["removed"], 1);
    assert_eq!(found["unread_types"], json!(["assignmentFilter"]));
    let text = stage.env.run(&["backups", "diff", "1", "--live"]).ok();
    let (head, counts) = text.split_once("UNREAD TYPES  UNREAD POLICIES\n").unwrap();
    assert!(head.contains("ADDED"), "{text}");
    let unread = |line: &&str| line.starts_with("unread  assignmentFilter  ");
    let unread = text.lines().filter(unread).count();
    let counts: Vec<&str> = counts.lines().next().unwrap().split_whitespace().collect();
    assert!(unread > 0, "{text}");
    assert_eq!(counts[5..], ["1", &unread.to_string()], "{text}");
    assert_eq!(stage.env.audit_actions(), events);
    assert_eq!(stage.sets(), 1);
    assert!(
        std::fs::read(stage.env.database()).unwrap() == before,
        "not a byte"
    );
    for request in stage.sandbox.requests() {
        // What is asked for together is posted, and is nothing but GETs.
        let reads = request.method == "GET"
            || request.url.contains("/token")
            || request.url.ends_with("/$batch");
        assert!(reads, "{} {}", request.method, request.url);
    }
    stage.sandbox.set_secret("another");
    let stderr = stage
        .env
        .run(&["backups", "diff", "1", "2", "--live"])
        .fails(2);
    assert!(
        stderr.ends_with("hint: tenantpilot backups diff 1 --live\n"),
        "{stderr}"
    );
    let error = stage
        .env
        .run(&["backups", "diff", "1", "--live", "--json"])
        .fails_as_json(12);
    assert!(
        error["message"].as_str().unwrap().contains("sign-in"),
        "{error}"
    );
}

#[test]
fn a_policy_that_a_list_leaves_out_is_looked_for() {
    let stage = Stage::of(&[SCRIPTS]);
    stage.success();
    let left_out = stage.sandbox.ids(SCRIPTS.1).remove(0);
    let rest: Vec<String> = stage
        .sandbox
        .ids(SCRIPTS.1)
        .iter()
        .skip(1)
        .map(|id| stage.sandbox.text(SCRIPTS.1, id).unwrap())
        .collect();
    let page = format!("{{\"value\":[{}]}}", rest.join(","));
    let cut = Fault::on(SCRIPTS.1, Kind::Body(page.into_bytes()));
    stage.sandbox.fault(cut.times(1));
    let found = diff(&stage, &["1", "--live"]);
    assert_eq!(found["counts"]["removed"], 0, "{found}");
    let unread = &found["unread"]["policies"];
    assert!(
        unread
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["policy_id"] == *left_out),
        "{found}"
    );
}

#[test]
fn a_comparison_holds_up_no_run() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage
        .sandbox
        .fault(Fault::on(FILTERS.1, Kind::Hang).times(1));
    let comparing = stage
        .env
        .start(&["backups", "diff", "1", "--live", "--json"]);
    assert!(
        stage
            .sandbox
            .await_hanging(1, std::time::Duration::from_secs(30))
    );
    stage.success();
    assert_eq!(stage.sets(), 2);
    stage.sandbox.release();
    let found: Value = serde_json::from_str(&comparing.end().ok()).unwrap();
    assert_eq!(
        found["equal"], true,
        "the request that was cut off is made again: {found}"
    );
}
