//! A certificate and its private key, from one PEM file that nobody else can read: what signs the
//! assertions of an application.
//!
//! The file is read anew at each use, so that a renewed one is used from then on. It holds one
//! private key (PKCS#8 or PKCS#1, RSA of 2048 to 4096 bits, not encrypted) and one or more
//! certificates in any order; the one whose public key is that of the private key is ours, whatever
//! else is there. The private key is inside the crypto library once it is read, and no message here
//! holds a byte of it.
//!
//! Time is passed in: whether a certificate is valid is asked of the machine's clock by the caller.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use x509_cert::Certificate as Parsed;
use x509_cert::der::Decode as _;

use super::private_file;
use crate::error::{Error, Kind, Result, typed};
use crate::plural::counted;
use crate::tenant::Credential;

/// How long before its end a certificate is warned of.
const WARN_DAYS: i64 = 30;

/// A certificate with its private key.
#[derive(Debug)]
pub struct Certificate {
    key: RsaKeyPair,
    facts: Facts,
    path: String,
}

/// What is public about a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whose it is (RFC 4514).
    pub subject: String,
    /// SHA-1 over the DER in hexadecimal digits, which is what Entra's pages show.
    pub thumbprint: String,
    /// SHA-256 over the DER, which is what an assertion names it by.
    pub sha256: [u8; 32],
    /// Since when it is valid.
    pub not_before: DateTime<Utc>,
    /// Until when it is valid.
    pub not_after: DateTime<Utc>,
}

impl Certificate {
    /// Reads the file.
    ///
    /// # Errors
    /// Others can read it, or it does not hold one usable key with its certificate.
    pub fn read(path: &Path) -> Result<Self> {
        let content = Zeroizing::new(private_file(path)?);
        let flawed = |flaw: &Flaw| flaw.error(path);
        if let Some(flaw) = unreadable(&content) {
            return Err(flawed(&flaw));
        }
        let key = key_of(&content).map_err(|flaw| flawed(&flaw))?;
        let facts = facts_of(&content, key.public_key().as_ref()).map_err(|flaw| flawed(&flaw))?;
        Ok(Self {
            key,
            facts,
            path: path.display().to_string(),
        })
    }

    /// What is public about it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Signs with RSASSA-PSS and SHA-256.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| {
                let what = format!("cannot sign with the key in {}", self.path);
                Error::new(Kind::CredentialUnusable, what)
            })?;
        Ok(signature)
    }

    /// Refuses one that is not valid at `now`.
    ///
    /// # Errors
    /// It has expired, or is not valid yet.
    pub fn require_valid(&self, now: DateTime<Utc>) -> Result<()> {
        let facts = &self.facts;
        let what = format!("certificate {} in {}", facts.subject, self.path);
        if now >= facts.not_after {
            let message = format!("{what} expired on {}", day(facts.not_after));
            return Err(Error::new(Kind::CredentialUnusable, message).hint(renew(&self.path)));
        }
        if now < facts.not_before {
            let message = format!("{what} is not valid before {}", day(facts.not_before));
            let hint = "check the clock of this machine (timedatectl), or use another certificate";
            return Err(Error::new(Kind::CredentialUnusable, message).hint(hint));
        }
        Ok(())
    }

    /// A warning where it expires within 30 days.
    pub fn warning(&self, now: DateTime<Utc>) -> Option<String> {
        let left = self.facts.not_after.signed_duration_since(now);
        let soon = TimeDelta::try_days(WARN_DAYS).is_some_and(|soon| left <= soon);
        soon.then(|| {
            format!(
                "certificate {} in {} expires on {}, in {}: upload a new one to the app registration before, then replace the file",
                self.facts.subject,
                self.path,
                day(self.facts.not_after),
                counted(left.num_days(), "day", "days")
            )
        })
    }
}

