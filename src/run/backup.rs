//! From the first token to the recorded outcome: the one place, with restore, where Graph and the
//! store meet.
//!
//! - Documents are stored as they arrive, in short transactions, so that memory stays bounded and
//!   nobody waits long for the write lock. No set reaches them yet.
//! - The lists, the manifest, the backup set, the outcome of the run and its audit event are one
//!   last transaction. Either all of that is there, or the run is not a success.
//! - What changed is counted against the newest backup set of the schedule in which the policy type
//!   was complete; "removed" is said only of a type that is complete in both.
//! - A list is not believed about what it leaves out: before anything counts as removed, Graph is
//!   asked for the policy itself (`absent`). What it does not call gone makes the type incomplete.
//!   So does a whole type that is not offered any more.

mod changes;
mod collect;
mod names;
mod not_offered;
mod prove;
mod shrunk;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Transaction;

use self::changes::Baselines;
use self::collect::{Collected, Collector};
use self::verdict::Verdict;
use super::absent;
use super::read::{self, Width};
use super::summary::{Summary, TypeSummary};
use super::{Ending, ErrorCode, Means, Status};
use crate::audit::{Event, Outcome as AuditOutcome};
use crate::backup_set::{
    BackupSetId, ContentHash, DigestKey, Manifest, ManifestType, Proof, References, Shrunk,
    TypeList,
};
use crate::dispatch::{Claim, finish, lost};
use crate::error::{Error, Result};
use crate::graph::{self, Graph, Traffic};
use crate::lock::Owner;
use crate::plural::counted;
use crate::policy::Outcome;
use crate::policy::document::redaction::RedactionKey;
use crate::policy::selection::{self, Selection};
use crate::progress::Gauge;
use crate::secret::{certificate, database_key};
use crate::slot::Slot;
use crate::store::backup_sets::{self, NewSet, Origin, event};
use crate::store::contents::{self, Reader};
use crate::store::{self, Store};
use crate::tenant::TenantId;

/// How many lists and objects of one tenant are read at once. Objects share round trips by the 20,
/// so that no more than 12 requests are ever under way, and the client lets out fewer.
const WIDTH: Width = Width {
    lists: 10,
    objects: 40,
};

/// A run that is over, by its own account in the store.
#[derive(Debug)]
pub struct BackedUp {
    /// How it ended.
    pub ending: Ending,
    /// The backup set it left.
    pub backup_set: Option<BackupSetId>,
    /// The policy types of which that set lost most policies.
    pub shrunk: Option<Shrunk>,
    /// That its digests of secrets cannot be compared with those before, and why.
    pub new_key: Option<String>,
}

/// A running run of ours.
struct Running<'a> {
    means: &'a Means,
    store: &'a Store,
    owner: &'a Owner,
    claim: &'a Claim,
    begun: Instant,
}

