//! Applying a retention plan. The caller holds the schedule's lock.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction};
use serde_json::{Value, json};

use super::by_hand::Decider;
use super::{Candidate, Decision, Item, Terms, plan};
use crate::audit::{Event, Outcome};
use crate::backup_set::{BackupSet, BackupSetId};
use crate::clock::Clock;
use crate::error::Result;
use crate::lock::Locks;
use crate::schedule::{Schedule, ScheduleId};
use crate::stop::Stop;
use crate::store::backup_sets::purge::{self, Purged, Waiting};
use crate::store::backup_sets::{self, Filter, event};
use crate::store::{self, Store, space};
use crate::tenant::TenantId;
use crate::zone::{Source, Zone};

/// What applying a plan did.
#[derive(Debug)]
pub struct Applied {
    /// What became of each set, newest first.
    pub items: Vec<Item>,
    /// What was removed, where sets were to go.
    pub purged: Option<Purged>,
}

/// Who applies a plan to which database, and when.
#[derive(Clone, Copy)]
pub struct Hand<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where zone rules come from.
    pub zones: &'a Source,
    /// What waits between portions of a purge.
    pub clock: &'a dyn Clock,
    /// The acting OS user.
    pub actor: &'a str,
    /// Now.
    pub at: DateTime<Utc>,
}

impl<'a> Hand<'a> {
    fn by(&self) -> Decider<'a> {
        Decider {
            actor: self.actor,
            at: self.at,
            clock: self.clock,
        }
    }
}

