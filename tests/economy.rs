//! What a run costs: round trips are shared where objects are read one by one, and whatever becomes
//! of that, the backup set is the same.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/stage.rs"]
mod stage;

use sandbox::server::faults::{Fault, Kind};
use sandbox::server::{Options, Recorded};
use serde_json::Value;
use stage::{CATALOG, SCRIPTS, Stage};

const BATCH: &str = "$batch";

fn stage() -> Stage {
    let options = Options {
        policies: Some(600),
        ..Options::default()
    };
    let types = [CATALOG, SCRIPTS].map(|(key, _)| key);
    Stage::with(options, &types.join(","))
}

fn number(run: &Value, key: &str) -> usize {
    usize::try_from(run["summary"][key].as_u64().unwrap()).unwrap()
}

fn root_hash(stage: &Stage, run: &Value) -> String {
    let set = stage.set(&run["backup_set_id"]);
    set["root_hash"].as_str().unwrap().to_owned()
}

#[test]
fn objects_are_read_by_the_twenty() {
    let stage = stage();
    let run = stage.success();
    let requests = stage.sandbox.requests();
    let sent = requests
        .iter()
        .filter(|one| !one.path().ends_with("/token"));
    let (inside, outside): (Vec<&Recorded>, Vec<&Recorded>) =
        sent.partition(|one| one.batch.is_some());
    let batches = outside.iter().filter(|one| one.path() == BATCH).count();
    assert_eq!(number(&run, "round_trips"), outside.len());
    assert_eq!(number(&run, "batched_requests"), inside.len());
    assert_eq!(
        number(&run, "requests"),
        inside.len() + outside.len() - batches
    );
    let objects = number(&run, "policies_total");
    assert!(objects > 200 && inside.len() >= objects - 10, "{run}");
    assert!(
        batches <= inside.len().div_ceil(20) * 13 / 10 + 2,
        "{} requests in {batches} batches",
        inside.len()
    );
    assert!(stage.sandbox.most_in_flight() <= 10);
}

#[test]
fn without_batches_the_backup_set_is_the_same() {
    let stage = stage();
    let hash = root_hash(&stage, &stage.success());
    for status in [400, 403, 404, 405] {
        stage.sandbox.clear_faults();
        stage.sandbox.forget_requests();
        stage.sandbox.fault(Fault::on(BATCH, Kind::Status(status)));
        let run = stage.success();
        assert_eq!(root_hash(&stage, &run), hash, "{status}");
        assert_eq!(number(&run, "retries"), 0, "{status}");
        let requests = stage.sandbox.requests();
        let refused = requests.iter().filter(|one| one.path() == BATCH).count();
        assert!((1..=3).contains(&refused), "{refused} batches were tried");
    }
}

#[test]
fn batches_that_break_in_any_way_lose_nothing() {
    let stage = stage();
    let hash = root_hash(&stage, &stage.success());
    for (kind, times) in [
        Kind::Reset,
        Kind::Truncated,
        Kind::TruncatedClose,
        Kind::Html,
        Kind::Empty,
        Kind::InvalidJson,
        Kind::ErrorObject,
    ]
    .map(|kind| (kind, 2))
    .into_iter()
    // A second one for the same object is final.
    .chain([(Kind::Unauthorized { claims: true }, 1)])
    {
        stage.sandbox.clear_faults();
        stage
            .sandbox
            .fault(Fault::on(BATCH, kind.clone()).times(times));
        let run = stage.success();
        assert_eq!(root_hash(&stage, &run), hash, "{kind:?}");
    }
}

#[test]
fn a_503_that_only_another_connection_heals_is_healed_for_objects_too() {
    let stage = stage();
    let hash = root_hash(&stage, &stage.success());
    let below = format!("{}/", CATALOG.1);
    let fault = Fault::on(&below, Kind::BadConnection).times(1);
    stage.sandbox.fault(fault.retry_after("1"));
    stage.sandbox.forget_requests();
    let run = stage.success();
    assert_eq!(root_hash(&stage, &run), hash);
    let requests = stage.sandbox.requests();
    let sick: Vec<_> = requests.iter().filter(|one| one.status == 503).collect();
    assert!(!sick.is_empty());
    for one in sick {
        let again = requests
            .iter()
            .find(|other| other.url == one.url && other.status == 200)
            .unwrap();
        assert_ne!(again.connection, one.connection);
    }
}

#[test]
fn the_pace_is_a_number_from_1_to_4000() {
    let env = env::Env::with_tenant();
    for args in [
        &["run", "--all"][..],
        &["retry", "--failed"],
        &["dispatch"],
        &["tenants", "check", "contoso"],
    ] {
        for bad in ["0", "4001", "-1", "many"] {
            let args = [args, &["--max-requests", bad]].concat();
            let said = env.run(&args).fails(2);
            assert!(said.contains("--max-requests"), "{said}");
        }
    }
    env.run(&["dispatch", "--max-requests", "1"]).ok();
}
