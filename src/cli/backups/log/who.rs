//! `--who`: who made the changes that are shown.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Change, Found};
use crate::authors::{self, Author, Span};
use crate::backup_set::BackupSet;
use crate::cli::history::time;
use crate::cli::told;
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::graph::{self, Fault};
use crate::policy::catalogue::{self, authors as events};
use crate::run::RunId;
use crate::store::{runs, tenants};

/// Asks the tenant's Graph who made these changes. What it does not tell is a warning and no error.
pub(super) fn ask(
    ctx: &Context,
    conn: &Connection,
    found: &Found<'_>,
    changes: &mut [Change<'_>],
) -> Result<()> {
    let Some(first) = changes.first() else {
        return Ok(());
    };
    if !catalogue::find(&found.policy_type).is_some_and(events::are_told) {
        ctx.ui.warn(format_args!(
            "who changed it is not known: Intune's audit events do not tell of {}",
            found.policy_type
        ));
        return Ok(());
    }
    let tenant = tenants::get(conn, first.set.tenant_id)?;
    let mut spans = Vec::new();
    for change in changes.iter() {
        spans.push(match change.since {
            Some(since) => Some(Span {
                from: begun(conn, since)?,
                to: over(change.set),
            }),
            None => None,
        });
    }
    let answer = authors::read(&ctx.means(), &tenant, &found.id, &spans)?;
    if let Some(error) = answer.trouble {
        warn(ctx, error);
    }
    for (change, by) in changes.iter_mut().zip(answer.by) {
        change.by = by;
    }
    Ok(())
}

/// One line where a permission is missing: it says what to grant.
fn warn(ctx: &Context, error: graph::Error) {
    let (why, hint) = match error.fault {
        Fault::Forbidden => {
            let permission = events::PERMISSION;
            let why = format!("the application lacks the permission {permission}");
            (why, None)
        }
        _ => (error.message, error.hint),
    };
    ctx.ui
        .warn(format_args!("who changed it is not known: {why}"));
    if let Some(hint) = hint {
        ctx.ui.hint(hint);
    }
}

/// Not before this the set was read.
fn begun(conn: &Connection, set: &BackupSet) -> Result<DateTime<Utc>> {
    let Some(run) = set.run_id else {
        return Ok(set.time);
    };
    match runs::get(conn, RunId(run)) {
        Ok(run) => Ok(run.started_at.unwrap_or(set.time)),
        Err(error) if error.kind() == Kind::NotFound => Ok(set.time),
        Err(error) => Err(error),
    }
}

/// Not after this it was read. The store keeps whole seconds, so the one that began is counted in.
fn over(set: &BackupSet) -> DateTime<Utc> {
    let end = set.run_id.map_or(set.time, |_| set.created_at);
    end.checked_add_signed(TimeDelta::try_seconds(1).unwrap_or_default())
        .unwrap_or(end)
}

/// A line for each event.
pub(super) fn lines(by: Option<&[Author]>) -> Vec<String> {
    let line = |author: &Author| {
        let actor = author.actor.as_deref().map_or("(unknown)".to_owned(), told);
        let activity = author.activity.as_deref().unwrap_or("(unknown)");
        format!("  by {actor} at {}: {activity}", time(author.at))
    };
    match by {
        None => Vec::new(),
        Some([]) => vec!["  by (unknown): no audit event tells of it".to_owned()],
        Some(authors) => authors.iter().map(line).collect(),
    }
}

/// The events as `--json` gives them; null where it is not known.
pub(super) fn json(by: Option<&[Author]>) -> Value {
    let event = |author: &Author| {
        json!({
            "at": time(author.at),
            "actor": author.actor,
            "activity": author.activity,
        })
    };
    by.map_or(Value::Null, |by| by.iter().map(event).collect())
}
