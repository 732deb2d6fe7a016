//! `run`: back up now.

use std::time::Duration;

use clap::Args as ClapArgs;

use crate::cli;
use crate::cli::dispatch::{ending_code, log_run, problem_of, problems_of_closed, tell_json, warn};
use crate::cli::schedules::choice::{Pool, Which};
use crate::cli::schedules::find::find_active;
use crate::context::Context;
use crate::dispatch::manual::{self, Wanted};
use crate::dispatch::{Decision, Executed};
use crate::error::{Error, ExitCode, Kind, Result};
use crate::monitoring;
use crate::run::{Means, Status};
use crate::store::{self, Store};

/// How many manual runs execute at once.
const AT_ONCE: usize = 16;

/// Back up now, whatever the schedules say
///
/// By the schedules that are named, or by every enabled one that --tenant, --label or --all choose.
/// Where none is, the command ends with 18: nothing was backed up.
///
/// A terminal that is closed meanwhile ends nothing: the run goes on, and how it ended is in
/// `tenantpilot notifications` of the user who typed this.
#[derive(Debug, ClapArgs)]
#[command(
    override_usage = "tenantpilot run [OPTIONS] <SCHEDULE>...
       tenantpilot run [OPTIONS] <--tenant <TENANT>|--label <K=V>|--all>...",
    after_help = "Examples:
  tenantpilot run nightly
  tenantpilot run contoso/nightly fabrikam/nightly --wait 10m
  tenantpilot run --tenant contoso
  tenantpilot run --label env=prod"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Wait up to this long for a run that is going on, e.g. 10m
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "0s",
        allow_hyphen_values = true
    )]
    wait: String,

    #[command(flatten)]
    pace: cli::Pace,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let patience = crate::duration::parse(&args.wait).map_err(|error| error.during("--wait"))?;
    let store = ctx.store_for_runs()?;
    let find = |given: &str| find_active(ctx, store.read(), given);
    let schedules = args.which.choose(ctx, store.read(), Pool::Enabled, find)?;
    let wanted = schedules.into_iter().map(|schedule| Wanted {
        schedule,
        retry_of: None,
    });
    crate::clock::require_plausible(ctx.now())?;
    let means = ctx.means_within(args.pace.max_requests);
    start(ctx, &store, &means, wanted.collect(), patience)
}

/// Claims and executes a run for each schedule, and says what came of each.
pub(crate) fn start(
    ctx: &Context,
    store: &Store,
    means: &Means,
    wanted: Vec<Wanted>,
    patience: Duration,
) -> Result<ExitCode> {
    let process = means.locks.process()?;
    means.locks.sweep();
    let shown = ctx.ui.follow(&means.progress);
    let outcome = manual::run(means, process.owner(), wanted, AT_ONCE, patience);
    drop(shown);
    tell_closed(ctx, outcome.closed);
    match outcome.untouched.as_slice() {
        [] => {}
        [one] => ctx
            .ui
            .warn(format!("stopped before {} was run", one.described())),
        several => ctx.ui.warn(format!(
            "stopped before {} schedules were run",
            several.len()
        )),
    }
    let (mut codes, mut problems, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    // Who cannot be told what came of a run is told all the same what went wrong.
    let mut unsaid = None;
    for refused in outcome.refused {
        codes.push(refused.error.kind().exit_code());
        ids.extend(refused.run_id);
        problems.push(refused.error);
    }
    for run in &outcome.executed {
        ids.push(run.run_id);
        log_run(run);
        problems.extend(problems_of(run));
        unsaid = unsaid.or(say(ctx, store, run).err());
        run.warnings.iter().for_each(|warning| warn(ctx, warning));
        codes.push(ending_code(&run.ending, ExitCode::Busy));
        codes.extend(run.trouble.iter().map(|error| error.kind().exit_code()));
    }
    await_pings(ctx, store, means);
    unsaid = unsaid.or(cli::notifications::remind(ctx, store, &ids).err());
    unsaid = unsaid.or(tell_json(ctx, ids).err());
    codes.extend(unsaid.as_ref().map(|error| error.kind().exit_code()));
    problems.extend(unsaid);
    let code = match means.stop.requested() {
        Some(reason) => reason.exit_code(),
        None => ExitCode::of_several(codes),
    };
    problems.iter().for_each(|problem| ctx.ui.problem(problem));
    Ok(code)
}

/// Says which runs were closed on the way, of those that the actor may look at.
fn tell_closed(ctx: &Context, closed: Vec<Decision>) {
    for mut decision in closed {
        readable_only(ctx, &mut decision);
        let problems = problems_of_closed(&decision);
        problems.iter().for_each(|problem| warn(ctx, problem));
    }
}

/// Leaves away the interrupted runs that the actor may not look at.
pub(crate) fn readable_only(ctx: &Context, closed: &mut Decision) {
    let readable = ctx.readable();
    let interrupted = &mut closed.interrupted;
    interrupted.retain(|run| readable.contains(run.schedule.tenant_id));
}

/// Waits until checks are told, and keeps and says whether they could be. Of tenants that the actor may not
/// look at neither: the next run there that pings does it.
pub(crate) fn await_pings(ctx: &Context, store: &Store, means: &Means) {
    let readable = ctx.readable();
    let mut outcomes = means.pings.wait();
    outcomes.retain(|one| {
        let schedule = one.subject.schedule();
        schedule.is_none_or(|(tenant, _)| readable.contains(tenant))
    });
    monitoring::record(store, &outcomes, ctx.clock.now())
        .iter()
        .for_each(|warning| warn(ctx, warning));
}

/// What somebody has to know of a run that was asked for: a held lock too.
fn problems_of(executed: &Executed) -> Vec<Error> {
    let mut problems = problem_of(executed);
    if executed.ending.error_code == Some(crate::run::ErrorCode::LockHeld) {
        let why = executed
            .ending
            .error_message
            .as_deref()
            .unwrap_or("its lock is held");
        problems.push(Error::new(Kind::LockHeld, why).hint("wait for it, or add --wait 10m"));
    }
    problems
}

/// Says what a run that left a backup set did.
fn say(ctx: &Context, store: &Store, executed: &Executed) -> Result<()> {
    if !matches!(executed.ending.status, Status::Success | Status::Partial) {
        return Ok(());
    }
    let run = store::runs::get(store.read(), executed.run_id)?;
    ctx.ui.line(format!(
        "run {} of {}: {}, backup set {}, {}",
        run.id.0,
        executed.schedule.described(),
        run.status.as_str(),
        executed
            .backup_set
            .map(|id| id.to_string())
            .unwrap_or_default(),
        cli::history::counts(&run),
    ))
}
