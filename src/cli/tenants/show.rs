//! `tenants list` and `tenants show`, and how a tenant looks as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::find;
use crate::context::Context;
use crate::error::Result;
use crate::labels::Wanted;
use crate::secret::certificate::{Certificate, Facts};
use crate::tenant::{Credential, Settings, Tenant};
use crate::ui::table::Table;

/// List the tenants, by name
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot tenants list
  tenantpilot tenants list --json | jq -r '.items[].name'")]
pub struct ListArgs {
    /// Only those that have this label; given several times, each has to match
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,
}

/// Show one tenant
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot tenants show contoso")]
pub struct ShowArgs {
    /// The tenant: its name or id
    #[arg(value_name = "TENANT")]
    tenant: String,
}

pub(super) fn list(ctx: &Context, args: &ListArgs) -> Result<()> {
    let wanted = Wanted::parse(&args.labels)?;
    let mut tenants = super::readable(ctx, ctx.store()?.read())?;
    tenants.retain(|tenant| wanted.are_in(&[&tenant.settings.labels]));
    let mut table = Table::new(&["ID", "NAME", "DIRECTORY", "CLOUD", "CREDENTIAL", "LABELS"])
        .whole(&["ID", "CLOUD"]);
    for Tenant { id, settings, .. } in &tenants {
        table.row([
            id.0.to_string(),
            settings.name.clone(),
            settings.directory.clone(),
            settings.cloud.name().to_owned(),
            credential_text(settings),
            crate::labels::text(&settings.labels),
        ]);
    }
    ctx.ui.table(&table)?;
    ctx.ui.items(&tenants.iter().map(json).collect::<Vec<_>>())
}

pub(super) fn show(ctx: &Context, args: &ShowArgs) -> Result<()> {
    let tenant = find(ctx, ctx.store()?.read(), &args.tenant)?;
    let settings = &tenant.settings;
    let or_default = |url: &Option<String>, default: &str| {
        url.clone()
            .unwrap_or_else(|| format!("{default} (of the cloud)"))
    };
    let certificate = match &settings.credential {
        Credential::Certificate(path) => Some(Certificate::read(path)),
        _ => None,
    };
    let mut fields = vec![
        ("id", tenant.id.0.to_string()),
        ("name", settings.name.clone()),
        ("directory", settings.directory.clone()),
        ("cloud", settings.cloud.name().to_owned()),
        ("client id", settings.client_id.clone().unwrap_or_default()),
        ("credential", credential_text(settings)),
    ];
    match &certificate {
        Some(Ok(certificate)) => {
            let facts = certificate.facts();
            fields.push(("  subject", facts.subject.clone()));
            fields.push(("  thumbprint", facts.thumbprint.clone()));
            fields.push(("  not after", time(facts.not_after)));
        }
        Some(Err(error)) => fields.push(("  unusable", error.message().to_owned())),
        None => {}
    }
    fields.extend([
        (
            "graph url",
            or_default(&settings.graph_url, settings.cloud.graph_root()),
        ),
        (
            "authority url",
            or_default(&settings.authority_url, settings.cloud.authority()),
        ),
        ("labels", crate::labels::text(&settings.labels)),
        ("created at", time(tenant.created_at)),
    ]);
    ctx.ui.fields(&fields)?;
    let mut object = json(&tenant);
    if let Some(certificate) = &certificate {
        object["credential"]["certificate"] = match certificate {
            Ok(certificate) => certificate_json(certificate.facts()),
            Err(_) => Value::Null,
        };
    }
    ctx.ui.document(&object)
}

fn certificate_json(facts: &Facts) -> Value {
    json!({
        "subject": facts.subject,
        "thumbprint": facts.thumbprint,
        "not_before": time(facts.not_before),
        "not_after": time(facts.not_after),
    })
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A tenant as `--json` gives it.
pub(super) fn json(tenant: &Tenant) -> Value {
    let mut object = settings_json(&tenant.settings);
    object["id"] = json!(tenant.id.0);
    object["created_at"] = json!(time(tenant.created_at));
    object
}

/// What the user decided about a tenant, as `--json` and audit events give it.
pub(super) fn settings_json(settings: &Settings) -> Value {
    json!({
        "name": settings.name,
        "directory": settings.directory,
        "cloud": settings.cloud.name(),
        "client_id": settings.client_id,
        "credential": {
            "kind": settings.credential.kind(),
            "reference": settings.credential.reference(),
        },
        "graph_url": settings.graph_url,
        "authority_url": settings.authority_url,
        "labels": settings.labels,
    })
}

fn credential_text(settings: &Settings) -> String {
    let kind = settings.credential.kind();
    match settings.credential.reference() {
        Some(reference) => format!("{kind} {reference}"),
        None => kind.to_owned(),
    }
}
