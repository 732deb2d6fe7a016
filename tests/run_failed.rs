//! Runs that read nothing: each with the error code that tells why, the exit code that tells a
//! script what to do, and a hint that tells a person.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use sandbox::server::Options;
use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, changes, only_item, type_of};

/// A run that failed so, and left no backup set; its stderr without `--json`, at the second time.
fn fails(stage: &Stage, schedule: &str, error_code: &str, exit_code: i32) -> String {
    let run = only_item(stage.env.run(&["run", schedule, "--json"]), exit_code);
    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(run["error_code"], error_code, "{run}");
    assert_eq!(run["backup_set_id"], Value::Null);
    assert!(
        run["finished_at"].is_string() && run["duration_ms"].is_u64(),
        "{run}"
    );
    let stderr = stage.env.run(&["run", schedule]).fails(exit_code);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("error: run "), "{stderr}");
    assert!(lines[0].contains(error_code), "{stderr}");
    assert!(lines[1].starts_with("hint: "), "{stderr}");
    assert_eq!(stage.sets(), 0);
    stderr
}

#[test]
fn no_permission_at_all() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS, SCRIPTS]);
    stage.sandbox.fault(Fault::on("", Kind::Forbidden));
    let stderr = fails(&stage, "nightly", "PERMISSION_MISSING", 12);
    assert!(
        stderr.contains("DeviceManagementConfiguration.Read.All"),
        "{stderr}"
    );
    let hint = "hint: in Entra, add to the app registration the application permissions \
                DeviceManagementConfiguration.Read.All, DeviceManagementScripts.Read.All, grant \
                admin consent; then: tenantpilot retry 2\n";
    assert!(stderr.ends_with(hint), "{stderr}");
    let run = stage.env.json(&["history", "show", "1"]);
    for (key, permission) in [
        (COMPLIANCE.0, "DeviceManagementConfiguration.Read.All"),
        (SCRIPTS.0, "DeviceManagementScripts.Read.All"),
    ] {
        let of = type_of(&run, key);
        assert_eq!(of["outcome"], "forbidden", "{of}");
        assert!(of["error"].as_str().unwrap().contains(permission), "{of}");
    }
}

/// More than there is room for: it is told where all of it is.
#[test]
fn no_permission_for_anything() {
    let stage = Stage::with(Options::default(), "all");
    stage.sandbox.fault(Fault::on("", Kind::Forbidden));
    let stderr = stage.env.run(&["run", "nightly"]).fails(12);
    let hint = "hint: grant the permissions that it names: tenantpilot tenants check contoso; \
                then: tenantpilot retry 1\n";
    assert!(stderr.ends_with(hint), "{stderr}");
    let first = stderr.lines().next().unwrap();
    let told = "more, told by `tenantpilot history show 1`";
    assert!(first.ends_with(told), "{stderr}");
    let check = stage.env.run(&["tenants", "check", "contoso"]).ends(12);
    let run = stage.env.json(&["history", "show", "1"]);
    for of in run["summary"]["type_breakdown"]
        .as_object()
        .unwrap()
        .values()
    {
        let named = |name: &&str| of["error"].as_str().unwrap().contains(name);
        assert!(
            check.0.lines().map(str::trim).any(|name| named(&name)),
            "{of}"
        );
    }
}

#[test]
fn no_intune_in_the_tenant() {
    let stage = Stage::of(&[COMPLIANCE, CATALOG, SCRIPTS]);
    stage.sandbox.fault(Fault::on("", Kind::NotLicensed));
    let stderr = fails(&stage, "nightly", "TENANT_NOT_LICENSED", 12);
    assert!(stderr.contains("licence"), "{stderr}");
}

