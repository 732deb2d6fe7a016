//! `backups list`, `show` and `verify`, and that a backup set cannot be changed unseen.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::faults::{Fault, Kind};
use serde_json::{Value, json};
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, names};

const FIELDS: [&str; 15] = [
    "acknowledged_at",
    "created_at",
    "expired_at",
    "id",
    "imported",
    "pinned",
    "policies",
    "root_hash",
    "run_id",
    "schedule",
    "shrunk",
    "status",
    "tenant",
    "time",
    "types",
];

fn ids(stage: &Stage, more: &[&str]) -> Vec<i64> {
    let items = stage.env.items(&[&["backups", "list"], more].concat());
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

/// Whether these are that many hexadecimal digits.
fn is_hex(value: &Value, digits: usize) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn sets_are_listed_newest_first_and_filtered() {
    let stage = Stage::of(&[COMPLIANCE]);
    stage.add_tenant("fabrikam", "client-secret", stage.sandbox.url());
    stage.add_schedule("fabrikam", "weekly", "assignmentFilter,roleScopeTag", &[]);
    stage.success();
    stage.env.run(&["run", "weekly", "--quiet"]).ok();
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    stage.env.run(&["run", "weekly", "--quiet"]).ends(3);
    for (filter, expected) in [
        (&[][..], &[3, 2, 1][..]),
        (&["--tenant", "fabrikam"], &[3, 2]),
        (&["--schedule", "contoso/nightly"], &[1]),
        (
            &[
                "--tenant",
                "fabrikam",
                "--schedule",
                "weekly",
                "--limit",
                "1",
            ],
            &[3],
        ),
        (&["--since", "1h"], &[3, 2, 1]),
        (&["--expired"], &[]),
    ] {
        assert_eq!(ids(&stage, filter), expected, "{filter:?}");
    }
    stage
        .env
        .run(&["backups", "list", "--tenant", "nobody"])
        .fails(18);
    for set in stage.env.items(&["backups", "list"]) {
        assert_eq!(names(&set), FIELDS);
        assert!(is_hex(&set["root_hash"], 64), "{set}");
        assert_eq!(
            (&set["pinned"], &set["expired_at"]),
            (&false.into(), &Value::Null)
        );
        let mut shown = stage.set(&set["id"]);
        for only_shown in ["expiries", "items", "references"] {
            shown.as_object_mut().unwrap().remove(only_shown).unwrap();
        }
        assert_eq!(shown, set);
        let run = stage
            .env
            .json(&["history", "show", &set["run_id"].to_string()]);
        assert_eq!(run["backup_set_id"], set["id"]);
        assert_eq!(set["created_at"], set["time"], "a manual run has no slot");
        let complete = run["status"] == "success";
        assert_eq!(set["status"], if complete { "complete" } else { "partial" });
        for of in set["types"].as_object().unwrap().values() {
            assert!(of["outcome"].is_string() && of["count"].is_u64(), "{of}");
        }
    }
}

#[test]
fn the_time_of_a_set_is_the_slot_of_its_run() {
    let stage = Stage::of(&[FILTERS]);
    let slots = stage
        .env
        .items(&["schedules", "next", "nightly", "-n", "1"]);
    let slot = slots[0]["slot"].as_str().unwrap();
    assert_eq!(stage.env.run(&["dispatch", "--at", slot]).ok(), "");
    let set = &stage.env.items(&["backups", "list"])[0];
    assert_eq!(set["time"], slot);
    assert_ne!(set["created_at"], set["time"]);
}

#[test]
fn a_set_and_a_policy_of_it_are_shown() {
    let stage = Stage::of(&[FILTERS, SCRIPTS]);
    stage.success();
    let set = stage.set(&json!(1));
    let items = set["items"].as_array().unwrap();
    assert_eq!(items.len() as u64, set["policies"].as_u64().unwrap());
    for item in items {
        let fields = [
            "bytes",
            "hash",
            "name",
            "platform",
            "policy_id",
            "policy_type",
        ];
        assert_eq!(names(item), fields);
        assert!(is_hex(&item["hash"], 64), "{item}");
    }
    let item = &items[0];
    let policy = format!(
        "{}/{}",
        item["policy_type"].as_str().unwrap(),
        item["policy_id"].as_str().unwrap()
    );
    let shown = stage
        .env
        .json(&["backups", "show", "1", "--policy", &policy]);
    for field in [
        "bytes",
        "hash",
        "name",
        "platform",
        "policy_id",
        "policy_type",
    ] {
        assert_eq!(shown[field], item[field], "{field}");
    }
    assert_eq!(shown["document"]["id"], item["policy_id"]);
    assert_eq!(shown["warnings"], json!([]));
    let text = stage
        .env
        .run(&["backups", "show", "1", "--policy", &policy])
        .ok();
    assert!(text.contains(item["name"].as_str().unwrap()), "{text}");
    let by_name = [
        "backups",
        "show",
        "1",
        "--policy",
        item["name"].as_str().unwrap(),
    ];
    assert_eq!(stage.env.run(&by_name).ok(), text);
    for (args, code) in [
        (&["show", "2"][..], 18),
        (&["show", "1", "--policy", "assignmentFilter/none"], 18),
        (&["show", "1", "--policy", "deviceConfiguration/x"], 18),
        (&["show", "1", "--policy", "assignmentFilter"], 2),
        (&["verify", "1", "2"], 18),
    ] {
        let error = stage.env.run(&[&["backups"], args, &["--json"]].concat());
        let error = error.fails_as_json(code);
        assert!(error["hint"].is_string(), "{args:?}: {error}");
    }
}

#[test]
fn a_policy_is_shown_as_a_person_reads_it() {
    let stage = Stage::of(&[FILTERS, SCRIPTS, COMPLIANCE]);
    let ids = stage.sandbox.ids(COMPLIANCE.1);
    stage.sandbox.rename(COMPLIANCE.1, &ids[0], "twin");
    stage.sandbox.rename(COMPLIANCE.1, &ids[1], "Twin");
    stage.success();
    let set = stage.env.run(&["backups", "show", "1"]).ok();
    assert!(
        set.contains("schedule    nightly (id 1)\nrun         1\n"),
        "{set}"
    );
    let show = |policy: &str| stage.env.run(&["backups", "show", "1", "--policy", policy]);
    let script = stage.sandbox.ids(SCRIPTS.1).remove(0);
    let text = show(&format!("{}/{script}", SCRIPTS.0)).ok();
    assert!(
        text.contains("\nscriptContent:\n    "),
        "the script is decoded: {text}"
    );
    assert!(text.contains("runAsAccount: "), "{text}");
    assert_eq!(show(&script).ok(), text, "an id that is the only one");
    assert_eq!(show(&script.to_uppercase()).ok(), text);
    assert!(show("twin").ok().contains(&ids[0]));
    assert!(show("Twin").ok().contains(&ids[1]));
    let error = show("TWIN").fails(2);
    assert!(
        ids[..2].iter().all(|id| error.contains(id.as_str())),
        "{error}"
    );
    assert!(error.contains("hint: type one of "), "{error}");
    let error = show("nobody").fails(18);
    assert!(
        error.contains("hint: type TYPE/ID, or an id or a name that one policy alone has: "),
        "{error}"
    );
}

#[test]
fn a_name_cannot_talk_to_the_terminal() {
    let stage = Stage::of(&[CATALOG]);
    stage.success();
    let text = stage.env.run(&["backups", "show", "1"]).ok();
    assert!(text.contains("gpj.exe policy"), "{text}");
    assert!(!text.contains('\u{202e}') && !text.contains('\0'), "{text}");
    let id = stage.sandbox.ids(CATALOG.1).remove(1);
    let policy = format!("{}/{id}", CATALOG.0);
    let text = stage
        .env
        .run(&["backups", "show", "1", "--policy", &policy])
        .ok();
    assert!(!text.contains('\u{202e}'), "{text}");
}

#[test]
fn what_is_intact_is_proved_so() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    stage.success();
    stage.sandbox.change(COMPLIANCE.1, 1);
    stage.success();
    let verified = stage.env.json(&["backups", "verify"]);
    assert_eq!(
        names(&verified),
        [
            "bytes",
            "contents",
            "damaged",
            "documents",
            "documents_read",
            "findings",
            "ok",
            "sets"
        ]
    );
    assert_eq!(verified["findings"], json!([]));
    assert_eq!(
        (&verified["ok"], &verified["sets"]),
        (&true.into(), &2.into())
    );
    assert_eq!(verified["damaged"], json!([]));
    let policies = stage.set(&json!(1))["policies"].as_u64().unwrap();
    // Both sets: the policies and the one that changed, two types' lists and the one that changed,
    // the names of what they refer to, two manifests.
    assert_eq!(verified["contents"], policies + 1 + 3 + 1 + 2);
    assert!(verified["bytes"].as_u64().unwrap() > 10_000);
    assert_eq!(stage.env.json(&["backups", "verify", "2"])["sets"], 1);
    let documents = verified["documents"].as_u64().unwrap();
    assert_eq!(documents, policies + 1);
    assert_eq!(verified["documents_read"], documents);
    let text = stage.env.run(&["backups", "verify", "--sample", "5%"]).ok();
    let read = documents.div_ceil(20);
    let were = if read == 1 { "was" } else { "were" };
    let told = format!("intact\n{read} of {documents} documents {were} read, a sample of 5 %");
    assert!(text.contains(&told), "{text}");
}

