//! What a denial says of the way out: no more than it takes. An owner copies it.

use super::*;

/// Two tenants, the second with a name that a shell would take apart, and what `daemon` may do there.
fn two() -> Stage {
    let mut stage = stage();
    let rename = ["tenants", "edit", "fabrikam", "--name", "Fabrikam AS"];
    stage.env.run(&rename).ok();
    grant(&stage.env, "anna", "owner", None);
    grant(&stage.env, "daemon", "readonly", Some("Fabrikam AS"));
    act_as(&mut stage.env, "daemon");
    stage
}

#[test]
fn whoever_is_denied_in_one_tenant_is_to_be_given_no_role_in_the_others() {
    let stage = two();
    let of_one = [
        ("run 2", "back up", "operator", "schedule 2"),
        ("run nightly", "back up", "operator", "schedule 2"),
        ("run --all", "back up", "operator", "tenant 2"),
        ("run --tenant 2", "back up", "operator", "tenant 2"),
        ("retry 2", "back up", "operator", "run 2"),
        ("retry --failed", "back up", "operator", "tenant 2"),
        ("tenants check 2", "sign in to", "operator", "tenant 2"),
        (
            "backups diff 2 --live",
            "sign in to",
            "operator",
            "backup set 2",
        ),
        (
            "schedules disable 2",
            "change schedules of",
            "manager",
            "schedule 2",
        ),
        (
            "schedules edit 2 --keep-last 3",
            "change schedules of",
            "manager",
            "schedule 2",
        ),
        (
            "schedules add x --tenant 2 --at 02:00",
            "change schedules of",
            "manager",
            "tenant 2",
        ),
        (
            "retention 2",
            "decide which backup sets stay of",
            "manager",
            "schedule 2",
        ),
        (
            "backups pin 2 --reason x",
            "decide which backup sets stay of",
            "manager",
            "backup set 2",
        ),
        ("tenants remove 2 --yes", "change", "owner", "tenant 2"),
        (
            "roles grant daemon owner --tenant 2",
            "give or take roles in",
            "owner",
            "tenant 2",
        ),
    ];
    for (command, deed, needs, object) in of_one {
        let run = stage.env.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(
            run.fails(20),
            format!(
                "error: daemon may not {deed} tenant Fabrikam AS (id 2): the role is readonly, and it takes {needs}\n\
                 hint: an owner can allow it: tenantpilot roles grant daemon {needs} --tenant 'Fabrikam AS'\n"
            ),
            "{command}"
        );
        let denied = events(&stage.env, "denied");
        assert_eq!(denied.last().unwrap().2, object, "{command}");
    }
    let sql = stage.env.sql();
    let elsewhere =
        "SELECT count(*) FROM audit_events WHERE outcome = 'denied' AND tenant_id IS NOT 2";
    let elsewhere: i64 = sql.query_row(elsewhere, [], |row| row.get(0)).unwrap();
    assert_eq!(elsewhere, 0);
}

#[test]
fn a_role_that_is_for_all_tenants_is_said_to_be() {
    let mut stage = two();
    let any = "error: daemon may not back up any tenant: the role is readonly, and it takes operator\n\
               hint: an owner can allow it for all tenants: tenantpilot roles grant daemon operator; \
               in one alone: with --tenant TENANT\n";
    assert_eq!(stage.env.run(&["run", "none"]).fails(20), any);
    assert_eq!(
        stage.env.run(&["dispatch"]).fails(20),
        "error: daemon may not dispatch: there is no role for all tenants, and it takes operator\n\
         hint: an owner can allow it for all tenants: tenantpilot roles grant daemon operator\n"
    );
    // Who looks at both is told of neither more than of the other.
    act_as_owner_of_the_file(&mut stage.env);
    grant(&stage.env, "daemon", "readonly", None);
    act_as(&mut stage.env, "daemon");
    for command in [&["run", "nightly"][..], &["run", "--all"]] {
        assert_eq!(stage.env.run(command).fails(20), any);
    }
    // Who has no role at all learns which one it takes where.
    act_as(&mut stage.env, "eve");
    let stderr = stage.env.run(&["tenants", "show", "contoso"]).fails(20);
    assert_eq!(
        stderr,
        "error: eve may not look at tenant contoso (id 1): there is no role, and it takes readonly\n\
         hint: an owner can allow it: tenantpilot roles grant eve readonly --tenant contoso\n"
    );
}

