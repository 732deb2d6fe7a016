//! `roles`: who may do what.

use std::collections::BTreeSet;

use clap::{Args as ClapArgs, Subcommand};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::account;
use crate::audit::{Event, Outcome};
use crate::cli::history::time;
use crate::cli::{require_yes, tenants, told};
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::role::{Grant, Role, caution};
use crate::store;
use crate::tenant::TenantId;
use crate::ui::table::Table;

/// Say who may do what: roles of users, for all tenants or in one
///
/// readonly looks at everything. operator also runs, retries, checks tenants and, for all tenants,
/// dispatches. manager also changes schedules and retention and imports. owner does everything:
/// tenants, roles, deleting. In a tenant the higher of a user's two roles counts. Lists show the
/// tenants that the user has a role in.
///
/// What is started, read and asked by the account that runs backups takes an owner for all tenants: how a
/// tenant is signed in to (credential, directory, cloud, --graph-url, --authority-url) and, by sudo, a
/// path that it opens (backups export --to, backups import, fleet apply FILE).
///
/// While no role is given, whoever can open the database is owner. From the first one on, a user
/// without a role may do nothing, with two exceptions that no role takes anything from: root, and
/// the user who owns the database file, such as the account that cron runs dispatch as. Under sudo
/// the user who called it counts. So nobody can lock everybody out: root revokes and grants.
///
/// What a role does not allow is not begun, exits with 20 and leaves an audit event.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    Grant(GrantArgs),
    Revoke(RevokeArgs),
    List(ListArgs),
}

/// Give a user a role, in place of the one before
///
/// Warns where the system knows no such user, as far as getent can tell.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot roles grant anna owner
  tenantpilot roles grant ben operator --tenant contoso")]
pub struct GrantArgs {
    /// The user of the operating system, by name
    #[arg(value_name = "USER")]
    user: String,

    /// The role: readonly, operator, manager or owner
    #[arg(value_name = "ROLE", value_parser = parse_role)]
    role: Role,

    /// In this tenant alone: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Do not ask, whatever it takes from you or others
    #[arg(long)]
    yes: bool,
}

/// Take a role from a user
///
/// Asks where no role would be left, nobody would be owner for all tenants, or you not any more.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot roles revoke ben --tenant contoso")]
pub struct RevokeArgs {
    /// The user of the operating system, by name
    #[arg(value_name = "USER")]
    user: String,

    /// The role in this tenant, instead of the one for all: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,

    /// Do not ask, whatever it takes from you or others
    #[arg(long)]
    yes: bool,
}

/// List the roles that are given, newest first
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot roles list")]
pub struct ListArgs {}

fn parse_role(word: &str) -> std::result::Result<Role, String> {
    Role::parse(word)
        .ok_or_else(|| format!("it is one of {}", Role::ALL.map(Role::as_str).join(", ")))
}

/// Carries it out.
pub fn run(ctx: &Context, command: &Command) -> Result<ExitCode> {
    match command {
        Command::Grant(args) => grant(ctx, args)?,
        Command::Revoke(args) => revoke(ctx, args)?,
        Command::List(_) => list(ctx)?,
    }
    Ok(ExitCode::Ok)
}

fn list(ctx: &Context) -> Result<()> {
    let store = ctx.store()?;
    let mut grants = store::roles::list(store.read())?;
    let readable = ctx.readable();
    grants.retain(|grant| {
        let tenant = grant.tenant.as_ref();
        tenant.is_none_or(|(tenant, _)| readable.contains(*tenant))
    });
    ctx.ui
        .items(&grants.iter().map(grant_json).collect::<Vec<_>>())?;
    let mut table =
        Table::new(&["USER", "ROLE", "TENANT", "GIVEN"]).whole(&["USER", "ROLE", "GIVEN"]);
    for grant in &grants {
        let tenant = grant.tenant.as_ref();
        table.row([
            grant.user.clone(),
            grant.role.as_str().to_owned(),
            tenant.map_or("all".to_owned(), |(_, name)| name.clone()),
            time(grant.granted_at),
        ]);
    }
    ctx.ui.table(&table)?;
    if grants.is_empty() {
        ctx.ui
            .line("no role is given: whoever can open the database is owner")?;
    }
    Ok(())
}

fn grant(ctx: &Context, args: &GrantArgs) -> Result<()> {
    if args.user.trim().is_empty()
        || args.user.chars().any(char::is_control)
        || args.user.len() > 256
    {
        return Err(
            Error::usage(format!("{} is no name of a user", told(&args.user)))
                .hint("name a user of the operating system, as `id -un` prints it"),
        );
    }
    let store = ctx.store()?;
    let tenant = match &args.tenant {
        Some(given) => {
            let tenant = tenants::find(ctx, store.read(), given)?;
            Some((tenant.id, tenant.settings.name))
        }
        None => {
            ctx.permit_everywhere()?;
            None
        }
    };
    let mut given = Grant {
        user: args.user.clone(),
        role: args.role,
        tenant,
        granted_at: ctx.now(),
    };
    let before = store::roles::list(store.read())?;
    let mut after = without(&before, &given);
    after.push(given.clone());
    let is_known = warn_of_nobody(ctx, &given.user);
    let deed = format!("make {} {}", given.user, given.whose());
    ask(ctx, args.yes, &deed, &before, &after)?;
    ctx.write(&store, |tx| {
        require_unchanged(tx, &before)?;
        let tenant = given.tenant.as_ref().map(|(tenant, _)| *tenant);
        store::roles::give(tx, &given.user, given.role, tenant, ctx.now())?;
        store::audit::append(tx, &event(ctx, "role.grant", &given))
    })?;
    given.granted_at = ctx.now();
    if !is_known {
        ctx.ui.hint(format_args!(
            "was it meant otherwise? {}",
            given.revocation()
        ));
    }
    ctx.ui
        .line(format_args!("{} is {}", given.user, given.whose()))?;
    if before.is_empty() {
        ctx.ui.line(
            "from now on a user without a role may do nothing, but root and the user who owns the database file",
        )?;
    }
    ctx.ui.document(&grant_json(&given))
}

