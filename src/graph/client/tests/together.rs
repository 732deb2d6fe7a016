//! Reads that share round trips, on the wire.

use serde_json::{Value, json};

use super::*;
use crate::graph::client::together::Attending;

/// A scene whose batches are answered with these.
fn scene_of(batches: Vec<Reply>, gets: Vec<Reply>) -> Scene {
    scene_within(batches, gets, Limits::default())
}

fn scene_within(batches: Vec<Reply>, gets: Vec<Reply>, limits: Limits) -> Scene {
    let server = Server::start(gets, TOKEN).with_batches(batches);
    scene_on(server, limits, secs(3600))
}

/// The answer to a batch: a status and a body for each id, from 1 on.
fn batch(parts: &[(u16, Value)]) -> Reply {
    let responses: Vec<Value> = parts
        .iter()
        .enumerate()
        .map(|(place, (status, body))| {
            let id = (place + 1).to_string();
            json!({"id": id, "status": status, "headers": {"Retry-After": "5"}, "body": body})
        })
        .rev()
        .collect();
    Reply::json(200, &json!({ "responses": responses }).to_string())
}

fn fine(numbers: std::ops::RangeInclusive<u64>) -> Reply {
    let parts: Vec<_> = numbers.map(|n| (200, json!({ "n": n }))).collect();
    batch(&parts)
}

fn object(number: u64) -> Request {
    Request {
        path: format!("things/{number}"),
        query: Vec::new(),
        ..request()
    }
}

/// What so many threads are told that ask at the same time, each for its own object.
fn ask(scene: &Scene, count: u64) -> Vec<Result<Vec<u8>, Error>> {
    ask_for(scene, (1..=count).map(object).collect())
}

