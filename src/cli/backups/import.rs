//! `backups import`: files as a backup set of a tenant.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use crate::cli;
use crate::context::Context;
use crate::error::{Error, ExitCode, Kind, Result};
use crate::import::{self, Imported, Purpose, Source};
use crate::plural::{counted, form};
use crate::policy::document::redaction::RedactionKey;
use crate::secret::database_key;

/// Take a folder that tenantpilot, IntuneCD or IntuneManagement exported as a backup set of a tenant
///
/// So history and comparisons begin before the day of the switch. The backup set belongs to no
/// schedule, retention leaves it alone, and it says what it lacks: a policy type without files is
/// unknown, not empty. A folder that was imported before is recognised. What tenantpilot exported has
/// to be of the tenant's directory.
///
/// IntuneCD writes names in the place of ids: they lead back to ids where a backup set of the tenant
/// knows one thing of that name, so run a backup first. Values that it decrypted are kept as digests
/// only. Its YAML is not read.
///
/// Exits with 3 when files were not taken: each is named.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantpilot backups import repo/contoso --tenant contoso
  tenantpilot backups import prod-backup --tenant contoso \\
      --layout intunecd --time 2026-06-30T00:00:00Z")]
pub struct Args {
    /// The folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// The tenant that the policies are of: its name or id
    #[arg(long, value_name = "TENANT")]
    tenant: String,

    /// Who exported it: `tenantpilot`, `intunecd` or `intunemanagement`; otherwise found out
    #[arg(long, value_name = "LAYOUT", value_parser = parse_layout)]
    layout: Option<Source>,

    /// The time of the backup set; otherwise that of the export, or of the newest file
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
}

fn parse_layout(text: &str) -> std::result::Result<Source, String> {
    Source::parse(text).ok_or_else(|| {
        let words: Vec<&str> = Source::ALL.into_iter().map(Source::as_str).collect();
        format!("write one of: {}", words.join(", "))
    })
}

/// Carries it out.
pub fn run(ctx: &Context, args: &Args) -> Result<ExitCode> {
    let store = ctx.store()?;
    ctx.permit_path(&args.dir)?;
    let tenant = cli::tenants::find(ctx, store.read(), &args.tenant)?;
    let time = args.time.as_deref().map(cli::parse_time).transpose()?;
    let key = RedactionKey::new(database_key::of_tenant(&ctx.config.database, tenant.id)?);
    let purpose = Purpose {
        tenant: &tenant,
        source: args.layout,
        time,
        key: &key,
        now: ctx.now(),
    };
    let found = import::gather(&store, &args.dir, &purpose)?;
    let by = (ctx.actor.name(), ctx.now());
    let done = import::store(&store, &tenant, &args.dir, found, &key, by)?;
    ctx.ui.document(&json!({
        "backup_set_id": done.set.0,
        "tenant": tenant.settings.name,
        "layout": done.source.as_str(),
        "already_there": done.known,
        "policies": done.policies,
        "not_taken": done.not_taken,
        "unread": done.unread.iter().map(|(policy_type, policy)| json!({
            "policy_type": policy_type, "policy_id": policy.id, "name": policy.name,
            "reason": policy.reason,
        })).collect::<Vec<_>>(),
        "lacks": done.lacks,
    }))?;
    tell(ctx, &tenant.settings.name, &done)?;
    if done.not_taken == 0 {
        return Ok(ExitCode::Ok);
    }
    let files = counted(done.not_taken, "file was", "files were");
    let error = Error::new(
        Kind::Partial,
        format!("{files} not taken of {}", args.dir.display()),
    );
    let error = error.hint(format!("tenantpilot backups show {}", done.set));
    ctx.ui.problem(&error);
    Ok(ExitCode::Partial)
}

fn tell(ctx: &Context, tenant: &str, done: &Imported) -> Result<()> {
    let set = done.set;
    if done.known {
        ctx.ui.line(format!(
            "backup set {set} of tenant {tenant} holds exactly this already; nothing was imported"
        ))?;
    } else {
        ctx.ui.line(format!(
            "{} of {} {} backup set {set} of tenant {tenant}",
            counted(done.policies, "policy", "policies"),
            done.source.as_str(),
            form(done.policies, "is", "are")
        ))?;
        for what in &done.lacks {
            ctx.ui.line(format!("lacks: {what}"))?;
        }
    }
    for (policy_type, policy) in &done.unread {
        ctx.ui.warn(format!(
            "{policy_type}: {} was not taken: {}",
            policy.name, policy.reason
        ));
    }
    Ok(())
}
