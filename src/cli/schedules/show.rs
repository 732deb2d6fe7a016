//! `schedules list` and `schedules show`, and how a schedule looks as JSON.

use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::ahead_of;
use super::choice::matching;
use super::find::{Prefer, find};
use super::slots::{LAST_YEAR, Zones, local_text};
use crate::cli::keep::{rules_json, rules_text};
use crate::cli::tenants;
use crate::context::Context;
use crate::duration;
use crate::error::Result;
use crate::http::address::Address;
use crate::labels::{self, Wanted};
use crate::policy::selection;
use crate::recurrence::Recurrence;
use crate::role::Action;
use crate::schedule::{Schedule, Settings, spread_offset};
use crate::slot::Slot;
use crate::store::schedules::Listed;
use crate::ui::table::Table;

/// List the schedules, by name
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules list
  tenantpilot schedules list --tenant contoso --archived")]
pub struct ListArgs {
    /// Only those of this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Only those that have this label or whose tenant has it; given several times, each has to match
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,

    /// Archived ones too
    #[arg(long)]
    archived: bool,
}

/// Show one schedule
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot schedules show contoso/nightly")]
pub struct ShowArgs {
    /// The schedule: its id, name, or TENANT/NAME
    #[arg(value_name = "SCHEDULE")]
    schedule: String,
}

pub(super) fn list(ctx: &Context, args: &ListArgs) -> Result<()> {
    let store = ctx.store()?;
    let wanted = Wanted::parse(&args.labels)?;
    let tenant = match &args.tenant {
        Some(given) => Some(tenants::find(ctx, store.read(), given)?.id),
        None => None,
    };
    let listed = matching(ctx, store.read(), tenant, &wanted, args.archived)?;
    let mut zones = Zones::new(ctx);
    let mut table = Table::new(&[
        "ID", "TENANT", "NAME", "STATE", "WHEN", "ZONE", "NEXT", "LAST",
    ])
    .whole(&["ID", "STATE", "NEXT"])
    .spare(&["ZONE"]);
    let mut items = Vec::with_capacity(listed.len());
    for one in &listed {
        let schedule = &one.schedule;
        let next = next_run(ctx, store.read(), &mut zones, schedule)?;
        if ctx.ui.json() {
            items.push(json_with(ctx, one, next));
            continue;
        }
        table.row([
            schedule.id.0.to_string(),
            schedule.tenant.clone(),
            schedule.name().to_owned(),
            state(schedule).to_owned(),
            when(&schedule.settings.recurrence),
            schedule.settings.timezone.clone(),
            next_text(&mut zones, schedule, next),
            last_text(one),
        ]);
    }
    ctx.ui.table(&table)?;
    ctx.ui.items(&items)
}

pub(super) fn show(ctx: &Context, args: &ShowArgs) -> Result<()> {
    let store = ctx.store()?;
    let listed = find(ctx, store.read(), &args.schedule, Prefer::Active)?;
    let (schedule, settings) = (&listed.schedule, &listed.schedule.settings);
    let mut zones = Zones::new(ctx);
    let next = next_run(ctx, store.read(), &mut zones, schedule)?;
    ctx.ui.fields(&[
        ("id", schedule.id.0.to_string()),
        ("tenant", schedule.tenant.clone()),
        ("name", settings.name.clone()),
        ("state", state(schedule).to_owned()),
        ("when", when(&settings.recurrence)),
        ("timezone", settings.timezone.clone()),
        ("next run", next_text(&mut zones, schedule, next)),
        ("last run", last_text(&listed)),
        ("types", settings.policy_types.join(", ")),
        ("excluded types", settings.exclude_types.join(", ")),
        ("foundations", yes_or_no(settings.include_foundations)),
        ("policy types", resolved(settings).join(", ")),
        ("keep", rules_text(&schedule.rules)),
        ("grace", duration::format(settings.grace)),
        ("max runtime", duration::format(settings.max_runtime)),
        ("spread", spread_text(schedule)),
        ("ping", shortened(settings).unwrap_or_default()),
        ("labels", labels::text(&settings.labels)),
        ("created at", rfc3339(schedule.created_at)),
        (
            "archived at",
            schedule.archived_at.map(rfc3339).unwrap_or_default(),
        ),
    ])?;
    ctx.ui.document(&json_with(ctx, &listed, next))
}

/// A schedule as `--json` gives it.
pub(super) fn json(ctx: &Context, conn: &Connection, listed: &Listed) -> Result<Value> {
    let next = next_run(ctx, conn, &mut Zones::new(ctx), &listed.schedule)?;
    Ok(json_with(ctx, listed, next))
}

