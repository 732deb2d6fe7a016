//! Which schedule a command line means: an id, a name, or `TENANT/NAME`.
//!
//! Names may hold a slash, so the whole is tried as a name first; then every way to split it counts.
//! An archived schedule gives its name free, so where both kinds answer to a name, the caller says
//! which it prefers.

use rusqlite::Connection;

use crate::cli::{closest, tenants, told};
use crate::error::{Error, Result};
use crate::schedule::{Schedule, ScheduleId};
use crate::store::schedules::{self, Listed};

/// Which schedules come first where a name fits both kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefer {
    /// Those that are not archived.
    Active,
    /// Archived ones.
    Archived,
}

/// The schedule that `given` means, archived or not.
///
/// # Errors
/// None: the hint is the closest name. Several: they are listed.
pub(crate) fn find(conn: &Connection, given: &str, prefer: Prefer) -> Result<Listed> {
    if !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit()) {
        let found = match given.parse() {
            Ok(id) => schedules::by_id(conn, ScheduleId(id))?,
            Err(_) => None,
        };
        return found.ok_or_else(|| {
            Error::not_found(format!("no schedule with id {given}"))
                .hint("tenantpilot schedules list --archived")
        });
    }
    match choose(given, schedules::called(conn, given)?, prefer)? {
        Some(found) => Ok(found),
        None => Err(unknown(conn, given)?),
    }
}

/// The one of those `called` so that `given` means, if there is any: a whole name comes before
/// `TENANT/NAME`, then what the caller prefers.
fn choose(given: &str, called: Vec<Listed>, prefer: Prefer) -> Result<Option<Listed>> {
    let (by_name, by_both): (Vec<_>, Vec<_>) = called
        .into_iter()
        .partition(|listed| listed.schedule.name() == given);
    let answering = if by_name.is_empty() { by_both } else { by_name };
    let (first, second): (Vec<_>, Vec<_>) = answering
        .into_iter()
        .partition(|listed| listed.schedule.archived_at.is_none() == (prefer == Prefer::Active));
    let mut answering = if first.is_empty() { second } else { first };
    let last = answering.pop();
    match last {
        Some(last) if !answering.is_empty() => {
            answering.push(last);
            Err(ambiguous(given, &answering))
        }
        last => Ok(last),
    }
}

/// The schedule that `given` means, which is not archived.
///
/// # Errors
/// As [`find`]; it is archived.
pub(crate) fn find_active(conn: &Connection, given: &str) -> Result<Schedule> {
    let schedule = find(conn, given, Prefer::Active)?.schedule;
    if schedule.archived_at.is_some() {
        return Err(
            Error::not_found(format!("{} is archived", schedule.described())).hint(format!(
                "bring it back: tenantpilot schedules restore {}",
                schedule.id.0
            )),
        );
    }
    Ok(schedule)
}

/// The schedule that `--schedule` names, archived or not; with `--tenant` beside it, the one of that
/// tenant.
///
/// # Errors
/// As [`find`]; there is no such tenant; the schedule is one of another tenant.
pub(crate) fn find_any(conn: &Connection, given: &str, tenant: Option<&str>) -> Result<Schedule> {
    let Some(tenant) = tenant else {
        return Ok(find(conn, given, Prefer::Active)?.schedule);
    };
    let tenant = tenants::find(conn, tenant)?;
    let mut of_tenant = schedules::called(conn, given)?;
    of_tenant.retain(|listed| listed.schedule.tenant_id == tenant.id);
    let found = match choose(given, of_tenant, Prefer::Active)? {
        Some(found) => found,
        None => find(conn, given, Prefer::Active)?,
    };
    let schedule = found.schedule;
    if schedule.tenant_id == tenant.id {
        return Ok(schedule);
    }
    let message = format!(
        "{} has no schedule {given}; there is {}",
        tenants::described(&tenant),
        schedule.described()
    );
    Err(Error::not_found(message).hint(format!(
        "tenantpilot schedules list --archived --tenant {}",
        tenant.id.0
    )))
}

fn ambiguous(given: &str, candidates: &[Listed]) -> Error {
    let named: Vec<String> = candidates
        .iter()
        .map(|Listed { schedule, .. }| {
            format!(
                "{}/{} (id {})",
                schedule.tenant,
                schedule.name(),
                schedule.id.0
            )
        })
        .collect();
    Error::usage(format!(
        "{given} may mean several schedules: {}",
        named.join(", ")
    ))
    .hint("name it by TENANT/NAME or by id")
}

fn unknown(conn: &Connection, given: &str) -> Result<Error> {
    let all = schedules::list(conn, None, false)?;
    let names: Vec<String> = all
        .iter()
        .flat_map(|Listed { schedule, .. }| {
            let name = schedule.name().to_owned();
            [format!("{}/{name}", schedule.tenant), name]
        })
        .collect();
    let error = Error::not_found(format!("no schedule named {}", told(given)));
    Ok(match closest(given, names.iter().map(String::as_str)) {
        Some(name) => error.hint(format!(
            "the closest name is {name}; see tenantpilot schedules list"
        )),
        None => error.hint("tenantpilot schedules list"),
    })
}
