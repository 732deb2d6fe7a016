//! How fast a tenant may be asked: one [`Pacer`] per tenant, shared by all runs of the process.
//!
//! Three limits hold at once: a sliding window per service group below what Microsoft documents, a
//! pause of the whole tenant after a 429, and a bound of round trips in flight that a 429 halves and
//! that 20 successes raise by one. Requests that share a round trip count each in its window. Within them requests go out as fast as they come; there is no
//! fixed delay. The decision ([`Pace`]) is pure and told the time; the waiting is the [`Pacer`]'s.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ServiceGroup;
use crate::clock::Clock;
use crate::stop::Stop;

const MAX_IN_FLIGHT: u32 = 10;
const SUCCESSES_PER_STEP: u32 = 20;
/// How often a thread that waits for another to finish looks for a stop and the end of its run.
const LOOK_UP: Duration = Duration::from_millis(100);

/// At most `requests` in any span of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    requests: usize,
    span: Duration,
}

/// The span in which Intune counts, and that a limit set by hand is for.
const SPAN: Duration = Duration::from_secs(20);

/// The window of a group: as it is documented, or with at most so many requests in 20 seconds.
/// Conditional Access stays one at a time, and no faster than either allows.
fn window_of(group: ServiceGroup, at_most: Option<u16>) -> Window {
    let documented = documented(group);
    match at_most.map(|most| most.max(1)) {
        None => documented,
        Some(most) if group == ServiceGroup::ConditionalAccess => Window {
            span: documented.span.max(SPAN / u32::from(most)),
            ..documented
        },
        Some(most) => Window {
            requests: usize::from(most),
            span: SPAN,
        },
    }
}

/// Four fifths of the documented limit of one app in one tenant, the rest being left to chance and
/// clocks. Conditional Access allows one a second for all apps together.
fn documented(group: ServiceGroup) -> Window {
    let (requests, milliseconds) = match group {
        ServiceGroup::DeviceConfiguration
        | ServiceGroup::DeviceConfigurationV2
        | ServiceGroup::Applications
        | ServiceGroup::Enrollment
        | ServiceGroup::Rbac
        | ServiceGroup::Auditing => (800, 20_000),
        ServiceGroup::Devices => (1600, 20_000),
        ServiceGroup::ConditionalAccess => (1, 1250),
        ServiceGroup::Directory => (2800, 10_000),
    };
    Window {
        requests,
        span: Duration::from_millis(milliseconds),
    }
}

/// What a request that wants to go out is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// As many of the first go; they count from now on.
    Go(usize),
    /// Ask again at this time.
    At(Instant),
    /// Ask again when another request is done.
    Full,
}

/// The state of a tenant's limits.
#[derive(Debug)]
struct Pace {
    /// Requests of a group in 20 seconds, where somebody set it.
    at_most: Option<u16>,
    sent: HashMap<ServiceGroup, VecDeque<Instant>>,
    paused_until: Option<Instant>,
    in_flight: u32,
    limit: u32,
    successes: u32,
    halved_at: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            at_most: None,
            sent: HashMap::new(),
            paused_until: None,
            in_flight: 0,
            limit: MAX_IN_FLIGHT,
            successes: 0,
            halved_at: None,
        }
    }
}

impl Pace {
    /// What goes out of these together: in one round trip, each of them counted by itself.
    fn ask(&mut self, groups: &[ServiceGroup], now: Instant) -> Turn {
        if let Some(until) = self.paused_until.filter(|&until| until > now) {
            return Turn::At(until);
        }
        if self.in_flight >= self.limit {
            return Turn::Full;
        }
        let mut going = 0;
        for &group in groups {
            match self.count(group, now) {
                Ok(()) => going += 1,
                Err(at) if going == 0 => return Turn::At(at),
                Err(_) => break,
            }
        }
        self.in_flight += 1;
        Turn::Go(going)
    }

    /// Counts one request in the window of its group; says when there is room, if there is none.
    fn count(&mut self, group: ServiceGroup, now: Instant) -> Result<(), Instant> {
        let window = window_of(group, self.at_most);
        let sent = self.sent.entry(group).or_default();
        while sent
            .front()
            .is_some_and(|&at| now.saturating_duration_since(at) >= window.span)
        {
            sent.pop_front();
        }
        if sent.len() >= window.requests
            && let Some(&oldest) = sent.front()
        {
            return Err(oldest + window.span);
        }
        sent.push_back(now);
        Ok(())
    }

