//! A year of minutes through the real dispatcher: each slot that the oracle names runs once, in its
//! own minute, and nothing else does.
//!
//! The dispatcher is called in this process, since a year has 525,600 minutes; the database, the
//! locks and the server are real. The oracle is `fixtures/zones.txt`, see `zones.rs`. Two days around
//! a clock change run with all tests, the year with
//! `cargo test --release --test year -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveTime};
use fleet::Fleet;
use tenantpilot::clock::SystemClock;
use tenantpilot::dispatch;
use tenantpilot::graph::client::Connector;
use tenantpilot::lock::Locks;
use tenantpilot::run::Means;
use tenantpilot::slot::Slot;
use tenantpilot::stop::Stop;
use tenantpilot::zone::Source;

const ORACLE: &str = include_str!("fixtures/zones.txt");
/// Gaps at midnight, half an hour and three hours wide, a negative summer time, no summer time.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/Santiago",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Pacific/Apia",
];
const TIMES: [&str; 2] = ["00:00", "02:30"];
const MINUTE: i64 = 60;

/// The changes of a zone's offset: from when on it is how much.
fn offsets(zone: &str) -> Vec<(i64, i64)> {
    let line = ORACLE.lines().find_map(|line| {
        let (names, changes) = line.split_once('|')?;
        names
            .split_whitespace()
            .any(|name| name == zone)
            .then_some(changes)
    });
    let mut words = line.unwrap().split_whitespace();
    let mut offsets = vec![(i64::MIN, words.next().unwrap().parse().unwrap())];
    offsets.extend(words.map(|word| {
        let (instant, offset) = word.split_once(':').unwrap();
        (
            instant.parse::<i64>().unwrap(),
            offset.parse::<i64>().unwrap(),
        )
    }));
    offsets
}

/// The first instant at which a clock of that zone shows `wall`, if there is one.
fn first_instant(offsets: &[(i64, i64)], wall: i64) -> Option<i64> {
    let until = offsets
        .iter()
        .skip(1)
        .map(|(from, _)| *from)
        .chain([i64::MAX]);
    let spans = offsets.iter().zip(until);
    let instants = spans.filter_map(|((from, offset), until)| {
        let instant = wall - offset;
        (*from..until).contains(&instant).then_some(instant)
    });
    instants.min()
}

/// What has to run: zone and slot.
fn expected(zones: &[&str], from: i64, to: i64) -> BTreeSet<(String, i64)> {
    let first_day = DateTime::from_timestamp(from, 0).unwrap().date_naive() - Days::new(2);
    let days = first_day
        .iter_days()
        .take_while(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp() < to + 2 * 86_400);
    let days: Vec<NaiveDate> = days.collect();
    let mut slots = BTreeSet::new();
    for zone in zones {
        let offsets = offsets(zone);
        for (day, time) in days.iter().flat_map(|day| TIMES.map(|time| (day, time))) {
            let time = NaiveTime::parse_from_str(time, "%H:%M").unwrap();
            let wall = day.and_time(time).and_utc().timestamp();
            let slot = first_instant(&offsets, wall).filter(|slot| (from..to).contains(slot));
            slots.extend(slot.map(|slot| ((*zone).to_owned(), slot)));
        }
    }
    slots
}

/// Dispatches every minute of that time; how many runs there were.
fn simulate(zones: &[&str], from: i64, to: i64) -> usize {
    let fleet = Fleet::new();
    for zone in zones {
        let args = [
            &["schedules", "add", zone, "--tenant", "contoso", "--quiet"][..],
            &["--timezone", zone, "--no-foundations", "--keep-last", "2"],
            &[
                "--types",
                "namedLocation",
                "--at",
                TIMES[0],
                "--at",
                TIMES[1],
            ],
        ];
        fleet.env.run(&args.concat()).warned();
    }
    let (clock, stop) = (Arc::new(SystemClock), Stop::default());
    let database = fleet.env.database();
    let means = Means {
        locks: Locks::beside(&database),
        connector: Connector::new(clock.clone(), stop.clone(), "tenantpilot/test"),
        database,
        clock,
        stop,
        zones: Source::Compiled,
        actor: "test".to_owned(),
    };
    let slot_of = |minute| Slot::containing(DateTime::from_timestamp(minute, 0).unwrap());
    // Another connection, so that no minute is the last to close the database and tidies it up.
    let sql = fleet.env.sql();
    sql.query_row("SELECT count(*) FROM runs", [], |_| Ok(()))
        .unwrap();
    // What lies between today and the beginning is missed, and that is told before.
    dispatch::dispatch(&means, slot_of(from - MINUTE), 4).unwrap();
    let mut begun = from;
    while begun < to {
        let report = dispatch::dispatch(&means, slot_of(begun), 4).unwrap();
        assert!(report.decision.missed.is_empty(), "{begun}: {report:?}");
        begun += MINUTE;
    }
    let mut read = sql
        .prepare(
            "SELECT schedules.name, scheduled_for, status FROM runs
             JOIN schedules ON schedules.id = schedule_id WHERE scheduled_for >= ?1",
        )
        .unwrap();
    let rows = read.query_map([from], |row| {
        assert_eq!(row.get::<_, String>(2)?, "success");
        Ok((row.get(0)?, row.get(1)?))
    });
    let ran: Vec<(String, i64)> = rows.unwrap().map(Result::unwrap).collect();
    let count = ran.len();
    let ran: BTreeSet<(String, i64)> = ran.into_iter().collect();
    assert_eq!(ran.len(), count, "a slot ran twice");
    let expected = expected(zones, from, to);
    let differ: Vec<_> = ran.symmetric_difference(&expected).collect();
    assert!(differ.is_empty(), "{differ:?}");
    fleet.env.run(&["audit", "verify"]).ok();
    count
}

fn midnight(year: i32, month: u32, day: u32) -> i64 {
    let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
    date.and_time(NaiveTime::MIN).and_utc().timestamp()
}

#[test]
fn two_days_around_a_clock_change() {
    let zones = ["Europe/Berlin", "America/Santiago", "Antarctica/Troll"];
    let (from, to) = (midnight(2027, 3, 27), midnight(2027, 3, 29));
    let ran = simulate(&zones, from, to);
    // 02:30 of the 28th exists in neither Berlin nor Troll; midnight of the 29th is still the 28th
    // in UTC there, and so is that of the 27th the 26th in Berlin.
    assert_eq!(ran, 3 * 2 * 2 - 2 + 1);
}

#[test]
#[ignore = "takes minutes"]
fn a_year_of_minutes_in_twelve_zones() {
    let ran = simulate(&ZONES, midnight(2027, 1, 1), midnight(2028, 1, 1));
    println!("525,600 minutes, {ran} runs");
    assert!(ran > 12 * 2 * 360, "{ran}");
}
