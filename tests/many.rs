//! Many at once: processes that begin in the same minute, and schedules by the thousand. No slot runs
//! twice, none is lost, and nobody is told that the database is locked.
//!
//! A slice of each runs with all tests; the rounds of `tests/README.md` with
//! `cargo test --release --test many -- --ignored --nocapture --test-threads 1`. Times are printed,
//! and nothing depends on them.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat};
use fleet::{Fleet, outcome};
use sandbox::server::DIRECTORY;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

fn time(epoch: i64) -> String {
    let time = DateTime::from_timestamp(epoch, 0).unwrap();
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Runs of all schedules: how many, of how many slots, and how many of them are a success.
fn census(fleet: &Fleet) -> (i64, i64, i64) {
    let census = "SELECT count(*), count(DISTINCT schedule_id || ' ' || scheduled_for),
                         count(*) FILTER (WHERE status = 'success') FROM runs";
    let counted = fleet.env.sql().query_row(census, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    counted.unwrap()
}

/// In each of `rounds` slots, so many dispatches at once: one run, and not a word. How long the
/// slowest round took.
fn dispatched_at_once(processes: usize, rounds: usize) -> Duration {
    let fleet = Fleet::nightly();
    let mut slowest = Duration::ZERO;
    for (round, slot) in fleet.slots(1, rounds).iter().enumerate() {
        let begun = Instant::now();
        let started: Vec<_> = (0..processes).map(|_| fleet.start(slot, &[])).collect();
        for process in started {
            assert_eq!(process.end().ok(), "", "round {round}");
        }
        slowest = slowest.max(begun.elapsed());
        let done = i64::try_from(round + 1).unwrap();
        assert_eq!(census(&fleet), (done, done, done), "round {round}");
    }
    assert_eq!(fleet.events("dispatch"), rounds, "one decision for each");
    fleet.assert_sound();
    slowest
}

#[test]
fn dispatches_at_once_make_one_run_per_slot() {
    dispatched_at_once(2, 5);
    dispatched_at_once(10, 2);
}

#[test]
#[ignore = "takes minutes"]
fn dispatches_at_once_make_one_run_per_slot_in_all_rounds() {
    let slowest = dispatched_at_once(2, 200);
    println!("2 at once, 200 rounds: 200 runs, the slowest round took {slowest:.2?}");
    let slowest = dispatched_at_once(50, 20);
    println!("50 at once, 20 rounds: 20 runs, the slowest round took {slowest:.2?}");
}

/// A cron that wakes up some minutes late starts a process for each minute, all in the same one.
#[test]
fn a_cron_that_wakes_up_late_starts_several_in_one_minute() {
    let fleet = Fleet::new();
    fleet.add("each-minute", "contoso", &["--cron", "* * * * *"]);
    let first = fleet.slots(1, 1)[0].parse::<DateTime<chrono::Utc>>();
    let first = first.unwrap().timestamp();
    assert_eq!(fleet.dispatch(&time(first)).ok(), "");

    let one_by_one = time(first + 5 * MINUTE);
    let stderr = fleet.dispatch(&one_by_one).fails(19);
    assert!(stderr.contains(" missed 4 slots from "), "{stderr}");
    for _ in 0..4 {
        assert_eq!(fleet.dispatch(&one_by_one).ok(), "");
    }
    let ran = outcome(1, "success", "-");
    let missed = outcome(1, "skipped", "MISSED_SLOT");
    let expected = [ran.clone(), missed.clone(), ran.clone()];
    assert_eq!(fleet.outcomes(), expected);

    let at_once = time(first + 10 * MINUTE);
    let started: Vec<_> = (0..5).map(|_| fleet.start(&at_once, &[])).collect();
    let ended: Vec<_> = started.into_iter().map(env::Started::end).collect();
    let told = ended.iter().filter(|run| run.code == Some(19)).count();
    assert_eq!(told, 1, "whoever was first");
    for run in ended.into_iter().filter(|run| run.code != Some(19)) {
        assert_eq!(run.ok(), "");
    }
    assert_eq!(fleet.outcomes()[3..], [missed, ran]);
    fleet.assert_sound();
}

/// In each round the lock file of a running run is deleted; then two dispatches of the next slot and
/// one `run` try to get in.
fn lock_file_deleted(rounds: usize) {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2 * rounds);
    let lock = fleet.env.path("state/tenantpilot.db-locks/schedule-1");
    for (round, slots) in slots.chunks(2).enumerate() {
        fleet.hang(DIRECTORY);
        let first = fleet.start(&slots[0], &[]);
        fleet.await_hanging(1);
        fs::remove_file(&lock).unwrap();
        let others = [fleet.start(&slots[1], &[]), fleet.start(&slots[1], &[])];
        let by_hand = fleet.env.start(&["run", "nightly"]);
        for other in others {
            assert_eq!(other.end().ok(), "", "round {round}");
        }
        by_hand.end().fails(11);
        let second_one_asks = fleet.sandbox.await_hanging(2, Duration::ZERO);
        assert!(!second_one_asks, "two at work in round {round}");
        fleet.answer();
        assert_eq!(first.end().ok(), "", "round {round}");
    }
    let ended = "SELECT group_concat(n, ', ') FROM
                     (SELECT status || ' ' || ifnull(error_code, '') || ' ' || count(*) AS n
                      FROM runs GROUP BY status, error_code ORDER BY status)";
    let ended: String = fleet
        .env
        .sql()
        .query_row(ended, [], |row| row.get(0))
        .unwrap();
    let skipped = 2 * rounds;
    assert_eq!(
        ended,
        format!("skipped LOCK_HELD {skipped}, success  {rounds}")
    );
    fleet.assert_sound();
}

#[test]
fn a_deleted_lock_file_lets_nobody_in() {
    lock_file_deleted(3);
}

#[test]
#[ignore = "takes minutes"]
fn a_deleted_lock_file_lets_nobody_in_two_hundred_times() {
    lock_file_deleted(200);
    println!("200 lock files deleted: 600 others came, none got in");
}

/// What a day of hourly schedules left.
struct Day {
    runs: i64,
    /// Bytes in use after each hour.
    sizes: Vec<i64>,
    /// The dispatches that had something to do.
    busy: Vec<Duration>,
    /// Dispatches of a minute whose slots are all decided.
    idle: Vec<Duration>,
}

/// So many hourly schedules in ten tenants, spread over the minutes of the hour; a dispatch in each
/// minute of so many hours.
fn hourly(schedules: i64, hours: i64) -> Day {
    const TENANTS: i64 = 10;
    let fleet = Fleet::new();
    for tenant in 0..TENANTS.min(schedules) {
        let directory = format!("22222222-2222-4333-8444-{tenant:012}");
        fleet.add_tenant(&format!("tenant-{tenant}"), &directory);
    }
    for number in 0..schedules {
        let (tenant, minute) = (number % TENANTS, number * 7 % 60);
        let tenant = format!("tenant-{tenant}");
        let cron = format!("{minute} * * * *");
        let rest = ["--cron", &cron, "--types", "assignmentFilter"];
        fleet.add(&format!("hourly-{number}"), &tenant, &rest);
    }
    let sql = fleet.env.sql();
    let latest = "SELECT max(slots_begin) FROM schedules";
    let begin: i64 = sql.query_row(latest, [], |row| row.get(0)).unwrap();
    // From the first whole hour on which all schedules are there; what may lie before it is missed.
    let from = (begin / HOUR + 1) * HOUR;
    let before = fleet.dispatch(&time(from - MINUTE));
    assert!(matches!(before.code, Some(0 | 19)), "{}", before.stderr);
    let already = census(&fleet).0;
    let mut day = Day {
        runs: 0,
        sizes: vec![bytes_in_use(&sql)],
        busy: Vec::new(),
        idle: Vec::new(),
    };
    for hour in 0..hours {
        for minute in 0..60 {
            let at = time(from + hour * HOUR + minute * MINUTE);
            for times in [&mut day.busy, &mut day.idle] {
                let begun = Instant::now();
                assert_eq!(fleet.dispatch(&at).ok(), "", "{at}");
                times.push(begun.elapsed());
            }
        }
        day.sizes.push(bytes_in_use(&sql));
    }
    let (runs, slots, _) = census(&fleet);
    assert_eq!(runs, slots, "a slot ran twice");
    let expected = "SELECT count(*), count(*) FILTER (WHERE status = 'success'),
                           count(DISTINCT schedule_id), count(DISTINCT scheduled_for)
                    FROM runs WHERE scheduled_for >= ?1";
    let counted: (i64, i64, i64, i64) = sql
        .query_row(expected, [from], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    let all = schedules * hours;
    let minutes = schedules.min(60) * hours;
    assert_eq!(counted, (all, all, schedules, minutes), "a slot is lost");
    day.runs = runs - already;
    fleet.assert_sound();
    day
}

fn bytes_in_use(sql: &rusqlite::Connection) -> i64 {
    let pragma = |name: &str| -> i64 {
        sql.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .unwrap()
    };
    (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[times.len() * percent / 100]
}

#[test]
fn an_hour_of_hourly_schedules_loses_no_slot() {
    let day = hourly(30, 1);
    assert_eq!(day.runs, 30);
}

#[test]
#[ignore = "takes minutes"]
fn a_day_of_a_thousand_hourly_schedules_loses_no_slot() {
    let mut day = hourly(1000, 24);
    assert_eq!(day.runs, 24_000);
    let grown = |from: usize, to: usize| day.sizes[to] - day.sizes[from];
    // The first hour brings the contents, which all later ones share.
    let (morning, evening) = (grown(1, 12), grown(13, 24));
    println!("24,000 runs, none twice and none lost");
    println!("bytes in use after each hour: {:?}", day.sizes);
    println!("11 hours before noon {morning} bytes, 11 hours before midnight {evening} bytes");
    for (what, times) in [("with runs", &mut day.busy), ("idle", &mut day.idle)] {
        let (median, late) = (percentile(times, 50), percentile(times, 99));
        println!("dispatch {what}: median {median:.2?}, 99th percentile {late:.2?}");
    }
    let apart = (evening - morning).abs();
    assert!(apart * 10 < morning, "{morning} bytes, then {evening}");
}
