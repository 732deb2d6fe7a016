//! Runs that cannot read everything: what is missing is named, kept apart from what is gone, and
//! never called complete.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::net::TcpListener;

use sandbox::server::Options;
use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, TAGS, changes, type_of};

const UNAVAILABLE: &str = "GRAPH_UNAVAILABLE";
const BAD_RESPONSE: &str = "GRAPH_BAD_RESPONSE";
const NETWORK: &str = "NETWORK";

/// What a type is called in a run and in its backup set: outcome and why.
fn outcome<'a>(run: &'a Value, key: &str) -> (&'a str, &'a str) {
    let of = type_of(run, key);
    (
        of["outcome"].as_str().unwrap(),
        of["error"].as_str().unwrap_or_default(),
    )
}

fn total(run: &Value, key: &str) -> u64 {
    type_of(run, key)["total"].as_u64().unwrap()
}

/// A forbidden type, one that answers 500 for ever, and one whose list is cut off in its second
/// page in this way: named as such, and nothing of them is taken for removed.
fn cut_off(cut: &Kind, retry_after: Option<&str>, code: &str) {
    let options = Options {
        page_size: 10,
        policies: Some(120),
        ..Options::default()
    };
    let types = [CATALOG, SCRIPTS, COMPLIANCE, FILTERS].map(|(key, _)| key);
    let stage = Stage::with(options, &types.join(","));
    let first = stage.success();
    let sandbox = &stage.sandbox;
    for (_, path) in [CATALOG, SCRIPTS, COMPLIANCE, FILTERS] {
        let last = sandbox.ids(path).pop().unwrap();
        assert!(sandbox.remove(path, &last));
    }
    sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    sandbox.fault(Fault::on(COMPLIANCE.1, Kind::Status(500)));
    let fault = Fault::on(&format!("{}$", CATALOG.1), cut.clone()).after_page(1);
    sandbox.fault(match retry_after {
        Some(wait) => fault.retry_after(wait),
        None => fault,
    });

    let run = stage.run(3);
    assert_eq!(run["status"], "partial");
    assert_eq!(
        run["error_code"], "PERMISSION_MISSING",
        "the gravest of all"
    );
    let message = run["error_message"].as_str().unwrap();
    assert!(
        message.starts_with("3 of 4 policy types are not complete"),
        "{message}"
    );
    let (word, why) = outcome(&run, SCRIPTS.0);
    assert_eq!(word, "forbidden");
    assert!(why.contains("DeviceManagementScripts.Read.All"), "{why}");
    let (word, why) = outcome(&run, COMPLIANCE.0);
    assert_eq!(word, "incomplete");
    assert!(why.contains("500"), "{why}");
    let (word, why) = outcome(&run, CATALOG.0);
    assert_eq!(word, "incomplete", "{cut:?}");
    assert!(why.contains("cut off after 1 page:"), "{cut:?}: {why}");
    assert_eq!(outcome(&run, FILTERS.0), ("complete", ""));
    assert_eq!(changes(&run, FILTERS.0)[2], 1);
    for (key, read) in [(CATALOG.0, 10), (SCRIPTS.0, 0), (COMPLIANCE.0, 0)] {
        assert_eq!(changes(&run, key), [0, 0, 0, read], "{cut:?} {key}");
        assert_eq!(total(&run, key), read, "{key}");
        assert!(message.contains(key), "{message}");
    }
    assert_eq!(run["summary"]["errors_count"], 3);
    let set = stage.set(&run["backup_set_id"]);
    assert_eq!(set["status"], "partial");
    assert_eq!(set["types"][SCRIPTS.0]["outcome"], "forbidden");
    assert_eq!(set["types"][SCRIPTS.0]["error_code"], "PERMISSION_MISSING");
    assert_eq!(set["types"][COMPLIANCE.0]["error_code"], UNAVAILABLE);
    assert_eq!(set["types"][CATALOG.0]["error_code"], code, "{cut:?}");
    assert_eq!(set["types"][CATALOG.0]["count"], 10);

    sandbox.clear_faults();
    let healthy = stage.success();
    for key in types {
        let before = total(&first, key);
        let expected = match key {
            "assignmentFilter" => [0, 0, 0, before - 1],
            _ => [0, 0, 1, before - 1],
        };
        assert_eq!(changes(&healthy, key), expected, "{cut:?} {key}");
    }
}

#[test]
fn what_is_missing_is_named_and_never_taken_for_removed() {
    std::thread::scope(|scope| {
        for (cut, wait, code) in [
            (Kind::Truncated, None, BAD_RESPONSE),
            (Kind::TruncatedChunked, None, BAD_RESPONSE),
            (Kind::TruncatedClose, None, BAD_RESPONSE),
            (Kind::Reset, None, NETWORK),
            (Kind::Status(503), Some("1"), UNAVAILABLE),
        ] {
            scope.spawn(move || cut_off(&cut, wait, code));
        }
    });
}

