//! `backups pin | unpin | expire | unexpire | delete`: what stays, decided by hand.

use clap::Args as ClapArgs;

use super::{find, set_json};
use crate::backup_set::BackupSet;
use crate::cli::require_yes;
use crate::context::Context;
use crate::error::{ExitCode, Result};
use crate::retention::by_hand::{self, Decider};
use crate::store::backup_sets::purge::Waiting;
use crate::store::contents::Reader;
use crate::store::{Store, backup_sets};

/// Keep a backup set from retention, with the reason why
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups pin 12 --reason 'before the autumn change window'")]
pub struct PinArgs {
    /// The id of the backup set
    #[arg(value_name = "SET")]
    set: i64,

    /// Why it has to stay
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Confirm that a backup set lost most of its policies on purpose
///
/// Until then there is no retention in its schedule: nothing expires and nothing is purged.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups acknowledge 12")]
pub struct AcknowledgeArgs {
    /// The id of the backup set
    #[arg(value_name = "SET")]
    set: i64,
}

/// Leave a pinned backup set to retention again
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups unpin 12")]
pub struct UnpinArgs {
    /// The id of the backup set
    #[arg(value_name = "SET")]
    set: i64,
}

/// Hide a backup set; it can be brought back for a week, then retention purges it
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups expire 12")]
pub struct ExpireArgs {
    /// The id of the backup set
    #[arg(value_name = "SET")]
    set: i64,
}

/// Bring an expired backup set back
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups list --expired
  tenantpilot backups unexpire 12")]
pub struct UnexpireArgs {
    /// The id of the backup set
    #[arg(value_name = "SET")]
    set: i64,
}

/// Remove a backup set for good, and what no other set shares with it
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups delete 12
  tenantpilot backups delete 12 --yes")]
pub struct DeleteArgs {
    /// The id of the backup set
    #[arg(value_name = "SET")]
    set: i64,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Carries out `pin`.
pub fn pin(ctx: &Context, args: &PinArgs) -> Result<ExitCode> {
    decide(ctx, args.set, "pinned", |store, set, by| {
        by_hand::pin(store, set, &args.reason, by)
    })
}

/// Carries out `acknowledge`.
pub fn acknowledge(ctx: &Context, args: &AcknowledgeArgs) -> Result<ExitCode> {
    decide(ctx, args.set, "acknowledged", by_hand::acknowledge)
}

/// Carries out `unpin`.
pub fn unpin(ctx: &Context, args: &UnpinArgs) -> Result<ExitCode> {
    decide(ctx, args.set, "no longer pinned", by_hand::unpin)
}

/// Carries out `expire`.
pub fn expire(ctx: &Context, args: &ExpireArgs) -> Result<ExitCode> {
    decide(ctx, args.set, "expired", by_hand::expire)
}

/// Carries out `unexpire`.
pub fn unexpire(ctx: &Context, args: &UnexpireArgs) -> Result<ExitCode> {
    decide(ctx, args.set, "brought back", by_hand::unexpire)
}

/// Carries out `delete`.
pub fn delete(ctx: &Context, args: &DeleteArgs) -> Result<ExitCode> {
    let store = ctx.store()?;
    let set = find(ctx, store.read(), args.set)?;
    require_yes(
        ctx,
        args.yes,
        &format!("delete {} for good", set.described()),
    )?;
    let purged = by_hand::delete(&store, &set, decider(ctx))?;
    ctx.ui.document(&serde_json::json!({
        "id": set.id.0,
        "deleted": true,
        "contents": purged.contents,
        "waiting": purged.waiting.as_ref().map(Waiting::why),
    }))?;
    ctx.ui.line(format!("{} is deleted", set.described()))?;
    match purged.waiting {
        None => Ok(ExitCode::Ok),
        Some(why @ Waiting::Run) => {
            let why = why.why();
            ctx.ui.line(format!("what it alone held waits: {why}"))?;
            Ok(ExitCode::Ok)
        }
        Some(Waiting::Unread(error)) => {
            let error = error.during("what it alone held waits");
            ctx.ui.problem(&error);
            Ok(error.kind().exit_code())
        }
    }
}

fn decider(ctx: &Context) -> Decider<'_> {
    Decider {
        actor: ctx.actor.name(),
        // Not when the command began: since then somebody may have thought about a question.
        at: ctx.clock.now(),
        clock: ctx.clock.as_ref(),
    }
}

fn decide(
    ctx: &Context,
    id: i64,
    what: &str,
    deed: impl FnOnce(&Store, &BackupSet, Decider<'_>) -> Result<()>,
) -> Result<ExitCode> {
    let store = ctx.store()?;
    deed(&store, &find(ctx, store.read(), id)?, decider(ctx))?;
    let set = find(ctx, store.read(), id)?;
    if ctx.ui.json() {
        let reader = Reader::new(store.read(), set.tenant_id);
        ctx.ui.document(&set_json(
            &set,
            Some(&backup_sets::manifest(&reader, &set)?),
        ))?;
    }
    ctx.ui.line(format!("{} is {what}", set.described()))?;
    Ok(ExitCode::Ok)
}
