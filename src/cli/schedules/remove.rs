//! `schedules remove` archives, with `--purge` deletes; `schedules restore` brings an archived one
//! back.

use rusqlite::{Connection, Transaction};
use serde_json::json;

use super::find::{Prefer, find};
use super::settle::Settled;
use super::{event, find_all, require_free_name, reread, settle, show, slots, slots_from_now};
use crate::cli::require_yes;
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::schedule::Schedule;
use crate::store;

/// Archive schedules; their history and backup sets stay
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules remove contoso/nightly
  tenantpilot schedules remove contoso/nightly --purge --yes")]
pub struct RemoveArgs {
    /// The schedules: ids, names, or TENANT/NAME
    #[arg(value_name = "SCHEDULE", required = true)]
    schedules: Vec<String>,

    /// Delete archived schedules that have no backup sets, with their history
    #[arg(long)]
    purge: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Bring an archived schedule back; its slots begin with the next minute
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules restore contoso/nightly")]
pub struct RestoreArgs {
    /// The schedule: its id, name, or TENANT/NAME
    #[arg(value_name = "SCHEDULE")]
    schedule: String,
}

pub(super) fn remove(ctx: &Context, args: &RemoveArgs) -> Result<()> {
    let store = ctx.store()?;
    let prefer = if args.purge {
        Prefer::Archived
    } else {
        Prefer::Active
    };
    let found = find_all(&args.schedules, |given| {
        Ok(find(ctx, store.read(), given, prefer)?.schedule)
    })?;
    if args.purge {
        for schedule in &found {
            refuse_purge(store.read(), schedule)?;
        }
    }
    let named: Vec<String> = found.iter().map(Schedule::described).collect();
    let deed = if args.purge { "delete" } else { "archive" };
    require_yes(ctx, args.yes, &format!("{deed} {}", named.join(", ")))?;
    let removed = store.write(|tx| {
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
        items.push(show::json(ctx, &listed));
    }
    ctx.ui.items(&items)
}

fn archive(ctx: &Context, tx: &Transaction<'_>, schedule: &Schedule) -> Result<Settled> {
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
            "tenantpilot backups list --schedule {} --expired, then tenantpilot backups delete SET",
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
    let (before, after) = store.write(|tx| {
        let before = find(ctx, tx, &args.schedule, Prefer::Archived)?.schedule;
        if before.archived_at.is_some() {
            bring_back(ctx, tx, &before)?;
        }
        let after = reread(tx, before.id)?;
        Ok((before, after))
    })?;
    if before.archived_at.is_some() {
        ctx.ui
            .line(format_args!("restored {}", before.described()))?;
        slots::print_next_three(ctx, &after.schedule)?;
    } else {
        ctx.ui
            .line(format_args!("{} is not archived", before.described()))?;
    }
    ctx.ui.document(&show::json(ctx, &after))
}

fn bring_back(ctx: &Context, tx: &Transaction<'_>, schedule: &Schedule) -> Result<()> {
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
