//! Roles: every command asks, a denied one does nothing and is recorded, nobody is locked out.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "roles/access.rs"]
mod access;
#[path = "support/account.rs"]
mod account;
#[path = "roles/accounts.rs"]
mod accounts;
#[path = "support/env.rs"]
mod env;
#[path = "roles/hints.rs"]
mod hints;
#[path = "roles/interrupted.rs"]
mod interrupted;
#[path = "roles/nobody.rs"]
mod nobody;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use env::{Env, Run};
use sandbox::server::Options;
use serde_json::{Value, json};
use stage::{FILTERS, Stage, names};

/// Two tenants with a schedule `nightly` and a backup set each, and no role.
fn stage() -> Stage {
    let stage = Stage::of(&[FILTERS]);
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    stage.add_schedule("fabrikam", "nightly", FILTERS.0, &[]);
    for schedule in ["contoso/nightly", "fabrikam/nightly"] {
        stage.env.run(&["run", schedule, "--quiet"]).ok();
    }
    stage
}

/// Who acts from now on: by sudo, as whoever owns the database.
fn act_as(env: &mut Env, user: &str) {
    env.set("SUDO_USER", user);
}

/// The owner of the file, by no sudo.
fn act_as_owner_of_the_file(env: &mut Env) {
    env.unset("SUDO_USER");
}

fn grant(env: &Env, user: &str, role: &str, tenant: Option<&str>) {
    let mut args = vec!["roles", "grant", user, role];
    args.extend(tenant.into_iter().flat_map(|tenant| ["--tenant", tenant]));
    // The system need not know them.
    env.run(&args).warned();
}

