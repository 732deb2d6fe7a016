//! Notifications: what a run leaves for the user who asked for it, however it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::path::Path;

use env::Env;
use fleet::{Fleet, LONG, outcome};
use sandbox::server::DIRECTORY;
use serde_json::{Value, json};

/// A fleet in which `user` acts by sudo.
fn fleet_of(user: &str) -> Fleet {
    let mut fleet = Fleet::nightly();
    fleet.env.set("SUDO_USER", user);
    fleet
}

/// What `notifications` lists, without the times.
fn listed(env: &Env, args: &[&str]) -> Vec<Value> {
    let mut items = env.items(&[&["notifications"], args].concat());
    for item in &mut items {
        for time in ["at", "read_at"] {
            if let Some(text) = item[time].as_str() {
                assert!(text.ends_with('Z') && text.len() == 20, "{text}");
                item[time] = json!("TIME");
            }
        }
    }
    items
}

fn messages(env: &Env) -> Vec<String> {
    let items = listed(env, &["--all"]);
    let messages = items
        .iter()
        .map(|item| item["message"].as_str().unwrap().to_owned());
    messages.collect()
}

#[test]
fn a_run_leaves_one_for_who_asked_and_a_slot_none() {
    let mut fleet = fleet_of("anna");
    let slots = fleet.slots(1, 1);
    fleet.dispatch(&slots[0]).ok();
    assert_eq!(messages(&fleet.env), Vec::<String>::new());
    fleet.env.run(&["run", "nightly", "--quiet"]).ok();
    let policies = fleet.runs()[1]["summary"]["policies_backed_up"].clone();
    let expected = |read_at: Value| {
        json!({
            "id": 1,
            "at": "TIME",
            "user": "anna",
            "run_id": 2,
            "message": format!(
                "run 2 of schedule nightly (id 1) of tenant contoso: success, {policies} policies"
            ),
            "read_at": read_at,
        })
    };
    assert_eq!(listed(&fleet.env, &[]), [expected(Value::Null)]);
    let table = fleet.env.run(&["notifications"]).ok();
    assert!(
        table.starts_with("ID  AT  ") && table.contains("tenant contoso: success"),
        "{table}"
    );

    // Nobody else's.
    fleet.env.set("SUDO_USER", "ben");
    assert_eq!(messages(&fleet.env), Vec::<String>::new());
    fleet
        .env
        .run(&["notifications", "--mark-read", "--all"])
        .ok();

    fleet.env.set("SUDO_USER", "anna");
    assert_eq!(
        listed(&fleet.env, &["--mark-read"]),
        [expected(json!("TIME"))]
    );
    assert_eq!(listed(&fleet.env, &[]), Vec::<Value>::new());
    assert_eq!(listed(&fleet.env, &["--all"]), [expected(json!("TIME"))]);
    fleet.env.run(&["notifications", "--mark-read"]).ok();
    assert_eq!(
        fleet.events("notifications.read"),
        1,
        "what is read is not read again"
    );
    fleet.assert_sound();
}

#[test]
fn every_ending_is_told() {
    let fleet = fleet_of("anna");
    fleet.hang(DIRECTORY);
    let run = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    fleet.env.run(&["run", "nightly"]).fails(11);
    run.signal("TERM");
    run.end().fails(143);
    fleet.answer();
    fleet.env.run(&["retry", "1", "--quiet"]).ok();
    let started = "run 2 of schedule nightly (id 1) of tenant contoso: skipped, LOCK_HELD: ";
    let messages = messages(&fleet.env);
    assert!(
        messages[0].starts_with("run 3 of schedule nightly (id 1) of tenant contoso: success, "),
        "{messages:?}"
    );
    assert!(
        messages[1].starts_with(
            "run 1 of schedule nightly (id 1) of tenant contoso: canceled, CANCELED: "
        ),
        "{messages:?}"
    );
    assert!(messages[2].starts_with(started), "{messages:?}");
    assert_eq!(messages.len(), 3);
    fleet.assert_sound();
}

