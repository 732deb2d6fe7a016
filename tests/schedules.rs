//! `schedules`: adding, changing, finding.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;

use env::Env;
use serde_json::{Value, json};

fn add(env: &Env, name: &str, tenant: &str, rest: &[&str]) -> Value {
    let args = [
        &["schedules", "add", name, "--tenant", tenant, "--json"][..],
        rest,
    ]
    .concat();
    serde_json::from_str(&env.run(&args).warned().0).unwrap()
}

fn nightly(env: &Env) -> Value {
    add(env, "nightly", "contoso", &["--at", "02:00"])
}

#[test]
fn a_schedule_with_defaults_has_them_all() {
    let env = Env::with_tenant();
    let mut schedule = nightly(&env);
    assert_eq!(schedule, env.json(&["schedules", "show", "nightly"]));
    assert_eq!(schedule, env.items(&["schedules", "list"])[0]);
    let object = schedule.as_object_mut().unwrap();
    let types = object.remove("policy_types").unwrap();
    assert!(
        types
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key == "assignmentFilter")
    );
    for time in ["created_at", "next_run_at"] {
        assert!(
            object
                .remove(time)
                .unwrap()
                .as_str()
                .unwrap()
                .ends_with("Z")
        );
    }
    assert_eq!(
        schedule,
        json!({
            "id": 1,
            "tenant": "contoso",
            "name": "nightly",
            "enabled": true,
            "archived_at": null,
            "timezone": "UTC",
            "frequency": "daily",
            "times": ["02:00"],
            "days_of_week": [],
            "cron": null,
            "types": ["default"],
            "exclude_types": [],
            "include_foundations": true,
            "keep_last": 30,
            "keep_daily": 0,
            "keep_weekly": 0,
            "keep_monthly": 0,
            "keep_yearly": 0,
            "keep_within_s": 0,
            "keep_by_default": [
                "keep_daily",
                "keep_last",
                "keep_monthly",
                "keep_weekly",
                "keep_within_s",
                "keep_yearly",
            ],
            "grace_minutes": 0,
            "grace_s": 0,
            "max_runtime_s": 3600,
            "spread_s": 0,
            "spread_offset_s": 0,
            "labels": {},
            "ping": null,
            "ping_url": null,
            "last_run_at": null,
            "last_run_status": null,
        })
    );
    assert_eq!(env.audit_actions(), ["tenant.add", "schedule.add"]);
}

#[test]
fn every_flag_is_kept() {
    let env = Env::with_tenant();
    let schedule = add(
        &env,
        "weekly",
        "1",
        &[
            "--at",
            "18:00",
            "--at",
            "06:30",
            "--days",
            "thu,mon",
            "--timezone",
            "Europe/Oslo",
            "--types",
            "settingsCatalogPolicy,deviceShellScript",
            "--exclude-types",
            "deviceShellScript",
            "--no-foundations",
            "--keep-last",
            "7",
            "--grace",
            "30m",
            "--max-runtime",
            "2h",
            "--spread",
            "90s",
            "--label",
            "a=b",
            "--ping-url",
            "https://hc-ping.com/5f0a",
            "--disabled",
        ],
    );
    let expected = json!({
        "enabled": false, "frequency": "weekly", "times": ["06:30", "18:00"],
        "days_of_week": [1, 4], "timezone": "Europe/Oslo",
        "policy_types": ["settingsCatalogPolicy"], "include_foundations": false, "keep_last": 7,
        "grace_minutes": 30, "max_runtime_s": 7200, "spread_s": 90, "labels": { "a": "b" },
        "ping_url": "https://hc-ping.com/5f0a", "next_run_at": null,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(schedule[field], *value, "{field}");
    }
    let cron = add(&env, "cron", "contoso", &["--cron", "15  2 * * 1-5"]);
    assert_eq!(cron["cron"], "15 2 * * 1-5");
    assert_eq!(cron["frequency"], "cron");
    let daily = add(
        &env,
        "daily",
        "contoso",
        &["--at", "02:00", "--days", "mon,tue,wed,thu,fri,sat,sun"],
    );
    assert_eq!(daily["frequency"], "daily");
}

#[test]
fn adding_prints_three_slots_and_warns_of_the_next_gap() {
    let env = Env::with_tenant();
    let args = [
        "schedules",
        "add",
        "n",
        "--tenant",
        "contoso",
        "--at",
        "02:30",
        "--timezone",
        "Europe/Oslo",
    ];
    let (stdout, stderr) = env.run(&args).warned();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], "added schedule n (id 1) of tenant contoso");
    assert_eq!(lines.len(), 5, "{stdout}");
    for line in &lines[2..] {
        assert!(
            line.contains(" 02:30 +0") && line.ends_with(":30:00Z"),
            "{line}"
        );
    }
    assert!(stderr.starts_with("warning: 20") && stderr.contains(" 02:30 does not exist in"));
    assert_eq!(stderr.lines().count(), 1);
    let utc = [
        "schedules",
        "add",
        "u",
        "--tenant",
        "contoso",
        "--at",
        "02:30",
    ];
    env.run(&utc).ok();
}

