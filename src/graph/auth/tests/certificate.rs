use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::graph::auth::certificate::Signer;
use crate::secret::certificate::Certificate;
use crate::secret::certificate::tests::fixture;

fn key_file(content: &str) -> tempfile::NamedTempFile {
    use std::io::Write as _;

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

fn by(file: &tempfile::NamedTempFile, replies: Vec<Reply>) -> Outcome {
    let credential = Credential::Certificate(file.path().to_owned());
    sign_in_by(credential, &|_| Platform::default(), vec![], replies)
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// The assertion of each request.
fn assertions(outcome: &Outcome) -> Vec<String> {
    let bodies = outcome.server.requests().into_iter().map(|seen| seen.body);
    bodies
        .map(|body| {
            assert!(!body.contains("client_secret"), "{body}");
            let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
            let (_, rest) = body.split_once(kind).unwrap();
            rest.strip_prefix("&client_assertion=").unwrap().to_owned()
        })
        .collect()
}

#[test]
fn each_try_has_an_assertion_of_its_own() {
    let file = key_file(fixture::PEM);
    let outcome = by(&file, vec![Reply::json(503, ""), token()]);
    assert!(outcome.token.is_ok());
    let signed = assertions(&outcome);
    let mut ids = HashSet::new();
    for assertion in &signed {
        let parts: Vec<&str> = assertion.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            panic!("{assertion}");
        };
        assert_eq!(
            part(header),
            serde_json::json!({
                "alg": "PS256", "typ": "JWT",
                "x5t#S256": "5NdEsbdQ29oAharN4SSXiV6rvziqM3jBrAMB0jY8K5U",
            })
        );
        let claims = part(claims);
        let url = format!(
            "{}/contoso.onmicrosoft.com/oauth2/v2.0/token",
            outcome.server.url()
        );
        assert_eq!(claims["aud"], url);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&"app-id".into(), &"app-id".into())
        );
        let time = |name: &str| claims[name].as_i64().unwrap();
        assert!(
            (0..60).contains(&(time("iat") - NOW.timestamp())),
            "{claims}"
        );
        assert_eq!(time("iat") - time("nbf"), 120);
        assert_eq!(time("exp") - time("nbf"), 600);
        assert!(ids.insert(claims["jti"].clone()));
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 256);
    }
    assert_eq!(ids.len(), 2);
}

#[test]
fn an_assertion_that_the_service_repeats_is_not_shown() {
    let file = key_file(fixture::PEM);
    let signer = Signer::read(file.path(), NOW).unwrap();
    let assertion = signer.assertion("https://a/token", "app", NOW).unwrap();
    let text = blotted(
        &format!("you sent {}!", assertion.expose_secret()),
        [&assertion],
    );
    assert_eq!(text, "you sent ***!");
}

#[test]
fn one_that_has_expired_asks_nobody() {
    let day = |days| NOW + chrono::TimeDelta::try_days(days).unwrap();
    for (from, to, why) in [
        (day(-9), day(-1), "expired on 2026-11-30"),
        (day(1), day(9), "not valid before 2026-12-02"),
    ] {
        let file = key_file(&fixture::valid_between(from, to));
        let outcome = by(&file, vec![token()]);
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(error.fault, Fault::Credential);
        assert!(
            error.message.starts_with("tenant contoso: certificate CN="),
            "{error}"
        );
        assert!(error.message.contains(why), "{error}");
        assert!(error.hint.is_some());
        assert_eq!(outcome.server.requests().len(), 0);
    }
    let file = key_file(&fixture::valid_between(day(-9), day(1)));
    assert!(
        Certificate::read(file.path())
            .unwrap()
            .warning(NOW)
            .is_some()
    );
    assert!(
        by(&file, vec![token()]).token.is_ok(),
        "a warning is no refusal"
    );
}
