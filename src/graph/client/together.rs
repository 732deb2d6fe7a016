//! Reads that share round trips: how a batch goes out, and what becomes of it when it fails.
//!
//! Every read stays its own: its thread waits in the `gather` for one try, and what came of it is
//! judged and decided as for a request of its own (the tries of each are counted by itself, a 429
//! of one pauses the tenant, one that is to be tried again goes with the next batch).
//!
//! - A batch of one is a plain GET: it costs the same and has fewer ways to fail.
//! - What a service answers to a batch as a whole is the outcome of each part: a 401 asks for a new
//!   token, a 429 pauses. After any other failure each part goes by itself, so that a sick `$batch`
//!   costs a try and never an object; after three in a row no more batches go out in the run.
//! - Where batches are refused, or the answer is larger than anything we take, each part goes by
//!   itself at once; refused once, they are not tried again in the run.
//! - Conditional Access, with one request a second, never shares; neither do files, which a batch
//!   would give a third larger, and questions that are posted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::super::batch::{self, Whole};
use super::super::gather::{Attendance, Gather};
use super::super::pace::Denied;
use super::super::token::Token;
use super::super::wire::{Answer, Lost, Payload};
use super::super::{Content, Error, Graph, Looked, Request, ServiceGroup, Traffic, Version};
use super::failure::Failure;
use super::tries::{Tried, Tries};
use super::{Client, Manner, Wanted};

const MAX_FAILED_IN_A_ROW: u32 = 3;

/// What a client keeps for reads that share round trips.
#[derive(Debug, Default)]
pub(super) struct Together {
    gather: Gather<Ask, Told>,
    /// No more batches in this run.
    off: AtomicBool,
    failed_in_a_row: AtomicU32,
}

/// One try that waits for company.
#[derive(Debug)]
struct Ask {
    version: Version,
    group: ServiceGroup,
    url: String,
    endpoint: &'static str,
    again: bool,
    new_connection: bool,
    claims: Option<String>,
}

/// What came of it.
#[derive(Debug)]
enum Told {
    /// An answer to this request, or none that can be used.
    Own(Token, Instant, Result<Answer, Lost>),
    /// An answer that leaves it out.
    Missing(Token, Instant, &'static str),
    /// What was answered to all of them.
    Whole(Token, Instant, Result<Arc<Answer>, Lost>),
    /// It has to go by itself.
    GoAlone,
    /// It never went out.
    Denied(Denied),
    /// There is no token.
    NoToken(Error),
}

/// A thread that makes small reads beside others.
pub(super) struct Attending<'a> {
    client: &'a Client,
    _attendance: Attendance<'a, Ask, Told>,
}

impl Graph for Attending<'_> {
    fn get(&self, request: &Request) -> Result<Vec<u8>, Error> {
        let url = self.client.url_of(request)?;
        self.client
            .exchange(request, &url, Wanted::Object, Manner::Together)
    }

    fn find(&self, request: &Request, content: Content) -> Result<Looked, Error> {
        self.client.find_in(request, content, Manner::Together)
    }

    fn look_up(&self, request: &Request, question: &str) -> Result<Vec<u8>, Error> {
        self.client.look_up(request, question)
    }

    fn follow(&self, request: &Request, next_link: &str) -> Result<Vec<u8>, Error> {
        let url = self.client.url_of_link(request, next_link)?;
        self.client
            .exchange(request, &url, Wanted::Object, Manner::Together)
    }

    fn together(&self) -> Box<dyn Graph + '_> {
        self.client.together()
    }

    fn traffic(&self) -> Traffic {
        self.client.traffic()
    }
}

impl Together {
    /// Lets a thread wait for something else; one that attends is not counted meanwhile.
    pub(super) fn aside(&self, attending: bool, wait: impl FnOnce()) {
        let absence = attending.then(|| self.gather.absent());
        wait();
        drop(absence);
    }

    fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    fn switch_off(&self) {
        if !self.off.swap(true, Ordering::Relaxed) {
            log::debug!("no more batches in this run: requests go out one by one");
        }
    }

    fn note_failure(&self) {
        if self.failed_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILED_IN_A_ROW {
            self.switch_off();
        }
    }

    fn note_success(&self) {
        self.failed_in_a_row.store(0, Ordering::Relaxed);
    }
}

