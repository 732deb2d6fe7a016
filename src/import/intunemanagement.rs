//! What IntuneManagement wrote, as Graph has it.
//!
//! Pure. It keeps ids; only what a profile refers to by a navigation property it writes as the name and
//! the type, under a name of its own. These lead back to ids as those of IntuneCD do. Administrative
//! templates are bound to definitions by links, which end in their ids.

use serde_json::{Map, Value, json};

use super::intunecd::{Ids, elements};
use crate::export::layout::rewrite::{PART, REFERENCE};
use crate::policy::catalogue::PolicyType;

/// How the name of a property ends that holds a link to an object.
pub(super) const LINK: &str = "@odata.bind";

/// The policy types that profiles refer to.
pub(super) const REFERRED: [&str; 2] = ["deviceConfiguration", "derivedCredential"];

/// Puts references in the place of names and links in a document of `row`. How many lead to no id, or
/// to several; these stay.
pub(super) fn restore(row: &PolicyType, document: &mut Value, ids: &Ids) -> usize {
    let Value::Object(members) = document else {
        return 0;
    };
    let mut unknown = 0;
    for value in elements(members, "definitionValues") {
        unknown += usize::from(!unbind(value, "definition"));
        for presentation in elements(value, "presentationValues") {
            unknown += usize::from(!unbind(presentation, "presentation"));
        }
    }
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

/// Puts the object that a link leads to in its place, with the id that is in quotes at the link's end.
/// Whether no link is left: one without an id there stays as it is.
fn unbind(members: &mut Map<String, Value>, property: &str) -> bool {
    let name = format!("{property}{LINK}");
    let Some(link) = members.get(&name) else {
        return true;
    };
    let id = link
        .as_str()
        .and_then(|link| link.strip_suffix("')")?.rsplit_once("('"))
        .map(|(_, id)| id.to_owned())
        .filter(|id| !id.is_empty());
    let Some(id) = id else {
        return false;
    };
    members.remove(&name);
    members
        .entry(property)
        .or_insert_with(|| json!({ "id": id }));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;

    #[test]
    fn templates_are_of_the_definitions_that_their_links_lead_to() {
        let row = catalogue::find("groupPolicyConfiguration").unwrap();
        let place = "https://g/beta/deviceManagement/groupPolicyDefinitions('d')";
        let mut document = json!({"definitionValues": [{
            "enabled": true, "definition@odata.bind": place,
            "presentationValues": [{"value": "7",
                "presentation@odata.bind": format!("{place}/presentations('p')")}],
        }]});
        assert_eq!(restore(row, &mut document, &Ids::default()), 0);
        assert_eq!(
            document,
            json!({"definitionValues": [{
                "enabled": true, "definition": {"id": "d"},
                "presentationValues": [{"value": "7", "presentation": {"id": "p"}}],
            }]})
        );
    }

    #[test]
    fn a_link_that_leads_to_no_id_stays_and_is_counted() {
        let row = catalogue::find("groupPolicyConfiguration").unwrap();
        let given = json!({"definitionValues": [
            {"definition@odata.bind": "nonsense"},
            {"definition@odata.bind": "https://g/beta/groupPolicyDefinitions('')"},
            {"definition@odata.bind": 7, "presentationValues": [
                {"value": "7", "presentation@odata.bind": "https://g/beta/presentations/p"}]},
            {"enabled": true},
        ]});
        let mut document = given.clone();
        assert_eq!(restore(row, &mut document, &Ids::default()), 4);
        assert_eq!(document, given);
    }

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
