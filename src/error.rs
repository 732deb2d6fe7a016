//! What can go wrong, as the user sees it: one line that says what failed, on which object and why,
//! one hint with what to type next, and an exit code.
//!
//! Rules:
//! - An expected failure is an [`Error`] with the [`Kind`] that names its class; the class decides
//!   the exit code, the message never does.
//! - Whoever knows the object names it (name *and* id). Whoever knows the way out adds the hint.
//! - Nothing secret and no response body goes into a message.

use std::fmt;
use std::path::Path;

/// The exit codes of the program. The numbers are a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, or nothing to do.
    Ok = 0,
    /// Failures of several classes, or of none of those below.
    Failed = 1,
    /// Wrong flag, or a value that cannot be accepted.
    Usage = 2,
    /// A run finished in part.
    Partial = 3,
    /// No database there.
    NoStore = 10,
    /// Lock held, or database locked past the timeout.
    Busy = 11,
    /// 401, 403, expired secret: do not retry.
    Auth = 12,
    /// Throttled, 5xx, network, after all tries: retry later.
    Unavailable = 13,
    /// Damaged database or contents, or a file that is not our database.
    Integrity = 14,
    /// Database newer than the binary.
    Schema = 15,
    /// Disk full, read-only, no access, no file handles.
    Storage = 16,
    /// A credential or setting cannot be used.
    Config = 17,
    /// No such tenant, schedule, run or backup set.
    NotFound = 18,
    /// Missed slots, closed interrupted runs, stale or unhealthy.
    Attention = 19,
    /// The actor's role does not allow it.
    Denied = 20,
    /// Longer than the max runtime.
    TimedOut = 124,
    /// Ended by SIGINT.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

impl ExitCode {
    /// All of them, the lowest number first.
    pub const ALL: [Self; 18] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Partial,
        Self::NoStore,
        Self::Busy,
        Self::Auth,
        Self::Unavailable,
        Self::Integrity,
        Self::Schema,
        Self::Storage,
        Self::Config,
        Self::NotFound,
        Self::Attention,
        Self::Denied,
        Self::TimedOut,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The stable name that `--json` gives as `error.code`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Partial => "partial",
            Self::NoStore => "no_store",
            Self::Busy => "busy",
            Self::Auth => "auth",
            Self::Unavailable => "unavailable",
            Self::Integrity => "integrity",
            Self::Schema => "schema",
            Self::Storage => "storage",
            Self::Config => "config",
            Self::NotFound => "not_found",
            Self::Attention => "attention",
            Self::Denied => "denied",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// The number the process leaves with.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The one code for several results: failures of one class give its code, of several classes
    /// `Failed`; a failure wins over `Partial`, that over `Attention`, that over `Ok`.
    pub fn of_several(codes: impl IntoIterator<Item = Self>) -> Self {
        let mut combined = Self::Ok;
        for code in codes {
            combined = match (combined.weight(), code.weight()) {
                (3, 3) if combined != code => Self::Failed,
                (old, new) if new > old => code,
                _ => combined,
            };
        }
        combined
    }

    fn weight(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Attention => 1,
            Self::Partial => 2,
            _ => 3,
        }
    }
}

