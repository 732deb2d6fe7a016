//! A run: one attempt to back up what a schedule selects.

pub(crate) mod absent;
pub mod advice;
pub mod backup;
pub mod read;
pub mod summary;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::backup_set::BackupSetId;
use crate::clock::Clock;
use crate::error::{Kind, Result};
use crate::graph::client::Connector;
use crate::lock::Locks;
use crate::monitoring::ping::Pings;
use crate::progress::Progress;
use crate::schedule::ScheduleId;
use crate::slot::Slot;
use crate::stop::Stop;
use crate::store::{Store, volume};
use crate::tenant::TenantId;
use crate::zone::Source;
use summary::Summary;

/// What it takes to carry out runs; shared by all that execute in this process.
pub struct Means {
    /// The database; each run opens it for itself.
    pub database: PathBuf,
    /// The locks beside it.
    pub locks: Locks,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// A request to stop.
    pub stop: Stop,
    /// The way to every tenant's Graph.
    pub connector: Connector,
    /// The checks that are told of runs.
    pub pings: Pings,
    /// Where zone rules come from.
    pub zones: Source,
    /// The acting OS user.
    pub actor: String,
    /// What can be looked at of what goes on.
    pub progress: Progress,
}

impl Means {
    /// Opens the database for what comes first; an older one is migrated.
    ///
    /// # Errors
    /// On a network file system, none there, not ours, damaged, newer than this program, or not to be
    /// written.
    pub fn store(&self) -> Result<Store> {
        volume::require_local(&self.database, self.locks.folder())?;
        let store = Store::open_as(&self.database, &self.actor, || self.clock.now())?;
        store.require_writable()?;
        Ok(store)
    }
}

/// The id of a run in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Claimed; waits for its turn.
    Queued,
    /// Executes.
    Running,
    /// Every selected policy type is complete.
    Success,
    /// A backup set exists, and at least one policy type is not complete.
    Partial,
    /// Nothing could be backed up.
    Failed,
    /// Not executed, for the reason in its error code.
    Skipped,
    /// Ended by a signal.
    Canceled,
}

impl Status {
    /// All of them, in the order of a run's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Success,
        Self::Partial,
        Self::Failed,
        Self::Skipped,
        Self::Canceled,
    ];

    /// The word in tables, flags, `--json` and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
        }
    }

    /// The status of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether the run is over.
    pub fn is_finished(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A slot of the schedule.
    Schedule,
    /// A person, with `run`.
    Manual,
    /// A person, with `retry`.
    Retry,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Schedule, Self::Manual, Self::Retry];

    /// The word in tables, flags, `--json` and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Retry => "retry",
        }
    }

    /// The trigger of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|trigger| trigger.as_str() == word)
    }
}

/// Why a run is not a success: a stable string that scripts match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the strings say what they mean")]
pub enum ErrorCode {
    UnknownPolicyType,
    LockHeld,
    MissedSlot,
    Interrupted,
    Canceled,
    TimedOut,
    AuthFailed,
    PermissionMissing,
    TenantNotLicensed,
    GraphThrottled,
    GraphUnavailable,
    GraphBadResponse,
    Network,
    CredentialUnusable,
    StorageFull,
    StorageError,
    Internal,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::UnknownPolicyType,
        Self::LockHeld,
        Self::MissedSlot,
        Self::Interrupted,
        Self::Canceled,
        Self::TimedOut,
        Self::AuthFailed,
        Self::PermissionMissing,
        Self::TenantNotLicensed,
        Self::GraphThrottled,
        Self::GraphUnavailable,
        Self::GraphBadResponse,
        Self::Network,
        Self::CredentialUnusable,
        Self::StorageFull,
        Self::StorageError,
        Self::Internal,
    ];

    /// The stable string.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownPolicyType => "UNKNOWN_POLICY_TYPE",
            Self::LockHeld => "LOCK_HELD",
            Self::MissedSlot => "MISSED_SLOT",
            Self::Interrupted => "INTERRUPTED",
            Self::Canceled => "CANCELED",
            Self::TimedOut => "TIMED_OUT",
            Self::AuthFailed => "AUTH_FAILED",
            Self::PermissionMissing => "PERMISSION_MISSING",
            Self::TenantNotLicensed => "TENANT_NOT_LICENSED",
            Self::GraphThrottled => "GRAPH_THROTTLED",
            Self::GraphUnavailable => "GRAPH_UNAVAILABLE",
            Self::GraphBadResponse => "GRAPH_BAD_RESPONSE",
            Self::Network => "NETWORK",
            Self::CredentialUnusable => "CREDENTIAL_UNUSABLE",
            Self::StorageFull => "STORAGE_FULL",
            Self::StorageError => "STORAGE_ERROR",
            Self::Internal => "INTERNAL",
        }
    }

    /// The code of that string.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// The class of failure that this code stands for, which decides the exit code.
    pub fn kind(self) -> Kind {
        match self {
            Self::UnknownPolicyType => Kind::UnknownPolicyType,
            Self::LockHeld => Kind::LockHeld,
            Self::MissedSlot => Kind::Attention,
            Self::Interrupted => Kind::Interrupted,
            Self::Canceled => Kind::Canceled,
            Self::TimedOut => Kind::TimedOut,
            Self::AuthFailed => Kind::AuthFailed,
            Self::PermissionMissing => Kind::PermissionMissing,
            Self::TenantNotLicensed => Kind::NotLicensed,
            Self::GraphThrottled => Kind::Throttled,
            Self::GraphUnavailable => Kind::Unavailable,
            Self::GraphBadResponse => Kind::BadResponse,
            Self::Network => Kind::Network,
            Self::CredentialUnusable => Kind::CredentialUnusable,
            Self::StorageFull => Kind::StorageFull,
            Self::StorageError => Kind::Storage,
            Self::Internal => Kind::Internal,
        }
    }
}