#[test]
fn a_run_whose_process_died_is_told_when_it_is_closed() {
    let mut fleet = fleet_of("anna");
    fleet.hang(DIRECTORY);
    let run = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    run.kill();
    assert_eq!(messages(&fleet.env), Vec::<String>::new());
    fleet.answer();
    // Another user's dispatch closes it, and it stays anna's.
    fleet.env.unset("SUDO_USER");
    fleet
        .env
        .run(&["dispatch", "--at", "2026-01-01T00:00:00Z"])
        .ends(19);
    assert_eq!(messages(&fleet.env), Vec::<String>::new());
    fleet.env.set("SUDO_USER", "anna");
    let told = "run 1 of schedule nightly (id 1) of tenant contoso: failed, INTERRUPTED: the process \
                that executed it is gone";
    assert_eq!(messages(&fleet.env), [told]);
}

#[test]
fn a_hangup_does_not_end_a_run_and_ends_what_only_looks() {
    let fleet = fleet_of("anna");
    fleet.hang(DIRECTORY);
    let mut run = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    run.signal("HUP");
    run.signal("HUP");
    fleet.answer();
    assert!(run.is_alive() || run.end().code == Some(0));
    fleet.await_status(1, "success");
    assert_eq!(messages(&fleet.env).len(), 1);
    fleet.assert_sound();
}

#[test]
fn a_terminal_that_is_closed_ends_nothing() {
    let script = "/usr/bin/script";
    if !Path::new(script).exists() {
        eprintln!("not tried: this takes {script}");
        return;
    }
    let fleet = fleet_of("anna");
    fleet.hang(DIRECTORY);
    let line = format!("exec {} run nightly", env::PROGRAM);
    let terminal = fleet.env.start_by(script, &["-qec", &line, "/dev/null"]);
    fleet.await_hanging(1);
    // The other end of the terminal is gone with it, which hangs up all that runs on it.
    terminal.kill();
    fleet.answer();
    fleet.await_status(1, "success");
    assert_eq!(fleet.outcomes(), [outcome(1, "success", "-")]);
    let unread = env::until("the notification", LONG, || {
        let unread = listed(&fleet.env, &[]);
        (!unread.is_empty()).then_some(unread)
    });
    assert_eq!((unread.len(), &unread[0]["run_id"]), (1, &json!(1)));

    // On a terminal, the next run says that there is one.
    let line = format!("exec {} run nightly", env::PROGRAM);
    let said = fleet
        .env
        .start_by(script, &["-qec", &line, "/dev/null"])
        .end();
    let (stdout, _) = said.ends(0);
    assert!(
        stdout.contains("1 unread notification: tenantpilot notifications"),
        "{stdout}"
    );
    fleet.env.run(&["run", "nightly"]).ok();
}

#[test]
fn what_somebody_may_not_look_at_any_more_is_not_told() {
    let mut fleet = fleet_of("anna");
    fleet.env.run(&["run", "nightly", "--quiet"]).ok();
    fleet.env.unset("SUDO_USER");
    fleet.add_tenant("fabrikam", DIRECTORY);
    fleet
        .env
        .run(&["roles", "grant", "anna", "owner", "--tenant", "fabrikam"])
        .warned();
    fleet.env.set("SUDO_USER", "anna");
    assert_eq!(messages(&fleet.env), Vec::<String>::new());
}

#[test]
fn a_schedule_that_is_deleted_takes_its_notifications_along() {
    let fleet = fleet_of("anna");
    fleet.hang(DIRECTORY);
    let run = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    run.signal("TERM");
    run.end().fails(143);
    fleet.answer();
    assert_eq!(messages(&fleet.env).len(), 1);
    fleet
        .env
        .run(&["schedules", "remove", "nightly", "--yes"])
        .ok();
    fleet
        .env
        .run(&["schedules", "remove", "nightly", "--purge", "--yes"])
        .ok();
    assert_eq!(messages(&fleet.env), Vec::<String>::new());
    fleet.assert_sound();
}