/// The audit events of one outcome, oldest first: actor, action, object, details.
fn events(env: &Env, outcome: &str) -> Vec<(String, String, String, String)> {
    let sql = env.sql();
    let mut read = sql
        .prepare("SELECT actor, action, object, details FROM audit_events WHERE outcome = ?1 ORDER BY id")
        .unwrap();
    let rows = read.query_map([outcome], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Everything in the database but audit events and what is given out with them.
fn contents(env: &Env) -> Vec<String> {
    let sql = env.sql();
    let tables = [
        "tenants",
        "schedules",
        "runs",
        "backup_sets",
        "roles",
        "retention_defaults",
    ];
    let mut rows = Vec::new();
    for table in tables {
        let columns: Vec<String> = sql
            .prepare(&format!(
                "SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"
            ))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let all = format!(
            "SELECT '{table} ' || {} FROM {table}",
            columns.join(" || ' ' || ")
        );
        let mut read = sql.prepare(&all).unwrap();
        let found = read.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.extend(found.map(Result::unwrap));
    }
    rows
}

/// Commands by the least role for all tenants that may give them. Each fails for another reason or
/// does nothing where it is allowed, so that they can be tried one after the other.
fn by_role() -> [(&'static str, Vec<Vec<&'static str>>); 4] {
    let words =
        |lines: &[&'static str]| lines.iter().map(|line| line.split(' ').collect()).collect();
    [
        (
            "readonly",
            words(&[
                "tenants list",
                "tenants show contoso",
                "schedules list",
                "schedules show 1",
                "schedules next 1",
                "schedules upcoming",
                "retention --dry-run",
                "retention --show-default",
                "history",
                "history show 1",
                "status",
                "backups list",
                "backups show 1",
                "backups export 1 --to /proc/nowhere/at/all",
                "backups log nothing",
                "backups diff 1 1",
                "backups verify 1",
                "audit list",
                "audit verify",
                "roles list",
                "fleet export",
                "fleet apply /nowhere.toml --dry-run",
                "db info",
                "db check",
            ]),
        ),
        (
            "operator",
            words(&[
                "run none",
                "retry 99",
                "dispatch --at 2026-01-01T00:00:00Z",
                "tenants check none",
                "backups diff 99 --live",
            ]),
        ),
        (
            "manager",
            words(&[
                "schedules add nightly --tenant contoso --at 02:00",
                "schedules edit 1 --keep-last default",
                "schedules enable 1",
                "schedules disable 99",
                "schedules remove 99 --yes",
                "schedules restore 1",
                "retention",
                "fleet apply /nowhere.toml --yes",
                "retention --set-default --keep-last 30",
                "backups import /nowhere --tenant contoso",
                "backups acknowledge 99",
                "backups pin 99 --reason none",
                "backups unpin 99",
                "backups expire 99",
                "backups unexpire 99",
            ]),
        ),
        (
            "owner",
            words(&[
                "tenants add x --directory contoso.onmicrosoft.com --client-id 11111111-2222-3333-4444-555555555555 --secret-env X",
                "tenants edit 99 --name y",
                "tenants remove 99 --yes",
                "schedules remove 99 --purge --yes",
                "backups delete 99 --yes",
                "roles grant zoe readonly",
                "roles revoke nobody-at-all",
                "db backup /nowhere/at/all.db",
            ]),
        ),
    ]
}

#[test]
fn each_role_may_what_the_lesser_may_and_no_more() {
    let mut stage = stage();
    grant(&stage.env, "root-of-all", "owner", None);
    let levels = by_role();
    for (held, (role, _)) in levels.iter().enumerate() {
        act_as_owner_of_the_file(&mut stage.env);
        grant(&stage.env, "ben", role, None);
        act_as(&mut stage.env, "ben");
        for (needed, (_, commands)) in levels.iter().enumerate() {
            for command in commands {
                let before = (needed > held).then(|| contents(&stage.env));
                let denied = events(&stage.env, "denied").len();
                let run = stage.env.run(command);
                let what = format!("{role}: {}: {}", command.join(" "), run.stderr);
                assert_eq!(run.code == Some(20), needed > held, "{what}");
                let Some(before) = before else { continue };
                assert_eq!(run.stdout, "", "{what}");
                assert!(run.stderr.contains("ben may not "), "{what}");
                assert!(
                    run.stderr.contains("tenantpilot roles grant ben "),
                    "{what}"
                );
                assert_eq!(contents(&stage.env), before, "{what}");
                let denied_now = events(&stage.env, "denied");
                assert_eq!(denied_now.len(), denied + 1, "{what}");
                let (actor, action, ..) = denied_now.last().unwrap();
                assert_eq!(actor, "ben");
                assert!(what.contains(&action.replace('.', " ")), "{what}: {action}");
            }
        }
        act_as(&mut stage.env, "eve");
        for command in levels.iter().flat_map(|(_, commands)| commands) {
            assert_eq!(stage.env.run(command).code, Some(20), "eve: {command:?}");
        }
    }
    act_as_owner_of_the_file(&mut stage.env);
    stage.env.run(&["audit", "verify"]).ok();
}

#[test]
fn somebody_with_a_role_in_one_tenant_sees_nothing_of_the_others() {
    let mut stage = stage();
    grant(&stage.env, "cleo", "manager", Some("contoso"));
    act_as(&mut stage.env, "cleo");
    for command in [
        "tenants list",
        "schedules list --archived",
        "schedules upcoming",
        "history",
        "status",
        "status --calendar",
        "backups list",
        "audit list",
        "roles list",
        "retention --dry-run",
    ] {
        let run = stage.env.run(&command.split(' ').collect::<Vec<_>>());
        let (_, said) = (run.code, format!("{}{}", run.stdout, run.stderr));
        assert!(!said.contains("fabrikam"), "{command}: {said}");
        assert!(said.contains("contoso"), "{command}: {said}");
    }
    assert_eq!(stage.env.json(&["backups", "verify"])["sets"], 1);
    // A name that two tenants have means the one that she knows of.
    stage.env.run(&["run", "nightly", "--quiet"]).ok();
    stage.env.run(&["run", "--all", "--quiet"]).ok();
    assert_eq!(stage.env.items(&["history"]).len(), 3);
    assert_eq!(stage.env.items(&["history", "--limit", "2"]).len(), 2);
    let stderr = stage.env.run(&["schedules", "show", "nighty"]).fails(18);
    assert!(!stderr.contains("fabrikam"), "{stderr}");
    for command in [
        "tenants show fabrikam",
        "schedules show 2",
        "schedules show fabrikam/nightly",
        "schedules edit fabrikam/nightly --keep-last 3",
        "history --tenant fabrikam",
        "history show 2",
        "backups show 2",
        "backups verify 2",
        "backups diff 1 2",
        "run 2",
        "retry 2",
        "dispatch",
        "retention",
        "db info",
    ] {
        let before = contents(&stage.env);
        let run = stage.env.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(run.code, Some(20), "{command}: {}", run.stderr);
        assert_eq!(contents(&stage.env), before, "{command}");
    }
    let denied = events(&stage.env, "denied");
    let of_run = denied
        .iter()
        .find(|(_, action, ..)| action == "run")
        .unwrap();
    let details = json!({ "needs": "operator", "has": null }).to_string();
    let expected = ("cleo", "run", "schedule 2", details.as_str());
    assert_eq!(
        (
            of_run.0.as_str(),
            of_run.1.as_str(),
            of_run.2.as_str(),
            of_run.3.as_str()
        ),
        expected
    );
    let trail = stage.env.items(&["audit", "list"]);
    assert!(
        trail.iter().all(|event| event["tenant"] == "contoso"),
        "{trail:?}"
    );
}

#[test]
fn of_several_nothing_is_done_where_one_is_denied() {
    let mut stage = stage();
    for tenant in ["contoso", "fabrikam"] {
        let label = ["tenants", "edit", tenant, "--label", "of=both"];
        stage.env.run(&label).ok();
    }
    // Of each schedule the newest run is one to be tried again.
    stage
        .unprotected()
        .execute_batch("UPDATE runs SET status = 'failed', error_code = 'NETWORK'")
        .unwrap();
    grant(&stage.env, "cleo", "owner", Some("contoso"));
    grant(&stage.env, "cleo", "readonly", Some("fabrikam"));
    act_as(&mut stage.env, "cleo");
    for command in [
        &["run", "contoso/nightly", "fabrikam/nightly"][..],
        &["run", "--all"],
        &["retry", "1", "2"],
        &[
            "schedules",
            "disable",
            "contoso/nightly",
            "fabrikam/nightly",
        ],
        &[
            "schedules",
            "remove",
            "contoso/nightly",
            "fabrikam/nightly",
            "--yes",
        ],
        &["retention", "contoso/nightly", "fabrikam/nightly"],
        &["run", "--label", "of=both"],
        &["retry", "--failed", "--label", "of=both"],
        &["schedules", "enable", "--all"],
        &["schedules", "disable", "--label", "of=both"],
        &["schedules", "remove", "--all", "--yes"],
    ] {
        let before = contents(&stage.env);
        let denied = events(&stage.env, "denied").len();
        let code = stage.env.run(command).code;
        assert_eq!(code, Some(20), "{command:?}");
        assert_eq!(contents(&stage.env), before, "{command:?}");
        let denied_now = events(&stage.env, "denied");
        assert_eq!(denied_now.len(), denied + 1, "{command:?}");
        let (_, _, object, details) = denied_now.last().unwrap();
        assert!(
            matches!(object.as_str(), "schedule 2" | "run 2"),
            "{object}"
        );
        assert!(details.contains(r#""has":"readonly""#), "{details}");
    }
    stage
        .env
        .run(&["run", "--all", "--tenant", "contoso", "--quiet"])
        .ok();
}

#[test]
fn roles_are_given_taken_and_listed() {
    let mut stage = stage();
    let env = &stage.env;
    assert_eq!(env.items(&["roles", "list"]), Vec::<Value>::new());
    let stdout = env.run(&["roles", "list"]).ok();
    assert_eq!(
        stdout,
        "no role is given: whoever can open the database is owner\n"
    );
    let (stdout, _) = env.run(&["roles", "grant", "anna", "owner"]).warned();
    assert_eq!(
        stdout,
        "anna is owner for all tenants\n\
         from now on a user without a role may do nothing, but root and the user who owns the database file\n"
    );
    grant(env, "ben", "operator", Some("contoso"));
    let given = [
        "roles", "grant", "ben", "manager", "--tenant", "1", "--json",
    ];
    let given = serde_json::from_str(&env.run(&given).warned().0).unwrap();
    assert_eq!(names(&given), ["granted_at", "role", "tenant", "user"]);
    let items = env.items(&["roles", "list"]);
    let short: Vec<_> = items
        .iter()
        .map(|item| {
            (
                item["user"].clone(),
                item["role"].clone(),
                item["tenant"].clone(),
            )
        })
        .collect();
    let row = |user, role, tenant: Value| (json!(user), json!(role), tenant);
    assert_eq!(
        short,
        [
            row("ben", "manager", json!("contoso")),
            row("anna", "owner", Value::Null)
        ]
    );
    for (args, code) in [
        (&["roles", "grant", "ben", "boss"][..], 2),
        (&["roles", "grant", " ", "owner"], 2),
        (&["roles", "grant", "ben", "owner", "--tenant", "none"], 18),
        (&["roles", "revoke", "ben"], 18),
        (&["roles", "revoke", "ben", "--tenant", "fabrikam"], 18),
        (&["roles", "revoke", "zoe"], 18),
    ] {
        env.run(args).fails(code);
    }
    let stderr = env.run(&["roles", "revoke", "ben"]).fails(18);
    assert!(
        stderr.contains("hint: ben is manager in tenant contoso (id 1)"),
        "{stderr}"
    );
    env.run(&["roles", "revoke", "ben", "--tenant", "contoso"])
        .ok();
    let changes: Vec<_> = env
        .audit_actions()
        .into_iter()
        .filter(|action| action.starts_with("role."))
        .collect();
    assert_eq!(
        changes,
        ["role.grant", "role.grant", "role.grant", "role.revoke"]
    );

    // An owner in a tenant gives roles there and nowhere else.
    grant(env, "cleo", "owner", Some("contoso"));
    act_as(&mut stage.env, "cleo");
    grant(&stage.env, "ben", "operator", Some("contoso"));
    for tenant in [&["--tenant", "fabrikam"][..], &[]] {
        let error = stage
            .env
            .run(&[&["roles", "grant", "ben", "operator", "--json"], tenant].concat())
            .fails_as_json(20);
        assert_eq!(error["code"], "denied");
    }
    stage.env.run(&["roles", "revoke", "anna"]).fails(20);
}

#[test]
fn nobody_is_locked_out_unawares_or_for_good() {
    let mut env = Env::with_tenant();
    grant(&env, "anna", "owner", None);
    grant(&env, "ben", "manager", None);
    act_as(&mut env, "anna");
    // The last owner, herself: asked, with nobody there to answer.
    for args in [
        &["roles", "revoke", "anna"][..],
        &["roles", "grant", "anna", "operator"],
    ] {
        let stderr = env.run(args).fails(2);
        assert!(
            stderr.contains("nobody is owner for all tenants then"),
            "{stderr}"
        );
        assert!(stderr.contains("hint: add --yes"), "{stderr}");
    }
    env.run(&["roles", "revoke", "anna", "--yes"]).ok();
    env.run(&["roles", "list"]).fails(20);
    env.run(&["roles", "grant", "anna", "owner"]).fails(20);
    // Whoever owns the file is owner whatever roles say.
    act_as_owner_of_the_file(&mut env);
    grant(&env, "anna", "owner", None);
    // Root who calls sudo is root.
    act_as(&mut env, "root");
    env.run(&["roles", "revoke", "anna", "--yes"]).ok();
    let stderr = env.run(&["roles", "revoke", "ben"]).fails(2);
    assert!(stderr.contains("no role is left then"), "{stderr}");
    env.run(&["roles", "revoke", "ben", "--yes"]).ok();
    // Without any role everybody is owner again; who gives the first one away is asked.
    act_as(&mut env, "eve");
    let stderr = env.run(&["roles", "grant", "ben", "operator"]).fails(2);
    assert!(
        stderr.contains("you are not owner for all tenants any more"),
        "{stderr}"
    );
    grant(&env, "eve", "owner", None);
    grant(&env, "ben", "operator", None);
}

#[test]
fn a_tenant_that_is_removed_takes_no_role_along() {
    let mut env = Env::with_tenant();
    grant(&env, "anna", "operator", Some("contoso"));
    env.run(&["tenants", "remove", "contoso", "--yes"]).ok();
    act_as(&mut env, "eve");
    env.run(&["tenants", "list"]).fails(20);
    act_as_owner_of_the_file(&mut env);
    assert_eq!(env.items(&["roles", "list"])[0]["tenant"], "contoso");
    env.run(&["roles", "revoke", "anna", "--tenant", "contoso", "--yes"])
        .ok();
    assert_eq!(env.items(&["roles", "list"]), Vec::<Value>::new());
}

#[test]
fn what_needs_no_database_asks_nobody() {
    let mut env = Env::with_tenant();
    grant(&env, "anna", "owner", None);
    act_as(&mut env, "eve");
    env.run(&["policy-types", "list", "--quiet"]).ok();
    assert!(!env.run(&["completions", "bash"]).ok().is_empty());
    assert_eq!(events(&env, "denied"), Vec::new());
}

#[test]
fn an_operator_for_all_dispatches() {
    let mut stage = Stage::with(Options::default(), FILTERS.0);
    grant(&stage.env, "backup", "operator", None);
    act_as(&mut stage.env, "backup");
    stage.env.run(&["dispatch"]).ok();
    act_as(&mut stage.env, "eve");
    let stderr = stage.env.run(&["dispatch"]).fails(20);
    assert_eq!(
        stderr,
        "error: eve may not dispatch: there is no role for all tenants, and it takes operator\n\
         hint: an owner can allow it for all tenants: tenantpilot roles grant eve operator\n"
    );
}
