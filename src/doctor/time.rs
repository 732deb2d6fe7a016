//! Whether the machine's clock can be believed.
//!
//! A clock that stands before what has happened, be it the making of this program or the newest
//! event in the database, went back, or was ahead then. Whether it follows the world's time is asked
//! of the time service, where there is one that says so; the hosts that are asked say it too
//! (`network`).

use std::path::Path;

use chrono::{DateTime, Datelike as _, SecondsFormat, TimeDelta, TimeZone as _, Utc};

use super::{Surroundings, found};
use crate::error::Result;
use crate::finding::Finding;
use crate::store::{self, Store};

/// Clocks of machines differ by this much without harm: sign-ins are refused from five minutes on.
pub(super) const TOLERANCE: TimeDelta = TimeDelta::seconds(5 * 60);

const SET_CLOCK: &str = "timedatectl, and timedatectl set-ntp true";

/// What the clock is held against.
#[derive(Debug, Clone, Copy, Default)]
struct Witnesses {
    /// The newest time in the database.
    newest_event: Option<DateTime<Utc>>,
    /// When the newest dispatch began.
    newest_dispatch: Option<DateTime<Utc>>,
    /// Whether the time service of systemd has synchronised; none where it does not run.
    synchronised: Option<bool>,
}

pub(super) fn examine(around: &Surroundings, store: Option<&Store>) -> Vec<Finding> {
    let looked = witnesses(around, store);
    found(
        "clock",
        looked.map(|witnesses| vec![judge(around.now, witnesses)]),
    )
}

fn witnesses(around: &Surroundings, store: Option<&Store>) -> Result<Witnesses> {
    let service = Path::new("/run/systemd/timesync");
    Ok(Witnesses {
        newest_event: match store {
            Some(store) => store::audit::newest_time(store.read())?,
            None => None,
        },
        newest_dispatch: around.locks.last_dispatch(),
        synchronised: service
            .exists()
            .then(|| service.join("synchronized").exists()),
    })
}

fn judge(now: DateTime<Utc>, witnesses: Witnesses) -> Finding {
    let check = "clock";
    let says = told(now);
    if now < floor() {
        let what = format!("it says {says}, and this program is younger than that");
        return Finding::fail(check, what, SET_CLOCK);
    }
    let ahead = [
        (witnesses.newest_event, "an event in the database"),
        (witnesses.newest_dispatch, "the newest dispatch"),
    ];
    for (at, of_what) in ahead {
        if let Some(at) = at.filter(|at| *at - now > TOLERANCE) {
            let what = format!(
                "it says {says}, but {of_what} is of {}: the clock went back, or was ahead then",
                told(at)
            );
            return Finding::fail(check, what, SET_CLOCK);
        }
    }
    match witnesses.synchronised {
        Some(false) => Finding::warn(
            check,
            format!("{says}; systemd-timesyncd has not synchronised it since the start"),
            "timedatectl timesync-status",
        ),
        Some(true) => Finding::ok(check, format!("{says}, synchronised")),
        None => Finding::ok(check, says),
    }
}

fn told(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The beginning of the year of the compiled zone rules: the program was built after it.
fn floor() -> DateTime<Utc> {
    let year: String = chrono_tz::IANA_TZDB_VERSION
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let year = year.parse().unwrap_or(DateTime::UNIX_EPOCH.year());
    Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0)
        .earliest()
        .unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn level(now: &str, witnesses: Witnesses) -> Level {
        judge(at(now), witnesses).level
    }

    #[test]
    fn a_clock_before_what_has_happened_is_wrong() {
        let now = "2026-12-01T02:00:00Z";
        assert_eq!(level(now, Witnesses::default()), Level::Ok);
        assert_eq!(
            level("1970-01-01T00:10:00Z", Witnesses::default()),
            Level::Fail
        );
        assert_eq!(
            level("2024-12-31T23:59:59Z", Witnesses::default()),
            Level::Fail
        );
        let event = |text: &str| Witnesses {
            newest_event: Some(at(text)),
            ..Witnesses::default()
        };
        assert_eq!(level(now, event("2026-12-01T02:04:00Z")), Level::Ok);
        assert_eq!(level(now, event("2026-12-01T02:06:00Z")), Level::Fail);
        let dispatch = Witnesses {
            newest_dispatch: Some(at("2026-12-02T02:00:00Z")),
            ..Witnesses::default()
        };
        assert_eq!(level(now, dispatch), Level::Fail);
    }

    #[test]
    fn a_time_service_that_has_not_synchronised_is_worth_a_word() {
        let service = |synchronised| Witnesses {
            synchronised: Some(synchronised),
            ..Witnesses::default()
        };
        assert_eq!(level("2026-12-01T02:00:00Z", service(false)), Level::Warn);
        assert_eq!(level("2026-12-01T02:00:00Z", service(true)), Level::Ok);
    }
}
