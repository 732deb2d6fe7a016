//! What one IMMEDIATE transaction decides before anything executes: step 3 of the protocol.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::Transaction;
use serde_json::json;

use super::held::{self, Held};
use crate::audit::{Event, Outcome};
use crate::error::{Error, Kind, Result};
use crate::lock::{Locks, Owner};
use crate::recurrence::Missed;
use crate::run::summary::Summary;
use crate::run::{Ending, ErrorCode, Means, RunId, Status, Trigger};
use crate::schedule::{Schedule, ScheduleId};
use crate::slot::{self, Due, Slot};
use crate::store;
use crate::store::runs::{NewRun, OpenRun};
use crate::zone::{Source, Zone};

/// A run of ours that waits to execute.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The queued run.
    pub run_id: RunId,
    /// Its schedule as it was when claimed.
    pub schedule: Schedule,
    /// Its slot, if a slot started it.
    pub slot: Option<Slot>,
}

/// An open run whose process is gone, now closed.
#[derive(Debug, Clone)]
pub struct Interrupted {
    /// The run.
    pub run_id: RunId,
    /// Who answered for it.
    pub owner: Owner,
    /// Its schedule.
    pub schedule: Schedule,
}

/// Slots of a schedule that nothing will start any more.
#[derive(Debug, Clone)]
pub struct Lost {
    /// The skipped run that stands for them.
    pub run_id: RunId,
    /// Its schedule.
    pub schedule: Schedule,
    /// Which slots.
    pub missed: Missed,
    /// Whether dispatches began in all that time, and none could start anything.
    pub failed: bool,
}

/// What the transaction decided.
#[derive(Debug, Default)]
pub struct Decision {
    /// Open runs that were closed because their process is gone.
    pub interrupted: Vec<Interrupted>,
    /// Missed slots that were recorded.
    pub missed: Vec<Lost>,
    /// Slots skipped because a run of their schedule is still open.
    pub held: Vec<Held>,
    /// Runs that are now ours to execute.
    pub claims: Vec<Claim>,
    /// Schedules of which nothing can be decided, and why; they keep no other from starting.
    pub unusable: Vec<Error>,
}

impl Decision {
    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.interrupted.is_empty()
            && self.missed.is_empty()
            && self.held.is_empty()
            && self.claims.is_empty()
    }
}

/// Closes what died, accounts for every slot up to the minute `now`, and claims what starts in it.
pub fn decide(tx: &Transaction<'_>, means: &Means, owner: &Owner, now: Slot) -> Result<Decision> {
    let at = means.clock.now();
    let mut zones = Zones::new(&means.zones);
    renew_next_slots(tx, &mut zones)?;
    let mut decision = Decision::default();
    close_interrupted(tx, means, at, &mut decision)?;
    resume_slots(tx, means, &mut zones, now, at, &mut decision)?;
    let open = open_by_schedule(tx)?;
    for id in store::slots::due(tx, now)? {
        match due_of(tx, &mut zones, id, now) {
            Ok((schedule, due)) => {
                act_on(tx, means, owner, &open, schedule, due, at, &mut decision)?;
            }
            Err(error) => decision.unusable.push(in_its_row(error)?),
        }
    }
    if !decision.is_empty() {
        let details = json!({
            "claimed": decision.claims.len(),
            "held": decision.held.len(),
            "missed": decision.missed.len(),
            "interrupted": decision.interrupted.len(),
        });
        store::audit::append(
            tx,
            &Event {
                at,
                actor: &means.actor,
                action: "dispatch",
                tenant: None,
                object: format!("slot {now}"),
                outcome: Outcome::Ok,
                details,
            },
        )?;
    }
    Ok(decision)
}

/// The schedule, and what is to become of its slots up to `now`.
fn due_of(
    tx: &Transaction<'_>,
    zones: &mut Zones<'_>,
    id: ScheduleId,
    now: Slot,
) -> Result<(Schedule, Due)> {
    let schedule = store::schedules::get(tx, id)?;
    let settings = &schedule.settings;
    let zone = zones.of(&schedule)?;
    let mut due = slot::plan(
        &settings.recurrence,
        zone,
        schedule.slots_from,
        now,
        settings.grace,
    );
    if let Some(missed) = due.missed {
        due.missed = without_runs(tx, &schedule, zone, missed)?;
    }
    Ok((schedule, due))
}

/// The oldest open run of each schedule that has one.
fn open_by_schedule(tx: &Transaction<'_>) -> Result<HashMap<ScheduleId, OpenRun>> {
    let mut open = HashMap::new();
    for run in store::runs::open(tx)? {
        open.entry(run.schedule_id).or_insert(run);
    }
    Ok(open)
}

