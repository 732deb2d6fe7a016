use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::clock::FixedClock;
use crate::stop::Reason;

const GROUP: ServiceGroup = ServiceGroup::DeviceConfiguration;

fn clock() -> FixedClock {
    FixedClock::new(DateTime::UNIX_EPOCH)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn requests_go_at_once_up_to_the_window_and_then_when_it_moves() {
    let (mut pace, start) = (Pace::default(), Instant::now());
    for _ in 0..800 {
        assert_eq!(pace.ask(&[GROUP], start), Turn::Go(1));
        pace.done();
    }
    assert_eq!(
        pace.ask(&[GROUP], start + secs(19)),
        Turn::At(start + secs(20))
    );
    assert_eq!(
        pace.ask(&[ServiceGroup::Rbac], start),
        Turn::Go(1),
        "each group has its own window"
    );
    assert_eq!(pace.ask(&[GROUP], start + secs(20)), Turn::Go(1));
}

#[test]
fn a_limit_set_by_hand_holds_for_each_group_and_for_what_goes_together() {
    let start = Instant::now();
    let mut pace = Pace {
        at_most: Some(7),
        ..Pace::default()
    };
    assert_eq!(pace.ask(&[GROUP; 5], start), Turn::Go(5));
    assert_eq!(pace.ask(&[GROUP; 5], start + secs(1)), Turn::Go(2));
    assert_eq!(
        pace.ask(&[GROUP; 5], start + secs(2)),
        Turn::At(start + secs(20))
    );
    let mixed = [ServiceGroup::Rbac, GROUP, ServiceGroup::Rbac];
    assert_eq!(pace.ask(&mixed, start + secs(3)), Turn::Go(1));
    assert_eq!(pace.ask(&[GROUP; 9], start + secs(20)), Turn::Go(5));
    assert_eq!(
        pace.ask(&[GROUP], start + secs(20)),
        Turn::At(start + secs(21))
    );
    for group in [ServiceGroup::Devices, ServiceGroup::Directory] {
        assert_eq!(pace.ask(&[group; 20], start + secs(21)), Turn::Go(7));
    }
    let slow = ServiceGroup::ConditionalAccess;
    assert_eq!(window_of(slow, Some(5)).span, secs(4));
    assert_eq!(window_of(slow, Some(4000)), documented(slow));
}

#[test]
fn conditional_access_goes_a_little_slower_than_once_a_second() {
    let (mut pace, start) = (Pace::default(), Instant::now());
    let group = ServiceGroup::ConditionalAccess;
    let next = start + Duration::from_millis(1250);
    assert_eq!(pace.ask(&[group], start), Turn::Go(1));
    assert_eq!(pace.ask(&[group], start), Turn::At(next));
    assert_eq!(pace.ask(&[group], next), Turn::Go(1));
}

#[test]
fn a_pause_holds_every_group_and_the_longer_one_wins() {
    let (mut pace, start) = (Pace::default(), Instant::now());
    pace.pause(start + secs(9));
    pace.pause(start + secs(5));
    for group in [GROUP, ServiceGroup::Directory] {
        assert_eq!(pace.ask(&[group], start), Turn::At(start + secs(9)));
    }
    assert_eq!(pace.ask(&[GROUP], start + secs(9)), Turn::Go(1));
}

#[test]
fn a_429_halves_the_bound_and_twenty_successes_raise_it_by_one() {
    let (mut pace, start) = (Pace::default(), Instant::now());
    let mut limits = Vec::new();
    for second in 0..5 {
        let now = start + secs(second);
        pace.throttled(now, now);
        limits.push(pace.limit);
    }
    assert_eq!(limits, [5, 2, 1, 1, 1]);
    for _ in 0..20 * 30 {
        pace.succeeded();
    }
    assert_eq!(pace.limit, 10);
    for _ in 0..10 {
        pace.throttled(start + secs(9), start + secs(10));
    }
    assert_eq!(pace.limit, 5, "a burst counts once");
    for _ in 0..19 {
        pace.succeeded();
    }
    assert_eq!(pace.limit, 5);
    pace.succeeded();
    assert_eq!(pace.limit, 6);
}

#[test]
fn no_more_are_in_flight_than_the_bound() {
    let (mut pace, now) = (Pace::default(), Instant::now());
    for _ in 0..10 {
        assert_eq!(pace.ask(&[GROUP], now), Turn::Go(1));
    }
    assert_eq!(pace.ask(&[GROUP], now), Turn::Full);
    pace.done();
    assert_eq!(pace.ask(&[GROUP], now), Turn::Go(1));
}

#[test]
fn waiting_ends_with_the_turn_the_run_or_a_stop() {
    let (pacer, clock, stop) = (Pacer::default(), clock(), Stop::default());
    let now = clock.monotonic();
    pacer.pause(now + secs(30));
    let permit = pacer
        .enter(&[GROUP], now + secs(60), &clock, &stop, &|_| ())
        .unwrap();
    assert_eq!(permit.waits(), [(now, now + secs(30))]);
    assert_eq!(clock.slept(), [secs(30)]);
    pacer.pause(now + secs(60));
    let denied = pacer.enter(&[GROUP], now + secs(60), &clock, &stop, &|_| ());
    assert_eq!(denied.unwrap_err(), Denied::TimedOut);
    stop.request(Reason::Terminate);
    let denied = pacer.enter(&[GROUP], now + secs(600), &clock, &stop, &|_| ());
    assert_eq!(denied.unwrap_err(), Denied::Stopped);
}

#[test]
fn a_request_that_ends_lets_the_next_one_in() {
    let (pacer, clock, stop) = (Pacer::default(), clock(), Stop::default());
    let deadline = clock.monotonic() + secs(60);
    let mut permits: Vec<_> = (0..10)
        .map(|_| {
            pacer
                .enter(&[GROUP], deadline, &clock, &stop, &|_| ())
                .unwrap()
        })
        .collect();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            pacer
                .enter(&[GROUP], deadline, &clock, &stop, &|_| ())
                .map(drop)
        });
        permits.pop();
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
    assert_eq!(pacer.lock().in_flight, 9);
}

