//! What the real program cannot be brought to do: a panic, a second running run, a slot that is
//! looked at again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tempfile::TempDir;

use super::*;
use crate::clock::{Clock, FixedClock, SystemClock};
use crate::graph::client::Connector;
use crate::graph::cloud::Cloud;
use crate::lock::Locks;
use crate::monitoring::ping::Pings;
use crate::progress::Progress;
use crate::recurrence::tests::daily;
use crate::run::{Ending, ErrorCode, Status, Trigger};
use crate::schedule::{Schedule, ScheduleId, Settings, spread_offset};
use crate::stop::Stop;
use crate::store::runs::NewRun;
use crate::store::schedules::Slots;
use crate::tenant::{self, Credential};
use crate::zone::Source;

/// The machine's clock, which panics the n-th time that it is asked for the time.
struct Trap {
    left: AtomicUsize,
}

impl Clock for Trap {
    fn now(&self) -> DateTime<Utc> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        assert_ne!(left, 1, "the trap");
        SystemClock.now()
    }

    fn monotonic(&self) -> Instant {
        SystemClock.monotonic()
    }

    fn sleep(&self, duration: Duration, stop: &Stop) {
        SystemClock.sleep(duration, stop);
    }
}

struct Place {
    means: Means,
    store: Store,
    _folder: TempDir,
}

const SLOT: i64 = 1_800_000_000 / 86_400 * 86_400 + 2 * 3600;

fn slot() -> Slot {
    Slot::from_epoch(SLOT).unwrap()
}

impl Place {
    /// Schedules 1 to `schedules`, at 02:00 UTC. Their only policy type is unknown, so that their
    /// runs end, without a request, as skipped. The clock panics the `trap`-th time.
    fn new(schedules: usize, trap: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("tp.db");
        let store = Store::open_or_create(&database).unwrap();
        store
            .write(|tx| {
                let tenant = store::tenants::insert(tx, &tenant(), slot().instant())?;
                let slots = Slots {
                    from: slot(),
                    next: Some(slot()),
                    zone_version: Source::Compiled.version(),
                };
                for n in 1..=schedules {
                    let settings = settings(&format!("nightly-{n}"));
                    store::schedules::insert(tx, tenant, &settings, &slots, slot().instant())?;
                }
                Ok(())
            })
            .unwrap();
        let means = means(&database, trap);
        Self {
            means,
            store,
            _folder: folder,
        }
    }

    fn schedule(&self, id: i64) -> Schedule {
        store::schedules::get(self.store.read(), ScheduleId(id)).unwrap()
    }

    fn claim_by_hand(&self, owner: &Owner, id: i64) -> Claim {
        let schedule = self.schedule(id);
        let run = NewRun {
            tenant_id: schedule.tenant_id,
            schedule_id: schedule.id,
            trigger: Trigger::Manual,
            retry_of: None,
            actor: "alice",
            scheduled_for: None,
            created_at: slot().instant(),
        };
        let claimed = self.store.write(|tx| store::runs::claim(tx, &run, owner));
        Claim {
            run_id: claimed.unwrap().unwrap(),
            schedule,
            slot: None,
        }
    }

    fn ending(&self, id: i64) -> (Status, Option<ErrorCode>, String) {
        let run = store::runs::get(self.store.read(), crate::run::RunId(id)).unwrap();
        (
            run.status,
            run.error_code,
            run.error_message.unwrap_or_default(),
        )
    }
}

fn means(database: &Path, trap: usize) -> Means {
    let clock: Arc<dyn Clock> = Arc::new(Trap {
        left: AtomicUsize::new(trap),
    });
    let stop = Stop::default();
    Means {
        database: database.to_owned(),
        locks: Locks::beside(database),
        connector: Connector::new(Arc::clone(&clock), stop.clone(), "test"),
        pings: Pings::new(Arc::clone(&clock), stop.clone(), "test"),
        clock,
        stop,
        zones: Source::Compiled,
        actor: "alice".to_owned(),
        progress: Progress::default(),
    }
}

fn tenant() -> tenant::Settings {
    tenant::Settings {
        name: "contoso".to_owned(),
        directory: "contoso.onmicrosoft.com".to_owned(),
        cloud: Cloud::Global,
        client_id: Some("c".to_owned()),
        credential: Credential::SecretEnv("NONE".to_owned()),
        graph_url: None,
        authority_url: None,
        labels: BTreeMap::new(),
    }
}

fn settings(name: &str) -> Settings {
    Settings {
        name: name.to_owned(),
        recurrence: daily(&["02:00"]),
        timezone: "UTC".to_owned(),
        policy_types: vec!["fromTheFuture".to_owned()],
        exclude_types: Vec::new(),
        include_foundations: false,
        keep: crate::retention::rules::Keep::default(),
        grace: Duration::ZERO,
        max_runtime: Duration::from_secs(60),
        spread: Duration::ZERO,
        labels: BTreeMap::new(),
        enabled: true,
        ping_url: None,
    }
}

