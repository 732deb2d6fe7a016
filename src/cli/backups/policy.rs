//! A policy as it is typed, and the names of what policies refer to.

use std::collections::BTreeSet;

use crate::backup_set::{ListEntry, Manifest, TypeList};
use crate::cli::told;
use crate::error::{Error, Result};
use crate::policy::diff::Names;
use crate::store::backup_sets;
use crate::store::contents::Reader;

/// So many candidates are named where a name is not enough.
const CANDIDATES: usize = 8;

/// The lists of a set.
pub(super) fn lists(reader: &Reader<'_>, manifest: &Manifest) -> Result<Vec<TypeList>> {
    let mut lists = Vec::new();
    for entry in manifest.types() {
        lists.extend(backup_sets::list(reader, entry)?);
    }
    Ok(lists)
}

/// What ids meant to a set: its references, and its own policies.
pub(super) fn names(reader: &Reader<'_>, manifest: &Manifest, lists: &[TypeList]) -> Result<Names> {
    let mut names = Names::default();
    if let Some(references) = backup_sets::references(reader, manifest)? {
        for reference in references.entries() {
            if let Some(name) = &reference.name {
                names.learn(&reference.kind, &reference.id, name);
            }
        }
    }
    for list in lists {
        for entry in list.entries() {
            names.learn(list.policy_type(), &entry.id, &entry.name);
        }
    }
    Ok(names)
}

/// How a policy is typed, before the command that lists them.
pub(super) const SHAPE: &str = "type TYPE/ID, or an id or a name that one policy alone has";

/// A policy that answers to what is typed.
#[derive(Debug, Clone)]
pub(super) struct Match {
    pub(super) policy_type: String,
    pub(super) entry: ListEntry,
}

/// The policies of these lists that have this id or name, whatever the case; those that have exactly
/// it, where there are any.
pub(super) fn called(lists: &[TypeList], wanted: &str) -> Vec<Match> {
    let those = |is_meant: &dyn Fn(&str) -> bool| -> Vec<Match> {
        let entries = lists.iter().flat_map(|list| {
            let entries = list.entries().iter();
            entries.map(move |entry| (list.policy_type(), entry))
        });
        entries
            .filter(|(_, entry)| is_meant(&entry.id) || is_meant(&entry.name))
            .map(|(policy_type, entry)| Match {
                policy_type: policy_type.to_owned(),
                entry: entry.clone(),
            })
            .collect()
    };
    let exact = those(&|word| word == wanted);
    if !exact.is_empty() {
        return exact;
    }
    let folded = wanted.to_lowercase();
    those(&|word| word.to_lowercase() == folded)
}

/// An id or a name that several policies have.
pub(super) fn ambiguous(wanted: &str, candidates: &[Match]) -> Error {
    let all = candidates.iter();
    let all: BTreeSet<String> = all
        .map(|one| format!("{}/{}", one.policy_type, one.entry.id))
        .collect();
    let mut listed: Vec<&str> = all.iter().take(CANDIDATES).map(String::as_str).collect();
    if all.len() > CANDIDATES {
        listed.push("…");
    }
    let count = all.len();
    Error::usage(format!(
        "{count} policies have the id or name {}",
        told(wanted)
    ))
    .hint(format!("type one of {}", listed.join(", ")))
}