#[test]
fn a_stop_ends_the_wait_for_others() {
    let (pacer, clock, stop) = (Pacer::default(), clock(), Stop::default());
    let deadline = clock.monotonic() + secs(60);
    let permits: Vec<_> = (0..10)
        .map(|_| {
            pacer
                .enter(&[GROUP], deadline, &clock, &stop, &|_| ())
                .unwrap()
        })
        .collect();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            pacer
                .enter(&[GROUP], deadline, &clock, &stop, &|_| ())
                .map(drop)
        });
        stop.request(Reason::Interrupt);
        assert_eq!(waiting.join().unwrap(), Err(Denied::Stopped));
    });
    drop(permits);
}

#[test]
fn time_waited_by_many_counts_once() {
    let (mut waited, start) = (Waited::default(), Instant::now());
    for _ in 0..10 {
        waited.add(start, start + secs(5));
    }
    waited.add(start + secs(4), start + secs(7));
    waited.add(start + secs(9), start + secs(10));
    assert_eq!(waited.total(), secs(8));
}

proptest! {
    #[test]
    fn no_span_holds_more_than_its_window(
        gaps in proptest::collection::vec(0_u64..60, 900..1800),
    ) {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        let mut sent = Vec::new();
        for gap in gaps {
            now += Duration::from_millis(gap);
            while let Turn::At(at) = pace.ask(&[GROUP], now) {
                prop_assert!(at > now, "a wait moves on");
                now = at;
            }
            pace.done();
            sent.push(now);
        }
        let window = window_of(GROUP, None);
        for (first, next) in sent.iter().zip(sent.iter().skip(window.requests)) {
            prop_assert!(next.duration_since(*first) >= window.span);
        }
    }
}
