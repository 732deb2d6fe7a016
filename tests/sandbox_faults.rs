//! The sandbox itself, over real HTTP: that faults fire as told, and limits hold.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/sandbox.rs"]
mod support;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use support::server::faults::{Fault, Kind};
use support::server::{Options, Sandbox};
use support::{CATALOG, Client, PROFILES, SCRIPTS, ids, reply, start};

#[test]
fn status_faults_fire_where_and_as_often_as_told() {
    let (sandbox, client) = start();
    sandbox.fault(Fault::on(CATALOG, Kind::Status(503)).times(2));
    assert_eq!(client.get(PROFILES).status, 200);
    assert_eq!(client.get(CATALOG).status, 503);
    assert_eq!(client.get(CATALOG).status, 503);
    assert_eq!(client.get(CATALOG).status, 200);
    sandbox.fault(Fault::on(CATALOG, Kind::Status(500)).after_page(1));
    let first = client.get(CATALOG);
    assert_eq!(first.status, 200);
    assert_eq!(client.url(&first.next().unwrap()).unwrap().status, 500);
    sandbox.clear_faults();
    let busy = Fault::on(PROFILES, Kind::Status(429));
    sandbox.fault(busy.retry_after("2.128").retry_after("date:30"));
    let throttled = client.get(PROFILES);
    assert_eq!(throttled.status, 429);
    assert_eq!(throttled.all("retry-after")[0], "2.128");
    assert!(throttled.all("retry-after")[1].ends_with("GMT"));
    sandbox.clear_faults();
    let id = sandbox.ids(SCRIPTS).remove(0);
    sandbox.fault(Fault::on(&format!("{SCRIPTS}/"), Kind::Status(404)));
    assert!(ids(&client.list(SCRIPTS)).contains(&id));
    assert_eq!(client.get(&format!("{SCRIPTS}/{id}")).status, 404);
    sandbox.clear_faults();
    sandbox.fault(Fault::on(SCRIPTS, Kind::Forbidden));
    let refused = client.get(SCRIPTS).json();
    let message = refused["error"]["message"].as_str().unwrap();
    let inner: Value = serde_json::from_str(message).unwrap();
    assert!(
        inner["Message"]
            .as_str()
            .unwrap()
            .contains("DeviceManagementScripts.Read.All")
    );
    sandbox.clear_faults();
    sandbox.fault(Fault::on("", Kind::NotLicensed));
    assert!(
        client
            .get(PROFILES)
            .text
            .contains("not applicable to target tenant")
    );
    sandbox.fault(Fault::on("token", Kind::Status(502)));
    assert!(client.ask_token("any").text.starts_with("<!DOCTYPE html>"));
}

#[test]
fn broken_connections_look_broken_to_the_client() {
    let (sandbox, client) = start();
    for kind in [
        Kind::Reset,
        Kind::ResetInBody,
        Kind::Truncated,
        Kind::TruncatedChunked,
    ] {
        sandbox.fault(Fault::on(PROFILES, kind.clone()).times(1));
        assert!(client.fails(PROFILES), "{kind:?}");
        assert_eq!(client.get(PROFILES).status, 200);
    }
    sandbox.fault(Fault::on(PROFILES, Kind::TruncatedClose).times(1));
    let cut = client.get(PROFILES);
    assert!(
        serde_json::from_str::<Value>(&cut.text).is_err(),
        "cut off, and HTTP cannot tell"
    );
    sandbox.fault(Fault::on(PROFILES, Kind::BadConnection).times(1));
    assert_eq!(client.get(PROFILES).status, 503);
    assert_eq!(
        client.get(PROFILES).status,
        503,
        "the connection is kept and stays bad"
    );
    assert_eq!(Client::new(&sandbox).get(PROFILES).status, 200);
}

#[test]
fn hanging_requests_wait_for_the_release() {
    let (sandbox, client) = start();
    sandbox.fault(Fault::on(PROFILES, Kind::Hang).times(1));
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| client.fails(PROFILES));
        assert!(sandbox.await_hanging(1, Duration::from_secs(10)));
        assert_eq!(
            client.get(CATALOG).status,
            200,
            "others are served meanwhile"
        );
        sandbox.release();
        assert!(hanging.join().unwrap());
    });
}

#[test]
fn dropping_the_sandbox_ends_what_hangs() {
    let (sandbox, client) = start();
    sandbox.fault(Fault::on(PROFILES, Kind::Hang));
    std::thread::scope(|scope| {
        let hanging: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| client.fails(PROFILES)))
            .collect();
        assert!(sandbox.await_hanging(20, Duration::from_secs(10)));
        drop(sandbox);
        assert!(hanging.into_iter().all(|thread| thread.join().unwrap()));
    });
    assert!(client.fails(PROFILES), "nobody listens any more");
}

