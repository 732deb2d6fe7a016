//! Asking another issuer for an assertion: one request to where the environment says, with the
//! token that it gives for this purpose, and one field of a JSON answer.

use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::super::root::Root;
use super::super::throttle::{self, Cause};
use super::super::wire::{Answer, Outgoing, Payload};
use super::super::{Error, Fault};
use super::tries::{Failure, Patience, until_answered};
use super::{Means, SignIn, is_sendable};
use crate::json;

/// Whom to ask, and how.
pub(super) struct Issuer<'a> {
    /// Its name in messages.
    pub(super) name: &'static str,
    /// Where the environment says that it is, with its query.
    pub(super) url: &'a str,
    /// The variable that says so.
    pub(super) variable: &'static str,
    /// Options added to the query.
    pub(super) options: &'a [(&'a str, &'a str)],
    /// Whether it is a POST of nothing; else a GET.
    pub(super) post: bool,
    /// The token that allows to ask.
    pub(super) token: &'a SecretString,
    /// Headers beside that.
    pub(super) headers: &'a [(&'static str, &'static str)],
    /// The field of the answer that holds the assertion.
    pub(super) field: &'static str,
    /// What to do where it refuses.
    pub(super) hint: &'static str,
}

impl Issuer<'_> {
    /// Asks it for an assertion.
    pub(super) fn assertion(
        &self,
        sign_in: &SignIn,
        means: &Means<'_>,
    ) -> Result<SecretString, Error> {
        let unusable = |why: String| {
            sign_in.not_here(
                &format!("environment variable {} {why}", self.variable),
                self.hint,
            )
        };
        let (base, query) = self.url.split_once('?').unwrap_or((self.url, ""));
        let root = Root::parse(base).map_err(unusable)?;
        let url = root.asking(query, self.options).map_err(unusable)?;
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let mut headers = vec![("authorization", SecretString::from(bearer))];
        let more = self.headers.iter();
        headers.extend(more.map(|&(name, value)| (name, SecretString::from(value))));
        until_answered(sign_in, Patience::Usual, means, |one| {
            let outcome = means.wire.send(&Outgoing {
                root: &root,
                url: &url,
                payload: if self.post {
                    Payload::EmptyPost(&headers)
                } else {
                    Payload::Get(&headers)
                },
                request_id: &one.request_id,
                left: one.left,
                new_connection: one.new_connection,
                flag: None,
                platform: None,
            });
            let what = format!("{}: ", self.name);
            let mut answer =
                outcome.map_err(|lost| Failure::without_answer(sign_in, &what, lost))?;
            let read = self.judge(sign_in, &what, &answer);
            answer.body.zeroize();
            read
        })
    }

    fn judge(
        &self,
        sign_in: &SignIn,
        what: &str,
        answer: &Answer,
    ) -> Result<SecretString, Failure> {
        let status = answer.status;
        if (200..300).contains(&status) {
            let said: Value =
                json::read(&answer.body).map_err(|_| Failure::bad_body(sign_in, what))?;
            let token = said.get(self.field).and_then(Value::as_str);
            return token
                .map(SecretString::from)
                .filter(is_sendable)
                .ok_or_else(|| {
                    let error =
                        sign_in.error(Fault::Auth, &format!("{what}the answer holds no token"));
                    Failure::permanent(error.hint(self.hint))
                });
        }
        let transient = matches!(status, 408 | 429 | 500..=599);
        let fault = match status {
            429 => Fault::Throttled,
            _ if transient => Fault::Unavailable,
            _ => Fault::Auth,
        };
        let error = Error {
            status: Some(status),
            ..sign_in.error(
                fault,
                &format!("{what}answered {status} and gives no token"),
            )
        };
        if !transient {
            return Err(Failure::permanent(error.hint(self.hint)));
        }
        Err(Failure {
            cause: Some(Cause::Status(status)),
            retry_after: throttle::retry_after(
                &answer.headers.retry_after,
                answer.headers.date.as_deref(),
            ),
            error,
        })
    }
}
