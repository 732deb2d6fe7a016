//! `run` against a tenant of many policies: everything is read, kept to the byte, and told apart
//! from what was there before.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use sandbox::server::Options;
use sandbox::server::tenant::{IN_CLEAR, Resource};
use serde_json::value::RawValue;
use stage::{CATALOG, COMPLIANCE, SCRIPTS, SLOW, Stage, changes, names, type_of};
use tenantpilot::backup_set::BackupSetId;
use tenantpilot::policy::catalogue::{self, Form, Part, PolicyType, Shape};
use tenantpilot::policy::document::{Object, is_left_out};
use tenantpilot::store::Store;
use tenantpilot::store::backup_sets;
use tenantpilot::store::contents::Reader;

/// Every document of a backup set, by policy type and id, as stored.
fn documents(stage: &Stage, set: i64) -> BTreeMap<(String, String), String> {
    let store = Store::open(&stage.env.database()).unwrap();
    let set = backup_sets::get(store.read(), BackupSetId(set))
        .unwrap()
        .unwrap();
    let reader = Reader::new(store.read(), set.tenant_id);
    let mut documents = BTreeMap::new();
    for entry in backup_sets::manifest(&reader, &set).unwrap().types() {
        let list = backup_sets::list(&reader, entry).unwrap().unwrap();
        for policy in list.entries() {
            let text = String::from_utf8(reader.read(&policy.hash).unwrap().to_vec()).unwrap();
            let place = (entry.policy_type.clone(), policy.id.clone());
            assert!(documents.insert(place, text).is_none());
        }
    }
    documents
}

/// How many elements the parts of all documents have, by name, and the most of one document.
#[derive(Default)]
struct Seen {
    all: BTreeMap<&'static str, usize>,
    most: BTreeMap<&'static str, usize>,
}

/// The members of an object as text, without the braces.
fn inside(text: &str) -> &str {
    text.trim()
        .strip_prefix('{')
        .unwrap()
        .strip_suffix('}')
        .unwrap()
}

