//! What a run did, in numbers: the `summary` of a run in `history show` and `--json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plural::counted;

/// The summary of a run. Keys are a contract: they are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Policies that Graph listed.
    pub policies_total: u64,
    /// Policies that are in the backup set.
    pub policies_backed_up: u64,
    /// Policies that could not be read, and policy types that could not be listed.
    pub errors_count: u64,
    /// Per policy type.
    pub type_breakdown: BTreeMap<String, TypeSummary>,
    /// What the reader of the backup has to know.
    pub warnings: Vec<String>,
    /// Keys that this program does not know.
    pub unknown_policy_types: Vec<String>,
    /// Requests that Graph was asked, tries included.
    pub requests: u64,
    /// HTTP requests that they took: those that share one counted once.
    pub round_trips: u64,
    /// Requests that shared an HTTP request with others.
    pub batched_requests: u64,
    /// Tries after the first.
    pub retries: u64,
    /// Milliseconds waited because Graph asked for it, or to stay within its limits.
    pub throttled_ms: u64,
    /// Bytes received, after decompression.
    pub bytes: u64,
    /// Objects that policies refer to and whose name at the time is in the backup set.
    pub names_resolved: u64,
    /// Objects that policies refer to and whose name could not be had.
    pub names_unresolved: u64,
    /// Secrets that Graph did not give.
    pub secrets_not_captured: u64,
    /// What to do about it, if we know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The name of the key under which digests of secrets were made; none where none could be.
    pub digest_key: Option<String>,
    /// Of a run that stands for missed slots: how many were missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed_count: Option<u64>,
    /// Of a run that stands for missed slots: the oldest of them, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_missed: Option<String>,
}

/// One policy type of a run. The changes are against the newest earlier backup set of the schedule
/// in which the type was complete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TypeSummary {
    /// `complete`, `incomplete`, `forbidden`, `not_offered` or `unknown`.
    pub outcome: String,
    /// Policies that Graph listed.
    pub total: u64,
    /// Policies that are in the backup set.
    pub backed_up: u64,
    /// Policies that were not there before.
    pub added: u64,
    /// Policies with another canonical form than before.
    pub changed: u64,
    /// Policies that are gone; counted only when the type is complete.
    pub removed: u64,
    /// Policies with the same canonical form as before.
    pub unchanged: u64,
    /// Objects that are left out on purpose, being nobody's policies; not part of the total.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Secrets that Graph did not give.
    pub secrets_not_captured: u64,
    /// Why the type is not complete.
    pub error: Option<String>,
}

impl Summary {
    /// The same of a run that leaves no backup set: whatever it read is not kept, and is compared with
    /// nothing.
    #[must_use]
    pub fn without_set(mut self) -> Self {
        self.policies_backed_up = 0;
        for entry in self.type_breakdown.values_mut() {
            entry.backed_up = 0;
            (entry.added, entry.changed) = (0, 0);
            (entry.removed, entry.unchanged) = (0, 0);
        }
        self
    }

    /// How many policies the run backed up, and what changed.
    pub fn counts(&self) -> String {
        let sum =
            |of: fn(&TypeSummary) -> u64| -> u64 { self.type_breakdown.values().map(of).sum() };
        let mut parts = vec![counted(self.policies_backed_up, "policy", "policies")];
        for (count, word) in [
            (sum(|t| t.added), "added"),
            (sum(|t| t.changed), "changed"),
            (sum(|t| t.removed), "removed"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        parts.join(", ")
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
