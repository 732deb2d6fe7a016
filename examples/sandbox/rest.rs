//! Waiting that a stop ends at once: latency, drips, and requests that hang until released.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    stopped: bool,
    releases: u64,
    hanging: usize,
}

/// Shared by everything in the sandbox that waits.
#[derive(Default)]
pub struct Rest {
    state: Mutex<State>,
    changed: Condvar,
}

impl Rest {
    /// Waits for `time`. `true` when the sandbox stops meanwhile.
    pub fn pause(&self, time: Duration) -> bool {
        let Some(end) = Instant::now().checked_add(time) else {
            return false;
        };
        let mut state = self.lock();
        while !state.stopped {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Waits until the next release, or a stop.
    pub fn hang(&self) {
        let mut state = self.lock();
        let before = state.releases;
        state.hanging += 1;
        self.changed.notify_all();
        while !state.stopped && state.releases == before {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.hanging = state.hanging.saturating_sub(1);
    }

    /// Waits until `count` requests hang, at most `limit`. `false` when they did not.
    pub fn await_hanging(&self, count: usize, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        while state.hanging < count {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || state.stopped {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Lets every hanging request go.
    pub fn release(&self) {
        self.lock().releases += 1;
        self.changed.notify_all();
    }

    /// Ends every wait, for good.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits for the stop.
    pub fn await_stop(&self) {
        let mut state = self.lock();
        while !state.stopped {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
