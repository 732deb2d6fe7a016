//! How a tenant is signed in to: what the account that runs backups starts, reads and asks.

use super::*;

#[test]
fn what_the_account_starts_reads_and_asks_is_for_an_owner_of_all() {
    let mut stage = stage();
    grant(&stage.env, "ben", "owner", Some("contoso"));
    grant(&stage.env, "anna", "owner", None);
    let taken = stage.env.path("taken");
    let command = format!("touch {}", taken.display());
    let other = stage.env.path("client-secret");
    let other = other.to_str().unwrap();
    let accesses: [&[&str]; 9] = [
        &["--secret-command", &command],
        &[
            "--secret-file",
            other,
            "--authority-url",
            "https://ben.example",
        ],
        &["--secret-file", "/no/such/file"],
        &["--secret-env", "HOME"],
        &["--managed-identity"],
        &["--graph-url", "https://ben.example"],
        &["--authority-url", "https://ben.example"],
        &["--directory", "fabrikam.onmicrosoft.com"],
        &["--cloud", "china"],
    ];
    act_as(&mut stage.env, "ben");
    for access in accesses {
        let before = contents(&stage.env);
        let edit = [&["tenants", "edit", "contoso", "--name", "x"], access].concat();
        let stderr = stage.env.run(&edit).fails(20);
        assert_eq!(
            stderr,
            "error: ben may not say how tenants are reached and signed in to: there is no role for all tenants, and it takes owner\n\
             hint: an owner can allow it for all tenants: tenantpilot roles grant ben owner\n"
        );
        assert_eq!(contents(&stage.env), before, "{access:?}");
    }
    let denied = events(&stage.env, "denied");
    assert_eq!(denied.len(), accesses.len());
    for (actor, action, object, _) in &denied {
        let all = [actor.as_str(), action, object];
        assert_eq!(all, ["ben", "tenants.edit", "tenant 1"]);
    }
    stage.env.run(&["tenants", "check", "contoso"]).ok();
    assert!(!taken.exists());
    let own = ["--label", "a=b", "--client-id", env::CLIENT_ID];
    stage
        .env
        .run(&[&["tenants", "edit", "contoso"], &own[..]].concat())
        .ok();
    // Nor does it show which files there are.
    let add = "tenants add x --directory x.example --client-id 11111111-2222-3333-4444-555555555555 --secret-file /no/such/file";
    let add: Vec<&str> = add.split(' ').collect();
    stage.env.run(&add).fails(20);
    act_as(&mut stage.env, "anna");
    stage.env.run(&add).fails(17);
    let edit = ["tenants", "edit", "contoso", "--secret-command", &command];
    stage.env.run(&edit).ok();
}

#[test]
fn a_file_of_a_fleet_is_no_other_way_to_that() {
    let mut stage = stage();
    grant(&stage.env, "ben", "owner", Some("contoso"));
    act_as(&mut stage.env, "ben");
    let fleet = stage.env.run(&["fleet", "export"]).ok();
    assert!(!fleet.contains("fabrikam"), "{fleet}");
    let apply = |fleet: &str, more: &str| {
        let file = stage.env.file("fleet.toml", fleet, 0o600);
        stage.env.run(&["fleet", "apply", &file, more])
    };
    let url = stage.sandbox.url();
    let secret = stage.env.path("client-secret").display().to_string();
    for (what, other) in [
        (secret.as_str(), "/no/such/file"),
        (url, "https://ben.example"),
    ] {
        let changed = fleet.replace(what, other);
        assert_ne!(changed, fleet);
        let before = contents(&stage.env);
        let stderr = apply(&changed, "--yes").fails(20);
        let expected = "error: ben may not say how tenants are reached and signed in to: ";
        assert!(stderr.starts_with(expected), "{stderr}");
        assert_eq!(contents(&stage.env), before);
        // Nor does a rehearsal try what could not be done.
        assert!(apply(&changed, "--dry-run").ok().contains("1 change"));
    }
    let labelled = fleet.replace("[[tenants]]\n", "[[tenants]]\nlabels = { a = \"b\" }\n");
    apply(&labelled, "--yes").ok();
}
