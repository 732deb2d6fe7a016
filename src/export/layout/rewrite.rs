//! What IntuneManagement expects in a file, made of a document; and what its layout and that of
//! IntuneCD have in common.
//!
//! Pure. Property order and the writing of exponents are not kept here, values are. A secret of
//! which only a digest is kept becomes null: no importer could do anything with the digest.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::policy::catalogue;

/// The policy type whose documents hold definitions, and the end of its path, beside which these are.
const TEMPLATES: (&str, &str, &str) = (
    "groupPolicyConfiguration",
    "groupPolicyConfigurations",
    "groupPolicyDefinitions",
);

/// Something that documents refer to by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Of an app: its `@odata.type` without the namespace.
    pub odata_type: Option<String>,
}

/// What documents refer to by id, by kind and id in lower case.
pub type Known = BTreeMap<(String, String), Named>;

/// Whether this stands for a secret: a digest, or a word that it was not captured.
pub fn is_withheld(value: &Value) -> bool {
    let Value::Object(members) = value else {
        return false;
    };
    let word = members.get("redacted").and_then(Value::as_str);
    members.len() == 1
        && word.is_some_and(|word| word == "not captured" || word.starts_with("hmac-sha256:"))
}

/// How IntuneManagement calls what a navigation property refers to, and parts the names from the type.
pub const REFERENCE: &str = "#CustomRef_";
/// What lies between names and type there.
pub const PART: &str = "|:|";

/// The document as IntuneManagement writes it: as Graph gave it, what profiles refer to by name and
/// type, administrative templates bound to the definitions below `graph`.
pub fn intunemanagement(mut document: Value, policy_type: &str, graph: &str) -> Value {
    without_secrets(&mut document);
    name_references(&mut document, policy_type);
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

/// Certificates and the like: Graph does not take them with the profile, IntuneManagement looks for
/// one of that name and type in the other tenant.
fn name_references(document: &mut Value, policy_type: &str) {
    let (Some(row), Value::Object(members)) = (catalogue::find(policy_type), document) else {
        return;
    };
    for reference in row.references.iter().filter(|one| one.owned.is_none()) {
        let referred = match members.remove(reference.property) {
            Some(Value::Array(several)) => several,
            Some(one @ Value::Object(_)) => vec![one],
            _ => continue,
        };
        let text = |of: &Value, name: &str| Some(of.get(name)?.as_str()?.to_owned());
        let names: Vec<String> = referred
            .iter()
            .filter_map(|one| text(one, "displayName"))
            .collect();
        if let Some(kind) = referred.first().and_then(|one| text(one, "@odata.type")) {
            let told = format!("{}{PART}{kind}", names.join(","));
            members.insert(format!("{REFERENCE}{}", reference.property), json!(told));
        }
    }
}

/// Depth is bounded by the parser.
fn without_secrets(value: &mut Value) {
    match value {
        value if is_withheld(value) => *value = Value::Null,
        Value::Object(members) => members.values_mut().for_each(without_secrets),
        Value::Array(elements) => elements.iter_mut().for_each(without_secrets),
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
    fn intunemanagement_names_what_profiles_refer_to() {
        let root = json!({"id": "c", "displayName": "Root", "@odata.type": "#microsoft.graph.x"});
        let document = json!({"id": "w", "identityCertificate": null,
            "rootCertificate": root, "rootCertificatesForServerValidation": [root, root]});
        assert_eq!(
            intunemanagement(document, "deviceConfiguration", "https://g/beta"),
            json!({"id": "w", "#CustomRef_rootCertificate": "Root|:|#microsoft.graph.x",
                "#CustomRef_rootCertificatesForServerValidation": "Root,Root|:|#microsoft.graph.x"})
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
