//! What a run that a user asked for leaves for them: how it ended, with what counts.
//!
//! It appears in the transaction that ends the run, whoever ends it: also where the terminal was
//! closed meanwhile, or the process died and a later one closed the run. Runs that a slot started
//! leave none; history has them.

use chrono::{DateTime, Utc};

use crate::run::summary::Summary;
use crate::run::{Run, RunId, Status};
use crate::tenant::TenantId;

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: i64,
    /// When the run ended.
    pub at: DateTime<Utc>,
    /// Who asked for the run: an OS user.
    pub user: String,
    /// The tenant of the run.
    pub tenant_id: TenantId,
    /// The run.
    pub run_id: RunId,
    /// How it ended.
    pub message: String,
    /// When the user said that they have read it.
    pub read_at: Option<DateTime<Utc>>,
}

/// How a run ended, in a line.
pub fn message(run: &Run) -> String {
    let mut parts = vec![run.status.as_str().to_owned()];
    if matches!(run.status, Status::Success | Status::Partial) {
        parts.extend(run.summary.as_ref().map(Summary::counts));
    }
    if let Some(code) = run.error_code {
        let why = run.error_message.as_deref().unwrap_or_default();
        parts.push(format!("{code}: {why}"));
    }
    format!(
        "run {} of schedule {} (id {}) of tenant {}: {}",
        run.id.0,
        run.schedule,
        run.schedule_id.0,
        run.tenant,
        parts.join(", ")
    )
}
