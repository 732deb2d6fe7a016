//! `fleet`: tenants and schedules as one file in version control.

mod apply;
mod export;

use std::collections::BTreeSet;

use clap::Subcommand;
use rusqlite::Connection;

use crate::context::Context;
use crate::error::{ExitCode, Result};
use crate::fleet::Fleet;
use crate::fleet::plan::Present;
use crate::role::Action;
use crate::store;
use crate::tenant::TenantId;

/// Keep tenants and schedules as one file, in version control say
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    Apply(apply::Args),
    Export(export::Args),
}

/// Carries it out.
pub fn run(ctx: &Context, command: &Command) -> Result<ExitCode> {
    match command {
        Command::Apply(args) => apply::run(ctx, args),
        Command::Export(args) => export::run(ctx, args).map(|()| ExitCode::Ok),
    }
}

/// The tenants that a fleet names and those that the actor may look at, by name, with their schedules.
///
/// # Errors
/// The actor may not look at one that is named.
fn present(ctx: &Context, conn: &Connection, fleet: &Fleet, prune: bool) -> Result<Vec<Present>> {
    let named: BTreeSet<&str> = fleet
        .tenants
        .iter()
        .map(|entry| entry.tenant.name.as_str())
        .collect();
    let readable = ctx.readable();
    let mut present = Vec::new();
    for tenant in store::tenants::list(conn)? {
        let is_named = named.contains(tenant.name());
        if is_named {
            ctx.names_tenant(tenant.name());
            let object = format_args!("tenant {}", tenant.id.0);
            ctx.permit_to(Action::Read, tenant.id, tenant.name(), object)?;
        } else if !readable.contains(tenant.id) {
            continue;
        }
        let held = if prune && !is_named {
            held(conn, tenant.id)?
        } else {
            None
        };
        present.push(Present {
            schedules: Vec::new(),
            tenant,
            held,
        });
    }
    for listed in store::schedules::list(conn, None, true)? {
        let of = listed.schedule.tenant_id;
        let there = present.iter_mut().find(|there| there.tenant.id == of);
        if let Some(there) = there {
            there.schedules.push(listed.schedule);
        }
    }
    Ok(present)
}

/// What keeps a tenant from being removed, its schedules aside.
fn held(conn: &Connection, tenant: TenantId) -> Result<Option<String>> {
    let in_use = store::tenants::in_use(conn, tenant)?;
    if let Some(run) = in_use.open_run {
        return Ok(Some(format!("run {run} is not finished")));
    }
    Ok(match in_use.backup_sets.as_slice() {
        [] => None,
        [newest, ..] => Some(format!(
            "it has backup sets: {} of them, the newest has id {newest}",
            in_use.backup_sets.len()
        )),
    })
}
