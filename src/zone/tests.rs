use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::error::Kind;

/// The tz database of two zones that the repository has.
pub(crate) fn fixture_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/zoneinfo")
}

/// A zone of the compiled table, which is the same on every machine.
pub(crate) fn compiled(name: &str) -> Zone {
    Zone::load(&Source::Compiled, name).unwrap()
}

/// A zone from the fixtures, and surely from there.
pub(crate) fn from_fixture(name: &str) -> Zone {
    let zone = Zone::load(&Source::System(fixture_root()), name).unwrap();
    assert!(matches!(zone.table, Table::System(_)));
    zone
}

pub(crate) fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    local(text).and_utc()
}

fn tz_folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(fixture_root().join(name)).unwrap()
}

/// Files as the system has them, for changes to their bytes.
fn fixture_files() -> Vec<Vec<u8>> {
    ["Europe/Oslo", "Australia/Lord_Howe"].map(fixture).into()
}

#[test]
fn a_gap_has_no_instant_and_a_fold_has_two() {
    for oslo in [compiled("Europe/Oslo"), from_fixture("Europe/Oslo")] {
        assert_eq!(oslo.resolve(local("2026-03-29 02:30")), Local::Gap);
        assert_eq!(
            oslo.resolve(local("2026-03-29 01:59")),
            Local::Once(utc("2026-03-29 00:59"))
        );
        assert_eq!(
            oslo.resolve(local("2026-03-29 03:00")),
            Local::Once(utc("2026-03-29 01:00"))
        );
        assert_eq!(
            oslo.resolve(local("2026-10-25 02:30")),
            Local::Twice {
                first: utc("2026-10-25 00:30"),
                second: utc("2026-10-25 01:30")
            }
        );
        assert_eq!(
            oslo.resolve(local("2026-10-25 03:00")),
            Local::Once(utc("2026-10-25 02:00"))
        );
        assert_eq!(
            oslo.local(utc("2026-07-01 12:00")),
            (local("2026-07-01 14:00"), 7200)
        );
    }
}

#[test]
fn half_an_hour_is_a_clock_change_too() {
    for lord_howe in [
        compiled("Australia/Lord_Howe"),
        from_fixture("Australia/Lord_Howe"),
    ] {
        assert_eq!(lord_howe.resolve(local("2026-10-04 02:15")), Local::Gap);
        assert_eq!(
            lord_howe.resolve(local("2026-10-04 02:30")),
            Local::Once(utc("2026-10-03 15:30"))
        );
        assert_eq!(
            lord_howe.resolve(local("2026-04-05 01:45")),
            Local::Twice {
                first: utc("2026-04-04 14:45"),
                second: utc("2026-04-04 15:15")
            }
        );
    }
}

#[test]
fn unusual_changes_are_right() {
    let gap = |zone: &str, time: &str| {
        assert_eq!(compiled(zone).resolve(local(time)), Local::Gap, "{zone}");
    };
    gap("Pacific/Apia", "2011-12-30 00:00");
    gap("Pacific/Apia", "2011-12-30 23:59");
    gap("Antarctica/Troll", "2026-03-29 01:30");
    gap("America/Havana", "2026-03-08 00:00");
    assert_eq!(
        compiled("Pacific/Apia").resolve(local("2011-12-31 00:00")),
        Local::Once(utc("2011-12-30 10:00"))
    );
    // Dublin's summer is its standard time; the clock does the same as London's.
    assert_eq!(
        compiled("Europe/Dublin").resolve(local("2026-10-25 01:30")),
        Local::Twice {
            first: utc("2026-10-25 00:30"),
            second: utc("2026-10-25 01:30")
        }
    );
}

#[test]
fn the_rule_of_a_file_holds_long_after_its_last_listed_change() {
    let oslo = from_fixture("Europe/Oslo");
    assert_eq!(oslo.resolve(local("2099-03-29 02:30")), Local::Gap);
    assert_eq!(
        oslo.resolve(local("2099-10-25 02:30")).first(),
        Some(utc("2099-10-25 00:30"))
    );
    assert_eq!(
        oslo.resolve(local("2500-07-01 12:00")),
        Local::Once(utc("2500-07-01 10:00"))
    );
}

