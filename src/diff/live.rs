//! A tenant as it is now, read as a run reads it and kept in memory.
//!
//! Nothing is written: not to the tenant, not to the store, no lock is taken. A run of the same
//! tenant goes on beside it, so few requests are under way at once. Secrets in plain sight are made
//! into the same digests as in a set, so that they can be compared.
//!
//! What a list does not name any more is looked for by its id, as in a run: only what Graph does not
//! find counts as gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Scope;
use super::side::{About, Side};
use crate::backup_set::{ContentHash, DigestKey, ListEntry, ManifestType, UnreadPolicy};
use crate::error::Result;
use crate::graph::{self, Fault, Graph};
use crate::policy::Document;
use crate::policy::catalogue::{self, PolicyType};
use crate::policy::document::redaction::RedactionKey;
use crate::run::Means;
use crate::run::absent::{self, Absent, Found, Named};
use crate::run::read::{self, Event, Reading, Width};
use crate::secret::database_key;
use crate::tenant::Tenant;

/// A person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Less at once than a run reads, which may go on beside it.
const WIDTH: Width = Width {
    lists: 4,
    objects: 16,
};

/// Everything that was read of a policy type.
#[derive(Default)]
struct Taken {
    entries: BTreeMap<String, ListEntry>,
    unread: Vec<UnreadPolicy>,
    /// What policies are called where another parent's has their id.
    below: Vec<String>,
}

/// Reads what `set` holds of the policy types in `scope` once more, from the tenant itself.
///
/// # Errors
/// The tenant's settings cannot be used, signing in failed, Graph ended the reading, or a stop was
/// requested. A type that cannot be read is no error: the side says so.
pub fn read(
    means: &Means,
    tenant: &Tenant,
    set: &Side<'_>,
    scope: &Scope,
) -> Result<Side<'static>> {
    let rows: Vec<&'static PolicyType> = catalogue::all()
        .filter(|row| row.not_app_only.is_none() && scope.reads(row.key))
        .filter(|row| set.keys().any(|key| key == row.key))
        .collect();
    let now = means.clock.monotonic();
    let deadline = now.checked_add(PATIENCE).unwrap_or(now);
    let gauge = means.progress.begin(tenant.name(), "types");
    gauge.expect(rows.len());
    let client = means.connector.client(tenant, deadline)?;
    let client = client.watched_by(Arc::clone(&gauge));
    let key = RedactionKey::new(database_key::of_tenant(&means.database, tenant.id)?);
    let at = means.clock.now();
    let mut taken: BTreeMap<&'static str, Taken> = BTreeMap::new();
    let mut documents = HashMap::new();
    let mut readings = Vec::new();
    let ended = read::read_types(&client, &rows, WIDTH, &key, &mut |event| {
        event.count(&gauge);
        take(&mut taken, &mut documents, &mut readings, event);
        Ok(())
    })?;
    if let Some(error) = ended {
        return Err(in_time(error).into());
    }
    let answers = look_for_absent(&client, set, &taken, &readings)?;
    let mut unread = absent::believe(&mut readings, &answers);
    let mut types = BTreeMap::new();
    for reading in readings {
        let key = reading.policy_type.key;
        let mut of = taken.remove(key).unwrap_or_default();
        of.unread.extend(unread.remove(key).unwrap_or_default());
        let entries: Vec<ListEntry> = of.entries.into_values().collect();
        let state = state(reading, entries.len(), of.unread);
        types.insert(key.to_owned(), (state, entries));
    }
    let about = About::Live {
        tenant_id: tenant.id,
        tenant: tenant.name().to_owned(),
        at,
    };
    let digest_key = DigestKey::Named(key.name());
    Ok(Side::in_memory(about, digest_key, types, documents))
}

fn take(
    taken: &mut BTreeMap<&'static str, Taken>,
    documents: &mut HashMap<ContentHash, Arc<[u8]>>,
    readings: &mut Vec<Reading>,
    event: Event,
) {
    match event {
        Event::Document(mut document) => {
            let below = document.below.take();
            let (key, entry, bytes) = kept(document);
            documents.insert(entry.hash, bytes);
            let of = taken.entry(key).or_default();
            of.below.extend(below);
            of.entries.insert(entry.id.clone(), entry);
        }
        Event::Unread(unread) => {
            let of = taken.entry(unread.policy_type).or_default();
            of.unread.push(UnreadPolicy {
                id: unread.id,
                name: unread.name,
                reason: unread.reason,
            });
        }
        Event::Reading(reading) => readings.push(reading),
    }
}

fn kept(document: Document) -> (&'static str, ListEntry, Arc<[u8]>) {
    let entry = ListEntry {
        id: document.id,
        name: document.name,
        platform: document.platform,
        bytes: document.bytes.len() as u64,
        hash: ContentHash::of(&document.bytes),
        warnings: document.warnings,
    };
    (document.policy_type, entry, document.bytes.into())
}

/// Asks for what the set holds and no list names any more.
fn look_for_absent(
    graph: &dyn Graph,
    set: &Side<'_>,
    taken: &BTreeMap<&'static str, Taken>,
    readings: &[Reading],
) -> Result<Vec<(Absent, Found)>> {
    let mut named = Named::default();
    for (key, of) in taken {
        named.add(key, of.entries.keys());
        named.add(key, of.unread.iter().map(|unread| &unread.id));
        named.add(key, &of.below);
    }
    let mut gone = Vec::new();
    for reading in readings {
        let before = set.entries(reading.policy_type.key)?;
        gone.extend(absent::absent(reading, &before, &named));
    }
    let (answers, ended) = absent::probe(graph, WIDTH.objects, gone);
    match ended {
        Some(error) => Err(in_time(error).into()),
        None => Ok(answers),
    }
}

/// What became of a type, in the words of a set.
fn state(reading: Reading, policies: usize, unread: Vec<UnreadPolicy>) -> ManifestType {
    ManifestType {
        policy_type: reading.policy_type.key.to_owned(),
        outcome: reading.outcome,
        reason: reading.reason,
        error_code: None,
        pages: reading.pages,
        listed: reading.listed,
        policies: policies as u64,
        list: None,
        unread,
        proof: None,
    }
}

/// The time of this is over where the client says that a run's is.
fn in_time(error: graph::Error) -> graph::Error {
    match error.fault {
        Fault::TimedOut => graph::Error::new(
            Fault::Network,
            format!(
                "the tenant could not be read within {} minutes",
                PATIENCE.as_secs() / 60
            ),
        ),
        _ => error,
    }
}
