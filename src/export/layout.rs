//! How an export is laid out: which folder a policy type has, what a file is called, what a file
//! holds.
//!
//! Pure. `tenantpilot` is our own and leads back to the backup set without loss. The others are for
//! the importers of other tools ([`intunecd`], [`rewrite`]), which have no place for some policy types.

pub mod folders;
pub mod intunecd;
pub mod migration;
pub mod rewrite;

use super::name;
use crate::backup_set::ListEntry;
use folders::{INTUNECD, INTUNEMANAGEMENT};

/// A way to lay out folders and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Our own.
    Tenantpilot,
    /// What IntuneCD reads.
    IntuneCd,
    /// What IntuneManagement reads.
    IntuneManagement,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tenantpilot, Self::IntuneCd, Self::IntuneManagement];

    /// The word on the command line and in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenantpilot => "tenantpilot",
            Self::IntuneCd => "intunecd",
            Self::IntuneManagement => "intunemanagement",
        }
    }

    /// Reads back what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == word)
    }

    /// The folder of a policy type; none where the layout has no place for it.
    pub fn folder(self, policy_type: &str) -> Option<String> {
        let folders = match self {
            Self::Tenantpilot => return Some(name::slug(policy_type)),
            Self::IntuneCd => INTUNECD,
            Self::IntuneManagement => INTUNEMANAGEMENT,
        };
        let found = folders.iter().find(|(_, keys)| keys.contains(&policy_type));
        found.map(|(folder, _)| (*folder).to_owned())
    }

    /// The name of a policy's file, without its end.
    pub fn stem(self, entry: &ListEntry) -> String {
        let id = name::whole_id(&entry.id);
        match self {
            Self::Tenantpilot => {
                format!("{}_{}", name::slug(&entry.name), name::short_id(&entry.id))
            }
            // IntuneCD takes what follows the first two underscores for the id.
            Self::IntuneCd => {
                let mut name = name::plain(&entry.name);
                while name.contains("__") {
                    name = name.replace("__", "_");
                }
                format!("{name}__{id}")
            }
            Self::IntuneManagement => format!("{}_{id}", name::plain(&entry.name)),
        }
    }

    /// The path of the payload, by its own name, of the profile whose file has this stem.
    pub fn payload(self, stem: &str, file: &str) -> String {
        let (folder, _) = stem.rsplit_once('/').unwrap_or(("", stem));
        format!("{folder}/mobileconfig/{}", name::plain(file))
    }

    /// The path of a script of the policy whose file has this stem. IntuneCD takes the bodies of
    /// scripts from files in a folder beside the policies. IntuneManagement takes whatever ends in
    /// `.json` for a policy.
    pub fn script(self, stem: &str, property: &str, end: &str) -> String {
        match (self, stem.rsplit_once('/')) {
            (Self::IntuneCd, Some((folder, name))) => {
                let (name, id) = name.rsplit_once("__").unwrap_or((name, ""));
                let which = property.strip_suffix("Content").unwrap_or(property);
                let which = match which {
                    "script" => String::new(),
                    which => format!("_{}", name::slug(which)),
                };
                format!("{folder}/Script Data/{name}{which}__{id}.{end}")
            }
            (Self::IntuneManagement, _) if end == "json" => {
                format!("{stem}.{}.json.txt", name::slug(property))
            }
            _ => format!("{stem}.{}.{end}", name::slug(property)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup_set::ContentHash;

    #[test]
    fn intunecd_finds_the_id_after_the_first_two_underscores() {
        for name in ["a", "a__b", "a____b_", "_", "a___b__c"] {
            let entry = ListEntry {
                id: "0a11".to_owned(),
                name: name.to_owned(),
                platform: None,
                bytes: 0,
                hash: ContentHash::of(b""),
                warnings: Vec::new(),
            };
            let stem = Layout::IntuneCd.stem(&entry);
            assert_eq!(stem.split("__").nth(1), Some("0a11"), "{stem}");
        }
    }
}