#[test]
fn a_flipped_byte_is_found_wherever_it_counts() {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    stage.success();
    stage.success();
    let set = stage.set(&json!(1));
    let items = set["items"].as_array().unwrap();
    let item = items
        .iter()
        .find(|item| item["policy_type"] == COMPLIANCE.0)
        .unwrap();
    let hash = item["hash"].as_str().unwrap();
    let sql = stage.unprotected();
    let (id, mut data): (i64, Vec<u8>) = sql
        .query_row(
            "SELECT id, data FROM contents WHERE hex(hash) = upper(?1)",
            [hash],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    for at in [0, data.len() - 1, data.len() / 2] {
        data[at] ^= 1;
        sql.execute("UPDATE contents SET data = ?2 WHERE id = ?1", (id, &data))
            .unwrap();
        let (stdout, stderr) = stage.env.run(&["backups", "verify", "--json"]).ends(14);
        let verified: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(verified["ok"], false);
        let damaged = verified["damaged"].as_array().unwrap();
        assert_eq!(
            damaged.len(),
            2,
            "in each of the two sets, and nothing else: {damaged:?}"
        );
        for (damage, set) in damaged.iter().zip([1, 2]) {
            assert_eq!(damage["backup_set_id"], set);
            assert_eq!(damage["policy_type"], COMPLIANCE.0);
            assert_eq!(damage["policy_id"], item["policy_id"]);
            assert!(damage["reason"].is_string());
        }
        let last: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert_eq!(last["error"]["code"], "integrity");
        data[at] ^= 1;
    }
    let policy = format!("{}/{}", COMPLIANCE.0, item["policy_id"].as_str().unwrap());
    let stderr = stage
        .env
        .run(&["backups", "show", "1", "--policy", &policy])
        .fails(14);
    assert!(stderr.contains(hash), "{stderr}");
    // The next run reads the policy anew and mends what is damaged.
    stage.success();
    assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true);
}

