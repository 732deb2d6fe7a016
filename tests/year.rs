//! A year of minutes through the real dispatcher: each slot that the oracle names runs once, in its
//! own minute, and nothing else does. Where minutes are left out, as when the clock is put forward or
//! the machine was down, their slots are missed, counted, and never run.
//!
//! The dispatcher is called in this process, since a year has 525,600 minutes; the database, the
//! locks and the server are real. The oracle is `fixtures/zones.txt`, see `zones.rs`. Days around a
//! clock change run with all tests, the year with
//! `cargo test --release --test year -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveTime};
use fleet::Fleet;
use tenantpilot::clock::SystemClock;
use tenantpilot::dispatch;
use tenantpilot::graph::client::Connector;
use tenantpilot::lock::Locks;
use tenantpilot::monitoring::ping::Pings;
use tenantpilot::progress::Progress;
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
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Which minutes of the day have a slot.
struct Rule {
    args: &'static [&'static str],
    times: Vec<NaiveTime>,
}

fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

fn twice_a_day() -> Rule {
    Rule {
        args: &["--at", "00:00", "--at", "02:30"],
        times: vec![time(0, 0), time(2, 30)],
    }
}

fn each_hour() -> Rule {
    Rule {
        args: &["--cron", "17 * * * *"],
        times: (0..24).map(|hour| time(hour, 17)).collect(),
    }
}

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

/// Every slot there is: zone and slot.
fn expected(rule: &Rule, zones: &[&str], time: &Range<i64>) -> BTreeSet<(String, i64)> {
    let first_day = DateTime::from_timestamp(time.start, 0)
        .unwrap()
        .date_naive()
        - Days::new(2);
    let days = first_day.iter_days().take_while(|day| {
        day.and_time(NaiveTime::MIN).and_utc().timestamp() < time.end + 48 * HOUR
    });
    let days: Vec<NaiveDate> = days.collect();
    let mut slots = BTreeSet::new();
    for zone in zones {
        let offsets = offsets(zone);
        for wall in days
            .iter()
            .flat_map(|day| rule.times.iter().map(|time| day.and_time(*time)))
        {
            let slot = first_instant(&offsets, wall.and_utc().timestamp());
            let slot = slot.filter(|slot| time.contains(slot));
            slots.extend(slot.map(|slot| ((*zone).to_owned(), slot)));
        }
    }
    slots
}

fn add_schedules(fleet: &Fleet, rule: &Rule, zones: &[&str]) {
    for zone in zones {
        let args = [
            &["schedules", "add", zone, "--tenant", "contoso", "--quiet"][..],
            &["--timezone", zone, "--no-foundations", "--keep-last", "2"],
            &["--types", "assignmentFilter"],
            rule.args,
        ];
        fleet.env.run(&args.concat()).warned();
    }
}

fn means(fleet: &Fleet) -> Means {
    let (clock, stop) = (Arc::new(SystemClock), Stop::default());
    let database = fleet.env.database();
    Means {
        locks: Locks::beside(&database),
        connector: Connector::new(clock.clone(), stop.clone(), "tenantpilot/test"),
        pings: Pings::new(clock.clone(), stop.clone(), "tenantpilot/test"),
        database,
        clock,
        stop,
        zones: Source::Compiled,
        actor: "test".to_owned(),
        progress: Progress::default(),
    }
}

