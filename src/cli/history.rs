//! `history`: past runs as a table or JSON.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args as ClapArgs, Subcommand};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::cli::dispatch::next_step;
use crate::cli::permit;
use crate::cli::schedules::choice::matching;
use crate::context::Context;
use crate::error::{Error, ExitCode, Result};
use crate::labels::Wanted;
use crate::plural::counted;
use crate::run::summary::Summary;
use crate::run::{ErrorCode, Run, RunId, Status, Trigger};
use crate::store::runs::{Filter, Scope};
use crate::store::{self};
use crate::tenant::TenantId;
use crate::ui::Ui;
use crate::ui::table::Table;
use crate::{cli, duration};

/// List past runs, newest first
#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  tenantpilot history --status failed,partial --since 7d
  tenantpilot history show 42
  tenantpilot history --schedule contoso/nightly --json | jq '.items[0].summary'"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// Only runs of this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Only runs of this schedule: its id, name, or TENANT/NAME
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,

    /// Only runs of schedules that have this label now or whose tenant has it; given several times,
    /// each has to match
    #[arg(long = "label", value_name = "K=V", conflicts_with = "schedule")]
    labels: Vec<String>,

    /// Only runs with one of these statuses: queued, running, success, partial, failed, skipped,
    /// canceled
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',', value_parser = parse_status)]
    status: Vec<Status>,

    /// Only runs started by this: `schedule`, `manual` or `retry`
    #[arg(long, value_name = "TRIGGER", value_parser = parse_trigger)]
    trigger: Option<Trigger>,

    /// Only runs of this last while, e.g. 24h or 7d
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    since: Option<String>,

    /// Show at most this many
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        allow_negative_numbers = true,
        value_parser = cli::number::from(1_u32)
    )]
    limit: u32,
}

/// What to do instead of listing.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show one run with all that it did
    #[command(after_help = "Examples:
  tenantpilot history show 42
  tenantpilot history show 42 --json | jq .summary.type_breakdown")]
    Show {
        /// The id of the run
        #[arg(value_name = "RUN", value_parser = cli::parse_id)]
        run: i64,
    },
}

fn parse_status(word: &str) -> std::result::Result<Status, String> {
    Status::parse(word).ok_or_else(|| one_of(Status::ALL.map(Status::as_str)))
}

fn parse_trigger(word: &str) -> std::result::Result<Trigger, String> {
    Trigger::parse(word).ok_or_else(|| one_of(Trigger::ALL.map(Trigger::as_str)))
}

fn one_of<const N: usize>(words: [&str; N]) -> String {
    format!("it is one of {}", words.join(", "))
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    match args.command {
        Some(Command::Show { run }) => show(ctx, RunId(run))?,
        None => list(ctx, args)?,
    }
    Ok(ExitCode::Ok)
}

fn list(ctx: &Context, args: &Args) -> Result<()> {
    let store = ctx.store()?;
    let conn = store.read();
    let since = args
        .since
        .as_deref()
        .map(|since| since_before(ctx.now(), since))
        .transpose()?;
    let labels = Wanted::parse(&args.labels)?;
    let scope = match (&args.schedule, &args.tenant) {
        (Some(schedule), tenant) => {
            let schedule = cli::schedules::find::find_any(ctx, conn, schedule, tenant.as_deref())?;
            Scope::Schedule(schedule.id)
        }
        (None, Some(tenant)) => Scope::Tenant(cli::tenants::find(ctx, conn, tenant)?.id),
        (None, None) => Scope::All,
    };
    let filter = |scope| Filter {
        scope,
        statuses: args.status.clone(),
        trigger: args.trigger,
        since,
        limit: Some(args.limit),
    };
    let runs = match scope {
        scope if !labels.is_empty() => {
            let mut runs = Vec::new();
            for listed in matching(ctx, conn, tenant_of(scope), &labels, true)? {
                let scope = Scope::Schedule(listed.schedule.id);
                runs.extend(store::runs::list(conn, &filter(scope))?);
            }
            runs.sort_by_key(|run| Reverse(run.id));
            runs.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
            runs
        }
        Scope::All => permit::list(
            ctx,
            args.limit,
            |run: &Run| run.id,
            |tenant| {
                let scope = tenant.map_or(Scope::All, Scope::Tenant);
                store::runs::list(conn, &filter(scope))
            },
        )?,
        scope => store::runs::list(conn, &filter(scope))?,
    };
    ctx.ui
        .items(&runs.iter().map(run_json).collect::<Vec<_>>())?;
    let mut table = Table::new(&[
        "RUN", "TENANT", "SCHEDULE", "TIME", "TRIGGER", "STATUS", "SET", "NOTE",
    ])
    .whole(&["RUN", "TIME", "STATUS", "SET"])
    .spare(&["TRIGGER"])
    .flowing();
    for run in &runs {
        table.row([
            run.id.0.to_string(),
            run.tenant.clone(),
            run.schedule.clone(),
            time(
                run.scheduled_for
                    .map_or(run.created_at, crate::slot::Slot::instant),
            ),
            run.trigger.as_str().to_owned(),
            run.status.as_str().to_owned(),
            run.backup_set_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            note(run),
        ]);
    }
    ctx.ui.table(&table)
}

