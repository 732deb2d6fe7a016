//! Over real HTTP on loopback, against a server that plays a script of raw bytes.

mod bodies;
mod ends;
pub(in crate::graph) mod server;
mod together;

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use chrono::DateTime;

use super::super::{ServiceGroup, Version};
use super::*;
use crate::clock::{FixedClock, SystemClock};
use crate::graph::cloud::Cloud;
use crate::stop::Reason;
use crate::tenant::{Credential, Settings};
use server::{Reply, Server};

const TOKEN: &str = "marker-of-the-token";
const SECRET: &str = "marker-of~the secret+&%";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A tenant whose Graph and authority are the server, and everything around it.
struct Scene {
    server: Server,
    clock: Arc<FixedClock>,
    stop: Stop,
    client: Client,
    tenant: Tenant,
    connector: Connector,
    _directory: tempfile::TempDir,
}

/// A scene whose Graph answers with `replies` in turn; sign-in always works.
fn scene(replies: Vec<Reply>) -> Scene {
    scene_with(replies, Limits::default(), secs(3600))
}

fn scene_with(replies: Vec<Reply>, limits: Limits, run: Duration) -> Scene {
    scene_on(Server::start(replies, TOKEN), limits, run)
}

fn scene_on(server: Server, limits: Limits, run: Duration) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(DateTime::UNIX_EPOCH));
    let stop = Stop::default();
    let dyn_clock: Arc<dyn Clock> = clock.clone();
    let connector = Connector::with_limits(
        Platform::default(),
        dyn_clock,
        stop.clone(),
        "tenantpilot/test",
        limits,
    );
    let tenant = tenant(&server.url(), private_file(&directory));
    let deadline = clock.monotonic() + run;
    Scene {
        client: connector.client(&tenant, deadline).unwrap(),
        server,
        clock,
        stop,
        tenant,
        connector,
        _directory: directory,
    }
}

fn private_file(directory: &tempfile::TempDir) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;

    let path = directory.path().join("secret");
    std::fs::write(&path, SECRET).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn tenant(url: &str, secret: PathBuf) -> Tenant {
    Tenant {
        id: TenantId(1),
        settings: Settings {
            name: "contoso".to_owned(),
            directory: "contoso.onmicrosoft.com".to_owned(),
            cloud: Cloud::Global,
            client_id: Some("app-id".to_owned()),
            credential: Credential::SecretFile(secret),
            graph_url: Some(url.to_owned()),
            authority_url: Some(url.to_owned()),
            labels: Default::default(),
        },
        created_at: DateTime::UNIX_EPOCH,
    }
}

fn request() -> Request {
    of_endpoint("deviceConfiguration")
}

fn of_endpoint(endpoint: &'static str) -> Request {
    Request {
        version: Version::Beta,
        path: "deviceManagement/deviceConfigurations".to_owned(),
        query: vec![("$top".to_owned(), "5".to_owned())],
        group: ServiceGroup::DeviceConfiguration,
        endpoint,
    }
}

fn ok() -> Reply {
    Reply::json(200, "{\"value\":[]}")
}

fn graph_error(status: u16, message: &str) -> Reply {
    let body = serde_json::json!({"error": {"code": "C", "message": message}});
    Reply::json(status, &body.to_string())
}

fn fault(outcome: Result<Vec<u8>, Error>) -> Fault {
    outcome.unwrap_err().fault
}

