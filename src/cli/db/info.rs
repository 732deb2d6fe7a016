//! `db info`: what the database holds, and what it takes.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{ExitCode, Result};
use crate::plural::counted;
use crate::store::census::{self, Census, TenantCensus};
use crate::ui::table::Table;

/// Show what the database holds, how large it is, and what sharing saves
///
/// LOGICAL is what the policies of all backup sets would take if each set held its own, CONTENT what
/// they take with each version kept once, STORED what that takes compressed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot db info
  tenantpilot db info --json")]
pub struct Args {}

pub(super) fn run(ctx: &Context) -> Result<ExitCode> {
    let store = ctx.store()?;
    let census = census::census(&store)?;
    ctx.ui.document(&document(&census))?;
    let pages = census.pages;
    let mut fields = vec![
        ("file", census.path.display().to_string()),
        (
            "size",
            format!(
                "{} bytes, {} of {}, {} free",
                census.file_bytes,
                counted(pages.all, "page", "pages"),
                pages.size,
                pages.free
            ),
        ),
        ("log", format!("{} bytes", census.log_bytes)),
        (
            "gives room back",
            if pages.can_shrink {
                "yes"
            } else {
                "no: tenantpilot db compact"
            }
            .to_owned(),
        ),
        ("schema version", census.schema_version.to_string()),
        ("journal mode", census.journal_mode.clone()),
        ("SQLite", census.sqlite_version.to_owned()),
        ("copies of before migrations", copies(&census)),
    ];
    let counts = census.counts.iter();
    let counts: Vec<(String, String)> = counts
        .map(|(what, count)| (what.replace('_', " "), count.to_string()))
        .collect();
    let counts = counts.iter().map(|(what, count)| (&**what, count.clone()));
    fields.extend(counts);
    ctx.ui.fields(&fields)?;
    ctx.ui.line("")?;
    let mut table = Table::new(&["TENANT", "SETS", "CONTENTS", "LOGICAL", "CONTENT", "STORED"])
        .whole(&["SETS", "CONTENTS", "LOGICAL", "CONTENT", "STORED"]);
    for tenant in &census.tenants {
        table.row([
            tenant.name.clone(),
            tenant.backup_sets.to_string(),
            tenant.contents.to_string(),
            tenant.logical_bytes.to_string(),
            tenant.content_bytes.to_string(),
            tenant.stored_bytes.to_string(),
        ]);
    }
    ctx.ui.table(&table)?;
    Ok(ExitCode::Ok)
}

fn copies(census: &Census) -> String {
    let names = census.copies.iter().map(|copy| copy.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

fn document(census: &Census) -> Value {
    let counts: serde_json::Map<String, Value> = census
        .counts
        .iter()
        .map(|(what, count)| ((*what).to_owned(), json!(count)))
        .collect();
    json!({
        "file": census.path.display().to_string(),
        "bytes": census.file_bytes,
        "log_bytes": census.log_bytes,
        "page_bytes": census.pages.size,
        "pages": census.pages.all,
        "free_pages": census.pages.free,
        "gives_room_back": census.pages.can_shrink,
        "schema_version": census.schema_version,
        "journal_mode": census.journal_mode,
        "sqlite_version": census.sqlite_version,
        "copies": census.copies.iter().map(|copy| copy.display().to_string()).collect::<Vec<_>>(),
        "counts": counts,
        "tenants": census.tenants.iter().map(tenant_json).collect::<Vec<_>>(),
    })
}

fn tenant_json(tenant: &TenantCensus) -> Value {
    json!({
        "tenant": tenant.name,
        "backup_sets": tenant.backup_sets,
        "unread_sets": tenant.unread_sets,
        "contents": tenant.contents,
        "logical_bytes": tenant.logical_bytes,
        "content_bytes": tenant.content_bytes,
        "stored_bytes": tenant.stored_bytes,
    })
}
