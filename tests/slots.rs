//! `schedules next` and `schedules upcoming`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;

use env::Env;
use serde_json::{Value, json};

fn add(env: &Env, name: &str, rest: &[&str]) {
    let args = [&["schedules", "add", name, "--tenant", "contoso"][..], rest].concat();
    env.run(&args).warned();
}

#[test]
fn a_gap_is_shown_as_skipped() {
    let env = Env::with_tenant();
    add(&env, "n", &["--at", "02:30", "--timezone", "Europe/Oslo"]);
    let next = [
        "schedules",
        "next",
        "n",
        "-n",
        "3",
        "--from",
        "2027-03-27T00:00:00Z",
    ];
    insta::assert_snapshot!(env.run(&next).ok(), @r"
    LOCAL                    ZONE         UTC                   NOTE
    2027-03-27 02:30 +01:00  Europe/Oslo  2027-03-27T01:30:00Z
    2027-03-28 02:30         Europe/Oslo  skipped               gap: this local time does not exist
    2027-03-29 02:30 +02:00  Europe/Oslo  2027-03-29T00:30:00Z
    ");
    let items = env.items(&next);
    assert_eq!(
        items[1],
        json!({
            "tenant": "contoso", "schedule": "n", "schedule_id": 1, "slot": null,
            "local": "2027-03-28T02:30:00", "timezone": "Europe/Oslo", "note": "gap",
        })
    );
    assert_eq!(items[2]["local"], "2027-03-29T02:30:00+02:00");
}

#[test]
fn a_fold_counts_once() {
    let env = Env::with_tenant();
    add(&env, "n", &["--at", "02:30", "--timezone", "Europe/Oslo"]);
    let next = [
        "schedules",
        "next",
        "n",
        "-n",
        "2",
        "--from",
        "2027-10-30T12:00:00Z",
    ];
    let items = env.items(&next);
    assert_eq!(
        (&items[0]["slot"], &items[0]["note"]),
        (&json!("2027-10-31T00:30:00Z"), &json!("fold"))
    );
    assert_eq!(
        (&items[1]["slot"], &items[1]["note"]),
        (&json!("2027-11-01T01:30:00Z"), &Value::Null)
    );
}

#[test]
fn from_a_time_on_means_that_minute_too() {
    let env = Env::with_tenant();
    add(&env, "n", &["--at", "02:00"]);
    let first = |from: &str| {
        env.items(&["schedules", "next", "n", "-n", "1", "--from", from])[0]["slot"].clone()
    };
    assert_eq!(first("2027-01-01T02:00:00Z"), "2027-01-01T02:00:00Z");
    assert_eq!(first("2027-01-01T02:00:01Z"), "2027-01-02T02:00:00Z");
    assert_eq!(first("2027-01-01T03:00:00+01:00"), "2027-01-01T02:00:00Z");
    let stderr = env
        .run(&["schedules", "next", "n", "--from", "tomorrow"])
        .fails(2);
    assert!(stderr.contains("hint: write RFC 3339"), "{stderr}");
    env.run(&["schedules", "next", "n", "-n", "0"]).fails(2);
    assert_eq!(env.items(&["schedules", "next", "n"]).len(), 10);
}

#[test]
fn a_disabled_schedule_shows_its_slots_with_a_warning() {
    let env = Env::with_tenant();
    add(&env, "n", &["--at", "02:00", "--disabled"]);
    let (stdout, stderr) = env.run(&["schedules", "next", "n", "-n", "2"]).warned();
    assert_eq!(stdout.lines().count(), 3);
    assert_eq!(
        stderr,
        "warning: schedule n (id 1) of tenant contoso is disabled\n"
    );
}

#[test]
fn upcoming_slots_of_all_schedules_come_in_order() {
    let env = Env::with_tenant();
    env.add_tenant("adatum");
    add(&env, "quarter", &["--cron", "*/15 * * * *"]);
    add(
        &env,
        "oslo",
        &["--cron", "*/20 * * * *", "--timezone", "Europe/Oslo"],
    );
    add(&env, "off", &["--cron", "* * * * *", "--disabled"]);
    let items = env.items(&["schedules", "upcoming", "--within", "2h"]);
    let slots: Vec<&str> = items
        .iter()
        .map(|item| item["slot"].as_str().unwrap())
        .collect();
    assert!(
        slots.is_sorted() && (13..=16).contains(&slots.len()),
        "{slots:?}"
    );
    assert!(items.iter().all(|item| item["schedule"] != "off"));
    let day = env.items(&["schedules", "upcoming"]);
    assert!(
        (167..=170).contains(&day.len()),
        "24 hours unless told: {}",
        day.len()
    );
    assert!(
        env.items(&["schedules", "upcoming", "--tenant", "adatum"])
            .is_empty()
    );
    env.run(&["schedules", "upcoming", "--within", "1y"])
        .fails(2);
    env.run(&["schedules", "upcoming", "--within", "401d"])
        .fails(2);
}

#[test]
fn the_calendar_ends_where_rfc_3339_does() {
    let env = Env::with_tenant();
    add(&env, "nightly", &["--at", "02:00"]);
    let next = |from: &str| env.items(&["schedules", "next", "nightly", "-n", "3", "--from", from]);
    assert_eq!(next("9999-12-30T00:00:00Z").len(), 2);
    assert!(next("9999-12-31T23:59:59Z").is_empty());
    assert_eq!(
        next("0001-01-01T00:00:00Z")[0]["slot"],
        "0001-01-01T02:00:00Z"
    );
    let stderr = env
        .run(&["schedules", "next", "nightly", "--from", "2027-01-01"])
        .fails(2);
    insta::assert_snapshot!(stderr, @r#"
    error: --from: "2027-01-01" is not a time
    hint: write RFC 3339 with Z or an offset: 2027-03-28T01:00:00Z or 2027-03-28T02:00:00+01:00
    "#);
}

#[test]
fn a_wrong_span_names_its_flag() {
    let env = Env::with_tenant();
    let stderr = env
        .run(&["schedules", "upcoming", "--within", "x"])
        .fails(2);
    assert!(
        stderr.starts_with("error: --within: \"x\" is not a duration\n"),
        "{stderr}"
    );
}
