//! How a credential is given: the name of a variable, a path, a command or an id, never a secret.

use std::path::{Path, PathBuf};

use crate::config;
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::program::Program;
use crate::secret;
use crate::tenant::{Application, Credential, Settings};

const ALL: &str = "--certificate FILE, --secret-file FILE, --secret-env VAR, --secret-command CMD, --federated-token-file FILE, --github-oidc, --azure-pipelines-oidc ID or --managed-identity";

/// Where the credential is; exactly one.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(id = "credential", multiple = true)]
#[command(next_help_heading = "Credential (one of these)")]
pub(super) struct CredentialArgs {
    /// Take the client secret from this environment variable
    #[arg(long, value_name = "VAR")]
    secret_env: Option<String>,

    /// Take the client secret from this file, which nobody else may be able to read
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Take the client secret from the first line that this command prints, started without a shell
    #[arg(long, value_name = "CMD")]
    secret_command: Option<String>,

    /// Sign with the key in this PEM file, which also holds its certificate and which nobody else
    /// may be able to read
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// Present the token of another issuer in this file, which nobody else may be able to read; it
    /// is read anew at each sign-in
    #[arg(long, value_name = "FILE")]
    federated_token_file: Option<PathBuf>,

    /// Present the token that GitHub Actions gives to the job, for the cloud's audience or this one
    #[arg(long, value_name = "AUDIENCE", num_args = 0..=1)]
    github_oidc: Option<Option<String>>,

    /// Present the token that Azure Pipelines gives to the job, for the service connection of this id
    #[arg(long, value_name = "ID")]
    azure_pipelines_oidc: Option<String>,

    /// Sign in as the Azure machine that this runs on, or as its user-assigned identity of this
    /// client id
    #[arg(long, value_name = "CLIENT_ID", num_args = 0..=1)]
    managed_identity: Option<Option<String>>,
}

impl CredentialArgs {
    /// The credential, checked as far as that is possible without signing in.
    ///
    /// # Errors
    /// None or several, a file that is not there or that others can read, a certificate that does
    /// not fit its key or has expired, a command that cannot be split into words.
    pub(super) fn credential(self, ctx: &Context) -> Result<Credential> {
        let credential = self.only()?;
        check_values(&credential)?;
        look_at(ctx, &credential)?;
        Ok(credential)
    }

    /// The one that is given.
    fn only(self) -> Result<Credential> {
        let path = |path: Option<PathBuf>| path.map(|path| whole_path(&path)).transpose();
        let given = [
            self.secret_env.map(Credential::SecretEnv),
            path(self.secret_file)?.map(Credential::SecretFile),
            self.secret_command.map(Credential::SecretCommand),
            path(self.certificate)?.map(Credential::Certificate),
            path(self.federated_token_file)?.map(Credential::FederatedTokenFile),
            self.github_oidc.map(Credential::GithubOidc),
            self.azure_pipelines_oidc
                .map(Credential::AzurePipelinesOidc),
            self.managed_identity.map(Credential::ManagedIdentity),
        ];
        let mut given: Vec<Credential> = given.into_iter().flatten().collect();
        match (given.pop(), given.is_empty()) {
            (Some(credential), true) => Ok(credential),
            (Some(last), false) => {
                given.push(last);
                let flags = given.iter().map(|one| format!("--{}", one.kind()));
                let flags: Vec<String> = flags.collect();
                let what = format!("several credentials are given: {}", flags.join(", "));
                Err(Error::usage(what).hint("a tenant signs in by exactly one; leave out the rest"))
            }
            (None, _) => {
                Err(Error::usage("no credential is given").hint(format!("add one of {ALL}")))
            }
        }
    }
}

/// Looks whether a credential can be used as far as that can be told here, and warns of what cannot
/// be told or is going to end.
///
/// # Errors
/// A file that is not there or that others can read, a certificate that does not fit its key or has
/// expired, a command that cannot be split into words.
pub(crate) fn look_at(ctx: &Context, credential: &Credential) -> Result<()> {
    secret::check_credential(credential, ctx.now())?;
    if let Credential::SecretEnv(variable) = credential
        && !secret::is_set(variable)
    {
        ctx.ui.warn(format!(
            "environment variable {variable} is not set now; it has to be where runs start, e.g. in the crontab"
        ));
    }
    if let Credential::SecretCommand(command) = credential
        && let Ok(program) = Program::of(command)
        && program.is_missing(&config::search_path())
    {
        ctx.ui.warn(format!(
            "{} is no program that can be started now; it has to be where runs start",
            program.path()
        ));
    }
    if let Some(warning) = secret::certificate::warning(credential, ctx.now()) {
        ctx.ui.warn(warning);
    }
    Ok(())
}

/// Checks that the tenant has a client id, or a managed identity, which needs none.
///
/// # Errors
/// Neither, or both.
pub(super) fn check_client_id(settings: &Settings) -> Result<()> {
    match settings.application() {
        Application::Fits => Ok(()),
        Application::Superfluous => Err(Error::usage(
            "--client-id is the application of the other credentials; a managed identity has its own",
        )
        .hint("leave --client-id out; for a user-assigned identity: --managed-identity CLIENT_ID")),
        Application::Missing => Err(Error::usage(format!(
            "--{} needs the application that signs in",
            settings.credential.kind()
        ))
        .hint("add --client-id GUID: the application (client) id of the app registration")),
    }
}

fn check_values(credential: &Credential) -> Result<()> {
    credential.check().map_err(|error| match credential {
        Credential::ManagedIdentity(_) => error.hint(
            "the name of the tenant comes first: tenantpilot tenants add NAME … --managed-identity [CLIENT_ID]",
        ),
        _ => error,
    })
}

/// The path from the root: cron starts in another folder than this one.
fn whole_path(path: &Path) -> Result<PathBuf> {
    if path.to_str().is_none() {
        return Err(Error::usage(format!(
            "file name {} is not UTF-8",
            path.display()
        )));
    }
    std::path::absolute(path).map_err(|error| {
        Error::new(
            Kind::CredentialUnusable,
            format!("cannot tell where {} is: {error}", path.display()),
        )
    })
}
