//! Certificates for tests: one key, and its certificate with any dates.

#![allow(dead_code, reason = "each test file uses a part of it")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_cert::der::{Decode as _, Encode as _};

/// Key and certificate, valid from 2026-11-22 to 2036-11-19.
pub const PEM: &str = include_str!("../fixtures/sign-in/certificate.pem");
/// Another key.
pub const OTHER_KEY: &str = include_str!("../fixtures/sign-in/other-key.pem");

/// The same with other dates, signed anew.
pub fn valid_between(not_before: DateTime<Utc>, not_after: DateTime<Utc>) -> String {
    let der = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
    let parsed = x509_cert::Certificate::from_der(&der).unwrap();
    let mut signed = parsed.tbs_certificate().to_der().unwrap();
    let validity = parsed.tbs_certificate().validity();
    for (old, new) in [
        (validity.not_before, not_before),
        (validity.not_after, not_after),
    ] {
        let old = old.to_der().unwrap();
        let at = signed.windows(old.len()).position(|part| part == old);
        // Tag and length stay: a UTCTime of thirteen characters.
        let text = new.format("%y%m%d%H%M%SZ").to_string();
        assert_eq!(text.len() + 2, old.len());
        signed[at.unwrap() + 2..][..text.len()].copy_from_slice(text.as_bytes());
    }
    let key = PrivatePkcs8KeyDer::from_pem_slice(PEM.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        &signed,
        &mut signature,
    )
    .unwrap();
    let mut whole = der.to_vec();
    let body = whole.len() - signature.len();
    whole[body..].copy_from_slice(&signature);
    let tbs = whole
        .windows(signed.len())
        .position(|part| part[..16] == signed[..16])
        .unwrap();
    whole[tbs..tbs + signed.len()].copy_from_slice(&signed);
    format!("{}{}", key_pem(), pem_of("CERTIFICATE", &whole))
}

/// A signature as assertions have it.
pub fn sign(message: &[u8]) -> Vec<u8> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(PEM.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PSS_SHA256,
        &SystemRandom::new(),
        message,
        &mut signature,
    )
    .unwrap();
    signature
}

/// SHA-256 over the certificate's DER, as assertions have it.
pub fn sha256() -> String {
    let der = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &der))
}

/// The key alone.
pub fn key_pem() -> &'static str {
    let end = "-----END PRIVATE KEY-----\n";
    let at = PEM.find(end).unwrap() + end.len();
    &PEM[..at]
}

fn pem_of(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).unwrap());
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
