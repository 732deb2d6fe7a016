//! What IntuneCD or IntuneManagement exported, one JSON file per policy in folders by policy type.
//!
//! Neither says whether a folder holds every policy, so no type is complete. IntuneCD takes ids out;
//! then a policy has the id in its file's name, else that of the one policy of this type and name in
//! the newest backup set that has the type, else one made of its name. An id that is made stays the
//! same from import to import, and is not Graph's.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::Value;

use super::text::decode;
use super::{Budget, Found, Purpose, Source, Type, unusable};
use crate::backup_set::{ContentHash, ListEntry, TypeList};
use crate::error::Result;
use crate::export::folder::{Entry, Folder};
use crate::export::name;
use crate::json;
use crate::policy::Outcome;
use crate::policy::catalogue::{self, PolicyType};
use crate::policy::document::sealed::Unsealed;
use crate::policy::document::{self, spacing};
use crate::store::backup_sets;
use crate::store::contents::Reader;

/// How policies got their ids.
#[derive(Debug, Default)]
struct Identity {
    of_file: usize,
    of_name: usize,
    made: usize,
}

/// A file that holds a policy.
struct Policy {
    row: &'static PolicyType,
    name: String,
    id: Option<String>,
    path: String,
    text: String,
}

pub(super) fn gather(
    folder: &Folder,
    source: Source,
    purpose: &Purpose<'_>,
    reader: &Reader<'_>,
) -> Result<Found> {
    let mut found = Found {
        source,
        types: BTreeMap::new(),
        references: None,
        time: DateTime::UNIX_EPOCH,
        not_taken: 0,
        lacks: vec![
            "policy types that have no folder here: they are unknown, not empty".to_owned(),
            "a proof that a policy type is complete, and the names of groups".to_owned(),
        ],
    };
    let mut budget = Budget::default();
    let mut policies = Vec::new();
    for (path, keys) in source.folders() {
        let rows: Vec<&'static PolicyType> =
            keys.iter().filter_map(|key| catalogue::find(key)).collect();
        let Some(first) = rows.first() else {
            if folder.entry(path)? == Entry::Folder {
                found.lacks.push(format!(
                    "{path}: this tenantpilot does not know {}",
                    keys.join(", ")
                ));
            }
            continue;
        };
        let Some(below) = folder.folder(path)? else {
            continue;
        };
        let of = found.types.entry(first.key.to_owned()).or_default();
        let mut skipped = 0;
        for file in below.names()? {
            let lower = file.to_lowercase();
            let beside = ["_settings.json", "_assignments.json"];
            let whole = format!("{path}/{file}");
            if !lower.ends_with(".json") || beside.iter().any(|end| lower.ends_with(end)) {
                skipped +=
                    usize::from(lower.ends_with(".yaml") || lower.ends_with("_settings.json"));
                continue;
            }
            match policy(budget.read(folder, &whole)?, &rows, &whole) {
                Ok(policy) => {
                    let written = DateTime::from_timestamp(folder.modified(&whole)?, 0);
                    found.time = found.time.max(written.unwrap_or_default());
                    policies.push(policy);
                }
                Err(reason) => of.unread.push(unusable(&whole, reason)),
            }
        }
        if skipped > 0 {
            found.lacks.push(format!(
                "{path}: {skipped} files that are YAML or hold settings apart"
            ));
        }
    }
    let identity = take(&mut found, policies, purpose, reader)?;
    for (count, how) in [
        (identity.of_file, "its file's name"),
        (
            identity.of_name,
            "the policy of the same name in a backup set",
        ),
        (identity.made, "its name alone; it is not Graph's"),
    ] {
        if count > 0 {
            found
                .lacks
                .push(format!("ids: {count} policies have theirs from {how}"));
        }
    }
    found
        .types
        .retain(|_, of| !of.policies.is_empty() || !of.unread.is_empty());
    for of in found.types.values_mut() {
        of.outcome = Some(Outcome::Incomplete);
        of.reason = Some(format!(
            "imported from {}: nothing proves that every policy is there",
            source.as_str()
        ));
        of.listed = (of.policies.len() + of.unread.len()) as u64;
        of.read = true;
    }
    found.not_taken = found.types.values().map(|of| of.unread.len()).sum();
    Ok(found)
}

