use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use chrono::DateTime;

use crate::slot::Slot;
use crate::zone::Zone;
use crate::zone::tests::{compiled, from_fixture, local, utc};

pub(crate) fn slot(text: &str) -> Slot {
    Slot::containing(utc(text))
}

pub(crate) fn daily(times: &[&str]) -> Recurrence {
    Recurrence::daily(times.iter().map(|time| time.parse().unwrap()).collect()).unwrap()
}

fn weekly(times: &[&str], days: &[&str]) -> Recurrence {
    let times = times.iter().map(|time| time.parse().unwrap()).collect();
    let days = days.iter().map(|day| parse_day(day).unwrap()).collect();
    Recurrence::weekly(times, days).unwrap()
}

pub(crate) fn cron(expression: &str) -> Recurrence {
    Recurrence::cron(expression).unwrap()
}

/// All slots in `from..before`, by asking for the next again and again.
fn slots(rule: &Recurrence, zone: &Zone, from: &str, before: &str) -> Vec<Slot> {
    let before = slot(before);
    let following = |from| rule.next(zone, from).filter(|&slot| slot < before);
    std::iter::successors(following(slot(from)), |last| following(last.next())).collect()
}

/// How many slots there are in the year 2026 of a zone, by next and by missed.
fn count_in_2026(rule: &Recurrence, zone: &str) -> usize {
    let zone = compiled(zone);
    let start = |date| Slot::containing(zone.resolve(local(date)).first().unwrap());
    let (from, before) = (start("2026-01-01 12:00"), start("2027-01-01 12:00"));
    let missed = rule.missed(&zone, from, before).unwrap();
    let following = |from| rule.next(&zone, from).filter(|&slot| slot < before);
    let one_by_one = std::iter::successors(following(from), |last| following(last.next())).count();
    assert_eq!(missed.count, one_by_one as u64);
    one_by_one
}

#[test]
fn a_time_in_a_gap_is_skipped() {
    let rule = daily(&["02:30"]);
    for oslo in [compiled("Europe/Oslo"), from_fixture("Europe/Oslo")] {
        assert_eq!(
            slots(&rule, &oslo, "2026-03-28 00:00", "2026-03-31 00:00"),
            [slot("2026-03-28 01:30"), slot("2026-03-30 00:30")]
        );
    }
    assert_eq!(count_in_2026(&rule, "Europe/Berlin"), 364);
    assert_eq!(count_in_2026(&daily(&["03:00"]), "Europe/Berlin"), 365);
    assert_eq!(count_in_2026(&daily(&["00:00"]), "America/Havana"), 364);
    assert_eq!(
        count_in_2026(&daily(&["02:15"]), "Australia/Lord_Howe"),
        364
    );
    assert_eq!(
        count_in_2026(&daily(&["02:30"]), "Australia/Lord_Howe"),
        365
    );
}

#[test]
fn a_time_in_a_fold_counts_once_at_its_first_occurrence() {
    let rule = daily(&["02:30"]);
    for oslo in [compiled("Europe/Oslo"), from_fixture("Europe/Oslo")] {
        assert_eq!(
            slots(&rule, &oslo, "2026-10-25 00:00", "2026-10-27 00:00"),
            [slot("2026-10-25 00:30"), slot("2026-10-26 01:30")]
        );
        // The clock shows 02:30 again at 01:30 in UTC.
        assert_eq!(
            rule.next(&oslo, slot("2026-10-25 00:31")),
            Some(slot("2026-10-26 01:30"))
        );
    }
    let half_hour = daily(&["01:45"]);
    assert_eq!(
        slots(
            &half_hour,
            &from_fixture("Australia/Lord_Howe"),
            "2026-04-04 00:00",
            "2026-04-06 00:00"
        ),
        [slot("2026-04-04 14:45"), slot("2026-04-05 15:15")]
    );
}

#[test]
fn a_day_that_a_zone_left_out_has_no_slots() {
    let apia = compiled("Pacific/Apia");
    assert_eq!(
        slots(
            &daily(&["12:00"]),
            &apia,
            "2011-12-28 12:00",
            "2012-01-01 12:00"
        ),
        [
            slot("2011-12-28 22:00"),
            slot("2011-12-29 22:00"),
            slot("2011-12-30 22:00"),
            slot("2011-12-31 22:00")
        ]
    );
    let friday = weekly(&["12:00"], &["fri"]);
    assert_eq!(
        friday.next(&apia, slot("2011-12-24 00:00")),
        Some(slot("2012-01-05 22:00"))
    );
    let shown: Vec<_> = friday
        .occurrences(&apia, slot("2011-12-24 00:00"))
        .take(2)
        .collect();
    assert_eq!(shown[0].local, local("2011-12-30 12:00"));
    assert_eq!((shown[0].slot, shown[0].note), (None, Some(Note::Gap)));
}

