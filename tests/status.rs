//! `status`: what it says of schedules that run, that do not, and that nobody starts.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use fleet::{Fleet, OTHER_DIRECTORY};
use sandbox::server::DIRECTORY;
use sandbox::server::faults::{Fault, Kind};
use serde_json::{Value, json};

/// What `status` says with these flags, and the code it ends with.
fn status(fleet: &Fleet, args: &[&str], code: i32) -> Value {
    let args = [&["status", "--json"][..], args].concat();
    let (stdout, stderr) = fleet.env.run(&args).ends(code);
    let status: Value = serde_json::from_str(&stdout).unwrap();
    if code == 19 {
        assert_said(&status, &stderr);
    }
    status
}

/// That the error object says which schedules are in trouble, and what to type.
fn assert_said(status: &Value, stderr: &str) {
    let error: Value = serde_json::from_str(stderr).unwrap();
    let in_trouble = |one: &&Value| {
        one["attention"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    let schedules = status["schedules"].as_array().unwrap();
    let troubled: Vec<&Value> = schedules.iter().filter(in_trouble).collect();
    let (name, tenant) = (&troubled[0]["schedule"], &troubled[0]["tenant"]);
    let first = format!(
        "schedule {} (id {}) of tenant {}: {}",
        name.as_str().unwrap(),
        troubled[0]["schedule_id"],
        tenant.as_str().unwrap(),
        attention(&json!({ "schedules": [troubled[0]] }))
    );
    let expected = match troubled.len() {
        1 => first,
        count => format!("{count} problems, the first: {first}"),
    };
    assert_eq!(error["error"]["message"], expected);
    let hint = error["error"]["hint"].as_str().unwrap();
    assert!(hint.starts_with("tenantpilot "), "{hint}");
}

/// What a command says on stdout and stderr, however it ends.
fn said(fleet: &Fleet, args: &[&str]) -> (String, String) {
    let run = fleet.env.run(args);
    (run.stdout.clone(), run.stderr.clone())
}

/// What the schedule is said to start next, wherever that is said.
fn promised(fleet: &Fleet) -> Vec<Value> {
    let json = |args: &[&str]| -> Value {
        let (stdout, _) = said(fleet, &[args, &["--json"]].concat());
        serde_json::from_str(&stdout).unwrap()
    };
    let first = |args: &[&str]| json(args)["items"][0].clone();
    let mut all = vec![
        json(&["status"])["schedules"][0]["next_run_at"].clone(),
        json(&["schedules", "show", "1"])["next_run_at"].clone(),
        first(&["schedules", "list"])["next_run_at"].clone(),
        first(&["schedules", "next", "1", "-n", "1"])["slot"].clone(),
        first(&["schedules", "upcoming", "--within", "30d"])["slot"].clone(),
    ];
    all.dedup();
    all
}

#[test]
fn next_is_what_will_start_though_a_dispatch_was_ahead_of_the_clock() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 7);
    let late = |slot: &str| slot.replace("T02:00", "T02:30");
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "");
    fleet.dispatch(&late(&slots[3])).fails(19);
    let text = format!(
        "some slots to come of schedule nightly (id 1) of tenant contoso are decided already, the newest \
         {}, and do not start again: a dispatch was ahead of the clock (--at, or a clock that was wrong)\n",
        slots[3]
    );
    for _ in 0..2 {
        assert_eq!(promised(&fleet), [json!(slots[1])]);
        let (shown, _) = said(&fleet, &["status"]);
        assert!(shown.contains(&text), "{shown}");
        for command in [
            &["schedules", "next", "1", "-n", "3"][..],
            &["schedules", "upcoming", "--within", "30d"],
        ] {
            let (shown, warned) = said(&fleet, command);
            assert_eq!(warned, format!("warning: {text}"));
            for (slot, starts) in slots.iter().zip([false, true, true, false, true]) {
                assert_eq!(shown.contains(slot), starts, "{slot} in {shown}");
            }
        }
        // What cron starts takes the slots up again.
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    }
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    let sets = fleet.env.items(&["backups", "list"]).len();
    assert_eq!(sets, 2, "it was told as missed, and its time came");
    let stderr = fleet.dispatch(&late(&slots[4])).fails(19);
    let missed = format!("missed 2 slots from {} to {}: ", slots[2], slots[4]);
    assert!(stderr.contains(&missed), "{stderr}");
    assert_eq!(promised(&fleet), [json!(slots[2])]);
}

fn attention(status: &Value) -> String {
    let of_first = status["schedules"][0]["attention"].as_array().unwrap();
    let texts: Vec<&str> = of_first.iter().map(|text| text.as_str().unwrap()).collect();
    texts.join(", ")
}