impl From<Kind> for ErrorCode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::LockHeld => Self::LockHeld,
            Kind::AuthFailed => Self::AuthFailed,
            Kind::PermissionMissing => Self::PermissionMissing,
            Kind::NotLicensed => Self::TenantNotLicensed,
            Kind::Throttled => Self::GraphThrottled,
            Kind::Unavailable => Self::GraphUnavailable,
            Kind::BadResponse => Self::GraphBadResponse,
            Kind::Network => Self::Network,
            Kind::CredentialUnusable | Kind::Config => Self::CredentialUnusable,
            Kind::StorageFull => Self::StorageFull,
            Kind::Busy | Kind::Storage | Kind::Integrity | Kind::NoStore | Kind::Schema => {
                Self::StorageError
            }
            Kind::UnknownPolicyType => Self::UnknownPolicyType,
            Kind::TimedOut => Self::TimedOut,
            Kind::Canceled => Self::Canceled,
            Kind::Interrupted => Self::Interrupted,
            Kind::Usage
            | Kind::NotFound
            | Kind::Attention
            | Kind::Denied
            | Kind::Partial
            | Kind::Mixed
            | Kind::ClockWrong
            | Kind::Internal => Self::Internal,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A run as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// That tenant's name.
    pub tenant: String,
    /// The schedule it belongs to.
    pub schedule_id: ScheduleId,
    /// That schedule's name.
    pub schedule: String,
    /// What started it.
    pub trigger: Trigger,
    /// The run that it tries again.
    pub retry_of: Option<RunId>,
    /// Who started it: an OS user.
    pub actor: String,
    /// Its slot, where a slot started it.
    pub scheduled_for: Option<Slot>,
    /// When it was claimed.
    pub created_at: DateTime<Utc>,
    /// When it began to execute.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long it executed, by the monotonic clock.
    pub duration_ms: Option<i64>,
    /// Where it is in its life.
    pub status: Status,
    /// Why it is not a success.
    pub error_code: Option<ErrorCode>,
    /// The same for people.
    pub error_message: Option<String>,
    /// The backup set it left, while that exists.
    pub backup_set_id: Option<BackupSetId>,
    /// What it did.
    pub summary: Option<Summary>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// A finished status.
    pub status: Status,
    /// Why it is not a success.
    pub error_code: Option<ErrorCode>,
    /// The same for people.
    pub error_message: Option<String>,
    /// What to do about it, if we know; kept with the summary, where there is one.
    pub hint: Option<String>,
    /// What it did.
    pub summary: Option<Summary>,
}

impl Ending {
    /// An ending with a reason and nothing done.
    pub fn because(status: Status, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            error_code: Some(code),
            error_message: Some(message.into()),
            hint: None,
            summary: None,
        }
    }

    /// The same with what the run did.
    #[must_use]
    pub fn summed_up(self, mut summary: Summary) -> Self {
        summary.hint.clone_from(&self.hint);
        Self {
            summary: Some(summary),
            ..self
        }
    }
}
