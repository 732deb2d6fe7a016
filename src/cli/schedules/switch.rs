//! `schedules enable` and `schedules disable`: all that are named, or none.

use serde_json::json;

use super::find::find_active;
use super::settle::Settled;
use super::{event, find_all, reread, settle, show, slots_from_now};
use crate::context::Context;
use crate::error::Result;
use crate::schedule::{Schedule, Settings};
use crate::store::{self, schedules::Listed};

/// Enable schedules; their slots begin with the next minute
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules enable nightly
  tenantpilot schedules enable contoso/nightly fabrikam/nightly")]
pub struct EnableArgs {
    /// The schedules: ids, names, or TENANT/NAME
    #[arg(value_name = "SCHEDULE", required = true)]
    schedules: Vec<String>,
}

/// Disable schedules; nothing is started, and nothing counts as missed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules disable contoso/nightly")]
pub struct DisableArgs {
    /// The schedules: ids, names, or TENANT/NAME
    #[arg(value_name = "SCHEDULE", required = true)]
    schedules: Vec<String>,
}

pub(super) fn enable(ctx: &Context, args: &EnableArgs) -> Result<()> {
    switch(ctx, &args.schedules, true)
}

pub(super) fn disable(ctx: &Context, args: &DisableArgs) -> Result<()> {
    switch(ctx, &args.schedules, false)
}

/// What became of one.
struct Switched {
    before: Schedule,
    after: Listed,
    settled: Settled,
}

fn switch(ctx: &Context, given: &[String], enabled: bool) -> Result<()> {
    let store = ctx.store()?;
    let switched = store.write(|tx| {
        find_all(given, |given| find_active(ctx, tx, given))?
            .into_iter()
            .map(|schedule| switch_one(ctx, tx, schedule, enabled))
            .collect::<Result<Vec<_>>>()
    })?;
    let word = if enabled { "enabled" } else { "disabled" };
    for Switched {
        before, settled, ..
    } in &switched
    {
        settle::tell(ctx, before, *settled);
        let already = if before.settings.enabled == enabled {
            " already"
        } else {
            ""
        };
        ctx.ui
            .line(format_args!("{} is {word}{already}", before.described()))?;
    }
    let items: Vec<_> = switched
        .iter()
        .map(|done| show::json(ctx, &done.after))
        .collect();
    ctx.ui.items(&items)
}

fn switch_one(
    ctx: &Context,
    tx: &rusqlite::Transaction<'_>,
    before: Schedule,
    enabled: bool,
) -> Result<Switched> {
    let mut settled = Settled::default();
    if before.settings.enabled != enabled {
        settled = settle::settle(ctx, tx, &before)?;
        let settings = Settings {
            enabled,
            ..before.settings.clone()
        };
        store::schedules::update(tx, before.id, &settings)?;
        if enabled {
            store::schedules::set_slots(tx, before.id, &slots_from_now(ctx, &settings)?)?;
        }
        let action = if enabled {
            "schedule.enable"
        } else {
            "schedule.disable"
        };
        let details = json!({ "name": before.name() });
        let event = event(ctx, action, before.tenant_id, before.id, details);
        store::audit::append(tx, &event)?;
    }
    Ok(Switched {
        after: reread(tx, before.id)?,
        before,
        settled,
    })
}
