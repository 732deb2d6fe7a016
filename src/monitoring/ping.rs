//! Pings, as healthchecks.io and its like take them: a POST to the URL of a check says that all is well,
//! to `/start` below it that something began, to `/fail` that it did not end well. `rid` joins the two
//! pings of one run.
//!
//! - Every run that starts is told, whatever started it. A success pings the bare URL. A partial, failed
//!   or canceled run pings `/fail`: something is missing, or nothing was backed up.
//! - A run that is skipped because another of its schedule goes on pings nothing: the other one tells.
//! - A missed slot pings `/fail` without a start, and so does a run whose process died: the next
//!   dispatch tells both. A check would notice by itself in the end; this says so at once, and why.
//! - The body is a line of ids, a status and an error code.
//!
//! A run has one thread for its pings. It lives until the last of them is out, which may be some seconds
//! after the run; [`Pings::wait`] waits for all of them. What a dispatch tells of runs that are not its
//! own may be hundreds at once, after a night without cron: a few threads share that. A host that gives
//! no answer is left alone for the rest, and after [`BUDGET`] none of it is begun any more: it counts as
//! not told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::delivery::BUDGET;
use super::{Monitor, Outcome, Subject};
use crate::clock::Clock;
use crate::http::address::Address;
use crate::http::messenger::{Message, Messenger, Unsent};
use crate::lock::Owner;
use crate::run::{Ending, ErrorCode, RunId, Status};
use crate::schedule::Schedule;
use crate::stop::Stop;

/// How long a try may take.
pub const TRY: Duration = Duration::from_secs(5);
/// How many tries there are.
pub const TRIES: usize = 2;
/// How long to wait between them.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// How long the only try may take when the process has been asked to stop.
const LAST_TRY: Duration = Duration::from_secs(2);
/// How many threads ping the checks of schedules that did not run.
const AT_ONCE: usize = 4;

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It began.
    Start,
    /// All is well.
    Success,
    /// It is not.
    Fail,
}

impl Signal {
    fn segment(self) -> Option<&'static str> {
        match self {
            Self::Start => Some("start"),
            Self::Success => None,
            Self::Fail => Some("fail"),
        }
    }

    /// What the end of a run says, with a line about it; nothing where another run tells.
    pub fn of(run: RunId, ending: &Ending) -> Option<(Self, String)> {
        let code = ending.error_code.map(ErrorCode::as_str).unwrap_or_default();
        let line = format!("run {} {} {code}", run.0, ending.status.as_str());
        match (ending.status, ending.error_code) {
            (_, Some(ErrorCode::LockHeld)) => None,
            (Status::Success, _) => Some((Self::Success, line.trim_end().to_owned())),
            _ => Some((Self::Fail, line)),
        }
    }
}

/// The pings of this process.
#[derive(Clone)]
pub struct Pings {
    shared: Arc<Shared>,
}

/// Pings that are going out, or no thread for them, and whose the first of them is.
type UnderWay = (Subject, std::io::Result<JoinHandle<Vec<Outcome>>>);

struct Shared {
    /// Made by the first ping: most processes send none.
    messenger: OnceLock<Messenger>,
    user_agent: String,
    clock: Arc<dyn Clock>,
    stop: Stop,
    under_way: Mutex<Vec<UnderWay>>,
}

impl Pings {
    /// No pings yet; those to come say `user_agent`.
    pub fn new(clock: Arc<dyn Clock>, stop: Stop, user_agent: &str) -> Self {
        Self {
            shared: Arc::new(Shared {
                messenger: OnceLock::new(),
                user_agent: user_agent.to_owned(),
                clock,
                stop,
                under_way: Mutex::default(),
            }),
        }
    }

    /// The way to whoever is told by HTTP.
    pub fn messenger(&self) -> &Messenger {
        self.shared.messenger()
    }

    /// The pings of a run; nothing is sent yet, and nothing ever where its schedule has no URL.
    pub fn of_run(&self, schedule: &Schedule, owner: &Owner, run: RunId) -> RunPings {
        RunPings {
            check: self.check(schedule, Some(rid(owner, run))),
            line: OnceLock::new(),
        }
    }