#[test]
fn a_partial_run_says_so_in_one_line_and_a_hint() {
    let stage = Stage::of(&[SCRIPTS, FILTERS]);
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::Forbidden));
    let (stdout, stderr) = stage.env.run(&["run", "nightly"]).ends(3);
    assert!(stdout.starts_with("run 1 of "), "{stdout}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("error: run 1 of "), "{stderr}");
    assert!(lines[0].contains("PERMISSION_MISSING: 1 of 2"), "{stderr}");
    assert!(lines[1].starts_with("hint: "), "{stderr}");
    assert!(
        lines[1].contains("DeviceManagementScripts.Read.All"),
        "{stderr}"
    );
    assert!(lines[1].contains("tenantpilot retry 1"), "{stderr}");
}

/// Answers with a success that are none.
#[test]
fn a_success_that_is_none_is_never_an_empty_list() {
    std::thread::scope(|scope| {
        for kind in [
            Kind::ErrorObject,
            Kind::Html,
            Kind::NoValue,
            Kind::Empty,
            Kind::Null,
            Kind::InvalidJson,
        ] {
            scope.spawn(move || {
                let stage = Stage::of(&[COMPLIANCE, FILTERS]);
                stage.success();
                stage.sandbox.fault(Fault::on(COMPLIANCE.1, kind.clone()));
                let run = stage.run(3);
                assert_eq!(run["error_code"], BAD_RESPONSE, "{kind:?}");
                assert_eq!(outcome(&run, COMPLIANCE.0).0, "incomplete", "{kind:?}");
                assert_eq!(changes(&run, COMPLIANCE.0), [0; 4], "{kind:?}");
            });
        }
    });
}

#[test]
fn links_that_lead_elsewhere_or_nowhere_make_a_list_incomplete() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/beta/{}", other.local_addr().unwrap(), CATALOG.1);
    std::thread::scope(|scope| {
        for kind in [
            Kind::NextTo(elsewhere.clone()),
            // The host of the sandbox, before an @, as a user name.
            Kind::NextTo(elsewhere.replace("//", "//127.0.0.1@")),
            Kind::NextItself,
            Kind::NextEndless,
        ] {
            scope.spawn(move || {
                let stage = Stage::of(&[COMPLIANCE, FILTERS]);
                stage.success();
                stage.sandbox.fault(Fault::on(COMPLIANCE.1, kind.clone()));
                stage.sandbox.forget_requests();
                let run = stage.run(3);
                assert_eq!(run["error_code"], BAD_RESPONSE, "{kind:?}");
                assert_eq!(outcome(&run, COMPLIANCE.0).0, "incomplete", "{kind:?}");
                assert_eq!(changes(&run, COMPLIANCE.0)[2], 0, "{kind:?}");
                let requests = stage.sandbox.requests().len();
                assert!(requests < 120, "{kind:?}: {requests} requests");
            });
        }
    });
    assert!(other.accept().is_err(), "somebody came to the other host");
}

#[test]
fn one_object_that_cannot_be_read_costs_itself_alone() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    let first = stage.success();
    let broken = stage.sandbox.add_lone_surrogate(COMPLIANCE.1).unwrap();
    let run = stage.run(3);
    let (word, why) = outcome(&run, COMPLIANCE.0);
    assert_eq!(word, "incomplete");
    assert!(why.contains(&broken) && why.contains("surrogate"), "{why}");
    let before = total(&first, COMPLIANCE.0);
    assert_eq!(changes(&run, COMPLIANCE.0), [0, 0, 0, before]);
    assert_eq!(total(&run, COMPLIANCE.0), before + 1);
    assert_eq!(
        run["summary"]["policies_total"].as_u64().unwrap(),
        before + 1 + total(&run, FILTERS.0)
    );
    assert_eq!(run["summary"]["errors_count"], 1);
    let unread = unread(&stage, &run, COMPLIANCE.0);
    assert_eq!(unread.len(), 1, "{unread:?}");
    assert_eq!(unread[0].id, broken);
    assert!(unread[0].reason.contains("surrogate"), "{unread:?}");
}

/// What the manifest of a run's backup set says could not be read of a type.
fn unread(stage: &Stage, run: &Value, key: &str) -> Vec<tenantpilot::backup_set::UnreadPolicy> {
    use tenantpilot::backup_set::BackupSetId;
    use tenantpilot::store::{Store, backup_sets, contents::Reader};

    let store = Store::open(&stage.env.database()).unwrap();
    let id = BackupSetId(run["backup_set_id"].as_i64().unwrap());
    let set = backup_sets::get(store.read(), id).unwrap().unwrap();
    let reader = Reader::new(store.read(), set.tenant_id);
    let manifest = backup_sets::manifest(&reader, &set).unwrap();
    manifest.get(key).unwrap().unread.clone()
}

