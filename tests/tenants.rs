//! `tenants`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;

use env::{CLIENT_ID, Env, mode};
use serde_json::{Value, json};

const DIRECTORY: [&str; 4] = [
    "--directory",
    "contoso.onmicrosoft.com",
    "--client-id",
    CLIENT_ID,
];

fn add<'a>(name: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["tenants", "add", name][..], &DIRECTORY, rest].concat()
}

fn without_times(mut object: Value) -> Value {
    assert!(object["created_at"].as_str().unwrap().ends_with('Z'));
    object.as_object_mut().unwrap().remove("created_at");
    object
}

#[test]
fn a_tenant_is_added_shown_and_listed() {
    let env = Env::new();
    let secret = env.file("secret", "s3cret", 0o600);
    let root = "http://127.0.0.1:9/";
    let args = add(
        "contoso",
        &[
            "--secret-file",
            "secret",
            "--graph-url",
            root,
            "--label",
            "site=oslo",
            "--label",
            "a=b",
        ],
    );
    assert_eq!(env.run(&args).ok(), "added tenant contoso (id 1)\n");
    let expected = json!({
        "id": 1,
        "name": "contoso",
        "directory": "contoso.onmicrosoft.com",
        "cloud": "global",
        "client_id": CLIENT_ID,
        "credential": { "kind": "secret-file", "reference": secret },
        "graph_url": "http://127.0.0.1:9",
        "authority_url": null,
        "labels": { "a": "b", "site": "oslo" },
    });
    assert_eq!(
        without_times(env.json(&["tenants", "show", "contoso"])),
        expected
    );
    assert_eq!(
        env.json(&["tenants", "show", "1"]),
        env.items(&["tenants", "list"])[0]
    );
    assert!(
        env.run(&["tenants", "show", "contoso"])
            .ok()
            .contains("a=b, site=oslo")
    );
    assert_eq!(env.audit_actions(), ["tenant.add"]);
}

#[test]
fn adding_with_json_prints_the_tenant() {
    let env = Env::new();
    let args = add("contoso", &["--secret-command", "cat 'a b'", "--json"]);
    let tenant: Value = serde_json::from_str(&env.run(&args).ok()).unwrap();
    assert_eq!(tenant["id"], 1);
    assert_eq!(
        tenant["credential"],
        json!({ "kind": "secret-command", "reference": "cat 'a b'" })
    );
}

#[test]
fn files_are_private_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let env = Env::new();
        let line = format!(
            r#"umask {umask}; "$0" tenants add contoso {} --secret-env A --quiet"#,
            DIRECTORY.join(" ")
        );
        env.shell(&line).ok();
        let sql = env.sql();
        sql.execute_batch("BEGIN IMMEDIATE; UPDATE tenants SET name = name; COMMIT")
            .unwrap();
        assert_eq!(mode(&env.path("state")), 0o700, "umask {umask}");
        for file in [
            "state/tenantpilot.db",
            "state/tenantpilot.db-wal",
            "state/tenantpilot.db-shm",
        ] {
            assert_eq!(mode(&env.path(file)), 0o600, "{file} under umask {umask}");
        }
    }
}

