//! The newest dispatch: when it began, and whether it could start anything.

use chrono::TimeDelta;

use super::super::{LOOK_AGAIN, UNASKED};
use super::{Known, age, is_lately, to_begin, to_dispatch};
use crate::finding::Finding;
use crate::lock::Row;
use crate::plural::counted;
use crate::status::OVERDUE;

pub(super) fn judge(known: &Known<'_>) -> Finding {
    let check = "dispatch";
    let last = match known.last_dispatch {
        None => "there never was one".to_owned(),
        Some(at) => {
            let since_start = known.booted.is_some_and(|booted| {
                booted - at > TimeDelta::zero() && known.now - booted > OVERDUE
            });
            let none_since = if since_start {
                ", and none since the machine started"
            } else {
                ""
            };
            format!("the newest began {} ago{none_since}", age(at, known.now))
        }
    };
    if let Some(failed) = failing(known) {
        let what = format!(
            "the newest began {} ago and could start nothing; of those that could, {last}",
            age(failed.newest, known.now)
        );
        return Finding::fail(check, what, "tenantpilot dispatch says why");
    }
    if is_lately(known) {
        return Finding::ok(check, last);
    }
    let waiting = match known.enabled {
        None => {
            let what = format!("{last}; whether a schedule waits for one is not known: {UNASKED}");
            return Finding::warn(check, what, LOOK_AGAIN);
        }
        Some(0) => return Finding::ok(check, format!("{last}; no enabled schedule waits for one")),
        Some(count) => counted(count, "schedule waits", "schedules wait"),
    };
    if !known.writable {
        let what = format!("{last}; none can start anything while the database cannot be written");
        return Finding::warn(check, what, LOOK_AGAIN);
    }
    let hint = match known.lines.is_empty() {
        true => to_begin(known),
        false => to_dispatch(known),
    };
    Finding::fail(check, format!("{last}; {waiting}"), hint)
}

/// Dispatches that could start nothing, where the newest of all was one of them and is of late.
fn failing(known: &Known<'_>) -> Option<Row> {
    let row = known.failed?;
    let is_newest = known.last_dispatch.is_none_or(|at| row.newest >= at);
    (is_newest && known.now - row.newest <= OVERDUE).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, known, line};
    use super::super::{LOOK_INTO, PRINT, START};
    use super::*;
    use crate::finding::Level;

    #[test]
    fn a_dispatch_of_late_is_the_proof_and_none_is_a_failure() {
        let lines = line("* * * * * sh dispatch");
        let dispatched = |last: Option<&str>, enabled: Option<usize>| {
            let known = Known {
                last_dispatch: last.map(at),
                enabled,
                ..known(&lines)
            };
            judge(&known)
        };
        assert_eq!(
            dispatched(Some("2026-12-01T02:00:01Z"), Some(1)).level,
            Level::Ok
        );
        assert_eq!(
            dispatched(Some("2026-12-01T01:57:31Z"), Some(1)).level,
            Level::Ok,
            "cron may be late"
        );
        let old = dispatched(Some("2026-12-01T01:57:29Z"), Some(1));
        let hint = Some(LOOK_INTO);
        assert_eq!((old.level, old.hint.as_deref()), (Level::Fail, hint));
        assert_eq!(dispatched(None, Some(1)).level, Level::Fail);
        assert_eq!(dispatched(None, Some(0)).level, Level::Ok, "nobody waits");
        let unasked = dispatched(None, None);
        assert_eq!(unasked.level, Level::Warn, "nobody can say who waits");
        assert_eq!(unasked.hint.as_deref(), Some(LOOK_AGAIN));
        let rebooted = Known {
            last_dispatch: Some(at("2026-11-30T00:00:00Z")),
            booted: Some(at("2026-12-01T00:00:00Z")),
            ..known(&[])
        };
        let found = judge(&rebooted);
        assert!(
            found.message.contains("none since the machine started"),
            "{found:?}"
        );
        assert_eq!(found.hint.as_deref(), Some(PRINT), "there is no line");
    }

    #[test]
    fn what_to_type_is_what_keeps_the_lines_from_it() {
        let hint = |text: &str, daemon| {
            let lines = line(text);
            let known = Known {
                daemon,
                ..known(&lines)
            };
            judge(&known).hint.unwrap()
        };
        let good = "* * * * * sh dispatch";
        let broken = "* * * * * /nowhere/sh dispatch";
        assert_eq!(hint(good, Some(true)), LOOK_INTO);
        assert_eq!(hint(good, None), LOOK_INTO);
        assert_eq!(hint(good, Some(false)), START);
        assert!(hint(broken, Some(true)).starts_with("crontab -e, "));
    }

    #[test]
    fn no_scheduler_is_blamed_where_the_database_cannot_be_written() {
        let lines = line("* * * * * sh dispatch");
        let stuck = Known {
            last_dispatch: Some(at("2026-12-01T01:00:01Z")),
            writable: false,
            ..known(&lines)
        };
        let found = judge(&stuck);
        assert_eq!(found.level, Level::Warn);
        assert!(found.message.contains("cannot be written"), "{found:?}");
        assert_eq!(found.hint.as_deref(), Some(LOOK_AGAIN));
    }

    #[test]
    fn one_that_could_start_nothing_is_a_failure_that_cron_has_no_part_in() {
        let lines = line("* * * * * sh dispatch");
        let stuck = |last: Option<&str>, newest: &str| {
            let newest = at(newest);
            judge(&Known {
                last_dispatch: last.map(at),
                failed: Some(Row {
                    since: newest,
                    newest,
                }),
                ..known(&lines)
            })
        };
        let now = "2026-12-01T02:00:02Z";
        for last in [
            None,
            Some("2026-12-01T01:00:01Z"),
            Some("2026-12-01T02:00:01Z"),
        ] {
            let found = stuck(last, now);
            assert_eq!(found.level, Level::Fail);
            assert!(
                found.message.contains("28s ago and could start nothing"),
                "{found:?}"
            );
            assert_eq!(found.hint.as_deref(), Some("tenantpilot dispatch says why"));
        }
        assert_eq!(
            stuck(Some("2026-12-01T02:00:03Z"), now).level,
            Level::Ok,
            "it works again"
        );
        let stopped = stuck(None, "2026-12-01T01:00:01Z");
        assert_eq!(
            stopped.hint.as_deref(),
            Some(LOOK_INTO),
            "nobody starts it any more"
        );
    }
}
