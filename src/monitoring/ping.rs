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
//! after the run; [`Pings::wait`] waits for all of them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Monitor, Outcome, Subject};
use crate::clock::Clock;
use crate::http::address::Address;
use crate::http::messenger::{Message, Messenger};
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

/// A ping that is going out, and whose it is.
type UnderWay = (Subject, JoinHandle<Result<(), String>>);

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
            check: schedule.settings.ping_url.clone().map(|address| Check {
                pings: self.clone(),
                subject: Subject::ping(schedule),
                address,
                rid: Some(rid(owner, run)),
            }),
            line: OnceLock::new(),
        }
    }

    /// Says that a schedule did not run.
    pub fn missed(&self, schedule: &Schedule, line: String) {
        let address = schedule.settings.ping_url.clone();
        self.one(Subject::ping(schedule), address, Signal::Fail, line);
    }

    /// Says whether dispatch could do its work.
    pub fn dispatched(&self, address: Address, signal: Signal, line: &str) {
        let subject = Subject::Dispatch(Monitor::DispatchPing);
        self.one(subject, Some(address), signal, line.to_owned());
    }

    fn one(&self, subject: Subject, address: Option<Address>, signal: Signal, line: String) {
        let check = address.map(|address| Check {
            pings: self.clone(),
            subject,
            address,
            rid: None,
        });
        if let Some(check) = check {
            check.aside(move |check| check.send(signal, &line));
        }
    }

    /// Waits until every ping is out or given up, and gives how it went.
    pub fn wait(&self) -> Vec<Outcome> {
        let under_way = std::mem::take(&mut *self.shared.under_way());
        let ended = under_way.into_iter().map(|(subject, ping)| Outcome {
            subject,
            result: ping
                .join()
                .unwrap_or_else(|_| Err("it panicked; this is a bug in tenantpilot".to_owned())),
        });
        ended.collect()
    }
}

impl Shared {
    fn messenger(&self) -> &Messenger {
        self.messenger
            .get_or_init(|| Messenger::new(&self.user_agent))
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, Vec<UnderWay>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
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
    fn aside(self, work: impl FnOnce(&Self) -> Result<(), String> + Send + 'static) {
        let shared = Arc::clone(&self.pings.shared);
        let subject = self.subject.clone();
        let spawned = std::thread::Builder::new().spawn(move || work(&self));
        match spawned {
            Ok(ping) => shared.under_way().push((subject, ping)),
            Err(error) => log::warn!("no thread for {}: {error}", subject.described()),
        }
    }

    /// One ping, tried again once where it does not arrive.
    fn send(&self, signal: Signal, line: &str) -> Result<(), String> {
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
) -> Result<(), String> {
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
