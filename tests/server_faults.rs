//! Servers that misbehave, each in its own way, against the real program: the type that was hit is
//! named, its neighbour is complete, nothing is taken for removed, nothing panics, and no token
//! goes where it does not belong.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use env::{CLIENT_ID, Env};
use sandbox::server::faults::{Fault, Kind};
use sandbox::server::{DIRECTORY, Options, Sandbox};
use serde_json::Value;
use stage::{COMPLIANCE, FILTERS, Stage, changes, only_item, type_of};

/// A run in which the compliance policies meet this fault and the filters do not; what it says of
/// the compliance policies.
fn struck(fault: Fault, error_code: &str) -> (Stage, String) {
    let stage = Stage::of(&[COMPLIANCE, FILTERS]);
    stage.success();
    stage.sandbox.fault(fault);
    stage.sandbox.forget_requests();
    let run = stage.run(3);
    assert_eq!(run["error_code"], error_code, "{run}");
    assert_eq!(
        type_of(&run, COMPLIANCE.0)["outcome"],
        "incomplete",
        "{run}"
    );
    assert_eq!(changes(&run, COMPLIANCE.0), [0; 4], "{run}");
    assert_eq!(type_of(&run, FILTERS.0)["outcome"], "complete", "{run}");
    let why = type_of(&run, COMPLIANCE.0)["error"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!why.contains('\u{1b}') && !why.contains('\0'), "{why:?}");
    (stage, why)
}

/// How often the compliance policies were asked for.
fn tries(stage: &Stage) -> usize {
    let requests = stage.sandbox.requests();
    let hit = requests
        .iter()
        .filter(|request| request.url.contains(COMPLIANCE.1));
    hit.count()
}

#[test]
fn answers_that_never_end_end_with_the_run() {
    std::thread::scope(|scope| {
        for kind in [Kind::Hang, Kind::Drip(Duration::from_secs(1))] {
            scope.spawn(move || {
                let stage = Stage::of(&[COMPLIANCE]);
                let edit = ["schedules", "edit", "nightly", "--max-runtime", "2s"];
                stage.env.run(&edit).ok();
                stage.sandbox.fault(Fault::on(COMPLIANCE.1, kind.clone()));
                let begun = Instant::now();
                let run = stage.run(124);
                assert_eq!(run["error_code"], "TIMED_OUT", "{kind:?}");
                assert!(begun.elapsed() < Duration::from_secs(20), "{kind:?}");
                stage.sandbox.release();
            });
        }
    });
}

#[test]
fn a_connection_that_breaks_is_tried_three_times() {
    let (stage, why) = struck(Fault::on(COMPLIANCE.1, Kind::Reset), "NETWORK");
    assert_eq!(tries(&stage), 3, "{why}");
}

#[test]
fn bodies_that_are_no_page_are_no_empty_list() {
    let no_pages: [&[u8]; 9] = [
        &[b'['; 3000],
        b"{\"value\":[{\"id\":\"\xff\xfe\"}]}",
        b"{\"value\":[{\"id\":\"a\"}],\"value\":[]}",
        b"{\"value\":\0[]}",
        b"{\"value\":[1e400]}",
        b"{\"value\":{\"id\":\"a\"}}",
        b"[]",
        b"\x1b]0;title\x07<html>",
        b"{\"value\":[]",
    ];
    std::thread::scope(|scope| {
        for body in no_pages {
            scope.spawn(move || {
                let fault = Fault::on(COMPLIANCE.1, Kind::Body(body.to_vec()));
                let (_, why) = struck(fault, "GRAPH_BAD_RESPONSE");
                assert!(why.len() < 600, "{why}");
            });
        }
    });
}

#[test]
fn a_small_body_that_unpacks_to_a_gigabyte_is_left() {
    let fault = Fault::on(COMPLIANCE.1, Kind::Bomb(1 << 30));
    let (_, why) = struck(fault, "GRAPH_BAD_RESPONSE");
    assert!(why.contains("MiB"), "{why}");
}

#[test]
fn redirects_are_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let elsewhere = format!(
        "http://{}/beta/{}",
        other.local_addr().unwrap(),
        COMPLIANCE.1
    );
    std::thread::scope(|scope| {
        for (status, target) in [
            (301, elsewhere.as_str()),
            (302, "file:///etc/passwd"),
            (307, "/beta/deviceManagement/assignmentFilters"),
            (308, &elsewhere),
        ] {
            scope.spawn(move || {
                let redirect = Kind::Redirect(status, target.to_owned());
                let fault = Fault::on(COMPLIANCE.1, redirect);
                let (stage, why) = struck(fault, "GRAPH_BAD_RESPONSE");
                assert!(why.contains("redirect"), "{why}");
                assert_eq!(tries(&stage), 1, "{status}");
            });
        }
    });
    assert!(other.accept().is_err(), "somebody came to the other host");
}

