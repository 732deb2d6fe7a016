//! Which two sides a command line means.

use std::cmp::Reverse;

use rusqlite::Connection;

use super::Args;
use crate::backup_set::{BackupSet, BackupSetId};
use crate::cli;
use crate::cli::history::{since_before, time};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::store::backup_sets::{self, Filter};

/// What to compare.
pub(super) enum Chosen {
    /// Two sets.
    Sets(BackupSetId, BackupSetId),
    /// A set and its tenant as it is now.
    Live(BackupSetId),
}

pub(super) fn choose(ctx: &Context, conn: &Connection, args: &Args) -> Result<Chosen> {
    let id = |id: i64| BackupSetId(id);
    match (args.sets.as_slice(), args.live) {
        ([from, to], false) => Ok(Chosen::Sets(id(*from), id(*to))),
        ([from], true) => Ok(Chosen::Live(id(*from))),
        ([_], false) => Err(Error::usage("one backup set is compared with nothing")
            .hint("name a second one, or add --live")),
        ([], _) => of_schedule(ctx, conn, args),
        ([from, ..], _) => Err(Error::usage("with --live there is one backup set")
            .hint(format!("tenantpilot backups diff {from} --live"))),
    }
}

fn of_schedule(ctx: &Context, conn: &Connection, args: &Args) -> Result<Chosen> {
    if args.since.is_none() && !args.latest && !args.live {
        return Err(Error::usage("what is to be compared?")
            .hint("name two backup sets, or --schedule NAME with --latest, --since 7d or --live"));
    }
    let sets = sets(ctx, conn, args)?;
    let newest = sets.first().ok_or_else(|| {
        Error::not_found("there is no backup set to compare").hint("tenantpilot backups list")
    })?;
    if let Some(since) = &args.since {
        let at = since_before(ctx.now(), since)?;
        let then = sets.iter().find(|set| set.time <= at);
        let oldest = sets.last().unwrap_or(newest).time;
        let then = then.ok_or_else(|| {
            Error::not_found(format!(
                "no backup set is as old as {since}: the oldest of {} is of {}",
                whose(newest),
                time(oldest)
            ))
            .hint("tenantpilot backups list")
        })?;
        if args.live {
            return Ok(Chosen::Live(then.id));
        }
        return Ok(Chosen::Sets(then.id, newest.id));
    }
    if args.live {
        return Ok(Chosen::Live(newest.id));
    }
    match sets.as_slice() {
        [newest, before, ..] => Ok(Chosen::Sets(before.id, newest.id)),
        _ => Err(Error::not_found(format!(
            "{} has one backup set only: {}",
            whose(newest),
            newest.id
        ))
        .hint(format!(
            "compare it with the tenant as it is now: tenantpilot backups diff {} --live",
            newest.id
        ))),
    }
}

/// The sets of the schedule that is meant, newest first. Of a tenant it is the schedule of its
/// newest set: another one may select other policy types.
///
/// By time, not by id: a set may be made later than one of a later slot, and imported sets come in
/// any order.
fn sets(ctx: &Context, conn: &Connection, args: &Args) -> Result<Vec<BackupSet>> {
    let newest_first = |filter: Filter| {
        let mut sets = backup_sets::list_sets(conn, &filter)?;
        sets.sort_unstable_by_key(|set| Reverse((set.time, set.id)));
        Ok(sets)
    };
    if let Some(given) = &args.schedule {
        let schedule = cli::schedules::find::find_any(ctx, conn, given, args.tenant.as_deref())?;
        return newest_first(Filter {
            schedule: Some(schedule.id),
            expired: Some(false),
            ..Filter::default()
        });
    }
    let Some(given) = &args.tenant else {
        return Err(Error::usage(
            "--since, --latest and --live without a backup set need to know whose",
        )
        .hint("add --schedule NAME or --tenant NAME"));
    };
    let tenant = cli::tenants::find(ctx, conn, given)?;
    let mut sets = newest_first(Filter {
        tenant: Some(tenant.id),
        expired: Some(false),
        ..Filter::default()
    })?;
    // What was brought in from elsewhere belongs to no schedule, and counts where there is no other.
    let newest = sets.iter().find_map(|set| set.schedule_id);
    sets.retain(|set| set.schedule_id == newest);
    Ok(sets)
}

fn whose(set: &BackupSet) -> String {
    match &set.schedule {
        Some(schedule) => format!("schedule {schedule} of tenant {}", set.tenant),
        None => format!("tenant {}", set.tenant),
    }
}
