//! Telling others how runs went: a check that is pinged, a webhook, a hook, a file of metrics.
//!
//! Whoever watches backups wants to hear of them by their own means. What is told here is told beside
//! the work and never in its way:
//!
//! - **No run fails by it, and no exit code changes.** A failure to tell is logged, counted, and shown by
//!   `doctor` and `status`. It is said aloud when it begins and when it is over, not in between: cron
//!   would mail each of 1,440 lines a day. What cannot be used at all (a URL that is none, a hook that is
//!   no program) is said by the first dispatch that has it, whether there is something to tell or not.
//! - **What was taken away is forgotten.** A webhook, a hook, a ping or a file that no dispatch had for
//!   [`OVERDUE`] is gone: a dispatch without it forgets how it went with it, and nobody waits for it. One
//!   that does not have it is no proof, since another may: the line of the crontab has it, and a script
//!   or another line that starts dispatch does not. So a dispatch that has one with which something is
//!   wrong notes that ([`Locks::note_monitor`]), and a failure says as much. A line with a monitor that
//!   starts less often than that, beside one without, is said anew each time. A dispatch that somebody
//!   starts on a terminal forgets nothing, whatever the time: the variables of the crontab are not there.
//! - **No run takes longer.** What is told at the start of a run goes out of a thread of its own. The
//!   rest is told when the run has ended and its lock is given up. A try takes at most
//!   [`ping::TRY`], there are at most [`ping::TRIES`]; a hook has 20 seconds. A dispatch begins to tell
//!   webhook and hook nothing more after [`delivery::BUDGET`] with each, so that what waits takes that
//!   and one message more.
//! - **Nothing leaks.** A message holds names of tenants and schedules, ids, times, a status and an error
//!   code; no name of a policy, no text of Graph, no secret. URLs are told with their host only.
//!
//! # What there is
//!
//! | Monitor | Told by | What |
//! |---|---|---|
//! | ping of a schedule | the process of the run | each run that starts: [`ping`] |
//! | ping of dispatch | each dispatch | that it could do its work |
//! | webhook, hook | each dispatch | each change of state of a schedule, once: [`delivery`], [`hook`] |
//! | metrics | each dispatch | how everything stands: [`metrics`] |
//!
//! # Changes of state
//!
//! A schedule is `well`, `partial`, `failed` or `missed` ([`change::State`]). A run that ends moves it
//! there, and only a move is told: of a hundred failed nights the first, and the night that ends them.
//! Runs end in many processes, and none but dispatch knows a webhook. So:
//!
//! 1. **Record.** The transaction that ends a run, records a missed slot or closes an interrupted run
//!    also notes the new state. Where that is a change, it leaves a row for each of webhook and hook
//!    that a dispatch ever had (`monitors` has their rows: a dispatch that has one makes it *before* it
//!    decides, so that what it finds missed is told). Where there never was one, no row appears: the
//!    table stays empty, and a webhook that is configured later begins without a past.
//! 2. **Deliver.** A dispatch that has the webhook takes its delivery lock, and tells what waits for it,
//!    oldest first. It counts the try in the row *before* it tells, and tells nothing where that cannot
//!    be written: on a full disk nobody hears the same each minute. It removes each row once it was told.
//!    Where one cannot be told, the others of its schedule wait behind it, so that changes of a schedule
//!    come in their order; those of other schedules are told. Where nobody answers, or with 429 or 5xx,
//!    or the hook cannot be started, it leaves all to the next dispatch. A try that a request to stop
//!    ends is not counted, and one that did not begin because the hook could not be started neither.
//! 3. **Give up.** What waits for longer than a day, or was tried too often ([`Monitor::tries`]), is
//!    given up and counted: by a dispatch that has the monitor and, if it is too old, when a run ends, so
//!    that a webhook that was taken away leaves no more than a day of changes behind. Of each schedule the
//!    oldest of these rows stays, marked as no longer waiting: its `previous` is what this monitor goes on
//!    believing. The next run that ends is compared with that. So one that goes on failing is told after
//!    its next run, one that recovered is told of the next success, and who has heard it hears it once.
//!
//! # The windows
//!
//! - *Dies before the run's transaction commits.* Neither the end of the run nor the change was written.
//!   The next dispatch closes the run as interrupted, and notes that.
//! - *Dies between commit and delivery.* The row is there; the next dispatch tells it.
//! - *Dies between the count and delivery.* It is told by the next, with a try less; of a hook's last it
//!   is given up.
//! - *Dies between delivery and removal.* It is told again. Whoever is told has an id to know that by, the
//!   same each time and for webhook and hook.
//! - *Two dispatches at once.* The delivery lock is the kernel's: the second finds it held, and leaves
//!   what it has recorded to the first, or to the next minute. The lock of one that died is free.
//! - *A clock that is set back.* Rows have an order by id, not by time. A row from the future waits until
//!   it was told or was tried too often.
//! - *A clock that leaps ahead by over a day.* What waits is given up, and counted as that.
//! - *A schedule is purged.* Its rows go with its runs.