#[test]
fn both_sources_agree_where_their_data_do() {
    for name in ["Europe/Oslo", "Australia/Lord_Howe"] {
        let (system, table) = (from_fixture(name), compiled(name));
        let (mut at, end) = (
            utc("2009-01-01 00:00").timestamp(),
            utc("2090-01-01 00:00").timestamp(),
        );
        let mut changes = 0;
        while let Some(change) = table.first_change(at, end) {
            assert_eq!(system.first_change(at, end), Some(change), "{name}");
            for minutes in -120..=120 {
                let instant = DateTime::from_timestamp(change + minutes * 60, 0).unwrap();
                let (local, offset) = table.local(instant);
                assert_eq!(system.local(instant), (local, offset), "{name} {instant}");
                assert_eq!(
                    system.resolve(local),
                    table.resolve(local),
                    "{name} {local}"
                );
            }
            at = change;
            changes += 1;
        }
        assert_eq!(changes, 81 * 2, "{name}");
    }
}

#[test]
fn a_change_is_found_to_the_second_and_only_inside_the_span() {
    let oslo = compiled("Europe/Oslo");
    let change = utc("2026-03-29 01:00").timestamp();
    let year = 366 * 86_400;
    assert_eq!(oslo.first_change(change - 1, change), Some(change));
    assert_eq!(oslo.first_change(change - 1, change - 1), None);
    assert_eq!(oslo.first_change(change - year / 3, change - 1), None);
    assert_eq!(
        oslo.first_change(change - 86_400, change + year),
        Some(change)
    );
    assert_eq!(
        oslo.first_change(change, change + year),
        Some(utc("2026-10-25 01:00").timestamp())
    );
    assert_eq!(compiled("UTC").first_change(0, change), None);
}

#[test]
fn times_at_the_ends_of_the_calendar_do_not_panic() {
    for zone in [compiled("Pacific/Apia"), from_fixture("Europe/Oslo")] {
        for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            zone.local(end);
            zone.resolve(end.naive_utc());
        }
        for end in [i64::MIN, i64::MAX] {
            zone.offset_at(end);
        }
    }
}

#[test]
fn backward_links_are_kept_as_typed() {
    for name in ["US/Eastern", "GB", "Etc/GMT+5", "EST"] {
        assert_eq!(compiled(name).name(), name);
    }
    // The sign is the other way round in these names.
    assert_eq!(
        compiled("Etc/GMT+5").local(utc("2026-01-01 12:00")).1,
        -18_000
    );
}

#[test]
fn an_unknown_zone_gets_a_suggestion() {
    let hint = |name: &str| {
        let error = Zone::load(&Source::Compiled, name).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(error.message(), format!("unknown time zone {name:?}"));
        error.hint_text().unwrap().to_owned()
    };
    for (typed, meant) in [
        ("europe/oslo", "Europe/Oslo"),
        ("EUROPE/OSLO", "Europe/Oslo"),
        ("utc", "UTC"),
        ("Oslo", "Europe/Oslo"),
        ("new york", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("louisville", "America/Louisville"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Europe/Stokholm", "Europe/Stockholm"),
        ("Stokholm", "Europe/Stockholm"),
    ] {
        assert_eq!(hint(typed), format!("did you mean {meant}?"));
    }
    for typed in [
        "",
        "xq",
        "W. Europe Standard Time",
        "../../etc/passwd",
        "UTC+2",
        "+02:00",
    ] {
        assert!(hint(typed).contains("such as Europe/Berlin"), "{typed}");
    }
}

#[test]
fn a_name_cannot_leave_the_folder_or_mean_the_machine() {
    let oslo = fixture("Europe/Oslo");
    let names = [
        "localtime",
        "posixrules",
        "right/Europe/Oslo",
        "europe/Oslo",
        "Moon/Base",
    ];
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &oslo[..])).collect();
    let folder = tz_folder(&files);
    let source = Source::System(folder.path().join("right"));
    let above = format!("{}/Moon/Base", folder.path().display());
    for name in [
        "../Moon/Base",
        "Europe/../../Moon/Base",
        &above,
        "",
        "/",
        "Europe",
    ] {
        assert!(Zone::load(&source, name).is_err(), "{name}");
    }
    let source = Source::System(folder.path().to_owned());
    for name in [
        "localtime",
        "posixrules",
        "right/Europe/Oslo",
        "europe/Oslo",
        "Moon",
    ] {
        assert!(Zone::load(&source, name).is_err(), "{name}");
    }
    let base = Zone::load(&source, "Moon/Base").unwrap();
    assert_eq!(base.name(), "Moon/Base");
    assert_eq!(base.local(utc("2026-07-01 12:00")).1, 7200);
}

