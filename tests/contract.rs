//! The contract with Graph: every request the program can make is one that Microsoft's metadata
//! has, and the sandbox sends nothing that Graph could not send.
//!
//! The metadata is that of pinned packages, fetched by `.ci/contract`; without them these tests say
//! so and pass. What the metadata offers the service may still refuse: passing is necessary, not
//! sufficient. What the metadata lacks though it is used is listed in [`ALLOWED`], with its reason.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "contract/body.rs"]
mod body;
#[path = "support/env.rs"]
mod env;
#[path = "contract/metadata.rs"]
mod metadata;
#[path = "contract/request.rs"]
mod request;
#[path = "contract/rows.rs"]
mod rows;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use metadata::{Field, Metadata};
use sandbox::server::tenant::Resource;
use sandbox::server::{Options, paths};
use serde_json::Value;
use stage::Stage;
use tenantpilot::graph::{Request, Version};
use tenantpilot::policy::catalogue::{self, Part, PolicyType, Shape, authors};

/// What the metadata does not have though it is right: a path, with `*` for any segment, and why.
const ALLOWED: &[(&str, &str)] = &[
    (
        "$batch",
        "part of the protocol of OData and documented for both versions, not of the metadata",
    ),
    (
        "deviceManagement/settings",
        "a structural property by its own path, which OData has and the description leaves out",
    ),
    (
        "deviceManagement/intuneBrandingProfiles/*/themeColorLogo",
        "a structural property, as above; a list gives it as null",
    ),
    (
        "deviceManagement/intuneBrandingProfiles/*/lightBackgroundLogo",
        "a structural property, as above",
    ),
    (
        "deviceManagement/intuneBrandingProfiles/*/landingPageCustomizedImage",
        "a structural property, as above",
    ),
];

/// What a body holds though the metadata does not have it: the end of its place, or a word of the
/// complaint, and why.
const ALLOWED_IN_BODIES: &[(&str, &str)] = &[
    (
        "/auditRuleInformation:",
        "the service sends it with every setting instance; exports of live tenants show it",
    ),
    (
        "conditionalAccess/policies/templateId:",
        "the service sends it; the documentation's own examples have it",
    ),
    (
        "conditionalAccess/policies/partialEnablementStrategy:",
        "the service sends it; the documentation's own examples have it",
    ),
    (
        "conditionalAccess/policies/conditions/times:",
        "the service sends it; the documentation's own examples have it",
    ),
    (
        "/sendDeviceOwnershipChangePushNotification:",
        "documented for the type, missing from the description",
    ),
    (
        "no type #microsoft.graph.windowsQuantumConfiguration",
        "made up: a type that nobody knows has to be kept all the same",
    ),
    (
        "no type #microsoft.graph.deviceEnrollmentTeleportConfiguration",
        "made up, as above",
    ),
];

/// The metadata by version; nothing, and a word on why, where it was not fetched.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn metadata() -> Option<BTreeMap<&'static str, Metadata>> {
    let versions = ["beta", "v1.0"].map(|version| Some((version, Metadata::of(version)?)));
    let all: Option<BTreeMap<_, _>> = versions.into_iter().collect();
    if all.is_none() {
        println!("skipped: the metadata is not there; .ci/contract fetches it");
    }
    all
}

fn is_allowed(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or(target);
    let unpublished = |row: &PolicyType| {
        row.unpublished && (path == row.path || path.starts_with(&format!("{}/", row.path)))
    };
    ALLOWED.iter().any(|(pattern, _)| fits(pattern, path)) || catalogue::all().any(unpublished)
}

fn fits(pattern: &str, path: &str) -> bool {
    let same = |(of, segment): (&str, &str)| of == "*" || of == segment;
    pattern.split('/').count() == path.split('/').count()
        && pattern.split('/').zip(path.split('/')).all(same)
}

