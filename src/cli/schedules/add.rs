//! `schedules add`: flags to a schedule, and what they mean in the next days.

use rusqlite::Transaction;

use super::options::Options;
use super::{event, require_free_name, reread, show, slots, slots_from_now};
use crate::cli::tenants;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::schedule::{ScheduleId, Settings};
use crate::store;
use crate::tenant::{self, TenantId};

/// Add a schedule to a tenant, and print its next three slots
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("when").args(["at", "cron"]).required(true)),
    mut_arg("labels", |label| label.help("Give it this label, e.g. env=prod; can be given several times")),
    override_usage = "tenantpilot schedules add [OPTIONS] --tenant <TENANT> --at <HH:MM> <NAME>
       tenantpilot schedules add [OPTIONS] --tenant <TENANT> --cron <EXPRESSION> <NAME>",
    after_help = "Examples:
  tenantpilot schedules add nightly --tenant contoso --at 02:00 \\
      --timezone Europe/Oslo
  tenantpilot schedules add weekly --tenant contoso --at 06:00 --at 18:00 \\
      --days mon,thu
  tenantpilot schedules add hourly --tenant contoso --cron '15 * * * *' \\
      --types settingsCatalogPolicy

A local time that a clock change skips is skipped; one that comes twice counts the first time.

In a zone with clock changes, a schedule that runs several times an hour pauses while an hour comes \
again: give it --timezone UTC."
)]
pub struct Args {
    /// A name of 1 to 100 characters that no other schedule of the tenant has, not only digits
    name: String,

    /// The tenant to back up: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: String,

    #[command(flatten)]
    options: Options,

    /// Add it without starting anything; see `schedules enable`
    #[arg(long)]
    disabled: bool,
}

pub(super) fn run(ctx: &Context, args: Args) -> Result<()> {
    tenant::check_name("schedule", &args.name)?;
    let recurrence = args.options.recurrence(None)?.ok_or_else(|| {
        Error::usage("a schedule needs to know when").hint("add --at HH:MM or --cron EXPRESSION")
    })?;
    let settings = Settings {
        enabled: !args.disabled,
        ..Settings::new(args.name, recurrence)
    };
    let settings = args.options.apply(ctx, settings)?;
    let store = ctx.store()?;
    let listed = ctx.write(&store, |tx| {
        let tenant = tenants::find(ctx, tx, &args.tenant)?;
        let id = insert(ctx, tx, tenant.id, &settings)?;
        reread(tx, id)
    })?;
    let schedule = &listed.schedule;
    let state = if schedule.settings.enabled {
        ""
    } else {
        ", disabled"
    };
    ctx.ui
        .line(format_args!("added {}{state}", schedule.described()))?;
    slots::print_next_three(ctx, store.read(), schedule)?;
    ctx.ui.document(&show::json(ctx, store.read(), &listed)?)
}

/// Adds a schedule whose settings were checked, with its audit event.
///
/// # Errors
/// The name is taken in the tenant; the zone is unknown here.
pub(crate) fn insert(
    ctx: &Context,
    tx: &Transaction<'_>,
    tenant: TenantId,
    settings: &Settings,
) -> Result<ScheduleId> {
    require_free_name(tx, tenant, &settings.name, None)?;
    let slots = slots_from_now(ctx, settings)?;
    let id = store::schedules::insert(tx, tenant, settings, &slots, ctx.now())?;
    let details = show::settings_json(settings);
    store::audit::append(tx, &event(ctx, "schedule.add", tenant, id, details))?;
    Ok(id)
}
