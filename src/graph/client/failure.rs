//! What one failed try means, in words for people and in facts for the throttle. Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use secrecy::ExposeSecret as _;

use super::super::answer::{Complaint, html_start};
use super::super::throttle::{self, Cause};
use super::super::token::Token;
use super::super::wire::{Answer, Lost};
use super::super::{Error, Fault, Request};
use crate::{disk, json};

/// Graph's code for an object that is not there.
const RESOURCE_NOT_FOUND: &str = "ResourceNotFound";

/// One failed try.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    /// What it is called if it is the last.
    pub(super) error: Error,
    pub(super) retry_after: Option<Duration>,
    pub(super) claims: Option<String>,
    /// The run was over before the answer came.
    pub(super) out_of_time: bool,
    /// It is the server's fault, so that other requests may fare alike.
    pub(super) retriable_elsewhere: bool,
}

impl Failure {
    /// Whether it is the tenant's limits that were hit.
    pub(super) fn is_throttling(&self) -> bool {
        throttle::is_throttling(self.cause)
    }

    /// Whether it is as true of requests that go alone as of those that go together.
    pub(super) fn holds_for_all(&self) -> bool {
        matches!(self.cause, Cause::Status(401 | 429 | 509))
    }

    /// An answer to a batch in which there is none to this request.
    pub(super) fn of_no_answer(request: &Request, why: &str) -> Self {
        Self {
            cause: Cause::BadBody,
            error: Error::new(Fault::BadResponse, format!("{}: {why}", request.path)),
            retry_after: None,
            claims: None,
            out_of_time: false,
            retriable_elsewhere: true,
        }
    }

    /// `tenant` is the name of the one whose Graph it is.
    pub(super) fn without_answer(request: &Request, tenant: &str, lost: Lost) -> Self {
        let path = &request.path;
        let (cause, why, hint, out_of_time) = match lost {
            Lost::Network {
                why,
                remedy,
                out_of_time,
            } => {
                let hint = remedy.map(|remedy| remedy.hint(tenant));
                (Cause::Network, why, hint, out_of_time)
            }
            Lost::NoHandle(why) => (
                Cause::NoHandle,
                why,
                Some(disk::MORE_FILES.to_owned()),
                false,
            ),
            Lost::Garbled => (
                Cause::BadBody,
                "the body cannot be decompressed".to_owned(),
                None,
                false,
            ),
            Lost::TooLarge(limit) => (
                Cause::TooLarge,
                format!("the body has more than {} MiB", limit >> 20),
                None,
                false,
            ),
        };
        let fault = match cause {
            Cause::Network => Fault::Network,
            Cause::NoHandle => Fault::NoHandle,
            _ => Fault::BadResponse,
        };
        let mut error = Error::new(fault, format!("{path}: {why}"));
        error.hint = hint;
        Self {
            cause,
            error,
            retry_after: None,
            claims: None,
            out_of_time,
            retriable_elsewhere: !matches!(cause, Cause::TooLarge | Cause::NoHandle),
        }
    }

    pub(super) fn of_status(request: &Request, answer: &Answer, token: &Token) -> Self {
        let complaint = Complaint::of(&answer.body);
        let status = answer.status;
        let header = &answer.headers;
        let inner: Vec<String> = complaint.retry_after.iter().cloned().collect();
        let retry_after = throttle::retry_after(&header.retry_after, header.date.as_deref())
            .or_else(|| throttle::retry_after(&inner, None));
        let said = blotted(&complaint.shown(), token);
        let why = match (status, said.is_empty()) {
            (300..400, _) => format!("answered {status}, a redirect, which is not followed"),
            (_, true) => format!("answered {status}"),
            (_, false) => format!("answered {status} {said}"),
        };
        let fault = match status {
            400 => complaint.fault_of_400(),
            403 => complaint.fault_of_403(),
            _ => Fault::Refused,
        };
        let permissions = if status == 403 {
            complaint.permissions()
        } else {
            Vec::new()
        };
        Self {
            cause: Cause::Status(status),
            error: Error {
                fault,
                status: Some(status),
                resource_not_found: complaint.code == RESOURCE_NOT_FOUND,
                message: format!("{}: {why}", request.path),
                hint: hint(fault, &permissions),
                permissions,
            },
            retry_after,
            claims: header.challenge.as_deref().and_then(claims_of),
            out_of_time: false,
            retriable_elsewhere: matches!(status, 408 | 429 | 500..=599),
        }
    }

