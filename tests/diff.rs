//! `backups diff`: a sandbox that changes between runs, and what is told of it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use env::Env;
use sandbox::PROFILES;
use sandbox::server::faults::{Fault, Kind};
use sandbox::server::{Options, Sandbox};
use serde_json::{Value, json};
use stage::{CATALOG, COMPLIANCE, FILTERS, SCRIPTS, Stage, TAGS, names};

const LOCATIONS: (&str, &str) = ("namedLocation", "identity/conditionalAccess/namedLocations");
const TYPES: &str = "settingsCatalogPolicy,deviceConfiguration,windowsUpdateRing,groupPolicyConfiguration,\
    deviceCompliancePolicy,deviceManagementScript,assignmentFilter,roleScopeTag,namedLocation";

fn stage() -> Stage {
    Stage::with(Options::default(), TYPES)
}

/// The id of the object of that name.
fn id_of(sandbox: &Sandbox, collection: &str, name: &str) -> String {
    let found = sandbox.read(|tenant| {
        let mut objects = tenant.list(collection).iter();
        Some(objects.find(|object| object.name() == name)?.id.clone())
    });
    found.unwrap_or_else(|| panic!("no {name} in {collection}"))
}

/// Changes a text of the object of that name.
fn edit(sandbox: &Sandbox, collection: &str, name: &str, from: &str, to: &str) {
    let id = id_of(sandbox, collection, name);
    let edited = sandbox.update(collection, &id, |text| {
        assert!(text.contains(from), "{from} in {text}");
        text.replace(from, to)
    });
    assert!(edited);
}

/// One of each kind of change, with a name that wants to break out of everything.
fn change(sandbox: &Sandbox) {
    edit(
        sandbox,
        PROFILES,
        "Custom OMA-URI",
        "\"value\":15",
        "\"value\":30",
    );
    edit(sandbox, PROFILES, "Custom OMA-URI", "0.1000", "0.1001");
    edit(
        sandbox,
        PROFILES,
        "Mac dock",
        "\"roleScopeTagIds\":[\"0\"]",
        "\"roleScopeTagIds\":[\"1\",\"0\"]",
    );
    let ring = id_of(sandbox, PROFILES, "Ring 2 Broad");
    assert!(sandbox.remove(PROFILES, &ring));
    let place = id_of(sandbox, LOCATIONS.1, "Head office");
    assert!(sandbox.rename(LOCATIONS.1, &place, "HQ ```` | <b>\n# forged\u{1b}[31m"));
    sandbox.add(
        FILTERS.1,
        r#"{"id":"f1170000-1111-4222-8333-0000000000ff","displayName":"Fresh","platform":"iOS","rule":"x"}"#,
    );
    let script = sandbox.ids(SCRIPTS.1).into_iter().find(|id| {
        sandbox
            .text(SCRIPTS.1, id)
            .is_some_and(|text| text.contains("\"displayName\":\"Script 0"))
    });
    let script = script.unwrap();
    sandbox.update(SCRIPTS.1, &script, |text| {
        let mut object: Value = serde_json::from_str(text).unwrap();
        let body = STANDARD
            .decode(object["scriptContent"].as_str().unwrap())
            .unwrap();
        let body = String::from_utf8(body).unwrap();
        let changed = format!("{body}\nWrite-Host 'night'\n");
        object["scriptContent"] = STANDARD.encode(changed).into();
        object.to_string()
    });
    let baseline = id_of(sandbox, CATALOG.1, "Security baseline, all settings");
    sandbox.update_below(CATALOG.1, &baseline, "settings", |settings| {
        for setting in settings.iter_mut() {
            setting.text = setting.text.replace("\"LocalSubnet\"", "\"192.0.2.0/24\"");
            setting.text = setting.text.replace("5e0c9d2b7a10", "5e0c9d2b7a11");
        }
        settings.pop();
    });
    edit(
        sandbox,
        CATALOG.1,
        "Security baseline, all settings",
        "\"settingCount\":64",
        "\"settingCount\":63",
    );
    sandbox.update_below(CATALOG.1, &baseline, "assignments", |assignments| {
        assignments.clear();
    });
}

/// Two sets, the second after every kind of change.
fn changed() -> Stage {
    let stage = stage();
    stage.success();
    change(&stage.sandbox);
    stage.success();
    stage
}

/// Keeps a whole output in a file, without what differs each time.
fn golden(name: &str, output: &str) {
    let id = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let time = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ";
    insta::with_settings!({ filters => vec![(id, "ID"), (time, "TIME")] }, {
        insta::assert_snapshot!(name, output);
    });
}