pub mod change;
pub mod delivery;
pub mod hook;
pub mod metrics;
mod outcome;
pub mod ping;

pub use outcome::{Outcome, record};

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::http::address::Address;
use crate::lock::Locks;
use crate::program::Program;
use crate::run;
use crate::schedule::{Schedule, ScheduleId};
use crate::status::OVERDUE;
use crate::store::{self, Store};
use crate::tenant::TenantId;

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Monitor {
    /// The check of a schedule.
    Ping,
    /// The check of dispatch itself.
    DispatchPing,
    /// A URL that gets JSON.
    Webhook,
    /// A program that gets variables.
    Hook,
    /// A file for Prometheus.
    Metrics,
}

/// Whether there is something to say aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// All is as it was.
    None,
    /// From now on telling fails.
    Fails,
    /// It works again.
    Works,
}

impl Monitor {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ping,
        Self::DispatchPing,
        Self::Webhook,
        Self::Hook,
        Self::Metrics,
    ];

    /// The word in `--json` and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::DispatchPing => "dispatch-ping",
            Self::Webhook => "webhook",
            Self::Hook => "hook",
            Self::Metrics => "metrics",
        }
    }

    /// The monitor of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|monitor| monitor.as_str() == word)
    }

    /// After how many tries a change of state is given up. A hook may have done half of its work each
    /// time.
    pub fn tries(self) -> u32 {
        match self {
            Self::Hook => 3,
            _ => 1440,
        }
    }

    fn is_told_each_minute(self) -> bool {
        matches!(self, Self::DispatchPing | Self::Metrics)
    }

    /// How many failures in a row are said aloud: one, but of what happens each minute five.
    fn told_after(self) -> u64 {
        match self {
            Self::DispatchPing => 5,
            _ => 1,
        }
    }

    /// What there is to say aloud of how telling went, where it went like that before.
    pub fn turn(self, before: Past, now: Result<(), &str>) -> Turn {
        let was_said = before.unusable || before.failures >= self.told_after();
        match now {
            Ok(()) if was_said => Turn::Works,
            Err(reason) if is_unusable(reason) && !before.unusable => Turn::Fails,
            Err(_) if !was_said && before.failures + 1 >= self.told_after() => Turn::Fails,
            _ => Turn::None,
        }
    }
}

/// How telling went until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// How often it failed, in a row.
    pub failures: u64,
    /// Whether what was given could not be used.
    pub unusable: bool,
    /// How many changes of state were never told.
    pub given_up: u64,
}

impl Past {
    /// Whether there is nothing to put right once telling works.
    pub fn is_well(self) -> bool {
        self.failures == 0 && self.given_up == 0
    }
}

/// How the reason begins where what was given cannot be used: there was nothing to try.
const UNUSABLE: &str = "cannot be used: ";

fn unusable(why: &str) -> String {
    format!("{UNUSABLE}{why}")
}

/// Whether this reason says that what was given cannot be used.
pub fn is_unusable(reason: &str) -> bool {
    reason.starts_with(UNUSABLE)
}