#[test]
fn cron_skips_a_gap_and_an_hour_that_comes_again() {
    let oslo = compiled("Europe/Oslo");
    let quarters = cron("*/15 * * * *");
    let hours = |day: &str, next: &str| slots(&quarters, &oslo, day, next);
    let usual = hours("2026-03-27 23:00", "2026-03-28 23:00");
    assert_eq!(usual.len(), 96);
    let spring = hours("2026-03-28 23:00", "2026-03-29 22:00");
    assert_eq!(spring.len(), 23 * 4, "nothing is made up for");
    let autumn = hours("2026-10-24 22:00", "2026-10-25 23:00");
    assert_eq!(autumn.len(), 25 * 4 - 4, "the second hour has none");
    assert_eq!(
        quarters.next(&oslo, slot("2026-10-25 01:00")),
        Some(slot("2026-10-25 02:00"))
    );
}

#[test]
fn occurrences_show_what_a_clock_change_does() {
    let oslo = from_fixture("Europe/Oslo");
    let rule = cron("30 1-3 * * *");
    let shown = |from: &str, count: usize| -> Vec<(String, Option<Slot>, Option<&str>)> {
        rule.occurrences(&oslo, slot(from))
            .take(count)
            .map(|found| {
                (
                    found.local.format("%d %H:%M").to_string(),
                    found.slot,
                    found.note.map(Note::as_str),
                )
            })
            .collect()
    };
    assert_eq!(
        shown("2026-03-29 00:00", 3),
        [
            ("29 01:30".into(), Some(slot("2026-03-29 00:30")), None),
            ("29 02:30".into(), None, Some("gap")),
            ("29 03:30".into(), Some(slot("2026-03-29 01:30")), None),
        ]
    );
    assert_eq!(
        shown("2026-10-24 23:00", 3),
        [
            ("25 01:30".into(), Some(slot("2026-10-24 23:30")), None),
            (
                "25 02:30".into(),
                Some(slot("2026-10-25 00:30")),
                Some("fold")
            ),
            ("25 03:30".into(), Some(slot("2026-10-25 02:30")), None),
        ]
    );
}

#[test]
fn the_next_gap_is_found_within_the_days_asked_for() {
    let oslo = compiled("Europe/Oslo");
    let now = slot("2026-04-01 00:00");
    let gap = daily(&["02:30"]).next_gap(&oslo, now, 400).unwrap();
    assert_eq!(gap.local, local("2027-03-28 02:30"));
    assert_eq!((gap.slot, gap.note), (None, Some(Note::Gap)));
    assert_eq!(daily(&["02:30"]).next_gap(&oslo, now, 360), None);
    assert_eq!(daily(&["03:00"]).next_gap(&oslo, now, 400), None);
    assert_eq!(weekly(&["02:30"], &["mon"]).next_gap(&oslo, now, 400), None);
    assert_eq!(daily(&["02:30"]).next_gap(&compiled("UTC"), now, 400), None);
}

#[test]
fn weekly_keeps_to_its_days() {
    let rule = weekly(&["22:00", "06:00"], &["sun", "Mon", "monday"]);
    assert_eq!(
        slots(
            &rule,
            &compiled("UTC"),
            "2026-11-22 06:01",
            "2026-11-30 00:00"
        ),
        [
            slot("2026-11-22 22:00"),
            slot("2026-11-23 06:00"),
            slot("2026-11-23 22:00"),
            slot("2026-11-29 06:00"),
            slot("2026-11-29 22:00")
        ]
    );
}

#[test]
fn rare_days_are_waited_for() {
    let leap = cron("0 0 29 2 *");
    let utc = compiled("UTC");
    assert_eq!(
        leap.next(&utc, slot("2026-01-01 00:00")),
        Some(slot("2028-02-29 00:00"))
    );
    assert_eq!(
        leap.next(&utc, slot("2096-02-29 00:01")),
        Some(slot("2104-02-29 00:00"))
    );
    let sunday = cron("0 0 29 2 */7");
    assert_eq!(
        sunday.next(&utc, slot("2032-02-29 00:01")),
        Some(slot("2060-02-29 00:00"))
    );
    let months = slots(
        &cron("0 0 31 * *"),
        &utc,
        "2026-01-01 00:00",
        "2027-01-01 00:00",
    );
    assert_eq!(months.len(), 7);
    assert_eq!(
        daily(&["03:14"]).next(&utc, slot("2038-01-19 03:14")),
        Some(slot("2038-01-19 03:14")),
    );
}

