//! The only place that reads the time.
//!
//! "Now" is read once per command, and once more where a command begins to write: before that, it may
//! have waited for an answer. It is passed down; durations come from the monotonic clock.
//!
//! A wall clock may be wrong, and may be put right at any moment. What it says decides about slots and
//! is recorded; nothing waits by it. A time before this program existed is refused: by a clock that
//! begins in 1970, as one with a dead battery does, a new backup set would be older than all others,
//! and no certificate would be valid.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::error::{Error, Kind, Result};
use crate::stop::Stop;

/// 2026-01-01T00:00:00Z: there was no such program before.
const EARLIEST: i64 = 1_767_225_600;

/// Refuses a time that cannot be the present.
///
/// # Errors
/// The time is before this program existed.
pub fn require_plausible(now: DateTime<Utc>) -> Result<()> {
    if now.timestamp() >= EARLIEST {
        return Ok(());
    }
    let said = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    let line = format!("the machine's clock says {said}, which is long past: nothing is started");
    Err(Error::new(Kind::ClockWrong, line)
        .hint("set the clock, and let it be kept right: timedatectl set-ntp true"))
}

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
