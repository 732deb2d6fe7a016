//! `schedules edit`: changes what is given and nothing else.

use clap::builder::StyledStr;
use rusqlite::Transaction;
use serde_json::json;

use super::find::find_active;
use super::options::Options;
use super::settle::Settled;
use super::{event, require_free_name, reread, settle, show, slots, slots_from_now};
use crate::audit;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::schedule::{Schedule, Settings};
use crate::store;
use crate::tenant;

/// Change a schedule; what is not given stays
#[derive(Debug, clap::Args)]
#[command(
    mut_args(without_default),
    after_help = "Examples:
  tenantpilot schedules edit nightly --at 03:15
  tenantpilot schedules edit contoso/nightly --days mon,thu --keep-last 60"
)]
pub struct Args {
    /// The schedule: its id, name, or TENANT/NAME
    #[arg(value_name = "SCHEDULE")]
    schedule: String,

    /// Give it this name, of 1 to 100 characters, not only digits
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    options: Options,

    /// Ping no URL any more
    #[arg(long, conflicts_with = "ping_url")]
    no_ping_url: bool,
}

/// A flag without the default that its help names: that is one of new schedules.
fn without_default(flag: clap::Arg) -> clap::Arg {
    let told = |text: Option<&StyledStr>| {
        let text = text?.to_string();
        let (before, rest) = text.split_once(" [default: ")?;
        let after = rest.split_once(']').map_or("", |(_, after)| after);
        Some(format!("{before}{after}"))
    };
    let (help, long) = (told(flag.get_help()), told(flag.get_long_help()));
    let flag = match help {
        Some(help) => flag.help(help),
        None => flag,
    };
    match long {
        Some(long) => flag.long_help(long),
        None => flag,
    }
}

impl Args {
    /// Whether no flag says what should be otherwise.
    fn is_empty(&self) -> bool {
        self.name.is_none() && !self.no_ping_url && self.options == Options::default()
    }
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<()> {
    if args.is_empty() {
        let what = format!(
            "nothing to change in schedule {}: no flag is given",
            args.schedule
        );
        return Err(Error::usage(what).hint("tenantpilot schedules edit --help"));
    }
    if let Some(name) = &args.name {
        tenant::check_name("schedule", name)?;
    }
    let store = ctx.store()?;
    let (before, after, settled, dropped) = ctx.write(&store, |tx| {
        let before = find_active(ctx, tx, &args.schedule)?;
        let mut settings = args.options.apply(ctx, before.settings.clone())?;
        if let Some(name) = &args.name {
            settings.name.clone_from(name);
        }
        if args.no_ping_url {
            settings.ping_url = None;
        }
        let settled = if settings == before.settings {
            Settled::default()
        } else {
            change(ctx, tx, &before, &settings)?
        };
        let dropped = args.no_ping_url && drop_unusable_ping_url(ctx, tx, &before)?;
        let after = reread(tx, before.id)?;
        Ok((before, after, settled, dropped))
    })?;
    let schedule = &after.schedule;
    settle::tell(ctx, schedule, settled);
    if before.settings == schedule.settings && !dropped {
        ctx.ui.line(format_args!(
            "{} is like that already",
            schedule.described()
        ))?;
    } else {
        ctx.ui
            .line(format_args!("changed {}", schedule.described()))?;
        if before.slots_from != schedule.slots_from {
            slots::print_next_three(ctx, store.read(), schedule)?;
        }
    }
    ctx.ui.document(&show::json(ctx, store.read(), &after)?)
}

/// Forgets a ping URL that cannot be used any more, and so is not among the settings, with its audit
/// event; whether there was one.
fn drop_unusable_ping_url(
    ctx: &Context,
    tx: &Transaction<'_>,
    schedule: &Schedule,
) -> Result<bool> {
    let dropped = store::schedules::drop_ping_url(tx, schedule.id)?;
    if dropped {
        let unusable = json!({ "ping": "a URL that cannot be used" });
        let details = audit::changes(&unusable, &json!({ "ping": null }));
        let event = event(
            ctx,
            "schedule.edit",
            schedule.tenant_id,
            schedule.id,
            details,
        );
        store::audit::append(tx, &event)?;
    }
    Ok(dropped)
}

/// Gives a schedule other settings, which were checked, with its audit event. Slots begin anew where
/// it is going to have others, and where it begins to have any.
///
/// # Errors
/// The name is taken in the tenant; the zone is unknown here.
pub(crate) fn change(
    ctx: &Context,
    tx: &Transaction<'_>,
    before: &Schedule,
    settings: &Settings,
) -> Result<Settled> {
    let old = &before.settings;
    require_free_name(tx, before.tenant_id, &settings.name, Some(before.id))?;
    store::schedules::update(tx, before.id, settings)?;
    let same_slots = settings.recurrence == old.recurrence && settings.timezone == old.timezone;
    let settled = if same_slots && settings.enabled == old.enabled {
        Settled::default()
    } else {
        settle::settle(ctx, tx, before)?
    };
    if !same_slots || (settings.enabled && !old.enabled) {
        store::schedules::set_slots(tx, before.id, &slots_from_now(ctx, settings)?)?;
    }
    let details = audit::changes(&show::settings_json(old), &show::settings_json(settings));
    let event = event(ctx, "schedule.edit", before.tenant_id, before.id, details);
    store::audit::append(tx, &event)?;
    Ok(settled)
}
