//! `tenants remove`: takes a tenant off the list once nothing hangs on it any more.

use rusqlite::Transaction;
use serde_json::json;

use super::{described, event, find};
use crate::cli::require_yes;
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::store::{self, tenants::InUse};
use crate::tenant::Tenant;

/// Remove a tenant that has no schedules and no backup sets; its history and audit events stay
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot tenants remove contoso")]
pub struct Args {
    /// The tenant: its name or id
    #[arg(value_name = "TENANT")]
    tenant: String,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<()> {
    let store = ctx.store()?;
    let tenant = find(ctx, store.read(), &args.tenant)?;
    refuse_in_use(&tenant, &store::tenants::in_use(store.read(), tenant.id)?)?;
    require_yes(ctx, args.yes, &format!("remove {}", described(&tenant)))?;
    ctx.write(&store, |tx| {
        // Between the question and the answer something may have been added.
        let tenant = find(ctx, tx, &tenant.id.0.to_string())?;
        take_off(ctx, tx, &tenant)
    })?;
    ctx.ui
        .line(format_args!("removed {}", described(&tenant)))?;
    ctx.ui.document(&super::show::json(&tenant))
}

/// Takes a tenant off the list, with its audit event.
///
/// # Errors
/// Something hangs on it.
pub(crate) fn take_off(ctx: &Context, tx: &Transaction<'_>, tenant: &Tenant) -> Result<()> {
    refuse_in_use(tenant, &store::tenants::in_use(tx, tenant.id)?)?;
    store::tenants::remove(tx, tenant.id, ctx.now())?;
    let details = json!({ "name": tenant.name() });
    store::audit::append(tx, &event(ctx, "tenant.remove", tenant.id, details)).map(drop)
}

fn refuse_in_use(tenant: &Tenant, in_use: &InUse) -> Result<()> {
    let refused = |why: String| Error::usage(format!("cannot remove {}: {why}", described(tenant)));
    if let Some(first) = in_use.schedules.first() {
        let names = in_use.schedules.join(", ");
        return Err(refused(format!("it has schedules: {names}")).hint(format!(
            "tenantpilot schedules remove {} --yes",
            shell_words::quote(&format!("{}/{first}", tenant.name()))
        )));
    }
    if let Some(run) = in_use.open_run {
        return Err(Error::new(
            Kind::Busy,
            format!(
                "cannot remove {}: run {run} is not finished",
                described(tenant)
            ),
        )
        .hint(format!("tenantpilot history show {run}")));
    }
    if let Some(newest) = in_use.backup_sets.first() {
        return Err(refused(format!(
            "it has backup sets: {} of them, the newest has id {newest}",
            in_use.backup_sets.len()
        ))
        .hint(format!(
            "tenantpilot backups list --tenant {} (with --expired those that are hidden), then \
             tenantpilot backups delete SET",
            tenant.id.0
        )));
    }
    Ok(())
}
