//! What an export does to a folder that holds an earlier one: what to write, what to remove, what to
//! leave.
//!
//! Pure. A file is removed only if an earlier export wrote it, nobody changed it since, and its
//! policy is known to be gone: a policy type that was not read whole says nothing of what is missing.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{FileLine, Form, Manifest, Pending};

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Paths to remove, where the file's SHA-256 is one of these.
    pub remove: BTreeMap<String, BTreeSet<String>>,
    /// Files of an earlier export that stay as they are, still named by the manifest.
    pub keep: Vec<FileLine>,
    /// Paths that an earlier export may have written, and that may be replaced.
    pub ours: BTreeSet<String>,
}

/// Decides it. `lines` are the files of this export. `concludes` says of a policy, by type and id,
/// whether it is gone where this export does not hold it.
pub fn plan(
    lines: &[FileLine],
    previous: Option<&Manifest>,
    pending: &Pending,
    concludes: impl Fn(&str, &str) -> bool,
) -> Steps {
    let paths: BTreeSet<&str> = lines.iter().map(|line| line.path.as_str()).collect();
    let policies: BTreeSet<(&str, &str)> = lines
        .iter()
        .map(|line| (line.policy_type.as_str(), line.policy_id.as_str()))
        .collect();
    let mut steps = Steps::default();
    steps.ours.extend(pending.files.keys().cloned());
    for (path, hashes) in &pending.files {
        if !paths.contains(path.as_str()) {
            steps.remove.insert(path.clone(), hashes.clone());
        }
    }
    let Some(previous) = previous else {
        return steps;
    };
    for file in &previous.files {
        steps.ours.insert(file.path.clone());
        if paths.contains(file.path.as_str()) {
            continue;
        }
        // Of a policy that is exported, only what it no longer has is missing.
        let policy = (file.policy_type.as_str(), file.policy_id.as_str());
        if policies.contains(&policy) || concludes(policy.0, policy.1) {
            let hashes = steps.remove.entry(file.path.clone()).or_default();
            hashes.insert(file.sha256.clone());
        } else {
            steps.remove.remove(&file.path);
            let mut file = file.clone();
            file.from_backup_set.get_or_insert(previous.backup_set.id);
            steps.keep.push(file);
        }
    }
    steps
}

/// How many policies these files hold.
pub fn policies(lines: &[FileLine]) -> usize {
    lines
        .iter()
        .filter(|line| line.form != Form::Script)
        .count()
}
