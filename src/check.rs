//! Whether a tenant can be backed up as its schedules ask: signs in and tries every policy type.
//!
//! It reads one item per list and writes nothing, neither in the tenant nor in the store. What it
//! finds is judged as a run would judge it (`run/read/trial.rs`), so a tenant that passes has
//! everything that the next run needs, as far as that can be told without reading all of it.

mod optional;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub use self::optional::Optional;

use crate::error::{Error, ExitCode, Kind};
use crate::graph::{self, Fault};
use crate::plural::{counted, form};
use crate::policy::Outcome;
use crate::policy::catalogue::{self, PolicyType};
use crate::policy::selection::{self, Selection};
use crate::run::read::trial;
use crate::run::{Means, advice};
use crate::schedule::Schedule;
use crate::secret::certificate;
use crate::tenant::Tenant;

/// A person waits for the answer; an endpoint that answers nothing but errors is given up within
/// two minutes anyway.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// What became of one policy type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its list can be read.
    Ok,
    /// A permission is missing.
    Forbidden,
    /// No licence, or Graph does not know the list in this tenant.
    NotOffered,
    /// Something else went wrong.
    Failed,
    /// This program does not know the type.
    Unknown,
}

impl Verdict {
    /// The word in tables and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Forbidden => "forbidden",
            Self::NotOffered => "not_offered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// One policy type and what became of it.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Its key.
    pub policy_type: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, unless it is ok.
    pub message: Option<String>,
    /// Any one of these would do, where one is missing; the least first.
    pub permissions: Vec<String>,
    /// What went wrong with Graph, if that was it.
    fault: Option<Fault>,
    /// What to do about it, if that is known.
    hint: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Every policy type, by key.
    pub tried: Vec<Tried>,
    /// The permissions that the token names, where it does.
    pub granted: Option<Vec<String>>,
    /// The permissions that no policy needs and that add something.
    pub optional: Vec<Optional>,
    /// What will be in the way soon.
    pub warnings: Vec<String>,
}

/// What these schedules of a tenant select together; without any, the default selection.
pub fn selected<'a>(schedules: impl IntoIterator<Item = &'a Schedule>) -> Selection {
    let mut keys = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    let mut any = false;
    for schedule in schedules {
        any = true;
        let settings = &schedule.settings;
        let one = selection::select(
            &settings.policy_types,
            &settings.exclude_types,
            settings.include_foundations,
        );
        keys.extend(one.types.iter().map(|row| row.key));
        unknown.extend(one.unknown);
    }
    if !any {
        return selection::select(&["default".to_owned()], &[], true);
    }
    Selection {
        types: catalogue::all()
            .filter(|row| keys.contains(row.key))
            .collect(),
        unknown: unknown.into_iter().collect(),
    }
}

/// Signs in to the tenant and tries the selected policy types.
///
/// # Errors
/// The tenant's settings cannot be used, signing in failed, or a stop was requested.
pub fn check(
    means: &Means,
    tenant: &Tenant,
    selection: &Selection,
) -> Result<Checked, graph::Error> {
    let now = means.clock.monotonic();
    let deadline = now.checked_add(PATIENCE).unwrap_or(now);
    let gauge = means.progress.begin(tenant.name(), "types");
    gauge.enter("signs in");
    let client = means.connector.client(tenant, deadline)?;
    let client = client.watched_by(Arc::clone(&gauge));
    client.sign_in().map_err(in_time)?;
    let warning = certificate::warning(&tenant.settings.credential, means.clock.now());
    let granted = client.granted();
    gauge.enter("tries each");
    let readings = trial::try_types(&client, &selection.types, &gauge);
    if means.stop.requested().is_some() {
        return Err(graph::Error::new(Fault::Canceled, "stopped"));
    }
    let mut tried: Vec<Tried> = readings
        .into_iter()
        .map(|reading| Tried {
            policy_type: reading.policy_type.key.to_owned(),
            verdict: verdict(reading.outcome),
            message: match reading.fault {
                Some(Fault::TimedOut) => Some(too_slow(reading.policy_type)),
                _ => reading.reason,
            },
            permissions: reading.permissions,
            fault: reading.fault,
            hint: reading.hint,
        })
        .collect();
    tried.extend(selection.unknown.iter().map(|key| Tried {
        policy_type: key.clone(),
        verdict: Verdict::Unknown,
        message: Some("this tenantpilot does not know it".to_owned()),
        permissions: Vec::new(),
        fault: None,
        hint: None,
    }));
    tried.sort_by(|one, other| one.policy_type.cmp(&other.policy_type));
    Ok(Checked {
        tried,
        optional: optional::optional(&selection.types, granted.as_deref()),
        granted,
        warnings: warning.into_iter().collect(),
    })
}

