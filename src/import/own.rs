//! What this program exported: without loss, so far as nobody changed it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Budget, Found, Purpose, Source, Type, as_stored, manifest_of, unusable};
use crate::backup_set::{ContentHash, ListEntry, References, UnreadPolicy};
use crate::error::{Error, Kind, Result};
use crate::export::folder::Folder;
use crate::export::manifest::{self, FileLine, Form, Manifest, TypeLine};
use crate::plural::counted;
use crate::policy::Outcome;
use crate::policy::diff::row_of;
use crate::policy::document::redaction::holds_digests;
use crate::policy::document::sealed::Unsealed;
use crate::policy::document::{self, spacing};

pub(super) fn gather(folder: &Folder, purpose: &Purpose<'_>) -> Result<Found> {
    let path = folder.path().display();
    let unfit = |reason: String| {
        Error::new(
            Kind::Integrity,
            format!("{path}/{} cannot be used: {reason}", manifest::NAME),
        )
    };
    let bytes = folder.read(manifest::NAME)?.ok_or_else(|| {
        Error::usage(format!("{path} holds no {}", manifest::NAME))
            .hint("--layout intunecd or intunemanagement, if one of these exported it")
    })?;
    let manifest = Manifest::parse(&bytes).map_err(unfit)?;
    if manifest.layout != Source::Tenantpilot.as_str() {
        return Err(Error::usage(format!(
            "{path} was exported for another tool, in the layout {}: that is not the stored form",
            manifest.layout
        ))
        .hint(format!("--layout {}", manifest.layout)));
    }
    of_tenant(folder, &manifest, purpose)?;
    let time = DateTime::parse_from_rfc3339(&manifest.backup_set.time)
        .map_err(|error| unfit(format!("its time: {error}")))?;
    let root_hash = ContentHash::parse(&manifest.backup_set.root_hash)
        .ok_or_else(|| unfit("its root hash is none".to_owned()))?;
    let mut found = Found {
        source: Source::Tenantpilot,
        types: manifest
            .types
            .iter()
            .map(|(key, line)| (key.clone(), of_line(line)))
            .collect(),
        references: references(manifest.references.as_deref()),
        time: time.with_timezone(&Utc),
        not_taken: 0,
        lacks: Vec::new(),
    };
    let mut whole = true;
    if manifest.references.is_some() && found.references.is_none() {
        whole = false;
        found
            .lacks
            .push("the names of what policies refer to: they were changed".to_owned());
    }
    let mut budget = Budget::default();
    let mut older = 0;
    let mut same = Same::new();
    for line in &manifest.files {
        if line.form == Form::Script {
            continue;
        }
        if line.from_backup_set.is_some() {
            older += 1;
            continue;
        }
        let of = found.types.entry(line.policy_type.clone()).or_default();
        match document(budget.read(folder, &line.path)?, line, purpose) {
            Ok(bytes) => {
                let entry = ListEntry {
                    id: line.policy_id.clone(),
                    name: line.name.clone(),
                    platform: line.platform.clone(),
                    bytes: bytes.len() as u64,
                    hash: ContentHash::of(&bytes),
                    warnings: line.warnings.clone(),
                };
                if let Some(set) = &line.same_as
                    && let Some(hash) = ContentHash::parse(&set.hash)
                {
                    let policy = (line.policy_type.clone(), line.policy_id.clone());
                    same.insert(policy, (hash, set.bytes));
                }
                of.policies.insert(line.policy_id.clone(), (entry, bytes));
            }
            Err(reason) => {
                found.not_taken += 1;
                of.unread.push(UnreadPolicy {
                    id: line.policy_id.clone(),
                    ..unusable(&line.name, format!("{}: {reason}", line.path))
                });
            }
        }
    }
    let policies = found.types.values().flat_map(|of| of.policies.values());
    let digests = policies.filter(|(_, bytes)| holds_digests(bytes)).count();
    if digests > 0 {
        found.lacks.push(format!(
            "secrets: {} digests of them that tell nothing beside those of another database",
            counted(digests, "policy holds", "policies hold")
        ));
    }
    if !same.is_empty() {
        found.lacks.push(format!(
            "the bytes of {}: they are those of an earlier backup set, which mean the same",
            counted(same.len(), "policy", "policies")
        ));
    }
    if older > 0 {
        found.lacks.push(format!(
            "{} that the export held of an older backup set",
            counted(older, "policy", "policies")
        ));
    }
    for (key, of) in &mut found.types {
        let expected = manifest.types.get(key).map_or(0, |line| line.policies);
        let held = of.policies.len() as u64;
        if held != expected || (of.outcome == Some(Outcome::Complete) && !of.unread.is_empty()) {
            let policies = counted(expected, "policy", "policies");
            let reason = format!("in the folder as exported: {held} of {policies}");
            found.lacks.push(format!("{key}: {reason}"));
            of.doubt(reason);
            whole = false;
        }
    }
    if whole && !is_at(&found, &same, &root_hash)? {
        let reason = format!("what the export says does not give its root hash {root_hash}");
        for of in found.types.values_mut() {
            if of.outcome == Some(Outcome::Complete) {
                of.doubt(reason.clone());
            }
        }
        found
            .lacks
            .push(format!("a proof that a policy type is complete: {reason}"));
    }
    Ok(found)
}