#[test]
fn an_object_that_is_not_found_and_still_listed_is_not_taken_for_removed() {
    let stage = Stage::of(&[SCRIPTS, FILTERS]);
    let first = stage.success();
    let lost = stage.sandbox.ids(SCRIPTS.1).remove(0);
    let path = format!("{}/{lost}", SCRIPTS.1);
    stage.sandbox.fault(Fault::on(&path, Kind::Status(404)));
    let run = stage.run(3);
    let before = total(&first, SCRIPTS.0);
    assert_eq!(changes(&run, SCRIPTS.0), [0, 0, 0, before - 1]);
    let (word, why) = outcome(&run, SCRIPTS.0);
    assert_eq!(word, "incomplete");
    assert!(
        why.contains(&lost) && why.contains("lists it and answers 404"),
        "{why}"
    );
}

#[test]
fn what_a_list_leaves_out_is_removed_only_if_it_is_gone() {
    let stage = Stage::of(&[SCRIPTS, COMPLIANCE, FILTERS]);
    let first = stage.success();
    let left_out = |path: &str, kind: Option<Kind>| {
        let id = stage.sandbox.ids(path).remove(0);
        assert!(stage.sandbox.remove(path, &id));
        if let Some(kind) = kind {
            let object = format!("{path}/{id}");
            stage.sandbox.fault(Fault::on(&object, kind));
        }
        id
    };
    // An object, whatever it is: it is there.
    let there = left_out(SCRIPTS.1, Some(Kind::NoValue));
    let unclear = left_out(COMPLIANCE.1, Some(Kind::Forbidden));
    left_out(FILTERS.1, None);
    let run = stage.run(3);
    let rest = |key: &str| total(&first, key) - 1;
    assert_eq!(changes(&run, SCRIPTS.0), [0, 0, 0, rest(SCRIPTS.0)]);
    let (word, why) = outcome(&run, SCRIPTS.0);
    assert_eq!(word, "incomplete");
    assert!(
        why.contains("left out 1 policy that is still there") && why.contains(&there),
        "{why}"
    );
    assert_eq!(unread(&stage, &run, SCRIPTS.0)[0].id, there);
    assert_eq!(changes(&run, COMPLIANCE.0), [0, 0, 0, rest(COMPLIANCE.0)]);
    let (word, why) = outcome(&run, COMPLIANCE.0);
    assert_eq!(word, "incomplete");
    assert!(
        why.contains(&unclear) && why.contains("not listed any more"),
        "{why}"
    );
    assert_eq!(unread(&stage, &run, COMPLIANCE.0)[0].id, unclear);
    assert_eq!(changes(&run, FILTERS.0), [0, 0, 1, rest(FILTERS.0)]);
    assert_eq!(outcome(&run, FILTERS.0), ("complete", ""));
}

#[test]
fn a_sign_in_that_fails_while_absent_policies_are_asked_for_is_no_success() {
    let stage = Stage::of(&[SCRIPTS, FILTERS]);
    let first = stage.success();
    let id = stage.sandbox.ids(SCRIPTS.1).remove(0);
    assert!(stage.sandbox.remove(SCRIPTS.1, &id));
    let object = format!("{}/{id}", SCRIPTS.1);
    let refused = Kind::Unauthorized { claims: false };
    stage.sandbox.fault(Fault::on(&object, refused));
    let run = stage.run(3);
    assert_eq!(run["status"], "partial");
    assert_eq!(run["error_code"], "AUTH_FAILED");
    assert_eq!(outcome(&run, SCRIPTS.0).0, "incomplete");
    let rest = total(&first, SCRIPTS.0) - 1;
    assert_eq!(changes(&run, SCRIPTS.0), [0, 0, 0, rest]);
    assert_eq!(unread(&stage, &run, SCRIPTS.0)[0].id, id);
}

#[test]
fn however_many_are_gone_each_is_asked_for_in_a_few_round_trips() {
    let options = Options {
        policies: Some(1000),
        ..Options::default()
    };
    let stage = Stage::with(options, CATALOG.0);
    let held = total(&stage.success(), CATALOG.0);
    for id in stage.sandbox.ids(CATALOG.1).iter().take(120) {
        assert!(stage.sandbox.remove(CATALOG.1, id));
    }
    let before = stage.sandbox.requests().len();
    let run = stage.success();
    assert_eq!(changes(&run, CATALOG.0), [0, 0, 120, held - 120]);
    let requests = stage.sandbox.requests();
    let asked = requests.iter().skip(before);
    let gone = asked.filter(|one| one.status == 404 && one.path().starts_with(CATALOG.1));
    assert_eq!(gone.count(), 120);
    let summary = &run["summary"];
    let saved = summary["requests"].as_u64().unwrap() - summary["round_trips"].as_u64().unwrap();
    assert!(saved > 90, "{summary}");
}

