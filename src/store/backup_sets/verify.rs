//! Proves that backup sets are intact: reads every byte and checks every hash up to the root.
//!
//! Each content is checked once, in however many sets it is; where it is damaged, each set and
//! policy it belongs to is named. Damage never ends the search. What no set reaches is not looked
//! at.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::{Connection, Row};
use serde::de::IgnoredAny;

use crate::backup_set::{BackupSetId, ContentHash, ListEntry, Manifest, ManifestType, TypeList};
use crate::error::{Error, Result};
use crate::tenant::TenantId;

use super::super::contents::Reader;
use super::super::failed;

/// What to verify.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// These sets; all there are where it is empty.
    pub sets: BTreeSet<BackupSetId>,
    /// Only some of the documents; manifests, lists and references are always checked.
    pub sample: Option<Sample>,
}

/// A part of the documents, the same ones for the same seed.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// How many in a hundred.
    pub percent: u8,
    /// Chooses which; another seed, other ones.
    pub seed: u64,
}

impl Sample {
    fn includes(self, hash: &ContentHash) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = hash.0;
        let scattered = (u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ self.seed)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (scattered >> 32) % 100 < u64::from(self.percent)
    }
}

/// What was verified, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// How many sets.
    pub sets: u64,
    /// How many contents, each counted once.
    pub contents: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What is damaged; empty when all is well.
    pub damaged: Vec<Damage>,
}

/// One thing of one set that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The set.
    pub set: BackupSetId,
    /// The policy type; none where the whole set is hit.
    pub policy_type: Option<String>,
    /// The policy; none where the whole type is hit.
    pub policy_id: Option<String>,
    /// Its label.
    pub name: Option<String>,
    /// What is wrong.
    pub reason: String,
}

const SETS: &str = "SELECT id, tenant_id, status, policies, root_hash FROM backup_sets ORDER BY id";

/// A row of `backup_sets`, as far as it says something about contents.
struct Claim {
    tenant: TenantId,
    status: String,
    policies: i64,
    root_hash: ContentHash,
}

impl Claim {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: TenantId(row.get(1)?),
            status: row.get(2)?,
            policies: row.get(3)?,
            root_hash: ContentHash(row.get(4)?),
        })
    }
}

/// Verifies the sets in `scope`. A set that does not exist: `Kind::NotFound`.
pub fn verify(conn: &Connection, scope: &Scope) -> Result<Verification> {
    let view = super::view(conn)?;
    let read = failed("read the backup sets");
    let mut verification = Verification::default();
    let mut missing = scope.sets.clone();
    let mut tenants: HashMap<TenantId, Examination<'_>> = HashMap::new();
    let mut query = conn.prepare(SETS).map_err(&read)?;
    let mut rows = query.query([]).map_err(&read)?;
    while let Some(row) = rows.next().map_err(&read)? {
        let id = BackupSetId(row.get(0).map_err(&read)?);
        if !scope.sets.is_empty() && !missing.remove(&id) {
            continue;
        }
        verification.sets += 1;
        let found = match Claim::from_row(row) {
            Ok(claim) => tenants
                .entry(claim.tenant)
                .or_insert_with(|| Examination::new(conn, claim.tenant, scope.sample))
                .set(&claim),
            Err(error) => vec![Finding::of_set(format!("its row is damaged: {error}"))],
        };
        let damaged = found.into_iter().map(|finding| finding.in_set(id));
        verification.damaged.extend(damaged);
    }
    drop(view);
    if let Some(id) = missing.first() {
        return Err(Error::not_found(format!("no backup set {id}"))
            .hint("tenantpilot backups list --expired"));
    }
    for examination in tenants.values() {
        verification.contents += examination.contents;
        verification.bytes += examination.bytes;
    }
    Ok(verification)
}

/// Damage, before it is known in which sets it is.
#[derive(Clone)]
struct Finding {
    policy_type: Option<String>,
    policy: Option<(String, String)>,
    reason: String,
}

impl Finding {
    fn of_set(reason: String) -> Self {
        Self {
            policy_type: None,
            policy: None,
            reason,
        }
    }

    fn of_type(policy_type: &str, reason: String) -> Self {
        Self {
            policy_type: Some(policy_type.to_owned()),
            policy: None,
            reason,
        }
    }

    fn of_policy(policy_type: &str, policy: &ListEntry, reason: String) -> Self {
        Self {
            policy_type: Some(policy_type.to_owned()),
            policy: Some((policy.id.clone(), policy.name.clone())),
            reason,
        }
    }

    fn in_set(self, set: BackupSetId) -> Damage {
        let (policy_id, name) = self.policy.unzip();
        Damage {
            set,
            policy_type: self.policy_type,
            policy_id,
            name,
            reason: self.reason,
        }
    }
}

/// What is known of one manifest.
struct Root {
    manifest: Option<Manifest>,
    findings: Vec<Finding>,
}

/// The contents of one tenant, as far as they have been looked at.
struct Examination<'c> {
    reader: Reader<'c>,
    sample: Option<Sample>,
    roots: HashMap<ContentHash, Rc<Root>>,
    lists: HashMap<(ContentHash, String, u64), Rc<[Finding]>>,
    references: HashMap<ContentHash, Option<Finding>>,
    documents: HashMap<ContentHash, Result<u64, String>>,
    contents: u64,
    bytes: u64,
}

