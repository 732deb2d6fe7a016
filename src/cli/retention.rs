//! `retention`: show or apply the retention plan.

use clap::Args as ClapArgs;
use serde_json::json;

use crate::cli;
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::retention::{self, Item};
use crate::schedule::Schedule;
use crate::store::{self, Store};
use crate::ui::table::Table;

/// Apply retention: expire what the rules no longer keep, purge what expired a week ago
///
/// It runs by itself after each run that left a backup set.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot retention --dry-run
  tenantpilot retention contoso/nightly")]
pub struct Args {
    /// The schedules: ids, names, or TENANT/NAME; all that are not archived when none is given
    #[arg(value_name = "SCHEDULE")]
    schedules: Vec<String>,

    /// Say what stays and what goes, each with its reason, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    let mut codes = Vec::new();
    let mut problems = Vec::new();
    let mut items = Vec::new();
    for schedule in selected(&store, args)? {
        match decide(ctx, &store, &schedule, args.dry_run) {
            Ok(decided) => items.extend(decided.into_iter().map(|item| (schedule.clone(), item))),
            Err(error) => {
                codes.push(error.kind().exit_code());
                problems.push(error);
            }
        }
    }
    show(ctx, &items)?;
    let code = ExitCode::of_several(codes);
    problems.iter().for_each(|problem| ctx.ui.problem(problem));
    Ok(code)
}

fn selected(store: &Store, args: &Args) -> Result<Vec<Schedule>> {
    let conn = store.read();
    if args.schedules.is_empty() {
        let listed = store::schedules::list(conn, None, false)?;
        return Ok(listed.into_iter().map(|listed| listed.schedule).collect());
    }
    let mut chosen: Vec<Schedule> = Vec::new();
    for given in &args.schedules {
        let schedule = cli::schedules::find::find_any(conn, given, None)?;
        if chosen.iter().all(|other| other.id != schedule.id) {
            chosen.push(schedule);
        }
    }
    Ok(chosen)
}

fn decide(ctx: &Context, store: &Store, schedule: &Schedule, dry_run: bool) -> Result<Vec<Item>> {
    if dry_run {
        return retention::preview(store.read(), schedule, ctx.now());
    }
    let holder = format!(
        "retention by {}, process {}",
        ctx.actor.name(),
        std::process::id()
    );
    let _lock = match ctx.locks().schedule(schedule.id, &holder)? {
        Ok(lock) => lock,
        Err(other) => {
            let line = format!("the lock of {} is held by {other}", schedule.described());
            return Err(Error::new(Kind::LockHeld, line).hint("try again when it is over"));
        }
    };
    retention::apply(store, schedule, ctx.actor.name(), ctx.now())
}

fn show(ctx: &Context, items: &[(Schedule, Item)]) -> Result<()> {
    let values: Vec<_> = items
        .iter()
        .map(|(schedule, item)| {
            json!({
                "backup_set_id": item.id.0,
                "tenant": schedule.tenant,
                "schedule": schedule.name(),
                "decision": item.decision.as_str(),
                "reason": item.reason,
            })
        })
        .collect();
    ctx.ui.items(&values)?;
    let mut table = Table::new(&["SET", "TENANT", "SCHEDULE", "DECISION", "REASON"])
        .whole(&["SET", "DECISION"]);
    for (schedule, item) in items {
        table.row([
            item.id.to_string(),
            schedule.tenant.clone(),
            schedule.name().to_owned(),
            item.decision.as_str().to_owned(),
            item.reason.clone(),
        ]);
    }
    ctx.ui.table(&table)
}
