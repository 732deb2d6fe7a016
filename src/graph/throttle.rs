//! Whether, when and how a failed request is tried again. Pure: what happened, the time spent so
//! far and a random number come in, a [`Decision`] goes out.
//!
//! Rules:
//! - A request has at most 5 tries; 2 if what fails is an unexplained 500, 3 if it is the network,
//!   a body that is not JSON, or that no file handle is left, since others give theirs back. 4xx other than 401, 408 and 429 is final at once.
//! - The server's `Retry-After` is honoured up to 300 s; what asks for more is given up. Without
//!   one the wait is random between nothing and 2 s, doubled per try, at most 60 s ("full jitter").
//! - A 503 and a broken connection are tried again on a new connection. A 429 pauses the tenant.
//! - A tenant waits at most 15 minutes in a run.
//! - An endpoint that answers nothing but errors is given up within 2 minutes of its first
//!   failure: a wait that would end later is not begun, except the first, if the server asked.
//!   It fails from the start of the try that failed first (`breaker`).
//! - No wait outlasts the run.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

use super::Fault;

const MAX_TRIES: u32 = 5;
const MAX_TRIES_UNEXPLAINED: u32 = 2;
const MAX_TRIES_BROKEN: u32 = 3;
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
const MAX_TENANT_WAIT: Duration = Duration::from_secs(15 * 60);
/// How long an endpoint may fail before it is given up.
pub(super) const MAX_FAILING: Duration = Duration::from_secs(2 * 60);
const BACKOFF_BASE: Duration = Duration::from_secs(2);
const BACKOFF_CAP: Duration = Duration::from_secs(60);
/// Full jitter may draw nothing at all; tries in the same instant help nobody.
const BACKOFF_FLOOR: Duration = Duration::from_millis(100);

/// What one try came to, when it did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// An answer with a status that is not a success.
    Status(u16),
    /// A success whose body is not what Graph promises.
    BadBody,
    /// A success whose body is larger than anything we take.
    TooLarge,
    /// No whole answer: DNS, connection, TLS, timeout, reset, truncated.
    Network,
    /// This process may open no more files.
    NoHandle,
}

/// Where a request stands when a try has failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Tries made, this one included.
    pub(super) tries: u32,
    /// Tries that failed in the way of this one, this one included.
    pub(super) alike: u32,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// Whether the token was already replaced for this request.
    pub(super) token_refreshed: bool,
    /// Since when the endpoint answers nothing but errors.
    pub(super) failing_for: Duration,
    /// Whether no wait on this endpoint has ended since then.
    pub(super) first_wait: bool,
    /// What the tenant waited in this run so far.
    pub(super) waited: Duration,
    /// Until the end of the run.
    pub(super) left: Duration,
    /// Random, from 0 up to 1.
    pub(super) jitter: f64,
}

/// What to do about a failed try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decision {
    /// Try again after a wait.
    Retry {
        after: Duration,
        new_connection: bool,
        /// The wait holds for every request of the tenant.
        pause_tenant: bool,
    },
    /// Try again at once with a new token.
    RefreshToken,
    /// It is final.
    GiveUp {
        fault: Fault,
        /// The endpoint will not do better in this run.
        endpoint_too: bool,
    },
}

/// Decides what follows a failed try.
pub(super) fn decide(cause: Cause, standing: &Standing) -> Decision {
    let Some(max_alike) = max_alike(cause, standing) else {
        return final_answer(cause, standing);
    };
    let fault = transient_fault(cause);
    let give_up = |endpoint_too| Decision::GiveUp {
        fault,
        endpoint_too,
    };
    let asked_too_much = standing.retry_after.is_some_and(|w| w > MAX_RETRY_AFTER);
    if standing.failing_for >= MAX_FAILING || asked_too_much {
        return give_up(true);
    }
    if standing.tries >= MAX_TRIES || standing.alike >= max_alike {
        return give_up(false);
    }
    let after = standing
        .retry_after
        .unwrap_or_else(|| backoff(standing.alike, standing.jitter));
    let promised = standing.first_wait && standing.retry_after.is_some();
    if !promised && standing.failing_for.saturating_add(after) > MAX_FAILING {
        return give_up(true);
    }
    if standing.waited.saturating_add(after) > MAX_TENANT_WAIT {
        return give_up(false);
    }
    if after >= standing.left {
        return Decision::GiveUp {
            fault: Fault::TimedOut,
            endpoint_too: false,
        };
    }
    Decision::Retry {
        after,
        new_connection: matches!(cause, Cause::Status(503) | Cause::Network),
        pause_tenant: is_throttling(cause),
    }
}

