//! Executing claimed runs, several at once: step 4 of the protocol.
//!
//! Each run is kept from the others: its own connection, its own lock, its own failure, and a panic
//! in one ends that one as `failed` / `INTERNAL`.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Claim;
use super::held;
use crate::audit::{self, Event};
use crate::backup_set::{BackupSetId, Shrunk};
use crate::error::{Error, Kind, Result};
use crate::lock::{Owner, ScheduleLock};
use crate::monitoring::ping::RunPings;
use crate::progress::Gauge;
use crate::retention::{self, Hand};
use crate::run::{Ending, ErrorCode, Means, RunId, Status, backup};
use crate::schedule::{Schedule, spread_offset};
use crate::secret::database_key;
use crate::store::backup_sets::purge::Waiting;
use crate::store::runs::OpenRun;
use crate::store::{self, Store};
use crate::threads;

/// How often a run that waits for a schedule lock looks again.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// A run of ours that is over.
#[derive(Debug)]
pub struct Executed {
    /// The run.
    pub run_id: RunId,
    /// Its schedule.
    pub schedule: Schedule,
    /// How it ended.
    pub ending: Ending,
    /// The backup set it left.
    pub backup_set: Option<BackupSetId>,
    /// What went wrong beside it: its outcome could not be written, or retention failed.
    pub trouble: Vec<Error>,
    /// What to look at, though nothing failed; it does not count for the exit code.
    pub warnings: Vec<Error>,
}

/// Executes `claims`, at most `jobs` at once, each at its offset within its schedule's spread;
/// returns when all are over, in the order of their ids. `patience` is how long a run waits for its
/// schedule lock.
pub fn execute_all(
    means: &Means,
    owner: &Owner,
    claims: Vec<Claim>,
    jobs: usize,
    patience: Duration,
) -> Vec<Executed> {
    let begun = means.clock.monotonic();
    means.progress.plan(claims.len());
    let mut waiting: Vec<(Duration, Claim)> = claims
        .into_iter()
        .map(|claim| (offset(&claim), claim))
        .collect();
    waiting.sort_by_key(|(offset, claim)| (*offset, claim.run_id));
    let workers = jobs.clamp(1, waiting.len().max(1));
    let queue = Mutex::new(VecDeque::from(waiting));
    let over = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some((offset, claim)) = next else { return };
            let passed = means.clock.monotonic().saturating_duration_since(begun);
            means
                .clock
                .sleep(offset.saturating_sub(passed), &means.stop);
            let executed = execute(means, owner, &claim, || take_lock(means, &claim, patience));
            over.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(executed);
        }
    };
    threads::in_parallel(workers, work);
    let mut over = over.into_inner().unwrap_or_else(PoisonError::into_inner);
    over.sort_by_key(|executed| executed.run_id);
    over
}

/// What a run is called where there is room for little.
fn label(schedule: &Schedule) -> String {
    format!("{}/{}", schedule.tenant, schedule.name())
}

fn offset(claim: &Claim) -> Duration {
    match claim.slot {
        Some(_) => spread_offset(claim.schedule.id, claim.schedule.settings.spread),
        None => Duration::ZERO,
    }
}

/// The lock of a schedule, or who holds it.
type Lock = std::result::Result<ScheduleLock, String>;

/// Executes one run under the lock that `take` gives.
pub(super) fn execute(
    means: &Means,
    owner: &Owner,
    claim: &Claim,
    take: impl FnOnce() -> Result<Lock>,
) -> Executed {
    let begun = means.clock.monotonic();
    let pings = means.pings.of_run(&claim.schedule, owner, claim.run_id);
    let gauge = means.progress.begin(label(&claim.schedule), "types");
    let attempt = AssertUnwindSafe(|| attempt(means, owner, claim, take, begun, &pings, &gauge));
    let executed = match catch_unwind(attempt) {
        Ok(Ok(executed)) => executed,
        Ok(Err(error)) => close_failed(means, owner, claim, begun, &error),
        Err(_) => {
            let error = Error::internal(format!(
                "run {} of {} panicked; this is a bug in tenantpilot",
                claim.run_id.0,
                claim.schedule.described()
            ));
            close_failed(means, owner, claim, begun, &error)
        }
    };
    // Its lock is given up by now.
    pings.end(claim.run_id, &executed.ending);
    executed
}