#[test]
fn a_schedule_that_runs_and_one_that_never_did() {
    let fleet = Fleet::nightly();
    let before = status(&fleet, &[], 0);
    assert_eq!(before["ok"], true);
    assert_eq!(before["last_dispatch_at"], json!(null));
    let slots = fleet.slots(1, 2);
    fleet.dispatch(&slots[0]).ok();
    let after = status(&fleet, &["--max-age", "1h"], 0);
    assert!(after["last_dispatch_at"].is_string());
    assert_eq!(after["running"], json!([]));
    let schedule = &after["schedules"][0];
    assert_eq!(schedule["tenant"], "contoso");
    assert_eq!(schedule["schedule"], "nightly");
    assert_eq!(schedule["last_status"], "success");
    assert_eq!(
        (&schedule["missed"], &schedule["stale"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(schedule["next_run_at"].as_str(), Some(slots[1].as_str()));
    assert!(schedule["age_s"].as_u64().unwrap() < 600, "{schedule}");
    assert_eq!(schedule["decided_until"], *slots[0]);
    let text = fleet.env.run(&["status"]).ok();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("last dispatch 20"), "{text}");
    let line = fleet.env.run(&["status", "--nagios"]).ok();
    assert!(
        line.starts_with("TENANTPILOT OK - 1 schedule | schedules=1 disabled=0 attention=0 "),
        "{line}"
    );
}

#[test]
fn schedules_stand_by_tenant_and_then_by_name() {
    let fleet = Fleet::new();
    fleet.add_tenant("adatum", OTHER_DIRECTORY);
    for (name, tenant) in [
        ("b", "contoso"),
        ("a", "contoso"),
        ("c", "adatum"),
        ("b", "adatum"),
    ] {
        fleet.add(name, tenant, &[]);
    }
    let expected = ["adatum/b", "adatum/c", "contoso/a", "contoso/b"];
    let status = status(&fleet, &[], 0);
    let schedules = status["schedules"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names: Vec<String> = schedules
        .map(|one| format!("{}/{}", text(&one["tenant"]), text(&one["schedule"])))
        .collect();
    assert_eq!(names, expected);
    let table = fleet.env.run(&["status", "--plain"]).ok();
    let names = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        Some(format!("{}/{}", cells.first()?, cells.get(1)?))
    });
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn an_old_success_is_stale_and_none_is_too() {
    let fleet = Fleet::nightly();
    fleet
        .env
        .sql()
        .execute("UPDATE schedules SET created_at = created_at - 100000", [])
        .unwrap();
    assert_eq!(
        status(&fleet, &["--max-age", "26h"], 19)["schedules"][0]["stale"],
        true
    );
    let told = attention(&status(&fleet, &["--max-age", "26h"], 19));
    assert!(
        told.starts_with("no success since it was added 1d 3h"),
        "{told}"
    );
    assert_eq!(status(&fleet, &["--max-age", "28h"], 0)["ok"], true);
    let (line, stderr) = fleet
        .env
        .run(&["status", "--nagios", "--max-age", "1h"])
        .ends(2);
    assert!(
        line.starts_with("TENANTPILOT CRITICAL - 1 of 1 schedule needs attention"),
        "{line}"
    );
    assert_eq!(stderr, "");
    fleet.env.run(&["schedules", "disable", "nightly"]).warned();
    let disabled = status(&fleet, &["--max-age", "1h"], 0);
    assert_eq!(disabled["schedules"][0]["enabled"], false);
    assert_eq!(disabled["schedules"][0]["next_run_at"], json!(null));
    let wrong = fleet.env.run(&["status", "--max-age", "soon"]).fails(2);
    assert!(wrong.contains("--max-age"), "{wrong}");
}

#[test]
fn a_run_that_did_not_end_well_is_named_until_one_does() {
    let fleet = Fleet::new();
    fleet.add(
        "nightly",
        "contoso",
        &["--types", "namedLocation,assignmentFilter"],
    );
    let slots = fleet.slots(1, 4);
    fleet
        .sandbox
        .fault(Fault::on("", Kind::Forbidden).directory(DIRECTORY));
    fleet.dispatch(&slots[0]).fails(12);
    let told = attention(&status(&fleet, &[], 19));
    assert_eq!(told, "run 1 ended failed (PERMISSION_MISSING)");
    fleet
        .env
        .run(&["status", "--nagios"])
        .ends(2)
        .0
        .lines()
        .next()
        .unwrap();
    fleet.sandbox.clear_faults();
    let filters = "deviceManagement/assignmentFilters";
    fleet.sandbox.fault(Fault::on(filters, Kind::Forbidden));
    fleet.dispatch(&slots[1]).fails(3);
    assert_eq!(
        status(&fleet, &[], 19)["schedules"][0]["last_success_at"],
        json!(null)
    );
    let (line, _) = fleet.env.run(&["status", "--nagios"]).ends(1);
    assert!(
        line.contains("contoso/nightly: run 2 ended partial"),
        "{line}"
    );
    fleet.sandbox.clear_faults();
    fleet.dispatch(&slots[2]).ok();
    assert_eq!(
        status(&fleet, &[], 0)["schedules"][0]["last_status"],
        "success"
    );
    let drawn = fleet
        .env
        .run(&["status", "--calendar", "--weeks", "2"])
        .ok();
    let lines: Vec<&str> = drawn.lines().collect();
    assert_eq!(lines.len(), 3, "{drawn}");
    assert!(lines[0].contains("weeks from Monday 20"), "{drawn}");
    assert!(lines[1].starts_with("contoso/nightly  "), "{drawn}");
    assert!(lines[2].starts_with("# success"), "{drawn}");
}

#[test]
fn missed_slots_count_until_the_next_success() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 6);
    fleet.dispatch(&slots[0]).ok();
    fleet
        .dispatch(&slots[3].replace("02:00", "02:01"))
        .fails(19);
    let missed = status(&fleet, &[], 19);
    assert_eq!(missed["schedules"][0]["missed"], 3);
    assert_eq!(attention(&missed), "3 slots missed");
    assert_eq!(
        missed["schedules"][0]["last_status"], "success",
        "no attempt was made"
    );
    fleet
        .env
        .run(&["status", "--nagios"])
        .ends(1)
        .0
        .lines()
        .next()
        .unwrap();
    fleet.dispatch(&slots[4]).ok();
    assert_eq!(status(&fleet, &[], 0)["schedules"][0]["missed"], 0);
}

