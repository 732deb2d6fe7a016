//! `dispatch`: what cron starts each minute. Silent when all is well.

mod monitors;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::cli::history::run_json;
use crate::cli::number;
use crate::cli::schedules::find;
use crate::context::Context;
use crate::dispatch::{self, Decision, Executed, Report};
use crate::error::{Error, ExitCode, Kind, Result};
use crate::monitoring::Monitors;
use crate::run::{Ending, ErrorCode, RunId, Status};
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::store;
use crate::ui::Ui;
use crate::ui::table::Table;

/// Start what is due in this minute; cron runs this each minute
///
/// Prints nothing when there is nothing to do or all went well, because cron mails every line. A
/// failed, partial, missed or interrupted run gets one line on stderr and one hint.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  * * * * * /usr/local/bin/tenantpilot dispatch
  tenantpilot dispatch --metrics /var/lib/node-exporter/tenantpilot.prom
  tenantpilot dispatch --dry-run --at 2026-12-01T02:00:00Z")]
pub struct Args {
    /// Decide slots as if it were this time (RFC 3339); recorded times stay the machine's
    ///
    /// For tests and to try things out: where the time is ahead of the clock, slots until then that
    /// have a run do not start again when their time comes; `status` says so.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,

    /// Say what would start, be missed or be closed, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Execute at most this many runs at once
    #[arg(long, value_name = "N", default_value_t = 16, allow_negative_numbers = true, value_parser = number::between(1_u16, 1024))]
    jobs: u16,

    #[command(flatten)]
    pace: crate::cli::Pace,

    #[command(flatten)]
    monitors: monitors::Flags,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let monitors = args.monitors.monitors();
    if !monitors.is_empty() {
        // A hook is a command of one's own choice, and the other user would run it.
        ctx.refuse_by_sudo(
            "--ping-url, --webhook, --hook and --metrics are",
            "leave them out: they are for the crontab of the other user",
        )?;
    }
    let result = start(ctx, args, &monitors);
    if let (Err(error), false) = (&result, args.dry_run) {
        note_failure(ctx, args, error);
        monitors::failed(ctx, &monitors, error);
    }
    result
}

/// Notes that nothing could be started, for slots to tell that were missed by it: unless somebody asked
/// for what cannot be, or may not.
fn note_failure(ctx: &Context, args: &Args, error: &Error) {
    if args.at.is_none() && !matches!(error.kind(), Kind::Usage | Kind::Denied) {
        ctx.locks().note_failed_dispatch(ctx.clock.now());
    }
}

fn start(ctx: &Context, args: &Args, monitors: &Monitors) -> Result<ExitCode> {
    let now = match &args.at {
        Some(at) => crate::cli::parse_time(at).map_err(|error| error.during("--at"))?,
        None => begin(ctx)?,
    };
    let now = Slot::containing(now);
    let store = ctx.store()?;
    let means = ctx.means_within(args.pace.max_requests);
    if args.dry_run {
        return rehearse(ctx, &dispatch::rehearse(&means, now)?);
    }
    monitors::register(ctx, &store, monitors);
    // What dispatches opens the store for itself.
    drop(store);
    let shown = ctx.ui.follow(&means.progress);
    let report = dispatch::dispatch(&means, now, usize::from(args.jobs), |decision| {
        monitors::decided(&means, monitors, decision.unusable.len());
    })?;
    drop(shown);
    log_report(now, &report);
    // Who cannot be told what came of the runs is told all the same what went wrong.
    let unsaid = tell_json(ctx, run_ids(&report)).err();
    let code = match means.stop.requested() {
        Some(reason) => reason.exit_code(),
        None => ExitCode::of_several(
            [exit_code(&report)]
                .into_iter()
                .chain(unsaid.as_ref().map(|error| error.kind().exit_code())),
        ),
    };
    let held = report.decision.held.iter();
    let held = held.filter_map(|held| held.warning.as_ref());
    let executed = report.executed.iter().flat_map(|run| &run.warnings);
    held.chain(executed).for_each(|warning| warn(ctx, warning));
    let problems = problems(ctx, &report).into_iter().chain(unsaid);
    problems.for_each(|problem| ctx.ui.problem(&problem));
    monitors::conclude(ctx, &means, monitors);
    if args.at.is_some() && report.decision.is_empty() && report.executed.is_empty() {
        say_nothing_due(ctx);
    }
    Ok(code)
}

/// Tells who tries things out on a terminal that nothing is done; cron hears nothing of it.
fn say_nothing_due(ctx: &Context) {
    if ctx.ui.columns().is_some() && !ctx.ui.silent() {
        ctx.ui
            .note("nothing is due at that time; what is to come: tenantpilot schedules upcoming");
    }
}

