//! Policy types that are awkward to read, over real HTTP: apps, branding, roles, bindings, sets, and
//! what the Conditional Access service allows.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::Options;
use sandbox::server::faults::{Fault, Kind};
use serde_json::Value;
use stage::{Stage, changes, type_of};
use tenantpilot::policy::catalogue::{self, Form, Part, Via};

const APPS: &str = "deviceAppManagement/mobileApps";
const VPN: &str = "a9900000-0000-4000-8000-000000000111";
const USED_STUB: &str = "a9900000-0000-4000-8000-000000000104";
const DELETED_APP: &str = "a9900000-0000-4000-8000-0000000000de";

fn document(stage: &Stage, set: u64, policy: &str) -> Value {
    let set = set.to_string();
    let shown = stage
        .env
        .json(&["backups", "show", &set, "--policy", policy]);
    shown["document"].clone()
}

/// The queries with which a path was asked for.
fn queries(stage: &Stage, path: &str) -> Vec<String> {
    let requests = stage.sandbox.requests();
    let asked = requests.iter().filter(|request| request.path() == path);
    let query = |url: &str| {
        url.split_once('?')
            .map_or("", |(_, query)| query)
            .replace("%24", "$")
    };
    asked
        .map(|request| query(&request.url).replace("%2C", ",").replace("%2F", "/"))
        .collect()
}

/// The types that this program reads beside profiles, scripts and enrollment.
fn of_this_file() -> Vec<&'static str> {
    let first = catalogue::all()
        .position(|row| row.key == "mobileApp")
        .unwrap();
    let rows = catalogue::all()
        .skip(first)
        .filter(|row| row.not_app_only.is_none());
    rows.map(|row| row.key).collect()
}

#[test]
fn every_type_is_complete_with_its_extra_reads() {
    let stage = Stage::with(Options::default(), "all");
    let run = stage.success();
    let set = stage.set(&run["backup_set_id"]);
    let keys = of_this_file();
    assert_eq!(keys.len(), 41, "{keys:?}");
    for key in keys {
        let row = catalogue::find(key).unwrap();
        let of = type_of(&run, key);
        assert_eq!(of["outcome"], "complete", "{key}: {of}");
        let items = set["items"].as_array().unwrap().iter();
        let items: Vec<&Value> = items.filter(|item| item["policy_type"] == key).collect();
        assert_eq!(of["total"].as_u64().unwrap(), items.len() as u64, "{key}");
        assert!(!items.is_empty(), "{key} has none");
        let documents: Vec<Value> = items
            .iter()
            .map(|item| {
                document(
                    &stage,
                    1,
                    &format!("{key}/{}", item["policy_id"].as_str().unwrap()),
                )
            })
            .collect();
        for part in row.parts {
            let there = |one: &&Value| match part.form {
                Form::Many => one[part.property].is_array(),
                Form::One => one[part.property].is_object(),
                Form::File => one[part.property].is_string(),
            };
            let count = documents.iter().filter(there).count();
            match part.form {
                Form::Many => assert_eq!(count, documents.len(), "{key} {}", part.property),
                Form::One | Form::File => {
                    assert!(count > 0 || empty(part), "{key} {}", part.property);
                }
            }
            let asked = stage.sandbox.requests();
            let apart = asked
                .iter()
                .filter(|one| one.path().ends_with(&part.segments()))
                .count();
            assert!(
                apart > 0 || part.via == Via::Expanded || empty(part),
                "{key} {}",
                part.property
            );
        }
        if let Some(declared) = row.declared {
            let odata_type = format!("#microsoft.graph.{declared}");
            assert!(
                documents
                    .iter()
                    .all(|one| one["@odata.type"] == odata_type.as_str()),
                "{key}"
            );
        }
    }
    let asked = stage.sandbox.requests();
    // What others name and is not there is no failure, nor is what takes more than the right to read.
    for one in &asked {
        let path = one.path();
        let expected = match one.status {
            404 => true,
            400 => path.contains("/microsoft.graph."),
            403 => path.contains("/getOmaSettingPlainTextValue("),
            status => status < 300,
        };
        assert!(expected, "{one:?}");
    }
    let mixed = "deviceAppManagement/managedAppPolicies";
    assert!(asked.iter().all(|one| !one.path().starts_with(mixed)));
}

/// Files and pictures of which the sandbox has none.
fn empty(part: &Part) -> bool {
    [
        "bannerLogo",
        "favicon",
        "headerLogo",
        "squareLogo",
        "squareLogoDark",
        "landingPageCustomizedImage",
    ]
    .contains(&part.property)
}

