//! Signing in as the identity of the Azure machine that we run on. Its platform gives the token;
//! no authority is asked and nothing is proved but being here.
//!
//! Which platform it is follows from the variables that it sets, in the order of the Azure SDKs.
//! Requests never go through a proxy, and the first has a second to connect: where there is no such
//! platform, the address of a VM's service would hang. What the services say of themselves passes
//! within 70 seconds, so 404, 410, 429 and 5xx are tried again over 72.

mod app_service;
mod arc;
mod imds;

use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::super::root::Root;
use super::super::throttle::{self, Cause};
use super::super::token::Fresh;
use super::super::wire::{Answer, Lost, Outgoing, Payload};
use super::super::{Error, Fault, answer};
use super::tries::{Failure, Patience, Try, until_answered};
use super::{DEFAULT_LIFETIME, Means, SignIn, blotted, is_sendable, whole_number};
use crate::clock::Clock;
use crate::json;
use crate::secret::platform::Platform;

/// Five tries over 72 seconds.
const WAITS: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(6),
    Duration::from_secs(18),
    Duration::from_secs(46),
];
const FIRST_CONNECT: Duration = Duration::from_secs(1);
const CONNECT: Duration = Duration::from_secs(5);

const NOT_HERE: &str = "a managed identity is there only on Azure (VM, App Service, Container Apps) or with the Azure Arc agent; elsewhere use --certificate FILE with tenantpilot tenants edit";

/// Where the token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Imds,
    AppService,
    Arc,
    /// Known, and not to be asked.
    ServiceFabric,
}

impl Source {
    fn of(platform: &Platform) -> Self {
        let endpoint = platform.identity_endpoint.is_some();
        if endpoint && platform.identity_header.is_some() {
            if platform.service_fabric {
                Self::ServiceFabric
            } else {
                Self::AppService
            }
        } else if (endpoint && platform.imds_endpoint) || platform.arc_agent {
            Self::Arc
        } else {
            Self::Imds
        }
    }
}

/// Asks the platform for a token.
pub(super) fn fetch(
    sign_in: &SignIn,
    client_id: Option<&str>,
    means: &Means<'_>,
) -> Result<Fresh, Error> {
    match Source::of(means.platform) {
        Source::Imds => imds::fetch(sign_in, client_id, means),
        Source::AppService => app_service::fetch(sign_in, client_id, means),
        Source::Arc => arc::fetch(sign_in, client_id, means),
        Source::ServiceFabric => {
            let why = "managed identities of Service Fabric are not supported";
            Err(sign_in.not_here(why, NOT_HERE))
        }
    }
}

/// One question to a service of the platform.
#[derive(Clone, Copy)]
struct Question<'a> {
    /// Its name in messages.
    service: &'static str,
    root: &'a Root,
    url: &'a str,
    headers: &'a [(&'static str, SecretString)],
    /// What to do where it refuses.
    hint: &'static str,
}

