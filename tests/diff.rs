//! `backups diff`: a sandbox that changes between runs, and what is told of it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/comparison.rs"]
mod comparison;
#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use comparison::{changed, diff, id_of, stage, words};
use env::Env;
use sandbox::PROFILES;
use sandbox::server::faults::{Fault, Kind};
use serde_json::{Value, json};
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, names};

/// Keeps a whole output in a file, without what differs each time.
fn golden(name: &str, output: &str) {
    let id = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let time = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ";
    insta::with_settings!({ filters => vec![(id, "ID"), (time, "TIME")] }, {
        insta::assert_snapshot!(name, output);
    });
}

#[test]
fn every_kind_of_change_is_told() {
    let stage = changed();
    let text = stage.env.run(&["backups", "diff", "1", "2"]).ok();
    golden("text", &text);
    let markdown = ["backups", "diff", "1", "2", "--format", "markdown"];
    golden("markdown", &stage.env.run(&markdown).ok());
    let document = stage.env.run(&["backups", "diff", "1", "2", "--json"]).ok();
    golden("json", &document);
    assert!(
        !document.contains("PGIvPg") && !document.contains("5e0c9d2b7a1"),
        "secrets"
    );
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(
        names(&document),
        [
            "changes",
            "compared",
            "counts",
            "equal",
            "from",
            "to",
            "unread",
            "unread_types"
        ]
    );
    for change in document["changes"].as_array().unwrap() {
        assert_eq!(
            names(change),
            [
                "assignments",
                "change",
                "fields",
                "former",
                "name",
                "policy_id",
                "policy_type"
            ]
        );
    }
    // The same the other way round: what was added is removed.
    let back = diff(&stage, &["2", "1"]);
    assert_eq!(back["counts"]["added"], document["counts"]["removed"]);
    assert_eq!(back["counts"]["changed"], document["counts"]["changed"]);
}

#[test]
fn colour_is_only_for_those_who_want_it() {
    let stage = changed();
    let plain = stage.env.run(&["backups", "diff", "1", "2"]).ok();
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let colored = stage
        .env
        .run(&["backups", "diff", "1", "2", "--color", "always"])
        .ok();
    assert!(colored.contains("\u{1b}[32madded"), "{colored}");
    assert!(
        !colored.contains("forged\u{1b}"),
        "a name brings no colour of its own"
    );
    let mut without = colored;
    for code in ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[0m"] {
        without = without.replace(code, "");
    }
    assert_eq!(without, plain);
}

#[test]
fn an_unchanged_tenant_gives_equal_sets() {
    let stage = stage();
    stage.success();
    stage.sandbox.reorder();
    for collection in [CATALOG.1, PROFILES, COMPLIANCE.1] {
        for id in stage.sandbox.ids(collection) {
            stage.sandbox.update(collection, &id, |text| {
                let mut object: Value = serde_json::from_str(text).unwrap();
                object["lastModifiedDateTime"] = json!("2031-01-01T00:00:00.1234567Z");
                object["odd@odata.context"] = json!("x");
                object["supportsScopeTags"] = json!(false);
                object.to_string()
            });
        }
    }
    stage.success();
    let (one, two) = (stage.set(&json!(1)), stage.set(&json!(2)));
    assert_ne!(one["root_hash"], two["root_hash"], "the bytes are others");
    let found = diff(&stage, &["1", "2", "--exit-code"]);
    assert_eq!(found["equal"], true, "{found}");
    assert_eq!(found["changes"], json!([]));
    let text = stage.env.run(&["backups", "diff", "1", "2"]).ok();
    assert!(
        text.ends_with(&format!("no difference in {} policies\n", one["policies"])),
        "{text}"
    );
    assert_eq!(diff(&stage, &["1", "1"])["equal"], true);
}

