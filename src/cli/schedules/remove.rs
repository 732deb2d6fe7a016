//! `schedules remove` archives, with `--purge` deletes; `schedules restore` brings archived ones
//! back.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::choice::{Pool, Which};
use super::find::{Prefer, find};
use super::settle::Settled;
use super::{event, require_free_name, reread, settle, show, slots, slots_from_now};
use crate::cli::require_yes;
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::schedule::Schedule;
use crate::store;

/// Archive schedules; their history and backup sets stay
///
/// All that are named or chosen, or none of them. With --purge those that are archived are chosen
/// from, else the others.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "tenantpilot schedules remove [OPTIONS] <SCHEDULE>...
       tenantpilot schedules remove [OPTIONS] <--tenant <TENANT>|--label <K=V>|--all>...",
    after_help = "Examples:
  tenantpilot schedules remove contoso/nightly
  tenantpilot schedules remove contoso/nightly --purge --yes
  tenantpilot schedules remove --label env=test --yes"
)]
pub struct RemoveArgs {
    #[command(flatten)]
    which: Which,

    /// Delete archived schedules that have no backup sets, with their history
    #[arg(long)]
    purge: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Bring archived schedules back; their slots begin with the next minute
///
/// All that are named or chosen, or none of them. One that was disabled comes back disabled, and that is
/// said.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "tenantpilot schedules restore [OPTIONS] <SCHEDULE>...
       tenantpilot schedules restore [OPTIONS] <--tenant <TENANT>|--label <K=V>|--all>...",
    after_help = "Examples:
  tenantpilot schedules restore contoso/nightly
  tenantpilot schedules restore --tenant contoso"
)]
pub struct RestoreArgs {
    #[command(flatten)]
    which: Which,
}

pub(super) fn remove(ctx: &Context, args: &RemoveArgs) -> Result<()> {
    let store = ctx.store()?;
    let (prefer, pool) = if args.purge {
        (Prefer::Archived, Pool::Archived)
    } else {
        (Prefer::Active, Pool::Active)
    };
    let found = args.which.choose(ctx, store.read(), pool, |given| {
        Ok(find(ctx, store.read(), given, prefer)?.schedule)
    })?;
    if args.purge {
        for schedule in &found {
            refuse_purge(store.read(), schedule)?;
        }
    }
    let deed = if args.purge { "delete" } else { "archive" };
    require_yes(ctx, args.yes, &format!("{deed} {}", named(&found)))?;
    let removed = ctx.write(&store, |tx| {
        found
            .iter()
            // Between the question and the answer something may have changed.
            .map(|schedule| reread(tx, schedule.id))
            .map(|listed| {
                let listed = listed?;
                let settled = if args.purge {
                    purge(ctx, tx, &listed.schedule)?;
                    Settled::default()
                } else {
                    archive(ctx, tx, &listed.schedule)?
                };
                Ok((listed, settled))
            })
            .collect::<Result<Vec<_>>>()
    })?;
    let done = if args.purge { "deleted" } else { "archived" };
    let mut items = Vec::with_capacity(removed.len());
    for (mut listed, settled) in removed {
        settle::tell(ctx, &listed.schedule, settled);
        let described = listed.schedule.described();
        if !args.purge && listed.schedule.archived_at.is_some() {
            ctx.ui
                .line(format_args!("{described} is archived already"))?;
        } else {
            ctx.ui.line(format_args!("{done} {described}"))?;
        }
        listed.schedule.archived_at.get_or_insert(ctx.now());
        items.push(show::json(ctx, store.read(), &listed)?);
    }
    ctx.ui.items(&items)
}

/// Archives a schedule, with its audit event; what it missed until now is recorded first.
pub(crate) fn archive(ctx: &Context, tx: &Transaction<'_>, schedule: &Schedule) -> Result<Settled> {
    if schedule.archived_at.is_some() {
        return Ok(Settled::default());
    }
    let settled = settle::settle(ctx, tx, schedule)?;
    store::schedules::set_archived(tx, schedule.id, Some(ctx.now()))?;
    record(ctx, tx, "schedule.remove", schedule)?;
    Ok(settled)
}

fn purge(ctx: &Context, tx: &Transaction<'_>, schedule: &Schedule) -> Result<()> {
    refuse_purge(tx, schedule)?;
    store::schedules::delete(tx, schedule.id)?;
    record(ctx, tx, "schedule.purge", schedule)
}

