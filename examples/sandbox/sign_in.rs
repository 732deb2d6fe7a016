//! The token endpoint, and which tokens are good.
//!
//! Tokens are random and live in memory. A secret is compared; of a signed assertion only the
//! presence is checked, since the sandbox knows no certificates.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::http::{Answer, Request};
use super::json::quote;
use super::query::decode;

const JSON: &str = "application/json; charset=utf-8";
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
    tokens: HashMap<String, (String, Instant)>,
}

impl SignIn {
    /// No tokens yet.
    pub fn new(secret: &str, lifetime: u64) -> Self {
        Self {
            secret: secret.to_owned(),
            lifetime,
            born_revoked: 0,
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

    /// The answer of `/{directory}/oauth2/v2.0/token`.
    pub fn token(&mut self, directory: &str, request: &Request) -> Answer {
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
        let assertion = form.get("client_assertion");
        let signed = form.get("client_assertion_type") == JWT_BEARER
            && assertion.split('.').filter(|part| !part.is_empty()).count() == 3;
        let secret = form.get("client_secret");
        if !signed && secret.is_empty() {
            return refuse(
                request,
                401,
                "invalid_client",
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            );
        }
        if !signed && secret != self.secret {
            return refuse(
                request,
                401,
                "invalid_client",
                7_000_215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
            );
        }
        self.issue(directory)
    }

    fn issue(&mut self, directory: &str) -> Answer {
        let token = format!("sandbox.{}", uuid::Uuid::new_v4().simple());
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