impl Question<'_> {
    /// Asks until there is a token or no sense in another try.
    fn fetch(&self, sign_in: &SignIn, means: &Means<'_>) -> Result<Fresh, Error> {
        until_answered(sign_in, Patience::Fixed(&WAITS), means, |one| {
            let mut answer = self.ask(sign_in, one, means)?;
            let read = self.judge(sign_in, &answer, one.began, means.clock);
            answer.body.zeroize();
            read
        })
    }

    /// One try, and its answer whatever the status.
    fn ask(&self, sign_in: &SignIn, one: &Try, means: &Means<'_>) -> Result<Answer, Failure> {
        let outcome = means.wire.send(&Outgoing {
            root: self.root,
            url: self.url,
            payload: Payload::Get(self.headers),
            request_id: &one.request_id,
            left: one.left,
            new_connection: one.new_connection,
            flag: None,
            platform: Some(if one.number == 1 {
                FIRST_CONNECT
            } else {
                CONNECT
            }),
        });
        outcome.map_err(|lost| {
            let nothing_there = matches!(lost, Lost::Network { .. });
            let mut failure = Failure::without_answer(sign_in, &self.what(), lost);
            if nothing_there {
                failure.error.hint = Some(NOT_HERE.to_owned());
            }
            failure
        })
    }

    fn judge(
        &self,
        sign_in: &SignIn,
        answer: &Answer,
        asked_at: Instant,
        clock: &dyn Clock,
    ) -> Result<Fresh, Failure> {
        if !(200..300).contains(&answer.status) {
            return Err(self.refusal(sign_in, answer));
        }
        let Ok(said) = json::read::<TokenAnswer>(&answer.body) else {
            return Err(Failure::bad_body(sign_in, &self.what()));
        };
        let lifetime = said.lifetime(clock);
        let token = said.access_token.map(SecretString::from);
        match token.filter(is_sendable) {
            Some(secret) => Ok(Fresh {
                secret,
                lifetime,
                asked_at,
            }),
            None => {
                let why = format!("{}the answer holds no token", self.what());
                Err(Failure::permanent(sign_in.error(Fault::Auth, &why)))
            }
        }
    }

    fn refusal(&self, sign_in: &SignIn, answer: &Answer) -> Failure {
        let status = answer.status;
        let transient = matches!(status, 404 | 408 | 410 | 429 | 500..=599);
        let fault = match status {
            429 => Fault::Throttled,
            _ if transient => Fault::Unavailable,
            300..400 => Fault::BadResponse,
            _ => Fault::Auth,
        };
        let secret = self.headers.iter().filter(|(name, _)| *name != "metadata");
        // Of `Basic KEY` the key alone would be telling too.
        let secret: Vec<SecretString> = secret
            .filter_map(|(_, value)| value.expose_secret().rsplit(' ').next())
            .map(SecretString::from)
            .collect();
        let said = answer::one_line(&blotted(&complaint(&answer.body), &secret));
        let why = if said.is_empty() {
            format!("{}answered {status}", self.what())
        } else {
            format!("{}answered {status}: {said}", self.what())
        };
        let error = Error {
            status: Some(status),
            ..sign_in.error(fault, &why).hint(self.hint)
        };
        if !transient {
            return Failure::permanent(error);
        }
        Failure {
            cause: Some(Cause::Status(status)),
            retry_after: throttle::retry_after(
                &answer.headers.retry_after,
                answer.headers.date.as_deref(),
            ),
            error,
        }
    }

    fn what(&self) -> String {
        format!("{}: ", self.service)
    }
}

/// The first line of what a service says is wrong: each has its own place for it.
fn complaint(body: &[u8]) -> String {
    let said: Value = json::read(body).unwrap_or_default();
    let places = ["/error_description", "/error/message", "/message", "/error"];
    let text = places
        .iter()
        .find_map(|place| said.pointer(place)?.as_str());
    text.and_then(|text| text.lines().next())
        .unwrap_or_default()
        .to_owned()
}

/// Options of the query that all platforms take.
fn options<'a>(
    version: &'a str,
    sign_in: &'a SignIn,
    client_id: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    let mut options = vec![("api-version", version), ("resource", &sign_in.resource)];
    options.extend(client_id.map(|id| ("client_id", id)));
    options
}

/// A URL that the environment gives, without its query.
fn endpoint(sign_in: &SignIn, variable: &str, url: &str) -> Result<Root, Error> {
    Root::of_platform(url).map_err(|why| {
        let why = format!("environment variable {variable} {why}");
        sign_in.not_here(&why, "unset it, or let the platform set it")
    })
}

/// A token answer. Without `Debug`, on purpose.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    expires_in: Option<Value>,
    expires_on: Option<Value>,
}

impl TokenAnswer {
    /// Seconds from now, else seconds since 1970; either may be a text.
    fn lifetime(&self, clock: &dyn Clock) -> Duration {
        if let Some(seconds) = whole_number(self.expires_in.as_ref()) {
            return Duration::from_secs(seconds);
        }
        let now = u64::try_from(clock.now().timestamp()).unwrap_or_default();
        whole_number(self.expires_on.as_ref()).map_or(DEFAULT_LIFETIME, |at| {
            Duration::from_secs(at.saturating_sub(now))
        })
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) use arc::probe as probe_key_file;

/// What holds whatever a platform says.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(body: &[u8]) {
    let shown = answer::one_line(&complaint(body));
    assert!(!shown.contains(char::is_control), "{shown:?}");
    if let Ok(token) = json::read::<TokenAnswer>(body) {
        let _ = token.lifetime(&crate::clock::SystemClock);
    }
}

#[cfg(test)]
mod tests;
