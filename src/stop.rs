//! A request to stop: SIGINT, SIGTERM, or nothing yet.
//!
//! A [`Stop`] is cloned into everything that waits. Waiting on it returns at once when a stop is
//! requested, and things that block elsewhere (a socket read) register to be told.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::ExitCode;

/// Why the program was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// SIGINT: somebody pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: the system or a supervisor ends us.
    Terminate,
}

impl Reason {
    /// What the program leaves with when it stopped for this reason.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Interrupt => ExitCode::Interrupted,
            Self::Terminate => ExitCode::Terminated,
        }
    }
}

type Listener = Box<dyn Fn() + Send>;

#[derive(Default)]
struct State {
    reason: Option<Reason>,
    listeners: Vec<Listener>,
}

/// Shared by everything that may have to stop early.
#[derive(Clone, Default)]
pub struct Stop {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Stop {
    /// Asks everything to stop. The first reason stays.
    pub fn request(&self, reason: Reason) {
        let mut state = self.lock();
        state.reason.get_or_insert(reason);
        for listener in &state.listeners {
            listener();
        }
        self.shared.1.notify_all();
    }

    /// Whether, and why, a stop was requested.
    pub fn requested(&self) -> Option<Reason> {
        self.lock().reason
    }

    /// What stopped the program, as messages say it.
    pub fn told(&self) -> &'static str {
        match self.requested() {
            Some(Reason::Interrupt) => "stopped by SIGINT (Ctrl-C)",
            Some(Reason::Terminate) => "stopped by SIGTERM",
            None => "stopped",
        }
    }

    /// Calls `listener` when a stop is requested; at once if it already was.
    pub fn on_request(&self, listener: impl Fn() + Send + 'static) {
        let mut state = self.lock();
        if state.reason.is_some() {
            listener();
        }
        state.listeners.push(Box::new(listener));
    }

    /// Waits for `duration`, or until a stop is requested.
    pub fn wait(&self, duration: Duration) {
        let Some(end) = Instant::now().checked_add(duration) else {
            return;
        };
        let mut state = self.lock();
        while state.reason.is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self
                .shared
                .1
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_a_wait_at_once_and_tells_listeners() {
        let stop = Stop::default();
        let told = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&told);
        stop.on_request(move || *counter.lock().unwrap() += 1);
        let other = stop.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || other.request(Reason::Terminate));
            stop.wait(Duration::from_secs(600));
        });
        stop.request(Reason::Interrupt);
        assert_eq!(
            stop.requested(),
            Some(Reason::Terminate),
            "the first reason stays"
        );
        assert_eq!(*told.lock().unwrap(), 2);
    }
}
