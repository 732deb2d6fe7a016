//! `backups export`: a backup set as files, whatever its policies are called and whatever is in the
//! way.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, TAGS};

const MANIFEST: &str = "tenantpilot-export.json";

/// Every file below a folder, by its path, with its bytes, inode and time.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, u64, i64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let bytes = fs::read(&path).unwrap_or_default();
                found.insert(name, (bytes, metadata.ino(), metadata.mtime_nsec()));
            }
        }
    }
    found
}

fn export(stage: &Stage, set: &str, more: &[&str]) -> (PathBuf, Value) {
    let target = stage.env.path("out");
    let args = [
        &["backups", "export", set, "--to", target.to_str().unwrap()],
        more,
    ]
    .concat();
    (target.clone(), stage.env.json(&args))
}

fn manifest(target: &Path) -> Value {
    serde_json::from_slice(&fs::read(target.join(MANIFEST)).unwrap()).unwrap()
}

fn paths(target: &Path) -> Vec<String> {
    let manifest = manifest(target);
    let files = manifest["files"].as_array().unwrap();
    files
        .iter()
        .map(|file| file["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_policy_is_a_file_that_leads_back_to_its_document() {
    let stage = Stage::of(&[FILTERS, SCRIPTS, COMPLIANCE]);
    stage.success();
    let set = stage.set(&1.into());
    let (target, report) = export(&stage, "1", &[]);
    assert_eq!(report["policies"], set["policies"]);
    let manifest = manifest(&target);
    assert_eq!(manifest["backup_set"]["root_hash"], set["root_hash"]);
    assert_eq!(
        manifest["types"]["deviceCompliancePolicy"]["outcome"],
        "complete"
    );
    let lines = manifest["files"].as_array().unwrap();
    assert_eq!(lines.len(), set["items"].as_array().unwrap().len());
    for line in lines {
        let bytes = fs::read(target.join(line["path"].as_str().unwrap())).unwrap();
        let policy = format!(
            "{}/{}",
            line["policy_type"].as_str().unwrap(),
            line["policy_id"].as_str().unwrap()
        );
        let shown = stage
            .env
            .json(&["backups", "show", "1", "--policy", &policy]);
        assert_eq!(line["hash"], shown["hash"]);
        assert_eq!(
            serde_json::from_slice::<Value>(&bytes).unwrap(),
            shown["document"]
        );
        assert_eq!(line["form"], "indented", "{policy}");
        let compact =
            tenantpilot::policy::document::spacing::compact(std::str::from_utf8(&bytes).unwrap());
        let hash = tenantpilot::backup_set::ContentHash::of(compact.unwrap().as_bytes());
        assert_eq!(line["hash"], hash.to_string(), "{policy}");
    }
    for (path, _) in files(&target) {
        assert_eq!(env::mode(&target.join(&path)), 0o600, "{path}");
    }
    assert_eq!(env::mode(&target), 0o700);
    assert_eq!(env::mode(&target.join("assignmentFilter")), 0o700);
    assert!(
        stage
            .env
            .audit_actions()
            .contains(&"backup_set.export".to_owned())
    );
    let beside = fs::read_dir(stage.env.path("")).unwrap();
    assert!(beside.into_iter().all(|entry| {
        !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("draft")
    }));
}

#[test]
fn hostile_names_stay_inside_and_apart() {
    let stage = Stage::of(&[FILTERS]);
    let long = "n".repeat(300);
    let names = [
        "../../x",
        "/etc/x",
        "C:\\x",
        "con",
        ".",
        "..",
        "",
        "a\u{0}b",
        "A",
        "a",
        "caf\u{e9}",
        "cafe\u{301}",
        &long,
        "\u{1b}[31m",
        "same",
        "same",
        ".git/config",
        "-rf",
    ];
    for (number, name) in names.iter().enumerate() {
        // One beginning for all of them, so that the short form does not tell them apart.
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let policy = serde_json::json!({"id": id, "displayName": name, "platform": "iOS"});
        stage.sandbox.add(FILTERS.1, &policy.to_string());
    }
    stage.success();
    let policies = stage.set(&1.into())["policies"].as_u64().unwrap();
    let (target, _) = export(&stage, "1", &[]);
    let found = files(&target);
    assert_eq!(found.len() as u64, policies + 1, "{:?}", found.keys());
    let folded: std::collections::BTreeSet<String> =
        found.keys().map(|path| path.to_lowercase()).collect();
    assert_eq!(folded.len(), found.len());
    for path in found.keys().filter(|path| *path != MANIFEST) {
        let name = path.strip_prefix("assignmentFilter/").unwrap();
        assert!(
            name.len() <= 115 && !name.contains('/') && !name.starts_with(['.', '-']),
            "{name:?}"
        );
        assert!(!name.chars().any(char::is_control), "{name:?}");
    }
    assert!(!stage.env.path("x").exists());
}

#[test]
fn an_export_is_the_same_each_time() {
    let stage = Stage::of(&[FILTERS, SCRIPTS]);
    stage.success();
    let (target, _) = export(&stage, "1", &["--decode-scripts"]);
    let first = files(&target);
    let (_, again) = export(&stage, "1", &["--decode-scripts"]);
    assert_eq!(files(&target), first, "not even a time changed");
    assert_eq!(
        (&again["written"], &again["removed"]),
        (&0.into(), &0.into())
    );
    let scripts = first.keys().filter(|path| path.ends_with(".ps1")).count();
    assert!(scripts > 0, "{:?}", first.keys());
    let archive = |name: &str| {
        let target = stage.env.path(name);
        stage
            .env
            .run(&[
                "backups",
                "export",
                "1",
                "--to",
                target.to_str().unwrap(),
                "--quiet",
            ])
            .ok();
        assert_eq!(env::mode(&target), 0o600);
        fs::read(target).unwrap()
    };
    let bytes = archive("one.tar.zst");
    assert_eq!(bytes, archive("two.tar.zst"));
    assert_eq!(bytes, archive("one.tar.zst"), "it is replaced as a whole");
    let mut tar = tar::Archive::new(zstd::stream::Decoder::new(bytes.as_slice()).unwrap());
    let mut held = Vec::new();
    for entry in tar.entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            (entry.header().uid().unwrap(), entry.header().gid().unwrap()),
            (0, 0)
        );
        if entry.header().entry_type().is_file() {
            held.push(path);
        }
    }
    let plain: Vec<&String> = first
        .keys()
        .filter(|path| path.ends_with(".json"))
        .collect();
    held.sort();
    assert_eq!(held.iter().collect::<Vec<_>>(), plain);
}

