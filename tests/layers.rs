//! The layers of ARCHITECTURE.md, checked on the source: who may name what.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 40, "the source was found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The part of a file that ships: tests inside a file stand at its end.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

fn is_test(name: &str) -> bool {
    name.split('/')
        .any(|part| part.starts_with("tests") || part == "fixture.rs")
}

/// Asserts that `word` occurs only in files whose name begins with one of `allowed`.
fn only_in(word: &str, allowed: &[&str]) {
    for (name, text) in sources() {
        if is_test(&name) || allowed.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        for (number, line) in shipped(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            assert!(
                !code.contains(word),
                "src/{name}:{} names {word:?}, which belongs to {allowed:?}: {line}",
                number + 1
            );
        }
    }
}

/// Asserts that files whose name begins with `prefix` do not name `word`.
fn never_in(prefix: &str, word: &str) {
    for (name, text) in sources() {
        if is_test(&name) || !name.starts_with(prefix) {
            continue;
        }
        for line in shipped(&text).lines() {
            let code = line.split("//").next().unwrap_or_default();
            assert!(!code.contains(word), "src/{name} names {word:?}: {line}");
        }
    }
}

#[test]
fn each_outside_thing_has_one_place() {
    only_in("Utc::now", &["clock.rs"]);
    only_in("SystemTime::now", &["clock.rs"]);
    only_in("Instant::now", &["clock.rs", "stop.rs"]);
    only_in("env::var", &["config.rs", "secret"]);
    only_in("ureq::", &["http", "graph/wire.rs"]);
    only_in("rustls_native_certs", &["http/"]);
    only_in(
        "Command::new(",
        &["program.rs", "doctor/cron/tables.rs", "cli/doctor/"],
    );
    only_in(
        "rusqlite::",
        &["store", "dispatch/", "run/", "retention/", "cli", "audit"],
    );
    only_in("std::io::stdout", &["ui.rs", "ui/", "config.rs"]);
    only_in("io::stderr", &["ui.rs", "ui/", "config.rs"]);
    only_in("clap::", &["cli", "main.rs", "config.rs"]);
    only_in("indicatif", &["ui/progress.rs"]);
    only_in("comfy_table", &["ui/table.rs"]);
    only_in("process::exit", &["main.rs"]);
    only_in("deviceManagement/", &["policy/catalogue"]);
    // What comes from outside is read by json.rs: serde_json alone takes some names for its own.
    for outside in ["graph", "import", "run/", "authors.rs", "export"] {
        never_in(outside, "serde_json::from_s");
    }
}

#[test]
fn sql_is_written_under_the_store() {
    for word in ["SELECT ", "INSERT INTO ", "UPDATE runs", "DELETE FROM "] {
        only_in(word, &["store"]);
    }
}

#[test]
fn dependencies_point_one_way() {
    for lower in [
        "store",
        "graph",
        "policy",
        "run",
        "diff",
        "dispatch",
        "retention",
        "retry.rs",
        "check.rs",
        "doctor",
        "crontab.rs",
        "finding.rs",
        "http",
        "monitoring",
        "program.rs",
        "progress.rs",
        "export",
        "fleet",
    ] {
        never_in(lower, "crate::cli");
        never_in(lower, "crate::ui");
        never_in(lower, "crate::context");
    }
    for part in [
        "client", "page", "throttle", "token", "auth", "Graph", "Request",
    ] {
        never_in("store", &format!("crate::graph::{part}"));
    }
    never_in("graph", "crate::store");
    // Who tells others how runs went needs HTTP and nothing of Graph, and HTTP knows neither.
    never_in("monitoring", "crate::graph");
    for other in ["graph", "monitoring", "store", "run", "tenant"] {
        never_in("http", &format!("crate::{other}"));
    }
    for pure in [
        "policy",
        "recurrence",
        "crontab.rs",
        "slot",
        "retry.rs",
        "role.rs",
        "retention.rs",
        "fleet",
        "graph/throttle",
    ] {
        never_in(pure, "crate::store::Store");
        never_in(pure, "std::fs");
        never_in(pure, "std::net");
    }
}
