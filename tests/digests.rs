//! Digests of secrets that were made under another key: they tell nothing, and nothing is made of that.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;

use sandbox::PROFILES;
use sandbox::server::Options;
use serde_json::{Value, json};
use stage::Stage;

const KEY: &str = "\"preSharedKey\":\"guest-psk-4711\"";

#[test]
fn an_import_makes_no_secret_look_changed() {
    let stage = Stage::with(Options::default(), "deviceConfiguration");
    stage.success();
    let wifi = stage.sandbox.ids(PROFILES).into_iter().find(|id| {
        let text = stage.sandbox.text(PROFILES, id).unwrap();
        text.contains(KEY)
    });
    let wifi = wifi.unwrap();
    let export = ["backups", "export", "1", "--to", "out", "--quiet"];
    stage.env.run(&export).ok();
    // As another database has it: each tenant's digests are under a key of their own.
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    stage.add_schedule("fabrikam", "theirs", "deviceConfiguration", &[]);
    let import = ["backups", "import", "out", "--tenant", "fabrikam"];
    let import = [&import[..], &["--time", "2026-01-01T00:00:00Z"]].concat();
    let said = stage.env.run(&import).ok();
    assert!(said.contains("lacks: secrets: "), "{said}");
    stage.env.run(&["run", "theirs", "--quiet"]).ok();
    let changes = |from: &str, to: &str| {
        let args = [
            "backups",
            "diff",
            from,
            to,
            "--types",
            "deviceConfiguration",
        ];
        let found = stage.env.json(&args);
        let unread = found["unread"]["policies"].as_array().unwrap().clone();
        (found["changes"].as_array().unwrap().len(), unread)
    };
    let (changed, unread) = changes("2", "3");
    let of_wifi = |unread: &[Value]| {
        let mut unread = unread.iter();
        let found = unread.find(|unread| unread["policy_id"] == *wifi);
        found.map(|unread| unread["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(changed, 0);
    let reason = of_wifi(&unread).unwrap();
    assert_eq!(
        reason,
        "preSharedKey: secrets of an import cannot be compared"
    );
    let policy = format!("deviceConfiguration/{wifi}");
    let log = || {
        let args = ["backups", "log", &policy, "--tenant", "fabrikam"];
        stage.env.items(&args).len()
    };
    assert_eq!(log(), 1, "it came, and nobody can say more");
    // Under one key a changed secret is told.
    stage.sandbox.update(PROFILES, &wifi, |text| {
        text.replace("guest-psk-4711", "guest-psk-4712")
    });
    stage.env.run(&["run", "theirs", "--quiet"]).ok();
    assert_eq!(changes("3", "4"), (1, Vec::new()));
    assert_eq!(log(), 2);
}

#[test]
fn a_key_that_was_lost_is_told_and_makes_no_secret_look_changed() {
    let stage = Stage::with(Options::default(), "deviceConfiguration");
    stage.success();
    fs::remove_file(stage.env.path("state/tenantpilot.db-key")).unwrap();
    let (_, stderr) = stage.env.run(&["run", "nightly"]).ends(0);
    let told = "the key beside the database is another than that of backup set 1: ";
    assert!(stderr.contains(told), "{stderr}");
    assert!(
        stderr.contains(" redacted values cannot be compared with earlier"),
        "{stderr}"
    );
    let hint = "hint: if there is a copy of the former key: cp -p COPY-key ";
    assert!(stderr.contains(hint), "{stderr}");
    let run = &stage.env.items(&["history"])[0];
    let warnings = run["summary"]["warnings"].to_string();
    assert!(warnings.contains(told), "{warnings}");

    let diff = |from: &str, to: &str| stage.env.json(&["backups", "diff", from, to]);
    let lost = diff("1", "2");
    assert_eq!(lost["changes"], json!([]));
    let unread = lost["unread"]["policies"].as_array().unwrap();
    assert!(!unread.is_empty(), "{lost}");
    for one in unread {
        let reason = one["reason"].as_str().unwrap();
        let why = "secrets that were kept under two keys cannot be compared";
        assert!(reason.ends_with(why), "{reason}");
    }
    let policy = format!(
        "deviceConfiguration/{}",
        unread[0]["policy_id"].as_str().unwrap()
    );
    assert_eq!(stage.env.items(&["backups", "log", &policy]).len(), 1);

    let (_, stderr) = stage.env.run(&["run", "nightly"]).ends(0);
    assert_eq!(stderr, "", "told once");
    let same = diff("2", "3");
    assert_eq!(
        (&same["changes"], &same["unread"]["policies"]),
        (&json!([]), &json!([]))
    );
}