/// A monitor, and of which schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The ping of a schedule.
    Ping {
        /// The tenant of the schedule.
        tenant: TenantId,
        /// The schedule.
        schedule: ScheduleId,
        /// How messages name it.
        described: String,
    },
    /// One of dispatch.
    Dispatch(Monitor),
}

impl Subject {
    /// The ping of a schedule.
    pub fn ping(schedule: &Schedule) -> Self {
        Self::Ping {
            tenant: schedule.tenant_id,
            schedule: schedule.id,
            described: schedule.described(),
        }
    }

    /// Who is told.
    pub fn monitor(&self) -> Monitor {
        match self {
            Self::Ping { .. } => Monitor::Ping,
            Self::Dispatch(monitor) => *monitor,
        }
    }

    /// Of which schedule, with its tenant.
    pub fn schedule(&self) -> Option<(TenantId, ScheduleId)> {
        match self {
            Self::Ping {
                tenant, schedule, ..
            } => Some((*tenant, *schedule)),
            Self::Dispatch(_) => None,
        }
    }

    /// How messages name it.
    pub fn described(&self) -> String {
        match self {
            Self::Ping { described, .. } => format!("the ping of {described}"),
            Self::Dispatch(Monitor::DispatchPing) => "the ping of dispatch".to_owned(),
            Self::Dispatch(Monitor::Metrics) => "the file of metrics".to_owned(),
            Self::Dispatch(monitor) => format!("the {}", monitor.as_str()),
        }
    }
}

/// How it goes with a monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Which.
    pub subject: Subject,
    /// Since when telling fails.
    pub failing_from: Option<DateTime<Utc>>,
    /// When it last failed.
    pub failed_at: Option<DateTime<Utc>>,
    /// How often in a row.
    pub failures: u64,
    /// Why.
    pub reason: Option<String>,
    /// How many changes of state were never told.
    pub given_up: u64,
}

/// How long after its last failure a monitor that is tried each minute still counts where no dispatch
/// comes any more that would forget it, or say that it works.
const REMEMBERED: chrono::TimeDelta = chrono::TimeDelta::seconds(24 * 3600);
/// The same of one that is tried only when there is something to tell, which may be rare.
const REMEMBERED_LONGER: chrono::TimeDelta = chrono::TimeDelta::seconds(30 * 24 * 3600);

impl Condition {
    /// Whether somebody has to look at it.
    pub fn is_failing(&self, now: DateTime<Utc>) -> bool {
        let remembered = if self.subject.monitor().is_told_each_minute() {
            REMEMBERED
        } else {
            REMEMBERED_LONGER
        };
        self.failed_at.is_some_and(|at| now - at < remembered)
    }

    /// What there is to say of one that fails.
    pub fn text(&self) -> String {
        let since = self.failing_from.map_or_else(String::new, |at| {
            let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            format!(" since {at}")
        });
        let (who, reason) = (self.subject.described(), self.reason.as_deref());
        let reason = reason.unwrap_or_default();
        let row = match self.failures {
            1 => String::new(),
            times => format!(", {times} times in a row"),
        };
        match reason.strip_prefix(UNUSABLE) {
            Some(why) => format!("{who} cannot be used{since}: {why}"),
            None => format!("{who} fails{since}{row}: {reason}"),
        }
    }
}

/// Whether a monitor is gone that dispatches had at these times. A time to come is of a clock that was
/// wrong, and says nothing.
fn is_gone(now: DateTime<Utc>, had: [Option<DateTime<Utc>>; 2]) -> bool {
    had.into_iter()
        .flatten()
        .all(|then| (now - then).abs() > OVERDUE)
}

/// What a dispatch was given to tell, each as far as it can be used.
#[derive(Debug, Default)]
pub struct Monitors {
    /// The check that is pinged.
    pub ping: Option<Result<Address, String>>,
    /// The URL that gets JSON.
    pub webhook: Option<Result<Address, String>>,
    /// The program that gets variables.
    pub hook: Option<Result<Program, String>>,
    /// The file of metrics.
    pub metrics: Option<PathBuf>,
}

