//! What a document refers to by id: groups, filters, scope tags, apps and more.
//!
//! Pure, and by rules over documents rather than by policy type: a property of a certain name holds
//! ids of a certain kind, wherever it stands. Where a name means that in some types alone, the rule
//! names them. What is no id (`All`, `Office365`, the id of zeros that stands for none) is not
//! taken for one.
//!
//! A kind is the key of a policy type where what is referred to is a policy, else the `kind` of a
//! row of [`super::catalogue::directory`].

use std::collections::BTreeSet;

use serde_json::Value;

use super::catalogue;

/// A thing that a document refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Referred {
    /// What it is.
    pub kind: &'static str,
    /// The id by which the document refers to it.
    pub id: String,
}

/// What tells an app from others of its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppIdentity {
    /// Its `@odata.type` without the namespace.
    pub odata_type: Option<String>,
    /// Its bundle, package or product id.
    pub package: Option<String>,
}

/// The policy type of apps.
pub const APP: &str = "mobileApp";
/// Where apps of different types keep what identifies them.
const PACKAGE: [&str; 5] = [
    "bundleId",
    "packageId",
    "packageIdentifier",
    "identityName",
    "productCode",
];

/// What tells this app from others of its name.
pub fn app_identity(app: &Value) -> AppIdentity {
    let text = |property: &&str| app.get(property)?.as_str().filter(|text| !text.is_empty());
    AppIdentity {
        odata_type: text(&"@odata.type").map(|name| catalogue::short_type(name).to_owned()),
        package: PACKAGE.iter().find_map(text).map(str::to_owned),
    }
}

/// What kind of ids a property holds.
struct Rule {
    property: &'static str,
    kind: &'static str,
    /// The policy types in which it means that; all where it is empty.
    only: &'static [&'static str],
}

const fn rule(property: &'static str, kind: &'static str) -> Rule {
    Rule {
        property,
        kind,
        only: &[],
    }
}

const fn rule_of(
    only: &'static [&'static str],
    property: &'static str,
    kind: &'static str,
) -> Rule {
    Rule {
        property,
        kind,
        only,
    }
}

const ROLE: &[&str] = &["roleAssignment"];
const CONDITIONAL: &[&str] = &["conditionalAccessPolicy"];
const INTENT: &[&str] = &["deviceManagementIntent"];

const RULES: &[Rule] = &[
    rule("groupId", "group"),
    rule("approverGroupIds", "group"),
    rule("notificationMessageCCList", "group"),
    rule(
        "deviceAndAppManagementAssignmentFilterId",
        "assignmentFilter",
    ),
    rule("roleScopeTagIds", "roleScopeTag"),
    rule("roleScopeTags", "roleScopeTag"),
    rule("targetedMobileApps", APP),
    rule("selectedMobileAppIds", APP),
    rule("notificationTemplateId", "notificationMessageTemplate"),
    rule("deviceComplianceScriptId", "deviceComplianceScript"),
    rule_of(ROLE, "members", "group"),
    rule_of(ROLE, "scopeMembers", "group"),
    rule_of(ROLE, "resourceScopes", "group"),
    rule_of(CONDITIONAL, "includeUsers", "user"),
    rule_of(CONDITIONAL, "excludeUsers", "user"),
    rule_of(CONDITIONAL, "includeGroups", "group"),
    rule_of(CONDITIONAL, "excludeGroups", "group"),
    rule_of(CONDITIONAL, "includeRoles", "directoryRole"),
    rule_of(CONDITIONAL, "excludeRoles", "directoryRole"),
    rule_of(CONDITIONAL, "includeApplications", "application"),
    rule_of(CONDITIONAL, "excludeApplications", "application"),
    rule_of(CONDITIONAL, "includeServicePrincipals", "servicePrincipal"),
    rule_of(CONDITIONAL, "excludeServicePrincipals", "servicePrincipal"),
    rule_of(CONDITIONAL, "includeLocations", "namedLocation"),
    rule_of(CONDITIONAL, "excludeLocations", "namedLocation"),
    rule_of(
        CONDITIONAL,
        "includeAuthenticationContextClassReferences",
        "authenticationContextClassReference",
    ),
    rule_of(CONDITIONAL, "templateId", "conditionalAccessTemplate"),
    rule_of(INTENT, "templateId", "intentTemplate"),
];