/// A failure that lies in one schedule's row; any other ends the transaction.
fn in_its_row(error: Error) -> Result<Error> {
    match error.kind() {
        Kind::Usage | Kind::Config | Kind::Integrity | Kind::Internal => Ok(error),
        _ => Err(error),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one step of `decide`, with all that it knows"
)]
fn act_on(
    tx: &Transaction<'_>,
    means: &Means,
    owner: &Owner,
    open: &HashMap<ScheduleId, OpenRun>,
    schedule: Schedule,
    due: Due,
    at: DateTime<Utc>,
    decision: &mut Decision,
) -> Result<()> {
    store::slots::account(tx, schedule.id, due.slots_from, due.next_slot)?;
    if let Some(missed) = due.missed {
        decision.missed.extend(record(
            tx,
            &means.locks,
            &schedule,
            missed,
            &means.actor,
            at,
        )?);
    }
    let Some(slot) = due.start else { return Ok(()) };
    let run = scheduled_run(&schedule, slot, &means.actor, at);
    if let Some(holder) = open.get(&schedule.id) {
        let why = held::why(&schedule, holder);
        if let Some(run_id) = held::skip(tx, &schedule, &run, &why, Some(holder))? {
            decision.held.push(Held {
                warning: held::warning(tx, &schedule, &why)?,
                run_id,
                schedule,
                slot,
                why,
            });
        }
    } else if let Some(run_id) = store::runs::claim(tx, &run, owner)? {
        decision.claims.push(Claim {
            run_id,
            schedule,
            slot: Some(slot),
        });
    }
    Ok(())
}

/// Zones by name; each is read once per transaction.
struct Zones<'a> {
    source: &'a Source,
    loaded: HashMap<String, Zone>,
}

impl<'a> Zones<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            loaded: HashMap::new(),
        }
    }

    /// The zone of a schedule. One that this machine does not know was known when the schedule was
    /// saved: the setting cannot be used here.
    fn of(&mut self, schedule: &Schedule) -> Result<&Zone> {
        let name = schedule.settings.timezone.as_str();
        if !self.loaded.contains_key(name) {
            let zone = Zone::load(self.source, name).map_err(|error| {
                let line = format!(
                    "{} cannot be started: {}",
                    schedule.described(),
                    error.message()
                );
                let id = schedule.id.0;
                let hint = format!(
                    "give it a zone that this machine knows: \
                     tenantpilot schedules edit {id} --timezone ZONE"
                );
                Error::new(Kind::Config, line).hint(hint)
            })?;
            self.loaded.insert(name.to_owned(), zone);
        }
        self.loaded
            .get(name)
            .ok_or_else(|| Error::internal(format!("zone {name} was not kept")))
    }
}

/// Computes every `next_slot` anew when the zone rules changed since they were computed.
fn renew_next_slots(tx: &Transaction<'_>, zones: &mut Zones<'_>) -> Result<()> {
    let version = zones.source.version();
    if store::slots::zone_version(tx)?.as_ref() == Some(&version) {
        return Ok(());
    }
    for id in store::slots::active(tx)? {
        match next_slot_of(tx, zones, id) {
            Ok((schedule, next)) if next != schedule.next_slot => {
                store::slots::account(tx, id, schedule.slots_from, next)?;
            }
            Ok(_) => {}
            // Said when the schedule is due; the others must not wait for it.
            Err(error) => drop(in_its_row(error)?),
        }
    }
    store::slots::set_zone_version(tx, &version)
}

/// Takes up the slots again, from the minute `now` on, of schedules that an earlier "now" accounted
/// for far beyond it.
fn resume_slots(
    tx: &Transaction<'_>,
    means: &Means,
    zones: &mut Zones<'_>,
    now: Slot,
    at: DateTime<Utc>,
    decision: &mut Decision,
) -> Result<()> {
    for id in store::slots::ahead(tx, now)? {
        let resumed = store::schedules::get(tx, id).and_then(|schedule| {
            let next = schedule.settings.recurrence.next(zones.of(&schedule)?, now);
            Ok((schedule, next))
        });
        let (schedule, next) = match resumed {
            Ok(resumed) => resumed,
            Err(error) => {
                decision.unusable.push(in_its_row(error)?);
                continue;
            }
        };
        store::slots::account(tx, id, now, next)?;
        store::audit::append(
            tx,
            &Event {
                at,
                actor: &means.actor,
                action: "slots.resumed",
                tenant: Some(schedule.tenant_id),
                object: format!("schedule {}", id.0),
                outcome: Outcome::Ok,
                details: json!({
                    "from": now.to_string(),
                    "was": schedule.slots_from.to_string(),
                }),
            },
        )?;
    }
    Ok(())
}

fn next_slot_of(
    tx: &Transaction<'_>,
    zones: &mut Zones<'_>,
    id: ScheduleId,
) -> Result<(Schedule, Option<Slot>)> {
    let schedule = store::schedules::get(tx, id)?;
    let zone = zones.of(&schedule)?;
    let next = schedule.settings.recurrence.next(zone, schedule.slots_from);
    Ok((schedule, next))
}

