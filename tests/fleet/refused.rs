//! What is not applied, or not twice.

use super::*;

#[test]
fn nothing_of_a_file_is_applied_where_one_entry_cannot_be_accepted() {
    let env = Env::new();
    two(&env).apply(&env, &[]).ok();
    let before = dump(&env);
    let changed = || {
        File::new(&env)
            .tenant("contoso", "")
            .tenant("new", "")
            .schedule("nightly", "")
    };
    for (line, hint) in [
        ("kep_last = 7", "did you mean keep_last?"),
        ("keep_last = 99999999999999999999", "whole number from 1"),
        ("grace = \"\u{9b}2J\"", "90s, 30m"),
        ("labels = { a = \"\\u001b[2J\" }", "has a control character"),
        ("name = \"b\"", "duplicate key"),
        ("at = [\"03:00\"", ""),
        ("x = \"s3cret", ""),
    ] {
        let file = changed().schedule("other", line);
        let stderr = file.apply(&env, &["--yes"]).fails(2);
        assert!(stderr.starts_with("error: fleet.toml, line "), "{stderr}");
        assert!(
            stderr.contains(hint) && !stderr.contains("s3cret"),
            "{line}: {stderr}"
        );
        assert!(!stderr.contains(['\u{1b}', '\u{9b}']), "{stderr:?}");
        let error = file.apply(&env, &["--yes", "--json"]).fails_as_json(2);
        assert_eq!(error["code"], "usage");
    }
    // Several at once, and each is told.
    let many = changed()
        .schedule("x", "a = 1\nb = 2")
        .schedule("y", "grace = 1");
    let stderr = many.apply(&env, &[]).fails(2);
    assert_eq!(stderr.matches("error: ").count(), 3, "{stderr}");
    let lots: String = (0..500).map(|number| format!("k{number} = 1\n")).collect();
    let stderr = changed().schedule("x", &lots).apply(&env, &[]).fails(2);
    assert!(
        stderr.lines().count() < 50 && stderr.ends_with("and 480 more of that kind\n"),
        "{stderr}"
    );
    // What is no text, what is too long, what is not there.
    fs::write(env.path("fleet.toml"), b"# \xff\n").unwrap();
    let stderr = env.run(&["fleet", "apply", "fleet.toml"]).fails(2);
    assert_eq!(
        stderr,
        "error: fleet.toml, line 1: it is not UTF-8\nhint: save the file as UTF-8\n"
    );
    let long = fs::File::create(env.path("long.toml")).unwrap();
    long.set_len(100 * 1024 * 1024).unwrap();
    let stderr = env.run(&["fleet", "apply", "long.toml"]).fails(2);
    assert!(
        stderr.contains("long.toml has more than 8388608 bytes"),
        "{stderr}"
    );
    let stderr = env.run(&["fleet", "apply", "none.toml"]).fails(16);
    assert!(
        stderr.starts_with("error: cannot read none.toml: "),
        "{stderr}"
    );
    let stderr = env.run(&["fleet", "apply", "."]).fails(16);
    assert!(
        stderr.ends_with("hint: name the file in it: tenantpilot fleet apply FILE\n"),
        "{stderr}"
    );
    assert_eq!(dump(&env), before);
    // A secret that others can read is refused when it is given, as by `tenants add`.
    let open = env.file("open", "s3cret", 0o644);
    let file = File {
        secret: open,
        text: String::new(),
    }
    .tenant("third", "");
    let stderr = file.apply(&env, &[]).ends(17).1;
    assert!(
        stderr.contains("tenant third: ") && stderr.contains("has mode 0644"),
        "{stderr}"
    );
    assert_eq!(dump(&env), before);
}

#[test]
fn several_that_apply_a_file_at_once_do_it_once() {
    let env = Env::new();
    let file = two(&env);
    env.file("fleet.toml", &file.text, 0o600);
    let started: Vec<_> = (0..6)
        .map(|_| env.start(&["fleet", "apply", "fleet.toml"]))
        .collect();
    for one in started {
        let (stdout, _) = one.end().warned();
        assert!(stdout.contains("done: "), "{stdout}");
    }
    let actions = env.audit_actions();
    let count = |action: &str| actions.iter().filter(|known| *known == action).count();
    assert_eq!(
        (
            count("tenant.add"),
            count("schedule.add"),
            count("fleet.apply")
        ),
        (2, 3, 1)
    );
    assert_eq!(file.apply(&env, &[]).ok(), "done: 5 unchanged\n");
    env.run(&["audit", "verify"]).ok();
}

#[test]
fn each_tenant_takes_its_own_role_and_a_denial_leaves_all_as_it_was() {
    let mut env = Env::new();
    two(&env).apply(&env, &[]).ok();
    env.run(&["roles", "grant", "anna", "owner"]).warned();
    env.run(&["roles", "grant", "cleo", "manager", "--tenant", "contoso"])
        .warned();
    env.set("SUDO_USER", "cleo");
    let exported = env.run(&["fleet", "export"]).ok();
    assert!(
        exported.contains("contoso") && !exported.contains("fabrikam"),
        "{exported}"
    );
    env.file("mine.toml", &exported, 0o600);
    assert_eq!(
        env.run(&["fleet", "apply", "mine.toml", "--prune"]).ok(),
        "done: 3 unchanged\n"
    );
    let mine = exported.replace("keep_last = 7", "keep_last = 8");
    env.file("mine.toml", &mine, 0o600);
    assert!(
        env.run(&["fleet", "apply", "mine.toml"])
            .ok()
            .contains("~ keep_last: 7 -> 8")
    );
    let before = |env: &Env| -> Vec<String> {
        dump(env)
            .into_iter()
            .filter(|row| !row.contains("audit_events") && !row.starts_with("sqlite_sequence"))
            .collect()
    };
    let rows = before(&env);
    let denied = |env: &Env, text: &str, object: &str| {
        env.file("more.toml", text, 0o600);
        let stderr = env
            .run(&["fleet", "apply", "more.toml", "--yes"])
            .ends(20)
            .1;
        assert!(stderr.contains("cleo may not "), "{stderr}");
        let last = "SELECT actor || ' ' || action || ' ' || object || ' ' || outcome FROM audit_events ORDER BY id DESC LIMIT 1";
        let last: String = env.sql().query_row(last, [], |row| row.get(0)).unwrap();
        assert_eq!(last, format!("cleo fleet.apply {object} denied"));
    };
    // Something that she may, and something that she may not: nothing is done.
    let also = mine.replace("keep_last = 8", "keep_last = 9");
    let tenant = also.replace("env = \"prod\"", "env = \"test\"");
    denied(&env, &tenant, "tenant contoso");
    let new = format!(
        "{also}\n[[tenants]]\nname = \"new\"\ndirectory = \"new.com\"\ncredential = {{ kind = \"managed-identity\" }}\n"
    );
    denied(&env, &new, "tenant new");
    let hidden = new.replace("\"new\"", "\"fabrikam\"");
    denied(&env, &hidden, "tenant 2");
    env.file("more.toml", &hidden, 0o600);
    env.run(&["fleet", "apply", "more.toml", "--dry-run"])
        .fails(20);
    assert_eq!(before(&env), rows);
}
