//! Policy types that are awkward to read, over real HTTP: profiles with sealed values and references,
//! drivers, remediations, enrollment notifications, intents, settings that are counted.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::fs;
use std::path::Path;

use sandbox::server::Options;
use sandbox::server::tenant::{IN_CLEAR, Resource};
use sandbox::{CATALOG, PROFILES};
use serde_json::{Value, json};
use stage::{Stage, changes, type_of};

const DRIVERS: &str = "deviceManagement/windowsDriverUpdateProfiles";
const REMEDIATIONS: &str = "deviceManagement/deviceHealthScripts";
const ENROLLMENT: &str = "deviceManagement/deviceEnrollmentConfigurations";
const INTENTS: &str = "deviceManagement/intents";
/// What the values in clear of the sandbox hold.
const CLEAR: &str = "oma-secret";

/// The documents of a type in the set of a run.
fn documents(stage: &Stage, run: &Value, key: &str) -> Vec<Value> {
    let set = stage.set(&run["backup_set_id"]);
    let number = run["backup_set_id"].to_string();
    let items = set["items"].as_array().unwrap().iter();
    let items = items.filter(|item| item["policy_type"] == key);
    let one = |item: &Value| {
        let policy = format!("{key}/{}", item["policy_id"].as_str().unwrap());
        let args = ["backups", "show", &number, "--policy", &policy];
        stage.env.json(&args)["document"].clone()
    };
    items.map(one).collect()
}

fn named<'a>(documents: &'a [Value], name: &str) -> &'a Value {
    let mut found = documents
        .iter()
        .filter(|one| one["displayName"] == name || one["name"] == name);
    found.next().unwrap_or_else(|| panic!("no {name}"))
}

/// Custom profiles that hold sealed values.
fn custom(documents: &[Value]) -> Vec<&Value> {
    let sealed = |one: &&Value| {
        one["omaSettings"]
            .to_string()
            .contains("\"isEncrypted\":true")
    };
    documents.iter().filter(sealed).collect()
}

fn sealed_values(document: &Value) -> Vec<&Value> {
    let settings = document["omaSettings"].as_array().unwrap().iter();
    let sealed = settings.filter(|setting| setting["isEncrypted"] == true);
    sealed.map(|setting| &setting["value"]).collect()
}

/// Requests for values in clear, and how many of them were refused.
fn asked_in_clear(stage: &Stage) -> (usize, usize) {
    let requests = stage.sandbox.requests();
    let asked: Vec<_> = requests
        .iter()
        .filter(|one| one.path().contains("getOmaSettingPlainTextValue"))
        .collect();
    let refused = asked.iter().filter(|one| one.status == 403).count();
    (asked.len(), refused)
}

/// Whether any file below a folder holds the text.
fn held_below(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return held_below(&path, text);
        }
        let bytes = fs::read(&path).unwrap();
        let mut windows = bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    })
}

