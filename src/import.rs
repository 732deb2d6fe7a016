//! Files as a backup set: what this program, IntuneCD or IntuneManagement exported.
//!
//! So history begins before the day of the switch. An imported set has no run and no schedule, and
//! retention neither removes it nor counts it. It says what it lacks: a policy type without files is
//! unknown, never empty, and a foreign folder proves no type to be complete.
//!
//! Everything comes from outside: sizes, numbers and depth are limited, symbolic links are not
//! followed, and a file that cannot be used is a policy that could not be read, by name. What this
//! program exported has to be of the tenant's directory and to give the root hash that it names;
//! where it does not, no type is complete.
//!
//! [`gather`] reads and decides, [`store`](store()) writes all of it in one transaction. Secrets in
//! plain sight become digests as in a run.

mod foreign;
mod intunecd;
mod intunemanagement;
mod own;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use crate::audit::{Event, Outcome as AuditOutcome};
use crate::backup_set::{
    BackupSet, BackupSetId, ContentHash, ListEntry, Manifest, ManifestType, TypeList, UnreadPolicy,
};
use crate::error::{Error, Kind, Result, typed};
use crate::export;
use crate::export::folder::Folder;
use crate::export::layout::folders::{
    INTUNECD, INTUNEMANAGEMENT, ONLY_READ_OF_INTUNECD, ONLY_READ_OF_INTUNEMANAGEMENT, Row,
};
use crate::export::manifest;
use crate::policy::Outcome;
use crate::policy::document::redaction::RedactionKey;
use crate::store::backup_sets::{self, Filter, NewSet, Origin, event};
use crate::store::contents::{self, Reader};
use crate::store::{self, Store};
use crate::tenant::Tenant;

/// The most files that are read.
const MOST_FILES: usize = 100_000;
/// The most bytes of all of them.
const MOST_BYTES: u64 = 1 << 30;

/// Who exported a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This program.
    Tenantpilot,
    /// IntuneCD.
    IntuneCd,
    /// IntuneManagement.
    IntuneManagement,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tenantpilot, Self::IntuneCd, Self::IntuneManagement];

    /// The word on the command line and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenantpilot => "tenantpilot",
            Self::IntuneCd => "intunecd",
            Self::IntuneManagement => "intunemanagement",
        }
    }

    /// Reads back what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }

    fn folders(self) -> impl Iterator<Item = &'static Row> {
        let (both, only_read): (&[Row], &[Row]) = match self {
            Self::Tenantpilot => (&[], &[]),
            Self::IntuneCd => (INTUNECD, ONLY_READ_OF_INTUNECD),
            Self::IntuneManagement => (INTUNEMANAGEMENT, ONLY_READ_OF_INTUNEMANAGEMENT),
        };
        both.iter().chain(only_read)
    }

    /// Who exported the folder, by what lies in it.
    fn detect(folder: &Folder) -> Result<Self> {
        let names = folder.names()?;
        if names.iter().any(|name| name == manifest::NAME) {
            return Ok(Self::Tenantpilot);
        }
        let known = |source: Self| {
            let top = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
            let tops: BTreeSet<String> = source.folders().map(|(path, _)| top(path)).collect();
            names.iter().filter(|name| tops.contains(*name)).count()
        };
        let (cd, management) = (known(Self::IntuneCd), known(Self::IntuneManagement));
        match cd.cmp(&management) {
            std::cmp::Ordering::Greater => Ok(Self::IntuneCd),
            std::cmp::Ordering::Less => Ok(Self::IntuneManagement),
            std::cmp::Ordering::Equal => Err(Error::usage(format!(
                "cannot tell who exported {}",
                folder.path().display()
            ))
            .hint("--layout tenantpilot, intunecd or intunemanagement")),
        }
    }
}

/// One policy type as it was found.
#[derive(Debug, Default)]
struct Type {
    outcome: Option<Outcome>,
    reason: Option<String>,
    error_code: Option<String>,
    pages: u64,
    listed: u64,
    read: bool,
    proof: Option<crate::backup_set::Proof>,
    policies: BTreeMap<String, (ListEntry, Vec<u8>)>,
    unread: Vec<UnreadPolicy>,
}

impl Type {
    /// It is not complete after all.
    fn doubt(&mut self, reason: String) {
        self.outcome = Some(Outcome::Incomplete);
        self.reason = Some(reason);
        self.proof = None;
    }
}

