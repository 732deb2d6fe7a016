//! A policy as it is typed, and the names of what policies refer to.

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

/// The policies of these lists that are called so, whatever the case; those that are called exactly
/// so, where there are any.
pub(super) fn called<'l>(lists: &'l [TypeList], name: &str) -> Vec<(&'l str, &'l ListEntry)> {
    let all = || {
        lists.iter().flat_map(|list| {
            let entries = list.entries().iter();
            entries.map(move |entry| (list.policy_type(), entry))
        })
    };
    let exact: Vec<_> = all().filter(|(_, entry)| entry.name == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    let folded = name.to_lowercase();
    all()
        .filter(|(_, entry)| entry.name.to_lowercase() == folded)
        .collect()
}

/// A name that several policies have.
pub(super) fn ambiguous(name: &str, candidates: &[(&str, &ListEntry)]) -> Error {
    let mut listed: Vec<String> = candidates
        .iter()
        .take(CANDIDATES)
        .map(|(policy_type, entry)| format!("{policy_type}/{}", entry.id))
        .collect();
    if candidates.len() > CANDIDATES {
        listed.push("…".to_owned());
    }
    let count = candidates.len();
    Error::usage(format!("{count} policies are called {}", told(name)))
        .hint(format!("one of {}", listed.join(", ")))
}
