//! A tenant: one Microsoft Entra directory plus how we sign in to it.

pub mod address;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::graph::cloud::Cloud;

/// The id of a tenant in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub i64);

/// How we sign in: one kind of credential and where it is, never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A client secret in an environment variable of this name.
    SecretEnv(String),
    /// A client secret in a file that nobody else can read.
    SecretFile(PathBuf),
    /// A client secret printed by a command, split into words as a shell would, run without one.
    SecretCommand(String),
    /// A private key and its certificate in a PEM file that nobody else can read.
    Certificate(PathBuf),
    /// A token of another issuer in a file that nobody else can read.
    FederatedTokenFile(PathBuf),
    /// A token that GitHub Actions gives to its jobs, for this audience or the cloud's.
    GithubOidc(Option<String>),
    /// A token that Azure Pipelines gives to its jobs, for the service connection of this id.
    AzurePipelinesOidc(String),
    /// The identity of the Azure machine that we run on; the user-assigned one of this client id,
    /// or the machine's own.
    ManagedIdentity(Option<String>),
}

impl Credential {
    /// What the kinds are called.
    pub const KINDS: [&'static str; 8] = [
        "secret-env",
        "secret-file",
        "secret-command",
        "certificate",
        "federated-token-file",
        "github-oidc",
        "azure-pipelines-oidc",
        "managed-identity",
    ];

    /// The flag's name without dashes; also what the store and `--json` call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SecretEnv(_) => "secret-env",
            Self::SecretFile(_) => "secret-file",
            Self::SecretCommand(_) => "secret-command",
            Self::Certificate(_) => "certificate",
            Self::FederatedTokenFile(_) => "federated-token-file",
            Self::GithubOidc(_) => "github-oidc",
            Self::AzurePipelinesOidc(_) => "azure-pipelines-oidc",
            Self::ManagedIdentity(_) => "managed-identity",
        }
    }

    /// The variable, path, command or id, where the kind has one.
    pub fn reference(&self) -> Option<String> {
        match self {
            Self::SecretFile(path) | Self::Certificate(path) | Self::FederatedTokenFile(path) => {
                Some(path.display().to_string())
            }
            Self::SecretEnv(text) | Self::SecretCommand(text) | Self::AzurePipelinesOidc(text) => {
                Some(text.clone())
            }
            Self::GithubOidc(text) | Self::ManagedIdentity(text) => text.clone(),
        }
    }

    /// Checks what ends up in a request: an identity's client id, an audience, the id of a service
    /// connection.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn check(&self) -> Result<()> {
        let word = |what: &str, text: &str| {
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Ok(());
            }
            Err(Error::usage(format!("{what} {text:?} cannot be one")))
        };
        match self {
            Self::ManagedIdentity(Some(id)) => address::check_client_id(id).map_err(|_| {
                Error::usage(format!(
                    "client id {id:?} of the managed identity is not a GUID"
                ))
            }),
            Self::GithubOidc(Some(audience)) => word("audience", audience),
            Self::AzurePipelinesOidc(id) => word("service connection id", id),
            _ => Ok(()),
        }
    }

    /// Reads back what [`kind`](Self::kind) and [`reference`](Self::reference) gave.
    pub fn from_parts(kind: &str, reference: Option<String>) -> Option<Self> {
        Some(match (kind, reference) {
            ("secret-env", Some(variable)) => Self::SecretEnv(variable),
            ("secret-file", Some(path)) => Self::SecretFile(path.into()),
            ("secret-command", Some(command)) => Self::SecretCommand(command),
            ("certificate", Some(path)) => Self::Certificate(path.into()),
            ("federated-token-file", Some(path)) => Self::FederatedTokenFile(path.into()),
            ("github-oidc", audience) => Self::GithubOidc(audience),
            ("azure-pipelines-oidc", Some(id)) => Self::AzurePipelinesOidc(id),
            ("managed-identity", client_id) => Self::ManagedIdentity(client_id),
            _ => return None,
        })
    }
}

/// What the user decides about a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The label a person uses; unique among tenants.
    pub name: String,
    /// Directory GUID or verified domain.
    pub directory: String,
    /// The national cloud it lives in.
    pub cloud: Cloud,
    /// The application (client) id of the app registration; none with a managed identity.
    pub client_id: Option<String>,
    /// How we sign in.
    pub credential: Credential,
    /// Replaces the cloud's Graph root.
    pub graph_url: Option<String>,
    /// Replaces the cloud's sign-in authority.
    pub authority_url: Option<String>,
    /// Free key-value labels.
    pub labels: BTreeMap<String, String>,
}

impl Settings {
    /// Whether the tenant has the application that its credential signs in with.
    pub fn application(&self) -> Application {
        match (&self.credential, &self.client_id) {
            (Credential::ManagedIdentity(_), Some(_)) => Application::Superfluous,
            (Credential::ManagedIdentity(_), None) | (_, Some(_)) => Application::Fits,
            (_, None) => Application::Missing,
        }
    }
}

/// What there is to say of a tenant's application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// It is named where one is needed.
    Fits,
    /// One is needed and not named.
    Missing,
    /// One is named beside a managed identity, which has its own.
    Superfluous,
}

/// A tenant as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What the user decided.
    pub settings: Settings,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl Tenant {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }
}

/// Checks a tenant or schedule name: 1 to 100 characters, none of them a control character, no
/// blank at either end, and not a bare number (that is an id).
pub fn check_name(what: &str, name: &str) -> Result<()> {
    let length = name.chars().count();
    if length == 0 || length > 100 {
        return Err(Error::usage(format!(
            "{what} name has {length} characters; it takes 1 to 100"
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::usage(format!(
            "{what} name {name:?} has a control character"
        )));
    }
    if name.trim() != name {
        return Err(
            Error::usage(format!("{what} name {name:?} begins or ends with a blank"))
                .hint("leave the blank out"),
        );
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(
            Error::usage(format!("{what} name {name:?} would be taken for an id"))
                .hint("add a letter to the name"),
        );
    }
    Ok(())
}
