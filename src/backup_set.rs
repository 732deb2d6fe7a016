//! A backup set: what a run leaves behind.
//!
//! A set is a tree of contents, each named by the SHA-256 of its bytes:
//!
//! ```text
//! root_hash ─► manifest ─┬► one list per policy type ─► one document per policy
//!                        └► the names of what the policies refer to
//! ```
//!
//! The [`Manifest`] names the [`TypeList`] of each policy type that was read, a list names the
//! document of each policy. The [`References`] keep the names of groups, filters, apps and more
//! beside the ids in the documents: what is deleted later cannot be looked up any more. So the
//! root hash vouches for every byte of the set; a type in which nothing changed shares its list
//! with the set before, and a tenant in which nothing changed shares its manifest.
//!
//! How a set knows that it holds all of a type is the type's [`Proof`] in the manifest.
//!
//! This module is pure: it knows the shape of a set and the bytes of its manifest and lists, and
//! nothing of where they are kept. All formats are JSON Lines, so that a person can read them
//! with nothing but a pager, and all are deterministic: equal values have equal bytes.

mod line;
mod manifest;
mod proof;
mod references;
mod type_list;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::schedule::ScheduleId;
use crate::tenant::TenantId;

pub use manifest::{Manifest, ManifestType, UnreadPolicy};
pub use proof::Proof;
pub use references::{Reference, References, Unresolved};
pub use type_list::{ListEntry, Succession, TypeList};

/// The id of a backup set in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupSetId(pub i64);

impl fmt::Display for BackupSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address of a content: the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The address of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hexadecimal digits, the form that [`Display`](fmt::Display) gives.
    pub fn parse(hex: &str) -> Option<Self> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Some(Self(hash))
    }
}

/// The value of one lower-case hexadecimal digit.
fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// Whether a set holds everything that its run was to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetStatus {
    /// Every selected policy type was read whole, or is not offered in the tenant.
    Complete,
    /// At least one policy type is incomplete, forbidden or unknown.
    Partial,
}

impl SetStatus {
    /// The word in the store, tables and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
        }
    }

    /// Reads back what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Complete, Self::Partial]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// How many policies of a type the set before held, and how many of these are left, by policy type.
pub type Shrunk = BTreeMap<String, [u64; 2]>;

/// A backup set as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSet {
    /// Its id.
    pub id: BackupSetId,
    /// The tenant it was taken of.
    pub tenant_id: TenantId,
    /// That tenant's name.
    pub tenant: String,
    /// The schedule it was taken for; none where it was imported.
    pub schedule_id: Option<ScheduleId>,
    /// That schedule's name.
    pub schedule: Option<String>,
    /// The id of the run that left it; none where it was imported.
    pub run_id: Option<i64>,
    /// Where it was imported from; none where a run left it.
    pub imported: Option<Value>,
    /// Its run's slot, or its creation where there is none.
    pub time: DateTime<Utc>,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// Whether it holds everything.
    pub status: SetStatus,
    /// How many policies it holds.
    pub policies: u64,
    /// The address of its manifest.
    pub root_hash: ContentHash,
    /// The policy types that lost most of their policies since the set before.
    pub shrunk: Option<Shrunk>,
    /// When somebody said that this is right.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Why retention must leave it alone, if somebody said so.
    pub pin_reason: Option<String>,
    /// Since when it is hidden and waits to be purged.
    pub expired_at: Option<DateTime<Utc>>,
}

impl BackupSet {
    /// How messages name it: `backup set 12 of tenant contoso`.
    pub fn described(&self) -> String {
        format!("backup set {} of tenant {}", self.id, self.tenant)
    }

    /// Under which key the digests of an imported set were made; none of a set that a run left.
    pub fn imported_under(&self) -> Option<DigestKey> {
        let from = self.imported.as_ref()?;
        let text = |name: &str| from.get(name).and_then(Value::as_str);
        Some(match (text("layout"), text("digest_key")) {
            // This program exported it, and nobody knows from which database.
            (Some("tenantpilot"), _) => DigestKey::Foreign,
            (_, named) => DigestKey::of_name(named.map(str::to_owned)),
        })
    }
}

/// Under which key digests of secrets were made. Of those of two keys nobody can say whether they are
/// of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigestKey {
    /// The one of this name.
    Named(String),
    /// That which was beside the database when nobody wrote its name down yet.
    Unnamed,
    /// Some other database's.
    Foreign,
}

impl DigestKey {
    /// The key of this name, if it is known.
    pub fn of_name(name: Option<String>) -> Self {
        name.map_or(Self::Unnamed, Self::Named)
    }

    /// Whether all of these are one, as far as that can be told.
    pub fn are_one<'k>(keys: impl IntoIterator<Item = &'k Self>) -> bool {
        let mut known = None;
        keys.into_iter().all(|key| match key {
            Self::Foreign => false,
            Self::Unnamed => true,
            Self::Named(name) => *known.get_or_insert(name) == name,
        })
    }
}

/// Bytes that are no manifest or list of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Malformed {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_compared_under_one_key_as_far_as_that_is_known() {
        let named = |name: &str| DigestKey::of_name(Some(name.to_owned()));
        let (one, other, old) = (named("1"), named("2"), DigestKey::of_name(None));
        assert!(DigestKey::are_one([&one, &old, &one]));
        assert!(!DigestKey::are_one([&one, &old, &other]));
        assert!(!DigestKey::are_one([&old, &DigestKey::Foreign]));
    }

    #[test]
    fn an_address_is_what_sha256sum_prints() {
        let hash = ContentHash::of(b"abc");
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), hex);
        assert_eq!(ContentHash::parse(hex), Some(hash));
        for wrong in ["", "ba", &hex.to_uppercase(), &hex[1..], &format!("{hex}0")] {
            assert_eq!(ContentHash::parse(wrong), None, "{wrong}");
        }
    }
}
