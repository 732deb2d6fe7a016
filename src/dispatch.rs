//! One dispatch: what is due is claimed, what is past is recorded, what died is closed; then the
//! claimed runs execute, several at once.
//!
//! cron starts a process each minute, so several are always alive together, in any order, and any
//! of them may die at any point. This is the protocol that they keep.
//!
//! # What there is
//!
//! - A **run** row is `queued`, then `running`, then finished; a finished row never changes (the
//!   schema sees to it). An open row names its **owner**.
//! - An owner is a process. It takes its **process lock** *before* it writes its first row and
//!   holds it to its end. So an open row whose owner's lock is free belongs to nobody any more.
//! - A **schedule lock** is held while a run of the schedule executes, from before `running` to
//!   after its retention.
//! - The database allows one run per (schedule, slot), and one `running` run per schedule.
//!
//! # What a dispatch does
//!
//! 1. **Look.** Nothing due and no open run without a living owner: leave, having written nothing.
//! 2. **Take the process lock.**
//! 3. **Decide**, in one IMMEDIATE transaction, so that no two processes decide at once:
//!    - (a) open runs whose owner is gone become `failed` / `INTERRUPTED`;
//!    - (b) a schedule whose slots are accounted for far into the future takes them up again (see
//!      *A "now" in the future*);
//!    - (c) for each due schedule, the pure decision of [`crate::slot::plan`]: which slot starts,
//!      which were missed, from when on slots count. Missed slots become one `skipped` /
//!      `MISSED_SLOT` run;
//!    - (d) the slot that starts becomes a `queued` run of ours; or, when the schedule still has an
//!      open run (whose owner lives, by a), a `skipped` / `LOCK_HELD` run that names it.
//! 4. **Execute** each queued run of ours, at most `--jobs` at once: take the schedule lock, turn
//!    `queued` into `running`, back up, write backup set and outcome in one transaction, apply
//!    retention, give up the lock.
//!
//! A run that no slot starts (`run`, `retry`) is claimed and executed as one unit per schedule, and
//! takes the schedule lock before it claims: see [`manual`].
//!
//! # The windows
//!
//! - *Two dispatches in one minute.* The second finds the slots accounted for (3c moved
//!   `slots_from` past this minute in the same transaction); if a set-back clock or `--at` made it
//!   look again, the UNIQUE constraint refuses the row, and it leaves the slot to the first.
//! - *Claimed but not yet locked.* The row is open and its owner lives: nobody closes it (3a), and
//!   a later slot of the schedule is skipped in its favour (3d) instead of racing it to the lock.
//!   So a queued run loses its schedule lock to no other run; only retention, by hand or after the
//!   run before, can hold it for a moment, and is waited for ([`LOCK_PATIENCE`]).
//! - *Dies before 3 commits.* Nothing was written; the slot is still due in this minute, and
//!   missed afterwards.
//! - *Dies after 3 commits.* The rows stay open, the kernel frees the process lock, the next
//!   dispatch or run closes them, once: whoever comes second finds them finished.
//! - *Dies in the transaction that ends a run.* SQLite undoes it: the run is closed as above, and
//!   the contents stored for it are reclaimed later. A backup set is there whole or not at all.
//! - *Closed by mistake*, because somebody deleted the lock folder under a living owner: the
//!   owner's last transaction finds its row finished and undoes itself, so a run is never both
//!   interrupted and a success; and while its row was `running`, no other run could be.
//! - *A "now" in the future* (a clock that was ahead, a typo in `--at`) accounts for slots that are
//!   still to come, and would silence a schedule until then. A dispatch that finds `slots_from`
//!   more than an hour after its own minute, and more than an hour after `slots_begin`, takes the
//!   slots up again from its minute on, with an audit event `slots.resumed` and no word. Slots that
//!   have a run are refused by the UNIQUE constraint, so nothing runs twice; slots that were told as
//!   missed are told again where they are missed when their time comes: better twice than never. A
//!   clock set back by less is sat out; a dispatch before `slots_begin` does nothing. What will start
//!   in spite of all that is said by [`crate::schedule::Ahead`].
//! - *A run takes longer than a minute.* The next minute's process does 1 to 4 for the other
//!   schedules; it waits for nobody.

mod claim;
mod execute;
mod held;
pub mod manual;
#[cfg(test)]
mod tests;

pub use claim::{Claim, Decision, Interrupted, Lost, record_missed};
pub use execute::{Executed, execute_all};
pub(crate) use execute::{finish, lost};
pub use held::Held;

