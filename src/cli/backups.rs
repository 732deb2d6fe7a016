//! The `backups` command group.

mod diff;
mod export;
mod import;
mod keep;
mod list;
mod log;
mod policy;
mod show;
mod verify;

use clap::Subcommand;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::backup_set::{BackupSet, BackupSetId, Manifest};
use crate::cli::history::time;
use crate::context::Context;
use crate::error::{Error, ExitCode, Result};
use crate::policy::diff::lines::{Line, Mark};
use crate::store::backup_sets;
use crate::ui::Shade;

/// Look at backup sets, prove that they are intact, and decide which stay
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    List(list::Args),
    Show(show::Args),
    Export(export::Args),
    Import(import::Args),
    Log(log::Args),
    Diff(diff::Args),
    Verify(verify::Args),
    Acknowledge(keep::AcknowledgeArgs),
    Pin(keep::PinArgs),
    Unpin(keep::UnpinArgs),
    Expire(keep::ExpireArgs),
    Unexpire(keep::UnexpireArgs),
    Delete(keep::DeleteArgs),
}

/// Carries it out.
pub fn run(ctx: &Context, command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list::run(ctx, args),
        Command::Show(args) => show::run(ctx, args),
        Command::Export(args) => export::run(ctx, args),
        Command::Import(args) => import::run(ctx, args),
        Command::Log(args) => log::run(ctx, args),
        Command::Diff(args) => diff::run(ctx, args),
        Command::Verify(args) => verify::run(ctx, args),
        Command::Acknowledge(args) => keep::acknowledge(ctx, args),
        Command::Pin(args) => keep::pin(ctx, args),
        Command::Unpin(args) => keep::unpin(ctx, args),
        Command::Expire(args) => keep::expire(ctx, args),
        Command::Unexpire(args) => keep::unexpire(ctx, args),
        Command::Delete(args) => keep::delete(ctx, args),
    }
}

/// The backup set with this id, to which the actor may do what the command does.
pub(crate) fn find(ctx: &Context, conn: &Connection, id: i64) -> Result<BackupSet> {
    let set = backup_sets::get(conn, BackupSetId(id))?.ok_or_else(|| {
        Error::not_found(format!("there is no backup set {id}")).hint("tenantpilot backups list")
    })?;
    ctx.permit(set.tenant_id, &set.tenant, format_args!("backup set {id}"))?;
    Ok(set)
}

/// The lines that tell the changes of a policy, with this before each, as `ui` takes them.
fn shaded(indent: &str, lines: Vec<Line>) -> Vec<(Shade, String)> {
    let lines = lines.into_iter().map(|line| {
        let shade = match line.mark {
            Mark::Added => Shade::Added,
            Mark::Removed => Shade::Removed,
            Mark::Changed => Shade::Changed,
            Mark::Plain => Shade::Plain,
        };
        (shade, format!("{indent}{}", line.text))
    });
    lines.collect()
}

/// A backup set as `--json` gives it; its types are null where its manifest cannot be read.
fn set_json(set: &BackupSet, manifest: Option<&Manifest>) -> Value {
    let types = manifest.map(types_json);
    json!({
        "id": set.id.0,
        "tenant": set.tenant,
        "schedule": set.schedule,
        "run_id": set.run_id,
        "time": time(set.time),
        "created_at": time(set.created_at),
        "status": set.status.as_str(),
        "policies": set.policies,
        "root_hash": set.root_hash.to_string(),
        "imported": set.imported,
        "shrunk": set.shrunk,
        "acknowledged_at": set.acknowledged_at.map(time),
        "pinned": set.pin_reason.is_some(),
        "expired_at": set.expired_at.map(time),
        "types": types,
    })
}

fn types_json(manifest: &Manifest) -> Map<String, Value> {
    manifest
        .types()
        .iter()
        .map(|entry| {
            let value = json!({
                "outcome": entry.outcome.as_str(),
                "count": entry.policies,
                "error_code": entry.error_code,
                "reason": entry.reason,
                "pages": entry.pages,
                "listed": entry.listed,
                "proof": entry.proof,
            });
            (entry.policy_type.clone(), value)
        })
        .collect()
}