#[test]
fn a_panic_in_one_run_ends_that_one_and_no_other() {
    // The first time is noted, the second is the decision's, the third the first run's.
    let place = Place::new(3, 3);
    let report = dispatch(&place.means, slot(), 1, |_| ()).unwrap();
    let endings: Vec<_> = report
        .executed
        .iter()
        .map(|run| (run.ending.status, run.ending.error_code, run.trouble.len()))
        .collect();
    let fine = (Status::Skipped, Some(ErrorCode::UnknownPolicyType), 0);
    let broken = (Status::Failed, Some(ErrorCode::Internal), 0);
    assert_eq!(endings, [broken, fine, fine]);
    let (status, code, message) = place.ending(1);
    assert_eq!((status, code), (Status::Failed, Some(ErrorCode::Internal)));
    assert!(message.contains("panicked"), "{message}");
    assert_eq!(place.ending(3).1, Some(ErrorCode::UnknownPolicyType));
    assert!(
        place
            .means
            .locks
            .schedule(ScheduleId(1), "me")
            .unwrap()
            .is_ok(),
        "its lock is free"
    );
}

#[test]
fn the_database_refuses_a_second_running_run_whatever_the_locks_say() {
    let place = Place::new(1, usize::MAX);
    let process = place.means.locks.process().unwrap();
    let owner = process.owner();
    let running = place.claim_by_hand(owner, 1);
    let start =
        |tx: &rusqlite::Transaction<'_>, id| store::runs::start(tx, id, owner, slot().instant());
    assert!(place.store.write(|tx| start(tx, running.run_id)).unwrap());
    let second = place.claim_by_hand(owner, 1);
    let executed = execute_all(&place.means, owner, vec![second], 1, Duration::ZERO);
    assert_eq!(executed[0].ending.error_code, Some(ErrorCode::LockHeld));
    assert_eq!(
        place.ending(2),
        (
            Status::Skipped,
            Some(ErrorCode::LockHeld),
            "schedule nightly-1 (id 1) of tenant contoso has run 1 running since \
             2027-01-15T02:00:00Z"
                .to_owned()
        )
    );
}

#[test]
fn a_run_that_another_process_closed_before_its_turn_is_not_executed() {
    let place = Place::new(1, usize::MAX);
    let process = place.means.locks.process().unwrap();
    let owner = process.owner();
    let claim = place.claim_by_hand(owner, 1);
    let ending = Ending::because(Status::Failed, ErrorCode::Interrupted, "gone");
    let close = |tx: &rusqlite::Transaction<'_>| {
        store::runs::finish(tx, claim.run_id, owner, &ending, slot().instant(), None)
    };
    assert!(place.store.write(close).unwrap());
    let executed = execute_all(&place.means, owner, vec![claim], 4, Duration::ZERO);
    assert_eq!(executed[0].ending.error_code, Some(ErrorCode::Interrupted));
    assert!(executed[0].trouble.is_empty(), "said once");
    assert_eq!(place.ending(1).2, "gone", "the first end stays");
}

#[test]
fn a_slot_that_is_looked_at_again_has_its_run() {
    let place = Place::new(1, usize::MAX);
    assert_eq!(
        dispatch(&place.means, slot(), 1, |_| ())
            .unwrap()
            .executed
            .len(),
        1
    );
    let again = Slots {
        from: slot(),
        next: Some(slot()),
        zone_version: Source::Compiled.version(),
    };
    let back =
        |tx: &rusqlite::Transaction<'_>| store::schedules::set_slots(tx, ScheduleId(1), &again);
    place.store.write(back).unwrap();
    let report = dispatch(&place.means, slot(), 1, |_| ()).unwrap();
    assert!(report.decision.is_empty() && report.executed.is_empty());
    assert_eq!(place.schedule(1).next_slot, Some(slot().plus_minutes(1440)));
}

impl Place {
    /// The slots of the runs that a dispatch so many minutes after `slot()` executes.
    fn dispatched(&self, minutes: i64) -> Vec<Slot> {
        let report = dispatch(&self.means, slot().plus_minutes(minutes), 1, |_| ()).unwrap();
        let runs = report.executed.iter();
        runs.map(|run| {
            let run = store::runs::get(self.store.read(), run.run_id).unwrap();
            run.scheduled_for.unwrap()
        })
        .collect()
    }

    fn resumed(&self) -> i64 {
        let count = "SELECT count(*) FROM audit_events WHERE action = 'slots.resumed'";
        let conn = self.store.read();
        conn.query_row(count, [], |row| row.get(0)).unwrap()
    }
}