#[test]
fn values_given_in_clear_are_kept_as_digests() {
    let options = Options {
        gives_in_clear: true,
        ..Options::default()
    };
    let key = "deviceConfiguration";
    let stage = Stage::with(options, key);
    let run = stage.success();
    let documents = documents(&stage, &run, key);
    let profiles = custom(&documents);
    assert!(!profiles.is_empty());
    let mut values = 0;
    for profile in &profiles {
        for value in sealed_values(profile) {
            let digest = value["redacted"].as_str().unwrap();
            assert!(digest.starts_with("hmac-sha256:"), "{digest}");
            values += 1;
        }
    }
    assert_eq!(asked_in_clear(&stage), (values, 0));
    assert_eq!(run["summary"]["secrets_not_captured"], 0);
    assert!(documents.iter().all(|one| !one.to_string().contains(CLEAR)));

    // The same values are no change; another one is.
    let total = type_of(&run, key)["total"].as_u64().unwrap();
    assert_eq!(changes(&stage.success(), key), [0, 0, 0, total]);
    let id = profiles[0]["id"].as_str().unwrap();
    let changed = stage
        .sandbox
        .update_below(PROFILES, id, IN_CLEAR, |values| {
            values[0].set("value", r#""oma-secret-of-today""#);
        });
    assert!(changed);
    assert_eq!(changes(&stage.success(), key), [0, 1, 0, total - 1]);

    // Neither in the database, nor in what is exported, nor in what is shown.
    let out = stage.env.path("out");
    let to = out.to_str().unwrap();
    stage.env.run(&["backups", "export", "3", "--to", to]).ok();
    assert!(held_below(&out, "hmac-sha256:"), "the search finds");
    assert!(!held_below(&stage.env.path("."), CLEAR));
}

#[test]
fn values_that_are_not_given_are_counted_and_asked_for_once() {
    let key = "deviceConfiguration";
    let stage = Stage::with(Options::default(), key);
    let run = stage.success();
    assert_eq!(asked_in_clear(&stage), (1, 1));
    let documents = documents(&stage, &run, key);
    let profiles = custom(&documents);
    let sealed: usize = profiles.iter().map(|one| sealed_values(one).len()).sum();
    assert!(profiles.len() > 1);
    for value in profiles.iter().flat_map(|one| sealed_values(one)) {
        assert_eq!(*value, json!({"redacted": "not captured"}));
    }
    assert_eq!(run["summary"]["secrets_not_captured"], sealed);
    let warnings = run["summary"]["warnings"].to_string();
    assert!(warnings.contains("2 secrets not captured"), "{warnings}");
    stage.success();
    assert_eq!(asked_in_clear(&stage), (2, 2), "once per run");
}

#[test]
fn references_of_network_profiles_are_kept_by_name() {
    let key = "deviceConfiguration";
    let stage = Stage::with(Options::default(), key);
    let run = stage.success();
    let documents = documents(&stage, &run, key);
    let certificate = |name: &str| {
        let one = named(&documents, name);
        json!({"id": one["id"], "displayName": name, "@odata.type": one["@odata.type"]})
    };
    let wifi = named(&documents, "Corporate Wi-Fi");
    assert_eq!(
        wifi["rootCertificatesForServerValidation"],
        json!([certificate("Root CA"), certificate("Issuing CA")])
    );
    assert_eq!(
        wifi["identityCertificateForClientAuthentication"],
        certificate("Device certificate")
    );
    let vpn = named(&documents, "Phone VPN");
    assert_eq!(vpn["identityCertificate"], certificate("Phone certificate"));
    // None, and Graph says so with 404.
    let phone = named(&documents, "Phone Wi-Fi");
    let none = "identityCertificateForClientAuthentication";
    assert_eq!(phone.get(none), Some(&Value::Null));
    let requests = stage.sandbox.requests();
    let missing = requests
        .iter()
        .find(|one| one.status == 404 && one.path().ends_with(none));
    assert!(missing.is_some());

    // Another certificate is a change of the profile that refers to it; its new name is not.
    let total = type_of(&run, key)["total"].as_u64().unwrap();
    let id = |name: &str| named(&documents, name)["id"].as_str().unwrap().to_owned();
    let refer = |name: &'static str, of: &str| {
        let text = stage.sandbox.text(PROFILES, of).unwrap();
        let leads = vec![Resource::new(text)];
        let changed = stage
            .sandbox
            .update_below(PROFILES, &id("Phone VPN"), name, |it| *it = leads);
        assert!(changed);
    };
    assert!(
        stage
            .sandbox
            .rename(PROFILES, &id("Phone certificate"), "Renamed")
    );
    refer("identityCertificate", &id("Phone certificate"));
    assert_eq!(changes(&stage.success(), key), [0, 1, 0, total - 1]);
    refer("identityCertificate", &id("Device certificate"));
    assert_eq!(changes(&stage.success(), key), [0, 1, 0, total - 1]);
}