#[test]
fn an_earlier_export_is_updated_and_nothing_else_is_touched() {
    let stage = Stage::of(&[FILTERS, COMPLIANCE]);
    stage.success();
    let (target, _) = export(&stage, "1", &[]);
    for (path, text) in [
        (".git/config", "theirs"),
        ("README.md", "theirs"),
        ("assignmentFilter/mine.txt", "mine"),
    ] {
        let path = target.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let before = files(&target);
    let ids = stage.sandbox.ids(FILTERS.1);
    let file_of = |id: &str| {
        let manifest = manifest(&target);
        let files = manifest["files"].as_array().unwrap();
        let found = files.iter().find(|file| file["policy_id"] == id);
        found.map(|file| file["path"].as_str().unwrap().to_owned())
    };
    let (gone, renamed) = (file_of(&ids[0]).unwrap(), file_of(&ids[1]).unwrap());
    stage.sandbox.remove(FILTERS.1, &ids[0]);
    stage.sandbox.rename(FILTERS.1, &ids[1], "called otherwise");
    stage.success();
    let (_, report) = export(&stage, "2", &[]);
    assert_eq!(
        (&report["written"], &report["removed"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    let after = files(&target);
    assert!(!after.contains_key(&gone));
    assert_eq!(
        file_of(&ids[1]).as_ref(),
        Some(&renamed),
        "a policy keeps its file"
    );
    for (path, file) in &before {
        if ![&gone, &renamed, &MANIFEST.to_owned()].contains(&path) {
            assert_eq!(after.get(path), Some(file), "{path}");
        }
    }
    assert_eq!(after.len(), before.len() - 1);
}

#[test]
fn what_was_not_read_is_not_gone() {
    let stage = Stage::of(&[FILTERS, COMPLIANCE]);
    stage.success();
    let (target, _) = export(&stage, "1", &[]);
    let before = paths(&target);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    stage.run(3);
    let to = target.to_str().unwrap();
    let (stdout, stderr) = stage
        .env
        .run(&["backups", "export", "2", "--to", to])
        .warned();
    assert!(stderr.contains("assignmentFilter is forbidden"), "{stderr}");
    assert!(stdout.contains("kept from before"), "{stdout}");
    assert_eq!(paths(&target), before);
    let manifest = manifest(&target);
    for file in manifest["files"].as_array().unwrap() {
        let from = if file["policy_type"] == FILTERS.0 {
            1.into()
        } else {
            Value::Null
        };
        assert_eq!(file["from_backup_set"], from, "{file}");
    }
    let narrow = stage.env.json(&[
        "backups",
        "export",
        "1",
        "--to",
        to,
        "--types",
        COMPLIANCE.0,
    ]);
    assert_eq!(narrow["removed"], 0, "{narrow}");
    assert_eq!(paths(&target), before);
}

#[test]
fn an_interrupted_export_is_finished_by_the_next() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let (target, _) = export(&stage, "1", &[]);
    let whole = files(&target);
    let paths = paths(&target);
    // As a process leaves it that died while it wrote: one file not there yet, one old, one whose
    // policy has gone since, half a draft, and a list of what was to come.
    let gone = "assignmentFilter/gone_12345678.json";
    let hash = tenantpilot::backup_set::ContentHash::of(b"gone");
    fs::write(target.join(gone), "gone").unwrap();
    fs::write(target.join(".tenantpilot-export.draft"), "{").unwrap();
    let mut pending = serde_json::Map::new();
    pending.insert(gone.to_owned(), serde_json::json!([hash.to_string()]));
    for path in &paths {
        pending.insert(path.clone(), serde_json::json!([]));
    }
    let pending = serde_json::json!({ "files": pending }).to_string();
    let leave_pending = |folder: &Path| {
        fs::write(folder.join(".tenantpilot-export.pending"), &pending).unwrap();
    };
    leave_pending(&target);
    fs::remove_file(target.join(&paths[0])).unwrap();
    fs::write(target.join(&paths[1]), "old").unwrap();
    fs::remove_file(target.join(MANIFEST)).unwrap();
    export(&stage, "1", &[]);
    let mended = files(&target);
    assert_eq!(
        mended.keys().collect::<Vec<_>>(),
        whole.keys().collect::<Vec<_>>()
    );
    for (path, (bytes, _, _)) in &whole {
        assert_eq!(&mended[path].0, bytes, "{path}");
    }
    // A draft of a new folder is taken up as well.
    let draft = stage.env.path(".out.tenantpilot-draft");
    fs::rename(&target, &draft).unwrap();
    fs::remove_file(draft.join(MANIFEST)).unwrap();
    leave_pending(&draft);
    export(&stage, "1", &[]);
    assert_eq!(files(&target).len(), whole.len());
}

#[test]
fn what_is_in_the_way_is_refused_and_nothing_changes() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let (target, _) = export(&stage, "1", &[]);
    let path = target.join(&paths(&target)[0]);
    let victim = stage.env.path("victim");
    fs::write(&victim, "theirs").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&victim, &path).unwrap();
    let to = target.to_str().unwrap();
    let error = stage
        .env
        .run(&["backups", "export", "1", "--to", to, "--json"])
        .fails_as_json(16);
    assert!(
        error["message"].as_str().unwrap().contains("symbolic link"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let folder = target.join("assignmentFilter");
    fs::rename(&folder, stage.env.path("elsewhere")).unwrap();
    symlink(stage.env.path("elsewhere"), &folder).unwrap();
    stage
        .env
        .run(&["backups", "export", "1", "--to", to])
        .fails(16);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "theirs");
    symlink(&target, stage.env.path("linked")).unwrap();
    symlink(&victim, stage.env.path("linked.tar.zst")).unwrap();
    for name in ["linked", "linked.tar.zst"] {
        let name = stage.env.path(name);
        stage
            .env
            .run(&["backups", "export", "1", "--to", name.to_str().unwrap()])
            .fails(16);
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "theirs");
    for (name, code) in [("x.zip", 2), ("not/there", 16), ("state", 2)] {
        let name = stage.env.path(name);
        let error = stage.env.run(&[
            "backups",
            "export",
            "1",
            "--to",
            name.to_str().unwrap(),
            "--json",
        ]);
        assert!(error.fails_as_json(code)["hint"].is_string(), "{name:?}");
    }
    stage.add_tenant_by(
        "fabrikam",
        &[
            "--secret-file",
            stage.env.path("client-secret").to_str().unwrap(),
        ],
        stage.sandbox.url(),
    );
    let actions = stage.env.audit_actions();
    assert!(
        actions
            .iter()
            .filter(|action| *action == "backup_set.export")
            .count()
            >= 6
    );
}

#[test]
fn a_damaged_content_is_never_published() {
    let stage = Stage::of(&[FILTERS, COMPLIANCE]);
    stage.success();
    let (target, _) = export(&stage, "1", &[]);
    let before = files(&target);
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    let item = &stage.set(&2.into())["items"][0];
    let hash = item["hash"].as_str().unwrap();
    let sql = stage.unprotected();
    let changed = sql
        .execute(
            "UPDATE contents SET data = zeroblob(length(data)) WHERE lower(hex(hash)) = ?1",
            [hash],
        )
        .unwrap();
    assert_eq!(changed, 1);
    for name in ["out", "new", "new.tar.zst"] {
        let to = stage.env.path(name);
        let error = stage
            .env
            .run(&[
                "backups",
                "export",
                "2",
                "--to",
                to.to_str().unwrap(),
                "--json",
            ])
            .fails_as_json(14);
        assert!(
            error["message"].as_str().unwrap().contains("damaged"),
            "{error}"
        );
    }
    assert_eq!(files(&target), before);
    assert!(!stage.env.path("new").exists() && !stage.env.path("new.tar.zst").exists());
    assert!(!stage.env.path(".new.tenantpilot-draft").exists());
}

#[test]
fn a_part_is_exported_when_a_part_is_asked_for() {
    let stage = Stage::of(&[FILTERS, SCRIPTS]);
    stage.success();
    let items = stage.set(&1.into());
    let item = &items["items"][0];
    let policy = format!(
        "{}/{}",
        item["policy_type"].as_str().unwrap(),
        item["policy_id"].as_str().unwrap()
    );
    let (target, report) = export(&stage, "1", &["--policy", &policy]);
    assert_eq!(report["policies"], 1);
    assert_eq!(paths(&target).len(), 1);
    for (more, code) in [
        (&["--policy", "assignmentFilter"][..], 2),
        (&["--policy", "assignmentFilter/none"], 18),
        (&["--types", "nonsense"], 18),
        (&["--layout", "nonsense"], 2),
    ] {
        let args = [&["backups", "export", "1", "--to", "other", "--json"], more].concat();
        stage.env.run(&args).fails_as_json(code);
    }
}

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