const DAY: i64 = 1440;

#[test]
fn a_now_that_was_far_ahead_silences_no_schedule() {
    let place = Place::new(2, usize::MAX);
    let ahead = Slot::containing("9999-12-31T23:59:00Z".parse().unwrap());
    let report = dispatch(&place.means, ahead, 1, |_| ()).unwrap();
    assert_eq!(
        (report.decision.missed.len(), report.executed.len()),
        (2, 0)
    );
    assert!(place.schedule(1).slots_from > ahead);

    assert_eq!(place.dispatched(-1), [], "before its slots begin");
    assert_eq!(place.resumed(), 0);
    assert_eq!(place.dispatched(0).len(), 2, "the very first slot");
    assert_eq!(place.resumed(), 2, "once for each");
    assert_eq!(place.dispatched(0), []);
    assert_eq!(place.dispatched(DAY).len(), 2, "and the next");
    assert_eq!(place.resumed(), 2);
}

#[test]
fn a_clock_that_is_set_back_a_day_runs_no_slot_twice_and_the_later_ones() {
    let place = Place::new(1, usize::MAX);
    for day in 0..3 {
        assert_eq!(place.dispatched(day * DAY).len(), 1);
    }
    for minutes in [DAY, DAY + 1, 2 * DAY - 1, 2 * DAY, 2 * DAY + 1] {
        let report = dispatch(&place.means, slot().plus_minutes(minutes), 1, |_| ()).unwrap();
        assert!(report.executed.is_empty(), "{minutes}");
        assert!(report.decision.is_empty(), "nothing to tell at {minutes}");
    }
    assert_eq!(place.resumed(), 1);
    assert_eq!(place.dispatched(3 * DAY).len(), 1);
}

#[test]
fn a_clock_that_is_set_back_by_an_hour_changes_nothing() {
    let place = Place::new(1, usize::MAX);
    assert_eq!(place.dispatched(0).len(), 1);
    assert_eq!(place.dispatched(DAY).len(), 1);
    let before = place.schedule(1);
    // Slots are accounted for up to a minute after the dispatch.
    for back in [1, 30, 59] {
        assert_eq!(place.dispatched(DAY - back), []);
        assert_eq!(place.schedule(1), before);
    }
    assert_eq!(place.resumed(), 0);
    assert_eq!(place.dispatched(DAY - 60), []);
    assert_eq!(place.resumed(), 1);
}

#[test]
fn a_missed_slot_beside_one_that_has_a_run_is_told() {
    let place = Place::new(1, usize::MAX);
    assert_eq!(place.dispatched(0).len(), 1);
    assert_eq!(place.dispatched(2 * DAY + 1), [], "two missed, one row");
    assert_eq!(place.dispatched(3 * DAY).len(), 1);
    // Set back to before the first of the missed; then no dispatch until after the last slot.
    assert_eq!(place.dispatched(DAY - 5), []);
    let report = dispatch(&place.means, slot().plus_minutes(3 * DAY + 1), 1, |_| ()).unwrap();
    let missed: Vec<_> = report
        .decision
        .missed
        .iter()
        .map(|lost| lost.missed)
        .collect();
    let only = slot().plus_minutes(DAY);
    assert_eq!(missed.len(), 1);
    assert_eq!((missed[0].newest, missed[0].count), (only, 1));
}

#[test]
fn three_hundred_schedules_of_one_minute_all_run_each_at_its_offset() {
    let mut place = Place::new(300, usize::MAX);
    let spread = Duration::from_secs(1800);
    let sql = "UPDATE schedules SET spread_s = 1800, max_runtime_s = 1";
    place.store.read().execute(sql, []).unwrap();
    let clock = Arc::new(FixedClock::new(slot().instant()));
    place.means.clock = clock.clone();
    // One at a time: a run that waited in the place of another would have it start late.
    let report = dispatch(&place.means, slot(), 1, |_| ()).unwrap();
    assert_eq!(report.executed.len(), 300);
    let latest = (1..=300)
        .map(|id| spread_offset(ScheduleId(id), spread))
        .max();
    assert_eq!(clock.slept().iter().sum::<Duration>(), latest.unwrap());
    for run in report.executed {
        let run = store::runs::get(place.store.read(), run.run_id).unwrap();
        let offset = spread_offset(run.schedule_id, spread);
        assert_eq!(run.started_at, Some(slot().instant() + offset), "{run:?}");
        assert_eq!(run.scheduled_for, Some(slot()), "{run:?}");
        assert_eq!(
            run.duration_ms,
            Some(0),
            "the wait counts for nothing: {run:?}"
        );
    }
}
