//! What IntuneCD wrote, as Graph has it: ids in the place of names, and what it decrypted put away.
//!
//! Pure. IntuneCD writes the names of groups, filters, scope tags and apps instead of their ids, which
//! would make each policy differ from the next backup. A name leads back to an id where a backup set of
//! the tenant knows just one such thing of that name; else it stays, and is counted.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::export::layout::intunecd::UNASSIGNED;
use crate::policy::catalogue::{PolicyType, Sealed};
use crate::policy::document::sealed::Unsealed;
use crate::policy::references::APP;

/// The ids of things by kind and name; none where several have the name.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<(String, String), Option<String>>);

impl Ids {
    /// There is a thing of this kind and name with this id.
    pub(super) fn add(&mut self, kind: &str, name: &str, id: &str) {
        let key = (kind.to_owned(), name.to_owned());
        let known = self.0.entry(key).or_insert_with(|| Some(id.to_owned()));
        if known
            .as_deref()
            .is_some_and(|known| !known.eq_ignore_ascii_case(id))
        {
            *known = None;
        }
    }

    pub(super) fn get(&self, kind: &str, name: &str) -> Option<&str> {
        let key = (kind.to_owned(), name.to_owned());
        self.0.get(&key)?.as_deref()
    }
}

/// What is missing in whatever it exported.
pub(super) const NEVER_READ: &str = "what IntuneCD does not read: apps of app protection, certificates that profiles refer to, driver approvals, descriptions of apps";

/// What became of a document.
#[derive(Default)]
pub(super) struct Restored {
    /// Secrets that were in clear.
    pub(super) unsealed: Unsealed,
    /// Names that lead to no id, or to several.
    pub(super) unknown: usize,
    /// Groups whose names led to an id: id and name.
    pub(super) groups: BTreeMap<String, String>,
}

/// Puts ids in the place of names in the document of `row` with this id, and placeholders in that of
/// secrets. With `assigned`, IntuneCD read assignments, and leaves out that there are none.
pub(super) fn restore(
    row: &PolicyType,
    id: &str,
    document: &mut Value,
    ids: &Ids,
    assigned: bool,
) -> Restored {
    let mut done = Restored::default();
    let Value::Object(members) = document else {
        return done;
    };
    let has_assignments = row.parts.iter().any(|part| part.property == "assignments");
    if assigned && has_assignments && !UNASSIGNED.contains(&row.key) {
        members.entry("assignments").or_insert_with(|| json!([]));
    }
    for property in ["roleScopeTagIds", "roleScopeTags"] {
        let tags = members.get_mut(property).and_then(Value::as_array_mut);
        for tag in tags.into_iter().flatten() {
            replace(tag, "roleScopeTag", ids, &mut done);
        }
    }
    for assignment in elements(members, "assignments") {
        if assignment
            .get("source")
            .is_some_and(|source| source == "direct")
        {
            assignment.entry("sourceId").or_insert_with(|| json!(id));
        }
        if let Some(Value::Object(target)) = assignment.get_mut("target") {
            restore_target(target, ids, &mut done);
        }
    }
    for rule in elements(members, "scheduledActionsForRule") {
        for action in elements(rule, "scheduledActionConfigurations") {
            action.remove("notificationTemplateName");
        }
    }
    for added in ["deviceComplianceScriptName", "detectionScriptName"] {
        members.remove(added);
    }
    if let Some(settings) = members.remove("settingsDelta") {
        members.insert("settings".to_owned(), settings);
    }
    restore_apps(members, ids, &mut done);
    if let Some(payload @ (Value::Object(_) | Value::Array(_))) = members.get("payloadJson") {
        let encoded = STANDARD.encode(payload.to_string());
        members.insert("payloadJson".to_owned(), json!(encoded));
    }
    if let Some(sealed) = &row.sealed {
        seal(sealed, members, &mut done);
    }
    done
}

/// The objects in an array.
pub(super) fn elements<'a>(
    members: &'a mut Map<String, Value>,
    property: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let array = members.get_mut(property).and_then(Value::as_array_mut);
    array.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// A name by its id. The built-in scope tag has the same id everywhere.
fn replace(value: &mut Value, kind: &str, ids: &Ids, done: &mut Restored) {
    let Some(name) = value.as_str() else { return };
    match ids.get(kind, name) {
        Some(id) => *value = json!(id),
        None if kind == "roleScopeTag" && name == "Default" => *value = json!("0"),
        None => done.unknown += 1,
    }
}

fn restore_target(target: &mut Map<String, Value>, ids: &Ids, done: &mut Restored) {
    let name = target.get("groupName").and_then(Value::as_str);
    if let Some(name) = name.map(str::to_owned)
        && !target.contains_key("groupId")
    {
        match ids.get("group", &name) {
            Some(id) => {
                let id = id.to_owned();
                for added in ["groupName", "groupType", "membershipRule"] {
                    target.remove(added);
                }
                target.insert("groupId".to_owned(), json!(id));
                done.groups.insert(id, name);
            }
            None => done.unknown += 1,
        }
    }
    let filter = target.get_mut("deviceAndAppManagementAssignmentFilterId");
    if let Some(filter) = filter
        && filter.as_str().is_some_and(|text| !is_guid(text))
    {
        replace(filter, "assignmentFilter", ids, done);
    }
}

fn is_guid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok() && text.len() == 36
}

