//! `fleet export`: what is there as a file.

use std::collections::BTreeMap;

use crate::cli::{schedules, tenants};
use crate::context::Context;
use crate::error::Result;
use crate::fleet::{self, Entry, Fleet, Format};
use crate::ui::text::toml_controls;

/// Print tenants and schedules as a file that `fleet apply` takes: TOML, with --json JSON
///
/// Sorted by name, and the same bytes as long as nothing changes. Archived schedules, history, roles
/// and backup sets are not in it, and no secret, only where it is; no ping URL either. Comments of a
/// file that was applied are not kept anywhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot fleet export > fleet.toml
  tenantpilot fleet export --json > fleet.json")]
pub struct Args {}

pub(super) fn run(ctx: &Context, _: &Args) -> Result<()> {
    let store = ctx.store()?;
    let conn = store.read();
    let mut of_tenants: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for listed in schedules::find::readable(ctx, conn, None, false)? {
        let schedule = listed.schedule;
        let of_tenant = of_tenants.entry(schedule.tenant_id).or_default();
        of_tenant.push(schedule.settings);
    }
    let tenants = tenants::readable(ctx, conn)?
        .into_iter()
        .map(|tenant| Entry {
            schedules: of_tenants.remove(&tenant.id).unwrap_or_default(),
            tenant: tenant.settings,
        });
    let fleet = Fleet {
        tenants: tenants.collect(),
    };
    let text = fleet::toml(&fleet);
    let text = toml_controls(&text);
    // Something may be there that a newer program saved, or a zone that this machine does not know.
    let read = fleet::read(text.as_bytes(), Format::Toml, ctx.zones());
    for fault in read.err().into_iter().flatten() {
        let error = fault.of_file("fleet apply would not take this here");
        ctx.ui.warn(error.message());
    }
    if ctx.ui.json() {
        return ctx.ui.document(&fleet::json(&fleet));
    }
    ctx.ui.raw(&text)
}