/// Carries out a running run and records how it ended. An error means that it is not recorded.
pub fn back_up(
    means: &Means,
    store: &Store,
    owner: &Owner,
    claim: &Claim,
    begun: Instant,
    gauge: &Arc<Gauge>,
) -> Result<BackedUp> {
    let run = Running {
        means,
        store,
        owner,
        claim,
        begun,
    };
    let settings = &claim.schedule.settings;
    let select = |foundations| {
        selection::select(&settings.policy_types, &settings.exclude_types, foundations)
    };
    if select(false).types.is_empty() {
        return run.end_without_set(nothing_known(claim, select(false)));
    }
    let selection = select(settings.include_foundations);
    let tenant = store::tenants::get(store.read(), claim.schedule.tenant_id)?;
    let deadline = begun.checked_add(settings.max_runtime).unwrap_or(begun);
    let client = means.connector.client(&tenant, deadline)?;
    let client = client.watched_by(Arc::clone(gauge));
    let key = RedactionKey::new(database_key::of_tenant(&means.database, tenant.id)?);
    let wanted: BTreeSet<&str> = selection.types.iter().map(|row| row.key).collect();
    let mut collector = Collector::new(store, tenant.id, &wanted)?;
    gauge.expect(selection.types.len());
    gauge.enter("");
    let ended = read::read_types(&client, &selection.types, WIDTH, &key, &mut |event| {
        event.count(gauge);
        collector.take(event)
    })?;
    gauge.enter("looks for what is gone");
    let mut collected = collector.finish()?;
    let baselines = run.baselines(&wanted)?;
    not_offered::doubt(&mut collected, &baselines);
    let stopped = look_for_absent(&client, &mut collected, &baselines);
    prove::doubt(&mut collected);
    let ended = ended.or(stopped);
    let new_key = run.new_key(&key, collected.digests())?;
    let summarize = || {
        let mut done = run.summarize(&collected, &selection, client.traffic(), &baselines)?;
        done.0.digest_key = Some(key.name());
        done.0.warnings.extend(new_key.clone());
        let credential = &tenant.settings.credential;
        let ends_soon = certificate::warning(credential, means.clock.now());
        done.0.warnings.extend(ends_soon);
        let theirs = collected.ends_soon(means.clock.now());
        done.0.warnings.extend(theirs);
        Ok::<_, Error>(done)
    };
    match verdict::judge(claim, &collected, &selection.unknown, ended.as_ref()) {
        Verdict::NoSet(ending) => {
            run.end_without_set(ending.summed_up(summarize()?.0.without_set()))
        }
        Verdict::Set(ending) => {
            let graph: Option<&dyn Graph> = if ended.is_none() { Some(&client) } else { None };
            gauge.enter("names what policies refer to");
            let (references, remarks) = run.references(&collected, graph)?;
            gauge.enter("compares and writes the backup set");
            let (mut summary, shrunk) = summarize()?;
            summary.warnings.extend(remarks);
            summary.names_resolved = references.resolved();
            summary.names_unresolved = references.entries().len() as u64 - references.resolved();
            let ending = ending.summed_up(summary);
            let mut done = run.end_with_set(collected, &references, &selection, shrunk, ending)?;
            done.new_key = new_key;
            Ok(done)
        }
    }
}

/// Asks for what is not listed any more, and takes the answers into account. Gives the error that
/// ended the asking, if one did.
fn look_for_absent(
    graph: &dyn Graph,
    collected: &mut Collected,
    baselines: &Baselines,
) -> Option<graph::Error> {
    let named = collected.named();
    let absent = collected.readings.iter().flat_map(|reading| {
        absent::absent(reading, baselines.before(reading.policy_type.key), &named)
    });
    let (answers, ended) = absent::probe(graph, WIDTH.objects, absent.collect());
    for (key, unread) in absent::believe(&mut collected.readings, &answers) {
        collected.unread.entry(key).or_default().extend(unread);
    }
    ended
}

fn nothing_known(claim: &Claim, selection: Selection) -> Ending {
    let message = format!(
        "no policy type of {} is known to this tenantpilot: {}",
        claim.schedule.described(),
        selection.unknown.join(", ")
    );
    let summary = Summary {
        unknown_policy_types: selection.unknown,
        ..Summary::default()
    };
    Ending::because(Status::Skipped, ErrorCode::UnknownPolicyType, message).summed_up(summary)
}

