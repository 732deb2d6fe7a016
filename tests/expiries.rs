//! Apple's push certificate and tokens: who has to renew one is told by the run, by the backup set and
//! by doctor, which asks no tenant.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use serde_json::Value;
use stage::Stage;

/// One token of the sandbox expired in 2024; all else ends in 2099.
const EXPIRED: &str = "77b00000-0000-4000-8000-000000000001";

#[test]
fn what_ended_or_ends_soon_is_told_by_run_set_and_doctor() {
    let types = [
        ("vppToken", ""),
        ("applePushNotificationCertificate", ""),
        ("depOnboardingSetting", ""),
    ];
    let stage = Stage::of(&types);
    let told =
        format!("Apple volume purchase token Location 1 ({EXPIRED}) expired on 2024-12-01, ");
    let run = stage.success();
    let warnings = run["summary"]["warnings"].as_array().unwrap();
    let of_dates: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.as_str().unwrap())
        .filter(|warning| warning.contains("expire"))
        .collect();
    assert_eq!(of_dates.len(), 1, "{warnings:?}");
    assert!(
        of_dates[0].starts_with(&format!("vppToken: {told}")),
        "{of_dates:?}"
    );
    let set = stage.set(&run["backup_set_id"]);
    let expiries = set["expiries"].as_array().unwrap();
    let of = |key: &str| {
        expiries
            .iter()
            .find(|one| one["policy_type"] == key)
            .unwrap()
    };
    assert_eq!(of("vppToken")["expires_at"], "2024-12-01T00:00:00Z");
    assert_eq!(of("vppToken")["policy_id"], EXPIRED);
    let push = of("applePushNotificationCertificate");
    assert_eq!(push["name"], "mdm@sandbox.invalid");
    assert!(
        expiries
            .iter()
            .any(|one| one["policy_type"] == "depOnboardingSetting")
    );
    let shown = stage.env.run(&["backups", "show", "1"]).ok();
    assert!(shown.contains(&format!("warning     {told}")), "{shown}");
    let fine = "ends        Apple MDM push certificate mdm@sandbox.invalid (";
    assert!(shown.contains(fine), "{shown}");
    let policy = format!("vppToken/{EXPIRED}");
    let shown = stage
        .env
        .run(&["backups", "show", "1", "--policy", &policy])
        .ok();
    assert!(shown.contains(&format!("warning     {told}")), "{shown}");
    // Without any tenant.
    stage.sandbox.forget_requests();
    let (found, _) = stage.env.run(&["doctor", "--offline", "--json"]).ends(19);
    let found: Value = serde_json::from_str(&found).unwrap();
    let findings: Vec<&Value> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["check"] == "expiries")
        .collect();
    let levels: Vec<&str> = findings
        .iter()
        .map(|one| one["level"].as_str().unwrap())
        .collect();
    assert_eq!(levels, ["ok", "warn"], "{findings:?}");
    let message = findings[1]["message"].as_str().unwrap();
    assert!(
        message.starts_with(&format!("tenant contoso (id 1): {told}")),
        "{message}"
    );
    assert!(stage.sandbox.requests().is_empty());
}

#[test]
fn what_cannot_be_read_is_not_told_as_nothing() {
    let push = "applePushNotificationCertificate";
    let stage = Stage::of(&[("vppToken", ""), (push, "")]);
    stage.success();
    let set = stage.set(&1.into());
    let items = set["items"].as_array().unwrap();
    let token = items.iter().find(|item| item["policy_id"] == EXPIRED);
    let hash = token.unwrap()["hash"].as_str().unwrap().to_owned();
    let spoil = |hash: &str| {
        let changed = stage.unprotected().execute(
            "UPDATE contents SET data = zeroblob(9) WHERE lower(hex(hash)) = ?1",
            [hash],
        );
        assert_eq!(changed.unwrap(), 1);
    };
    let failed = || -> Vec<String> {
        let (found, _) = stage.env.run(&["doctor", "--offline", "--json"]).ends(19);
        let found: Value = serde_json::from_str(&found).unwrap();
        let findings = found["findings"].as_array().unwrap().iter();
        findings
            .filter(|one| one["check"] == "expiries" && one["level"] == "fail")
            .map(|one| format!("{}; {}", one["message"], one["hint"]))
            .collect()
    };
    spoil(&hash);
    let found = failed();
    assert_eq!(found.len(), 1, "{found:?}");
    let named = format!("tenant contoso (id 1): backup set 1: policy vppToken/{EXPIRED} (");
    assert!(found[0].contains(&named), "{found:?}");
    assert!(found[0].contains("tenantpilot backups verify"), "{found:?}");
    // The rest of the set is shown, and the command does not end well.
    for json in [&["--json"][..], &[]] {
        let args = [&["backups", "show", "1"], json].concat();
        let (shown, said) = stage.env.run(&args).ends(14);
        assert!(shown.contains("mdm@sandbox.invalid"), "{shown}");
        assert!(said.contains(EXPIRED), "{said}");
        assert!(said.contains("tenantpilot backups verify"), "{said}");
    }
    // Without its manifest nothing is known of the set.
    spoil(set["root_hash"].as_str().unwrap());
    let found = failed();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("backup set 1: cannot read the manifest"),
        "{found:?}"
    );
}