    fn done(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// Requests that were out together when the limit was hit halve the bound once, not each.
    fn throttled(&mut self, sent_at: Instant, now: Instant) {
        self.successes = 0;
        if self.halved_at.is_none_or(|halved| sent_at >= halved) {
            self.limit = (self.limit / 2).max(1);
            self.halved_at = Some(now);
        }
    }

    fn succeeded(&mut self) {
        self.successes += 1;
        if self.successes >= SUCCESSES_PER_STEP {
            self.successes = 0;
            self.limit = (self.limit + 1).min(MAX_IN_FLIGHT);
        }
    }
}

/// A tenant's limits, and waiting for them.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    pace: Mutex<Pace>,
    freed: Condvar,
}

/// Why a request did not get its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// A stop was requested.
    Stopped,
    /// The run is over before its turn comes.
    TimedOut,
}

/// The right to have one round trip in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    pacer: &'a Pacer,
    going: usize,
    granted_at: Instant,
    waits: Vec<(Instant, Instant)>,
}

impl Pacer {
    /// A pacer that lets at most so many requests of a group out in 20 seconds; as many as is
    /// documented where nothing is said.
    pub(super) fn at_most(requests: Option<u16>) -> Self {
        let pace = Pace {
            at_most: requests,
            ..Pace::default()
        };
        Self {
            pace: Mutex::new(pace),
            freed: Condvar::new(),
        }
    }

    /// Waits until a request of the first of these groups may go out, together with as many of the
    /// following as there is room for. `until` is told of each wait before it begins.
    pub(super) fn enter(
        &self,
        groups: &[ServiceGroup],
        deadline: Instant,
        clock: &dyn Clock,
        stop: &Stop,
        until: &dyn Fn(Instant),
    ) -> Result<Permit<'_>, Denied> {
        let mut waits = Vec::new();
        loop {
            if stop.requested().is_some() {
                return Err(Denied::Stopped);
            }
            let mut pace = self.lock();
            let now = clock.monotonic();
            if now >= deadline {
                return Err(Denied::TimedOut);
            }
            match pace.ask(groups, now) {
                Turn::Go(going) => {
                    return Ok(Permit {
                        pacer: self,
                        going,
                        granted_at: now,
                        waits,
                    });
                }
                Turn::At(at) if at >= deadline => return Err(Denied::TimedOut),
                Turn::At(at) => {
                    drop(pace);
                    until(at);
                    clock.sleep(at.saturating_duration_since(now), stop);
                    waits.push((now, clock.monotonic()));
                }
                Turn::Full => {
                    let woken = self.freed.wait_timeout(pace, LOOK_UP);
                    drop(woken.unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
    }

    /// Holds every request of the tenant back until then.
    pub(super) fn pause(&self, until: Instant) {
        self.lock().pause(until);
    }

    fn lock(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// How many of the requests it was asked for it is good for, from the first on.
    pub(super) fn going(&self) -> usize {
        self.going
    }

    /// What was waited for the turn, from and to.
    pub(super) fn waits(&self) -> &[(Instant, Instant)] {
        &self.waits
    }

    /// Notes that the request was answered with a 429.
    pub(super) fn throttled(&self, now: Instant) {
        self.pacer.lock().throttled(self.granted_at, now);
    }

    /// Notes that the request succeeded.
    pub(super) fn succeeded(&self) {
        self.pacer.lock().succeeded();
        self.pacer.freed.notify_all();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.pacer.lock().done();
        self.pacer.freed.notify_all();
    }
}

/// Time that was waited, counted once however many threads waited through it.
#[derive(Debug, Default)]
pub(super) struct Waited {
    counted_to: Option<Instant>,
    total: Duration,
}

impl Waited {
    /// Adds a wait. Waits that overlap an earlier one count with the part that comes after it.
    pub(super) fn add(&mut self, from: Instant, to: Instant) {
        let from = self.counted_to.map_or(from, |counted| counted.max(from));
        self.total = self
            .total
            .saturating_add(to.saturating_duration_since(from));
        self.counted_to = self.counted_to.max(Some(to));
    }

    /// All of it.
    pub(super) fn total(&self) -> Duration {
        self.total
    }
}

#[cfg(test)]
mod tests;
