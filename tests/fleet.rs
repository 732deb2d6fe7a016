//! `fleet apply` and `fleet export`: a file says how tenants and schedules are, all of it or nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "fleet/refused.rs"]
mod refused;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;

use env::{CLIENT_ID, Env, Run};
use serde_json::{Value, json};
use stage::{FILTERS, Stage};

/// A file of tenants; each is its name and lines of its own, then its schedules.
struct File {
    text: String,
    secret: String,
}

impl File {
    fn new(env: &Env) -> Self {
        Self {
            text: String::new(),
            secret: env.file("secret", "s3cret\n", 0o600),
        }
    }

    fn tenant(mut self, name: &str, more: &str) -> Self {
        let secret = &self.secret;
        self.text.push_str(&format!(
            "[[tenants]]\nname = \"{name}\"\ndirectory = \"contoso.onmicrosoft.com\"\n\
             client_id = \"{CLIENT_ID}\"\n\
             credential = {{ kind = \"secret-file\", reference = \"{secret}\" }}\n{more}\n"
        ));
        self
    }

    fn schedule(mut self, name: &str, more: &str) -> Self {
        self.text.push_str(&format!(
            "[[tenants.schedules]]\nname = \"{name}\"\nat = [\"02:00\"]\n{more}\n"
        ));
        self
    }

    fn apply(&self, env: &Env, more: &[&str]) -> Run {
        env.file("fleet.toml", &self.text, 0o600);
        env.run(&[&["fleet", "apply", "fleet.toml"][..], more].concat())
    }

    fn plan(&self, env: &Env, more: &[&str]) -> Value {
        env.file("fleet.toml", &self.text, 0o600);
        let args = [&["fleet", "apply", "fleet.toml", "--json"][..], more].concat();
        serde_json::from_str(&env.run(&args).warned().0).unwrap()
    }
}

/// Two tenants with three schedules.
fn two(env: &Env) -> File {
    File::new(env)
        .tenant("contoso", "labels = { env = \"prod\" }")
        .schedule("nightly", "timezone = \"Europe/Oslo\"\nkeep_last = 7")
        .schedule("weekly", "days = [\"mon\"]\nspread = \"30m\"")
        .tenant("fabrikam", "")
        .schedule("nightly", "enabled = false")
}

