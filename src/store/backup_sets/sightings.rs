//! What each set says of one policy: that it was there, that it was not, or nothing.
//!
//! A life of years is a walk over hundreds of sets. Of each manifest and each list one line is
//! parsed; a list that did not change is not read again.

use super::{BackupSet, ContentHash, Error, Kind, Manifest, Outcome, Reader, Result, TypeList};
use crate::backup_set::ListEntry;

/// What a set says of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// It holds the policy.
    Held(ListEntry),
    /// The policy's type was read whole, and the policy was not there.
    Missing,
    /// The policy's type was not read, or not read whole without it.
    Unread,
}

/// What each of `sets`, all of the reader's tenant, says of the policy. A set that cannot be read
/// says nothing, and is passed over with a warning.
pub fn sightings(
    reader: &Reader<'_>,
    sets: &[BackupSet],
    policy_type: &str,
    id: &str,
) -> Result<Vec<Sighting>> {
    let mut last_root: Option<(ContentHash, Sighting)> = None;
    let mut last_list: Option<(ContentHash, Option<ListEntry>)> = None;
    let mut seen = Vec::with_capacity(sets.len());
    for set in sets {
        if let Some((root, sighting)) = &last_root
            && *root == set.root_hash
        {
            seen.push(sighting.clone());
            continue;
        }
        let sighting = match one(reader, set, policy_type, id, &mut last_list) {
            Err(error) if error.kind() == Kind::Integrity => {
                log::warn!("passing over {}: {error}", set.described());
                Sighting::Unread
            }
            read => read?,
        };
        last_root = Some((set.root_hash, sighting.clone()));
        seen.push(sighting);
    }
    Ok(seen)
}

fn one(
    reader: &Reader<'_>,
    set: &BackupSet,
    policy_type: &str,
    id: &str,
    last: &mut Option<(ContentHash, Option<ListEntry>)>,
) -> Result<Sighting> {
    let malformed = |malformed: crate::backup_set::Malformed| {
        Error::new(Kind::Integrity, malformed.to_string())
    };
    let bytes = reader.read(&set.root_hash)?;
    let Some(entry) = Manifest::type_in(&bytes, policy_type).map_err(malformed)? else {
        return Ok(Sighting::Unread);
    };
    let Some(list) = entry.list else {
        return Ok(Sighting::Unread);
    };
    let found = match last {
        Some((hash, found)) if *hash == list => found.clone(),
        _ => TypeList::entry_in(&reader.read(&list)?, id).map_err(malformed)?,
    };
    *last = Some((list, found.clone()));
    Ok(match found {
        Some(found) => Sighting::Held(found),
        None if entry.outcome == Outcome::Complete => Sighting::Missing,
        None => Sighting::Unread,
    })
}
