//! `schedules add`: flags to a schedule, and what they mean in the next days.

use std::collections::BTreeMap;
use std::time::Duration;

use super::options::Options;
use super::{event, require_free_name, reread, show, slots, slots_from_now};
use crate::cli::tenants;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::retention::rules::Keep;
use crate::schedule::Settings;
use crate::store;
use crate::tenant;

/// Add a schedule to a tenant, and print its next three slots
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("when").args(["at", "cron"]).required(true)),
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
        name: args.name,
        recurrence,
        timezone: "UTC".to_owned(),
        policy_types: vec!["default".to_owned()],
        exclude_types: Vec::new(),
        include_foundations: true,
        keep: Keep::default(),
        grace: Duration::ZERO,
        max_runtime: Duration::from_secs(3_600),
        spread: Duration::ZERO,
        labels: BTreeMap::new(),
        enabled: !args.disabled,
        ping_url: None,
    };
    let settings = args.options.apply(ctx, settings)?;
    let slots = slots_from_now(ctx, &settings)?;
    let store = ctx.store()?;
    let listed = store.write(|tx| {
        let tenant = tenants::find(ctx, tx, &args.tenant)?;
        require_free_name(tx, tenant.id, &settings.name, None)?;
        let id = store::schedules::insert(tx, tenant.id, &settings, &slots, ctx.now())?;
        let details = show::settings_json(&settings);
        store::audit::append(tx, &event(ctx, "schedule.add", tenant.id, id, details))?;
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
    slots::print_next_three(ctx, schedule)?;
    ctx.ui.document(&show::json(ctx, &listed))
}
