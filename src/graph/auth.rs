//! Signing in: the token request of the client credentials flow, and what its answers mean.
//!
//! The request is a form: `POST {authority}/{directory}/oauth2/v2.0/token` with `grant_type`,
//! `client_id`, `scope={graph root}/.default` and the fields that prove who we are. Those come from
//! one file per kind of credential under `auth/`; [`SignIn::proof`] is the one place that chooses.
//!
//! Whether to try again follows from the status and the OAuth `error` alone. The number in
//! `error_codes` only chooses the hint: Microsoft changes numbers and texts without notice. Neither
//! the form nor a token answer is ever logged or shown, and what the service says is shown with the
//! proof blotted out.

mod hint;
mod secret;

use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::root::{Root, is_directory};
use super::throttle::{self, Cause, Decision, Standing};
use super::token::{Fresh, Identity};
use super::wire::{Answer, Lost, Outgoing, Payload, Wire};
use super::{Error, Fault, answer};
use crate::clock::Clock;
use crate::stop::Stop;
use crate::tenant::{Credential, Settings};

/// What a token is taken to live where the service does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// As whom, where and with what we sign in to one tenant.
#[derive(Debug, Clone)]
pub(super) struct SignIn {
    /// Names the tenant in messages.
    tenant: String,
    identity: Identity,
    credential: Credential,
}

