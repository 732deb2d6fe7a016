//! `tenants`: the directories that are backed up, and how we sign in to them.

pub(crate) mod add;
mod check;
pub(crate) mod credential;
pub(crate) mod edit;
pub(crate) mod remove;
mod show;

use clap::Subcommand;
use rusqlite::Connection;
use serde_json::Value;

use crate::audit::{Event, Outcome};
use crate::cli::told;
use crate::context::Context;
use crate::error::{Error, ExitCode, Result, closest};
use crate::store;
use crate::tenant::{Tenant, TenantId};

/// Manage tenants: one Microsoft Entra directory each, plus how to sign in to it
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    Add(add::Args),
    List(show::ListArgs),
    Show(show::ShowArgs),
    Edit(edit::Args),
    Remove(remove::Args),
    Check(check::Args),
}

/// Carries it out.
pub fn run(ctx: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Add(args) => add::run(ctx, args)?,
        Command::List(args) => show::list(ctx, &args)?,
        Command::Show(args) => show::show(ctx, &args)?,
        Command::Edit(args) => edit::run(ctx, args)?,
        Command::Remove(args) => remove::run(ctx, &args)?,
        Command::Check(args) => check::run(ctx, &args)?,
    }
    Ok(ExitCode::Ok)
}

/// The tenant that a command line names: an id, or a name.
///
/// # Errors
/// There is none; the hint is the closest name. The actor's role there does not allow the command.
pub(crate) fn find(ctx: &Context, conn: &Connection, given: &str) -> Result<Tenant> {
    let tenant = named(ctx, conn, given)?;
    permit(ctx, &tenant)?;
    Ok(tenant)
}

/// That the actor may do to this tenant what the command does.
pub(crate) fn permit(ctx: &Context, tenant: &Tenant) -> Result<()> {
    let object = format_args!("tenant {}", tenant.id.0);
    ctx.permit(tenant.id, tenant.name(), object)
}

fn named(ctx: &Context, conn: &Connection, given: &str) -> Result<Tenant> {
    if !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit()) {
        let found = match given.parse() {
            Ok(id) => store::tenants::by_id(conn, TenantId(id))?,
            Err(_) => None,
        };
        return found.ok_or_else(|| {
            Error::not_found(format!("no tenant with id {given}")).hint("tenantpilot tenants list")
        });
    }
    if let Some(tenant) = store::tenants::by_name(conn, given)? {
        return Ok(tenant);
    }
    let tenants = readable(ctx, conn)?;
    let hint = match closest(given, tenants.iter().map(Tenant::name)) {
        Some(name) => format!("the closest name is {name}; see tenantpilot tenants list"),
        None => "tenantpilot tenants list".to_owned(),
    };
    Err(Error::not_found(format!("no tenant named {}", told(given))).hint(hint))
}

/// The tenants that the actor may look at, by name.
pub(crate) fn readable(ctx: &Context, conn: &Connection) -> Result<Vec<Tenant>> {
    let mut tenants = store::tenants::list(conn)?;
    let readable = ctx.readable();
    tenants.retain(|tenant| readable.contains(tenant.id));
    Ok(tenants)
}

/// How messages name a tenant: `tenant contoso (id 1)`.
pub(crate) fn described(tenant: &Tenant) -> String {
    format!("tenant {} (id {})", tenant.name(), tenant.id.0)
}

/// Refuses a name that another tenant than `own` has.
fn require_free_name(conn: &Connection, name: &str, own: Option<TenantId>) -> Result<()> {
    match store::tenants::by_name(conn, name)? {
        Some(other) if Some(other.id) != own => Err(Error::usage(format!(
            "tenant name {name} is taken by the tenant with id {}",
            other.id.0
        ))
        .hint(format!(
            "choose another name, or change that tenant: tenantpilot tenants edit {}",
            other.id.0
        ))),
        _ => Ok(()),
    }
}

/// The audit event of a change to a tenant.
fn event<'a>(ctx: &'a Context, action: &'a str, id: TenantId, details: Value) -> Event<'a> {
    Event {
        at: ctx.now(),
        actor: ctx.actor.name(),
        action,
        tenant: Some(id),
        object: format!("tenant {}", id.0),
        outcome: Outcome::Ok,
        details,
    }
}