impl Running<'_> {
    fn tenant_id(&self) -> TenantId {
        self.claim.schedule.tenant_id
    }

    fn baselines(&self, wanted: &BTreeSet<&str>) -> Result<Baselines> {
        let reader = Reader::new(self.store.read(), self.tenant_id());
        Baselines::load(&reader, self.claim.schedule.id, wanted)
    }

    /// That so many digests cannot be compared with those of the set before, where they are under
    /// another key.
    fn new_key(&self, key: &RedactionKey, digests: u64) -> Result<Option<String>> {
        if digests == 0 {
            return Ok(None);
        }
        let reader = Reader::new(self.store.read(), self.tenant_id());
        let newest = backup_sets::digests::newest(&reader, self.claim.schedule.id)?;
        let name = DigestKey::Named(key.name());
        let other = newest.filter(|(_, before)| !DigestKey::are_one([before, &name]));
        Ok(other.map(|(set, _)| {
            format!(
                "the key beside the database is another than that of backup set {}: {} cannot be \
                 compared with earlier backup sets",
                set.id,
                counted(digests, "redacted value", "redacted values")
            )
        }))
    }

    /// The names of what the policies refer to, and what is to be told about missing ones.
    fn references(
        &self,
        collected: &Collected,
        graph: Option<&dyn Graph>,
    ) -> Result<(References, Vec<String>)> {
        let mut names = names::look_up(collected, graph);
        let reader = Reader::new(self.store.read(), self.tenant_id());
        match backup_sets::names::last_known(&reader, &names.unknown()) {
            Ok(known) => names.remember(&known),
            Err(error) => log::warn!("names of earlier backup sets are not used: {error}"),
        }
        let references = References::new(names.entries)
            .map_err(|reason| Error::internal(format!("the names make no sense: {reason}")))?;
        Ok((references, names.warnings))
    }

    fn summarize(
        &self,
        collected: &Collected,
        selection: &Selection,
        traffic: Traffic,
        baselines: &Baselines,
    ) -> Result<(Summary, Option<Shrunk>)> {
        let reader = Reader::new(self.store.read(), self.tenant_id());
        let mut summary = Summary {
            warnings: collected.warnings(),
            unknown_policy_types: selection.unknown.clone(),
            requests: traffic.requests,
            round_trips: traffic.round_trips,
            batched_requests: traffic.batched_requests,
            retries: traffic.retries,
            throttled_ms: traffic.throttled_ms,
            bytes: traffic.bytes,
            ..Summary::default()
        };
        for reading in &collected.readings {
            let row = reading.policy_type;
            let changes = baselines.changes(&reader, row, reading.outcome, &collected.of(row.key));
            let backed_up = collected.of(row.key).len() as u64;
            summary.policies_total += reading.listed;
            summary.policies_backed_up += backed_up;
            let secrets_not_captured = collected.secrets_not_captured(row.key);
            summary.secrets_not_captured += secrets_not_captured;
            summary.errors_count += match reading.outcome {
                Outcome::Complete | Outcome::NotOffered => reading.failed,
                _ => reading.failed.max(1),
            };
            summary.type_breakdown.insert(
                row.key.to_owned(),
                TypeSummary {
                    outcome: reading.outcome.as_str().to_owned(),
                    total: reading.listed,
                    backed_up,
                    added: changes.added,
                    changed: changes.changed,
                    removed: changes.removed,
                    unchanged: changes.unchanged,
                    secrets_not_captured,
                    left_out: reading.left_out,
                    error: reading.reason.clone(),
                },
            );
        }
        for key in &selection.unknown {
            summary.errors_count += 1;
            let outcome = Outcome::Unknown.as_str().to_owned();
            let error = Some("this tenantpilot does not know it".to_owned());
            let entry = TypeSummary {
                outcome,
                error,
                ..TypeSummary::default()
            };
            summary.type_breakdown.insert(key.clone(), entry);
        }
        let shrunk = shrunk::shrunk(&summary, baselines);
        let warning = shrunk.as_ref().map(shrunk::warning);
        summary.warnings.extend(warning);
        Ok((summary, shrunk))
    }

    fn end_without_set(&self, ending: Ending) -> Result<BackedUp> {
        let ours = self
            .store
            .write(|tx| finish(tx, self.means, self.owner, self.claim, self.begun, &ending))?;
        if !ours {
            return Err(lost(self.claim));
        }
        Ok(BackedUp {
            ending,
            backup_set: None,
            shrunk: None,
            new_key: None,
        })
    }

    fn end_with_set(
        &self,
        collected: Collected,
        references: &References,
        selection: &Selection,
        shrunk: Option<Shrunk>,
        ending: Ending,
    ) -> Result<BackedUp> {
        let (types, lists) = manifest_types(collected, &selection.unknown)?;
        let references = references.encode();
        let manifest = Manifest::new(types)
            .map_err(|reason| Error::internal(format!("the manifest makes no sense: {reason}")))?
            .with_references(ContentHash::of(&references));
        let previous = self.previous_bases(&lists)?;
        let id = self.store.write(|tx| {
            if !finish(tx, self.means, self.owner, self.claim, self.begun, &ending)? {
                return Err(lost(self.claim));
            }
            let base = previous.references.as_ref();
            contents::put(tx, self.tenant_id(), &references, base)?;
            self.insert_set(tx, &manifest, &lists, &previous, shrunk.as_ref())
        })?;
        Ok(BackedUp {
            ending,
            backup_set: Some(id),
            shrunk,
            new_key: None,
        })
    }

    /// What the new lists and the manifest are stored as differences of.
    fn previous_bases(&self, lists: &[TypeList]) -> Result<Previous> {
        let reader = Reader::new(self.store.read(), self.tenant_id());
        let wanted: BTreeSet<&str> = lists.iter().map(TypeList::policy_type).collect();
        let filter = backup_sets::Filter {
            schedule: Some(self.claim.schedule.id),
            limit: Some(1),
            ..backup_sets::Filter::default()
        };
        let manifest = backup_sets::list_sets(self.store.read(), &filter)?
            .first()
            .map(|set| set.root_hash);
        let known = manifest.and_then(|hash| backup_sets::read_manifest(&reader, &hash).ok());
        Ok(Previous {
            lists: backup_sets::latest_lists(&reader, &wanted)?
                .into_iter()
                .map(|(key, known)| (key, known.list))
                .collect(),
            references: known.and_then(|manifest| manifest.references()),
            manifest,
        })
    }

    fn insert_set(
        &self,
        tx: &Transaction<'_>,
        manifest: &Manifest,
        lists: &[TypeList],
        previous: &Previous,
        shrunk: Option<&Shrunk>,
    ) -> Result<BackupSetId> {
        let (tenant_id, schedule) = (self.tenant_id(), &self.claim.schedule);
        for list in lists {
            let base = previous.lists.get(list.policy_type());
            contents::put(tx, tenant_id, &list.encode(), base)?;
        }
        let put = contents::put(
            tx,
            tenant_id,
            &manifest.encode(),
            previous.manifest.as_ref(),
        )?;
        let now = self.means.clock.now();
        let set = NewSet {
            tenant_id,
            origin: Origin::Run {
                schedule_id: schedule.id,
                run_id: self.claim.run_id.0,
                shrunk,
            },
            time: self.claim.slot.map_or(now, Slot::instant),
            created_at: now,
            root_hash: put.hash,
        };
        let id = backup_sets::insert(tx, &set)?;
        store::audit::append(
            tx,
            &Event {
                at: now,
                actor: &self.means.actor,
                action: event::ADD,
                tenant: Some(tenant_id),
                object: format!("backup set {id}"),
                outcome: AuditOutcome::Ok,
                details: event::details(&set),
            },
        )?;
        Ok(id)
    }
}

