//! Which endpoints of a run are given up. Pure: every call is told the time.
//!
//! An endpoint's failures count from the first one after its last usable answer. It is given up
//! when the throttle says so, or when three requests in a row failed after all their tries with
//! 429, 5xx or no answer. Any answer that is about the request and not about the server (also 403
//! or 404) shows that the endpoint works and starts the count anew: an object with a fault of its
//! own never takes its neighbours with it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Error, Fault};

const MAX_FAILED_IN_A_ROW: u32 = 3;

/// The endpoints that a run has asked so far.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    endpoints: HashMap<&'static str, Endpoint>,
}

#[derive(Debug, Default)]
struct Endpoint {
    failing_since: Option<Instant>,
    first_wait_ends: Option<Instant>,
    failed_in_a_row: u32,
    given_up: Option<Error>,
}

/// How long an endpoint has been failing, and whether a wait on it would be the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Streak {
    pub(super) failing_for: Duration,
    pub(super) first_wait: bool,
}

impl Breakers {
    /// The error of an endpoint that is given up.
    pub(super) fn given_up(&self, endpoint: &str) -> Option<Error> {
        self.endpoints.get(endpoint)?.given_up.clone()
    }

    /// Notes an answer that shows the endpoint works.
    pub(super) fn answered(&mut self, endpoint: &'static str) {
        let endpoint = self.endpoints.entry(endpoint).or_default();
        endpoint.failing_since = None;
        endpoint.first_wait_ends = None;
        endpoint.failed_in_a_row = 0;
    }

    /// Notes a try that failed for a reason that is not the request's.
    pub(super) fn failed(&mut self, endpoint: &'static str, now: Instant) -> Streak {
        let endpoint = self.endpoints.entry(endpoint).or_default();
        let since = *endpoint.failing_since.get_or_insert(now);
        Streak {
            failing_for: now.saturating_duration_since(since),
            // Requests that fail side by side share the wait that the first of them began.
            first_wait: endpoint.first_wait_ends.is_none_or(|end| now < end),
        }
    }

    /// Notes that a failed request waits for its next try.
    pub(super) fn waits(&mut self, endpoint: &'static str, until: Instant) {
        let endpoint = self.endpoints.entry(endpoint).or_default();
        endpoint.first_wait_ends.get_or_insert(until);
    }

    /// Notes a request that failed for good; `endpoint_too` where the endpoint is hopeless.
    pub(super) fn gave_up(&mut self, name: &'static str, error: &Error, endpoint_too: bool) {
        let endpoint = self.endpoints.entry(name).or_default();
        let servers_fault = matches!(
            error.fault,
            Fault::Throttled | Fault::Unavailable | Fault::Network
        );
        if servers_fault {
            endpoint.failed_in_a_row += 1;
        }
        if endpoint_too || endpoint.failed_in_a_row >= MAX_FAILED_IN_A_ROW {
            endpoint.given_up.get_or_insert_with(|| Error {
                message: format!("{name} is not asked again in this run: {}", error.message),
                ..error.clone()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "deviceConfiguration";

    fn failed_for_good(breakers: &mut Breakers, fault: Fault) {
        breakers.gave_up(NAME, &Error::new(fault, "x failed"), false);
    }

    #[test]
    fn three_requests_in_a_row_open_it_and_no_fewer() {
        let mut breakers = Breakers::default();
        for _ in 0..10 {
            failed_for_good(&mut breakers, Fault::Unavailable);
            failed_for_good(&mut breakers, Fault::Unavailable);
            breakers.answered(NAME);
        }
        failed_for_good(&mut breakers, Fault::Throttled);
        failed_for_good(&mut breakers, Fault::Network);
        assert_eq!(breakers.given_up(NAME), None);
        failed_for_good(&mut breakers, Fault::Unavailable);
        let error = breakers.given_up(NAME).unwrap();
        assert_eq!(error.fault, Fault::Unavailable);
        assert!(error.message.contains("not asked again"), "{error}");
        assert_eq!(breakers.given_up("mobileApp"), None);
    }

    #[test]
    fn bad_bodies_alone_do_not_open_it() {
        let mut breakers = Breakers::default();
        for _ in 0..5 {
            failed_for_good(&mut breakers, Fault::BadResponse);
        }
        assert_eq!(breakers.given_up(NAME), None);
    }

    #[test]
    fn a_streak_counts_from_the_first_failure_after_an_answer() {
        let mut breakers = Breakers::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let streak = |failing_for, first_wait| Streak {
            failing_for: Duration::from_secs(failing_for),
            first_wait,
        };
        assert_eq!(breakers.failed(NAME, at(0)), streak(0, true));
        breakers.waits(NAME, at(30));
        assert_eq!(
            breakers.failed(NAME, at(10)),
            streak(10, true),
            "side by side"
        );
        breakers.waits(NAME, at(40));
        assert_eq!(breakers.failed(NAME, at(30)), streak(30, false));
        breakers.answered(NAME);
        assert_eq!(breakers.failed(NAME, at(90)), streak(0, true));
    }
}
