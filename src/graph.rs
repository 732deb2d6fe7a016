//! Microsoft Graph as the product needs it: four verbs over paths and bytes, with typed errors.
//!
//! - [`Graph`] is the seam: `graph/client.rs` speaks HTTP, unit tests use a script in the process.
//! - `client` puts the parts together: `wire` (one try over HTTP), `root` (where Graph is, and
//!   which links lead there), `answer` (what an answer means), `throttle` (whether to try again),
//!   `breaker` (when an endpoint is given up), `pace` (how fast a tenant may be asked), `token` and
//!   `auth` (signing in). `gather` decides which reads share a round trip, `batch` is its form.
//!   `page` reads lists over the trait.
//! - No endpoint is written here or below; they are in `policy/catalogue.rs` alone.
//! - Nothing here knows the store.

pub mod client;
pub mod cloud;
pub mod page;
pub(crate) mod root;

mod answer;
mod auth;
mod batch;
mod breaker;
mod gather;
mod pace;
mod throttle;
mod token;
mod wire;

use std::fmt;

use crate::error::Kind;

/// The API version a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `v1.0`
    V1,
    /// `beta`
    Beta,
}

impl Version {
    /// The path segment.
    pub fn segment(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// The service group whose limits a request counts against ("Microsoft Graph service-specific
/// throttling limits").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceGroup {
    /// `deviceConfigurations`, `deviceCompliancePolicies`, administrative templates.
    DeviceConfiguration,
    /// Settings catalog, reusable settings.
    DeviceConfigurationV2,
    /// Managed devices and all kinds of scripts.
    Devices,
    /// Apps, app protection, app configuration.
    Applications,
    /// Enrollment, Autopilot, notification templates.
    Enrollment,
    /// Roles and scope tags.
    Rbac,
    /// Intune's audit events.
    Auditing,
    /// Conditional Access: one request a second for all apps of a tenant.
    ConditionalAccess,
    /// Directory objects.
    Directory,
}

/// Where something is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The API version.
    pub version: Version,
    /// The path below the version, without a leading slash, segments percent-encoded.
    pub path: String,
    /// Query options in order, names with their `$`, values not yet encoded.
    pub query: Vec<(String, String)>,
    /// Whose limits it counts against.
    pub group: ServiceGroup,
    /// What the circuit breaker goes by: requests with the same endpoint fail together. The key of
    /// the policy type that is read.
    pub endpoint: &'static str,
}

/// What an answer means, as far as anything is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 403: a permission is missing.
    Forbidden,
    /// 400 with Intune's "not applicable to target tenant": no licence.
    NotLicensed,
    /// 404, or 400 because Graph does not know the path.
    NotFound,
    /// 400, 405, 415, …: Graph refuses the request as it is.
    Refused,
    /// Sign-in failed, or 401 again with a fresh token.
    Auth,
    /// The credential itself cannot be read or used.
    Credential,
    /// 429 after all tries.
    Throttled,
    /// 5xx after all tries.
    Unavailable,
    /// 2xx with something that is not what Graph promises.
    BadResponse,
    /// No answer after all tries: DNS, connection, TLS, timeout, reset.
    Network,
    /// This process may open no more files, and a connection is one.
    NoHandle,
    /// A next link that leads elsewhere, loops, or never ends.
    Paging,
    /// The run's max runtime is over.
    TimedOut,
    /// A stop was requested.
    Canceled,
}

impl Fault {
    /// The class of failure when a whole run ends by it.
    pub fn kind(self) -> Kind {
        match self {
            Self::Forbidden => Kind::PermissionMissing,
            Self::NotLicensed => Kind::NotLicensed,
            Self::Auth => Kind::AuthFailed,
            Self::Credential => Kind::CredentialUnusable,
            Self::Throttled => Kind::Throttled,
            Self::Unavailable => Kind::Unavailable,
            Self::NotFound | Self::Refused | Self::BadResponse | Self::Paging => Kind::BadResponse,
            Self::Network => Kind::Network,
            Self::NoHandle => Kind::Storage,
            Self::TimedOut => Kind::TimedOut,
            Self::Canceled => Kind::Canceled,
        }
    }

    /// Whether nothing else in this run can succeed either.
    pub fn ends_run(self) -> bool {
        matches!(
            self,
            Self::Auth | Self::Credential | Self::NoHandle | Self::TimedOut | Self::Canceled
        )
    }
}

