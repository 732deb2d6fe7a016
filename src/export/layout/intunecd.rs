//! What IntuneCD expects in a file, made of a document, and which files it wants beside it.
//!
//! Pure. IntuneCD knows groups, filters, scope tags, apps, message templates and discovery scripts by
//! their names, leaves out what differs from tenant to tenant, and sends a file to Graph as it is. So
//! nothing is in a file that Graph would not take from it: neither what it keeps in collections and
//! navigation properties of its own, nor a secret of which only a digest is known. `.ci/intunecd` holds
//! what is made here against what IntuneCD writes of the same tenant and says of these files.
//!
//! What a name is not known for keeps its id; that serves in the tenant it comes from.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::rewrite::{Known, Named, is_withheld};
use crate::policy::catalogue;
use crate::policy::references::APP;
use crate::policy::scripts::{self, Script};

/// What IntuneCD takes out at the top, and of a few things below, before it writes a file; it
/// compares without.
const NOT_IN_FILES: [&str; 24] = [
    "id",
    "version",
    "topicIdentifier",
    "certificate",
    "createdDateTime",
    "lastModifiedDateTime",
    "isAssigned",
    "@odata.context",
    "scheduledActionConfigurations@odata.context",
    "scheduledActionsForRule@odata.context",
    "sourceId",
    "supportsScopeTags",
    "companyCodes",
    "isGlobalScript",
    "highestAvailableVersion",
    "token",
    "lastSyncDateTime",
    "isReadOnly",
    "secretReferenceValueId",
    "isEncrypted",
    "modifiedDateTime",
    "deployedAppCount",
    "deviceHealthScriptType",
    "intunecd_name",
];

/// Parts of documents that IntuneCD reads as well, by policy type; of all others it knows nothing.
const ITS_PARTS: [(&str, &str); 6] = [
    ("settingsCatalogPolicy", "settings"),
    ("compliancePolicyV2", "settings"),
    ("compliancePolicyV2", "scheduledActionsForRule"),
    ("deviceCompliancePolicy", "scheduledActionsForRule"),
    ("groupPolicyConfiguration", "definitionValues"),
    (
        "notificationMessageTemplate",
        "localizedNotificationMessages",
    ),
];

/// Policy types whose assignments IntuneCD does not read.
pub const UNASSIGNED: [&str; 1] = ["deviceComplianceScript"];

/// The bodies of scripts that IntuneCD takes from files beside the policies: all of a policy's, or
/// it takes them for empty.
const BODIES: [(&str, &[&str], &str); 4] = [
    ("deviceManagementScript", &["scriptContent"], "ps1"),
    ("deviceShellScript", &["scriptContent"], "sh"),
    ("deviceCustomAttributeShellScript", &["scriptContent"], "sh"),
    (
        "deviceHealthScript",
        &["detectionScriptContent", "remediationScriptContent"],
        "ps1",
    ),
];

/// The text of the message template that Microsoft keeps in each tenant.
const MICROSOFTS_TEMPLATE: &str = "EnrollmentNotificationInternalMEO";
/// How a setting names the discovery script of a Linux policy.
const DISCOVERY: &str = "linux_customcompliance_discoveryscript";
const NO_TEMPLATE: &str = "00000000-0000-0000-0000-000000000000";

/// Policy types some of whose policies [`left_out`] names, or have a [`payload`].
pub const TOLD_APART: [&str; 3] = [
    "notificationMessageTemplate",
    "deviceHealthScript",
    "deviceConfiguration",
];

/// Why a policy can have no file, if so: IntuneCD would make or overwrite what it must not.
pub fn left_out(policy_type: &str, document: &Value) -> Option<&'static str> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    match policy_type {
        "notificationMessageTemplate" if text("displayName") == Some(MICROSOFTS_TEMPLATE) => {
            Some("Microsoft keeps it in each tenant, and IntuneCD would make another")
        }
        "deviceHealthScript" if document.get("isGlobalScript") == Some(&Value::Bool(true)) => {
            Some("it is Microsoft's, and IntuneCD would make another")
        }
        "deviceConfiguration" if has_withheld_settings(document) => {
            Some("its OMA-URI values are encrypted, and IntuneCD would write others over them")
        }
        _ => None,
    }
}

fn has_withheld_settings(document: &Value) -> bool {
    let settings = document.get("omaSettings").and_then(Value::as_array);
    let mut values = settings
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("value"));
    values.any(is_withheld)
}

/// The name of the file in `mobileconfig` in which IntuneCD looks for the payload of a custom
/// profile for Apple's devices.
pub fn payload(document: &Value) -> Option<&str> {
    let odata_type = document.get("@odata.type")?.as_str()?;
    let apples = ["iosCustomConfiguration", "macOSCustomConfiguration"];
    let name = document.get("payloadFileName")?.as_str()?;
    apples
        .contains(&catalogue::short_type(odata_type))
        .then_some(name)
}

