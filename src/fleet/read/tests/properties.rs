//! What is written is read back as it was, whatever it is.

use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

fn name() -> impl Strategy<Value = String> {
    let plain = select(vec![
        "nightly",
        "Nightly",
        "a/b",
        "##vso[x]",
        "\"q\\",
        "漢字 🚀",
        "\u{202e}x",
        "a = b",
    ]);
    prop_oneof![plain.prop_map(str::to_owned), any::<String>()]
        .prop_map(|name| name.chars().take(40).collect::<String>())
        .prop_filter("a name", |name| check_name("x", name).is_ok())
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    let part = || prop_oneof!["[a-zA-Z0-9_.-]{1,8}", "\\PC{1,8}"];
    btree_map(part(), part(), 0..4).prop_map(|mut labels| {
        labels.retain(|key, value| labels::check(key, value).is_ok());
        labels
    })
}

fn recurrence() -> impl Strategy<Value = Recurrence> {
    let times = vec((0_u8..24, 0_u8..60), 1..4).prop_map(|times| {
        let times = times.into_iter();
        times
            .map(|(hour, minute)| format!("{hour:02}:{minute:02}").parse().unwrap())
            .collect::<Vec<_>>()
    });
    let days = subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 0..=7)
        .prop_map(|days| days.iter().map(|day| parse_day(day).unwrap()).collect());
    let cron = select(vec!["15 * * * *", "*/5 2-4 1,15 * 1-5", "0 0 29 2 *"]);
    prop_oneof![
        (times, days).prop_map(|(times, days): (_, Vec<_>)| Recurrence::on(times, days).unwrap()),
        cron.prop_map(|cron| Recurrence::cron(cron).unwrap()),
    ]
}

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_secs)
}

fn schedule() -> impl Strategy<Value = schedule::Settings> {
    let types = vec![
        "default",
        "all",
        "assignmentFilter",
        "settingsCatalogPolicy",
    ];
    let keep = (
        option::of(1..u32::MAX),
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        option::of(0_u32..3),
        option::of(any::<u32>()),
        option::of(seconds(0..1_000_000)),
    );
    let keep = keep.prop_map(|(last, daily, weekly, monthly, yearly, within)| Keep {
        last,
        daily,
        weekly,
        monthly,
        yearly,
        within,
    });
    let what = (
        subsequence(types, 1..=4),
        select(vec![vec![], vec!["roleScopeTag".to_owned()]]),
        any::<bool>(),
        keep,
    );
    let when = (
        recurrence(),
        select(vec!["UTC", "Europe/Oslo", "America/Argentina/Ushuaia"]),
        seconds(0..100_000),
        seconds(1..100_000),
        seconds(0..86_401),
    );
    let rest = (name(), labels(), any::<bool>());
    (rest, what, when).prop_map(|(rest, what, when)| schedule::Settings {
        name: rest.0,
        labels: rest.1,
        enabled: rest.2,
        policy_types: what.0.into_iter().map(str::to_owned).collect(),
        exclude_types: what.1,
        include_foundations: what.2,
        keep: what.3,
        recurrence: when.0,
        timezone: when.1.to_owned(),
        grace: when.2,
        max_runtime: when.3,
        spread: when.4,
        ping_url: None,
    })
}

fn credential() -> impl Strategy<Value = Credential> {
    let path = || "/[^\\x00]{0,20}".prop_map(Into::into);
    prop_oneof![
        "[A-Z_][A-Z0-9_]{0,10}".prop_map(Credential::SecretEnv),
        path().prop_map(Credential::SecretFile),
        "[a-z]{1,5}( [a-z0-9/'\"]{0,0}[a-z]{1,8}){0,3}".prop_map(Credential::SecretCommand),
        path().prop_map(Credential::Certificate),
        path().prop_map(Credential::FederatedTokenFile),
        option::of("[!-~]{1,20}").prop_map(Credential::GithubOidc),
        "[!-~]{1,20}".prop_map(Credential::AzurePipelinesOidc),
        option::of(Just(GUID.to_owned())).prop_map(Credential::ManagedIdentity),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let settings = (
        name(),
        select(vec!["contoso.onmicrosoft.com", GUID]),
        select(Cloud::ALL.to_vec()),
        credential(),
        option::of(Just("https://graph.example.com/v".to_owned())),
        labels(),
    );
    let settings = settings.prop_map(|(name, directory, cloud, credential, url, labels)| {
        let identity = matches!(credential, Credential::ManagedIdentity(_));
        tenant::Settings {
            name,
            directory: directory.to_owned(),
            cloud,
            client_id: (!identity).then(|| GUID.to_owned()),
            credential,
            graph_url: url.clone(),
            authority_url: url,
            labels,
        }
    });
    (settings, vec(schedule(), 0..4)).prop_map(|(tenant, mut schedules)| {
        schedules.sort_by(|one, other| one.name.cmp(&other.name));
        schedules.dedup_by(|one, other| one.name == other.name);
        Entry { tenant, schedules }
    })
}

fn fleets() -> impl Strategy<Value = Fleet> {
    vec(entry(), 0..4).prop_map(|mut tenants| {
        tenants.sort_by(|one, other| one.tenant.name.cmp(&other.tenant.name));
        tenants.dedup_by(|one, other| one.tenant.name == other.tenant.name);
        Fleet { tenants }
    })
}

proptest! {
    #![proptest_config(crate::mutation::config())]

    #[test]
    fn what_is_written_is_read_back_as_it_was_and_safe_to_print(fleet in fleets()) {
        for format in [Format::Toml, Format::Json] {
            let text = text(format, &fleet);
            let back = read_of(format, &text).map_err(|faults| {
                TestCaseError::fail(format!("{faults:?} in {text}"))
            })?;
            prop_assert_eq!(&back, &fleet, "{}", text);
            let obeyed = |c: char| c == '\u{202e}' || (c.is_control() && c != '\n');
            let is_tame = !text.contains(obeyed) && !text.contains("##vso[");
            prop_assert!(is_tame, "{}", text);
            let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
            prop_assert_eq!(&read_of(format, &windows).unwrap(), &fleet);
            prop_assert_eq!(Format::of("-".as_ref(), &windows), format);
        }
    }

    #[test]
    fn whatever_stands_in_a_file_it_is_a_fleet_that_is_read_back_or_told(
        text_of in crate::mutation::mutated_text(&[EXAMPLE]),
    ) {
        if let Ok(fleet) = read_of(Format::Toml, &text_of) {
            prop_assert_eq!(read_of(Format::Toml, &text(Format::Toml, &fleet)).unwrap(), fleet);
        }
    }

    #[test]
    fn unknown_keys_are_never_passed_over(keys in btree_set("[a-z_]{1,12}", 1..4)) {
        let known = |key: &String| {
            SCHEDULE_KEYS.iter().chain(TENANT_KEYS).chain(ROOT_KEYS).any(|(known, _)| known == key)
        };
        let unknown: Vec<&String> = keys.iter().filter(|key| !known(key)).collect();
        let lines: String = unknown.iter().map(|key| format!("{key} = 1\n")).collect();
        for table in ["", "[[tenants]]\n", "[[tenants]]\n[[tenants.schedules]]\n"] {
            let text = if table.is_empty() { format!("{lines}tenants = []\n") } else { format!("{table}{lines}") };
            let told = read_of(Format::Toml, &text).err().unwrap_or_default();
            let unknowns = told.iter().filter(|fault| format!("{fault:?}").contains("is not known"));
            prop_assert_eq!(unknowns.count(), unknown.len(), "{}", text);
        }
    }
}
