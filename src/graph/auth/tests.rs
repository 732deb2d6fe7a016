mod certificate;
mod issuers;
mod refusals;

use std::sync::Arc;

use chrono::DateTime;

use super::*;
use crate::clock::FixedClock;
use crate::graph::client::tests::server::{Reply, Server};
use crate::graph::cloud::Cloud;
use crate::graph::wire::Limits;

const SECRET: &str = "marker-of-the-secret";
/// 2026-12-01T00:00:00Z
pub(super) const NOW: DateTime<chrono::Utc> = match DateTime::from_timestamp(1_796_083_200, 0) {
    Some(now) => now,
    None => DateTime::UNIX_EPOCH,
};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn settings(authority: &str) -> Settings {
    Settings {
        name: "contoso".to_owned(),
        directory: "contoso.onmicrosoft.com".to_owned(),
        cloud: Cloud::UsGov,
        client_id: Some("app-id".to_owned()),
        credential: Credential::SecretEnv("TENANTPILOT_TEST_UNSET".to_owned()),
        graph_url: None,
        authority_url: Some(authority.to_owned()),
        labels: Default::default(),
    }
}

pub(super) struct Outcome {
    pub(super) token: Result<Fresh, Error>,
    pub(super) server: Server,
    pub(super) slept: Vec<Duration>,
}

/// Signs in with a secret against a server that plays `replies`.
fn sign_in(replies: Vec<Reply>) -> Outcome {
    let file = private_file();
    let credential = Credential::SecretFile(file.path().to_owned());
    sign_in_by(credential, &|_| Platform::default(), vec![], replies)
}

/// What the environment says of a server at that URL.
pub(super) type Around<'a> = &'a dyn Fn(&str) -> Platform;

/// Signs in against a server that plays `gets` and `posts`; the platform knows where it is.
pub(super) fn sign_in_by(
    credential: Credential,
    platform: Around<'_>,
    gets: Vec<Reply>,
    posts: Vec<Reply>,
) -> Outcome {
    let server = Server::start_with(gets, posts);
    let clock = Arc::new(FixedClock::new(NOW));
    let stop = Stop::default();
    let wire = Wire::new("tenantpilot/test", Limits::default(), &stop);
    let graph = Root::parse(Cloud::UsGov.graph_root()).unwrap();
    let platform = platform(&server.url());
    let mut settings = settings(&server.url());
    settings.credential = credential;
    let sign_in = SignIn::of(&settings, &graph).unwrap();
    let token = sign_in.fetch(
        None,
        &Means {
            wire: &wire,
            clock: &*clock,
            stop: &stop,
            platform: &platform,
            deadline: clock.monotonic() + secs(3600),
            jitter: || 1.0,
        },
    );
    Outcome {
        token,
        server,
        slept: clock.slept(),
    }
}

fn private_file() -> tempfile::NamedTempFile {
    use std::io::Write as _;

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(SECRET.as_bytes()).unwrap();
    file
}

fn refusal(status: u16, error: &str, code: u64, description: &str) -> Reply {
    let body = serde_json::json!({
        "error": error, "error_description": description, "error_codes": [code],
        "trace_id": "t", "correlation_id": "c", "timestamp": "2026-11-22 18:00:00Z",
    });
    Reply::json(status, &body.to_string())
}

