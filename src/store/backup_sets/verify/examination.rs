//! The contents of one tenant, looked at in two passes.
//!
//! First manifests, lists and references, in the order of the sets: each is built upon the one
//! before, which is at hand then. After that the documents, each base before what builds on it
//! ([`order`](crate::store::contents::order)), so that each is decoded once however old its base
//! is. Of a list only the lines are read that the one before did not have, and a document is judged
//! once for all the lines that name it. What is left over then belongs to no set.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::Connection;
use serde::de::IgnoredAny;

use crate::backup_set::{
    ContentHash, ListEntry, Manifest, ManifestType, References, SetStatus, Succession,
};
use crate::progress::Gauge;
use crate::tenant::TenantId;

use super::super::super::contents::Reader;
use super::super::super::contents::order::{Place, unreached};
use super::{Claim, Finding, Orphans, Sample};

/// What is known of one manifest.
struct Root {
    /// How many policies it speaks of, and whether these are all; none where it cannot be read.
    says: Option<(u64, SetStatus)>,
    findings: Vec<Finding>,
    lists: Vec<(String, Rc<List>)>,
}

/// What is known of one list.
#[derive(Default)]
struct List {
    finding: Option<Finding>,
    /// Its places in the type's [`Succession`].
    entries: Vec<usize>,
}

/// What has been looked at so far.
pub(super) struct Examination<'c> {
    reader: Reader<'c>,
    gauge: &'c Gauge,
    roots: HashMap<ContentHash, Root>,
    lists: HashMap<(ContentHash, String, u64), Rc<List>>,
    types: BTreeMap<String, Succession>,
    references: HashMap<ContentHash, Option<Finding>>,
    /// By policy type and place in its succession.
    damaged: HashMap<String, HashMap<usize, Finding>>,
    /// The rows of all contents, each base before what builds on it.
    order: Vec<Place>,
    /// What the sets reach, and whether one of them cannot say what it reaches.
    reached: HashSet<ContentHash>,
    unknown: bool,
    /// How many contents were read, each counted once.
    pub(super) contents: u64,
    /// How many bytes they have.
    pub(super) bytes: u64,
    /// How many documents the lists name, each counted once, and
    pub(super) documents: u64,
    /// how many of these were read.
    pub(super) documents_read: u64,
}

impl<'c> Examination<'c> {
    pub(super) fn new(conn: &'c Connection, tenant: TenantId, gauge: &'c Gauge) -> Self {
        Self {
            reader: Reader::new(conn, tenant),
            gauge,
            roots: HashMap::new(),
            lists: HashMap::new(),
            types: BTreeMap::new(),
            references: HashMap::new(),
            damaged: HashMap::new(),
            order: Vec::new(),
            reached: HashSet::new(),
            unknown: false,
            contents: 0,
            bytes: 0,
            documents: 0,
            documents_read: 0,
        }
    }

    /// Reads the manifest at this address, its lists and its references.
    pub(super) fn look_at(&mut self, hash: &ContentHash) {
        if self.roots.contains_key(hash) {
            return;
        }
        let (bytes, wrong) = self.bytes(hash);
        let mut findings: Vec<Finding> = wrong.map(Finding::of_set).into_iter().collect();
        let mut root = Root {
            says: None,
            findings: Vec::new(),
            lists: Vec::new(),
        };
        match bytes.as_deref().map(Manifest::parse) {
            Some(Ok(manifest)) => {
                findings.extend(self.references(&manifest));
                root.says = Some((manifest.policies(), manifest.status()));
                for entry in manifest.types() {
                    let list = self.list(entry);
                    root.lists.push((entry.policy_type.clone(), list));
                }
            }
            Some(Err(malformed)) if findings.is_empty() => findings.push(Finding::of_set(format!(
                "content {hash} is no manifest: {malformed}"
            ))),
            _ => {}
        }
        self.unknown |= root.says.is_none();
        root.findings = findings;
        self.roots.insert(*hash, root);
    }

    /// What is wrong with the references of a set.
    fn references(&mut self, manifest: &Manifest) -> Option<Finding> {
        let hash = manifest.references()?;
        if let Some(known) = self.references.get(&hash) {
            return known.clone();
        }
        let malformed = |bytes: Arc<[u8]>| {
            let malformed = References::parse(&bytes).err()?;
            Some(format!("content {hash} holds no references: {malformed}"))
        };
        let (bytes, wrong) = self.bytes(&hash);
        let reason = wrong.or_else(|| bytes.and_then(malformed));
        let finding = reason.map(|reason| Finding::of_set(format!("its references: {reason}")));
        self.references.insert(hash, finding.clone());
        finding
    }

    fn list(&mut self, entry: &ManifestType) -> Rc<List> {
        let Some(hash) = &entry.list else {
            return Rc::default();
        };
        let key = (*hash, entry.policy_type.clone(), entry.policies);
        if let Some(known) = self.lists.get(&key) {
            return Rc::clone(known);
        }
        let (bytes, mut wrong) = self.bytes(hash);
        let mut entries = Vec::new();
        match bytes.map(|bytes| self.read_list(entry, hash, bytes)) {
            Some(Ok(read)) => entries = read,
            Some(Err(reason)) => wrong = wrong.or(Some(reason)),
            None => {}
        }
        self.unknown |= wrong.is_some();
        let list = Rc::new(List {
            finding: wrong.map(|reason| Finding::of_type(&entry.policy_type, reason)),
            entries,
        });
        self.lists.insert(key, Rc::clone(&list));
        list
    }

