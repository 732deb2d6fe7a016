//! `tenants list` and `tenants show`, and how a tenant looks as JSON.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::find;
use crate::context::Context;
use crate::error::Result;
use crate::store;
use crate::tenant::{Settings, Tenant};
use crate::ui::table::Table;

/// List the tenants, by name
#[derive(Debug, clap::Args)]
pub struct ListArgs {}

/// Show one tenant
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The tenant: its name or id
    #[arg(value_name = "NAME")]
    tenant: String,
}

pub(super) fn list(ctx: &Context) -> Result<()> {
    let tenants = store::tenants::list(ctx.store()?.read())?;
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
    let tenant = find(ctx.store()?.read(), &args.tenant)?;
    let settings = &tenant.settings;
    let or_default = |url: &Option<String>, default: &str| {
        url.clone()
            .unwrap_or_else(|| format!("{default} (of the cloud)"))
    };
    ctx.ui.fields(&[
        ("id", tenant.id.0.to_string()),
        ("name", settings.name.clone()),
        ("directory", settings.directory.clone()),
        ("cloud", settings.cloud.name().to_owned()),
        ("client id", settings.client_id.clone().unwrap_or_default()),
        ("credential", credential_text(settings)),
        (
            "graph url",
            or_default(&settings.graph_url, settings.cloud.graph_root()),
        ),
        (
            "authority url",
            or_default(&settings.authority_url, settings.cloud.authority()),
        ),
        ("labels", crate::labels::text(&settings.labels)),
        (
            "created at",
            tenant.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        ),
    ])?;
    ctx.ui.document(&json(&tenant))
}

/// A tenant as `--json` gives it.
pub(super) fn json(tenant: &Tenant) -> Value {
    let mut object = settings_json(&tenant.settings);
    object["id"] = json!(tenant.id.0);
    object["created_at"] = json!(tenant.created_at.to_rfc3339_opts(SecondsFormat::Secs, true));
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
    format!(
        "{} {}",
        settings.credential.kind(),
        settings.credential.reference()
    )
}
