//! Under which key the digests of secrets in a backup set were made: its run or its import wrote the
//! key's name down.

use super::super::contents::Reader;
use super::super::runs;
use super::{BackupSet, Filter, list_sets};
use crate::backup_set::DigestKey;
use crate::error::Result;
use crate::run::RunId;
use crate::schedule::ScheduleId;

/// The key of a set. Where the summary of its run cannot be read, none is named: the set is whole all
/// the same.
pub fn key(reader: &Reader<'_>, set: &BackupSet) -> DigestKey {
    if let Some(imported) = set.imported_under() {
        return imported;
    }
    let run = set.run_id.map(RunId);
    let name = run.and_then(|run| {
        runs::digest_key(reader.conn(), run).unwrap_or_else(|error| {
            log::warn!(
                "under which key backup set {} was made is not known: {error}",
                set.id
            );
            None
        })
    });
    DigestKey::of_name(name)
}

/// The newest set that a run of the schedule left, and its key.
pub fn newest(reader: &Reader<'_>, schedule: ScheduleId) -> Result<Option<(BackupSet, DigestKey)>> {
    let filter = Filter {
        schedule: Some(schedule),
        limit: Some(1),
        ..Filter::default()
    };
    let newest = list_sets(reader.conn(), &filter)?.pop();
    Ok(newest.map(|set| {
        let key = key(reader, &set);
        (set, key)
    }))
}
