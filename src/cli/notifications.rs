//! `notifications`: what runs left for the user who asked for them.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::audit::{Event, Outcome};
use crate::cli::history::time;
use crate::context::Context;
use crate::error::{ExitCode, Result};
use crate::notification::Notification;
use crate::run::RunId;
use crate::store::{self, Store};
use crate::ui::table::Table;

/// List how the runs that you asked for ended, newest first, until you mark them as read
///
/// `run` and `retry` leave a notification for whoever typed them, under sudo for the user who called it,
/// also when the terminal was closed meanwhile or the process died. Scheduled runs leave none: see
/// `history`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot notifications
  tenantpilot notifications --mark-read
  tenantpilot notifications --all --json | jq -r '.items[].message'")]
pub struct Args {
    /// Also those that are marked as read
    #[arg(long)]
    all: bool,

    /// Mark those that are listed as read now
    #[arg(long)]
    mark_read: bool,
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    let mut notifications = readable(ctx, &store, args.all)?;
    if args.mark_read {
        mark_read(ctx, &store, &mut notifications)?;
    }
    ctx.ui.items(
        &notifications
            .iter()
            .map(notification_json)
            .collect::<Vec<_>>(),
    )?;
    // How it ended stands at the end of a message.
    let mut table =
        Table::new(&["ID", "AT", "RUN", "MESSAGE", "READ"]).whole(&["ID", "AT", "RUN", "MESSAGE"]);
    for one in &notifications {
        table.row([
            one.id.to_string(),
            time(one.at),
            one.run_id.0.to_string(),
            one.message.clone(),
            one.read_at.map(time).unwrap_or_default(),
        ]);
    }
    ctx.ui.table(&table)?;
    Ok(ExitCode::Ok)
}

/// The actor's, of the tenants that they may still look at.
fn readable(ctx: &Context, store: &Store, all: bool) -> Result<Vec<Notification>> {
    let mut found = store::notifications::list(store.read(), ctx.actor.name(), all)?;
    let readable = ctx.readable();
    found.retain(|one| readable.contains(one.tenant_id));
    Ok(found)
}

fn mark_read(ctx: &Context, store: &Store, notifications: &mut [Notification]) -> Result<()> {
    let unread = notifications.iter_mut().filter(|one| one.read_at.is_none());
    let mut unread: Vec<&mut Notification> = unread.collect();
    if unread.is_empty() {
        return Ok(());
    }
    ctx.write(store, |tx| {
        for one in &unread {
            store::notifications::mark_read(tx, one.id, ctx.now())?;
        }
        let ids: Vec<i64> = unread.iter().map(|one| one.id).collect();
        let event = Event {
            at: ctx.now(),
            actor: ctx.actor.name(),
            action: "notifications.read",
            tenant: None,
            object: format!("user {}", ctx.actor.name()),
            outcome: Outcome::Ok,
            details: json!({ "notifications": ids }),
        };
        store::audit::append(tx, &event)
    })?;
    for one in &mut unread {
        one.read_at = Some(ctx.now());
    }
    Ok(())
}

/// Says on a terminal that there are others than those of these runs, which were just told.
pub(crate) fn remind(ctx: &Context, store: &Store, told: &[RunId]) -> Result<()> {
    if !ctx.config.progress {
        return Ok(());
    }
    let mut others = readable(ctx, store, false)?;
    others.retain(|one| !told.contains(&one.run_id));
    match others.len() {
        0 => {}
        1 => ctx
            .ui
            .note("1 unread notification: tenantpilot notifications"),
        n => ctx.ui.note(format_args!(
            "{n} unread notifications: tenantpilot notifications"
        )),
    }
    Ok(())
}

fn notification_json(one: &Notification) -> Value {
    json!({
        "id": one.id,
        "at": time(one.at),
        "user": one.user,
        "run_id": one.run_id.0,
        "message": one.message,
        "read_at": one.read_at.map(time),
    })
}