/// The time that counts: when the process began, or when the database could be opened if that took
/// long, because it was migrated or another process was migrating it. A minute that is long past
/// starts nothing.
fn begin(ctx: &Context) -> Result<DateTime<Utc>> {
    drop(ctx.store_for_runs()?);
    let now = ctx.clock.now();
    Ok(if now - ctx.now() > TimeDelta::minutes(1) {
        now
    } else {
        ctx.now()
    })
}

fn log_report(now: Slot, report: &Report) {
    let decision = &report.decision;
    log::info!(
        "dispatch of {now}: {} started, {} missed, {} with a held lock, {} interrupted before",
        report.executed.len(),
        decision.missed.len(),
        decision.held.len(),
        decision.interrupted.len()
    );
    report.executed.iter().for_each(log_run);
}

/// Logs what came of a run.
pub(crate) fn log_run(executed: &Executed) {
    log::info!(
        "run {} of {}: {}",
        executed.run_id.0,
        executed.schedule.described(),
        executed.ending.status.as_str()
    );
}

fn run_ids(report: &Report) -> Vec<RunId> {
    let decision = &report.decision;
    let mut ids: Vec<RunId> = decision.interrupted.iter().map(|run| run.run_id).collect();
    ids.extend(decision.missed.iter().map(|lost| lost.run_id));
    ids.extend(decision.held.iter().map(|held| held.run_id));
    ids.extend(report.executed.iter().map(|run| run.run_id));
    ids
}

/// The document of `--json`: the runs of these ids, newest first.
pub(crate) fn tell_json(ctx: &Context, mut ids: Vec<RunId>) -> Result<()> {
    if !ctx.ui.json() {
        return Ok(());
    }
    if ids.is_empty() {
        return ctx.ui.items(&[]);
    }
    ids.sort_by_key(|id| std::cmp::Reverse(*id));
    let store = ctx.store()?;
    let runs = ids.into_iter();
    let runs = runs.map(|id| Ok(run_json(&store::runs::get(store.read(), id)?)));
    ctx.ui.items(&runs.collect::<Result<Vec<_>>>()?)
}

fn exit_code(report: &Report) -> ExitCode {
    let decision = &report.decision;
    let attention = !decision.missed.is_empty() || !decision.interrupted.is_empty();
    let mut codes = vec![if attention {
        ExitCode::Attention
    } else {
        ExitCode::Ok
    }];
    codes.extend(
        decision
            .unusable
            .iter()
            .map(|error| error.kind().exit_code()),
    );
    for executed in &report.executed {
        codes.push(ending_code(&executed.ending, ExitCode::Ok));
        codes.extend(
            executed
                .trouble
                .iter()
                .map(|error| error.kind().exit_code()),
        );
    }
    ExitCode::of_several(codes)
}

/// The exit code of one ended run; `held` is what a held lock counts as.
pub(crate) fn ending_code(ending: &Ending, held: ExitCode) -> ExitCode {
    match (ending.status, ending.error_code.map(ErrorCode::kind)) {
        (Status::Success, _) => ExitCode::Ok,
        (Status::Partial, _) => ExitCode::Partial,
        (_, Some(Kind::LockHeld)) => held,
        (_, Some(kind)) => kind.exit_code(),
        (_, None) => ExitCode::Failed,
    }
}

/// One line and one hint for each thing that somebody has to know.
fn problems(ctx: &Context, report: &Report) -> Vec<Error> {
    let mut problems = problems_of_closed(&report.decision);
    let missed = &report.decision.missed;
    // After an outage each schedule may be among them: all are read once.
    let store = (!missed.is_empty()).then(|| ctx.store().ok()).flatten();
    let all = store.and_then(|store| store::schedules::list(store.read(), None, true).ok());
    let all = all.unwrap_or_default();
    for lost in missed {
        let slots = match lost.missed.count {
            1 => format!("its slot {}", lost.missed.newest),
            n => format!(
                "{n} slots from {} to {}",
                lost.missed.first, lost.missed.newest
            ),
        };
        let (why, look) = match lost.failed {
            true => (
                "dispatch began then and could start nothing",
                "tenantpilot doctor",
            ),
            false => (
                "no dispatch ran then, or none could start anything",
                "check that cron was running, and look with tenantpilot doctor",
            ),
        };
        let line = format!(
            "{} missed {slots}: {why}, and missed slots are not caught up",
            lost.schedule.described()
        );
        let hint = format!(
            "{look}; to back up now: tenantpilot run {}",
            find::typed_among(&all, &lost.schedule)
        );
        problems.push(Error::new(Kind::Attention, line).hint(hint));
    }
    for executed in &report.executed {
        problems.extend(problem_of(executed));
    }
    problems
}

/// What somebody has to know of runs whose process is gone, and of schedules that cannot be used.
pub(crate) fn problems_of_closed(decision: &Decision) -> Vec<Error> {
    let mut problems = Vec::new();
    for run in &decision.interrupted {
        let line = format!(
            "run {} of {} was interrupted: its process is gone and it left no backup set",
            run.run_id.0,
            run.schedule.described()
        );
        problems.push(
            Error::new(Kind::Attention, line).hint(format!("tenantpilot retry {}", run.run_id.0)),
        );
    }
    problems.extend(decision.unusable.iter().cloned());
    problems
}

