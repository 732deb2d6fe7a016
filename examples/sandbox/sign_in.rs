//! The token endpoint, and which tokens are good.
//!
//! Tokens are random and live in memory. A secret is compared. An assertion is good if it is signed
//! with a registered certificate, or if it is one that an issuer of the sandbox gave, or one that
//! is told to be good.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::assertion::Assertions;
use super::http::{Answer, Request};
use super::issuers::VOUCHED;
use super::json::quote;
use super::query::decode;

/// The content type of all answers about tokens.
pub const JSON: &str = "application/json; charset=utf-8";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who may sign in, and the tokens given out.
#[derive(Debug)]
pub struct SignIn {
    /// The one right client secret.
    pub secret: String,
    /// Seconds that a token lives, as `expires_in` says and as it is checked.
    pub lifetime: u64,
    /// The next new tokens to be refused, as if revoked at birth.
    pub born_revoked: u32,
    /// The certificates of the application.
    pub assertions: Assertions,
    /// Tokens of other issuers that are trusted.
    pub trusted: HashSet<String>,
    /// What tokens say the application may do; without any they say nothing at all.
    pub roles: Vec<String>,
    /// The file that the agent of Azure Arc names, and what is in it.
    pub arc_key_file: String,
    /// See there.
    pub arc_key: String,
    tokens: HashMap<String, (String, Instant)>,
}

impl SignIn {
    /// No tokens yet.
    pub fn new(secret: &str, lifetime: u64) -> Self {
        Self {
            secret: secret.to_owned(),
            lifetime,
            born_revoked: 0,
            assertions: Assertions::default(),
            trusted: HashSet::new(),
            roles: Vec::new(),
            arc_key_file: "/var/opt/azcmagent/tokens/sandbox.key".to_owned(),
            arc_key: String::new(),
            tokens: HashMap::new(),
        }
    }

    /// Makes every token given out so far worthless.
    pub fn revoke(&mut self) {
        self.tokens.clear();
    }

    /// The directory whose token a Graph request carries, if it is a good one.
    pub fn directory(&self, request: &Request) -> Option<&str> {
        let token = request.header("authorization")?.strip_prefix("Bearer ")?;
        let (directory, until) = self.tokens.get(token)?;
        (Instant::now() < *until).then_some(directory)
    }

    /// The answer of `/{directory}/oauth2/v2.0/token` of the authority at `root`.
    pub fn token(&mut self, root: &str, directory: &str, request: &Request) -> Answer {
        let form = Form::parse(&request.body);
        if request.method != "POST" {
            return refuse(
                request,
                405,
                "invalid_request",
                900_561,
                "The endpoint only accepts POST.",
            );
        }
        if form.get("grant_type") != "client_credentials" {
            return refuse(
                request,
                400,
                "unsupported_grant_type",
                70_003,
                "The grant type is not supported.",
            );
        }
        let scope = form.get("scope");
        if !scope.ends_with("/.default") || scope.contains(' ') {
            return refuse(
                request,
                400,
                "invalid_scope",
                70_011,
                "The provided value for the input parameter 'scope' is not valid.",
            );
        }
        if form.get("client_id").is_empty() {
            return refuse(
                request,
                400,
                "invalid_request",
                900_144,
                "The request body must contain the following parameter: 'client_id'.",
            );
        }
        if matches!(directory, "common" | "consumers") {
            return refuse(
                request,
                400,
                "invalid_request",
                90_130,
                "Application is not supported over the /common or /consumers endpoints.",
            );
        }
        let url = format!("{root}{}", request.path());
        match self.prove(&form, &url) {
            Ok(()) => self.issue(directory),
            Err((code, text)) => refuse(request, 401, "invalid_client", code, text),
        }
    }

    /// Whether the form proves who sent it.
    fn prove(&mut self, form: &Form, url: &str) -> Result<(), (u32, &'static str)> {
        let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
        match (secret, assertion) {
            ("", "") => Err((
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )),
            (secret, "") if secret == self.secret => Ok(()),
            (_, "") => Err((
                7_000_215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
            )),
            _ if form.get("client_assertion_type") != JWT_BEARER => {
                Err((50_027, "The type of the assertion is not supported."))
            }
            ("", assertion) if self.trusted.contains(assertion) => Ok(()),
            ("", assertion) if assertion.starts_with(VOUCHED) => Err((
                70_021,
                "No matching federated identity record found for presented assertion.",
            )),
            ("", assertion) => self.assertions.check(assertion, url, form.get("client_id")),
            _ => Err((7_000_218, "Both a secret and an assertion were sent.")),
        }
    }

    fn issue(&mut self, directory: &str) -> Answer {
        let token = self.new_token(directory);
        let lifetime = self.lifetime;
        Answer::new(
            200,
            JSON,
            format!(
                r#"{{"token_type":"Bearer","expires_in":{lifetime},"ext_expires_in":{lifetime},"access_token":"{token}"}}"#
            ),
        )
        .with("Cache-Control", "no-store, no-cache")
    }

    /// A token for that directory.
    pub fn new_token(&mut self, directory: &str) -> String {
        let token = format!("sandbox.{}", uuid::Uuid::new_v4().simple());
        let token = if self.roles.is_empty() {
            token
        } else {
            let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
            let header = encoded(r#"{"typ":"JWT"}"#.to_owned());
            let claims = encoded(serde_json::json!({ "roles": self.roles }).to_string());
            format!("{header}.{claims}.{token}")
        };
        if self.born_revoked > 0 {
            self.born_revoked -= 1;
        } else {
            let now = Instant::now();
            let until = now
                .checked_add(Duration::from_secs(self.lifetime))
                .unwrap_or(now);
            self.tokens
                .insert(token.clone(), (directory.to_owned(), until));
        }
        token
    }

    /// An assertion for a job, which is good from now on.
    pub fn vouch(&mut self) -> String {
        let assertion = format!("{VOUCHED}{}.sandbox", uuid::Uuid::new_v4().simple());
        self.trusted.insert(assertion.clone());
        assertion
    }

    /// When a token ends that is given now, in seconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "a server says what time it is")]
    pub fn until(&self) -> i64 {
        let lifetime = i64::try_from(self.lifetime).unwrap_or(i64::MAX);
        chrono::Utc::now().timestamp().saturating_add(lifetime)
    }
}

fn refuse(request: &Request, status: u16, error: &str, code: u32, text: &str) -> Answer {
    let (trace, correlation) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let stamp = "2026-11-22 18:00:00Z";
    let description = format!(
        "AADSTS{code}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {stamp}"
    );
    let body = format!(
        r#"{{"error":"{error}","error_description":{},"error_codes":[{code}],"timestamp":"{stamp}","trace_id":"{trace}","correlation_id":"{correlation}","error_uri":"https://login.sandbox.invalid/error?code={code}"}}"#,
        quote(&description)
    );
    let answer = Answer::new(status, JSON, body);
    match request.header("client-request-id") {
        Some(id) => answer.with("client-request-id", id),
        None => answer,
    }
}

struct Form(HashMap<String, String>);

impl Form {
    fn parse(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let fields = text
            .split('&')
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (decode(name), decode(value)));
        Self(fields.collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}
