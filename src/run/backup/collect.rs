//! Takes in what is read and stores it as it comes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::backup_set::{ContentHash, ListEntry, TypeList, UnreadPolicy};
use crate::error::Result;
use crate::plural::counted;
use crate::policy::Document;
use crate::policy::catalogue;
use crate::policy::expiry::Expiry;
use crate::policy::references::{AppIdentity, Referred};
use crate::run::absent::Named;
use crate::run::read::{Event, Reading};
use crate::store::Store;
use crate::store::backup_sets;
use crate::store::contents::{self, Reader};
use crate::tenant::TenantId;

/// So many documents, or
const BATCH_DOCUMENTS: usize = 64;
/// so many bytes of them, are stored in one transaction.
const BATCH_BYTES: usize = 2 << 20;

/// Everything that was read, without the documents themselves.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// What became of each policy type.
    pub readings: Vec<Reading>,
    /// By policy type and id, what its list will say.
    pub entries: BTreeMap<&'static str, BTreeMap<String, ListEntry>>,
    /// By policy type and id, what its policies refer to.
    pub referred: BTreeMap<&'static str, BTreeMap<String, BTreeSet<Referred>>>,
    /// By id, what tells an app from others of its name.
    pub apps: BTreeMap<String, AppIdentity>,
    /// By policy type, what policies are called where another parent's has their id.
    pub below: BTreeMap<&'static str, BTreeSet<String>>,
    /// By policy type and id, how many secrets were not captured.
    pub not_captured: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// By policy type and id, how many secrets there are digests of.
    pub digests: BTreeMap<(&'static str, String), u64>,
    /// By policy type and id, what ends.
    pub expiries: BTreeMap<&'static str, BTreeMap<String, Expiry>>,
    /// By policy type, what could not be read.
    pub unread: BTreeMap<&'static str, Vec<UnreadPolicy>>,
    /// The policy types that are not offered any more.
    pub withdrawn: BTreeSet<&'static str>,
}

impl Collected {
    /// The policies of a type.
    pub fn of(&self, key: &str) -> Vec<&ListEntry> {
        self.entries
            .get(key)
            .map(|entries| entries.values().collect())
            .unwrap_or_default()
    }

    /// Whether any policy was read.
    pub fn has_policies(&self) -> bool {
        self.entries.values().any(|entries| !entries.is_empty())
    }

    /// Every id that is known, read or not; of what a parent's list gave, both that it may have.
    pub fn named(&self) -> Named<'_> {
        let mut named = Named::default();
        for (key, entries) in &self.entries {
            named.add(key, entries.keys());
        }
        for (key, unread) in &self.unread {
            named.add(key, unread.iter().map(|unread| &unread.id));
        }
        for (key, below) in &self.below {
            named.add(key, below);
        }
        named
    }

    /// Everything that policies refer to, each once.
    pub fn all_referred(&self) -> BTreeSet<&Referred> {
        let of_types = self.referred.values().flat_map(BTreeMap::values);
        of_types.flatten().collect()
    }

    /// How many secrets of a type were not captured.
    pub fn secrets_not_captured(&self, key: &str) -> u64 {
        let counts = self.not_captured.get(key).into_iter().flatten();
        counts.map(|(_, count)| count).sum()
    }

    /// How many secrets there are digests of.
    pub fn digests(&self) -> u64 {
        self.digests.values().sum()
    }

    /// Remembers what is known of a document alone. One that comes again takes its own place.
    fn note(&mut self, document: &mut Document) {
        if let Some(below) = document.below.take() {
            let of_type = self.below.entry(document.policy_type).or_default();
            of_type.insert(below);
        }
        let id = || document.id.clone();
        if let Some(app) = document.app.take() {
            self.apps.insert(id(), app);
        }
        let counts = self.not_captured.entry(document.policy_type).or_default();
        counts.insert(id(), document.secrets_not_captured);
        let policy = (document.policy_type, id());
        self.digests.insert(policy, document.digests);
        if let Some(expiry) = catalogue::find(document.policy_type)
            .and_then(|row| Expiry::of(row, &document.id, &document.name, &document.bytes))
        {
            let of_type = self.expiries.entry(document.policy_type).or_default();
            of_type.insert(id(), expiry);
        }
        let referred = std::mem::take(&mut document.referred);
        let of_type = self.referred.entry(document.policy_type).or_default();
        of_type.insert(id(), referred);
    }

    /// What has ended or ends soon.
    pub fn ends_soon(&self, now: DateTime<Utc>) -> impl Iterator<Item = String> {
        let expiries = self.expiries.values().flat_map(BTreeMap::values);
        expiries.filter_map(move |expiry| {
            Some(format!("{}: {}", expiry.policy_type, expiry.warning(now)?))
        })
    }

    /// What the reader of the backup has to know, one line per type and remark.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for reading in &self.readings {
            let key = reading.policy_type.key;
            warnings.extend(
                reading
                    .warnings
                    .iter()
                    .map(|warning| format!("{key}: {warning}")),
            );
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for entry in self.of(key) {
                for warning in &entry.warnings {
                    *counts.entry(warning.as_str()).or_default() += 1;
                }
            }
            warnings.extend(counts.into_iter().map(|(warning, count)| {
                format!("{key}: {}: {warning}", counted(count, "policy", "policies"))
            }));
        }
        warnings
    }
}