#[test]
fn a_missing_content_is_found() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let sql = stage.unprotected();
    sql.execute_batch("DELETE FROM contents WHERE id = 1")
        .unwrap();
    let (_, stderr) = stage.env.run(&["backups", "verify"]).ends(14);
    assert!(
        stderr.contains("backup set 1, assignmentFilter"),
        "{stderr}"
    );
}

#[test]
fn a_row_that_says_other_than_its_run_and_its_event_is_found() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.success();
    let sql = stage.unprotected();
    sql.execute_batch("UPDATE backup_sets SET time = time - 86400 WHERE id = 2")
        .unwrap();
    let (stdout, stderr) = stage.env.run(&["backups", "verify", "--json"]).ends(14);
    let verified: Value = serde_json::from_str(&stdout).unwrap();
    let damaged = verified["damaged"].as_array().unwrap();
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert_eq!(damaged[0]["backup_set_id"], 2);
    assert!(stderr.contains("its row says time "), "{stderr}");
    sql.execute_batch(
        "UPDATE backup_sets SET time = time + 86400 WHERE id = 2;
         PRAGMA foreign_keys = OFF; DELETE FROM backup_sets WHERE id = 1",
    )
    .unwrap();
    let (_, stderr) = stage.env.run(&["backups", "verify"]).ends(14);
    assert!(stderr.contains("backup set 1: it is gone"), "{stderr}");
    stage.env.run(&["backups", "verify", "2"]).ok();
}

