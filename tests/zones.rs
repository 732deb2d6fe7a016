//! Local time of every zone from 2020 to 2040 against an independent oracle: `fixtures/zones.txt`,
//! which `fixtures/zones.py` writes with Python's zoneinfo.
//!
//! Every minute that a clock change skips or doubles is compared, the minutes at its edges, and one
//! instant a week between the changes: which instants have the local time, and which is the first.
//! The compiled table is compared each time; the reader of the system's files, over the same edition,
//! where `target/tzdata` holds it (the head of `zones.py` says how).

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::{IANA_TZDB_VERSION, TZ_VARIANTS};
use tenantpilot::recurrence::Recurrence;
use tenantpilot::slot::Slot;
use tenantpilot::zone::{Local, Source, Zone};

const ORACLE: &str = include_str!("fixtures/zones.txt");
/// The edition that the oracle read.
const EDITION: &str = "2025b";
const FROM: i64 = 1_577_836_800;
const TO: i64 = 2_240_611_200;
const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;

/// What was compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    zones: usize,
    gaps: usize,
    folds: usize,
    skipped_minutes: u64,
    doubled_minutes: u64,
    other_minutes: u64,
}

fn at(instant: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(instant, 0).unwrap()
}

fn wall(instant: i64, offset: i64) -> NaiveDateTime {
    at(instant + offset).naive_utc()
}

/// The spans between two changes: from, to, offset.
fn spans(changes: &str) -> Vec<(i64, i64, i64)> {
    let mut words = changes.split_whitespace();
    let mut offset = words.next().unwrap().parse().unwrap();
    let mut from = FROM;
    let mut spans = Vec::new();
    for word in words {
        let (instant, next) = word.split_once(':').unwrap();
        let instant = instant.parse().unwrap();
        spans.push((from, instant, offset));
        (from, offset) = (instant, next.parse().unwrap());
    }
    spans.push((from, TO, offset));
    spans
}

/// Within a span, away from its edges, a local time exists once.
fn compare_once(zone: &Zone, instant: i64, offset: i64, compared: &mut Compared) {
    let local = wall(instant, offset);
    let name = zone.name();
    assert_eq!(zone.local(at(instant)).0, local, "{name} at {instant}");
    assert_eq!(
        zone.resolve(local),
        Local::Once(at(instant)),
        "{name} {local}"
    );
    compared.other_minutes += 1;
}

fn compare_change(zone: &Zone, instant: i64, before: i64, after: i64, compared: &mut Compared) {
    let name = zone.name();
    let (first, last) = (before.min(after), before.max(after));
    for passed in (0..last - first).step_by(60) {
        let local = wall(instant, first + passed);
        let found = zone.resolve(local);
        if after > before {
            assert_eq!(found, Local::Gap, "{name} {local}");
            compared.skipped_minutes += 1;
        } else {
            let early = at(instant + passed - (before - after));
            let late = at(instant + passed);
            let twice = Local::Twice {
                first: early,
                second: late,
            };
            assert_eq!(found, twice, "{name} {local}");
            assert_eq!(found.first(), Some(early), "{name} {local}");
            compared.doubled_minutes += 1;
        }
    }
    compared.gaps += usize::from(after > before);
    compared.folds += usize::from(after < before);
    // The minutes around what is skipped or doubled.
    compare_once(
        zone,
        instant - 60 - (before - after).max(0),
        before,
        compared,
    );
    compare_once(zone, instant + (before - after).max(0), after, compared);
}

fn compare(source: &Source) -> Compared {
    let known: BTreeSet<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
    let mut compared = Compared::default();
    let mut seen = BTreeSet::new();
    for line in ORACLE.lines() {
        let (names, changes) = line.split_once('|').unwrap();
        let spans = spans(changes);
        for name in names.split_whitespace().filter(|name| known.contains(name)) {
            assert!(seen.insert(name), "{name} comes twice");
            let zone = Zone::load(source, name).unwrap();
            compared.zones += 1;
            for (from, to, offset) in &spans {
                let mut instant = from + WEEK;
                while instant + WEEK < *to {
                    compare_once(&zone, instant, *offset, &mut compared);
                    instant += WEEK;
                }
            }
            for pair in spans.windows(2) {
                let [(_, instant, before), (_, _, after)] = pair else {
                    unreachable!()
                };
                compare_change(&zone, *instant, *before, *after, &mut compared);
            }
        }
    }
    assert_eq!(seen, known, "zones without an oracle");
    compared
}

#[test]
fn every_zone_agrees_with_the_oracle() {
    assert_eq!(IANA_TZDB_VERSION, EDITION, "write the oracle anew");
    let compared = compare(&Source::Compiled);
    assert_eq!(
        (compared.gaps, compared.folds),
        (4272, 4272),
        "{compared:?}"
    );
    assert_eq!(compared.skipped_minutes, 256_680, "{compared:?}");
    assert_eq!(compared.doubled_minutes, 256_860, "{compared:?}");
    assert!(compared.other_minutes > 500_000, "{compared:?}");
    println!("{compared:?}");
}

