//! What `--json` prints, of every command: a golden document of each, and the names and types that are
//! promised to scripts.
//!
//! Commands come from the command tree, so a new one fails here until it has a document. The document
//! is written with `INSTA_UPDATE=always cargo test --test json`, then looked at: fields are only ever
//! added. Each command finds the same database, so that no other command changes its document. What
//! differs from one time to the next has a word in its place, and of a long list the first two are
//! kept.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use env::{Env, PROGRAM};
use serde_json::{Map, Value};
use stage::{FILTERS, SCRIPTS, Stage};
use tenantpilot::actor::Actor;

/// How many of a list are kept.
const KEPT: usize = 2;
/// Commands whose output is no document: what a shell reads.
const NO_DOCUMENT: [&str; 2] = ["complete", "completions"];
/// Numbers that differ from one time to the next.
const MEASURED: [&str; 16] = [
    "age_s",
    "batched_requests",
    "bytes",
    "bytes_before",
    "content_bytes",
    "duration_ms",
    "free_pages",
    "given_back_bytes",
    "log_bytes",
    "logical_bytes",
    "pages",
    "requests",
    "retries",
    "round_trips",
    "stored_bytes",
    "throttled_ms",
];

/// Where every command has something to do: four backup sets of four runs, of which a policy changed
/// after the first, the second is pinned and the third expired, a role, and an export.
fn stage() -> Stage {
    let stage = Stage::of(&[FILTERS, SCRIPTS]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 1);
    (0..3).for_each(|_| drop(stage.success()));
    stage.env.run(&["backups", "expire", "3"]).ok();
    let pin = ["backups", "pin", "2", "--reason", "before the change"];
    stage.env.run(&pin).ok();
    let role = [
        "roles", "grant", "anna", "manager", "--tenant", "1", "--yes",
    ];
    stage.env.run(&role).warned();
    let export = ["backups", "export", "1", "--to", "exported", "--quiet"];
    stage.env.run(&export).warned();
    commands::make_fleet_file(&stage.env);
    stage.env.shell("cp -a state kept").ok();
    stage
}

/// What every command printed: its documents, and those as they are kept.
fn documents(stage: &Stage) -> BTreeMap<String, (Value, String)> {
    let calls = commands::all().into_iter();
    let calls = calls.filter(|call| !NO_DOCUMENT.contains(&call.words[0].as_str()));
    let id = stage.sandbox.ids(FILTERS.1).remove(0);
    let policy = format!("{}/{id}", FILTERS.0);
    let each = calls.map(|call| {
        let name = call.name();
        let mut line = call.line();
        match name.as_str() {
            "backups log" => line = vec!["backups", "log", &policy],
            "backups unpin" => line = vec!["backups", "unpin", "2"],
            "backups unexpire" => line = vec!["backups", "unexpire", "3"],
            _ => {}
        }
        line.push("--json");
        stage.env.shell("rm -rf state && cp -a kept state").ok();
        let run = stage.env.run(&line);
        let document = match run.stdout.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| panic!("{name}: {text}")),
        };
        // What doctor finds, and whether that is good, depends on the machine.
        let mut kept = match name.as_str() {
            "doctor" => "exit code 0 or 19\n".to_owned(),
            _ => format!("exit code {}\n", run.code.unwrap()),
        };
        let error = error_object(&run.stderr);
        let error = Some(error).filter(|_| name != "doctor");
        for value in [Some(document.clone()), error].into_iter().flatten() {
            if !value.is_null() {
                let value = lasting(stage, "", value);
                kept.push_str(&serde_json::to_string_pretty(&value).unwrap());
                kept.push('\n');
            }
        }
        (name, (document, kept))
    });
    each.collect()
}

/// The error object, if there is one.
fn error_object(stderr: &str) -> Value {
    let last = stderr.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or(Value::Null)
}

