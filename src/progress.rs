//! How far work is that takes long: counters, and nothing that shows them.
//!
//! Whoever works takes a [`Gauge`] and turns its counters; that never waits for anybody and never
//! fails, whether somebody looks or not. Whoever shows progress looks at all gauges of a
//! [`Progress`] whenever it likes ([`Progress::look`]). So a terminal that is slow, stopped or gone
//! cannot slow or fail what it shows.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Everything in this process that goes on and can be looked at. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    planned: u64,
    over: u64,
    gauges: Vec<Arc<Gauge>>,
}

/// What goes on at one moment.
#[derive(Debug, Clone)]
pub struct Look {
    /// How many things were planned so far; those of which nobody said so are not counted.
    pub planned: u64,
    /// How many things are over.
    pub over: u64,
    /// What goes on, in the order in which it began.
    pub gauges: Vec<Arc<Gauge>>,
}

impl Progress {
    /// Says that so many more things will begin.
    pub fn plan(&self, count: usize) {
        lock(&self.board).planned += count as u64;
    }

    /// Says that something that was planned is over without having begun.
    pub fn pass(&self) {
        lock(&self.board).over += 1;
    }

    /// Begins something called `what`, whose parts are called `unit`, in the plural. It is over
    /// when what is returned is dropped.
    pub fn begin(&self, what: impl Into<String>, unit: &'static str) -> Watched {
        let gauge = Arc::new(Gauge {
            what: what.into(),
            unit,
            ..Gauge::default()
        });
        lock(&self.board).gauges.push(Arc::clone(&gauge));
        Watched {
            progress: self.clone(),
            gauge,
        }
    }

    /// What goes on now.
    pub fn look(&self) -> Look {
        let board = lock(&self.board);
        Look {
            planned: board.planned,
            over: board.over,
            gauges: board.gauges.clone(),
        }
    }
}

/// A gauge that can be looked at until it is dropped.
#[derive(Debug)]
pub struct Watched {
    progress: Progress,
    gauge: Arc<Gauge>,
}

impl Deref for Watched {
    type Target = Arc<Gauge>;

    fn deref(&self) -> &Self::Target {
        &self.gauge
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut board = lock(&self.progress.board);
        board.over += 1;
        let gauge = &self.gauge;
        board.gauges.retain(|other| !Arc::ptr_eq(other, gauge));
    }
}

/// How far one thing is. Made by [`Progress::begin`]; one of its own is looked at by nobody.
#[derive(Debug, Default)]
pub struct Gauge {
    what: String,
    unit: &'static str,
    phase: Mutex<&'static str>,
    total: AtomicU64,
    done: AtomicU64,
    policies: AtomicU64,
    requests: AtomicU64,
    waits_until: Mutex<Option<Instant>>,
}

impl Gauge {
    /// Says what is being done now, such as `signs in`; nothing where the counters say enough.
    pub fn enter(&self, phase: &'static str) {
        *lock(&self.phase) = phase;
    }

    /// Says that there are so many more parts.
    pub fn expect(&self, parts: usize) {
        self.total.fetch_add(parts as u64, Ordering::Relaxed);
    }

    /// Says that so many more parts are done.
    pub fn advance(&self, parts: usize) {
        self.done.fetch_add(parts as u64, Ordering::Relaxed);
    }

    /// Counts a policy that was read.
    pub fn count_policy(&self) {
        self.policies.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request to Graph.
    pub fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that something waits until then before it asks Graph again.
    pub fn waits_until(&self, then: Instant) {
        let mut until = lock(&self.waits_until);
        *until = until.max(Some(then));
    }

    /// What it is.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What its parts are called, in the plural.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// What is being done; empty where nobody said.
    pub fn phase(&self) -> &'static str {
        *lock(&self.phase)
    }

    /// How many parts there are, as far as is known.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// How many of them are done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How many policies were read.
    pub fn policies(&self) -> u64 {
        self.policies.load(Ordering::Relaxed)
    }

    /// How many requests were sent to Graph.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Until when something waits, if that is after `now`.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        lock(&self.waits_until).filter(|until| *until > now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    #[test]
    fn what_goes_on_can_be_looked_at_until_it_is_over() {
        let progress = Progress::default();
        progress.plan(3);
        let first = progress.begin("contoso/nightly", "types");
        let second = progress.clone().begin("fabrikam/nightly", "types");
        first.expect(10);
        first.advance(4);
        first.count_policy();
        let look = progress.look();
        assert_eq!((look.planned, look.over, look.gauges.len()), (3, 0, 2));
        let gauge = &look.gauges[0];
        assert_eq!(
            (gauge.done(), gauge.total(), gauge.policies()),
            (4, 10, 1),
            "{gauge:?}"
        );
        drop(first);
        progress.pass();
        let look = progress.look();
        assert_eq!((look.over, look.gauges[0].what()), (2, "fabrikam/nightly"));
        drop(second);
        assert!(progress.look().gauges.is_empty());
    }

    #[test]
    fn of_several_waits_the_longest_counts_until_it_is_over() {
        let (gauge, now) = (Gauge::default(), SystemClock.monotonic());
        assert_eq!(gauge.wait(now), None);
        let (near, far) = (now + Duration::from_secs(1), now + Duration::from_secs(9));
        gauge.waits_until(far);
        gauge.waits_until(near);
        assert_eq!(gauge.wait(now), Some(far));
        assert_eq!(gauge.wait(far), None);
    }
}
