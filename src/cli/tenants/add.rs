//! `tenants add`: flags to a tenant. The only command that makes a database.

use std::collections::BTreeMap;

use rusqlite::Transaction;

use super::credential::{CredentialArgs, check_client_id};
use super::{event, require_free_name, show};
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::graph::cloud::Cloud;
use crate::labels;
use crate::store;
use crate::tenant::{self, Settings, Tenant, TenantId, address};

/// Add a tenant, and make the database if there is none
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot tenants add contoso --directory contoso.onmicrosoft.com \\
      --client-id 11111111-2222-3333-4444-555555555555 \\
      --certificate /etc/tenantpilot/contoso.pem
  tenantpilot tenants add fabrikam --secret-env FABRIKAM_SECRET --cloud usgov \\
      --directory 66666666-7777-8888-9999-000000000000 \\
      --client-id 11111111-2222-3333-4444-555555555555
  tenantpilot tenants add adatum --managed-identity \\
      --directory adatum.onmicrosoft.com

A new key and certificate, of which tenantpilot.crt is uploaded to the app registration:
  umask 077
  openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=tenantpilot \\
      -keyout tenantpilot.pem -out tenantpilot.crt
  cat tenantpilot.crt >> tenantpilot.pem")]
pub struct Args {
    /// A name of 1 to 100 characters that no other tenant has, not only digits
    name: String,

    /// The directory: its tenant id (a GUID) or one of its verified domains
    #[arg(long, value_name = "GUID|DOMAIN")]
    directory: String,

    /// The application (client) id of the app registration; needed except with --managed-identity
    #[arg(long, value_name = "GUID")]
    client_id: Option<String>,

    /// The national cloud that the directory is in
    #[arg(long, default_value = "global", value_parser = ["global", "usgov", "usgov-dod", "china"])]
    cloud: String,

    /// Use this root of Microsoft Graph instead of the cloud's, without /v1.0 (plain http only for loopback)
    #[arg(long, value_name = "URL")]
    graph_url: Option<String>,

    /// Sign in at this authority instead of the cloud's (plain http only for loopback)
    #[arg(long, value_name = "URL")]
    authority_url: Option<String>,

    /// Give it this label, e.g. env=prod; can be given several times
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,

    #[command(flatten)]
    credential: CredentialArgs,
}

pub(super) fn run(ctx: &Context, args: Args) -> Result<()> {
    // Who may add none does not have a file looked at either. Where there is no database, everything
    // that can be refused is refused before one is made.
    let there = match ctx.store() {
        Ok(store) => Some(store),
        Err(error) if error.kind() == Kind::NoStore => None,
        Err(error) => return Err(error),
    };
    let settings = settings(ctx, args)?;
    let store = match there {
        Some(store) => store,
        None => ctx.store_or_new()?,
    };
    let id = ctx.write(&store, |tx| insert(ctx, tx, &settings))?;
    let tenant = Tenant {
        id,
        settings,
        created_at: ctx.now(),
    };
    ctx.ui
        .line(format_args!("added {}", super::described(&tenant)))?;
    ctx.ui.document(&show::json(&tenant))
}

/// Adds a tenant whose settings were checked, with its audit event.
///
/// # Errors
/// The name is taken.
pub(crate) fn insert(ctx: &Context, tx: &Transaction<'_>, settings: &Settings) -> Result<TenantId> {
    require_free_name(tx, &settings.name, None)?;
    let id = store::tenants::insert(tx, settings, ctx.now())?;
    let details = show::settings_json(settings);
    store::audit::append(tx, &event(ctx, "tenant.add", id, details))?;
    Ok(id)
}

fn settings(ctx: &Context, args: Args) -> Result<Settings> {
    tenant::check_name("tenant", &args.name)?;
    address::check_directory(&args.directory)?;
    if let Some(client_id) = &args.client_id {
        address::check_client_id(client_id)?;
    }
    let given: Vec<_> = args
        .labels
        .iter()
        .map(|label| labels::parse(label))
        .collect::<Result<_>>()?;
    let mut labels = BTreeMap::new();
    labels::change(&mut labels, &given);
    let settings = Settings {
        name: args.name,
        directory: args.directory,
        cloud: cloud(&args.cloud)?,
        client_id: args.client_id,
        graph_url: args
            .graph_url
            .as_deref()
            .map(address::check_graph_url)
            .transpose()?,
        authority_url: args
            .authority_url
            .as_deref()
            .map(address::check_root)
            .transpose()?,
        labels,
        credential: args.credential.credential(ctx)?,
    };
    check_client_id(&settings)?;
    Ok(settings)
}

/// The cloud of that name.
pub(super) fn cloud(name: &str) -> Result<Cloud> {
    Cloud::parse(name).ok_or_else(|| Error::usage(format!("no cloud is called {name:?}")))
}