fn token() -> Reply {
    Reply::json(200, r#"{"access_token":"abc","expires_in":3599}"#)
}

#[test]
fn authority_scope_and_audience_follow_the_cloud_unless_they_are_given() {
    let of = |cloud: Cloud, authority: Option<&str>| {
        let mut settings = settings("");
        settings.cloud = cloud;
        settings.authority_url = authority.map(str::to_owned);
        let graph = Root::parse(cloud.graph_root()).unwrap();
        SignIn::of(&settings, &graph).map_err(|error| error.message)
    };
    for (cloud, authority, graph, audience) in [
        (
            Cloud::Global,
            "https://login.microsoftonline.com",
            "https://graph.microsoft.com",
            "api://AzureADTokenExchange",
        ),
        (
            Cloud::UsGov,
            "https://login.microsoftonline.us",
            "https://graph.microsoft.us",
            "api://AzureADTokenExchangeUSGov",
        ),
        (
            Cloud::UsGovDod,
            "https://login.microsoftonline.us",
            "https://dod-graph.microsoft.us",
            "api://AzureADTokenExchangeUSGov",
        ),
        (
            Cloud::China,
            "https://login.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn",
            "api://AzureADTokenExchangeChina",
        ),
    ] {
        let sign_in = of(cloud, None).unwrap();
        assert_eq!(sign_in.identity.authority.to_string(), authority);
        assert_eq!(sign_in.identity.scope, format!("{graph}/.default"));
        assert_eq!(
            (sign_in.resource.as_str(), sign_in.audience),
            (graph, audience)
        );
        let own = of(cloud, Some("https://login.partner.microsoftonline.cn/")).unwrap();
        let authority = own.identity.authority.to_string();
        assert_eq!(authority, "https://login.partner.microsoftonline.cn");
    }
    let error = of(Cloud::Global, Some("http://login.example")).unwrap_err();
    assert!(
        error.contains("\"http://login.example\" is not https"),
        "{error}"
    );
}

#[test]
fn the_scope_follows_the_cloud_and_the_token_its_life() {
    let outcome = sign_in(vec![token()]);
    let fresh = outcome.token.map_err(|e| e.message).unwrap();
    assert_eq!(fresh.secret.expose_secret(), "abc");
    assert_eq!(fresh.lifetime, secs(3599));
    let form = &outcome.server.requests()[0].body;
    assert!(
        form.contains("&scope=https%3A%2F%2Fgraph.microsoft.us%2F.default&"),
        "{form}"
    );
}

#[test]
fn a_number_may_be_a_text() {
    for (value, expected) in [
        ("3599", Some(3599)),
        ("\"3599\"", Some(3599)),
        ("null", None),
        ("-1", None),
        ("\"soon\"", None),
    ] {
        let value: Value = serde_json::from_str(value).unwrap();
        assert_eq!(whole_number(Some(&value)), expected);
    }
    assert_eq!(whole_number(None), None);
}

#[test]
fn a_refusal_is_final_and_shows_the_first_line_and_a_hint() {
    let description = "AADSTS7000222: The provided client secret keys are expired.\r\n\
        Trace ID: marker\r\nTimestamp: now";
    let outcome = sign_in(vec![refusal(401, "invalid_client", 7_000_222, description)]);
    let error = outcome.token.map(drop).unwrap_err();
    assert_eq!((error.fault, error.status), (Fault::Auth, Some(401)));
    assert_eq!(
        error.message,
        "sign-in to tenant contoso (application app-id): \
         AADSTS7000222: The provided client secret keys are expired"
    );
    assert!(error.hint.unwrap().contains("expired"));
    assert_eq!(outcome.server.requests().len(), 1);
}

#[test]
fn status_and_error_decide_and_the_number_does_not() {
    for (reply, fault, tries) in [
        (refusal(400, "invalid_request", 90_055, "x"), Fault::Auth, 1),
        (refusal(400, "unauthorized_client", 1, "x"), Fault::Auth, 1),
        (refusal(403, "", 0, ""), Fault::Auth, 1),
        (
            refusal(400, "temporarily_unavailable", 7_000_222, "x"),
            Fault::Unavailable,
            5,
        ),
        (
            refusal(503, "invalid_client", 7_000_222, "x"),
            Fault::Unavailable,
            5,
        ),
        (Reply::json(429, "Too Many Requests"), Fault::Throttled, 5),
        (Reply::json(502, "<html>"), Fault::Unavailable, 5),
        (Reply::json(500, ""), Fault::Unavailable, 2),
        (Reply::json(302, ""), Fault::BadResponse, 1),
        (Reply::json(200, "<html>"), Fault::BadResponse, 3),
        (Reply::json(200, ""), Fault::BadResponse, 3),
        (Reply::json(200, "{}"), Fault::Auth, 1),
        (Reply::json(200, r#"{"access_token":""}"#), Fault::Auth, 1),
        (
            Reply::json(200, r#"{"access_token":"a\nb"}"#),
            Fault::Auth,
            1,
        ),
        (refusal(200, "invalid_client", 0, "x"), Fault::Auth, 1),
        (Reply::raw(b""), Fault::Network, 3),
    ] {
        let outcome = sign_in(vec![reply.for_ever()]);
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(error.fault, fault, "{error}");
        assert_eq!(outcome.server.requests().len(), tries, "{error}");
    }
}

#[test]
fn a_service_that_recovers_is_asked_again() {
    let outcome = sign_in(vec![
        Reply::json(429, "").header("retry-after", "60"),
        Reply::raw(b""),
        token(),
    ]);
    assert!(outcome.token.is_ok());
    assert_eq!(outcome.slept, [secs(60), secs(2)]);
}

#[test]
fn a_service_that_repeats_the_secret_does_not_get_it_shown() {
    for reply in [
        refusal(400, "invalid_request", 0, &format!("you sent {SECRET}")),
        refusal(400, SECRET, 0, ""),
        Reply::json(400, SECRET),
        Reply::json(200, SECRET),
    ] {
        let error = sign_in(vec![reply.for_ever()]).token.map(drop).unwrap_err();
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_names_the_tenant() {
    let stop = Stop::default();
    let wire = Wire::new("tenantpilot/test", Limits::default(), &stop);
    let clock = FixedClock::new(DateTime::UNIX_EPOCH);
    let graph = Root::parse(Cloud::Global.graph_root()).unwrap();
    let settings = settings("https://login.microsoftonline.com");
    let error = SignIn::of(&settings, &graph)
        .unwrap()
        .fetch(
            None,
            &Means {
                wire: &wire,
                clock: &clock,
                stop: &stop,
                platform: &Platform::default(),
                deadline: clock.monotonic() + secs(60),
                jitter: || 0.0,
            },
        )
        .map(drop)
        .unwrap_err();
    assert_eq!(error.fault, Fault::Credential);
    assert!(
        error
            .message
            .starts_with("tenant contoso: environment variable")
    );
    assert!(error.hint.unwrap().contains("cron"));
}
