//! The threads of a sandbox: connections in, answers out.
//!
//! One thread takes connections, each connection has its own. All state is in [`Shared`], behind
//! locks that are held for one step only and never while waiting.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::budget::Budget;
use super::events::{self, Deed};
use super::faults::{Faults, Kind, Subject};
use super::graph::{self, Graph};
use super::http::{Answer, Connection, Delivery, Request};
use super::issuers::Issuer;
use super::record::{self, Recorded};
use super::rest::Rest;
use super::sign_in::SignIn;
use super::tenant::{Resource, Tenant};
use super::{batch, collections, control, refusal};

/// Everything the threads of one sandbox share.
pub struct Shared {
    /// `http://127.0.0.1:PORT`
    pub root: String,
    /// Items in a page, at most.
    pub page_size: usize,
    /// Whether the app may have values in clear.
    pub gives_in_clear: AtomicBool,
    /// Time before each Graph answer.
    pub latency_ms: AtomicU64,
    /// How many batches there were.
    pub batches: AtomicU64,
    /// How often the tenant was changed by number.
    pub changes: AtomicU64,
    /// The contents.
    pub tenant: RwLock<Tenant>,
    /// What goes wrong.
    pub faults: Mutex<Faults>,
    /// Who may come in.
    pub sign_in: Mutex<SignIn>,
    /// How often.
    pub budget: Mutex<Budget>,
    /// Who came.
    pub recorded: Mutex<Vec<Recorded>>,
    /// Graph requests being answered.
    pub in_flight: AtomicUsize,
    /// The most of them at once.
    pub most_in_flight: AtomicUsize,
    /// Open connections, to be closed at the end.
    pub connections: Mutex<HashMap<u64, TcpStream>>,
    /// Everything that waits.
    pub rest: Rest,
}

impl Shared {
    /// Takes connections until the stop, then waits for their end.
    pub fn accept(&self, listener: &TcpListener) {
        std::thread::scope(|scope| {
            for (number, stream) in (1..).zip(listener.incoming()) {
                if self.rest.stopped() {
                    break;
                }
                if let Ok(stream) = stream {
                    scope.spawn(move || self.serve(stream, number));
                }
            }
            for stream in lock(&self.connections).values() {
                drop(stream.shutdown(Shutdown::Both));
            }
        });
    }

    fn serve(&self, stream: TcpStream, number: u64) {
        if let Ok(clone) = stream.try_clone() {
            lock(&self.connections).insert(number, clone);
        }
        // Registered first and checked after: a stop either sees the connection or is seen here.
        if !self.rest.stopped() {
            drop(self.converse(stream, number));
        }
        lock(&self.connections).remove(&number);
    }