fn ask_for(scene: &Scene, requests: Vec<Request>) -> Vec<Result<Vec<u8>, Error>> {
    let attending: Vec<(Attending<'_>, Request)> = requests
        .into_iter()
        .map(|request| (scene.client.attend(), request))
        .collect();
    std::thread::scope(|scope| {
        let asking: Vec<_> = attending
            .into_iter()
            .map(|(graph, request)| scope.spawn(move || graph.get(&request)))
            .collect();
        asking
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// The URLs of a batch by their ids.
fn asked(seen: &server::Seen) -> Vec<String> {
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    let requests = body["requests"].as_array().unwrap();
    for (place, request) in requests.iter().enumerate() {
        assert_eq!(request["id"], (place + 1).to_string());
        assert_eq!(request["method"], "GET");
        assert_eq!(request["headers"]["Prefer"], "include-unknown-enum-members");
    }
    let url = |request: &Value| request["url"].as_str().unwrap().to_owned();
    requests.iter().map(url).collect()
}

#[test]
fn what_is_asked_at_once_shares_a_round_trip() {
    let scene = scene_of(vec![fine(1..=3)], vec![]);
    let told = ask(&scene, 3);
    let batches = scene.server.batches();
    let [one] = &batches[..] else {
        panic!("{batches:?}");
    };
    assert_eq!(one.line, "POST /beta/$batch HTTP/1.1");
    assert_eq!(
        one.header("authorization"),
        Some("Bearer marker-of-the-token")
    );
    assert_eq!(one.header("content-type"), Some("application/json"));
    let urls = asked(one);
    for (number, told) in (1..).zip(told) {
        let id = urls
            .iter()
            .position(|url| *url == format!("/things/{number}"));
        let own = json!({ "n": id.unwrap() + 1 }).to_string();
        assert_eq!(told.unwrap(), own.as_bytes());
    }
    let traffic = scene.client.traffic();
    assert_eq!(
        (
            traffic.requests,
            traffic.round_trips,
            traffic.batched_requests
        ),
        (3, 1, 3)
    );
    assert_eq!(scene.server.gets().len(), 0);
}

#[test]
fn one_read_goes_as_it_would_without_batches() {
    let scene = scene_of(vec![], vec![ok()]);
    assert!(ask(&scene, 1)[0].is_ok());
    assert_eq!(scene.server.lines(), ["GET /beta/things/1 HTTP/1.1"]);
    assert_eq!(scene.client.traffic().batched_requests, 0);
}

#[test]
fn at_most_twenty_go_together_and_versions_go_apart() {
    let scene = scene_of(vec![fine(1..=20).for_ever()], vec![ok().for_ever()]);
    let mut requests: Vec<Request> = (1..=45).map(object).collect();
    for request in &mut requests[40..] {
        request.version = Version::V1;
    }
    assert!(ask_for(&scene, requests).iter().all(Result::is_ok));
    let mut sizes: Vec<_> = scene
        .server
        .batches()
        .iter()
        .map(|seen| (seen.line.contains("/v1.0/"), asked(seen).len()))
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [(false, 20), (false, 20), (true, 5)]);
}

#[test]
fn a_link_goes_in_byte_for_byte() {
    let scene = scene_of(vec![fine(1..=2)], vec![]);
    let tail = "/things?$skiptoken=%255Bcosmos%255D%2b+'x'&A=%zz";
    let link = format!("{}/beta{tail}", scene.server.url());
    let graphs = [scene.client.attend(), scene.client.attend()];
    std::thread::scope(|scope| {
        for graph in graphs {
            let link = &link;
            scope.spawn(move || graph.follow(&request(), link).unwrap());
        }
    });
    assert_eq!(asked(&scene.server.batches()[0]), [tail, tail]);
    let attending = scene.client.attend();
    let elsewhere = attending.follow(&request(), "https://other.example/beta/x");
    assert_eq!(fault(elsewhere), Fault::Paging);
}

#[test]
fn conditional_access_never_shares() {
    let scene = scene_of(vec![], vec![ok().for_ever()]);
    let mut requests: Vec<Request> = (1..=3).map(object).collect();
    for request in &mut requests {
        request.group = ServiceGroup::ConditionalAccess;
    }
    assert!(ask_for(&scene, requests).iter().all(Result::is_ok));
    assert_eq!(scene.server.gets().len(), 3);
    assert_eq!(scene.clock.slept(), [Duration::from_millis(1250); 2]);
}

#[test]
fn what_the_limit_does_not_let_out_goes_with_the_next() {
    let scene = scene_of(vec![fine(1..=4).for_ever()], vec![]);
    let deadline = scene.clock.monotonic() + secs(3600);
    let connector = scene.connector.clone().at_most(Some(4));
    // Another one: what is known of a tenant's pace lasts as long as the process.
    let other = Tenant {
        id: TenantId(2),
        ..scene.tenant.clone()
    };
    let client = connector.client(&other, deadline).unwrap();
    let Scene { clock, server, .. } = &scene;
    let attending: Vec<_> = (1..=8).map(|n| (client.attend(), object(n))).collect();
    std::thread::scope(|scope| {
        for (graph, request) in attending {
            scope.spawn(move || graph.get(&request).unwrap());
        }
    });
    let sizes: Vec<_> = server
        .batches()
        .iter()
        .map(|seen| asked(seen).len())
        .collect();
    assert_eq!(sizes, [4, 4]);
    assert_eq!(clock.slept(), [secs(20)]);
    assert_eq!(client.traffic().throttled_ms, 20_000);
}

#[test]
fn one_that_is_throttled_pauses_the_tenant_and_goes_again() {
    let busy = json!({"error": {"code": "TooManyRequests", "message": "busy"}});
    let scene = scene_of(
        vec![batch(&[(200, json!({})), (429, busy), (200, json!({}))])],
        vec![ok()],
    );
    assert!(ask(&scene, 3).iter().all(Result::is_ok));
    assert_eq!(scene.clock.slept(), [secs(5)]);
    let traffic = scene.client.traffic();
    assert_eq!((traffic.requests, traffic.retries), (4, 1));
    assert_eq!((traffic.round_trips, traffic.throttled_ms), (2, 5000));
    assert_eq!(scene.server.gets().len(), 1, "alone in its batch");
}

#[test]
fn an_answer_is_judged_as_if_it_had_come_alone() {
    let scoped = "must have one of the following scopes: DeviceManagementApps.Read.All";
    for (status, message, expected) in [
        (403, scoped, Fault::Forbidden),
        (404, "gone", Fault::NotFound),
        (
            400,
            "Request not applicable to target tenant.",
            Fault::NotLicensed,
        ),
        (200, "a success that holds an error", Fault::BadResponse),
    ] {
        let wrong = || (status, json!({"error": {"code": "C", "message": message}}));
        let replies = vec![batch(&[wrong(), wrong()]).for_ever()];
        let alone = Reply::json(status, &wrong().1.to_string()).for_ever();
        let scene = scene_of(replies, vec![alone]);
        for told in ask(&scene, 2) {
            let error = told.unwrap_err();
            assert_eq!(
                (error.fault, error.status),
                (expected, Some(status)),
                "{error}"
            );
            assert!(error.message.starts_with("things/"), "{error}");
        }
        if status != 200 {
            assert_eq!(scene.client.traffic().requests, 2, "{status} is final");
        }
    }
}

#[test]
fn what_the_answer_leaves_out_is_asked_for_alone() {
    for reply in [
        fine(1..=2),
        Reply::json(
            200,
            r#"{"responses":[{"id":"1","status":200,"body":{}},{"id":"2","status":200,"body":{}},{"id":"3","body":{}}]}"#,
        ),
        Reply::json(
            424,
            r#"{"responses":[{"id":"1","status":200,"body":{}},{"id":"2","status":200,"body":{}}]}"#,
        ),
    ] {
        let scene = scene_of(vec![reply], vec![ok()]);
        assert!(ask(&scene, 3).iter().all(Result::is_ok));
        assert_eq!(scene.server.gets().len(), 1);
        assert_eq!(scene.client.traffic().retries, 1);
    }
    let scene = scene_of(vec![fine(1..=1)], vec![Reply::json(200, "").for_ever()]);
    let told = ask(&scene, 2);
    assert_eq!(told.iter().filter(|told| told.is_err()).count(), 1);
}

#[test]
fn where_batches_are_refused_everything_goes_alone_and_nothing_fails() {
    for status in [400, 403, 404, 405] {
        let scene = scene_of(vec![graph_error(status, "no")], vec![ok().for_ever()]);
        for _ in 0..2 {
            assert!(ask(&scene, 5).iter().all(Result::is_ok), "{status}");
        }
        assert_eq!(scene.server.batches().len(), 1, "{status}");
        assert_eq!(scene.server.gets().len(), 10, "{status}");
        assert_eq!(scene.client.traffic().retries, 0, "it was no try of theirs");
        assert!(scene.clock.slept().is_empty());
    }
}

#[test]
fn a_batch_that_fails_costs_a_try_and_its_parts_go_alone() {
    for reply in [
        Reply::json(503, "").header("retry-after", "1"),
        Reply::json(504, "<html>"),
        Reply::json(200, "<html>"),
        Reply::json(200, "{}"),
        Reply::json(200, "{\"error\":{}}"),
        Reply::raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
    ] {
        let scene = scene_of(vec![reply, fine(1..=2).for_ever()], vec![ok().for_ever()]);
        assert!(ask(&scene, 2).iter().all(Result::is_ok));
        assert_eq!(scene.server.gets().len(), 2);
        assert!(ask(&scene, 2).iter().all(Result::is_ok));
        assert_eq!(scene.server.batches().len(), 2, "they are tried again");
        assert_eq!(scene.server.gets().len(), 2);
    }
}

#[test]
fn after_three_failures_in_a_row_no_more_batches_go_out() {
    let scene = scene_of(vec![Reply::json(502, "").for_ever()], vec![ok().for_ever()]);
    for _ in 0..6 {
        assert!(ask(&scene, 2).iter().all(Result::is_ok));
    }
    assert_eq!(scene.server.batches().len(), 3);
    assert_eq!(scene.server.gets().len(), 12);
}

#[test]
fn an_answer_too_large_for_all_is_taken_one_by_one() {
    let limits = Limits {
        body: 100,
        ..Limits::default()
    };
    let large = json!({ "x": "y".repeat(60) });
    let reply = batch(&[(200, large.clone()), (200, large)]);
    let alone = Reply::json(200, &json!({ "x": "y".repeat(60) }).to_string());
    let scene = scene_within(vec![reply], vec![alone.for_ever()], limits);
    assert!(ask(&scene, 2).iter().all(Result::is_ok));
    assert!(scene.clock.slept().is_empty());
    assert_eq!(scene.client.traffic().retries, 0);
}

#[test]
fn a_401_of_the_whole_gets_one_new_token_and_goes_together_again() {
    let scene = scene_of(vec![Reply::json(401, ""), fine(1..=2)], vec![]);
    assert!(ask(&scene, 2).iter().all(Result::is_ok));
    let posts = scene.server.requests().len();
    assert_eq!(
        (scene.server.batches().len(), posts),
        (2, 4),
        "two sign-ins"
    );
    let scene = scene_of(vec![Reply::json(401, "").for_ever()], vec![]);
    for told in ask(&scene, 2) {
        assert_eq!(fault(told), Fault::Auth);
    }
}

#[test]
fn a_503_inside_is_tried_again_on_a_new_connection() {
    let busy = batch(&[(503, json!({})), (200, json!({}))]);
    let scene = scene_of(vec![busy], vec![ok()]);
    assert!(ask(&scene, 2).iter().all(Result::is_ok));
    let (batches, gets) = (scene.server.batches(), scene.server.gets());
    assert_eq!((batches.len(), gets.len()), (1, 1));
    assert_ne!(batches[0].connection, gets[0].connection);
}

#[test]
fn a_stop_and_the_end_of_the_run_end_it_for_all() {
    let scene = scene_of(vec![fine(1..=2).delay(secs(60))], vec![]);
    let told = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&scene, 2));
        scene.server.wait_for_batches(1);
        scene.stop.request(Reason::Interrupt);
        asking.join().unwrap()
    });
    for told in told {
        assert_eq!(fault(told), Fault::Canceled);
    }
    let scene = scene_of(vec![], vec![]);
    scene
        .client
        .pacer
        .pause(scene.clock.monotonic() + secs(7200));
    for told in ask(&scene, 2) {
        assert_eq!(fault(told), Fault::TimedOut);
    }
}
