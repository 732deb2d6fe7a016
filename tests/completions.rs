//! What `complete` answers to the scripts of the shells. What those make of it: `shells.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::time::Duration;

use env::Env;
use rusqlite::params;
use stage::{FILTERS, Stage};
use tenantpilot::store::SCHEMA_VERSION;

/// What `complete` says for a line whose words a shell took apart: the kind, then each candidate
/// with what it is.
fn complete(env: &Env, words: &[&str]) -> (String, Vec<(String, String)>) {
    let answer = env.run(&[&["complete", "fish", "--"], words].concat()).ok();
    let mut lines = answer.lines();
    let kind = lines.next().unwrap().to_owned();
    let candidates = lines.map(|line| {
        let (word, about) = line.split_once('\t').unwrap();
        (word.to_owned(), about.to_owned())
    });
    (kind, candidates.collect())
}

fn words(env: &Env, line: &[&str]) -> Vec<String> {
    let (_, candidates) = complete(env, line);
    candidates.into_iter().map(|(word, _)| word).collect()
}

fn add_schedule(env: &Env, tenant: &str, name: &str, more: &[&str]) {
    let args = ["schedules", "add", "--tenant", tenant, "--at", "02:00"];
    env.run(&[&args[..], more, &["--", name]].concat()).ok();
}

#[test]
fn commands_flags_and_their_values_are_completed_with_what_they_are() {
    let env = Env::new();
    let (kind, commands) = complete(&env, &[""]);
    assert_eq!(kind, "words");
    let names: Vec<&str> = commands.iter().map(|(word, _)| word.as_str()).collect();
    assert!(
        names.contains(&"tenants") && names.contains(&"dispatch"),
        "{names:?}"
    );
    assert!(!names.contains(&"complete"), "nobody types it: {names:?}");
    assert!(commands.iter().all(|(_, about)| !about.is_empty()));
    let flags = words(&env, &["run", "nightly", "--all", "--js"]);
    assert!(flags.contains(&"--json".to_owned()) && flags.contains(&"--wait".to_owned()));
    assert!(!flags.contains(&"--all".to_owned()), "it is given already");
    assert_eq!(words(&env, &["--color", ""]), ["auto", "always", "never"]);
    assert_eq!(words(&env, &["--color=a"])[0], "--color=auto");
    assert_eq!(
        words(&env, &["tenants", "add", "x", "--cloud", ""]),
        ["global", "usgov", "usgov-dod", "china"]
    );
    assert_eq!(
        words(&env, &["roles", "grant", "anna", ""]),
        ["readonly", "operator", "manager", "owner"]
    );
    assert_eq!(words(&env, &["help", "cron", ""]), ["print"]);
    for (line, kind) in [
        (&["db", "backup", ""][..], "files"),
        (&["--db", ""], "files"),
        (&["backups", "import", ""], "folders"),
        (&["roles", "grant", ""], "users"),
        (&["backups", "pin", "1", "--reason", ""], "words"),
    ] {
        assert_eq!(
            complete(&env, line),
            (kind.to_owned(), Vec::new()),
            "{line:?}"
        );
    }
    let (kind, types) = complete(&env, &["schedules", "add", "x", "--types", "default,"]);
    assert_eq!(kind, "open");
    let named = |word: &str| types.iter().any(|(known, _)| known == word);
    assert!(named("default,settingsCatalogPolicy") && !named("default,default"));
    let zones = words(&env, &["schedules", "edit", "x", "--timezone=Eur"]);
    assert!(zones.contains(&"--timezone=Europe/Oslo".to_owned()));
    let statuses = words(&env, &["history", "--status", "failed,"]);
    assert!(
        statuses.contains(&"failed,partial".to_owned()),
        "{statuses:?}"
    );
}