/// Leaving out what is gone would be wrong advice where all is gone.
#[test]
fn no_intune_in_the_tenant_any_more() {
    let entra = ["conditionalAccessPolicy", "organizationalBranding"].join(",");
    let with_entra = format!("{},{},{entra}", COMPLIANCE.0, SCRIPTS.0);
    for types in [format!("{},{}", COMPLIANCE.0, SCRIPTS.0), with_entra] {
        let stage = Stage::with(Options::default(), &types);
        stage.success();
        stage
            .sandbox
            .fault(Fault::on("deviceManagement", Kind::NotLicensed));
        let (stdout, stderr) = {
            let run = stage.env.run(&["run", "nightly"]);
            (run.stdout, run.stderr)
        };
        assert_eq!(stdout.is_empty(), !types.contains(&entra), "{stdout}");
        let hint = "hint: check that the tenant has an Intune licence and that its MDM authority \
                    is set: tenantpilot tenants check contoso; then: tenantpilot retry 2";
        assert!(stderr.lines().any(|line| line == hint), "{stderr}");
    }
}

#[test]
fn one_type_that_is_not_offered_makes_no_run_partial() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    stage
        .sandbox
        .fault(Fault::on(COMPLIANCE.1, Kind::NotLicensed));
    let run = stage.success();
    let of = type_of(&run, COMPLIANCE.0);
    assert_eq!(
        (&of["outcome"], &of["removed"]),
        (&"not_offered".into(), &0.into())
    );
    assert!(
        of["error"].as_str().unwrap().contains("not applicable"),
        "{of}"
    );
    let set = stage.set(&run["backup_set_id"]);
    assert_eq!(set["status"], "complete");
    assert_eq!(set["types"][COMPLIANCE.0]["outcome"], "not_offered");
    assert_eq!(run["summary"]["errors_count"], 0);
}

#[test]
fn a_wrong_secret() {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.sandbox.set_secret("another~One");
    let stderr = fails(&stage, "nightly", "AUTH_FAILED", 12);
    assert!(
        stderr.contains(
            "hint: store the value of the client secret, not its id, in the place that \
             tenantpilot tenants show contoso names; then tenantpilot tenants check contoso"
        ),
        "{stderr}"
    );
    let asked = stage.sandbox.requests();
    assert_eq!(
        asked.len(),
        2,
        "one sign-in for each of two runs: {asked:?}"
    );
}

/// What is true of every policy type is said once, with what to do; programs get all of it.
#[test]
fn a_reason_that_all_types_share_is_shown_once() {
    let stage = Stage::with(Options::default(), "all");
    stage.sandbox.set_secret("another~One");
    let stderr = stage.env.run(&["run", "nightly"]).fails(12);
    let hint = stderr.lines().last().unwrap();
    let show = ["history", "show", "1"];
    let run = stage.env.json(&show);
    let why = run["error_message"].as_str().unwrap();
    let shown = stage.env.run(&show).ok();
    assert_eq!(shown.matches(why).count(), 1, "{shown}");
    assert_eq!(shown.lines().last(), Some(hint), "{shown}");
    assert!(hint.ends_with("; then: tenantpilot retry 1"), "{hint}");
    let types = run["summary"]["type_breakdown"].as_object().unwrap().len();
    let records = stage.env.run(&["history", "show", "1", "--plain"]).ok();
    assert_eq!(records.matches(why).count(), types + 1, "{records}");
    assert!(records.ends_with(&format!("\n{}\n", hint.replacen(": ", "\t", 1))));

    stage.sandbox.set_secret(&Options::default().client_secret);
    let fault = Fault::on("deviceManagement", Kind::Status(400));
    stage.sandbox.fault(fault);
    stage.run(3);
    let shown = stage.env.run(&["history", "show", "2"]).ok();
    let last = shown.lines().last();
    assert_eq!(
        last,
        Some("hint: to try again: tenantpilot retry 2"),
        "{shown}"
    );
    stage.sandbox.clear_faults();
    stage.success();
    let shown = stage.env.run(&["history", "show", "3"]).ok();
    assert!(!shown.contains("hint: "), "{shown}");
}