/// Tells what to look at, though nothing failed.
pub(crate) fn warn(ctx: &Context, warning: &Error) {
    ctx.ui.warn(warning);
    if let Some(hint) = warning.hint_text() {
        ctx.ui.hint(hint);
    }
}

/// What somebody has to know of an executed run: nothing of a success or a held lock.
pub(crate) fn problem_of(executed: &Executed) -> Vec<Error> {
    let ending = &executed.ending;
    let mut problems = Vec::new();
    let quiet = match (ending.status, ending.error_code) {
        (Status::Success, _) => true,
        (_, Some(code)) => code == ErrorCode::LockHeld,
        _ => false,
    };
    if !quiet {
        problems.push(
            Error::new(
                ending.error_code.map_or(Kind::Internal, ErrorCode::kind),
                ending_line(executed.run_id, &executed.schedule, ending),
            )
            .hint(ending_hint(executed.run_id, ending)),
        );
    }
    problems.extend(executed.trouble.iter().cloned());
    problems
}

fn ending_line(id: RunId, schedule: &Schedule, ending: &Ending) -> String {
    let code = ending.error_code.map_or("", ErrorCode::as_str);
    let why = ending
        .error_message
        .as_deref()
        .unwrap_or("no reason was recorded");
    let status = match ending.status {
        Status::Partial => "is partial",
        Status::Canceled => "was canceled",
        Status::Skipped => "was skipped",
        _ => "failed",
    };
    format!(
        "run {} of {} {status}: {code}: {why}",
        id.0,
        schedule.described()
    )
}

fn ending_hint(id: RunId, ending: &Ending) -> String {
    let next = next_step(id, ending.error_code, ending.hint.as_deref());
    match ending.hint {
        Some(_) => next,
        None => format!("tenantpilot history show {}; {next}", id.0),
    }
}

/// What to type once a run was looked at that ended by this code; `hint` is what is known of it.
pub(crate) fn next_step(id: RunId, code: Option<ErrorCode>, hint: Option<&str>) -> String {
    let retry = format!("tenantpilot retry {}", id.0);
    match (hint, code.map(|code| code.kind().exit_code())) {
        (Some(hint), _) => format!("{hint}; then: {retry}"),
        (None, Some(ExitCode::Auth | ExitCode::Config)) => format!("once mended: {retry}"),
        _ => format!("to try again: {retry}"),
    }
}

fn rehearse(ctx: &Context, decision: &Decision) -> Result<ExitCode> {
    let mut rows: Vec<(&str, &Schedule, Option<Slot>, String)> = Vec::new();
    for claim in &decision.claims {
        rows.push(("start", &claim.schedule, claim.slot, String::new()));
    }
    for held in &decision.held {
        rows.push(("skip", &held.schedule, Some(held.slot), held.why.clone()));
    }
    for lost in &decision.missed {
        let note = format!("{} missed since {}", lost.missed.count, lost.missed.first);
        rows.push(("missed", &lost.schedule, Some(lost.missed.newest), note));
    }
    for run in &decision.interrupted {
        rows.push((
            "interrupted",
            &run.schedule,
            None,
            format!("run {}", run.run_id.0),
        ));
    }
    show_rehearsal(&ctx.ui, &rows)?;
    if rows.is_empty() {
        say_nothing_due(ctx);
    }
    let codes = decision
        .unusable
        .iter()
        .map(|error| error.kind().exit_code());
    let code = ExitCode::of_several(codes);
    decision
        .unusable
        .iter()
        .for_each(|problem| ctx.ui.problem(problem));
    Ok(code)
}

fn show_rehearsal(ui: &Ui, rows: &[(&str, &Schedule, Option<Slot>, String)]) -> Result<()> {
    let items: Vec<Value> = rows
        .iter()
        .map(|(action, schedule, slot, note)| {
            json!({
                "action": action,
                "tenant": schedule.tenant,
                "schedule": schedule.name(),
                "slot": slot.map(|slot| slot.to_string()),
                "note": (!note.is_empty()).then_some(note),
            })
        })
        .collect();
    ui.items(&items)?;
    let mut table = Table::new(&["ACTION", "TENANT", "SCHEDULE", "SLOT", "NOTE"])
        .whole(&["ACTION", "SLOT"])
        .flowing();
    for (action, schedule, slot, note) in rows {
        table.row([
            (*action).to_owned(),
            schedule.tenant.clone(),
            schedule.name().to_owned(),
            slot.map(|slot| slot.to_string()).unwrap_or_default(),
            note.clone(),
        ]);
    }
    ui.table(&table)
}
