//! What to do about a run that is not a success, above all about policy types that a tenant does not
//! give: for whoever reads how it ended, and for `tenants check`. Pure.

use std::collections::BTreeSet;

use super::read::Reading;
use crate::duration;
use crate::graph::ServiceGroup;
use crate::plural::form;
use crate::policy::catalogue::PolicyType;
use crate::policy::{Outcome, selection};
use crate::schedule::{Schedule, distinct};

/// So many permissions are named; of more it is said where they are.
const NAMED: usize = 6;

/// What to look at where nothing is offered.
pub const LICENCE: &str =
    "check that the tenant has an Intune licence and that its MDM authority is set";

/// The command that looks closer at a tenant.
pub fn check(tenant: &str) -> String {
    format!("tenantpilot tenants check {}", shell_words::quote(tenant))
}

/// The fewest permissions that give every type one of those it `needs`, sorted: of each the first,
/// unless another of its own is there for some other type anyway.
pub fn fewest<'a>(needs: impl IntoIterator<Item = &'a [String]>) -> Vec<String> {
    let mut needs: Vec<&[String]> = needs.into_iter().collect();
    needs.sort_by_key(|one| one.len());
    let mut enough: BTreeSet<&String> = BTreeSet::new();
    for one in needs {
        if !one.iter().any(|name| enough.contains(name)) {
            enough.extend(one.first());
        }
    }
    enough.into_iter().cloned().collect()
}

/// How to grant these permissions.
pub fn grant(permissions: &[String]) -> String {
    format!(
        "in Entra, add to the app registration the application {} {}, grant admin consent",
        form(permissions.len(), "permission", "permissions"),
        permissions.join(", ")
    )
}

/// What to do where these types of a schedule need a permission.
pub(super) fn on_forbidden(schedule: &Schedule, forbidden: &[&Reading]) -> String {
    let needs = forbidden
        .iter()
        .map(|reading| reading.permissions.as_slice());
    let permissions = fewest(needs);
    if permissions.len() > NAMED {
        let check = check(&schedule.tenant);
        return format!("grant the permissions that it names: {check}");
    }
    let grant = grant(&permissions);
    let lacking =
        |reading: &&Reading| Some((reading.policy_type.key, reading.policy_type.may_lack?));
    let (keys, called): (BTreeSet<&str>, BTreeSet<&str>) =
        forbidden.iter().filter_map(lacking).unzip();
    let called: Vec<&str> = called.into_iter().collect();
    match leave_out(schedule, &keys).filter(|_| !keys.is_empty()) {
        Some(command) => format!(
            "{grant}; if the tenant has not got {}: {command}",
            called.join(" or ")
        ),
        None => grant,
    }
}

/// What to do where these types of a schedule held policies before, and now nothing of them is offered.
/// Where that is so of all of Intune, the tenant lost it: leaving types out would only hide it.
pub(super) fn on_withdrawn(
    schedule: &Schedule,
    readings: &[Reading],
    withdrawn: &BTreeSet<&str>,
) -> String {
    let given = |reading: &Reading| {
        reading.outcome != Outcome::NotOffered && !withdrawn.contains(reading.policy_type.key)
    };
    let mut intune = readings
        .iter()
        .filter(|reading| is_of_intune(reading.policy_type));
    let several = intune.clone().nth(1).is_some();
    match leave_out(schedule, withdrawn) {
        Some(command) if !several || intune.any(given) => {
            format!("if the tenant has it no more: {command}")
        }
        _ => on_nothing_offered(schedule),
    }
}

/// What to do where a run took longer than its schedule allows: as it is, the next one may, too.
pub(super) fn on_time_over(schedule: &Schedule) -> String {
    format!(
        "if it needs longer: tenantpilot schedules edit {} --max-runtime {}",
        schedule.id.0,
        duration::format(schedule.settings.max_runtime.saturating_mul(2))
    )
}

/// What to do where a tenant offers none of what a schedule selects.
pub(super) fn on_nothing_offered(schedule: &Schedule) -> String {
    format!("{LICENCE}: {}", check(&schedule.tenant))
}

/// The command that has a schedule leave these types out beside those that it leaves out already;
/// none where nothing would be left of it.
fn leave_out(schedule: &Schedule, types: &BTreeSet<&str>) -> Option<String> {
    let settings = &schedule.settings;
    let types = types.iter().map(|&key| key.to_owned());
    let excluded = distinct(settings.exclude_types.iter().cloned().chain(types));
    let left = selection::select(&settings.policy_types, &excluded, false);
    (!left.types.is_empty()).then(|| {
        format!(
            "tenantpilot schedules edit {} --exclude-types {}",
            schedule.id.0,
            excluded.join(",")
        )
    })
}

fn is_of_intune(row: &PolicyType) -> bool {
    !matches!(
        row.group,
        ServiceGroup::ConditionalAccess | ServiceGroup::Directory
    )
}
