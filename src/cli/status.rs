//! `status`: how every schedule stands, in one look; for people, for monitors, for scripts.

mod calendar;
mod nagios;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::cli::history::time;
use crate::cli::schedules::choice::{Pool, choose};
use crate::cli::schedules::{Decided, Zones, ahead_of};
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::monitoring::Condition;
use crate::run::{Run, RunId, Status};
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::status::{Standing, Trouble};
use crate::store::runs::{Filter, OpenRun, Scope};
use crate::store::{self, Store};
use crate::ui::table::Table;
use crate::{cli, dispatch, duration, finding};

/// Show how every schedule stands
///
/// One line per schedule: its last success and how long ago that was, how its last run ended, its
/// next slot, the slots missed since the last success, and what somebody has to look at. Ends with 19
/// when there is something: a slot that nobody dispatched, a run that failed, was partial or whose process
/// is gone, missed slots, or a success older than --max-age. Disabled schedules are shown and never in
/// trouble. Ends with 18 when --tenant or --label choose no schedule.
/// --nagios says UNKNOWN where there is no schedule at all, and WARNING where none is enabled.
///
/// Below the table are runs that go on, slots to come that a dispatch ahead of the clock decided already
/// (`dispatch --at`), and monitors that cannot be reached (pings, webhook, hook, the file of metrics). None of
/// these changes the exit code of this command; with such a monitor `doctor` ends with 19.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot status --max-age 26h
  tenantpilot status --json | jq '.schedules[] | select(.stale)'
  tenantpilot status --nagios --max-age 26h
  tenantpilot status --calendar --weeks 12")]
pub struct Args {
    /// Only schedules of this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Only schedules that have this label or whose tenant has it; given several times, each has to match
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,

    /// A schedule whose last success is older than this is stale, e.g. 26h
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    max_age: Option<String>,

    /// Print one line and end with 0, 1, 2 or 3 as Nagios, Icinga and their like expect
    #[arg(long, conflicts_with_all = ["calendar", "json"])]
    nagios: bool,

    /// Draw the last weeks of each schedule, one character a day
    #[arg(long)]
    calendar: bool,

    /// How many weeks to draw; on a terminal as many of them as there is room for
    #[arg(long, value_name = "N", default_value_t = 8, requires = "calendar",
          allow_negative_numbers = true, value_parser = cli::number::between(1_u16, 104))]
    weeks: u16,
}

/// Where everything stands.
struct Overview {
    now: DateTime<Utc>,
    max_age: Option<Duration>,
    last_dispatch: Option<DateTime<Utc>>,
    running: Vec<Run>,
    /// Those of them whose process is gone.
    abandoned: BTreeSet<RunId>,
    schedules: Vec<(Standing, Coming)>,
    failing_monitors: Vec<Condition>,
}

/// What is to come of a schedule.
#[derive(Default)]
struct Coming {
    /// The next slot that will start.
    next: Option<Slot>,
    /// The newest slot that a dispatch ahead of the clock decided.
    decided_until: Option<Slot>,
}

impl Overview {
    fn troubles(&self, standing: &Standing) -> Vec<Trouble> {
        standing.troubles(self.now, self.max_age)
    }

    /// That monitors fail, in one line: of many, the first.
    fn untold(&self) -> Option<String> {
        let texts: Vec<String> = self.failing_monitors.iter().map(Condition::text).collect();
        (!texts.is_empty()).then(|| finding::told(&texts))
    }

    /// A monitor that fails does not count: whoever asks here hears of every schedule all the same, and
    /// doctor counts it.
    fn is_well(&self) -> bool {
        let mut standings = self.schedules.iter().map(|(standing, _)| standing);
        standings.all(|standing| self.troubles(standing).is_empty())
    }
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let overview = survey(ctx, args);
    if args.nagios {
        return nagios::report(ctx, overview.as_ref());
    }
    let overview = overview?;
    if args.calendar {
        calendar::draw(ctx, &overview, args.weeks)?;
    } else {
        show(ctx, &overview)?;
    }
    ctx.ui.document(&json_of(&overview))?;
    reasons(&overview).for_each(|error| ctx.ui.reason(&error));
    if let Some(hint) = reasons(&overview).find_map(|error| error.hint_text().map(str::to_owned))
        && !ctx.ui.json()
    {
        ctx.ui.hint(hint);
    }
    Ok(match overview.is_well() {
        true => ExitCode::Ok,
        false => ExitCode::Attention,
    })
}

