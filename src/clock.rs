//! The only place that reads the time.
//!
//! "Now" is read once per command and passed down; durations come from the monotonic clock.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::stop::Stop;

/// The time, and waiting for it to pass.
pub trait Clock: Send + Sync {
    /// The wall clock, in UTC.
    fn now(&self) -> DateTime<Utc>;

    /// The monotonic clock: for durations, timeouts and token lifetimes.
    fn monotonic(&self) -> Instant;

    /// Waits for `duration`, or until a stop is requested.
    fn sleep(&self, duration: Duration, stop: &Stop);
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration, stop: &Stop) {
        stop.wait(duration);
    }
}

/// A clock that stands still except while somebody sleeps: a sleep takes no real time, is written
/// down, and moves both clocks on by its length.
#[cfg(test)]
#[derive(Debug)]
pub struct FixedClock {
    now: DateTime<Utc>,
    monotonic: Instant,
    slept: std::sync::Mutex<Vec<Duration>>,
}

#[cfg(test)]
impl FixedClock {
    /// A clock whose wall time begins at `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            now,
            monotonic: Instant::now(),
            slept: std::sync::Mutex::default(),
        }
    }

    /// Every sleep so far, in order.
    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }

    /// Moves both clocks on, as if somebody had slept.
    pub fn advance(&self, duration: Duration) {
        self.slept.lock().unwrap().push(duration);
    }

    fn passed(&self) -> Duration {
        self.slept.lock().unwrap().iter().sum()
    }
}

#[cfg(test)]
impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        self.now + self.passed()
    }

    fn monotonic(&self) -> Instant {
        self.monotonic + self.passed()
    }

    fn sleep(&self, duration: Duration, stop: &Stop) {
        if stop.requested().is_none() {
            self.advance(duration);
        }
    }
}