/// What an object of this `@odata.type` refers to by this property, where the name alone does not
/// tell: the value of a setting, and the items of a policy set.
const BY_TYPE: &[(&str, &str, &str)] = &[
    (
        "deviceManagementConfigurationReferenceSettingValue",
        "value",
        "reusablePolicySetting",
    ),
    ("mobileAppPolicySetItem", "payloadId", APP),
    (
        "deviceConfigurationPolicySetItem",
        "payloadId",
        "deviceConfiguration",
    ),
    (
        "deviceCompliancePolicyPolicySetItem",
        "payloadId",
        "deviceCompliancePolicy",
    ),
    (
        "deviceManagementConfigurationPolicyPolicySetItem",
        "payloadId",
        "settingsCatalogPolicy",
    ),
    (
        "deviceManagementScriptPolicySetItem",
        "payloadId",
        "deviceManagementScript",
    ),
    (
        "windowsAutopilotDeploymentProfilePolicySetItem",
        "payloadId",
        "windowsAutopilotDeploymentProfile",
    ),
    (
        "windows10EnrollmentCompletionPageConfigurationPolicySetItem",
        "payloadId",
        "enrollmentStatusPage",
    ),
    (
        "targetedManagedAppConfigurationPolicySetItem",
        "payloadId",
        "targetedManagedAppConfiguration",
    ),
    (
        "managedDeviceMobileAppConfigurationPolicySetItem",
        "payloadId",
        "mobileAppConfiguration",
    ),
];

/// The ids of scope tags are small numbers and those of authentication contexts short words; all
/// others are GUIDs.
const SHORT_IDS: [&str; 2] = ["roleScopeTag", "authenticationContextClassReference"];
const NONE: &str = "00000000-0000-0000-0000-000000000000";

/// The kind of what a property with this name refers to in documents of this policy type, where
/// the name tells it.
pub fn kind_of(policy_type: &str, property: &str) -> Option<&'static str> {
    RULES
        .iter()
        .find(|rule| {
            rule.property == property && (rule.only.is_empty() || rule.only.contains(&policy_type))
        })
        .map(|rule| rule.kind)
}

/// The kinds of what documents of this policy type can refer to by properties whose name tells it.
pub fn kinds(policy_type: &str) -> impl Iterator<Item = &'static str> {
    RULES
        .iter()
        .filter(move |rule| rule.only.is_empty() || rule.only.contains(&policy_type))
        .map(|rule| rule.kind)
}

/// Everything that a document of this policy type refers to, each once.
pub fn find(policy_type: &str, document: &Value) -> BTreeSet<Referred> {
    let mut found = BTreeSet::new();
    walk(policy_type, document, &mut found);
    found
}

/// The parser bounds the depth.
fn walk(policy_type: &str, value: &Value, found: &mut BTreeSet<Referred>) {
    match value {
        Value::Array(elements) => {
            for element in elements {
                walk(policy_type, element, found);
            }
        }
        Value::Object(members) => {
            let odata_type = members.get("@odata.type").and_then(Value::as_str);
            let odata_type = odata_type.map(catalogue::short_type);
            for (name, member) in members {
                let by_type = || {
                    let odata_type = odata_type?;
                    BY_TYPE
                        .iter()
                        .find(|(of, property, _)| *of == odata_type && property == name)
                        .map(|(.., kind)| *kind)
                };
                if let Some(kind) = kind_of(policy_type, name).or_else(by_type) {
                    take(kind, member, found);
                }
                walk(policy_type, member, found);
            }
        }
        _ => {}
    }
}

/// The ids that a property holds, alone or in an array.
fn take(kind: &'static str, value: &Value, found: &mut BTreeSet<Referred>) {
    match value {
        Value::String(id) if is_id(kind, id) => {
            let id = id.clone();
            found.insert(Referred { kind, id });
        }
        Value::Array(elements) => {
            for element in elements.iter().filter(|element| element.is_string()) {
                take(kind, element, found);
            }
        }
        _ => {}
    }
}

