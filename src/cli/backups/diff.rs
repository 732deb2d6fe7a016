//! `backups diff`: what changed between two backup sets, or since one.

mod choose;
mod json;
mod markdown;
mod scope;
mod text;

use clap::{Args as ClapArgs, ValueEnum};

use self::choose::{Chosen, choose};
use self::scope::Asked;
use super::find;
use crate::backup_set::{BackupSet, BackupSetId};
use crate::cli;
use crate::context::Context;
use crate::diff::{self, Diff, Scope, Side};
use crate::error::{Error, ExitCode, Kind, Result};
use crate::plural::counted;
use crate::store::contents::Reader;
use crate::store::{self, Store, backup_sets};

/// Show what changed between two backup sets, or since one
///
/// Settings, assignments and scripts are told by their own names; order, dates and what else the
/// service changes by itself do not count. Added and removed are said only of policy types that are
/// complete in both; what could not be read is named instead, and then the two are not equal.
/// Sets of two tenants are compared by policy type and name.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups diff 12 13
  tenantpilot backups diff --schedule nightly --since 7d
  tenantpilot backups diff --tenant contoso --latest --format markdown
  tenantpilot backups diff 12 --live --exit-code
  tenantpilot backups diff 12 13 --policy 'settingsCatalogPolicy/Edge baseline'")]
pub struct Args {
    /// The ids of the backup sets, the earlier one first; one with --live, none with --since or
    /// --latest
    #[arg(value_name = "SET", num_args = 0..=2, value_parser = cli::parse_id)]
    sets: Vec<i64>,

    /// Compare the backup set of that time ago with the newest, or with the tenant as it is now
    #[arg(
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        conflicts_with = "sets"
    )]
    since: Option<String>,

    /// Compare the last two backup sets
    #[arg(long, conflicts_with_all = ["sets", "since", "live"])]
    latest: bool,

    /// Compare with the tenant as it is now; reads it and writes nothing
    #[arg(long)]
    live: bool,

    /// The schedule whose backup sets are meant: its id, name, or TENANT/NAME
    #[arg(long, value_name = "SCHEDULE", conflicts_with = "sets")]
    schedule: Option<String>,

    /// The tenant whose backup sets are meant: its name or id; those of the schedule of its newest
    #[arg(long, value_name = "TENANT", conflicts_with = "sets")]
    tenant: Option<String>,

    /// Only these policy types
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    types: Vec<String>,

    /// Only this policy: its policy type and its id or name, or an id or a name that it alone has
    #[arg(long, value_name = "TYPE/ID|ID|NAME")]
    policy: Option<String>,

    /// Print in this form; --json prints everything
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,

    /// Exit with 19 when there is a difference, or something that could not be compared
    #[arg(long)]
    exit_code: bool,
}

/// What people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Lines for a terminal
    #[default]
    Text,
    /// For a ticket
    Markdown,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    if ctx.ui.json() && args.format == Format::Markdown {
        return Err(Error::usage(
            "--json and --format markdown exclude each other",
        ));
    }
    let asked = Asked::of(args)?;
    let store = ctx.store()?;
    let chosen = choose(ctx, store.read(), args)?;
    let scope = asked.scope(ctx, &store, &chosen)?;
    let (from, to, diff) = match chosen {
        Chosen::Sets(from, to) => of_sets(ctx, &store, from, to, &scope)?,
        Chosen::Live(from) => with_live(ctx, &store, from, &scope)?,
    };
    match args.format {
        _ if ctx.ui.json() => ctx.ui.document(&json::document(&from, &to, &diff))?,
        Format::Text => text::show(&ctx.ui, &from, &to, &diff)?,
        Format::Markdown => markdown::show(&ctx.ui, &from, &to, &diff)?,
    }
    if !args.exit_code || diff.equal() {
        return Ok(ExitCode::Ok);
    }
    ctx.ui.reason(&unequal(&from, &to, &diff));
    Ok(ExitCode::Attention)
}

/// That two are not equal, and how far.
fn unequal(from: &diff::About, to: &diff::About, diff: &Diff) -> Error {
    let (types, policies) = (diff.unread_keys().len(), diff.unread_policies.len());
    let parts = [
        (diff.changes.len(), "policy differs", "policies differ"),
        (types, "type is not complete", "types are not complete"),
        (
            policies,
            "policy could not be compared",
            "policies could not be compared",
        ),
    ];
    let parts = parts.iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, one, many)| counted(*count, one, many))
        .collect();
    let what = format!(
        "between {} and {}: {}",
        from.described(),
        to.described(),
        parts.join(", ")
    );
    Error::new(Kind::Attention, what)
}

type Compared = (diff::About, diff::About, Diff);

fn of_sets(
    ctx: &Context,
    store: &Store,
    from: BackupSetId,
    to: BackupSetId,
    scope: &Scope,
) -> Result<Compared> {
    let conn = store.read();
    let _view = backup_sets::view(conn)?;
    let (from, to) = (
        find_present(ctx, store, from)?,
        find_present(ctx, store, to)?,
    );
    let from = Side::of_set(Reader::new(conn, from.tenant_id), from)?;
    let to = Side::of_set(Reader::new(conn, to.tenant_id), to)?;
    let diff = diff::compare(&from, &to, scope)?;
    Ok((from.about().clone(), to.about().clone(), diff))
}

/// The tenant is read first, while the store is not held in any way.
fn with_live(ctx: &Context, store: &Store, from: BackupSetId, scope: &Scope) -> Result<Compared> {
    let conn = store.read();
    let set = find_present(ctx, store, from)?;
    let tenant = store::tenants::get(conn, set.tenant_id)?;
    let side = Side::of_set(Reader::new(conn, set.tenant_id), set)?;
    let means = ctx.means();
    let shown = ctx.ui.follow(&means.progress);
    let live = diff::live::read(&means, &tenant, &side, scope);
    drop(shown);
    let live = live?;
    let _view = backup_sets::view(conn)?;
    let set = find_present(ctx, store, from)?;
    let side = Side::of_set(Reader::new(conn, set.tenant_id), set)?;
    let diff = diff::compare(&side, &live, scope)?;
    Ok((side.about().clone(), live.about().clone(), diff))
}

/// The backup set with this id, unless it expired.
fn find_present(ctx: &Context, store: &Store, id: BackupSetId) -> Result<BackupSet> {
    let set = find(ctx, store.read(), id.0)?;
    if set.expired_at.is_some() {
        return Err(Error::not_found(format!("{} has expired", set.described()))
            .hint(format!("bring it back: tenantpilot backups unexpire {id}")));
    }
    Ok(set)
}
