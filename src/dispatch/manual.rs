//! Runs that no slot starts: `run` and `retry`.
//!
//! Each schedule is a unit of its own: take its lock, claim its run, execute it. So a schedule that
//! is free runs at once while another waits, nothing is claimed before somebody is there to execute
//! it, and a failure of one leaves the others alone. The lock comes first, because then a run that
//! is claimed has nothing to wait for any more. A schedule that is not free goes back to the line
//! and is looked at again, until the patience is over: its last look leaves a skipped run.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Transaction;

use super::claim::{self, Claim, Decision};
use super::execute::{self, Executed};
use super::held;
use crate::error::{Error, Kind, Result};
use crate::lock::{Owner, ScheduleLock};
use crate::run::{Means, RunId, Trigger};
use crate::schedule::Schedule;
use crate::store::runs::NewRun;
use crate::store::{self, Store};
use crate::threads;

/// How often a schedule that is not free is looked at again.
const POLL: Duration = Duration::from_millis(200);

/// A run that somebody asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// By which schedule.
    pub schedule: Schedule,
    /// The run that it tries again.
    pub retry_of: Option<RunId>,
}

/// A run that was asked for and never executed.
#[derive(Debug)]
pub struct Refused {
    /// The skipped run that stands for it, if one could be written.
    pub run_id: Option<RunId>,
    /// Why.
    pub error: Error,
}

/// What became of the runs that were asked for.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Open runs that were closed on the way because their process is gone.
    pub closed: Vec<Decision>,
    /// Runs that are over, in the order of their ids.
    pub executed: Vec<Executed>,
    /// Runs that were refused.
    pub refused: Vec<Refused>,
    /// Schedules that a request to stop left untouched.
    pub untouched: Vec<Schedule>,
}

/// One who waits in the line.
struct Waiting {
    wanted: Wanted,
    /// Not to be looked at before this.
    next_look: Instant,
}

/// Claims and executes a run for each of `wanted`, at most `at_once` at a time. `patience` is how
/// long, from now, a schedule that has a run already is waited for.
pub fn run(
    means: &Means,
    owner: &Owner,
    wanted: Vec<Wanted>,
    at_once: usize,
    patience: Duration,
) -> Outcome {
    let begun = means.clock.monotonic();
    let workers = at_once.clamp(1, wanted.len().max(1));
    means.progress.plan(wanted.len());
    let line: VecDeque<_> = wanted
        .into_iter()
        .map(|wanted| Waiting {
            wanted,
            next_look: begun,
        })
        .collect();
    let line = Mutex::new(line);
    let outcome = Mutex::new(Outcome::default());
    threads::in_parallel(workers, || {
        // Who holds the line looks and claims, so that runs are claimed in the order asked for.
        loop {
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(waiting) = next(means, &mut line) else {
                return;
            };
            let waited = means.clock.monotonic().saturating_duration_since(begun);
            let looked = look(means, owner, &waiting.wanted, waited >= patience);
            if matches!(looked, Ok(Looked::NotFree(_))) {
                let pause = POLL.min(patience.saturating_sub(waited));
                let now = means.clock.monotonic();
                line.push_back(Waiting {
                    wanted: waiting.wanted.clone(),
                    next_look: now.checked_add(pause).unwrap_or(now),
                });
            }
            drop(line);
            let over = match looked {
                Ok(Looked::Ours(closed, claim, lock)) => {
                    let executed = execute::execute(means, owner, &claim, || Ok(Ok(lock)));
                    Ok((closed, Some(executed)))
                }
                other => Err(other),
            };
            if !matches!(over, Ok(_) | Err(Ok(Looked::NotFree(_)))) {
                means.progress.pass();
            }
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            match over {
                Ok((closed, executed)) => {
                    outcome.closed.push(closed);
                    outcome.executed.extend(executed);
                }
                Err(Ok(Looked::Refused(closed, refused))) => {
                    outcome.closed.push(closed);
                    outcome.refused.push(refused);
                }
                Err(Ok(Looked::NotFree(closed) | Looked::Ours(closed, ..))) => {
                    outcome.closed.push(closed);
                }
                Err(Ok(Looked::Untouched)) => outcome.untouched.push(waiting.wanted.schedule),
                Err(Err(error)) => outcome.refused.push(Refused {
                    run_id: None,
                    error: error.during(waiting.wanted.schedule.described()),
                }),
            }
        }
    });
    let mut outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.executed.sort_by_key(|executed| executed.run_id);
    outcome
}

