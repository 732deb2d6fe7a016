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
    #[command(after_help = "Examples:
  tenantpilot policy-types list
  tenantpilot policy-types list --json | jq -r '.items[] | select(.default).key'")]
    List,
    /// Show one policy type
    #[command(after_help = "Examples:
  tenantpilot policy-types show settingsCatalogPolicy")]
    Show {
        /// The key of the policy type, e.g. settingsCatalogPolicy
        #[arg(value_name = "KEY")]
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
    let mut table = Table::new(&["KEY", "LABEL", "DEFAULT", "FOUNDATION", "READ PERMISSION"])
        .whole(&["KEY"])
        .spare(&["FOUNDATION", "LABEL"])
        .flowing();
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
    let secrets = row.sealed.map(|sealed| sealed.permission);
    let notes: Vec<&str> = row.notes.iter().map(|note| note.text).collect();
    let yes_or_no = |fact| if fact { "yes" } else { "no" }.to_owned();
    ctx.ui.fields(&[
        ("policy type", row.key.to_owned()),
        ("label", row.label.to_owned()),
        ("platforms", row.platforms.join(", ")),
        ("read at", format!("{}/{}", row.version.segment(), row.path)),
        ("to read", row.read_permissions.join(" or ")),
        ("its secrets", secrets.unwrap_or_default().to_owned()),
        ("to restore", row.restore_permissions.join(" and ")),
        ("default", yes_or_no(row.default)),
        ("foundation", yes_or_no(row.foundation)),
        (
            "not possible",
            row.not_app_only.unwrap_or_default().to_owned(),
        ),
        ("note", notes.join("; ")),
    ])
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
        "secrets_permission": row.sealed.map(|sealed| sealed.permission),
        "notes": row.notes.iter().map(|note| note.text).collect::<Vec<_>>(),
    })
}