#[test]
fn a_rule_that_only_ever_meets_gaps_ends() {
    // In Oslo the clock goes forward on the last Sunday of March.
    let rule = cron("30 2 25-31 3 */7");
    let oslo = from_fixture("Europe/Oslo");
    assert_eq!(rule.next(&oslo, slot("2026-01-01 00:00")), None);
    assert_eq!(
        rule.missed(&oslo, slot("2026-01-01 00:00"), slot("2030-01-01 00:00")),
        None
    );
}

#[test]
fn the_ends_of_the_calendar_are_no_trap() {
    let rule = cron("* * * * *");
    for zone in [compiled("Pacific/Apia"), from_fixture("Europe/Oslo")] {
        for epoch in [
            i64::MIN / 60 * 60,
            -1_000_000_000_000_020,
            i64::MAX / 60 * 60,
        ] {
            let end = Slot::from_epoch(epoch).unwrap();
            assert_eq!(rule.next(&zone, end), None);
            assert_eq!(rule.next_gap(&zone, end, 400), None);
            assert_eq!(rule.missed(&zone, end, end.plus_minutes(100)), None);
        }
    }
}

#[test]
fn missed_counts_a_century_at_once() {
    let rule = cron("* * * * *");
    let oslo = from_fixture("Europe/Oslo");
    let (from, before) = (slot("2026-01-01 00:00"), slot("2027-01-01 00:00"));
    assert_eq!(
        rule.missed(&oslo, from, before),
        Some(Missed {
            first: from,
            newest: slot("2026-12-31 23:59"),
            count: 365 * 1440 - 60
        })
    );
    // A clock that began in 1970 and was then put right.
    let missed = rule
        .missed(&oslo, slot("1970-01-01 00:00"), slot("2026-01-01 00:00"))
        .unwrap();
    assert_eq!(missed.first, slot("1970-01-01 00:00"));
    assert_eq!(
        missed.count,
        (56 * 365 + 14) * 1440 - 18 * 60,
        "18 autumns by the fixture"
    );
    let absurd = rule.missed(&oslo, Slot::from_epoch(-6_000_000_000_000).unwrap(), before);
    assert_eq!(
        absurd.unwrap().first,
        before.plus_minutes(-100 * 366 * 1440)
    );
    assert_eq!(rule.missed(&oslo, before, from), None);
    assert_eq!(rule.missed(&oslo, from, from), None);
}

#[test]
fn the_stored_form_reads_back() {
    let store = |rule: &Recurrence| {
        let times: Vec<String> = rule.times().iter().map(ToString::to_string).collect();
        let days: Vec<u8> = rule
            .days()
            .iter()
            .map(|day| u8::try_from(day.number_from_monday()).unwrap())
            .collect();
        let expression = rule.expression();
        let again = Recurrence::from_parts(rule.frequency(), &times, &days, expression).unwrap();
        assert_eq!(again, *rule);
        (rule.frequency(), times.join(" "), days)
    };
    assert_eq!(
        store(&daily(&["22:00", "06:00", "22:00"])),
        ("daily", "06:00 22:00".to_owned(), vec![])
    );
    assert_eq!(
        store(&weekly(&["02:30"], &["Sunday", "MON", "thu", "mon"])),
        ("weekly", "02:30".to_owned(), vec![1, 4, 7])
    );
    let rule = cron("  */15  8-18 *\t* MON-fri ");
    assert_eq!(rule.expression(), Some("*/15 8-18 * * MON-fri"));
    assert_eq!(store(&rule), ("cron", String::new(), vec![]));
}

#[test]
fn parts_that_make_no_rule_are_refused() {
    let refused = |frequency: &str, times: &[&str], days: &[u8], cron: Option<&str>| {
        let times: Vec<String> = times.iter().map(ToString::to_string).collect();
        let error = Recurrence::from_parts(frequency, &times, days, cron).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Usage);
        error.message().to_owned()
    };
    assert_eq!(
        refused("daily", &[], &[], None),
        "a recurrence needs at least one time of day"
    );
    assert_eq!(
        refused("weekly", &["02:30"], &[], None),
        "a weekly recurrence needs at least one day"
    );
    assert_eq!(
        refused("weekly", &["02:30"], &[8], None),
        "8 is not a day of the week"
    );
    assert_eq!(
        refused("weekly", &["02:30"], &[0], None),
        "0 is not a day of the week"
    );
    assert_eq!(
        refused("hourly", &[], &[], None),
        "unknown frequency \"hourly\""
    );
    for (frequency, times, days, cron) in [
        ("daily", &["02:30"][..], &[1][..], None),
        ("daily", &["02:30"], &[], Some("0 0 * * *")),
        ("weekly", &["02:30"], &[1], Some("0 0 * * *")),
        ("cron", &["02:30"], &[], Some("0 0 * * *")),
        ("cron", &[], &[1], Some("0 0 * * *")),
        ("cron", &[], &[], None),
    ] {
        let message = refused(frequency, times, days, cron);
        assert!(
            message.ends_with("belong to another frequency"),
            "{message}"
        );
    }
    assert!(parse_day("someday").is_err());
}

