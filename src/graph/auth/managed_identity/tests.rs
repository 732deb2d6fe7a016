//! Every platform over real HTTP, on loopback.

use super::*;
use crate::graph::auth::tests::{Around, Outcome, sign_in_by};
use crate::graph::client::tests::server::Reply;
use crate::tenant::Credential;

const KEY: &str = "marker-of-the-key";
const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

fn vm(url: &str) -> Platform {
    Platform {
        pod_identity_host: Some(format!("{url}/")),
        ..Platform::default()
    }
}

fn app(url: &str) -> Platform {
    Platform {
        identity_endpoint: Some(format!("{url}/msi/token/")),
        identity_header: Some(SecretString::from(KEY)),
        ..Platform::default()
    }
}

fn ask(client_id: Option<&str>, platform: Around<'_>, gets: Vec<Reply>) -> Outcome {
    let credential = Credential::ManagedIdentity(client_id.map(str::to_owned));
    sign_in_by(credential, platform, gets, vec![])
}

fn token(rest: &str) -> Reply {
    Reply::json(200, &format!(r#"{{"access_token":"abc"{rest}}}"#))
}

#[test]
fn the_variables_tell_the_platform() {
    let with = |endpoint, header, imds_endpoint, service_fabric, arc_agent| {
        Source::of(&Platform {
            identity_endpoint: endpoint,
            identity_header: header,
            imds_endpoint,
            service_fabric,
            arc_agent,
            ..Platform::default()
        })
    };
    let (url, key) = (Some("x".to_owned()), Some(SecretString::from("x")));
    assert_eq!(with(None, None, false, false, false), Source::Imds);
    assert_eq!(with(url.clone(), None, false, false, false), Source::Imds);
    assert_eq!(
        with(url.clone(), key.clone(), true, false, true),
        Source::AppService
    );
    assert_eq!(
        with(url.clone(), key, false, true, false),
        Source::ServiceFabric
    );
    assert_eq!(with(url, None, true, false, false), Source::Arc);
    assert_eq!(with(None, None, false, false, true), Source::Arc);
}

#[test]
fn a_vm_is_asked_with_a_resource_and_a_header() {
    let graph = "https://graph.microsoft.us";
    for (client_id, more) in [
        (None, String::new()),
        (Some(CLIENT_ID), format!("&client_id={CLIENT_ID}")),
    ] {
        let outcome = ask(
            client_id,
            &vm,
            vec![token(r#","expires_in":"3599","expires_on":"1""#)],
        );
        let fresh = outcome.token.map_err(|error| error.message).unwrap();
        assert_eq!(fresh.lifetime, Duration::from_secs(3599));
        let seen = &outcome.server.requests()[0];
        assert_eq!(
            seen.line,
            format!(
                "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource={graph}{more} HTTP/1.1"
            )
        );
        assert_eq!(seen.header("metadata"), Some("true"));
        assert_eq!(seen.header("authorization"), None);
    }
}

#[test]
fn an_app_is_asked_with_its_key_and_tells_a_time() {
    for (expiry, seconds) in [
        (r#","expires_on":"1796086800""#, 3600),
        (r#","expires_on":1796086800"#, 3600),
        (r#","expires_on":"1""#, 0),
        (r#","expires_in":7"#, 7),
        (r#","expires_on":"12/01/2026 01:00:00""#, 600),
        ("", 600),
    ] {
        let outcome = ask(Some(CLIENT_ID), &app, vec![token(expiry)]);
        let fresh = outcome.token.map_err(|error| error.message).unwrap();
        assert_eq!(fresh.lifetime, Duration::from_secs(seconds), "{expiry}");
        let seen = &outcome.server.requests()[0];
        assert_eq!(
            seen.line,
            format!(
                "GET /msi/token?api-version=2019-08-01&resource=https://graph.microsoft.us&client_id={CLIENT_ID} HTTP/1.1"
            )
        );
        assert_eq!(seen.header("x-identity-header"), Some(KEY));
        assert_eq!(seen.header("metadata"), None);
    }
}

#[test]
fn what_passes_is_tried_again_for_seventy_two_seconds() {
    for status in [404, 408, 410, 429, 500, 503] {
        let outcome = ask(None, &vm, vec![Reply::json(status, "").for_ever()]);
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(outcome.server.requests().len(), 5, "{status}");
        assert_eq!(
            outcome.slept.iter().sum::<Duration>(),
            Duration::from_secs(72)
        );
        let fault = if status == 429 {
            Fault::Throttled
        } else {
            Fault::Unavailable
        };
        assert_eq!((error.fault, error.status), (fault, Some(status)));
    }
    let gone = |_| Reply::json(410, "");
    let outcome = ask(None, &vm, (0..4).map(gone).chain([token("")]).collect());
    assert!(outcome.token.is_ok(), "it comes back after 70 seconds");
}

#[test]
fn a_wait_that_is_asked_for_counts_within_the_seventy_two_seconds() {
    let busy = |wait: &str| Reply::json(429, "").header("retry-after", wait);
    let outcome = ask(None, &vm, vec![busy("71"), token("")]);
    assert!(outcome.token.is_ok());
    assert_eq!(outcome.slept, [Duration::from_secs(71)]);
    let outcome = ask(None, &vm, vec![busy("73").for_ever()]);
    assert_eq!(outcome.token.map(drop).unwrap_err().fault, Fault::Throttled);
    assert_eq!(outcome.server.requests().len(), 1);
}

#[test]
fn what_does_not_pass_is_told_at_once() {
    for (reply, fault, tries, why) in [
        (
            Reply::json(
                400,
                r#"{"error":"invalid_request","error_description":"Identity not found\r\nmore"}"#,
            ),
            Fault::Auth,
            1,
            "identity service of the app: answered 400: Identity not found",
        ),
        (
            Reply::json(
                400,
                &format!(r#"{{"statusCode":400,"message":"No identity, {KEY}"}}"#),
            ),
            Fault::Auth,
            1,
            "answered 400: No identity, ***",
        ),
        (Reply::json(403, "<html>"), Fault::Auth, 1, "answered 403"),
        (Reply::json(307, ""), Fault::BadResponse, 1, "answered 307"),
        (Reply::json(200, "{}"), Fault::Auth, 1, "holds no token"),
        (
            Reply::json(200, "<html>"),
            Fault::BadResponse,
            3,
            "not what was promised",
        ),
        (Reply::raw(b""), Fault::Network, 3, "127.0.0.1"),
    ] {
        let outcome = ask(None, &app, vec![reply.for_ever()]);
        let error = outcome.token.map(drop).unwrap_err();
        assert_eq!(error.fault, fault, "{error}");
        assert_eq!(outcome.server.requests().len(), tries, "{error}");
        assert!(
            error
                .message
                .starts_with("sign-in to tenant contoso (managed identity): "),
            "{error}"
        );
        assert!(error.message.contains(why), "{error}");
        assert!(!format!("{error:?}").contains(KEY));
    }
}

#[test]
fn an_address_of_a_stranger_is_not_asked() {
    for host in [
        "http://10.0.0.1",
        "http://imds.example",
        "imds",
        "http://u@127.0.0.1",
    ] {
        let platform = |_: &str| vm(host);
        let error = ask(None, &platform, vec![]).token.map(drop).unwrap_err();
        assert_eq!(error.fault, Fault::Credential);
        let variable = "tenant contoso: environment variable AZURE_POD_IDENTITY_AUTHORITY_HOST ";
        assert!(error.message.starts_with(variable), "{error}");
    }
    let fabric = |url: &str| Platform {
        service_fabric: true,
        ..app(url)
    };
    let error = ask(None, &fabric, vec![]).token.map(drop).unwrap_err();
    assert!(error.message.contains("Service Fabric"), "{error}");
}

#[test]
fn where_nothing_listens_the_hint_says_what_a_managed_identity_is() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let platform = |_: &str| vm(&format!("http://127.0.0.1:{port}"));
    let error = ask(None, &platform, vec![]).token.map(drop).unwrap_err();
    assert_eq!(error.fault, Fault::Network);
    assert!(error.message.contains("refuses the connection"), "{error}");
    assert!(error.hint.unwrap().contains("only on Azure"));
}
