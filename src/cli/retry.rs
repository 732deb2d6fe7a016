//! `retry`: try runs again that did not succeed.

use std::collections::BTreeSet;

use clap::Args as ClapArgs;

use crate::cli::dispatch::{problems_of_closed, warn};
use crate::cli::history::{find_run, since_before};
use crate::cli::schedules::choice::{Pool, choose};
use crate::context::Context;
use crate::dispatch::manual::Wanted;
use crate::dispatch::{self, Decision, Interrupted};
use crate::error::{ExitCode, Result};
use crate::run::{Run, RunId};
use crate::store::runs::Filter;
use crate::store::{self, Store};
use crate::{cli, clock, duration, retry};

/// Try runs again that did not succeed
///
/// Each becomes a new run that names the one it retries. With --failed, where nothing failed there is
/// nothing to do; where no schedule matches --tenant or --label, the command ends with 18.
///
/// A terminal that is closed meanwhile ends no run: how it ended is in `tenantpilot notifications` of
/// the user who typed this.
#[derive(Debug, ClapArgs)]
#[command(
    group(clap::ArgGroup::new("which").args(["runs", "failed"]).required(true)),
    override_usage = "tenantpilot retry [OPTIONS] <RUN>...
       tenantpilot retry [OPTIONS] --failed",
    after_help = "Examples:
  tenantpilot retry 42
  tenantpilot retry --failed --since 12h
  tenantpilot retry --failed --label env=prod")]
pub struct Args {
    /// The ids of the runs
    #[arg(
        value_name = "RUN",
        value_parser = cli::parse_id
    )]
    runs: Vec<i64>,

    /// Retry the newest run of each schedule where that is failed, partial or canceled
    #[arg(long)]
    failed: bool,

    /// With --failed, only of this tenant: its name or id
    #[arg(
        long,
        value_name = "TENANT",
        requires = "failed",
        conflicts_with = "runs"
    )]
    tenant: Option<String>,

    /// With --failed, only of schedules that have this label or whose tenant has it; given several
    /// times, each has to match
    #[arg(
        long = "label",
        value_name = "K=V",
        requires = "failed",
        conflicts_with = "runs"
    )]
    labels: Vec<String>,

    /// With --failed, look back this far, e.g. 12h or 7d
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "24h",
        requires = "failed",
        conflicts_with = "runs",
        allow_hyphen_values = true
    )]
    since: String,

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
    let patience = duration::parse(&args.wait).map_err(|error| error.during("--wait"))?;
    let store = ctx.store_for_runs()?;
    clock::require_plausible(ctx.now())?;
    let means = ctx.means_within(args.pace.max_requests);
    // Who may not try a run again closes none either.
    for id in &args.runs {
        find_run(ctx, store.read(), RunId(*id))?;
    }
    let mut closed = dispatch::close_abandoned(&means, &store)?;
    cli::run::readable_only(ctx, &mut closed);
    let wanted = wanted(ctx, &store, args);
    tell_closed(ctx, &closed, wanted.as_deref().unwrap_or_default());
    match wanted {
        Ok(wanted) if !wanted.is_empty() => cli::run::start(ctx, &store, &means, wanted, patience),
        none => {
            cli::run::await_pings(ctx, &store, &means);
            none?;
            ctx.ui.note("there is no run to try again");
            ctx.ui.items(&[])?;
            Ok(ExitCode::Ok)
        }
    }
}

/// Says which runs were closed on the way, and how to try those again that are not tried now.
fn tell_closed(ctx: &Context, closed: &Decision, wanted: &[Wanted]) {
    let tried = |run: &Interrupted| wanted.iter().any(|one| one.retry_of == Some(run.run_id));
    let mut runs = closed.interrupted.iter();
    for problem in problems_of_closed(closed) {
        match runs.next().is_some_and(tried) {
            true => ctx.ui.warn(problem),
            false => warn(ctx, &problem),
        }
    }
}

fn wanted(ctx: &Context, store: &Store, args: &Args) -> Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for run in selected(ctx, store, args)? {
        let id = run.schedule_id.0.to_string();
        wanted.push(Wanted {
            schedule: cli::schedules::find::find_active(ctx, store.read(), &id)?,
            retry_of: Some(run.id),
        });
    }
    Ok(wanted)
}

fn selected(ctx: &Context, store: &Store, args: &Args) -> Result<Vec<Run>> {
    if args.failed {
        return failed(ctx, store, args);
    }
    let conn = store.read();
    let mut chosen: Vec<Run> = Vec::new();
    for id in &args.runs {
        let run = find_run(ctx, conn, RunId(*id))?;
        let schedule = store::schedules::get(conn, run.schedule_id)?;
        retry::check(&run, &cli::schedules::find::typed(conn, &schedule))?;
        match chosen
            .iter()
            .find(|other| other.schedule_id == run.schedule_id)
        {
            None => chosen.push(run),
            Some(other) if other.id == run.id => {}
            Some(other) => ctx.ui.note(format!(
                "run {id} is of the same schedule as run {}: one new run is enough",
                other.id.0
            )),
        }
    }
    Ok(chosen)
}

/// The newest run of each schedule that is meant, where that is to be tried again.
fn failed(ctx: &Context, store: &Store, args: &Args) -> Result<Vec<Run>> {
    let conn = store.read();
    let filter = Filter {
        since: Some(since_before(ctx.now(), &args.since)?),
        ..Filter::default()
    };
    let meant: BTreeSet<_> = if args.tenant.is_none() && args.labels.is_empty() {
        let listed = cli::schedules::find::readable(ctx, conn, None, false)?;
        listed.iter().map(|listed| listed.schedule.id).collect()
    } else {
        let tenant = args.tenant.as_deref();
        let chosen = choose(ctx, conn, tenant, &args.labels, Pool::Active)?;
        chosen.iter().map(|schedule| schedule.id).collect()
    };
    let runs = store::runs::list(conn, &filter)?;
    let mut chosen: Vec<Run> = retry::failed(&runs).into_iter().cloned().collect();
    chosen.retain(|run| meant.contains(&run.schedule_id));
    Ok(chosen)
}
