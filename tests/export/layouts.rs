//! What the layouts of other tools hold, and what stays in each when the tenant did not change.

use super::*;

#[test]
fn other_tools_find_their_folders_and_what_they_read() {
    let stage = Stage::of(&[FILTERS, SCRIPTS, COMPLIANCE, ("namedLocation", "")]);
    stage.success();
    let out = |name: &str, layout: &str| {
        let target = stage.env.path(name);
        let to = target.to_str().unwrap();
        let args = [
            "backups", "export", "1", "--to", to, "--layout", layout, "--json",
        ];
        let (report, _) = stage.env.run(&args).warned();
        (
            target.clone(),
            serde_json::from_str::<Value>(&report).unwrap(),
        )
    };
    let (cd, report) = out("cd", "intunecd");
    assert_eq!(
        report["without_place"],
        serde_json::json!(["namedLocation"])
    );
    let found = files(&cd);
    let policy: Vec<_> = found
        .iter()
        .filter(|(path, _)| path.starts_with("Filters/"))
        .collect();
    assert!(!policy.is_empty(), "{:?}", found.keys());
    for (path, (bytes, _, _)) in policy {
        let document: Value = serde_json::from_slice(bytes).unwrap();
        assert!(
            document["displayName"].is_string() && document.get("id").is_none(),
            "{path}"
        );
        assert!(path.ends_with(".json") && path.contains("__"), "{path}");
    }
    let mut scripts = 0;
    for id in stage.sandbox.ids(SCRIPTS.1) {
        let of = |path: &&String| {
            path.starts_with("Scripts/Powershell/Script Data/") && path.contains(&id)
        };
        let found = found.keys().filter(of).count();
        assert!(found <= 1, "IntuneCD takes the one file with the id: {id}");
        scripts += found;
    }
    assert!(scripts > 0, "{:?}", found.keys());
    assert!(
        found
            .keys()
            .any(|path| path.starts_with("Compliance Policies/Policies/"))
    );
    let (management, report) = out("im", "intunemanagement");
    assert_eq!(report["without_place"], serde_json::json!([]));
    let found = files(&management);
    for folder in [
        "AssignmentFilters/",
        "PowerShellScripts/",
        "CompliancePolicies/",
        "NamedLocations/",
    ] {
        assert!(
            found.keys().any(|path| path.starts_with(folder)),
            "{folder}"
        );
    }
    let (path, (bytes, _, _)) = found
        .iter()
        .find(|(path, _)| path.starts_with("AssignmentF"))
        .unwrap();
    let document: Value = serde_json::from_slice(bytes).unwrap();
    assert!(path.contains(document["id"].as_str().unwrap()));
    // Each group that is referred to and has a name, once, by which it is found again elsewhere.
    let table: Value = serde_json::from_slice(&found["MigrationTable.json"].0).unwrap();
    assert_eq!(table["Organization"], "contoso");
    let groups = table["Objects"].as_array().unwrap();
    assert!(!groups.is_empty(), "{table}");
    for group in groups {
        assert_eq!(group["Type"], "Group");
        assert!(!group["DisplayName"].as_str().unwrap().is_empty());
        let id = group["Id"].as_str().unwrap();
        let refers = |(path, (bytes, _, _)): (&String, &(Vec<u8>, _, _))| {
            path.contains('/') && String::from_utf8_lossy(bytes).to_lowercase().contains(id)
        };
        assert!(found.iter().any(refers), "{id}");
    }
    // They come back as what the other tool exported.
    for (folder, layout) in [("cd", "intunecd"), ("im", "intunemanagement")] {
        let folder = stage.env.path(folder);
        let args = [
            "backups",
            "import",
            folder.to_str().unwrap(),
            "--tenant",
            "contoso",
            "--layout",
            layout,
        ];
        stage.env.run(&args).warned();
    }
    let id = stage.sandbox.ids(FILTERS.1).remove(0);
    let policy = format!("{}/{id}", FILTERS.0);
    let log = stage.env.json(&["backups", "log", &policy]);
    assert_eq!(log["unread_sets"], 0, "the ids were found again: {log}");
}

const LAYOUTS: [&str; 3] = ["tenantpilot", "intunecd", "intunemanagement"];

/// An export of a set in a layout, with scripts as text, to a folder of the layout's name.
fn export_as(stage: &Stage, set: &str, layout: &str) -> (PathBuf, Value) {
    let target = stage.env.path(layout);
    let args = ["backups", "export", set, "--to", target.to_str().unwrap()];
    let more = ["--layout", layout, "--decode-scripts", "--json"];
    let (report, _) = stage.env.run(&[&args[..], &more].concat()).warned();
    (target, serde_json::from_str(&report).unwrap())
}

