//! Monitors that cannot be used are said at once and once; one that was taken away is forgotten.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/listener.rs"]
mod listener;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::time::Duration;

use fleet::Fleet;
use listener::{Answer, Listener};
use sandbox::server::faults::{Fault, Kind};
use serde_json::{Value, json};
use terminal::Terminal;

/// The monitors that fail, as `status` names them.
fn failing(fleet: &Fleet) -> Vec<Value> {
    let status = fleet.env.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let failing = status["failing_monitors"].as_array().unwrap().iter();
    failing.map(|one| one["monitor"].clone()).collect()
}

#[test]
fn what_cannot_be_used_is_said_by_the_first_dispatch_and_by_no_other() {
    for (variable, bad, good, who, why) in [
        (
            "TENANTPILOT_PING_URL",
            "http://example.com/secret",
            None,
            "the ping of dispatch",
            "its URL is not https",
        ),
        (
            "TENANTPILOT_WEBHOOK",
            "nonsense-secret",
            None,
            "the webhook",
            "its URL is no https URL",
        ),
        (
            "TENANTPILOT_HOOK",
            "/nowhere/hook secret",
            Some("/bin/true"),
            "the hook",
            "/nowhere/hook is no program",
        ),
        (
            "TENANTPILOT_HOOK",
            "no-such-program secret",
            Some("true"),
            "the hook",
            "no-such-program is no program",
        ),
        (
            "TENANTPILOT_HOOK",
            "'secret",
            Some("/bin/true"),
            "the hook",
            "a quote is not closed",
        ),
    ] {
        let (mut fleet, listener) = (Fleet::new(), Listener::start());
        fleet.env.set(variable, bad);
        let stderr = fleet.env.run(&["dispatch"]).warned().1;
        let said = format!("warning: {who} cannot be used: ");
        assert!(
            stderr.starts_with(&said) && stderr.contains(why),
            "{stderr}"
        );
        assert!(!stderr.contains("secret"), "{stderr}");
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "", "{who}");
        let (status, _) = fleet.env.run(&["status"]).warned();
        assert!(status.contains(&format!("{who} cannot be used since 20")));
        let good = good.map_or_else(|| listener.url("x"), str::to_owned);
        fleet.env.set(variable, &good);
        let stderr = fleet.env.run(&["dispatch"]).warned().1;
        let again = format!("warning: {who} ");
        assert!(
            stderr.starts_with(&again) && stderr.ends_with(" again\n"),
            "{stderr}"
        );
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "", "{who}");
        assert!(failing(&fleet).is_empty(), "{who}");
    }
}

#[test]
fn a_hook_that_is_not_there_yet_costs_no_change_of_state() {
    let mut fleet = Fleet::nightly();
    let slot = fleet.slots(1, 1).remove(0);
    let script = format!(
        "#!/bin/sh\necho x >> {}\n",
        fleet.env.path("calls").display()
    );
    let hook = fleet.env.file("hook", &script, 0o600);
    fleet.env.set("TENANTPILOT_HOOK", &hook);
    let refused = Fault::on("token", Kind::Status(400)).times(1000);
    fleet.sandbox.fault(refused);
    let stderr = fleet.dispatch(&slot).fails(12);
    assert!(stderr.contains("the hook cannot be used: "), "{stderr}");
    for _ in 0..4 {
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    }
    fleet.env.file("hook", &script, 0o700);
    let stderr = fleet.env.run(&["dispatch"]).warned().1;
    assert_eq!(stderr, "warning: the hook can be used again\n");
    let calls = fs::read_to_string(fleet.env.path("calls")).unwrap();
    assert_eq!(calls, "x\n", "more tries than three were none");
}

#[test]
fn a_variable_that_is_empty_is_none() {
    let mut fleet = Fleet::nightly();
    for monitor in ["PING_URL", "WEBHOOK", "HOOK", "METRICS"] {
        let variable = format!("TENANTPILOT_{monitor}");
        fleet.env.set(&variable, "");
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "", "{variable}");
        fleet.env.unset(&variable);
        let flag = format!("--{}", monitor.to_lowercase().replace('_', "-"));
        assert_eq!(fleet.env.run(&["dispatch", &flag, ""]).ok(), "", "{flag}");
    }
    // The default database is asked for, which is not there.
    let home = fleet.env.path("elsewhere").display().to_string();
    fleet.env.set("XDG_STATE_HOME", &home);
    fleet.env.set("TENANTPILOT_DB", "");
    let stderr = fleet.env.run(&["status"]).fails(10);
    assert!(stderr.contains("/tenantpilot/tenantpilot.db"), "{stderr}");
}

#[test]
fn status_names_in_one_line_who_cannot_be_told_and_ends_by_the_schedules_alone() {
    let mut fleet = Fleet::nightly();
    fleet.env.set("TENANTPILOT_HOOK", "/nowhere/hook");
    fleet.env.set("TENANTPILOT_WEBHOOK", "nonsense");
    let (line, _) = fleet.env.run(&["status", "--nagios"]).warned();
    assert!(line.ends_with(" monitors_failing=0\n"), "{line}");
    fleet.env.run(&["dispatch"]).warned();
    let text = fleet.env.run(&["status"]).ok();
    assert_eq!(text.lines().count(), 4, "{text}");
    let line = text.lines().nth(2).unwrap();
    assert!(line.starts_with("the hook cannot be used since "), "{text}");
    assert!(
        line.contains("; the webhook cannot be used since "),
        "{text}"
    );
    let status = fleet.env.json(&["status"]);
    assert_eq!(status["ok"], true);
    let hook = &status["failing_monitors"][0];
    assert_eq!(
        (&hook["monitor"], &hook["failures"]),
        (&json!("hook"), &json!(1))
    );
    assert!(hook["failing_since"].is_string(), "{hook}");
    let (line, _) = fleet.env.run(&["status", "--nagios"]).warned();
    assert!(
        line.contains("OK - 1 schedule, 2 monitors fail | "),
        "{line}"
    );
    assert!(line.ends_with(" monitors_failing=2\n"), "{line}");
    fleet.env.run(&["doctor", "--offline"]).ends(19);
}

