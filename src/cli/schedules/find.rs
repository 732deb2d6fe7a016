//! Which schedule a command line means: an id, a name, or `TENANT/NAME`.
//!
//! Names may hold a slash, so the whole is tried as a name first; then every way to split it counts.
//! An archived schedule gives its name free, so where both kinds answer to a name, the caller says
//! which it prefers.

use rusqlite::Connection;

use crate::cli::{tenants, told};
use crate::context::Context;
use crate::error::{Error, Result, closest};
use crate::schedule::{Schedule, ScheduleId};
use crate::store::schedules::{self, Listed};
use crate::tenant::TenantId;
use crate::ui::text::visible;

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
/// None: the hint is the closest name. Several: they are listed. The actor's role in its tenant does
/// not allow the command.
pub(crate) fn find(
    ctx: &Context,
    conn: &Connection,
    given: &str,
    prefer: Prefer,
) -> Result<Listed> {
    if !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit()) {
        let found = match given.parse() {
            Ok(id) => schedules::by_id(conn, ScheduleId(id))?,
            Err(_) => None,
        };
        let found = found.ok_or_else(|| {
            Error::not_found(format!("no schedule with id {given}"))
                .hint("tenantpilot schedules list --archived")
        })?;
        permit(ctx, &found.schedule)?;
        return Ok(found);
    }
    match choose(given, called(ctx, conn, given)?, prefer)? {
        Some(found) => {
            permit(ctx, &found.schedule)?;
            Ok(found)
        }
        None => Err(unknown(ctx, conn, given)?),
    }
}

/// How a schedule is typed again: `TENANT/NAME`, as a shell takes it, where that means this one and can be
/// typed; else its id.
pub(crate) fn typed(conn: &Connection, schedule: &Schedule) -> String {
    let called = schedules::called(conn, &names(schedule)).unwrap_or_default();
    typed_among(&called, schedule)
}

/// The same where all schedules are at hand, archived ones too.
pub(crate) fn typed_among(all: &[Listed], schedule: &Schedule) -> String {
    let names = names(schedule);
    let called = all.iter().filter(|listed| may_mean(&names, listed));
    let meant = choose(&names, called.cloned().collect(), Prefer::Active);
    let is_meant = matches!(meant, Ok(Some(listed)) if listed.schedule.id == schedule.id);
    match is_meant && visible(&names) == names && !names.starts_with('-') {
        true => shell_words::quote(&names).into_owned(),
        false => schedule.id.0.to_string(),
    }
}

fn names(schedule: &Schedule) -> String {
    format!("{}/{}", schedule.tenant, schedule.name())
}

/// Whether a schedule is one of those that [`schedules::called`] finds.
fn may_mean(given: &str, listed: &Listed) -> bool {
    let Listed { schedule, .. } = listed;
    let id = schedule.tenant_id.0.to_string();
    let of = |tenant: &str| {
        let rest = given.strip_prefix(tenant);
        rest.and_then(|rest| rest.strip_prefix('/')) == Some(schedule.name())
    };
    given == schedule.name() || of(&schedule.tenant) || of(&id)
}

/// That the actor may do to this schedule what the command does.
pub(crate) fn permit(ctx: &Context, schedule: &Schedule) -> Result<()> {
    let object = format_args!("schedule {}", schedule.id.0);
    ctx.permit(schedule.tenant_id, &schedule.tenant, object)
}

/// Those called so that the actor may look at. Where there are only others, of one tenant, it is no
/// secret that there are, and a role is missing there; of several tenants none is meant more than the
/// others.
fn called(ctx: &Context, conn: &Connection, given: &str) -> Result<Vec<Listed>> {
    let mut called = schedules::called(conn, given)?;
    let readable = ctx.readable();
    let is_hidden = |listed: &Listed| !readable.contains(listed.schedule.tenant_id);
    if called.iter().all(is_hidden)
        && let Some(hidden) = called.first()
    {
        let tenant = hidden.schedule.tenant_id;
        if called.iter().all(|one| one.schedule.tenant_id == tenant) {
            permit(ctx, &hidden.schedule)?;
        }
    }
    called.retain(|listed| !is_hidden(listed));
    Ok(called)
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
pub(crate) fn find_active(ctx: &Context, conn: &Connection, given: &str) -> Result<Schedule> {
    let schedule = find(ctx, conn, given, Prefer::Active)?.schedule;
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
pub(crate) fn find_any(
    ctx: &Context,
    conn: &Connection,
    given: &str,
    tenant: Option<&str>,
) -> Result<Schedule> {
    let Some(tenant) = tenant else {
        return Ok(find(ctx, conn, given, Prefer::Active)?.schedule);
    };
    let tenant = tenants::find(ctx, conn, tenant)?;
    let mut of_tenant = called(ctx, conn, given)?;
    of_tenant.retain(|listed| listed.schedule.tenant_id == tenant.id);
    let found = match choose(given, of_tenant, Prefer::Active)? {
        Some(found) => found,
        None => find(ctx, conn, given, Prefer::Active)?,
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

/// The schedules of the tenants that the actor may look at, or of one of these; with `archived`
/// those too.
pub(crate) fn readable(
    ctx: &Context,
    conn: &Connection,
    tenant: Option<TenantId>,
    archived: bool,
) -> Result<Vec<Listed>> {
    let mut listed = schedules::list(conn, tenant, archived)?;
    let readable = ctx.readable();
    listed.retain(|listed| readable.contains(listed.schedule.tenant_id));
    Ok(listed)
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

fn unknown(ctx: &Context, conn: &Connection, given: &str) -> Result<Error> {
    let all = readable(ctx, conn, None, false)?;
    let names: Vec<String> = all
        .iter()
        .flat_map(|Listed { schedule, .. }| {
            let name = schedule.name().to_owned();
            [format!("{}/{name}", schedule.tenant), name]
        })
        .collect();
    let error = Error::not_found(format!("no schedule named {}", told(given)));
    if schedules::list(conn, None, false)?.is_empty() {
        return Ok(error.hint("there is none yet: tenantpilot schedules add --help"));
    }
    if all.iter().any(|listed| listed.schedule.tenant == given) {
        return Ok(error.hint(format!(
            "that is a tenant, and its schedules are in: tenantpilot schedules list --tenant {}",
            shell_words::quote(given)
        )));
    }
    Ok(match closest(given, names.iter().map(String::as_str)) {
        Some(name) => error.hint(format!(
            "the closest name is {name}; see tenantpilot schedules list"
        )),
        None => error.hint("tenantpilot schedules list"),
    })
}