#[test]
fn what_means_the_same_keeps_its_bytes_in_every_layout() {
    let stage = Stage::of(&[CATALOG, COMPLIANCE, SCRIPTS]);
    stage.success();
    let before: Vec<_> = LAYOUTS
        .iter()
        .map(|layout| files(&export_as(&stage, "1", layout).0))
        .collect();
    // Graph gives everything in another order, and one policy is another.
    stage.sandbox.reorder();
    let changed = stage.sandbox.change(COMPLIANCE.1, 1).remove(0).0;
    stage.success();
    for (layout, before) in LAYOUTS.iter().zip(&before) {
        let (target, report) = export_as(&stage, "2", layout);
        assert_eq!(report["written"], 1, "{report}");
        let after = files(&target);
        assert_eq!(after.len(), before.len());
        let other: Vec<&String> = after
            .iter()
            .filter(|(path, file)| *path != MANIFEST && before.get(*path) != Some(file))
            .map(|(path, _)| path)
            .collect();
        let line = manifest(&target)["files"]
            .as_array()
            .unwrap()
            .iter()
            .find(|line| line["policy_id"] == *changed)
            .unwrap()["path"]
            .clone();
        assert_eq!(other, [line.as_str().unwrap()], "{layout}");
        let (_, again) = export_as(&stage, "2", layout);
        assert_eq!(again["written"], 0, "{again}");
    }
    // It is still known which policies there were, and said whose bytes these are.
    let folder = stage.env.path("tenantpilot");
    let args = [
        "backups",
        "import",
        folder.to_str().unwrap(),
        "--tenant",
        "contoso",
    ];
    let done = stage.env.json(&args);
    let lacks = done["lacks"].to_string();
    assert!(
        lacks.contains("earlier backup set, which mean the same"),
        "{done}"
    );
    let set = stage.set(&done["backup_set_id"]);
    assert_eq!(set["types"][CATALOG.0]["outcome"], "complete", "{set}");
    let compared = ["backups", "diff", "2", &done["backup_set_id"].to_string()];
    assert_eq!(stage.env.json(&compared)["equal"], true);
    // What somebody edited is written anew.
    let path = folder.join(&paths(&folder)[0]);
    fs::write(&path, "{}").unwrap();
    let (_, mended) = export_as(&stage, "2", "tenantpilot");
    assert_eq!(mended["written"], 1, "{mended}");
    assert_ne!(fs::read(&path).unwrap(), b"{}");
}

#[test]
fn a_template_of_another_definition_is_another_file_in_every_layout() {
    const TEMPLATES: &str = "deviceManagement/groupPolicyConfigurations";
    let stage = Stage::of(&[("groupPolicyConfiguration", TEMPLATES)]);
    stage.success();
    for layout in LAYOUTS {
        export_as(&stage, "1", layout);
    }
    // The same values, of another definition; and the same, of other presentations.
    let mut changed = Vec::new();
    for (policy, property) in ["definition", "presentation"].into_iter().enumerate() {
        let ids = stage.sandbox.ids(TEMPLATES);
        let replaced = ids.iter().filter(|id| !changed.contains(*id)).find(|id| {
            let mut found = false;
            let values = "definitionValues";
            stage.sandbox.update_below(TEMPLATES, id, values, |values| {
                let holder = match property {
                    "definition" => values.first_mut(),
                    _ => values
                        .iter_mut()
                        .find_map(|value| value.below_mut("presentationValues").first_mut()),
                };
                if let Some(referred) =
                    holder.and_then(|holder| holder.below_mut(property).first_mut())
                {
                    let other = format!("0b000000-0000-4000-8000-00000000000{policy}");
                    referred.text = referred.text.replace(&referred.id, &other);
                    referred.id = other;
                    found = true;
                }
            });
            found
        });
        changed.push(replaced.unwrap().clone());
    }
    stage.success();
    for layout in LAYOUTS {
        let (target, report) = export_as(&stage, "2", layout);
        assert_eq!(report["written"], 2, "{layout}: {report}");
        for (number, id) in changed.iter().enumerate() {
            let manifest = manifest(&target);
            let lines = manifest["files"].as_array().unwrap();
            let line = lines.iter().find(|line| line["policy_id"] == **id).unwrap();
            let text = fs::read_to_string(target.join(line["path"].as_str().unwrap())).unwrap();
            let other = format!("0b000000-0000-4000-8000-00000000000{number}");
            assert!(text.contains(&other), "{layout}: {text}");
        }
        let (_, again) = export_as(&stage, "2", layout);
        assert_eq!(again["written"], 0, "{layout}: {again}");
    }
}

#[test]
fn a_renewed_token_is_another_file() {
    const TOKENS: &str = "deviceAppManagement/vppTokens";
    let stage = Stage::of(&[("vppToken", TOKENS)]);
    stage.success();
    export(&stage, "1", &[]);
    let ids = stage.sandbox.ids(TOKENS);
    let change = |id: &str, property: &str, to: &str| {
        assert!(stage.sandbox.update(TOKENS, id, |text| {
            let mut token: Value = serde_json::from_str(text).unwrap();
            token[property] = to.into();
            token.to_string()
        }));
    };
    change(&ids[0], "expirationDateTime", "2098-01-02T03:04:05Z");
    // What changes each day and is nobody's deed.
    change(&ids[1], "lastSyncDateTime", "2026-11-29T00:00:00Z");
    stage.success();
    let (target, report) = export(&stage, "2", &[]);
    assert_eq!(report["written"], 1, "{report}");
    let text = |id: &str| {
        let manifest = manifest(&target);
        let lines = manifest["files"].as_array().unwrap();
        let line = lines.iter().find(|line| line["policy_id"] == *id).unwrap();
        fs::read_to_string(target.join(line["path"].as_str().unwrap())).unwrap()
    };
    assert!(text(&ids[0]).contains("2098-01-02T03:04:05Z"));
    assert!(!text(&ids[1]).contains("2026-11-29T00:00:00Z"));
}

