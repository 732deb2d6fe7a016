//! What IntuneCD or IntuneManagement exported, one JSON file per policy in folders by policy type.
//!
//! Neither says whether a folder holds every policy, so no type is complete. IntuneCD takes ids out;
//! then a policy has the id in its file's name, else that of the one policy of this type and name in
//! the newest backup set that has the type, else one made of its name. An id that is made stays the
//! same from import to import, and is not Graph's. What else they write in another way than Graph,
//! [`intunecd`] and [`intunemanagement`] turn back.
//!
//! What lies in folders that neither tool is known to have is counted and told.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde_json::Value;

use super::intunecd::{self, Ids, Restored};
use super::intunemanagement;
use super::text::decode;
use super::{Budget, Found, MOST_FILES, Purpose, Source, Type, unusable};
use crate::backup_set::{ContentHash, ListEntry, Reference, References, TypeList};
use crate::error::{Error, Result};
use crate::export::folder::{Entry, Folder};
use crate::export::layout::{migration, rewrite};
use crate::export::name;
use crate::json;
use crate::plural::counted;
use crate::policy::Outcome;
use crate::policy::catalogue::{self, PolicyType, Shape};
use crate::policy::document::{self, spacing};
use crate::policy::references::APP;
use crate::store::Store;
use crate::store::backup_sets::{self, Filter};
use crate::store::contents::Reader;

/// How policies, and what they refer to, got their ids.
#[derive(Debug, Default)]
struct Identity {
    of_file: usize,
    of_name: usize,
    made: usize,
    /// Names and links that lead to no id, or to several.
    unknown: usize,
    /// Groups whose names led to an id: id and name.
    groups: BTreeMap<String, String>,
}

/// A file that holds a policy.
struct Policy {
    row: &'static PolicyType,
    name: String,
    id: Option<String>,
    path: String,
    text: String,
}

/// How many folders below one another are looked into for what is not taken.
const DEEPEST: usize = 4;

