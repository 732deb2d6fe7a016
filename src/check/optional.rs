//! Permissions that add something to a backup and that no policy needs: for the names of what
//! policies refer to, and for values that Graph gives only to who may write.
//!
//! Pure. Only what the selected policy types can use is told; a permission that one of them needs
//! anyway is not optional and left out.

use std::collections::BTreeSet;

use crate::policy::catalogue::{PolicyType, directory};
use crate::policy::references;

/// A permission that adds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optional {
    /// The least that does.
    pub permission: &'static str,
    /// What it adds.
    pub adds: String,
    /// Whether the token holds it, or another that does the same; nothing where it does not tell.
    pub held: Option<bool>,
}

/// The optional permissions for these policy types.
pub(super) fn optional(types: &[&'static PolicyType], granted: Option<&[String]>) -> Vec<Optional> {
    let mut all = for_names(types, granted);
    all.extend(for_values(types, granted));
    all
}

fn for_names(types: &[&'static PolicyType], granted: Option<&[String]>) -> Vec<Optional> {
    let kinds: BTreeSet<&str> = types
        .iter()
        .flat_map(|row| references::kinds(row.key))
        .collect();
    let needed: BTreeSet<&str> = types
        .iter()
        .filter_map(|row| row.read_permissions.first().copied())
        .collect();
    let mut all: Vec<Optional> = Vec::new();
    for row in directory::all().filter(|row| kinds.contains(row.kind)) {
        let Some(&least) = row.permissions.first() else {
            continue;
        };
        if row.permissions.iter().any(|name| needed.contains(name)) {
            continue;
        }
        match all.iter_mut().find(|one| one.permission == least) {
            Some(one) => one.adds.push_str(&format!(", {}", row.label[1])),
            None => all.push(Optional {
                permission: least,
                adds: format!("names of {}", row.label[1]),
                held: held(row.permissions, granted),
            }),
        }
    }
    all
}

fn for_values(types: &[&'static PolicyType], granted: Option<&[String]>) -> Vec<Optional> {
    let sealed = types
        .iter()
        .filter_map(|row| Some((row, row.sealed.as_ref()?)));
    sealed
        .map(|(row, sealed)| Optional {
            permission: sealed.permission,
            adds: format!(
                "whether encrypted {} of {} changed; it allows writing too, which nothing here does",
                sealed.array, row.key
            ),
            held: held(&[sealed.permission], granted),
        })
        .collect()
}

fn held(any: &[&str], granted: Option<&[String]>) -> Option<bool> {
    granted.map(|granted| granted.iter().any(|name| any.contains(&name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;

    fn told(keys: &[&str], granted: Option<&[&str]>) -> Vec<(&'static str, Option<bool>)> {
        let types: Vec<_> = keys
            .iter()
            .map(|key| catalogue::find(key).unwrap())
            .collect();
        let granted: Option<Vec<String>> =
            granted.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        optional(&types, granted.as_deref())
            .into_iter()
            .map(|one| (one.permission, one.held))
            .collect()
    }

    #[test]
    fn only_what_the_selected_types_can_use_is_told() {
        assert_eq!(
            told(&["deviceShellScript"], None),
            [("GroupMember.Read.All", None)]
        );
        assert_eq!(
            told(&["deviceConfiguration"], None),
            [
                ("GroupMember.Read.All", None),
                ("DeviceManagementConfiguration.ReadWrite.All", None)
            ]
        );
        assert_eq!(told(&[], None), []);
    }

    #[test]
    fn what_a_type_needs_anyway_is_not_optional_and_one_permission_is_told_once() {
        let expected = [
            ("GroupMember.Read.All", None),
            ("User.ReadBasic.All", None),
            ("Application.Read.All", None),
            ("RoleManagement.Read.Directory", None),
        ];
        assert_eq!(told(&["conditionalAccessPolicy"], None), expected);
        let types = [catalogue::find("conditionalAccessPolicy").unwrap()];
        let all = optional(&types, None);
        assert_eq!(all[2].adds, "names of service principals, applications");
    }

    #[test]
    fn another_permission_that_does_the_same_is_held_as_well() {
        let held = told(&["deviceShellScript"], Some(&["Group.Read.All"]));
        assert_eq!(held, [("GroupMember.Read.All", Some(true))]);
        let none = told(&["deviceShellScript"], Some(&["Policy.Read.All"]));
        assert_eq!(none, [("GroupMember.Read.All", Some(false))]);
    }
}
