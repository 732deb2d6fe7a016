//! `backups verify`: read every byte, check every hash up to the root.

use std::collections::BTreeSet;

use clap::Args as ClapArgs;
use rusqlite::Connection;
use serde_json::json;

use super::find;
use crate::backup_set::BackupSetId;
use crate::cli;
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::finding::Level;
use crate::plural::{counted, form};
use crate::progress::Progress;
use crate::role::Readable;
use crate::store::backup_sets::verify::{Damage, Sample, Scope, verify};
use crate::store::backup_sets::{self, Filter};

/// Prove backup sets intact: read every byte, check every hash up to the root
///
/// Without a set, all of them, and with them what belongs to none: contents that no set needs, rows
/// that refer to rows which are not there, sets that are gone though nothing removed them. Exits
/// with 14 when something is damaged, and names every policy of every set that is hit.
///
/// What the root hash of a set does not cover (when it was taken, for what, from where) is held
/// against its run and its audit event.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups verify
  tenantpilot backups verify 12 13
  tenantpilot backups verify --sample 5%")]
pub struct Args {
    /// The ids of the backup sets; all of them when none is given
    #[arg(value_name = "SET", value_parser = cli::parse_id)]
    sets: Vec<i64>,

    /// Check this share of the policies' documents, e.g. 5%, drawn at random each time and at least
    /// one; manifests and lists are always checked
    #[arg(long, value_name = "P%", allow_hyphen_values = true, value_parser = parse_percent)]
    sample: Option<u8>,
}

fn parse_percent(text: &str) -> std::result::Result<u8, String> {
    text.strip_suffix('%')
        .and_then(|number| number.parse().ok())
        .filter(|percent| (1..=100).contains(percent))
        .ok_or_else(|| "write a share from 1% to 100%".to_owned())
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    let mut sets = BTreeSet::new();
    for id in &args.sets {
        sets.insert(find(ctx, store.read(), *id)?.id);
    }
    if sets.is_empty() && ctx.readable() != Readable::All {
        sets = readable_sets(ctx, store.read())?;
        if sets.is_empty() {
            return Err(Error::not_found("there is no backup set to verify"));
        }
    }
    let sample = args.sample.map(|percent| Sample {
        percent,
        seed: uuid::Uuid::new_v4().as_u64_pair().1,
    });
    let progress = Progress::default();
    let shown = ctx.ui.follow(&progress);
    let gauge = progress.begin("backup sets", "contents");
    let found = verify(store.read(), &Scope { sets, sample }, &gauge)?;
    drop(shown);
    ctx.ui.document(&json!({
        "sets": found.sets,
        "contents": found.contents,
        "bytes": found.bytes,
        "documents": found.documents,
        "documents_read": found.documents_read,
        "ok": found.ok(),
        "damaged": found.damaged.iter().map(damage_json).collect::<Vec<_>>(),
        "findings": found.findings,
    }))?;
    ctx.ui.line(format!(
        "{}, {}, {} bytes: {}",
        counted(found.sets, "backup set", "backup sets"),
        counted(found.contents, "content", "contents"),
        found.bytes,
        match found.damaged.len() {
            0 => "intact".to_owned(),
            n => format!("{n} damaged"),
        }
    ))?;
    if let Some(percent) = args.sample {
        ctx.ui.line(format!(
            "{} of {} {} read, a sample of {percent} %; the others were not looked at",
            found.documents_read,
            counted(found.documents, "document", "documents"),
            form(found.documents_read, "was", "were")
        ))?;
    }
    for damage in &found.damaged {
        ctx.ui
            .problem(&Error::new(Kind::Integrity, damage_line(damage)));
    }
    let mut failed = Vec::new();
    for finding in &found.findings {
        let hint = finding.hint.clone().unwrap_or_default();
        match finding.level {
            Level::Ok => ctx.ui.line(&finding.message)?,
            // It is told and is no failure: a verification in the night stays silent on stderr.
            Level::Warn => ctx.ui.line(format!("{}: {hint}", finding.message))?,
            Level::Fail => {
                failed.push(Error::new(Kind::Integrity, finding.message.clone()).hint(hint));
            }
        }
    }
    if found.damaged.is_empty() {
        let last = failed.pop();
        failed.iter().for_each(|error| ctx.ui.problem(error));
        return last.map_or(Ok(ExitCode::Ok), Err);
    }
    failed.iter().for_each(|error| ctx.ui.problem(error));
    let hit: BTreeSet<BackupSetId> = found.damaged.iter().map(|damage| damage.set).collect();
    let what = format!(
        "{} of {} {} damaged",
        hit.len(),
        counted(found.sets, "backup set", "backup sets"),
        form(hit.len(), "is", "are")
    );
    Err(Error::new(Kind::Integrity, what)
        .hint("keep the file as it is, and fetch the policies named above from a copy of it"))
}

/// Every backup set of the tenants that the actor may look at.
fn readable_sets(ctx: &Context, conn: &Connection) -> Result<BTreeSet<BackupSetId>> {
    let readable = ctx.readable();
    let mut sets = backup_sets::list_sets(conn, &Filter::default())?;
    sets.retain(|set| readable.contains(set.tenant_id));
    Ok(sets.into_iter().map(|set| set.id).collect())
}

fn damage_line(damage: &Damage) -> String {
    let mut line = format!("backup set {}", damage.set);
    if let Some(policy_type) = &damage.policy_type {
        line.push_str(&format!(", {policy_type}"));
    }
    if let Some(id) = &damage.policy_id {
        let name = damage.name.as_deref().unwrap_or_default();
        line.push_str(&format!(", {name} ({id})"));
    }
    format!("{line}: {}", damage.reason)
}

fn damage_json(damage: &Damage) -> serde_json::Value {
    json!({
        "backup_set_id": damage.set.0,
        "policy_type": damage.policy_type,
        "policy_id": damage.policy_id,
        "name": damage.name,
        "reason": damage.reason,
    })
}