#[test]
fn what_cannot_be_accepted_is_refused() {
    let env = Env::with_tenant();
    let cases: [(&[&str], &str); 17] = [
        (&[], "--at"),
        (&["--days", "mon"], "--at"),
        (
            &["--at", "02:00", "--cron", "* * * * *"],
            "cannot be used with",
        ),
        (
            &["--cron", "* * * * *", "--days", "mon"],
            "cannot be used with",
        ),
        (&["--at", "24:00"], "\"24:00\""),
        (&["--at", "2:00"], "\"2:00\""),
        (&["--at", "02:00", "--days", "someday"], "\"someday\""),
        (&["--cron", "* * * *"], "4"),
        (&["--cron", "0 0 30 2 *"], "hint"),
        (
            &["--at", "02:00", "--timezone", "Europe/Olso"],
            "Europe/Oslo",
        ),
        (
            &["--at", "02:00", "--types", "settingsCatalogPolicie"],
            "settingsCatalogPolicy",
        ),
        (
            &["--at", "02:00", "--types", "termsOfUseAgreement"],
            "cannot be backed up",
        ),
        (&["--at", "02:00", "--keep-last", "0"], "--keep-last"),
        (
            &["--at", "02:00", "--grace", "1month"],
            "hint: write a number and a unit",
        ),
        (&["--at", "02:00", "--max-runtime", "0s"], "max runtime"),
        (
            &["--at", "02:00", "--foundations", "--no-foundations"],
            "cannot be used with",
        ),
        (&["--at", "02:00", "--label", "x"], "has no ="),
    ];
    for (rest, why) in cases {
        let args = [&["schedules", "add", "n", "--tenant", "contoso"][..], rest].concat();
        let stderr = env.run(&args).fails(2);
        assert!(stderr.contains(why), "{rest:?}: {stderr}");
    }
    let nobody = [
        "schedules",
        "add",
        "n",
        "--tenant",
        "contsoo",
        "--at",
        "02:00",
    ];
    assert!(
        env.run(&nobody)
            .fails(18)
            .contains("hint: the closest name is contoso")
    );
    assert_eq!(env.audit_actions(), ["tenant.add"]);
}

#[test]
fn a_name_is_taken_once_per_tenant() {
    let env = Env::with_tenant();
    env.add_tenant("fabrikam");
    nightly(&env);
    insta::assert_snapshot!(
        env.run(&["schedules", "add", "nightly", "--tenant", "contoso", "--at", "03:00"]).fails(2),
        @r"
    error: schedule name nightly is taken in tenant contoso by the schedule with id 1
    hint: choose another name, or change that schedule: tenantpilot schedules edit 1
    "
    );
    assert_eq!(
        add(&env, "nightly", "fabrikam", &["--at", "03:00"])["id"],
        2
    );
    add(
        &env,
        "weekly",
        "contoso",
        &["--at", "03:00", "--days", "sun"],
    );
    env.run(&["schedules", "edit", "weekly", "--name", "nightly"])
        .fails(2);
}

