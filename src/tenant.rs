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
}

impl Credential {
    /// The flag's name without dashes; also what the store and `--json` call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SecretEnv(_) => "secret-env",
            Self::SecretFile(_) => "secret-file",
            Self::SecretCommand(_) => "secret-command",
        }
    }

    /// The variable, path or command.
    pub fn reference(&self) -> String {
        match self {
            Self::SecretEnv(name) => name.clone(),
            Self::SecretFile(path) => path.display().to_string(),
            Self::SecretCommand(command) => command.clone(),
        }
    }

    /// Reads back what [`kind`](Self::kind) and [`reference`](Self::reference) gave.
    pub fn from_parts(kind: &str, reference: &str) -> Option<Self> {
        Some(match kind {
            "secret-env" => Self::SecretEnv(reference.to_owned()),
            "secret-file" => Self::SecretFile(PathBuf::from(reference)),
            "secret-command" => Self::SecretCommand(reference.to_owned()),
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
    /// The application (client) id of the app registration.
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
        return Err(Error::usage(format!(
            "{what} name {name:?} begins or ends with a blank"
        )));
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(
            Error::usage(format!("{what} name {name:?} would be taken for an id"))
                .hint("add a letter to the name"),
        );
    }
    Ok(())
}
