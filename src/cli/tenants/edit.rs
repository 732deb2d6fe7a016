//! `tenants edit`: changes what is given and nothing else.

use rusqlite::Transaction;

use super::add::cloud;
use super::credential::{CredentialArgs, check_client_id};
use super::{described, event, find, require_free_name, show};
use crate::audit;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::labels;
use crate::role::Action;
use crate::store;
use crate::tenant::{self, Settings, Tenant, address};

/// Change a tenant; what is not given stays
///
/// Where roles are given, an owner of the tenant may change its name, labels and client id. Everything
/// else decides what the account that runs backups starts, reads and connects to, and takes an owner for
/// all tenants.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tenantpilot tenants edit contoso --certificate /etc/tenantpilot/2027.pem
  tenantpilot tenants edit contoso --name contoso-emea --label region=emea")]
pub struct Args {
    /// The tenant: its name or id
    #[arg(value_name = "TENANT")]
    tenant: String,

    /// Give it this name, of 1 to 100 characters, not only digits
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The directory: its tenant id (a GUID) or one of its verified domains
    #[arg(long, value_name = "GUID|DOMAIN")]
    directory: Option<String>,

    /// The application (client) id of the app registration
    #[arg(long, value_name = "GUID")]
    client_id: Option<String>,

    /// The national cloud that the directory is in
    #[arg(long, value_parser = ["global", "usgov", "usgov-dod", "china"])]
    cloud: Option<String>,

    /// Use this root of Microsoft Graph; `default` for the cloud's
    #[arg(long, value_name = "URL")]
    graph_url: Option<String>,

    /// Sign in at this authority; `default` for the cloud's
    #[arg(long, value_name = "URL")]
    authority_url: Option<String>,

    /// Give it this label, `K=` takes it away; can be given several times
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,

    #[command(flatten)]
    credential: Option<CredentialArgs>,
}

impl Args {
    /// Whether no flag says what should be otherwise.
    fn is_empty(&self) -> bool {
        let plain = self.name.is_none() && self.client_id.is_none() && self.labels.is_empty();
        plain && !self.says_access()
    }

    /// Whether it says how the tenant is reached and signed in to.
    fn says_access(&self) -> bool {
        self.directory.is_some()
            || self.cloud.is_some()
            || self.credential.is_some()
            || self.graph_url.is_some()
            || self.authority_url.is_some()
    }
}

pub(super) fn run(ctx: &Context, args: Args) -> Result<()> {
    if args.is_empty() {
        let what = format!(
            "nothing to change in tenant {}: no flag is given",
            args.tenant
        );
        return Err(Error::usage(what).hint("tenantpilot tenants edit --help"));
    }
    let store = ctx.store()?;
    let given = args.tenant.clone();
    if args.says_access() {
        // Before a file or a command that they name is as much as looked at.
        let tenant = find(ctx, store.read(), &given)?;
        ctx.permit_everywhere_to(Action::Access, format_args!("tenant {}", tenant.id.0))?;
    }
    let change = Change::new(ctx, args)?;
    let (before, after) = ctx.write(&store, |tx| {
        let before = find(ctx, tx, &given)?;
        let after = Tenant {
            settings: change.apply(before.settings.clone()),
            ..before.clone()
        };
        if after != before {
            check_client_id(&after.settings)?;
            self::change(ctx, tx, &before, &after.settings)?;
        }
        Ok((before, after))
    })?;
    if after == before {
        ctx.ui
            .line(format_args!("{} is like that already", described(&after)))?;
    } else {
        ctx.ui.line(format_args!("changed {}", described(&after)))?;
    }
    ctx.ui.document(&show::json(&after))
}

/// Gives a tenant other settings, which were checked, with its audit event.
///
/// # Errors
/// The name is taken.
pub(crate) fn change(
    ctx: &Context,
    tx: &Transaction<'_>,
    before: &Tenant,
    settings: &Settings,
) -> Result<()> {
    require_free_name(tx, &settings.name, Some(before.id))?;
    store::tenants::update(tx, before.id, settings)?;
    let (old, new) = (&before.settings, settings);
    let details = audit::changes(&show::settings_json(old), &show::settings_json(new));
    store::audit::append(tx, &event(ctx, "tenant.edit", before.id, details)).map(drop)
}

/// What is to change, checked.
struct Change {
    args: Args,
    credential: Option<tenant::Credential>,
    graph_url: Option<Option<String>>,
    authority_url: Option<Option<String>>,
    labels: Vec<(String, String)>,
    cloud: Option<crate::graph::cloud::Cloud>,
}

impl Change {
    fn new(ctx: &Context, mut args: Args) -> Result<Self> {
        if let Some(name) = &args.name {
            tenant::check_name("tenant", name)?;
        }
        if let Some(directory) = &args.directory {
            address::check_directory(directory)?;
        }
        if let Some(client_id) = &args.client_id {
            address::check_client_id(client_id)?;
        }
        let credential = args.credential.take();
        Ok(Self {
            credential: credential.map(|given| given.credential(ctx)).transpose()?,
            graph_url: root(args.graph_url.as_deref(), address::check_graph_url)?,
            authority_url: root(args.authority_url.as_deref(), address::check_root)?,
            labels: args
                .labels
                .iter()
                .map(|label| labels::parse(label))
                .collect::<Result<_>>()?,
            cloud: args.cloud.as_deref().map(cloud).transpose()?,
            args,
        })
    }

    fn apply(&self, mut settings: Settings) -> Settings {
        set(&mut settings.name, self.args.name.as_ref());
        set(&mut settings.directory, self.args.directory.as_ref());
        set(&mut settings.credential, self.credential.as_ref());
        set(&mut settings.cloud, self.cloud.as_ref());
        set(&mut settings.graph_url, self.graph_url.as_ref());
        set(&mut settings.authority_url, self.authority_url.as_ref());
        if self.args.client_id.is_some() {
            settings.client_id.clone_from(&self.args.client_id);
        } else if matches!(settings.credential, tenant::Credential::ManagedIdentity(_)) {
            settings.client_id = None;
        }
        labels::change(&mut settings.labels, &self.labels);
        settings
    }
}

fn set<T: Clone>(field: &mut T, given: Option<&T>) {
    if let Some(value) = given {
        *field = value.clone();
    }
}

/// What is given to stand in for a root of the cloud: another one, or none.
fn root(
    given: Option<&str>,
    check: impl Fn(&str) -> Result<String>,
) -> Result<Option<Option<String>>> {
    match given {
        Some("default") => Ok(Some(None)),
        given => Ok(given.map(check).transpose()?.map(Some)),
    }
}