/// As if so many minutes had passed without a dispatch that a monitor is gone which none had since.
fn pass_minutes(fleet: &Fleet) {
    let age = "UPDATE monitors SET failed_at = failed_at - 240";
    fleet.env.sql().execute_batch(age).unwrap();
    for entry in fs::read_dir(fleet.env.path("state/tenantpilot.db-locks")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("seen-") {
            let file = fs::File::open(&path).unwrap();
            let seen = file.metadata().unwrap().modified().unwrap();
            file.set_modified(seen - Duration::from_secs(240)).unwrap();
        }
    }
}

/// A script that dispatches beside cron, without what cron's line has.
#[test]
fn a_dispatch_without_the_monitors_of_another_forgets_none_of_them() {
    let (mut fleet, listener) = (Fleet::nightly(), Listener::start());
    listener.answers(Answer::status(500));
    let urls = [
        ("TENANTPILOT_WEBHOOK", listener.url("hook")),
        ("TENANTPILOT_HOOK", "/nowhere/hook".to_owned()),
    ];
    for (variable, value) in &urls {
        fleet.env.set(variable, value);
    }
    fleet
        .sandbox
        .fault(Fault::on("token", Kind::Status(400)).times(1000));
    let slot = fleet.slots(1, 1).remove(0);
    fleet.dispatch(&slot).fails(12);
    // Nothing waits any more, so that the webhook is not tried by the dispatches that have it.
    fleet
        .env
        .sql()
        .execute_batch("DELETE FROM state_changes")
        .unwrap();
    let both = [json!("hook"), json!("webhook")];
    for _ in 0..3 {
        pass_minutes(&fleet);
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "", "said once");
        for (variable, _) in &urls {
            fleet.env.unset(variable);
        }
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
        assert_eq!(failing(&fleet), both);
        for (variable, value) in &urls {
            fleet.env.set(variable, value);
        }
    }
}

#[test]
fn what_no_dispatch_has_any_more_is_forgotten() {
    let (mut fleet, listener) = (Fleet::nightly(), Listener::start());
    listener.answers(Answer::status(500));
    fleet
        .sandbox
        .fault(Fault::on("token", Kind::Status(400)).times(1000));
    fleet.env.set("TENANTPILOT_WEBHOOK", &listener.url("hook"));
    fleet.env.set("TENANTPILOT_HOOK", "/bin/false");
    fleet.env.set("TENANTPILOT_METRICS", "/nowhere/tp.prom");
    let slot = fleet.slots(1, 1).remove(0);
    fleet.dispatch(&slot).fails(12);
    assert_eq!(
        failing(&fleet),
        [json!("hook"), json!("metrics"), json!("webhook")]
    );
    fleet.env.unset("TENANTPILOT_HOOK");
    fleet.env.unset("TENANTPILOT_METRICS");
    fleet.env.run(&["dispatch", "--dry-run"]).ok();
    assert_eq!(failing(&fleet).len(), 3, "a rehearsal changes nothing");
    let (code, _, _) = Terminal::start(&fleet.env, &["dispatch"], 80).end();
    assert_eq!((code, failing(&fleet).len()), (Some(0), 3), "by hand");
    pass_minutes(&fleet);
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert_eq!(failing(&fleet), [json!("webhook")], "it is still there");
    fleet.env.unset("TENANTPILOT_WEBHOOK");
    pass_minutes(&fleet);
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert!(failing(&fleet).is_empty());
    let before = fleet.bytes();
    assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    assert_eq!(fleet.bytes(), before, "forgotten once");
}

#[test]
fn what_was_never_told_is_forgotten_with_who_was_to_hear_it() {
    let (mut fleet, listener) = (Fleet::nightly(), Listener::start());
    listener.answers(Answer::status(500));
    fleet.env.set("TENANTPILOT_WEBHOOK", &listener.url("hook"));
    fleet
        .sandbox
        .fault(Fault::on("token", Kind::Status(400)).times(1000));
    let slot = fleet.slots(1, 1).remove(0);
    fleet.dispatch(&slot).fails(12);
    let age = "UPDATE state_changes SET at = at - 90000";
    fleet.env.sql().execute_batch(age).unwrap();
    fleet.env.run(&["dispatch"]).ok();
    let doctor = |fleet: &Fleet| fleet.env.run(&["doctor", "--offline"]).stdout;
    assert!(doctor(&fleet).contains("1 was never told"));
    fleet.env.unset("TENANTPILOT_WEBHOOK");
    pass_minutes(&fleet);
    fleet.env.run(&["dispatch"]).ok();
    let after = doctor(&fleet);
    assert!(
        after.contains("no monitor fails, and nothing waits to be told"),
        "{after}"
    );
}