    pub(super) fn of_bad_body(
        request: &Request,
        answer: &Answer,
        why: &str,
        token: &Token,
    ) -> Self {
        if let Some(start) = html_start(&answer.body) {
            log::debug!("{}: instead of JSON: {start}", request.path);
        }
        Self {
            cause: Cause::BadBody,
            error: Error {
                status: Some(answer.status),
                ..Error::new(
                    Fault::BadResponse,
                    format!(
                        "{}: answered {} but {}",
                        request.path,
                        answer.status,
                        blotted(why, token)
                    ),
                )
            },
            retry_after: None,
            claims: None,
            out_of_time: false,
            retriable_elsewhere: true,
        }
    }

    /// The error, once no try is left. What a 400 or a 403 means was read from the answer.
    pub(super) fn finally(&self, fault: Fault) -> Error {
        let fault = if matches!(self.cause, Cause::Status(400 | 403)) {
            self.error.fault
        } else {
            fault
        };
        let error = self.error.clone();
        Error {
            fault,
            hint: error.hint.or_else(|| hint(fault, &error.permissions)),
            ..error
        }
    }
}

fn hint(fault: Fault, permissions: &[String]) -> Option<String> {
    match (fault, permissions.first()) {
        (Fault::Forbidden, Some(permission)) => Some(format!(
            "give the application the permission {permission} and grant admin consent"
        )),
        (Fault::Auth, _) => {
            Some("Graph refuses a fresh token: check directory, client id and cloud".to_owned())
        }
        (Fault::NotLicensed, _) => {
            Some("the tenant has no licence for this, or no MDM authority is set".to_owned())
        }
        _ => None,
    }
}

/// The text without the token, should the server have repeated it.
fn blotted(text: &str, token: &Token) -> String {
    text.replace(token.secret().expose_secret(), "***")
}

/// The claims that a 401 demands of the next token: base64 in the challenge, JSON inside.
fn claims_of(challenge: &str) -> Option<String> {
    let at = challenge.find("claims=\"")? + "claims=\"".len();
    let encoded = challenge.get(at..)?.split('"').next()?;
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = [&base64::alphabet::STANDARD, &base64::alphabet::URL_SAFE]
        .into_iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(encoded).ok())?;
    let text = String::from_utf8(decoded).ok()?;
    json::read::<serde_json::Map<String, serde_json::Value>>(text.as_bytes())
        .is_ok()
        .then_some(text)
}

/// What holds whatever a challenge demands: it is JSON, or nothing.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(challenge: &str) {
    if let Some(claims) = claims_of(challenge) {
        assert!(claims.trim().starts_with('{'), "{claims:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_found_in_any_base64_and_nothing_else_is() {
        let claims = r#"{"access_token":{"x":"??>>"}}"#;
        for alphabet in [&base64::alphabet::STANDARD, &base64::alphabet::URL_SAFE] {
            for padding in [true, false] {
                let config = GeneralPurposeConfig::new().with_encode_padding(padding);
                let encoded = GeneralPurpose::new(alphabet, config).encode(claims);
                let challenge = format!("Bearer error=\"x\", claims=\"{encoded}\", a=\"b\"");
                assert_eq!(claims_of(&challenge).as_deref(), Some(claims));
            }
        }
        for challenge in [
            "",
            "Bearer",
            "claims=\"",
            "claims=\"!\"",
            "claims=\"bnVsbA==\"",
        ] {
            assert_eq!(claims_of(challenge), None, "{challenge}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_a_challenge_demands_is_json_or_nothing(
            challenge in crate::mutation::mutated_text(&[
                r#"Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#,
                r#"Bearer realm="", claims="e30", a="b""#,
            ]),
        ) {
            probe(&challenge);
        }
    }
}