pub(super) fn close_interrupted(
    tx: &Transaction<'_>,
    means: &Means,
    at: DateTime<Utc>,
    decision: &mut Decision,
) -> Result<()> {
    for run in gone(&means.locks, store::runs::open(tx)?)? {
        let ending = Ending::because(
            Status::Failed,
            ErrorCode::Interrupted,
            match run.status {
                Status::Queued => "the process that had claimed it is gone",
                _ => "the process that executed it is gone",
            },
        );
        if !store::runs::finish(tx, run.id, &run.owner, &ending, at, None)? {
            continue;
        }
        store::audit::append(
            tx,
            &Event {
                at,
                actor: &means.actor,
                action: "run.interrupted",
                tenant: Some(run.tenant_id),
                object: format!("run {}", run.id.0),
                outcome: Outcome::Failed,
                details: json!({ "schedule": run.schedule_id.0, "was": run.status.as_str() }),
            },
        )?;
        store::notifications::leave(tx, run.id, at)?;
        store::state_changes::note(tx, run.id, at)?;
        match store::schedules::get(tx, run.schedule_id) {
            Ok(schedule) => decision.interrupted.push(Interrupted {
                run_id: run.id,
                owner: run.owner,
                schedule,
            }),
            Err(error) => decision
                .unusable
                .push(in_its_row(error)?.during(format_args!("run {} was interrupted", run.id.0))),
        }
    }
    Ok(())
}

/// The runs whose owner does not hold its process lock any more.
pub(super) fn gone(locks: &Locks, open: Vec<OpenRun>) -> Result<Vec<OpenRun>> {
    let mut alive: HashMap<Owner, bool> = HashMap::new();
    let mut gone = Vec::new();
    for run in open {
        let alive = match alive.get(&run.owner) {
            Some(alive) => *alive,
            None => {
                let answer = locks.is_alive(&run.owner)?;
                alive.insert(run.owner.clone(), answer);
                answer
            }
        };
        if !alive {
            gone.push(run);
        }
    }
    Ok(gone)
}

fn scheduled_run<'a>(
    schedule: &Schedule,
    slot: Slot,
    actor: &'a str,
    at: DateTime<Utc>,
) -> NewRun<'a> {
    NewRun {
        tenant_id: schedule.tenant_id,
        schedule_id: schedule.id,
        trigger: Trigger::Schedule,
        retry_of: None,
        actor,
        scheduled_for: Some(slot),
        created_at: at,
    }
}

/// Records missed slots as one skipped run, under the newest that has no run yet. None when each
/// has one.
pub fn record_missed(
    tx: &Transaction<'_>,
    locks: &Locks,
    schedule: &Schedule,
    zone: &Zone,
    missed: Missed,
    actor: &str,
    at: DateTime<Utc>,
) -> Result<Option<Lost>> {
    match without_runs(tx, schedule, zone, missed)? {
        Some(missed) => record(tx, locks, schedule, missed, actor, at),
        None => Ok(None),
    }
}

/// Those of the missed slots that have no run: after slots were taken up again some have one.
fn without_runs(
    tx: &Transaction<'_>,
    schedule: &Schedule,
    zone: &Zone,
    missed: Missed,
) -> Result<Option<Missed>> {
    let rule = &schedule.settings.recurrence;
    let mut taken = store::runs::taken_slots(tx, schedule.id, missed.first, missed.newest)?;
    // A run of an earlier rule is not among the slots of this one.
    taken.retain(|slot| rule.next(zone, *slot) == Some(*slot));
    Ok(slot::subtract(rule, zone, missed, &taken))
}

fn record(
    tx: &Transaction<'_>,
    locks: &Locks,
    schedule: &Schedule,
    missed: Missed,
    actor: &str,
    at: DateTime<Utc>,
) -> Result<Option<Lost>> {
    let failed = all_failed(locks, missed);
    let started = if failed { "could start" } else { "started" };
    let message = match missed.count {
        1 => format!("no dispatch {started} it in its minute {}", missed.newest),
        n => format!(
            "no dispatch {started} any of {n} slots from {} to {}",
            missed.first, missed.newest
        ),
    };
    let ending = Ending {
        summary: Some(Summary {
            missed_count: Some(missed.count),
            first_missed: Some(missed.first.to_string()),
            ..Summary::default()
        }),
        ..Ending::because(Status::Skipped, ErrorCode::MissedSlot, message)
    };
    let run = scheduled_run(schedule, missed.newest, actor, at);
    let Some(run_id) = store::runs::record(tx, &run, &ending)? else {
        return Ok(None);
    };
    store::audit::append(
        tx,
        &Event {
            at,
            actor,
            action: "run.missed",
            tenant: Some(schedule.tenant_id),
            object: format!("run {}", run_id.0),
            outcome: Outcome::Failed,
            details: json!({
                "schedule": schedule.id.0,
                "missed_count": missed.count,
                "first_missed": missed.first.to_string(),
                "newest_missed": missed.newest.to_string(),
            }),
        },
    )?;
    store::state_changes::note(tx, run_id, at)?;
    Ok(Some(Lost {
        run_id,
        schedule: schedule.clone(),
        missed,
        failed,
    }))
}

/// Whether dispatches are known that began from the first to the newest of these slots without a gap
/// and could start nothing.
fn all_failed(locks: &Locks, missed: Missed) -> bool {
    locks.failed_dispatches().is_some_and(|row| {
        Slot::containing(row.since) <= missed.first && missed.newest.instant() <= row.newest
    })
}