#[test]
fn a_token_that_graph_refuses_is_renewed_once() {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.sandbox.give_bad_tokens(1);
    stage.success();
    let stage = Stage::of(&[COMPLIANCE]);
    stage
        .sandbox
        .fault(Fault::on("", Kind::Unauthorized { claims: false }));
    fails(&stage, "nightly", "AUTH_FAILED", 12);
    let requests = stage.sandbox.requests();
    let tokens = requests.iter().filter(|request| request.method == "POST");
    assert_eq!(tokens.count(), 4, "two for each of two runs");
}

#[test]
fn nobody_answers() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let closed = format!("http://{closed}");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let stage = Stage::of(&[COMPLIANCE]);
            stage.add_tenant("fabrikam", "client-secret", &closed);
            stage.add_schedule("fabrikam", "weekly", "deviceCompliancePolicy", &[]);
            fails(&stage, "weekly", "NETWORK", 13);
        });
        scope.spawn(|| {
            let stage = Stage::of(&[COMPLIANCE]);
            let broken = Fault::on("token", Kind::Status(503));
            stage.sandbox.fault(broken.retry_after("1"));
            let run = stage.run(13);
            assert_eq!(run["error_code"], "GRAPH_UNAVAILABLE", "{run}");
            assert!(
                run["error_message"].as_str().unwrap().contains("503"),
                "{run}"
            );
        });
        scope.spawn(|| {
            let stage = Stage::of(&[COMPLIANCE]);
            let busy = Fault::on(COMPLIANCE.1, Kind::Status(429));
            stage.sandbox.fault(busy.retry_after("400"));
            let run = stage.run(13);
            assert_eq!(run["error_code"], "GRAPH_THROTTLED", "{run}");
        });
    });
}

#[test]
fn a_credential_that_cannot_be_used() {
    let stage = Stage::of(&[COMPLIANCE]);
    let secret = stage.env.path("client-secret");
    let open = |mode| fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
    open(0o644);
    let stderr = fails(&stage, "nightly", "CREDENTIAL_UNUSABLE", 17);
    assert!(stderr.contains("hint: chmod 600 "), "{stderr}");
    assert_eq!(stage.sandbox.requests(), [], "nothing was even tried");
    open(0o600);
    stage.success();
    let by = ["--secret-env", "FABRIKAM_SECRET"];
    stage.add_tenant_by("fabrikam", &by, stage.sandbox.url());
    stage.add_schedule("fabrikam", "weekly", "deviceCompliancePolicy", &[]);
    let run = only_item(stage.env.run(&["run", "weekly", "--json"]), 17);
    assert_eq!(run["error_code"], "CREDENTIAL_UNUSABLE");
    let why = run["error_message"].as_str().unwrap();
    assert!(why.contains("FABRIKAM_SECRET"), "{why}");
}

#[test]
fn a_run_that_takes_too_long_keeps_nothing_and_says_what_to_change() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    let edit = ["schedules", "edit", "nightly", "--max-runtime", "2s"];
    stage.env.run(&edit).ok();
    stage.sandbox.fault(Fault::on(COMPLIANCE.1, Kind::Hang));
    let run = stage.run(124);
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error_code"], "TIMED_OUT");
    assert_eq!(run["backup_set_id"], Value::Null);
    let filters = type_of(&run, FILTERS.0);
    let total = filters["total"].as_u64().unwrap();
    assert!(total > 0 && filters["outcome"] == "complete", "{filters}");
    assert_eq!(filters["backed_up"], 0);
    assert_eq!(changes(&run, FILTERS.0), [0; 4]);
    assert_eq!(run["summary"]["policies_backed_up"], 0);
    let shown = stage.env.run(&["history", "show", "1"]).ok();
    let said = format!("0 of {total} backed up, 1 error; what was read is not kept");
    assert!(shown.contains(&said), "{shown}");
    let stderr = stage.env.run(&["run", "nightly"]).fails(124);
    let hint = "hint: if it needs longer: tenantpilot schedules edit 1 --max-runtime 4s; then: \
                tenantpilot retry 2\n";
    assert!(stderr.ends_with(hint), "{stderr}");
    stage.sandbox.release();
    assert_eq!(stage.sets(), 0);
}
