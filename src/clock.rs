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