/// Dispatches in every minute of that time but for those of the `outages`; how many runs there were,
/// and how many slots were missed.
fn simulate(rule: &Rule, zones: &[&str], time: Range<i64>, outages: &[Range<i64>]) -> [usize; 2] {
    let fleet = Fleet::new();
    add_schedules(&fleet, rule, zones);
    // Each minute has a process of its own, with its own tokens and its own pace.
    let dispatch = |minute| {
        let slot = Slot::containing(DateTime::from_timestamp(minute, 0).unwrap());
        dispatch::dispatch(&means(&fleet), slot, 4, |_| ()).unwrap()
    };
    // Another connection, so that no minute is the last to close the database and tidies it up.
    let sql = fleet.env.sql();
    sql.query_row("SELECT count(*) FROM runs", [], |_| Ok(()))
        .unwrap();
    // What lies between today and the beginning is missed, and that is told before.
    dispatch(time.start - MINUTE);
    let (runs, lost): (BTreeSet<_>, BTreeSet<_>) = expected(rule, zones, &time)
        .into_iter()
        .partition(|(_, slot)| !outages.iter().any(|outage| outage.contains(slot)));
    let mut missed = 0;
    let mut begun = time.start;
    while begun < time.end {
        if let Some(outage) = outages.iter().find(|outage| outage.contains(&begun)) {
            begun = outage.end;
            let report = dispatch(begun);
            for told in &report.decision.missed {
                let of_it = |(zone, slot): &&(String, i64)| {
                    zone == told.schedule.name() && outage.contains(slot)
                };
                let slots: Vec<i64> = lost.iter().filter(of_it).map(|(_, slot)| *slot).collect();
                let (first, newest) = (told.missed.first.epoch(), told.missed.newest.epoch());
                assert_eq!(told.missed.count, slots.len() as u64, "{outage:?}");
                assert_eq!([first, newest], [slots[0], slots[slots.len() - 1]]);
                missed += slots.len();
            }
        } else {
            let report = dispatch(begun);
            assert!(report.decision.missed.is_empty(), "{begun}: {report:?}");
        }
        begun += MINUTE;
    }
    assert_eq!(missed, lost.len(), "a missed slot was not told");
    let ran = ran_since(&sql, time.start);
    let differ: Vec<_> = ran.symmetric_difference(&runs).collect();
    assert!(differ.is_empty(), "{differ:?}");
    fleet.env.run(&["audit", "verify"]).ok();
    [ran.len(), missed]
}

/// Schedule and slot of all runs since then that were not of missed slots; each is a success.
fn ran_since(sql: &rusqlite::Connection, from: i64) -> BTreeSet<(String, i64)> {
    let mut read = sql
        .prepare(
            "SELECT schedules.name, scheduled_for, status FROM runs
             JOIN schedules ON schedules.id = schedule_id
             WHERE scheduled_for >= ?1 AND error_code IS NOT 'MISSED_SLOT'",
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
    ran
}

fn midnight(year: i32, month: u32, day: u32) -> i64 {
    let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
    date.and_time(NaiveTime::MIN).and_utc().timestamp()
}

#[test]
fn two_days_around_a_clock_change() {
    let zones = ["Europe/Berlin", "America/Santiago", "Antarctica/Troll"];
    let time = midnight(2027, 3, 27)..midnight(2027, 3, 29);
    let [ran, _] = simulate(&twice_a_day(), &zones, time, &[]);
    // 02:30 of the 28th exists in neither Berlin nor Troll; midnight of the 29th is still the 28th
    // in UTC there, and so is that of the 27th the 26th in Berlin.
    assert_eq!(ran, 3 * 2 * 2 - 2 + 1);
}

/// The clock is put forward by 3 minutes, by 90 minutes over a clock change, and by 2 days.
#[test]
fn slots_of_minutes_that_never_were_are_missed_counted_and_never_run() {
    let day = |day| midnight(2027, 3, day);
    let change = day(28) + HOUR;
    let outages = [
        day(27) + 10 * HOUR + 16 * MINUTE..day(27) + 10 * HOUR + 19 * MINUTE,
        change - 50 * MINUTE..change + 40 * MINUTE,
        day(28) + 20 * HOUR..day(30) + 20 * HOUR,
    ];
    let zones = ["Europe/Berlin", "Asia/Kolkata"];
    let [ran, missed] = simulate(&each_hour(), &zones, day(27)..day(31), &outages);
    // In UTC both have a slot each hour: the hour that Berlin skips is none there.
    assert_eq!(missed, (1 + 2 + 48) + (1 + 48), "in Kolkata at 47 past");
    assert_eq!(ran + missed, 2 * 4 * 24);
}

#[test]
#[ignore = "takes minutes"]
fn a_year_of_minutes_in_twelve_zones() {
    let time = midnight(2027, 1, 1)..midnight(2028, 1, 1);
    let [ran, _] = simulate(&twice_a_day(), &ZONES, time, &[]);
    println!("525,600 minutes, {ran} runs");
    assert!(ran > 12 * 2 * 360, "{ran}");
}