#[test]
fn what_cannot_be_accepted_is_refused_before_a_database_is_made() {
    let env = Env::new();
    let long = "x".repeat(101);
    let cases: [(Vec<&str>, &str); 14] = [
        (add("", &["--secret-env", "A"]), "takes 1 to 100"),
        (add(&long, &["--secret-env", "A"]), "takes 1 to 100"),
        (
            add("a\u{1b}[2J", &["--secret-env", "A"]),
            "control character",
        ),
        (add("12", &["--secret-env", "A"]), "taken for an id"),
        (
            add("a", &["--secret-env", "A=B"]),
            "cannot be the name of an environment variable",
        ),
        (add("a", &["--secret-env", "A", "--label", "x"]), "has no ="),
        (
            add("a", &["--secret-env", "A", "--cloud", "mars"]),
            "possible values",
        ),
        (
            add(
                "a",
                &[
                    "--secret-env",
                    "A",
                    "--graph-url",
                    "http://graph.microsoft.com",
                ],
            ),
            "not https",
        ),
        (
            add(
                "a",
                &["--secret-env", "A", "--graph-url", "https://a@b.com"],
            ),
            "user name",
        ),
        (
            add(
                "a",
                &["--secret-env", "A", "--graph-url", "https://g.com/beta/"],
            ),
            "ends with /beta: the version of Graph is no part of it, each request brings its own\n\
             hint: give it without: https://g.com\n",
        ),
        (
            add(
                "a",
                &["--secret-env", "A", "--authority-url", "https://a.com/?x"],
            ),
            "query",
        ),
        (
            add("a", &[]),
            "no credential is given\nhint: add one of --certificate FILE, --secret-file FILE",
        ),
        (
            add("a", &["--secret-env", "A", "--secret-file", "B"]),
            "several credentials are given: --secret-env, --secret-file",
        ),
        (
            vec![
                "tenants",
                "add",
                "a",
                "--directory",
                "common",
                "--client-id",
                CLIENT_ID,
                "--secret-env",
                "A",
            ],
            "neither a directory GUID nor a domain",
        ),
    ];
    for (args, why) in cases {
        let stderr = env.run(&args).fails(2);
        assert!(stderr.contains(why), "{args:?}: {stderr}");
        assert!(!stderr.contains('\u{1b}'));
    }
    let no_guid = [
        "tenants",
        "add",
        "a",
        "--directory",
        "a.com",
        "--client-id",
        "x",
        "--secret-env",
        "A",
    ];
    assert!(env.run(&no_guid).fails(2).contains("is not a GUID"));
    assert!(!env.path("state").exists());
}

#[test]
fn a_secret_file_that_others_can_read_is_refused() {
    let env = Env::new();
    let path = env.file("secret", "s3cret", 0o640);
    let stderr = env.run(&add("a", &["--secret-file", "secret"])).fails(17);
    assert!(
        stderr.contains(&path) && stderr.contains("0640"),
        "{stderr}"
    );
    assert!(
        stderr.contains(&format!("hint: chmod 600 {path}")),
        "{stderr}"
    );
    let missing = env
        .run(&add("a", &["--secret-file", "none", "--json"]))
        .fails_as_json(17);
    assert_eq!(missing["code"], "config");
    for flag in ["--secret-file", "--certificate"] {
        let stderr = env.run(&add("a", &[flag, "."])).fails(17);
        let said = " is a folder\nhint: give the path of the file in it\n";
        assert!(stderr.ends_with(said), "{stderr}");
    }
    env.run(&add("a", &["--secret-command", "'open"])).fails(17);
    assert!(!env.path("state").exists());
}

#[test]
fn a_secret_command_that_cannot_be_started_is_warned_of() {
    let env = Env::with_tenant();
    let file = env.file("no-program", "", 0o600);
    for (command, program) in [
        ("/no/such --flag", "/no/such"),
        ("no-such-program-at-all", "no-such-program-at-all"),
        (&file, &file),
    ] {
        for args in [
            add(program, &["--secret-command", command]),
            edit(&["--secret-command", command]),
        ] {
            let (_, stderr) = env.run(&args).warned();
            let said = format!("warning: {program} is no program that can be started now; ");
            assert!(stderr.starts_with(&said), "{stderr}");
        }
    }
    env.run(&edit(&["--secret-command", "/bin/echo x"])).ok();
    env.run(&edit(&["--secret-command", "echo x"])).ok();
}

#[test]
fn a_secret_file_that_holds_none_is_refused_before_it_is_used() {
    let env = Env::with_tenant();
    let empty = env.file("empty", "", 0o600);
    let blank = env.file("blank", " \n", 0o600);
    for path in [&empty, &blank] {
        for flag in ["--secret-file", "--federated-token-file"] {
            for command in [add("a", &[flag, path]), edit(&[flag, path])] {
                let stderr = env.run(&command).fails(17);
                assert_eq!(
                    stderr,
                    format!(
                        "error: secret file {path}: empty\n\
                         hint: it has to give the value of the secret, and nothing else\n"
                    )
                );
            }
        }
    }
}

fn edit<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["tenants", "edit", "contoso"][..], rest].concat()
}

#[test]
fn a_variable_that_is_not_set_now_is_a_warning() {
    let mut env = Env::new();
    let (_, stderr) = env.run(&add("a", &["--secret-env", "A_SECRET"])).warned();
    assert!(stderr.starts_with("warning: environment variable A_SECRET is not set now"));
    env.set("A_SECRET", "s3cret");
    env.run(&add("b", &["--secret-env", "A_SECRET"])).ok();
    assert!(
        !std::fs::read(env.database())
            .unwrap()
            .windows(6)
            .any(|bytes| bytes == b"s3cret")
    );
}