#[test]
fn what_could_not_be_read_is_named_and_never_removed() {
    let stage = Stage::of(&[CATALOG, FILTERS, SCRIPTS]);
    stage.success();
    let gone = id_of(&stage.sandbox, CATALOG.1, "NGP Default Policy");
    stage.sandbox.remove(CATALOG.1, &gone);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    let script = stage.sandbox.ids(SCRIPTS.1).remove(0);
    stage
        .sandbox
        .fault(Fault::on(&format!("{}/{script}", SCRIPTS.1), Kind::Html));
    stage.run(3);
    let (stdout, stderr) = stage
        .env
        .run(&["backups", "diff", "1", "2", "--json", "--exit-code"])
        .ends(19);
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(error["error"]["code"], "attention");
    assert_eq!(
        error["error"]["message"],
        "between backup set 1 of tenant contoso and backup set 2 of tenant contoso: \
         1 policy differs, 2 types are not complete, 6 policies could not be compared"
    );
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(words(&found), ["removed settingsCatalogPolicy"]);
    assert_eq!(
        found["unread_types"],
        json!(["assignmentFilter", "deviceManagementScript"])
    );
    let unread = found["unread"]["policies"].as_array().unwrap();
    let of = |key: &str| {
        unread
            .iter()
            .filter(|one| one["policy_type"] == key)
            .count()
    };
    assert_eq!(
        (of(FILTERS.0), of(SCRIPTS.0)),
        (stage.sandbox.ids(FILTERS.1).len(), 1)
    );
    assert!(
        unread.iter().any(|one| one["policy_id"] == *script),
        "{unread:?}"
    );
    let text = stage.env.run(&["backups", "diff", "1", "2"]).ok();
    assert!(
        text.contains("unread  assignmentFilter: forbidden in backup set 2"),
        "{text}"
    );
    // Where nothing else changed the two are not equal for that.
    let args = [
        "backups",
        "diff",
        "1",
        "2",
        "--types",
        "assignmentFilter",
        "--exit-code",
    ];
    let (stdout, _) = stage.env.run(&args).ends(19);
    assert!(!stdout.contains("no difference"), "{stdout}");
    let args = [
        "backups",
        "diff",
        "1",
        "2",
        "--types",
        "settingsCatalogPolicy",
        "--json",
    ];
    let found: Value = serde_json::from_str(&stage.env.run(&args).ok()).unwrap();
    assert_eq!(found["unread_types"], json!([]));
}

#[test]
fn one_policy_can_be_asked_for() {
    let stage = changed();
    let by_name = diff(
        &stage,
        &["1", "2", "--policy", "deviceConfiguration/Custom OMA-URI"],
    );
    assert_eq!(words(&by_name), ["changed deviceConfiguration"]);
    let id = id_of(&stage.sandbox, PROFILES, "Custom OMA-URI");
    let by_id = diff(
        &stage,
        &["1", "2", "--policy", &format!("deviceConfiguration/{id}")],
    );
    assert_eq!(by_id["changes"], by_name["changes"]);
    for alone in [&id, "custom OMA-URI"] {
        let found = diff(&stage, &["1", "2", "--policy", alone]);
        assert_eq!(found["changes"], by_name["changes"], "{alone}");
    }
    let of = |rest: &[&str]| {
        let args = [&["backups", "diff", "1", "2", "--policy"][..], rest].concat();
        stage.env.run(&args)
    };
    let nobody = of(&["nobody"]).fails(18);
    assert!(
        nobody.contains("no policy nobody in backup set 1 and 2\nhint: type TYPE/ID, or "),
        "{nobody}"
    );
    of(&["Custom OMA-URI", "--types", "assignmentFilter"]).fails(18);
    let other = diff(
        &stage,
        &["1", "2", "--policy", "deviceConfiguration/Root CA"],
    );
    assert_eq!(
        (&other["equal"], &other["compared"]),
        (&json!(true), &json!(1))
    );
}

#[test]
fn damage_is_an_error_that_names_the_policy() {
    let stage = changed();
    let found = diff(&stage, &["1", "2", "--types", "deviceManagementScript"]);
    let change = &found["changes"][0];
    let set = stage.set(&json!(2));
    let items = set["items"].as_array().unwrap();
    let item = items
        .iter()
        .find(|item| item["policy_id"] == change["policy_id"])
        .unwrap();
    let sql = stage.unprotected();
    sql.execute(
        "UPDATE contents SET data = x'00' WHERE hex(hash) = upper(?1)",
        [item["hash"].as_str().unwrap()],
    )
    .unwrap();
    let stderr = stage.env.run(&["backups", "diff", "1", "2"]).fails(14);
    for word in [
        "backup set 2",
        SCRIPTS.0,
        item["name"].as_str().unwrap(),
        item["policy_id"].as_str().unwrap(),
    ] {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
    assert!(
        stderr.contains("hint: tenantpilot backups verify 2"),
        "{stderr}"
    );
    let unhurt = ["backups", "diff", "1", "2", "--types", "assignmentFilter"];
    stage.env.run(&unhurt).ok();
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let stage = changed();
    for format in ["", "--json", "--format markdown"] {
        let line = format!(r#""$0" backups diff 1 2 {format} | head -n 1; exit 0"#);
        let first = stage.env.shell(&line).ok();
        assert_eq!(first.lines().count(), 1, "{first}");
    }
    stage
        .env
        .shell(r#""$0" backups diff 1 2 >/dev/full"#)
        .fails(16);
    assert_eq!(
        stage
            .env
            .run(&["backups", "diff", "1", "2", "--quiet"])
            .ok(),
        ""
    );
}

#[test]
fn without_a_database_there_is_nothing_to_compare() {
    Env::new().run(&["backups", "diff", "1", "2"]).fails(10);
}