/// A name is a customer's: who has no role there learns it from no id, and no name of a schedule.
#[test]
fn the_name_of_a_tenant_is_told_to_those_who_may_look_at_it_or_typed_it() {
    let mut stage = two();
    let alone = ["schedules", "edit", "fabrikam/nightly", "--name", "weekly"];
    act_as_owner_of_the_file(&mut stage.env);
    stage
        .env
        .run(&["tenants", "edit", "2", "--name", "fabrikam"])
        .ok();
    stage.env.run(&alone).ok();
    grant(&stage.env, "cleo", "owner", Some("contoso"));
    let fleet = stage.env.run(&["fleet", "export"]).ok();
    let fleet = stage.env.file("fleet.toml", &fleet, 0o600);
    let by_id = [
        ("tenants show 2", "readonly"),
        ("tenants edit 2 --label a=b", "owner"),
        ("tenants remove 2 --yes", "owner"),
        ("schedules show 2", "readonly"),
        ("schedules show weekly", "readonly"),
        ("schedules add x --tenant 2 --at 02:00", "manager"),
        ("run 2", "operator"),
        ("run weekly", "operator"),
        ("run --tenant 2", "operator"),
        ("retry 2", "operator"),
        ("retention 2", "manager"),
        ("history show 2", "readonly"),
        ("history --schedule weekly", "readonly"),
        ("backups show 2", "readonly"),
        ("backups list --tenant 2", "readonly"),
        ("backups verify 2", "readonly"),
        ("backups delete 2 --yes", "owner"),
        ("audit list --tenant 2", "readonly"),
        ("roles grant ben owner --tenant 2", "owner"),
        ("roles revoke daemon --tenant 2", "owner"),
    ];
    let by_name = [
        ("tenants show fabrikam", "readonly"),
        ("run fabrikam/weekly", "operator"),
        ("run --tenant fabrikam", "operator"),
    ];
    for user in ["eve", "cleo"] {
        act_as(&mut stage.env, user);
        for (command, needs) in by_id {
            let stderr = stage.env.run(&words(command)).fails(20);
            assert!(!stderr.contains("fabrikam"), "{command}: {stderr}");
            let denial = format!(" the tenant with id 2: there is no role, and it takes {needs}\n");
            assert!(stderr.contains(&denial), "{command}: {stderr}");
            let grant = format!(": tenantpilot roles grant {user} {needs} --tenant 2\n");
            assert!(stderr.ends_with(&grant), "{command}: {stderr}");
        }
        for (command, needs) in by_name {
            let stderr = stage.env.run(&words(command)).fails(20);
            let denial =
                format!(" tenant fabrikam (id 2): there is no role, and it takes {needs}\n");
            assert!(stderr.contains(&denial), "{command}: {stderr}");
        }
    }
    // What a file names is typed, too: cleo has it from somebody.
    let stderr = stage
        .env
        .run(&["fleet", "apply", &fleet, "--dry-run"])
        .fails(20);
    let denial = "error: cleo may not look at tenant fabrikam (id 2): there is no role";
    assert!(stderr.starts_with(denial), "{stderr}");
}

#[test]
fn a_name_that_schedules_of_several_tenants_have_names_none_of_them() {
    let mut stage = stage();
    stage.add_tenant("initech", "client-secret", stage.sandbox.url());
    grant(&stage.env, "eve", "operator", Some("initech"));
    act_as(&mut stage.env, "eve");
    for command in [&["run", "nightly"][..], &["schedules", "show", "nightly"]] {
        let stderr = stage.env.run(command).fails(18);
        assert_eq!(
            stderr,
            "error: no schedule named nightly\nhint: tenantpilot schedules list\n"
        );
    }
    // Without any role as well.
    act_as(&mut stage.env, "zoe");
    let stderr = stage.env.run(&["run", "nightly"]).fails(20);
    assert_eq!(
        stderr,
        "error: zoe may not back up any tenant: there is no role, and it takes operator\n\
         hint: an owner can allow it for all tenants: tenantpilot roles grant zoe operator; \
         in one alone: with --tenant TENANT\n"
    );
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}