#[test]
fn a_file_stays_only_where_a_document_that_it_stands_for_is_kept() {
    let stage = Stage::of(&[CATALOG]);
    stage.success();
    export(&stage, "1", &[]);
    stage.sandbox.reorder();
    stage.success();
    let (target, report) = export(&stage, "2", &[]);
    assert_eq!(report["written"], 0, "{report}");
    let forget = |known: fn(&mut Value) -> &mut Value| {
        let mut manifest = manifest(&target);
        let lines = manifest["files"].as_array_mut().unwrap();
        let moved = lines
            .iter_mut()
            .filter(|line| line.get("same_as").is_some());
        let moved = moved.map(|line| *known(line) = "0".repeat(64).into());
        let count = moved.count();
        fs::write(target.join(MANIFEST), manifest.to_string()).unwrap();
        count
    };
    // The set that the files were made of is gone, the one that meant the same is there.
    assert!(forget(|line| &mut line["hash"]) > 0);
    let (_, report) = export(&stage, "2", &[]);
    assert_eq!(report["written"], 0, "{report}");
    // Both are gone.
    let moved = forget(|line| &mut line["same_as"]["hash"]);
    let (_, report) = export(&stage, "2", &[]);
    assert_eq!(report["written"], moved, "{report}");
    let lines = manifest(&target)["files"].to_string();
    assert!(!lines.contains("same_as"), "{lines}");
}

#[test]
fn intunecd_gets_names_payloads_and_nothing_it_would_spoil() {
    const PROFILES: &str = "deviceManagement/deviceConfigurations";
    let types = [
        TAGS,
        FILTERS,
        ("deviceConfiguration", PROFILES),
        ("deviceHealthScript", ""),
        ("notificationMessageTemplate", ""),
    ];
    let stage = Stage::of(&types);
    stage.success();
    let target = stage.env.path("cd");
    let args = ["backups", "export", "1", "--to", target.to_str().unwrap()];
    let more = ["--layout", "intunecd", "--json"];
    let (report, told) = stage.env.run(&[&args[..], &more].concat()).warned();
    let report: Value = serde_json::from_str(&report).unwrap();
    let found = files(&target);
    // Several profiles of the sandbox name their payloads alike.
    let payloads: Vec<&String> = found
        .keys()
        .filter(|path| path.contains("mobileconfig/"))
        .collect();
    assert_eq!(
        payloads,
        ["Device Configurations/mobileconfig/dock.mobileconfig"]
    );
    let (bytes, ..) = &found[payloads[0]];
    assert!(
        bytes.starts_with(b"<?xml"),
        "{}",
        String::from_utf8_lossy(bytes)
    );
    let mut untagged = Vec::new();
    for (path, (bytes, ..)) in found
        .iter()
        .filter(|(path, _)| path.ends_with(".json") && path.contains('/'))
    {
        let document: Value = serde_json::from_slice(bytes).unwrap();
        let tags = document
            .get("roleScopeTagIds")
            .or(document.get("roleScopeTags"));
        if tags.is_some_and(|tags| tags.as_array().unwrap().contains(&"0".into())) {
            untagged.push(path);
        }
        for assignment in document["assignments"].as_array().into_iter().flatten() {
            let target = &assignment["target"];
            assert_eq!(target.get("groupId"), None, "{path}");
            assert_eq!(
                target.get("groupName").is_some(),
                target.get("groupType").is_some()
            );
        }
    }
    assert!(untagged.is_empty(), "{untagged:?}");
    let left: Vec<&str> = report["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["policy_id"].as_str().unwrap())
        .collect();
    assert!(left.len() > 3, "{report}");
    for id in left {
        assert!(told.contains(id), "{id}: {told}");
        assert!(!found.keys().any(|path| path.contains(id)), "{id}");
    }
    let bodies = |end: &str| found.keys().filter(|path| path.contains(end)).count();
    assert_eq!(bodies("_detectionScript__"), bodies("_remediationScript__"));
}

#[test]
fn intunemanagement_finds_no_policy_that_is_none() {
    let stage = Stage::of(&[
        ("mobileAppConfiguration", ""),
        COMPLIANCE,
        ("mobileApp", ""),
    ]);
    stage.success();
    let (target, report) = export_as(&stage, "1", "intunemanagement");
    let found = files(&target);
    let policies = found
        .keys()
        .filter(|path| path.contains('/') && path.ends_with(".json"));
    assert_eq!(
        policies.count() as u64,
        report["policies"].as_u64().unwrap()
    );
    assert!(
        found
            .keys()
            .any(|path| path.ends_with("payloadJson.json.txt"))
    );
    assert!(found.keys().any(|path| path.starts_with("Applications/")));
}
