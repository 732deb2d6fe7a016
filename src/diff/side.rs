//! One side of a comparison: what became of each policy type, its policies, and their documents.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::backup_set::{
    BackupSet, ContentHash, DigestKey, ListEntry, Manifest, ManifestType, TypeList, UnreadPolicy,
};
use crate::error::{Error, Kind, Result};
use crate::policy::Outcome;
use crate::policy::catalogue;
use crate::policy::diff::Names;
use crate::store::backup_sets;
use crate::store::contents::Reader;
use crate::store::contents::shelf::{Decoded, Shelf};
use crate::tenant::TenantId;

/// What a side is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A backup set.
    Set(Box<BackupSet>),
    /// The tenant as it was when it was asked.
    Live {
        /// Its id.
        tenant_id: TenantId,
        /// Its name.
        tenant: String,
        /// When that was.
        at: DateTime<Utc>,
    },
}

impl About {
    /// How messages name it.
    pub fn described(&self) -> String {
        match self {
            Self::Set(set) => set.described(),
            Self::Live { tenant, .. } => format!("tenant {tenant} as it is now"),
        }
    }
}

/// Where the lists and documents of a side are.
enum Source<'s> {
    Store {
        reader: Reader<'s>,
        manifest: Manifest,
        lists: RefCell<BTreeMap<String, Vec<ListEntry>>>,
    },
    Memory {
        types: BTreeMap<String, (ManifestType, Vec<ListEntry>)>,
        documents: HashMap<ContentHash, Arc<[u8]>>,
    },
}

/// Where the documents of a side are, for a thread that has no connection.
#[derive(Clone, Copy)]
pub(super) enum Held<'a> {
    /// On a shelf, if they were fetched; whose they are.
    Fetched(TenantId),
    Memory(&'a HashMap<ContentHash, Arc<[u8]>>),
}

impl Held<'_> {
    /// The document of this address, checked; nothing where it is missing or damaged.
    pub fn document(
        self,
        shelf: &Shelf,
        hash: &ContentHash,
        decoded: &mut Decoded,
    ) -> Option<Arc<[u8]>> {
        match self {
            Self::Fetched(tenant) => shelf.decode(tenant, hash, decoded),
            Self::Memory(documents) => documents.get(hash).cloned(),
        }
    }
}

/// One side of a comparison.
pub struct Side<'s> {
    about: About,
    source: Source<'s>,
    digest_key: DigestKey,
}

impl<'s> Side<'s> {
    /// A backup set, and a reader of its tenant's contents.
    ///
    /// # Errors
    /// Its manifest is missing or damaged.
    pub fn of_set(reader: Reader<'s>, set: BackupSet) -> Result<Self> {
        let manifest = backup_sets::manifest(&reader, &set)?;
        let digest_key = backup_sets::digests::key(&reader, &set);
        Ok(Self {
            digest_key,
            about: About::Set(Box::new(set)),
            source: Source::Store {
                reader,
                manifest,
                lists: RefCell::default(),
            },
        })
    }

    /// What was read of a tenant, with digests under that key.
    pub(super) fn in_memory(
        about: About,
        digest_key: DigestKey,
        types: BTreeMap<String, (ManifestType, Vec<ListEntry>)>,
        documents: HashMap<ContentHash, Arc<[u8]>>,
    ) -> Self {
        Self {
            about,
            digest_key,
            source: Source::Memory { types, documents },
        }
    }

    /// What it is.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Whose policies they are.
    pub fn tenant_id(&self) -> TenantId {
        match &self.about {
            About::Set(set) => set.tenant_id,
            About::Live { tenant_id, .. } => *tenant_id,
        }
    }

    /// Under which key digests of secrets here were made.
    pub(super) fn digest_key(&self) -> &DigestKey {
        &self.digest_key
    }

    /// The keys of its policy types, in order.
    pub fn keys(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match &self.source {
            Source::Store { manifest, .. } => {
                let types = manifest.types().iter();
                Box::new(types.map(|entry| entry.policy_type.as_str()))
            }
            Source::Memory { types, .. } => Box::new(types.keys().map(String::as_str)),
        }
    }

    fn state(&self, key: &str) -> Option<&ManifestType> {
        match &self.source {
            Source::Store { manifest, .. } => manifest.get(key),
            Source::Memory { types, .. } => types.get(key).map(|(state, _)| state),
        }
    }

    /// What became of a policy type; nothing where it was not selected.
    pub(super) fn outcome(&self, key: &str) -> Option<Outcome> {
        self.state(key).map(|state| state.outcome)
    }

    /// How many policies of a type it has.
    pub(super) fn policies(&self, key: &str) -> usize {
        let policies = self.state(key).map_or(0, |state| state.policies);
        usize::try_from(policies).unwrap_or(usize::MAX)
    }