/// The texts that lie in files of their own: those that IntuneCD looks for, or `all`.
pub fn scripts(policy_type: &str, document: &Value, all: bool) -> Vec<Script> {
    let mut found = scripts::scripts(policy_type, document);
    let body = BODIES.into_iter().find(|(key, ..)| *key == policy_type);
    let (properties, end) = body.map_or((&[][..], ""), |(_, properties, end)| (properties, end));
    let looked_for = |script: &Script| {
        properties.contains(&script.property.as_str())
            || (script.property == "payload" && payload(document).is_some())
    };
    if !all {
        found.retain(looked_for);
    }
    for &property in properties {
        let bytes = as_read(document.get(property).and_then(Value::as_str));
        match found.iter_mut().find(|script| script.property == property) {
            Some(script) => script.bytes = bytes,
            None => found.push(Script {
                property: property.to_owned(),
                end,
                bytes,
            }),
        }
    }
    found
}

/// The bytes of a file that IntuneCD finds to be the same as this value: it leaves encoded what is no
/// UTF-8.
fn as_read(encoded: Option<&str>) -> Vec<u8> {
    let encoded = encoded.unwrap_or_default();
    let packed: String = encoded.split_ascii_whitespace().collect();
    match STANDARD.decode(packed) {
        Ok(bytes) if std::str::from_utf8(&bytes).is_ok() => bytes,
        _ => encoded.as_bytes().to_vec(),
    }
}

/// The document as IntuneCD writes it.
pub fn document(policy_type: &str, mut document: Value, known: &Known) -> Value {
    let Value::Object(members) = &mut document else {
        return document;
    };
    without(members, &NOT_IN_FILES);
    members.retain(|name, value| is_written(policy_type, name, value));
    name_assignments(members, known);
    for property in ["roleScopeTagIds", "roleScopeTags"] {
        name_scope_tags(members.get_mut(property), known);
    }
    match policy_type {
        "mobileAppConfiguration" => name_targeted_app(members, known),
        "enrollmentStatusPage" => name_selected_apps(members, known),
        "deviceCompliancePolicy" => {
            plain_actions(members, known);
            name_script(members, known);
        }
        "compliancePolicyV2" => {
            plain_actions(members, known);
            name_discovery_script(members, known);
        }
        "notificationMessageTemplate" => {
            for message in elements(members, "localizedNotificationMessages") {
                without(message, &NOT_IN_FILES);
            }
        }
        "roleDefinition" => {
            members.remove("permissions");
            for permission in elements(members, "rolePermissions") {
                permission.remove("actions");
            }
        }
        "conditionalAccessPolicy" => {
            if let Some(Value::Object(controls)) = members.get_mut("grantControls") {
                controls.remove("authenticationStrength@odata.context");
            }
        }
        _ => {}
    }
    members.values_mut().for_each(without_secrets);
    document
}

fn without(members: &mut Map<String, Value>, names: &[&str]) {
    members.retain(|name, _| !names.contains(&name.as_str()));
}

/// Whether a property at the top is one that IntuneCD has.
fn is_written(policy_type: &str, name: &str, value: &Value) -> bool {
    if is_withheld(value) || name.ends_with("@odata.context") {
        return false;
    }
    let row = catalogue::find(policy_type).unwrap_or(&catalogue::UNKNOWN);
    let part = row.parts.iter().any(|part| part.property == name);
    let referred = row.references.iter().any(|one| one.property == name);
    match name {
        "assignments" => !UNASSIGNED.contains(&policy_type),
        _ if referred || row.parent_as == Some(name) => false,
        _ if part => {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            ITS_PARTS.contains(&(policy_type, name)) && !is_empty
        }
        _ => true,
    }
}

fn elements<'a>(
    members: &'a mut Map<String, Value>,
    property: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let array = members.get_mut(property).and_then(Value::as_array_mut);
    array.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn named<'a>(known: &'a Known, kind: &str, id: Option<&Value>) -> Option<&'a Named> {
    let id = id.and_then(Value::as_str)?;
    known.get(&(kind.to_owned(), id.to_lowercase()))
}