fn restore_apps(members: &mut Map<String, Value>, ids: &Ids, done: &mut Restored) {
    let mut id_of = |app: &Value, name: &str| {
        let known = app
            .get(name)
            .and_then(Value::as_str)
            .and_then(|name| ids.get(APP, name));
        done.unknown += usize::from(known.is_none());
        known.map(|id| json!(id))
    };
    if let Some(app @ Value::Object(_)) = members.get("targetedMobileApps")
        && let Some(id) = id_of(app, "appName")
    {
        members.insert("targetedMobileApps".to_owned(), json!([id]));
    }
    if let Some(Value::Array(apps)) = members.get("selectedMobileAppNames") {
        let found: Vec<Option<Value>> = apps.iter().map(|app| id_of(app, "name")).collect();
        if let Some(found) = found.into_iter().collect::<Option<Vec<Value>>>() {
            members.remove("selectedMobileAppNames");
            members.insert("selectedMobileAppIds".to_owned(), Value::Array(found));
        }
    }
}

/// IntuneCD decrypts what Graph gives as a placeholder, and writes down the whole answer: a value in
/// clear is a secret all the same.
fn seal(sealed: &Sealed, members: &mut Map<String, Value>, done: &mut Restored) {
    for (at, element) in elements(members, sealed.array).enumerate() {
        let Some(answer) = element.get(sealed.value).and_then(Value::as_object) else {
            continue;
        };
        let Some(clear) = answer.get("value") else {
            continue;
        };
        let name = format!("imported-{at}");
        done.unsealed.insert(name.clone(), clear.to_string());
        element.insert(sealed.value.to_owned(), json!("****"));
        element.insert(sealed.flag.to_owned(), json!(true));
        element.insert(sealed.reference.to_owned(), json!(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;

    fn ids() -> Ids {
        let mut ids = Ids::default();
        ids.add("group", "Pilot", "0a110000-0000-4000-8000-000000000001");
        ids.add("group", "Pilot", "0A110000-0000-4000-8000-000000000001");
        ids.add("group", "Twins", "0a110000-0000-4000-8000-000000000002");
        ids.add("group", "Twins", "0a110000-0000-4000-8000-000000000003");
        ids.add("assignmentFilter", "Laptops", "f117");
        ids.add("roleScopeTag", "EMEA", "7");
        ids.add(APP, "Outlook", "a99");
        ids
    }

    #[test]
    fn names_lead_back_to_ids_where_just_one_thing_has_them() {
        let row = catalogue::find("deviceConfiguration").unwrap();
        let target = |group: &str, filter: Value| {
            json!({"groupName": group, "groupType": "StaticMembership",
                "deviceAndAppManagementAssignmentFilterId": filter})
        };
        let mut document = json!({
            "roleScopeTagIds": ["Default", "EMEA", "Unheard of"],
            "assignments": [
                {"source": "direct", "target": target("Pilot", json!("Laptops"))},
                {"source": "policySets", "target": target("Twins", Value::Null)},
            ],
        });
        let done = restore(row, "x", &mut document, &ids(), false);
        assert_eq!(
            document,
            json!({
                "roleScopeTagIds": ["0", "7", "Unheard of"],
                "assignments": [
                    {"source": "direct", "sourceId": "x", "target": {
                        "groupId": "0a110000-0000-4000-8000-000000000001",
                        "deviceAndAppManagementAssignmentFilterId": "f117"}},
                    {"source": "policySets", "target": target("Twins", Value::Null)},
                ],
            })
        );
        assert_eq!(done.unknown, 2, "a tag, and one of two groups");
        assert_eq!(done.groups.len(), 1);
    }

    #[test]
    fn apps_settings_and_payloads_are_as_graph_has_them() {
        let row = catalogue::find("mobileAppConfiguration").unwrap();
        let mut document = json!({
            "targetedMobileApps": {"appName": "Outlook", "type": "#microsoft.graph.iosStoreApp"},
            "payloadJson": {"kind": "x"}, "settingsDelta": [{"value": 1}],
        });
        let done = restore(row, "x", &mut document, &ids(), false);
        assert_eq!(
            document,
            json!({"targetedMobileApps": ["a99"], "settings": [{"value": 1}],
                "payloadJson": STANDARD.encode(r#"{"kind":"x"}"#)})
        );
        assert_eq!(done.unknown, 0);
    }

    #[test]
    fn no_assignments_are_none_where_assignments_were_read() {
        let none = |key: &str, assigned: bool| {
            let mut document = json!({});
            let row = catalogue::find(key).unwrap();
            restore(row, "x", &mut document, &ids(), assigned);
            document.get("assignments").cloned()
        };
        assert_eq!(none("deviceConfiguration", true), Some(json!([])));
        assert_eq!(none("deviceConfiguration", false), None, "nothing is known");
        assert_eq!(none("deviceComplianceScript", true), None, "never read");
        assert_eq!(none("assignmentFilter", true), None, "it has none");
    }

    #[test]
    fn what_was_decrypted_is_put_away() {
        let row = catalogue::find("deviceConfiguration").unwrap();
        let answer = json!({"@odata.context": "c", "value": "oma-secret"});
        let mut document = json!({"omaSettings": [
            {"omaUri": "./a", "isEncrypted": false, "value": answer},
            {"omaUri": "./b", "isEncrypted": false, "value": 15},
        ]});
        restore(row, "x", &mut document, &ids(), false);
        assert!(!document.to_string().contains("oma-secret"), "{document}");
        assert_eq!(document["omaSettings"][0]["isEncrypted"], true);
        assert_eq!(document["omaSettings"][1]["value"], 15);
    }
}