use std::time::Duration;

use crate::clock;
use crate::error::Result;
use crate::lock::{Locks, Owner};
use crate::monitoring::ping;
use crate::plural::counted;
use crate::run::Means;
use crate::slot::Slot;
use crate::store::runs::OpenRun;
use crate::store::{self, Store};

/// How long a dispatched run waits for a schedule lock that no run holds.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// What a dispatch did. Empty when there was nothing to do.
#[derive(Debug, Default)]
pub struct Report {
    /// What its one transaction decided.
    pub decision: Decision,
    /// How the runs that it claimed ended.
    pub executed: Vec<Executed>,
}

/// Does what is due in the minute `now`; `jobs` runs execute at once. `decided` is called once it is
/// decided what that is, before it is done.
///
/// # Errors
/// The database cannot be used, or the machine's clock is wrong beyond doubt.
pub fn dispatch(
    means: &Means,
    now: Slot,
    jobs: usize,
    decided: impl FnOnce(&Decision),
) -> Result<Report> {
    let store = means.store()?;
    let at = means.clock.now();
    clock::require_plausible(at)?;
    means.locks.note_dispatch(at);
    if is_idle(means, &store, now)? {
        let report = Report::default();
        decided(&report.decision);
        return Ok(report);
    }
    let process = means.locks.process()?;
    means.locks.sweep();
    let mut decision = store.write(|tx| claim::decide(tx, means, process.owner(), now))?;
    decided(&decision);
    ping_checks(means, &decision);
    let claims = std::mem::take(&mut decision.claims);
    let executed = execute_all(means, process.owner(), claims, jobs, LOCK_PATIENCE);
    Ok(Report { decision, executed })
}

/// Pings the checks of schedules that have no run which could: its process is gone, or there never was
/// one.
fn ping_checks(means: &Means, decision: &Decision) {
    let interrupted = decision.interrupted.iter();
    let interrupted =
        interrupted.map(|run| ping::Lost::interrupted(&run.schedule, &run.owner, run.run_id));
    let missed = decision.missed.iter().map(|lost| {
        let slots = counted(lost.missed.count, "slot was", "slots were");
        let line = format!(
            "did not run: {slots} missed, the newest {}",
            lost.missed.newest
        );
        ping::Lost::missed(&lost.schedule, line)
    });
    means.pings.lost(interrupted.chain(missed));
}

/// What [`dispatch`] would decide in the minute `now`; nothing changes.
pub fn rehearse(means: &Means, now: Slot) -> Result<Decision> {
    let store = means.store()?;
    let nobody = Owner("rehearsal".to_owned());
    store.rehearse(|tx| claim::decide(tx, means, &nobody, now))
}

fn is_idle(means: &Means, store: &Store, now: Slot) -> Result<bool> {
    let conn = store.read();
    // No version is named before the first schedule is added.
    let known = store::slots::zone_version(conn)?;
    if known.is_some_and(|version| version != means.zones.version())
        || store::slots::is_any_due(conn, now)?
        || store::slots::is_any_ahead(conn, now)?
    {
        return Ok(false);
    }
    for run in store::runs::open(conn)? {
        if !means.locks.is_alive(&run.owner)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Closes the open runs that nobody answers for any more, for whoever goes by how runs ended. Writes
/// nothing where there is none.
///
/// # Errors
/// The runs or the locks cannot be read, or the database cannot be written.
pub fn close_abandoned(means: &Means, store: &Store) -> Result<Decision> {
    let mut closed = Decision::default();
    if abandoned(store, &means.locks)?.is_empty() {
        return Ok(closed);
    }
    store.write(|tx| claim::close_interrupted(tx, means, means.clock.now(), &mut closed))?;
    ping_checks(means, &closed);
    Ok(closed)
}

/// The open runs that nobody answers for any more, oldest first: the next dispatch closes them.
///
/// # Errors
/// The runs or the locks cannot be read.
pub fn abandoned(store: &Store, locks: &Locks) -> Result<Vec<OpenRun>> {
    let mut gone = claim::gone(locks, store::runs::open(store.read())?)?;
    if !gone.is_empty() {
        // An owner finishes its run before it gives up its lock: what is over by now was never alone.
        let open = store::runs::open(store.read())?;
        gone.retain(|run| open.iter().any(|one| one.id == run.id));
    }
    Ok(gone)
}