/// Refuses what was exported of another directory than the tenant's.
fn of_tenant(folder: &Folder, manifest: &Manifest, purpose: &Purpose<'_>) -> Result<()> {
    let (theirs, ours) = (&manifest.directory, &purpose.tenant.settings.directory);
    if theirs.eq_ignore_ascii_case(ours) {
        return Ok(());
    }
    let name = purpose.tenant.name();
    Err(Error::usage(format!(
        "{} holds an export of tenant {} ({theirs}), not of {name} ({ours})",
        folder.path().display(),
        manifest.tenant
    ))
    .hint(format!(
        "name the tenant that it is of; if both are one directory: tenantpilot tenants edit {} \
         --directory {}",
        shell_words::quote(name),
        shell_words::quote(theirs)
    )))
}

/// Of policies whose files were made of an earlier document that means the same, by type and id: the
/// hash and length of the document in the set.
type Same = BTreeMap<(String, String), (ContentHash, u64)>;

/// Whether what was found is the set with this root hash. That of `same` does not depend on what their
/// files hold; it proves which policies there were.
fn is_at(found: &Found, same: &Same, root_hash: &ContentHash) -> Result<bool> {
    let types = found.types.iter();
    let types = types.map(|(key, of)| {
        let told = |entry: &ListEntry| match same.get(&(key.clone(), entry.id.clone())) {
            Some(&(hash, bytes)) => ListEntry {
                hash,
                bytes,
                ..entry.clone()
            },
            None => entry.clone(),
        };
        as_stored(key, of, told).map(|(line, _)| line)
    });
    let manifest = manifest_of(types.collect::<Result<_>>()?, found.references.as_deref())?;
    Ok(manifest.is_at(root_hash))
}

fn of_line(line: &TypeLine) -> Type {
    let unread = line.unread.iter().map(|policy| UnreadPolicy {
        id: policy.id.clone(),
        name: policy.name.clone(),
        reason: policy.reason.clone(),
    });
    Type {
        outcome: Outcome::parse(&line.outcome),
        reason: line.reason.clone(),
        error_code: line.error_code.clone(),
        pages: line.pages,
        listed: line.listed,
        read: line.read,
        proof: line.proof.clone(),
        unread: unread.collect(),
        ..Type::default()
    }
}

/// The document of a file, to the byte; or what speaks against it.
fn document(
    read: Result<Vec<u8>, String>,
    line: &FileLine,
    purpose: &Purpose<'_>,
) -> Result<Vec<u8>, String> {
    let text = String::from_utf8(read?).map_err(|error| error.to_string())?;
    let text = match line.form {
        Form::Indented => spacing::compact(&text).map_err(|flaw| flaw.to_string())?,
        _ => text,
    };
    if ContentHash::of(text.as_bytes()).to_string() != line.hash {
        return Err("it was changed since it was exported".to_owned());
    }
    // Nothing changes here unless somebody wrote a secret and the hash to go with it.
    document::finish(
        row_of(&line.policy_type),
        text,
        &Unsealed::default(),
        Vec::new(),
        purpose.key,
    )
    .map(|document| document.bytes)
    .map_err(|flaw| flaw.to_string())
}

/// The references of a set from their lines; none where they make no sense.
fn references(lines: Option<&[Value]>) -> Option<Vec<u8>> {
    let mut text = String::from("{\"format\":1}\n");
    for line in lines? {
        text.push_str(&line.to_string());
        text.push('\n');
    }
    let parsed = References::parse(text.as_bytes()).ok()?;
    Some(parsed.encode())
}
