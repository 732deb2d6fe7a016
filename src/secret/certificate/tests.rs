use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

use super::*;
use crate::error::ExitCode;

#[path = "../../../tests/support/certificate.rs"]
pub(crate) mod fixture;

macro_rules! bytes {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/sign-in/", $name)).as_slice()
    };
}

fn file(folder: &tempfile::TempDir, content: &[u8]) -> PathBuf {
    let path = folder.path().join("it's.pem");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn read(content: &[u8]) -> Result<Certificate> {
    let folder = tempfile::tempdir().unwrap();
    Certificate::read(&file(&folder, content))
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn key_and_certificate_are_read_in_any_order_and_form() {
    let chain = format!(
        "{}{}",
        fixture::PEM,
        String::from_utf8_lossy(bytes!("elliptic.pem"))
            .split_once("-----END PRIVATE KEY-----\n")
            .unwrap()
            .1
    );
    for content in [
        bytes!("certificate.pem"),
        bytes!("certificate-first.pem"),
        chain.as_bytes(),
    ] {
        let certificate = read(content).unwrap();
        let facts = certificate.facts();
        assert_eq!(facts.subject, "CN=tenantpilot test,O=Sandbox");
        // As `openssl x509 -fingerprint` gives them.
        assert_eq!(facts.thumbprint, "552BCDD5D775D9D374C52B74BA89BB1FC705CF80");
        assert_eq!(facts.sha256[..4], [0xE4, 0xD7, 0x44, 0xB1]);
        assert_eq!(facts.not_before, at("2026-11-22T21:37:38Z"));
        assert_eq!(facts.not_after, at("2036-11-19T21:37:38Z"));
        let signature = certificate.sign(b"message").unwrap();
        let key = certificate.key.public_key();
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key)
            .verify(b"message", &signature)
            .unwrap();
    }
}

#[test]
fn what_cannot_be_used_is_told_with_the_command_that_mends_it() {
    let own = fixture::PEM.as_bytes();
    let key_only = fixture::key_pem().as_bytes();
    let certificate_only = &own[key_only.len()..];
    let mismatch = [fixture::OTHER_KEY.as_bytes(), certificate_only].concat();
    let half = [&own[..own.len() - 400], b"-----END CERTIFICATE-----\n"].concat();
    for (content, message, hint) in [
        (bytes!("encrypted.pem"), "is encrypted", "openssl pkey -in "),
        (
            bytes!("encrypted-traditional.pem"),
            "is encrypted",
            "openssl pkey -in ",
        ),
        (
            bytes!("certificate.pfx"),
            "PKCS#12 (PFX)",
            "openssl pkcs12 -in ",
        ),
        (
            bytes!("small.pem"),
            "fewer than 2048 bits",
            "openssl req -x509",
        ),
        (bytes!("elliptic.pem"), "is not RSA", "openssl req -x509"),
        (
            bytes!("elliptic-sec1.pem"),
            "is not RSA",
            "openssl req -x509",
        ),
        (b"", "is not PEM", "cat KEY.pem"),
        (b"nothing", "is not PEM", "cat KEY.pem"),
        (certificate_only, "no private key", "cat KEY.pem"),
        (key_only, "no certificate", "cat KEY.pem"),
        (
            &mismatch,
            "not that of the certificate",
            "openssl pkey -in ",
        ),
        (&half, "certificate in ", "openssl x509 -noout"),
    ] {
        let error = read(content).unwrap_err();
        assert_eq!(error.kind().exit_code(), ExitCode::Config, "{error}");
        assert!(error.message().contains(message), "{error}");
        let said = error.hint_text().unwrap();
        assert!(said.contains(hint), "{said}");
        if hint.starts_with("cat ") {
            assert!(
                said.ends_with(r"it'\''s.new.pem'"),
                "the file stays: {said}"
            );
        }
        if hint.ends_with("-in ") {
            assert!(said.contains(r"it'\''s.pem"), "a name is quoted: {said}");
        }
    }
}

#[test]
fn nothing_of_the_key_is_shown() {
    let certificate = read(fixture::PEM.as_bytes()).unwrap();
    let shown = format!("{certificate:?}");
    let inside = fixture::key_pem().lines().nth(4).unwrap();
    assert!(!shown.contains(inside));
    assert!(shown.len() < 3000, "{shown}");
}

#[test]
fn it_is_used_while_it_is_valid_and_warned_of_for_thirty_days() {
    let certificate = read(fixture::PEM.as_bytes()).unwrap();
    let valid = |time| certificate.require_valid(at(time)).is_ok();
    assert!(valid("2026-11-22T21:37:38Z") && valid("2036-11-19T21:37:37Z"));
    assert!(!valid("2026-11-22T21:37:37Z") && !valid("2036-11-19T21:37:38Z"));
    let error = certificate
        .require_valid(at("2036-11-20T00:00:00Z"))
        .unwrap_err();
    assert!(error.message().contains("expired on 2036-11-19"), "{error}");
    assert_eq!(error.kind(), Kind::CredentialUnusable);
    let warning = |time| certificate.warning(at(time));
    assert_eq!(warning("2036-10-20T21:37:37Z"), None);
    let text = warning("2036-10-20T21:37:38Z").unwrap();
    assert!(text.contains("CN=tenantpilot test,O=Sandbox"), "{text}");
    assert!(text.contains("expires on 2036-11-19, in 30 days"), "{text}");
}

#[test]
fn a_certificate_of_any_dates_can_be_made_for_tests() {
    let (from, to) = (at("2031-01-01T00:00:00Z"), at("2032-02-03T04:05:06Z"));
    let certificate = read(fixture::valid_between(from, to).as_bytes()).unwrap();
    assert_eq!(certificate.facts().not_before, from);
    assert_eq!(certificate.facts().not_after, to);
}

proptest::proptest! {
    #![proptest_config(crate::mutation::config())]

    #[test]
    fn whatever_a_file_holds_it_is_a_pair_or_it_is_said_why_not(
        content in crate::mutation::mutated(vec![
            bytes!("certificate.pem").to_vec(),
            bytes!("certificate-first.pem").to_vec(),
            bytes!("elliptic.pem").to_vec(),
        ]),
    ) {
        probe(&content);
    }

    #[test]
    fn whatever_a_certificate_holds_its_facts_can_be_told(
        der in crate::mutation::mutated(vec![
            CertificateDer::from_pem_slice(bytes!("certificate.pem")).unwrap().to_vec(),
        ]),
    ) {
        probe_der(&der);
    }
}
