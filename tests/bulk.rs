//! Many at once: schedules by tenant, label or `--all`; all or none, and never a green nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use env::Env;
use serde_json::Value;
use stage::{FILTERS, Stage};

/// Tenants `contoso` (env=prod) and `fabrikam` (env=test); schedules `contoso/a` (id 1, tier=1),
/// `contoso/b` (id 2), `fabrikam/c` (id 3, env=prod, tier=1).
fn place() -> Env {
    let env = Env::with_tenant();
    env.add_tenant("fabrikam");
    for (tenant, label) in [("contoso", "env=prod"), ("fabrikam", "env=test")] {
        env.run(&["tenants", "edit", tenant, "--label", label]).ok();
    }
    for (name, tenant, labels) in [
        ("a", "contoso", &["--label", "tier=1"][..]),
        ("b", "contoso", &[]),
        (
            "c",
            "fabrikam",
            &["--label", "env=prod", "--label", "tier=1"],
        ),
    ] {
        let add = [
            "schedules",
            "add",
            name,
            "--tenant",
            tenant,
            "--at",
            "02:00",
        ];
        env.run(&[&add[..], labels].concat()).ok();
    }
    env
}

/// `TENANT/NAME` of each item, in its order.
fn names(items: &[Value]) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let name = |item: &Value| match &item["name"] {
        Value::String(name) => name.clone(),
        _ => word(&item["schedule"]),
    };
    let named = items
        .iter()
        .map(|item| format!("{}/{}", word(&item["tenant"]), name(item)));
    named.collect()
}

/// What a choice means.
const CHOICES: [(&[&str], &[&str]); 8] = [
    (&["--tenant", "contoso"], &["contoso/a", "contoso/b"]),
    (&["--tenant", "2"], &["fabrikam/c"]),
    (
        &["--label", "env=prod"],
        &["contoso/a", "contoso/b", "fabrikam/c"],
    ),
    (&["--label", "env=test"], &["fabrikam/c"]),
    (
        &["--label", "env=prod", "--label", "tier=1"],
        &["contoso/a", "fabrikam/c"],
    ),
    (
        &["--tenant", "contoso", "--label", "tier=1"],
        &["contoso/a"],
    ),
    (&["--all", "--tenant", "fabrikam"], &["fabrikam/c"]),
    (&["--all"], &["contoso/a", "contoso/b", "fabrikam/c"]),
];

#[test]
fn schedules_are_chosen_by_tenant_label_or_all_for_whatever_is_done_to_them() {
    let env = place();
    for (choice, meant) in CHOICES {
        for (verb, more) in [
            ("disable", &[][..]),
            ("enable", &[]),
            ("remove", &["--yes"]),
            ("restore", &[]),
        ] {
            let args = [&["schedules", verb][..], choice, more].concat();
            assert_eq!(names(&env.items(&args)), meant, "{args:?}");
        }
    }
    // One event for each schedule, not one for each command.
    let actions = env.audit_actions();
    let count = |action: &str| actions.iter().filter(|known| *known == action).count();
    let chosen: usize = CHOICES.iter().map(|(_, meant)| meant.len()).sum();
    for action in ["disable", "enable", "remove", "restore"] {
        assert_eq!(count(&format!("schedule.{action}")), chosen, "{action}");
    }
    env.run(&["schedules", "remove", "--label", "env=test", "--yes"])
        .ok();
    let purge = ["schedules", "remove", "--all", "--purge", "--yes"];
    assert_eq!(names(&env.items(&purge)), ["fabrikam/c"]);
    assert_eq!(env.items(&["schedules", "list", "--archived"]).len(), 2);
}

#[test]
fn lists_are_filtered_by_label() {
    let env = place();
    for labels in [
        &["--label", "env=prod"][..],
        &["--label", "env=prod", "--label", "tier=1"],
    ] {
        let meant = CHOICES
            .iter()
            .find(|(choice, _)| *choice == labels)
            .unwrap()
            .1;
        for list in [&["schedules", "list"][..], &["schedules", "upcoming"]] {
            let args = [list, labels].concat();
            assert_eq!(names(&env.items(&args)), meant, "{args:?}");
        }
        let status = env
            .run(&[&["status", "--json"][..], labels].concat())
            .ends(0)
            .0;
        let status: Value = serde_json::from_str(&status).unwrap();
        assert_eq!(names(status["schedules"].as_array().unwrap()), meant);
    }
    let tenants = env.items(&["tenants", "list", "--label", "env=prod"]);
    assert_eq!(tenants.len(), 1);
    assert_eq!(tenants[0]["name"], "contoso");
    // A list may be empty; how things stand may not be well where nothing was looked at.
    for list in [
        &["schedules", "list"][..],
        &["schedules", "upcoming"],
        &["tenants", "list"],
        &["history"],
    ] {
        let args = [list, &["--label", "env=none"]].concat();
        assert!(env.items(&args).is_empty(), "{args:?}");
        assert_eq!(env.run(&args).ok(), "", "{args:?}");
        for wrong in ["env", "env="] {
            env.run(&[list, &["--label", wrong]].concat()).fails(2);
        }
    }
    env.run(&["status", "--label", "env=none"]).fails(18);
}