    fn converse(&self, stream: TcpStream, number: u64) -> io::Result<()> {
        let mut connection = Connection::new(stream, number)?;
        while let Some(request) = connection.read()? {
            let answer = self.respond(&request);
            let goes_on = connection.answer(&request, &answer, &self.rest)?;
            if request.path() == control::STOP {
                self.rest.stop();
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn respond(&self, request: &Request) -> Answer {
        if let Some(deed) = request.path().strip_prefix("/sandbox/") {
            return control::answer(self, deed, request);
        }
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        let latency = self.latency_ms.load(Ordering::SeqCst);
        self.rest.pause(Duration::from_millis(latency));
        let (answer, directory) = self.respond_as_graph(request);
        let answer = record::stamp(answer, request);
        self.record(request, directory, answer.status, None);
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    fn record(&self, request: &Request, whose: Option<String>, status: u16, batch: Option<u64>) {
        let recorded = Recorded::new(&self.root, request, whose, status, batch);
        lock(&self.recorded).push(recorded);
    }

    /// The answer, and whose token the request carried.
    fn respond_as_graph(&self, request: &Request) -> (Answer, Option<String>) {
        if let Some(directory) = request.path().strip_suffix("/oauth2/v2.0/token") {
            let directory = directory.trim_start_matches('/');
            let subject = self.subject(request, "token", directory);
            let answer = self.spoil(request, subject, |_| {
                lock(&self.sign_in).token(&self.root, directory, request)
            });
            return (answer, None);
        }
        if let Some(issuer) = Issuer::at(request.path()) {
            let subject = self.subject(request, issuer.name(), super::DIRECTORY);
            let answer = self.spoil(request, subject, |_| {
                issuer.answer(&mut lock(&self.sign_in), request)
            });
            return (answer, None);
        }
        let directory = lock(&self.sign_in).directory(request).map(str::to_owned);
        let Some(directory) = directory else {
            return (refusal::unauthorized(request, false), None);
        };
        let answer = match graph::split(request) {
            Some((version, "$batch")) => self.respond_to_batch(request, version, &directory),
            Some((_, path)) => self.respond_to_one(request, path, &directory),
            None => self.respond_to_one(request, "", &directory),
        };
        (answer, Some(directory))
    }

    fn respond_to_batch(&self, request: &Request, version: &str, directory: &str) -> Answer {
        let number = self.batches.fetch_add(1, Ordering::SeqCst) + 1;
        let subject = self.subject(request, "$batch", directory);
        self.spoil(request, subject, |_| {
            let parts = match batch::parts(request, version) {
                Ok(parts) => parts,
                Err(refused) => return *refused,
            };
            let answers = parts.into_iter().map(|part| {
                let path = graph::split(&part.request).map_or("", |(_, path)| path);
                let answer = self.respond_to_one(&part.request, path, directory);
                let whose = Some(directory.to_owned());
                self.record(&part.request, whose, answer.status, Some(number));
                (part.id, answer)
            });
            batch::together(answers.collect())
        })
    }

    fn respond_to_one(&self, request: &Request, path: &str, directory: &str) -> Answer {
        if let Some(wait) = lock(&self.budget).exceeded(directory, path) {
            let answer = refusal::of_status(request, 429);
            let answer = match wait {
                Some(seconds) => answer.with("Retry-After", seconds.to_string()),
                None => answer,
            };
            return answer;
        }
        let subject = self.subject(request, path, directory);
        self.spoil(request, subject, |twist| {
            self.read(|tenant| {
                let graph = Graph {
                    root: &self.root,
                    tenant,
                    page_size: self.page_size,
                    gives_in_clear: self.gives_in_clear.load(Ordering::SeqCst),
                };
                graph.answer(request, twist)
            })
        })
    }

    fn subject<'a>(&self, request: &Request, path: &'a str, directory: &'a str) -> Subject<'a> {
        Subject {
            path,
            page: graph::page_number(request, self.page_size),
            directory,
            connection: request.connection,
        }
    }

    /// The answer as it should be, or what a fault makes of it.
    fn spoil(
        &self,
        request: &Request,
        subject: Subject<'_>,
        right: impl FnOnce(Option<&Kind>) -> Answer,
    ) -> Answer {
        let strike = lock(&self.faults).strike(subject);
        let Some(strike) = strike else {
            return right(None);
        };
        let scopes = collections::find(subject.path).map_or("", |(row, _)| row.scopes);
        let mut answer = spoilt(request, &strike.kind, scopes, right);
        for value in &strike.retry_after {
            let value = record::retry_after(value);
            answer.headers.push(("Retry-After".to_owned(), value));
        }
        answer
    }

    /// Reads the tenant.
    pub fn read<T>(&self, reader: impl FnOnce(&Tenant) -> T) -> T {
        reader(&self.tenant.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the tenant.
    pub fn write<T>(&self, writer: impl FnOnce(&mut Tenant) -> T) -> T {
        writer(&mut self.tenant.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes some descriptions, see [`Tenant::change`].
    pub fn change(&self, collection: &str, count: usize) -> Vec<(String, String)> {
        let mark = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        self.write(|tenant| {
            let changed = tenant.change(collection, count, mark);
            for (id, _) in &changed {
                events::note(tenant, Deed::Patch, collection, id);
            }
            changed
        })
    }

    /// Adds an object.
    pub fn add(&self, collection: &str, resource: Resource) {
        self.write(|tenant| {
            let id = resource.id.clone();
            tenant.add(collection, resource);
            events::note(tenant, Deed::Create, collection, &id);
        });
    }

    /// Changes an object in any way. `false` when it is not there.
    pub fn edit(&self, collection: &str, id: &str, edit: impl FnOnce(&mut Resource)) -> bool {
        self.write(|tenant| {
            let found = tenant.get_mut(collection, id).map(edit).is_some();
            if found {
                events::note(tenant, Deed::Patch, collection, id);
            }
            found
        })
    }

    /// Gives an object another name. `false` when it is not there.
    pub fn rename(&self, collection: &str, id: &str, name: &str) -> bool {
        self.write(|tenant| {
            let renamed = tenant.rename(collection, id, name);
            if renamed {
                events::note(tenant, Deed::Patch, collection, id);
            }
            renamed
        })
    }

    /// Removes an object. `false` when it was not there.
    pub fn remove(&self, collection: &str, id: &str) -> bool {
        self.write(|tenant| {
            events::note(tenant, Deed::Delete, collection, id);
            tenant.remove(collection, id)
        })
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        lock(&self.recorded).clear();
        self.most_in_flight.store(0, Ordering::SeqCst);
    }
}

/// What a fault makes of an answer.
fn spoilt(
    request: &Request,
    kind: &Kind,
    scopes: &str,
    right: impl FnOnce(Option<&Kind>) -> Answer,
) -> Answer {
    let instead = |body: &str| Answer::new(200, refusal::JSON, body);
    let delivered = |delivery, mut answer: Answer| {
        answer.delivery = delivery;
        answer
    };
    match kind {
        Kind::Status(status) => refusal::of_status(request, *status),
        Kind::Forbidden => refusal::forbidden(request, scopes),
        Kind::NotLicensed => refusal::not_licensed(request),
        Kind::NotPremium => refusal::not_premium(request),
        Kind::Unauthorized { claims } => refusal::unauthorized(request, *claims),
        Kind::Hang => delivered(Delivery::Hang, instead("")),
        Kind::Reset => delivered(Delivery::Reset, instead("")),
        Kind::Drip(pause) => delivered(Delivery::Drip(*pause), right(None)),
        Kind::ResetInBody => delivered(Delivery::ResetInBody, right(None)),
        Kind::Truncated => delivered(Delivery::TruncatedSized, right(None)),
        Kind::TruncatedChunked => delivered(Delivery::TruncatedChunked, right(None)),
        Kind::TruncatedClose => delivered(Delivery::TruncatedClose, right(None)),
        Kind::Html => Answer::new(200, "text/html", refusal::html("Sign in to your account")),
        Kind::Echo => refusal::echo(request),
        Kind::Empty => instead(""),
        Kind::Null => instead("null"),
        Kind::NoValue => instead(r#"{"@odata.context":"sandbox"}"#),
        Kind::ErrorObject => delivered(
            Delivery::Sized,
            Answer {
                status: 200,
                ..refusal::of_status(request, 500)
            },
        ),
        Kind::InvalidJson => {
            let mut answer = right(None);
            answer.body.truncate(answer.body.len() / 2);
            answer
        }
        Kind::Body(body) => Answer::new(200, refusal::JSON, body.clone()),
        Kind::Bomb(size) => instead("").packed(*size),
        Kind::Redirect(status, target) => {
            Answer::new(*status, "text/plain", "").with("Location", target)
        }
        Kind::Big(size) => {
            let mut answer = right(None);
            let size = (*size).max(answer.body.len());
            answer.body.resize(size, b' ');
            answer
        }
        twist => right(Some(twist)),
    }
}

/// The lock, whatever became of who held it before.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
