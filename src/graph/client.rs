//! Graph over HTTP: one [`Connector`] per process, one [`Client`] per tenant and run.
//!
//! This is where the parts meet. A request waits for its turn, gets a token, makes one try, and
//! what came of it is judged; then the throttle decides whether there is another (`tries`). Nothing
//! is decided here that could be decided without effects.
//!
//! - A token goes to URLs that `root` made and nowhere else.
//! - The log gets path, option names, status, ids and durations; never a token, a body, or the
//!   value of an option.
//! - Reads that may share a round trip go another way out (`together`); what an answer means, and
//!   whether there is another try, is decided here for them too.
//! - What the connections, tokens and limits of a tenant are is shared by all runs of the process;
//!   what was given up, waited and counted belongs to one run.

mod failure;
pub mod reach;
mod together;
mod tries;
mod trip;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::answer::{why_bad, why_no_file};
use super::auth::{Means, SignIn};
use super::breaker::Breakers;
use super::pace::{Denied, Pacer, Permit, Waited};
use super::root::Root;
use super::token::{self, Token, Tokens};
use super::wire::{Answer, Limits, Lost, Payload, Wire};
use super::{Content, Error, Fault, Graph, Looked, Request, ServiceGroup, Traffic};
use crate::clock::Clock;
use crate::progress::Gauge;
use crate::secret::platform::Platform;
use crate::stop::Stop;
use crate::tenant::{Tenant, TenantId};
use failure::Failure;
#[cfg(any(test, fuzzing))]
pub(crate) use failure::probe as probe_challenge;
use together::Together;
use tries::{Tried, Tries};

/// What all runs of a process share: connections, tokens, and the limits of each tenant.
#[derive(Clone)]
pub struct Connector {
    shared: Arc<Shared>,
    max_requests: Option<u16>,
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
            max_requests: None,
        }
    }

    /// The same, asking each service of a tenant's Graph for at most so much in any 20 seconds;
    /// where nothing is said, four fifths of what is documented.
    #[must_use]
    pub fn at_most(mut self, max_requests: Option<u16>) -> Self {
        self.max_requests = max_requests;
        self
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
            .hint(format!(
                "tenantpilot tenants edit {} --graph-url URL",
                shell_words::quote(&settings.name)
            ))
        })?;
        let sign_in = SignIn::of(settings, &root)?;
        self.require_ways(settings)?;
        Ok(Client {
            sign_in,
            root,
            pacer: self.pacer(tenant.id),
            shared: Arc::clone(&self.shared),
            deadline,
            run: Mutex::default(),
            counters: Counters::default(),
            gauge: Arc::default(),
            together: Together::default(),
        })
    }
}

impl Connector {
    fn pacer(&self, tenant: TenantId) -> Arc<Pacer> {
        let mut pacers = lock(&self.shared.pacers);
        let pacer = pacers
            .entry(tenant)
            .or_insert_with(|| Arc::new(Pacer::at_most(self.max_requests)));
        Arc::clone(pacer)
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
    gauge: Arc<Gauge>,
    together: Together,
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
    round_trips: AtomicU64,
    batched: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
}

/// How a request goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// By itself.
    Alone,
    /// With others that are asked for at the same time.
    Together,
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
        self.exchange(
            request,
            &self.url_of(request)?,
            Wanted::Object,
            Manner::Alone,
        )
    }

    fn find(&self, request: &Request, content: Content) -> Result<Looked, Error> {
        self.find_in(request, content, Manner::Alone)
    }

    fn look_up(&self, request: &Request, question: &str) -> Result<Vec<u8>, Error> {
        let url = self.url_of(request)?;
        self.exchange(request, &url, Wanted::AnswerTo(question), Manner::Alone)
    }

    fn follow(&self, request: &Request, next_link: &str) -> Result<Vec<u8>, Error> {
        let url = self.url_of_link(request, next_link)?;
        self.exchange(request, &url, Wanted::Object, Manner::Alone)
    }

    fn together(&self) -> Box<dyn Graph + '_> {
        Box::new(self.attend())
    }

    fn traffic(&self) -> Traffic {
        let throttled = self.run().throttled.total().as_millis();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: count(&self.counters.requests),
            round_trips: count(&self.counters.round_trips),
            batched_requests: count(&self.counters.batched),
            retries: count(&self.counters.retries),
            throttled_ms: u64::try_from(throttled).unwrap_or(u64::MAX),
            bytes: count(&self.counters.bytes),
        }
    }
}

impl Client {
    /// The same, showing what it sends and what it waits for on this gauge.
    #[must_use]
    pub fn watched_by(mut self, gauge: Arc<Gauge>) -> Self {
        self.gauge = gauge;
        self
    }

    /// Signs in, and nothing else: what a check of the credential needs.
    pub fn sign_in(&self) -> Result<(), Error> {
        self.token(None).map(drop)
    }

    /// The application permissions that the tenant's token names, for people who look for the one
    /// that is missing; nothing where it does not say. Nothing may be decided by them.
    pub fn granted(&self) -> Option<Vec<String>> {
        token::roles(self.token(None).ok()?.secret())
    }

