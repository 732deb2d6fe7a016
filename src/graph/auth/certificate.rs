//! Signing in with a certificate: an assertion that we sign ("Microsoft identity platform
//! application authentication certificate credentials").
//!
//! A JWT with `alg` PS256, which names the certificate by `x5t#S256`, SHA-256 over its DER. The
//! audience is the URL of the token request. It is good from two minutes before it is made, for
//! clocks that differ, until ten minutes after that; each has an id of its own.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::json;

use crate::error::Result;
use crate::secret::certificate::Certificate;

const BACK_DATED_S: i64 = 2 * 60;
const GOOD_FOR_S: i64 = 8 * 60;

/// A certificate that was valid when it was read.
pub(super) struct Signer(Certificate);

impl Signer {
    /// Reads the file.
    pub(super) fn read(path: &Path, now: DateTime<Utc>) -> Result<Self> {
        let certificate = Certificate::read(path)?;
        certificate.require_valid(now)?;
        Ok(Self(certificate))
    }

    /// An assertion for the token request at `url`.
    pub(super) fn assertion(
        &self,
        url: &str,
        client_id: &str,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": encoded(&self.0.facts().sha256),
        });
        let now = now.timestamp();
        let claims = json!({
            "aud": url,
            "iss": client_id,
            "sub": client_id,
            "jti": uuid::Uuid::new_v4().to_string(),
            "iat": now,
            "nbf": now - BACK_DATED_S,
            "exp": now + GOOD_FOR_S,
        });
        let signed = format!(
            "{}.{}",
            encoded(header.to_string().as_bytes()),
            encoded(claims.to_string().as_bytes())
        );
        let signature = encoded(&self.0.sign(signed.as_bytes())?);
        Ok(SecretString::from(format!("{signed}.{signature}")))
    }
}