    fn read_list(
        &mut self,
        entry: &ManifestType,
        hash: &ContentHash,
        bytes: Arc<[u8]>,
    ) -> Result<Vec<usize>, String> {
        let expected = &entry.policy_type;
        let succession = self.types.entry(expected.clone()).or_default();
        let wrong = |reason: String| format!("content {hash} is no list of {expected}: {reason}");
        let (policy_type, entries) = succession
            .read(bytes)
            .map_err(|malformed| wrong(malformed.to_string()))?;
        if policy_type != *expected {
            return Err(wrong(format!("it is one of {policy_type}")));
        }
        if u64::try_from(entries.len()) != Ok(entry.policies) {
            return Err(wrong(format!(
                "it holds {} policies and the manifest says {}",
                entries.len(),
                entry.policies
            )));
        }
        Ok(entries)
    }

    /// Reads the documents that the lists name, all of them or those in the sample.
    pub(super) fn read_documents(&mut self, sample: Option<Sample>) {
        let entries = self.types.values().flat_map(Succession::entries);
        let mut wanted: HashSet<ContentHash> = entries.map(|entry| entry.hash).collect();
        self.documents = wanted.len() as u64;
        self.reached.extend(&wanted);
        if let Some(sample) = sample {
            wanted = sample.of(wanted);
        }
        self.documents_read = wanted.len() as u64;
        self.gauge.expect(wanted.len());
        // Where the order cannot be read, reading each will tell why.
        self.order = self.reader.in_base_order().unwrap_or_default();
        let in_order: Vec<ContentHash> = self
            .order
            .iter()
            .filter_map(|place| place.hash.filter(|hash| wanted.remove(hash)))
            .collect();
        let conditions: HashMap<ContentHash, Result<u64, String>> = in_order
            .into_iter()
            .chain(wanted)
            .map(|hash| (hash, self.document(&hash)))
            .collect();
        for (policy_type, succession) in &self.types {
            let judged = succession.entries().iter().enumerate();
            let damaged: HashMap<usize, Finding> = judged
                .filter_map(|(at, policy)| {
                    let reason = wrong_with(policy, conditions.get(&policy.hash)?)?;
                    Some((at, Finding::of_policy(policy_type, policy, reason)))
                })
                .collect();
            if !damaged.is_empty() {
                self.damaged.insert(policy_type.clone(), damaged);
            }
        }
    }

    /// The length of a document; or what is wrong with it.
    fn document(&mut self, hash: &ContentHash) -> Result<u64, String> {
        self.gauge.advance(1);
        let bytes = self.condition(hash)?;
        serde_json::from_slice::<IgnoredAny>(&bytes)
            .map_err(|error| format!("content {hash} is no JSON: {error}"))?;
        Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }

    /// The bytes of a content, looked at for the first time; or what is wrong with it. A failure
    /// to read the disk is wrong with it, too.
    fn condition(&mut self, hash: &ContentHash) -> Result<Arc<[u8]>, String> {
        self.contents += 1;
        self.reached.insert(*hash);
        let bytes = self
            .reader
            .examine(hash)
            .map_err(|error| error.message().to_owned())?;
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(bytes)
    }

    /// As [`condition`](Self::condition), and gives bytes that are right although their row is not:
    /// what they lead to must be looked at all the same.
    fn bytes(&mut self, hash: &ContentHash) -> (Option<Arc<[u8]>>, Option<String>) {
        match self.condition(hash) {
            Ok(bytes) => (Some(bytes), None),
            Err(reason) => (self.reader.read(hash).ok(), Some(reason)),
        }
    }

    /// What is left over, once everything was read that the sets reach; nothing where a set cannot
    /// say what it reaches.
    pub(super) fn orphans(&self) -> Orphans {
        if self.unknown {
            return Orphans::default();
        }
        let mut orphans = Orphans::default();
        for place in unreached(&self.order, &self.reached) {
            let intact = |hash: &ContentHash| self.reader.examine(hash).is_ok();
            orphans.contents += 1;
            orphans.damaged += u64::from(!place.hash.as_ref().is_some_and(intact));
        }
        orphans
    }

    /// What is wrong with a set whose row makes this claim.
    pub(super) fn findings(&self, claim: &Claim) -> Vec<Finding> {
        let Some(root) = self.roots.get(&claim.root_hash) else {
            return Vec::new();
        };
        let mut findings = root.findings.clone();
        for (policy_type, list) in &root.lists {
            findings.extend(list.finding.clone());
            if let Some(damaged) = self.damaged.get(policy_type) {
                let of_list = list.entries.iter().filter_map(|at| damaged.get(at));
                findings.extend(of_list.cloned());
            }
        }
        if let Some((policies, status)) = root.says {
            if u64::try_from(claim.policies) != Ok(policies) {
                findings.push(Finding::of_set(format!(
                    "its row says {} policies and its manifest {policies}",
                    claim.policies
                )));
            }
            if claim.status != status.as_str() {
                findings.push(Finding::of_set(format!(
                    "its row says {} and its manifest {}",
                    claim.status,
                    status.as_str()
                )));
            }
        }
        findings
    }
}

/// What is wrong with the document of `policy`, given its condition.
fn wrong_with(policy: &ListEntry, condition: &Result<u64, String>) -> Option<String> {
    match condition {
        Ok(length) if *length == policy.bytes => None,
        Ok(length) => Some(format!(
            "content {} has {length} bytes and the list says {}",
            policy.hash, policy.bytes
        )),
        Err(reason) => Some(reason.clone()),
    }
}