/// Everything in the database, a line for each row.
fn dump(env: &Env) -> Vec<String> {
    let sql = env.sql();
    let rows = |query: &str| -> Vec<String> {
        let mut read = sql.prepare(query).unwrap();
        let rows = read.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let tables = rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let mut all = Vec::new();
    for table in tables {
        let columns = rows(&format!(
            "SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"
        ));
        let columns = columns.join(" || ',' || ");
        all.extend(rows(&format!(
            "SELECT '{table} ' || {columns} FROM {table}"
        )));
    }
    all
}

/// What a plan is going to do, or has done.
fn steps(plan: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let changes = plan["changes"].as_array().unwrap().iter();
    let told = changes.map(|change| {
        let fields = change["fields"].as_array().unwrap().iter();
        let fields: Vec<String> = fields.map(|field| word(&field["field"])).collect();
        let [action, object, tenant, name] =
            ["action", "object", "tenant", "name"].map(|key| word(&change[key]));
        format!("{action} {object} {tenant}/{name} {}", fields.join(","))
    });
    told.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_file_makes_a_database_and_does_nothing_the_second_time() {
    let env = Env::new();
    let file = two(&env);
    let (stdout, stderr) = file.apply(&env, &["--dry-run"]).warned();
    assert!(stderr.contains("there is no database"), "{stderr}");
    assert!(!env.database().exists());
    assert_eq!(
        stdout,
        "add      tenant contoso\nadd      schedule contoso/nightly\n\
         add      schedule contoso/weekly\nadd      tenant fabrikam\n\
         add      schedule fabrikam/nightly\nwould be done: 5 added, 0 unchanged\n"
    );
    let pipeline = ["--dry-run", "--exit-code", "--json"];
    let (_, stderr) = file.apply(&env, &pipeline).ends(19);
    let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.ends_with(" says is still to be done: 5 added, 0 unchanged"),
        "{message}"
    );
    let hint = error["error"]["hint"].as_str().unwrap();
    assert!(hint.starts_with("tenantpilot fleet apply "), "{hint}");
    let done = file.apply(&env, &[]).ok();
    assert!(done.ends_with("done: 5 added, 0 unchanged\n"), "{done}");
    assert_eq!(env::mode(&env.database()), 0o600);
    assert_eq!(
        env.audit_actions(),
        [
            "tenant.add",
            "schedule.add",
            "schedule.add",
            "tenant.add",
            "schedule.add",
            "fleet.apply"
        ]
    );
    let weekly = env.json(&["schedules", "show", "weekly"]);
    assert_eq!(weekly["days_of_week"], json!([1]));
    assert_eq!(weekly["spread_s"], 1800);
    let off = env.json(&["schedules", "show", "fabrikam/nightly"]);
    assert_eq!(
        (&off["enabled"], &off["keep_last"]),
        (&json!(false), &json!(30))
    );

    let before = dump(&env);
    assert_eq!(file.apply(&env, &[]).ok(), "done: 5 unchanged\n");
    let plan = file.plan(&env, &[]);
    assert_eq!(
        (&plan["ok"], &plan["applied"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        plan["counts"],
        json!({ "add": 0, "change": 0, "restore": 0, "archive": 0, "remove": 0, "unchanged": 5 })
    );
    file.apply(&env, &["--dry-run", "--exit-code"]).ends(0);
    assert_eq!(dump(&env), before, "not a row, not an event");
    env.run(&["audit", "verify"]).ok();
}

#[test]
fn what_changed_in_the_file_is_changed_and_told_before_and_after() {
    let env = Env::new();
    two(&env).apply(&env, &[]).ok();
    let before = dump(&env);
    let other = File::new(&env)
        .tenant("contoso", "labels = { env = \"test\" }")
        .schedule("nightly", "timezone = \"Europe/Oslo\"\ngrace = \"30m\"")
        .schedule("hourly", "")
        .tenant("fabrikam", "")
        .schedule("nightly", "");
    let plan = other.plan(&env, &["--dry-run"]);
    assert_eq!(
        steps(&plan),
        [
            "change tenant contoso/contoso labels",
            "add schedule contoso/hourly",
            "change schedule contoso/nightly keep_last,grace",
            "archive schedule contoso/weekly",
            "change schedule fabrikam/nightly enabled",
        ]
    );
    assert_eq!(plan["applied"], false);
    assert_eq!(
        plan["changes"][2]["fields"],
        json!([
            { "field": "keep_last", "before": 7, "after": null },
            { "field": "grace", "before": "0s", "after": "30m" },
        ])
    );
    assert_eq!(dump(&env), before, "a dry run changes nothing");
    let (stdout, stderr) = other.apply(&env, &[]).ends(2);
    assert!(
        stdout.contains("  ~ labels: env=prod -> env=test\n"),
        "{stdout}"
    );
    assert_eq!(
        stderr,
        "error: will not archive schedule contoso/weekly without a yes\n\
         hint: add --yes to the command\n"
    );
    assert_eq!(
        dump(&env),
        before,
        "nothing is done without a yes where something goes"
    );
    let done = other.apply(&env, &["--yes"]).ok();
    assert!(
        done.ends_with("\ndone: 1 added, 3 changed, 1 archived, 1 unchanged\n"),
        "{done}"
    );
    assert_eq!(
        env.audit_actions()[6..],
        [
            "tenant.edit",
            "schedule.add",
            "schedule.edit",
            "schedule.remove",
            "schedule.edit",
            "fleet.apply"
        ]
    );
    // Named again, what was archived comes back as the file has it, with its history.
    let weekly = env.items(&["schedules", "list", "--archived", "--label", "env=test"]);
    let weekly = weekly.iter().find(|one| one["name"] == "weekly").unwrap()["id"].clone();
    let done = two(&env).apply(&env, &["--yes"]).ok();
    assert!(
        done.contains("restore  schedule contoso/weekly\n"),
        "{done}"
    );
    let shown = env.json(&["schedules", "show", "weekly"]);
    assert_eq!(
        (&shown["id"], &shown["archived_at"]),
        (&weekly, &Value::Null)
    );
    assert!(shown["next_run_at"].is_string());
    assert!(!done.contains("disabled"), "{done}");
    // As the file has it, which may be disabled.
    env.run(&["schedules", "disable", "weekly"]).ok();
    let file = env.run(&["fleet", "export"]).ok();
    let file = env.file("disabled.toml", &file, 0o600);
    env.run(&["schedules", "remove", "weekly", "--yes"]).ok();
    for how in ["--dry-run", "--yes"] {
        let done = env.run(&["fleet", "apply", &file, how]).ok();
        let said =
            "restore  schedule contoso/weekly\n  it is disabled: the file says enabled = false\n";
        assert!(done.contains(said), "{done}");
    }
}

#[test]
fn what_is_exported_is_applied_elsewhere_and_exported_the_same() {
    let env = Env::with_tenant();
    env.run(&[
        "tenants",
        "edit",
        "contoso",
        "--label",
        "a b=##vso[x] \"q\" \\ \u{202e}",
        "--label",
        "env=prod",
    ])
    .ok();
    env.run(&[
        "tenants",
        "add",
        "Contoso",
        "--directory",
        "contoso.com",
        "--cloud",
        "china",
        "--managed-identity",
        CLIENT_ID,
    ])
    .ok();
    env.run(&[
        "tenants",
        "add",
        "by/command",
        "--directory",
        CLIENT_ID,
        "--client-id",
        CLIENT_ID,
        "--secret-command",
        "/bin/echo 'a b'",
        "--graph-url",
        "http://127.0.0.1:1/x/",
    ])
    .ok();
    for (name, more) in [
        (
            "::set-output:: 漢字 🚀",
            &["--at", "06:00", "--at", "01:00", "--days", "sun,mon"][..],
        ),
        (
            "cron",
            &[
                "--cron",
                "15  2 * * 1-5",
                "--types",
                "all",
                "--exclude-types",
                "roleScopeTag",
            ],
        ),
        (
            "kept",
            &[
                "--at",
                "02:00",
                "--keep-last",
                "3",
                "--keep-within",
                "36h",
                "--max-runtime",
                "90s",
                "--disabled",
            ],
        ),
    ] {
        let add = [
            "schedules",
            "add",
            name,
            "--tenant",
            "contoso",
            "--timezone",
            "Europe/Oslo",
        ];
        env.run(&[&add[..], more].concat()).warned();
    }
    env.run(&["schedules", "add", "gone", "--tenant", "1", "--at", "02:00"])
        .ok();
    env.run(&["schedules", "remove", "gone", "--yes"]).ok();
    let before = dump(&env);
    for (name, args) in [
        ("f.toml", &["fleet", "export"][..]),
        ("f.json", &["fleet", "export", "--json"]),
    ] {
        let exported = env.run(args).ok();
        assert_eq!(env.run(args).ok(), exported, "the same bytes each time");
        assert!(
            !exported.contains("##vso[") && !exported.contains('\u{202e}'),
            "{exported}"
        );
        assert!(
            !exported.contains("gone") && !exported.contains("\"id\""),
            "{exported}"
        );
        let file = env.file(name, &exported, 0o600);
        assert!(
            env.run(&["fleet", "apply", &file])
                .ok()
                .ends_with("done: 6 unchanged\n")
        );
        let other = env.path(&format!("other/{name}.db"));
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        let other = ["--db", other.to_str().unwrap()];
        env.run(&[&["fleet", "apply", &file][..], &other].concat())
            .ok();
        assert_eq!(env.run(&[args, &other].concat()).ok(), exported);
        // From standard input, where the text says which of the two it is; as Windows saves it.
        for text in [
            exported.clone(),
            format!("\u{feff}{}", exported.replace('\n', "\r\n")),
        ] {
            let mut command = env.command(&["fleet", "apply", "-"]);
            let run =
                Run::from_output("fleet apply -", command.write_stdin(text).output().unwrap());
            assert_eq!(run.ok(), "done: 6 unchanged\n");
        }
    }
    assert_eq!(dump(&env), before);
}

#[test]
fn the_example_is_applied_with_secrets_that_are_there() {
    let env = Env::new();
    let example = include_str!("../examples/fleet.toml");
    env.file("fleet.toml", example, 0o600);
    let (stdout, stderr) = env
        .run(&["fleet", "apply", "fleet.toml", "--dry-run"])
        .warned();
    assert!(
        stdout.ends_with("would be done: 5 added, 0 unchanged\n"),
        "{stdout}"
    );
    assert!(
        stderr.contains("credentials that cannot be used from here: 2, the first: "),
        "{stderr}"
    );
    // Where they are not, nothing is made.
    let stderr = env.run(&["fleet", "apply", "fleet.toml"]).ends(17).1;
    assert!(stderr.starts_with("error: tenant contoso: "), "{stderr}");
    assert!(!env.database().exists());
    let folder = env.path("");
    let certificate = include_str!("fixtures/sign-in/certificate.pem");
    env.file("contoso.pem", certificate, 0o600);
    env.file("fabrikam", "s3cret", 0o600);
    let here = example.replace("/etc/tenantpilot/", folder.to_str().unwrap());
    env.file("fleet.toml", &here, 0o600);
    env.run(&["fleet", "apply", "fleet.toml"]).warned();
    assert_eq!(env.items(&["schedules", "list"]).len(), 3);
    let exported = env.run(&["fleet", "export"]).ok();
    env.file("fleet.toml", &exported, 0o600);
    assert_eq!(
        env.run(&["fleet", "apply", "fleet.toml"]).ok(),
        "done: 5 unchanged\n"
    );
}

#[test]
fn tenants_that_the_file_does_not_name_stay_and_are_pruned_where_nothing_hangs_on_them() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let env = &stage.env;
    for name in ["empty", "renamed"] {
        env.run(&[
            "tenants",
            "add",
            name,
            "--directory",
            &format!("{name}.com"),
            "--managed-identity",
        ])
        .ok();
        env.run(&[
            "schedules",
            "add",
            "nightly",
            "--tenant",
            name,
            "--at",
            "02:00",
        ])
        .ok();
    }
    let text = "[[tenants]]\nname = \"new\"\ndirectory = \"renamed.com\"\n\
                credential = { kind = \"managed-identity\" }\n";
    env.file("fleet.toml", text, 0o600);
    let before = dump(env);
    let apply = ["fleet", "apply", "fleet.toml"];
    let (_, stderr) = env.run(&[&apply[..], &["--dry-run"]].concat()).warned();
    assert!(
        stderr.contains("tenant contoso stays: it is not in the file\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains(
            "warning: tenant new is new and has nothing of tenant renamed\n\
             hint: if it was renamed, type first: tenantpilot tenants edit 3 --name new\n"
        ),
        "{stderr}"
    );
    let stderr = env.run(&[&apply[..], &["--prune"]].concat()).ends(2).1;
    assert!(
        stderr.contains("will not archive schedule contoso/nightly, "),
        "{stderr}"
    );
    assert_eq!(dump(env), before);
    let (stdout, stderr) = env
        .run(&[&apply[..], &["--prune", "--yes"]].concat())
        .warned();
    for line in [
        "add      tenant new\n",
        "archive  schedule contoso/nightly\n",
        "archive  schedule empty/nightly\n",
        "remove   tenant empty\n",
        "done: 1 added, 3 archived, 2 removed, 0 unchanged\n",
    ] {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
    assert!(
        stderr.contains("tenant contoso stays: it has backup sets: 1 of them"),
        "{stderr}"
    );
    assert_eq!(env.items(&["backups", "list"]).len(), 1);
    let tenants = env.items(&["tenants", "list"]);
    let names: Vec<_> = tenants.iter().map(|tenant| &tenant["name"]).collect();
    assert_eq!(names, ["contoso", "new"]);
    let (stdout, _) = env.run(&[&apply[..], &["--prune"]].concat()).warned();
    assert_eq!(
        stdout, "done: 1 unchanged\n",
        "and then there is nothing to do"
    );
    // An empty file is no fleet; one that says so is.
    env.file("fleet.toml", "", 0o600);
    env.run(&[&apply[..], &["--prune", "--yes"]].concat())
        .fails(2);
    env.file("fleet.toml", "tenants = []\n", 0o600);
    let (stdout, _) = env
        .run(&[&apply[..], &["--prune", "--yes"]].concat())
        .warned();
    assert!(stdout.contains("remove   tenant new\n"), "{stdout}");
}

#[test]
fn a_schedule_that_changes_keeps_what_it_missed() {
    let env = Env::new();
    two(&env).apply(&env, &[]).ok();
    env.sql()
        .execute_batch("UPDATE schedules SET slots_begin = 1767225600, slots_from = 1767225600, next_slot = 1767225600 WHERE id = 1")
        .unwrap();
    let file = File::new(&env)
        .tenant("contoso", "labels = { env = \"prod\" }")
        .schedule(
            "nightly",
            "timezone = \"Europe/Oslo\"\nkeep_last = 7\nenabled = false",
        )
        .schedule("weekly", "days = [\"mon\"]\nspread = \"30m\"");
    let (_, stderr) = file.apply(&env, &[]).warned();
    assert!(
        stderr.contains("warning: schedule nightly (id 1) of tenant contoso missed "),
        "{stderr}"
    );
    assert!(
        stderr.contains("tenant fabrikam stays: it is not in the file"),
        "{stderr}"
    );
    assert_eq!(env.items(&["history"])[0]["error_code"], "MISSED_SLOT");
}