#[test]
fn a_sign_in_that_answers_nonsense_ends_the_run() {
    std::thread::scope(|scope| {
        for (body, error_code, exit_code) in [
            (
                r#"{"token_type":"Bearer","expires_in":3599}"#,
                "AUTH_FAILED",
                12,
            ),
            ("<html>Sign in</html>", "GRAPH_BAD_RESPONSE", 13),
        ] {
            scope.spawn(move || {
                let stage = Stage::of(&[COMPLIANCE]);
                let nonsense = Kind::Body(body.as_bytes().to_vec());
                stage.sandbox.fault(Fault::on("token", nonsense));
                let run = stage.run(exit_code);
                assert_eq!(run["status"], "failed", "{body}");
                assert_eq!(run["error_code"], error_code, "{body}");
                assert_eq!(stage.sets(), 0, "{body}");
            });
        }
    });
}

#[test]
fn a_token_that_ends_in_the_middle_of_a_run_is_renewed() {
    let options = Options {
        token_lifetime: 1,
        latency: Duration::from_millis(60),
        policies: Some(60),
        ..Options::default()
    };
    let stage = Stage::with(options, "settingsCatalogPolicy,deviceConfiguration");
    stage.success();
    let requests = stage.sandbox.requests();
    let tokens = requests
        .iter()
        .filter(|request| request.url.contains("/token"));
    assert!(tokens.count() > 1, "one token served for all");
}

/// JSON that breaks off does not parse; of a picture only its length tells.
#[test]
fn a_picture_that_breaks_off_is_not_taken_for_whole() {
    let stage = Stage::with(
        Options::default(),
        "organizationalBranding,assignmentFilter",
    );
    stage.success();
    let pictures = format!("organization/{DIRECTORY}/branding/localizations/");
    let cut = Fault::on(&pictures, Kind::TruncatedClose);
    stage.sandbox.fault(cut.clone().times(1));
    let run = stage.success();
    assert_eq!(changes(&run, "organizationalBranding")[1], 0, "{run}");
    stage.sandbox.clear_faults();
    stage.sandbox.fault(cut);
    let run = stage.run(3);
    let of = type_of(&run, "organizationalBranding");
    assert_eq!(of["outcome"], "incomplete", "{of}");
    assert!(
        of["error"]
            .as_str()
            .unwrap()
            .contains("where the file ends"),
        "{of}"
    );
}

/// A hundred tenants that are all told to wait are asked again in their own time, not at once, and
/// one that is well is not held up.
#[test]
fn a_hundred_throttled_tenants_are_no_herd() {
    const TENANTS: u32 = 100;
    let env = Env::new();
    let sandbox = Sandbox::start(Options::default());
    let secret = env.file("client-secret", &Options::default().client_secret, 0o600);
    let url = sandbox.url();
    let directory = |number: u32| format!("22222222-2222-4333-8444-{number:012}");
    for number in 0..=TENANTS {
        let name = format!("tenant-{number}");
        let directory = directory(number);
        let args = [
            &["tenants", "add", &name, "--directory", &directory][..],
            &["--client-id", CLIENT_ID, "--secret-file", &secret],
            &["--graph-url", url, "--authority-url", url, "--quiet"],
        ];
        env.run(&args.concat()).warned();
        let args = [
            &["schedules", "add", "nightly", "--tenant", &name, "--quiet"][..],
            &["--at", "02:00", "--timezone", "UTC", "--no-foundations"],
            &["--types", "assignmentFilter"],
        ];
        env.run(&args.concat()).ok();
        if number > 0 {
            let busy = Fault::on("", Kind::Status(429)).times(1);
            sandbox.fault(busy.directory(&directory));
        }
    }
    let next = "SELECT next_slot FROM schedules WHERE id = 1";
    let slot: i64 = env.sql().query_row(next, [], |row| row.get(0)).unwrap();
    let at = chrono::DateTime::from_timestamp(slot, 0)
        .unwrap()
        .to_rfc3339();
    let (stdout, stderr) = env
        .run(&["dispatch", "--at", &at, "--jobs", "101"])
        .warned();
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
    let runs = env.items(&["history", "--limit", "200"]);
    assert_eq!(runs.len(), TENANTS as usize + 1);
    assert!(
        runs.iter().all(|run| run["status"] == "success"),
        "{runs:?}"
    );
    let waited = |run: &Value| run["summary"]["throttled_ms"].as_u64().unwrap();
    let mut waits: Vec<u64> = runs.iter().map(waited).filter(|ms| *ms > 0).collect();
    assert_eq!(
        waits.len(),
        TENANTS as usize,
        "the one that is well did not wait"
    );
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 50, "they wait alike: {waits:?}");
}

#[test]
fn a_number_beyond_all_floats_is_kept_as_it_was() {
    let stage = Stage::of(&[FILTERS]);
    let body = br#"{"value":[{"id":"a","displayName":"x","size":1e400}]}"#;
    let fault = Fault::on(FILTERS.1, Kind::Body(body.to_vec()));
    stage.sandbox.fault(fault);
    let run = only_item(stage.env.run(&["run", "nightly", "--json"]), 0);
    let set = run["backup_set_id"].to_string();
    let show = ["backups", "show", &set, "--policy", "assignmentFilter/a"];
    let shown = stage.env.run(&[&show[..], &["--json"]].concat()).ok();
    assert!(shown.contains("1e400"), "{shown}");
}