/// Every request that a row stands for, with and without expansions.
fn of_row(row: &PolicyType) -> Vec<Request> {
    let parent = row.parents().map(|_| "parent");
    let mut requests: Vec<Request> = row.parents().into_iter().collect();
    for expanded in [true, false] {
        if row.shape == Shape::List {
            requests.extend(row.list(parent, expanded));
        }
        requests.extend(row.object(parent, "id", expanded));
        let place = row.object_place(parent, "id").unwrap();
        parts(row, row.parts, &place, expanded, &mut requests);
    }
    let place = row.object_place(parent, "id").unwrap();
    for reference in row.references {
        let types = reference.types.iter().map(|name| Some(*name)).chain([None]);
        requests
            .extend(types.filter_map(|odata_type| row.reference(&place, odata_type, reference)));
    }
    requests.extend(
        row.sealed
            .iter()
            .map(|sealed| row.unsealed(&place, sealed, "it's")),
    );
    requests
}

fn parts(row: &PolicyType, of: &[Part], place: &str, expanded: bool, into: &mut Vec<Request>) {
    for part in of {
        into.push(row.part(place, part, expanded));
        let below = format!("{place}/{}/id", part.segments());
        parts(row, part.parts, &below, expanded, into);
    }
}

fn target(request: &Request) -> String {
    let options: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace(' ', "%20")))
        .collect();
    match options.is_empty() {
        true => request.path.clone(),
        false => format!("{}?{}", request.path, options.join("&")),
    }
}