#[test]
fn names_are_those_of_the_database_that_the_line_names() {
    let env = Env::with_tenant();
    env.add_tenant("fabrikam");
    for (tenant, name) in [
        ("contoso", "nightly"),
        ("fabrikam", "nightly"),
        ("contoso", "weekly"),
    ] {
        add_schedule(&env, tenant, name, &["--label", "site=oslo"]);
    }
    let tenants = ["contoso", "fabrikam"];
    assert_eq!(words(&env, &["tenants", "show", ""]), tenants);
    assert_eq!(words(&env, &["tenants", "show", "1"]), ["1", "2"]);
    assert_eq!(
        words(&env, &["history", "--tenant="]),
        ["--tenant=contoso", "--tenant=fabrikam"]
    );
    // The shortest form that means one.
    let schedules = words(&env, &["run", ""]);
    assert_eq!(schedules, ["contoso/nightly", "fabrikam/nightly", "weekly"]);
    assert_eq!(
        words(&env, &["run", "weekly", "contoso/w"])[0],
        "contoso/nightly"
    );
    assert!(
        words(&env, &["schedules", "show", "contoso/w"]).contains(&"contoso/weekly".to_owned())
    );
    assert_eq!(
        words(&env, &["history", "--tenant", "2", "--schedule", ""]),
        ["nightly"],
        "of one tenant a name is enough"
    );
    assert_eq!(
        words(&env, &["schedules", "add", "x", "--label", "s"]),
        ["site="]
    );
    assert_eq!(
        words(&env, &["tenants", "edit", "1", "--label", "site="]),
        ["site=oslo"]
    );
    assert!(
        words(&env, &["schedules", "enable", ""]).is_empty(),
        "all are"
    );
    env.run(&["schedules", "disable", "weekly"]).ok();
    assert_eq!(words(&env, &["schedules", "enable", ""]), ["weekly"]);
    env.run(&["schedules", "remove", "weekly", "--yes"]).ok();
    assert_eq!(words(&env, &["schedules", "restore", ""]), ["weekly"]);
    assert!(!words(&env, &["run", ""]).contains(&"weekly".to_owned()));
    // Another database.
    let other = env.path("other.db");
    std::fs::copy(env.database(), &other).unwrap();
    let sql = rusqlite::Connection::open(&other).unwrap();
    sql.execute("UPDATE tenants SET name = 'adatum' WHERE id = 1", [])
        .unwrap();
    drop(sql);
    let other = other.to_str().unwrap();
    for line in [
        &["--db", other, "tenants", "show", ""][..],
        &["tenants", "show", "--db", "~/other.db", ""],
        &["--db=~/other.db", "tenants", "show", ""],
    ] {
        assert_eq!(words(&env, line), ["adatum", "fabrikam"], "{line:?}");
    }
}

#[test]
fn runs_backup_sets_and_policies_are_offered_with_what_they_are() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.success();
    let env = &stage.env;
    let (_, runs) = complete(env, &["history", "show", ""]);
    assert_eq!(runs[0].0, "2");
    assert!(runs[0].1.ends_with("success"), "{runs:?}");
    assert!(
        words(env, &["retry", ""]).is_empty(),
        "none is to be tried again"
    );
    let (_, sets) = complete(env, &["backups", "diff", "2", ""]);
    assert_eq!(sets.len(), 1, "the other is given already: {sets:?}");
    assert!(
        sets[0].0 == "1" && sets[0].1.contains("complete"),
        "{sets:?}"
    );
    assert!(words(env, &["backups", "unpin", ""]).is_empty());
    env.run(&["backups", "pin", "1", "--reason", "audit"]).ok();
    assert_eq!(words(env, &["backups", "unpin", ""]), ["1"]);
    let line = ["backups", "show", "2", "--policy"];
    let (kind, types) = complete(env, &[&line[..], &[""]].concat());
    let key = format!("{}/", FILTERS.0);
    assert_eq!(
        (kind.as_str(), types[0].0.as_str(), types.len()),
        ("open", key.as_str(), 1)
    );
    let (_, policies) = complete(env, &[&line[..], &[&key]].concat());
    assert!(
        policies.len() > 1
            && policies
                .iter()
                .all(|(word, about)| { word.starts_with(&key) && !about.is_empty() })
    );
    assert_eq!(words(env, &["backups", "log", &key]).len(), policies.len());
}