/// What a sign-in needs from outside.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) wire: &'a Wire,
    pub(super) clock: &'a dyn Clock,
    pub(super) stop: &'a Stop,
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
            .hint(format!("tenantpilot tenants edit {}", settings.name))
        };
        if !is_directory(&settings.directory) {
            return Err(unusable(format!(
                "directory {:?} is neither a GUID nor a domain",
                settings.directory
            )));
        }
        let client_id = settings
            .client_id
            .clone()
            .ok_or_else(|| unusable("no client id".to_owned()))?;
        let authority = settings
            .authority_url
            .as_deref()
            .unwrap_or_else(|| settings.cloud.authority());
        let authority =
            Root::parse(authority).map_err(|why| unusable(format!("authority URL {why}")))?;
        Ok(Self {
            tenant: settings.name.clone(),
            identity: Identity {
                authority,
                directory: settings.directory.clone(),
                client_id,
                scope: format!("{graph}/.default"),
                credential: (settings.credential.kind(), settings.credential.reference()),
            },
            credential: settings.credential.clone(),
        })
    }

    /// Under what its tokens are kept.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The fields of the form that prove who we are, by kind of credential.
    fn proof(&self, means: &Means<'_>) -> Result<Vec<(&'static str, SecretString)>, Error> {
        match &self.credential {
            Credential::SecretEnv(_) | Credential::SecretFile(_) | Credential::SecretCommand(_) => {
                secret::proof(&self.credential, means.clock, means.stop)
            }
        }
        .map_err(|error| Error {
            message: format!("tenant {}: {}", self.tenant, error.message),
            ..error
        })
    }

    /// Asks for a token, again where that can help. `claims` is what a 401 of Graph demanded.
    pub(super) fn fetch(&self, claims: Option<&str>, means: &Means<'_>) -> Result<Fresh, Error> {
        let proof = self.proof(means)?;
        let form = self.form(&proof, claims);
        let url = self
            .identity
            .authority
            .below(&format!("{}/oauth2/v2.0/token", self.identity.directory));
        let mut tries = Tries::default();
        loop {
            if means.stop.requested().is_some() {
                return Err(self.error(Fault::Canceled, "stopped"));
            }
            let now = means.clock.monotonic();
            let left = means.deadline.saturating_duration_since(now);
            if left.is_zero() {
                return Err(self.error(Fault::TimedOut, "the run's time is over"));
            }
            let request_id = uuid::Uuid::new_v4().to_string();
            let outcome = means.wire.send(&Outgoing {
                root: &self.identity.authority,
                url: &url,
                payload: Payload::Form(&form),
                request_id: &request_id,
                left,
                new_connection: tries.new_connection,
            });
            let failure = match self.judge(outcome, now, &proof) {
                Ok(fresh) => return Ok(fresh),
                Err(failure) => failure,
            };
            log::debug!(
                "sign-in of tenant {}: try {} failed, client-request-id {request_id}: {}",
                self.tenant,
                tries.count + 1,
                failure.error
            );
            tries.wait_or_give_up(&failure, means)?;
        }
    }

    fn form(&self, proof: &[(&'static str, SecretString)], claims: Option<&str>) -> SecretString {
        let mut form = String::new();
        let plain = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.identity.client_id),
            ("scope", &self.identity.scope),
        ];
        let proof = proof
            .iter()
            .map(|(name, value)| (*name, value.expose_secret()));
        let claims = claims.map(|claims| ("claims", claims));
        for (name, value) in plain.into_iter().chain(proof).chain(claims) {
            if !form.is_empty() {
                form.push('&');
            }
            form.push_str(name);
            form.push('=');
            encode_form(&mut form, value);
        }
        SecretString::from(form)
    }

    /// A token, or what one failed try means.
    fn judge(
        &self,
        outcome: Result<Answer, Lost>,
        asked_at: Instant,
        proof: &[(&'static str, SecretString)],
    ) -> Result<Fresh, Failure> {
        let mut answer = outcome.map_err(|lost| self.failed_without_answer(lost))?;
        let read = if (200..300).contains(&answer.status) {
            self.token_of(&answer, asked_at, proof)
        } else {
            Err(self.refusal(&answer, proof))
        };
        answer.body.zeroize();
        read
    }

    fn token_of(
        &self,
        answer: &Answer,
        asked_at: Instant,
        proof: &[(&'static str, SecretString)],
    ) -> Result<Fresh, Failure> {
        let Ok(said) = serde_json::from_slice::<TokenAnswer>(&answer.body) else {
            return Err(Failure::transient(
                Cause::BadBody,
                self.error(Fault::BadResponse, "the answer is not what was promised"),
            ));
        };
        if said.error.is_some() {
            return Err(self.refusal(answer, proof));
        }
        let token = said.access_token.map(SecretString::from);
        match token.filter(is_sendable) {
            Some(secret) => Ok(Fresh {
                secret,
                lifetime: lifetime(said.expires_in.as_ref()),
                asked_at,
            }),
            None => Err(Failure::permanent(
                self.error(Fault::Auth, "the answer holds no token"),
            )),
        }
    }

    fn failed_without_answer(&self, lost: Lost) -> Failure {
        match lost {
            Lost::Network { why, hint, .. } => {
                let error = self.error(Fault::Network, &why);
                Failure::transient(
                    Cause::Network,
                    Error {
                        hint: hint.map(str::to_owned),
                        ..error
                    },
                )
            }
            Lost::TooLarge(_) | Lost::Garbled => Failure::transient(
                Cause::BadBody,
                self.error(Fault::BadResponse, "the answer cannot be read"),
            ),
        }
    }

    /// What an answer other than a token means.
    fn refusal(&self, answer: &Answer, proof: &[(&'static str, SecretString)]) -> Failure {
        let said = Refusal::of(&answer.body);
        log::debug!(
            "sign-in of tenant {}: status {}, error {:?}, codes {:?}, trace {:?}, correlation {:?}, at {:?}",
            self.tenant,
            answer.status,
            answer::one_line(&said.error),
            said.error_codes,
            answer::one_line(&said.trace_id),
            answer::one_line(&said.correlation_id),
            answer::one_line(&said.timestamp),
        );
        let first_line = said.error_description.lines().next().unwrap_or("");
        let why = match (first_line.is_empty(), said.error.is_empty()) {
            (false, _) => answer::one_line(&blotted(first_line, proof)),
            (true, false) => answer::one_line(&blotted(&said.error, proof)),
            (true, true) => format!("answered {}", answer.status),
        };
        let transient = said.error == "temporarily_unavailable"
            || matches!(answer.status, 408 | 429 | 500..=599);
        let fault = match answer.status {
            429 => Fault::Throttled,
            _ if transient => Fault::Unavailable,
            300..400 => Fault::BadResponse,
            _ => Fault::Auth,
        };
        let error = Error {
            status: Some(answer.status),
            hint: said
                .error_codes
                .first()
                .copied()
                .and_then(hint::of)
                .map(str::to_owned),
            ..self.error(fault, &why)
        };
        if !transient {
            return Failure::permanent(error);
        }
        let status = match answer.status {
            status @ (408 | 429 | 500..=599) => status,
            _ => 503,
        };
        Failure {
            cause: Some(Cause::Status(status)),
            retry_after: throttle::retry_after(
                &answer.headers.retry_after,
                answer.headers.date.as_deref(),
            ),
            error,
        }
    }

    fn error(&self, fault: Fault, why: &str) -> Error {
        Error::new(
            fault,
            format!(
                "sign-in to tenant {} (application {}): {why}",
                self.tenant, self.identity.client_id
            ),
        )
    }
}

/// One failed try.
struct Failure {
    /// `None` where another try cannot help.
    cause: Option<Cause>,
    retry_after: Option<Duration>,
    error: Error,
}

impl Failure {
    fn transient(cause: Cause, error: Error) -> Self {
        Self {
            cause: Some(cause),
            retry_after: None,
            error,
        }
    }

    fn permanent(error: Error) -> Self {
        Self {
            cause: None,
            retry_after: None,
            error,
        }
    }
}

/// The tries of one token request.
#[derive(Default)]
struct Tries {
    count: u32,
    alike: u32,
    last: Option<Cause>,
    failing_since: Option<Instant>,
    waited: Duration,
    new_connection: bool,
}

impl Tries {
    fn wait_or_give_up(&mut self, failure: &Failure, means: &Means<'_>) -> Result<(), Error> {
        if means.stop.requested().is_some() {
            return Err(Error::new(Fault::Canceled, "stopped"));
        }
        let Some(cause) = failure.cause else {
            return Err(failure.error.clone());
        };
        let now = means.clock.monotonic();
        let first_wait = self.count == 0;
        self.count += 1;
        self.alike = if self.last == Some(cause) {
            self.alike + 1
        } else {
            1
        };
        self.last = Some(cause);
        let since = *self.failing_since.get_or_insert(now);
        let decision = throttle::decide(
            cause,
            &Standing {
                tries: self.count,
                alike: self.alike,
                retry_after: failure.retry_after,
                token_refreshed: true,
                failing_for: now.saturating_duration_since(since),
                first_wait,
                waited: self.waited,
                left: means.deadline.saturating_duration_since(now),
                jitter: (means.jitter)(),
            },
        );
        match decision {
            Decision::Retry {
                after,
                new_connection,
                ..
            } => {
                self.new_connection = new_connection;
                self.waited = self.waited.saturating_add(after);
                means.clock.sleep(after, means.stop);
                Ok(())
            }
            Decision::GiveUp {
                fault: Fault::TimedOut,
                ..
            } => Err(Error {
                fault: Fault::TimedOut,
                ..failure.error.clone()
            }),
            Decision::GiveUp { .. } | Decision::RefreshToken => Err(failure.error.clone()),
        }
    }
}

/// A token answer. Without `Debug`, on purpose.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    expires_in: Option<Value>,
    error: Option<Value>,
}

/// What the sign-in service says when it gives no token; empty where it says it in another way.
struct Refusal {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
    trace_id: String,
    correlation_id: String,
    timestamp: String,
}

impl Refusal {
    fn of(body: &[u8]) -> Self {
        let said: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| {
            let value = said.get(name).and_then(Value::as_str);
            value.unwrap_or("").to_owned()
        };
        let codes = said.get("error_codes").and_then(Value::as_array);
        Self {
            error: text("error"),
            error_description: text("error_description"),
            error_codes: codes
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect(),
            trace_id: text("trace_id"),
            correlation_id: text("correlation_id"),
            timestamp: text("timestamp"),
        }
    }
}

/// Seconds, as a number or as text.
fn lifetime(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    seconds.map_or(DEFAULT_LIFETIME, Duration::from_secs)
}

/// Whether a token can go into a header.
fn is_sendable(token: &SecretString) -> bool {
    let token = token.expose_secret();
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The text without the proof, should the service have repeated it.
fn blotted(text: &str, proof: &[(&'static str, SecretString)]) -> String {
    proof.iter().fold(text.to_owned(), |text, (_, secret)| {
        text.replace(secret.expose_secret(), "***")
    })
}

/// `application/x-www-form-urlencoded`.
fn encode_form(form: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b' ' => form.push('+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                form.push(char::from(byte));
            }
            _ => form.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests;