/// How many tries may fail alike; `None` where the first is final.
fn max_alike(cause: Cause, standing: &Standing) -> Option<u32> {
    match cause {
        Cause::BadBody | Cause::Network | Cause::NoHandle => Some(MAX_TRIES_BROKEN),
        Cause::Status(408 | 429 | 502 | 503 | 504 | 509) => Some(MAX_TRIES),
        Cause::Status(501 | 505 | 507) => None,
        Cause::Status(500..=599) if standing.retry_after.is_some() => Some(MAX_TRIES),
        Cause::Status(500..=599) => Some(MAX_TRIES_UNEXPLAINED),
        Cause::Status(_) | Cause::TooLarge => None,
    }
}

/// Whether it says that limits were hit.
pub(super) fn is_throttling(cause: Cause) -> bool {
    matches!(cause, Cause::Status(429 | 509))
}

fn transient_fault(cause: Cause) -> Fault {
    match cause {
        Cause::BadBody | Cause::TooLarge => Fault::BadResponse,
        Cause::Network => Fault::Network,
        Cause::NoHandle => Fault::NoHandle,
        Cause::Status(_) if is_throttling(cause) => Fault::Throttled,
        Cause::Status(_) => Fault::Unavailable,
    }
}

fn final_answer(cause: Cause, standing: &Standing) -> Decision {
    let fault = match cause {
        Cause::Status(401) if !standing.token_refreshed => return Decision::RefreshToken,
        Cause::Status(401) => Fault::Auth,
        Cause::Status(403) => Fault::Forbidden,
        Cause::Status(404 | 410) => Fault::NotFound,
        Cause::Status(400..=499) => Fault::Refused,
        Cause::Status(500..=599) => Fault::Unavailable,
        Cause::NoHandle => Fault::NoHandle,
        Cause::Status(_) | Cause::BadBody | Cause::TooLarge | Cause::Network => Fault::BadResponse,
    };
    Decision::GiveUp {
        fault,
        endpoint_too: false,
    }
}

/// The wait before the next try where the server names none.
fn backoff(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = BACKOFF_BASE.saturating_mul(1 << doublings).min(BACKOFF_CAP);
    let jitter = if jitter.is_finite() {
        jitter.clamp(0.0, 1.0)
    } else {
        1.0
    };
    ceiling.mul_f64(jitter).max(BACKOFF_FLOOR)
}

/// How long `Retry-After` asks to wait: whole or decimal seconds (rounded up), or an HTTP date
/// counted from the answer's own `Date`, never from our clock. A header that came several times,
/// also joined as `5,5`, counts with its largest value. What is negative, zero, past or no time at
/// all is as good as absent.
pub(super) fn retry_after(values: &[String], date: Option<&str>) -> Option<Duration> {
    values
        .iter()
        .filter_map(|value| one_retry_after(value.trim(), date))
        .max()
        .filter(|wait| !wait.is_zero())
}

fn one_retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    if let Some(until) = http_date(value) {
        let from = http_date(date?.trim())?;
        return (until - from).to_std().ok();
    }
    value
        .split(',')
        .filter_map(|part| whole_seconds(part.trim()))
        .max()
}

/// Decimal seconds, rounded up. Beyond what fits, the largest number: it says "much too long".
fn whole_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let up = u64::from(fraction.bytes().any(|byte| byte != b'0'));
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(whole.saturating_add(up)))
}

/// The three date forms of RFC 9110, section 5.6.7.
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    const FORMS: [&str; 3] = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    FORMS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|naive| naive.and_utc())
}

/// What holds whatever `Retry-After` and, after a line end, `Date` say: there is a wait of no more
/// than is honoured, or none.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(text: &str) {
    let (value, date) = text.split_once('\n').unwrap_or((text, ""));
    let asked = retry_after(&[value.to_owned()], Some(date));
    assert!(asked.is_none_or(|wait| !wait.is_zero()), "{asked:?}");
    let standing = Standing {
        tries: 1,
        alike: 1,
        retry_after: asked,
        token_refreshed: false,
        failing_for: Duration::ZERO,
        first_wait: true,
        waited: Duration::ZERO,
        left: Duration::MAX,
        jitter: 1.0,
    };
    if let Decision::Retry { after, .. } = decide(Cause::Status(429), &standing) {
        assert!(after <= MAX_RETRY_AFTER, "{after:?}");
    }
}

#[cfg(test)]
mod tests;
