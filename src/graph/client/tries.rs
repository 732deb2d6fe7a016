//! The tries of one request: what follows a failed one, and waiting for the next.

use std::time::{Duration, Instant};

use super::super::throttle::{self, Cause, Decision, Standing};
use super::super::token::Token;
use super::super::{Error, Fault, Request};
use super::failure::Failure;
use super::{Client, jitter};

/// The tries of one request.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// When the last one began.
    pub(super) began: Option<Instant>,
    pub(super) count: u32,
    pub(super) alike: u32,
    pub(super) last: Option<Cause>,
    pub(super) token_refreshed: bool,
    pub(super) claims: Option<String>,
    pub(super) new_connection: bool,
    /// Whether its thread holds an attendance.
    pub(super) attending: bool,
    /// Whether it has to go by itself from now on.
    pub(super) alone: bool,
}

/// One try and what came of it.
pub(super) struct Tried {
    pub(super) token: Token,
    pub(super) outcome: Result<Vec<u8>, Box<Failure>>,
}

impl Tries {
    fn note(&mut self, cause: Cause) {
        self.count += 1;
        self.alike = if self.last == Some(cause) {
            self.alike + 1
        } else {
            1
        };
        self.last = Some(cause);
    }
}

impl Client {
    /// The error of a request whose endpoint is given up.
    pub(super) fn given_up(&self, request: &Request) -> Result<(), Error> {
        let given_up = self.run().breakers.given_up(request.endpoint);
        given_up.map_or(Ok(()), Err)
    }

    /// Waits before the next try, or says why there is none.
    pub(super) fn after_failure(
        &self,
        request: &Request,
        token: &Token,
        failure: &Failure,
        tries: &mut Tries,
    ) -> Result<(), Error> {
        if self.shared.stop.requested().is_some() {
            return Err(self.canceled(request));
        }
        let now = self.shared.clock.monotonic();
        if failure.out_of_time || now >= self.deadline {
            return Err(self.timed_out(request));
        }
        tries.note(failure.cause);
        let standing = self.standing(request, failure, tries, now);
        match throttle::decide(failure.cause, &standing) {
            Decision::Retry {
                after,
                new_connection,
                pause_tenant,
            } => {
                tries.new_connection = new_connection;
                if pause_tenant {
                    self.pause_tenant(request, failure, now, after);
                } else {
                    self.wait(request, failure, now, after, tries.attending);
                }
                Ok(())
            }
            Decision::RefreshToken => {
                tries.token_refreshed = true;
                tries.claims.clone_from(&failure.claims);
                self.shared.tokens.refused(self.sign_in.identity(), token);
                Ok(())
            }
            Decision::GiveUp {
                fault: Fault::TimedOut,
                ..
            } => Err(self.timed_out(request)),
            Decision::GiveUp {
                fault,
                endpoint_too,
            } => {
                let error = failure.finally(fault);
                if failure.retriable_elsewhere {
                    self.run()
                        .breakers
                        .gave_up(request.endpoint, &error, endpoint_too);
                }
                Err(error)
            }
        }
    }

    fn standing(
        &self,
        request: &Request,
        failure: &Failure,
        tries: &Tries,
        now: Instant,
    ) -> Standing {
        let mut run = self.run();
        let (failing_for, first_wait) = if failure.retriable_elsewhere {
            let streak = run
                .breakers
                .failed(request.endpoint, tries.began.unwrap_or(now), now);
            (streak.failing_for, streak.first_wait)
        } else {
            run.breakers.answered(request.endpoint, now);
            (Duration::ZERO, true)
        };
        Standing {
            tries: tries.count,
            alike: tries.alike,
            retry_after: failure.retry_after,
            token_refreshed: tries.token_refreshed,
            failing_for,
            first_wait,
            waited: run.retry_waits.total(),
            left: self.deadline.saturating_duration_since(now),
            jitter: jitter(),
        }
    }

    /// Holds every request of the tenant back; this one waits with the others for its next turn.
    fn pause_tenant(&self, request: &Request, failure: &Failure, now: Instant, after: Duration) {
        self.note_wait(request, failure, now, after);
        self.pacer.pause(now + after);
    }

    fn wait(
        &self,
        request: &Request,
        failure: &Failure,
        now: Instant,
        after: Duration,
        attending: bool,
    ) {
        self.note_wait(request, failure, now, after);
        let shared = &self.shared;
        self.together
            .aside(attending, || shared.clock.sleep(after, &shared.stop));
        if failure.cause == Cause::Status(503) {
            self.run().throttled.add(now, self.shared.clock.monotonic());
        }
    }

    fn note_wait(&self, request: &Request, failure: &Failure, now: Instant, after: Duration) {
        log::debug!(
            "waiting {} ms before the next try: {}",
            after.as_millis(),
            failure.error
        );
        self.gauge.waits_until(now + after);
        let mut run = self.run();
        run.breakers.waits(request.endpoint, now + after);
        run.retry_waits.add(now, now + after);
    }

    pub(super) fn canceled(&self, request: &Request) -> Error {
        let stopped = self.shared.stop.told();
        Error::new(Fault::Canceled, format!("{}: {stopped}", request.path))
    }

    pub(super) fn timed_out(&self, request: &Request) -> Error {
        Error::new(
            Fault::TimedOut,
            format!("{}: the run's time is over", request.path),
        )
    }
}
