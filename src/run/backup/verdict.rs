//! What a run is worth, from what became of its policy types. Pure.

use std::borrow::Cow;

use super::collect::Collected;
use crate::dispatch::Claim;
use crate::graph::{self, Fault};
use crate::plural::{counted, form};
use crate::policy::Outcome;
use crate::run::read::Reading;
use crate::run::{Ending, ErrorCode, RunId, Status, advice};

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

/// How many policy types with the same reason are named before they are only counted.
const NAMED: usize = 6;
/// How many characters they have at most all together, while reasons are told with them, and how
/// many one reason has.
const LONGEST: usize = 500;
const LONGEST_WITH_REASONS: usize = 400;
const LONGEST_REASON: usize = 200;

/// Judges the run that is claimed: `ended` is what ended the reading before its end, `unknown` are
/// selected keys that this program does not know.
pub(super) fn judge(
    claim: &Claim,
    collected: &Collected,
    unknown: &[String],
    ended: Option<&graph::Error>,
) -> Verdict {
    match ended.map(|error| (error.fault, &error.message)) {
        Some((Fault::TimedOut, message)) => {
            return Verdict::NoSet(Ending {
                hint: Some(advice::on_time_over(&claim.schedule)),
                ..Ending::because(Status::Failed, ErrorCode::TimedOut, message)
            });
        }
        Some((Fault::NoHandle, message)) => {
            return Verdict::NoSet(Ending {
                hint: ended.and_then(|error| error.hint.clone()),
                ..Ending::because(Status::Failed, ErrorCode::StorageError, message)
            });
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
                explain(claim.run_id, readings.iter(), unknown)
            ),
        };
        return Verdict::NoSet(Ending {
            hint: match ended {
                Some(error) => error.hint.clone(),
                None => hint_for(code, claim, collected, readings.iter()),
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
    if let (0, Some(error)) = (missing, ended) {
        // What ended the reading kept something from being asked, whatever the types say.
        return Verdict::Set(Ending {
            hint: error.hint.clone(),
            ..Ending::because(
                Status::Partial,
                ErrorCode::from(error.fault.kind()),
                &error.message,
            )
        });
    }
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
        "{missing} of {} {} not complete: {}",
        counted(total, "policy type", "policy types"),
        form(missing, "is", "are"),
        explain(claim.run_id, lacking(), unknown)
    );
    Verdict::Set(Ending {
        hint: hint_for(code, claim, collected, lacking()),
        ..Ending::because(Status::Partial, code, message)
    })
}

/// What to do about the types that failed with this code: about all of them, where that is known, else
/// about the first.
fn hint_for<'a>(
    code: ErrorCode,
    claim: &Claim,
    collected: &Collected,
    failed: impl Iterator<Item = &'a Reading>,
) -> Option<String> {
    let (schedule, withdrawn) = (&claim.schedule, &collected.withdrawn);
    let alike: Vec<&Reading> = failed
        .filter(|reading| code_of(reading) == Some(code))
        .collect();
    let is_withdrawn = |reading: &&Reading| withdrawn.contains(reading.policy_type.key);
    let is_not_offered = |reading: &&Reading| reading.outcome == Outcome::NotOffered;
    if code == ErrorCode::PermissionMissing {
        return Some(advice::on_forbidden(schedule, &alike));
    }
    if alike.iter().any(is_withdrawn) {
        let all = &collected.readings;
        return Some(advice::on_withdrawn(schedule, all, withdrawn));
    }
    if code == ErrorCode::TenantNotLicensed && alike.iter().all(is_not_offered) {
        return Some(advice::on_nothing_offered(schedule));
    }
    alike.into_iter().find_map(|reading| reading.hint.clone())
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

/// Why types of a run are not complete; what several have in common is told once, and what has no room
/// is counted, with where it is told.
fn explain<'a>(
    run: RunId,
    readings: impl Iterator<Item = &'a Reading>,
    unknown: &[String],
) -> String {
    let mut groups: Vec<(&str, Cow<'_, str>, Vec<&str>)> = Vec::new();
    let unknown = unknown
        .iter()
        .map(|key| (Outcome::Unknown.as_str(), Cow::from(""), key.as_str()));
    let known = readings.map(|reading| {
        let why = match (reading.outcome, reading.permissions.first()) {
            // What to grant says more than the service's own long words for it.
            (Outcome::Forbidden, Some(least)) => Cow::from(format!("needs {least}")),
            _ => Cow::from(reading.reason.as_deref().unwrap_or_default()),
        };
        (reading.outcome.as_str(), why, reading.policy_type.key)
    });
    for (outcome, why, key) in known.chain(unknown) {
        let alike = groups
            .iter_mut()
            .find(|group| group.0 == outcome && group.1 == why);
        match alike {
            Some((.., keys)) => keys.push(key),
            None => groups.push((outcome, why, vec![key])),
        }
    }
    let mut text = String::new();
    let mut left: usize = groups.iter().map(|(.., keys)| keys.len()).sum();
    for (at, (outcome, why, keys)) in groups.iter().enumerate() {
        let so_far = text.chars().count();
        let fits = |part: &String, longest| so_far + part.chars().count() <= longest;
        let whole = Some(part(outcome, why, keys)).filter(|part| fits(part, LONGEST_WITH_REASONS));
        let bare = || Some(part(outcome, "", keys)).filter(|part| fits(part, LONGEST));
        let Some(part) = whole.or_else(bare) else {
            break;
        };
        text.push_str(if at > 0 { "; " } else { "" });
        text.push_str(&part);
        left = left.saturating_sub(keys.len());
    }
    if left > 0 {
        let told = format!("tenantpilot history show {}", run.0);
        text.push_str(&format!("; and {left} more, told by `{told}`"));
    }
    text
}

fn part(outcome: &str, why: &str, keys: &[&str]) -> String {
    let who = if keys.len() > NAMED {
        format!("{} policy types", keys.len())
    } else {
        keys.join(", ")
    };
    match why {
        "" => format!("{who} {outcome}"),
        why => format!("{who} {outcome} ({})", shortened(why)),
    }
}

/// A reason that leaves room for others; the whole of it is with its type in the summary.
fn shortened(why: &str) -> String {
    match why.char_indices().nth(LONGEST_REASON) {
        None => why.to_owned(),
        Some((end, _)) => format!("{}…", why.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;
    use crate::recurrence::Recurrence;
    use crate::schedule::{Schedule, ScheduleId, Settings};
    use crate::slot::Slot;
    use crate::tenant::TenantId;

    fn claim() -> Claim {
        let daily = Recurrence::cron("0 2 * * *").unwrap();
        let begun = Slot::from_epoch(1_800_000_000).unwrap();
        let schedule = Schedule {
            id: ScheduleId(3),
            tenant_id: TenantId(1),
            tenant: "contoso".to_owned(),
            settings: Settings::new("nightly".to_owned(), daily),
            rules: crate::retention::rules::Rules::default(),
            created_at: begun.instant(),
            archived_at: None,
            slots_begin: begun,
            slots_from: begun,
            next_slot: None,
        };
        Claim {
            run_id: RunId(7),
            schedule,
            slot: None,
        }
    }

    fn failed(key: &'static str, why: &str) -> Reading {
        Reading {
            policy_type: catalogue::find(key).unwrap(),
            outcome: Outcome::Incomplete,
            reason: Some(why.to_owned()),
            fault: Some(Fault::Network),
            permissions: Vec::new(),
            hint: None,
            pages: 0,
            listed: 0,
            read: 0,
            failed: 0,
            left_out: 0,
            deleted: 0,
            extra: crate::run::read::Extra::default(),
            last_page: false,
            status: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn what_ended_the_reading_keeps_a_run_from_being_a_success() {
        let collected = Collected {
            readings: vec![Reading {
                outcome: Outcome::Complete,
                reason: None,
                fault: None,
                ..failed("assignmentFilter", "")
            }],
            ..Collected::default()
        };
        for (fault, code) in [
            (Fault::Auth, ErrorCode::AuthFailed),
            (Fault::Credential, ErrorCode::CredentialUnusable),
        ] {
            let ended = graph::Error::new(fault, "sign-in: no").hint("look");
            let Verdict::Set(ending) = judge(&claim(), &collected, &[], Some(&ended)) else {
                panic!("what was read is kept");
            };
            assert_eq!(ending.status, Status::Partial);
            assert_eq!(ending.error_code, Some(code));
            assert_eq!(ending.error_message.as_deref(), Some("sign-in: no"));
            assert_eq!(ending.hint.as_deref(), Some("look"));
        }
        let Verdict::Set(ending) = judge(&claim(), &collected, &[], None) else {
            panic!("nothing is wrong");
        };
        assert_eq!(ending.status, Status::Success);
    }

    #[test]
    fn equal_reasons_are_told_once() {
        let all: Vec<Reading> = catalogue::all()
            .map(|row| failed(row.key, "sign-in: host name is not known"))
            .collect();
        let count = all.len();
        assert_eq!(
            explain(RunId(7), all.iter(), &[]),
            format!("{count} policy types incomplete (sign-in: host name is not known)")
        );
        let two = [
            failed("assignmentFilter", "cut off"),
            failed("roleScopeTag", "x"),
            failed("deviceShellScript", "cut off"),
        ];
        assert_eq!(
            explain(RunId(7), two.iter(), &["odd".to_owned(), "old".to_owned()]),
            "assignmentFilter, deviceShellScript incomplete (cut off); roleScopeTag incomplete (x); odd, old unknown"
        );
    }

    #[test]
    fn many_reasons_stay_one_line_and_are_counted() {
        let all: Vec<Reading> = catalogue::all()
            .map(|row| failed(row.key, &format!("{} {}", row.key, "é".repeat(1000))))
            .collect();
        let text = explain(RunId(7), all.iter(), &[]);
        assert!(text.chars().count() < 600, "{}", text.chars().count());
        let named = text.matches("incomplete").count();
        let left = all.len() - named;
        let more = format!("; and {left} more, told by `tenantpilot history show 7`");
        assert!(named > 0 && text.ends_with(&more), "{text}");
    }
}