/// Addresses of what came before, by policy type.
struct Previous {
    lists: std::collections::BTreeMap<String, ContentHash>,
    references: Option<ContentHash>,
    manifest: Option<ContentHash>,
}

fn manifest_types(
    collected: Collected,
    unknown: &[String],
) -> Result<(Vec<ManifestType>, Vec<TypeList>)> {
    let (mut types, mut lists) = (Vec::new(), Vec::new());
    let proofs: Vec<Proof> = collected
        .readings
        .iter()
        .map(|reading| prove::proof(&collected, reading))
        .collect();
    let Collected {
        readings,
        mut entries,
        mut unread,
        ..
    } = collected;
    for (reading, proof) in readings.into_iter().zip(proofs) {
        let key = reading.policy_type.key;
        let found: Vec<_> = entries
            .remove(key)
            .unwrap_or_default()
            .into_values()
            .collect();
        let mut list_hash = None;
        let policies = found.len() as u64;
        // A type of which nothing was read has no list: it says nothing about the tenant.
        if reading.outcome == Outcome::Complete || !found.is_empty() {
            let list = TypeList::new(key, found)
                .map_err(|id| Error::internal(format!("{key} {id} was collected twice")))?;
            list_hash = Some(ContentHash::of(&list.encode()));
            lists.push(list);
        }
        types.push(ManifestType {
            policy_type: key.to_owned(),
            outcome: reading.outcome,
            error_code: verdict::code_of(&reading).map(|code| code.as_str().to_owned()),
            reason: reading.reason,
            pages: reading.pages,
            listed: reading.listed,
            policies,
            list: list_hash,
            unread: unread.remove(key).unwrap_or_default(),
            proof: Some(proof),
        });
    }
    types.extend(unknown.iter().map(|key| ManifestType {
        policy_type: key.clone(),
        outcome: Outcome::Unknown,
        reason: Some("this tenantpilot does not know it".to_owned()),
        error_code: Some(ErrorCode::UnknownPolicyType.as_str().to_owned()),
        pages: 0,
        listed: 0,
        policies: 0,
        list: None,
        unread: Vec::new(),
        proof: None,
    }));
    Ok((types, lists))
}