/// Feeds the store.
pub(super) struct Collector<'a> {
    store: &'a Store,
    tenant: TenantId,
    bases: HashMap<String, HashMap<String, ContentHash>>,
    collected: Collected,
    batch: Vec<Document>,
    batch_bytes: usize,
}

impl<'a> Collector<'a> {
    pub fn new(store: &'a Store, tenant: TenantId, wanted: &BTreeSet<&str>) -> Result<Self> {
        let reader = Reader::new(store.read(), tenant);
        let mut bases = HashMap::new();
        for (key, known) in backup_sets::latest_lists(&reader, wanted)? {
            // An unreadable earlier list costs space, not the run.
            let Ok(bytes) = reader.read(&known.list) else {
                continue;
            };
            let Ok(list) = TypeList::parse(&bytes) else {
                continue;
            };
            let hashes = list
                .entries()
                .iter()
                .map(|entry| (entry.id.clone(), entry.hash));
            bases.insert(key, hashes.collect());
        }
        Ok(Self {
            store,
            tenant,
            bases,
            collected: Collected::default(),
            batch: Vec::new(),
            batch_bytes: 0,
        })
    }

    pub fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Document(mut document) => {
                self.collected.note(&mut document);
                self.batch_bytes += document.bytes.len();
                self.batch.push(document);
                if self.batch.len() >= BATCH_DOCUMENTS || self.batch_bytes >= BATCH_BYTES {
                    self.flush()?;
                }
            }
            Event::Unread(unread) => {
                self.collected
                    .unread
                    .entry(unread.policy_type)
                    .or_default()
                    .push(UnreadPolicy {
                        id: unread.id,
                        name: unread.name,
                        reason: unread.reason,
                    });
            }
            Event::Reading(reading) => self.collected.readings.push(reading),
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Collected> {
        self.flush()?;
        // They ended in any order, and what is said of them is always the same.
        let key = |reading: &Reading| reading.policy_type.key;
        self.collected.readings.sort_unstable_by_key(key);
        Ok(self.collected)
    }

    fn flush(&mut self) -> Result<()> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.store.write(|tx| {
            batch.iter().try_for_each(|document| {
                let base = self
                    .bases
                    .get(document.policy_type)
                    .and_then(|of| of.get(&document.id));
                contents::put(tx, self.tenant, &document.bytes, base).map(|_| ())
            })
        })?;
        for document in batch {
            let entry = ListEntry {
                bytes: document.bytes.len() as u64,
                hash: ContentHash::of(&document.bytes),
                id: document.id.clone(),
                name: document.name,
                platform: document.platform,
                warnings: document.warnings,
            };
            let entries = self
                .collected
                .entries
                .entry(document.policy_type)
                .or_default();
            entries.insert(document.id, entry);
        }
        Ok(())
    }
}
