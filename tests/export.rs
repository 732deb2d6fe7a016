//! `backups export`: a backup set as files, whatever its policies are called and whatever is in the
//! way.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "export/layouts.rs"]
mod layouts;
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
    let stderr = stage
        .env
        .run(&["backups", "export", "1", "--to", "/proc/x"])
        .fails(16);
    assert!(
        stderr.ends_with("hint: export to another place: --to DIR\n"),
        "{stderr}"
    );
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