impl Monitors {
    /// Whether there is nobody to tell.
    pub fn is_empty(&self) -> bool {
        self.ping.is_none()
            && self.webhook.is_none()
            && self.hook.is_none()
            && self.metrics.is_none()
    }

    /// Forgets how it went with what no dispatch has any more, where this one is `whole`: where it may
    /// say so. Of webhook and hook that could not be used and can be now, it gives the names: they are
    /// tried only when there is something to tell.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn settle(
        &self,
        store: &Store,
        locks: &Locks,
        at: DateTime<Utc>,
        whole: bool,
    ) -> Result<Vec<Monitor>> {
        let mut over = Vec::new();
        let mut mended = Vec::new();
        for one in store::monitors::troubled(store.read())? {
            let monitor = one.monitor;
            let usable = self.usable(monitor);
            if usable.is_some() {
                locks.note_monitor(monitor.as_str(), at);
            }
            let seen = locks.monitor_seen(monitor.as_str());
            match usable {
                None if whole && is_gone(at, [seen, one.failed_at]) => over.push(monitor),
                Some(true) if one.past.unusable && !monitor.is_told_each_minute() => {
                    mended.push(monitor);
                }
                _ => {}
            }
        }
        let all = || over.iter().chain(&mended);
        if all().next().is_some() {
            store.write(|tx| all().try_for_each(|one| store::monitors::settle(tx, *one)))?;
        }
        Ok(mended)
    }

    /// Whether a monitor can be used, as far as that shows before there is something to tell; none where
    /// it is not there.
    fn usable(&self, monitor: Monitor) -> Option<bool> {
        match monitor {
            Monitor::Ping => None,
            Monitor::DispatchPing => self.ping.as_ref().map(Result::is_ok),
            Monitor::Webhook => self.webhook.as_ref().map(Result::is_ok),
            Monitor::Hook => self.hook.as_ref().map(Result::is_ok),
            Monitor::Metrics => self.metrics.as_ref().map(|_| true),
        }
    }

    /// How it went with what cannot be used.
    fn unusable(&self) -> Vec<Outcome> {
        let ping = self.ping.as_ref().and_then(|ping| ping.as_ref().err());
        let webhook = self.webhook.as_ref().and_then(|url| url.as_ref().err());
        let hook = self.hook.as_ref().and_then(|hook| hook.as_ref().err());
        [
            (Monitor::DispatchPing, ping),
            (Monitor::Webhook, webhook),
            (Monitor::Hook, hook),
        ]
        .into_iter()
        .filter_map(|(monitor, why)| {
            Some(Outcome {
                subject: Subject::Dispatch(monitor),
                result: Err(unusable(why?)),
            })
        })
        .collect()
    }

    /// Sees to it that changes of state wait for webhook and hook from now on, and gives up what waited
    /// too long for them before this dispatch adds to it.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn register(&self, store: &Store, at: DateTime<Utc>) -> Result<()> {
        let mut missing = vec![];
        let known = store::monitors::told(store.read())?;
        for (given, monitor) in [
            (self.webhook.is_some(), Monitor::Webhook),
            (self.hook.is_some(), Monitor::Hook),
        ] {
            if given && known.contains(&monitor) {
                // By age only: another process may be at the last try of one.
                delivery::give_up(store, monitor, u32::MAX, at)?;
            } else if given {
                missing.push(monitor);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        store.write(|tx| {
            missing
                .iter()
                .try_for_each(|monitor| store::monitors::register(tx, *monitor))
        })
    }
}

impl Monitors {
    /// Tells webhook and hook what waits for them, and writes the metrics. How each went.
    pub fn tell(&self, store: &Store, means: &run::Means) -> Vec<Outcome> {
        let given = delivery::Means {
            store,
            locks: &means.locks,
            clock: means.clock.as_ref(),
            stop: &means.stop,
            at: means.clock.now(),
        };
        let messenger = || means.pings.messenger();
        let mut outcomes = self.unusable();
        if let Some(Ok(address)) = &self.webhook {
            let told = delivery::deliver(&given, Monitor::Webhook, |change| {
                delivery::post(messenger(), address, change, given.clock, given.stop)
            });
            outcomes.extend(settled(Monitor::Webhook, told));
        }
        if let Some(Ok(program)) = &self.hook {
            let told = hook::deliver(program, &given);
            outcomes.extend(settled(Monitor::Hook, told));
        }
        outcomes.extend(
            self.metrics
                .as_ref()
                .and_then(|path| settled(Monitor::Metrics, metrics::publish(path, &given))),
        );
        outcomes
    }
}

