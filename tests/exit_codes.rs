//! Every exit code of the program, reached through the program: the text form on stderr is a line that
//! begins with `error: ` and one that begins with `hint: `, and with `--json` the last line on stderr
//! is the error object.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use env::{Env, Run};
use fleet::Fleet;
use sandbox::server::DIRECTORY;
use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;

/// The text form: the last two lines are the error and its hint.
fn assert_text(run: Run, code: i32) {
    let (stdout, stderr) = run.ends(code);
    let lines: Vec<&str> = stderr.lines().collect();
    let [.., error, hint] = lines[..] else {
        panic!("an error and a hint: {stderr:?}, stdout {stdout}");
    };
    assert!(error.starts_with("error: ") && error.len() > 20, "{stderr}");
    assert!(hint.starts_with("hint: ") && hint.len() > 10, "{stderr}");
}

/// The form of `--json`: one error object, last.
fn assert_json(run: Run, code: i32, name: &str) {
    let (stdout, stderr) = run.ends(code);
    assert!(
        stdout.is_empty() || serde_json::from_str::<Value>(&stdout).is_ok(),
        "{stdout}"
    );
    let last: Value = serde_json::from_str(stderr.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("no error object at the end of {stderr:?}"));
    let error = &last["error"];
    assert_eq!(error["code"], name, "{stderr}");
    assert_eq!(error["exit_code"], code, "{stderr}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty() && message != name),
        "{stderr}"
    );
    assert!(
        error["hint"].is_string() || error["hint"].is_null(),
        "{stderr}"
    );
    assert_eq!(last.as_object().unwrap().len(), 1);
    assert_eq!(error.as_object().unwrap().len(), 4, "{stderr}");
    assert_eq!(stderr.matches("\"exit_code\"").count(), 1, "{stderr}");
}

/// Both forms of a command that ends the same however often it is given.
fn assert_ends(env: &Env, args: &[&str], code: i32, name: &str) {
    assert_text(env.run(args), code);
    assert_json(env.run(&[args, &["--json"]].concat()), code, name);
}

#[test]
fn exit_0_is_ok_and_says_nothing_of_an_error() {
    let env = Env::with_tenant();
    for args in [
        &["tenants", "list"][..],
        &["tenants", "list", "--json"],
        &["dispatch", "--json"],
    ] {
        env.run(args).ok();
    }
    assert_eq!(env.run(&["dispatch"]).ok(), "", "nothing is due");
}

#[test]
fn exit_1_is_failures_of_several_classes() {
    let fleet = Fleet::nightly();
    fleet.env.add_tenant("fabrikam");
    fleet.add("nightly", "fabrikam", &[]);
    std::fs::remove_file(fleet.env.path("secret")).unwrap();
    fleet.sandbox.fault(Fault::on("token", Kind::Status(401)));
    assert_ends(&fleet.env, &["run", "--all"], 1, "failed");
}

#[test]
fn exit_2_is_a_value_that_cannot_be_accepted_or_a_wrong_flag() {
    let env = Env::with_tenant();
    let args = [
        "schedules",
        "add",
        "x",
        "--tenant",
        "contoso",
        "--at",
        "02:00",
    ];
    let args = [&args[..], &["--timezone", "Europe/Olso"]].concat();
    assert_ends(&env, &args, 2, "usage");
    let flag = ["tenants", "list", "--nonsense"];
    assert!(env.run(&flag).fails(2).starts_with("error: "));
    assert_json(env.run(&[&flag[..], &["--json"]].concat()), 2, "usage");
}

#[test]
fn exit_3_is_a_run_that_finished_in_part() {
    let fleet = Fleet::new();
    fleet.add(
        "nightly",
        "contoso",
        &["--types", "namedLocation,assignmentFilter"],
    );
    fleet.sandbox.fault(Fault::on(
        "deviceManagement/assignmentFilters",
        Kind::Forbidden,
    ));
    assert_ends(&fleet.env, &["run", "nightly"], 3, "partial");
}

#[test]
fn exit_10_is_no_database() {
    assert_ends(&Env::new(), &["tenants", "list"], 10, "no_store");
}

#[test]
fn exit_11_is_a_lock_that_is_held() {
    let fleet = Fleet::nightly();
    fleet.hang(DIRECTORY);
    let run = fleet.env.start(&["run", "nightly"]);
    fleet.await_hanging(1);
    assert_ends(&fleet.env, &["run", "nightly"], 11, "busy");
    fleet.answer();
    run.end().ok();
}