/// The value without what differs from one time, or one machine, to the next.
fn lasting(stage: &Stage, key: &str, value: Value) -> Value {
    match value {
        Value::Number(_) if MEASURED.contains(&key) => "NUMBER".into(),
        Value::String(text) => lasting_text(&stage.env, key, &text).into(),
        Value::Array(items) => {
            let more = items.len() > KEPT;
            let kept = items.into_iter().take(KEPT);
            let mut kept: Vec<Value> = kept.map(|item| lasting(stage, key, item)).collect();
            if more {
                kept.push("and more".into());
            }
            kept.into()
        }
        Value::Object(object) => {
            let findings = object.contains_key("findings");
            let finding = object.contains_key("check");
            let members = object.into_iter().map(|(name, value)| {
                let value = match name.as_str() {
                    _ if finding => "TEXT".into(),
                    "ok" if findings => "BOOL".into(),
                    _ => lasting(stage, &name, value),
                };
                (name, value)
            });
            members.collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

fn lasting_text(env: &Env, key: &str, text: &str) -> String {
    let home = env
        .path("")
        .to_string_lossy()
        .trim_end_matches('/')
        .to_owned();
    let actor = Actor::of_process(None, &env.database());
    if ["actor", "user"].contains(&key) && text == actor.name() {
        return "USER".to_owned();
    }
    if key == "digest_key" {
        return "KEY".to_owned();
    }
    if ["sqlite_version", "tz_version", "version"].contains(&key) {
        return "VERSION".to_owned();
    }
    let text = text.replace(PROGRAM, "PROGRAM").replace(&home, "HOME");
    let words = text.split_inclusive([' ', ',', '(', ')', '"', '/']);
    words.map(lasting_word).collect()
}

fn lasting_word(word: &str) -> String {
    let end = word.len() - usize::from(word.ends_with([' ', ',', '(', ')', '"', '/']));
    let (core, end) = word.split_at(end);
    let is_time = chrono::DateTime::parse_from_rfc3339(core).is_ok();
    let is_hex = core.chars().all(|c| c.is_ascii_hexdigit());
    let core = match core {
        _ if is_time => "TIME",
        _ if is_hex && core.len() >= 32 => "HASH",
        _ if core.starts_with("127.0.0.1:") => "ADDRESS",
        _ if uuid::Uuid::try_parse(core).is_ok() => "ID",
        _ => core,
    };
    format!("{core}{end}")
}

#[test]
fn every_command_prints_the_document_that_it_always_printed() {
    let stage = stage();
    let documents = documents(&stage);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/json");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut names = BTreeSet::new();
    settings.bind(|| {
        for (name, (document, kept)) in &documents {
            assert!(
                document.is_null() || document.is_object(),
                "{name}: one object, so that it can get more fields"
            );
            if let Some(items) = document
                .get("items")
                .filter(|_| document.get("id").is_none())
            {
                assert!(items.is_array(), "{name}");
                assert_eq!(document["schema_version"], 1, "{name}");
            }
            let name = name.replace(' ', "_");
            insta::assert_snapshot!(name.clone(), kept);
            names.insert(format!("{name}.snap"));
        }
    });
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/json");
    let files = std::fs::read_dir(folder).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, names, "a document for each command, and no other");
}

const TENANT: &str = "id:n name:s directory:s cloud:s client_id:s? credential.kind:s \
    credential.reference:s? graph_url:s? labels:o created_at:t";
const SCHEDULE: &str = "id:n tenant:s name:s enabled:b archived_at:t? timezone:s \
    frequency:daily|weekly|cron times:a? days_of_week:a? cron:s? policy_types:a \
    include_foundations:b keep_last:n grace_minutes:n max_runtime_s:n next_run_at:t? \
    last_run_at:t? last_run_status:s?";
const SLOT: &str = "tenant:s schedule:s slot:t? local:s timezone:s note:s?";
const RUN: &str = "id:n tenant:s schedule:s schedule_id:n trigger:schedule|manual|retry \
    retry_of:n? actor:s scheduled_for:t? created_at:t started_at:t? finished_at:t? duration_ms:n? \
    status:queued|running|success|partial|failed|skipped|canceled error_code:s? error_message:s? \
    backup_set_id:n? summary.policies_total:n summary.policies_backed_up:n summary.errors_count:n \
    summary.type_breakdown:o summary.warnings:a summary.unknown_policy_types:a summary.requests:n \
    summary.retries:n summary.throttled_ms:n summary.bytes:n";
const BACKUP_SET: &str = "id:n tenant:s schedule:s? run_id:n? time:t created_at:t \
    status:complete|partial policies:n root_hash:s pinned:b expired_at:t? types:o \
    types.assignmentFilter.outcome:s types.assignmentFilter.count:n";
const FINDING: &str = "check:s level:ok|warn|fail message:s hint:s?";

/// Of each document, where what is promised stands in it, and the promise: names with their types, `n`
/// a number, `s` a text, `t` a time in UTC, `b` a truth, `o` an object, `a` a list, words where only
/// those are possible; `?` where it may be null.
const PROMISED: [(&str, &str, &str); 30] = [
    ("tenants list", "/items/0", TENANT),
    ("tenants show", "", TENANT),
    ("schedules list", "/items/0", SCHEDULE),
    ("schedules show", "", SCHEDULE),
    ("schedules next", "/items/0", SLOT),
    ("schedules upcoming", "/items/0", SLOT),
    ("run", "/items/0", RUN),
    ("history", "/items/0", RUN),
    ("history show", "", RUN),
    ("backups list", "/items/0", BACKUP_SET),
    ("backups show", "", BACKUP_SET),
    (
        "backups show",
        "/items/0",
        "policy_type:s policy_id:s name:s platform:s? hash:s bytes:n",
    ),
    (
        "backups diff",
        "",
        "from:o to:o equal:b unread_types:a changes:a",
    ),
    (
        "backups diff",
        "/changes/0",
        "change:added|removed|changed|renamed|moved policy_type:s policy_id:s name:s fields:a \
         assignments.added:a assignments.removed:a",
    ),
    (
        "backups diff",
        "/changes/0/fields/0",
        "path:s before:s? after:s?",
    ),
    (
        "backups verify",
        "",
        "sets:n contents:n bytes:n ok:b damaged:a",
    ),
    (
        "retention",
        "/items/0",
        "backup_set_id:n schedule:s decision:keep|expire|purge reason:s",
    ),
    (
        "status",
        "",
        "ok:b last_dispatch_at:t? running:a schedules:a",
    ),
    (
        "status",
        "/schedules/0",
        "tenant:s schedule:s last_success_at:t? age_s:n? last_status:s? next_run_at:t? missed:n \
         stale:b",
    ),
    ("doctor", "", "ok:b findings:a"),
    ("doctor", "/findings/0", FINDING),
    ("db check", "/findings/0", FINDING),
    (
        "audit list",
        "/items/0",
        "id:n at:t actor:s action:s tenant:s? object:s outcome:s details:o hash:s",
    ),
    (
        "notifications",
        "/items/0",
        "id:n at:t user:s run_id:n message:s read_at:t?",
    ),
    (
        "policy-types list",
        "/items/0",
        "key:s label:s platforms:a api:s path:s read_permission:a restore_permission:a default:b \
         foundation:b",
    ),
    (
        "policy-types show",
        "",
        "key:s label:s platforms:a api:s path:s",
    ),
    ("roles grant", "", "user:s role:s tenant:s?"),
    ("roles list", "/items/0", "user:s role:s tenant:s?"),
    ("run", "", "schema_version:n items:a"),
    ("retention", "", "schema_version:n items:a"),
];

/// Why a value does not keep its promise.
fn breach(at: &Value, promise: &str) -> Option<String> {
    let (path, kind) = promise.split_once(':').unwrap();
    let value = at.pointer(&format!("/{}", path.replace('.', "/")));
    let Some(value) = value else {
        return Some(format!("{path} is missing"));
    };
    let (kind, nullable) = match kind.strip_suffix('?') {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    let is_time =
        |text: &str| text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok();
    let kept = match (kind, value) {
        (_, Value::Null) => nullable,
        ("n", value) => value.is_number(),
        ("s", value) => value.is_string(),
        ("t", value) => value.as_str().is_some_and(is_time),
        ("b", value) => value.is_boolean(),
        ("o", value) => value.is_object(),
        ("a", value) => value.is_array(),
        (words, value) => value
            .as_str()
            .is_some_and(|word| words.split('|').any(|known| known == word)),
    };
    (!kept).then(|| format!("{path} is {value}, not {kind}"))
}

#[test]
fn what_is_promised_to_scripts_is_there_with_its_type() {
    let documents = documents(&stage());
    let mut breaches = Vec::new();
    for (command, place, promises) in PROMISED {
        let (document, _) = &documents[command];
        let Some(at) = document.pointer(place) else {
            breaches.push(format!("{command} has nothing at {place:?}: {document}"));
            continue;
        };
        let broken = promises
            .split_whitespace()
            .filter_map(|promise| breach(at, promise));
        breaches.extend(broken.map(|breach| format!("{command} {place}: {breach}")));
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}
