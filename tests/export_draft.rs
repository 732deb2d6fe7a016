//! `backups export` where a draft lies already: what an interrupted export or somebody else left there.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stage::{FILTERS, Stage};

const MANIFEST: &str = "tenantpilot-export.json";

/// Two sets, of which the second lacks a policy, and a whole draft of the first.
fn interrupted() -> (Stage, PathBuf) {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let gone = stage.sandbox.ids(FILTERS.1).remove(0);
    stage.sandbox.remove(FILTERS.1, &gone);
    stage.success();
    let draft = stage.env.path(".out.tenantpilot-draft");
    stage
        .env
        .run(&["backups", "export", "1", "--to", "out", "--quiet"])
        .ok();
    // As a process leaves it that dies just before it publishes.
    fs::rename(stage.env.path("out"), &draft).unwrap();
    (stage, draft)
}

fn files(folder: &Path) -> Vec<String> {
    let folder = folder.join(FILTERS.0);
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn named(folder: &Path) -> Vec<String> {
    let manifest: Value =
        serde_json::from_slice(&fs::read(folder.join(MANIFEST)).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap().iter();
    let path = |file: &Value| file["path"].as_str().unwrap().to_owned();
    files
        .map(|file| path(file).split_off(FILTERS.0.len() + 1))
        .collect()
}

#[test]
fn a_whole_draft_of_another_set_is_not_published() {
    let (stage, draft) = interrupted();
    let before = files(&draft).len();
    stage
        .env
        .run(&["backups", "export", "2", "--to", "out", "--quiet"])
        .ok();
    let out = stage.env.path("out");
    assert_eq!(files(&out), named(&out));
    assert_eq!(files(&out).len(), before - 1);
    assert!(!draft.exists());
    // It is what an export without any draft is.
    stage
        .env
        .run(&["backups", "export", "2", "--to", "fresh", "--quiet"])
        .ok();
    assert_eq!(files(&stage.env.path("fresh")), files(&out));
}

#[test]
fn what_no_export_wrote_is_not_published() {
    let (stage, draft) = interrupted();
    let manifest: Value = serde_json::from_slice(&fs::read(draft.join(MANIFEST)).unwrap()).unwrap();
    let set = stage.set(&2.into());
    let held = set["items"].as_array().unwrap();
    let mut lines = manifest["files"].as_array().unwrap().iter();
    let is_gone = |line: &&Value| {
        let mut held = held.iter();
        held.all(|item| item["policy_id"] != line["policy_id"])
    };
    let gone = lines.find(is_gone).unwrap()["path"].as_str().unwrap();
    for (path, text) in [
        (gone, "edited"),
        ("assignmentFilter/laid.json", "{}"),
        (".git/config", "[core]"),
    ] {
        let file = draft.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        let args = ["backups", "export", "2", "--to", "out", "--json"];
        let error = stage.env.run(&args).fails_as_json(16);
        assert!(error["message"].as_str().unwrap().contains(path), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("rm -r"), "{error}");
        assert!(!stage.env.path("out").exists(), "{path}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{path}");
        fs::remove_file(&file).unwrap();
    }
    stage
        .env
        .run(&["backups", "export", "2", "--to", "out", "--quiet"])
        .ok();
}

#[test]
fn a_draft_that_others_can_write_to_is_made_private() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let open = |name: &str, mode: u32| {
        let path = stage.env.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let folder = stage.env.path(".out.tenantpilot-draft");
    fs::create_dir(&folder).unwrap();
    open(".out.tenantpilot-draft", 0o777);
    fs::write(stage.env.path(".a.tar.zst.tenantpilot-draft"), "laid").unwrap();
    open(".a.tar.zst.tenantpilot-draft", 0o666);
    for (target, mode) in [("out", 0o700), ("a.tar.zst", 0o600)] {
        stage
            .env
            .run(&["backups", "export", "1", "--to", target, "--quiet"])
            .ok();
        assert_eq!(env::mode(&stage.env.path(target)), mode, "{target}");
    }
    // One that has another name as well is somebody's file.
    let kept = stage.env.file("kept", "kept", 0o600);
    fs::hard_link(&kept, stage.env.path(".b.tar.zst.tenantpilot-draft")).unwrap();
    let args = ["backups", "export", "1", "--to", "b.tar.zst"];
    stage.env.run(&args).fails(16);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
}
