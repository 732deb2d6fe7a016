//! Zones: which rules of local time are in force, and local time to UTC and back.
//!
//! Owns the choice of the tz database and the names that are accepted. Knows nothing of schedules:
//! what a gap or a fold means for a slot is decided in `recurrence`.
//!
//! - The system's tz database is preferred, because it follows the laws of the world through the
//!   system's updates; the compiled table is as old as the program's build.
//! - The machine's own zone plays no part: `localtime` and the like are not zone names.
//! - An offset stays in force for days at least; no zone since 1901 has had one for less than four.
//!   The search for the next change looks at one instant a day and relies on it.
//! - Before 1972 some offsets had odd seconds. They are kept; a slot is then the minute in which
//!   the instant lies.

mod name;
mod system;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{
    DateTime, LocalResult, NaiveDateTime, Offset as _, SecondsFormat, TimeZone as _, Utc,
};
use chrono_tz::Tz;

use crate::error::Result;
pub use name::names;
use system::Rules;

/// Where Unix systems keep their tz database.
const SYSTEM_ROOT: &str = "/usr/share/zoneinfo";

/// The longest step in which [`Zone::first_change`] cannot overlook an offset that came and went.
const PROBE_SECONDS: i64 = 86_400;

/// A tz database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The folder of the system's TZif files.
    System(PathBuf),
    /// The table compiled into the program.
    Compiled,
}

impl Source {
    /// The system's tz database where it is there and can be read, else the compiled table.
    pub fn detect() -> Self {
        Self::detect_in(Path::new(SYSTEM_ROOT))
    }

    fn detect_in(root: &Path) -> Self {
        if system::read(root, "UTC").is_some() {
            Self::System(root.to_owned())
        } else {
            Self::Compiled
        }
    }

    /// The version of the rules, such as `2026f`. Where the system does not tell, a text that
    /// changes when its files do. Cheap enough to be asked every minute.
    pub fn version(&self) -> String {
        match self {
            Self::System(root) => stated_version(root).unwrap_or_else(|| newest_change(root)),
            Self::Compiled => chrono_tz::IANA_TZDB_VERSION.to_owned(),
        }
    }
}

/// The version that a system's tz database gives of itself, in the first line of its rules as text
/// or in a file of its own.
fn stated_version(root: &Path) -> Option<String> {
    let said = first_line(&root.join("tzdata.zi"))
        .and_then(|line| line.strip_prefix("# version ").map(str::to_owned))
        .or_else(|| first_line(&root.join("+VERSION")))?;
    let version = said.trim();
    (!version.is_empty()).then(|| version.to_owned())
}

fn first_line(path: &Path) -> Option<String> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?.take(256))
        .read_line(&mut line)
        .ok()?;
    Some(line)
}

/// When the folder or one of its entries last changed. Replacing a file changes the folder it is
/// in, and zones lie at most two folders deep with few in the second.
fn newest_change(root: &Path) -> String {
    let changed = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let newest = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| changed(&entry.path()))
        .chain(changed(root))
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let newest = DateTime::<Utc>::from(newest);
    format!("of {}", newest.to_rfc3339_opts(SecondsFormat::Nanos, true))
}

/// What a local time means in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// The clock went forward over it: it does not exist.
    Gap,
    /// It exists once.
    Once(DateTime<Utc>),
    /// The clock went back over it: it exists twice.
    Twice {
        /// The earlier instant.
        first: DateTime<Utc>,
        /// The later instant.
        second: DateTime<Utc>,
    },
}

impl Local {
    /// The first instant that has the local time, if any has.
    pub fn first(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Gap => None,
            Self::Once(first) | Self::Twice { first, .. } => Some(first),
        }
    }
}

/// The rules of local time in one zone. Loading one from the system reads a file, so callers that
/// meet the same name often keep what they loaded.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    table: Table,
}

#[derive(Debug, Clone)]
enum Table {
    System(Rules),
    Compiled(Tz),
}

impl Zone {
    /// Loads the zone called `name`: an IANA name, backward links included, or another name for
    /// which the system has a file. What the system lacks comes from the compiled table.
    ///
    /// # Errors
    ///
    /// A usage error that names the zone and suggests another, if neither source knows it.
    pub fn load(source: &Source, name: &str) -> Result<Self> {
        let known = name.parse::<Tz>().ok();
        let table = match source {
            Source::System(root) if known.is_some() || name::may_be_a_zone(name) => {
                system::read(root, name).map(Table::System)
            }
            _ => None,
        };
        let table = table
            .or(known.map(Table::Compiled))
            .ok_or_else(|| name::unknown(name))?;
        Ok(Self {
            name: name.to_owned(),
            table,
        })
    }

