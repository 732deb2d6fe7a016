//! `backups import`: files as a backup set, whoever exported them and whatever is in them.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, TAGS};

fn import(stage: &Stage, folder: &str, tenant: &str, more: &[&str]) -> Value {
    import_ends(stage, folder, tenant, more, 0)
}

/// An import that ends with this code.
fn import_ends(stage: &Stage, folder: &str, tenant: &str, more: &[&str], code: i32) -> Value {
    let folder = stage.env.path(folder);
    let args = [
        &[
            "backups",
            "import",
            folder.to_str().unwrap(),
            "--tenant",
            tenant,
        ],
        more,
    ]
    .concat();
    let (out, _) = stage.env.run(&[&args[..], &["--json"]].concat()).ends(code);
    serde_json::from_str(&out).unwrap()
}

fn write(folder: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A backup set of these types, exported to `out`.
fn exported(types: &[(&str, &str)]) -> Stage {
    let stage = Stage::of(types);
    stage.success();
    let export = ["backups", "export", "1", "--to", "out", "--quiet"];
    stage.env.run(&export).ok();
    stage
}

/// Everything of a set but what says where and when it is.
fn substance(stage: &Stage, set: i64) -> Value {
    let mut set = stage.set(&set.into());
    for name in [
        "id",
        "tenant",
        "schedule",
        "run_id",
        "created_at",
        "imported",
    ] {
        set.as_object_mut().unwrap().remove(name);
    }
    set
}

#[test]
fn an_export_comes_back_without_loss() {
    let stage = Stage::of(&[FILTERS, SCRIPTS, COMPLIANCE, CATALOG]);
    stage.success();
    stage
        .env
        .run(&[
            "backups",
            "export",
            "1",
            "--to",
            "out",
            "--decode-scripts",
            "--quiet",
        ])
        .ok();
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    let done = import(&stage, "out", "fabrikam", &[]);
    assert_eq!(
        (&done["already_there"], &done["lacks"]),
        (&false.into(), &json!([])),
        "{done}"
    );
    assert_eq!(
        substance(&stage, 2),
        substance(&stage, 1),
        "the root hash too"
    );
    let set = stage.set(&2.into());
    assert_eq!(
        (&set["run_id"], &set["schedule"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(set["imported"]["layout"], "tenantpilot");
    let shown = stage.env.run(&["backups", "show", "2"]).ok();
    assert!(shown.contains("imported    tenantpilot\n"), "{shown}");
    assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true);
    assert!(
        stage
            .env
            .audit_actions()
            .contains(&"backup_set.import".to_owned())
    );
    let earlier = import(
        &stage,
        "out",
        "fabrikam",
        &["--time", "2026-01-01T00:00:00Z"],
    );
    assert_eq!(
        (&earlier["already_there"], &earlier["backup_set_id"]),
        (&true.into(), &2.into()),
        "what it holds counts, not when"
    );
    stage.env.run(&["backups", "list"]).ok();
}

#[test]
fn only_what_stays_counts_as_there_already() {
    let stage = exported(&[FILTERS]);
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    let again = || {
        let done = import(&stage, "out", "contoso", &[]);
        (done["already_there"].clone(), done["backup_set_id"].clone())
    };
    let pin = ["backups", "pin", "1", "--reason", "audit", "--quiet"];
    stage.env.run(&pin).ok();
    assert_eq!(again(), (true.into(), 1.into()), "pinned");
    stage.env.run(&["backups", "unpin", "1", "--quiet"]).ok();
    assert_eq!(again(), (false.into(), 3.into()), "retention drops set 1");
    assert_eq!(again(), (true.into(), 3.into()), "imported");
    let delete = ["backups", "delete", "3", "--yes", "--quiet"];
    stage.env.run(&delete).ok();
    stage.env.run(&["backups", "expire", "1", "--quiet"]).ok();
    assert_eq!(again(), (false.into(), 4.into()), "expired");
}

#[test]
fn two_imports_at_once_make_one_set() {
    let stage = exported(&[FILTERS]);
    let sql = stage.env.sql();
    // Neither can write before both have looked at what is there.
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    let import = ["backups", "import", "out", "--tenant", "contoso", "--json"];
    let both = [stage.env.start(&import), stage.env.start(&import)];
    stage.env.run(&["backups", "list"]).ok();
    sql.execute_batch("COMMIT").unwrap();
    let mut known = both.map(|one| {
        let done: Value = serde_json::from_str(&one.end().ok()).unwrap();
        assert_eq!(done["backup_set_id"], 2, "{done}");
        done["already_there"].as_bool().unwrap()
    });
    known.sort_unstable();
    assert_eq!((known, stage.sets()), ([false, true], 2));
}

/// Changes the manifest of an export.
fn edit(stage: &Stage, folder: &str, change: impl FnOnce(&mut Value)) {
    let path = stage.env.path(folder).join("tenantpilot-export.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn an_export_that_is_not_its_backup_set_proves_nothing() {
    let stage = exported(&[FILTERS, COMPLIANCE]);
    // One policy less, everywhere: nothing is missing, and the root hash says that it is a lie.
    edit(&stage, "out", |manifest| {
        let files = manifest["files"].as_array_mut().unwrap();
        let at = files
            .iter()
            .position(|file| file["policy_type"] == FILTERS.0);
        files.remove(at.unwrap());
        let of = manifest["types"][FILTERS.0].as_object_mut().unwrap();
        let fewer = of["policies"].as_u64().unwrap() - 1;
        of.insert("policies".to_owned(), fewer.into());
        of.insert("listed".to_owned(), fewer.into());
        of.remove("proof");
    });
    let done = import(&stage, "out", "contoso", &[]);
    assert!(done["lacks"].to_string().contains("root hash"), "{done}");
    let set = stage.set(&done["backup_set_id"]);
    for key in [FILTERS.0, COMPLIANCE.0] {
        assert_eq!(set["types"][key]["outcome"], "incomplete", "{set}");
    }
    let found = stage.env.json(&["backups", "diff", "1", "2"]);
    assert_eq!(found["counts"]["removed"], 0, "{found}");
}

#[test]
fn a_folder_of_another_directory_or_of_tomorrow_is_refused() {
    let stage = exported(&[FILTERS]);
    let refused = |folder: &str| {
        let args = ["backups", "import", folder, "--tenant", "contoso", "--json"];
        let error = stage.env.run(&args).fails_as_json(2);
        error["message"].as_str().unwrap().to_owned() + error["hint"].as_str().unwrap()
    };
    let mut ours = Value::Null;
    edit(&stage, "out", |manifest| {
        ours = manifest["directory"].take();
        manifest["directory"] = "elsewhere.onmicrosoft.com".into();
    });
    let message = refused("out");
    assert!(
        message.contains("(elsewhere.onmicrosoft.com), not of contoso"),
        "{message}"
    );
    let rename = |to: &str| stage.env.run(&["tenants", "edit", "1", "--name", to]).ok();
    rename("Contoso Ltd");
    edit(&stage, "out", |manifest| {
        manifest["directory"] = "else where; x".into();
    });
    let args = ["backups", "import", "out", "--tenant", "Contoso Ltd"];
    let stderr = stage.env.run(&args).fails(2);
    let command = "tenantpilot tenants edit 'Contoso Ltd' --directory 'else where; x'\n";
    assert!(stderr.ends_with(command), "{stderr}");
    rename("contoso");
    edit(&stage, "out", |manifest| {
        manifest["directory"] = ours;
        manifest["backup_set"]["time"] = "2999-01-01T00:00:00Z".into();
    });
    assert!(refused("out").contains("2999-01-01T00:00:00Z"));
    let folder = stage.env.path("cd");
    write(&folder, "Filters/one.json", "{\"displayName\":\"one\"}");
    let file = fs::File::open(folder.join("Filters/one.json")).unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    let tomorrow = written + std::time::Duration::from_secs(86_400);
    file.set_modified(tomorrow).unwrap();
    assert!(refused("cd").contains("still to come"));
    assert_eq!(stage.sets(), 1);
    let done = import(&stage, "cd", "contoso", &["--time", "2026-01-01T00:00:00Z"]);
    assert_eq!(done["not_taken"], 0, "{done}");
}

#[test]
fn what_was_changed_or_is_missing_is_named() {
    let stage = Stage::of(&[FILTERS, COMPLIANCE]);
    stage.success();
    stage
        .env
        .run(&["backups", "export", "1", "--to", "out", "--quiet"])
        .ok();
    let folder = stage.env.path("out/assignmentFilter");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    fs::write(
        &files[0],
        fs::read_to_string(&files[0])
            .unwrap()
            .replace("\n  ", "\n\t\t"),
    )
    .unwrap();
    fs::write(
        &files[1],
        fs::read_to_string(&files[1]).unwrap().replace("\"i", "\"j"),
    )
    .unwrap();
    fs::remove_file(&files[2]).unwrap();
    fs::remove_file(&files[3]).unwrap();
    symlink("/etc/passwd", &files[3]).unwrap();
    let done = import_ends(&stage, "out", "contoso", &[], 3);
    let unread = done["unread"].as_array().unwrap();
    assert_eq!(unread.len(), 3, "white space is no change: {done}");
    assert_eq!(done["not_taken"], 3, "{done}");
    let event = &stage.env.items(&["audit", "list", "--limit", "1"])[0];
    assert_eq!(event["details"]["not_taken"], 3, "{event}");
    let set = stage.set(&done["backup_set_id"]);
    assert_eq!(set["status"], "partial");
    assert_eq!(set["types"][FILTERS.0]["outcome"], "incomplete");
    assert_eq!(set["types"][COMPLIANCE.0]["outcome"], "complete");
    // A set that lacks a policy does not say that it is gone.
    let id = unread[0]["policy_id"].as_str().unwrap();
    let log = stage
        .env
        .json(&["backups", "log", &format!("{}/{id}", FILTERS.0)]);
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
}

#[test]
fn an_export_of_intunecd_has_ids_where_they_can_be_told() {
    let stage = Stage::of(&[FILTERS, CATALOG]);
    stage.success();
    let id = stage.sandbox.ids(FILTERS.1).remove(0);
    let name = stage.set(&1.into())["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["policy_id"] == *id)
        .unwrap()["name"]
        .clone();
    let folder = stage.env.path("cd");
    write(
        &folder,
        "Filters/one.json",
        json!({"displayName": name, "platform": "iOS", "rule": "(x)"}).to_string(),
    );
    write(
        &folder,
        "Filters/two__0a110000-1111-4222-8333-000000000001.json",
        "{\"displayName\":\"two\"}",
    );
    write(
        &folder,
        "Filters/new.json",
        "{\"displayName\":\"not there\"}",
    );
    write(
        &folder,
        "Filters/again.json",
        "{\"id\":\"0a110000-1111-4222-8333-000000000001\"}",
    );
    write(&folder, "Filters/bad.json", "{\"displayName\":");
    write(&folder, "Filters/deep.json", "[".repeat(100_000));
    write(&folder, "Filters/binary.json", [0xff, 0xfe, 0x00]);
    write(&folder, "Filters/list.json", "[]");
    write(&folder, "Filters/old.yaml", "displayName: x");
    write(
        &folder,
        "Settings Catalog/p_mdm.json",
        b"\xef\xbb\xbf{\"name\":\"p\",\"technologies\":\"mdm\",\"settings\":[]}",
    );
    write(
        &folder,
        "Device Configurations/w.json",
        "{\"@odata.type\":\"#microsoft.graph.windowsUpdateForBusinessConfiguration\",\"displayName\":\"ring\"}",
    );
    write(
        &folder,
        "Device Configurations/k.json",
        "{\"@odata.type\":\"#microsoft.graph.windowsWifiConfiguration\",\"displayName\":\"wifi\",\"preSharedKey\":\"hunter2-hunter2\"}",
    );
    let time = ["--time", "2026-01-01T00:00:00Z"];
    let done = import_ends(&stage, "cd", "contoso", &time, 3);
    assert_eq!(
        (&done["layout"], &done["policies"]),
        (&"intunecd".into(), &6.into()),
        "{done}"
    );
    assert_eq!(done["unread"].as_array().unwrap().len(), 5, "{done}");
    let lacks = done["lacks"].to_string();
    for part in [
        "ids: 1 policy has one from its file's name",
        "of the same name",
        "its name alone",
        "YAML",
    ] {
        assert!(lacks.contains(part), "{part} in {lacks}");
    }
    let set = stage.set(&done["backup_set_id"]);
    assert_eq!(set["types"]["windowsUpdateRing"]["count"], 1);
    assert_eq!(set["types"][FILTERS.0]["outcome"], "incomplete");
    assert_eq!(set["time"], "2026-01-01T00:00:00Z");
    let log = stage
        .env
        .json(&["backups", "log", &format!("{}/{id}", FILTERS.0)]);
    let first = log["items"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&first["schedule"], &first["change"]),
        (&Value::Null, &"added".into()),
        "{log}"
    );
    assert_eq!(
        log["items"].as_array().unwrap().len(),
        2,
        "history begins before the first run"
    );
    let database = fs::read(stage.env.database()).unwrap();
    let hidden = |secret: &[u8]| !database.windows(secret.len()).any(|part| part == secret);
    assert!(hidden(b"hunter2-hunter2"));
    let again = import_ends(&stage, "cd", "contoso", &[], 3);
    assert_eq!(again["already_there"], true);
    stage.env.run(&["backups", "list"]).ok();
    stage.env.run(&["retention", "--quiet"]).ok();
    assert_eq!(stage.sets(), 2);
    assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true);
}

#[test]
fn what_intunecd_names_leads_back_to_what_the_tenant_has() {
    let types = [
        FILTERS,
        TAGS,
        COMPLIANCE,
        SCRIPTS,
        ("windowsAutopilotDeploymentProfile", ""),
        ("groupPolicyConfiguration", ""),
        ("enrollmentStatusPage", ""),
    ];
    let stage = Stage::of(&types);
    stage.success();
    let to = ["--to", "cd", "--layout", "intunecd", "--quiet"];
    stage
        .env
        .run(&[&["backups", "export", "1"], &to[..]].concat())
        .ok();
    let folder = stage.env.path("cd");
    fs::remove_file(folder.join("tenantpilot-export.json")).unwrap();
    write(&folder, "Assignment Report/report.json", "[]");
    write(
        &folder,
        "Applications/iOS/app.json",
        "{\"displayName\":\"app\"}",
    );
    let answer = json!({"@odata.context": "c", "value": "oma-secret-0815"});
    let setting = json!({"@odata.type": "#microsoft.graph.omaSettingString", "displayName": "k",
        "omaUri": "./k", "isEncrypted": false, "secretReferenceValueId": null, "value": answer});
    write(
        &folder,
        "Device Configurations/o.json",
        json!({"@odata.type": "#microsoft.graph.windows10CustomConfiguration",
            "displayName": "o", "omaSettings": [setting]})
        .to_string(),
    );
    let done = import(&stage, "cd", "contoso", &[]);
    let lacks = done["lacks"].to_string();
    assert!(
        lacks.contains("Assignment Report: 1 file that is"),
        "{done}"
    );
    assert!(!lacks.contains("names of groups"), "{done}");
    assert!(!lacks.contains("they stay as they are"), "{done}");
    let held = |set: i64, key: &str| stage.set(&set.into())["types"][key]["count"].clone();
    assert_eq!(held(2, "mobileApp"), 1);
    for (key, _) in types {
        assert_eq!(held(2, key), held(1, key), "{key}");
    }
    let keys: Vec<&str> = types.iter().map(|(key, _)| *key).collect();
    let args = ["backups", "diff", "1", "2", "--types", &keys.join(",")];
    let found = stage.env.json(&args);
    assert_eq!(found["changes"], json!([]), "{found}");
    let database = fs::read(stage.env.database()).unwrap();
    let secret = b"oma-secret-0815";
    assert!(!database.windows(secret.len()).any(|part| part == secret));
}

#[test]
fn an_export_of_intunemanagement_is_told_by_its_folders() {
    let stage = Stage::of(&[FILTERS]);
    let folder = stage.env.path("im");
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(
            "{\"id\":\"x1\",\"name\":\"é\"}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    write(&folder, "SettingsCatalog/é.json", wide);
    write(&folder, "SettingsCatalog/é_Settings.json", "[]");
    write(
        &folder,
        "AppProtection/a.json",
        "{\"@odata.type\":\"#microsoft.graph.androidManagedAppProtection\",\"id\":\"T_1\",\"displayName\":\"a\"}",
    );
    write(
        &folder,
        "MigrationTable.json",
        json!({"Objects": [{"Id": "0a11", "DisplayName": "Pilot", "Type": "Group"}]}).to_string(),
    );
    write(&folder, "Groups/Pilot.json", "{}");
    let done = import(&stage, "im", "contoso", &[]);
    assert!(
        done["lacks"].to_string().contains("Groups: 1 file that is"),
        "{done}"
    );
    assert_eq!(
        (&done["layout"], &done["policies"]),
        (&"intunemanagement".into(), &2.into()),
        "{done}"
    );
    let set = stage.set(&done["backup_set_id"]);
    assert_eq!(
        set["types"]["androidManagedAppProtection"]["count"], 1,
        "{set}"
    );
    assert!(!set["time"].as_str().unwrap().starts_with("1970"), "{set}");
    let group = &set["references"][0];
    assert_eq!(
        (&group["id"], &group["name"]),
        (&"0a11".into(), &"Pilot".into())
    );
}

#[test]
fn what_cannot_be_imported_says_why() {
    let stage = Stage::of(&[FILTERS]);
    let place = |name: &str| stage.env.path(name).to_str().unwrap().to_owned();
    fs::create_dir(place("empty")).unwrap();
    fs::create_dir_all(place("bare/Filters")).unwrap();
    fs::create_dir(place("broken")).unwrap();
    fs::write(stage.env.path("broken/tenantpilot-export.json"), "{").unwrap();
    symlink(place("bare"), place("linked")).unwrap();
    fs::write(place("set.tar.zst"), "").unwrap();
    for (folder, more, code) in [
        ("none", &[][..], 18),
        ("empty", &[], 2),
        ("bare", &[], 2),
        ("broken", &[], 14),
        ("linked", &[], 16),
        ("set.tar.zst", &[], 2),
        ("bare", &["--layout", "nonsense"], 2),
        ("bare", &["--time", "2999-01-01T00:00:00Z"], 2),
        ("bare", &["--layout", "tenantpilot"], 2),
    ] {
        let folder = place(folder);
        let args = [
            &[
                "backups", "import", &folder, "--tenant", "contoso", "--json",
            ],
            more,
        ]
        .concat();
        stage.env.run(&args).fails_as_json(code);
    }
    stage
        .env
        .run(&["backups", "import", &place("bare"), "--tenant", "nobody"])
        .fails(18);
    assert_eq!(stage.sets(), 0);
}
