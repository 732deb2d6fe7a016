//! Applying a retention plan. The caller holds the schedule's lock.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::{Candidate, Decision, Item, plan};
use crate::audit::{Event, Outcome};
use crate::backup_set::BackupSetId;
use crate::error::Result;
use crate::schedule::Schedule;
use crate::store::backup_sets::purge::{self, Purged};
use crate::store::backup_sets::{self, Filter};
use crate::store::{self, Store};
use crate::tenant::TenantId;

/// What applying the plan would do.
pub fn preview(conn: &Connection, schedule: &Schedule, now: DateTime<Utc>) -> Result<Vec<Item>> {
    let filter = Filter {
        schedule: Some(schedule.id),
        ..Filter::default()
    };
    let candidates: Vec<Candidate> = backup_sets::list_sets(conn, &filter)?
        .into_iter()
        .map(|set| Candidate {
            id: set.id,
            time: set.time,
            status: set.status,
            pinned: set.pin_reason.is_some(),
            expired_at: set.expired_at,
        })
        .collect();
    Ok(plan(&candidates, schedule.rules.last, now))
}

/// Makes the plan and carries it out; returns what was done, newest set first.
pub fn apply(
    store: &Store,
    schedule: &Schedule,
    actor: &str,
    at: DateTime<Utc>,
) -> Result<Vec<Item>> {
    let items = store.write(|tx| {
        let items = preview(tx, schedule, at)?;
        let expired: BTreeSet<BackupSetId> = chosen(&items, Decision::Expire);
        for id in &expired {
            backup_sets::expire(tx, *id, at)?;
        }
        if !expired.is_empty() {
            record(tx, schedule, actor, at, "retention.expire", &expired)?;
        }
        Ok(items)
    })?;
    let going = chosen(&items, Decision::Purge);
    if !going.is_empty() {
        remove(store, schedule.tenant_id, &going, |tx, purged| {
            let sets = purged.sets.iter().copied().collect();
            record(tx, schedule, actor, at, "retention.purge", &sets)
        })?;
    }
    Ok(items)
}

fn chosen(items: &[Item], decision: Decision) -> BTreeSet<BackupSetId> {
    items
        .iter()
        .filter(|item| item.decision == decision)
        .map(|item| item.id)
        .collect()
}

/// Removes expired sets of a tenant, and the contents that nothing reaches any more; `record` is
/// called in the transaction that did it.
pub(super) fn remove(
    store: &Store,
    tenant: TenantId,
    going: &BTreeSet<BackupSetId>,
    record: impl Fn(&Transaction<'_>, &Purged) -> Result<()>,
) -> Result<()> {
    loop {
        let mark = purge::mark(store.read(), tenant, going)?;
        let outcome = store.write(|tx| {
            let outcome = purge::purge(tx, &mark)?;
            if let purge::Outcome::Purged(purged) = &outcome
                && !purged.sets.is_empty()
            {
                record(tx, purged)?;
            }
            Ok(outcome)
        })?;
        match outcome {
            purge::Outcome::Stale => {}
            purge::Outcome::Purged(_) => return Ok(()),
        }
    }
}

fn record(
    tx: &Transaction<'_>,
    schedule: &Schedule,
    actor: &str,
    at: DateTime<Utc>,
    action: &str,
    sets: &BTreeSet<BackupSetId>,
) -> Result<()> {
    let ids: Vec<i64> = sets.iter().map(|id| id.0).collect();
    let event = Event {
        at,
        actor,
        action,
        tenant: Some(schedule.tenant_id),
        object: format!("schedule {}", schedule.id.0),
        outcome: Outcome::Ok,
        details: json!({ "backup_sets": ids }),
    };
    store::audit::append(tx, &event).map(|_| ())
}