#[test]
fn who_may_not_look_is_told_no_names_and_leaves_no_trace() {
    let mut env = Env::with_tenant();
    env.add_tenant("fabrikam");
    add_schedule(&env, "contoso", "nightly", &[]);
    add_schedule(&env, "fabrikam", "weekly", &[]);
    env.run(&["roles", "grant", "anna", "owner"]).warned();
    env.run(&["roles", "grant", "ben", "readonly", "--tenant", "contoso"])
        .warned();
    let before = env.audit_actions();
    env.set("SUDO_USER", "ben");
    assert_eq!(words(&env, &["tenants", "show", ""]), ["contoso"]);
    assert_eq!(words(&env, &["run", ""]), ["nightly"]);
    assert_eq!(words(&env, &["roles", "revoke", ""]), ["anna", "ben"]);
    env.set("SUDO_USER", "eve");
    for line in [
        &["tenants", "show", ""][..],
        &["run", ""],
        &["history", "show", ""],
    ] {
        assert!(words(&env, line).is_empty(), "{line:?}");
    }
    assert!(words(&env, &["ru"]).contains(&"run".to_owned()));
    env.unset("SUDO_USER");
    assert_eq!(env.audit_actions(), before);
}

#[test]
fn a_keystroke_makes_migrates_and_waits_for_nothing() {
    let env = Env::new();
    let nothing = |env: &Env| assert!(words(env, &["tenants", "show", ""]).is_empty());
    nothing(&env);
    assert!(!env.path("state").exists());
    env.add_tenant("contoso");
    let older = SCHEMA_VERSION - 1;
    env.sql()
        .pragma_update(None, "user_version", older)
        .unwrap();
    nothing(&env);
    let version = |env: &Env| -> i64 {
        let sql = env.sql();
        sql.pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    assert_eq!(version(&env), older);
    env.sql()
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .unwrap();
    // Nobody gets in; a command would wait for ten seconds.
    let sql = env.sql();
    sql.pragma_update(None, "locking_mode", "EXCLUSIVE")
        .unwrap();
    sql.execute_batch("BEGIN EXCLUSIVE; COMMIT").unwrap();
    let run = env.start(&["complete", "fish", "--", "tenants", "show", ""]);
    assert_eq!(run.end_within(Duration::from_secs(8)).ok(), "words\n");
    drop(sql);
    assert_eq!(words(&env, &["tenants", "show", ""]), ["contoso"]);
    for (name, content) in [
        ("empty.db", ""),
        ("text.db", "no database"),
        ("folder.db/x", ""),
    ] {
        let path = env.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        let named = env.path(name.split('/').next().unwrap());
        let line = ["--db", named.to_str().unwrap(), "tenants", "show", ""];
        assert!(words(&env, &line).is_empty(), "{name}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_name_that_cannot_be_typed_is_offered_as_its_id() {
    let env = Env::with_tenant();
    for name in ["--yes", "-h"] {
        add_schedule(&env, "contoso", name, &[]);
    }
    add_schedule(&env, "contoso", "x", &[]);
    let rename = "UPDATE schedules SET name = ?1 WHERE id = 3";
    for name in [
        "a\nb",
        "tab\there",
        "esc\u{1b}[2J",
        "\u{202e}turned",
        "##vso[x]",
    ] {
        env.sql().execute(rename, params![name]).unwrap();
        let mut offered = words(&env, &["run", ""]);
        offered.sort();
        assert_eq!(offered, ["1", "2", "3"], "{name:?}");
    }
}