/// The tenant whose runs are listed, if it is one.
fn tenant_of(scope: Scope) -> Option<TenantId> {
    match scope {
        Scope::Tenant(tenant) => Some(tenant),
        _ => None,
    }
}

/// The instant `since` before `now`.
pub(crate) fn since_before(now: DateTime<Utc>, since: &str) -> Result<DateTime<Utc>> {
    let span = duration::parse(since).map_err(|error| error.during("--since"))?;
    chrono::TimeDelta::from_std(span)
        .ok()
        .and_then(|span| now.checked_sub_signed(span))
        .ok_or_else(|| Error::usage(format!("--since {since} reaches back too far")))
}

/// What stands out in a run, for the last column.
fn note(run: &Run) -> String {
    if let Some(code) = run.error_code {
        let why = run.error_message.as_deref().unwrap_or_default();
        return format!("{code}: {why}");
    }
    counts(run)
}

/// How many policies a run backed up, and what changed.
pub(crate) fn counts(run: &Run) -> String {
    run.summary
        .as_ref()
        .map(Summary::counts)
        .unwrap_or_default()
}

/// The run with this id.
///
/// # Errors
/// There is none; the actor's role in its tenant does not allow the command.
pub(crate) fn find_run(ctx: &Context, conn: &Connection, id: RunId) -> Result<Run> {
    let run = store::runs::get(conn, id)?;
    ctx.permit(run.tenant_id, &run.tenant, format_args!("run {}", id.0))?;
    Ok(run)
}

fn show(ctx: &Context, id: RunId) -> Result<()> {
    let store = ctx.store()?;
    let run = find_run(ctx, store.read(), id)?;
    ctx.ui.document(&run_json(&run))?;
    let ui = &ctx.ui;
    let retry = run
        .retry_of
        .map(|of| format!(" of run {}", of.0))
        .unwrap_or_default();
    let took = run
        .duration_ms
        .map(|ms| format!(", {}.{:03} s", ms / 1000, ms % 1000))
        .unwrap_or_default();
    let finished = run.finished_at.map(|at| format!("{}{took}", time(at)));
    let reason = run.error_code.map(|code| {
        let why = run.error_message.as_deref().unwrap_or_default();
        format!("{code}: {why}")
    });
    let mut fields = vec![
        ("run", run.id.0.to_string()),
        ("tenant", run.tenant.clone()),
        (
            "schedule",
            format!("{} (id {})", run.schedule, run.schedule_id.0),
        ),
        (
            "trigger",
            format!("{}{retry}, by {}", run.trigger.as_str(), run.actor),
        ),
        (
            "slot",
            run.scheduled_for
                .map(|slot| slot.to_string())
                .unwrap_or_default(),
        ),
        ("created", time(run.created_at)),
        ("finished", finished.unwrap_or_default()),
        ("status", run.status.as_str().to_owned()),
        ("reason", reason.unwrap_or_default()),
        (
            "backup set",
            run.backup_set_id
                .map(|set| set.to_string())
                .unwrap_or_default(),
        ),
    ];
    let summary = run.summary.as_ref();
    let of_summary = |summary| summary_fields(summary, run.status);
    fields.extend(summary.into_iter().flat_map(of_summary));
    ui.fields(&fields)?;
    match summary {
        Some(summary) if summary.missed_count.is_none() => {
            ui.line("")?;
            ui.table(&types(summary, run.error_message.as_deref(), ui.plain()))?;
        }
        _ => {}
    }
    show_hint(ui, &run)
}