/// The next in the line, once its time has come; none when the line is empty.
fn next(means: &Means, line: &mut VecDeque<Waiting>) -> Option<Waiting> {
    let waiting = line.pop_front()?;
    // Whoever goes back to the line goes to its end: nobody behind is to be looked at earlier.
    let pause = waiting
        .next_look
        .saturating_duration_since(means.clock.monotonic());
    if !pause.is_zero() {
        means.clock.sleep(pause, &means.stop);
    }
    Some(waiting)
}

/// What became of one look at one schedule.
enum Looked {
    Ours(Decision, Box<Claim>, ScheduleLock),
    Refused(Decision, Refused),
    NotFree(Decision),
    Untouched,
}

fn look(means: &Means, owner: &Owner, wanted: &Wanted, last_look: bool) -> Result<Looked> {
    if means.stop.requested().is_some() {
        return Ok(Looked::Untouched);
    }
    let schedule = &wanted.schedule;
    let store = Store::open(&means.database)?;
    let holder = format!("a run by {}, process {}", means.actor, std::process::id());
    let lock = means.locks.schedule(schedule.id, &holder)?;
    if lock.is_err() && !last_look {
        return Ok(Looked::NotFree(Decision::default()));
    }
    if !last_look && has_living_run(means, &store, schedule)? {
        return Ok(Looked::NotFree(Decision::default()));
    }
    let (closed, claimed) =
        store.write(|tx| claim(tx, means, owner, wanted, lock.as_ref().err(), last_look))?;
    super::ping_checks(means, &closed);
    Ok(match (claimed, lock) {
        (Claimed::Ours(claim), Ok(lock)) => Looked::Ours(closed, claim, lock),
        (Claimed::Refused(refused), _) => Looked::Refused(closed, refused),
        (Claimed::NotFree | Claimed::Ours(_), _) => Looked::NotFree(closed),
    })
}

/// Whether the schedule has an open run whose process lives. Read before a claim is tried, so that
/// waiting writes nothing.
fn has_living_run(means: &Means, store: &Store, schedule: &Schedule) -> Result<bool> {
    for run in store::runs::open(store.read())? {
        if run.schedule_id == schedule.id && means.locks.is_alive(&run.owner)? {
            return Ok(true);
        }
    }
    Ok(false)
}

enum Claimed {
    Ours(Box<Claim>),
    Refused(Refused),
    NotFree,
}

/// Claims the run, and says what was closed on the way. Not while the schedule has an open run or
/// its lock has another holder; on the last look the refusal becomes a skipped run in its history.
fn claim(
    tx: &Transaction<'_>,
    means: &Means,
    owner: &Owner,
    wanted: &Wanted,
    lock_holder: Option<&String>,
    last_look: bool,
) -> Result<(Decision, Claimed)> {
    let Wanted { schedule, retry_of } = wanted;
    let at = means.clock.now();
    let mut closed = Decision::default();
    claim::close_interrupted(tx, means, at, &mut closed)?;
    let run = NewRun {
        tenant_id: schedule.tenant_id,
        schedule_id: schedule.id,
        trigger: if retry_of.is_some() {
            Trigger::Retry
        } else {
            Trigger::Manual
        },
        retry_of: *retry_of,
        actor: &means.actor,
        scheduled_for: None,
        created_at: at,
    };
    let open = store::runs::open(tx)?;
    let holder = open.iter().find(|run| run.schedule_id == schedule.id);
    let why = match (holder, lock_holder) {
        (Some(holder), _) => held::why(schedule, holder),
        (None, Some(other)) => format!("the lock of {} is held by {other}", schedule.described()),
        (None, None) => {
            let run_id = store::runs::claim(tx, &run, owner)?.ok_or_else(|| {
                Error::internal("a run without a slot was refused as a second one")
            })?;
            let claim = Claim {
                run_id,
                schedule: schedule.clone(),
                slot: None,
            };
            return Ok((closed, Claimed::Ours(Box::new(claim))));
        }
    };
    if !last_look {
        return Ok((closed, Claimed::NotFree));
    }
    let run_id = held::skip(tx, schedule, &run, &why, holder)?;
    let error = Error::new(Kind::LockHeld, why).hint("wait for it, or add --wait 10m");
    Ok((closed, Claimed::Refused(Refused { run_id, error })))
}
