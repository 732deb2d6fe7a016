//! Digests of secrets that were made under another key: they tell nothing, and nothing is made of that.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::PROFILES;
use sandbox::server::Options;
use serde_json::Value;
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