/// A file's policy; or what speaks against it.
fn policy(
    read: Result<Vec<u8>, String>,
    rows: &[&'static PolicyType],
    path: &str,
) -> Result<Policy, String> {
    let text = decode(&read?)?;
    let text = spacing::compact(&text).map_err(|flaw| flaw.to_string())?;
    let object: Value = json::read(text.as_bytes()).map_err(|error| error.to_string())?;
    if !object.is_object() {
        return Err("it is no JSON object".to_owned());
    }
    let row = classify(rows, &object).ok_or("its policy type cannot be told")?;
    let word = |name: &str| {
        let word = object.get(name).and_then(Value::as_str);
        word.filter(|word| !word.is_empty()).map(str::to_owned)
    };
    Ok(Policy {
        row,
        name: word(row.name).unwrap_or_default(),
        id: word("id"),
        path: path.to_owned(),
        text,
    })
}

/// Which of the rows that share a folder an object is of.
fn classify(rows: &[&'static PolicyType], object: &Value) -> Option<&'static PolicyType> {
    let first = *rows.first()?;
    if rows.len() == 1 {
        return Some(first);
    }
    let odata_type = object.get("@odata.type").and_then(Value::as_str);
    let find = |key: &str| rows.iter().find(|row| row.key == key).copied();
    match odata_type {
        Some(odata_type) => {
            let short = catalogue::short_type(odata_type);
            let named = rows
                .iter()
                .find(|row| row.members != catalogue::Members::All && row.names(odata_type));
            named.copied().or_else(|| find(short)).or(Some(first))
        }
        None if object.get("detectionScriptContent").is_some() => find("deviceComplianceScript"),
        None if object.get("settings").is_some() => find("compliancePolicyV2"),
        None => Some(first),
    }
}

/// Puts the policies under their types, each with an id.
fn take(
    found: &mut Found,
    policies: Vec<Policy>,
    purpose: &Purpose<'_>,
    reader: &Reader<'_>,
) -> Result<Identity> {
    let wanted = policies.iter().map(|policy| policy.row.key).collect();
    let mut known: BTreeMap<String, TypeList> = BTreeMap::new();
    for (key, list) in backup_sets::latest_lists(reader, &wanted)? {
        // Without a list that can be read, ids are made.
        if let Ok(bytes) = reader.read(&list.list)
            && let Ok(list) = TypeList::parse(&bytes)
        {
            known.insert(key, list);
        }
    }
    let mut alike: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for policy in &policies {
        *alike
            .entry((policy.row.key, policy.name.clone()))
            .or_default() += 1;
    }
    let mut identity = Identity::default();
    for policy in policies {
        let unique = alike.get(&(policy.row.key, policy.name.clone())) == Some(&1);
        let list = known.get(policy.row.key).filter(|_| unique);
        let (id, text) = identify(&policy, list, &mut identity);
        let of: &mut Type = found.types.entry(policy.row.key.to_owned()).or_default();
        let document = match document::finish(
            policy.row,
            text,
            &Unsealed::default(),
            Vec::new(),
            purpose.key,
        ) {
            Ok(document) => document,
            Err(flaw) => {
                of.unread.push(unusable(&policy.path, flaw.to_string()));
                continue;
            }
        };
        if of.policies.contains_key(&id) {
            let reason = format!("another file holds a policy with its id {id}");
            of.unread.push(unusable(&policy.path, reason));
            continue;
        }
        let entry = ListEntry {
            id: id.clone(),
            name: document.name,
            platform: document.platform,
            bytes: document.bytes.len() as u64,
            hash: ContentHash::of(&document.bytes),
            warnings: document.warnings,
        };
        of.policies.insert(id, (entry, document.bytes));
    }
    Ok(identity)
}

/// The policy's id and its text with it.
fn identify(
    policy: &Policy,
    known: Option<&TypeList>,
    identity: &mut Identity,
) -> (String, String) {
    if let Some(id) = &policy.id {
        return (id.clone(), policy.text.clone());
    }
    let stem = policy.path.rsplit('/').next().unwrap_or_default();
    let stem = stem
        .get(..stem.len().saturating_sub(".json".len()))
        .unwrap_or_default();
    let of_file = stem
        .rsplit_once("__")
        .map(|(_, id)| id)
        .filter(|id| !id.is_empty() && name::whole_id(id) == *id);
    let mut same = known
        .into_iter()
        .flat_map(TypeList::entries)
        .filter(|entry| entry.name == policy.name && !policy.name.is_empty());
    let id = match (of_file, same.next(), same.next()) {
        (Some(id), _, _) => {
            identity.of_file += 1;
            id.to_owned()
        }
        (None, Some(entry), None) => {
            identity.of_name += 1;
            entry.id.clone()
        }
        _ => {
            identity.made += 1;
            let label = if policy.name.is_empty() {
                stem
            } else {
                &policy.name
            };
            let odata = json::read::<Value>(policy.text.as_bytes()).ok();
            let odata = odata.and_then(|object| Some(object.get("@odata.type")?.to_string()));
            let digest = name::digest(&format!("{label}\n{}", odata.unwrap_or_default()));
            format!("made-{}", digest.get(..16).unwrap_or_default())
        }
    };
    let rest = policy.text.strip_prefix('{').unwrap_or_default();
    let comma = if rest.starts_with('}') { "" } else { "," };
    let text = format!("{{\"id\":{}{comma}{rest}", Value::from(id.as_str()));
    (id, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_a_file_holds_it_is_a_policy_with_an_id_or_it_is_said_why_not(
            bytes in crate::mutation::mutated(vec![
                br##"{"@odata.type":"#microsoft.graph.windows10CustomConfiguration","displayName":"a","omaSettings":[1e5]}"##.to_vec(),
                br#"{ "id" : "x/../y", "name":"\u001b[2J", "settings":[] }"#.to_vec(),
                b"\xef\xbb\xbf{}".to_vec(),
            ]),
        ) {
            let rows: Vec<_> = catalogue::all().take(6).collect();
            if let Ok(policy) = policy(Ok(bytes), &rows, "Folder/a.json") {
                let (id, text) = identify(&policy, None, &mut Identity::default());
                proptest::prop_assert!(!id.is_empty());
                proptest::prop_assert!(json::read::<Value>(text.as_bytes()).unwrap().is_object());
            }
        }
    }
}