/// What was found in a folder.
#[derive(Debug)]
pub struct Found {
    source: Source,
    types: BTreeMap<String, Type>,
    references: Option<Vec<u8>>,
    time: DateTime<Utc>,
    /// How many files hold policies that were not taken.
    not_taken: usize,
    lacks: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Imported {
    /// The set, or the one that held the same already.
    pub set: BackupSetId,
    /// Whether it was there already.
    pub known: bool,
    /// Who exported it.
    pub source: Source,
    /// How many policies it holds,
    pub policies: u64,
    /// what could not be read, by policy type, file and reason: of the folder, and as the backup set
    /// that was exported says it,
    pub unread: Vec<(String, UnreadPolicy)>,
    /// how many of these are files of the folder,
    pub not_taken: usize,
    /// and what else it lacks.
    pub lacks: Vec<String>,
}

/// What a folder is read for.
pub struct Purpose<'a> {
    /// The tenant that the policies are of.
    pub tenant: &'a Tenant,
    /// Who exported them, if somebody said so.
    pub source: Option<Source>,
    /// The time of the set, if somebody said so.
    pub time: Option<DateTime<Utc>>,
    /// The key of the tenant's digests.
    pub key: &'a RedactionKey,
    /// Now: no set is of a later time.
    pub now: DateTime<Utc>,
}

/// Reads a folder. Nothing is written.
pub fn gather(store: &Store, path: &Path, purpose: &Purpose<'_>) -> Result<Found> {
    if path.is_file() {
        let what = format!("{} is a file, not a folder", path.display());
        let hint = match export::is_archive(path) {
            true => format!(
                "unpack it first: mkdir DIR && tar --zstd -C DIR -xf {}",
                typed(path)
            ),
            false => "name the folder that was exported to".to_owned(),
        };
        return Err(Error::usage(what).hint(hint));
    }
    let folder = Folder::open(path)?.ok_or_else(|| {
        Error::not_found(format!("there is no folder {}", path.display()))
            .hint("name the folder that was exported to")
    })?;
    let source = match purpose.source {
        Some(source) => source,
        None => Source::detect(&folder)?,
    };
    let mut found = match source {
        Source::Tenantpilot => own::gather(&folder, purpose)?,
        other => {
            let reader = Reader::new(store.read(), purpose.tenant.id);
            let known = foreign::known_ids(store, &reader)?;
            foreign::gather(&folder, other, purpose, &reader, &known)?
        }
    };
    if let Some(time) = purpose.time {
        found.time = time;
    }
    if found.time > purpose.now {
        return Err(Error::usage(format!(
            "a backup set of {} cannot be of {}, a time that is still to come",
            path.display(),
            found.time.to_rfc3339_opts(SecondsFormat::Secs, true)
        ))
        .hint("--time TIME, when it was exported: not after now"));
    }
    if found.types.values().all(|of| of.policies.is_empty()) {
        return Err(Error::usage(format!(
            "{} holds no policy in the layout {}",
            path.display(),
            source.as_str()
        ))
        .hint("name the folder that holds the folders of policy types"));
    }
    Ok(found)
}

/// A type as a set has it: its line in the manifest, and its list where it was read; each policy as
/// `told`.
fn as_stored(
    key: &str,
    of: &Type,
    told: impl Fn(&ListEntry) -> ListEntry,
) -> Result<(ManifestType, Option<Vec<u8>>)> {
    let entries: Vec<ListEntry> = of.policies.values().map(|(entry, _)| told(entry)).collect();
    let policies = entries.len() as u64;
    let list = TypeList::new(key, entries)
        .map_err(|id| Error::internal(format!("{key} {id} occurs twice")))?
        .encode();
    let list = (of.read || policies > 0).then_some(list);
    let line = ManifestType {
        policy_type: key.to_owned(),
        outcome: of.outcome.unwrap_or(Outcome::Unknown),
        reason: of.reason.clone(),
        error_code: of.error_code.clone(),
        pages: of.pages,
        listed: of.listed,
        policies,
        list: list.as_deref().map(ContentHash::of),
        unread: of.unread.clone(),
        proof: of.proof.clone(),
    };
    Ok((line, list))
}

fn manifest_of(types: Vec<ManifestType>, references: Option<&[u8]>) -> Result<Manifest> {
    let unsound = |what: String| Error::new(Kind::Integrity, format!("cannot import: {what}"));
    let manifest = Manifest::new(types).map_err(unsound)?;
    Ok(match references {
        Some(references) => manifest.with_references(ContentHash::of(references)),
        None => manifest,
    })
}