#[test]
fn every_request_of_the_catalogue_is_one_of_graphs() {
    let Some(mut metadata) = metadata() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut checked = 0;
    for row in catalogue::all() {
        for request in of_row(row) {
            let target = target(&request);
            let version = metadata.get_mut(request.version.segment()).unwrap();
            checked += 1;
            if !is_allowed(&target) {
                let found = request::wrong(version, "GET", &target);
                wrong.extend(
                    found
                        .into_iter()
                        .map(|why| format!("{}: {target}: {why}", row.key)),
                );
            }
        }
    }
    let events = authors::request(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
    let version = metadata.get_mut(events.version.segment()).unwrap();
    wrong.extend(request::wrong(version, "GET", &target(&events)));
    assert!(checked > 300, "{checked} requests");
    assert!(
        wrong.is_empty(),
        "{} of {checked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_property_that_a_row_names_is_one_of_its_type() {
    let Some(mut metadata) = metadata() else {
        return;
    };
    let mut wrong = Vec::new();
    for row in catalogue::all().filter(|row| !row.unpublished) {
        let version = metadata.get_mut(row.version.segment()).unwrap();
        let path = row.path.replace("{parent}", "parent");
        let path = row.object_path.unwrap_or(&path);
        let answer = version
            .operation(path)
            .and_then(|of| of.verbs.get("GET").cloned());
        let class = answer.flatten().and_then(|class| version.answered(&class));
        match class {
            Some(class) => wrong.extend(rows::wrong(version, row, &class)),
            None if is_allowed(path) => {}
            None => wrong.push(format!("{}: its type is not known", row.key)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_request_on_the_wire_is_one_of_graphs() {
    let Some(mut metadata) = metadata() else {
        return;
    };
    let stage = Stage::with(Options::default(), "all");
    // Types that are forbidden or not offered there are asked for like any other.
    drop(stage.env.run(&["run", "nightly", "--json"]));
    drop(stage.env.run(&["tenants", "check", "contoso", "--json"]));
    let mut seen = BTreeSet::new();
    for recorded in stage.sandbox.requests() {
        if let Some(target) = recorded.url.strip_prefix(stage.sandbox.url()) {
            seen.insert((recorded.method, target.trim_start_matches('/').to_owned()));
        }
    }
    seen.retain(|(_, target)| !target.contains("/oauth2/"));
    let mut wrong = Vec::new();
    for (method, target) in &seen {
        let (version, target) = target.split_once('/').unwrap();
        let version = metadata.get_mut(version).unwrap();
        if !is_allowed(target) {
            let found = request::wrong(version, method, target);
            wrong.extend(
                found
                    .into_iter()
                    .map(|why| format!("{method} {target}: {why}")),
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        seen.len(),
        wrong.join("\n")
    );
    for (pattern, why) in ALLOWED {
        let mut paths = seen
            .iter()
            .filter_map(|(_, target)| target.split('?').next()?.split_once('/'));
        let used = paths.any(|(_, path)| fits(pattern, path));
        assert!(used, "{pattern} needs no leave any more: {why}");
    }
    for row in catalogue::all().filter(|row| row.not_app_only.is_none()) {
        let list = row.parents().or_else(|| row.list(None, true)).unwrap();
        let asked = format!("{}/{}", list.version.segment(), list.path);
        let reached = seen
            .iter()
            .any(|(_, target)| target.split('?').next() == Some(&asked));
        assert!(reached, "{} was never asked for", row.key);
    }
}

#[test]
fn planted_faults_are_found_and_what_is_right_passes() {
    let Some(mut metadata) = metadata() else {
        return;
    };
    let beta = metadata.get_mut("beta").unwrap();
    let catalog = "deviceManagement/configurationPolicies";
    for (method, target) in [
        ("GET", format!("{catalog}?$expand=assignments&$top=25&$skiptoken=%255Bx%255D")),
        ("GET", format!("{catalog}/1?$select=id,name&$expand=settings($expand=settingDefinitions)")),
        ("GET", format!("{catalog}/1/settings")),
        (
            "GET",
            "deviceManagement/deviceConfigurations/1/microsoft.graph.iosWiFiConfiguration".to_owned(),
        ),
        (
            "GET",
            "deviceManagement/deviceConfigurations/1/getOmaSettingPlainTextValue(secretReferenceValueId='x')"
                .to_owned(),
        ),
        ("GET", "deviceManagement/deviceConfigurations?$select=id,omaSettings".to_owned()),
        (
            "GET",
            "deviceManagement/roleAssignments/1/microsoft.graph.deviceAndAppManagementRoleAssignment/roleScopeTags?$select=id"
                .to_owned(),
        ),
        ("POST", "directoryObjects/getByIds".to_owned()),
    ] {
        assert_eq!(request::wrong(beta, method, &target), [""; 0], "{target}");
    }
    for (method, target, why) in [
        ("GET", "deviceManagement/configurationPolicy".to_owned(), "no such path"),
        ("GET", format!("{catalog}/1/setting"), "no such path"),
        ("GET", "DeviceManagement/configurationPolicies".to_owned(), "no such path"),
        (
            "GET",
            "deviceManagement/deviceConfigurations/1/microsoft.graph.mobileApp".to_owned(),
            "no such path",
        ),
        (
            "GET",
            "deviceManagement/roleAssignments/1/microsoft.graph.deviceAndAppManagementRoleAssignment/tags"
                .to_owned(),
            "no such path",
        ),
        ("PUT", catalog.to_owned(), "has no PUT"),
        ("GET", "directoryObjects/getByIds".to_owned(), "has no GET"),
        ("POST", "directoryObjects/getByIds?$select=id".to_owned(), "takes no $select"),
        ("POST", format!("{catalog}/1/settings/2"), "has no POST"),
        ("GET", format!("{catalog}/1?$top=5"), "takes no $top"),
        ("GET", format!("{catalog}?$top=all"), "$top=all"),
        ("GET", format!("{catalog}?top=5"), "without its dollar"),
        ("GET", format!("{catalog}?$select=id,displayName"), "has no displayName"),
        ("GET", format!("{catalog}?$expand=settings,relationships"), "has no relationships"),
        ("GET", format!("{catalog}?$expand=name"), "leads nowhere"),
        ("GET", format!("{catalog}?$expand=settings($select=nothing)"), "has no nothing"),
        ("GET", format!("{catalog}?$expand=settings($top=1)"), "inside $expand"),
        ("GET", format!("{catalog}?$filter=displayName%20eq%20'x'"), "has no displayName"),
        (
            "GET",
            "deviceManagement/deviceConfigurations?$expand=microsoft.graph.mobileApp/assignments".to_owned(),
            "is no deviceconfiguration",
        ),
        (
            "GET",
            "deviceManagement/deviceConfigurations/1/getOmaSettingPlainTextValue(secretReferenceValueId=x)"
                .to_owned(),
            "no such path",
        ),
    ] {
        let found = request::wrong(beta, method, &target).join("\n");
        assert!(found.contains(why), "{target}: {found:?} instead of {why:?}");
    }
    let by_ids = beta.operation("directoryObjects/getByIds").unwrap();
    let answer = by_ids.verbs["POST"].clone().unwrap();
    assert_eq!(beta.answered(&answer).as_deref(), Some("directoryobject"));
    let policy = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        body::wrong(beta, "devicemanagementconfigurationpolicy", "x", &value).join("\n")
    };
    assert_eq!(
        policy(
            r##"{"@odata.context":"c","id":"1","name":"N","platforms":"windows10,linux","settings":[{"@odata.type":"#microsoft.graph.deviceManagementConfigurationSetting","id":"0"}],"settings@odata.nextLink":"l"}"##
        ),
        ""
    );
    for (text, why) in [
        (r#"{"displayName":"N"}"#, "has no such property"),
        (r#"{"platforms":"windows11"}"#, "has no member windows11"),
        (
            r#"{"platforms":"windows10, linux"}"#,
            "has no member  linux",
        ),
        (r##"{"@odata.type":"#microsoft.graph.madeUp"}"##, "no type"),
        (
            r##"{"@odata.type":"#microsoft.graph.mobileApp"}"##,
            "is no devicemanagement",
        ),
        (r#"{"settings":[{"made":1}]}"#, "has no such property"),
        (r#"{"settings":[1]}"#, "belongs"),
    ] {
        let found = policy(text);
        assert!(found.contains(why), "{text}: {found:?} instead of {why:?}");
    }
}

#[test]
fn the_sandbox_sends_nothing_that_graph_could_not() {
    let Some(mut metadata) = metadata() else {
        return;
    };
    let stage = Stage::with(Options::default(), "all");
    // Audit events tell of what was done to it.
    let changed = stage.sandbox.change(stage::FILTERS.1, 1).remove(0);
    stage.sandbox.remove(stage::FILTERS.1, &changed.0);
    let mut wrong = Vec::new();
    for path in paths() {
        let version = metadata.get_mut(Version::Beta.segment()).unwrap();
        let answer = version
            .operation(path)
            .and_then(|of| of.verbs.get("GET").or(of.verbs.get("POST")).cloned());
        let Some(class) = answer.flatten().and_then(|class| version.answered(&class)) else {
            if !is_allowed(path) {
                wrong.push(format!("{path}: what it answers with is not known"));
            }
            continue;
        };
        stage.sandbox.read(|tenant| {
            for resource in tenant.list(path) {
                of_resource(version, &class, path, resource, &mut wrong);
            }
        });
    }
    for (word, why) in ALLOWED_IN_BODIES {
        let before = wrong.len();
        wrong.retain(|line| !line.contains(word));
        assert!(
            wrong.len() < before,
            "{word} needs no leave any more: {why}"
        );
    }
    let several: BTreeSet<String> = wrong.into_iter().collect();
    let lines: Vec<String> = several.into_iter().collect();
    assert!(lines.is_empty(), "{}:\n{}", lines.len(), lines.join("\n"));
}

/// An object with what hangs below it.
fn of_resource(
    metadata: &Metadata,
    class: &str,
    place: &str,
    resource: &Resource,
    wrong: &mut Vec<String>,
) {
    // What is awkward on purpose is no JSON that can be parsed.
    let Ok(value) = serde_json::from_str::<Value>(&resource.text) else {
        return;
    };
    wrong.extend(body::wrong(metadata, class, place, &value));
    let told = value["@odata.type"].as_str();
    let class = told.and_then(|told| metadata.class(told)).unwrap_or(class);
    for (name, elements) in &resource.below {
        // What a function gives is no property.
        if name.contains('(') {
            continue;
        }
        let place = format!("{place}/{name}");
        match metadata.field(class, name) {
            Some(Field::Object(inner)) => {
                for element in elements {
                    of_resource(metadata, inner, &place, element, wrong);
                }
            }
            // A stream, which is read by a path of its own.
            Some(Field::Plain) => {}
            _ if elements.is_empty() => {}
            other => wrong.push(format!("{place}: {class} has {other:?}")),
        }
    }
}
