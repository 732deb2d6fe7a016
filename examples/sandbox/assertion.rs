//! Client assertions: what an application signs with its certificate, checked as Entra documents
//! it ("application authentication certificate credentials").

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use x509_cert::der::Decode as _;

/// An assertion lives no longer than this.
const LONGEST_S: i64 = 10 * 60;

/// A certificate that is uploaded to the app registration.
#[derive(Debug)]
struct Registered {
    thumbprint: String,
    public_key: Vec<u8>,
}

/// The certificates that are uploaded, and the ids of assertions that came.
#[derive(Debug, Default)]
pub struct Assertions {
    registered: Vec<Registered>,
    used: HashSet<String>,
}

/// Number and text of an error.
type Refusal = (u32, &'static str);

impl Assertions {
    /// Uploads every certificate of a PEM text; `None` where there is none.
    pub fn register(&mut self, pem: &str) -> Option<()> {
        for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let der = der.ok()?;
            let parsed = x509_cert::Certificate::from_der(&der).ok()?;
            let key = parsed.tbs_certificate().subject_public_key_info();
            self.registered.push(Registered {
                thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)),
                public_key: key.subject_public_key.as_bytes()?.to_vec(),
            });
        }
        (!self.registered.is_empty()).then_some(())
    }

    /// Takes all certificates away.
    pub fn forget(&mut self) {
        self.registered.clear();
    }

    /// Whether an assertion is good for the token request at `url`.
    pub fn check(&mut self, assertion: &str, url: &str, client_id: &str) -> Result<(), Refusal> {
        let signed = assertion.rsplit_once('.').map_or("", |(signed, _)| signed);
        let parts: Vec<Vec<u8>> = assertion
            .split('.')
            .filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok())
            .collect();
        let [header, claims, signature] = &parts[..] else {
            return Err((50_027, "JWT token is invalid or malformed."));
        };
        let json = |part: &[u8]| serde_json::from_slice::<Value>(part).unwrap_or_default();
        let (header, claims) = (json(header), json(claims));
        self.check_signature(&header, signed, signature)?;
        check_claims(&claims, url, client_id)?;
        let id = claims["jti"].as_str().unwrap_or_default();
        if uuid::Uuid::parse_str(id).is_err() || !self.used.insert(id.to_owned()) {
            return Err((50_013, "Assertion failed validation: it was used before."));
        }
        Ok(())
    }

    fn check_signature(
        &self,
        header: &Value,
        signed: &str,
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let names = self
            .registered
            .iter()
            .find(|one| header["x5t#S256"] == one.thumbprint.as_str());
        let Some(registered) = names else {
            return Err((
                700_027,
                "The certificate with identifier used to sign the client assertion is not registered on application.",
            ));
        };
        let good = header["alg"] == "PS256"
            && header["typ"] == "JWT"
            && UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &registered.public_key)
                .verify(signed.as_bytes(), signature)
                .is_ok();
        if good {
            Ok(())
        } else {
            Err((700_027, "Client assertion failed signature validation."))
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server judges by its own clock"
)]
fn check_claims(claims: &Value, url: &str, client_id: &str) -> Result<(), Refusal> {
    if claims["aud"] != url {
        return Err((
            700_023,
            "Client assertion audience claim does not match Realm issuer.",
        ));
    }
    if claims["iss"] != client_id || claims["sub"] != client_id {
        return Err((
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    let time = |name: &str| claims[name].as_i64();
    let now = Utc::now().timestamp();
    match (time("nbf"), time("exp")) {
        (Some(from), Some(to)) if from <= now && now < to && to - from <= LONGEST_S => Ok(()),
        _ => Err((
            700_024,
            "Client assertion is not within its valid time range.",
        )),
    }
}