/// The class of a failure. Each has one exit code and, where a run can end by it, one error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that cannot be accepted.
    Usage,
    /// No database at the given place.
    NoStore,
    /// The lock of a schedule is held by another process.
    LockHeld,
    /// The database stayed locked past the timeout.
    Busy,
    /// Sign-in refused, or 401 after a token refresh.
    AuthFailed,
    /// Nothing could be read for want of a permission.
    PermissionMissing,
    /// The tenant has no usable Intune.
    NotLicensed,
    /// Still throttled after all tries.
    Throttled,
    /// Graph or the sign-in service answers 5xx after all tries.
    Unavailable,
    /// An answer that is not what Graph promises.
    BadResponse,
    /// Nothing answers: DNS, connection, TLS, timeouts.
    Network,
    /// The credential cannot be read or used.
    CredentialUnusable,
    /// No space left.
    StorageFull,
    /// Reading or writing the disk failed otherwise.
    Storage,
    /// Damaged database or contents, or a foreign file.
    Integrity,
    /// The database is newer than this program.
    Schema,
    /// A setting cannot be used.
    Config,
    /// The machine's clock says what cannot be.
    ClockWrong,
    /// No such object.
    NotFound,
    /// None of the policy types is known to this program.
    UnknownPolicyType,
    /// The run took longer than its max runtime.
    TimedOut,
    /// A signal asked the program to stop.
    Canceled,
    /// The process that had the run is gone, or lost it to another.
    Interrupted,
    /// Something to look at, though nothing failed.
    Attention,
    /// The actor's role does not allow it.
    Denied,
    /// Finished in part.
    Partial,
    /// Failures of several classes.
    Mixed,
    /// A bug.
    Internal,
}

impl Kind {
    /// The exit code of this class.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Usage => ExitCode::Usage,
            Self::NoStore => ExitCode::NoStore,
            Self::LockHeld | Self::Busy => ExitCode::Busy,
            Self::AuthFailed | Self::PermissionMissing | Self::NotLicensed => ExitCode::Auth,
            Self::Throttled | Self::Unavailable | Self::BadResponse | Self::Network => {
                ExitCode::Unavailable
            }
            Self::Integrity => ExitCode::Integrity,
            Self::Schema => ExitCode::Schema,
            Self::StorageFull | Self::Storage => ExitCode::Storage,
            Self::CredentialUnusable | Self::Config | Self::UnknownPolicyType => ExitCode::Config,
            Self::NotFound => ExitCode::NotFound,
            Self::TimedOut => ExitCode::TimedOut,
            Self::Canceled => ExitCode::Interrupted,
            Self::Attention => ExitCode::Attention,
            Self::Denied => ExitCode::Denied,
            Self::Partial => ExitCode::Partial,
            Self::ClockWrong | Self::Interrupted | Self::Mixed | Self::Internal => ExitCode::Failed,
        }
    }
}

/// An expected failure: what, on what, because of what, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

/// The result of everything that can fail in an expected way.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of class `kind`. The message is lower case, without a full stop, one line.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to type next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts the deed and its object before the message: `{deed}: {message}`.
    #[must_use]
    pub fn during(mut self, deed: impl fmt::Display) -> Self {
        self.message = format!("{deed}: {}", self.message);
        self
    }

    /// A value that cannot be accepted.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// No such object.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// A bug, said plainly.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Its class.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What failed, on what, because of what.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to type next, if we know.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// A path as a shell takes it, to stand in a hint.
pub fn typed(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

/// The name in `names` that looks most like `given`, if any is close: what a hint offers.
pub fn closest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&given, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_results_have_one_code() {
        use ExitCode as E;
        let cases: &[(&[E], E)] = &[
            (&[], E::Ok),
            (&[E::Ok, E::Attention, E::Ok], E::Attention),
            (&[E::Attention, E::Partial], E::Partial),
            (&[E::Auth, E::Partial, E::Auth], E::Auth),
            (&[E::Auth, E::Unavailable], E::Failed),
            (&[E::Failed, E::Auth], E::Failed),
        ];
        for (codes, expected) in cases {
            assert_eq!(E::of_several(codes.iter().copied()), *expected, "{codes:?}");
            assert_eq!(
                E::of_several(codes.iter().rev().copied()),
                *expected,
                "{codes:?}"
            );
        }
    }
    #[test]
    fn the_closest_name_is_close() {
        let names = ["nightly", "weekly", "Contoso"];
        assert_eq!(closest("nigthly", names), Some("nightly"));
        assert_eq!(closest("contso", names), Some("Contoso"));
        assert_eq!(closest("zzz", names), None);
    }
}