#[test]
fn exit_12_is_a_refusal_that_another_try_does_not_change() {
    let fleet = Fleet::nightly();
    fleet.env.file("sandbox-secret", "wrong", 0o600);
    for args in [&["run", "nightly"][..], &["tenants", "check", "contoso"]] {
        assert_ends(&fleet.env, args, 12, "auth");
    }
}

#[test]
fn exit_13_is_something_that_may_be_better_later() {
    let fleet = Fleet::nightly();
    let broken = Fault::on(
        "identity/conditionalAccess/namedLocations",
        Kind::InvalidJson,
    );
    fleet.sandbox.fault(broken);
    assert_ends(&fleet.env, &["run", "nightly"], 13, "unavailable");
}

#[test]
fn exit_14_is_damage() {
    let env = Env::with_tenant();
    std::fs::write(env.database(), "no database, but a letter to somebody").unwrap();
    assert_ends(&env, &["tenants", "list"], 14, "integrity");
}

#[test]
fn exit_15_is_a_database_of_a_newer_program() {
    let env = Env::with_tenant();
    env.sql()
        .execute_batch("PRAGMA user_version = 9999")
        .unwrap();
    assert_ends(&env, &["tenants", "list"], 15, "schema");
}

#[test]
fn exit_16_is_a_disk_that_takes_nothing() {
    let env = Env::with_tenant();
    assert_ends(
        &env,
        &["db", "backup", "no-such-folder/copy.db"],
        16,
        "storage",
    );
    let full = |args: &str| env.shell(&format!(r#""$0" {args} >/dev/full"#));
    assert!(
        full("tenants list")
            .fails(16)
            .starts_with("error: cannot write the output")
    );
    assert_json(full("tenants list --json"), 16, "storage");
}

#[test]
fn exit_17_is_a_credential_that_cannot_be_used() {
    let fleet = Fleet::nightly();
    std::fs::remove_file(fleet.env.path("sandbox-secret")).unwrap();
    assert_ends(&fleet.env, &["run", "nightly"], 17, "config");
}

#[test]
fn exit_18_is_something_that_is_not_there() {
    let env = Env::with_tenant();
    for args in [
        &["tenants", "show", "nobody"][..],
        &["schedules", "show", "nothing"],
        &["history", "show", "99"],
        &["backups", "show", "99"],
    ] {
        assert_ends(&env, args, 18, "not_found");
    }
}

#[test]
fn exit_19_is_something_to_look_at() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 3);
    let later = |slot: &str| slot.replace(":00:00Z", ":05:00Z");
    assert_text(fleet.dispatch(&later(&slots[0])), 19);
    let args = ["dispatch", "--json", "--at", &later(&slots[1])];
    assert_json(fleet.env.run(&args), 19, "attention");
}

#[test]
fn exit_20_is_a_role_that_does_not_allow_it() {
    let mut env = Env::with_tenant();
    env.run(&["roles", "grant", "anna", "readonly", "--yes"])
        .warned();
    env.set("SUDO_USER", "anna");
    assert_ends(
        &env,
        &["tenants", "remove", "contoso", "--yes"],
        20,
        "denied",
    );
}

#[test]
fn exit_124_is_a_run_that_took_too_long() {
    let fleet = Fleet::new();
    fleet.add("nightly", "contoso", &["--max-runtime", "1s"]);
    fleet.hang(DIRECTORY);
    assert_ends(&fleet.env, &["run", "nightly"], 124, "timed_out");
}

#[test]
fn exit_130_and_143_are_signals() {
    for (signal, code, name) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let fleet = Fleet::nightly();
        fleet.hang(DIRECTORY);
        for json in [false, true] {
            let args = ["run", "nightly", "--json"];
            let run = fleet.env.start(&args[..2 + usize::from(json)]);
            fleet.await_hanging(1);
            run.signal(signal);
            let run = run.end();
            match json {
                true => assert_json(run, code, name),
                false => assert_text(run, code),
            }
            fleet.answer();
            env::until("nothing hangs", fleet::LONG, || {
                (!fleet.sandbox.await_hanging(1, std::time::Duration::ZERO)).then_some(())
            });
            fleet.hang(DIRECTORY);
        }
    }
}