/// How telling went, where it could not even be tried, too.
fn settled(monitor: Monitor, told: Result<Option<Outcome>>) -> Option<Outcome> {
    told.unwrap_or_else(|error| {
        Some(Outcome {
            subject: Subject::Dispatch(monitor),
            result: Err(error.message().to_owned()),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNUSABLE_URL: Result<(), &str> = Err("cannot be used: its URL is no https URL");

    fn failed(failures: u64) -> Past {
        Past {
            failures,
            ..Past::default()
        }
    }

    #[test]
    fn a_failure_is_said_when_it_begins_and_when_it_is_over() {
        for (monitor, after) in [(Monitor::Webhook, 1), (Monitor::DispatchPing, 5)] {
            let said: Vec<u64> = (0..20)
                .filter(|before| monitor.turn(failed(*before), Err("why")) == Turn::Fails)
                .collect();
            assert_eq!(said, [after - 1]);
            assert_eq!(monitor.turn(failed(0), Ok(())), Turn::None);
            assert_eq!(monitor.turn(failed(after - 1), Ok(())), Turn::None);
            assert_eq!(monitor.turn(failed(after), Ok(())), Turn::Works);
        }
    }

    #[test]
    fn what_cannot_be_used_is_said_at_once_and_once() {
        for monitor in [Monitor::Webhook, Monitor::DispatchPing, Monitor::Hook] {
            assert_eq!(monitor.turn(failed(0), UNUSABLE_URL), Turn::Fails);
            assert_eq!(monitor.turn(failed(9), UNUSABLE_URL), Turn::Fails);
            for failures in 1..10 {
                let before = Past {
                    failures,
                    unusable: true,
                    given_up: 0,
                };
                assert_eq!(monitor.turn(before, UNUSABLE_URL), Turn::None);
                assert_eq!(monitor.turn(before, Err("h answers 500")), Turn::None);
                assert_eq!(monitor.turn(before, Ok(())), Turn::Works);
            }
        }
    }

    #[test]
    fn what_is_tried_each_minute_is_forgotten_when_it_was_taken_away_and_others_are_not() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut condition = Condition {
            subject: Subject::Dispatch(Monitor::DispatchPing),
            failing_from: Some(at),
            failed_at: Some(at),
            failures: 7,
            reason: Some("h.example answers 500".to_owned()),
            given_up: 0,
        };
        let later = at + chrono::TimeDelta::seconds(3 * 24 * 3600);
        assert!(condition.is_failing(at) && !condition.is_failing(later));
        condition.subject = Subject::Dispatch(Monitor::Metrics);
        assert!(condition.is_failing(at) && !condition.is_failing(later));
        condition.subject = Subject::Dispatch(Monitor::Hook);
        assert!(condition.is_failing(later));
        condition.subject = Subject::Dispatch(Monitor::Webhook);
        assert!(condition.is_failing(later));
        assert_eq!(
            condition.text(),
            "the webhook fails since 2027-01-15T08:00:00Z, 7 times in a row: h.example answers 500"
        );
        condition.reason = Some(unusable("its URL is no https URL"));
        assert_eq!(
            condition.text(),
            "the webhook cannot be used since 2027-01-15T08:00:00Z: its URL is no https URL"
        );
        condition.subject = Subject::Ping {
            tenant: TenantId(1),
            schedule: ScheduleId(1),
            described: "schedule nightly (id 1) of tenant contoso".to_owned(),
        };
        assert!(condition.is_failing(later));
        condition.failed_at = None;
        assert!(!condition.is_failing(at));
    }
}
