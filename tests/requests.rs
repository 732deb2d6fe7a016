//! Each request of a run in turn goes wrong, once or from then on, until none is left to go wrong:
//! never a false success, and nothing that could not be read counts as removed.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use fleet::Fleet;
use sandbox::server::faults::{Fault, Kind};

/// What passes by itself: tried again at once, and then well.
fn passing() -> Vec<Fault> {
    let again = |kind| Fault::on("", kind).times(1);
    vec![
        again(Kind::Status(503)).retry_after("0"),
        again(Kind::Status(429)).retry_after("0"),
        again(Kind::Reset),
        again(Kind::ResetInBody),
        again(Kind::Truncated),
        again(Kind::TruncatedChunked),
        again(Kind::Unauthorized { claims: false }),
    ]
}

/// What stays: not to be tried again, or a few times at most.
fn staying() -> Vec<Fault> {
    let from_then_on = |kind| Fault::on("", kind);
    vec![
        from_then_on(Kind::Forbidden),
        from_then_on(Kind::Status(400)),
        from_then_on(Kind::Unauthorized { claims: false }),
        from_then_on(Kind::NoValue),
        from_then_on(Kind::ErrorObject),
        from_then_on(Kind::Empty),
        from_then_on(Kind::Redirect(302, "http://127.0.0.1:1/".to_owned())),
    ]
}

/// Has the fault strike at each `stride`-th request, for as long as a run makes one; how often it
/// struck.
fn at_each_request(fault: &Fault, stays: bool, stride: usize) -> usize {
    let fleet = Fleet::new();
    let types = "namedLocation,deviceManagementScript";
    fleet.add("nightly", "contoso", &["--types", types]);
    let mut slots = fleet.slots(1, 100).into_iter();
    assert_eq!(fleet.dispatch(&slots.next().unwrap()).ok(), "");
    let whole = fleet.runs()[0]["summary"]["policies_backed_up"].clone();
    let mut struck = 0;
    for before in (0..).step_by(stride) {
        fleet.sandbox.forget_requests();
        fleet.sandbox.fault(fault.clone().after_requests(before));
        let run = fleet.dispatch(&slots.next().unwrap());
        // The sign-in is a request, and none of Graph.
        let asked = fleet.sandbox.requests().len() - 1;
        fleet.sandbox.clear_faults();
        let hit = asked > usize::try_from(before).unwrap();
        let row = fleet.runs().pop().unwrap();
        let said = format!(
            "{fault:?} at {before} of {asked}: {:?} {} {row}",
            run.code, run.stderr
        );
        let expected = match (hit && stays, run.code) {
            (false, Some(0)) => "success",
            (true, Some(3)) => "partial",
            (true, Some(12 | 13)) => "failed",
            // What was missing could be asked for in another way.
            (true, Some(0)) => "success",
            _ => panic!("{said}"),
        };
        assert_eq!(row["status"], expected, "{said}");
        let summary = &row["summary"];
        if expected == "success" {
            assert_eq!(summary["policies_backed_up"], whole, "{said}");
        }
        let removed = summary["type_breakdown"].as_object().into_iter().flatten();
        for (_, one) in removed {
            assert_eq!(one["removed"], 0, "{said}");
        }
        if !hit {
            break;
        }
        struck += 1;
    }
    assert_eq!(fleet.dispatch(&slots.next().unwrap()).ok(), "");
    assert_eq!(
        fleet.runs().pop().unwrap()["summary"]["policies_backed_up"],
        whole
    );
    fleet.assert_sound();
    struck
}

#[test]
fn a_request_that_fails_costs_nothing_where_it_passes_and_is_told_where_it_stays() {
    for (fault, stays) in [
        (&passing()[0], false),
        (&passing()[3], false),
        (&staying()[0], true),
    ] {
        let struck = at_each_request(fault, stays, 2);
        assert!(struck > 0, "{fault:?} struck {struck} times");
    }
}

#[test]
#[ignore = "takes minutes: cargo test --test requests -- --ignored --nocapture"]
fn every_request_that_fails_once_costs_nothing() {
    let struck = passing()
        .into_iter()
        .map(|fault| at_each_request(&fault, false, 1));
    println!("{} faults, all successes whole", struck.sum::<usize>());
}

#[test]
#[ignore = "takes minutes: cargo test --test requests -- --ignored --nocapture"]
fn requests_that_fail_from_each_on_are_never_a_success() {
    let struck = staying()
        .into_iter()
        .map(|fault| at_each_request(&fault, true, 1));
    println!("{} faults, no false success", struck.sum::<usize>());
}