    /// Says of schedules that they have no run which could say how it went, and returns at once. There
    /// may be hundreds, so that a few threads share them.
    pub fn lost(&self, lost: impl Iterator<Item = Lost>) {
        let waiting: VecDeque<(Check, String)> = lost
            .filter_map(|lost| {
                let check = self.check(&lost.schedule, lost.rid)?;
                Some((check, lost.line))
            })
            .collect();
        let threads = waiting.len().min(AT_ONCE);
        let Some((first, _)) = waiting.front() else {
            return;
        };
        let subject = first.subject.clone();
        let line = Arc::new(Line {
            begun: self.shared.clock.monotonic(),
            waiting: Mutex::new(waiting),
            silent: Mutex::default(),
        });
        for _ in 0..threads {
            let line = Arc::clone(&line);
            let spawned = std::thread::Builder::new().spawn(move || line.drain());
            self.shared.under_way().push((subject.clone(), spawned));
        }
    }

    fn check(&self, schedule: &Schedule, rid: Option<String>) -> Option<Check> {
        Some(Check {
            pings: self.clone(),
            subject: Subject::ping(schedule),
            address: schedule.settings.ping_url.clone()?,
            rid,
        })
    }

    /// Says whether dispatch could do its work.
    pub fn dispatched(&self, address: Address, signal: Signal, line: &str) {
        let check = Check {
            pings: self.clone(),
            subject: Subject::Dispatch(Monitor::DispatchPing),
            address,
            rid: None,
        };
        let line = line.to_owned();
        check.aside(move |check| check.send(signal, &line));
    }

    /// Waits until every ping is out or given up, and gives how it went.
    pub fn wait(&self) -> Vec<Outcome> {
        let under_way = std::mem::take(&mut *self.shared.under_way());
        let ended = under_way.into_iter().flat_map(|(subject, ping)| {
            let why = match ping.map(JoinHandle::join) {
                Ok(Ok(outcomes)) => return outcomes,
                Ok(Err(_)) => "it panicked; this is a bug in tenantpilot".to_owned(),
                Err(error) => format!("no thread for it: {error}"),
            };
            let result = Err(why);
            vec![Outcome { subject, result }]
        });
        ended.collect()
    }
}

impl Shared {
    fn messenger(&self) -> &Messenger {
        self.messenger
            .get_or_init(|| Messenger::new(&self.user_agent))
    }

    fn under_way(&self) -> MutexGuard<'_, Vec<UnderWay>> {
        locked(&self.under_way)
    }
}

/// A schedule that has no run which could say how it went.
pub struct Lost {
    schedule: Schedule,
    rid: Option<String>,
    line: String,
}

impl Lost {
    /// The run's process is gone.
    pub fn interrupted(schedule: &Schedule, owner: &Owner, run: RunId) -> Self {
        let code = ErrorCode::Interrupted.as_str();
        Self {
            schedule: schedule.clone(),
            rid: Some(rid(owner, run)),
            line: format!("run {} {} {code}", run.0, Status::Failed.as_str()),
        }
    }

    /// There never was one.
    pub fn missed(schedule: &Schedule, line: String) -> Self {
        Self {
            schedule: schedule.clone(),
            rid: None,
            line,
        }
    }
}

/// Checks that some threads ping one after the other.
struct Line {
    begun: Instant,
    waiting: Mutex<VecDeque<(Check, String)>>,
    /// Hosts that gave no answer, and why: the others there are not tried any more.
    silent: Mutex<BTreeMap<String, String>>,
}

impl Line {
    fn drain(&self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some((check, line)) = self.next() {
            outcomes.push(check.outcome(self.ping(&check, &line)));
        }
        outcomes
    }

    fn next(&self) -> Option<(Check, String)> {
        locked(&self.waiting).pop_front()
    }