fn is_id(kind: &str, text: &str) -> bool {
    if SHORT_IDS.contains(&kind) {
        return !text.is_empty() && text.len() <= 64;
    }
    text != NONE && uuid::Uuid::try_parse(text).is_ok_and(|_| text.len() == NONE.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
    const C: &str = "cccccccc-0000-4000-8000-000000000003";

    fn found(policy_type: &str, document: &Value) -> Vec<(&'static str, String)> {
        find(policy_type, document)
            .into_iter()
            .map(|one| (one.kind, one.id))
            .collect()
    }

    fn pairs(expected: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let owned = |(kind, id): &(&'static str, &str)| (*kind, (*id).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn assignments_scope_tags_and_what_lies_deeper_are_found_in_every_type() {
        let document = json!({
            "id": A, "roleScopeTagIds": ["0", "2"],
            "assignments": [
                {"target": {"groupId": A, "deviceAndAppManagementAssignmentFilterId": B}},
                {"target": {"groupId": A, "deviceAndAppManagementAssignmentFilterId": NONE}},
                {"target": {"deviceAndAppManagementAssignmentFilterId": null}},
            ],
            "scheduledActionsForRule": [{"scheduledActionConfigurations": [
                {"notificationTemplateId": C, "notificationMessageCCList": [B]},
                {"notificationTemplateId": "", "notificationMessageCCList": []},
            ]}],
        });
        let expected = pairs(&[
            ("assignmentFilter", B),
            ("group", A),
            ("group", B),
            ("notificationMessageTemplate", C),
            ("roleScopeTag", "0"),
            ("roleScopeTag", "2"),
        ]);
        assert_eq!(found("deviceCompliancePolicy", &document), expected);
    }

    #[test]
    fn conditions_name_people_roles_apps_and_places_and_words_that_are_no_ids() {
        let document = json!({
            "templateId": C,
            "conditions": {
                "users": {"includeUsers": ["All", A], "excludeGroups": [B], "includeRoles": [C],
                    "excludeGuestsOrExternalUsers": {"externalTenants": {"members": [A]}}},
                "applications": {"includeApplications": ["Office365", B],
                    "includeAuthenticationContextClassReferences": ["c1"]},
                "clientApplications": {"excludeServicePrincipals": ["ServicePrincipalsInMyTenant", C]},
                "locations": {"includeLocations": ["AllTrusted", A, NONE]},
            },
        });
        let expected = pairs(&[
            ("application", B),
            ("authenticationContextClassReference", "c1"),
            ("conditionalAccessTemplate", C),
            ("directoryRole", C),
            ("group", B),
            ("namedLocation", A),
            ("servicePrincipal", C),
            ("user", A),
        ]);
        assert_eq!(found("conditionalAccessPolicy", &document), expected);
        let intent = json!({"templateId": C, "settings": [{"id": A}]});
        let of_intent = pairs(&[("intentTemplate", C)]);
        assert_eq!(found("deviceManagementIntent", &intent), of_intent);
        let template = json!({"templateReference": {"templateId": C}});
        assert_eq!(found("settingsCatalogPolicy", &template), []);
    }

    #[test]
    fn names_that_mean_much_count_only_where_they_mean_a_reference() {
        let role = json!({"members": [A], "scopeMembers": [B], "resourceScopes": [B, "/"]});
        let expected = pairs(&[("group", A), ("group", B)]);
        assert_eq!(found("roleAssignment", &role), expected);
        assert_eq!(found("deviceConfiguration", &role), []);
        let items = json!({"items": [
            {"@odata.type": "#microsoft.graph.mobileAppPolicySetItem", "payloadId": A},
            {"@odata.type": "microsoft.graph.deviceConfigurationPolicySetItem", "payloadId": B},
            {"@odata.type": "#microsoft.graph.somethingNewPolicySetItem", "payloadId": C},
        ]});
        let expected = pairs(&[("deviceConfiguration", B), ("mobileApp", A)]);
        assert_eq!(found("policySet", &items), expected);
        let setting = json!({"simpleSettingCollectionValue": [
            {"@odata.type": "#microsoft.graph.deviceManagementConfigurationReferenceSettingValue",
             "value": A},
            {"@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue",
             "value": B},
        ]});
        let expected = pairs(&[("reusablePolicySetting", A)]);
        assert_eq!(found("settingsCatalogPolicy", &setting), expected);
    }

    #[test]
    fn odd_values_are_passed_over() {
        let odd = json!({"groupId": 7, "roleScopeTagIds": [null, {"id": "1"}, ""],
            "targetedMobileApps": ["not an id", "{aaaaaaaa-0000-4000-8000-000000000001}"]});
        assert_eq!(found("mobileAppConfiguration", &odd), []);
        assert_eq!(kind_of("x", "targetedMobileApps"), Some("mobileApp"));
        assert_eq!(kind_of("x", "members"), None);
    }

    #[test]
    fn every_kind_is_a_policy_type_or_of_the_directory() {
        let kinds = RULES.iter().map(|rule| rule.kind);
        for kind in kinds.chain(BY_TYPE.iter().map(|(.., kind)| *kind)) {
            let known =
                catalogue::find(kind).is_some() || catalogue::directory::find(kind).is_some();
            assert!(known, "{kind}");
        }
    }
}