/// The ping URL is for whoever may change it, and shortened for all others: who knows it can say that
/// all is well with a schedule that is not, and a reader of schedules must not be able to.
fn json_with(ctx: &Context, listed: &Listed, next: Option<Slot>) -> Value {
    let schedule = &listed.schedule;
    let mut object = settings_json(&schedule.settings);
    let ping_url = schedule.settings.ping_url.as_ref();
    let ping_url = ping_url.filter(|_| ctx.may(Action::Schedule, schedule.tenant_id));
    object["ping_url"] = json!(ping_url.map(Address::exposed));
    object["keep_by_default"] = json!(by_default(&object));
    for (name, value) in rules_json(&schedule.rules) {
        object[name] = value;
    }
    let offset = spread_offset(schedule.id, schedule.settings.spread);
    object["spread_offset_s"] = json!(offset.as_secs());
    object["id"] = json!(schedule.id.0);
    object["tenant"] = json!(schedule.tenant);
    object["archived_at"] = json!(schedule.archived_at.map(rfc3339));
    object["created_at"] = json!(rfc3339(schedule.created_at));
    object["policy_types"] = json!(resolved(&schedule.settings));
    object["next_run_at"] = json!(next.map(|slot| slot.to_string()));
    let last = listed.last_run.as_ref();
    object["last_run_at"] = json!(last.map(|(at, _)| rfc3339(*at)));
    object["last_run_status"] = json!(last.map(|(_, status)| status));
    object
}

/// The rules of retention that a schedule leaves to the default.
fn by_default(settings: &Value) -> Vec<&String> {
    let fields = settings.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| name.starts_with("keep_") && value.is_null())
        .map(|(name, _)| name)
        .collect()
}

/// What the user decided about a schedule, as `--json` and audit events give it.
pub(super) fn settings_json(settings: &Settings) -> Value {
    let (rule, keep) = (&settings.recurrence, &settings.keep);
    let times: Vec<String> = rule.times().iter().map(ToString::to_string).collect();
    let days: Vec<u32> = rule
        .days()
        .iter()
        .map(chrono::Weekday::number_from_monday)
        .collect();
    json!({
        "name": settings.name,
        "enabled": settings.enabled,
        "timezone": settings.timezone,
        "frequency": rule.frequency(),
        "times": times,
        "days_of_week": days,
        "cron": rule.expression(),
        "types": settings.policy_types,
        "exclude_types": settings.exclude_types,
        "include_foundations": settings.include_foundations,
        "keep_last": keep.last,
        "keep_daily": keep.daily,
        "keep_weekly": keep.weekly,
        "keep_monthly": keep.monthly,
        "keep_yearly": keep.yearly,
        "keep_within_s": keep.within.map(|within| within.as_secs()),
        "grace_minutes": settings.grace.as_secs() / 60,
        "grace_s": settings.grace.as_secs(),
        "max_runtime_s": settings.max_runtime.as_secs(),
        "spread_s": settings.spread.as_secs(),
        "labels": settings.labels,
        "ping": shortened(settings),
    })
}

fn shortened(settings: &Settings) -> Option<String> {
    settings.ping_url.as_ref().map(Address::shortened)
}

/// The keys of the policy types that a run would read now.
fn resolved(settings: &Settings) -> Vec<&'static str> {
    let selection = selection::select(
        &settings.policy_types,
        &settings.exclude_types,
        settings.include_foundations,
    );
    selection.types.iter().map(|row| row.key).collect()
}

/// The next slot that will start of a schedule that is not disabled or archived.
fn next_run(
    ctx: &Context,
    conn: &Connection,
    zones: &mut Zones<'_>,
    schedule: &Schedule,
) -> Result<Option<Slot>> {
    if !schedule.settings.enabled || schedule.archived_at.is_some() {
        return Ok(None);
    }
    let Ok(zone) = zones.of(schedule) else {
        return Ok(None);
    };
    let ahead = ahead_of(ctx, conn, schedule)?;
    let next = ahead.next(&schedule.settings.recurrence, zone);
    Ok(next.filter(|slot| slot.instant().year() <= LAST_YEAR))
}

fn next_text(zones: &mut Zones<'_>, schedule: &Schedule, next: Option<Slot>) -> String {
    match (next, zones.of(schedule)) {
        (Some(slot), Ok(zone)) => local_text(zone, slot),
        (None, Err(_)) => "unknown zone".to_owned(),
        _ => String::new(),
    }
}

fn last_text(listed: &Listed) -> String {
    let last = listed.last_run.as_ref();
    last.map(|(at, status)| format!("{status} {}", rfc3339(*at)))
        .unwrap_or_default()
}

fn state(schedule: &Schedule) -> &'static str {
    match (schedule.archived_at, schedule.settings.enabled) {
        (Some(_), _) => "archived",
        (None, true) => "enabled",
        (None, false) => "disabled",
    }
}

/// The rule for people: `daily 02:00`, `mon,thu 06:00 18:00`, `cron 15 * * * *`.
fn when(rule: &Recurrence) -> String {
    if let Some(expression) = rule.expression() {
        return format!("cron {expression}");
    }
    let times: Vec<String> = rule.times().iter().map(ToString::to_string).collect();
    let days: Vec<String> = rule
        .days()
        .iter()
        .map(|day| day.to_string().to_lowercase())
        .collect();
    let days = if days.is_empty() {
        "daily".to_owned()
    } else {
        days.join(",")
    };
    format!("{days} {}", times.join(" "))
}

/// The spread for people, with what of it is this schedule's.
fn spread_text(schedule: &Schedule) -> String {
    let spread = schedule.settings.spread;
    if spread.is_zero() {
        return duration::format(spread);
    }
    let offset = duration::about(spread_offset(schedule.id, spread));
    let offset = if offset.is_empty() { "0s" } else { &offset };
    format!(
        "{}: starts {offset} after each slot",
        duration::format(spread)
    )
}

fn yes_or_no(fact: bool) -> String {
    if fact { "yes" } else { "no" }.to_owned()
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
