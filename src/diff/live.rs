//! A tenant as it is now, read as a run reads it and kept in memory.
//!
//! Nothing is written: not to the tenant, not to the store, no lock is taken. A run of the same
//! tenant goes on beside it, so few requests are under way at once. Secrets in plain sight are made
//! into the same digests as in a set, so that they can be compared.
//!
//! What a list does not name any more is looked for by its id, as in a run: only what Graph does not
//! find counts as gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Scope;
use super::side::{About, Side};
use crate::backup_set::{ContentHash, ListEntry, ManifestType, UnreadPolicy};
use crate::error::Result;
use crate::graph::{self, Fault, Graph};
use crate::policy::catalogue::{self, PolicyType, Shape};
use crate::policy::document::redaction::RedactionKey;
use crate::policy::{Document, Outcome};
use crate::run::Means;
use crate::run::backup::absent::{Found, look_for};
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
/// So many policies of a type are looked for; if there are more, the type cannot be believed.
const MAX_LOOKS: usize = 50;

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
    let client = means.connector.client(tenant, deadline)?;
    let key = RedactionKey::new(database_key::of_tenant(&means.database, tenant.id)?);
    let at = means.clock.now();
    let mut taken: BTreeMap<&'static str, Taken> = BTreeMap::new();
    let mut documents = HashMap::new();
    let mut readings = Vec::new();
    let ended = read::read_types(&client, &rows, WIDTH, &key, &mut |event| {
        take(&mut taken, &mut documents, &mut readings, event);
        Ok(())
    })?;
    if let Some(error) = ended {
        return Err(in_time(error).into());
    }
    let there: BTreeSet<String> = taken
        .values()
        .flat_map(|of| {
            of.entries
                .keys()
                .chain(of.unread.iter().map(|unread| &unread.id))
                .chain(&of.below)
        })
        .cloned()
        .collect();
    let mut types = BTreeMap::new();
    for reading in readings {
        let row = reading.policy_type;
        let mut of = taken.remove(row.key).unwrap_or_default();
        let left_out = if reading.outcome == Outcome::Complete && row.shape == Shape::List {
            let mut gone = set.entries(row.key)?;
            gone.retain(|entry| !there.contains(&entry.id));
            look(&client, row, &gone).map_err(in_time)?
        } else {
            Vec::new()
        };
        of.unread.extend(left_out);
        let entries: Vec<ListEntry> = of.entries.into_values().collect();
        let state = state(&reading, entries.len(), of.unread);
        types.insert(row.key.to_owned(), (state, entries));
    }
    let about = About::Live {
        tenant_id: tenant.id,
        tenant: tenant.name().to_owned(),
        at,
    };
    Ok(Side::in_memory(about, types, documents))
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

/// Looks for policies that a list does not name any more; those that may still be there.
fn look(
    graph: &dyn Graph,
    row: &'static PolicyType,
    gone: &[ListEntry],
) -> Result<Vec<UnreadPolicy>, graph::Error> {
    let mut there = Vec::new();
    for (number, entry) in gone.iter().enumerate() {
        let found = if number < MAX_LOOKS {
            match look_for(graph, row, &entry.id) {
                Err(error) if error.fault.ends_run() => return Err(error),
                Err(error) => Found::Unclear(error.message),
                Ok(found) => found,
            }
        } else {
            Found::Unclear(format!("more than {MAX_LOOKS} are not listed any more"))
        };
        let reason = match found {
            Found::Gone | Found::Moved => continue,
            Found::There => "Graph's list left it out, and it is still there".to_owned(),
            Found::Unclear(why) => {
                format!(
                    "it is not listed any more; whether it was deleted could not be seen: {why}"
                )
            }
        };
        there.push(UnreadPolicy {
            id: entry.id.clone(),
            name: entry.name.clone(),
            reason,
        });
    }
    Ok(there)
}

/// What became of a type, in the words of a set.
fn state(reading: &Reading, policies: usize, unread: Vec<UnreadPolicy>) -> ManifestType {
    let doubtful = reading.outcome == Outcome::Complete && !unread.is_empty();
    let (outcome, reason) = if doubtful {
        let count = unread.len();
        let why = format!("{count} policies that are not listed may still be there");
        (Outcome::Incomplete, Some(why))
    } else {
        (reading.outcome, reading.reason.clone())
    };
    ManifestType {
        policy_type: reading.policy_type.key.to_owned(),
        outcome,
        reason,
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
