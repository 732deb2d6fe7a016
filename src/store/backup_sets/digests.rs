//! Under which key the digests of secrets in a backup set were made: its run or its import wrote the
//! key's name down.

use super::super::contents::Reader;
use super::super::runs;
use super::{BackupSet, Filter, list_sets};
use crate::backup_set::DigestKey;
use crate::error::Result;
use crate::run::RunId;
use crate::schedule::ScheduleId;

/// The key of a set.
pub fn key(reader: &Reader<'_>, set: &BackupSet) -> Result<DigestKey> {
    if let Some(imported) = set.imported_under() {
        return Ok(imported);
    }
    let run = set.run_id.map(RunId);
    let name = run.map(|run| runs::digest_key(reader.conn(), run));
    Ok(DigestKey::of_name(name.transpose()?.flatten()))
}

/// The newest set that a run of the schedule left, and its key.
pub fn newest(reader: &Reader<'_>, schedule: ScheduleId) -> Result<Option<(BackupSet, DigestKey)>> {
    let filter = Filter {
        schedule: Some(schedule),
        limit: Some(1),
        ..Filter::default()
    };
    let newest = list_sets(reader.conn(), &filter)?.pop();
    newest
        .map(|set| key(reader, &set).map(|key| (set, key)))
        .transpose()
}