#[test]
fn a_schedule_is_found_by_id_name_and_tenant() {
    let env = Env::with_tenant();
    env.add_tenant("a");
    env.add_tenant("a/b");
    add(&env, "b/c", "a", &["--at", "01:00"]);
    add(&env, "c", "a/b", &["--at", "01:00"]);
    add(&env, "c", "contoso", &["--at", "01:00"]);
    add(&env, "a/b/d", "contoso", &["--at", "01:00"]);
    add(&env, "d", "a/b", &["--at", "01:00"]);
    let id = |given: &str| env.json(&["schedules", "show", given])["id"].clone();
    assert_eq!(id("2"), 2);
    assert_eq!(id("b/c"), 1);
    assert_eq!(id("contoso/c"), 3);
    assert_eq!(id("1/c"), 3, "the tenant's id will do");
    assert_eq!(id("a/b/d"), 4, "a whole name comes first");
    insta::assert_snapshot!(env.run(&["schedules", "show", "c"]).fails(2), @r"
    error: c may mean several schedules: a/b/c (id 2), contoso/c (id 3)
    hint: name it by TENANT/NAME or by id
    ");
    let split = env.run(&["schedules", "show", "a/b/c"]).fails(2);
    assert!(split.contains("a/b/c (id 1), a/b/c (id 2)"), "{split}");
    let unknown = env.run(&["schedules", "show", "contoso/x"]).fails(18);
    assert!(
        unknown.contains("hint: the closest name is contoso/c"),
        "{unknown}"
    );
    for given in ["99", "c' OR '1'='1", "%", "99999999999999999999"] {
        env.run(&["schedules", "show", given]).fails(18);
    }
}

#[test]
fn where_no_schedule_is_meant_it_is_said_what_there_is() {
    let env = Env::with_tenant();
    let add = "tenantpilot schedules add --help\n";
    for command in [
        &["run", "nightly"][..],
        &["run", "contoso"],
        &["run", "--all"],
    ] {
        let stderr = env.run(command).fails(18);
        assert!(stderr.ends_with(add), "{command:?}: {stderr}");
    }
    nightly(&env);
    let stderr = env.run(&["run", "contoso"]).fails(18);
    let list = "hint: that is a tenant, and its schedules are in: tenantpilot schedules list --tenant contoso\n";
    assert!(stderr.ends_with(list), "{stderr}");
    env.run(&["schedules", "remove", "nightly", "--yes"]).ok();
    let stderr = env.run(&["run", "--all"]).fails(18);
    assert!(stderr.ends_with("list --archived\n"), "{stderr}");
}

#[test]
fn an_edit_changes_what_is_given_and_nothing_else() {
    let env = Env::with_tenant();
    add(
        &env,
        "n",
        "contoso",
        &[
            "--at",
            "02:00",
            "--days",
            "mon",
            "--label",
            "a=b",
            "--exclude-types",
            "roleScopeTag",
        ],
    );
    let edit = |rest: &[&str]| {
        let args = [&["schedules", "edit", "n", "--json"][..], rest].concat();
        let edited: Value = serde_json::from_str(&env.run(&args).warned().0).unwrap();
        edited
    };
    assert_eq!(
        edit(&["--at", "03:00"])["days_of_week"],
        json!([1]),
        "days stay"
    );
    assert_eq!(
        edit(&["--days", "sat,sun"])["times"],
        json!(["03:00"]),
        "times stay"
    );
    let cron = edit(&["--cron", "0 4 * * *"]);
    assert_eq!(
        (&cron["frequency"], &cron["times"]),
        (&json!("cron"), &json!([]))
    );
    let no_times = env
        .run(&["schedules", "edit", "n", "--days", "mon"])
        .fails(2);
    assert!(no_times.contains("--days needs times of day"), "{no_times}");
    assert_eq!(edit(&["--at", "05:00"])["frequency"], "daily");
    assert_eq!(edit(&["--no-foundations"])["include_foundations"], false);
    assert_eq!(edit(&["--foundations"])["include_foundations"], true);
    assert_eq!(edit(&["--exclude-types", ""])["exclude_types"], json!([]));
    let last = edit(&["--name", "m", "--label", "a=", "--keep-last", "5"]);
    assert_eq!(last["labels"], json!({}));
    assert_eq!(last["id"], env.json(&["schedules", "show", "m"])["id"]);
    assert_eq!(
        env.run(&["schedules", "edit", "m"]).fails(2),
        "error: nothing to change in schedule m: no flag is given\n\
         hint: tenantpilot schedules edit --help\n"
    );
}

#[test]
fn schedules_are_listed_by_name_and_by_tenant() {
    let env = Env::with_tenant();
    env.add_tenant("adatum");
    for (name, tenant) in [("b", "contoso"), ("a", "contoso"), ("a", "adatum")] {
        add(&env, name, tenant, &["--at", "02:00"]);
    }
    let names = |rest: &[&str]| -> Vec<String> {
        let args = [&["schedules", "list"][..], rest].concat();
        let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
        let items = env.items(&args);
        items
            .iter()
            .map(|item| text(item, "tenant") + "/" + &text(item, "name"))
            .collect()
    };
    assert_eq!(names(&[]), ["adatum/a", "contoso/a", "contoso/b"]);
    assert_eq!(names(&["--tenant", "contoso"]), ["contoso/a", "contoso/b"]);
    env.run(&["schedules", "list", "--tenant", "nobody"])
        .fails(18);
}

#[test]
fn a_wrong_duration_names_its_flag() {
    let env = Env::with_tenant();
    for flag in ["--grace", "--max-runtime", "--spread"] {
        let add = [
            "schedules",
            "add",
            "x",
            "--tenant",
            "contoso",
            "--at",
            "02:00",
        ];
        let stderr = env.run(&[&add[..], &[flag, "5"]].concat()).fails(2);
        assert!(
            stderr.starts_with(&format!("error: {flag}: \"5\"")),
            "{stderr}"
        );
    }
    let add = [
        "schedules",
        "add",
        "x",
        "--tenant",
        "contoso",
        "--at",
        "02:00",
    ];
    let stderr = env.run(&[&add[..], &["--spread", "25h"]].concat()).fails(2);
    assert!(
        stderr.ends_with("hint: give --spread at most 24h\n"),
        "{stderr}"
    );
    env.run(&[&add[..], &["--spread", "24h"]].concat()).ok();
}

#[test]
fn the_defaults_of_new_schedules_are_not_in_the_help_of_edit() {
    let env = Env::new();
    // However its lines are broken.
    let help = |command: &str| {
        let help = env.run(&["schedules", command, "--help"]).ok();
        help.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(help("add").contains("[default: UTC]"));
    let help = help("edit");
    assert!(
        !help.contains("[default: UTC]") && !help.contains("[default: default]"),
        "{help}"
    );
}

#[test]
fn show_prints_whole_values_on_a_narrow_terminal() {
    let mut env = Env::with_tenant();
    nightly(&env);
    env.set("COLUMNS", "40");
    let shown = env.run(&["schedules", "show", "nightly"]).ok();
    assert!(
        shown.contains("settingsCatalogPolicy, groupPolicyConfiguration, "),
        "{shown}"
    );
    assert!(!shown.contains('…'), "{shown}");
    let listed = env.run(&["history"]).ok();
    assert_eq!(listed, "");
}

#[test]
fn removing_twice_says_that_nothing_was_done() {
    let env = Env::with_tenant();
    nightly(&env);
    let remove = ["schedules", "remove", "nightly", "--yes"];
    assert!(env.run(&remove).ok().starts_with("archived schedule "));
    assert!(env.run(&remove).ok().ends_with(" is archived already\n"));
    assert_eq!(
        env.audit_actions(),
        ["tenant.add", "schedule.add", "schedule.remove"]
    );
}