    /// What became of a type that is not complete, and why.
    pub(super) fn why_unread(&self, key: &str) -> (&'static str, String) {
        let here = self.about.described();
        match self.state(key) {
            None => ("not_selected", format!("{here} does not hold it")),
            Some(state) => {
                let outcome = state.outcome.as_str();
                let reason = state.reason.as_deref().unwrap_or("no reason is known");
                (outcome, format!("{outcome} in {here}: {reason}"))
            }
        }
    }

    /// Policies of a type that could not be read.
    pub(super) fn unread(&self, key: &str) -> &[UnreadPolicy] {
        self.state(key).map_or(&[], |state| &state.unread)
    }

    /// Whether a type has one and the same list here and there, so that nothing can differ.
    pub(super) fn same_list(&self, other: &Side<'_>, key: &str) -> bool {
        let list = |side: &Side<'_>| side.state(key).and_then(|state| state.list);
        let list = (list(self), list(other));
        matches!(list, (Some(one), Some(other)) if one == other)
    }

    /// The policies of a type, as far as they were read.
    ///
    /// # Errors
    /// The list is missing or damaged.
    pub(super) fn entries(&self, key: &str) -> Result<Vec<ListEntry>> {
        match &self.source {
            Source::Memory { types, .. } => {
                let entries = types.get(key).map(|(_, entries)| entries.clone());
                Ok(entries.unwrap_or_default())
            }
            Source::Store {
                reader,
                manifest,
                lists,
            } => {
                if let Some(known) = lists.borrow().get(key) {
                    return Ok(known.clone());
                }
                let Some(state) = manifest.get(key) else {
                    return Ok(Vec::new());
                };
                let list = backup_sets::list(reader, state)
                    .map_err(|error| error.during(self.about.described()))?;
                let entries = list.map_or_else(Vec::new, TypeList::into_entries);
                lists.borrow_mut().insert(key.to_owned(), entries.clone());
                Ok(entries)
            }
        }
    }

    /// The document of a policy, checked against its address.
    ///
    /// # Errors
    /// It is missing or damaged: the policy is named.
    pub(super) fn document(&self, key: &str, entry: &ListEntry) -> Result<Arc<[u8]>> {
        let read = match &self.source {
            Source::Store { reader, .. } => reader.read(&entry.hash),
            Source::Memory { documents, .. } => {
                documents.get(&entry.hash).cloned().ok_or_else(|| {
                    Error::new(
                        Kind::Integrity,
                        format!("content {} is missing", entry.hash),
                    )
                })
            }
        };
        read.map_err(|error| {
            let policy = format!("{key} {} ({})", entry.name, entry.id);
            let error = error.during(format!("{}, {policy}", self.about.described()));
            match (error.kind(), &self.about) {
                (Kind::Integrity, About::Set(set)) => {
                    error.hint(format!("tenantpilot backups verify {}", set.id))
                }
                _ => error,
            }
        })
    }

    /// Where its documents are.
    pub(super) fn held(&self) -> Held<'_> {
        match &self.source {
            Source::Store { reader, .. } => Held::Fetched(reader.tenant()),
            Source::Memory { documents, .. } => Held::Memory(documents),
        }
    }

    /// Puts on the shelf what the document of a policy takes.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn fetch(&self, shelf: &mut Shelf, entry: &ListEntry) -> Result<()> {
        match &self.source {
            Source::Store { reader, .. } => shelf.fetch(reader, &entry.hash),
            Source::Memory { .. } => Ok(()),
        }
    }

    /// Learns what ids mean here: what the set's references say, filters, scope tags, and with
    /// `all` every policy.
    fn teach(&self, names: &mut Names, all: bool) -> Result<()> {
        if let Source::Store {
            reader, manifest, ..
        } = &self.source
            && let Some(references) = backup_sets::references(reader, manifest)
                .map_err(|error| error.during(self.about.described()))?
        {
            for reference in references.entries() {
                let name = reference.name.as_deref().unwrap_or_default();
                names.learn(&reference.kind, &reference.id, name);
            }
        }
        for key in self.keys() {
            let foundation = catalogue::find(key).is_some_and(|row| row.foundation);
            if !all && !foundation {
                continue;
            }
            for entry in self.entries(key)? {
                names.learn(key, &entry.id, &entry.name);
            }
        }
        Ok(())
    }
}

/// What ids mean on each side. In one tenant, what one side does not know, the other may.
pub(super) fn names(from: &Side<'_>, to: &Side<'_>, across: bool) -> Result<(Names, Names)> {
    let (mut before, mut after) = (Names::default(), Names::default());
    from.teach(&mut before, across)?;
    to.teach(&mut after, across)?;
    if !across {
        to.teach(&mut before, false)?;
        from.teach(&mut after, false)?;
    }
    Ok((before, after))
}
