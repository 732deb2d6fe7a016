use std::fs;

use super::*;
use crate::clock::FixedClock;
use crate::graph::auth::tests::NOW;
use crate::graph::client::tests::server::{Reply, Server};
use crate::graph::cloud::Cloud;
use crate::graph::root::Root;
use crate::graph::wire::{Limits, Wire};
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::tenant::{Credential, Settings};

const KEY: &str = "marker-of-the-key";

#[test]
fn only_a_key_of_the_agent_may_be_read() {
    let of = |challenge: &str| key_file(challenge, Path::new(KEYS));
    for good in [
        "Basic realm=/var/opt/azcmagent/tokens/a-b.key",
        "basic realm=\"/var/opt/azcmagent/tokens/a.key\"",
    ] {
        assert!(of(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "Basic",
        "Basic realm=",
        "Bearer realm=/var/opt/azcmagent/tokens/a.key",
        "Basic realm=/etc/shadow",
        "Basic realm=/etc/a.key",
        "Basic realm=a.key",
        "Basic realm=/var/opt/azcmagent/tokens",
        "Basic realm=/var/opt/azcmagent/tokens/.key",
        "Basic realm=/var/opt/azcmagent/tokens/a.key.txt",
        "Basic realm=/var/opt/azcmagent/tokens/a",
        "Basic realm=/var/opt/azcmagent/tokens/../a.key",
        "Basic realm=/var/opt/azcmagent/tokens/x/../a.key",
        "Basic realm=/var/opt/azcmagent/tokens/x/a.key",
        "Basic realm=/var/opt/azcmagent/tokens//a.key",
        "Basic realm=/var/opt/azcmagent/tokens/./a.key",
        "Basic realm=/var/opt/azcmagent/tokens/a.key/",
        "Basic realm=/var/opt/azcmagent/tokens2/a.key",
        "Basic realm=//var/opt/azcmagent/tokens/a.key",
    ] {
        assert!(of(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_key_is_a_small_regular_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("good.key"), format!("{KEY}\n")).unwrap();
    assert_eq!(read_key(&path("good.key")).unwrap().expose_secret(), KEY);
    fs::write(path("limit.key"), "x".repeat(4096)).unwrap();
    assert!(read_key(&path("limit.key")).is_ok());
    fs::write(path("big.key"), "x".repeat(4097)).unwrap();
    fs::write(path("empty.key"), "\n").unwrap();
    fs::write(path("odd.key"), "a\r\nb").unwrap();
    fs::create_dir(path("folder.key")).unwrap();
    std::os::unix::fs::symlink(path("good.key"), path("link.key")).unwrap();
    for bad in [
        "big.key",
        "empty.key",
        "odd.key",
        "folder.key",
        "link.key",
        "none.key",
    ] {
        assert!(read_key(&path(bad)).is_err(), "{bad}");
    }
}

/// Asks a server that plays `replies`, with keys in that folder.
fn ask(folder: &Path, replies: Vec<Reply>) -> (Result<Fresh, Error>, Server) {
    let server = Server::start_with(replies, vec![]);
    let platform = Platform {
        identity_endpoint: Some(format!("{}/arc/token", server.url())),
        imds_endpoint: true,
        ..Platform::default()
    };
    let (stop, clock) = (Stop::default(), FixedClock::new(NOW));
    let wire = Wire::new("tenantpilot/test", Limits::default(), &stop);
    let settings = Settings {
        name: "contoso".to_owned(),
        directory: "contoso.onmicrosoft.com".to_owned(),
        cloud: Cloud::Global,
        client_id: None,
        credential: Credential::ManagedIdentity(None),
        graph_url: None,
        authority_url: None,
        labels: Default::default(),
    };
    let graph = Root::parse(Cloud::Global.graph_root()).unwrap();
    let sign_in = SignIn::of(&settings, &graph).unwrap();
    let means = Means {
        wire: &wire,
        clock: &clock,
        stop: &stop,
        platform: &platform,
        deadline: crate::clock::Clock::monotonic(&clock) + std::time::Duration::from_secs(600),
        jitter: || 0.0,
    };
    (fetch_with_keys_in(folder, &sign_in, &means), server)
}

fn challenge(path: &Path) -> Reply {
    let realm = format!("Basic realm={}", path.display());
    Reply::json(401, "").header("www-authenticate", &realm)
}

#[test]
fn the_key_that_the_agent_names_is_shown_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("a.key");
    fs::write(&key, KEY).unwrap();
    let token = Reply::json(200, r#"{"access_token":"abc","expires_in":"60"}"#);
    let unwell = Reply::json(503, "");
    let (fresh, server) = ask(folder.path(), vec![unwell, challenge(&key), token]);
    assert_eq!(
        fresh
            .map_err(|error| error.message)
            .unwrap()
            .secret
            .expose_secret(),
        "abc"
    );
    let seen = server.requests();
    for request in &seen {
        assert_eq!(
            request.line,
            "GET /arc/token?api-version=2020-06-01&resource=https://graph.microsoft.com HTTP/1.1"
        );
        assert_eq!(request.header("metadata"), Some("true"));
    }
    assert_eq!(seen[1].header("authorization"), None);
    let shown = format!("Basic {KEY}");
    assert_eq!(seen[2].header("authorization"), Some(&*shown));
}

#[test]
fn a_hostile_agent_gets_no_other_file_and_no_key_is_told() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (key, foreign) = (folder.path().join("a.key"), other.path().join("a.key"));
    fs::write(&key, KEY).unwrap();
    fs::write(&foreign, KEY).unwrap();
    let repeating = Reply::json(403, &format!(r#"{{"error":{{"message":"not {KEY}"}}}}"#));
    for (replies, tries, why) in [
        (vec![challenge(&foreign)], 1, "not read"),
        (vec![Reply::json(401, "")], 1, "names no key file"),
        (
            vec![Reply::json(200, r#"{"access_token":"x"}"#)],
            1,
            "did not ask for its key",
        ),
        (
            vec![challenge(&folder.path().join("b.key"))],
            1,
            "cannot read",
        ),
        (vec![challenge(&key), challenge(&key)], 2, "answered 401"),
        (vec![challenge(&key), repeating], 2, "answered 403: not ***"),
    ] {
        let (fresh, server) = ask(folder.path(), replies);
        let error = fresh.map(drop).unwrap_err();
        assert!(error.message.contains(why), "{error}");
        assert!(error.hint.as_ref().unwrap().contains("himds"), "{error:?}");
        assert!(!format!("{error:?}").contains(KEY));
        assert_eq!(server.requests().len(), tries, "{error}");
        let told = server
            .requests()
            .iter()
            .filter(|r| r.header("authorization").is_some())
            .count();
        assert_eq!(told, tries - 1);
    }
}
