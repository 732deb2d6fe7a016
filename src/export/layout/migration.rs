//! The table by which IntuneManagement finds groups again in another tenant: `MigrationTable.json`
//! in the folder above those of policy types.
//!
//! ```text
//! {"TenantId":"…","Organization":"contoso","Objects":[{"Id":"…","DisplayName":"Pilot","Type":"Group"}]}
//! ```
//!
//! Its importer looks for a group of each name in the other tenant, makes one where there is none, and
//! puts its id in the place of the old one. So the table has the groups that the exported policies
//! refer to and no others, as far as the backup set knows their names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::json;

/// The name of the file.
pub const NAME: &str = "MigrationTable.json";

/// Names of groups by their ids.
pub type Groups = BTreeMap<String, String>;

/// The bytes of the table.
pub fn encode(directory: &str, organization: &str, groups: &Groups) -> Vec<u8> {
    let objects = groups
        .iter()
        .map(|(id, name)| json!({ "Id": id, "DisplayName": name, "Type": "Group" }));
    let table = json!({
        "TenantId": directory,
        "Organization": organization,
        "Objects": objects.collect::<Vec<_>>(),
    });
    format!("{table:#}\n").into_bytes()
}

/// The groups of a table; none where it is no table.
pub fn groups(table: &[u8]) -> Groups {
    let table: Value = json::read(table).unwrap_or_default();
    let objects = table.get("Objects").and_then(Value::as_array);
    let group = |object: &Value| {
        let text = |name: &str| Some(object.get(name)?.as_str()?.to_owned());
        (text("Type")? == "Group").then_some((text("Id")?, text("DisplayName")?))
    };
    objects.into_iter().flatten().filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_back_and_anything_else_is_none() {
        let groups_of = |pairs: &[(&str, &str)]| -> Groups {
            let pairs = pairs.iter();
            pairs
                .map(|(id, name)| ((*id).to_owned(), (*name).to_owned()))
                .collect()
        };
        let known = groups_of(&[("0a11", "Pilot"), ("0b22", "All \"laptops\"")]);
        let table = encode("contoso.com", "contoso", &known);
        assert_eq!(groups(&table), known);
        let reserved = r#"{"Objects":[{"Id":"0a11","DisplayName":"Pilot","Type":"Group",
            "x":{"$serde_json::private::Number":"1"}}]}"#;
        for other in [
            "",
            "[]",
            "{\"Objects\":[{\"Id\":1},{\"Type\":\"User\"},7]}",
            reserved,
        ] {
            assert_eq!(groups(other.as_bytes()), Groups::new(), "{other}");
        }
    }
}
