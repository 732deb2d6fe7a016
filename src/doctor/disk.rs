//! What the database lies on, and how long the room on it lasts.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Surroundings, UNASKED, found};
use crate::disk;
use crate::error::{Error, Kind, Result};
use crate::finding::Finding;
use crate::plural::counted;
use crate::store::volume::{MOVE, Nature, Volume};
use crate::store::{Store, space};

/// Growth is told from what came in so many days.
const LOOK_BACK_DAYS: i64 = 28;
/// With fewer days of backups there is no telling.
const FEWEST_DAYS: i64 = 3;
/// Room for so many days is a failure to come.
const SCARCE_DAYS: u64 = 7;
/// Room for so many days is worth a word.
const FEW_DAYS: u64 = 60;
/// Less than this is too little for any run.
const LEAST_BYTES: u64 = 64 << 20;

/// What gives room back. What retention lets go it purges only a week later.
const KEEP_LESS: &str = "make room; or at once: tenantpilot backups delete SET, then tenantpilot retention; \
                         or a week from now: tenantpilot retention --set-default --keep-last N";
/// The same where hardly anything can be written: to remove something takes room in the log.
const FROM_OUTSIDE: &str = "make some MiB of room outside of the database first: to remove anything from \
                            it takes room, and db compact that of a copy; then tenantpilot backups \
                            delete SET, and tenantpilot retention gives room back";

/// The room, and what is known of what takes it.
#[derive(Debug, Clone, Copy)]
struct Room {
    free: disk::Room,
    database_bytes: u64,
    growth: Growth,
}

/// How much comes each day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// Bytes per day of late.
    Bytes(u64),
    /// There are too few days of backups to tell.
    TooEarly,
    /// The database cannot be asked.
    Unasked,
}

pub(super) fn examine(around: &Surroundings, store: Option<&Store>) -> Vec<Finding> {
    let volume = match Volume::of(&around.database) {
        Ok(volume) => volume,
        Err(error) => return vec![Finding::unable("file_system", &error)],
    };
    let place = [&around.database, &around.locks.folder().to_owned()]
        .into_iter()
        .filter_map(|path| Volume::of(path).ok())
        .find(|volume| volume.nature == Nature::Network);
    let mut findings = vec![file_system(place.as_ref().unwrap_or(&volume))];
    let free = disk::room(&around.database)
        .ok_or_else(|| Error::new(Kind::Storage, "the system does not say what room is left"));
    let room = free.and_then(|free| {
        let growth = store.map_or(Ok(Growth::Unasked), |store| growth(around.now, store))?;
        Ok((free, growth))
    });
    let room = room.map(|(free, growth)| Room {
        free,
        database_bytes: fs::metadata(&around.database).map_or(0, |file| file.len()),
        growth,
    });
    findings.extend(found("disk_space", room.map(|room| vec![judge(room)])));
    findings
}

fn file_system(volume: &Volume) -> Finding {
    let (check, name) = ("file_system", &volume.name);
    let keep = "put the database on a disk that stays: tenantpilot db backup FILE --with-key";
    match volume.nature {
        Nature::Local => Finding::ok(check, format!("{name}, a disk of this machine")),
        Nature::Network => Finding::fail(
            check,
            format!("{name} is a network file system; dispatch and run refuse it"),
            MOVE,
        ),
        Nature::Memory => Finding::warn(
            check,
            format!("{name}: gone when the machine restarts"),
            keep,
        ),
        Nature::Layer => Finding::warn(
            check,
            format!("{name}: in a container it is gone with the container, unless on a volume"),
            keep,
        ),
        Nature::UserSpace => Finding::warn(
            check,
            format!("{name}: kept by a program; it has to lie on a disk of this machine"),
            "findmnt -T FILE says what it is",
        ),
    }
}

fn growth(now: DateTime<Utc>, store: &Store) -> Result<Growth> {
    let Some(first) = space::first_set(store.read())? else {
        return Ok(Growth::TooEarly);
    };
    let window = TimeDelta::try_days(LOOK_BACK_DAYS).unwrap_or_default();
    let since = first.max(now - window);
    let days = (now - since).num_days();
    if days < FEWEST_DAYS {
        return Ok(Growth::TooEarly);
    }
    let added = space::added_since(store.read(), since)?;
    Ok(Growth::Bytes(added / days.unsigned_abs()))
}