    fn ping(&self, check: &Check, line: &str) -> Result<(), String> {
        let host = check.address.host();
        if let Some(why) = locked(&self.silent).get(host) {
            return Err(why.clone());
        }
        let clock = &check.pings.shared.clock;
        if clock.monotonic().saturating_duration_since(self.begun) >= BUDGET {
            return Err("those before it took too long".to_owned());
        }
        check.send(Signal::Fail, line).map_err(|unsent| {
            if let Unsent::Unanswered(why) = &unsent {
                locked(&self.silent).insert(host.to_owned(), why.clone());
            }
            unsent.why().to_owned()
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One check that is pinged.
#[derive(Clone)]
struct Check {
    pings: Pings,
    subject: Subject,
    address: Address,
    rid: Option<String>,
}

impl Check {
    /// Pings in a thread of its own.
    fn aside(self, work: impl FnOnce(&Self) -> Result<(), Unsent> + Send + 'static) {
        let shared = Arc::clone(&self.pings.shared);
        let subject = self.subject.clone();
        let spawned = std::thread::Builder::new().spawn(move || {
            let told = work(&self);
            vec![self.outcome(told.map_err(|unsent| unsent.why().to_owned()))]
        });
        shared.under_way().push((subject, spawned));
    }

    fn outcome(&self, result: Result<(), String>) -> Outcome {
        Outcome {
            subject: self.subject.clone(),
            result,
        }
    }

    /// One ping, tried again once where it does not arrive.
    fn send(&self, signal: Signal, line: &str) -> Result<(), Unsent> {
        let shared = &self.pings.shared;
        let rid = self.rid.as_deref().map(|rid| ("rid", rid));
        let url = self.address.with(signal.segment(), rid);
        let message = Message {
            media_type: "text/plain; charset=utf-8",
            body: line,
        };
        let mut tries = 0;
        loop {
            let hurried = shared.stop.requested().is_some();
            let limit = if hurried { LAST_TRY } else { TRY };
            let sent = shared.messenger().send(&self.address, &url, message, limit);
            tries += 1;
            if sent.is_ok() || tries >= TRIES || hurried {
                return sent;
            }
            shared.clock.sleep(PAUSE, &shared.stop);
        }
    }
}

/// The pings of one run.
pub struct RunPings {
    check: Option<Check>,
    line: OnceLock<Sender<(Signal, String)>>,
}

impl RunPings {
    /// Says that the run began, and returns at once.
    pub fn start(&self, run: RunId) {
        let Some(check) = &self.check else { return };
        let (line, told) = channel();
        if self.line.set(line).is_ok() {
            let begun = format!("run {} running", run.0);
            check
                .clone()
                .aside(move |check| from_start_to_end(check, &begun, &told));
        }
    }

    /// Says how it ended, and returns at once.
    pub fn end(self, run: RunId, ending: &Ending) {
        let (Some(check), Some(end)) = (self.check, Signal::of(run, ending)) else {
            return;
        };
        match self.line.get() {
            // The thread waits for nothing else.
            Some(line) => drop(line.send(end)),
            None => check.aside(move |check| check.send(end.0, &end.1)),
        }
    }
}

fn from_start_to_end(
    check: &Check,
    begun: &str,
    told: &Receiver<(Signal, String)>,
) -> Result<(), Unsent> {
    let started = check.send(Signal::Start, begun);
    match told.recv() {
        Ok((signal, line)) => check.send(signal, &line).and(started),
        // Nothing more is told of it.
        Err(_) => started,
    }
}

/// What joins the pings of a run, whichever process sends them: a UUID that anybody can make who knows
/// the run's owner.
fn rid(owner: &Owner, run: RunId) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("{owner}\n{}", run.0)).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_is_well_and_a_held_lock_says_nothing() {
        let ending = |status, error_code| Ending {
            status,
            error_code,
            error_message: Some("the name of a policy".to_owned()),
            hint: None,
            summary: None,
        };
        let of = |status, code| Signal::of(RunId(7), &ending(status, code));
        let success = of(Status::Success, None).unwrap();
        assert_eq!(success, (Signal::Success, "run 7 success".to_owned()));
        for (status, code, line) in [
            (
                Status::Partial,
                ErrorCode::PermissionMissing,
                "run 7 partial PERMISSION_MISSING",
            ),
            (
                Status::Failed,
                ErrorCode::Interrupted,
                "run 7 failed INTERRUPTED",
            ),
            (
                Status::Canceled,
                ErrorCode::Canceled,
                "run 7 canceled CANCELED",
            ),
            (
                Status::Skipped,
                ErrorCode::UnknownPolicyType,
                "run 7 skipped UNKNOWN_POLICY_TYPE",
            ),
        ] {
            let told = of(status, Some(code)).unwrap();
            assert_eq!(told, (Signal::Fail, line.to_owned()));
        }
        assert_eq!(of(Status::Skipped, Some(ErrorCode::LockHeld)), None);
    }

    #[test]
    fn every_run_has_a_uuid_of_its_own_that_another_process_finds_again() {
        let (one, other) = (Owner("a".to_owned()), Owner("b".to_owned()));
        let first = rid(&one, RunId(1));
        assert_eq!(first, rid(&one, RunId(1)));
        assert_ne!(first, rid(&one, RunId(2)));
        assert_ne!(first, rid(&other, RunId(1)));
        let read: uuid::Uuid = first.parse().unwrap();
        assert_eq!(read.get_version_num(), 4);
    }
}
