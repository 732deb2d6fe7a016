//! Plans from tenants and fleets made by hand.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::*;
use crate::graph::cloud::Cloud;
use crate::http::address::Address;
use crate::recurrence::tests::daily;
use crate::retention::rules::Rules;
use crate::slot::Slot;
use crate::tenant::Credential;

fn tenant(name: &str) -> tenant::Settings {
    tenant::Settings {
        name: name.to_owned(),
        directory: format!("{name}.onmicrosoft.com"),
        cloud: Cloud::Global,
        client_id: Some("11111111-2222-3333-4444-555555555555".to_owned()),
        credential: Credential::SecretEnv("X".to_owned()),
        graph_url: None,
        authority_url: None,
        labels: BTreeMap::new(),
    }
}

fn settings(name: &str) -> schedule::Settings {
    schedule::Settings::new(name.to_owned(), daily(&["02:00"]))
}

fn entry(tenant: tenant::Settings, schedules: &[schedule::Settings]) -> Entry {
    Entry {
        tenant,
        schedules: schedules.to_vec(),
    }
}

fn fleet(tenants: &[Entry]) -> Fleet {
    Fleet {
        tenants: tenants.to_vec(),
    }
}

/// A tenant with schedules; one whose archived time is given is archived.
fn present(id: i64, name: &str, schedules: &[(i64, schedule::Settings, Option<i64>)]) -> Present {
    let schedule =
        |(number, settings, archived): &(i64, schedule::Settings, Option<i64>)| Schedule {
            id: ScheduleId(*number),
            tenant_id: TenantId(id),
            tenant: name.to_owned(),
            settings: settings.clone(),
            rules: Rules::default(),
            created_at: DateTime::UNIX_EPOCH,
            archived_at: archived.and_then(|at| DateTime::from_timestamp(at, 0)),
            slots_begin: Slot::from_epoch(0).unwrap(),
            slots_from: Slot::from_epoch(0).unwrap(),
            next_slot: None,
        };
    Present {
        tenant: Tenant {
            id: TenantId(id),
            settings: tenant(name),
            created_at: DateTime::UNIX_EPOCH,
        },
        schedules: schedules.iter().map(schedule).collect(),
        held: None,
    }
}

fn told(plan: &Plan) -> Vec<String> {
    let told = plan.steps.iter().map(|step| {
        let fields: Vec<&str> = step.changes.iter().map(|change| change.field).collect();
        format!("{} {} {}", step.action(), step.object(), fields.join(","))
    });
    told.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_ping_url_is_in_no_file_and_stays() {
    let mut pinged = settings("nightly");
    pinged.ping_url = Address::parse("https://hc.example.com/1").ok();
    let there = [present(1, "contoso", &[(1, pinged.clone(), None)])];
    let same = fleet(&[entry(tenant("contoso"), &[settings("nightly")])]);
    assert_eq!(plan(&there, &same, false).steps, []);
    let mut wanted = settings("nightly");
    wanted.timezone = "Europe/Oslo".to_owned();
    let other = fleet(&[entry(tenant("contoso"), &[wanted])]);
    let plan = plan(&there, &other, false);
    assert_eq!(told(&plan), ["change schedule contoso/nightly timezone"]);
    let Deed::ChangeSchedule(_, settings) = &plan.steps[0].deed else {
        panic!("{plan:?}");
    };
    assert_eq!(settings.ping_url, pinged.ping_url);
}

#[test]
fn what_is_as_it_is_to_be_is_left_alone() {
    let there = [present(1, "contoso", &[(1, settings("nightly"), None)])];
    let same = fleet(&[entry(tenant("contoso"), &[settings("nightly")])]);
    for prune in [false, true] {
        let plan = plan(&there, &same, prune);
        assert_eq!((plan.steps.len(), plan.unchanged), (0, 2));
        assert_eq!((plan.stays.len(), plan.renames.len()), (0, 0));
    }
}

#[test]
fn each_thing_is_added_changed_brought_back_or_archived() {
    let there = [present(
        1,
        "contoso",
        &[
            (1, settings("gone"), None),
            (2, settings("kept"), None),
            (3, settings("back"), Some(7)),
            (4, settings("back"), Some(9)),
            (5, settings("long-gone"), Some(5)),
        ],
    )];
    let mut changed = tenant("contoso");
    changed.labels.insert("env".to_owned(), "prod".to_owned());
    let mut kept = settings("kept");
    kept.enabled = false;
    kept.grace = std::time::Duration::from_secs(60);
    let wanted = fleet(&[
        entry(changed, &[settings("back"), kept, settings("other")]),
        entry(tenant("fabrikam"), &[settings("nightly")]),
    ]);
    let plan = plan(&there, &wanted, true);
    assert_eq!(
        told(&plan),
        [
            "change tenant contoso labels",
            "restore schedule contoso/back",
            "change schedule contoso/kept grace,enabled",
            "add schedule contoso/other",
            "archive schedule contoso/gone",
            "add tenant fabrikam",
            "add schedule fabrikam/nightly",
        ]
    );
    // Of several archived ones it is the one that was archived last.
    assert_eq!(
        plan.steps[1].deed,
        Deed::RestoreSchedule(ScheduleId(4), settings("back"))
    );
    // What differs in nothing but the name was renamed, perhaps.
    let [rename] = plan.renames.as_slice() else {
        panic!("{:?}", plan.renames);
    };
    assert_eq!(rename.from, "schedule contoso/gone");
    assert_eq!(rename.to, "schedule contoso/other");
    assert_eq!(rename.command, "tenantpilot schedules edit 1 --name other");
    let json = json(&plan, false);
    assert_eq!(json["counts"]["add"], 3);
    assert_eq!(json["changes"][2]["fields"][0]["field"], "grace");
    assert_eq!(json["changes"][2]["fields"][0]["before"], "0s");
    assert_eq!(json["changes"][2]["fields"][0]["after"], "1m");
}

#[test]
fn a_tenant_that_is_not_named_stays_unless_it_is_pruned_and_nothing_hangs_on_it() {
    let mut there = [
        present(1, "contoso", &[(1, settings("nightly"), None)]),
        present(2, "fabrikam", &[(2, settings("old"), Some(3))]),
    ];
    let none = fleet(&[]);
    let left = plan(&there, &none, false);
    assert_eq!(told(&left), [""; 0]);
    let names: Vec<&str> = left
        .stays
        .iter()
        .map(|stays| stays.tenant.as_str())
        .collect();
    assert_eq!(names, ["contoso", "fabrikam"]);
    there[0].held = Some("it has backup sets".to_owned());
    let pruned = plan(&there, &none, true);
    assert_eq!(
        told(&pruned),
        ["archive schedule contoso/nightly", "remove tenant fabrikam"]
    );
    assert_eq!(pruned.stays[0].reason, "it has backup sets");
    assert!(pruned.steps.iter().all(Step::takes_away));
    // Another name for the same directory.
    let mut renamed = tenant("contoso");
    renamed.name = "contoso two".to_owned();
    let renamed = plan(&there, &fleet(&[entry(renamed, &[])]), false);
    assert_eq!(told(&renamed), ["add tenant contoso two"]);
    assert_eq!(
        renamed.renames[0].command,
        "tenantpilot tenants edit 1 --name 'contoso two'"
    );
}
