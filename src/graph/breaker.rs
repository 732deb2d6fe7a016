//! Which endpoints of a run are given up. Pure: every call is told the time.
//!
//! An endpoint fails from the start of the first try that failed, or from its last usable answer if
//! that came later. While it fails, a try may take no longer than what is left of the time that the
//! throttle grants; where nothing is left, because the server asked for a longer wait or nothing
//! was asked of it for a while, one short try shows whether it works again. It is given up
//! when the throttle says so, or when three requests in a row failed after all their tries with
//! 429, 5xx or no answer. Any answer that is about the request and not about the server (also 403
//! or 404) shows that the endpoint works and starts the count anew: an object with a fault of its
//! own never takes its neighbours with it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::throttle::MAX_FAILING;
use super::{Error, Fault};

const MAX_FAILED_IN_A_ROW: u32 = 3;
/// What a try may take where the time of its failing endpoint is over.
const LAST_TRY: Duration = Duration::from_secs(10);

/// The endpoints that a run has asked so far.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    endpoints: HashMap<&'static str, Endpoint>,
}

#[derive(Debug, Default)]
struct Endpoint {
    failing_since: Option<Instant>,
    answered_at: Option<Instant>,
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
    pub(super) fn answered(&mut self, endpoint: &'static str, now: Instant) {
        let endpoint = self.endpoints.entry(endpoint).or_default();
        endpoint.answered_at = Some(now);
        endpoint.failing_since = None;
        endpoint.first_wait_ends = None;
        endpoint.failed_in_a_row = 0;
    }

    /// How long a try that begins now may take; nothing while the endpoint works.
    pub(super) fn patience(&self, endpoint: &str, now: Instant) -> Option<Duration> {
        let since = self.endpoints.get(endpoint)?.failing_since?;
        let left = MAX_FAILING.saturating_sub(now.saturating_duration_since(since));
        Some(if left.is_zero() { LAST_TRY } else { left })
    }

    /// Notes a try that began then and failed for a reason that is not the request's.
    pub(super) fn failed(
        &mut self,
        endpoint: &'static str,
        began: Instant,
        now: Instant,
    ) -> Streak {
        let endpoint = self.endpoints.entry(endpoint).or_default();
        let began = endpoint.answered_at.map_or(began, |at| began.max(at));
        let since = *endpoint.failing_since.get_or_insert(began);
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
            breakers.answered(NAME, Instant::now());
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
        let failed_at =
            |breakers: &mut Breakers, seconds| breakers.failed(NAME, at(seconds), at(seconds));
        assert_eq!(failed_at(&mut breakers, 0), streak(0, true));
        breakers.waits(NAME, at(30));
        assert_eq!(
            failed_at(&mut breakers, 10),
            streak(10, true),
            "side by side"
        );
        breakers.waits(NAME, at(40));
        assert_eq!(failed_at(&mut breakers, 30), streak(30, false));
        breakers.answered(NAME, at(80));
        assert_eq!(failed_at(&mut breakers, 90), streak(0, true));
    }

    #[test]
    fn an_endpoint_fails_from_the_start_of_the_try_and_what_follows_has_the_rest() {
        let mut breakers = Breakers::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let secs = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(breakers.patience(NAME, at(0)), None);
        let streak = breakers.failed(NAME, at(0), at(100));
        assert_eq!(Some(streak.failing_for), secs(100));
        assert_eq!(breakers.patience(NAME, at(101)), secs(19));
        assert_eq!(breakers.patience("mobileApp", at(101)), None);
        assert_eq!(breakers.patience(NAME, at(400)), Some(LAST_TRY));
        breakers.answered(NAME, at(401));
        assert_eq!(breakers.patience(NAME, at(401)), None);
        let streak = breakers.failed(NAME, at(350), at(450));
        assert_eq!(Some(streak.failing_for), secs(49), "it worked meanwhile");
    }
}