/// What applying the plan would do.
pub fn preview(
    conn: &Connection,
    zones: &Source,
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> Result<Vec<Item>> {
    let filter = Filter {
        schedule: Some(schedule.id),
        ..Filter::default()
    };
    let sets = backup_sets::list_sets(conn, &filter)?;
    let candidates: Vec<Candidate> = sets.iter().map(candidate).collect();
    let zone = if schedule.rules.needs_calendar() {
        Some(Zone::load(zones, &schedule.settings.timezone)?)
    } else {
        None
    };
    let local = |at: DateTime<Utc>| match &zone {
        Some(zone) => zone.local(at).0,
        None => at.naive_utc(),
    };
    let terms = Terms {
        rules: &schedule.rules,
        archived: schedule.archived_at.is_some(),
        local: &local,
        now,
    };
    Ok(plan(&candidates, terms))
}

fn candidate(set: &BackupSet) -> Candidate {
    Candidate {
        id: set.id,
        time: set.time,
        status: set.status,
        pinned: set.pin_reason.is_some(),
        expired_at: set.expired_at,
        unacknowledged: set.shrunk.is_some() && set.acknowledged_at.is_none(),
    }
}

/// Makes the plan, by the rules that the schedule has now, and carries it out.
pub fn apply(hand: Hand<'_>, schedule: ScheduleId) -> Result<Applied> {
    let (schedule, mut items) = hand.store.write(|tx| {
        let schedule = store::schedules::get(tx, schedule)?;
        let items = preview(tx, hand.zones, &schedule, hand.at)?;
        let expired: BTreeSet<BackupSetId> = chosen(&items, Decision::Expire);
        for id in &expired {
            backup_sets::expire(tx, *id, hand.at)?;
        }
        if !expired.is_empty() {
            let details = json!({ "backup_sets": ids(&expired) });
            record_of_schedule(tx, hand, &schedule, "retention.expire", details)?;
        }
        Ok((schedule, items))
    })?;
    let going = chosen(&items, Decision::Purge);
    if going.is_empty() {
        return Ok(Applied {
            items,
            purged: None,
        });
    }
    let (tenant, by) = (schedule.tenant_id, hand.by());
    let purged = remove(hand.store, tenant, &going, by, |tx, purged| {
        let details = json!({
            "backup_sets": purged.sets.iter().map(|id| id.0).collect::<Vec<_>>(),
            "contents": purged.contents,
            "waiting": purged.waiting.as_ref().map(Waiting::why),
        });
        record_of_schedule(tx, hand, &schedule, event::PURGE, details)
    })?;
    for item in &mut items {
        if item.decision == Decision::Purge && !purged.sets.contains(&item.id) {
            item.decision = Decision::Keep;
            "brought back or pinned meanwhile".clone_into(&mut item.reason);
        }
    }
    Ok(Applied {
        items,
        purged: Some(purged),
    })
}

/// Removes what no backup set of a tenant reaches: what failed runs left, and purges that had to
/// wait.
pub fn reclaim(hand: Hand<'_>, tenant: TenantId) -> Result<Purged> {
    let by = hand.by();
    remove(hand.store, tenant, &BTreeSet::new(), by, |tx, purged| {
        record_of_tenant(tx, tenant, by, purged)
    })
}

/// Gives free pages back to the disk, a few at a time, and as long waits as it works, so that
/// whoever wants to write is not kept from it. Gives how many bytes.
pub fn give_back(store: &Store, clock: &dyn Clock, stop: &Stop) -> Result<u64> {
    let mut given = 0;
    loop {
        let begun = clock.monotonic();
        let step = space::give_back_some(store)?;
        given += step;
        if step == 0 || stop.requested().is_some() {
            return Ok(given);
        }
        let took = clock.monotonic().saturating_duration_since(begun);
        clock.sleep(took, stop);
    }
}

fn chosen(items: &[Item], decision: Decision) -> BTreeSet<BackupSetId> {
    items
        .iter()
        .filter(|item| item.decision == decision)
        .map(|item| item.id)
        .collect()
}

fn ids(sets: &BTreeSet<BackupSetId>) -> Vec<i64> {
    sets.iter().map(|id| id.0).collect()
}

/// Removes expired sets of a tenant, and the contents that nothing reaches any more, in portions,
/// and after each waits as long as it took, so that others get to write. `record` is called in the
/// transaction that removes the sets; contents that go after that have events of their own.
pub(super) fn remove(
    store: &Store,
    tenant: TenantId,
    going: &BTreeSet<BackupSetId>,
    by: Decider<'_>,
    record: impl Fn(&Transaction<'_>, &Purged) -> Result<()>,
) -> Result<Purged> {
    let locks = Locks::beside(store.path());
    let mut total = Purged::default();
    let (mut left, mut told) = (None, false);
    loop {
        let mark = match left.take() {
            Some(mark) => mark,
            None => purge::mark(store.read(), tenant, going)?,
        };
        let begun = by.clock.monotonic();
        let outcome = store.write(|tx| {
            let outcome = purge::purge(tx, &mark, |owner| locks.is_alive(owner))?;
            if let purge::Outcome::Purged(purged) = &outcome {
                if told && purged.sets.is_empty() {
                    record_of_tenant(tx, tenant, by, purged)?;
                } else {
                    record(tx, purged)?;
                }
            }
            Ok(outcome)
        })?;
        let purge::Outcome::Purged(purged) = outcome else {
            continue;
        };
        told = true;
        left = mark.after(&purged);
        total.sets.extend(purged.sets);
        total.contents += purged.contents;
        total.bytes += purged.bytes;
        total.waiting = purged.waiting;
        if left.is_none() {
            return Ok(total);
        }
        let took = by.clock.monotonic().saturating_duration_since(begun);
        by.clock.sleep(took, &Stop::default());
    }
}

fn record_of_tenant(
    tx: &Transaction<'_>,
    tenant: TenantId,
    by: Decider<'_>,
    purged: &Purged,
) -> Result<()> {
    if purged.contents == 0 {
        return Ok(());
    }
    let event = Event {
        at: by.at,
        actor: by.actor,
        action: "retention.reclaim",
        tenant: Some(tenant),
        object: format!("tenant {}", tenant.0),
        outcome: Outcome::Ok,
        details: json!({ "contents": purged.contents }),
    };
    store::audit::append(tx, &event).map(drop)
}

fn record_of_schedule(
    tx: &Transaction<'_>,
    hand: Hand<'_>,
    schedule: &Schedule,
    action: &str,
    details: Value,
) -> Result<()> {
    let event = Event {
        at: hand.at,
        actor: hand.actor,
        action,
        tenant: Some(schedule.tenant_id),
        object: format!("schedule {}", schedule.id.0),
        outcome: Outcome::Ok,
        details,
    };
    store::audit::append(tx, &event).map(drop)
}