/// A document holds its object byte for byte, and every part of it, element by element, and what it
/// refers to. Of an object that is read with a selection it holds that, and of one with secrets
/// everything but those.
fn compare(row: &PolicyType, held: &Resource, document: &str, seen: &mut Seen) {
    let (kept, there) = (Object::parse(document), Object::parse(&held.text));
    let (kept, there) = (kept.unwrap(), there.unwrap());
    let selected = row.query.iter().find(|(name, _)| *name == "$select");
    let sealed = |name: &str| {
        let array = row.sealed.is_some_and(|sealed| sealed.array == name);
        array && !held.below(IN_CLEAR).is_empty()
    };
    let changed = |name: &str| {
        let file = |part: &Part| part.form != Form::Many && part.property == name;
        sealed(name) || row.redacted.contains(&name) || row.parts.iter().any(file)
    };
    if selected.is_none() && !names_of(&held.text).iter().any(|name| changed(name)) {
        assert!(
            document.contains(inside(&held.text)),
            "{} {} is not kept as it was:\n{document}\n{}",
            row.key,
            held.id,
            held.text
        );
    }
    for name in names_of(&held.text) {
        let left_out = selected.is_some_and(|(_, list)| !list.split(',').any(|one| one == name));
        if sealed(&name) {
            let kept = kept.get(&name).unwrap();
            assert_eq!(kept.matches(r#"{"redacted":"not captured"}"#).count(), 2);
            *seen.all.entry("secrets").or_default() += 2;
        } else if row.redacted.contains(&name.as_str()) && !there.is_blank(&name) {
            let kept = kept.get(&name).unwrap();
            assert!(kept.starts_with(r#"{"redacted":"hmac-sha256:"#), "{kept}");
            *seen.all.entry("digests").or_default() += 1;
        } else if !left_out && !changed(&name) {
            assert_eq!(kept.get(&name), there.get(&name), "{} {}", row.key, held.id);
        }
    }
    compare_parts(row.key, row.parts, held, document, seen);
    compare_references(row, held, &kept, seen);
    for (name, elements) in &held.below {
        let of_row = row.parts.iter().any(|part| part.property == name)
            || row.references.iter().any(|one| one.property == name)
            || catalogue::all()
                .any(|other| other.path == format!("{}/{{parent}}/{name}", row.path))
            || name == IN_CLEAR;
        assert!(of_row || elements.is_empty(), "{} has no {name}", row.key);
    }
}

fn compare_references(row: &PolicyType, held: &Resource, kept: &Object<'_>, seen: &mut Seen) {
    let own = Object::parse(&held.text).unwrap();
    let odata_type = own.string("@odata.type").unwrap();
    for reference in row.references {
        let property = reference.property;
        if row
            .reference("", odata_type.as_deref(), reference)
            .is_none()
        {
            assert!(held.below(property).is_empty(), "{} {property}", held.id);
            assert_eq!(kept.get(property), own.get(property), "{}", held.id);
            continue;
        }
        let elements: Vec<String> = held
            .below(property)
            .iter()
            .map(|element| {
                let object = Object::parse(&element.text).unwrap();
                let names = ["@odata.type", "id", "displayName"];
                let members: Vec<String> = names
                    .iter()
                    .filter_map(|name| Some(format!(r#""{name}":{}"#, object.get(name)?)))
                    .collect();
                match reference.owned {
                    Some(_) => element.text.clone(),
                    None => format!("{{{}}}", members.join(",")),
                }
            })
            .collect();
        let expected = match (reference.many, elements.first()) {
            (true, _) => format!("[{}]", elements.join(",")),
            (false, Some(one)) => one.clone(),
            (false, None) => "null".to_owned(),
        };
        let what = format!("{} {} {property}", row.key, held.id);
        assert_eq!(kept.get(property), Some(expected.as_str()), "{what}");
        *seen.all.entry(property).or_default() += elements.len();
    }
}

fn compare_parts(key: &str, parts: &[Part], held: &Resource, document: &str, seen: &mut Seen) {
    let object = Object::parse(document).unwrap();
    for part in parts {
        if part.form != Form::Many {
            compare_one(key, part, held, &object, seen);
            continue;
        }
        let kept: Vec<&RawValue> = object
            .array(part.property)
            .unwrap_or_else(|| panic!("{key} {} lacks {}", held.id, part.property));
        let there = held.below(part.property);
        assert_eq!(
            kept.len(),
            there.len(),
            "{key} {} {}",
            held.id,
            part.property
        );
        *seen.all.entry(part.property).or_default() += kept.len();
        let most = seen.most.entry(part.property).or_default();
        *most = kept.len().max(*most);
        for (element, expected) in kept.iter().zip(there) {
            assert!(
                element.get().contains(inside(&expected.text)),
                "{key} {} {}: {} is not {}",
                held.id,
                part.property,
                element.get(),
                expected.text
            );
            let element = Object::parse(element.get()).unwrap();
            for single in part.expand {
                let referred = expected.below(single).first().unwrap();
                assert_eq!(
                    element.get(single),
                    Some(referred.text.as_str()),
                    "{single}"
                );
                *seen.all.entry(single).or_default() += 1;
            }
            for inner in part.parts {
                let kept = element.array(inner.property);
                assert!(kept.is_some(), "{key} {} lacks {}", held.id, inner.property);
            }
        }
        for (element, expected) in kept.iter().zip(there) {
            compare_parts(key, part.parts, expected, element.get(), seen);
        }
    }
}

/// A single object is kept as it is held, a file as base64; neither where there is none.
fn compare_one(key: &str, part: &Part, held: &Resource, object: &Object<'_>, seen: &mut Seen) {
    let kept = object.get(part.property).filter(|kept| *kept != "null");
    let there = held.below(part.property).first();
    assert_eq!(
        kept.is_some(),
        there.is_some(),
        "{key} {} {}",
        held.id,
        part.property
    );
    let (Some(kept), Some(there)) = (kept, there) else {
        return;
    };
    *seen.all.entry(part.property).or_default() += 1;
    if part.form == Form::File {
        let file = Object::parse(&there.text).unwrap();
        assert_eq!(kept, file.get("value").unwrap(), "{key} {}", part.property);
    } else {
        assert!(
            kept.contains(inside(&there.text)),
            "{key} {}",
            part.property
        );
    }
}

fn names_of(text: &str) -> Vec<String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    object.keys().cloned().collect()
}

/// What the tenant holds of the list of a row, each with its id in a backup.
fn held(stage: &Stage, row: &PolicyType) -> Vec<(String, Resource)> {
    let listed =
        stage.sandbox.read(
            |tenant| match (row.path.split_once("/{parent}/"), row.object_path) {
                (None, _) => tenant.list(row.path).to_vec(),
                (Some(_), Some(path)) => tenant.list(path).to_vec(),
                (Some((parents, below)), None) => {
                    below
                        .split('/')
                        .fold(tenant.list(parents).to_vec(), |objects, name| {
                            objects
                                .iter()
                                .flat_map(|one| one.below(name).to_vec())
                                .collect()
                        })
                }
            },
        );
    let wanted = |object: &Resource| {
        let text = Object::parse(&object.text).unwrap();
        let filter = row.query.iter().find(|(name, _)| *name == "$filter");
        let passes = filter.is_none_or(|(_, filter)| {
            let property = filter.strip_suffix(" eq false").unwrap();
            text.get(property) == Some("false")
        });
        passes && !is_left_out(row, &text)
    };
    let id = |object: &Resource| match (row.shape, object.id.as_str()) {
        (Shape::Single, "") => row.key.to_owned(),
        (_, id) => id.to_owned(),
    };
    let listed = listed.into_iter().filter(wanted);
    listed.map(|object| (id(&object), object)).collect()
}

#[test]
fn every_policy_is_kept_whole_and_to_the_byte() {
    let options = Options {
        policies: Some(360),
        latency: SLOW,
        ..Options::default()
    };
    let stage = Stage::with(options, "all");
    let run = stage.success();
    assert_eq!(run["summary"]["errors_count"], 0);
    let documents = documents(&stage, 1);
    assert_eq!(run["summary"]["policies_total"], documents.len());
    assert_eq!(run["summary"]["policies_backed_up"], documents.len());
    assert!(documents.len() > 250, "{}", documents.len());

    let mut expected = BTreeSet::new();
    let mut seen = Seen::default();
    let rows: Vec<&PolicyType> = catalogue::all()
        .filter(|row| row.not_app_only.is_none())
        .collect();
    let paths: BTreeSet<&str> = rows.iter().map(|row| row.path).collect();
    for path in paths {
        let sharing: Vec<_> = rows.iter().filter(|row| row.path == path).collect();
        let held = held(&stage, sharing[0]);
        assert!(!held.is_empty(), "the sandbox has nothing at {path}");
        for (id, object) in held {
            let own = Object::parse(&object.text).unwrap();
            let odata_type = own.string("@odata.type").unwrap().unwrap_or_default();
            let row = sharing
                .iter()
                .find(|row| !row.is_general() && row.names(&odata_type))
                .or_else(|| sharing.iter().find(|row| row.is_general()))
                .unwrap();
            let place = (row.key.to_owned(), id);
            let document = documents
                .get(&place)
                .unwrap_or_else(|| panic!("{place:?} is not in the set"));
            compare(row, &object, document, &mut seen);
            expected.insert(place);
        }
    }
    assert_eq!(documents.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(seen.most["settings"] > 60, "{:?}", seen.most);
    assert!(seen.most["assignments"] > 25, "{:?}", seen.most);
    for part in [
        "definitionValues",
        "definition",
        "presentationValues",
        "presentation",
        "scheduledActionsForRule",
        "scheduledActionConfigurations",
        "localizedNotificationMessages",
        "apps",
        "relationships",
        "categories",
        "items",
        "protectedAppLockerFiles",
        "roleScopeTags",
        "themeColorLogo",
        "backgroundImage",
        "customCSS",
        "combinationConfigurations",
        "driverInventories",
        "rootCertificate",
        "rootCertificatesForServerValidation",
        "identityCertificate",
        "networkAccessConfigurations",
        "privacyAccessControls",
        "derivedCredentialSettings",
        "defaultIosEnrollmentProfile",
        "secrets",
        "digests",
    ] {
        assert!(seen.all[part] > 0, "no {part} was compared");
    }
    types_of_the_set(&stage);
    numbers_are_as_graph_wrote_them(&stage, &documents);
    scripts_have_their_bodies(&stage);
    unknown_types_are_kept(&stage, &run);
}

fn types_of_the_set(stage: &Stage) {
    let set = stage.set(&1.into());
    assert_eq!(set["status"], "complete");
    let counted: u64 = set["types"]
        .as_object()
        .unwrap()
        .values()
        .map(|of| {
            assert_eq!(of["outcome"], "complete", "{of}");
            of["count"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(set["policies"], counted);
    assert_eq!(set["items"].as_array().unwrap().len() as u64, counted);
}

fn numbers_are_as_graph_wrote_them(stage: &Stage, documents: &BTreeMap<(String, String), String>) {
    for (kind, place) in [
        ("settingsCatalogPolicy", "Security baseline, all settings"),
        ("deviceConfiguration", "Custom OMA-URI"),
    ] {
        let ((key, id), stored) = documents
            .iter()
            .find(|((key, _), text)| key == kind && text.contains(place))
            .unwrap();
        let policy = format!("{key}/{id}");
        let args = ["backups", "show", "1", "--policy", &policy, "--json"];
        let shown = stage.env.run(&args).ok();
        assert!(
            shown.contains(stored.as_str()),
            "{policy} is not shown as it is stored"
        );
        for number in ["0.1000", "12345678901234567890123", "1e5", "-0"] {
            let value = format!("\"value\":{number}}}");
            assert!(shown.contains(&value), "{policy} has lost {number}");
        }
    }
}

fn scripts_have_their_bodies(stage: &Stage) {
    for id in stage.sandbox.ids(SCRIPTS.1) {
        let held = stage.sandbox.text(SCRIPTS.1, &id).unwrap();
        let held: serde_json::Value = serde_json::from_str(&held).unwrap();
        let policy = format!("{}/{id}", SCRIPTS.0);
        let shown = stage
            .env
            .json(&["backups", "show", "1", "--policy", &policy]);
        assert!(held["scriptContent"].is_string());
        assert_eq!(shown["document"]["scriptContent"], held["scriptContent"]);
        assert_eq!(shown["policy_id"], id.as_str());
        assert_eq!(shown["policy_type"], SCRIPTS.0);
        assert_eq!(shown["name"], held["displayName"]);
        let fields = [
            "document",
            "hash",
            "name",
            "policy_id",
            "policy_type",
            "warnings",
        ];
        assert!(fields.iter().all(|field| names(&shown).contains(field)));
    }
}

/// The sandbox holds an object of a type that no row names in each of the shared collections.
fn unknown_types_are_kept(stage: &Stage, run: &serde_json::Value) {
    for (key, odata_type) in [
        ("deviceConfiguration", "windowsQuantumConfiguration"),
        (
            "deviceEnrollmentConfiguration",
            "deviceEnrollmentTeleportConfiguration",
        ),
    ] {
        let warning = format!("kept under {key}: its type #microsoft.graph.{odata_type}");
        let said = run["summary"]["warnings"].to_string();
        assert!(said.contains(&warning), "{said}");
        let set = stage.set(&1.into());
        let items = set["items"].as_array().unwrap();
        let kept = items.iter().any(|item| {
            let policy = format!("{key}/{}", item["policy_id"].as_str().unwrap());
            item["policy_type"] == key && {
                let shown = stage
                    .env
                    .json(&["backups", "show", "1", "--policy", &policy]);
                shown["document"]["@odata.type"] == format!("#microsoft.graph.{odata_type}")
                    && shown["warnings"].to_string().contains(&warning)
            }
        });
        assert!(kept, "{odata_type} is not kept under {key}");
    }
}

#[test]
fn an_unchanged_tenant_makes_the_same_set_again() {
    let stage = Stage::with(Options::default(), "all");
    let first = stage.success();
    let second = stage.success();
    let root = |run: &serde_json::Value| stage.set(&run["backup_set_id"])["root_hash"].clone();
    assert_eq!(root(&first), root(&second));
    assert_ne!(first["backup_set_id"], second["backup_set_id"]);
    let all_unchanged = |run: &serde_json::Value| {
        for (key, of) in run["summary"]["type_breakdown"].as_object().unwrap() {
            let total = of["total"].as_u64().unwrap();
            assert_eq!(changes(run, key), [0, 0, 0, total], "{key}");
        }
    };
    all_unchanged(&second);
    for (key, of) in first["summary"]["type_breakdown"].as_object().unwrap() {
        let total = of["total"].as_u64().unwrap();
        assert_eq!(changes(&first, key), [total, 0, 0, 0], "{key}");
    }
    stage.sandbox.reorder();
    let third = stage.success();
    all_unchanged(&third);
    assert_ne!(root(&second), root(&third), "the order was really another");
}

#[test]
fn what_was_done_to_a_tenant_is_counted() {
    let stage = Stage::of(&[CATALOG, SCRIPTS, COMPLIANCE]);
    stage.success();
    let sandbox = &stage.sandbox;
    let ids = sandbox.ids(CATALOG.1);
    let total = ids.len() as u64;
    sandbox.change(CATALOG.1, 2);
    assert!(sandbox.rename(CATALOG.1, &ids[5], "Another name"));
    assert!(sandbox.update_below(CATALOG.1, &ids[6], "assignments", Vec::clear));
    assert!(sandbox.remove(CATALOG.1, &ids[7]));
    assert!(sandbox.remove(CATALOG.1, &ids[8]));
    let fresh = sandbox.text(CATALOG.1, &ids[0]).unwrap();
    let settings = sandbox.read(|tenant| tenant.get(CATALOG.1, &ids[0]).unwrap().below.clone());
    let mut copy = Resource::new(fresh.replace(&ids[0], "a-new-policy"));
    copy.below = settings;
    sandbox.add_resource(CATALOG.1, copy);
    // What the service sets by itself is no change.
    let script = sandbox.ids(SCRIPTS.1).remove(0);
    sandbox.write(|tenant| {
        let script = tenant.get_mut(SCRIPTS.1, &script).unwrap();
        script.set("lastModifiedDateTime", r#""2031-01-01T00:00:00Z""#);
    });
    let run = stage.success();
    assert_eq!(changes(&run, CATALOG.0), [1, 4, 2, total - 6]);
    let scripts = type_of(&run, SCRIPTS.0)["total"].as_u64().unwrap();
    assert_eq!(changes(&run, SCRIPTS.0), [0, 0, 0, scripts]);
    let line = stage.env.run(&["history", "--limit", "1"]).ok();
    assert!(line.contains("1 added, 4 changed, 2 removed"), "{line}");
}