    /// Its name as it was typed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the clock on the wall shows at `instant`, and its offset from UTC in seconds, positive
    /// east of Greenwich.
    pub fn local(&self, instant: DateTime<Utc>) -> (NaiveDateTime, i32) {
        let offset = self.offset_at(instant.timestamp());
        let shifted = chrono::TimeDelta::seconds(i64::from(offset));
        let bound = if offset < 0 {
            NaiveDateTime::MIN
        } else {
            NaiveDateTime::MAX
        };
        let local = instant.naive_utc().checked_add_signed(shifted);
        (local.unwrap_or(bound), offset)
    }

    /// The instants at which the clock on the wall shows `local`. A fraction of a second is
    /// dropped.
    pub fn resolve(&self, local: NaiveDateTime) -> Local {
        let wall = local.and_utc().timestamp();
        let (one, other) = match &self.table {
            Table::System(rules) => rules.instants_of(wall),
            Table::Compiled(tz) => match tz.offset_from_local_datetime(&local) {
                LocalResult::None => (None, None),
                LocalResult::Single(only) => (Some(wall - seconds_east(&only)), None),
                LocalResult::Ambiguous(one, other) => (
                    Some(wall - seconds_east(&one)),
                    Some(wall - seconds_east(&other)),
                ),
            },
        };
        let instant = |epoch| DateTime::from_timestamp(epoch, 0);
        match (one.and_then(instant), other.and_then(instant)) {
            (None, None) => Local::Gap,
            (Some(only), None) | (None, Some(only)) => Local::Once(only),
            (Some(one), Some(other)) => Local::Twice {
                first: one.min(other),
                second: one.max(other),
            },
        }
    }

    /// The offset from UTC at an instant, both in seconds.
    pub(crate) fn offset_at(&self, epoch: i64) -> i32 {
        match &self.table {
            Table::System(rules) => rules.offset_at(epoch),
            Table::Compiled(tz) => {
                let bound = if epoch < 0 {
                    DateTime::<Utc>::MIN_UTC
                } else {
                    DateTime::<Utc>::MAX_UTC
                };
                let instant = DateTime::from_timestamp(epoch, 0).unwrap_or(bound);
                let offset = tz.offset_from_utc_datetime(&instant.naive_utc());
                offset.fix().local_minus_utc()
            }
        }
    }

    /// The first instant after `after`, and not after `until`, at which the offset is another than
    /// at `after`. All in seconds since the epoch.
    pub(crate) fn first_change(&self, after: i64, until: i64) -> Option<i64> {
        let offset = self.offset_at(after);
        let mut same = after;
        while same < until {
            let probe = same.saturating_add(PROBE_SECONDS).min(until);
            if self.offset_at(probe) != offset {
                return Some(self.change_between(same, probe));
            }
            same = probe;
        }
        None
    }

    /// Whether both have the same offset at every instant from `from` to `until`, in seconds since
    /// the epoch.
    pub(crate) fn agrees_with(&self, other: &Self, from: i64, until: i64) -> bool {
        let mut at = from;
        loop {
            if self.offset_at(at) != other.offset_at(at) {
                return false;
            }
            match (self.first_change(at, until), other.first_change(at, until)) {
                (None, None) => return true,
                (Some(one), Some(same)) if one == same => at = one,
                _ => return false,
            }
        }
    }

    /// The first instant with the offset of `changed`, which differs from that of `same`.
    fn change_between(&self, mut same: i64, mut changed: i64) -> i64 {
        let offset = self.offset_at(same);
        while changed - same > 1 {
            let middle = same + (changed - same) / 2;
            if self.offset_at(middle) == offset {
                same = middle;
            } else {
                changed = middle;
            }
        }
        changed
    }
}

fn seconds_east(offset: &chrono_tz::TzOffset) -> i64 {
    i64::from(offset.fix().local_minus_utc())
}

/// What holds whatever is in a file of the tz database: it is no zone, or any local time can be
/// asked for. The first eight bytes are an instant.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(bytes: &[u8]) {
    let Some((epoch, file)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let Some(rules) = Rules::parse(file) else {
        return;
    };
    let zone = Zone {
        name: "Moon/Base".to_owned(),
        table: Table::System(rules),
    };
    let epoch = i64::from_be_bytes(*epoch);
    // Far away, and near.
    for epoch in [epoch, epoch % 10_000_000_000] {
        let Some(at) = DateTime::from_timestamp(epoch, 0) else {
            continue;
        };
        let (wall, _) = zone.local(at);
        if let Some(first) = zone.resolve(wall).first() {
            assert_eq!(zone.local(first).0, wall, "{at}");
        }
    }
    let _ = zone.first_change(0, 4_000_000_000);
}