fn survey(ctx: &Context, args: &Args) -> Result<Overview> {
    let max_age = args.max_age.as_deref().map(duration::parse).transpose();
    let max_age = max_age.map_err(|error| error.during("--max-age"))?;
    let store = ctx.store()?;
    let mut zones = Zones::new(ctx);
    let abandoned = abandoned(ctx, &store);
    let mut schedules = Vec::new();
    for schedule in asked_for(ctx, &store, args)? {
        let record = store::runs::standing(store.read(), schedule.id)?;
        let coming = coming(ctx, &store, &mut zones, &schedule)?;
        let gone = abandoned.iter().find(|run| run.schedule_id == schedule.id);
        let standing = Standing {
            undecided: schedule.next_slot,
            abandoned: gone.map(|run| run.id),
            schedule,
            record,
        };
        schedules.push((standing, coming));
    }
    Ok(Overview {
        now: ctx.now(),
        max_age,
        last_dispatch: ctx.locks().last_dispatch(),
        running: running(ctx, &store, args, &schedules)?,
        abandoned: abandoned.iter().map(|run| run.id).collect(),
        failing_monitors: failing_monitors(ctx, &store, &schedules)?,
        schedules,
    })
}

/// What is to come of a schedule that is enabled, in a zone that is known here.
fn coming(
    ctx: &Context,
    store: &Store,
    zones: &mut Zones<'_>,
    schedule: &Schedule,
) -> Result<Coming> {
    let (true, Ok(zone)) = (schedule.settings.enabled, zones.of(schedule)) else {
        return Ok(Coming::default());
    };
    let ahead = ahead_of(ctx, store.read(), schedule)?;
    let rule = &schedule.settings.recurrence;
    Ok(Coming {
        next: ahead.next(rule, zone),
        decided_until: ahead.until(rule, zone),
    })
}

/// The open runs whose process is gone. Where the locks are not for us to look at, none is known to be.
fn abandoned(ctx: &Context, store: &Store) -> Vec<OpenRun> {
    dispatch::abandoned(store, &ctx.locks()).unwrap_or_else(|error| {
        log::info!("whether the processes of runs live is not known: {error}");
        Vec::new()
    })
}

/// The monitors that cannot be told; of schedules only those that are asked for.
fn failing_monitors(
    ctx: &Context,
    store: &Store,
    schedules: &[(Standing, Coming)],
) -> Result<Vec<Condition>> {
    let asked_for = |id| schedules.iter().any(|(one, _)| one.schedule.id == id);
    let mut conditions = store::monitors::list(store.read())?;
    conditions.retain(|one| {
        let meant = one.subject.schedule().is_none_or(|(_, id)| asked_for(id));
        meant && one.is_failing(ctx.now())
    });
    Ok(conditions)
}

/// The schedules that are asked for, by their tenants' names and their own.
fn asked_for(ctx: &Context, store: &Store, args: &Args) -> Result<Vec<Schedule>> {
    let mut schedules = chosen(ctx, store, args)?;
    schedules.sort_by(|one, other| by_names(one).cmp(&by_names(other)));
    Ok(schedules)
}

fn by_names(schedule: &Schedule) -> (&str, &str, i64) {
    (&schedule.tenant, schedule.name(), schedule.id.0)
}

fn chosen(ctx: &Context, store: &Store, args: &Args) -> Result<Vec<Schedule>> {
    let conn = store.read();
    let tenant = args.tenant.as_deref();
    if tenant.is_none() && args.labels.is_empty() {
        let listed = cli::schedules::find::readable(ctx, conn, None, false)?;
        return Ok(listed.into_iter().map(|listed| listed.schedule).collect());
    }
    // Where nothing matches, nothing is known to be well.
    choose(ctx, conn, tenant, &args.labels, Pool::Active)
}

/// The runs that are not over: of the schedules that labels chose, else of a tenant or of all, where
/// a schedule that was archived meanwhile counts too.
fn running(
    ctx: &Context,
    store: &Store,
    args: &Args,
    schedules: &[(Standing, Coming)],
) -> Result<Vec<Run>> {
    let tenant = match &args.tenant {
        Some(given) => Some(cli::tenants::find(ctx, store.read(), given)?.id),
        None => None,
    };
    let filter = Filter {
        scope: tenant.map_or(Scope::All, Scope::Tenant),
        statuses: vec![Status::Queued, Status::Running],
        trigger: None,
        since: None,
        limit: None,
    };
    let mut runs = store::runs::list(store.read(), &filter)?;
    let readable = ctx.readable();
    runs.retain(|run| readable.contains(run.tenant_id));
    if !args.labels.is_empty() {
        let chosen: BTreeSet<_> = schedules
            .iter()
            .map(|(standing, _)| standing.schedule.id)
            .collect();
        runs.retain(|run| chosen.contains(&run.schedule_id));
    }
    Ok(runs)
}