fn attempt(
    means: &Means,
    owner: &Owner,
    claim: &Claim,
    take: impl FnOnce() -> Result<Lock>,
    begun: Instant,
    pings: &RunPings,
    gauge: &Arc<Gauge>,
) -> Result<Executed> {
    let store = Store::open(&means.database)?;
    gauge.enter("waits for the schedule's lock");
    let _lock = match take()? {
        Ok(lock) => lock,
        Err(_) if means.stop.requested().is_some() => return Err(stopped(means)),
        Err(holder) => {
            let message = format!(
                "the lock of {} is held by {holder}",
                claim.schedule.described()
            );
            return skip_held(means, &store, owner, claim, begun, &message);
        }
    };
    if means.stop.requested().is_some() {
        return Err(stopped(means));
    }
    let at = means.clock.now();
    if !store.write(|tx| store::runs::start(tx, claim.run_id, owner, at))? {
        let open = store::runs::open(store.read())?;
        let others =
            |run: &&OpenRun| run.schedule_id == claim.schedule.id && run.id != claim.run_id;
        let message = match open.iter().find(others) {
            Some(holder) => held::why(&claim.schedule, holder),
            None => format!("{} had another running run", claim.schedule.described()),
        };
        return skip_held(means, &store, owner, claim, begun, &message);
    }
    pings.start(claim.run_id);
    let backed_up = backup::back_up(means, &store, owner, claim, begun, gauge)?;
    let mut executed = Executed {
        run_id: claim.run_id,
        schedule: claim.schedule.clone(),
        ending: backed_up.ending,
        backup_set: backed_up.backup_set,
        trouble: Vec::new(),
        warnings: Vec::new(),
    };
    if let Some(set) = executed.backup_set {
        executed.warnings = warnings(&claim.schedule, set, backed_up.shrunk.as_ref());
        let new_key = backed_up.new_key.as_deref();
        let new_key = new_key.map(|why| of_new_key(means, &claim.schedule, set, why));
        executed.warnings.extend(new_key);
        gauge.enter("applies retention");
        if let Err(error) = retain(means, &store, claim) {
            let of = format_args!("retention of {}", claim.schedule.described());
            executed.trouble.push(error.during(of));
        }
    }
    Ok(executed)
}

/// Applies retention and gives back what has become free where that
/// is much.
///
/// That a remaining set cannot be read is an error here: what nothing reaches stays until then.
fn retain(means: &Means, store: &Store, claim: &Claim) -> Result<()> {
    let hand = Hand {
        store,
        zones: &means.zones,
        clock: means.clock.as_ref(),
        actor: &means.actor,
        at: means.clock.now(),
    };
    let applied = retention::apply(hand, claim.schedule.id)?;
    if let Some(Waiting::Unread(error)) = applied.purged.and_then(|purged| purged.waiting) {
        return Err(error);
    }
    if store::space::pages(store.read())?.are_many_free() {
        retention::give_back(store, means.clock.as_ref(), &means.stop)?;
    }
    Ok(())
}

/// What somebody has to know of a set beside that it is there.
fn warnings(schedule: &Schedule, set: BackupSetId, shrunk: Option<&Shrunk>) -> Vec<Error> {
    let lost = shrunk
        .into_iter()
        .flatten()
        .map(|(policy_type, [before, left])| {
            format!("{policy_type} {} of {before}", before.saturating_sub(*left))
        });
    let lost: Vec<String> = lost.collect();
    if lost.is_empty() {
        return Vec::new();
    }
    let line = format!(
        "backup set {set} of {} lost most of its policies: {}; retention of the schedule stands \
         still until somebody acknowledges it",
        schedule.described(),
        lost.join(", ")
    );
    let hint = format!("if that is right: tenantpilot backups acknowledge {set}");
    vec![Error::new(Kind::Attention, line).hint(hint)]
}

/// That the key beside the database was lost, or another put in its place.
fn of_new_key(means: &Means, schedule: &Schedule, set: BackupSetId, why: &str) -> Error {
    let line = format!("backup set {set} of {}: {why}", schedule.described());
    let key = database_key::beside(&means.database);
    let key = shell_words::quote(&key.to_string_lossy()).into_owned();
    let hint = format!("if there is a copy of the former key: cp -p COPY-key {key}");
    Error::new(Kind::Attention, line).hint(hint)
}

/// The request to stop, as an error.
fn stopped(means: &Means) -> Error {
    Error::new(Kind::Canceled, means.stop.told())
}

