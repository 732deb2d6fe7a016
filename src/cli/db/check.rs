//! `db check`: whether the database and what lies beside it are sound.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::store::check::{self, Finding, Level};

/// Check that the database is sound: pages, indexes, references, schema, audit trail
///
/// Exits with 14 when something is damaged. What SQLite checks misses most flipped bits: whether the
/// backup sets are intact, `backups verify` says.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot db check && tenantpilot backups verify
  tenantpilot db check --json | jq '.findings[] | select(.level != \"ok\")'")]
pub struct Args {}

pub(super) fn run(ctx: &Context) -> Result<ExitCode> {
    let store = ctx.store()?;
    let mut findings = check::check(&store)?;
    findings.push(locks(ctx));
    let damaged: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.level == Level::Fail)
        .collect();
    ctx.ui.document(&json!({
        "ok": damaged.is_empty(),
        "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
    }))?;
    for finding in &findings {
        ctx.ui.line(format!(
            "{:4}  {:12}  {}",
            finding.level.as_str(),
            finding.check.replace('_', " "),
            finding.message
        ))?;
    }
    for finding in findings
        .iter()
        .filter(|finding| finding.level == Level::Warn)
    {
        finding.hint.iter().for_each(|hint| ctx.ui.hint(hint));
    }
    let Some(first) = damaged.first() else {
        return Ok(ExitCode::Ok);
    };
    let what = format!(
        "{}: {}: {}",
        store.path().display(),
        first.check.replace('_', " "),
        first.message
    );
    Err(Error::new(Kind::Integrity, what).hint(first.hint.clone().unwrap_or_default()))
}

/// That locks can be taken; a folder that is not there yet is made with the first one.
fn locks(ctx: &Context) -> Finding {
    let (level, message, hint) = match ctx.locks().condition() {
        Ok(message) => (Level::Ok, message, None),
        Err(error) => (
            Level::Fail,
            error.message().to_owned(),
            error.hint_text().map(str::to_owned),
        ),
    };
    Finding {
        check: "locks",
        level,
        message,
        hint,
    }
}

/// A finding as `--json` has it.
pub fn finding_json(finding: &Finding) -> Value {
    json!({
        "check": finding.check,
        "level": finding.level.as_str(),
        "message": finding.message,
        "hint": finding.hint,
    })
}
