//! What a comparison begins with: a tenant of many kinds of policies, and one of each kind of change.

#![allow(dead_code, reason = "each test file uses a part of it")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::sandbox::PROFILES;
use crate::sandbox::server::{Options, Sandbox};
use crate::stage::{CATALOG, FILTERS, SCRIPTS, Stage};

pub const LOCATIONS: (&str, &str) = ("namedLocation", "identity/conditionalAccess/namedLocations");
const TYPES: &str = "settingsCatalogPolicy,deviceConfiguration,windowsUpdateRing,groupPolicyConfiguration,\
    deviceCompliancePolicy,deviceManagementScript,assignmentFilter,roleScopeTag,namedLocation";

pub fn stage() -> Stage {
    Stage::with(Options::default(), TYPES)
}

/// The id of the object of that name.
pub fn id_of(sandbox: &Sandbox, collection: &str, name: &str) -> String {
    let found = sandbox.read(|tenant| {
        let mut objects = tenant.list(collection).iter();
        Some(objects.find(|object| object.name() == name)?.id.clone())
    });
    found.unwrap_or_else(|| panic!("no {name} in {collection}"))
}

/// Changes a text of the object of that name.
pub fn edit(sandbox: &Sandbox, collection: &str, name: &str, from: &str, to: &str) {
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
pub fn changed() -> Stage {
    let stage = stage();
    stage.success();
    change(&stage.sandbox);
    stage.success();
    stage
}

pub fn diff(stage: &Stage, args: &[&str]) -> Value {
    stage.env.json(&[&["backups", "diff"], args].concat())
}

/// The changes, one word each.
pub fn words(diff: &Value) -> Vec<String> {
    let changes = diff["changes"].as_array().unwrap().iter();
    let words = changes.map(|change| {
        let word = |name: &str| change[name].as_str().unwrap().to_owned();
        format!("{} {}", word("change"), word("policy_type"))
    });
    words.collect()
}