#[test]
fn a_type_that_held_policies_is_not_taken_for_one_that_is_not_offered() {
    let stage = Stage::of(&[SCRIPTS, COMPLIANCE, FILTERS]);
    let never = Fault::on(COMPLIANCE.1, Kind::NotLicensed);
    stage.sandbox.fault(never.clone());
    let first = stage.success();
    assert_eq!(outcome(&first, COMPLIANCE.0).0, "not_offered");
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::NotLicensed));
    for _ in 0..2 {
        let run = stage.run(3);
        assert_eq!(run["status"], "partial");
        assert_eq!(outcome(&run, COMPLIANCE.0).0, "not_offered");
        let (word, why) = outcome(&run, SCRIPTS.0);
        assert_eq!(word, "incomplete");
        let held = format!(
            "backup set {} held {} policies of it",
            first["backup_set_id"],
            total(&first, SCRIPTS.0)
        );
        assert!(why.contains(&held), "{why}");
        assert_eq!(changes(&run, SCRIPTS.0), [0; 4]);
        assert_eq!(stage.set(&run["backup_set_id"])["status"], "partial");
    }
    stage.sandbox.clear_faults();
    stage.sandbox.fault(never);
    assert_eq!(changes(&stage.success(), SCRIPTS.0)[2], 0);
}

/// `--exclude-types` replaces what it was, and a name may stand for schedules of several tenants.
#[test]
fn what_is_not_offered_any_more_is_left_out_beside_what_is_left_out_already() {
    let stage = Stage::of(&[SCRIPTS, COMPLIANCE, CATALOG, FILTERS]);
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    stage.add_schedule("fabrikam", "nightly", FILTERS.0, &[]);
    let edit = ["schedules", "edit", "1", "--exclude-types", CATALOG.0];
    stage.env.run(&edit).ok();
    stage.env.run(&["run", "1"]).warned();
    stage
        .sandbox
        .fault(Fault::on(COMPLIANCE.1, Kind::Status(404)));
    stage.sandbox.fault(Fault::on(SCRIPTS.1, Kind::NotLicensed));
    let (_, stderr) = stage.env.run(&["run", "1"]).ends(3);
    let excluded = [CATALOG.0, COMPLIANCE.0, SCRIPTS.0];
    let command = format!("schedules edit 1 --exclude-types {}", excluded.join(","));
    let hint = format!(
        "hint: if the tenant has it no more: tenantpilot {command}; then: tenantpilot retry 2"
    );
    assert!(stderr.lines().any(|line| line == hint), "{stderr}");
    let typed: Vec<&str> = command.split(' ').collect();
    stage.env.run(&typed).ok();
    let schedule = stage.env.json(&["schedules", "show", "1"]);
    assert_eq!(schedule["exclude_types"], serde_json::json!(excluded));
    stage.env.run(&["retry", "2"]).warned();
}

#[test]
fn an_object_that_comes_twice_is_one_policy() {
    let options = Options {
        page_size: 7,
        ..Options::default()
    };
    let stage = Stage::with(options, "settingsCatalogPolicy,roleScopeTag");
    let first = stage.success();
    let list = format!("{}$", CATALOG.1);
    stage.sandbox.fault(Fault::on(&list, Kind::Duplicate));
    stage
        .sandbox
        .fault(Fault::on(&format!("{}$", TAGS.1), Kind::EmptyPage));
    let run = stage.success();
    for key in [CATALOG.0, TAGS.0] {
        let total = total(&first, key);
        assert_eq!(changes(&run, key), [0, 0, 0, total]);
    }
}

#[test]
fn throttling_and_a_short_outage_only_take_time() {
    let throttled = |wait: Option<&str>, status: u16| {
        let stage = Stage::of(&[COMPLIANCE, FILTERS]);
        let fault = Fault::on(COMPLIANCE.1, Kind::Status(status)).times(1);
        stage.sandbox.fault(match wait {
            Some(wait) => fault.retry_after(wait),
            None => fault,
        });
        let run = stage.success();
        let summary = &run["summary"];
        assert_eq!(summary["retries"], 1, "{summary}");
        let requests = stage.sandbox.requests();
        let sent = requests
            .iter()
            .filter(|request| !request.url.ends_with("/oauth2/v2.0/token"));
        assert_eq!(summary["requests"], sent.count(), "{summary}");
        let waited = summary["throttled_ms"].as_u64().unwrap();
        assert!(
            waited >= if wait.is_some() { 1000 } else { 100 },
            "{summary}"
        );
        assert!(summary["bytes"].as_u64().unwrap() > 1000, "{summary}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| throttled(Some("1"), 429));
        scope.spawn(|| throttled(None, 429));
        scope.spawn(|| throttled(None, 503));
    });
}
