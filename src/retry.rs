//! Which runs may be tried again. Pure.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::run::{Run, Status};

/// Whether this run may be tried again; if not, why, and what to type instead, where `schedule` is how its
/// schedule is typed.
pub fn check(run: &Run, schedule: &str) -> Result<()> {
    let id = run.id.0;
    match run.status {
        Status::Success => Err(Error::usage(format!(
            "run {id} was a success: nothing to try again"
        ))
        .hint(format!("to back up once more: tenantpilot run {schedule}"))),
        Status::Queued | Status::Running => Err(Error::usage(format!(
            "run {id} is still {}",
            run.status.as_str()
        ))
        .hint(format!("tenantpilot history show {id}"))),
        Status::Partial | Status::Failed | Status::Skipped | Status::Canceled => Ok(()),
    }
}

/// Of `runs`, newest first, those that `retry --failed` tries again: of each schedule the newest,
/// if it is failed, partial or canceled. Where a later run succeeded there is nothing to mend, and
/// a schedule that failed ten times is tried once.
pub fn failed(runs: &[Run]) -> Vec<&Run> {
    let mut seen = BTreeSet::new();
    runs.iter()
        .filter(|run| run.status != Status::Skipped && seen.insert(run.schedule_id))
        .filter(|run| {
            matches!(
                run.status,
                Status::Failed | Status::Partial | Status::Canceled
            )
        })
        .collect()
}
