//! `audit`: read the audit trail, and prove it whole.

use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};

use crate::audit::{Problem, Recorded, hex};
use crate::cli;
use crate::cli::history::time;
use crate::cli::permit;
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::plural::counted;
use crate::store;
use crate::ui::table::Table;

/// Read the audit trail: who did what to what, when, with what outcome
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    List(ListArgs),
    /// Check the chain of hashes: finds a changed or missing event
    ///
    /// Keep the head hash that it prints in another place. If later no event has that `hash` in `audit list
    /// --json --limit N`, however large N is, somebody made the whole chain anew.
    #[command(after_help = "Examples:
  tenantpilot audit verify
  tenantpilot audit verify --json | jq -r .head")]
    Verify,
}

/// List audit events, newest first
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot audit list --tenant contoso
  tenantpilot audit list --json | jq '.items[] | select(.outcome == \"denied\")'")]
pub struct ListArgs {
    /// Only those of this tenant: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

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

/// Carries it out.
pub fn run(ctx: &Context, command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list(ctx, args)?,
        Command::Verify => verify(ctx)?,
    }
    Ok(ExitCode::Ok)
}

fn list(ctx: &Context, args: &ListArgs) -> Result<()> {
    let store = ctx.store()?;
    let conn = store.read();
    let tenant = args
        .tenant
        .as_deref()
        .map(|name| cli::tenants::find(ctx, conn, name))
        .transpose()?;
    let events = match tenant {
        Some(tenant) => store::audit::newest(conn, Some(tenant.id), args.limit)?,
        None => permit::list(
            ctx,
            args.limit,
            |(event, _): &(Recorded, _)| event.id,
            |tenant| store::audit::newest(conn, tenant, args.limit),
        )?,
    };
    let items: Vec<Value> = events
        .iter()
        .map(|(event, tenant)| event_json(event, tenant.as_deref()))
        .collect();
    ctx.ui.items(&items)?;
    let mut table = Table::new(&[
        "EVENT", "AT", "ACTOR", "ACTION", "TENANT", "OBJECT", "OUTCOME", "DETAILS",
    ])
    .whole(&["EVENT", "AT", "ACTION"])
    .spare(&["DETAILS", "TENANT"]);
    for (event, tenant) in &events {
        table.row([
            event.id.to_string(),
            at(event),
            event.actor.clone(),
            event.action.clone(),
            tenant.clone().unwrap_or_default(),
            event.object.clone(),
            event.outcome.clone(),
            event.details.clone(),
        ]);
    }
    ctx.ui.table(&table)
}

fn at(event: &Recorded) -> String {
    chrono::DateTime::from_timestamp(event.at, 0)
        .map(time)
        .unwrap_or_default()
}

fn event_json(event: &Recorded, tenant: Option<&str>) -> Value {
    json!({
        "id": event.id,
        "at": at(event),
        "actor": event.actor,
        "action": event.action,
        "tenant": tenant,
        "object": event.object,
        "outcome": event.outcome,
        "details": serde_json::from_str::<Value>(&event.details).unwrap_or(Value::Null),
        "hash": hex(&event.hash),
    })
}

fn verify(ctx: &Context) -> Result<()> {
    let store = ctx.store()?;
    let verdict = store::audit::verify_chain(store.read())?;
    let problems: Vec<String> = verdict.problems.iter().map(problem_line).collect();
    ctx.ui.document(&json!({
        "ok": problems.is_empty(),
        "events": verdict.events,
        "head": hex(&verdict.head),
        "problems": problems,
    }))?;
    ctx.ui.line(format!(
        "{}, head {}: {}",
        counted(verdict.events, "event", "events"),
        hex(&verdict.head),
        match problems.len() {
            0 => "intact".to_owned(),
            n => counted(n, "break", "breaks"),
        }
    ))?;
    for problem in &problems {
        ctx.ui.problem(&Error::new(Kind::Integrity, problem));
    }
    match problems.len() {
        0 => Ok(()),
        n => {
            let what = format!("the audit trail has {}", counted(n, "break", "breaks"));
            Err(Error::new(Kind::Integrity, what)
                .hint("compare it with a copy of the database: tenantpilot --db COPY audit list"))
        }
    }
}

fn problem_line(problem: &Problem) -> String {
    match problem {
        Problem::Changed { id } => format!("event {id} is not what was recorded"),
        Problem::Missing { first, last } if first == last => format!("event {first} is missing"),
        Problem::Missing { first, last } => format!("events {first} to {last} are missing"),
    }
}