fn judge(room: Room) -> Finding {
    let check = "disk_space";
    let free = bytes(room.free.bytes);
    let days = match room.growth {
        Growth::Bytes(growth) => Some(room.free.bytes / growth.max(1)),
        Growth::TooEarly | Growth::Unasked => None,
    };
    let mut text = format!(
        "{free} free, the database has {}",
        bytes(room.database_bytes)
    );
    match (room.growth, days) {
        (Growth::Bytes(growth), Some(days)) => {
            let lasts = match days {
                3_650.. => "over ten years".to_owned(),
                days => counted(days, "day", "days"),
            };
            text.push_str(&format!(
                ", and {} come each day: room for {lasts}",
                bytes(growth)
            ));
        }
        (Growth::Unasked, _) => text.push_str(&format!("; how it grows is not known: {UNASKED}")),
        _ => text.push_str("; too little history to tell how it grows"),
    }
    if room.free.files == Some(0) {
        return Finding::fail(
            check,
            "no file can be made: the disk has no free inode",
            "df -i",
        );
    }
    if room.free.bytes < LEAST_BYTES {
        return Finding::fail(check, text, FROM_OUTSIDE);
    }
    if days.is_some_and(|days| days < SCARCE_DAYS) {
        return Finding::fail(check, text, KEEP_LESS);
    }
    if room.free.bytes < room.database_bytes {
        text.push_str("; a migration and db compact need room for a copy of it");
        return Finding::warn(check, text, KEEP_LESS);
    }
    match days {
        Some(days) if days < FEW_DAYS => Finding::warn(check, text, KEEP_LESS),
        _ => Finding::ok(check, text),
    }
}

/// Bytes for people.
fn bytes(count: u64) -> String {
    let (mut whole, mut unit) = (count, 0);
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    while whole >= 10_240 && unit + 1 < UNITS.len() {
        whole /= 1024;
        unit += 1;
    }
    format!("{whole} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    const GIB: u64 = 1 << 30;

    fn of(free_bytes: u64, growth: Option<u64>) -> Finding {
        let room = Room {
            free: disk::Room {
                bytes: free_bytes,
                files: None,
            },
            database_bytes: GIB,
            growth: growth.map_or(Growth::TooEarly, Growth::Bytes),
        };
        judge(room)
    }

    fn level(free_bytes: u64, growth: Option<u64>) -> Level {
        of(free_bytes, growth).level
    }

    #[test]
    fn room_is_judged_by_how_long_it_lasts() {
        assert_eq!(level(10 * GIB, None), Level::Ok);
        assert_eq!(level(10 * GIB, Some(0)), Level::Ok);
        assert_eq!(level(10 * GIB, Some(GIB / 10)), Level::Ok, "100 days");
        assert_eq!(level(10 * GIB, Some(GIB / 5)), Level::Warn, "50 days");
        assert_eq!(level(10 * GIB, Some(2 * GIB)), Level::Fail, "5 days");
        assert_eq!(level(GIB / 2, None), Level::Warn, "no room for a copy");
        assert_eq!(level(1 << 20, None), Level::Fail);
        let hint = |free_bytes| of(free_bytes, Some(2 * GIB)).hint;
        assert_eq!(hint(1 << 20).as_deref(), Some(FROM_OUTSIDE));
        assert_eq!(hint(10 * GIB).as_deref(), Some(KEEP_LESS));
        let full = Room {
            free: disk::Room {
                bytes: GIB,
                files: Some(0),
            },
            database_bytes: 0,
            growth: Growth::Unasked,
        };
        assert_eq!(judge(full).level, Level::Fail, "no inode");
        assert_eq!(bytes(9_999), "9999 B");
        assert_eq!(bytes(5 * GIB), "5120 MiB");
    }

    #[test]
    fn a_file_system_is_judged_by_what_it_is() {
        let level = |nature| {
            let volume = Volume {
                name: "x".to_owned(),
                nature,
            };
            file_system(&volume).level
        };
        assert_eq!(level(Nature::Local), Level::Ok);
        assert_eq!(level(Nature::Network), Level::Fail);
        assert_eq!(level(Nature::Memory), Level::Warn);
        assert_eq!(level(Nature::Layer), Level::Warn);
        assert_eq!(level(Nature::UserSpace), Level::Warn);
    }
}
