//! How an export is laid out: which folder a policy type has, what a file is called, what a file
//! holds.
//!
//! Pure. `tenantpilot` is our own and leads back to the backup set without loss.

pub mod folders;

use super::name;
use crate::backup_set::ListEntry;

/// A way to lay out folders and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Our own.
    Tenantpilot,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Tenantpilot];

    /// The word on the command line and in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenantpilot => "tenantpilot",
        }
    }

    /// Reads back what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == word)
    }

    /// The folder of a policy type; none where the layout has no place for it.
    pub fn folder(self, policy_type: &str) -> Option<String> {
        match self {
            Self::Tenantpilot => Some(name::slug(policy_type)),
        }
    }

    /// The name of a policy's file, without its end.
    pub fn stem(self, entry: &ListEntry) -> String {
        match self {
            Self::Tenantpilot => {
                format!("{}_{}", name::slug(&entry.name), name::short_id(&entry.id))
            }
        }
    }
}