fn take_lock(means: &Means, claim: &Claim, patience: Duration) -> Result<Lock> {
    let holder = format!("run {}, process {}", claim.run_id.0, std::process::id());
    let begun = means.clock.monotonic();
    loop {
        match means.locks.schedule(claim.schedule.id, &holder)? {
            Ok(lock) => return Ok(Ok(lock)),
            Err(other) => {
                let waited = means.clock.monotonic().saturating_duration_since(begun);
                if waited >= patience || means.stop.requested().is_some() {
                    return Ok(Err(other));
                }
                means
                    .clock
                    .sleep(LOCK_POLL.min(patience - waited), &means.stop);
            }
        }
    }
}

/// Ends a run that does not get its schedule because of `why`.
fn skip_held(
    means: &Means,
    store: &Store,
    owner: &Owner,
    claim: &Claim,
    begun: Instant,
    why: &str,
) -> Result<Executed> {
    let ending = Ending::because(Status::Skipped, ErrorCode::LockHeld, why);
    let mut executed = close(means, store, owner, claim, begun, ending)?;
    if claim.slot.is_some() {
        let warning = held::warning(store.read(), &claim.schedule, why)?;
        executed.warnings.extend(warning);
    }
    Ok(executed)
}

/// Ends a run that left no backup set.
fn close(
    means: &Means,
    store: &Store,
    owner: &Owner,
    claim: &Claim,
    begun: Instant,
    ending: Ending,
) -> Result<Executed> {
    let ended = store.write(|tx| finish(tx, means, owner, claim, begun, &ending))?;
    if !ended {
        return Err(lost(claim));
    }
    Ok(Executed {
        run_id: claim.run_id,
        schedule: claim.schedule.clone(),
        ending,
        backup_set: None,
        trouble: Vec::new(),
        warnings: Vec::new(),
    })
}

/// Ends a run by an error that stopped it. Where even that cannot be written, the next dispatch
/// will find the run without an owner. A run that another process has closed is not written again.
fn close_failed(
    means: &Means,
    owner: &Owner,
    claim: &Claim,
    begun: Instant,
    error: &Error,
) -> Executed {
    let status = if error.kind() == Kind::Canceled {
        Status::Canceled
    } else {
        Status::Failed
    };
    let ending = Ending {
        hint: error.hint_text().map(str::to_owned),
        ..Ending::because(status, ErrorCode::from(error.kind()), error.message())
    };
    let mut executed = Executed {
        run_id: claim.run_id,
        schedule: claim.schedule.clone(),
        ending: ending.clone(),
        backup_set: None,
        trouble: Vec::new(),
        warnings: Vec::new(),
    };
    if error.kind() == Kind::Interrupted {
        return executed;
    }
    let closed = Store::open(&means.database)
        .and_then(|store| close(means, &store, owner, claim, begun, ending));
    match closed {
        Ok(closed) => executed = closed,
        Err(trouble) => executed
            .trouble
            .push(trouble.during(format_args!("recording run {}", claim.run_id.0))),
    }
    executed
}

/// Writes the ending of an open run, its audit event, word for the user who asked for it, and how the
/// schedule stands now; false when the run is not ours any more.
pub(crate) fn finish(
    tx: &rusqlite::Transaction<'_>,
    means: &Means,
    owner: &Owner,
    claim: &Claim,
    begun: Instant,
    ending: &Ending,
) -> Result<bool> {
    let at = means.clock.now();
    let took = means
        .clock
        .monotonic()
        .saturating_duration_since(begun)
        .as_millis();
    let duration_ms = i64::try_from(took).unwrap_or(i64::MAX);
    if !store::runs::finish(tx, claim.run_id, owner, ending, at, Some(duration_ms))? {
        return Ok(false);
    }
    let outcome = match ending.status {
        Status::Success => audit::Outcome::Ok,
        Status::Partial => audit::Outcome::Partial,
        _ => audit::Outcome::Failed,
    };
    store::audit::append(
        tx,
        &Event {
            at,
            actor: &means.actor,
            action: "run.finish",
            tenant: Some(claim.schedule.tenant_id),
            object: format!("run {}", claim.run_id.0),
            outcome,
            details: json!({
                "schedule": claim.schedule.id.0,
                "status": ending.status.as_str(),
                "error_code": ending.error_code.map(ErrorCode::as_str),
            }),
        },
    )?;
    store::notifications::leave(tx, claim.run_id, at)?;
    store::state_changes::note(tx, claim.run_id, at)?;
    Ok(true)
}

/// The run was closed by another process while we executed it; nothing it did may count.
pub(crate) fn lost(claim: &Claim) -> Error {
    Error::new(
        Kind::Interrupted,
        format!(
            "run {} was closed by another process; what it read is not kept",
            claim.run_id.0
        ),
    )
}
