//! Graph over HTTP: one [`Connector`] per process, one [`Client`] per tenant and run.
//!
//! This is where the parts meet. A request waits for its turn, gets a token, makes one try, and
//! what came of it is judged; then the throttle decides whether there is another. Nothing is
//! decided here that could be decided without effects.
//!
//! - A token goes to URLs that `root` made and nowhere else.
//! - The log gets path, option names, status, ids and durations; never a token, a body, or the
//!   value of an option.
//! - What the connections, tokens and limits of a tenant are is shared by all runs of the process;
//!   what was given up, waited and counted belongs to one run.

mod failure;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::answer::{why_bad, why_no_file};
use super::auth::{Means, SignIn};
use super::breaker::Breakers;
use super::pace::{Denied, Pacer, Permit, Waited};
use super::root::{Root, loggable};
use super::throttle::{self, Cause, Decision, Standing};
use super::token::{Token, Tokens};
use super::wire::{Answer, Limits, Lost, Outgoing, Payload, Wire};
use super::{Content, Error, Fault, Graph, Request, Traffic};
use crate::clock::Clock;
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::tenant::{Tenant, TenantId};
use failure::Failure;

/// What all runs of a process share: connections, tokens, and the limits of each tenant.
#[derive(Clone)]
pub struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    stop: Stop,
    platform: Platform,
    wire: Wire,
    tokens: Tokens,
    pacers: Mutex<HashMap<TenantId, Arc<Pacer>>>,
}

impl Connector {
    /// A connector that sends `user_agent`, takes its proxy from the environment (none for this
    /// machine), and ends every request when a stop is requested. It is on no platform that could
    /// vouch for it.
    pub fn new(clock: Arc<dyn Clock>, stop: Stop, user_agent: &str) -> Self {
        Self::on(Platform::default(), clock, stop, user_agent)
    }

    /// The same on a platform, which credentials without a secret need.
    pub fn on(platform: Platform, clock: Arc<dyn Clock>, stop: Stop, user_agent: &str) -> Self {
        Self::with_limits(platform, clock, stop, user_agent, Limits::default())
    }

