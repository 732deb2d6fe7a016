//! `db check`: whether the database and what lies beside it are sound.

use clap::Args as ClapArgs;

use crate::cli::findings;
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::finding::{Finding, Level};
use crate::store::check;

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
    findings::tell(ctx, &findings)?;
    let Some(first) = findings.iter().find(|finding| finding.level == Level::Fail) else {
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
    match ctx.locks().condition() {
        Ok(message) => Finding::ok("locks", message),
        Err(error) => Finding::of_error("locks", &error),
    }
}
