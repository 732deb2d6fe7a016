//! The token request of the client credentials flow, and what its answers mean.
//!
//! The request is a form: `POST {authority}/{directory}/oauth2/v2.0/token` with `grant_type`,
//! `client_id`, `scope={graph root}/.default` and the fields that prove who we are.
//!
//! Whether to try again follows from the status and the OAuth `error` alone. The number in
//! `error_codes` only chooses the hint: Microsoft changes numbers and texts without notice.

use std::time::Instant;

use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::super::throttle::{self, Cause};
use super::super::token::Fresh;
use super::super::wire::{Answer, Lost, Outgoing, Payload};
use super::super::{Error, Fault, answer};
use super::certificate::Signer;
use super::tries::{Failure, Patience, Try, until_answered};
use super::{DEFAULT_LIFETIME, Means, SignIn, blotted, hint, is_sendable, whole_number};
use crate::json;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What proves who we are.
pub(super) enum Proof {
    /// A client secret.
    Secret(SecretString),
    /// An assertion that somebody else signed.
    Assertion(SecretString),
    /// The key that signs an assertion of our own, a new one for each try.
    Signer(Box<Signer>),
}

/// A field of the form.
type Field = (&'static str, SecretString);

impl Proof {
    fn fields(&self, sign_in: &SignIn, url: &str, means: &Means<'_>) -> Result<Vec<Field>, Error> {
        let assertion = match self {
            Self::Secret(secret) => return Ok(vec![("client_secret", secret.clone())]),
            Self::Assertion(assertion) => assertion.clone(),
            Self::Signer(signer) => signer
                .assertion(url, &sign_in.identity.client_id, means.clock.now())
                .map_err(|error| sign_in.unusable(&error))?,
        };
        Ok(vec![
            ("client_assertion_type", SecretString::from(JWT_BEARER)),
            ("client_assertion", assertion),
        ])
    }
}

/// Asks the authority for a token, again where that can help.
pub(super) fn fetch(
    sign_in: &SignIn,
    proof: &Proof,
    claims: Option<&str>,
    means: &Means<'_>,
) -> Result<Fresh, Error> {
    let identity = &sign_in.identity;
    let url = identity
        .authority
        .below(&format!("{}/oauth2/v2.0/token", identity.directory));
    until_answered(sign_in, Patience::Usual, means, |one: &Try| {
        let fields = proof
            .fields(sign_in, &url, means)
            .map_err(Failure::permanent)?;
        let outcome = means.wire.send(&Outgoing {
            root: &identity.authority,
            url: &url,
            payload: Payload::Form(&form(sign_in, &fields, claims)),
            request_id: &one.request_id,
            left: one.left,
            new_connection: one.new_connection,
            flag: Some("--authority-url"),
            platform: None,
        });
        judge(sign_in, outcome, one.began, &fields)
    })
}

fn form(sign_in: &SignIn, proof: &[Field], claims: Option<&str>) -> SecretString {
    let mut form = String::new();
    let plain = [
        ("grant_type", "client_credentials"),
        ("client_id", &sign_in.identity.client_id),
        ("scope", &sign_in.identity.scope),
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
    sign_in: &SignIn,
    outcome: Result<Answer, Lost>,
    asked_at: Instant,
    proof: &[Field],
) -> Result<Fresh, Failure> {
    let mut answer = outcome.map_err(|lost| Failure::without_answer(sign_in, "", lost))?;
    let read = if (200..300).contains(&answer.status) {
        token_of(sign_in, &answer, asked_at, proof)
    } else {
        Err(refusal(sign_in, &answer, proof))
    };
    answer.body.zeroize();
    read
}

fn token_of(
    sign_in: &SignIn,
    answer: &Answer,
    asked_at: Instant,
    proof: &[Field],
) -> Result<Fresh, Failure> {
    let Ok(said) = json::read::<TokenAnswer>(&answer.body) else {
        return Err(Failure::bad_body(sign_in, ""));
    };
    if said.error.is_some() {
        return Err(refusal(sign_in, answer, proof));
    }
    let token = said.access_token.map(SecretString::from);
    match token.filter(is_sendable) {
        Some(secret) => Ok(Fresh {
            secret,
            lifetime: whole_number(said.expires_in.as_ref())
                .map_or(DEFAULT_LIFETIME, std::time::Duration::from_secs),
            asked_at,
        }),
        None => Err(Failure::permanent(
            sign_in.error(Fault::Auth, "the answer holds no token"),
        )),
    }
}

/// What an answer other than a token means.
fn refusal(sign_in: &SignIn, answer: &Answer, proof: &[Field]) -> Failure {
    let said = Refusal::of(&answer.body);
    let shown = |text: &str| {
        let secrets = proof
            .iter()
            .filter(|(name, _)| *name != "client_assertion_type");
        let secrets: Vec<SecretString> = secrets
            .flat_map(|(_, secret)| [secret.clone(), as_sent(secret)])
            .collect();
        answer::one_line(&blotted(text, &secrets))
    };
    log::info!(
        "sign-in of tenant {}: status {}, error {:?}, codes {:?}, trace {:?}, correlation {:?}, at {:?}",
        sign_in.tenant,
        answer.status,
        shown(&said.error),
        said.error_codes,
        shown(&said.trace_id),
        shown(&said.correlation_id),
        shown(&said.timestamp),
    );
    let first_line = said.error_description.lines().next().unwrap_or("");
    let why = match (first_line.is_empty(), said.error.is_empty()) {
        (false, _) => shown(first_line),
        (true, false) => shown(&said.error),
        (true, true) => format!("answered {}", answer.status),
    };
    let transient =
        said.error == "temporarily_unavailable" || matches!(answer.status, 408 | 429 | 500..=599);
    let fault = match answer.status {
        429 => Fault::Throttled,
        _ if transient => Fault::Unavailable,
        300..400 => Fault::BadResponse,
        _ => Fault::Auth,
    };
    let code = said.error_codes.first().copied();
    let error = Error {
        status: Some(answer.status),
        hint: code.and_then(|code| hint::of(code, &sign_in.tenant)),
        ..sign_in.error(fault, &why)
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
        let said: Value = json::read(body).unwrap_or_default();
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

/// A value as the form holds it.
fn as_sent(value: &SecretString) -> SecretString {
    let mut encoded = String::new();
    encode_form(&mut encoded, value.expose_secret());
    SecretString::from(encoded)
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

/// What holds whatever the service says.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(body: &[u8]) {
    let said = Refusal::of(body);
    for code in said.error_codes {
        let hint = hint::of(code, "contoso").unwrap_or_default();
        assert!(!hint.contains(char::is_control), "{hint:?}");
    }
    let shown = answer::one_line(&said.error_description);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    if let Ok(token) = json::read::<TokenAnswer>(body) {
        let _ = whole_number(token.expires_in.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_the_sign_in_says_it_is_read_or_empty(
            body in crate::mutation::mutated(vec![
                br#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.\r\nTrace ID: x","error_codes":[7000222],"timestamp":"2026-11-22 10:00:00Z","trace_id":"x","correlation_id":"y"}"#.to_vec(),
                br#"{"access_token":"x","expires_in":"3599","token_type":"Bearer"}"#.to_vec(),
            ]),
        ) {
            probe(&body);
        }
    }
}