    fn with_limits(
        platform: Platform,
        clock: Arc<dyn Clock>,
        stop: Stop,
        user_agent: &str,
        limits: Limits,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                wire: Wire::new(user_agent, limits, &stop),
                clock,
                stop,
                platform,
                tokens: Tokens::default(),
                pacers: Mutex::default(),
            }),
        }
    }

    /// The Graph of `tenant` for one run that ends at `deadline`. Nothing is sent yet; fails where
    /// the tenant's settings cannot be used.
    pub fn client(&self, tenant: &Tenant, deadline: Instant) -> Result<Client, Error> {
        let settings = &tenant.settings;
        let graph = settings
            .graph_url
            .as_deref()
            .unwrap_or_else(|| settings.cloud.graph_root());
        let root = Root::parse(graph).map_err(|why| {
            Error::new(
                Fault::Credential,
                format!("tenant {}: Graph URL {graph:?} {why}", settings.name),
            )
            .hint(format!("tenantpilot tenants edit {}", settings.name))
        })?;
        Ok(Client {
            sign_in: SignIn::of(settings, &root)?,
            root,
            pacer: Arc::clone(lock(&self.shared.pacers).entry(tenant.id).or_default()),
            shared: Arc::clone(&self.shared),
            deadline,
            run: Mutex::default(),
            counters: Counters::default(),
        })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

/// One tenant's Graph within one run.
pub struct Client {
    shared: Arc<Shared>,
    root: Root,
    sign_in: SignIn,
    pacer: Arc<Pacer>,
    deadline: Instant,
    run: Mutex<Run>,
    counters: Counters,
}

/// What a success has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted<'a> {
    /// A JSON object.
    Object,
    /// The same, or nothing at all with a 204.
    ObjectOrNothing,
    /// Bytes of any kind, or none.
    Bytes,
    /// A JSON object in answer to what is posted.
    AnswerTo(&'a str),
}

/// What a run remembers beside its answers.
#[derive(Debug, Default)]
struct Run {
    breakers: Breakers,
    /// Waits before another try, whatever the reason: what the 15 minutes are counted by.
    retry_waits: Waited,
    /// Waits because of 429 or 503, or to stay within the limits.
    throttled: Waited,
    /// Why signing in is not tried again.
    sign_in_failed: Option<Error>,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Graph for Client {
    fn get(&self, request: &Request) -> Result<Vec<u8>, Error> {
        let url = self
            .root
            .url_of(request)
            .map_err(|why| Error::new(Fault::Refused, format!("{}: {why}", request.path)))?;
        self.exchange(request, &url, Wanted::Object)
    }

    fn find(&self, request: &Request, content: Content) -> Result<Option<Vec<u8>>, Error> {
        let url = self
            .root
            .url_of(request)
            .map_err(|why| Error::new(Fault::Refused, format!("{}: {why}", request.path)))?;
        let wanted = match content {
            Content::Object => Wanted::ObjectOrNothing,
            Content::Bytes => Wanted::Bytes,
        };
        match self.exchange(request, &url, wanted) {
            Ok(body) => Ok((!body.is_empty()).then_some(body)),
            Err(error) if error.fault == Fault::NotFound && error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn look_up(&self, request: &Request, question: &str) -> Result<Vec<u8>, Error> {
        let url = self
            .root
            .url_of(request)
            .map_err(|why| Error::new(Fault::Refused, format!("{}: {why}", request.path)))?;
        self.exchange(request, &url, Wanted::AnswerTo(question))
    }

    fn follow(&self, request: &Request, next_link: &str) -> Result<Vec<u8>, Error> {
        let url = self
            .root
            .url_of_link(request, next_link)
            .map_err(|why| Error::new(Fault::Paging, format!("list {}: {why}", request.path)))?;
        self.exchange(request, &url, Wanted::Object)
    }

    fn traffic(&self) -> Traffic {
        let throttled = self.run().throttled.total().as_millis();
        Traffic {
            requests: self.counters.requests.load(Ordering::Relaxed),
            retries: self.counters.retries.load(Ordering::Relaxed),
            throttled_ms: u64::try_from(throttled).unwrap_or(u64::MAX),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Client {
    /// Signs in, and nothing else: what a check of the credential needs.
    pub fn sign_in(&self) -> Result<(), Error> {
        self.token(None).map(drop)
    }

    /// Tries until there is an answer or no sense in another try.
    fn exchange(&self, request: &Request, url: &str, wanted: Wanted<'_>) -> Result<Vec<u8>, Error> {
        let mut tries = Tries::default();
        loop {
            let permit = self.turn(request)?;
            let token = self.token(tries.claims.as_deref())?;
            tries.began = Some(self.shared.clock.monotonic());
            let failure = match self.one_try(request, url, &token, &tries, wanted) {
                Ok(body) => {
                    permit.succeeded();
                    let now = self.shared.clock.monotonic();
                    self.run().breakers.answered(request.endpoint, now);
                    return Ok(body);
                }
                Err(failure) => failure,
            };
            if matches!(failure.cause, Cause::Status(429 | 509)) {
                permit.throttled(self.shared.clock.monotonic());
            }
            drop(permit);
            self.after_failure(request, &token, &failure, &mut tries)?;
        }
    }

    /// Waits until the request may go out.
    fn turn(&self, request: &Request) -> Result<Permit<'_>, Error> {
        let given_up = || self.run().breakers.given_up(request.endpoint);
        if let Some(error) = given_up() {
            return Err(error);
        }
        let shared = &self.shared;
        let permit = self
            .pacer
            .enter(request.group, self.deadline, &*shared.clock, &shared.stop)
            .map_err(|denied| match denied {
                Denied::Stopped => self.canceled(request),
                Denied::TimedOut => self.timed_out(request),
            })?;
        for &(from, to) in permit.waits() {
            self.run().throttled.add(from, to);
        }
        // Another request may have given the endpoint up while this one waited.
        given_up().map_or(Ok(permit), Err)
    }

    /// The tenant's token. Signing in that failed for good is not tried again in this run.
    fn token(&self, claims: Option<&str>) -> Result<Token, Error> {
        if let Some(error) = &self.run().sign_in_failed {
            return Err(error.clone());
        }
        let shared = &self.shared;
        let means = Means {
            wire: &shared.wire,
            clock: &*shared.clock,
            stop: &shared.stop,
            platform: &shared.platform,
            deadline: self.deadline,
            jitter,
        };
        shared
            .tokens
            .get(
                self.sign_in.identity(),
                || shared.clock.monotonic(),
                || self.sign_in.fetch(claims, &means),
            )
            .inspect_err(|error| {
                self.run()
                    .sign_in_failed
                    .get_or_insert_with(|| error.clone());
            })
    }

    fn one_try(
        &self,
        request: &Request,
        url: &str,
        token: &Token,
        tries: &Tries,
        wanted: Wanted<'_>,
    ) -> Result<Vec<u8>, Box<Failure>> {
        let began = self.shared.clock.monotonic();
        let of_run = self.deadline.saturating_duration_since(began);
        let patience = self.run().breakers.patience(request.endpoint, began);
        let left = patience.map_or(of_run, |patience| patience.min(of_run));
        let request_id = uuid::Uuid::new_v4().to_string();
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        if tries.count > 0 {
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
        let outcome = self.shared.wire.send(&Outgoing {
            root: &self.root,
            url,
            payload: match wanted {
                Wanted::Object | Wanted::ObjectOrNothing => Payload::Bearer(token.secret()),
                Wanted::Bytes => Payload::BearerForBytes(token.secret()),
                Wanted::AnswerTo(question) => Payload::Question(token.secret(), question),
            },
            request_id: &request_id,
            left,
            new_connection: tries.new_connection,
            platform: None,
        });
        let took = self
            .shared
            .clock
            .monotonic()
            .saturating_duration_since(began);
        let verb = match wanted {
            Wanted::AnswerTo(_) => "POST",
            Wanted::Object | Wanted::ObjectOrNothing | Wanted::Bytes => "GET",
        };
        log_try(verb, url, &outcome, &request_id, took);
        let answer = outcome.map_err(|lost| {
            let mut failure = Failure::without_answer(request, lost);
            // The run is not over where only the endpoint's time is.
            failure.out_of_time &= left == of_run;
            Box::new(failure)
        })?;
        self.counters
            .bytes
            .fetch_add(answer.body.len() as u64, Ordering::Relaxed);
        if !(200..300).contains(&answer.status) {
            return Err(Box::new(Failure::of_status(request, &answer, token)));
        }
        let why = match wanted {
            Wanted::ObjectOrNothing if answer.status == 204 => None,
            Wanted::Object | Wanted::ObjectOrNothing | Wanted::AnswerTo(_) => why_bad(&answer.body),
            Wanted::Bytes => why_no_file(answer.headers.content_type.as_deref(), &answer.body),
        };
        match why {
            None => Ok(answer.body),
            Some(why) => Err(Box::new(Failure::of_bad_body(
                request, &answer, &why, token,
            ))),
        }
    }

    /// Waits before the next try, or says why there is none.
    fn after_failure(
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
                self.wait(request, failure, now, after, pause_tenant);
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

    fn wait(
        &self,
        request: &Request,
        failure: &Failure,
        now: Instant,
        after: Duration,
        pause_tenant: bool,
    ) {
        let until = now + after;
        log::debug!(
            "waiting {} ms before the next try: {}",
            after.as_millis(),
            failure.error
        );
        {
            let mut run = self.run();
            run.breakers.waits(request.endpoint, until);
            run.retry_waits.add(now, until);
        }
        if pause_tenant {
            // The request itself waits with all others, for its next turn.
            self.pacer.pause(until);
            return;
        }
        self.shared.clock.sleep(after, &self.shared.stop);
        if failure.cause == Cause::Status(503) {
            self.run().throttled.add(now, self.shared.clock.monotonic());
        }
    }

    fn canceled(&self, request: &Request) -> Error {
        Error::new(Fault::Canceled, format!("{}: stopped", request.path))
    }

    fn timed_out(&self, request: &Request) -> Error {
        Error::new(
            Fault::TimedOut,
            format!("{}: the run's time is over", request.path),
        )
        .hint("give the schedule a longer --max-runtime")
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        lock(&self.run)
    }
}

/// The tries of one request.
#[derive(Debug, Default)]
struct Tries {
    /// When the last one began.
    began: Option<Instant>,
    count: u32,
    alike: u32,
    last: Option<Cause>,
    token_refreshed: bool,
    claims: Option<String>,
    new_connection: bool,
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

fn log_try(
    verb: &str,
    url: &str,
    outcome: &Result<Answer, Lost>,
    request_id: &str,
    took: Duration,
) {
    if !log::log_enabled!(log::Level::Debug) {
        return;
    }
    let url = loggable(url);
    let took = took.as_millis();
    match outcome {
        Ok(answer) => log::debug!(
            "{verb} {url}: {} in {took} ms, {} bytes, {}, request-id {}, client-request-id {request_id}, {}",
            answer.status,
            answer.body.len(),
            answer
                .headers
                .content_type
                .as_deref()
                .unwrap_or("no content type"),
            answer.headers.request_id.as_deref().unwrap_or("none"),
            answer
                .headers
                .diagnostic
                .as_deref()
                .unwrap_or("no diagnostic"),
        ),
        Err(Lost::Network { why, .. }) => {
            log::debug!("{verb} {url}: {why} after {took} ms, client-request-id {request_id}");
        }
        Err(lost) => {
            log::debug!("{verb} {url}: {lost:?} after {took} ms, client-request-id {request_id}");
        }
    }
}

/// Random, from 0 up to 1.
fn jitter() -> f64 {
    const STEPS: u32 = 1 << 24;
    let random = uuid::Uuid::new_v4().as_fields().0 % STEPS;
    f64::from(random) / f64::from(STEPS)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests;
