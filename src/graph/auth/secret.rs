//! Signing in with a client secret: one field of the form. The secret is read for each token
//! request, so that a rotated one is used from then on.

use secrecy::SecretString;

use super::super::{Error, Fault};
use crate::clock::Clock;
use crate::error::Kind;
use crate::secret;
use crate::stop::Stop;
use crate::tenant::Credential;

/// The form fields that prove who we are.
pub(super) fn proof(
    credential: &Credential,
    clock: &dyn Clock,
    stop: &Stop,
) -> Result<Vec<(&'static str, SecretString)>, Error> {
    let secret = secret::read(credential, clock, stop).map_err(|error| Error {
        fault: if error.kind() == Kind::Canceled {
            Fault::Canceled
        } else {
            Fault::Credential
        },
        status: None,
        message: error.message().to_owned(),
        permissions: Vec::new(),
        hint: error.hint_text().map(str::to_owned),
    })?;
    Ok(vec![("client_secret", secret)])
}