/// Stores it as a backup set, unless the tenant has one that holds the same.
pub fn store(
    store: &Store,
    tenant: &Tenant,
    path: &Path,
    found: Found,
    key: &RedactionKey,
    by: (&str, DateTime<Utc>),
) -> Result<Imported> {
    let (actor, now) = by;
    let mut lists = Vec::new();
    let mut types = Vec::new();
    let mut documents = Vec::new();
    let mut unread = Vec::new();
    for (key, of) in found.types {
        let (line, list) = as_stored(&key, &of, ListEntry::clone)?;
        types.push(line);
        lists.extend(list.map(|list| (key.clone(), list)));
        let policies = of.policies.into_iter();
        documents.extend(policies.map(|(id, (_, bytes))| ((key.clone(), id), bytes)));
        unread.extend(of.unread.into_iter().map(|policy| (key.clone(), policy)));
    }
    let manifest = manifest_of(types, found.references.as_deref())?;
    let policies = manifest.policies();
    let manifest = manifest.encode();
    let root_hash = ContentHash::of(&manifest);
    let result = |set, known| Imported {
        set,
        known,
        source: found.source,
        policies,
        unread,
        not_taken: found.not_taken,
        lacks: found.lacks.clone(),
    };
    let mut details = json!({
        "layout": found.source.as_str(),
        "source": path.to_string_lossy(),
        "lacks": found.lacks,
    });
    // What this program exported has digests already, under a key that is not known.
    if found.source != Source::Tenantpilot {
        details["digest_key"] = key.name().into();
    }
    let of_tenant = Filter {
        tenant: Some(tenant.id),
        ..Filter::default()
    };
    let (set, known) = store.write(|tx| {
        // Under the write lock: of two imports at once the later one finds what the other made.
        if let Some(same) = same(&backup_sets::list_sets(tx, &of_tenant)?, root_hash) {
            return Ok((same, true));
        }
        let reader = Reader::new(tx, tenant.id);
        let wanted = lists.iter().map(|(key, _)| key.as_str()).collect();
        let known = backup_sets::latest_lists(&reader, &wanted)?;
        let mut bases: BTreeMap<&str, TypeList> = BTreeMap::new();
        for (key, list) in &known {
            // A list that cannot be read costs room, not the import.
            if let Ok(bytes) = reader.read(&list.list)
                && let Ok(list) = TypeList::parse(&bytes)
            {
                bases.insert(key, list);
            }
        }
        for ((key, id), bytes) in &documents {
            let before = bases.get(key.as_str()).and_then(|list| list.get(id));
            contents::put(tx, tenant.id, bytes, before.map(|entry| &entry.hash))?;
        }
        for (key, list) in &lists {
            let before = known.get(key).map(|known| &known.list);
            contents::put(tx, tenant.id, list, before)?;
        }
        if let Some(references) = &found.references {
            contents::put(tx, tenant.id, references, None)?;
        }
        contents::put(tx, tenant.id, &manifest, None)?;
        let new = NewSet {
            tenant_id: tenant.id,
            origin: Origin::Import(&details),
            time: found.time,
            created_at: now,
            root_hash,
        };
        let set = backup_sets::insert(tx, &new)?;
        let mut told = event::details(&new);
        told["policies"] = policies.into();
        told["not_taken"] = found.not_taken.into();
        let event = Event {
            at: now,
            actor,
            action: event::IMPORT,
            tenant: Some(tenant.id),
            object: format!("backup set {set}"),
            outcome: AuditOutcome::Ok,
            details: told,
        };
        store::audit::append(tx, &event)?;
        Ok((set, false))
    })?;
    Ok(result(set, known))
}

/// The set that holds exactly this, and that retention leaves alone: one that expired, or that a
/// schedule keeps for now, is no place for what somebody brings in to stay.
fn same(sets: &[BackupSet], root_hash: ContentHash) -> Option<BackupSetId> {
    let stays = |set: &&BackupSet| {
        let kept = set.imported.is_some() || set.pin_reason.is_some();
        kept && set.expired_at.is_none() && set.root_hash == root_hash
    };
    sets.iter().find(stays).map(|set| set.id)
}

/// A file that cannot be used.
fn unusable(file: &str, reason: impl Into<String>) -> UnreadPolicy {
    UnreadPolicy {
        id: String::new(),
        name: file.to_owned(),
        reason: reason.into(),
    }
}

/// What was read so far, within the limits.
#[derive(Default)]
struct Budget {
    files: usize,
    bytes: u64,
}

impl Budget {
    /// The bytes of a file; the inner error is what speaks against it.
    fn read(&mut self, folder: &Folder, path: &str) -> Result<Result<Vec<u8>, String>> {
        self.files += 1;
        let bytes = match folder.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Err("the file is missing".to_owned())),
            Err(error) => return Ok(Err(error.message().to_owned())),
        };
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.files > MOST_FILES || self.bytes > MOST_BYTES {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "{} holds more than {MOST_FILES} files or {MOST_BYTES} bytes",
                    folder.path().display()
                ),
            )
            .hint("import a part of it: move the rest away"));
        }
        Ok(Ok(bytes))
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod probes {
    pub(crate) use super::foreign::probe as foreign;
    pub(crate) use super::text::probe as text;
}