#[test]
fn what_belongs_to_no_set_is_told_with_what_to_type() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let sql = stage.unprotected();
    sql.execute_batch(
        "INSERT INTO contents (tenant_id, hash, size_bytes, data)
         VALUES (1, zeroblob(32), 1, x'00')",
    )
    .unwrap();
    let stdout = stage.env.run(&["backups", "verify"]).ok();
    assert!(
        stdout.contains("1 content belongs to no backup set"),
        "{stdout}"
    );
    assert!(stdout.ends_with(": tenantpilot retention\n"), "{stdout}");
    sql.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO purges VALUES (99)")
        .unwrap();
    let (stdout, stderr) = stage.env.run(&["backups", "verify", "--json"]).ends(14);
    let verified: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&verified["ok"], &verified["damaged"]),
        (&json!(false), &json!([]))
    );
    let checks = verified["findings"].as_array().unwrap().iter();
    let checks: Vec<_> = checks.map(|finding| &finding["check"]).collect();
    assert_eq!(checks, ["foreign_keys", "orphans"]);
    assert!(stderr.contains("purges row 99"), "{stderr}");
}

#[test]
fn plain_sql_cannot_change_what_is_kept() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let before = stage.set(&json!(1));
    let events = stage.env.items(&["audit", "list"]);
    let sql = stage.env.sql();
    for statement in [
        "UPDATE backup_sets SET policies = 0",
        "UPDATE backup_sets SET status = 'partial'",
        "UPDATE backup_sets SET time = time + 1",
        "UPDATE backup_sets SET root_hash = zeroblob(32)",
        "DELETE FROM backup_sets",
        "UPDATE contents SET data = zeroblob(10)",
        "UPDATE contents SET hash = zeroblob(32)",
        "DELETE FROM contents",
        "UPDATE audit_events SET actor = 'nobody'",
        "DELETE FROM audit_events",
        "UPDATE runs SET error_message = 'x'",
        "DELETE FROM runs",
    ] {
        assert!(sql.execute_batch(statement).is_err(), "{statement}");
    }
    assert_eq!(stage.set(&json!(1)), before);
    assert_eq!(stage.env.items(&["audit", "list"]), events);
    assert_eq!(stage.env.json(&["backups", "verify"])["ok"], true);
}

#[test]
fn a_set_whose_manifest_is_damaged_is_listed_all_the_same() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    stage
        .env
        .sql()
        .execute_batch(
            "DROP TRIGGER contents_do_not_change;
             UPDATE contents SET data = x'00'
             WHERE hash = (SELECT root_hash FROM backup_sets WHERE id = 2)",
        )
        .unwrap();
    let (stdout, stderr) = stage.env.run(&["backups", "list", "--json"]).ends(14);
    let listed: Value = serde_json::from_str(&stdout).unwrap();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[0]["id"], &items[0]["types"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(names(&items[0]), FIELDS);
    assert!(items[1]["types"].is_object(), "{listed}");
    assert!(stderr.contains("backup set 2"), "{stderr}");
    assert!(
        stderr.contains("1 of 2 backup sets has a manifest that cannot be read"),
        "{stderr}"
    );
}