fn diff(stage: &Stage, args: &[&str]) -> Value {
    stage.env.json(&[&["backups", "diff"], args].concat())
}

/// The changes, one word each.
fn words(diff: &Value) -> Vec<String> {
    let changes = diff["changes"].as_array().unwrap().iter();
    let words = changes.map(|change| {
        let word = |name: &str| change[name].as_str().unwrap().to_owned();
        format!("{} {}", word("change"), word("policy_type"))
    });
    words.collect()
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
    assert!(stderr.contains("attention"), "{stderr}");
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
fn sets_are_named_by_schedule_and_time() {
    let stage = Stage::of(&[FILTERS]);
    stage.add_schedule("contoso", "other", TAGS.0, &[]);
    stage.success();
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    stage.env.run(&["run", "other", "--quiet"]).ok();
    stage.sandbox.change(FILTERS.1, 1);
    stage.success();
    let sides = |args: &[&str]| {
        let found = diff(&stage, args);
        let id = |side: &str| found[side]["backup_set_id"].as_i64().unwrap();
        (id("from"), id("to"))
    };
    assert_eq!(sides(&["--schedule", "nightly", "--latest"]), (2, 4));
    assert_eq!(
        sides(&["--tenant", "contoso", "--latest"]),
        (2, 4),
        "of the schedule of the newest"
    );
    let sql = stage.unprotected();
    for (set, days) in [(1, 9), (2, 8), (4, 1)] {
        let sql_days = "UPDATE backup_sets SET time = time - ?2 * 86400 WHERE id = ?1";
        sql.execute(sql_days, (set, days)).unwrap();
    }
    assert_eq!(sides(&["--schedule", "nightly", "--since", "7d"]), (2, 4));
    assert_eq!(
        sides(&["--schedule", "contoso/nightly", "--since", "200h"]),
        (1, 4)
    );
    let fails = |args: &[&str], code: i32| {
        let run = stage
            .env
            .run(&[&["backups", "diff", "--json"], args].concat());
        let error = run.fails_as_json(code);
        assert!(error["hint"].is_string() || code == 2, "{args:?}: {error}");
        error["message"].as_str().unwrap().to_owned()
    };
    let message = fails(&["--schedule", "nightly", "--since", "30d"], 18);
    assert!(
        message.contains("the oldest of schedule nightly"),
        "{message}"
    );
    fails(&["--schedule", "other", "--latest"], 18);
    fails(&["--schedule", "nobody", "--latest"], 18);
    fails(&["1", "99"], 18);
    fails(&["99", "--live"], 18);
    fails(&["1", "4", "--policy", "assignmentFilter/none"], 18);
    for args in [
        &[][..],
        &["1"],
        &["1", "2", "3"],
        &["--latest"],
        &["1", "2", "--live"],
        &["1", "2", "--latest"],
        &["1", "2", "--types", "assignmentFilters"],
        &["1", "2", "--policy", "assignmentFilter"],
        &["1", "2", "--format", "markdown"],
        &["--schedule", "nightly", "--since", "x"],
    ] {
        fails(args, 2);
    }
    stage.env.run(&["backups", "expire", "2", "--quiet"]).ok();
    assert!(fails(&["2", "4"], 18).contains("has expired"));
    assert_eq!(sides(&["--schedule", "nightly", "--latest"]), (1, 4));
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
fn two_tenants_are_compared_by_name() {
    let stage = Stage::of(&[FILTERS, CATALOG]);
    let other = Sandbox::start(Options::default());
    stage.add_tenant("fabrikam", "client-secret", other.url());
    stage.add_schedule(
        "fabrikam",
        "theirs",
        "assignmentFilter,settingsCatalogPolicy",
        &[],
    );
    // The same policies under other ids, and one that differs.
    for collection in [CATALOG.1] {
        for id in other.ids(collection) {
            let renumbered = id.replacen(|_: char| true, "e", 1);
            let renumbered = if renumbered == id {
                id.replacen(|_: char| true, "d", 1)
            } else {
                renumbered
            };
            other.write(|tenant| {
                let mut object = tenant.get(collection, &id).unwrap().clone();
                tenant.remove(collection, &id);
                object.text = object.text.replace(&id, &renumbered);
                object.id = renumbered.clone();
                for below in object.below_mut("assignments") {
                    below.text = below.text.replace(&id, &renumbered);
                }
                tenant.add(collection, object);
            });
        }
    }
    edit(
        &other,
        CATALOG.1,
        "NGP Default Policy",
        "endpointSecurityAntivirus",
        "endpointSecurityFirewall",
    );
    stage.success();
    stage.env.run(&["run", "theirs", "--quiet"]).ok();
    let found = diff(
        &stage,
        &[
            "1",
            "2",
            "--policy",
            "settingsCatalogPolicy/NGP Default Policy",
        ],
    );
    assert_eq!(words(&found), ["changed settingsCatalogPolicy"]);
    assert_eq!(
        found["changes"][0]["fields"][0]["path"],
        "templateReference/templateFamily"
    );
    assert_eq!(
        found["changes"][0]["fields"].as_array().unwrap().len(),
        1,
        "{found}"
    );
    let all = diff(&stage, &["1", "2"]);
    assert_eq!(words(&all), words(&found), "twins and nameless ones too");
}

#[test]
fn the_tenant_as_it_is_now_is_read_and_nothing_is_written() {
    let stage = Stage::of(&[FILTERS, CATALOG, SCRIPTS]);
    stage.success();
    let before = std::fs::read(stage.env.database()).unwrap();
    let events = stage.env.audit_actions();
    stage.sandbox.forget_requests();
    assert_eq!(diff(&stage, &["1", "--live"])["equal"], true);
    stage.sandbox.change(CATALOG.1, 2);
    let gone = stage.sandbox.ids(SCRIPTS.1).remove(0);
    stage.sandbox.remove(SCRIPTS.1, &gone);
    stage.sandbox.fault(Fault::on(FILTERS.1, Kind::Forbidden));
    let args = [
        "backups",
        "diff",
        "--schedule",
        "nightly",
        "--live",
        "--json",
        "--exit-code",
    ];
    let (stdout, _) = stage.env.run(&args).ends(19);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&found["to"]["live"], &found["to"]["backup_set_id"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(found["counts"]["changed"], 2);
    assert_eq!(found["counts"]["removed"], 1);
    assert_eq!(found["unread_types"], json!(["assignmentFilter"]));
    assert_eq!(stage.env.audit_actions(), events);
    assert_eq!(stage.sets(), 1);
    assert!(
        std::fs::read(stage.env.database()).unwrap() == before,
        "not a byte"
    );
    for request in stage.sandbox.requests() {
        // What is asked for together is posted, and is nothing but GETs.
        let reads = request.method == "GET"
            || request.url.contains("/token")
            || request.url.ends_with("/$batch");
        assert!(reads, "{} {}", request.method, request.url);
    }
    stage.sandbox.set_secret("another");
    let error = stage
        .env
        .run(&["backups", "diff", "1", "--live", "--json"])
        .fails_as_json(12);
    assert!(
        error["message"].as_str().unwrap().contains("sign-in"),
        "{error}"
    );
}

#[test]
fn a_policy_that_a_list_leaves_out_is_looked_for() {
    let stage = Stage::of(&[SCRIPTS]);
    stage.success();
    let left_out = stage.sandbox.ids(SCRIPTS.1).remove(0);
    let rest: Vec<String> = stage
        .sandbox
        .ids(SCRIPTS.1)
        .iter()
        .skip(1)
        .map(|id| stage.sandbox.text(SCRIPTS.1, id).unwrap())
        .collect();
    let page = format!("{{\"value\":[{}]}}", rest.join(","));
    let cut = Fault::on(SCRIPTS.1, Kind::Body(page.into_bytes()));
    stage.sandbox.fault(cut.times(1));
    let found = diff(&stage, &["1", "--live"]);
    assert_eq!(found["counts"]["removed"], 0, "{found}");
    let unread = &found["unread"]["policies"];
    assert!(
        unread
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["policy_id"] == *left_out),
        "{found}"
    );
}

#[test]
fn a_comparison_holds_up_no_run() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    stage
        .sandbox
        .fault(Fault::on(FILTERS.1, Kind::Hang).times(1));
    let comparing = stage
        .env
        .start(&["backups", "diff", "1", "--live", "--json"]);
    assert!(
        stage
            .sandbox
            .await_hanging(1, std::time::Duration::from_secs(30))
    );
    stage.success();
    assert_eq!(stage.sets(), 2);
    stage.sandbox.release();
    let found: Value = serde_json::from_str(&comparing.end().ok()).unwrap();
    assert_eq!(
        found["equal"], true,
        "the request that was cut off is made again: {found}"
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