/// Groups and filters by their names. IntuneCD wants to know whether a group is dynamic before it
/// makes one that is missing; a backup set does not know, so each counts as assigned by hand.
fn name_assignments(members: &mut Map<String, Value>, known: &Known) {
    let Some(Value::Array(assignments)) = members.get_mut("assignments") else {
        return;
    };
    if assignments.is_empty() {
        members.remove("assignments");
        return;
    }
    for assignment in assignments.iter_mut().filter_map(Value::as_object_mut) {
        without(assignment, &["id", "groupId", "sourceId"]);
        let Some(Value::Object(target)) = assignment.get_mut("target") else {
            continue;
        };
        without(target, &["id", "sourceId"]);
        if let Some(group) = named(known, "group", target.get("groupId")) {
            target.remove("groupId");
            target.insert("groupName".to_owned(), json!(group.name));
            target.insert("groupType".to_owned(), json!("StaticMembership"));
        }
        let filter = "deviceAndAppManagementAssignmentFilterId";
        if let Some(found) = named(known, "assignmentFilter", target.get(filter)) {
            target.insert(filter.to_owned(), json!(found.name));
        }
    }
}

/// Scope tags by their names: IntuneCD takes away what it does not find. The built-in one has the
/// same name everywhere.
fn name_scope_tags(tags: Option<&mut Value>, known: &Known) {
    let tags = tags.and_then(Value::as_array_mut);
    for tag in tags.into_iter().flatten() {
        match named(known, "roleScopeTag", Some(tag)) {
            Some(found) => *tag = json!(found.name),
            None if tag == "0" => *tag = json!("Default"),
            None => {}
        }
    }
}

/// The one app that IntuneCD can name for a configuration: the last that is known, as it takes the
/// last that is there. Ids would stop it.
fn name_targeted_app(members: &mut Map<String, Value>, known: &Known) {
    let apps = members.get("targetedMobileApps").and_then(Value::as_array);
    let mut apps = apps.into_iter().flatten().rev();
    let found = apps.find_map(|id| app(known, id));
    let named = found.map(|(name, odata_type)| json!({ "appName": name, "type": odata_type }));
    members.insert(
        "targetedMobileApps".to_owned(),
        named.unwrap_or_else(|| json!([])),
    );
}

fn name_selected_apps(members: &mut Map<String, Value>, known: &Known) {
    let apps = members
        .get("selectedMobileAppIds")
        .and_then(Value::as_array);
    let apps = apps.into_iter().flatten().filter_map(|id| app(known, id));
    let named: Vec<Value> = apps
        .map(|(name, odata_type)| json!({ "name": name, "type": odata_type }))
        .collect();
    if !named.is_empty() {
        members.remove("selectedMobileAppIds");
        members.insert("selectedMobileAppNames".to_owned(), Value::Array(named));
    }
}

fn app<'a>(known: &'a Known, id: &Value) -> Option<(&'a str, String)> {
    let app = named(known, APP, Some(id))?;
    let odata_type = app.odata_type.as_ref()?;
    Some((&app.name, format!("#microsoft.graph.{odata_type}")))
}

/// Actions for non-compliance without the ids that Graph gave them, with the names of the templates.
fn plain_actions(members: &mut Map<String, Value>, known: &Known) {
    for rule in elements(members, "scheduledActionsForRule") {
        without(rule, &NOT_IN_FILES);
        for action in elements(rule, "scheduledActionConfigurations") {
            without(action, &NOT_IN_FILES);
            let id = action
                .get("notificationTemplateId")
                .filter(|id| *id != NO_TEMPLATE);
            if let Some(template) = named(known, "notificationMessageTemplate", id) {
                action.insert("notificationTemplateName".to_owned(), json!(template.name));
            }
        }
    }
}

fn name_script(members: &mut Map<String, Value>, known: &Known) {
    let script = members.get("deviceCompliancePolicyScript");
    let Some(id) = script.and_then(|script| script.get("deviceComplianceScriptId")) else {
        return;
    };
    let name = named(known, "deviceComplianceScript", Some(id)).map(|script| json!(script.name));
    members.insert(
        "deviceComplianceScriptName".to_owned(),
        name.unwrap_or_default(),
    );
}

fn name_discovery_script(members: &mut Map<String, Value>, known: &Known) {
    let settings = members.get("settings").and_then(discovery_script);
    let Some(id) = settings.cloned() else {
        return;
    };
    let name = named(known, "reusablePolicySetting", Some(&id)).map(|script| json!(script.name));
    members.insert("detectionScriptName".to_owned(), name.unwrap_or_default());
}

/// The id of the discovery script, at whatever depth its setting is. Depth is bounded by the parser.
fn discovery_script(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(members) if members.values().any(|member| member == DISCOVERY) => {
            members.get("simpleSettingValue")?.get("value")
        }
        Value::Object(members) => members.values().find_map(discovery_script),
        Value::Array(elements) => elements.iter().find_map(discovery_script),
        _ => None,
    }
}

/// IntuneCD leaves alone in the tenant what a file does not have. Depth is bounded by the parser.
fn without_secrets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !is_withheld(member));
            members.values_mut().for_each(without_secrets);
        }
        Value::Array(elements) => {
            elements.retain(|element| !is_withheld(element));
            elements.iter_mut().for_each(without_secrets);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