#[test]
fn a_question_is_posted_and_asked_again_like_any_request() {
    let scene = scene(vec![graph_error(503, "busy"), ok()]);
    let question = "{\"ids\":[\"a\"]}";
    let answer = scene.client.look_up(&request(), question).unwrap();
    assert_eq!(answer, b"{\"value\":[]}");
    let seen = scene.server.requests();
    assert_eq!(seen.len(), 3, "signed in and asked twice");
    for posted in &seen[1..] {
        assert!(posted.line.starts_with("POST /beta/deviceManagement/"));
        assert_eq!(posted.body, question);
        for (name, value) in [
            ("authorization", "Bearer marker-of-the-token"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(posted.header(name), Some(value), "{name}");
        }
    }
    assert_eq!(scene.client.traffic().retries, 1);
}

#[test]
fn a_request_carries_what_graph_wants_and_nothing_else() {
    let scene = scene(vec![ok()]);
    assert_eq!(scene.client.get(&request()).unwrap(), b"{\"value\":[]}");
    let seen = scene.server.requests();
    let (sign_in, get) = (&seen[0], &seen[1]);
    assert_eq!(
        sign_in.line,
        "POST /contoso.onmicrosoft.com/oauth2/v2.0/token HTTP/1.1"
    );
    assert_eq!(
        sign_in.body,
        format!(
            "grant_type=client_credentials&client_id=app-id\
             &scope=http%3A%2F%2F127.0.0.1%3A{}%2F.default\
             &client_secret=marker-of%7Ethe+secret%2B%26%25",
            scene.server.port()
        )
    );
    assert_eq!(
        get.line,
        "GET /beta/deviceManagement/deviceConfigurations?$top=5 HTTP/1.1"
    );
    for (name, value) in [
        ("authorization", "Bearer marker-of-the-token"),
        ("prefer", "include-unknown-enum-members"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("user-agent", "tenantpilot/test"),
    ] {
        assert_eq!(get.header(name), Some(value), "{name}");
    }
    assert!(uuid::Uuid::parse_str(get.header("client-request-id").unwrap()).is_ok());
    assert_eq!(sign_in.header("authorization"), None);
    let traffic = scene.client.traffic();
    assert_eq!(
        (traffic.requests, traffic.retries, traffic.bytes),
        (1, 0, 12)
    );
}

#[test]
fn a_next_link_goes_out_byte_for_byte() {
    let scene = scene(vec![ok()]);
    let tail = "/beta/a?$skiptoken=%255Bcosmos%255D%2b+'x'&A=%zz";
    let link = format!("{}{tail}", scene.server.url());
    scene.client.follow(&request(), &link).unwrap();
    assert_eq!(scene.server.lines(), [format!("GET {tail} HTTP/1.1")]);
}

#[test]
fn a_link_to_another_host_sends_nothing_at_all() {
    let (scene, other) = (scene(vec![]), Server::start(vec![], TOKEN));
    let port = other.port();
    for link in [
        format!("{}/beta/x", other.url()),
        format!(
            "http://127.0.0.1:{}@127.0.0.1:{port}/beta/x",
            scene.server.port()
        ),
        format!("//127.0.0.1:{port}/beta/x"),
        format!("http://localhost:{port}/beta/x"),
    ] {
        assert_eq!(fault(scene.client.follow(&request(), &link)), Fault::Paging);
    }
    assert_eq!(other.connections() + scene.server.connections(), 0);
}

#[test]
fn redirects_are_errors_and_lead_nowhere() {
    let other = Server::start(vec![], TOKEN);
    for status in [301, 302, 307, 308] {
        let to = format!("{}/beta/x", other.url());
        let scene = scene(vec![Reply::json(status, "").header("location", &to)]);
        let error = scene.client.get(&request()).unwrap_err();
        assert_eq!(
            (error.fault, error.status),
            (Fault::BadResponse, Some(status))
        );
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_429_waits_as_asked_and_holds_the_tenant() {
    let scene = scene(vec![
        Reply::json(429, "").header("retry-after", "5"),
        graph_error(429, r#"{"Message":"busy","RetryAfter":7}"#),
        ok(),
    ]);
    scene.client.get(&request()).unwrap();
    assert_eq!(scene.clock.slept(), [secs(5), secs(7)]);
    let traffic = scene.client.traffic();
    assert_eq!((traffic.requests, traffic.retries), (3, 2));
    assert_eq!(traffic.throttled_ms, 12_000);
    let ids: std::collections::HashSet<_> = scene
        .server
        .gets()
        .iter()
        .map(|get| get.header("client-request-id").unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3, "a fresh id for each try");
}

#[test]
fn without_a_usable_retry_after_the_wait_is_random_and_bounded() {
    for value in ["-1", "abc", "0", ""] {
        let scene = scene(vec![
            Reply::json(429, "").header("retry-after", value),
            ok(),
        ]);
        scene.client.get(&request()).unwrap();
        let slept = scene.clock.slept();
        assert!(
            slept.len() == 1 && slept[0] <= secs(2),
            "{value}: {slept:?}"
        );
    }
    let scene = scene(vec![Reply::json(429, "").header("retry-after", "99999999")]);
    assert_eq!(fault(scene.client.get(&request())), Fault::Throttled);
    assert!(scene.clock.slept().is_empty());
}

#[test]
fn a_server_that_never_recovers_is_given_up_and_then_left_alone() {
    for (status, tries, expected) in [
        (429, 5, Fault::Throttled),
        (503, 5, Fault::Unavailable),
        (504, 5, Fault::Unavailable),
        (500, 2, Fault::Unavailable),
    ] {
        let scene = scene(vec![Reply::json(status, "<html>").for_ever()]);
        for _ in 0..6 {
            assert_eq!(fault(scene.client.get(&request())), expected, "{status}");
        }
        let gets = scene.server.gets().len();
        assert!(gets <= 3 * tries && gets >= tries, "{status}: {gets} tries");
        let error = scene.client.get(&request()).unwrap_err();
        assert!(error.message.contains("not asked again"), "{error}");
        assert_eq!(error.status, Some(status));
        let waited: Duration = scene.clock.slept().iter().sum();
        assert!(waited <= secs(120), "{status}: {waited:?}");
        assert_eq!(scene.server.gets().len(), gets);
    }
}

#[test]
fn an_object_with_a_fault_of_its_own_does_not_open_the_breaker() {
    let mut replies = Vec::new();
    for _ in 0..5 {
        replies.extend([Reply::json(500, ""), Reply::json(500, ""), ok()]);
    }
    let scene = scene(replies);
    for _ in 0..5 {
        assert_eq!(fault(scene.client.get(&request())), Fault::Unavailable);
        assert!(scene.client.get(&request()).is_ok());
    }
}

#[test]
fn one_endpoint_that_is_given_up_leaves_the_others() {
    let mut replies = vec![Reply::json(500, ""); 6];
    replies.push(ok());
    let scene = scene(replies);
    for _ in 0..4 {
        assert_eq!(fault(scene.client.get(&request())), Fault::Unavailable);
    }
    assert!(scene.client.get(&of_endpoint("mobileApp")).is_ok());
}

#[test]
fn a_503_is_tried_again_on_a_new_connection() {
    for (status, connections) in [(503, 3), (502, 2)] {
        let scene = scene(vec![Reply::json(status, ""), ok()]);
        scene.client.get(&request()).unwrap();
        let seen = scene.server.requests();
        let numbers: std::collections::HashSet<_> = seen.iter().map(|r| r.connection).collect();
        // Sign-in and first try share one; the retry of a 502 goes on with it.
        assert_eq!(numbers.len(), connections - 1, "{status}");
    }
}

#[test]
fn a_401_gets_one_new_token_with_the_claims_that_are_demanded() {
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let encoded = base64::engine::general_purpose::STANDARD.encode(claims);
    let challenge =
        format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{encoded}\"");
    let unauthorized = || Reply::json(401, "").header("www-authenticate", &challenge);
    let scene = scene(vec![unauthorized(), ok(), unauthorized(), unauthorized()]);
    scene.client.get(&request()).unwrap();
    let sign_ins: Vec<_> = scene
        .server
        .requests()
        .into_iter()
        .filter(|seen| seen.line.starts_with("POST"))
        .collect();
    assert_eq!(sign_ins.len(), 2);
    assert!(!sign_ins[0].body.contains("claims="));
    assert!(sign_ins[1].body.ends_with(
        "&claims=%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A%221%22%7D%7D%7D"
    ));
    let error = scene.client.get(&request()).unwrap_err();
    assert_eq!((error.fault, error.status), (Fault::Auth, Some(401)));
    assert_eq!(scene.server.gets().len(), 4);
    assert!(scene.clock.slept().is_empty());
}

#[test]
fn answers_about_the_request_are_final_and_say_why() {
    let forbidden = "must have one of the following scopes: \
        DeviceManagementApps.ReadWrite.All, DeviceManagementApps.Read.All - Operation ID: 1";
    for (reply, fault, status) in [
        (graph_error(403, forbidden), Fault::Forbidden, 403),
        (graph_error(404, "gone"), Fault::NotFound, 404),
        (graph_error(400, "Parsing failed"), Fault::Refused, 400),
        (graph_error(415, ""), Fault::Refused, 415),
        (
            graph_error(400, "Request not applicable to target tenant."),
            Fault::NotLicensed,
            400,
        ),
        (
            graph_error(400, "Resource not found for the segment 'x'."),
            Fault::NotFound,
            400,
        ),
    ] {
        let scene = scene(vec![reply]);
        let error = scene.client.get(&request()).unwrap_err();
        assert_eq!(
            (error.fault, error.status),
            (fault, Some(status)),
            "{error}"
        );
        assert_eq!(scene.server.gets().len(), 1);
        assert!(error.message.starts_with("deviceManagement/"), "{error}");
        if status == 403 {
            assert_eq!(error.permissions[0], "DeviceManagementApps.Read.All");
            assert!(
                error
                    .hint
                    .unwrap()
                    .contains("DeviceManagementApps.Read.All")
            );
        }
    }
}

#[test]
fn a_code_that_says_not_found_is_told_whatever_the_status() {
    for (status, code, told) in [
        (400, "ResourceNotFound", true),
        (404, "ResourceNotFound", true),
        (400, "BadRequest", false),
        (404, "NotFound", false),
    ] {
        let body = serde_json::json!({"error": {"code": code, "message": "x"}});
        let scene = scene(vec![Reply::json(status, &body.to_string())]);
        let error = scene.client.get(&request()).unwrap_err();
        assert_eq!(error.resource_not_found, told, "{status} {code}");
    }
}

#[test]
fn runs_of_a_tenant_share_its_token_and_its_pause() {
    let scene = scene(vec![
        Reply::json(429, "").header("retry-after", "400"),
        ok(),
    ]);
    let deadline = scene.clock.monotonic() + secs(900);
    let other = scene.connector.client(&scene.tenant, deadline).unwrap();
    assert_eq!(fault(scene.client.get(&request())), Fault::Throttled);
    other.get(&request()).unwrap();
    let sign_ins = scene.server.requests().len() - scene.server.gets().len();
    assert_eq!(sign_ins, 1);
    scene.client.pacer.pause(scene.clock.monotonic() + secs(9));
    assert_eq!(
        other
            .pacer
            .enter(
                &[ServiceGroup::Rbac],
                scene.clock.monotonic() + secs(5),
                &*scene.clock,
                &scene.stop,
                &|_| ()
            )
            .unwrap_err(),
        Denied::TimedOut
    );
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_anything_is_sent() {
    let scene = scene(vec![]);
    let deadline = scene.clock.monotonic() + secs(60);
    let changes: [fn(&mut Settings); 5] = [
        |s| s.directory = "a/../b".to_owned(),
        |s| s.client_id = None,
        |s| s.graph_url = Some("http://graph.microsoft.com".to_owned()),
        |s| s.authority_url = Some("https://user@login.example".to_owned()),
        |s| s.graph_url = Some("graph".to_owned()),
    ];
    for change in changes {
        let mut tenant = scene.tenant.clone();
        change(&mut tenant.settings);
        let error = scene.connector.client(&tenant, deadline).unwrap_err();
        assert_eq!(error.fault, Fault::Credential);
        assert!(error.message.starts_with("tenant contoso: "), "{error}");
    }
    assert_eq!(scene.server.connections(), 0);
}

#[test]
fn nothing_shows_secret_or_token() {
    server::capture_log();
    let echo = format!("you sent {TOKEN}");
    let mut shown = String::new();
    for reply in [
        graph_error(403, &echo),
        graph_error(400, &echo),
        Reply::json(500, &echo),
        graph_error(401, &echo).for_ever(),
        Reply::json(200, &format!("<html>{}", "x".repeat(300))),
        Reply::json(200, &format!("{{\"error\":{{\"message\":\"{TOKEN}\"}}}}")).for_ever(),
        Reply::raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").for_ever(),
    ] {
        let scene = scene(vec![reply.for_ever()]);
        let link = format!(
            "{}/beta/x?$skiptoken=marker-of-the-place",
            scene.server.url()
        );
        for outcome in [
            scene.client.get(&request()),
            scene.client.follow(&request(), &link),
        ] {
            let error = outcome.unwrap_err();
            shown.push_str(&format!("{error} {error:?}\n"));
        }
        shown.push_str(&format!("{:?} {:?}", scene.client, scene.connector));
        let shared = &scene.client.shared;
        shown.push_str(&format!("{:?} {:?}", shared.wire, shared.tokens));
    }
    shown.push_str(&server::captured_log());
    assert!(shown.contains("client-request-id"), "the log was captured");
    assert!(shown.contains("?$skiptoken"), "names of options are logged");
    for secret in ["marker-of", "Bearer", "client_secret"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn a_peer_that_breaks_the_tls_handshake_off_is_a_network_fault() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = std::thread::spawn(move || listener.incoming().take(3).for_each(drop));
    let scene = scene(vec![]);
    let mut tenant = scene.tenant.clone();
    tenant.settings.graph_url = Some(format!("https://127.0.0.1:{port}"));
    let deadline = scene.clock.monotonic() + secs(60);
    let client = scene.connector.client(&tenant, deadline).unwrap();
    assert_eq!(fault(client.get(&request())), Fault::Network);
    peer.join().unwrap();
}

#[test]
fn a_real_clock_works_too() {
    let scene = scene(vec![Reply::json(503, "").header("retry-after", "1"), ok()]);
    let clock = Arc::new(SystemClock);
    let connector = Connector::new(clock.clone(), Stop::default(), "tenantpilot/test");
    let client = connector
        .client(&scene.tenant, clock.monotonic() + secs(60))
        .unwrap();
    client.sign_in().unwrap();
    client.get(&request()).unwrap();
    assert!(client.traffic().throttled_ms >= 1000);
}
