//! What IntuneManagement wrote, as Graph has it.
//!
//! Pure. It keeps ids; only what a profile refers to by a navigation property it writes as the name and
//! the type, under a name of its own. These lead back to ids as those of IntuneCD do.

use serde_json::{Value, json};

use super::intunecd::Ids;
use crate::export::layout::rewrite::{PART, REFERENCE};
use crate::policy::catalogue::PolicyType;

/// The policy types that profiles refer to.
pub(super) const REFERRED: [&str; 2] = ["deviceConfiguration", "derivedCredential"];

/// Puts references in the place of names in a document of `row`. How many names lead to no id, or to
/// several.
pub(super) fn restore(row: &PolicyType, document: &mut Value, ids: &Ids) -> usize {
    let Value::Object(members) = document else {
        return 0;
    };
    let mut unknown = 0;
    let names: Vec<String> = members
        .keys()
        .filter(|name| name.starts_with(REFERENCE))
        .cloned()
        .collect();
    for name in names {
        let property = name.strip_prefix(REFERENCE).unwrap_or_default();
        let Some(reference) = row.references.iter().find(|one| one.property == property) else {
            continue;
        };
        let told = members.get(&name).and_then(Value::as_str);
        let Some((referred, odata_type)) = told.and_then(|told| told.split_once(PART)) else {
            continue;
        };
        let find = |name: &str| {
            let id = REFERRED.into_iter().find_map(|kind| ids.get(kind, name))?;
            Some(json!({"@odata.type": odata_type, "displayName": name, "id": id}))
        };
        let found: Option<Vec<Value>> = referred.split(',').map(find).collect();
        let Some(mut found) = found else {
            unknown += 1;
            continue;
        };
        members.remove(&name);
        let value = match reference.many {
            true => Value::Array(found),
            false => found.pop().unwrap_or_default(),
        };
        members.insert(reference.property.to_owned(), value);
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;

    #[test]
    fn names_of_certificates_lead_back_to_them() {
        let mut ids = Ids::default();
        ids.add("deviceConfiguration", "Root", "c1");
        let row = catalogue::find("deviceConfiguration").unwrap();
        let mut document = json!({
            "#CustomRef_rootCertificate": "Root|:|#microsoft.graph.x",
            "#CustomRef_rootCertificatesForServerValidation": "Root|:|#microsoft.graph.x",
            "#CustomRef_identityCertificate": "Gone|:|#microsoft.graph.y",
            "#CustomRef_nothing": "Root|:|#microsoft.graph.x",
        });
        assert_eq!(restore(row, &mut document, &ids), 1);
        let root = json!({"@odata.type": "#microsoft.graph.x", "displayName": "Root", "id": "c1"});
        assert_eq!(
            document,
            json!({
                "rootCertificate": root, "rootCertificatesForServerValidation": [root],
                "#CustomRef_identityCertificate": "Gone|:|#microsoft.graph.y",
                "#CustomRef_nothing": "Root|:|#microsoft.graph.x",
            })
        );
    }
}
