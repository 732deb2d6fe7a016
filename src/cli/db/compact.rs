//! `db compact`: rewrites the file without free room.

use clap::Args as ClapArgs;
use serde_json::json;

use crate::context::Context;
use crate::disk;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::store::space;

/// Rewrite the database without free room
///
/// Rarely needed: retention gives room back by itself. A database that an older program made, and
/// that was too large to be rewritten when it was migrated, can do so only after this. Nobody can
/// write meanwhile, and there must be room for the database once more.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot db compact")]
pub struct Args {}

pub(super) fn run(ctx: &Context) -> Result<ExitCode> {
    let store = ctx.store()?;
    let before = size(space::pages(store.read())?);
    if let Some(free) = disk::room(store.path())
        && free.bytes < before
    {
        let what = format!(
            "rewriting it takes {before} bytes beside it, and {} are free",
            free.bytes
        );
        return Err(
            Error::new(Kind::StorageFull, what).hint("make room on the disk of the database")
        );
    }
    space::rewrite(&store)?;
    let after = size(space::pages(store.read())?);
    ctx.ui
        .document(&json!({ "bytes_before": before, "bytes": after }))?;
    ctx.ui.line(format!(
        "rewrote {}: {before} bytes before, {after} now",
        store.path().display()
    ))?;
    Ok(ExitCode::Ok)
}

fn size(pages: space::Pages) -> u64 {
    pages.all.saturating_mul(pages.size)
}