pub(super) fn gather(
    folder: &Folder,
    source: Source,
    purpose: &Purpose<'_>,
    reader: &Reader<'_>,
    ids: &Ids,
) -> Result<Found> {
    let mut found = Found {
        source,
        types: BTreeMap::new(),
        references: None,
        time: DateTime::UNIX_EPOCH,
        not_taken: 0,
        lacks: vec![
            "policy types that have no folder here: they are unknown, not empty".to_owned(),
            "a proof that a policy type is complete".to_owned(),
        ],
    };
    if source == Source::IntuneCd {
        found.lacks.push(intunecd::NEVER_READ.to_owned());
    }
    let mut budget = Budget::default();
    let mut policies = Vec::new();
    let mut looked_into = BTreeSet::new();
    for (pattern, keys) in source.folders() {
        let rows: Vec<&'static PolicyType> =
            keys.iter().filter_map(|key| catalogue::find(key)).collect();
        for path in places(folder, pattern)? {
            let Some(below) = folder.folder(&path)? else {
                continue;
            };
            let Some(first) = rows.first() else { continue };
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
                    "{path}: {} YAML or with settings apart",
                    counted(skipped, "file that is", "files that are")
                ));
            }
            looked_into.insert(path);
        }
    }
    found.lacks.extend(
        passed_over(folder, &looked_into)?
            .into_iter()
            .map(|(place, count)| {
                let files = counted(count, "file that is", "files that are");
                format!("{place}: {files} not known to hold policies")
            }),
    );
    let identity = take(&mut found, policies, purpose, reader, ids)?;
    if identity.unknown > 0 {
        found.lacks.push(format!(
            "ids: {} of groups, filters, scope tags, apps or certificates by a name that no backup set of the tenant, or more than one thing in it, has, or of definitions by a link without an id; left alone",
            counted(identity.unknown, "mention", "mentions")
        ));
    }
    name_groups(&mut found, folder, &identity, &mut budget)?;
    for (count, how) in [
        (identity.of_file, "its file's name"),
        (
            identity.of_name,
            "the policy of the same name in a backup set",
        ),
        (identity.made, "its name alone; it is not Graph's"),
    ] {
        if count > 0 {
            found.lacks.push(format!(
                "ids: {} one from {how}",
                counted(count, "policy has", "policies have")
            ));
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

/// The folders that a row means.
fn places(folder: &Folder, pattern: &str) -> Result<Vec<String>> {
    let Some(above) = pattern.strip_suffix("/*") else {
        return Ok(vec![pattern.to_owned()]);
    };
    let mut found = Vec::new();
    if let Some(below) = folder.folder(above)? {
        for name in below.names()? {
            if !name.starts_with('.') && below.entry(&name)? == Entry::Folder {
                found.push(format!("{above}/{name}"));
            }
        }
    }
    Ok(found)
}

/// By folder at the top, how many files it has that could be policies and that were not looked at.
fn passed_over(folder: &Folder, looked_into: &BTreeSet<String>) -> Result<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut open = vec![(String::new(), 0)];
    let mut seen = 0;
    while let Some((above, depth)) = open.pop() {
        let names = match above.as_str() {
            "" => folder.names()?,
            above => match folder.folder(above)? {
                Some(below) => below.names()?,
                None => continue,
            },
        };
        for name in names {
            seen += 1;
            if name.starts_with('.') || seen > MOST_FILES {
                continue;
            }
            let path = match above.as_str() {
                "" => name.clone(),
                above => format!("{above}/{name}"),
            };
            if depth < DEEPEST && folder.entry(&path)? == Entry::Folder {
                open.push((path, depth + 1));
                continue;
            }
            let lower = name.to_lowercase();
            let ours = above.is_empty() && name == migration::NAME;
            let beside = above.rsplit('/').next() == Some("Script Data");
            let could_be = lower.ends_with(".json") || lower.ends_with(".yaml");
            if could_be && !ours && !beside && !looked_into.contains(&above) {
                let top = path.split('/').next().unwrap_or_default();
                *counts.entry(top.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

/// What the tenant's backup sets know by name of what other tools name.
pub(super) fn known_ids(store: &Store, reader: &Reader<'_>) -> Result<Ids> {
    let mut ids = Ids::default();
    let mut wanted = BTreeSet::from(["assignmentFilter", "roleScopeTag", APP]);
    wanted.extend(intunemanagement::REFERRED);
    for (key, list) in backup_sets::latest_lists(reader, &wanted)? {
        // What cannot be read names nothing; the names stay.
        let bytes = reader.read(&list.list).unwrap_or_default();
        if let Ok(list) = TypeList::parse(&bytes) {
            for entry in list.entries() {
                ids.add(&key, &entry.name, &entry.id);
            }
        }
    }
    let of_tenant = Filter {
        tenant: Some(reader.tenant()),
        ..Filter::default()
    };
    let sets = backup_sets::list_sets(store.read(), &of_tenant)?;
    let references = sets.iter().find_map(|set| {
        let manifest = backup_sets::manifest(reader, set).ok()?;
        backup_sets::references(reader, &manifest).ok().flatten()
    });
    for reference in references.iter().flat_map(References::entries) {
        if let Some(name) = &reference.name {
            ids.add(&reference.kind, name, &reference.id);
        }
    }
    Ok(ids)
}

/// The names of groups, as far as they came with the folder or were turned into ids.
fn name_groups(
    found: &mut Found,
    folder: &Folder,
    identity: &Identity,
    budget: &mut Budget,
) -> Result<()> {
    let mut groups = identity.groups.clone();
    if found.source == Source::IntuneManagement
        && folder.entry(migration::NAME)? == Entry::File
        && let Ok(table) = budget.read(folder, migration::NAME)?
    {
        let table = decode(&table).unwrap_or_default();
        groups.extend(migration::groups(table.as_bytes()));
    }
    if groups.is_empty() {
        found.lacks.push("the names of groups".to_owned());
        return Ok(());
    }
    let entries = groups.into_iter().map(|(id, name)| Reference {
        kind: "group".to_owned(),
        id,
        name: Some(name),
        odata_type: None,
        package: None,
        unresolved: None,
    });
    let references = References::new(entries.collect()).map_err(Error::internal)?;
    found.references = Some(references.encode());
    Ok(())
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
    ids: &Ids,
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
    let assigned = policies
        .iter()
        .any(|policy| policy.text.contains("\"assignments\":"));
    let mut identity = Identity::default();
    for policy in policies {
        let unique = alike.get(&(policy.row.key, policy.name.clone())) == Some(&1);
        let list = known.get(policy.row.key).filter(|_| unique);
        let (id, mut text) = identify(&policy, list, &mut identity);
        let mut restored = Restored::default();
        if let Ok(mut object) = json::read::<Value>(text.as_bytes()) {
            if found.source == Source::IntuneCd {
                restored = intunecd::restore(policy.row, &id, &mut object, ids, assigned);
                text = object.to_string();
            } else if [rewrite::REFERENCE, intunemanagement::LINK]
                .iter()
                .any(|sign| text.contains(sign))
            {
                restored.unknown = intunemanagement::restore(policy.row, &mut object, ids);
                text = object.to_string();
            }
        }
        identity.unknown += restored.unknown;
        identity.groups.append(&mut restored.groups);
        let of: &mut Type = found.types.entry(policy.row.key.to_owned()).or_default();
        let document = match document::finish(
            policy.row,
            text,
            &restored.unsealed,
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
    if policy.row.shape == Shape::Single {
        let known = known.and_then(|list| list.entries().first());
        let known = known.map(|entry| entry.id.as_str());
        identity.of_file += usize::from(of_file.is_some());
        identity.of_name += usize::from(of_file.is_none());
        return match of_file.or(known.filter(|id| *id != policy.row.key)) {
            Some(id) => (id.to_owned(), with_id(&policy.text, id)),
            // Graph gives it none.
            None => (policy.row.key.to_owned(), policy.text.clone()),
        };
    }
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
    let text = with_id(&policy.text, &id);
    (id, text)
}

/// The text of an object with an id put into it.
fn with_id(text: &str, id: &str) -> String {
    let rest = text.strip_prefix('{').unwrap_or_default();
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!("{{\"id\":{}{comma}{rest}", Value::from(id))
}

/// What holds whatever is in a file of another tool: it is a policy with an id, or it is said why
/// not.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(bytes: &[u8]) {
    let rows: Vec<_> = catalogue::all().take(6).collect();
    if let Ok(policy) = policy(Ok(bytes.to_vec()), &rows, "Folder/a.json") {
        let (id, text) = identify(&policy, None, &mut Identity::default());
        assert!(!id.is_empty());
        let object = json::read::<Value>(text.as_bytes());
        assert!(object.as_ref().is_ok_and(Value::is_object));
        let mut object = object.unwrap_or_default();
        intunecd::restore(policy.row, &id, &mut object, &Ids::default(), true);
        assert!(object.is_object());
    }
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
            probe(&bytes);
        }
    }
}
