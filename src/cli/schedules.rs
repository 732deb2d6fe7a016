//! `schedules`: what is backed up in a tenant, when, and how long it is kept.

pub(crate) mod add;
mod ahead;
pub(crate) mod choice;
pub(crate) mod edit;
pub(crate) mod find;
mod options;
pub(crate) mod remove;
pub(crate) mod settle;
mod show;
mod slots;
mod switch;

pub(crate) use ahead::{Decided, ahead_of};
pub(crate) use slots::Zones;

use clap::Subcommand;
use rusqlite::Connection;
use serde_json::Value;

use crate::audit::{Event, Outcome};
use crate::context::Context;
use crate::error::{Error, ExitCode, Result};
use crate::schedule::{Schedule, ScheduleId};
use crate::store::{self, schedules::Slots};
use crate::tenant::TenantId;
use crate::zone::Zone;

/// Manage schedules: what to back up in a tenant, when, and how long to keep it
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    Add(add::Args),
    List(show::ListArgs),
    Show(show::ShowArgs),
    Edit(edit::Args),
    Enable(switch::EnableArgs),
    Disable(switch::DisableArgs),
    Remove(remove::RemoveArgs),
    Restore(remove::RestoreArgs),
    Next(slots::NextArgs),
    Upcoming(slots::UpcomingArgs),
}

/// Carries it out.
pub fn run(ctx: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Add(args) => add::run(ctx, args)?,
        Command::List(args) => show::list(ctx, &args)?,
        Command::Show(args) => show::show(ctx, &args)?,
        Command::Edit(args) => edit::run(ctx, &args)?,
        Command::Enable(args) => switch::enable(ctx, &args)?,
        Command::Disable(args) => switch::disable(ctx, &args)?,
        Command::Remove(args) => remove::remove(ctx, &args)?,
        Command::Restore(args) => remove::restore(ctx, &args)?,
        Command::Next(args) => slots::next(ctx, &args)?,
        Command::Upcoming(args) => slots::upcoming(ctx, &args)?,
    }
    Ok(ExitCode::Ok)
}

/// The slots of a schedule that is added, enabled or changed now: they begin with the next minute.
fn slots_from_now(ctx: &Context, settings: &crate::schedule::Settings) -> Result<Slots> {
    let zone = Zone::load(ctx.zones(), &settings.timezone)?;
    let from = crate::slot::Slot::containing(ctx.now()).next();
    Ok(Slots {
        from,
        next: settings.recurrence.next(&zone, from),
        zone_version: ctx.zones().version(),
    })
}

/// Refuses a name that another schedule of the tenant than `own` has.
fn require_free_name(
    conn: &Connection,
    tenant: TenantId,
    name: &str,
    own: Option<ScheduleId>,
) -> Result<()> {
    match store::schedules::by_name(conn, tenant, name)? {
        Some(other) if Some(other.schedule.id) != own => {
            let other = other.schedule;
            Err(Error::usage(format!(
                "schedule name {name} is taken in tenant {} by the schedule with id {}",
                other.tenant, other.id.0
            ))
            .hint(format!(
                "choose another name, or change that schedule: tenantpilot schedules edit {}",
                other.id.0
            )))
        }
        _ => Ok(()),
    }
}

/// The audit event of a change to a schedule.
fn event<'a>(
    ctx: &'a Context,
    action: &'a str,
    tenant: TenantId,
    id: ScheduleId,
    details: Value,
) -> Event<'a> {
    Event {
        at: ctx.now(),
        actor: ctx.actor.name(),
        action,
        tenant: Some(tenant),
        object: format!("schedule {}", id.0),
        outcome: Outcome::Ok,
        details,
    }
}

/// The schedule `id` as it is now, after a change in the same transaction.
pub(crate) fn reread(conn: &Connection, id: ScheduleId) -> Result<store::schedules::Listed> {
    store::schedules::by_id(conn, id)?
        .ok_or_else(|| Error::internal(format!("schedule {} is gone", id.0)))
}

/// Each of `given`, each once, in the order given.
fn find_all(given: &[String], find: impl Fn(&str) -> Result<Schedule>) -> Result<Vec<Schedule>> {
    let mut found: Vec<Schedule> = Vec::with_capacity(given.len());
    for name in given {
        let schedule = find(name)?;
        if found.iter().all(|other| other.id != schedule.id) {
            found.push(schedule);
        }
    }
    Ok(found)
}
