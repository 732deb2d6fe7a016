//! `backups list`.

use std::collections::HashMap;

use clap::Args as ClapArgs;

use super::set_json;
use crate::backup_set::BackupSet;
use crate::cli;
use crate::cli::history::{since_before, time};
use crate::cli::permit;
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::plural::{counted, form};
use crate::store::backup_sets::{self, Filter};
use crate::store::contents::Reader;
use crate::tenant::TenantId;
use crate::ui::table::Table;

/// List backup sets, newest first
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups list --tenant contoso
  tenantpilot backups list --schedule contoso/nightly --since 7d
  tenantpilot backups list --expired")]
pub struct Args {
    /// Only those of this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Only those of this schedule: its id, name, or TENANT/NAME
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,

    /// Only those of this last while, e.g. 24h or 7d
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    since: Option<String>,

    /// Show at most this many
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        allow_negative_numbers = true,
        value_parser = cli::number::from(1_u32)
    )]
    limit: u32,

    /// Those that expired and wait to be purged, instead of the others
    #[arg(long)]
    expired: bool,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    let conn = store.read();
    let tenant = args
        .tenant
        .as_deref()
        .map(|name| cli::tenants::find(ctx, conn, name))
        .transpose()?;
    let schedule = args
        .schedule
        .as_deref()
        .map(|given| cli::schedules::find::find_any(ctx, conn, given, args.tenant.as_deref()))
        .transpose()?;
    let filter = Filter {
        tenant: tenant.map(|tenant| tenant.id),
        schedule: schedule.map(|schedule| schedule.id),
        since: args
            .since
            .as_deref()
            .map(|since| since_before(ctx.now(), since))
            .transpose()?,
        expired: Some(args.expired),
        limit: Some(args.limit),
    };
    let sets = if filter.tenant.is_some() || filter.schedule.is_some() {
        backup_sets::list_sets(conn, &filter)?
    } else {
        permit::list(
            ctx,
            args.limit,
            |set: &BackupSet| set.id,
            |tenant| backup_sets::list_sets(conn, &Filter { tenant, ..filter }),
        )?
    };
    let mut damaged = Vec::new();
    if ctx.ui.json() {
        let mut readers: HashMap<TenantId, Reader<'_>> = HashMap::new();
        let mut items = Vec::with_capacity(sets.len());
        for set in &sets {
            let reader = readers
                .entry(set.tenant_id)
                .or_insert_with(|| Reader::new(conn, set.tenant_id));
            let manifest = match backup_sets::manifest(reader, set) {
                Err(error) if error.kind() == Kind::Integrity => {
                    damaged.push(error);
                    None
                }
                read => Some(read?),
            };
            items.push(set_json(set, manifest.as_ref()));
        }
        ctx.ui.items(&items)?;
    }
    let mut table = Table::new(&[
        "SET", "TENANT", "SCHEDULE", "TIME", "STATUS", "POLICIES", "RUN", "ROOT", "",
    ])
    .whole(&["SET", "TIME", "STATUS", "POLICIES", "RUN"])
    .spare(&["ROOT", "RUN"])
    .flowing();
    for set in &sets {
        let root: String = set.root_hash.to_string().chars().take(12).collect();
        let note = match (&set.pin_reason, set.expired_at) {
            (Some(reason), _) => format!("pinned: {reason}"),
            (None, Some(at)) => format!("expired {}", time(at)),
            (None, None) => String::new(),
        };
        table.row([
            set.id.to_string(),
            set.tenant.clone(),
            set.schedule.clone().unwrap_or_default(),
            time(set.time),
            set.status.as_str().to_owned(),
            set.policies.to_string(),
            set.run_id.map(|run| run.to_string()).unwrap_or_default(),
            root,
            note,
        ]);
    }
    ctx.ui.table(&table)?;
    if damaged.is_empty() {
        return Ok(ExitCode::Ok);
    }
    for error in &damaged {
        ctx.ui.problem(error);
    }
    let what = format!(
        "{} of {} {} a manifest that cannot be read",
        damaged.len(),
        counted(sets.len(), "backup set", "backup sets"),
        form(damaged.len(), "has", "have")
    );
    Err(Error::new(Kind::Integrity, what).hint("tenantpilot backups verify"))
}