/// Whether somebody can have a role of this name, as far as that can be told; warns where nobody can. A
/// directory of users may be out of reach, so this refuses nothing.
fn warn_of_nobody(ctx: &Context, user: &str) -> bool {
    let users = BTreeSet::from([user.to_owned()]);
    let unknown = account::unknown(&users, ctx.clock.as_ref()).unwrap_or_default();
    if unknown.is_empty() {
        return true;
    }
    ctx.ui.warn(format_args!(
        "the system knows no user {user}: as long as it does not, nobody has this role"
    ));
    false
}

fn revoke(ctx: &Context, args: &RevokeArgs) -> Result<()> {
    let store = ctx.store()?;
    let before = store::roles::list(store.read())?;
    let is_meant = |grant: &&Grant| {
        grant.user == args.user
            && match (&args.tenant, &grant.tenant) {
                (None, None) => true,
                // A tenant that was removed is found by the role in it alone.
                (Some(given), Some((id, name))) => given == name || *given == id.0.to_string(),
                _ => false,
            }
    };
    let found = before.iter().find(is_meant);
    let reach = found.and_then(|grant| grant.tenant.as_ref());
    match (reach, &args.tenant) {
        (Some((id, name)), _) => ctx.permit(*id, name, format_args!("tenant {}", id.0))?,
        (None, Some(given)) => drop(tenants::find(ctx, store.read(), given)?),
        (None, None) => ctx.permit_everywhere()?,
    }
    let taken = found.ok_or_else(|| none_to_revoke(args, &before))?;
    let after = without(&before, taken);
    let deed = format!("revoke that {} is {}", taken.user, taken.whose());
    ask(ctx, args.yes, &deed, &before, &after)?;
    ctx.write(&store, |tx| {
        require_unchanged(tx, &before)?;
        let tenant = taken.tenant.as_ref().map(|(tenant, _)| *tenant);
        store::roles::revoke(tx, &taken.user, tenant)?;
        store::audit::append(tx, &event(ctx, "role.revoke", taken))
    })?;
    ctx.ui.line(format_args!(
        "{} is no longer {}",
        taken.user,
        taken.whose()
    ))?;
    ctx.ui.document(&grant_json(taken))
}

fn none_to_revoke(args: &RevokeArgs, grants: &[Grant]) -> Error {
    let user = told(&args.user);
    let others = grants.iter().filter(|grant| grant.user == args.user);
    let others: Vec<String> = others.map(Grant::whose).collect();
    let place = match &args.tenant {
        Some(tenant) => format!("in tenant {tenant}"),
        None => "for all tenants".to_owned(),
    };
    let error = Error::not_found(format!("{user} has no role {place}"));
    match others.as_slice() {
        [] => error.hint("tenantpilot roles list"),
        others => error.hint(format!("{user} is {}", others.join(", "))),
    }
}

/// The roles but that of the same user at the same place.
fn without(grants: &[Grant], of: &Grant) -> Vec<Grant> {
    let place = |grant: &Grant| -> Option<TenantId> { grant.tenant.as_ref().map(|(id, _)| *id) };
    let others = grants
        .iter()
        .filter(|grant| grant.user != of.user || place(grant) != place(of));
    others.cloned().collect()
}

fn ask(ctx: &Context, yes: bool, deed: &str, before: &[Grant], after: &[Grant]) -> Result<()> {
    let sovereign = ctx.actor.is_sovereign();
    match caution(before, after, ctx.actor.name(), sovereign) {
        Some(consequence) => require_yes(ctx, yes, &format!("{deed} ({consequence})")),
        None => Ok(()),
    }
}

/// What was asked about must still be so when it is done.
fn require_unchanged(conn: &Connection, before: &[Grant]) -> Result<()> {
    if store::roles::list(conn)? == before {
        return Ok(());
    }
    Err(Error::new(
        Kind::Busy,
        "the roles have just been changed by somebody else",
    )
    .hint("tenantpilot roles list, then the same again"))
}

fn grant_json(grant: &Grant) -> Value {
    json!({
        "user": grant.user,
        "role": grant.role.as_str(),
        "tenant": grant.tenant.as_ref().map(|(_, name)| name),
        "granted_at": time(grant.granted_at),
    })
}

fn event<'a>(ctx: &'a Context, action: &'a str, grant: &Grant) -> Event<'a> {
    Event {
        at: ctx.now(),
        actor: ctx.actor.name(),
        action,
        tenant: grant.tenant.as_ref().map(|(tenant, _)| *tenant),
        object: format!("user {}", grant.user),
        outcome: Outcome::Ok,
        details: json!({ "role": grant.role.as_str() }),
    }
}
