//! How everything stands, as a file that Prometheus' node_exporter reads (its textfile collector).
//!
//! Facts are times and states; how old something is, is for the query. Labels are `tenant` and
//! `schedule`; archived schedules are not there any more.
//!
//! The file is never half written: its text goes into a draft in the same folder, which is renamed over
//! it. Where that fails the old file stays, with its old time of dispatch. Whoever reads it is another
//! user, so it is 0644 whatever the umask; its folder says who gets there. No symbolic link is followed,
//! neither at the file, nor at the draft, nor at their folder, and what is there already is replaced only
//! if it is a regular file that is empty or that begins like ours: a wrong path costs nobody anything.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use chrono::{DateTime, Utc};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::delivery::Means;
use super::{Monitor, Outcome, Subject};
use crate::disk::file_error;
use crate::error::{Error, Kind, Result};
use crate::run::Status;
use crate::schedule::Schedule;
use crate::status::Record;
use crate::store::backup_sets::Filter;
use crate::store::{self, Store};

/// Writes the file at `path` anew; nothing where another process is about to.
///
/// # Errors
/// The facts cannot be read, or the file not be written.
pub fn publish(path: &Path, means: &Means<'_>) -> Result<Option<Outcome>> {
    let Some(_lock) = means.locks.delivery(Monitor::Metrics.as_str())? else {
        return Ok(None);
    };
    let last_dispatch = means.locks.last_dispatch();
    let facts = Facts::read(means.store, last_dispatch, means.at)?;
    write(path, &facts.render())?;
    Ok(Some(Outcome {
        subject: Subject::Dispatch(Monitor::Metrics),
        result: Ok(()),
    }))
}

/// What there is to tell.
#[derive(Debug)]
pub struct Facts {
    /// The version of this program.
    pub version: &'static str,
    /// When the newest dispatch began.
    pub last_dispatch: Option<DateTime<Utc>>,
    /// Each schedule that is not archived.
    pub schedules: Vec<Fact>,
    /// How many monitors fail.
    pub failing: usize,
}

/// What there is to tell of a schedule.
#[derive(Debug)]
pub struct Fact {
    /// The schedule.
    pub schedule: Schedule,
    /// What its runs say.
    pub record: Record,
    /// How many policies its newest backup set has.
    pub policies: Option<u64>,
}

impl Facts {
    /// Reads them.
    pub fn read(
        store: &Store,
        last_dispatch: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let conn = store.read();
        let mut schedules = Vec::new();
        for listed in store::schedules::list(conn, None, false)? {
            let schedule = listed.schedule;
            let newest = Filter {
                schedule: Some(schedule.id),
                limit: Some(1),
                ..Filter::default()
            };
            let set = store::backup_sets::list_sets(conn, &newest)?.pop();
            schedules.push(Fact {
                record: store::runs::standing(conn, schedule.id)?,
                policies: set.map(|set| set.policies),
                schedule,
            });
        }
        let failing = store::monitors::list(conn)?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            last_dispatch,
            schedules,
            failing: failing.iter().filter(|one| one.is_failing(now)).count(),
        })
    }

    /// The same in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let mut build = Family::new(&mut text, "build_info", "The version of tenantpilot.");
        build.sample(&[("version", self.version)], 1);
        let help = "When the newest dispatch began.";
        let mut dispatch = Family::new(&mut text, "dispatch_timestamp_seconds", help);
        if let Some(at) = self.last_dispatch {
            dispatch.sample(&[], at.timestamp());
        }
        let help = "How many monitors could not be told.";
        let failing = i64::try_from(self.failing).unwrap_or(i64::MAX);
        Family::new(&mut text, "monitors_failing", help).sample(&[], failing);
        self.each(
            &mut text,
            "schedule_enabled",
            "Whether slots of the schedule are run.",
            |fact| Some(i64::from(fact.schedule.settings.enabled)),
        );
        self.each(
            &mut text,
            "schedule_last_success_timestamp_seconds",
            "When the newest run that was a success ended.",
            |fact| fact.record.last_success_at.map(|at| at.timestamp()),
        );
        self.each(
            &mut text,
            "schedule_missed_slots",
            "Slots that were missed since the last success.",
            |fact| Some(i64::try_from(fact.record.missed).unwrap_or(i64::MAX)),
        );
        self.each(
            &mut text,
            "schedule_policies",
            "Policies in the newest backup set.",
            |fact| Some(i64::try_from(fact.policies?).unwrap_or(i64::MAX)),
        );
        self.statuses(&mut text);
        text
    }

    fn each(
        &self,
        text: &mut String,
        name: &str,
        help: &str,
        value: impl Fn(&Fact) -> Option<i64>,
    ) {
        let mut family = Family::new(text, name, help);
        for fact in &self.schedules {
            if let Some(value) = value(fact) {
                family.sample(&fact.labels(), value);
            }
        }
    }

    fn statuses(&self, text: &mut String) {
        let help = "How the newest run that is over ended: 1 for its status, 0 for the others.";
        let mut family = Family::new(text, "schedule_last_run_status", help);
        for fact in &self.schedules {
            let Some((_, last, _)) = fact.record.last else {
                continue;
            };
            for status in Status::ALL.into_iter().filter(|one| one.is_finished()) {
                let [tenant, schedule] = fact.labels();
                let labels = [tenant, schedule, ("status", status.as_str())];
                family.sample(&labels, i64::from(status == last));
            }
        }
    }
}

