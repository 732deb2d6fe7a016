//! Trying again: how often, and how long is waited in between.

use std::time::{Duration, Instant};

use super::super::throttle::{self, Cause, Decision, Standing};
use super::super::wire::Lost;
use super::super::{Error, Fault};
use super::{Means, SignIn};
use crate::disk;

/// One failed try.
pub(super) struct Failure {
    /// `None` where another try cannot help.
    pub(super) cause: Option<Cause>,
    pub(super) retry_after: Option<Duration>,
    pub(super) error: Error,
}

impl Failure {
    pub(super) fn transient(cause: Cause, error: Error) -> Self {
        Self {
            cause: Some(cause),
            retry_after: None,
            error,
        }
    }

    pub(super) fn permanent(error: Error) -> Self {
        Self {
            cause: None,
            retry_after: None,
            error,
        }
    }

    /// There was no whole answer. `what` stands before the reason.
    pub(super) fn without_answer(sign_in: &SignIn, what: &str, lost: Lost) -> Self {
        match lost {
            Lost::Network { why, remedy, .. } => {
                let error = sign_in.error(Fault::Network, &format!("{what}{why}"));
                let hint = remedy.map(|remedy| remedy.hint(sign_in.tenant()));
                Self::transient(Cause::Network, Error { hint, ..error })
            }
            Lost::NoHandle(why) => {
                let error = sign_in.error(Fault::NoHandle, &format!("{what}{why}"));
                Self::transient(Cause::NoHandle, error.hint(disk::MORE_FILES))
            }
            Lost::TooLarge(_) | Lost::Garbled => Self::bad_body(sign_in, what),
        }
    }

    /// The answer is no JSON, or not the JSON that was promised.
    pub(super) fn bad_body(sign_in: &SignIn, what: &str) -> Self {
        let why = format!("{what}the answer is not what was promised");
        Self::transient(Cause::BadBody, sign_in.error(Fault::BadResponse, &why))
    }
}

/// How long is waited where a status asks for another try.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// As for every request, see `throttle`.
    Usual,
    /// These waits in turn; the server may ask for others as long as they are not longer in all.
    Fixed(&'static [Duration]),
}

/// What a try needs to know.
pub(super) struct Try {
    /// A new id for each.
    pub(super) request_id: String,
    /// The time left to the run.
    pub(super) left: Duration,
    pub(super) new_connection: bool,
    /// From 1.
    pub(super) number: u32,
    pub(super) began: Instant,
}

/// Tries until something comes of it, or another try has no sense.
pub(super) fn until_answered<T>(
    sign_in: &SignIn,
    patience: Patience,
    means: &Means<'_>,
    mut attempt: impl FnMut(&Try) -> Result<T, Failure>,
) -> Result<T, Error> {
    let mut tries = Tries::default();
    loop {
        if means.stop.requested().is_some() {
            return Err(sign_in.error(Fault::Canceled, means.stop.told()));
        }
        let began = means.clock.monotonic();
        let left = means.deadline.saturating_duration_since(began);
        if left.is_zero() {
            return Err(sign_in.error(Fault::TimedOut, "the run's time is over"));
        }
        let one = Try {
            request_id: uuid::Uuid::new_v4().to_string(),
            left,
            new_connection: tries.new_connection,
            number: tries.count + 1,
            began,
        };
        let failure = match attempt(&one) {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        log::debug!(
            "sign-in of tenant {}: try {} failed, client-request-id {}: {}",
            sign_in.tenant,
            one.number,
            one.request_id,
            failure.error
        );
        if means.stop.requested().is_some() {
            return Err(sign_in.error(Fault::Canceled, means.stop.told()));
        }
        tries.wait_or_give_up(failure, patience, means)?;
    }
}

/// The tries of one request.
#[derive(Default)]
struct Tries {
    count: u32,
    alike: u32,
    last: Option<Cause>,
    failing_since: Option<Instant>,
    waited: Duration,
    new_connection: bool,
}

impl Tries {
    fn wait_or_give_up(
        &mut self,
        failure: Failure,
        patience: Patience,
        means: &Means<'_>,
    ) -> Result<(), Error> {
        let Some(cause) = failure.cause else {
            return Err(failure.error);
        };
        let first_wait = self.count == 0;
        self.count += 1;
        self.alike = if self.last == Some(cause) {
            self.alike + 1
        } else {
            1
        };
        self.last = Some(cause);
        let decision = match (patience, cause) {
            (Patience::Fixed(waits), Cause::Status(_)) => {
                self.next_of(waits, failure.retry_after, means)
            }
            _ => self.usual(cause, failure.retry_after, first_wait, means),
        };
        match decision {
            Decision::Retry {
                after,
                new_connection,
                ..
            } => {
                self.new_connection = new_connection;
                self.waited = self.waited.saturating_add(after);
                means.clock.sleep(after, means.stop);
                Ok(())
            }
            Decision::GiveUp {
                fault: Fault::TimedOut,
                ..
            } => Err(Error {
                fault: Fault::TimedOut,
                ..failure.error
            }),
            Decision::GiveUp { .. } | Decision::RefreshToken => Err(failure.error),
        }
    }

    fn usual(
        &mut self,
        cause: Cause,
        retry_after: Option<Duration>,
        first_wait: bool,
        means: &Means<'_>,
    ) -> Decision {
        let now = means.clock.monotonic();
        let since = *self.failing_since.get_or_insert(now);
        throttle::decide(
            cause,
            &Standing {
                tries: self.count,
                alike: self.alike,
                retry_after,
                token_refreshed: true,
                failing_for: now.saturating_duration_since(since),
                first_wait,
                waited: self.waited,
                left: means.deadline.saturating_duration_since(now),
                jitter: (means.jitter)(),
            },
        )
    }

    fn next_of(
        &self,
        waits: &[Duration],
        retry_after: Option<Duration>,
        means: &Means<'_>,
    ) -> Decision {
        let give_up = |fault| Decision::GiveUp {
            fault,
            endpoint_too: false,
        };
        let whole: Duration = waits.iter().sum();
        let done = usize::try_from(self.count).unwrap_or(usize::MAX) - 1;
        let Some(&planned) = waits.get(done) else {
            return give_up(Fault::Unavailable);
        };
        let after = retry_after.unwrap_or(planned);
        if self.waited.saturating_add(after) > whole {
            return give_up(Fault::Unavailable);
        }
        let left = means
            .deadline
            .saturating_duration_since(means.clock.monotonic());
        if after >= left {
            return give_up(Fault::TimedOut);
        }
        Decision::Retry {
            after,
            new_connection: false,
            pause_tenant: false,
        }
    }
}