fn record(ctx: &Context, tx: &Transaction<'_>, action: &str, schedule: &Schedule) -> Result<()> {
    let details = json!({ "name": schedule.name() });
    let event = event(ctx, action, schedule.tenant_id, schedule.id, details);
    store::audit::append(tx, &event).map(drop)
}

fn refuse_purge(conn: &Connection, schedule: &Schedule) -> Result<()> {
    let refused =
        |why: &str| Error::usage(format!("cannot delete {}: {why}", schedule.described()));
    if schedule.archived_at.is_none() {
        return Err(refused("it is not archived").hint(format!(
            "tenantpilot schedules remove {}, then again with --purge",
            schedule.id.0
        )));
    }
    let sets = store::schedules::backup_sets(conn, schedule.id)?;
    if sets > 0 {
        return Err(refused(&format!("it has backup sets: {sets} of them")).hint(format!(
            "tenantpilot backups list --schedule {} (with --expired those that are hidden), then \
             tenantpilot backups delete SET",
            schedule.id.0
        )));
    }
    if let Some(run) = store::schedules::open_run(conn, schedule.id)? {
        return Err(Error::new(
            Kind::Busy,
            format!(
                "cannot delete {}: run {run} is not finished",
                schedule.described()
            ),
        )
        .hint(format!("tenantpilot history show {run}")));
    }
    Ok(())
}

pub(super) fn restore(ctx: &Context, args: &RestoreArgs) -> Result<()> {
    let store = ctx.store()?;
    let restored = ctx.write(&store, |tx| {
        let find = |given: &str| Ok(find(ctx, tx, given, Prefer::Archived)?.schedule);
        args.which
            .choose(ctx, tx, Pool::Archived, find)?
            .into_iter()
            .map(|before| {
                if before.archived_at.is_some() {
                    bring_back(ctx, tx, &before)?;
                }
                let after = reread(tx, before.id)?;
                Ok((before, after))
            })
            .collect::<Result<Vec<_>>>()
    })?;
    for (before, _) in &restored {
        if before.archived_at.is_some() {
            ctx.ui
                .line(format_args!("restored {}", before.described()))?;
        } else {
            ctx.ui
                .line(format_args!("{} is not archived", before.described()))?;
        }
    }
    if let [(before, after)] = restored.as_slice()
        && before.archived_at.is_some()
    {
        slots::print_next_three(ctx, store.read(), &after.schedule)?;
    }
    tell_disabled(ctx, restored.iter().map(|(_, after)| &after.schedule));
    let items = restored.iter();
    let items = items.map(|(_, after)| show::json(ctx, store.read(), after));
    ctx.ui.items(&items.collect::<Result<Vec<_>>>()?)
}

/// Says which of them start nothing: they were disabled before they were archived.
fn tell_disabled<'s>(ctx: &Context, schedules: impl Iterator<Item = &'s Schedule>) {
    let disabled = schedules.filter(|schedule| !schedule.settings.enabled);
    let disabled: BTreeMap<_, _> = disabled.map(|one| (one.id, one.described())).collect();
    if disabled.is_empty() {
        return;
    }
    for described in disabled.values() {
        ctx.ui.warn(format_args!("{described} is disabled"));
    }
    let ids: Vec<String> = disabled.keys().map(|id| id.0.to_string()).collect();
    let ids = ids.join(" ");
    ctx.ui
        .hint(format_args!("tenantpilot schedules enable {ids}"));
}

/// Schedules for a question: a few by name, of many how many more.
fn named(schedules: &[Schedule]) -> String {
    let (told, more) = schedules.split_at(schedules.len().min(5));
    let told: Vec<String> = told.iter().map(Schedule::described).collect();
    match more.len() {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

/// Brings an archived schedule back, with its audit event.
///
/// # Errors
/// Its tenant was removed, its name is taken, or its zone is unknown here.
pub(crate) fn bring_back(ctx: &Context, tx: &Transaction<'_>, schedule: &Schedule) -> Result<()> {
    if !store::schedules::has_tenant(tx, schedule)? {
        return Err(Error::usage(format!(
            "cannot restore {}: the tenant was removed",
            schedule.described()
        ))
        .hint("add the tenant anew, and a schedule to it"));
    }
    require_free_name(tx, schedule.tenant_id, schedule.name(), Some(schedule.id))?;
    store::schedules::set_archived(tx, schedule.id, None)?;
    store::schedules::set_slots(tx, schedule.id, &slots_from_now(ctx, &schedule.settings)?)?;
    record(ctx, tx, "schedule.restore", schedule)
}