impl Fact {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [
            ("tenant", &self.schedule.tenant),
            ("schedule", self.schedule.name()),
        ]
    }
}

/// One metric with its samples.
struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl<'a> Family<'a> {
    fn new(text: &'a mut String, name: &'a str, help: &str) -> Self {
        let _ = writeln!(text, "# HELP {PREFIX}{name} {help}");
        let _ = writeln!(text, "# TYPE {PREFIX}{name} gauge");
        Self { text, name }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: i64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.text, "{PREFIX}{}{labels} {value}", self.name);
    }
}

/// What every metric of ours begins with.
const PREFIX: &str = "tenantpilot_";

/// What the first line of our file begins with.
const MARK: &[u8] = b"# HELP tenantpilot_";

/// A value between quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const NEW: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// Makes the file at `path` say `text`. Nobody else does that at the same time.
///
/// # Errors
/// The folder is not there or is a link, what has the name is not a file of ours, or the disk refuses.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let refused = |errno: Errno| file_error("write", path, &errno.into());
    let name = path.file_name().ok_or_else(|| not_ours(path))?;
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    let folder = fs::open(above, FOLDER, Mode::empty())
        .map_err(|errno| file_error("open the folder", above, &errno.into()))?;
    require_ours(&folder, path)?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(".tenantpilot-draft");
    let discard = || match fs::unlinkat(&folder, &draft, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(refused(errno)),
    };
    discard()?;
    let mode = Mode::from_raw_mode(0o644);
    let written = fs::openat(&folder, &draft, NEW, mode)
        .and_then(|file| fs::fchmod(&file, mode).map(|()| file))
        .map_err(refused)
        .and_then(|file| {
            let written = File::from(file).write_all(text.as_bytes());
            written.map_err(|error| file_error("write", path, &error))
        })
        .and_then(|()| fs::renameat(&folder, &draft, &folder, name).map_err(refused));
    if written.is_err() {
        discard()?;
    }
    written
}

/// Refuses what has the name of the file and is no file of ours.
fn require_ours(folder: &OwnedFd, path: &Path) -> Result<()> {
    let refused = |errno: Errno| file_error("look at", path, &errno.into());
    let name = path.file_name().ok_or_else(|| not_ours(path))?;
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(refused(errno)),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
            return Err(not_ours(path));
        }
        Ok(_) => {}
    }
    let file = fs::openat(folder, name, READ, Mode::empty()).map_err(refused)?;
    let mut beginning = Vec::new();
    File::from(file)
        .take(MARK.len() as u64)
        .read_to_end(&mut beginning)
        .map_err(|error| file_error("read", path, &error))?;
    match beginning.is_empty() || beginning == MARK {
        true => Ok(()),
        false => Err(not_ours(path)),
    }
}

fn not_ours(path: &Path) -> Error {
    let what = format!("{} is there and is no file of metrics", path.display());
    Error::new(Kind::Storage, what).hint("name a file that may be replaced")
}

#[cfg(test)]
mod tests;
