//! Which tz data the slots are computed with, and whose slots would be others with the compiled
//! table.
//!
//! A law that changes a clock reaches the system's tz database by the system's updates, and the
//! compiled table only with a new program. So it is the system's that is used where there is one, and
//! that the two disagree is to be expected when the system's is newer. It is worth a look when the
//! system's is the older one, or when there is none.

use super::Surroundings;
use crate::error::Result;
use crate::finding::{Finding, told};
use crate::plural::counted;
use crate::recurrence::Recurrence;
use crate::slot::Slot;
use crate::store::{self, Store};
use crate::zone::{Source, Zone};

/// How far ahead the slots are compared: every yearly change, with room.
const DAYS: i64 = 400;

const UPDATE: &str = "update the system's tz data: sudo apt-get install --only-upgrade tzdata \
                      (Fedora, RHEL: sudo dnf upgrade tzdata)";
const INSTALL: &str =
    "install the system's tz data, which follows the laws: sudo apt-get install tzdata";

pub(super) fn examine(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let from = Slot::containing(around.now);
    let (mut differing, mut unknown) = (Vec::new(), Vec::new());
    for listed in store::schedules::list(store.read(), None, false)? {
        let (schedule, settings) = (&listed.schedule, &listed.schedule.settings);
        let name = &settings.timezone;
        let zone = match Zone::load(&around.zones, name) {
            Ok(zone) => zone,
            Err(error) => {
                unknown.push(format!("{}: {}", schedule.described(), error.message()));
                continue;
            }
        };
        let Ok(compiled) = Zone::load(&Source::Compiled, name) else {
            differing.push(format!(
                "{} ({name} is not in the table)",
                schedule.described()
            ));
            continue;
        };
        if let Some(first) = first_difference(&settings.recurrence, &zone, &compiled, from) {
            differing.push(format!("{} ({name}) from {first} on", schedule.described()));
        }
    }
    if !unknown.is_empty() {
        let hint = "tenantpilot schedules edit SCHEDULE --timezone ZONE";
        return Ok(vec![Finding::fail("tz_data", told(&unknown), hint)]);
    }
    Ok(vec![judge(
        &around.zones,
        &around.zones.version(),
        &Source::Compiled.version(),
        &differing,
    )])
}

/// The first slot that only one of the zones has.
fn first_difference(rule: &Recurrence, one: &Zone, other: &Zone, from: Slot) -> Option<Slot> {
    let until = from.plus_minutes(DAYS * 24 * 60);
    if one.agrees_with(other, from.epoch(), until.epoch()) {
        return None;
    }
    let slots = |zone| {
        rule.occurrences(zone, from)
            .filter_map(|occurrence| occurrence.slot)
            .take_while(move |slot| *slot < until)
    };
    let (mut left, mut right) = (slots(one), slots(other));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (Some(left), Some(right)) if left == right => {}
            (Some(left), Some(right)) => return Some(left.min(right)),
            (left, right) => return left.or(right),
        }
    }
}

fn judge(source: &Source, version: &str, compiled: &str, differing: &[String]) -> Finding {
    let check = "tz_data";
    let Source::System(root) = source else {
        let what = format!(
            "the compiled table {compiled} is used, because the system has no tz data: a change of law comes only with a new tenantpilot"
        );
        return Finding::warn(check, what, INSTALL);
    };
    let used = format!(
        "the system's, {version}, in {}; compiled in: {compiled}",
        root.display()
    );
    if differing.is_empty() {
        return Finding::ok(
            check,
            format!("{used}; every schedule has the same slots with both"),
        );
    }
    let others = format!(
        "{used}; with that, slots would be others for {} of the next {DAYS} days: {}",
        counted(differing.len(), "schedule", "schedules"),
        told(differing)
    );
    // Versions are a year and a letter, so they can be compared as text.
    let is_version = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    if is_version(version) && version >= compiled {
        Finding::ok(check, others)
    } else {
        Finding::warn(check, others, UPDATE)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::finding::Level;

    fn fixtures() -> Source {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/zoneinfo");
        Source::System(root)
    }

    fn judged(source: &Source, version: &str, differing: &[&str]) -> Finding {
        let differing: Vec<String> = differing.iter().map(|&one| one.to_owned()).collect();
        judge(source, version, "2025b", &differing)
    }

    #[test]
    fn the_older_source_and_the_missing_one_are_worth_a_look() {
        let system = Source::System(PathBuf::from("/usr/share/zoneinfo"));
        assert_eq!(judged(&system, "2025b", &[]).level, Level::Ok);
        assert_eq!(judged(&system, "2024a", &[]).level, Level::Ok, "they agree");
        let newer = judged(&system, "2026f", &["schedule a (America/Vancouver)"]);
        assert_eq!(newer.level, Level::Ok);
        assert!(newer.message.contains("2026f") && newer.message.contains("2025b"));
        assert!(newer.message.contains("schedule a (America/Vancouver)"));
        let older = judged(&system, "2024a", &["schedule a"]);
        assert_eq!(older.level, Level::Warn);
        assert!(older.hint.unwrap().contains("tzdata"));
        let unnamed = judged(&system, "of 2020-01-01T00:00:00Z", &["schedule a"]);
        assert_eq!(unnamed.level, Level::Warn);
        assert_eq!(judged(&Source::Compiled, "2025b", &[]).level, Level::Warn);
    }

    #[test]
    fn the_first_slot_that_differs_is_found_and_equal_rules_are_not_walked() {
        let from = Slot::containing("2026-11-23T01:02:03Z".parse().unwrap());
        let daily = Recurrence::cron("30 2 * * *").unwrap();
        let zone = |source: &Source, name: &str| Zone::load(source, name).unwrap();
        let (system, compiled) = (fixtures(), Source::Compiled);
        for name in ["Europe/Oslo", "Australia/Lord_Howe"] {
            let (one, other) = (zone(&system, name), zone(&compiled, name));
            assert_eq!(first_difference(&daily, &one, &other, from), None, "{name}");
        }
        // A zone that gives up its clock changes: the same until the next one.
        let (one, other) = (zone(&compiled, "Europe/Oslo"), zone(&compiled, "Etc/GMT-1"));
        let differs = first_difference(&daily, &one, &other, from).unwrap();
        assert_eq!(differs.to_string(), "2027-03-28T01:30:00Z");
        let each_minute = Recurrence::cron("* * * * *").unwrap();
        let differs = first_difference(&each_minute, &one, &other, from).unwrap();
        assert_eq!(
            differs.to_string(),
            "2027-10-31T01:00:00Z",
            "an hour that comes twice"
        );
    }
}