#[test]
fn a_slot_that_nobody_dispatches_is_told_without_a_dispatch() {
    let fleet = Fleet::new();
    fleet.add("often", "contoso", &["--cron", "* * * * *"]);
    assert_eq!(
        status(&fleet, &[], 0)["ok"],
        true,
        "the first minute has not come"
    );
    let sql = fleet.env.sql();
    let earlier = "UPDATE schedules SET slots_from = slots_from - 600, next_slot = next_slot - 600";
    sql.execute(earlier, []).unwrap();
    let told = attention(&status(&fleet, &[], 19));
    assert!(told.ends_with("was not dispatched"), "{told}");
}

#[test]
fn a_run_that_goes_on_is_shown() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 1);
    fleet.hang(DIRECTORY);
    let going = fleet.start(&slots[0], &[]);
    fleet.await_status(1, "running");
    let now = status(&fleet, &[], 0);
    assert_eq!(now["running"][0]["run_id"], 1);
    assert_eq!(now["running"][0]["status"], "running");
    assert_eq!(now["running"][0]["process_gone"], false);
    let text = fleet.env.run(&["status"]).ok();
    assert!(
        text.contains("run 1 of contoso/nightly is running since 20"),
        "{text}"
    );
    going.kill();
    fleet.answer();
    let now = status(&fleet, &[], 19);
    assert_eq!(attention(&now), "the process of run 1 is gone");
    assert_eq!(now["running"][0]["status"], "running");
    assert_eq!(now["running"][0]["process_gone"], true);
    let (text, _) = fleet.env.run(&["status"]).ends(19);
    let gone = "and its process is gone: the next dispatch closes it as interrupted";
    assert!(text.contains(gone), "{text}");
    let (line, _) = fleet.env.run(&["status", "--nagios"]).ends(2);
    assert!(line.contains("nightly: the process of run 1 is gone"));
    fleet.env.run(&["dispatch"]).fails(19);
    let now = status(&fleet, &[], 19);
    assert_eq!(attention(&now), "run 1 ended failed (INTERRUPTED)");
    assert_eq!(now["running"], json!([]));
}

#[test]
fn without_a_database_a_monitor_gets_unknown() {
    let env = env::Env::new();
    env.run(&["status"]).fails(10);
    let (line, stderr) = env.run(&["status", "--nagios"]).ends(3);
    assert!(line.starts_with("TENANTPILOT UNKNOWN - "), "{line}");
    assert_eq!((line.lines().count(), stderr.as_str()), (1, ""));
}

#[test]
fn nothing_that_is_watched_is_not_well() {
    let fleet = Fleet::nightly();
    let nagios = |more: &[&str], code| {
        let args = [&["status", "--nagios"][..], more].concat();
        fleet.env.run(&args).ends(code).0
    };
    fleet.env.run(&["schedules", "disable", "nightly"]).ok();
    let line = nagios(&[], 1);
    assert!(line.contains("WARNING - none of 1 schedule"), "{line}");
    status(&fleet, &[], 0);
    fleet
        .env
        .run(&["schedules", "remove", "nightly", "--yes"])
        .ok();
    let line = nagios(&[], 3);
    assert!(
        line.contains("UNKNOWN - there is no schedule | schedules=0 "),
        "{line}"
    );
    let line = nagios(&["--tenant", "contoso"], 3);
    assert!(line.contains("UNKNOWN - "), "{line}");
    let (_, said) = fleet.env.run(&["status", "--tenant", "contoso"]).ends(18);
    assert!(
        said.contains("contoso") && said.contains("hint: "),
        "{said}"
    );
}
