//! What a run is worth, from what became of its policy types. Pure.

use super::collect::Collected;
use crate::graph::{self, Fault};
use crate::policy::Outcome;
use crate::run::read::Reading;
use crate::run::{Ending, ErrorCode, Status};

/// Whether a backup set is made, and how the run ends.
#[derive(Debug)]
pub(super) enum Verdict {
    /// There is something to keep.
    Set(Ending),
    /// There is not.
    NoSet(Ending),
}

/// Where several types fail for several reasons, the first of these is the run's.
const GRAVEST_FIRST: [ErrorCode; 8] = [
    ErrorCode::CredentialUnusable,
    ErrorCode::AuthFailed,
    ErrorCode::PermissionMissing,
    ErrorCode::GraphThrottled,
    ErrorCode::GraphUnavailable,
    ErrorCode::Network,
    ErrorCode::GraphBadResponse,
    ErrorCode::TenantNotLicensed,
];

/// How many policy types a message names before it counts the rest.
const NAMED: usize = 6;

/// Judges a run: `ended` is what ended the reading before its end, `unknown` are selected keys
/// that this program does not know.
pub(super) fn judge(
    collected: &Collected,
    unknown: &[String],
    ended: Option<&graph::Error>,
) -> Verdict {
    match ended.map(|error| (error.fault, &error.message)) {
        Some((Fault::TimedOut, message)) => {
            return Verdict::NoSet(Ending::because(
                Status::Failed,
                ErrorCode::TimedOut,
                message,
            ));
        }
        Some((Fault::Canceled, message)) => {
            return Verdict::NoSet(Ending::because(
                Status::Canceled,
                ErrorCode::Canceled,
                message,
            ));
        }
        _ => {}
    }
    let readings = &collected.readings;
    let any_complete = readings
        .iter()
        .any(|reading| reading.outcome == Outcome::Complete);
    if !any_complete && !collected.has_policies() {
        let code = gravest(readings.iter()).unwrap_or(ErrorCode::GraphBadResponse);
        let why = match ended {
            Some(error) => error.message.clone(),
            None => format!(
                "nothing could be backed up: {}",
                explain(readings.iter(), unknown)
            ),
        };
        return Verdict::NoSet(Ending {
            hint: match ended {
                Some(error) => error.hint.clone(),
                None => hint_for(code, readings.iter()),
            },
            ..Ending::because(Status::Failed, code, why)
        });
    }
    let lacking = || {
        readings
            .iter()
            .filter(|reading| !matches!(reading.outcome, Outcome::Complete | Outcome::NotOffered))
    };
    let missing = lacking().count() + unknown.len();
    if missing == 0 {
        return Verdict::Set(Ending {
            status: Status::Success,
            error_code: None,
            error_message: None,
            hint: None,
            summary: None,
        });
    }
    let code = gravest(lacking()).unwrap_or(ErrorCode::UnknownPolicyType);
    let total = readings.len() + unknown.len();
    let message = format!(
        "{missing} of {total} policy types are not complete: {}",
        explain(lacking(), unknown)
    );
    Verdict::Set(Ending {
        hint: hint_for(code, lacking()),
        ..Ending::because(Status::Partial, code, message)
    })
}

/// What to do about the first type that failed with this code.
fn hint_for<'a>(code: ErrorCode, readings: impl Iterator<Item = &'a Reading>) -> Option<String> {
    readings
        .filter(|reading| code_of(reading) == Some(code))
        .find_map(|reading| reading.hint.clone())
}

/// The stable code of why a type is not complete.
pub(super) fn code_of(reading: &Reading) -> Option<ErrorCode> {
    match (reading.outcome, reading.fault) {
        (Outcome::Complete, _) => None,
        (_, Some(fault)) => Some(ErrorCode::from(fault.kind())),
        (Outcome::Forbidden, None) => Some(ErrorCode::PermissionMissing),
        (Outcome::NotOffered, None) => Some(ErrorCode::TenantNotLicensed),
        (Outcome::Unknown, None) => Some(ErrorCode::UnknownPolicyType),
        (Outcome::Incomplete, None) => Some(ErrorCode::GraphBadResponse),
    }
}

fn gravest<'a>(readings: impl Iterator<Item = &'a Reading>) -> Option<ErrorCode> {
    let place = |code: &ErrorCode| {
        GRAVEST_FIRST
            .iter()
            .position(|other| other == code)
            .unwrap_or(GRAVEST_FIRST.len())
    };
    readings
        .filter_map(|reading| match reading.outcome {
            Outcome::NotOffered => Some(ErrorCode::TenantNotLicensed),
            _ => code_of(reading),
        })
        .min_by_key(place)
}

fn explain<'a>(readings: impl Iterator<Item = &'a Reading>, unknown: &[String]) -> String {
    let mut parts: Vec<String> = readings
        .map(|reading| {
            let why = reading.reason.as_deref().unwrap_or_default();
            let (key, outcome) = (reading.policy_type.key, reading.outcome.as_str());
            if why.is_empty() {
                format!("{key} {outcome}")
            } else {
                format!("{key} {outcome} ({why})")
            }
        })
        .collect();
    parts.extend(unknown.iter().map(|key| format!("{key} unknown")));
    let more = parts.len().saturating_sub(NAMED);
    parts.truncate(NAMED);
    let mut text = parts.join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}