impl<'c> Examination<'c> {
    fn new(conn: &'c Connection, tenant: TenantId, sample: Option<Sample>) -> Self {
        Self {
            reader: Reader::new(conn, tenant),
            sample,
            roots: HashMap::new(),
            lists: HashMap::new(),
            references: HashMap::new(),
            documents: HashMap::new(),
            contents: 0,
            bytes: 0,
        }
    }

    fn set(&mut self, claim: &Claim) -> Vec<Finding> {
        let root = self.root(&claim.root_hash);
        let mut findings = root.findings.clone();
        if let Some(manifest) = &root.manifest {
            if u64::try_from(claim.policies) != Ok(manifest.policies()) {
                findings.push(Finding::of_set(format!(
                    "its row says {} policies and its manifest {}",
                    claim.policies,
                    manifest.policies()
                )));
            }
            if claim.status != manifest.status().as_str() {
                findings.push(Finding::of_set(format!(
                    "its row says {} and its manifest {}",
                    claim.status,
                    manifest.status().as_str()
                )));
            }
        }
        findings
    }

    fn root(&mut self, hash: &ContentHash) -> Rc<Root> {
        if let Some(root) = self.roots.get(hash) {
            return Rc::clone(root);
        }
        let mut findings: Vec<Finding> = self
            .condition(hash)
            .err()
            .map(Finding::of_set)
            .into_iter()
            .collect();
        let manifest = super::read_manifest(&self.reader, hash);
        let root = Rc::new(match manifest {
            Ok(manifest) => {
                findings.extend(self.references(&manifest));
                for entry in manifest.types() {
                    findings.extend(self.list(entry).iter().cloned());
                }
                Root {
                    manifest: Some(manifest),
                    findings,
                }
            }
            Err(error) => {
                if findings.is_empty() {
                    findings.push(Finding::of_set(error.message().to_owned()));
                }
                Root {
                    manifest: None,
                    findings,
                }
            }
        });
        self.roots.insert(*hash, Rc::clone(&root));
        root
    }

    /// What is wrong with the references of a set.
    fn references(&mut self, manifest: &Manifest) -> Option<Finding> {
        let hash = manifest.references()?;
        if let Some(known) = self.references.get(&hash) {
            return known.clone();
        }
        let unreadable = self.condition(&hash).err();
        let reason = unreadable.or_else(|| {
            let malformed = super::references(&self.reader, manifest).err()?;
            Some(malformed.message().to_owned())
        });
        let finding = reason.map(|reason| Finding::of_set(format!("its references: {reason}")));
        self.references.insert(hash, finding.clone());
        finding
    }

    fn list(&mut self, entry: &ManifestType) -> Rc<[Finding]> {
        let Some(hash) = &entry.list else {
            return Rc::from([]);
        };
        let key = (*hash, entry.policy_type.clone(), entry.policies);
        if let Some(findings) = self.lists.get(&key) {
            return Rc::clone(findings);
        }
        let of_type = |reason| Finding::of_type(&entry.policy_type, reason);
        let mut findings: Vec<Finding> = self
            .condition(hash)
            .err()
            .map(of_type)
            .into_iter()
            .collect();
        match super::list(&self.reader, entry) {
            Ok(list) => {
                for policy in list.iter().flat_map(TypeList::entries) {
                    if let Some(reason) = self.document(policy) {
                        findings.push(Finding::of_policy(&entry.policy_type, policy, reason));
                    }
                }
            }
            Err(error) if findings.is_empty() => {
                findings.push(of_type(error.message().to_owned()));
            }
            Err(_) => {}
        }
        let findings: Rc<[Finding]> = findings.into();
        self.lists.insert(key, Rc::clone(&findings));
        findings
    }

    /// What is wrong with the document of `policy`.
    fn document(&mut self, policy: &ListEntry) -> Option<String> {
        if self
            .sample
            .is_some_and(|sample| !sample.includes(&policy.hash))
        {
            return None;
        }
        let condition = match self.documents.get(&policy.hash) {
            Some(known) => known.clone(),
            None => {
                let condition = self.condition(&policy.hash).and_then(|bytes| {
                    serde_json::from_slice::<IgnoredAny>(&bytes)
                        .map_err(|error| format!("content {} is no JSON: {error}", policy.hash))?;
                    Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
                });
                self.documents.insert(policy.hash, condition.clone());
                condition
            }
        };
        match condition {
            Ok(length) if length == policy.bytes => None,
            Ok(length) => Some(format!(
                "content {} has {length} bytes and the list says {}",
                policy.hash, policy.bytes
            )),
            Err(reason) => Some(reason),
        }
    }

    /// The bytes of a content, looked at for the first time; or what is wrong with it. A failure
    /// to read the disk is wrong with it, too.
    fn condition(&mut self, hash: &ContentHash) -> Result<Arc<[u8]>, String> {
        self.contents += 1;
        let bytes = self
            .reader
            .examine(hash)
            .map_err(|error| error.message().to_owned())?;
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(bytes)
    }
}