#[test]
fn wrong_bodies_come_with_a_good_status() {
    let (sandbox, client) = start();
    for (kind, body) in [
        (Kind::Html, "<!DOCTYPE html>"),
        (Kind::Empty, ""),
        (Kind::Null, "null"),
        (Kind::NoValue, "{\"@odata.context\""),
        (Kind::ErrorObject, "{\"error\""),
        (Kind::InvalidJson, "{\"@odata.context\""),
    ] {
        sandbox.fault(Fault::on(PROFILES, kind).times(1));
        let reply = client.get(PROFILES);
        assert_eq!(reply.status, 200);
        assert!(reply.text.starts_with(body), "{body}: {}", reply.text);
    }
    sandbox.fault(Fault::on(PROFILES, Kind::Big(11_000_000)).times(1));
    let big = client.get(PROFILES);
    assert_eq!(big.text.len(), 11_000_000);
    assert_eq!(big.items().len(), 25);
}

#[test]
fn lists_can_be_twisted() {
    let (sandbox, client) = start();
    let whole = ids(&client.list(PROFILES));
    sandbox.fault(Fault::on(PROFILES, Kind::EmptyPage));
    assert_eq!(client.get(PROFILES).items().len(), 0);
    assert_eq!(ids(&client.list(PROFILES)), whole);
    sandbox.clear_faults();
    sandbox.fault(Fault::on(PROFILES, Kind::Duplicate));
    let twice = ids(&client.list(PROFILES));
    assert_eq!(twice.len(), whole.len() + 1);
    assert_eq!(twice[24], twice[25]);
    sandbox.clear_faults();
    sandbox.fault(Fault::on(PROFILES, Kind::NextItself));
    let link = client.get(PROFILES).next().unwrap();
    assert_eq!(client.url(&link).unwrap().next().unwrap(), link);
    sandbox.clear_faults();
    sandbox.fault(Fault::on(PROFILES, Kind::NextEndless));
    let mut links = HashSet::new();
    let mut link = client.get(PROFILES).next().unwrap();
    for _ in 0..20 {
        assert!(links.insert(link.clone()), "each link is new");
        link = client.url(&link).unwrap().next().unwrap();
    }
    sandbox.clear_faults();
    sandbox.fault(Fault::on(
        PROFILES,
        Kind::NextTo("https://elsewhere.invalid/beta/x".into()),
    ));
    assert_eq!(
        client.get(PROFILES).next().unwrap(),
        "https://elsewhere.invalid/beta/x"
    );
}

#[test]
fn random_faults_repeat_with_the_seed() {
    let statuses = |seed| {
        let sandbox = Sandbox::start(Options {
            seed,
            policies: Some(0),
            ..Options::default()
        });
        let client = Client::new(&sandbox);
        sandbox.fault(Fault::on(PROFILES, Kind::Status(503)).percent(40));
        (0..60)
            .map(|_| client.get(PROFILES).status)
            .collect::<Vec<_>>()
    };
    let first = statuses(7);
    assert_eq!(first, statuses(7));
    assert_ne!(first, statuses(8));
    assert!(first.contains(&200) && first.contains(&503));
}

#[test]
fn limits_are_kept_per_directory() {
    let sandbox = Sandbox::start(Options {
        policies: Some(0),
        budget: Some((3, Duration::from_secs(600))),
        conditional_access_limit: true,
        ..Options::default()
    });
    let client = Client::new(&sandbox);
    let statuses: Vec<_> = (0..5).map(|_| client.get(PROFILES).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(client.get(PROFILES).all("retry-after").len(), 1);
    let policies = "identity/conditionalAccess/policies";
    let replies: Vec<_> = (0..20).map(|_| client.get(policies)).collect();
    let throttled = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert!(throttled.all("retry-after").is_empty());
}

#[test]
fn control_paths_do_the_same_over_http() {
    let (sandbox, client) = start();
    let post = |deed: &str| {
        let url = format!("{}/sandbox/{deed}", sandbox.url());
        reply(client.agent.post(&url).send_empty()).unwrap()
    };
    let changed = post("change?type=deviceManagement%2FconfigurationPolicies&count=2").json();
    assert_eq!(changed["changed"].as_array().unwrap().len(), 2);
    assert_eq!(
        post("fault?path=deviceManagement&kind=status:503&times=1&retry-after=5").status,
        200
    );
    assert_eq!(client.get(PROFILES).all("retry-after"), ["5"]);
    assert_eq!(post("fault?kind=nonsense").status, 400);
    let id = post("add?name=Copied").json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        client
            .get(&format!("{CATALOG}/{id}"))
            .text
            .contains("Copied")
    );
    assert_eq!(post(&format!("remove?path={CATALOG}/{id}")).status, 200);
    assert_eq!(post(&format!("remove?path={CATALOG}/{id}")).status, 400);
    let requests = post("requests").json();
    assert!(
        requests
            .as_array()
            .unwrap()
            .iter()
            .any(|request| request["status"] == 503)
    );
    assert_eq!(post("stop").status, 200);
    sandbox.wait();
}
