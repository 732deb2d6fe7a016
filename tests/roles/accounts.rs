//! Accounts of the system: whose database it is, and who comes by sudo.

use super::account::Account;
use super::*;

/// The numbers and names of two users that every system has, where this process may act as them.
fn two_users() -> Option<[(u32, String); 2]> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let find = |wanted: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(wanted))?;
        Some((line.split(':').nth(2)?.parse().ok()?, wanted.to_owned()))
    };
    Some([find("daemon")?, find("nobody")?]).filter(|_| account::is_root())
}

#[test]
fn a_service_account_and_those_who_come_by_sudo() {
    use std::os::unix::fs::PermissionsExt as _;
    let open = |mode| std::fs::Permissions::from_mode(mode);
    let Some([(service, service_name), (other, other_name)]) = two_users() else {
        eprintln!("not tried: this takes root and the users daemon and nobody");
        return;
    };
    let account = Account::of(service);
    let add = [
        "tenants",
        "add",
        "contoso",
        "--directory",
        "contoso.onmicrosoft.com",
    ];
    let credential = ["--client-id", env::CLIENT_ID, "--secret-env", "SECRET"];
    account.run(None, &[&add[..], &credential].concat()).ok();
    let database = account
        .home
        .path()
        .join(".local/state/tenantpilot/tenantpilot.db");
    account
        .run(None, &["roles", "grant", &other_name, "readonly"])
        .ok();

    // cron, as the account itself; the other user, by sudo as the account; and somebody else.
    account.run(None, &["dispatch"]).ok();
    account.run(Some(&other_name), &["tenants", "list"]).ok();
    let stderr = account.run(Some(&other_name), &["dispatch"]).fails(20);
    assert!(
        stderr.contains(&format!(
            "{other_name} may not dispatch: the role for all tenants is readonly"
        )),
        "{stderr}"
    );
    account.run(Some("eve"), &["tenants", "list"]).fails(20);
    // By sudo nobody chooses the file: in one of their own they would be owner.
    let theirs = "/tmp/theirs.db";
    let stderr = account
        .run(Some(&other_name), &["--db", theirs, "tenants", "list"])
        .fails(2);
    assert!(stderr.contains("--db is not for"), "{stderr}");
    account
        .run(None, &["--db", theirs, "tenants", "list"])
        .fails(10);
    // Nor a command that the account would run.
    let stderr = account
        .run(Some(&other_name), &["dispatch", "--hook", "/bin/true"])
        .fails(2);
    assert!(
        stderr.contains("--hook and --metrics are not for"),
        "{stderr}"
    );
    account.run(None, &["dispatch", "--hook", "/bin/true"]).ok();
    // Nor a file that the account can open and they cannot.
    account
        .run(
            None,
            &[
                "roles",
                "grant",
                &other_name,
                "owner",
                "--tenant",
                "contoso",
            ],
        )
        .ok();
    let by_path: [&[&str]; 3] = [
        &["backups", "export", "1", "--to", "/tmp/theirs"],
        &["backups", "import", "/tmp/theirs", "--tenant", "contoso"],
        &["fleet", "apply", "/tmp/theirs.toml", "--dry-run"],
    ];
    for command in by_path {
        let stderr = account.run(Some(&other_name), command).fails(20);
        let expected =
            format!("error: {other_name} may not name a file that another user's account opens: ");
        assert!(stderr.starts_with(&expected), "{stderr}");
        let code = account.run(None, command).code;
        assert_eq!(code, Some(if command[0] == "fleet" { 16 } else { 18 }));
    }
    account
        .run(Some(&other_name), &["fleet", "apply", "-", "--dry-run"])
        .fails(2);
    let command = ["tenants", "edit", "contoso", "--secret-command", "id"];
    account.run(Some(&other_name), &command).fails(20);
    account
        .run(
            None,
            &["roles", "revoke", &other_name, "--tenant", "contoso"],
        )
        .ok();

    // Without sudo the other user cannot open it.
    let path = database.to_str().unwrap();
    let direct = |sudo_user, args: &[&str]| {
        account.run_as(other, sudo_user, &[&["--db", path][..], args].concat())
    };
    direct(None, &["tenants", "list"]).fails(16);
    // In a shared file they are who they are, whatever a variable says.
    for shared in database.ancestors().take(4) {
        std::fs::set_permissions(shared, open(0o777)).unwrap();
    }
    direct(None, &["tenants", "list"]).ok();
    let stderr = direct(None, &["tenants", "edit", "contoso", "--name", "x"]).fails(20);
    assert!(
        stderr.contains(&format!(
            "{other_name} may not change tenant contoso (id 1)"
        )),
        "{stderr}"
    );
    // Not even sudo's, in the file of somebody else: the variable is no proof there.
    direct(Some("root"), &["roles", "list"]).ok();
    direct(Some("root"), &["roles", "grant", "x", "owner"]).fails(20);
    let trail = account.run(None, &["audit", "list", "--json"]).ok();
    let trail: Value = serde_json::from_str(&trail).unwrap();
    let actors: Vec<_> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                event["actor"].as_str().unwrap(),
                event["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        actors,
        [
            (other_name.as_str(), "denied"),
            (&other_name, "denied"),
            (&service_name, "ok"),
            (&other_name, "denied"),
            (&other_name, "denied"),
            (&other_name, "denied"),
            (&other_name, "denied"),
            (&service_name, "ok"),
            ("eve", "denied"),
            (&other_name, "denied"),
            (&service_name, "ok"),
            (&service_name, "ok"),
        ]
    );
}