/// Why a request failed for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What it means.
    pub fault: Fault,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Whether Graph's code for it is `ResourceNotFound`, whatever the status.
    pub resource_not_found: bool,
    /// One line for people: what, and why. No body, no secret.
    pub message: String,
    /// Permissions that the answer names, those we know, read-only first.
    pub permissions: Vec<String>,
    /// What to type next, if we know.
    pub hint: Option<String>,
}

impl Error {
    /// An error with a message and nothing else known.
    pub fn new(fault: Fault, message: impl fmt::Display) -> Self {
        Self {
            fault,
            status: None,
            resource_not_found: false,
            message: message.to_string(),
            permissions: Vec::new(),
            hint: None,
        }
    }

    /// Adds what to type next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        let converted = Self::new(error.fault.kind(), error.message);
        match error.hint {
            Some(hint) => converted.hint(hint),
            None => converted,
        }
    }
}

/// What reading cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that Graph was asked, tries and parts of batches included: what counts against the
    /// limits.
    pub requests: u64,
    /// HTTP requests to Graph, batches counted once.
    pub round_trips: u64,
    /// Those of the requests that were part of a batch.
    pub batched_requests: u64,
    /// Tries after the first.
    pub retries: u64,
    /// Milliseconds waited because of 429 or 503, or to stay within the limits.
    pub throttled_ms: u64,
    /// Bytes of the bodies received, after decompression.
    pub bytes: u64,
}

/// What the answer to a GET holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A JSON object.
    Object,
    /// A file: bytes of any kind.
    Bytes,
}

/// What is at a path where there need not be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// This.
    There(Vec<u8>),
    /// Nothing, said by this HTTP status: 404, or 204 for an answer without a body.
    Nothing(u16),
}

impl Looked {
    /// What is there.
    pub fn there(self) -> Option<Vec<u8>> {
        match self {
            Self::There(body) => Some(body),
            Self::Nothing(_) => None,
        }
    }
}

/// A tenant's Graph. Every call is tried again, paced and timed out by the implementation; an error
/// is final.
pub trait Graph: Sync {
    /// The body of one GET: a JSON document.
    fn get(&self, request: &Request) -> Result<Vec<u8>, Error>;

    /// The body of one GET of something that need not be there.
    fn find(&self, request: &Request, content: Content) -> Result<Looked, Error>;

    /// The body behind a next link of an answer to `request`: the link goes out byte for byte,
    /// after a check that it leads to the same Graph.
    fn follow(&self, request: &Request, next_link: &str) -> Result<Vec<u8>, Error>;

    /// The answer to a question that is too long for a URL: one POST of JSON that changes nothing,
    /// so that it is sent again like a GET.
    fn look_up(&self, request: &Request, question: &str) -> Result<Vec<u8>, Error>;

    /// The same Graph for a thread that makes small reads beside other threads that do: they may
    /// share round trips. To be held only while at work, since the others wait a little for what
    /// this thread may ask.
    fn together(&self) -> Box<dyn Graph + '_>;

    /// What it cost so far.
    fn traffic(&self) -> Traffic;
}

impl<G: Graph + ?Sized> Graph for &G {
    fn get(&self, request: &Request) -> Result<Vec<u8>, Error> {
        (**self).get(request)
    }

    fn find(&self, request: &Request, content: Content) -> Result<Looked, Error> {
        (**self).find(request, content)
    }

    fn follow(&self, request: &Request, next_link: &str) -> Result<Vec<u8>, Error> {
        (**self).follow(request, next_link)
    }

    fn look_up(&self, request: &Request, question: &str) -> Result<Vec<u8>, Error> {
        (**self).look_up(request, question)
    }

    fn together(&self) -> Box<dyn Graph + '_> {
        (**self).together()
    }

    fn traffic(&self) -> Traffic {
        (**self).traffic()
    }
}

/// What holds whatever a server answers.
#[cfg(any(test, fuzzing))]
pub(crate) mod probes {
    pub(crate) use super::answer::probe as answer;
    pub(crate) use super::auth::probes::{platform_answer, probe_key_file, sign_in_answer};
    pub(crate) use super::batch::probe as batch;
    pub(crate) use super::client::probe_challenge as challenge;
    pub(crate) use super::page::probe as page;
    pub(crate) use super::throttle::probe as retry_after;
    pub(crate) use super::token::probe as token;
    pub(crate) use super::wire::probe as link;
}