#[test]
fn a_name_is_taken_once() {
    let env = Env::with_tenant();
    let args = add("contoso", &["--secret-command", "true"]);
    insta::assert_snapshot!(env.run(&args).fails(2), @r"
    error: tenant name contoso is taken by the tenant with id 1
    hint: choose another name, or change that tenant: tenantpilot tenants edit 1
    ");
    env.add_tenant("fabrikam");
    let rename = ["tenants", "edit", "fabrikam", "--name", "contoso"];
    assert!(
        env.run(&rename)
            .fails(2)
            .contains("is taken by the tenant with id 1")
    );
    assert_eq!(env.audit_actions(), ["tenant.add", "tenant.add"]);
}

#[test]
fn an_edit_changes_what_is_given_and_nothing_else() {
    let env = Env::with_tenant();
    let before = env.json(&["tenants", "show", "1"]);
    let edit = [
        "tenants",
        "edit",
        "contoso",
        "--name",
        "emea",
        "--label",
        "a=b",
        "--cloud",
        "usgov",
        "--graph-url",
        "https://graph.example.com/",
    ];
    assert_eq!(env.run(&edit).ok(), "changed tenant emea (id 1)\n");
    let mut expected = before.clone();
    expected["name"] = json!("emea");
    expected["labels"] = json!({ "a": "b" });
    expected["cloud"] = json!("usgov");
    expected["graph_url"] = json!("https://graph.example.com");
    assert_eq!(env.json(&["tenants", "show", "emea"]), expected);
    let back = [
        "tenants",
        "edit",
        "1",
        "--name",
        "contoso",
        "--label",
        "a=",
        "--cloud",
        "global",
        "--graph-url",
        "default",
    ];
    env.run(&back).ok();
    assert_eq!(env.json(&["tenants", "show", "1"]), before);
    let details: String = env
        .sql()
        .query_row("SELECT details FROM audit_events WHERE id = 2", [], |row| {
            row.get(0)
        })
        .unwrap();
    let details: Value = serde_json::from_str(&details).unwrap();
    assert_eq!(
        details["name"],
        json!({ "before": "contoso", "after": "emea" })
    );
    assert!(details.get("directory").is_none());
}

#[test]
fn the_same_edit_twice_changes_nothing() {
    let env = Env::with_tenant();
    let edit = ["tenants", "edit", "contoso", "--label", "a=b"];
    env.run(&edit).ok();
    assert_eq!(
        env.run(&edit).ok(),
        "tenant contoso (id 1) is like that already\n"
    );
    assert_eq!(env.audit_actions(), ["tenant.add", "tenant.edit"]);
    assert_eq!(
        env.run(&["tenants", "edit", "contoso"]).fails(2),
        "error: nothing to change in tenant contoso: no flag is given\n\
         hint: tenantpilot tenants edit --help\n"
    );
}

#[test]
fn an_unknown_tenant_is_not_found_and_the_closest_is_named() {
    let env = Env::with_tenant();
    insta::assert_snapshot!(env.run(&["tenants", "show", "contsoo"]).fails(18), @r"
    error: no tenant named contsoo
    hint: the closest name is contoso; see tenantpilot tenants list
    ");
    let stderr = env.run(&["tenants", "show", ""]).fails(18);
    assert!(
        stderr.starts_with("error: no tenant named \"\"\n"),
        "{stderr}"
    );
    for given in ["9", "99999999999999999999", "x'; DROP TABLE tenants; --"] {
        env.run(&["tenants", "show", given]).fails(18);
    }
    let error = env
        .run(&["tenants", "show", "x\u{202e}y", "--json"])
        .fails_as_json(18);
    assert_eq!(error["message"], "no tenant named x\u{202e}y");
    assert!(
        !env.run(&["tenants", "show", "x\u{202e}\n"])
            .fails(18)
            .contains('\u{202e}')
    );
    assert_eq!(env.items(&["tenants", "list"]).len(), 1);
}

#[test]
fn names_are_data_everywhere() {
    let env = Env::new();
    let name = "Robert'); DROP TABLE tenants;-- \u{202e}🚀";
    env.run(&add(name, &["--secret-command", "true"])).ok();
    assert_eq!(env.json(&["tenants", "show", name])["name"], name);
    let raw = env.run(&["tenants", "list", "--json"]).ok();
    assert!(
        !raw.contains('\u{202e}'),
        "hidden characters are escapes in JSON"
    );
    let table = env.run(&["tenants", "list"]).ok();
    assert!(
        table.contains(r"\u{202e}🚀") && table.lines().count() == 2,
        "{table}"
    );
}

#[test]
fn a_tenant_in_use_is_not_removed() {
    let env = Env::with_tenant();
    let add = [
        "schedules",
        "add",
        "night ly",
        "--tenant",
        "contoso",
        "--at",
        "02:00",
    ];
    env.run(&add).ok();
    insta::assert_snapshot!(env.run(&["tenants", "remove", "contoso", "--yes"]).fails(2), @r"
    error: cannot remove tenant contoso (id 1): it has schedules: night ly
    hint: tenantpilot schedules remove 'contoso/night ly' --yes
    ");
    env.run(&["schedules", "remove", "contoso/night ly", "--yes"])
        .ok();
    env.sql()
        .execute_batch(
            "INSERT INTO contents (tenant_id, hash, size_bytes, data) VALUES (1, zeroblob(32), 0, '');
             INSERT INTO runs (id, tenant_id, schedule_id, trigger, actor, created_at, finished_at,
                               status)
             VALUES (7, 1, 1, 'manual', 'a', 0, 0, 'success');
             INSERT INTO backup_sets (id, tenant_id, schedule_id, run_id, time, created_at, status,
                                      policies, root_hash)
             VALUES (5, 1, 1, 7, 0, 0, 'complete', 0, zeroblob(32));
         UPDATE backup_sets SET expired_at = 0"
                .replace("''", "x''")
                .as_str(),
        )
        .unwrap();
    let stderr = env.run(&["tenants", "remove", "contoso", "--yes"]).fails(2);
    assert!(
        stderr.contains("backup sets: 1 of them, the newest has id 5"),
        "{stderr}"
    );
    assert!(
        stderr.contains("hint: tenantpilot backups list --tenant 1 (with --expired"),
        "{stderr}"
    );
}

#[test]
fn a_removed_tenant_is_gone_from_sight_and_stays_on_record() {
    let env = Env::with_tenant();
    insta::assert_snapshot!(env.run(&["tenants", "remove", "contoso"]).fails(2), @r"
    error: will not remove tenant contoso (id 1) without a yes
    hint: add --yes to the command
    ");
    assert_eq!(
        env.run(&["tenants", "remove", "contoso", "--yes"]).ok(),
        "removed tenant contoso (id 1)\n"
    );
    assert_eq!(env.items(&["tenants", "list"]), [] as [Value; 0]);
    for given in ["contoso", "1"] {
        env.run(&["tenants", "show", given]).fails(18);
        env.run(&["tenants", "remove", given, "--yes"]).fails(18);
    }
    let rows: i64 = env
        .sql()
        .query_row(
            "SELECT count(*) FROM tenants WHERE removed_at IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, 1);
    env.add_tenant("contoso");
    assert_eq!(
        env.json(&["tenants", "show", "contoso"])["id"],
        2,
        "its name is free again"
    );
}

#[test]
fn tenants_are_listed_by_name() {
    let env = Env::with_tenant();
    env.add_tenant("adatum");
    let names: Vec<Value> = env
        .items(&["tenants", "list"])
        .iter()
        .map(|item| item["name"].clone())
        .collect();
    assert_eq!(names, ["adatum", "contoso"]);
}

#[test]
fn the_actor_is_the_user_who_called_sudo() {
    let mut env = Env::new();
    env.set("SUDO_USER", "anna");
    env.add_tenant("contoso");
    let actor: String = env
        .sql()
        .query_row("SELECT actor FROM audit_events", [], |row| row.get(0))
        .unwrap();
    let root = whoami::username().unwrap() == "root";
    assert_eq!(
        actor == "anna",
        root,
        "only root can have been called by sudo"
    );
}

#[test]
fn a_label_without_a_value_is_none() {
    let env = Env::with_tenant();
    let secret = env.path("secret");
    let secret = ["--secret-file", secret.to_str().unwrap()];
    let labels = ["--label", "a=", "--label", "b=1", "--json"];
    let out = env.run(&add("x", &[&secret[..], &labels].concat())).ok();
    let tenant: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(tenant["labels"], json!({ "b": "1" }));
}
