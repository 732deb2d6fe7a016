//! A policy as the product sees it: one Graph object, identified by tenant, policy type and id. A
//! name is only a label.
//!
//! Everything in this module is pure: no clock, no network, no store.
//!
//! - [`catalogue`]: the table of policy types, the only place that names an endpoint.
//! - [`selection`]: which rows a schedule means.
//! - [`document`]: what is kept of an object.
//! - [`canonical`]: the form in which two documents are compared.
//! - [`diff`]: what changed from one document to another.
//! - [`expiry`]: when what an object stands for ends.
//! - [`scripts`]: the texts that are encoded in a document.
//! - [`references`]: what a document refers to by id.

pub mod canonical;
pub mod catalogue;
pub mod diff;
pub mod document;
pub mod expiry;
pub mod references;
pub mod scripts;
pub mod selection;

use std::collections::BTreeSet;

use references::{AppIdentity, Referred};

/// What became of one policy type in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Everything was read, and we know why we can say so.
    Complete,
    /// Something was not read: the list was cut off, or an object failed.
    Incomplete,
    /// A permission is missing.
    Forbidden,
    /// No licence, or Graph does not know the collection in this tenant.
    NotOffered,
    /// This program does not know the type.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Complete,
        Self::Incomplete,
        Self::Forbidden,
        Self::NotOffered,
        Self::Unknown,
    ];

    /// The word in tables, `--json` and manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Forbidden => "forbidden",
            Self::NotOffered => "not_offered",
            Self::Unknown => "unknown",
        }
    }

    /// Reads back what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|outcome| outcome.as_str() == word)
    }
}

/// One policy as it was read: Graph's own bytes with the extra reads merged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Key of its policy type.
    pub policy_type: &'static str,
    /// Graph's id of the object.
    pub id: String,
    /// Where its list is below a parent: the parent's id, `/` and Graph's id of the object. It has
    /// this id in a set in which another parent's object has Graph's.
    pub below: Option<String>,
    /// Its label at the time; may be empty.
    pub name: String,
    /// The platform it is for, where the object says so.
    pub platform: Option<String>,
    /// The JSON text.
    pub bytes: Vec<u8>,
    /// What the reader of a backup has to know, e.g. `secret not captured`.
    pub warnings: Vec<String>,
    /// How many secrets it has that Graph does not give.
    pub secrets_not_captured: u64,
    /// How many secrets it has digests of.
    pub digests: u64,
    /// What it refers to.
    pub referred: BTreeSet<Referred>,
    /// What tells an app from others of its name.
    pub app: Option<AppIdentity>,
}

/// One policy that was listed and could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Key of its policy type.
    pub policy_type: &'static str,
    /// Graph's id, as far as it could be told.
    pub id: String,
    /// Its label, as far as it could be told.
    pub name: String,
    /// Why it could not be read.
    pub reason: String,
}
