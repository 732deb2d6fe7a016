//! Everything twice: what was done once is not done again, and not a row of the database changes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by it"
)]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::collections::BTreeMap;

use fleet::Fleet;
use rusqlite::types::Value;

/// Every row of every table.
fn rows(fleet: &Fleet) -> BTreeMap<String, Vec<Vec<Value>>> {
    let sql = fleet.env.sql();
    let mut tables = sql
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let names = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let names: Vec<String> = names.map(Result::unwrap).collect();
    let read = |name: &String| {
        let mut all = sql.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = all.column_count();
        let rows = all.query_map([], |row| (0..columns).map(|n| row.get(n)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    };
    names
        .iter()
        .map(|name| (name.clone(), read(name)))
        .collect()
}

#[test]
fn what_is_done_twice_is_done_once() {
    let fleet = Fleet::nightly();
    let slots = fleet.slots(1, 2);
    assert_eq!(fleet.dispatch(&slots[0]).ok(), "");
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    fleet.sandbox.set_secret("another");
    fleet.env.run(&["run", "nightly"]).ends(12);
    let secret = sandbox::server::Options::default().client_secret;
    fleet.sandbox.set_secret(&secret);
    let secret_file = fleet.env.path("sandbox-secret");
    let tenant = [
        &["tenants", "add", "fabrikam", "--directory", "fabrikam.com"][..],
        &["--client-id", env::CLIENT_ID, "--secret-file"],
        &[secret_file.to_str().unwrap(), "--quiet"],
    ]
    .concat();
    let schedule = "schedules add weekly --tenant contoso --at 03:00 --days sun --timezone UTC";
    let (words, at) = (str::split_whitespace, slots[1].as_str());
    // How the second time ends.
    let commands: Vec<(Vec<&str>, i32)> = vec![
        (tenant, 2),
        (words("tenants edit contoso --label ring=1").collect(), 0),
        (words(schedule).collect(), 2),
        (words("schedules edit nightly --keep-last 9").collect(), 0),
        (words("schedules disable weekly").collect(), 0),
        (words("schedules enable weekly").collect(), 0),
        (words("schedules remove weekly --yes").collect(), 0),
        (words("schedules restore weekly").collect(), 0),
        (words("retry --failed").collect(), 0),
        (words("backups pin 1 --reason audit").collect(), 0),
        (words("backups unpin 1").collect(), 2),
        (words("backups expire 1").collect(), 2),
        (words("backups unexpire 1").collect(), 2),
        (words("schedules edit nightly --keep-last 1").collect(), 0),
        (words("retention").collect(), 0),
        (vec!["dispatch", "--at", at], 0),
        (words("backups verify").collect(), 0),
        (words("db check").collect(), 0),
        (words("tenants remove fabrikam --yes").collect(), 18),
    ];
    for (args, code) in commands {
        let before = rows(&fleet);
        let first = fleet.env.run(&args);
        assert_eq!(first.code, Some(0), "{args:?}: {}", first.stderr);
        let once = rows(&fleet);
        let changes = !matches!(args[0], "dispatch" | "db") && !args.contains(&"verify");
        assert_eq!(once != before, changes, "{args:?} the first time");
        let second = fleet.env.run(&args);
        assert_eq!(second.code, Some(code), "{args:?}: {}", second.stderr);
        let twice = rows(&fleet);
        for (table, rows) in &once {
            assert_eq!(rows, &twice[table], "{args:?} changed {table}");
        }
    }
    fleet.assert_sound();
}