#[test]
fn an_approval_of_a_driver_is_a_change_and_a_device_count_is_not() {
    let key = "windowsDriverUpdateProfile";
    let stage = Stage::with(Options::default(), key);
    let run = stage.success();
    let documents = documents(&stage, &run, key);
    let drivers = |one: &Value| one["driverInventories"].as_array().unwrap().len();
    let counts: Vec<usize> = documents.iter().map(drivers).collect();
    assert_eq!(
        counts.iter().sum::<usize>(),
        32,
        "more than a page: {counts:?}"
    );
    let id = stage.sandbox.ids(DRIVERS).remove(0);
    let set = |name: &str, raw: &str| {
        assert!(
            stage
                .sandbox
                .update_below(DRIVERS, &id, "driverInventories", |drivers| drivers[1]
                    .set(name, raw))
        );
    };
    set("applicableDeviceCount", "5000");
    assert_eq!(changes(&stage.success(), key), [0, 0, 0, 2]);
    set("approvalStatus", r#""approved""#);
    assert_eq!(changes(&stage.success(), key), [0, 1, 0, 1]);
}

#[test]
fn remediations_that_microsoft_made_are_kept_and_marked() {
    let key = "deviceHealthScript";
    let stage = Stage::with(Options::default(), key);
    let run = stage.success();
    let held = stage.sandbox.ids(REMEDIATIONS).len();
    let documents = documents(&stage, &run, key);
    assert_eq!(documents.len(), held);
    let global = documents.iter().filter(|one| one["isGlobalScript"] == true);
    assert_eq!(global.count(), 2);
    let warnings = run["summary"]["warnings"].to_string();
    let remark = "deviceHealthScript: 2 policies: one of Microsoft's own";
    assert!(warnings.contains(remark), "{warnings}");
    // A new version of Microsoft's is nobody's change; an assignment is.
    let own = documents.iter().find(|one| one["isGlobalScript"] == true);
    let id = own.unwrap()["id"].as_str().unwrap();
    stage.sandbox.write(|tenant| {
        let script = tenant.get_mut(REMEDIATIONS, id).unwrap();
        script.set("version", r#""9.9""#);
        script.set("highestAvailableVersion", r#""9.9""#);
    });
    assert_eq!(changes(&stage.success(), key)[1], 0);
    stage
        .sandbox
        .update_below(REMEDIATIONS, id, "assignments", |assignments| {
            assignments.clear();
        });
    assert_eq!(changes(&stage.success(), key)[1], 1);
}

#[test]
fn notifications_of_one_name_are_kept_for_every_platform() {
    let key = "deviceEnrollmentNotification";
    let stage = Stage::with(Options::default(), key);
    let run = stage.success();
    let documents = documents(&stage, &run, key);
    let mut platforms: Vec<&str> = documents
        .iter()
        .filter(|one| one["displayName"] == "You enrolled a device")
        .map(|one| one["platformType"].as_str().unwrap())
        .collect();
    platforms.sort_unstable();
    platforms.dedup();
    assert_eq!(platforms.len(), 4, "{platforms:?}");
    assert_eq!(documents.len(), 4);
    let listed = stage.sandbox.ids(ENROLLMENT).len();
    assert!(listed > 4, "others share the list");
}

#[test]
fn an_intent_without_settings_is_a_policy() {
    let key = "deviceManagementIntent";
    let stage = Stage::with(Options::default(), key);
    let run = stage.success();
    let documents = documents(&stage, &run, key);
    assert_eq!(documents.len(), stage.sandbox.ids(INTENTS).len());
    let empty = named(&documents, "No settings any more");
    assert_eq!(empty["settings"], json!([]));
    let settings = &named(&documents, "Firewall, the old way")["settings"];
    assert_eq!(settings.as_array().unwrap().len(), 30);
    // A deprecated template is gone one day, and its name with it.
    let set = stage.set(&run["backup_set_id"]);
    let references = set["references"].as_array().unwrap();
    let templates: Vec<&Value> = references
        .iter()
        .filter(|one| one["kind"] == "intentTemplate")
        .collect();
    assert_eq!(templates.len(), documents.len(), "{references:?}");
    assert!(
        templates
            .iter()
            .all(|one| one["name"] == "Microsoft Defender Firewall")
    );
    let asked = stage.sandbox.requests();
    let lists = asked
        .iter()
        .filter(|one| one.path().ends_with("/templates"));
    assert_eq!(lists.count(), 1, "one list tells them all");
}

#[test]
fn settings_that_lack_some_make_the_type_incomplete() {
    let key = "settingsCatalogPolicy";
    let stage = Stage::with(Options::default(), key);
    let run = stage.success();
    let total = type_of(&run, key)["total"].as_u64().unwrap();
    let ids = stage.sandbox.ids(CATALOG);
    let short = ids.iter().find(|id| {
        let text = stage.sandbox.text(CATALOG, id).unwrap();
        let count = serde_json::from_str::<Value>(&text).unwrap()["settingCount"].clone();
        count.as_u64() > Some(1)
    });
    let short = short.unwrap();
    assert!(
        stage
            .sandbox
            .update_below(CATALOG, short, "settings", |settings| {
                settings.pop();
            })
    );
    let run = stage.run(3);
    let of = type_of(&run, key);
    assert_eq!(of["outcome"], "incomplete");
    assert_eq!(of["removed"], 0);
    assert_eq!(of["total"].as_u64(), Some(total));
    let error = of["error"].as_str().unwrap();
    assert!(error.contains(short.as_str()), "{error}");
    assert!(error.contains("settings were read"), "{error}");
}

#[test]
fn an_expanded_collection_is_followed_to_its_end() {
    let key = "settingsCatalogPolicy";
    let stage = Stage::with(Options::default(), key);
    let id = stage.sandbox.ids(CATALOG).remove(0);
    let group = |number: usize| {
        let group = format!("7b000000-0000-4000-8000-{number:012}");
        let target = r##""@odata.type":"#microsoft.graph.groupAssignmentTarget""##;
        Resource::new(format!(
            r#"{{"id":"{id}_{group}","source":"direct","sourceId":"{id}","target":{{{target},"groupId":"{group}"}}}}"#
        ))
    };
    let many: Vec<_> = (0..130).map(group).collect();
    let count = many.len();
    assert!(
        stage
            .sandbox
            .update_below(CATALOG, &id, "assignments", |it| *it = many)
    );
    let run = stage.success();
    let documents = documents(&stage, &run, key);
    let crowded = documents
        .iter()
        .find(|one| one["id"] == id.as_str())
        .unwrap();
    assert_eq!(crowded["assignments"].as_array().unwrap().len(), count);
    assert_eq!(crowded.get("assignments@odata.nextLink"), None);
    let requests = stage.sandbox.requests();
    let path = format!("{CATALOG}/{id}/assignments");
    let followed = requests.iter().filter(|one| one.path() == path);
    assert!(followed.count() > 1, "over several pages");
}
