//! `schedules enable` and `schedules disable`: all that are chosen, or none.

use serde_json::json;

use super::choice::{Pool, Which};
use super::find::find_active;
use super::settle::Settled;
use super::{event, reread, settle, show, slots_from_now};
use crate::context::Context;
use crate::error::Result;
use crate::schedule::{Schedule, Settings};
use crate::store::{self, schedules::Listed};

/// Enable schedules; their slots begin with the next minute
///
/// All that are named or chosen, or none of them.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "tenantpilot schedules enable [OPTIONS] <SCHEDULE>...
       tenantpilot schedules enable [OPTIONS] <--tenant <TENANT>|--label <K=V>|--all>...",
    after_help = "Examples:
  tenantpilot schedules enable contoso/nightly fabrikam/nightly
  tenantpilot schedules enable --label wave=2"
)]
pub struct EnableArgs {
    #[command(flatten)]
    which: Which,
}

/// Disable schedules; nothing is started, and nothing counts as missed
///
/// All that are named or chosen, or none of them. A run that was claimed before and waits for its turn
/// or its offset still starts.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "tenantpilot schedules disable [OPTIONS] <SCHEDULE>...
       tenantpilot schedules disable [OPTIONS] <--tenant <TENANT>|--label <K=V>|--all>...",
    after_help = "Examples:
  tenantpilot schedules disable contoso/nightly
  tenantpilot schedules disable --tenant contoso
  tenantpilot schedules disable --label env=test --label site=oslo"
)]
pub struct DisableArgs {
    #[command(flatten)]
    which: Which,
}

pub(super) fn enable(ctx: &Context, args: &EnableArgs) -> Result<()> {
    switch(ctx, &args.which, true)
}

pub(super) fn disable(ctx: &Context, args: &DisableArgs) -> Result<()> {
    switch(ctx, &args.which, false)
}

/// What became of one.
struct Switched {
    before: Schedule,
    after: Listed,
    settled: Settled,
}

fn switch(ctx: &Context, which: &Which, enabled: bool) -> Result<()> {
    let store = ctx.store()?;
    let switched = ctx.write(&store, |tx| {
        which
            .choose(ctx, tx, Pool::Active, |given| find_active(ctx, tx, given))?
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
    let items = switched.iter();
    let items = items.map(|done| show::json(ctx, store.read(), &done.after));
    ctx.ui.items(&items.collect::<Result<Vec<_>>>()?)
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
