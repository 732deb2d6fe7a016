//! What changed since the newest backup set in which a policy type was complete.

use std::collections::{BTreeMap, BTreeSet};

use crate::backup_set::{BackupSetId, ContentHash, ListEntry, TypeList};
use crate::error::Result;
use crate::policy::Outcome;
use crate::policy::canonical;
use crate::policy::catalogue::PolicyType;
use crate::schedule::ScheduleId;
use crate::store::backup_sets;
use crate::store::contents::Reader;

/// How many policies of a type are new, other, gone, the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
}

/// What to count from, by policy type.
pub(super) struct Baselines {
    lists: BTreeMap<String, TypeList>,
    held: BTreeMap<String, (BackupSetId, u64)>,
}

impl Baselines {
    pub fn load(
        reader: &Reader<'_>,
        schedule: ScheduleId,
        wanted: &BTreeSet<&str>,
    ) -> Result<Self> {
        let (mut lists, mut held) = (BTreeMap::new(), BTreeMap::new());
        for (key, known) in backup_sets::latest_complete_lists(reader, schedule, wanted)? {
            held.insert(key.clone(), (known.set, known.policies));
            // A baseline that cannot be read is none; `backups verify` says that it is damaged.
            let Ok(bytes) = reader.read(&known.list) else {
                continue;
            };
            if let Ok(list) = TypeList::parse(&bytes) {
                lists.insert(key, list);
            }
        }
        Ok(Self { lists, held })
    }

    /// The policies of a type that changes are counted from.
    pub fn before(&self, key: &str) -> &[ListEntry] {
        self.lists.get(key).map_or(&[], TypeList::entries)
    }

    /// The set that changes of a type are counted from, and how many policies it holds of it.
    pub fn held(&self, key: &str) -> Option<(BackupSetId, u64)> {
        self.held.get(key).copied()
    }

    /// Counts what changed in a type. Without a baseline every policy is new.
    pub fn changes(
        &self,
        reader: &Reader<'_>,
        row: &PolicyType,
        outcome: Outcome,
        now: &[&ListEntry],
    ) -> Changes {
        let mut changes = Changes::default();
        let before = self.lists.get(row.key);
        for entry in now {
            match before.and_then(|list| list.get(&entry.id)) {
                None => changes.added += 1,
                Some(old) if same(reader, row, &old.hash, &entry.hash) => changes.unchanged += 1,
                Some(_) => changes.changed += 1,
            }
        }
        if let (Some(before), Outcome::Complete) = (before, outcome) {
            let there: BTreeSet<&str> = now.iter().map(|entry| entry.id.as_str()).collect();
            let gone = before
                .entries()
                .iter()
                .filter(|old| !there.contains(old.id.as_str()));
            changes.removed = gone.count() as u64;
        }
        changes
    }
}

/// Whether two documents have one canonical form. Where that cannot be told they count as changed.
fn same(reader: &Reader<'_>, row: &PolicyType, old: &ContentHash, new: &ContentHash) -> bool {
    if old == new {
        return true;
    }
    let form = |hash| canonical::canonical(row, &reader.read(hash).ok()?).ok();
    matches!((form(old), form(new)), (Some(old), Some(new)) if old == new)
}