    fn find_in(
        &self,
        request: &Request,
        content: Content,
        manner: Manner,
    ) -> Result<Looked, Error> {
        let wanted = match content {
            Content::Object => Wanted::ObjectOrNothing,
            Content::Bytes => Wanted::Bytes,
        };
        match self.exchange(request, &self.url_of(request)?, wanted, manner) {
            Ok(body) if body.is_empty() => Ok(Looked::Nothing(204)),
            Ok(body) => Ok(Looked::There(body)),
            Err(error) if error.fault == Fault::NotFound && error.status == Some(404) => {
                Ok(Looked::Nothing(404))
            }
            Err(error) => Err(error),
        }
    }

    fn url_of(&self, request: &Request) -> Result<String, Error> {
        self.root
            .url_of(request)
            .map_err(|why| Error::new(Fault::Refused, format!("{}: {why}", request.path)))
    }

    fn url_of_link(&self, request: &Request, next_link: &str) -> Result<String, Error> {
        self.root
            .url_of_link(request, next_link)
            .map_err(|why| Error::new(Fault::Paging, format!("list {}: {why}", request.path)))
    }

    /// Tries until there is an answer or no sense in another try.
    fn exchange(
        &self,
        request: &Request,
        url: &str,
        wanted: Wanted<'_>,
        manner: Manner,
    ) -> Result<Vec<u8>, Error> {
        let mut tries = Tries {
            attending: manner == Manner::Together,
            ..Tries::default()
        };
        loop {
            let shared = match manner {
                Manner::Together => self.try_together(request, url, wanted, &mut tries)?,
                Manner::Alone => None,
            };
            let tried = match shared {
                Some(tried) => tried,
                None => self.try_alone(request, url, wanted, &mut tries)?,
            };
            match tried.outcome {
                Ok(body) => {
                    let now = self.shared.clock.monotonic();
                    self.run().breakers.answered(request.endpoint, now);
                    return Ok(body);
                }
                Err(failure) => self.after_failure(request, &tried.token, &failure, &mut tries)?,
            }
        }
    }

    /// One try in a round trip of its own, once it may go out.
    fn try_alone(
        &self,
        request: &Request,
        url: &str,
        wanted: Wanted<'_>,
        tries: &mut Tries,
    ) -> Result<Tried, Error> {
        let permit = self.turn(request)?;
        let token = self.token(tries.claims.as_deref())?;
        tries.began = Some(self.shared.clock.monotonic());
        let outcome = self.one_try(request, url, &token, tries, wanted);
        match &outcome {
            Ok(_) => permit.succeeded(),
            Err(failure) if failure.is_throttling() => {
                permit.throttled(self.shared.clock.monotonic());
            }
            Err(_) => {}
        }
        Ok(Tried { token, outcome })
    }

    /// Waits until the request may go out.
    fn turn(&self, request: &Request) -> Result<Permit<'_>, Error> {
        self.given_up(request)?;
        let permit = self
            .enter(&[request.group])
            .map_err(|denied| self.denied(request, denied))?;
        // Another request may have given the endpoint up while this one waited.
        self.given_up(request)?;
        Ok(permit)
    }

    /// Waits until the first of these, at least, may go out.
    fn enter(&self, groups: &[ServiceGroup]) -> Result<Permit<'_>, Denied> {
        let shared = &self.shared;
        let permit = self.pacer.enter(
            groups,
            self.deadline,
            &*shared.clock,
            &shared.stop,
            &|until| {
                self.gauge.waits_until(until);
            },
        )?;
        for &(from, to) in permit.waits() {
            self.run().throttled.add(from, to);
        }
        Ok(permit)
    }

    fn denied(&self, request: &Request, denied: Denied) -> Error {
        match denied {
            Denied::Stopped => self.canceled(request),
            Denied::TimedOut => self.timed_out(request),
        }
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
        self.count(tries.count > 0);
        let patience = self.patience(request.endpoint);
        let payload = match wanted {
            Wanted::Object | Wanted::ObjectOrNothing => Payload::Bearer(token.secret()),
            Wanted::Bytes => Payload::BearerForBytes(token.secret()),
            Wanted::AnswerTo(question) => Payload::Question(token.secret(), question),
        };
        let sent = self.send(url, payload, patience, tries.new_connection);
        self.judge(request, sent, token, wanted)
    }

    /// What an answer, or none, means for the request.
    fn judge(
        &self,
        request: &Request,
        sent: Result<Answer, Lost>,
        token: &Token,
        wanted: Wanted<'_>,
    ) -> Result<Vec<u8>, Box<Failure>> {
        let answer = sent.map_err(|lost| {
            Box::new(Failure::without_answer(
                request,
                self.sign_in.tenant(),
                lost,
            ))
        })?;
        if !(200..300).contains(&answer.status) {
            return Err(Box::new(Failure::of_status(request, &answer, token)));
        }
        let why = match wanted {
            Wanted::ObjectOrNothing if answer.status == 204 => None,
            // Above all a 206 is a part of what was asked for, however well it ends.
            _ if !matches!(answer.status, 200 | 204) => {
                Some("a read is answered by 200".to_owned())
            }
            Wanted::Object | Wanted::ObjectOrNothing | Wanted::AnswerTo(_) => why_bad(&answer.body),
            Wanted::Bytes if answer.headers.open_ended && answer.status != 204 => {
                Some("nothing tells where the file ends".to_owned())
            }
            Wanted::Bytes => why_no_file(answer.headers.content_type.as_deref(), &answer.body),
        };
        match why {
            None => Ok(answer.body),
            Some(why) => Err(Box::new(Failure::of_bad_body(
                request, &answer, &why, token,
            ))),
        }
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        lock(&self.run)
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
