//! Signing in: a token for one tenant's Graph, by the one kind of credential that the tenant names.
//! There is no chain: a credential that fails is never replaced by another.
//!
//! | Credential | Who is asked for the token | What proves who we are |
//! |---|---|---|
//! | secret (variable, file, command) | the cloud's sign-in authority | the secret, a field of the form |
//! | certificate | the same | an assertion that we sign |
//! | federated token file, GitHub, Azure Pipelines | the same | an assertion of another issuer |
//! | managed identity | the platform of this machine | being on that machine |
//!
//! Each kind has a file below. `token_request` speaks with the authority, `issuer` with the others
//! who give assertions, `tries` decides what is asked again, `hint` what to type next.
//!
//! A proof is read or asked for at each token request, so that a rotated one is used from then on.
//! Neither the form nor a token answer is ever logged or shown, and what a service says is shown
//! with the proof blotted out.

mod azure_pipelines_oidc;
mod certificate;
mod github_oidc;
mod hint;
mod issuer;
mod managed_identity;
mod token_request;
mod tries;

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use self::certificate::Signer;
use self::token_request::Proof;
use super::root::Root;
use super::token::{Fresh, Identity};
use super::wire::Wire;
use super::{Error, Fault};
use crate::clock::Clock;
use crate::error::Kind;
use crate::secret;
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::tenant::{Credential, Settings, address};

/// What a token is taken to live where the service does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// As whom, where and with what we sign in to one tenant.
#[derive(Debug, Clone)]
pub(super) struct SignIn {
    /// Names the tenant in messages.
    tenant: String,
    identity: Identity,
    /// The root of Graph, which the token is for.
    resource: String,
    /// The audience of assertions of other issuers in this cloud.
    audience: &'static str,
    credential: Credential,
}

/// What a sign-in needs from outside.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) wire: &'a Wire,
    pub(super) clock: &'a dyn Clock,
    pub(super) stop: &'a Stop,
    pub(super) platform: &'a Platform,
    /// The end of the run.
    pub(super) deadline: Instant,
    /// Random, from 0 up to 1.
    pub(super) jitter: fn() -> f64,
}

impl SignIn {
    /// How to sign in to the tenant; fails where its settings cannot be used.
    pub(super) fn of(settings: &Settings, graph: &Root) -> Result<Self, Error> {
        let unusable = |why: String| {
            Error::new(
                Fault::Credential,
                format!("tenant {}: {why}", settings.name),
            )
            .hint(format!(
                "tenantpilot tenants edit {} --help",
                shell_words::quote(&settings.name)
            ))
        };
        address::check_directory(&settings.directory)
            .map_err(|error| unusable(error.message().to_owned()))?;
        let client_id = match (&settings.client_id, &settings.credential) {
            (Some(client_id), _) => client_id.clone(),
            (None, Credential::ManagedIdentity(_)) => String::new(),
            (None, _) => return Err(unusable("no client id".to_owned())),
        };
        let authority = settings
            .authority_url
            .as_deref()
            .unwrap_or_else(|| settings.cloud.authority());
        let authority = Root::parse(authority)
            .map_err(|why| unusable(format!("authority URL {authority:?} {why}")))?;
        let reference = settings.credential.reference().unwrap_or_default();
        Ok(Self {
            tenant: settings.name.clone(),
            identity: Identity {
                authority,
                directory: settings.directory.clone(),
                client_id,
                scope: format!("{graph}/.default"),
                credential: (settings.credential.kind(), reference),
            },
            resource: graph.to_string(),
            audience: settings.cloud.federation_audience(),
            credential: settings.credential.clone(),
        })
    }

    /// The tenant's name.
    pub(super) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Under what its tokens are kept.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Asks for a token, again where that can help. `claims` is what a 401 of Graph demanded.
    pub(super) fn fetch(&self, claims: Option<&str>, means: &Means<'_>) -> Result<Fresh, Error> {
        let secret = |secret: crate::error::Result<SecretString>| {
            secret
                .map(Proof::Secret)
                .map_err(|error| self.unusable(&error))
        };
        let proof = match &self.credential {
            Credential::SecretEnv(variable) => secret(secret::from_env(variable)),
            Credential::SecretFile(path) => secret(secret::from_file(path)),
            Credential::SecretCommand(command) => {
                secret(secret::from_command(command, means.clock, means.stop))
            }
            Credential::Certificate(path) => Signer::read(path, means.clock.now())
                .map(|signer| Proof::Signer(Box::new(signer)))
                .map_err(|error| self.unusable(&error)),
            Credential::FederatedTokenFile(path) => secret::from_file(path)
                .map(Proof::Assertion)
                .map_err(|error| self.unusable(&error)),
            Credential::GithubOidc(audience) => {
                let audience = audience.as_deref().unwrap_or(self.audience);
                github_oidc::assertion(self, audience, means).map(Proof::Assertion)
            }
            Credential::AzurePipelinesOidc(connection) => {
                azure_pipelines_oidc::assertion(self, connection, means).map(Proof::Assertion)
            }
            Credential::ManagedIdentity(client_id) => {
                return managed_identity::fetch(self, client_id.as_deref(), means);
            }
        };
        token_request::fetch(self, &proof?, claims, means)
    }

    /// An error of this sign-in.
    fn error(&self, fault: Fault, why: &str) -> Error {
        let who = match &self.credential {
            Credential::ManagedIdentity(None) => "managed identity".to_owned(),
            Credential::ManagedIdentity(Some(id)) => format!("managed identity {id}"),
            _ => format!("application {}", self.identity.client_id),
        };
        Error::new(
            fault,
            format!("sign-in to tenant {} ({who}): {why}", self.tenant),
        )
    }

    /// A credential that cannot be read or used.
    fn unusable(&self, error: &crate::error::Error) -> Error {
        let fault = match error.kind() {
            Kind::Canceled => Fault::Canceled,
            Kind::Storage => Fault::NoHandle,
            _ => Fault::Credential,
        };
        Error {
            hint: error.hint_text().map(str::to_owned),
            ..Error::new(
                fault,
                format!("tenant {}: {}", self.tenant, error.message()),
            )
        }
    }

    /// What the platform does not give, though this kind of credential needs it.
    fn not_here(&self, why: &str, hint: &str) -> Error {
        Error::new(Fault::Credential, format!("tenant {}: {why}", self.tenant)).hint(hint)
    }
}

/// Whether a token can go into a header.
fn is_sendable(token: &SecretString) -> bool {
    let token = token.expose_secret();
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A whole number, as a number or as text.
fn whole_number(value: Option<&Value>) -> Option<u64> {
    match value {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    }
}

/// The text without these secrets, should a service have repeated one.
fn blotted<'a>(text: &str, secrets: impl IntoIterator<Item = &'a SecretString>) -> String {
    secrets.into_iter().fold(text.to_owned(), |text, secret| {
        match secret.expose_secret() {
            "" => text,
            secret => text.replace(secret, "***"),
        }
    })
}

#[cfg(any(test, fuzzing))]
pub(crate) mod probes {
    pub(crate) use super::managed_identity::{probe as platform_answer, probe_key_file};
    pub(crate) use super::token_request::probe as sign_in_answer;
}

#[cfg(test)]
mod tests;
