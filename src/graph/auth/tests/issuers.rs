//! Assertions of other issuers: where they come from, and what is sent with them.

use super::*;

const ASSERTION: &str = "marker.of-the.assertion";
const REQUEST_TOKEN: &str = "marker-of-the-request-token";

fn github(url: &str) -> Platform {
    Platform {
        actions_url: Some(format!("{url}/id?api-version=2.0&x=%2F")),
        actions_token: Some(SecretString::from(REQUEST_TOKEN)),
        ..Platform::default()
    }
}

fn pipelines(url: &str) -> Platform {
    Platform {
        pipelines_url: Some(format!("{url}/oidctoken")),
        pipelines_token: Some(SecretString::from(REQUEST_TOKEN)),
        ..Platform::default()
    }
}

fn given(field: &str) -> Reply {
    Reply::json(200, &serde_json::json!({ field: ASSERTION }).to_string())
}

fn assert_presented(body: &str) {
    let presented = format!("&client_assertion={ASSERTION}");
    assert!(
        body.ends_with(&presented) && !body.contains("client_secret"),
        "{body}"
    );
}

#[test]
fn github_is_asked_with_the_audience_of_the_cloud() {
    for (own, audience) in [
        (None, "api://AzureADTokenExchangeUSGov"),
        (Some("api://other".to_owned()), "api://other"),
    ] {
        let outcome = sign_in_by(
            Credential::GithubOidc(own),
            &github,
            vec![given("value")],
            vec![token()],
        );
        assert!(outcome.token.is_ok());
        let seen = outcome.server.requests();
        let line = format!("GET /id?api-version=2.0&x=%2F&audience={audience} HTTP/1.1");
        assert_eq!(seen[0].line, line);
        let bearer = format!("Bearer {REQUEST_TOKEN}");
        assert_eq!(seen[0].header("authorization"), Some(&*bearer));
        assert_presented(&seen[1].body);
    }
}

#[test]
fn azure_pipelines_is_asked_for_the_service_connection() {
    let outcome = sign_in_by(
        Credential::AzurePipelinesOidc("a b".to_owned()),
        &pipelines,
        vec![],
        vec![given("oidcToken"), token()],
    );
    assert!(outcome.token.is_ok());
    let seen = outcome.server.requests();
    assert_eq!(
        seen[0].line,
        "POST /oidctoken?api-version=7.1&serviceConnectionId=a%20b HTTP/1.1"
    );
    let bearer = format!("Bearer {REQUEST_TOKEN}");
    for (name, value) in [
        ("authorization", &*bearer),
        ("content-length", "0"),
        ("x-tfs-fedauthredirect", "Suppress"),
    ] {
        assert_eq!(seen[0].header(name), Some(value), "{name}");
    }
    assert_eq!(seen[0].body, "");
    assert_presented(&seen[1].body);
}

#[test]
fn a_token_file_is_read_anew_and_without_its_line_end() {
    use std::io::Write as _;

    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{ASSERTION}").unwrap();
    let credential = Credential::FederatedTokenFile(file.path().to_owned());
    let posts = vec![token()];
    let outcome = sign_in_by(credential, &|_| Platform::default(), vec![], posts);
    assert!(outcome.token.is_ok());
    assert_presented(&outcome.server.requests()[0].body);
}

#[test]
fn an_issuer_that_recovers_is_asked_again_and_one_that_refuses_is_not() {
    let broken = "the answer is not what was promised";
    for (reply, fault, tries, why) in [
        (Reply::json(403, "{}"), Fault::Auth, 1, "answered 403"),
        (Reply::json(302, ""), Fault::Auth, 1, "answered 302"),
        (Reply::json(200, "{}"), Fault::Auth, 1, "holds no token"),
        (
            Reply::json(200, r#"{"value":"a b"}"#),
            Fault::Auth,
            1,
            "holds no token",
        ),
        (Reply::json(200, "<html>"), Fault::BadResponse, 3, broken),
        (Reply::json(429, ""), Fault::Throttled, 5, "answered 429"),
        (Reply::json(503, ""), Fault::Unavailable, 5, "answered 503"),
        (Reply::raw(b""), Fault::Network, 3, "127.0.0.1"),
    ] {
        let outcome = sign_in_by(
            Credential::GithubOidc(None),
            &github,
            vec![reply.for_ever()],
            vec![token()],
        );
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(error.fault, fault, "{error}");
        assert_eq!(outcome.server.requests().len(), tries, "{error}");
        assert!(error.message.contains("GitHub Actions: "), "{error}");
        assert!(error.message.contains(why), "{error}");
        assert!(!format!("{error:?}").contains("marker-of"));
    }
    let gets = vec![Reply::json(503, ""), given("value")];
    let outcome = sign_in_by(Credential::GithubOidc(None), &github, gets, vec![token()]);
    assert!(outcome.token.is_ok());
}

#[test]
fn without_the_variables_nobody_is_asked() {
    let connection = || Credential::AzurePipelinesOidc("x".to_owned());
    let elsewhere = |url: &str| Platform {
        actions_url: Some(url.replace("127.0.0.1", "u@127.0.0.1")),
        ..github(url)
    };
    let cases: [(Credential, Around<'_>, &str); 4] = [
        (
            Credential::GithubOidc(None),
            &|_| Platform::default(),
            "id-token: write",
        ),
        (Credential::GithubOidc(None), &pipelines, "id-token: write"),
        (
            connection(),
            &github,
            "SYSTEM_ACCESSTOKEN: $(System.AccessToken)",
        ),
        (Credential::GithubOidc(None), &elsewhere, "id-token: write"),
    ];
    for (credential, platform, hint) in cases {
        let outcome = sign_in_by(credential, platform, vec![given("value")], vec![token()]);
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(error.fault, Fault::Credential);
        assert!(
            error
                .message
                .starts_with("tenant contoso: environment variable"),
            "{error}"
        );
        assert!(error.hint.unwrap().contains(hint));
        assert_eq!(outcome.server.requests().len(), 0);
    }
}
