//! A machine's clock that is wrong, or put right while the program works.
//!
//! The dispatcher is called in this process, since the program has no other clock than the machine's;
//! the database, the locks and the server are real.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use fleet::{Fleet, outcome};
use tenantpilot::clock::{Clock, SystemClock};
use tenantpilot::dispatch::{self, Report};
use tenantpilot::error::{ExitCode, Result};
use tenantpilot::graph::client::Connector;
use tenantpilot::lock::Locks;
use tenantpilot::monitoring::ping::Pings;
use tenantpilot::progress::Progress;
use tenantpilot::run::Means;
use tenantpilot::slot::Slot;
use tenantpilot::stop::Stop;
use tenantpilot::zone::Source;

/// The wall clock says `first`, but from its `turn`-th reading on it says `then`, and each goes on
/// from there.
struct Turning {
    begun: Instant,
    first: DateTime<Utc>,
    turn: usize,
    then: DateTime<Utc>,
    readings: AtomicUsize,
}

impl Turning {
    fn new(first: DateTime<Utc>, turn: usize, then: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self {
            begun: SystemClock.monotonic(),
            first,
            turn,
            then,
            readings: AtomicUsize::new(0),
        })
    }

    fn readings(&self) -> usize {
        self.readings.load(Ordering::SeqCst)
    }
}

impl Clock for Turning {
    fn now(&self) -> DateTime<Utc> {
        let reading = 1 + self.readings.fetch_add(1, Ordering::SeqCst);
        let from = if reading < self.turn {
            self.first
        } else {
            self.then
        };
        from + TimeDelta::from_std(self.begun.elapsed()).unwrap()
    }

    fn monotonic(&self) -> Instant {
        SystemClock.monotonic()
    }

    fn sleep(&self, duration: Duration, stop: &Stop) {
        SystemClock.sleep(duration, stop);
    }
}

/// Dispatches in the minute that the clock says, as the program does.
fn dispatch(fleet: &Fleet, clock: &Arc<Turning>) -> Result<Report> {
    let (clock, stop) = (Arc::clone(clock) as Arc<dyn Clock>, Stop::default());
    let now = Slot::containing(clock.now());
    let database = fleet.env.database();
    let means = Means {
        locks: Locks::beside(&database),
        connector: Connector::new(Arc::clone(&clock), stop.clone(), "tenantpilot/test"),
        pings: Pings::new(Arc::clone(&clock), stop.clone(), "tenantpilot/test"),
        database,
        clock,
        stop,
        zones: Source::Compiled,
        actor: "test".to_owned(),
        progress: Progress::default(),
    };
    dispatch::dispatch(&means, now, 4, |_| ())
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Set back at each reading of the clock in turn, until a dispatch reads it less often.
#[test]
fn a_clock_set_back_in_the_middle_of_a_run_costs_nothing() {
    for back in [TimeDelta::seconds(3_600), TimeDelta::seconds(86_400)] {
        let fleet = Fleet::new();
        let rest = ["--keep-last", "5", "--types", "assignmentFilter"];
        fleet.add("nightly", "contoso", &rest);
        let mut turns = 0;
        for slot in fleet.slots(1, 100) {
            turns += 1;
            // The first reading says which minute it is.
            let clock = Turning::new(time(&slot), turns + 1, time(&slot) - back);
            let report = dispatch(&fleet, &clock).unwrap();
            assert!(report.decision.missed.is_empty(), "turn {turns}");
            assert!(report.executed[0].trouble.is_empty(), "turn {turns}");
            let run = fleet.runs().pop().unwrap();
            assert_eq!(run["status"], "success", "turn {turns}: {run}");
            assert_eq!(run["scheduled_for"], *slot, "turn {turns}");
            let took = run["duration_ms"].as_i64().unwrap();
            assert!((0..60_000).contains(&took), "turn {turns}: {run}");
            // The same minute comes again, by a clock that is right and by one that is not.
            let again = dispatch(&fleet, &Turning::new(time(&slot), 1, time(&slot))).unwrap();
            assert!(again.decision.is_empty() && again.executed.is_empty());
            if clock.readings() <= turns {
                break;
            }
        }
        println!("set back by {back} at each of {turns} readings");
        assert!(turns > 5, "{turns}");
        let sets = fleet.env.items(&["backups", "list"]);
        let newest = i64::try_from(turns).unwrap();
        let kept: Vec<i64> = sets
            .iter()
            .filter_map(|set| set["run_id"].as_i64())
            .collect();
        assert_eq!(kept, (newest - 4..=newest).rev().collect::<Vec<_>>());
        fleet.assert_sound();
    }
}

#[test]
fn a_clock_that_begins_in_1970_starts_nothing_and_says_so() {
    let fleet = Fleet::nightly();
    let slot = &fleet.slots(1, 1)[0];
    let (before, events) = (fleet.bytes(), fleet.env.audit_actions());
    for day in ["1970-01-01", "2001-09-09", "2025-12-30"] {
        let dead = time(&format!("{day}T02:00:00Z"));
        let clock = Turning::new(dead, usize::MAX, dead);
        let error = dispatch(&fleet, &clock).unwrap_err();
        assert_eq!(error.kind().exit_code(), ExitCode::Failed);
        let said = error.message();
        let expected = format!("the machine's clock says {day}T02:");
        assert!(said.starts_with(&expected), "{said}");
        assert!(error.hint_text().is_some());
    }
    assert_eq!((fleet.bytes(), fleet.env.audit_actions()), (before, events));
    let right = Turning::new(time(slot), usize::MAX, time(slot));
    dispatch(&fleet, &right).unwrap();
    assert_eq!(fleet.outcomes(), [outcome(1, "success", "-")]);
}

/// A dispatch that begins at the end of a minute belongs to it, however late it is by then.
#[test]
fn a_dispatch_that_begins_at_the_end_of_a_minute_belongs_to_it() {
    let fleet = Fleet::new();
    let rest = ["--types", "assignmentFilter", "--cron", "* * * * *"];
    fleet.add("each-minute", "contoso", &rest);
    let slot = time(&fleet.slots(1, 1)[0]);
    let minute = |n: i64| slot + TimeDelta::seconds(60 * n);
    for n in 0..3 {
        let late = minute(n) + TimeDelta::milliseconds(59_950);
        let clock = Turning::new(late, 2, minute(n + 1) + TimeDelta::milliseconds(100));
        let report = dispatch(&fleet, &clock).unwrap();
        assert!(report.decision.missed.is_empty(), "{report:?}");
        assert_eq!(report.executed.len(), 1);
        let run = fleet.runs().pop().unwrap();
        assert_eq!(time(run["scheduled_for"].as_str().unwrap()), minute(n));
        assert_eq!(run["status"], "success", "{run}");
    }
    assert_eq!(fleet.runs().len(), 3);
}