#[test]
fn a_missing_or_damaged_file_of_a_known_zone_is_made_up_for() {
    let whole = fixture("Europe/Oslo");
    let folder = tz_folder(&[
        ("Europe/Oslo", &whole[..whole.len() / 2]),
        ("Europe/Paris", b""),
        ("Moon/Base", b"TZif"),
    ]);
    let source = Source::System(folder.path().to_owned());
    for name in ["Europe/Oslo", "Europe/Paris", "Europe/Berlin"] {
        let zone = Zone::load(&source, name).unwrap();
        assert_eq!(zone.local(utc("2026-07-01 12:00")).1, 7200, "{name}");
    }
    assert!(Zone::load(&source, "Moon/Base").is_err());
}

#[test]
fn the_system_is_chosen_only_where_it_can_be_read() {
    let oslo = fixture("Europe/Oslo");
    let usable = tz_folder(&[("UTC", &oslo)]);
    assert_eq!(
        Source::detect_in(usable.path()),
        Source::System(usable.path().to_owned())
    );
    let damaged = tz_folder(&[("UTC", b"TZif2")]);
    for root in [damaged.path(), Path::new("/nowhere/at/all")] {
        assert_eq!(Source::detect_in(root), Source::Compiled);
    }
}

#[test]
fn the_version_is_what_the_data_say_or_when_they_changed() {
    assert_eq!(Source::Compiled.version(), chrono_tz::IANA_TZDB_VERSION);
    let version = |files: &[(&str, &[u8])]| {
        let folder = tz_folder(files);
        Source::System(folder.path().to_owned()).version()
    };
    let stated: &[u8] = b"# version 2026f\n# ddeps\n";
    assert_eq!(
        version(&[("tzdata.zi", stated), ("+VERSION", b"2025a\n")]),
        "2026f"
    );
    assert_eq!(
        version(&[("tzdata.zi", b"Z UTC 0 - UTC"), ("+VERSION", b"2026e\n")]),
        "2026e"
    );

    let folder = tz_folder(&[("Europe/Oslo", b"")]);
    let source = Source::System(folder.path().to_owned());
    let before = source.version();
    assert_eq!(source.version(), before);
    let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
    File::open(folder.path().join("Europe"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    assert_ne!(source.version(), before);
    assert_eq!(
        Source::System("/nowhere/at/all".into()).version(),
        "of 1970-01-01T00:00:00.000000000Z"
    );
}

/// Every local minute near a change of the offset, by looking at every minute of UTC there is.
fn instants_by_local_minute(zone: &Zone, middle: i64) -> HashMap<NaiveDateTime, Vec<i64>> {
    let mut found: HashMap<_, Vec<i64>> = HashMap::new();
    for minute in -3000..3000 {
        let epoch = middle + minute * 60;
        let instant = DateTime::from_timestamp(epoch, 0).unwrap();
        found.entry(zone.local(instant).0).or_default().push(epoch);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn resolving_is_the_inverse_of_looking_at_the_clock(
        zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
        start in utc("1975-01-01 00:00").timestamp()..utc("2090-01-01 00:00").timestamp(),
    ) {
        let zone = compiled(zone.name());
        let start = start - start.rem_euclid(60);
        let change = zone.first_change(start, start + 800 * 86_400).unwrap_or(start);
        let instants = instants_by_local_minute(&zone, change);
        let noon = DateTime::from_timestamp(change, 0).unwrap().naive_utc();
        for minute in -1400..1400 {
            let local = noon + chrono::TimeDelta::minutes(minute);
            let expected = match instants.get(&local).map(Vec::as_slice) {
                None => vec![],
                Some(epochs) => epochs.to_vec(),
            };
            let found = match zone.resolve(local) {
                Local::Gap => vec![],
                Local::Once(only) => vec![only.timestamp()],
                Local::Twice { first, second } => vec![first.timestamp(), second.timestamp()],
            };
            prop_assert_eq!(found, expected, "{} {}", zone.name(), local);
        }
    }
}

proptest! {
    #![proptest_config(crate::mutation::config())]

    #[test]
    fn whatever_a_file_of_the_system_holds_local_times_can_be_asked_for(
        bytes in crate::mutation::mutated(fixture_files()),
        epoch in prop_oneof![any::<i64>(), -5_000_000_000_i64..10_000_000_000],
    ) {
        probe(&[&epoch.to_be_bytes()[..], &bytes].concat());
    }
}
