//! `backups show`: a backup set, or one policy of it.

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{find, set_json};
use crate::backup_set::{BackupSet, ListEntry, Manifest, TypeList};
use crate::cli;
use crate::cli::history::time;
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::store::backup_sets;
use crate::store::contents::Reader;
use crate::ui::table::Table;

/// Show a backup set, or one policy of it
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups show 12
  tenantpilot backups show 12 --json | jq '.items[].policy_id'
  tenantpilot backups show 12 \\
      --policy namedLocation/5c4b1d0e-0b6c-4f7e-9d51-0c9c4f7e9d51")]
pub struct Args {
    /// The id of the backup set
    #[arg(value_name = "SET", value_parser = cli::parse_id)]
    set: i64,

    /// Show this policy: its policy type and its id
    #[arg(long, value_name = "TYPE/ID")]
    policy: Option<String>,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    let set = find(store.read(), args.set)?;
    let reader = Reader::new(store.read(), set.tenant_id);
    let manifest = backup_sets::manifest(&reader, &set)?;
    match &args.policy {
        Some(policy) => show_policy(ctx, &reader, &set, &manifest, policy)?,
        None => show_set(ctx, &reader, &set, &manifest)?,
    }
    Ok(ExitCode::Ok)
}

fn show_set(
    ctx: &Context,
    reader: &Reader<'_>,
    set: &BackupSet,
    manifest: &Manifest,
) -> Result<()> {
    let mut lists = Vec::new();
    for entry in manifest.types() {
        lists.extend(backup_sets::list(reader, entry)?);
    }
    if ctx.ui.json() {
        let items: Vec<Value> = lists.iter().flat_map(items_of).collect();
        let mut document = set_json(set, Some(manifest));
        if let Some(fields) = document.as_object_mut() {
            fields.insert("items".to_owned(), Value::Array(items));
        }
        return ctx.ui.document(&document);
    }
    show_head(ctx, set)?;
    let mut types = Table::new(&["POLICY TYPE", "OUTCOME", "POLICIES", "PAGES", "REASON"])
        .whole(&["POLICY TYPE", "OUTCOME"]);
    for entry in manifest.types() {
        types.row([
            entry.policy_type.clone(),
            entry.outcome.as_str().to_owned(),
            entry.policies.to_string(),
            entry.pages.to_string(),
            entry.reason.clone().unwrap_or_default(),
        ]);
    }
    ctx.ui.table(&types)?;
    ctx.ui.line("")?;
    let mut policies = Table::new(&["POLICY TYPE", "NAME", "PLATFORM", "BYTES", "ID"])
        .whole(&["POLICY TYPE", "ID"]);
    for list in &lists {
        for entry in list.entries() {
            policies.row([
                list.policy_type().to_owned(),
                entry.name.clone(),
                entry.platform.clone().unwrap_or_default(),
                entry.bytes.to_string(),
                entry.id.clone(),
            ]);
        }
    }
    ctx.ui.table(&policies)
}

fn show_head(ctx: &Context, set: &BackupSet) -> Result<()> {
    let ui = &ctx.ui;
    ui.line(format!("backup set  {}", set.id))?;
    ui.line(format!("tenant      {}", set.tenant))?;
    if let (Some(schedule), Some(id)) = (&set.schedule, set.schedule_id) {
        ui.line(format!("schedule    {schedule} (id {})", id.0))?;
    }
    if let Some(from) = &set.imported {
        ui.line(format!("imported    {from}"))?;
    }
    ui.line(format!("time        {}", time(set.time)))?;
    ui.line(format!("status      {}", set.status.as_str()))?;
    ui.line(format!("policies    {}", set.policies))?;
    ui.line(format!("root hash   {}", set.root_hash))?;
    if let Some(reason) = &set.pin_reason {
        ui.line(format!("pinned      {reason}"))?;
    }
    if let Some(at) = set.expired_at {
        ui.line(format!("expired     {}", time(at)))?;
    }
    ui.line("")
}

fn items_of(list: &TypeList) -> impl Iterator<Item = Value> {
    list.entries().iter().map(|entry| {
        json!({
            "policy_type": list.policy_type(),
            "policy_id": entry.id,
            "name": entry.name,
            "platform": entry.platform,
            "hash": entry.hash.to_string(),
            "bytes": entry.bytes,
        })
    })
}

fn show_policy(
    ctx: &Context,
    reader: &Reader<'_>,
    set: &BackupSet,
    manifest: &Manifest,
    wanted: &str,
) -> Result<()> {
    let (policy_type, entry) = find_policy(reader, set, manifest, wanted)?;
    let bytes = reader.read(&entry.hash)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| not_json(wanted, &error))?;
    let document: &RawValue =
        serde_json::from_str(text).map_err(|error| not_json(wanted, &error))?;
    if ctx.ui.json() {
        return ctx.ui.document(&PolicyJson {
            policy_type: &policy_type,
            policy_id: &entry.id,
            name: &entry.name,
            platform: entry.platform.as_deref(),
            hash: entry.hash.to_string(),
            bytes: entry.bytes,
            warnings: &entry.warnings,
            document,
        });
    }
    let ui = &ctx.ui;
    ui.line(format!("policy      {}", entry.name))?;
    ui.line(format!("type        {policy_type}"))?;
    ui.line(format!("id          {}", entry.id))?;
    if let Some(platform) = &entry.platform {
        ui.line(format!("platform    {platform}"))?;
    }
    ui.line(format!("backup set  {}, {}", set.id, time(set.time)))?;
    ui.line(format!("hash        {}", entry.hash))?;
    for warning in &entry.warnings {
        ui.line(format!("warning     {warning}"))?;
    }
    ui.line("")?;
    let indented = serde_json::from_str::<Value>(text)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .map_err(|error| not_json(wanted, &error))?;
    indented.lines().try_for_each(|line| ui.line(line))
}

/// One policy as `--json` gives it. The document is the stored one to the byte.
#[derive(Serialize)]
struct PolicyJson<'a> {
    policy_type: &'a str,
    policy_id: &'a str,
    name: &'a str,
    platform: Option<&'a str>,
    hash: String,
    bytes: u64,
    warnings: &'a [String],
    document: &'a RawValue,
}

fn not_json(policy: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(
        Kind::Integrity,
        format!("the document of {policy} is not JSON: {error}"),
    )
}

/// The list entry of `TYPE/ID`.
fn find_policy(
    reader: &Reader<'_>,
    set: &BackupSet,
    manifest: &Manifest,
    wanted: &str,
) -> Result<(String, ListEntry)> {
    let (policy_type, id) = wanted.split_once('/').ok_or_else(|| {
        Error::usage(format!("{wanted:?} is not TYPE/ID")).hint(format!(
            "copy type and id from: tenantpilot backups show {}",
            set.id
        ))
    })?;
    let Some(entry) = manifest.get(policy_type) else {
        return Err(Error::not_found(format!(
            "{} holds no policy type {policy_type:?}",
            set.described()
        ))
        .hint(format!("tenantpilot backups show {}", set.id)));
    };
    let list = backup_sets::list(reader, entry)?;
    match list.as_ref().and_then(|list| list.get(id)) {
        Some(found) => Ok((policy_type.to_owned(), found.clone())),
        None => {
            let read = match entry.outcome {
                crate::policy::Outcome::Complete => String::new(),
                outcome => format!("; the type is {} in this set", outcome.as_str()),
            };
            Err(Error::not_found(format!(
                "{} holds no {policy_type} with id {id:?}{read}",
                set.described()
            ))
            .hint(format!("tenantpilot backups show {}", set.id)))
        }
    }
}
