//! `policy-types`: the catalogue.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, ExitCode, Result};
use crate::policy::catalogue::{self, PolicyType};
use crate::ui::table::Table;

/// Show what can be backed up, and which permission each policy type takes
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// List every policy type
    List,
    /// Show one policy type
    Show {
        /// Its key
        key: String,
    },
}

/// Carries it out.
pub fn run(ctx: &Context, command: &Command) -> Result<ExitCode> {
    match command {
        Command::List => list(ctx)?,
        Command::Show { key } => show(ctx, key)?,
    }
    Ok(ExitCode::Ok)
}

fn list(ctx: &Context) -> Result<()> {
    let mut rows: Vec<&PolicyType> = catalogue::all().collect();
    rows.sort_by_key(|row| row.key);
    ctx.ui
        .items(&rows.iter().map(|row| type_json(row)).collect::<Vec<_>>())?;
    let mut table =
        Table::new(&["KEY", "LABEL", "DEFAULT", "FOUNDATION", "READ PERMISSION"]).whole(&["KEY"]);
    for row in rows {
        table.row([
            row.key.to_owned(),
            row.label.to_owned(),
            yes(row.default),
            yes(row.foundation),
            row.read_permissions.join(" or "),
        ]);
    }
    ctx.ui.table(&table)
}

fn yes(fact: bool) -> String {
    if fact {
        "yes".to_owned()
    } else {
        String::new()
    }
}

fn show(ctx: &Context, key: &str) -> Result<()> {
    let row = catalogue::find(key).ok_or_else(|| {
        let error = Error::not_found(format!("no policy type is called {key:?}"));
        match catalogue::suggest(key) {
            Some(meant) => error.hint(format!("tenantpilot policy-types show {meant}")),
            None => error.hint("tenantpilot policy-types list"),
        }
    })?;
    ctx.ui.document(&type_json(row))?;
    let ui = &ctx.ui;
    ui.line(format!("policy type  {}", row.key))?;
    ui.line(format!("label        {}", row.label))?;
    ui.line(format!("platforms    {}", row.platforms.join(", ")))?;
    ui.line(format!(
        "read at      {}/{}",
        row.version.segment(),
        row.path
    ))?;
    ui.line(format!(
        "to read      {}",
        row.read_permissions.join(" or ")
    ))?;
    ui.line(format!(
        "to restore   {}",
        row.restore_permissions.join(" and ")
    ))?;
    ui.line(format!(
        "default      {}",
        if row.default { "yes" } else { "no" }
    ))?;
    ui.line(format!(
        "foundation   {}",
        if row.foundation { "yes" } else { "no" }
    ))?;
    match row.not_app_only {
        Some(reason) => ui.line(format!("not possible {reason}")),
        None => Ok(()),
    }
}

fn type_json(row: &PolicyType) -> Value {
    json!({
        "key": row.key,
        "label": row.label,
        "platforms": row.platforms,
        "api": row.version.segment(),
        "path": row.path,
        "read_permission": row.read_permissions,
        "restore_permission": row.restore_permissions,
        "default": row.default,
        "foundation": row.foundation,
        "not_possible": row.not_app_only,
    })
}
