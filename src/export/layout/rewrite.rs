//! What the importers of other tools expect in a file, made of a document.
//!
//! Pure. Property order and the writing of exponents are not kept here, values are. A secret of
//! which only a digest is kept becomes null: no importer could do anything with the digest.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::policy::catalogue;

/// What IntuneCD takes out at the top before it writes a file, and so compares without.
const NOT_IN_INTUNECD: [&str; 22] = [
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
    "deviceHealthScriptType",
];

/// The policy type whose documents hold definitions, and the end of its path, beside which these are.
const TEMPLATES: (&str, &str, &str) = (
    "groupPolicyConfiguration",
    "groupPolicyConfigurations",
    "groupPolicyDefinitions",
);

/// Names of what documents refer to by id, by kind and id.
pub type Known = BTreeMap<(String, String), String>;

/// The document as IntuneCD writes it: without what differs from tenant to tenant, with the names
/// by which it finds groups and message templates again.
pub fn intunecd(mut document: Value, known: &Known) -> Value {
    if let Value::Object(members) = &mut document {
        members.retain(|name, _| !NOT_IN_INTUNECD.contains(&name.as_str()));
    }
    without_digests(&mut document);
    name_references(&mut document, known);
    document
}

/// The document as IntuneManagement writes it: as Graph gave it, administrative templates bound to
/// the definitions below `graph`.
pub fn intunemanagement(mut document: Value, policy_type: &str, graph: &str) -> Value {
    without_digests(&mut document);
    let (templates, path, definitions) = TEMPLATES;
    if policy_type == templates
        && let Some(row) = catalogue::find(templates)
        && let Some(Value::Array(values)) = document.get_mut("definitionValues")
    {
        let place = format!("{graph}/{}", row.path.replace(path, definitions));
        for value in values {
            *value = bound(value, &place);
        }
    }
    document
}

/// Depth is bounded by the parser.
fn without_digests(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let digest = members.get("redacted").and_then(Value::as_str);
            if members.len() == 1 && digest.is_some_and(|text| text.starts_with("hmac-sha256:")) {
                *value = Value::Null;
            } else {
                members.values_mut().for_each(without_digests);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_digests),
        _ => {}
    }
}

fn name_references(value: &mut Value, known: &Known) {
    match value {
        Value::Object(members) => {
            for (property, kind, label) in [
                ("groupId", "group", "groupName"),
                (
                    "notificationTemplateId",
                    "notificationMessageTemplate",
                    "notificationTemplateName",
                ),
            ] {
                let id = members.get(property).and_then(Value::as_str);
                let name = id.and_then(|id| known.get(&(kind.to_owned(), id.to_lowercase())));
                if let Some(name) = name {
                    members.insert(label.to_owned(), Value::from(name.as_str()));
                }
            }
            members
                .values_mut()
                .for_each(|member| name_references(member, known));
        }
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| name_references(element, known)),
        _ => {}
    }
}

/// One definition value with links in the place of what Graph expanded.
fn bound(value: &Value, definitions: &str) -> Value {
    let id_of = |of: &Value, name: &str| {
        let id = of.get(name).and_then(|referred| referred.get("id"));
        id.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let place = format!("{definitions}('{}')", id_of(value, "definition"));
    let mut made = Map::new();
    made.insert(
        "enabled".to_owned(),
        value.get("enabled").cloned().unwrap_or_default(),
    );
    made.insert("definition@odata.bind".to_owned(), json!(place));
    let presentations = value.get("presentationValues").and_then(Value::as_array);
    let presentations: Vec<Value> = presentations
        .into_iter()
        .flatten()
        .map(|presentation| {
            let mut made = presentation.as_object().cloned().unwrap_or_default();
            let id = id_of(presentation, "presentation");
            for name in [
                "presentation",
                "id",
                "lastModifiedDateTime",
                "createdDateTime",
            ] {
                made.remove(name);
            }
            let link = json!(format!("{place}/presentations('{id}')"));
            made.insert("presentation@odata.bind".to_owned(), link);
            Value::Object(made)
        })
        .collect();
    if !presentations.is_empty() {
        made.insert("presentationValues".to_owned(), Value::Array(presentations));
    }
    Value::Object(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intunecd_finds_names_and_no_ids_of_the_tenant() {
        let group = "0A110000-1111-4222-8333-000000000001";
        let key = ("group".to_owned(), group.to_lowercase());
        let known = Known::from([(key, "Pilot".to_owned())]);
        let document = json!({
            "id": "x", "version": 3, "displayName": "a", "isAssigned": true, "n": 1.50,
            "preSharedKey": {"redacted": "hmac-sha256:00"},
            "assignments": [{"id": "y", "target": {"groupId": group}}],
        });
        assert_eq!(
            intunecd(document, &known),
            json!({
                "displayName": "a", "n": 1.50, "preSharedKey": null,
                "assignments": [{"id": "y", "target": {"groupId": group, "groupName": "Pilot"}}],
            })
        );
    }

    #[test]
    fn intunemanagement_binds_templates_to_definitions() {
        let document = json!({"id": "x", "definitionValues": [{
            "id": "v", "enabled": true, "definition": {"id": "d", "displayName": "D"},
            "presentationValues": [{"id": "p", "value": "7", "presentation": {"id": "q"}}],
        }]});
        let made = intunemanagement(document, "groupPolicyConfiguration", "https://g/beta");
        let value = &made["definitionValues"][0];
        let link = value["definition@odata.bind"].as_str().unwrap();
        assert!(link.starts_with("https://g/beta/"), "{link}");
        assert!(link.ends_with("/groupPolicyDefinitions('d')"), "{link}");
        let presentation = &value["presentationValues"][0];
        assert_eq!(
            presentation["presentation@odata.bind"],
            format!("{link}/presentations('q')")
        );
        assert_eq!(
            (&made["id"], &presentation["value"]),
            (&json!("x"), &json!("7"))
        );
        assert!(value.get("definition").is_none() && presentation.get("id").is_none());
    }
}