fn show(ctx: &Context, overview: &Overview) -> Result<()> {
    let mut table = Table::new(&[
        "TENANT",
        "SCHEDULE",
        "LAST SUCCESS",
        "AGE",
        "LAST RUN",
        "NEXT",
        "MISSED",
        "ATTENTION",
    ])
    .whole(&["LAST SUCCESS", "AGE", "NEXT"])
    .spare(&["LAST SUCCESS", "MISSED"])
    .flowing();
    let mut decided = Decided::default();
    for (standing, coming) in &overview.schedules {
        let (schedule, record) = (&standing.schedule, &standing.record);
        let last = record.last.map(|(_, status, _)| status.as_str());
        let troubles = overview.troubles(standing);
        let attention = match (schedule.settings.enabled, troubles.is_empty()) {
            (false, _) => "disabled".to_owned(),
            (true, true) => "none".to_owned(),
            (true, false) => texts(&troubles),
        };
        table.row([
            schedule.tenant.clone(),
            schedule.name().to_owned(),
            record.last_success_at.map_or("never".to_owned(), time),
            standing
                .age(overview.now)
                .map(duration::about)
                .unwrap_or_default(),
            last.unwrap_or_default().to_owned(),
            coming.next.map(|slot| slot.to_string()).unwrap_or_default(),
            record.missed.to_string(),
            attention,
        ]);
        decided.add(schedule, coming.decided_until);
    }
    ctx.ui.table(&table)?;
    for run in &overview.running {
        let since = run.started_at.unwrap_or(run.created_at);
        let (status, tenant, schedule) = (run.status.as_str(), &run.tenant, &run.schedule);
        let (id, since) = (run.id.0, time(since));
        ctx.ui.comment(match overview.abandoned.contains(&run.id) {
            false => format!("run {id} of {tenant}/{schedule} is {status} since {since}"),
            true => format!(
                "run {id} of {tenant}/{schedule} was {status} since {since} and its process is gone: \
                 the next dispatch closes it as interrupted"
            ),
        })?;
    }
    for text in decided.text().into_iter().chain(overview.untold()) {
        ctx.ui.comment(text)?;
    }
    ctx.ui.comment(match overview.last_dispatch {
        Some(at) => {
            let age = (overview.now - at).to_std().unwrap_or_default();
            format!("last dispatch {} ({} ago)", time(at), duration::about(age))
        }
        None => "last dispatch never; the crontab line that starts it: tenantpilot cron print"
            .to_owned(),
    })
}

/// Why not all is well: each schedule in trouble, and what to type for the gravest of it.
fn reasons(overview: &Overview) -> impl Iterator<Item = Error> {
    overview.schedules.iter().filter_map(|(standing, _)| {
        let troubles = overview.troubles(standing);
        let first = troubles.first()?;
        let schedule = &standing.schedule;
        let what = format!("{}: {}", schedule.described(), texts(&troubles));
        Some(Error::new(Kind::Attention, what).hint(match first {
            Trouble::Overdue(_) => "tenantpilot doctor".to_owned(),
            Trouble::Abandoned(_) => "tenantpilot dispatch".to_owned(),
            Trouble::LastRun(id, ..) => format!("tenantpilot history show {}", id.0),
            Trouble::Stale(_) | Trouble::NeverSucceeded(_) | Trouble::Missed(_) => {
                format!("tenantpilot history --schedule {}", schedule.id.0)
            }
        }))
    })
}

fn texts(troubles: &[Trouble]) -> String {
    let texts: Vec<String> = troubles.iter().map(|trouble| trouble.text()).collect();
    texts.join(", ")
}

fn json_of(overview: &Overview) -> Value {
    let schedules = overview.schedules.iter().map(|(standing, coming)| {
        let (schedule, record) = (&standing.schedule, &standing.record);
        let troubles = overview.troubles(standing);
        let troubles: Vec<String> = troubles.iter().map(|trouble| trouble.text()).collect();
        json!({
            "tenant": schedule.tenant,
            "schedule": schedule.name(),
            "schedule_id": schedule.id.0,
            "enabled": schedule.settings.enabled,
            "last_success_at": record.last_success_at.map(time),
            "age_s": standing.age(overview.now).map(|age| age.as_secs()),
            "last_run_id": record.last.map(|(id, _, _)| id.0),
            "last_status": record.last.map(|(_, status, _)| status.as_str()),
            "next_run_at": coming.next.map(|slot| slot.to_string()),
            "decided_until": coming.decided_until.map(|slot| slot.to_string()),
            "missed": record.missed,
            "stale": standing.is_stale(overview.now, overview.max_age),
            "attention": troubles,
        })
    });
    let running = overview.running.iter().map(|run| {
        json!({
            "run_id": run.id.0,
            "tenant": run.tenant,
            "schedule": run.schedule,
            "status": run.status.as_str(),
            "started_at": run.started_at.map(time),
            "process_gone": overview.abandoned.contains(&run.id),
        })
    });
    let failing = overview.failing_monitors.iter().map(|one| {
        json!({
            "monitor": one.subject.monitor().as_str(),
            "schedule_id": one.subject.schedule().map(|(_, id)| id.0),
            "failing_since": one.failing_from.map(time),
            "failures": one.failures,
            "reason": one.reason,
        })
    });
    json!({
        "ok": overview.is_well(),
        "last_dispatch_at": overview.last_dispatch.map(time),
        "running": running.collect::<Vec<_>>(),
        "schedules": schedules.collect::<Vec<_>>(),
        "failing_monitors": failing.collect::<Vec<_>>(),
    })
}