/// Users, a group and a rule of sudo; gone when dropped.
struct Machine;

impl Machine {
    fn sh(line: &str) -> String {
        let output = std::process::Command::new("sh")
            .args(["-ec", line])
            .output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        Self::sh(
            "rm -f /etc/sudoers.d/tp-trial
             for user in tp-service tp-ben tp-eve; do userdel -f $user 2>/dev/null || true; done
             groupdel tp-group 2>/dev/null || true",
        );
    }
}

#[test]
#[ignore = "adds users and a rule of sudo; as root where that does no harm: cargo test --test roles -- --ignored"]
fn the_recipe_for_a_service_account_holds() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let program = folder.path().join("tenantpilot");
    env::copy_program(env::PROGRAM, &program);
    let home_folder = home.clone();
    let (at, home, program) = (folder.path().display(), home.display(), program.display());
    let _machine = Machine;
    Machine::sh(&format!(
        "chmod 755 {at} {program}
         groupadd --system tp-group
         useradd --system --create-home --home-dir {home} --shell /usr/sbin/nologin tp-service
         chmod 700 {home}
         useradd --system -G tp-group tp-ben
         useradd --system tp-eve"
    ));
    let rule = include_str!("../../examples/sudoers")
        .replace(">tenantpilot ", ">tp-service ")
        .replace("(tenantpilot)", "(tp-service)")
        .replace("%intune", "%tp-group")
        .replace("/usr/local/bin/tenantpilot", &program.to_string());
    let draft = folder.path().join("sudoers");
    std::fs::write(&draft, rule).unwrap();
    let draft = draft.display();
    Machine::sh(&format!(
        "visudo -cf {draft} && install -m 440 {draft} /etc/sudoers.d/tp-trial"
    ));
    let as_user = |user: &str, line: &str| {
        let output = std::process::Command::new("su")
            .args(["-s", "/bin/sh", user, "-c", line])
            .output();
        Run::from_output(line, output.unwrap())
    };
    let by_sudo = |user: &str, words: &str| {
        as_user(
            user,
            &format!("cd / && sudo -n -u tp-service {program} {words}"),
        )
    };
    let account = |words: &str| {
        as_user(
            "tp-service",
            &format!("cd / && HOME={home} {program} {words}"),
        )
    };
    account("tenants add contoso --directory contoso.onmicrosoft.com --client-id 11111111-2222-3333-4444-555555555555 --secret-env X").warned();
    account("schedules add nightly --tenant contoso --at 02:00 --quiet").ok();
    account("roles grant tp-ben operator --tenant contoso").ok();

    account("dispatch").ok();
    let listed = by_sudo("tp-ben", "schedules list").ok();
    assert!(listed.contains("nightly"), "{listed}");
    // The secret is not there: the run is ben's, fails, and is told to him.
    by_sudo("tp-ben", "run nightly --quiet").fails(17);
    let told = by_sudo("tp-ben", "notifications --json").ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["items"][0]["user"], "tp-ben");
    let stderr = by_sudo("tp-ben", "schedules disable nightly").fails(20);
    assert!(
        stderr.contains("tp-ben may not change schedules of tenant contoso (id 1)"),
        "{stderr}"
    );
    // The owner of one tenant does not have the account copy the database, or hand it a file.
    account("roles grant tp-ben owner --tenant contoso").ok();
    let copy = format!(
        "tenants edit contoso --secret-command \"/bin/sh -c 'cp {home}/.local/state/tenantpilot/tenantpilot.db {home}/taken'\""
    );
    let stderr = by_sudo("tp-ben", &copy).fails(20);
    assert!(
        stderr.contains("tp-ben may not say how tenants are reached and signed in to"),
        "{stderr}"
    );
    by_sudo("tp-ben", "tenants check contoso").fails(17);
    assert!(!home_folder.join("taken").exists());
    by_sudo("tp-ben", "backups export 1 --to /tmp/tp-theirs").fails(20);
    by_sudo("tp-ben", "tenants edit contoso --label a=b").ok();
    by_sudo("tp-ben", &format!("--db {at}/theirs.db tenants list")).fails(2);
    // Neither a variable nor a home folder of his own leads to another file.
    let variable = format!(
        "cd / && HOME=/tmp XDG_STATE_HOME=/tmp TENANTPILOT_DB=/tmp/theirs.db sudo -n -u tp-service {program} schedules list"
    );
    assert!(
        as_user("tp-ben", &variable)
            .ok()
            .contains("contoso  nightly")
    );
    let variable =
        format!("cd / && sudo -n -u tp-service TENANTPILOT_DB=/tmp/x {program} schedules list");
    as_user("tp-ben", &variable).fails(1);
    // Neither as root nor another program, and nobody from outside the group.
    as_user(
        "tp-ben",
        &format!("cd / && sudo -n {program} schedules list"),
    )
    .fails(1);
    as_user("tp-ben", "cd / && sudo -n -u tp-service id").fails(1);
    by_sudo("tp-eve", "schedules list").fails(1);
    as_user(
        "tp-ben",
        &format!("{program} --db {home}/.local/state/tenantpilot/tenantpilot.db tenants list"),
    )
    .fails(16);
    let trail: Value = serde_json::from_str(&account("audit list --json").ok()).unwrap();
    let actors: std::collections::BTreeSet<&str> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["actor"].as_str().unwrap())
        .collect();
    assert_eq!(
        actors.into_iter().collect::<Vec<_>>(),
        ["tp-ben", "tp-service"]
    );
}