impl Client {
    /// This Graph for a thread that makes small reads beside others.
    pub(super) fn attend(&self) -> Attending<'_> {
        Attending {
            client: self,
            _attendance: self.together.gather.attend(),
        }
    }

    /// One try together with others; `None` where it has to go by itself.
    pub(super) fn try_together(
        &self,
        request: &Request,
        url: &str,
        wanted: Wanted<'_>,
        tries: &mut Tries,
    ) -> Result<Option<Tried>, Error> {
        let alone = !matches!(wanted, Wanted::Object | Wanted::ObjectOrNothing)
            || request.group == ServiceGroup::ConditionalAccess
            || self.root.after_version(url, request.version).is_none();
        if alone || tries.alone || self.together.is_off() {
            return Ok(None);
        }
        self.given_up(request)?;
        let ask = Ask {
            version: request.version,
            group: request.group,
            url: url.to_owned(),
            endpoint: request.endpoint,
            again: tries.count > 0,
            new_connection: tries.new_connection,
            claims: tries.claims.clone(),
        };
        let told = self
            .together
            .gather
            .ask(request.version, ask, true, &|asks| self.carry(asks));
        let (token, began, outcome) = match told {
            Told::Own(token, began, sent) => {
                let outcome = self.judge(request, sent, &token, wanted);
                (token, began, outcome)
            }
            Told::Missing(token, began, why) => {
                tries.alone = true;
                let outcome = Err(Box::new(Failure::of_no_answer(request, why)));
                (token, began, outcome)
            }
            Told::Whole(token, began, sent) => {
                let sent = sent.map(Arc::unwrap_or_clone);
                let outcome = Err(self.failure_of_whole(request, sent, &token));
                tries.alone = !matches!(&outcome, Err(failure) if failure.holds_for_all());
                (token, began, outcome)
            }
            Told::GoAlone => {
                tries.alone = true;
                return Ok(None);
            }
            Told::Denied(denied) => return Err(self.denied(request, denied)),
            Told::NoToken(error) => return Err(error),
        };
        tries.began = Some(began);
        Ok(Some(Tried { token, outcome }))
    }

    /// A success that cannot be read as an answer to a batch is none for its parts either.
    fn failure_of_whole(
        &self,
        request: &Request,
        sent: Result<Answer, Lost>,
        token: &Token,
    ) -> Box<Failure> {
        match self.judge(request, sent, token, Wanted::Object) {
            Err(failure) => failure,
            Ok(_) => Box::new(Failure::of_no_answer(
                request,
                "the answer to its batch cannot be read",
            )),
        }
    }

    /// Sends as many of these as may go out.
    fn carry(&self, asks: &[&Ask]) -> Vec<Told> {
        let groups: Vec<ServiceGroup> = asks.iter().map(|ask| ask.group).collect();
        let permit = match self.enter(&groups) {
            Ok(permit) => permit,
            Err(denied) => return asks.iter().map(|_| Told::Denied(denied)).collect(),
        };
        let asks = asks.get(..permit.going()).unwrap_or(asks);
        let claims = asks.iter().find_map(|ask| ask.claims.as_deref());
        let token = match self.token(claims) {
            Ok(token) => token,
            Err(error) => return asks.iter().map(|_| Told::NoToken(error.clone())).collect(),
        };
        let told = match asks {
            [ask] => vec![self.carry_one(ask, &token)],
            asks => self.carry_batch(asks, &token),
        };
        if told.iter().any(Told::is_throttled) {
            permit.throttled(self.shared.clock.monotonic());
        } else if told.iter().any(Told::is_success) {
            permit.succeeded();
        }
        told
    }

    fn carry_one(&self, ask: &Ask, token: &Token) -> Told {
        self.count(ask.again);
        let began = self.shared.clock.monotonic();
        let sent = self.send(
            &ask.url,
            Payload::Bearer(token.secret()),
            self.patience(ask.endpoint),
            ask.new_connection,
        );
        Told::Own(token.clone(), began, sent)
    }

    fn carry_batch(&self, asks: &[&Ask], token: &Token) -> Vec<Told> {
        let Some(version) = asks.first().map(|ask| ask.version) else {
            return Vec::new();
        };
        for ask in asks {
            self.count(ask.again);
        }
        let parts = asks.len() as u64;
        self.counters.batched.fetch_add(parts, Ordering::Relaxed);
        let began = self.shared.clock.monotonic();
        let body = batch::body(asks.iter().map(|&ask| {
            // Only what has such a part is asked here.
            let inner = self.root.after_version(&ask.url, version);
            inner.unwrap_or_default()
        }));
        let sent = self.send(
            &self
                .root
                .below(&format!("{}/{}", version.segment(), batch::PATH)),
            Payload::Question(token.secret(), &body),
            self.least_patience(asks),
            asks.iter().any(|ask| ask.new_connection),
        );
        self.hand_out(asks, token, began, sent)
    }

    /// The impatience of one endpoint that fails is that of the batch it is in.
    fn least_patience(&self, asks: &[&Ask]) -> Option<Duration> {
        let patience = asks.iter().filter_map(|ask| self.patience(ask.endpoint));
        patience.min()
    }

    fn hand_out(
        &self,
        asks: &[&Ask],
        token: &Token,
        began: Instant,
        sent: Result<Answer, Lost>,
    ) -> Vec<Told> {
        let whole = match &sent {
            Ok(answer) => batch::read(answer, asks.len()),
            Err(Lost::TooLarge(_)) => return asks.iter().map(|_| Told::GoAlone).collect(),
            Err(_) => Whole::Failed,
        };
        match whole {
            Whole::Parts(parts) => {
                self.together.note_success();
                let own = |part| match part {
                    Ok(answer) => Told::Own(token.clone(), began, Ok(answer)),
                    Err(why) => Told::Missing(token.clone(), began, why),
                };
                parts.into_iter().map(own).collect()
            }
            Whole::Refused => {
                self.together.switch_off();
                asks.iter().map(|_| Told::GoAlone).collect()
            }
            Whole::Failed => {
                let sent = sent.map(Arc::new);
                let told = || Told::Whole(token.clone(), began, sent.clone());
                if !told().holds_for_all() {
                    self.together.note_failure();
                }
                asks.iter().map(|_| told()).collect()
            }
        }
    }
}

impl Told {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Own(_, _, Ok(answer)) => Some(answer.status),
            Self::Whole(_, _, Ok(answer)) => Some(answer.status),
            _ => None,
        }
    }

    fn is_throttled(&self) -> bool {
        matches!(self.status(), Some(429 | 509))
    }

    fn is_success(&self) -> bool {
        matches!(self, Self::Own(_, _, Ok(answer)) if (200..300).contains(&answer.status))
    }

    /// Whether another batch would be told the same as each part by itself.
    fn holds_for_all(&self) -> bool {
        matches!(self.status(), Some(401 | 429 | 509))
    }
}