#[test]
fn a_choice_that_nothing_matches_is_never_green() {
    let env = place();
    let verbs: [&[&str]; 6] = [
        &["run"],
        &["schedules", "enable"],
        &["schedules", "disable"],
        &["schedules", "remove", "--yes"],
        &["schedules", "restore"],
        &["retry", "--failed"],
    ];
    for verb in verbs {
        let args = [verb, &["--label", "env=prd"]].concat();
        let stderr = env.run(&args).fails(18);
        assert!(
            stderr.contains("has the label env=prd, itself or by its tenant\n"),
            "{stderr}"
        );
        assert!(
            stderr.contains("\nhint: labels in use: env=prod, env=test, tier=1\n"),
            "{stderr}"
        );
        let error = env
            .run(&[&args[..], &["--json"]].concat())
            .fails_as_json(18);
        assert_eq!(error["code"], "not_found");
    }
    let stderr = env
        .run(&["schedules", "restore", "--tenant", "contoso"])
        .fails(18);
    assert!(
        stderr.starts_with("error: tenant contoso (id 1) has no archived schedule\n"),
        "{stderr}"
    );
    env.run(&["schedules", "disable", "--all"]).ok();
    let stderr = env.run(&["run", "--all"]).fails(18);
    assert_eq!(
        stderr,
        "error: there is no enabled schedule\nhint: tenantpilot schedules enable --all\n"
    );
    let stderr = env.run(&["run", "--tenant", "1"]).fails(18);
    let hint = "hint: tenantpilot schedules enable --tenant contoso\n";
    assert!(stderr.ends_with(hint), "{stderr}");
    let label = ["run", "--tenant", "1", "--label", "env=prod"];
    let stderr = env.run(&label).fails(18);
    let hint = "hint: tenantpilot schedules enable --tenant contoso --label 'env=prod'\n";
    assert!(stderr.ends_with(hint), "{stderr}");
    assert!(env.items(&["history"]).is_empty());
    // Nothing failed: there is nothing to do, and that is well.
    let (stdout, stderr) = env
        .run(&["retry", "--failed", "--label", "env=prod"])
        .warned();
    assert_eq!(
        (stdout.as_str(), stderr.as_str()),
        ("", "there is no run to try again\n")
    );
}

#[test]
fn names_and_choices_do_not_mix_and_nothing_is_taken_away_without_a_yes() {
    let env = place();
    for verb in [
        &["run"][..],
        &["schedules", "enable"],
        &["schedules", "remove", "--yes"],
    ] {
        env.run(verb).fails(2);
        for choice in [
            &["--all"][..],
            &["--tenant", "contoso"],
            &["--label", "a=b"],
        ] {
            env.run(&[verb, &["a"], choice].concat()).fails(2);
        }
    }
    env.run(&["retry", "1", "--label", "a=b"]).fails(2);
    let stderr = env.run(&["schedules", "remove", "--all"]).fails(2);
    assert!(
        stderr.contains("will not archive schedule a (id 1) of tenant contoso, "),
        "{stderr}"
    );
    assert!(stderr.contains("hint: add --yes"), "{stderr}");
    assert_eq!(env.items(&["schedules", "list"]).len(), 3);
    // Several by name, where one cannot be: none.
    env.run(&["schedules", "remove", "--all", "--yes"]).ok();
    env.run(&["schedules", "restore", "a", "none"]).fails(18);
    assert!(env.items(&["schedules", "list"]).is_empty());
    assert_eq!(
        names(&env.items(&["schedules", "restore", "a", "3", "a"])),
        ["contoso/a", "fabrikam/c"]
    );
}

#[test]
fn runs_are_started_and_tried_again_by_tenant_and_label() {
    let stage = Stage::of(&[FILTERS]);
    let url = stage.sandbox.url().to_owned();
    stage.env.file("wrong-secret", "wrong", 0o600);
    stage.add_tenant("fabrikam", "wrong-secret", &url);
    stage.add_schedule("fabrikam", "nightly", FILTERS.0, &["--label", "tier=1"]);
    stage.add_schedule(
        "contoso",
        "off",
        FILTERS.0,
        &["--label", "tier=1", "--disabled"],
    );
    stage.add_schedule("contoso", "weekly", FILTERS.0, &["--label", "tier=1"]);
    let run = |args: &[&str], code| {
        let (stdout, _) = stage.env.run(&[args, &["--json"]].concat()).ends(code);
        let document: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(document["schema_version"], 1);
        names(document["items"].as_array().unwrap())
    };
    // A failure wins, and each is told; what is disabled is not chosen.
    let both = ["contoso/weekly", "fabrikam/nightly"];
    assert_eq!(run(&["run", "--label", "tier=1"], 12), both);
    assert_eq!(
        run(&["run", "--tenant", "contoso"], 0),
        ["contoso/weekly", "contoso/nightly"]
    );
    assert_eq!(
        run(&["retry", "--failed", "--tenant", "contoso"], 0),
        [""; 0]
    );
    assert_eq!(
        run(&["retry", "--failed", "--label", "tier=1"], 12),
        ["fabrikam/nightly"]
    );
    let history = stage
        .env
        .items(&["history", "--label", "tier=1", "--limit", "3"]);
    assert_eq!(
        names(&history),
        ["fabrikam/nightly", "contoso/weekly", "contoso/weekly"]
    );
    let history = stage
        .env
        .items(&["history", "--label", "tier=1", "--tenant", "fabrikam"]);
    assert_eq!(history.len(), 2);
}