/// The fewest permissions that give every forbidden type one of those it needs.
pub fn permissions_to_grant(tried: &[Tried]) -> Vec<String> {
    let forbidden = tried.iter().filter(|one| one.verdict == Verdict::Forbidden);
    advice::fewest(forbidden.map(|one| one.permissions.as_slice()))
}

/// Why the tenant cannot be backed up as it should; nothing where it can.
pub fn problem(tenant: &Tenant, tried: &[Tried]) -> Option<Error> {
    let name = format!("tenant {} (id {})", tenant.name(), tenant.id.0);
    let count = |verdict| tried.iter().filter(|one| one.verdict == verdict).count();
    let of = |count: usize| {
        let types = counted(tried.len(), "policy type", "policy types");
        format!("{count} of {types} of {name}")
    };
    let again = advice::check(tenant.name());
    let refused = |one: &&Tried| {
        one.fault
            .is_some_and(|fault| fault.kind().exit_code() == ExitCode::Auth)
    };
    let failed = || tried.iter().filter(|one| one.verdict == Verdict::Failed);
    if count(Verdict::Forbidden) > 0 {
        let forbidden = count(Verdict::Forbidden);
        let mut what = format!(
            "{} {} forbidden",
            of(forbidden),
            form(forbidden, "is", "are")
        );
        if failed().count() > 0 {
            what.push_str(&format!(", {} could not be tried", failed().count()));
        }
        let grant = advice::grant(&permissions_to_grant(tried));
        let hint = format!("{grant}, then {again}");
        return Some(Error::new(Kind::PermissionMissing, what).hint(hint));
    }
    if failed().count() > 0 {
        let kind = match failed().find(refused) {
            Some(_) => Kind::AuthFailed,
            None => Kind::Unavailable,
        };
        let what = format!("{} could not be tried", of(failed().count()));
        let mut hints = failed().map(|one| one.hint.as_deref());
        let first = hints.next().flatten();
        let hint = match first.filter(|_| hints.all(|hint| hint == first)) {
            Some(hint) => format!("{hint}; then: {again}"),
            None => format!("the messages say why; later: {again}"),
        };
        return Some(Error::new(kind, what).hint(hint));
    }
    if count(Verdict::Unknown) > 0 {
        let unknown = count(Verdict::Unknown);
        let what = format!("{} {} unknown", of(unknown), form(unknown, "is", "are"));
        return Some(Error::new(Kind::UnknownPolicyType, what).hint(
            "update tenantpilot, or take them out: tenantpilot schedules edit SCHEDULE --types KEY,…",
        ));
    }
    if count(Verdict::Ok) == 0 {
        let what = format!(
            "none of {} of {name} is offered",
            counted(tried.len(), "policy type", "policy types")
        );
        return Some(Error::new(Kind::NotLicensed, what).hint(advice::LICENCE));
    }
    None
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Complete => Verdict::Ok,
        Outcome::Forbidden => Verdict::Forbidden,
        Outcome::NotOffered => Verdict::NotOffered,
        Outcome::Incomplete => Verdict::Failed,
        Outcome::Unknown => Verdict::Unknown,
    }
}

/// The time of a check is over where the client says that a run's is.
fn in_time(error: graph::Error) -> graph::Error {
    match error.fault {
        Fault::TimedOut => graph::Error::new(
            Fault::Network,
            format!("no token within {} minutes", PATIENCE.as_secs() / 60),
        ),
        _ => error,
    }
}

fn too_slow(row: &PolicyType) -> String {
    let minutes = PATIENCE.as_secs() / 60;
    format!("{}: no answer within {minutes} minutes", row.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(verdict: Verdict, permissions: &[&str]) -> Tried {
        Tried {
            policy_type: "x".to_owned(),
            verdict,
            message: None,
            permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
            fault: None,
            hint: None,
        }
    }

    #[test]
    fn one_permission_that_serves_two_types_is_asked_for_once() {
        let all = [
            tried(Verdict::Forbidden, &["A.Read", "B.Read"]),
            tried(Verdict::Forbidden, &["B.Read"]),
            tried(Verdict::Forbidden, &["C.Read", "C.ReadWrite"]),
            tried(Verdict::Ok, &["D.Read"]),
        ];
        assert_eq!(permissions_to_grant(&all), ["B.Read", "C.Read"]);
        assert_eq!(permissions_to_grant(&all[3..]), [""; 0]);
    }
}
