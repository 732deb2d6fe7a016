//! Names that earlier backup sets of a tenant know.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::params;

use crate::backup_set::{ContentHash, Reference};
use crate::error::Result;

use super::super::contents::Reader;
use super::super::failed;

/// So many different contents with names are looked through, newest first. A set keeps what is
/// known of everything that its policies refer to, so that only what was not referred to for a
/// while is further back than in the newest set of each schedule.
const MOST_LOOKED_THROUGH: usize = 60;

/// An object by its kind and id.
pub type Key = (String, String);

/// What the newest set of the tenant that can name it says of each of the objects `wanted`. Sets
/// that cannot be read are passed over.
pub fn last_known(reader: &Reader<'_>, wanted: &BTreeSet<Key>) -> Result<BTreeMap<Key, Reference>> {
    let read = failed("read the names in earlier backup sets");
    let mut known = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(known);
    }
    let mut looked_through = HashSet::new();
    let mut query = reader
        .connection()
        .prepare_cached(super::ROOTS)
        .map_err(&read)?;
    let mut rows = query
        .query(params![reader.tenant().0, None::<i64>])
        .map_err(&read)?;
    while known.len() < wanted.len()
        && looked_through.len() < MOST_LOOKED_THROUGH
        && let Some(row) = rows.next().map_err(&read)?
    {
        let Ok(root_hash) = row.get(1).map(ContentHash) else {
            continue;
        };
        let Ok(manifest) = super::read_manifest(reader, &root_hash) else {
            continue;
        };
        if !manifest
            .references()
            .is_some_and(|hash| looked_through.insert(hash))
        {
            continue;
        }
        let Ok(Some(references)) = super::references(reader, &manifest) else {
            continue;
        };
        for (kind, id) in wanted {
            let named = references.get(kind, id).filter(|one| one.name.is_some());
            if let Some(reference) = named {
                let key = (kind.clone(), id.clone());
                known.entry(key).or_insert_with(|| reference.clone());
            }
        }
    }
    Ok(known)
}
