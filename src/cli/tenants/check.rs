//! `tenants check`: sign in, and try whether everything that is selected can be read.

use serde_json::{Value, json};

use super::{described, find};
use crate::check::{self, Checked, Optional, Tried, Verdict};
use crate::context::Context;
use crate::error::Result;
use crate::plural::counted;
use crate::store;
use crate::tenant::Tenant;
use crate::ui::table::Table;

/// Sign in to a tenant and try whether what its schedules select can be read
///
/// Reads one object of each list and changes nothing. Without a schedule it tries the default
/// policy types. Names the permissions to grant, and those that are optional: nothing fails without
/// them. Exits with 12 when the sign-in is refused or a permission is missing, with 13 when
/// something else failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot tenants check contoso
  tenantpilot tenants check contoso --json | jq -r '.permissions_to_grant[]'")]
pub struct Args {
    /// The tenant: its name or id
    #[arg(value_name = "TENANT")]
    tenant: String,

    #[command(flatten)]
    pace: crate::cli::Pace,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<()> {
    let (tenant, selection) = {
        let store = ctx.store()?;
        let tenant = find(ctx, store.read(), &args.tenant)?;
        let listed = store::schedules::list(store.read(), Some(tenant.id), false)?;
        let selection = check::selected(listed.iter().map(|listed| &listed.schedule));
        (tenant, selection)
    };
    let means = ctx.means_within(args.pace.max_requests);
    let shown = ctx.ui.follow(&means.progress);
    let checked = check::check(&means, &tenant, &selection);
    drop(shown);
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => {
            ctx.ui.document(&json(&tenant, false, None))?;
            return Err(error.into());
        }
    };
    let problem = check::problem(&tenant, &checked.tried);
    ctx.ui
        .document(&json(&tenant, problem.is_none(), Some(&checked)))?;
    show(ctx, &tenant, &checked)?;
    for warning in &checked.warnings {
        ctx.ui.warn(warning);
    }
    problem.map_or(Ok(()), Err)
}

fn show(ctx: &Context, tenant: &Tenant, checked: &Checked) -> Result<()> {
    let tried = &checked.tried;
    let mut table = Table::new(&["POLICY TYPE", "RESULT", "NOTE"])
        .whole(&["POLICY TYPE", "RESULT"])
        .flowing();
    for one in tried {
        table.row([
            one.policy_type.clone(),
            one.verdict.as_str().to_owned(),
            note(one),
        ]);
    }
    ctx.ui.table(&table)?;
    ctx.ui.comment("")?;
    let ok = tried.iter().filter(|one| one.verdict == Verdict::Ok);
    ctx.ui.comment(format_args!(
        "{}: signed in, {} of {} can be read",
        described(tenant),
        ok.count(),
        counted(tried.len(), "policy type", "policy types")
    ))?;
    let missing = check::permissions_to_grant(tried);
    if !missing.is_empty() {
        ctx.ui
            .comment("application permissions of Microsoft Graph to grant:")?;
    }
    for name in &missing {
        ctx.ui.comment(format_args!("  {name}"))?;
    }
    match &checked.granted {
        Some(granted) if !missing.is_empty() && granted.is_empty() => ctx.ui.comment(
            "the token holds no application permission at all: were delegated ones added, or is admin consent missing?",
        )?,
        Some(granted) if !missing.is_empty() => {
            ctx.ui.comment("application permissions that the token holds:")?;
            let mut names = granted.iter();
            names.try_for_each(|name| ctx.ui.comment(format_args!("  {name}")))?;
        }
        _ => {}
    }
    show_optional(ctx, checked)
}

/// What could be granted beside. What is known to be held needs no word.
fn show_optional(ctx: &Context, checked: &Checked) -> Result<()> {
    let open = |one: &&Optional| one.held != Some(true);
    let mut optional = checked.optional.iter().filter(open).peekable();
    if optional.peek().is_some() {
        ctx.ui
            .comment("optional application permissions, which no policy needs:")?;
    }
    optional.try_for_each(|one| {
        ctx.ui
            .comment(format_args!("  {}: {}", one.permission, one.adds))
    })
}

/// What to do about it, else why it is so. What Graph says about a missing permission is long and
/// names no more than that permission; `--json` has it.
fn note(one: &Tried) -> String {
    match permission(one) {
        Some(permission) => format!("grant {permission}"),
        None => one.message.clone().unwrap_or_default(),
    }
}

/// The least permission that would do.
fn permission(one: &Tried) -> Option<&str> {
    one.permissions.first().map(String::as_str)
}

/// The document; nothing is checked where the sign-in failed.
fn json(tenant: &Tenant, ok: bool, checked: Option<&Checked>) -> Value {
    let tried = checked.map_or(&[][..], |checked| &checked.tried);
    let types: Vec<Value> = tried
        .iter()
        .map(|one| {
            json!({
                "policy_type": one.policy_type,
                "result": one.verdict.as_str(),
                "permission": permission(one),
                "message": one.message,
            })
        })
        .collect();
    let optional = checked.map_or(&[][..], |checked| &checked.optional);
    let optional: Vec<Value> = optional
        .iter()
        .map(|one| json!({ "permission": one.permission, "adds": one.adds, "held": one.held }))
        .collect();
    json!({
        "ok": ok,
        "tenant": tenant.name(),
        "signed_in": checked.is_some(),
        "permissions_granted": checked.and_then(|checked| checked.granted.as_ref()),
        "permissions_to_grant": check::permissions_to_grant(tried),
        "permissions_optional": optional,
        "warnings": checked.map_or(&[][..], |checked| &checked.warnings),
        "types": types,
    })
}