/// A warning about a credential that ends soon. None where there is nothing to say, nor where the
/// credential cannot be read: whoever uses it says that.
pub fn warning(credential: &Credential, now: DateTime<Utc>) -> Option<String> {
    match credential {
        Credential::Certificate(path) => Certificate::read(path).ok()?.warning(now),
        _ => None,
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Encrypted,
    Pfx,
    NoPem,
    NoKey,
    NotRsa,
    TooSmall,
    TooLarge,
    BrokenKey,
    NoCertificate,
    BrokenCertificate,
    Mismatch,
}

impl Flaw {
    fn error(self, path: &Path) -> Error {
        let file = path.display();
        let word = typed(path);
        let new = path.with_extension("new.pem");
        let new = typed(&new);
        // Into another file: the one at hand may be the only copy of what it holds.
        let join =
            format!("put both into one file: umask 077; cat KEY.pem CERTIFICATE.pem > {new}");
        let (message, hint) = match self {
            Self::Encrypted => (
                format!(
                    "the private key in {file} is encrypted, and there is nobody to ask for its password"
                ),
                format!(
                    "umask 077; openssl pkey -in {word} -out {new} && openssl x509 -in {word} >> {new}"
                ),
            ),
            Self::Pfx => (
                format!("{file} is not PEM; it looks like PKCS#12 (PFX)"),
                format!("umask 077; openssl pkcs12 -in {word} -out {new} -nodes"),
            ),
            Self::NoPem => (format!("{file} is not PEM"), join),
            Self::NoKey => (format!("{file} holds no private key"), join),
            Self::NoCertificate => (format!("{file} holds no certificate"), join),
            Self::NotRsa => (
                format!("the private key in {file} is not RSA; Entra takes RSA keys only"),
                create(),
            ),
            Self::TooSmall => (
                format!("the RSA key in {file} has fewer than 2048 bits"),
                create(),
            ),
            Self::TooLarge => (
                format!("the RSA key in {file} has more than 4096 bits"),
                create(),
            ),
            Self::BrokenKey => (
                format!("the private key in {file} is damaged"),
                format!("see what is wrong: openssl pkey -noout -check -in {word}"),
            ),
            Self::BrokenCertificate => (
                format!("the certificate in {file} is damaged"),
                format!("see what is wrong: openssl x509 -noout -text -in {word}"),
            ),
            Self::Mismatch => (
                format!("the private key in {file} is not that of the certificate beside it"),
                format!(
                    "compare: openssl pkey -in {word} -pubout; openssl x509 -in {word} -noout -pubkey"
                ),
            ),
        };
        Error::new(Kind::CredentialUnusable, message).hint(hint)
    }
}

/// What to type for a new key and certificate.
fn create() -> String {
    "umask 077; openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=tenantpilot \
     -keyout tenantpilot.pem -out tenantpilot.crt && cat tenantpilot.crt >> tenantpilot.pem"
        .to_owned()
}

fn renew(path: &str) -> String {
    format!(
        "make a new one, upload tenantpilot.crt to the app registration, replace {path}: {}",
        create()
    )
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d").to_string()
}

/// What can be told of a file without reading its parts.
fn unreadable(content: &[u8]) -> Option<Flaw> {
    let has = |text: &str| {
        content
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    if has("ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED") {
        Some(Flaw::Encrypted)
    } else if has("-----BEGIN ") {
        None
    } else if content.first() == Some(&0x30) {
        Some(Flaw::Pfx)
    } else {
        Some(Flaw::NoPem)
    }
}

fn key_of(content: &[u8]) -> Result<RsaKeyPair, Flaw> {
    use rustls_pki_types::pem::Error as Pem;

    let mut der = PrivateKeyDer::from_pem_slice(content).map_err(|error| match error {
        Pem::NoItemsFound => Flaw::NoKey,
        _ => Flaw::BrokenKey,
    })?;
    let key = match &der {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err(Flaw::NotRsa),
    };
    der.zeroize();
    // The library tells its reasons as words only.
    key.map_err(|rejected| match rejected.to_string().as_str() {
        "WrongAlgorithm" => Flaw::NotRsa,
        "TooSmall" => Flaw::TooSmall,
        "TooLarge" => Flaw::TooLarge,
        _ => Flaw::BrokenKey,
    })
}

/// The facts of the certificate with that public key.
fn facts_of(content: &[u8], public_key: &[u8]) -> Result<Facts, Flaw> {
    let mut flaw = Flaw::NoCertificate;
    for certificate in CertificateDer::pem_slice_iter(content) {
        let der = certificate.map_err(|_| Flaw::BrokenCertificate)?;
        let parsed = Parsed::from_der(&der).map_err(|_| Flaw::BrokenCertificate)?;
        let held = parsed.tbs_certificate().subject_public_key_info();
        if held.subject_public_key.as_bytes() == Some(public_key) {
            return facts(&parsed, &der).ok_or(Flaw::BrokenCertificate);
        }
        flaw = Flaw::Mismatch;
    }
    Err(flaw)
}

fn facts(parsed: &Parsed, der: &[u8]) -> Option<Facts> {
    let time = |time: x509_cert::time::Time| {
        let seconds = time.to_unix_duration().as_secs();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
    };
    let tbs = parsed.tbs_certificate();
    let validity = tbs.validity();
    Some(Facts {
        subject: tbs.subject().to_string(),
        thumbprint: digest(&SHA1_FOR_LEGACY_USE_ONLY, der)
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect(),
        sha256: digest(&SHA256, der).as_ref().try_into().ok()?,
        not_before: time(validity.not_before)?,
        not_after: time(validity.not_after)?,
    })
}

/// What holds whatever is in a file: it is a key with its certificate, or it is said why not.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(content: &[u8]) {
    let path = Path::new("app.pem");
    if let Some(flaw) = unreadable(content) {
        assert!(flaw.error(path).hint_text().is_some());
        return;
    }
    match key_of(content) {
        Ok(key) => {
            let _ = facts_of(content, key.public_key().as_ref());
        }
        Err(flaw) => assert!(flaw.error(path).hint_text().is_some()),
    }
}

/// What holds whatever is called a certificate: its facts can be told, or it is damaged.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe_der(der: &[u8]) {
    if let Ok(parsed) = Parsed::from_der(der)
        && let Some(facts) = facts(&parsed, der)
    {
        let _ = (day(facts.not_before), day(facts.not_after));
    }
}

#[cfg(test)]
pub(crate) mod tests;