#[test]
#[ignore = "needs target/tzdata"]
fn the_reader_of_system_files_agrees_with_the_oracle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tzdata/tzdata/zoneinfo");
    assert!(
        root.join("Europe/Berlin").exists(),
        "{} is missing",
        root.display()
    );
    let compared = compare(&Source::System(root));
    assert_eq!(
        (compared.gaps, compared.folds),
        (4272, 4272),
        "{compared:?}"
    );
    println!("{compared:?}");
}

/// The instants of the clock changes that skip this time of day, by the name of the zone.
fn skipped_by_zone(time_of_day: i64) -> BTreeMap<&'static str, Vec<i64>> {
    let mut skipped: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for line in ORACLE.lines() {
        let (names, changes) = line.split_once('|').unwrap();
        let spans = spans(changes);
        let gaps = spans.windows(2).filter_map(|pair| {
            let [(_, instant, before), (_, _, after)] = pair else {
                unreachable!()
            };
            // The first such time of day that the clock has not yet shown.
            let shown = instant + before;
            let next = shown + (time_of_day - shown).rem_euclid(DAY);
            (next < instant + after).then_some(*instant)
        });
        let gaps: Vec<i64> = gaps.collect();
        for name in names.split_whitespace().filter(|_| !gaps.is_empty()) {
            skipped.insert(name, gaps.clone());
        }
    }
    skipped
}

/// A daily schedule has a slot on each day but those that the oracle takes its time away from, and
/// the next of these is the one that `schedules add` warns of. How many each zone loses.
fn daily_against_the_oracle(time: &str, time_of_day: i64) -> BTreeMap<&'static str, usize> {
    let rule = Recurrence::from_parts("daily", &[time.to_owned()], &[], None).unwrap();
    let slot = |epoch| Slot::containing(at(epoch));
    let skipped = skipped_by_zone(time_of_day);
    for (name, gaps) in &skipped {
        let zone = Zone::load(&Source::Compiled, name).unwrap();
        // From noon to noon, which no change touches, on the days at both ends.
        let noon = |epoch: i64| epoch - i64::from(zone.local(at(epoch)).1) + DAY / 2;
        let (from, to) = (noon(FROM), noon(TO - DAY));
        // A zone whose offset is another in the end has days that are not whole.
        let days = usize::try_from((to - from + DAY / 2).div_euclid(DAY)).unwrap();
        let slots = rule.missed(&zone, slot(from), slot(to)).unwrap();
        let lost = days - usize::try_from(slots.count).unwrap();
        assert_eq!(lost, gaps.len(), "{name}");
        for now in (from..to - 400 * DAY).step_by(usize::try_from(100 * DAY).unwrap()) {
            let next = gaps
                .iter()
                .find(|gap| (now + 1..=now + 400 * DAY).contains(*gap));
            let told = rule.next_gap(&zone, slot(now), 400).map(|gap| gap.local);
            let expected = next.map(|gap| {
                let shown = wall(*gap, zone.local(at(gap - 1)).1.into());
                let ahead = (time_of_day - shown.and_utc().timestamp()).rem_euclid(DAY);
                shown + chrono::TimeDelta::seconds(ahead)
            });
            assert_eq!(told, expected, "{name} at {now}");
        }
    }
    let counts = skipped.into_iter().map(|(name, gaps)| (name, gaps.len()));
    counts.collect()
}

#[test]
fn midnight_is_lost_where_and_as_often_as_the_oracle_says() {
    let lost = daily_against_the_oracle("00:00", 0);
    assert_eq!(lost.len(), 17, "{lost:?}");
    for (times, names) in [
        (
            21,
            &["America/Havana", "America/Santiago", "Asia/Beirut"][..],
        ),
        (21, &["Atlantic/Azores", "Chile/Continental", "Cuba"]),
        (18, &["Africa/Cairo", "Egypt"]),
        (5, &["America/Asuncion", "America/Coyhaique"]),
        (4, &["America/Scoresbysund"]),
        (
            3,
            &["Asia/Amman", "Asia/Damascus", "Asia/Gaza", "Asia/Hebron"],
        ),
        (3, &["Asia/Tehran", "Iran"]),
    ] {
        for name in names {
            assert_eq!(lost[name], times, "{name}");
        }
    }
    let late = daily_against_the_oracle("23:00", 23 * 3600);
    let expected = [
        ("America/Godthab", 17),
        ("America/Nuuk", 17),
        ("America/Scoresbysund", 16),
    ];
    assert_eq!(late, expected.into());
}
