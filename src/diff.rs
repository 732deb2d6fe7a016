//! What changed between two backup sets, or between one and the tenant as it is now.
//!
//! - The two are [`Side`]s: what became of each policy type, its policies, their documents. Where a
//!   side comes from is `diff/side.rs` (a set) and `diff/live.rs` (the tenant).
//! - Addresses are compared first. Equal lists and equal documents are not read; of two documents
//!   that differ, the canonical forms decide ([`crate::policy::diff`]), of many at once
//!   (`diff/documents.rs`).
//! - *Added* and *removed* are said only of a type that is complete on both sides. What cannot be
//!   told of any other is in [`Diff::unread_types`] and [`Diff::unread_policies`], and then the two
//!   are not equal: nobody knows.
//! - Sets of two tenants are compared by type and name, where ids differ, and what policies refer
//!   to by the names it has in each tenant.
//! - A policy that left one type and came up in another with the same name is one that moved
//!   (`diff/moves.rs`).
//!
//! It reads and never writes. Every content that it looks at is checked against its address; a
//! damaged one is an error that names the policy, not a difference.

mod comparison;
mod documents;
pub mod live;
mod moves;
mod pairing;
mod side;

use std::collections::BTreeSet;

use crate::backup_set::ListEntry;
use crate::error::Result;
use crate::policy::diff::Changes;

use comparison::{Comparison, Single};
pub use side::{About, Side};

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only these policy types.
    pub types: Option<BTreeSet<String>>,
    /// Only this policy: its type, and its id or name.
    pub policy: Option<(String, String)>,
}

impl Scope {
    fn has_type(&self, key: &str) -> bool {
        let among = self.types.as_ref().is_none_or(|types| types.contains(key));
        let of_policy = self.policy.as_ref().is_none_or(|(of, _)| of == key);
        among && of_policy
    }

    /// Whether a policy type is to be read: it was asked for, or policies of one that was may have
    /// moved there, or come from there.
    fn reads(&self, key: &str) -> bool {
        let of_policy = self.policy.iter().map(|(of, _)| of);
        let mut asked = of_policy.chain(self.types.iter().flatten());
        self.has_type(key) || asked.any(|asked| moves::related(asked, key))
    }

    fn has(&self, entry: &ListEntry) -> bool {
        self.has_words(&entry.id, &entry.name)
    }

    fn has_single(&self, single: &Single) -> bool {
        self.has_type(&single.policy_type) && self.has(&single.entry)
    }

    fn has_words(&self, id: &str, name: &str) -> bool {
        let policy = self.policy.as_ref();
        policy.is_none_or(|(_, wanted)| wanted == id || wanted == name)
    }
}

/// What became of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Something in it is different.
    Changed,
    /// Its name is different, and nothing else.
    Renamed,
    /// It is of another policy type now.
    Moved,
}

impl ChangeKind {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 5] = [
        Self::Added,
        Self::Removed,
        Self::Changed,
        Self::Renamed,
        Self::Moved,
    ];

    /// The word in tables and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Renamed => "renamed",
            Self::Moved => "moved",
        }
    }
}

/// Which policy it was before, where that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// Key of its policy type.
    pub policy_type: String,
    /// Its id.
    pub policy_id: String,
    /// Its name.
    pub name: String,
}

/// One policy that is not what it was.
#[derive(Debug, Clone)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// Key of its policy type.
    pub policy_type: String,
    /// Its id.
    pub policy_id: String,
    /// Its name; the new one where that changed.
    pub name: String,
    /// What it was before, where that differs.
    pub former: Option<Former>,
    /// What changed in it.
    pub changes: Changes,
}

/// Which of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// The earlier one.
    From,
    /// The later one.
    To,
}

impl Which {
    /// The word in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
        }
    }
}

/// A policy type that is not complete on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadType {
    /// Its key.
    pub policy_type: String,
    /// On which side.
    pub side: Which,
    /// What became of it there: an [`Outcome`](crate::policy::Outcome), or `not_selected`.
    pub outcome: &'static str,
    /// Why.
    pub reason: String,
}

/// A policy of which it cannot be told what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadPolicy {
    /// Key of its type.
    pub policy_type: String,
    /// Its id, as far as it is known.
    pub policy_id: String,
    /// Its name, as far as it is known.
    pub name: String,
    /// On which side it could not be read.
    pub side: Which,
    /// Why.
    pub reason: String,
}

/// What changed from one side to the other.
#[derive(Debug, Clone, Default)]
pub struct Diff {
    /// By policy type and name.
    pub changes: Vec<Change>,
    /// By policy type.
    pub unread_types: Vec<UnreadType>,
    /// By policy type and name.
    pub unread_policies: Vec<UnreadPolicy>,
    /// How many policies there are on both sides that were compared.
    pub compared: usize,
}

impl Diff {
    /// Whether everything was compared and nothing changed.
    pub fn equal(&self) -> bool {
        self.changes.is_empty() && self.unread_types.is_empty() && self.unread_policies.is_empty()
    }

    /// How many policies something became of.
    pub fn count(&self, kind: ChangeKind) -> usize {
        let changes = self.changes.iter();
        changes.filter(|change| change.kind == kind).count()
    }

    /// The keys of the types that are not complete on both sides.
    pub fn unread_keys(&self) -> BTreeSet<&str> {
        let types = self.unread_types.iter();
        types.map(|unread| unread.policy_type.as_str()).collect()
    }
}

/// Compares two sides.
///
/// # Errors
/// A content is missing or damaged; the one policy that is asked for is on neither side, and its
/// type was read on both.
pub fn compare(from: &Side<'_>, to: &Side<'_>, scope: &Scope) -> Result<Diff> {
    let mut comparison = Comparison::new(from, to, scope);
    let keys: BTreeSet<&str> = from.keys().chain(to.keys()).collect();
    let (asked, others): (Vec<&str>, Vec<&str>) =
        keys.into_iter().partition(|key| scope.has_type(key));
    for key in asked {
        comparison.policy_type(key)?;
    }
    for key in others {
        comparison.beside(key)?;
    }
    comparison.conclude()
}

#[cfg(test)]
mod tests;