#[test]
fn store_apps_that_nobody_made_are_left_out_and_counted() {
    let stage = Stage::with(Options::default(), "mobileApp");
    let run = stage.success();
    let held = stage.sandbox.ids(APPS).len() as u64;
    let of = type_of(&run, "mobileApp");
    assert_eq!(
        (of["total"].as_u64(), of["left_out"].as_u64()),
        (Some(held - 3), Some(3))
    );
    let warnings = run["summary"]["warnings"].to_string();
    assert!(
        warnings.contains("mobileApp: left out on purpose: 3 store apps"),
        "{warnings}"
    );
    let kept = document(&stage, 1, &format!("mobileApp/{USED_STUB}"));
    assert_eq!(
        kept["assignments"][0]["intent"],
        "availableWithoutEnrollment"
    );
    let vpn = document(&stage, 1, &format!("mobileApp/{VPN}"));
    assert_eq!(
        vpn["description"],
        "VPN client, as its publisher describes it"
    );
    assert_eq!(vpn["roleScopeTagIds"], serde_json::json!(["0", "1"]));
    assert_eq!(vpn["relationships"][0]["targetType"], "child");
    assert_eq!(vpn["categories"][0]["displayName"], "Productivity");
    assert!(vpn["rules"][0]["scriptContent"].is_string());
    assert_eq!(queries(&stage, APPS), [""]);
    assert_eq!(
        queries(&stage, &format!("{APPS}/{VPN}")),
        ["$expand=assignments,categories"]
    );

    // An app that goes out of use is no policy any more; it is still there, and no list left it out.
    assert!(stage.sandbox.update(APPS, USED_STUB, |text| {
        text.replace(r#""isAssigned":true"#, r#""isAssigned":false"#)
    }));
    let run = stage.success();
    assert_eq!(changes(&run, "mobileApp"), [0, 0, 1, held - 4]);
    assert_eq!(type_of(&run, "mobileApp")["left_out"], 4);
}

#[test]
fn what_is_only_referred_to_may_be_gone() {
    let stage = Stage::with(
        Options::default(),
        "mobileAppConfiguration,policySet,roleAssignment",
    );
    stage.success();
    let gone = document(
        &stage,
        1,
        "mobileAppConfiguration/3c0a0000-0000-4000-8000-000000000002",
    );
    assert_eq!(gone["targetedMobileApps"][1], DELETED_APP);
    let set = "5e700000-0000-4000-8000-000000000002";
    let gone = document(&stage, 1, &format!("policySet/{set}"));
    assert_eq!(gone["items"][0]["payloadId"], DELETED_APP);
    let sets = "deviceAppManagement/policySets";
    assert_eq!(queries(&stage, sets), [""]);
    assert_eq!(
        queries(&stage, &format!("{sets}/{set}")),
        ["$expand=items,assignments"]
    );
    let assignment = "4a550000-0000-4000-8000-000000000002";
    let role = document(&stage, 1, &format!("roleAssignment/{assignment}"));
    assert_eq!(role["members"][1], "00000000-0000-4000-8000-00000000dead");
    assert_eq!(role["scopeType"], "allDevicesAndLicensedUsers");
    assert_eq!(role["roleScopeTags"][1]["id"], "2");
    let id = "0bd113fe-6be5-400c-a28f-ae5553f9c0be";
    assert_eq!(role["roleDefinition"], serde_json::json!({ "id": id }));
    assert_eq!(
        queries(
            &stage,
            &format!("deviceManagement/roleAssignments/{assignment}")
        ),
        ["$expand=microsoft.graph.deviceAndAppManagementRoleAssignment/roleScopeTags"]
    );
}

#[test]
fn secrets_of_bindings_are_digests() {
    let keys =
        "vppToken,applePushNotificationCertificate,androidManagedStoreAccountEnterpriseSettings";
    let stage = Stage::with(Options::default(), keys);
    let run = stage.success();
    for (policy, name) in [
        ("vppToken/77b00000-0000-4000-8000-000000000001", "token"),
        (
            "applePushNotificationCertificate/a9500000-0000-4000-8000-000000000001",
            "certificate",
        ),
        (
            "androidManagedStoreAccountEnterpriseSettings/androidManagedStoreAccountEnterpriseSettings",
            "companyCodes",
        ),
    ] {
        let document = document(&stage, 1, policy);
        let kept = document[name]["redacted"].as_str().unwrap();
        assert!(kept.starts_with("hmac-sha256:"), "{kept}");
        let text = document.to_string();
        for secret in ["secret-vpp", "secret-push", "SECRETCOMPANY", "secret-qr"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert_eq!(run["summary"]["errors_count"], 0);
    let names = stage.set(&run["backup_set_id"])["items"].to_string();
    assert!(names.contains("mdm@sandbox.invalid"), "{names}");
    assert!(names.contains("Managed Google Play binding"), "{names}");

    // A tenant without a certificate has none; that is no failure, and one that had it has lost it.
    let certificate = "deviceManagement/applePushNotificationCertificate";
    let id = stage.sandbox.ids(certificate).remove(0);
    assert!(stage.sandbox.remove(certificate, &id));
    let run = stage.success();
    assert_eq!(
        changes(&run, "applePushNotificationCertificate"),
        [0, 0, 1, 0]
    );
    assert_eq!(
        type_of(&run, "applePushNotificationCertificate")["outcome"],
        "complete"
    );
    let told = "Graph says twice that there is none";
    let warnings = run["summary"]["warnings"].to_string();
    assert!(warnings.contains(told), "{warnings}");
    let set = stage.set(&run["backup_set_id"]);
    let proof = &set["types"]["applePushNotificationCertificate"]["proof"];
    assert_eq!(proof["status"], 404, "{set}");
    let run = stage.success();
    assert!(!run["summary"]["warnings"].to_string().contains(told));
}

#[test]
fn pictures_are_kept_and_their_absence_is_no_failure() {
    let stage = Stage::with(
        Options::default(),
        "intuneBrandingProfile,organizationalBranding",
    );
    let run = stage.success();
    assert_eq!(type_of(&run, "organizationalBranding")["total"], 2);
    let page = document(&stage, 1, "organizationalBranding/0");
    assert_eq!(page["backgroundImage"], "/9j/4CBhIHBpY3R1cmUgAP8=");
    assert_eq!(page["bannerLogo"], Value::Null);
    let organization = stage.sandbox.ids("organization").remove(0);
    let place = format!("organization/{organization}/branding/localizations/0");
    let asked = |name: &str| queries(&stage, &format!("{place}/{name}")).len();
    assert_eq!((asked("backgroundImage"), asked("customCSS")), (1, 1));
    assert_eq!(
        (asked("squareLogo"), asked("favicon"), asked("bannerLogo")),
        (1, 0, 0)
    );
    let portal = document(
        &stage,
        1,
        "intuneBrandingProfile/b7a4d000-0000-4000-8000-000000000001",
    );
    assert_eq!(portal["themeColorLogo"]["type"], "image/png");
    assert_eq!(portal["landingPageCustomizedImage"], Value::Null);

    // Where it moved to is no change; what it shows is.
    stage.sandbox.write(|tenant| {
        let organization = tenant.get_mut("organization", &organization).unwrap();
        let branding = organization.below_mut("branding").first_mut().unwrap();
        let page = branding.below_mut("localizations").first_mut().unwrap();
        page.set("backgroundImageRelativeUrl", r#""elsewhere""#);
    });
    assert_eq!(
        changes(&stage.success(), "organizationalBranding"),
        [0, 0, 0, 2]
    );
    stage.sandbox.write(|tenant| {
        let organization = tenant.get_mut("organization", &organization).unwrap();
        let branding = organization.below_mut("branding").first_mut().unwrap();
        let page = branding.below_mut("localizations").first_mut().unwrap();
        page.below_mut("backgroundImage")
            .first_mut()
            .unwrap()
            .set("value", r#""AAAA""#);
    });
    assert_eq!(
        changes(&stage.success(), "organizationalBranding"),
        [0, 1, 0, 1]
    );

    // A page of a proxy is no picture, and a picture that is refused is not missing.
    for kind in [
        Kind::Html,
        Kind::ErrorObject,
        Kind::Forbidden,
        Kind::Truncated,
    ] {
        let picture = format!("{place}/backgroundImage");
        stage.sandbox.fault(Fault::on(&picture, kind.clone()));
        let run = stage.run(3);
        let of = type_of(&run, "organizationalBranding");
        assert_eq!(of["outcome"], "incomplete", "{kind:?}: {of}");
        assert_eq!(of["removed"], 0, "{kind:?}");
        stage.sandbox.clear_faults();
    }
}

#[test]
fn profiles_below_tokens_are_told_apart_and_looked_for_there() {
    let key = "depEnrollmentProfile";
    let tokens = "deviceManagement/depOnboardingSettings";
    let stage = Stage::with(Options::default(), key);
    assert_eq!(changes(&stage.success(), key), [6, 0, 0, 0]);
    let mut ids = stage.sandbox.ids(tokens);
    ids.sort_unstable();
    let list = |token: &str| format!("{tokens}/{token}/enrollmentProfiles");
    let outcome = |run: &Value| {
        let of = type_of(run, key);
        let error = of["error"].as_str().unwrap_or_default();
        (of["outcome"].as_str().unwrap().to_owned(), error.to_owned())
    };
    let held = |token: &str| {
        let mut held = Vec::new();
        stage.sandbox.write(|tenant| {
            let token = tenant.get_mut(tokens, token).unwrap();
            held = token.below_mut("enrollmentProfiles").clone();
        });
        held
    };

    // One token that Graph does not find the list of is not a tenant without any.
    for token in &ids {
        let fault = Fault::on(&format!("{}$", list(token)), Kind::Status(404));
        stage.sandbox.fault(fault);
        let (outcome, error) = outcome(&stage.run(3));
        assert_eq!(outcome, "incomplete", "{error}");
        assert!(error.contains(token.as_str()), "{error}");
        stage.sandbox.clear_faults();
    }

    // A list that leaves its profiles out is found out below its own token.
    let last = ids.iter().rfind(|token| !held(token).is_empty()).unwrap();
    let empty = Kind::Body(br#"{"value":[]}"#.to_vec());
    stage
        .sandbox
        .fault(Fault::on(&format!("{}$", list(last)), empty));
    let (left_out, error) = outcome(&stage.run(3));
    assert_eq!(left_out, "incomplete");
    assert!(error.contains("left out 3 policies"), "{error}");
    stage.sandbox.clear_faults();

    // Of two with one id both are kept.
    let first = ids.iter().find(|token| !held(token).is_empty()).unwrap();
    let mut twin = held(first).remove(0);
    let id = twin.id.clone();
    twin.set("displayName", r#""Twin""#);
    stage.sandbox.write(|tenant| {
        let token = tenant.get_mut(tokens, last).unwrap();
        token.below_mut("enrollmentProfiles").push(twin);
    });
    let run = stage.success();
    assert_eq!(changes(&run, key), [1, 0, 0, 6]);
    let set = run["backup_set_id"].as_u64().unwrap();
    let name = |id: &str| document(&stage, set, &format!("{key}/{id}"))["displayName"].clone();
    assert_eq!(name(&format!("{last}/{id}")), "Twin");
    assert_ne!(name(&id), "Twin");

    // Without the first the second has the id to itself: changed, and not left out.
    stage.sandbox.write(|tenant| {
        let token = tenant.get_mut(tokens, first).unwrap();
        token.below_mut("enrollmentProfiles").remove(0);
    });
    assert_eq!(changes(&stage.success(), key), [0, 1, 1, 5]);

    // It is gone when it is not found below any token.
    stage.sandbox.write(|tenant| {
        let token = tenant.get_mut(tokens, last).unwrap();
        token.below_mut("enrollmentProfiles").pop();
    });
    assert_eq!(changes(&stage.success(), key), [0, 0, 1, 5]);
}

#[test]
fn conditional_access_is_asked_once_a_second() {
    let options = Options {
        conditional_access_limit: true,
        ..Options::default()
    };
    let keys = [
        "conditionalAccessPolicy",
        "namedLocation",
        "authenticationContextClassReference",
        "authenticationStrengthPolicy",
    ];
    for key in keys {
        let group = catalogue::find(key).unwrap().group;
        assert_eq!(
            group,
            tenantpilot::graph::ServiceGroup::ConditionalAccess,
            "{key}"
        );
    }
    let stage = Stage::with(options, &keys.join(","));
    let run = stage.success();
    // A machine that is busy may send one late and the next in time, which is too early for it.
    assert!(run["summary"]["retries"].as_u64().unwrap() <= 1);
    let waited = run["summary"]["throttled_ms"].as_u64().unwrap();
    assert!(waited >= 3 * 1200, "{waited}");
    let strength = "authenticationStrengthPolicy/00000000-0000-0000-0000-000000000004";
    let strength = document(&stage, 1, strength);
    assert_eq!(
        strength["combinationConfigurations"][0]["appliesToCombinations"][0],
        "fido2"
    );
}