/// What to type next about a run that can be tried again: one line, to be copied.
fn show_hint(ui: &Ui, run: &Run) -> Result<()> {
    if !matches!(
        run.status,
        Status::Failed | Status::Partial | Status::Canceled
    ) {
        return Ok(());
    }
    let known = run
        .summary
        .as_ref()
        .and_then(|summary| summary.hint.as_deref());
    let hint = next_step(run.id, run.error_code, known);
    match ui.plain() {
        true => ui.fields(&[("hint", hint)]),
        false => ui.line(format_args!("hint: {hint}")),
    }
}

/// What a run says of itself when it has ended so.
fn summary_fields(summary: &Summary, status: Status) -> Vec<(&'static str, String)> {
    if let (Some(count), Some(first)) = (summary.missed_count, &summary.first_missed) {
        return vec![(
            "missed",
            format!("{} since {first}", counted(count, "slot", "slots")),
        )];
    }
    let told = |any: bool, text: String| if any { text } else { String::new() };
    let names = summary.names_resolved + summary.names_unresolved;
    let is_kept = matches!(status, Status::Success | Status::Partial);
    let not_kept = told(
        !is_kept && summary.policies_total > 0,
        "; what was read is not kept".to_owned(),
    );
    let mut fields = vec![
        (
            "policies",
            format!(
                "{} of {} backed up, {}{not_kept}",
                summary.policies_backed_up,
                summary.policies_total,
                counted(summary.errors_count, "error", "errors")
            ),
        ),
        (
            "requests",
            format!(
                "{} in {}, {} of them tried again, {} ms waited, {} bytes",
                summary.requests,
                counted(summary.round_trips, "round trip", "round trips"),
                summary.retries,
                summary.throttled_ms,
                summary.bytes
            ),
        ),
        (
            "names",
            told(
                names > 0,
                format!(
                    "{} of what policies refer to, {} not known",
                    summary.names_resolved, summary.names_unresolved
                ),
            ),
        ),
        (
            "secrets",
            told(
                summary.secrets_not_captured > 0,
                format!(
                    "{} not captured: Graph does not give them",
                    summary.secrets_not_captured
                ),
            ),
        ),
    ];
    let warnings = summary.warnings.iter();
    fields.extend(warnings.map(|warning| ("warning", warning.clone())));
    fields
}

/// What became of each policy type. People are told an error once that is the run's, or that several
/// have.
fn types(summary: &Summary, of_run: Option<&str>, is_whole: bool) -> Table {
    let mut told: BTreeMap<&str, &str> = BTreeMap::new();
    let mut table = Table::new(&[
        "POLICY TYPE",
        "OUTCOME",
        "TOTAL",
        "BACKED UP",
        "ADDED",
        "CHANGED",
        "REMOVED",
        "UNCHANGED",
        "ERROR",
    ])
    .whole(&["POLICY TYPE", "OUTCOME", "TOTAL"])
    .spare(&["UNCHANGED", "BACKED UP", "TOTAL"])
    .flowing();
    for (key, entry) in &summary.type_breakdown {
        let error = entry.error.as_deref().unwrap_or_default();
        let first = *told.entry(error).or_insert(key);
        let again = match of_run {
            Some(of_run) if error.ends_with(of_run) => Some("see reason".to_owned()),
            _ => (first != key).then(|| format!("same as {first}")),
        };
        let again = again.filter(|again| !is_whole && again.len() < error.len());
        table.row([
            key.clone(),
            entry.outcome.clone(),
            entry.total.to_string(),
            entry.backed_up.to_string(),
            entry.added.to_string(),
            entry.changed.to_string(),
            entry.removed.to_string(),
            entry.unchanged.to_string(),
            again.unwrap_or_else(|| error.to_owned()),
        ]);
    }
    table
}

/// RFC 3339 in UTC with `Z`.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A run as `--json` gives it.
pub(crate) fn run_json(run: &Run) -> Value {
    json!({
        "id": run.id.0,
        "tenant": run.tenant,
        "schedule": run.schedule,
        "schedule_id": run.schedule_id.0,
        "trigger": run.trigger.as_str(),
        "retry_of": run.retry_of.map(|id| id.0),
        "actor": run.actor,
        "scheduled_for": run.scheduled_for.map(|slot| slot.to_string()),
        "created_at": time(run.created_at),
        "started_at": run.started_at.map(time),
        "finished_at": run.finished_at.map(time),
        "duration_ms": run.duration_ms,
        "status": run.status.as_str(),
        "error_code": run.error_code.map(ErrorCode::as_str),
        "error_message": run.error_message,
        "backup_set_id": run.backup_set_id.map(|id| id.0),
        "summary": run.summary,
    })
}