/// A rule next to a naive reading of it.
#[derive(Debug, Clone)]
struct Sample {
    rule: Recurrence,
    minutes: HashSet<(u32, u32)>,
    /// Numbers from Monday; none means every day.
    days: HashSet<u32>,
}

impl Sample {
    fn matches(&self, local: NaiveDateTime) -> bool {
        use chrono::Timelike as _;
        local.second() == 0
            && self.minutes.contains(&(local.hour(), local.minute()))
            && (self.days.is_empty() || self.days.contains(&local.weekday().number_from_monday()))
    }

    fn new(
        hours: &HashSet<u32>,
        minutes: &HashSet<u32>,
        days: HashSet<u32>,
        as_cron: bool,
    ) -> Self {
        let pairs: HashSet<(u32, u32)> = hours
            .iter()
            .flat_map(|&hour| minutes.iter().map(move |&minute| (hour, minute)))
            .collect();
        let list = |of: &HashSet<u32>| {
            let texts: Vec<String> = of.iter().map(ToString::to_string).collect();
            if texts.is_empty() {
                "*".to_owned()
            } else {
                texts.join(",")
            }
        };
        let rule = if as_cron {
            cron(&format!(
                "{} {} * * {}",
                list(minutes),
                list(hours),
                list(&days)
            ))
        } else {
            let times = pairs
                .iter()
                .map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
                .collect::<Vec<_>>();
            let numbers: Vec<u8> = days.iter().map(|&day| u8::try_from(day).unwrap()).collect();
            let frequency = if days.is_empty() { "daily" } else { "weekly" };
            Recurrence::from_parts(frequency, &times, &numbers, None).unwrap()
        };
        Self {
            rule,
            minutes: pairs,
            days,
        }
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    let some_hours = prop::collection::hash_set(0_u32..24, 1..5);
    let all_hours = Just((0..24).collect::<HashSet<u32>>());
    let some_minutes = prop::collection::hash_set(0_u32..60, 1..5);
    let all_minutes = Just((0..60).collect::<HashSet<u32>>());
    let days = prop::collection::hash_set(1_u32..8, 0..4);
    (
        prop_oneof![some_hours, all_hours],
        prop_oneof![some_minutes, all_minutes],
        days,
        any::<bool>(),
    )
        .prop_map(|(hours, minutes, days, as_cron)| Sample::new(&hours, &minutes, days, as_cron))
}

/// The slots in the given minutes, by looking at each minute and at all that came before it.
fn walk(sample: &Sample, zone: &Zone, from: Slot, minutes: i64) -> Vec<Slot> {
    let mut shown = HashSet::new();
    (-27 * 60..minutes)
        .filter_map(|minute| {
            let at = from.plus_minutes(minute);
            let (local, _) = zone.local(at.instant());
            let is_first = shown.insert(local);
            (minute >= 0 && is_first && sample.matches(local)).then_some(at)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn next_and_missed_are_what_a_minute_by_minute_walk_finds(
        zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
        sample in sample(),
        start in utc("1975-01-01 00:00").timestamp()..utc("2090-01-01 00:00").timestamp(),
        before_change in -200_i64..1600,
    ) {
        let zone = compiled(zone.name());
        let change = zone.first_change(start, start + 800 * 86_400).unwrap_or(start);
        let from = Slot::containing(DateTime::from_timestamp(change, 0).unwrap())
            .plus_minutes(-before_change);
        let minutes = 4 * 1440;
        let before = from.plus_minutes(minutes);
        let expected = walk(&sample, &zone, from, minutes);

        let following = |from| sample.rule.next(&zone, from).filter(|&slot| slot < before);
        let found: Vec<Slot> =
            std::iter::successors(following(from), |last| following(last.next())).collect();
        prop_assert_eq!(&found, &expected, "{}", zone.name());

        let missed = sample.rule.missed(&zone, from, before);
        prop_assert_eq!(missed.map(|missed| missed.first), expected.first().copied());
        prop_assert_eq!(missed.map(|missed| missed.newest), expected.last().copied());
        prop_assert_eq!(missed.map_or(0, |missed| missed.count), expected.len() as u64);
    }
}
